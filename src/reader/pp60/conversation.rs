//! The conversation with a PIN pad: asks, codes, bytes and time in, bytes and events out. Pure, no I/O, no clock.
//!
//! ```text
//! Down -line up-> greeting (reset, directory, random number) -> Idle -ask-> Running -answer-> Idle
//! Running: random number -> authentication code from outside -> the command itself
//! Running -no answer-> greeting again
//! ```
//!
//! Owns which command may follow which and every time-out. One command is under way at a time. Replies carry no number,
//! so one that comes too late could be taken for the next command's: after a lost reply nothing is asked before the pad
//! has answered a reset, and it answers in order. Only what can do no harm twice is sent again: the greeting's reset,
//! and a command that the pad says was spoilt on the line (0Dh), once.

use zeroize::Zeroizing;

use super::auth::{AuthCode, AuthKey, AuthRequest, Proof};
use super::command::{self, Directory, Job};
use super::event::{PadAnswer, PadAsk, PadEnd, PadError, PadEvent, PadMac, PadOutput};
use super::frame::{PadFrame, PadFrames, PadReply, command_bytes};
use super::refusal::{self, Refusal};
use crate::domain::Tick;
use crate::reader::event::{AskId, Silence};
use crate::reader::stream::Heard;

/// Longest wait for a reply. Our choice; the longest command and its reply last 0.3 s at 9600 baud.
pub const REPLY_MS: u64 = 2_000;
/// Longest wait for an authentication code (our choice).
pub const AUTHORISE_MS: u64 = 5_000;

#[derive(Debug)]
enum State {
    Down,
    Idle,
    Running(Running),
}

#[derive(Debug)]
struct Running {
    /// Nobody's for the greeting.
    ask: Option<AskId>,
    step: Step,
    deadline: Tick,
    sent: Zeroizing<Vec<u8>>,
    /// May be sent once more when nobody answers.
    greets: bool,
    /// May be sent once more when it was spoilt.
    fresh: bool,
}

#[derive(Debug)]
enum Step {
    Reset,
    Directory(Directory),
    /// For a job, or for the greeting, which only looks whether the pad can.
    Random(Option<Job>),
    Authorise(Job, [u8; 8]),
    Work(Job, [u8; 8]),
}

impl Step {
    /// The command whose answer is waited for.
    const fn command(&self) -> Option<u8> {
        match self {
            Self::Reset => Some(command::RESET),
            Self::Directory(_) => Some(command::DIRECTORY),
            Self::Random(_) => Some(command::RANDOM),
            Self::Authorise(..) => None,
            Self::Work(job, _) => Some(job.command()),
        }
    }
}

/// One PIN pad, as far as we know.
#[derive(Debug)]
pub struct Conversation {
    frames: PadFrames,
    state: State,
    waiting: Option<(AskId, PadAsk)>,
    directory: Directory,
    told_ready: bool,
    before: Heard,
    out: Vec<PadOutput>,
}

impl Conversation {
    /// Starts with a closed line; after each connection the pad is brought to this directory.
    pub fn new(directory: Directory) -> Self {
        Self {
            frames: PadFrames::default(),
            state: State::Down,
            waiting: None,
            directory,
            told_ready: false,
            before: Heard::default(),
            out: Vec::new(),
        }
    }

    /// The line is open.
    pub fn line_up(&mut self, at: Tick) -> Vec<PadOutput> {
        self.told_ready = false;
        self.greet(at);
        self.take()
    }

    /// The line is gone, or was never there: what is under way ends.
    pub fn line_down(&mut self) -> Vec<PadOutput> {
        self.frames.clear();
        if let State::Running(running) = std::mem::replace(&mut self.state, State::Down)
            && let Some(ask) = running.ask
        {
            self.answer(ask, PadEnd::Failed(PadError::Gone));
        }
        if let Some((ask, _)) = self.waiting.take() {
            self.answer(ask, PadEnd::Failed(PadError::Gone));
        }
        self.take()
    }

    /// Somebody wants something. During a greeting one ask waits.
    pub fn ask(&mut self, ask: AskId, what: PadAsk, at: Tick) -> Vec<PadOutput> {
        match &self.state {
            State::Down => self.answer(ask, PadEnd::Failed(PadError::Gone)),
            State::Idle => self.start(ask, what, at),
            State::Running(running) if running.ask.is_none() && self.waiting.is_none() => {
                self.waiting = Some((ask, what));
            }
            State::Running(_) => self.answer(ask, PadEnd::Failed(PadError::Busy)),
        }
        self.take()
    }

    /// The code that was asked for, or none: then the ask fails and nothing is sent. Any other code is ignored.
    pub fn authorise(&mut self, ask: AskId, code: Option<AuthCode>, at: Tick) -> Vec<PadOutput> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Running(Running {
                ask: Some(whose),
                step: Step::Authorise(job, random),
                ..
            }) if whose == ask => match code {
                None => self.finish(Some(ask), PadEnd::Failed(PadError::NotAuthorised), at),
                Some(code) => {
                    let mut data = job.fields();
                    data.extend(code.0);
                    let command = job.command();
                    self.send(Some(ask), Step::Work(job, random), (command, &data), at);
                }
            },
            other @ (State::Down | State::Idle | State::Running(_)) => self.state = other,
        }
        self.take()
    }

    /// Bytes came.
    pub fn hear(&mut self, bytes: &[u8], at: Tick) -> Vec<PadOutput> {
        for frame in self.frames.push(bytes, at) {
            self.frame(&frame, at);
        }
        self.take()
    }

    /// Time passed.
    pub fn tick(&mut self, at: Tick) -> Vec<PadOutput> {
        for frame in self.frames.expire(at) {
            self.frame(&frame, at);
        }
        if let State::Running(running) = &self.state
            && at >= running.deadline
        {
            self.late(at);
        }
        self.take()
    }

    /// Returns when [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Tick> {
        let own = match &self.state {
            State::Running(running) => Some(running.deadline),
            State::Down | State::Idle => None,
        };
        own.into_iter().chain(self.frames.deadline()).min()
    }

    fn take(&mut self) -> Vec<PadOutput> {
        std::mem::take(&mut self.out)
    }

    fn answer(&mut self, ask: AskId, end: PadEnd) {
        let event = PadEvent::Answer(PadAnswer { ask, end });
        self.out.push(PadOutput::Tell(event));
    }

    /// Whatever the pad did before, it is to stop.
    fn greet(&mut self, at: Tick) {
        self.send(None, Step::Reset, (command::RESET, &[]), at);
    }

    fn send(&mut self, ask: Option<AskId>, step: Step, what: (u8, &[u8]), at: Tick) {
        let (code, data) = what;
        let Ok(sent) = command_bytes(code, data) else {
            let error = PadError::BadRequest("the request does not fit a frame");
            return self.finish(ask, PadEnd::Failed(error), at);
        };
        // The pad speaks only when it is asked: what was held until now is no answer to this.
        self.frames.clear();
        self.before = self.frames.heard();
        self.out.push(PadOutput::Send(sent.clone()));
        self.state = State::Running(Running {
            greets: ask.is_none() && matches!(step, Step::Reset),
            fresh: true,
            deadline: at.after_ms(REPLY_MS),
            ask,
            step,
            sent,
        });
    }

    fn finish(&mut self, ask: Option<AskId>, end: PadEnd, at: Tick) {
        if let Some(ask) = ask {
            self.answer(ask, end);
        }
        self.state = State::Idle;
        if let Some((ask, what)) = self.waiting.take() {
            self.start(ask, what, at);
        }
    }

    fn start(&mut self, ask: AskId, what: PadAsk, at: Tick) {
        let ask = Some(ask);
        let job = match what {
            PadAsk::Reset => return self.send(ask, Step::Reset, (command::RESET, &[]), at),
            PadAsk::Directory(directory) => return self.go_to(ask, directory, at),
            PadAsk::LoadKey(load) => Job::Load(load),
            PadAsk::ChooseKey(choose) => Job::Choose(choose),
            PadAsk::Mac(mac) => Job::Mac(mac),
        };
        self.send(ask, Step::Random(Some(job)), (command::RANDOM, &[]), at);
    }

    fn go_to(&mut self, ask: Option<AskId>, directory: Directory, at: Tick) {
        let data = [directory.number()];
        let what = (command::DIRECTORY, &data[..]);
        self.send(ask, Step::Directory(directory), what, at);
    }

    fn frame(&mut self, frame: &PadFrame, at: Tick) {
        let command = match frame {
            PadFrame::Reply(reply) => reply.command,
            PadFrame::Refusal { command, .. } => *command,
        };
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Running(running) if running.step.command() == Some(command) => match frame {
                PadFrame::Reply(reply) => self.done(running, reply, at),
                PadFrame::Refusal { code, .. } => self.refused(running, *code, at),
            },
            // A frame that nobody asked for.
            other @ (State::Down | State::Idle | State::Running(_)) => self.state = other,
        }
    }

    fn done(&mut self, running: Running, reply: &PadReply, at: Tick) {
        let ask = running.ask;
        match running.step {
            Step::Reset if ask.is_some() => {
                self.directory = Directory::ROOT;
                self.finish(ask, PadEnd::Done, at);
            }
            Step::Reset if self.directory == Directory::ROOT => self.look(at),
            Step::Reset => self.go_to(None, self.directory, at),
            Step::Directory(_) if ask.is_none() => self.look(at),
            Step::Directory(directory) => {
                self.directory = directory;
                self.finish(ask, PadEnd::Done, at);
            }
            Step::Random(job) => {
                let mut random = [0; 8];
                random.copy_from_slice(&reply.data);
                match (ask, job) {
                    (Some(ask), Some(job)) => self.wants_code(ask, job, random, at),
                    (ask, _) => self.greeted(ask, at),
                }
            }
            Step::Work(job, random) => self.finish(ask, ended(&job, random, reply), at),
            // No command is under way while a code is waited for.
            Step::Authorise(..) => {}
        }
    }

    /// A device that makes random numbers when it is asked is such a pad.
    fn look(&mut self, at: Tick) {
        self.send(None, Step::Random(None), (command::RANDOM, &[]), at);
    }

    fn greeted(&mut self, ask: Option<AskId>, at: Tick) {
        if !self.told_ready {
            self.told_ready = true;
            self.out.push(PadOutput::Tell(PadEvent::Ready));
        }
        self.finish(ask, PadEnd::Done, at);
    }

    fn wants_code(&mut self, ask: AskId, job: Job, random: [u8; 8], at: Tick) {
        let request = AuthRequest {
            ask,
            key: job.auth_key(),
            fields: job.fields(),
            random,
        };
        self.state = State::Running(Running {
            ask: Some(ask),
            step: Step::Authorise(job, random),
            deadline: at.after_ms(AUTHORISE_MS),
            sent: Zeroizing::default(),
            greets: false,
            fresh: false,
        });
        self.out.push(PadOutput::Tell(PadEvent::Authorise(request)));
    }

    fn refused(&mut self, mut running: Running, code: u8, at: Tick) {
        if code == refusal::BAD_EDC && running.fresh {
            running.fresh = false;
            running.deadline = at.after_ms(REPLY_MS);
            self.out.push(PadOutput::Send(running.sent.clone()));
            self.state = State::Running(running);
            return;
        }
        let error = PadError::Refused(Refusal(code));
        match running.ask {
            Some(ask) => self.finish(Some(ask), PadEnd::Failed(error), at),
            None => self.give_up(error),
        }
    }

    /// What was sent got no answer in time, or nobody made the code.
    fn late(&mut self, at: Tick) {
        let silence = self.silence();
        let State::Running(running) = &mut self.state else {
            return;
        };
        if running.greets {
            running.greets = false;
            running.deadline = at.after_ms(REPLY_MS);
            let sent = running.sent.clone();
            self.out.push(PadOutput::Send(sent));
            return;
        }
        let ask = running.ask;
        if matches!(running.step, Step::Authorise(..)) {
            return self.finish(ask, PadEnd::Failed(PadError::NotAuthorised), at);
        }
        let error = PadError::NoAnswer(silence);
        let Some(ask) = ask else {
            return self.give_up(error);
        };
        self.answer(ask, PadEnd::Failed(error));
        self.greet(at);
    }

    fn give_up(&mut self, why: PadError) {
        self.state = State::Down;
        if let Some((ask, _)) = self.waiting.take() {
            self.answer(ask, PadEnd::Failed(PadError::Gone));
        }
        self.out.push(PadOutput::Reopen(why));
    }

    /// What was heard since the last command.
    fn silence(&self) -> Silence {
        self.frames.silence_since(self.before)
    }
}

/// Reads the reply of a job. The codec let only the manual's lengths through.
fn ended(job: &Job, random: [u8; 8], reply: &PadReply) -> PadEnd {
    let key: AuthKey = job.auth_key();
    let (data, code) = reply.data.split_at(reply.data.len() - 8);
    let block = |bytes: &[u8]| {
        let mut block = [0; 8];
        block.copy_from_slice(bytes);
        block
    };
    let proof = Proof {
        key,
        data: data.to_vec(),
        random,
        code: block(code),
    };
    match job {
        Job::Load(_) => PadEnd::KeyLoaded(proof),
        Job::Choose(_) => PadEnd::KeyChosen(proof),
        Job::Mac(_) => PadEnd::Mac(PadMac(block(data)), proof),
    }
}
