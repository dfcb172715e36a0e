//! The machine of one printer and its queue. Pure: an event and a time go in, a record to store and a command come out.
//!
//! Owns when the printer is asked, when a job begins, and what is known of a job whose printing was interrupted. A job
//! is stored as printing before its first byte leaves, so a piece of paper without a mark never comes out twice.

use super::job::{Job, JobId, JobState, Mark};
use crate::domain::Tick;
use crate::view::PrinterTrouble;

/// Waits of one printer, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// First wait after a trouble; each further one doubles it.
    pub retry_ms: u64,
    /// Longest wait after a trouble.
    pub retry_max_ms: u64,
    /// Between two pieces of paper, so that the first can be torn off.
    pub between_ms: u64,
    /// An idle printer is asked so often how it is; never when there is no number.
    pub idle_ms: Option<u64>,
}

impl Rules {
    /// What a shipped terminal does.
    pub const USUAL: Self = Self {
        retry_ms: 1_000,
        retry_max_ms: 5_000,
        between_ms: 800,
        idle_ms: Some(15_000),
    };
}

/// What the printer is doing for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    /// It was asked how it is.
    Asked,
    /// A job is on its way; how far it was before.
    Printing(JobId, JobState),
}

/// What is known of one printer and its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    head: Option<Job>,
    waiting: u64,
    doing: Doing,
    trouble: Option<PrinterTrouble>,
    /// Troubles in a row.
    troubles: u32,
    /// Nothing is begun before.
    next: Tick,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The queue's first job and how many wait, after any change of it.
    Queue(Option<Job>, u64),
    /// The printer answered how it is, or cannot be asked and can be reached.
    Status(Option<PrinterTrouble>),
    /// The printer took every byte and reported no trouble after the last.
    Accepted(JobId),
    /// Not a byte left: paper out, cover open, too hot, jammed or not reachable.
    NotBegun(JobId, PrinterTrouble),
    /// It stopped after bytes had left.
    Stopped(JobId, PrinterTrouble),
    /// The journal proves nothing of what the slip would say.
    Spoilt(JobId),
    /// The journal could not be read; not a byte left.
    Unread(JobId),
    /// Time went by.
    TimePassed,
}

/// What is to be stored before the command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which job.
    pub id: JobId,
    /// Its new state.
    pub state: JobState,
    /// A try begins.
    pub begins: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask the printer how it is.
    Ask,
    /// Print the job with this mark.
    Print(Box<Job>, Mark),
}

/// A turn of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state after it, once `record` is stored.
    pub next: State,
    /// To be stored first. If it cannot be, the turn never happened.
    pub record: Option<Record>,
    /// To be done then.
    pub command: Option<Command>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            head: None,
            waiting: 0,
            doing: Doing::Nothing,
            trouble: None,
            troubles: 0,
            next: Tick(0),
        }
    }
}

impl State {
    /// What keeps the printer from printing.
    pub const fn trouble(&self) -> Option<PrinterTrouble> {
        self.trouble
    }

    /// The job that is printed next, or is being printed.
    pub const fn head(&self) -> Option<&Job> {
        self.head.as_ref()
    }

    /// How many jobs are not on paper yet.
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// When time alone makes something happen; none while an answer is awaited or nothing is to be done.
    pub fn due(&self, rules: &Rules) -> Option<Tick> {
        let idle = self.head.is_none() && rules.idle_ms.is_none();
        (self.doing == Doing::Nothing && !idle).then_some(self.next)
    }

    fn after_trouble(&mut self, trouble: PrinterTrouble, now: Tick, rules: &Rules) {
        let doubled = rules.retry_ms.saturating_mul(1 << self.troubles.min(16));
        self.troubles = self.troubles.saturating_add(1);
        self.trouble = Some(trouble);
        self.doing = Doing::Nothing;
        self.next = now.after_ms(doubled.min(rules.retry_max_ms));
    }

    fn sound(&mut self) {
        self.trouble = None;
        self.troubles = 0;
    }

    /// How far the job that is on its way was before it began.
    const fn before(&self) -> Option<JobState> {
        match self.doing {
            Doing::Printing(_, before) => Some(before),
            Doing::Nothing | Doing::Asked => None,
        }
    }

    fn is_printing(&self, id: JobId) -> bool {
        matches!(self.doing, Doing::Printing(own, _) if own == id)
    }
}

/// One turn. An event about a job that is not being printed changes nothing.
pub fn step(state: &State, event: Event, now: Tick, rules: &Rules) -> Step {
    let mut next = state.clone();
    let mut record = None;
    let mut command = None;
    // A change of the queue alone starts nothing; time does.
    let goes_on = !matches!(event, Event::Queue(..));
    match event {
        Event::Queue(head, waiting) => {
            if next.head.is_none() && head.is_some() && next.trouble.is_none() {
                next.next = next.next.min(now);
            }
            next.head = head;
            next.waiting = waiting;
        }
        Event::Status(answer) if next.doing == Doing::Asked => {
            (record, command) = answered(&mut next, answer, now, rules);
        }
        Event::Accepted(id) if next.is_printing(id) => {
            next.sound();
            next.doing = Doing::Nothing;
            next.next = now.after_ms(rules.between_ms);
            record = Some(record_of(id, JobState::Printed));
        }
        Event::NotBegun(id, trouble) if next.is_printing(id) => {
            record = next.before().map(|before| record_of(id, before));
            next.after_trouble(trouble, now, rules);
        }
        Event::Stopped(id, trouble) if next.is_printing(id) => {
            next.after_trouble(trouble, now, rules);
            record = Some(record_of(id, JobState::MaybePartly));
        }
        Event::Unread(id) if next.is_printing(id) => {
            record = next.before().map(|before| record_of(id, before));
            next.doing = Doing::Nothing;
            next.next = now.after_ms(rules.retry_max_ms);
        }
        Event::Spoilt(id) if next.is_printing(id) => {
            next.doing = Doing::Nothing;
            record = Some(record_of(id, JobState::Cancelled));
        }
        Event::Status(_)
        | Event::Accepted(_)
        | Event::NotBegun(..)
        | Event::Stopped(..)
        | Event::Spoilt(_)
        | Event::Unread(_)
        | Event::TimePassed => {}
    }
    if goes_on && record.is_none() && next.due(rules).is_some_and(|due| due <= now) {
        next.doing = Doing::Asked;
        command = Some(Command::Ask);
    }
    Step {
        next,
        record,
        command,
    }
}

const fn record_of(id: JobId, state: JobState) -> Record {
    Record {
        id,
        state,
        begins: matches!(state, JobState::Printing),
    }
}

/// The printer said how it is: a job begins, or waits.
fn answered(
    next: &mut State,
    answer: Option<PrinterTrouble>,
    now: Tick,
    rules: &Rules,
) -> (Option<Record>, Option<Command>) {
    if let Some(trouble) = answer {
        next.after_trouble(trouble, now, rules);
        return (None, None);
    }
    next.sound();
    let Some(job) = next.head.clone() else {
        next.doing = Doing::Nothing;
        next.next = now.after_ms(rules.idle_ms.unwrap_or(0));
        return (None, None);
    };
    next.doing = Doing::Printing(job.id, job.state);
    let record = record_of(job.id, JobState::Printing);
    let mark = job.mark();
    (Some(record), Some(Command::Print(Box::new(job), mark)))
}
