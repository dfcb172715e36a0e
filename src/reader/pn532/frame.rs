//! Frames between host and PN532 on a serial line (PN532 user manual; libnfc): bytes in, frames out. Pure, no I/O.
//!
//! ```text
//! normal    00 00 FF LEN LCS TFI DATA DCS 00            LEN counts TFI; LEN + LCS = 0, TFI + DATA + DCS = 0
//! extended  00 00 FF FF FF LENH LENL LCS TFI DATA DCS 00
//! ACK       00 00 FF 00 FF 00      NACK 00 00 FF FF 00 00      error 00 00 FF 01 FF 7F 81 00
//! ```
//!
//! Owns the format, its limits and the search for the next frame. There are no escapes, so a length may lie: what has
//! a wrong sum, or that stands still for [`GAP_MS`], loses its first byte and the search goes on behind it.
//! Only whole frames from the chip come out. Never believes what a frame says. What was taken is wiped, because it may
//! be a card's.

use std::fmt;

use zeroize::Zeroizing;

use crate::reader::stream::{Look, Search, Wire};

/// Longest data of a command, the command's own byte counted (user manual: 264 bytes behind TFI).
pub const COMMAND_BYTES_MAX: usize = 264;
/// A frame that stands still for so many milliseconds is given up. Our choice.
pub const GAP_MS: u64 = 100;
/// The chip's word that it took a command; from the host it ends the command under way.
pub const ACK: [u8; 6] = [0, 0, 0xFF, 0, 0xFF, 0];
/// Not understood: the other side sends its last frame again.
pub const NACK: [u8; 6] = [0, 0, 0xFF, 0xFF, 0, 0];
/// Wakes a sleeping chip up; in front of the first command (seen from libnfc).
pub const WAKE_UP: [u8; 16] = [0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const START: [u8; 2] = [0x00, 0xFF];
const TO_CHIP: u8 = 0xD4;
const FROM_CHIP: u8 = 0xD5;
const ERROR: u8 = 0x7F;
/// Longest frame that may come, without its first and last zero.
const FRAME_BYTES_MAX: usize = START.len() + EXTENDED_HEAD + 1 + COMMAND_BYTES_MAX + 1;
const NORMAL_HEAD: usize = 2;
const EXTENDED_HEAD: usize = 5;

/// A command's data is longer than a frame can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes do not fit a frame, which takes {COMMAND_BYTES_MAX}")]
pub struct TooLong(pub usize);

/// Writes a command: its byte and its parameters.
///
/// # Errors
/// [`TooLong`] above [`COMMAND_BYTES_MAX`] bytes.
pub fn command_bytes(command: u8, parameters: &[u8]) -> Result<Vec<u8>, TooLong> {
    let whole = parameters.len() + 1;
    if whole > COMMAND_BYTES_MAX {
        return Err(TooLong(whole));
    }
    let mut bytes = vec![0x00, START[0], START[1]];
    // TFI is counted too. A length of FF would be taken for the mark of an extended frame.
    match u8::try_from(whole + 1) {
        Ok(length) if length < 0xFF => bytes.extend([length, negative(&[length])]),
        Ok(_) | Err(_) => {
            let [high, low] = u16::try_from(whole + 1).unwrap_or(u16::MAX).to_be_bytes();
            bytes.extend([0xFF, 0xFF, high, low, negative(&[high, low])]);
        }
    }
    let data_at = bytes.len();
    bytes.extend([TO_CHIP, command]);
    bytes.extend_from_slice(parameters);
    bytes.extend([negative(&bytes[data_at..]), 0x00]);
    Ok(bytes)
}

/// What comes from the chip.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// It took the command.
    Ack,
    /// It did not understand the frame.
    Nack,
    /// It did not understand the command.
    Error,
    /// An answer; its code is the command's and one more.
    Answer(u8, Zeroizing<Vec<u8>>),
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ack => f.write_str("Ack"),
            Self::Nack => f.write_str("Nack"),
            Self::Error => f.write_str("Error"),
            Self::Answer(code, data) => write!(f, "Answer({code:02X}, {} bytes)", data.len()),
        }
    }
}

/// The chip's wire.
#[derive(Debug)]
pub enum ChipWire {}

/// The search for its frames.
pub type Frames = Search<ChipWire>;

impl Wire for ChipWire {
    type Frame = Frame;
    const GAP_MS: u64 = GAP_MS;
    const FRAME_BYTES_MAX: usize = FRAME_BYTES_MAX;

    fn look(bytes: &[u8]) -> Look<Frame> {
        let body = match bytes {
            // A zero alone may be anything, also the beginning of a start code.
            [0x00] => return Look::Part,
            [0x00, 0xFF, body @ ..] => body,
            _ => return Look::Noise,
        };
        let (head, length) = match body {
            [] | [_] => return Look::Part,
            [0x00, 0xFF, ..] => return Look::Whole(Frame::Ack, START.len() + NORMAL_HEAD),
            [0xFF, 0x00, ..] => return Look::Whole(Frame::Nack, START.len() + NORMAL_HEAD),
            [0xFF, 0xFF, high, low, check, ..] => {
                if sum(&[*high, *low, *check]) != 0 {
                    return Look::Noise;
                }
                (
                    EXTENDED_HEAD,
                    usize::from(u16::from_be_bytes([*high, *low])),
                )
            }
            [0xFF, 0xFF, ..] => return Look::Part,
            [length, check, ..] if sum(&[*length, *check]) == 0 => {
                (NORMAL_HEAD, usize::from(*length))
            }
            [_, _, ..] => return Look::Noise,
        };
        if length == 0 || length > COMMAND_BYTES_MAX + 1 {
            return Look::Noise;
        }
        let Some(data) = body.get(head..head + length + 1) else {
            return Look::Part;
        };
        if sum(data) != 0 {
            return Look::Noise;
        }
        let frame = match data {
            [FROM_CHIP, code, data @ .., _] => Frame::Answer(*code, Zeroizing::new(data.to_vec())),
            [ERROR, _] => Frame::Error,
            // A command, such as our own on a line that echoes, and anything else that no chip says.
            _ => return Look::Noise,
        };
        Look::Whole(frame, START.len() + head + length + 1)
    }

    /// Zeros stand before and behind frames.
    fn is_filler(byte: u8) -> bool {
        byte == 0
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn negative(bytes: &[u8]) -> u8 {
    sum(bytes).wrapping_neg()
}
