//! Frames of a PIN pad of the NL-PP60 kind (user manual, section 4): bytes in, frames out. Pure, no I/O.
//!
//! ```text
//! command  CMD       LEN  DATA(LEN)  EDC
//! reply    CMD       LEN  DATA(LEN)  EDC
//! refusal  CMD & 7F  01   ERROR      EDC          EDC = XOR of all bytes before it
//! ```
//!
//! Owns the format and the search for the next frame. The wire has no start byte and one byte of checksum, so a
//! candidate must also be a reply to a command that this driver sends, with the length that the manual gives it: one
//! byte in 256 of anything else would pass. A candidate that is not, whose checksum is wrong or that stops for
//! [`GAP_MS`] loses its first byte and the search goes on behind it. What was taken is wiped.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::command;
use crate::domain::Tick;

/// Longest data of a command, in bytes: the length is one byte.
pub const DATA_BYTES_MAX: usize = 255;
/// A frame that stands still for so many milliseconds is given up. Our choice: the manual names no time.
pub const GAP_MS: u64 = 100;

/// Command or refusal, length, and checksum.
const AROUND_BYTES: usize = 3;
/// Longest reply, to a MAC.
const REPLY_BYTES_MAX: usize = AROUND_BYTES + 16;
/// What is pushed is looked at in pieces.
const PIECE_BYTES: usize = 64;
/// Marks a command; a refusal lacks it.
const GOOD: u8 = 0x80;

/// Length of the data of each good reply (user manual, 4.1, 4.2, 4.5, 4.9, 4.12, 4.16).
const REPLIES: [(u8, u8); 6] = [
    (command::RESET, 0),
    (command::DIRECTORY, 0),
    (command::RANDOM, 8),
    (command::LOAD_KEY, 8),
    (command::CHOOSE_KEY, 8),
    (command::MAC, 16),
];

/// A command's data is longer than a frame can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes of data do not fit a frame, which takes {DATA_BYTES_MAX}")]
pub struct TooLong(pub usize);

/// Writes a command.
///
/// # Errors
/// [`TooLong`] above [`DATA_BYTES_MAX`].
pub fn command_bytes(command: u8, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    let length = u8::try_from(data.len()).map_err(|_| TooLong(data.len()))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(AROUND_BYTES + data.len()));
    bytes.extend_from_slice(&[command, length]);
    bytes.extend_from_slice(data);
    let sum = edc(&bytes);
    bytes.push(sum);
    Ok(bytes)
}

fn edc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// A good reply. `Debug` shows the length of the data only.
#[derive(Clone, PartialEq, Eq)]
pub struct PadReply {
    /// The command that it answers.
    pub command: u8,
    /// As long as the manual says; wiped when dropped.
    pub data: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PadReply({:02X}, {} bytes)",
            self.command,
            self.data.len()
        )
    }
}

/// What comes from a pad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PadFrame {
    /// It was done.
    Reply(PadReply),
    /// It was refused.
    Refusal {
        /// The command that was refused.
        command: u8,
        /// The error byte.
        code: u8,
    },
}

/// What was heard beside frames; tells a wrong speed from a silent line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PadHeard {
    /// Whole frames.
    pub frames: u64,
    /// Bytes that belong to no frame.
    pub noise: u64,
    /// Candidates with a wrong checksum.
    pub bad_checksums: u64,
}

/// The search for frames in a stream of bytes.
#[derive(Debug, Default)]
pub struct PadFrames {
    held: Zeroizing<Vec<u8>>,
    last: Option<Tick>,
    heard: PadHeard,
}

/// What stands at the beginning of some bytes.
enum Look {
    Whole(PadFrame, usize),
    Part,
    Noise,
    BadChecksum,
}

impl PadFrames {
    /// Takes bytes that came at `at` and returns the frames that they complete.
    pub fn push(&mut self, bytes: &[u8], at: Tick) -> Vec<PadFrame> {
        let mut found = self.expire(at);
        if bytes.is_empty() {
            return found;
        }
        self.last = Some(at);
        if self.held.capacity() == 0 {
            // Never grown later, so that no copy of a reply stays behind in freed memory.
            self.held.reserve_exact(REPLY_BYTES_MAX + PIECE_BYTES);
        }
        for piece in bytes.chunks(PIECE_BYTES) {
            self.held.extend_from_slice(piece);
            self.search(false, &mut found);
        }
        found
    }

    /// Gives up a frame that has stood still; returns what was hidden behind its beginning.
    pub fn expire(&mut self, at: Tick) -> Vec<PadFrame> {
        let mut found = Vec::new();
        if self.deadline().is_some_and(|deadline| at >= deadline) {
            self.search(true, &mut found);
            self.last = None;
        }
        found
    }

    /// Returns when [`Self::expire`] has something to do.
    pub fn deadline(&self) -> Option<Tick> {
        let last = self.last.filter(|_| !self.held.is_empty())?;
        Some(last.after_ms(GAP_MS))
    }

    /// Forgets a frame that has begun: the line was closed, or something new is asked.
    pub fn clear(&mut self) {
        self.held.zeroize();
        self.last = None;
    }

    /// Returns what was heard until now.
    pub const fn heard(&self) -> PadHeard {
        self.heard
    }

    /// Finds frames; with `ended` nothing more comes, so that a part is none.
    fn search(&mut self, ended: bool, found: &mut Vec<PadFrame>) {
        let mut start = 0;
        while start < self.held.len() {
            match look(&self.held[start..]) {
                Look::Whole(frame, length) => {
                    self.heard.frames += 1;
                    found.push(frame);
                    start += length;
                    continue;
                }
                Look::Part if !ended => break,
                Look::BadChecksum => self.heard.bad_checksums += 1,
                Look::Part | Look::Noise => {}
            }
            self.heard.noise += 1;
            start += 1;
        }
        let left = self.held.len() - start;
        self.held.copy_within(start.., 0);
        self.held[left..].zeroize();
        self.held.truncate(left);
    }
}

fn look(bytes: &[u8]) -> Look {
    let head = bytes[0];
    let command = head | GOOD;
    let Some(row) = REPLIES.iter().find(|row| row.0 == command) else {
        return Look::Noise;
    };
    let good = head == command;
    let length = if good { row.1 } else { 1 };
    match bytes.get(1) {
        None => return Look::Part,
        Some(told) if *told != length => return Look::Noise,
        Some(_) => {}
    }
    let whole = AROUND_BYTES + usize::from(length);
    let Some(frame) = bytes.get(..whole) else {
        return Look::Part;
    };
    if edc(frame) != 0 {
        return Look::BadChecksum;
    }
    let data = &frame[2..whole - 1];
    let frame = if good {
        PadFrame::Reply(PadReply {
            command,
            data: Zeroizing::new(data.to_vec()),
        })
    } else {
        PadFrame::Refusal {
            command,
            code: data[0],
        }
    };
    Look::Whole(frame, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        data_encoding::HEXUPPER
            .decode(digits.as_bytes())
            .expect("hexadecimal")
    }

    /// The reset of the user manual (4.1) and its refusal for a wrong checksum; the rest by the same rule.
    #[test]
    fn commands_are_written_and_replies_read_byte_for_byte() {
        for (command, data, bytes) in [
            (command::RESET, "", "D5 00 D5"),
            (command::DIRECTORY, "01", "D6 01 01 D6"),
            (command::RANDOM, "", "D0 00 D0"),
            (command::CHOOSE_KEY, "00 81 0000", "82 04 00 81 0000 07"),
        ] {
            let written = command_bytes(command, &hex(data)).expect("short");
            assert_eq!(*written, hex(bytes));
        }
        let mut frames = PadFrames::default();
        let found = frames.push(
            &hex("D5 00 D5 55 01 0D 59 D0 08 0102030405060708 D0"),
            Tick(0),
        );
        let random = PadReply {
            command: command::RANDOM,
            data: Zeroizing::new((1..=8).collect()),
        };
        let reset = PadReply {
            command: command::RESET,
            data: Zeroizing::default(),
        };
        let refused = PadFrame::Refusal {
            command: command::RESET,
            code: 0x0D,
        };
        let expected = [PadFrame::Reply(reset), refused, PadFrame::Reply(random)];
        assert_eq!(found, expected);
        assert_eq!(frames.heard().noise, 0);
        let shown = format!("{expected:?}");
        assert!(!shown.contains("5, 6"), "{shown}");
    }

    #[test]
    fn what_no_command_of_ours_is_answered_with_is_noise() {
        let mut frames = PadFrames::default();
        // Zeros have the right checksum; 83h and 00h are not ours; a MAC has sixteen bytes, a refusal one.
        for noise in [
            "000000",
            "83 08 0102030405060708 83",
            "00 01 08 09",
            "85 00 85",
            "55 00 55",
        ] {
            assert_eq!(frames.push(&hex(noise), Tick(0)), [], "{noise}");
            assert_eq!(frames.expire(Tick(GAP_MS)), [], "{noise}");
        }
        assert_eq!(command_bytes(command::MAC, &[0; 256]), Err(TooLong(256)));
    }
}
