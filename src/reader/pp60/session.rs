//! A PIN pad on a serial port, one ask after another, each waited for.
//!
//! Owns the port and the turn of bytes between it and the conversation. It blocks, at most for the times of the
//! conversation, so it is for tools and tests; a till's thread would drive the conversation itself. Never opens a port
//! again: a line that broke ends the session.

use std::path::{Path, PathBuf};

use zeroize::{Zeroize, Zeroizing};

use super::auth::{AuthCode, AuthRequest};
use super::command::Directory;
use super::conversation::Conversation;
use super::event::{PadAnswer, PadAsk, PadEnd, PadError, PadEvent, PadOutput};
use crate::reader::event::AskId;
use crate::reader::port::{Line, PortError};

/// Why there is no session any more.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Nobody, somebody else, or a pad that cannot work.
    #[error("no PIN pad to work with: {0}")]
    Pad(PadError),
}

/// An open port with a pad that answers.
pub struct Session {
    path: PathBuf,
    line: Line,
    talk: Conversation,
    asked: u64,
}

impl Session {
    /// Opens a port and brings the pad to a directory.
    ///
    /// # Errors
    /// [`SessionError`]: no such port, nobody answers within 4 s, or the pad refuses the directory.
    pub fn open(path: &Path, baud: u32, directory: Directory) -> Result<Self, SessionError> {
        let mut session = Self {
            path: path.to_owned(),
            line: Line::open(path, baud)?,
            talk: Conversation::new(directory),
            asked: 0,
        };
        let outputs = session.talk.line_up(session.line.tick());
        session.turn(outputs, &mut |event| match event {
            PadEvent::Ready => Turn::End(()),
            PadEvent::Authorise(_) | PadEvent::Answer(_) => Turn::On,
        })?;
        Ok(session)
    }

    /// Asks something and waits for its end. `authorise` makes the code that a command needs, or none.
    ///
    /// # Errors
    /// [`SessionError`]: the line broke, or the pad does not answer any more.
    pub fn ask(
        &mut self,
        what: PadAsk,
        authorise: &mut dyn FnMut(&AuthRequest) -> Option<AuthCode>,
    ) -> Result<PadEnd, SessionError> {
        self.asked += 1;
        let asked = AskId(self.asked);
        let outputs = self.talk.ask(asked, what, self.line.tick());
        self.turn(outputs, &mut |event| match event {
            PadEvent::Authorise(request) => Turn::Code(request.ask, authorise(&request)),
            PadEvent::Answer(PadAnswer { ask, end }) if ask == asked => Turn::End(end),
            PadEvent::Answer(_) | PadEvent::Ready => Turn::On,
        })
    }

    fn turn<T>(
        &mut self,
        mut outputs: Vec<PadOutput>,
        told: &mut dyn FnMut(PadEvent) -> Turn<T>,
    ) -> Result<T, SessionError> {
        loop {
            let mut end = None;
            let mut more = Vec::new();
            for output in outputs {
                match output {
                    PadOutput::Send(bytes) => {
                        self.line
                            .write(&bytes)
                            .map_err(|error| self.broken(&error))?;
                    }
                    PadOutput::Reopen(error) => return Err(SessionError::Pad(error)),
                    PadOutput::Tell(event) => match told(event) {
                        Turn::On => {}
                        Turn::End(value) => end = Some(value),
                        Turn::Code(ask, code) => {
                            more = self.talk.authorise(ask, code, self.line.tick());
                        }
                    },
                }
            }
            if let Some(value) = end {
                return Ok(value);
            }
            outputs = if more.is_empty() { self.read()? } else { more };
        }
    }

    fn read(&mut self) -> Result<Vec<PadOutput>, SessionError> {
        let bytes = match self.line.bytes() {
            Ok(bytes) => {
                let copy = Zeroizing::new(bytes.to_vec());
                bytes.zeroize();
                copy
            }
            Err(error) => return Err(self.broken(&error)),
        };
        let at = self.line.tick();
        let mut outputs = self.talk.hear(&bytes, at);
        if self.talk.deadline().is_some_and(|deadline| at >= deadline) {
            outputs.extend(self.talk.tick(at));
        }
        Ok(outputs)
    }

    fn broken(&self, error: &std::io::Error) -> SessionError {
        let (path, why) = (self.path.clone(), error.to_string());
        SessionError::Port(PortError::Other { path, why })
    }
}

/// What follows from an event.
enum Turn<T> {
    On,
    End(T),
    Code(AskId, Option<AuthCode>),
}
