//! The messages between the till and the scanner's worker process: bytes in, messages out. Pure;
//! does no I/O.
//!
//! ```text
//! u32 LE header length | u32 LE body length | header (JSON) | body (a preview's pixels or a text)
//! ```
//!
//! Owns the format and its limits. The worker may be broken in any way, so the till's side believes
//! nothing: a length above its limit, bad JSON or a body that does not fit its header is an error
//! and ends the worker. A text may be a payment code: it travels in the body, every buffer that
//! holds it is wiped, and no error repeats it. Tested below and with random bytes in
//! `tests/it/scanner.rs`.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::decode::{Format, TEXT_BYTES_MAX};
use super::hint::ScanHint;

/// Most columns of a preview.
pub const PREVIEW_WIDTH_MAX: usize = 320;
/// Most rows of a preview.
pub const PREVIEW_HEIGHT_MAX: usize = 240;
/// Longest header, in bytes.
const HEADER_BYTES_MAX: usize = 2048;
/// Longest body, in bytes.
const BODY_BYTES_MAX: usize = PREVIEW_WIDTH_MAX * PREVIEW_HEIGHT_MAX;
/// Longest reason of a lost camera, in bytes.
const WHY_BYTES_MAX: usize = 512;
const PREFIX_BYTES: usize = 8;

const _: () = assert!(TEXT_BYTES_MAX <= BODY_BYTES_MAX);
const _: () = assert!(WHY_BYTES_MAX * 3 < HEADER_BYTES_MAX);

/// What the worker says.
#[derive(Clone, PartialEq, Eq)]
pub enum Report {
    /// The camera is being opened, which may take longer than a heartbeat.
    Opening,
    /// The camera delivers frames.
    Ready,
    /// A text was read.
    Seen {
        /// The scan that it belongs to, as numbered by [`Order::Start`].
        scan: u64,
        /// What it was in.
        format: Format,
        /// The text, perhaps a payment code.
        text: Zeroizing<String>,
    },
    /// A small picture for the screen.
    Preview(Preview),
    /// Why nothing is read; repeated about once a second while it holds.
    Hint(ScanHint),
    /// The camera is gone; the worker keeps trying.
    SourceLost {
        /// What, where and what to do.
        why: String,
    },
    /// Still alive.
    Heartbeat,
}

/// A small grey picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Grey pixels, row by row.
    pub pixels: Vec<u8>,
}

/// What the till says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Order {
    /// Look for codes.
    Start {
        /// Number of the scan: what an older scan read late is not taken for a newer one's code.
        scan: u64,
    },
    /// Stop looking; keep the camera warm.
    Stop,
    /// End.
    Quit,
}

/// Why bytes are not messages.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A length is above its limit.
    #[error("a scanner message announces {header} header and {body} body bytes, above the limits")]
    Length {
        /// Header bytes announced.
        header: usize,
        /// Body bytes announced.
        body: usize,
    },
    /// The header is not the expected JSON.
    #[error("a scanner message has an unreadable header")]
    Header(#[source] serde_json::Error),
    /// The body does not fit the header.
    #[error("a scanner message's body does not fit its header")]
    Body,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Header {
    Opening,
    Ready,
    Seen { scan: u64, format: FormatName },
    Preview { width: usize, height: usize },
    Hint { hint: ScanHint },
    SourceLost { why: String },
    Heartbeat,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormatName {
    Qr,
    Code128,
}

/// Writes a report.
pub fn report_bytes(report: &Report) -> Zeroizing<Vec<u8>> {
    let (header, body): (Header, &[u8]) = match report {
        Report::Opening => (Header::Opening, &[]),
        Report::Ready => (Header::Ready, &[]),
        Report::Seen { scan, format, text } => {
            let format = match format {
                Format::Qr => FormatName::Qr,
                Format::Code128 => FormatName::Code128,
            };
            (
                Header::Seen {
                    scan: *scan,
                    format,
                },
                text.as_bytes(),
            )
        }
        Report::Preview(preview) => {
            let (width, height) = (preview.width, preview.height);
            (Header::Preview { width, height }, &preview.pixels)
        }
        Report::Hint(hint) => (Header::Hint { hint: *hint }, &[]),
        Report::SourceLost { why } => (
            Header::SourceLost {
                why: shortened(why).to_owned(),
            },
            &[],
        ),
        Report::Heartbeat => (Header::Heartbeat, &[]),
    };
    message(&header, body)
}

/// Writes an order.
pub fn order_bytes(order: Order) -> Zeroizing<Vec<u8>> {
    message(&order, &[])
}

/// Collects bytes and gives whole messages.
#[derive(Default)]
pub struct Frames {
    pending: Vec<u8>,
}

impl Frames {
    /// Takes bytes over from the pipe.
    pub fn push(&mut self, bytes: &[u8]) {
        // A growing vector would leave copies of a text behind: move by hand and wipe the old
        // buffer.
        if self.pending.capacity() < self.pending.len() + bytes.len() {
            let room = (self.pending.len() + bytes.len()).next_power_of_two();
            let mut larger = Vec::with_capacity(room);
            larger.extend_from_slice(&self.pending);
            self.pending.zeroize();
            self.pending = larger;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the next report, or `None` until more bytes are there.
    ///
    /// # Errors
    /// [`WireError`]; the stream is then worthless.
    pub fn next_report(&mut self) -> Result<Option<Report>, WireError> {
        let Some((header, body)) = self.next_parts()? else {
            return Ok(None);
        };
        let header = serde_json::from_slice(&header).map_err(WireError::Header)?;
        report_of(header, body).map(Some)
    }

    /// Returns the next order, or `None` until more bytes are there.
    ///
    /// # Errors
    /// [`WireError`]; the stream is then worthless.
    pub fn next_order(&mut self) -> Result<Option<Order>, WireError> {
        let Some((header, body)) = self.next_parts()? else {
            return Ok(None);
        };
        if !body.is_empty() {
            return Err(WireError::Body);
        }
        serde_json::from_slice(&header)
            .map(Some)
            .map_err(WireError::Header)
    }

    #[expect(clippy::type_complexity, reason = "header and body, used twice above")]
    fn next_parts(&mut self) -> Result<Option<(Vec<u8>, Zeroizing<Vec<u8>>)>, WireError> {
        let Some((prefix, rest)) = self.pending.split_first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let number = |at: usize| {
            let four = [prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]];
            u32::from_le_bytes(four) as usize
        };
        let (header, body) = (number(0), number(4));
        if header > HEADER_BYTES_MAX || body > BODY_BYTES_MAX {
            return Err(WireError::Length { header, body });
        }
        if rest.len() < header + body {
            return Ok(None);
        }
        let parts = (
            rest[..header].to_vec(),
            Zeroizing::new(rest[header..header + body].to_vec()),
        );
        self.discard(PREFIX_BYTES + header + body);
        Ok(Some(parts))
    }

    /// Removes bytes from the front and wipes the tail that they leave.
    fn discard(&mut self, count: usize) {
        let left = self.pending.len() - count;
        self.pending.copy_within(count.., 0);
        self.pending[left..].zeroize();
        self.pending.truncate(left);
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.pending.zeroize();
    }
}

fn report_of(header: Header, body: Zeroizing<Vec<u8>>) -> Result<Report, WireError> {
    let bodiless = body.is_empty();
    let report = match header {
        Header::Seen { scan, format } => return seen(scan, format, &body),
        Header::Preview { width, height } => return preview(width, height, &body),
        Header::Opening => Report::Opening,
        Header::Ready => Report::Ready,
        Header::Hint { hint } => Report::Hint(hint),
        Header::SourceLost { why } if why.len() <= WHY_BYTES_MAX => Report::SourceLost { why },
        Header::SourceLost { .. } => return Err(WireError::Body),
        Header::Heartbeat => Report::Heartbeat,
    };
    if bodiless {
        Ok(report)
    } else {
        Err(WireError::Body)
    }
}

fn seen(scan: u64, format: FormatName, body: &[u8]) -> Result<Report, WireError> {
    let text = std::str::from_utf8(body).map_err(|_| WireError::Body)?;
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(WireError::Body);
    }
    let format = match format {
        FormatName::Qr => Format::Qr,
        FormatName::Code128 => Format::Code128,
    };
    Ok(Report::Seen {
        scan,
        format,
        text: Zeroizing::new(text.to_owned()),
    })
}

fn preview(width: usize, height: usize, body: &[u8]) -> Result<Report, WireError> {
    let sides =
        (1..=PREVIEW_WIDTH_MAX).contains(&width) && (1..=PREVIEW_HEIGHT_MAX).contains(&height);
    if !sides || body.len() != width * height {
        return Err(WireError::Body);
    }
    Ok(Report::Preview(Preview {
        width,
        height,
        pixels: body.to_vec(),
    }))
}

fn message(header: &impl Serialize, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let header = serde_json::to_vec(header)
        .expect("invariant: headers are plain structs, which serialise without failing");
    let mut bytes = Zeroizing::new(Vec::with_capacity(PREFIX_BYTES + header.len() + body.len()));
    bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(body);
    bytes
}

fn shortened(why: &str) -> &str {
    &why[..why.floor_char_boundary(WHY_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Report> {
        let text = Zeroizing::new("134567890123456789".to_owned());
        vec![
            Report::Opening,
            Report::Ready,
            Report::Seen {
                scan: 7,
                format: Format::Qr,
                text: text.clone(),
            },
            Report::Seen {
                scan: 7,
                format: Format::Code128,
                text,
            },
            Report::Preview(Preview {
                width: 3,
                height: 2,
                pixels: vec![1, 2, 3, 4, 5, 6],
            }),
            Report::Hint(ScanHint::Glare),
            Report::SourceLost {
                why: "the camera was unplugged".to_owned(),
            },
            Report::Heartbeat,
        ]
    }

    #[test]
    fn every_report_survives_any_cutting_of_the_stream() {
        let stream: Vec<u8> = all()
            .iter()
            .flat_map(|r| report_bytes(r).to_vec())
            .collect();
        for step in [1, 2, 7, 64, stream.len()] {
            let mut frames = Frames::default();
            let mut got = Vec::new();
            for piece in stream.chunks(step) {
                frames.push(piece);
                while let Some(report) = frames.next_report().expect("well formed") {
                    got.push(report);
                }
            }
            assert!(got == all(), "cut into {step}");
        }
    }

    #[test]
    fn every_order_survives_and_an_order_with_a_body_is_refused() {
        let mut frames = Frames::default();
        for order in [Order::Start { scan: 1 }, Order::Stop, Order::Quit] {
            frames.push(&order_bytes(order));
            assert_eq!(frames.next_order().expect("well formed"), Some(order));
        }
        frames.push(&message(&Order::Stop, b"x"));
        assert!(frames.next_order().is_err());
    }

    #[test]
    fn lengths_and_bodies_outside_the_limits_are_refused() {
        let refused = |bytes: &[u8]| {
            let mut frames = Frames::default();
            frames.push(bytes);
            frames.next_report().is_err()
        };
        assert!(refused(&[0xff; 8]));
        assert!(refused(&message(&Header::Heartbeat, b"x")));
        assert!(refused(&message(
            &Header::Preview {
                width: 2,
                height: 2
            },
            &[0; 3]
        )));
        assert!(refused(&message(
            &Header::Preview {
                width: 0,
                height: 0
            },
            &[]
        )));
        assert!(refused(&message(
            &Header::Preview {
                width: usize::MAX,
                height: 2
            },
            &[0; 3]
        )));
        assert!(refused(&message(
            &Header::Seen {
                scan: 1,
                format: FormatName::Qr
            },
            &[]
        )));
        assert!(refused(&message(
            &Header::Seen {
                scan: 1,
                format: FormatName::Qr
            },
            &[0xff, 0xfe]
        )));
        let long = vec![b'1'; TEXT_BYTES_MAX + 1];
        assert!(refused(&message(
            &Header::Seen {
                scan: 1,
                format: FormatName::Qr
            },
            &long
        )));
        assert!(refused(&message(&"heartbeat", &[])));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let why = "镜".repeat(1000);
        let mut frames = Frames::default();
        frames.push(&report_bytes(&Report::SourceLost { why }));
        let report = frames
            .next_report()
            .expect("within the limits")
            .expect("whole");
        let Report::SourceLost { why } = report else {
            panic!("a lost source");
        };
        assert!(why.len() <= WHY_BYTES_MAX && why.chars().all(|c| c == '镜'));
    }
}
