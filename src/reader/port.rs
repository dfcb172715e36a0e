//! One serial port and its thread: bytes of a real line in and out of the conversation.
//!
//! Owns the port, the pauses between two connections, and the queues. The thread reads for at most 20 ms at a time, so
//! that is how long an ask waits. Ends when its handle is dropped, or when nobody takes events. Outcomes wait for room
//! in the driver's inbox and no further order is taken meanwhile; prompts are dropped then. Never decides what is sent:
//! that is `neo2::Conversation`, which has no clock and no port.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serialport::{DataBits, FlowControl, Parity, StopBits, TTYPort};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use zeroize::{Zeroize, Zeroizing};

use super::event::{Ask, AskId, ReaderError, ReaderEvent};
use super::neo2::{Conversation, Output};
use crate::domain::Tick;
use crate::limits::READER_QUEUE;

/// What a NEO 2 reader speaks when it leaves the factory (guide, section on RS-232), in baud.
pub const BAUD: u32 = 115_200;
/// Longest read, and with it the longest wait of an order.
const READ_MS: u64 = 20;
const READ_BYTES: usize = 4096;
/// The system's words for ENOTTY, as the crate repeats them.
const NO_TERMINAL: &str = "Not a typewriter";

/// Which port, and how patient to be.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// E.g. `/dev/ttyUSB0`, better a stable name below `/dev/serial/by-path`.
    pub path: PathBuf,
    /// Baud; 8 data bits, no parity, 1 stop bit, no flow control.
    pub baud: u32,
    /// First pause before the port is opened again; it doubles up to `pause_max`.
    pub pause_min: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

impl PortConfig {
    /// Returns the timings that ship.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            baud: BAUD,
            pause_min: Duration::from_millis(500),
            pause_max: Duration::from_secs(5),
        }
    }
}

/// Why a port could not be used: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// No such file.
    #[error("there is no port {}; plug the reader in, or name another port", .0.display())]
    Missing(PathBuf),
    /// Not a terminal device.
    #[error("{} is no serial port; name the reader's device file", .0.display())]
    NotAPort(PathBuf),
    /// No right.
    #[error("no right to open {}; the user must be in the group that owns it", .0.display())]
    Forbidden(PathBuf),
    /// Another program has it.
    #[error("another program holds {}; end it, or name another port", .0.display())]
    Held(PathBuf),
    /// Anything else.
    #[error("{} cannot be used ({why}); check cable and port", path.display())]
    Other {
        /// Which port.
        path: PathBuf,
        /// In the words of the system.
        why: String,
    },
}

/// An open port with the clock of its thread.
pub(super) struct Line {
    port: TTYPort,
    started: Instant,
    buffer: Vec<u8>,
}

impl Line {
    /// Opens a port.
    ///
    /// # Errors
    /// [`PortError`] in words for a technician.
    pub(super) fn open(path: &Path, baud: u32) -> Result<Self, PortError> {
        let kind = std::fs::metadata(path).map_err(|error| refusal(path, &error))?;
        if !kind.file_type().is_char_device() {
            return Err(PortError::NotAPort(path.into()));
        }
        let port = serialport::new(path.to_string_lossy(), baud)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .timeout(Duration::from_millis(READ_MS))
            .open_native()
            .map_err(|error| not_opened(path, error))?;
        Ok(Self {
            port,
            started: now(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Milliseconds since the port was opened.
    pub(super) fn tick(&self) -> Tick {
        let ms = now().duration_since(self.started).as_millis();
        Tick(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port.write_all(bytes)
    }

    /// Returns the bytes that are there, after at most [`READ_MS`]; no byte is no error.
    pub(super) fn bytes(&mut self) -> io::Result<&mut [u8]> {
        let count = match self.port.read(&mut self.buffer) {
            // The other side of a pseudo-terminal was closed.
            Ok(0) => return Err(ErrorKind::BrokenPipe.into()),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error),
        };
        Ok(&mut self.buffer[..count])
    }

    /// Lets the conversation hear what is there and what time it is.
    pub(super) fn read(&mut self, talk: &mut Conversation) -> io::Result<Vec<Output>> {
        let bytes = Zeroizing::new(self.bytes()?.to_vec());
        self.buffer[..bytes.len()].zeroize();
        let at = self.tick();
        let mut outputs = talk.hear(&bytes, at);
        if talk.deadline().is_some_and(|deadline| at >= deadline) {
            outputs.extend(talk.tick(at));
        }
        Ok(outputs)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a port's thread has a clock of its own; it decides nothing about money"
)]
fn now() -> Instant {
    Instant::now()
}

fn refusal(path: &Path, error: &io::Error) -> PortError {
    let path = path.to_owned();
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        PortError::Missing(path)
    } else if kind == ErrorKind::PermissionDenied {
        PortError::Forbidden(path)
    } else {
        let why = error.to_string();
        PortError::Other { path, why }
    }
}

fn not_opened(path: &Path, error: serialport::Error) -> PortError {
    match error.kind {
        // What the crate calls no device is a lock of another program (its conversion of EBUSY and of flock).
        serialport::ErrorKind::NoDevice => PortError::Held(path.to_owned()),
        // Everything opened here is a character device; one without a terminal's settings has no other error.
        serialport::ErrorKind::Unknown if error.description == NO_TERMINAL => {
            PortError::NotAPort(path.to_owned())
        }
        serialport::ErrorKind::Unknown
        | serialport::ErrorKind::InvalidInput
        | serialport::ErrorKind::Io(_) => refusal(path, &error.into()),
    }
}

/// What the handle says to the thread.
enum Order {
    Ask(AskId, Ask),
    Quit,
}

/// What must get through even when the queue is full.
#[derive(Debug, Default)]
struct Urgent {
    cancels: Mutex<Vec<AskId>>,
    quit: AtomicBool,
}

impl Urgent {
    fn cancels(&self) -> MutexGuard<'_, Vec<AskId>> {
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread has more orders than it can take; the ask was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reader's queue is full or its thread has ended; nothing was asked")]
pub struct NotAsked;

/// A running port. Dropping it ends the thread.
#[derive(Debug)]
pub struct ReaderHandle {
    orders: SyncSender<Order>,
    urgent: Arc<Urgent>,
    thread: Option<JoinHandle<()>>,
}

impl ReaderHandle {
    /// Starts the thread of a port. Its events go to `events`; the first is `Ready` or `Lost`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(config: PortConfig, events: mpsc::Sender<ReaderEvent>) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(READER_QUEUE);
        let urgent = Arc::new(Urgent::default());
        let mut keeper = Keeper {
            pause: config.pause_min,
            config,
            talk: Conversation::default(),
            events,
            pending: VecDeque::new(),
            told_lost: false,
            urgent: Arc::clone(&urgent),
            cancels: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("reader-port".to_owned())
            .spawn(move || {
                // Either the handle is gone or nobody listens: both are the end.
                let _ = keeper.keep(&inbox);
            })?;
        Ok(Self {
            orders,
            urgent,
            thread: Some(thread),
        })
    }

    /// Asks something; its end comes as an event. Never waits.
    ///
    /// # Errors
    /// [`NotAsked`]: no end will come for this number.
    pub fn ask(&self, ask: AskId, what: Ask) -> Result<(), NotAsked> {
        let order = Order::Ask(ask, what);
        self.orders.try_send(order).map_err(|_| NotAsked)
    }

    /// Cancels a tap or a PIN. Never waits and is never dropped; one that has ended is left as it is.
    pub fn cancel(&self, ask: AskId) {
        let mut cancels = self.urgent.cancels();
        if !cancels.contains(&ask) {
            cancels.push(ask);
        }
    }

    /// Ends the thread and waits until the port is closed, a turn of the thread.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.urgent.quit.store(true, Ordering::Release);
        // Only wakes a thread that waits for orders; with a full queue it does not wait.
        let _ = self.orders.try_send(Order::Quit);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked is gone as well.
            let _ = thread.join();
        }
    }
}

impl Drop for ReaderHandle {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread is to end.
struct Over;

/// Why a line was given up.
enum Fallen {
    Over,
    Broken(io::Error),
    Reader(ReaderError),
}

impl From<io::Error> for Fallen {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Over> for Fallen {
    fn from(Over: Over) -> Self {
        Self::Over
    }
}

struct Keeper {
    config: PortConfig,
    pause: Duration,
    talk: Conversation,
    events: mpsc::Sender<ReaderEvent>,
    pending: VecDeque<ReaderEvent>,
    told_lost: bool,
    urgent: Arc<Urgent>,
    /// Cancels of asks that may still be in the queue.
    cancels: Vec<AskId>,
}

impl Keeper {
    fn keep(&mut self, inbox: &Receiver<Order>) -> Result<(), Over> {
        loop {
            let why = match Line::open(&self.config.path, self.config.baud) {
                Err(error) => error.to_string(),
                Ok(mut line) => match self.live(&mut line, inbox) {
                    Fallen::Over => return Err(Over),
                    Fallen::Broken(error) => {
                        let path = self.config.path.clone();
                        let why = error.to_string();
                        PortError::Other { path, why }.to_string()
                    }
                    Fallen::Reader(error) => {
                        let path = self.config.path.display();
                        format!(
                            "no card reader on {path} at {} baud: {error}",
                            self.config.baud
                        )
                    }
                },
            };
            for output in self.talk.line_down() {
                if let Output::Tell(event) = output {
                    self.tell(event)?;
                }
            }
            if !self.told_lost {
                self.told_lost = true;
                tracing::warn!(reason = %why, "card reader lost");
                self.tell(ReaderEvent::Lost(why))?;
            }
            self.wait(inbox)?;
        }
    }

    /// Talks until the line breaks.
    fn live(&mut self, line: &mut Line, inbox: &Receiver<Order>) -> Fallen {
        let mut outputs = self.talk.line_up(line.tick());
        loop {
            let turned = self
                .act(line, outputs)
                .and_then(|()| self.orders(line, inbox))
                .and_then(|()| Ok(line.read(&mut self.talk)?));
            match turned {
                Ok(next) => outputs = next,
                Err(fallen) => return fallen,
            }
        }
    }

    fn act(&mut self, line: &mut Line, outputs: Vec<Output>) -> Result<(), Fallen> {
        let mut broken = None;
        for output in outputs {
            match output {
                Output::Send(bytes) => {
                    if let Err(error) = line.write(&bytes) {
                        broken = Some(Fallen::Broken(error));
                    }
                }
                Output::Tell(event) => {
                    if matches!(event, ReaderEvent::Ready(_)) {
                        self.pause = self.config.pause_min;
                        self.told_lost = false;
                    }
                    self.tell(event)?;
                }
                Output::Reopen(error) => broken = Some(Fallen::Reader(error)),
            }
        }
        self.deliver()?;
        broken.map_or(Ok(()), Err)
    }

    /// Takes the orders that wait, as long as their ends can be delivered, then the cancels.
    fn orders(&mut self, line: &mut Line, inbox: &Receiver<Order>) -> Result<(), Fallen> {
        self.look_up()?;
        let mut drained = false;
        while self.pending.is_empty() && !drained {
            match inbox.try_recv() {
                Err(TryRecvError::Empty) => drained = true,
                Ok(Order::Quit) | Err(TryRecvError::Disconnected) => return Err(Fallen::Over),
                Ok(Order::Ask(ask, what)) => {
                    let outputs = self.talk.ask(ask, what, line.tick());
                    self.act(line, outputs)?;
                }
            }
        }
        for ask in self.cancels.clone() {
            let outputs = self.talk.cancel(ask, line.tick());
            self.act(line, outputs)?;
        }
        if drained {
            self.cancels.clear();
        }
        Ok(())
    }

    /// Looks at what gets past the queue. Cancels are taken before the orders, so that each finds its ask.
    fn look_up(&mut self) -> Result<(), Over> {
        if self.urgent.quit.load(Ordering::Acquire) || self.events.is_closed() {
            return Err(Over);
        }
        self.cancels.append(&mut self.urgent.cancels());
        Ok(())
    }

    /// Waits before the port is opened again; asks are refused meanwhile.
    fn wait(&mut self, inbox: &Receiver<Order>) -> Result<(), Over> {
        let until = now() + self.pause;
        self.pause = (self.pause * 2).min(self.config.pause_max);
        loop {
            self.look_up()?;
            self.deliver()?;
            let rest = until.saturating_duration_since(now());
            if rest.is_zero() {
                return Ok(());
            }
            if !self.pending.is_empty() {
                // Nobody takes what is told already: nothing more is asked for.
                thread::park_timeout(rest.min(Duration::from_millis(READ_MS)));
                continue;
            }
            match inbox.recv_timeout(rest) {
                // Nothing is under way on a closed line, so there is nothing to cancel.
                Err(RecvTimeoutError::Timeout) => self.cancels.clear(),
                Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return Err(Over),
                Ok(Order::Ask(ask, what)) => {
                    for output in self.talk.ask(ask, what, Tick(0)) {
                        if let Output::Tell(event) = output {
                            self.tell(event)?;
                        }
                    }
                }
            }
        }
    }

    fn tell(&mut self, event: ReaderEvent) -> Result<(), Over> {
        match event {
            // Of what holds now only the latest counts.
            ReaderEvent::Lost(_) | ReaderEvent::Ready(_) => self
                .pending
                .retain(|event| !matches!(event, ReaderEvent::Lost(_) | ReaderEvent::Ready(_))),
            ReaderEvent::Prompt(_) if !self.pending.is_empty() => return Ok(()),
            ReaderEvent::Prompt(_) | ReaderEvent::Answer(_) => {}
        }
        self.pending.push_back(event);
        self.deliver()
    }

    fn deliver(&mut self) -> Result<(), Over> {
        while let Some(event) = self.pending.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Closed(_)) => return Err(Over),
                Err(TrySendError::Full(ReaderEvent::Prompt(_))) => {}
                Err(TrySendError::Full(event)) => {
                    self.pending.push_front(event);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
