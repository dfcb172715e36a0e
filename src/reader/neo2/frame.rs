//! Frames of ViVOtech2 protocol 2 (ID TECH, NEO 2 Interface Developer's Guide): bytes in, frames out. Pure, no I/O.
//!
//! ```text
//! command   "ViVOtech2\0" CMD SUB    LEN(2, big) DATA CRC(2, little endian)
//! reply     "ViVOtech2\0" CMD STATUS LEN(2, big) DATA CRC(2, big endian)
//! UI event  45 00 55 00              LEN(1)      DATA CRC(2, big endian)
//! ```
//!
//! Owns the format and its limits; the search for the next frame is `stream`'s. The wire has no escapes, so a length
//! may lie: a candidate whose checksum is wrong, that is too long or that stops for [`GAP_MS`] is none. Only whole
//! frames with a right checksum come out. Never believes what a frame says: one that was found behind a broken one
//! must still be the answer to the command under way (`session`). What was taken is wiped.

use std::fmt;

use zeroize::Zeroizing;

use super::status::Status;
use crate::code::crc16;
use crate::reader::stream::{Look, Search, Wire};

/// Longest frame in bytes, all parts counted (guide, section on the protocol).
pub const FRAME_BYTES_MAX: usize = 1500;
/// Longest data of a command or reply, in bytes.
pub const DATA_BYTES_MAX: usize = FRAME_BYTES_MAX - HEAD_BYTES - CRC_BYTES;
/// A frame that stands still for so many milliseconds is given up. Our choice: the guide names no time.
pub const GAP_MS: u64 = 100;

const HEADER: &[u8] = b"ViVOtech2\0";
const UI_HEADER: &[u8] = &[0x45, 0x00, 0x55, 0x00];
const HEAD_BYTES: usize = 14;
const UI_HEAD_BYTES: usize = 5;
const CRC_BYTES: usize = 2;
/// A command's data is longer than a frame can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes of data do not fit a frame, which takes {DATA_BYTES_MAX}")]
pub struct TooLong(pub usize);

/// Writes a command.
///
/// # Errors
/// [`TooLong`] above [`DATA_BYTES_MAX`].
pub fn command_bytes(command: u8, sub: u8, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    let length = u16::try_from(data.len()).map_err(|_| TooLong(data.len()))?;
    if data.len() > DATA_BYTES_MAX {
        return Err(TooLong(data.len()));
    }
    let whole = HEAD_BYTES + data.len() + CRC_BYTES;
    let mut bytes = Zeroizing::new(Vec::with_capacity(whole));
    bytes.extend_from_slice(HEADER);
    bytes.extend_from_slice(&[command, sub]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(data);
    let sum = crc16(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// A reply to a command. `Debug` shows the length of the data only.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The command that it answers.
    pub command: u8,
    /// How it went.
    pub status: Status,
    /// The rest, perhaps ciphertext of a card; wiped when dropped.
    pub data: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (command, bytes) = (self.command, self.data.len());
        write!(f, "Reply({command:02X}, {:?}, {bytes} bytes)", self.status)
    }
}

/// What the reader would like to show: an unsolicited frame, its first byte the kind (01 lamps, 03 display).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UiFrame {
    /// Kind and parameters, at most 255 bytes.
    pub data: Vec<u8>,
}

/// What comes from a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// An answer.
    Reply(Reply),
    /// A user interface event.
    Ui(UiFrame),
}

/// The wire of this protocol.
#[derive(Debug)]
pub enum Neo2Wire {}

/// The search for its frames.
pub type Frames = Search<Neo2Wire>;

impl Wire for Neo2Wire {
    type Frame = Frame;
    const GAP_MS: u64 = GAP_MS;
    const FRAME_BYTES_MAX: usize = FRAME_BYTES_MAX;

    fn look(bytes: &[u8]) -> Look<Frame> {
        let (length, head, header) = match bytes[0] {
            0x56 => (bytes.get(12..14).map(big_endian), HEAD_BYTES, HEADER),
            0x45 => (
                bytes.get(4).map(|byte| usize::from(*byte)),
                UI_HEAD_BYTES,
                UI_HEADER,
            ),
            _ => return Look::Noise,
        };
        let compared = bytes.len().min(header.len());
        if bytes[..compared] != header[..compared] {
            return Look::Noise;
        }
        let Some(length) = length else {
            return Look::Part;
        };
        let body = head + length;
        if body + CRC_BYTES > FRAME_BYTES_MAX {
            return Look::Noise;
        }
        let Some(sum) = bytes.get(body..body + CRC_BYTES) else {
            return Look::Part;
        };
        if usize::from(crc16(&bytes[..body])) != big_endian(sum) {
            return Look::BadChecksum;
        }
        let data = bytes[head..body].to_vec();
        let frame = if head == HEAD_BYTES {
            Frame::Reply(Reply {
                command: bytes[10],
                status: Status::from_byte(bytes[11]),
                data: Zeroizing::new(data),
            })
        } else {
            Frame::Ui(UiFrame { data })
        };
        Look::Whole(frame, body + CRC_BYTES)
    }
}

fn big_endian(two: &[u8]) -> usize {
    two.iter()
        .fold(0, |sum, byte| (sum << 8) | usize::from(*byte))
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
