//! One look at one card through a PN532: what is sent, what is waited for, how it ends. Pure: bytes, times and ends.
//!
//! ```text
//! wake-up, SAMConfiguration -> GetFirmwareVersion -> InListPassiveTarget -> SELECT PPSE -> InRelease -> end
//! ```
//!
//! Owns the order, the waits and one second try of each command whose ACK does not come. Never reads a record, never
//! starts a transaction, and tells the identifier's length only. Whatever goes wrong behind the list, the card is
//! released before the end is told.

use zeroize::Zeroizing;

use super::frame::{ACK, Frame, Frames, WAKE_UP, command_bytes};
use super::not_for_authorisation::{DevCard, Directory, read_directory};
use crate::domain::Tick;

/// How long an ACK and an answer may take; the chip needs about 15 ms for the first.
pub const ANSWER_MS: u64 = 1_000;
/// Longest answer of a card that is put together from pieces.
const CARD_BYTES_MAX: usize = 1024;
/// Error bits of a status byte, and the bit that says that more data follows.
const ERROR_BITS: u8 = 0x3F;
const MORE: u8 = 0x40;
/// SEL_RES: the card takes commands (ISO 14443-4).
const TAKES_COMMANDS: u8 = 0x20;
/// SELECT 2PAY.SYS.DDF01, the contactless payment directory.
const SELECT_PPSE: &[u8] = b"\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00";

/// Why no card was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DevError {
    /// Not a byte, or not one frame.
    #[error("no PN532 answered; {}", if *.0 { "what came is not its protocol" } else { "nothing was heard" })]
    NoAnswer(bool),
    /// It does not know a command, twice.
    #[error("the PN532 did not understand command {0:02X}")]
    NotUnderstood(u8),
    /// Another answer than the one that is due, or one without sense.
    #[error("the PN532 gave an answer without sense to command {0:02X}")]
    Malformed(u8),
    /// Nobody held a card there.
    #[error("no card was held to the reader")]
    NoCard,
    /// The chip's error with a card; 01 is a card that is gone.
    #[error("the card did not answer (error {0:02X})")]
    Card(u8),
}

/// What the session wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send(Vec<u8>),
    /// It is over: the chip's firmware and the card, or why not.
    Done(Result<((u8, u8), DevCard), DevError>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Configure,
    Version,
    List,
    Select,
    Release,
    Over,
}

impl Step {
    const fn command(self) -> u8 {
        match self {
            Self::Configure => 0x14,
            Self::Version => 0x02,
            Self::List => 0x4A,
            Self::Select => 0x40,
            Self::Release | Self::Over => 0x52,
        }
    }

    fn bytes(self) -> Vec<u8> {
        let exchange: Vec<u8>;
        let parameters: &[u8] = match self {
            // Normal mode: no security module.
            Self::Configure => &[0x01],
            Self::Version => &[],
            // One card of type A at 106 kbit/s.
            Self::List => &[0x01, 0x00],
            Self::Select => {
                exchange = [&[0x01][..], SELECT_PPSE].concat();
                &exchange
            }
            Self::Release | Self::Over => &[0x00],
        };
        // None of them is long.
        let command = command_bytes(self.command(), parameters).unwrap_or_default();
        if self == Self::Configure {
            [&WAKE_UP[..], &command].concat()
        } else {
            command
        }
    }
}

/// A look at a card.
#[derive(Debug)]
pub struct Session {
    frames: Frames,
    step: Step,
    acked: bool,
    tried_again: bool,
    /// How long to wait for a card, in milliseconds.
    wait_ms: u64,
    deadline: Option<Tick>,
    firmware: (u8, u8),
    card: Option<DevCard>,
    answer: Zeroizing<Vec<u8>>,
    /// What went wrong before the card was released.
    failed: Option<DevError>,
}

impl Session {
    /// Begins; a card may be waited for `wait_ms` milliseconds.
    pub fn start(wait_ms: u64, at: Tick) -> (Self, Vec<Output>) {
        let mut session = Self {
            frames: Frames::default(),
            step: Step::Configure,
            acked: false,
            tried_again: false,
            wait_ms,
            deadline: None,
            firmware: (0, 0),
            card: None,
            answer: Zeroizing::default(),
            failed: None,
        };
        let first = session.go(Step::Configure, at);
        (session, first)
    }

    /// Returns when [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Tick> {
        [self.deadline, self.frames.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The chip sent bytes.
    pub fn hear(&mut self, bytes: &[u8], at: Tick) -> Vec<Output> {
        let frames = self.frames.push(bytes, at);
        self.take(frames, at)
    }

    /// It is late.
    pub fn tick(&mut self, at: Tick) -> Vec<Output> {
        let frames = self.frames.expire(at);
        let mut out = self.take(frames, at);
        if self.deadline.is_some_and(|deadline| at >= deadline) {
            out.extend(self.late(at));
        }
        out
    }

    fn take(&mut self, frames: Vec<Frame>, at: Tick) -> Vec<Output> {
        frames
            .into_iter()
            .flat_map(|frame| self.frame(frame, at))
            .collect()
    }

    fn frame(&mut self, frame: Frame, at: Tick) -> Vec<Output> {
        let command = self.step.command();
        if self.step == Step::Over {
            return Vec::new();
        }
        match frame {
            // Only the first moves the deadline, so that no flood of them keeps the look alive.
            Frame::Ack if self.acked => Vec::new(),
            Frame::Ack => {
                self.acked = true;
                let wait = if self.step == Step::List {
                    self.wait_ms
                } else {
                    ANSWER_MS
                };
                self.deadline = Some(at.after_ms(wait));
                Vec::new()
            }
            Frame::Nack | Frame::Error => self.again(DevError::NotUnderstood(command), at),
            // The answer to a command that was given up, or to one whose ACK was lost.
            Frame::Answer(code, _) if code != command + 1 => Vec::new(),
            Frame::Answer(_, data) => self.answered(&data, at),
        }
    }

    fn answered(&mut self, data: &[u8], at: Tick) -> Vec<Output> {
        match self.step {
            Step::Configure => self.go(Step::Version, at),
            Step::Version => match data {
                [_, version, revision, _] => {
                    self.firmware = (*version, *revision);
                    self.go(Step::List, at)
                }
                _ => self.end(Err(DevError::Malformed(0x02))),
            },
            Step::List => self.listed(data, at),
            Step::Select => self.selected(data, at),
            Step::Release | Step::Over => self.released(),
        }
    }

    /// Number of cards, then of the first: number, SENS_RES (2), SEL_RES, length of the identifier, identifier, ATS
    /// with its own length.
    fn listed(&mut self, data: &[u8], at: Tick) -> Vec<Output> {
        let (kind, rest) = match data {
            [0, ..] => return self.end(Err(DevError::NoCard)),
            [_, _, _, _, kind, rest @ ..] => (*kind, rest),
            _ => return self.end(Err(DevError::Malformed(0x4A))),
        };
        let parts = rest
            .split_first()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)));
        let Some((uid, ats)) = parts else {
            return self.fail(DevError::Malformed(0x4A), at);
        };
        self.card = Some(DevCard {
            uid_bytes: uid.len(),
            ats: ats.get(1..).unwrap_or_default().to_vec(),
            directory: Directory::NotAsked,
        });
        if kind & TAKES_COMMANDS == 0 {
            return self.go(Step::Release, at);
        }
        self.go(Step::Select, at)
    }

    fn selected(&mut self, data: &[u8], at: Tick) -> Vec<Output> {
        let Some((status, piece)) = data.split_first() else {
            return self.fail(DevError::Malformed(0x40), at);
        };
        if status & ERROR_BITS != 0 {
            return self.fail(DevError::Card(status & ERROR_BITS), at);
        }
        if self.answer.len() + piece.len() > CARD_BYTES_MAX {
            return self.fail(DevError::Malformed(0x40), at);
        }
        self.answer.extend_from_slice(piece);
        if status & MORE != 0 {
            // Asked for by the same command without data.
            self.begin(at);
            let more = command_bytes(0x40, &[0x01]).unwrap_or_default();
            return vec![Output::Send(more)];
        }
        if let Some(card) = &mut self.card {
            card.directory = read_directory(&self.answer);
        }
        self.answer = Zeroizing::default();
        self.go(Step::Release, at)
    }

    fn released(&mut self) -> Vec<Output> {
        let end = match (self.failed.take(), self.card.take()) {
            (Some(error), _) => Err(error),
            (None, Some(card)) => Ok((self.firmware, card)),
            (None, None) => Err(DevError::NoCard),
        };
        self.end(end)
    }

    fn late(&mut self, at: Tick) -> Vec<Output> {
        match (self.step, self.acked) {
            // Nobody came: the chip would go on looking.
            (Step::List, true) => {
                let mut out = vec![Output::Send(ACK.to_vec())];
                out.extend(self.end(Err(DevError::NoCard)));
                out
            }
            (Step::Over, _) => Vec::new(),
            // A card that is never released is no reason to lose what it said.
            (Step::Release, _) => self.released(),
            _ => {
                let heard = self.frames.heard();
                self.again(DevError::NoAnswer(heard.frames + heard.noise > 0), at)
            }
        }
    }

    /// Sends the command once more, or gives up.
    fn again(&mut self, error: DevError, at: Tick) -> Vec<Output> {
        if self.tried_again {
            return self.fail(error, at);
        }
        self.answer = Zeroizing::default();
        let out = self.go(self.step, at);
        self.tried_again = true;
        out
    }

    /// Ends with an error; a card that was listed is released first.
    fn fail(&mut self, error: DevError, at: Tick) -> Vec<Output> {
        if self.step == Step::Release {
            return self.released();
        }
        if self.card.is_none() && self.step != Step::List {
            return self.end(Err(error));
        }
        self.failed = Some(error);
        self.go(Step::Release, at)
    }

    fn begin(&mut self, at: Tick) {
        self.acked = false;
        self.deadline = Some(at.after_ms(ANSWER_MS));
    }

    fn go(&mut self, step: Step, at: Tick) -> Vec<Output> {
        self.step = step;
        self.tried_again = false;
        self.begin(at);
        vec![Output::Send(step.bytes())]
    }

    fn end(&mut self, end: Result<((u8, u8), DevCard), DevError>) -> Vec<Output> {
        self.step = Step::Over;
        self.deadline = None;
        vec![Output::Done(end)]
    }
}
