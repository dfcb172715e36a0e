//! The printer's thread: asks from the driver, turns of the queue, and the slow calls to the printer.
//!
//! Owns the thread and the handle to it. The driver never waits for it: a queue that is full refuses, and what ended is
//! found in the journal at the next look. Ends when the handle is dropped, which waits for the call under way.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::document::{Document, Shop};
use super::escpos;
use super::job::{Copy, Job, Mark, NewJob};
use super::machine::{Command, Event, Rules};
use super::output::{Output, Stopped};
use super::paper::Width;
use super::slip::render;
use super::spool::{Source, SourceError, Spool};
use super::store::StoreConfig;
use crate::domain::Tick;
use crate::limits;
use crate::view::PrinterNote;

/// The journal as slips are read from it.
pub trait Archive: Source + Send {
    /// Returns what a job says; none when the journal proves nothing of its transaction.
    ///
    /// # Errors
    /// [`SourceError`].
    fn document(&mut self, job: &Job) -> Result<Option<Document>, SourceError>;
}

/// How slips look and for whom they are.
#[derive(Clone, Debug)]
pub struct PrinterConfig {
    /// Paper.
    pub width: Width,
    /// What is printed of a sale, in this order.
    pub copies: Vec<Copy>,
    /// What stands on every slip.
    pub shop: Shop,
    /// The printer has a cutter.
    pub cut: bool,
    /// Waits.
    pub rules: Rules,
}

enum Ask {
    Look,
    Queue(NewJob),
}

/// A handle to the printer's thread.
pub struct Printer {
    /// `None` only while the thread is told to end.
    asks: Option<SyncSender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

impl Printer {
    /// Starts the thread, which opens the queue's file in `dir`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn spawn(
        dir: &Path,
        config: PrinterConfig,
        output: Box<dyn Output>,
        archive: Box<dyn Archive>,
        now: impl Fn() -> Tick + Send + 'static,
    ) -> std::io::Result<(Self, watch::Receiver<PrinterNote>)> {
        let (asks, inbox) = sync_channel(limits::PRINT_QUEUE);
        let (notes, told) = watch::channel(PrinterNote::default());
        let file = StoreConfig::new(dir);
        let thread = std::thread::Builder::new()
            .name("printer".to_owned())
            .spawn(move || {
                let mut archive = archive;
                let copies = config.copies.clone();
                let spool = Spool::open(file, config.rules, &copies, &mut *archive, now());
                let mut press = Press {
                    config,
                    output,
                    archive,
                    spool,
                    now,
                };
                press.run(&inbox, &notes);
            })?;
        let printer = Self {
            asks: Some(asks),
            thread: Some(thread),
        };
        Ok((printer, told))
    }

    /// Queues what a person asked for; false when the thread has more to do than it takes.
    pub fn queue(&self, job: NewJob) -> bool {
        self.ask(Ask::Queue(job))
    }

    /// Something ended. When the thread is busy it looks by itself later.
    pub fn look(&self) {
        self.ask(Ask::Look);
    }

    fn ask(&self, ask: Ask) -> bool {
        let asks = self.asks.as_ref();
        asks.is_some_and(|asks| asks.try_send(ask).is_ok())
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the printer's thread had failed");
        }
    }
}

/// An idle queue looks in the journal so often, in case a call was lost.
const LOOK_MS: u64 = 30_000;

struct Press<N> {
    config: PrinterConfig,
    output: Box<dyn Output>,
    archive: Box<dyn Archive>,
    spool: Spool,
    now: N,
}

impl<N: Fn() -> Tick> Press<N> {
    fn run(&mut self, inbox: &Receiver<Ask>, notes: &watch::Sender<PrinterNote>) {
        let mut command = self.spool.look(&mut *self.archive, (self.now)());
        loop {
            while let Some(next) = command.take() {
                self.tell(notes);
                let event = self.obey(next);
                command = self.spool.tell(event, &mut *self.archive, (self.now)());
            }
            self.tell(notes);
            let now = (self.now)();
            let due = self.spool.due().unwrap_or(now.after_ms(LOOK_MS));
            let wait = Duration::from_millis(due.since_ms(now).min(LOOK_MS));
            let ask = inbox.recv_timeout(wait);
            let now = (self.now)();
            let archive = &mut *self.archive;
            match ask {
                Ok(Ask::Queue(job)) => {
                    let what = job.kind.key();
                    if self.spool.submit(job, archive, now) {
                        info!(what, "queued for printing");
                    } else {
                        warn!(what, "not queued for printing");
                    }
                    command = self.spool.tell(Event::TimePassed, archive, now);
                }
                Ok(Ask::Look) => command = self.spool.look(archive, now),
                Err(RecvTimeoutError::Timeout) if due <= now => {
                    command = self.spool.tell(Event::TimePassed, archive, now);
                }
                Err(RecvTimeoutError::Timeout) => command = self.spool.look(archive, now),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn tell(&self, notes: &watch::Sender<PrinterNote>) {
        let note = self.spool.note();
        notes.send_if_modified(|told| {
            let changed = *told != note;
            *told = note;
            changed
        });
    }

    fn obey(&mut self, command: Command) -> Event {
        match command {
            Command::Ask => Event::Status(self.output.status()),
            Command::Print(job, mark) => self.print(&job, mark),
        }
    }

    fn print(&mut self, job: &Job, mark: Mark) -> Event {
        let id = job.id;
        let document = match self.archive.document(job) {
            Ok(Some(document)) => document,
            Ok(None) => {
                error!(job = id.0, "nothing is proven of it, so it has no slip");
                return Event::Spoilt(id);
            }
            Err(problem) => {
                warn!(job = id.0, %problem, "a slip waits");
                return Event::Unread(id);
            }
        };
        let config = &self.config;
        let how = (job.what.copy, mark);
        let who = job.what.operator.as_ref();
        let lines = render(&document, &config.shop, how, who, config.width);
        let bytes = match escpos::encode(&lines, config.width, config.cut) {
            Ok(bytes) => bytes,
            Err(problem) => {
                error!(job = id.0, %problem, "no printer takes this slip");
                return Event::Spoilt(id);
            }
        };
        match self.output.print(&bytes) {
            Ok(()) => {
                let (job, what) = (id.0, job.what.kind.key());
                info!(job, what, copy = how.0.key(), "printed");
                Event::Accepted(id)
            }
            Err(Stopped {
                begun: true,
                trouble,
            }) => Event::Stopped(id, trouble),
            Err(Stopped {
                begun: false,
                trouble,
            }) => Event::NotBegun(id, trouble),
        }
    }
}
