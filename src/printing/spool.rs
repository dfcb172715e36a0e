//! Queue file and machine together, under one law: a record is on the disk before the command that follows from it.
//!
//! Owns the open file, what is queued from the journal, and what follows when the file fails: a full disk is waited
//! for, anything else sets the file aside and begins a new one behind the journal's last row, so that no slip comes out
//! twice without a mark. Nothing here ever stops a sale. Driven by the printer's thread, and by the simulator.

use tracing::{error, info, warn};

use super::job::{Copy, Job, Kind, NewJob};
use super::machine::{Command, Event, Rules, State, step};
use super::store::{PrintStore, StoreConfig, StoreError};
use crate::domain::{OperatorNo, Tick, Timestamp};
use crate::view::PrinterNote;

/// A queue that cannot be opened is tried again after this.
const REOPEN_MS: u64 = 20_000;

/// Something of the journal that has a slip: a sale that was paid, money that went back, a closed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which slip.
    pub kind: Kind,
    /// Who stood at the till.
    pub operator: OperatorNo,
    /// When it ended.
    pub at: Timestamp,
}

/// The journal could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal could not be read: {0}")]
pub struct SourceError(pub String);

/// The journal, as the queue reads it. Only what is durable there is ever returned.
pub trait Source {
    /// Returns the number of the last row.
    ///
    /// # Errors
    /// [`SourceError`].
    fn head(&mut self) -> Result<u64, SourceError>;

    /// Returns what ended behind a row, and the last row that was looked at; the same row when there is none behind it.
    ///
    /// # Errors
    /// [`SourceError`].
    fn ended_after(&mut self, row: u64) -> Result<(u64, Vec<Ended>), SourceError>;
}

/// The queue of one printer.
pub struct Spool {
    config: StoreConfig,
    rules: Rules,
    copies: Vec<Copy>,
    store: Option<PrintStore>,
    machine: State,
    /// What happened to a job and could not be stored yet.
    owed: Option<Event>,
    anew: bool,
    reopen: Tick,
}

/// What is printed of a slip: for a settlement one piece of paper, which is the shop's; nothing where nothing is
/// printed by itself.
const fn copies_of<'a>(kind: &Kind, copies: &'a [Copy]) -> &'a [Copy] {
    if kind.is_of_a_settlement() && !copies.is_empty() {
        &[Copy::Merchant]
    } else {
        copies
    }
}

impl Spool {
    /// Opens the queue and reads what ended since it was last read. What cannot be opened is begun anew or tried again.
    pub fn open(
        config: StoreConfig,
        rules: Rules,
        copies: &[Copy],
        source: &mut dyn Source,
        now: Tick,
    ) -> Self {
        let mut spool = Self {
            config,
            rules,
            copies: copies.to_vec(),
            store: None,
            machine: State::default(),
            owed: None,
            anew: false,
            reopen: now,
        };
        spool.mend(source, now);
        spool.read_journal(source, now);
        spool
    }

    /// Something may have ended: what is durable in the journal and has a slip is queued, once.
    pub fn look(&mut self, source: &mut dyn Source, now: Tick) -> Option<Command> {
        self.mend(source, now);
        self.read_journal(source, now);
        self.tell(Event::TimePassed, source, now)
    }

    /// Queues what a person asked for. False when it cannot be queued now.
    pub fn submit(&mut self, job: NewJob, source: &mut dyn Source, now: Tick) -> bool {
        self.mend(source, now);
        // A person who asks has seen the notice.
        self.anew = false;
        let added = match &mut self.store {
            Some(store) => store.add(&[job], None),
            None => return false,
        };
        match added {
            Ok(()) => {
                self.refresh(source, now);
                true
            }
            Err(problem) => {
                self.failed(&problem, source, now);
                false
            }
        }
    }

    /// Takes what happened to the printer; returns what is to be done next.
    pub fn tell(&mut self, event: Event, source: &mut dyn Source, now: Tick) -> Option<Command> {
        self.mend(source, now);
        // A job whose end is not stored is still under way for the machine, so only time can have passed since.
        let event = self.owed.take().unwrap_or(event);
        self.turn(event, source, now)
    }

    /// Returns when [`Event::TimePassed`] is to be told; none while an answer of the printer is awaited.
    pub fn due(&self) -> Option<Tick> {
        if self.store.is_none() || self.owed.is_some() {
            return Some(self.reopen);
        }
        self.machine.due(&self.rules)
    }

    /// Returns what a person is told.
    pub fn note(&self) -> PrinterNote {
        PrinterNote {
            present: true,
            trouble: self.machine.trouble(),
            waiting: self.machine.waiting(),
            anew: self.anew,
            broken: self.store.is_none(),
        }
    }

    /// Returns the job that is printed next, or is being printed.
    pub const fn head(&self) -> Option<&Job> {
        self.machine.head()
    }

    /// Returns the file, for tests and the simulator.
    pub const fn store(&self) -> Option<&PrintStore> {
        self.store.as_ref()
    }

    fn turn(&mut self, event: Event, source: &mut dyn Source, now: Tick) -> Option<Command> {
        let turn = step(&self.machine, event.clone(), now, &self.rules);
        if let Some(record) = turn.record {
            let stored = match &mut self.store {
                Some(store) => store.record(record),
                // The file was taken away; the machine went with it and expects nothing.
                None => return None,
            };
            if let Err(problem) = stored {
                self.owed = Some(event);
                self.failed(&problem, source, now);
                return None;
            }
        }
        self.machine = turn.next;
        if turn.record.is_some() {
            self.refresh(source, now);
        }
        turn.command
    }

    fn read_journal(&mut self, source: &mut dyn Source, now: Tick) {
        while let Some(store) = &mut self.store {
            let found = store.seen().map(|seen| (seen, source.ended_after(seen)));
            let (seen, read) = match found {
                Ok(found) => found,
                Err(problem) => return self.failed(&problem, source, now),
            };
            let (last, ended) = match read {
                Ok(read) => read,
                Err(problem) => return warn!(%problem, "slips are queued later"),
            };
            if last <= seen {
                return;
            }
            let jobs: Vec<NewJob> = ended
                .iter()
                .flat_map(|ended| {
                    copies_of(&ended.kind, &self.copies)
                        .iter()
                        .map(|copy| NewJob {
                            kind: ended.kind.clone(),
                            copy: *copy,
                            reprint: false,
                            operator: Some(ended.operator.clone()),
                            at: ended.at,
                        })
                })
                .collect();
            if let Err(problem) = store.add(&jobs, Some(last)) {
                return self.failed(&problem, source, now);
            }
            if !jobs.is_empty() {
                self.refresh(source, now);
            }
        }
    }

    /// Tells the machine how the queue stands.
    fn refresh(&mut self, source: &mut dyn Source, now: Tick) {
        let Some(store) = &self.store else { return };
        match store.queue() {
            Ok((head, waiting)) => {
                let turn = step(&self.machine, Event::Queue(head, waiting), now, &self.rules);
                self.machine = turn.next;
            }
            Err(problem) => self.failed(&problem, source, now),
        }
    }

    fn failed(&mut self, problem: &StoreError, source: &mut dyn Source, now: Tick) {
        self.reopen = now.after_ms(REOPEN_MS);
        match problem {
            StoreError::Full { .. } => warn!(%problem, "printing"),
            StoreError::Broken { .. } => {
                error!(%problem, "the print queue is set aside; no sale and no record is touched");
                self.store = None;
                self.owed = None;
                self.machine = State::default();
                if let Err(error) = (self.config.aside)(&self.config.path) {
                    error!(%error, "the print queue could not be set aside");
                    return;
                }
                self.anew = true;
                self.open_file(source, now);
            }
        }
    }

    /// Tries again to open a file that is not open.
    fn mend(&mut self, source: &mut dyn Source, now: Tick) {
        if self.store.is_none() && self.reopen <= now {
            self.reopen = now.after_ms(REOPEN_MS);
            if let Some(problem) = self.open_file(source, now)
                && matches!(problem, StoreError::Broken { .. })
            {
                self.failed(&problem, source, now);
            }
        }
    }

    fn open_file(&mut self, source: &mut dyn Source, now: Tick) -> Option<StoreError> {
        let head = match source.head() {
            Ok(head) => head,
            Err(problem) => {
                warn!(%problem, "the print queue is opened later");
                return None;
            }
        };
        match PrintStore::open(&self.config, head) {
            Ok(store) => {
                info!("the print queue is open");
                self.store = Some(store);
                self.machine = State::default();
                self.refresh(source, now);
                None
            }
            Err(problem) => Some(problem),
        }
    }
}
