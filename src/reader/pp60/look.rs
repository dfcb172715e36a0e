//! `shouyinctl reader info --kind pp60`: what PIN pad is at a port, in plain words, once and without a thread.
//!
//! Owns the words, and the search at other speeds when the right one gives no answer. Leaves the pad in its root
//! directory. It cannot tell which keys are there: the pad says that to nobody.

use std::path::Path;

use super::command::{self, Directory};
use super::event::{PadAsk, PadEnd, PadError};
use super::frame::{PadFrame, PadWire, command_bytes};
use super::refusal::{NO_DIRECTORY, Refusal};
use super::session::{Session, SessionError};
use crate::reader::look::{self, LookError};
use crate::reader::port::{self, PortError};

/// Speeds that are tried, in baud.
const SPEEDS: [u32; 5] = [super::BAUD, 115_200, 57_600, 38_400, 19_200];

/// A pad that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPad {
    /// Numbers of its directories, the root left out.
    pub directories: Vec<u8>,
}

impl FoundPad {
    /// Returns the findings, a line each.
    pub fn lines(&self) -> Vec<String> {
        let numbers: Vec<String> = self.directories.iter().map(u8::to_string).collect();
        let directories = if numbers.is_empty() {
            "none; the acquirer must set it up".to_owned()
        } else {
            numbers.join(", ")
        };
        vec![
            format!("directories for keys: {directories}"),
            "keys: the pad does not tell".to_owned(),
            "no PIN is typed on it: it would need digits of the card number, which the terminal never has"
                .to_owned(),
        ]
    }
}

/// Asks whatever is at a port whether it is a PIN pad. Takes up to six seconds when nobody answers.
///
/// # Errors
/// [`LookError`]: what was found instead.
pub fn look(path: &Path, baud: u32) -> Result<FoundPad, LookError> {
    let name = || path.display().to_string();
    let pad = |error| LookError::Pad {
        path: name(),
        baud,
        error,
    };
    let mut session = match Session::open(path, baud, Directory::ROOT) {
        Ok(session) => session,
        Err(SessionError::Port(error)) => return Err(error.into()),
        Err(SessionError::Pad(error)) => {
            return Err(elsewhere(path, baud, error)?.unwrap_or_else(|| pad(error)));
        }
    };
    let mut ask = |what| match session.ask(what, &mut |_| None) {
        Ok(PadEnd::Failed(error)) => Ok(Err(error)),
        Ok(_) => Ok(Ok(())),
        Err(SessionError::Port(error)) => Err(LookError::Port(error)),
        Err(SessionError::Pad(error)) => Err(pad(error)),
    };
    let mut directories = Vec::new();
    for number in 1..=4 {
        match ask(PadAsk::Directory(Directory::new(number).map_err(pad)?))? {
            Ok(()) => directories.push(number),
            Err(PadError::Refused(Refusal(NO_DIRECTORY))) => {}
            Err(error) => return Err(pad(error)),
        }
    }
    ask(PadAsk::Reset)?.map_err(pad)?;
    Ok(FoundPad { directories })
}

/// Looks for the pad at other speeds and for a card reader at its own.
fn elsewhere(path: &Path, baud: u32, error: PadError) -> Result<Option<LookError>, PortError> {
    if !matches!(error, PadError::NoAnswer(_)) {
        return Ok(None);
    }
    let path_name = path.display().to_string();
    for found in SPEEDS.into_iter().filter(|speed| *speed != baud) {
        if answers(path, found)? {
            let path = path_name;
            return Ok(Some(LookError::OtherSpeed { path, baud, found }));
        }
    }
    Ok(
        look::pings(path, port::BAUD)?.then_some(LookError::OtherDevice {
            path: path_name,
            baud: port::BAUD,
            found: "a NEO 2 card reader",
            hint: "leave out --kind pp60",
        }),
    )
}

/// Says whether a pad answers a reset at this speed.
pub(in crate::reader) fn answers(path: &Path, baud: u32) -> Result<bool, PortError> {
    let Ok(reset) = command_bytes(command::RESET, &[]) else {
        return Ok(false);
    };
    let answered =
        |frame: &PadFrame| matches!(frame, PadFrame::Reply(r) if r.command == command::RESET);
    look::answers::<PadWire>((path, baud), &reset, answered)
}
