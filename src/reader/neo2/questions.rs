//! Who a reader is and which keys it has: a fixed row of questions, one at a time. Pure.
//!
//! Owns their order and what the answers mean. A reader that does not know a question is no worse for it: that answer
//! is "unknown". Sub-command 29-00 is known from other readers of this family and was not in the excerpts.

use super::command::{self, Code};
use super::frame::Reply;
use super::status::Status;
use crate::card::Ksn;
use crate::reader::event::{KeyState, ReaderError, ReaderInfo};

/// Longest firmware name that is kept, in characters.
const FIRMWARE_MAX: usize = 64;

const ROW: [(Code, &[u8]); 5] = [
    (command::PING, &[]),
    (command::FIRMWARE, &[]),
    (command::CHECK_KEY, &[command::DATA_KEY]),
    (command::GET_KSN, &command::DATA_KSN),
    (command::GET_KSN, &command::PIN_KSN),
];

/// Where in the row we are, and the answers until here.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: usize,
    firmware: String,
    data_key_missing: bool,
    data_key: Option<KeyState>,
}

impl Questions {
    /// Returns the question that is to be sent.
    pub(super) fn next(&self) -> (Code, &'static [u8]) {
        ROW[self.asked.min(ROW.len() - 1)]
    }

    /// Takes its answer; returns what is known when it was the last.
    pub(super) fn hear(&mut self, reply: &Reply) -> Result<Option<ReaderInfo>, ReaderError> {
        if reply.status == Status::Tampered {
            return Err(ReaderError::Tampered);
        }
        let good = reply.status == Status::Ok;
        match self.asked {
            // A reader that cannot be pinged is none.
            0 if !good => return Err(ReaderError::Refused(reply.status)),
            1 if good => self.firmware = printable(&reply.data),
            2 if good => self.data_key_missing = reply.data.first() == Some(&0),
            3 => self.data_key = Some(key_state(reply)),
            4 => {
                let data_key = match self.data_key {
                    Some(KeyState::Unknown) | None if self.data_key_missing => KeyState::Absent,
                    Some(known) => known,
                    None => KeyState::Unknown,
                };
                return Ok(Some(ReaderInfo {
                    firmware: std::mem::take(&mut self.firmware),
                    data_key,
                    pin_key: key_state(reply),
                }));
            }
            _ => {}
        }
        self.asked += 1;
        Ok(None)
    }
}

/// Reads an answer to 81-0B: state, length, key serial number.
fn key_state(reply: &Reply) -> KeyState {
    match (reply.status, &reply.data[..]) {
        (Status::Ok, [0, ..]) => KeyState::Absent,
        (Status::Ok, [1, length, rest @ ..]) if usize::from(*length) == rest.len() => {
            KeyState::Valid(Ksn::from_bytes(rest))
        }
        (Status::Ok, [2, ..]) => KeyState::Exhausted,
        _ => KeyState::Unknown,
    }
}

fn printable(bytes: &[u8]) -> String {
    let text = bytes
        .iter()
        .filter(|byte| (b' '..=b'~').contains(byte))
        .map(|byte| char::from(*byte));
    text.take(FIRMWARE_MAX).collect()
}
