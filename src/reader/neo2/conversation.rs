//! The conversation with a NEO 2 reader: asks, bytes and time in, bytes and events out. Pure, no I/O, no clock.
//!
//! ```text
//! Down -line up-> greeting (cancel, then who are you) -> Idle -ask-> Running -answer-> Idle
//!                                      Running -cancel-> Cancelling -its OK-> Settling -late result or 3 s-> Idle
//! ```
//!
//! Owns which command may follow which, every time-out and the races of a cancel. One command is under way at a
//! time; during a tap only its cancel is sent (the guide takes anything else for one). After a cancel no result of that
//! tap is ever told: a late one is dropped and wiped, and nothing new is sent until it came or [`SETTLE_MS`] passed,
//! so that it cannot be taken for the next tap's. Only what can do no harm twice is sent again. Never retries a tap, a
//! key, a PIN or a host's answer; a lost reply is told as no answer, which means that nobody knows. A host's answer is
//! taken only while an inserted card waits for it.

mod replies;

use zeroize::Zeroizing;

use super::command::{self, Code};
use super::frame::Frames;
use super::keys;
use super::mac;
use super::pin::{self, PinKey, PinRequest};
use super::result::CardTransaction;
use super::{completion, questions::Questions};
use crate::card::WrappedKey;
use crate::domain::{Money, Tick};
use crate::reader::event::{
    Answer, Ask, AskId, End, KeyState, ReaderError, ReaderEvent, ReaderInfo, Silence, TapRequest,
};
use crate::reader::stream::Heard;

/// Longest wait for the answer to a command without a card or a person.
pub const REPLY_MS: u64 = 2_000;
/// Added to the reader's own time-out of a tap.
pub const TAP_GRACE_MS: u64 = 10_000;
/// Added to the reader's own time-out of a PIN.
pub const PIN_GRACE_MS: u64 = 5_000;
/// Longest wait for the end of a chip card's last step (our choice).
pub const COMPLETE_MS: u64 = 15_000;
/// From a cancel on, how long a late result is waited for.
pub const SETTLE_MS: u64 = 3_000;
/// Between two PINs under a session key: thirty seconds (guide, 62-01) from when the reader took the one before, and
/// half a second more because its clock is not ours (our choice).
pub const PIN_PAUSE_MS: u64 = 30_500;

/// What the port has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes.
    Send(Zeroizing<Vec<u8>>),
    /// Tell the driver.
    Tell(ReaderEvent),
    /// Close the line and open it again after a pause: the reader does not answer its greeting or a cancel, or cannot
    /// work.
    Reopen(ReaderError),
}

#[derive(Debug)]
enum State {
    Down,
    Idle,
    Settling(Tick),
    Running(Running),
}

#[derive(Debug)]
struct Running {
    /// Nobody's for the greeting.
    ask: Option<AskId>,
    work: Work,
    command: u8,
    sent: Zeroizing<Vec<u8>>,
    deadline: Tick,
    again: bool,
}

#[derive(Debug)]
enum Work {
    /// Whatever the reader did before, it is to stop.
    Greet,
    Questions(Questions),
    Tap {
        amount: Money,
        kind: CardTransaction,
    },
    Keys(Vec<WrappedKey>),
    Pin {
        key: PinKey,
        accepted: bool,
        timeout_ms: u64,
    },
    Mac,
    Complete,
    Cancelling {
        end: End,
        since: Tick,
        late: bool,
    },
}

/// One reader, as far as we know.
#[derive(Debug)]
pub struct Conversation {
    frames: Frames,
    state: State,
    waiting: Option<(AskId, Ask)>,
    info: Option<ReaderInfo>,
    chip_waits: bool,
    next_pin: Tick,
    before: Heard,
    out: Vec<Output>,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            frames: Frames::default(),
            state: State::Down,
            waiting: None,
            info: None,
            chip_waits: false,
            next_pin: Tick(0),
            before: Heard::default(),
            out: Vec::new(),
        }
    }
}

impl Conversation {
    /// The line is open.
    pub fn line_up(&mut self, at: Tick) -> Vec<Output> {
        self.frames.clear();
        if self.next_pin > Tick(0) {
            // Times count from the opening of a line: the pause after a PIN begins again, and never lasts longer.
            self.next_pin = at.after_ms(PIN_PAUSE_MS);
        }
        self.send(
            None,
            Work::Greet,
            (command::CANCEL, &[]),
            at.after_ms(REPLY_MS),
        );
        self.take()
    }

    /// The line is gone, or was never there: what is under way ends.
    pub fn line_down(&mut self) -> Vec<Output> {
        self.frames.clear();
        self.chip_waits = false;
        self.info = None;
        match std::mem::replace(&mut self.state, State::Down) {
            State::Running(Running {
                ask: Some(ask),
                work,
                ..
            }) => {
                let end = match work {
                    // It was cancelled, and no result of it can come any more.
                    Work::Cancelling { end, .. } => end,
                    Work::Greet
                    | Work::Questions(_)
                    | Work::Tap { .. }
                    | Work::Keys(_)
                    | Work::Pin { .. }
                    | Work::Mac
                    | Work::Complete => End::Failed(ReaderError::Gone),
                };
                self.answer(ask, end);
            }
            State::Running(_) | State::Down | State::Idle | State::Settling(_) => {}
        }
        if let Some((ask, _)) = self.waiting.take() {
            self.answer(ask, End::Failed(ReaderError::Gone));
        }
        self.take()
    }

    /// Somebody wants something.
    pub fn ask(&mut self, ask: AskId, what: Ask, at: Tick) -> Vec<Output> {
        let waits = match &self.state {
            State::Settling(_) => true,
            State::Running(running) => running.ask.is_none(),
            State::Idle | State::Down => false,
        };
        match &self.state {
            State::Down => self.answer(ask, End::Failed(ReaderError::Gone)),
            State::Idle => self.start(ask, what, at),
            State::Running(_) | State::Settling(_) if waits && self.waiting.is_none() => {
                self.waiting = Some((ask, what));
            }
            State::Running(_) | State::Settling(_) => {
                self.answer(ask, End::Failed(ReaderError::Busy));
            }
        }
        self.take()
    }

    /// Somebody no longer wants a tap or a PIN. Anything else runs to its end.
    pub fn cancel(&mut self, ask: AskId, at: Tick) -> Vec<Output> {
        if self
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.0 == ask)
        {
            self.waiting = None;
            self.answer(ask, End::Cancelled);
        } else if let State::Running(running) = &self.state
            && running.ask == Some(ask)
            && matches!(running.work, Work::Tap { .. } | Work::Pin { .. })
        {
            self.stop(End::Cancelled, at);
        }
        self.take()
    }

    /// Bytes came.
    pub fn hear(&mut self, bytes: &[u8], at: Tick) -> Vec<Output> {
        for frame in self.frames.push(bytes, at) {
            self.frame(frame, at);
        }
        self.take()
    }

    /// Time passed.
    pub fn tick(&mut self, at: Tick) -> Vec<Output> {
        for frame in self.frames.expire(at) {
            self.frame(frame, at);
        }
        match &self.state {
            State::Settling(until) if at >= *until => self.rest(at),
            State::Running(running) if at >= running.deadline => self.late(at),
            State::Down | State::Idle | State::Settling(_) | State::Running(_) => {}
        }
        self.take()
    }

    /// Returns when [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Tick> {
        let own = match &self.state {
            State::Settling(until) => Some(*until),
            State::Running(running) => Some(running.deadline),
            State::Down | State::Idle => None,
        };
        own.into_iter().chain(self.frames.deadline()).min()
    }

    /// Returns what was heard since the start.
    pub const fn heard(&self) -> Heard {
        self.frames.heard()
    }

    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    fn tell(&mut self, event: ReaderEvent) {
        self.out.push(Output::Tell(event));
    }

    fn answer(&mut self, ask: AskId, end: End) {
        self.tell(ReaderEvent::Answer(Answer { ask, end }));
    }

    fn send(&mut self, ask: Option<AskId>, work: Work, what: (Code, &[u8]), deadline: Tick) {
        let (code, data) = what;
        let Ok(sent) = command::bytes(code, data) else {
            self.state = State::Idle;
            if let Some(ask) = ask {
                let error = ReaderError::BadRequest("the request does not fit a frame");
                self.answer(ask, End::Failed(error));
            }
            return;
        };
        self.before = self.frames.heard();
        self.out.push(Output::Send(sent.clone()));
        let again = matches!(
            work,
            Work::Greet | Work::Questions(_) | Work::Cancelling { .. }
        );
        self.state = State::Running(Running {
            ask,
            work,
            command: code.0,
            sent,
            deadline,
            again,
        });
    }

    /// Nothing is under way: what waits begins.
    fn rest(&mut self, at: Tick) {
        self.state = State::Idle;
        if let Some((ask, what)) = self.waiting.take() {
            self.start(ask, what, at);
        }
    }

    fn finish(&mut self, ask: Option<AskId>, end: End, at: Tick) {
        if let Some(ask) = ask {
            self.answer(ask, end);
        }
        self.rest(at);
    }

    fn start(&mut self, ask: AskId, what: Ask, at: Tick) {
        let started = match what {
            Ask::Info => {
                self.question(Some(ask), Questions::default(), at);
                Ok(())
            }
            Ask::Tap(request) => self.start_tap(ask, request, at),
            Ask::LoadKeys(keys) => {
                let mut keys = keys.into_keys();
                keys.reverse();
                self.next_key(Some(ask), keys, at);
                Ok(())
            }
            Ask::Pin(request) => self.start_pin(ask, request, at),
            Ask::Mac(stream) => self.start_mac(ask, stream.bytes(), at),
            Ask::Complete(answer) => self.start_completion(ask, &answer, at),
        };
        if let Err(error) = started {
            self.answer(ask, End::Failed(error));
        }
    }

    fn start_tap(&mut self, ask: AskId, request: TapRequest, at: Tick) -> Result<(), ReaderError> {
        usable(self.info.as_ref().map(|info| info.data_key))?;
        if request.timeout_s == 0 {
            return Err(ReaderError::BadRequest("a tap waits at least one second"));
        }
        self.chip_waits = false;
        let wait = u64::from(request.timeout_s) * 1_000 + TAP_GRACE_MS;
        let (amount, kind) = (request.amount, request.kind);
        let data = command::activation(request, &command::wanted());
        let work = Work::Tap { amount, kind };
        self.send(
            Some(ask),
            work,
            (command::ACTIVATE, &data),
            at.after_ms(wait),
        );
        Ok(())
    }

    fn start_pin(&mut self, ask: AskId, request: PinRequest, at: Tick) -> Result<(), ReaderError> {
        if !(1..=180).contains(&request.timeout_s) {
            return Err(ReaderError::BadRequest("a PIN waits 1 to 180 seconds"));
        }
        match request.key {
            PinKey::Dukpt => usable(self.info.as_ref().map(|info| info.pin_key))?,
            PinKey::Session if at < self.next_pin => {
                let wait_ms = self.next_pin.since_ms(at);
                return Err(ReaderError::PinTooSoon { wait_ms });
            }
            PinKey::Session => self.next_pin = at.after_ms(PIN_PAUSE_MS),
        }
        let work = Work::Pin {
            key: request.key,
            accepted: false,
            timeout_ms: u64::from(request.timeout_s) * 1_000,
        };
        let data = pin::data(request);
        self.send(
            Some(ask),
            work,
            (command::PIN, &data),
            at.after_ms(REPLY_MS),
        );
        Ok(())
    }

    fn start_mac(&mut self, ask: AskId, stream: &[u8], at: Tick) -> Result<(), ReaderError> {
        let what = (command::MAC, mac::data(stream)?);
        self.send(Some(ask), Work::Mac, what, at.after_ms(REPLY_MS));
        Ok(())
    }

    fn start_completion(
        &mut self,
        ask: AskId,
        answer: &completion::HostAnswer,
        at: Tick,
    ) -> Result<(), ReaderError> {
        if !self.chip_waits {
            return Err(ReaderError::NothingToComplete);
        }
        let data = completion::data(answer)?;
        self.chip_waits = false;
        let what = (command::APPLY_ANSWER, &data[..]);
        self.send(Some(ask), Work::Complete, what, at.after_ms(COMPLETE_MS));
        Ok(())
    }

    fn question(&mut self, ask: Option<AskId>, questions: Questions, at: Tick) {
        let (code, data) = questions.next();
        self.send(
            ask,
            Work::Questions(questions),
            (code, data),
            at.after_ms(REPLY_MS),
        );
    }

    fn next_key(&mut self, ask: Option<AskId>, mut left: Vec<WrappedKey>, at: Tick) {
        match left.pop() {
            None => self.finish(ask, End::KeysLoaded, at),
            Some(key) => {
                let data = keys::data(&key);
                let what = (command::LOAD_KEY, &data[..]);
                self.send(ask, Work::Keys(left), what, at.after_ms(REPLY_MS));
            }
        }
    }

    /// Sends the cancel that belongs to what is under way; `end` is told when the reader has obeyed.
    fn stop(&mut self, end: End, at: Tick) {
        let State::Running(running) = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let code = match running.work {
            Work::Pin { .. } => command::CANCEL_PIN,
            Work::Greet
            | Work::Questions(_)
            | Work::Tap { .. }
            | Work::Keys(_)
            | Work::Mac
            | Work::Complete
            | Work::Cancelling { .. } => command::CANCEL,
        };
        let work = Work::Cancelling {
            end,
            since: at,
            late: false,
        };
        self.send(running.ask, work, (code, &[]), at.after_ms(SETTLE_MS));
    }

    /// What was sent got no answer in time.
    fn late(&mut self, at: Tick) {
        let silence = self.silence();
        let State::Running(running) = &mut self.state else {
            return;
        };
        if running.again {
            running.again = false;
            running.deadline = match running.work {
                Work::Cancelling { .. } => at.after_ms(SETTLE_MS),
                Work::Greet
                | Work::Questions(_)
                | Work::Tap { .. }
                | Work::Keys(_)
                | Work::Pin { .. }
                | Work::Mac
                | Work::Complete => at.after_ms(REPLY_MS),
            };
            let sent = running.sent.clone();
            self.out.push(Output::Send(sent));
            return;
        }
        let failed = End::Failed(ReaderError::NoAnswer(silence));
        match &running.work {
            Work::Greet | Work::Questions(_) | Work::Cancelling { .. } => {
                let ask = running.ask;
                if let Some(ask) = ask {
                    // A cancel without an answer: the tap's own end holds, since nothing of it is told any more.
                    let end = match std::mem::replace(&mut running.work, Work::Greet) {
                        Work::Cancelling { end, .. } => end,
                        Work::Greet
                        | Work::Questions(_)
                        | Work::Tap { .. }
                        | Work::Keys(_)
                        | Work::Pin { .. }
                        | Work::Mac
                        | Work::Complete => failed,
                    };
                    self.answer(ask, end);
                }
                self.give_up(ReaderError::NoAnswer(silence));
            }
            Work::Tap { .. } | Work::Keys(_) | Work::Pin { .. } | Work::Mac | Work::Complete => {
                self.stop(failed, at);
            }
        }
    }

    fn give_up(&mut self, why: ReaderError) {
        self.state = State::Down;
        self.out.push(Output::Reopen(why));
    }

    /// What was heard since the last command.
    fn silence(&self) -> Silence {
        self.frames.silence_since(self.before)
    }
}

/// Says whether a key can be used; a reader that does not say is tried.
const fn usable(key: Option<KeyState>) -> Result<(), ReaderError> {
    match key {
        Some(KeyState::Absent) => Err(ReaderError::KeyAbsent),
        Some(KeyState::Exhausted) => Err(ReaderError::KeyExhausted),
        Some(KeyState::Valid(_) | KeyState::Unknown) | None => Ok(()),
    }
}
