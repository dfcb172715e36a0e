//! `shouyinctl reader dev`: one card at a development reader, once and without a thread.
//!
//! Owns the line for as long as one look takes. Never prints, never keeps what a card said beyond the [`DevCard`].

use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::not_for_authorisation::DevCard;
use super::session::{DevError, Output, Session};
use crate::reader::port::{Line, PortError};

/// What a PN532 speaks, in baud.
const BAUD: u32 = 115_200;

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum DevLookError {
    /// The port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The chip or the card.
    #[error("{path}: {error}")]
    Reader {
        /// Which port.
        path: String,
        /// What is wrong.
        error: DevError,
    },
}

/// The chip and what was held to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Version and revision of the chip's firmware.
    pub firmware: (u8, u8),
    /// Not for authorisation.
    pub card: DevCard,
}

/// Looks at one card; waits for it at most so many milliseconds. None: nobody held one there.
///
/// # Errors
/// [`DevLookError`]: what was found instead.
pub fn look(path: &Path, wait_ms: u64) -> Result<Option<Card>, DevLookError> {
    let mut line = Line::open(path, BAUD)?;
    let broken = |error: std::io::Error| PortError::Other {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let (mut session, mut outputs) = Session::start(wait_ms, line.tick());
    loop {
        let mut end = None;
        for output in outputs {
            match output {
                Output::Send(bytes) => line.write(&bytes).map_err(broken)?,
                Output::Done(how) => end = Some(how),
            }
        }
        match end {
            Some(Ok((firmware, card))) => return Ok(Some(Card { firmware, card })),
            Some(Err(DevError::NoCard)) => return Ok(None),
            Some(Err(error)) => {
                let path = path.display().to_string();
                return Err(DevLookError::Reader { path, error });
            }
            None => {}
        }
        let heard = line.bytes().map_err(broken)?;
        let bytes = Zeroizing::new(heard.to_vec());
        heard.zeroize();
        let at = line.tick();
        outputs = session.hear(&bytes, at);
        if session.deadline().is_some_and(|deadline| at >= deadline) {
            outputs.extend(session.tick(at));
        }
    }
}
