//! `shouyinctl reader info`: what is at a port, in plain words, once and without a thread.
//!
//! Owns the words, and the search at other speeds and for a PIN pad when the right speed gives no answer. Changes
//! nothing in the reader.

use std::path::Path;

use super::event::{KeyState, ReaderError, ReaderEvent, ReaderInfo};
use super::neo2::{Conversation, Frame, Neo2Wire, Output, command_bytes};
use super::port::{Line, PortError};
use super::pp60::{self, PadError};
use super::stream::{Search, Wire};
use crate::card::Ksn;
use crate::domain::Tick;

/// Speeds of command 30-01, in baud.
const SPEEDS: [u32; 5] = [115_200, 57_600, 38_400, 19_200, 9_600];
/// How long a ping at another speed waits.
pub(super) const PING_MS: u64 = 300;

/// Why there is nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The right reader at another speed.
    #[error(
        "the reader on {path} speaks at {found} baud, not at {baud}; set it up, or use --baud {found}"
    )]
    OtherSpeed {
        /// Which port.
        path: String,
        /// What was tried first.
        baud: u32,
        /// Where it answered.
        found: u32,
    },
    /// Nobody, somebody else, or a reader that cannot work.
    #[error("no card reader to work with on {path} at {baud} baud: {error}")]
    Reader {
        /// Which port.
        path: String,
        /// At which speed.
        baud: u32,
        /// Which error.
        error: ReaderError,
    },
    /// Something that is known, but not what was looked for.
    #[error("{found} answers on {path} at {baud} baud; {hint}")]
    OtherDevice {
        /// Which port.
        path: String,
        /// At which speed.
        baud: u32,
        /// What it is.
        found: &'static str,
        /// How to look at it.
        hint: &'static str,
    },
    /// No PIN pad, or one that cannot work.
    #[error("no PIN pad to work with on {path} at {baud} baud: {error}")]
    Pad {
        /// Which port.
        path: String,
        /// At which speed.
        baud: u32,
        /// Which error.
        error: PadError,
    },
}

/// A reader that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who it is.
    pub info: ReaderInfo,
}

impl Found {
    /// Says whether card data can be enciphered, so that cards can be taken.
    pub const fn is_usable(&self) -> bool {
        matches!(self.info.data_key, KeyState::Valid(_) | KeyState::Unknown)
    }

    /// Returns the findings, a line each.
    pub fn lines(&self) -> Vec<String> {
        let firmware = if self.info.firmware.is_empty() {
            "not told"
        } else {
            &self.info.firmware
        };
        vec![
            format!("firmware: {firmware}"),
            format!("key for card data: {}", key_words(self.info.data_key)),
            format!("key for PINs: {}", key_words(self.info.pin_key)),
            if self.is_usable() {
                "cards can be taken".to_owned()
            } else {
                "no card can be taken; codes can".to_owned()
            },
        ]
    }
}

fn key_words(key: KeyState) -> String {
    let serial = |ksn: Option<Ksn>| {
        ksn.map_or_else(
            || "its serial number was not told".to_owned(),
            |ksn| format!("serial number {ksn}"),
        )
    };
    match key {
        KeyState::Absent => "absent; the acquirer must load one".to_owned(),
        KeyState::Valid(ksn) => format!("valid, {}", serial(ksn)),
        KeyState::Exhausted => "used up; the acquirer must load a new one".to_owned(),
        KeyState::Unknown => "the reader does not tell".to_owned(),
    }
}

/// Asks whatever is at a port who it is. Takes up to ten seconds when nobody answers.
///
/// # Errors
/// [`LookError`]: what was found instead.
pub fn look(path: &Path, baud: u32) -> Result<Found, LookError> {
    let name = || path.display().to_string();
    let mut line = Line::open(path, baud)?;
    let mut talk = Conversation::default();
    let mut outputs = talk.line_up(line.tick());
    let broken = |error: std::io::Error| PortError::Other {
        path: path.to_owned(),
        why: error.to_string(),
    };
    loop {
        for output in outputs {
            match output {
                Output::Send(bytes) => line.write(&bytes).map_err(broken)?,
                Output::Tell(ReaderEvent::Ready(info)) => return Ok(Found { info }),
                Output::Tell(_) => {}
                Output::Reopen(error) => {
                    drop(line);
                    let silent = matches!(error, ReaderError::NoAnswer(_));
                    let found = if silent { elsewhere(path, baud)? } else { None };
                    let path = name();
                    return Err(found.unwrap_or(LookError::Reader { path, baud, error }));
                }
            }
        }
        outputs = line.read(&mut talk).map_err(broken)?;
    }
}

/// Looks for the reader at every other speed, and for a PIN pad at its own.
fn elsewhere(path: &Path, baud: u32) -> Result<Option<LookError>, PortError> {
    let name = path.display().to_string();
    for found in SPEEDS.into_iter().filter(|speed| *speed != baud) {
        if pings(path, found)? {
            let path = name;
            return Ok(Some(LookError::OtherSpeed { path, baud, found }));
        }
    }
    let is_pad = pp60::look::answers(path, pp60::BAUD)?;
    Ok(is_pad.then_some(LookError::OtherDevice {
        path: name,
        baud: pp60::BAUD,
        found: "a PIN pad of the NL-PP60 kind",
        hint: "it reads no cards; look at it with --kind pp60",
    }))
}

/// Says whether a NEO 2 reader answers a ping at this speed.
pub(super) fn pings(path: &Path, baud: u32) -> Result<bool, PortError> {
    let Ok(ping) = command_bytes(0x18, 0x01, &[]) else {
        return Ok(false);
    };
    let pinged = |frame: &Frame| matches!(frame, Frame::Reply(r) if r.command == 0x18);
    answers::<Neo2Wire>((path, baud), &ping, pinged)
}

/// Says whether such an answer comes to a question at this speed.
pub(super) fn answers<W: Wire>(
    (path, baud): (&Path, u32),
    question: &[u8],
    is_answer: impl Fn(&W::Frame) -> bool,
) -> Result<bool, PortError> {
    let mut line = Line::open(path, baud)?;
    let mut frames = Search::<W>::default();
    let until = line.tick().after_ms(PING_MS);
    if line.write(question).is_err() {
        return Ok(false);
    }
    while line.tick() < until {
        let Ok(bytes) = line.bytes() else {
            break;
        };
        if frames.push(bytes, Tick(0)).iter().any(&is_answer) {
            return Ok(true);
        }
    }
    Ok(false)
}
