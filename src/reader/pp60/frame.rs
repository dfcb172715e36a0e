//! Frames of a PIN pad of the NL-PP60 kind (user manual, section 4): bytes in, frames out. Pure, no I/O.
//!
//! ```text
//! command  CMD       LEN  DATA(LEN)  EDC
//! reply    CMD       LEN  DATA(LEN)  EDC
//! refusal  CMD & 7F  01   ERROR      EDC          EDC = XOR of all bytes before it
//! ```
//!
//! Owns the format; the search for the next frame is `stream`'s. The wire has no start byte and one byte of checksum,
//! so a candidate must also be a reply to a command that this driver sends, with the length that the manual gives it:
//! one byte in 256 of anything else would pass. A candidate that is not, whose checksum is wrong or that stops for
//! [`GAP_MS`] is none.

use std::fmt;

use zeroize::Zeroizing;

use super::command;
use crate::reader::stream::{Look, Search, Wire};

/// Longest data of a command, in bytes: the length is one byte.
pub const DATA_BYTES_MAX: usize = 255;
/// A frame that stands still for so many milliseconds is given up. Our choice: the manual names no time.
pub const GAP_MS: u64 = 100;

/// Command or refusal, length, and checksum.
const AROUND_BYTES: usize = 3;
/// Longest reply, to a MAC.
const REPLY_BYTES_MAX: usize = AROUND_BYTES + 16;
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

/// The wire of such a pad.
#[derive(Debug)]
pub enum PadWire {}

/// The search for its frames.
pub type PadFrames = Search<PadWire>;

impl Wire for PadWire {
    type Frame = PadFrame;
    const GAP_MS: u64 = GAP_MS;
    const FRAME_BYTES_MAX: usize = REPLY_BYTES_MAX;

    fn look(bytes: &[u8]) -> Look<PadFrame> {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Tick;

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
