//! The scanner's worker process: camera in, texts out. Started by the till as `shouyin scan-worker
//! --source S`.
//!
//! Owns the camera and the third-party readers. May panic, crash or hang at any time; the till only
//! loses a scan of a second. One thread reads orders from stdin and ends the process when the till
//! is gone; the main thread takes frames, reads codes and writes reports (`wire.rs`). The heartbeat
//! comes from the main thread on purpose: a hung reader or driver falls silent. Never logs a text,
//! never writes to disk. Tested through the real binary in `tests/it/scanner.rs`.
#![allow(
    clippy::disallowed_methods,
    reason = "the worker is a process of its own without a driver to pass time in"
)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::decode::Decoder;
use super::frame::GreyFrame;
use super::hint::{HintFilter, hint};
use super::source::{FrameSource, SourceError, SourceName};
use super::wire::{
    Frames, Order, PREVIEW_HEIGHT_MAX, PREVIEW_WIDTH_MAX, Preview, Report, report_bytes,
};
use crate::limits::PREVIEW_FPS;

/// Time between heartbeats; the till waits for two seconds.
const HEARTBEAT: Duration = Duration::from_millis(400);
/// Time between two tries to open a lost camera.
const REOPEN: Duration = Duration::from_millis(1000);
/// Address space: many times what frames and filters need.
const ADDRESS_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Why the worker ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The source's name is wrong.
    #[error("the scanner's frame source")]
    Source(#[source] SourceError),
    /// The pipe to the till is gone.
    #[error("the pipe to the till")]
    Pipe(#[source] io::Error),
}

/// What the till wants now.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Wish {
    scan: Option<u64>,
}

struct Worker {
    pipe: File,
    wish: Arc<Mutex<Wish>>,
    spoken: Instant,
    previewed: Instant,
    scan: Option<u64>,
    decoder: Decoder,
    filter: HintFilter,
}

/// Runs until the till closes stdin or says so. `source` is a name as in `source.rs`.
///
/// # Errors
/// [`WorkerError`]; the till restarts the worker.
pub fn run(source: &str) -> Result<(), WorkerError> {
    limit_itself();
    let stdout = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(WorkerError::Pipe)?;
    let wish = Arc::new(Mutex::new(Wish { scan: None }));
    let heard = Arc::clone(&wish);
    thread::spawn(move || listen(&heard));
    let mut worker = Worker {
        pipe: File::from(stdout),
        wish,
        spoken: Instant::now(),
        previewed: Instant::now(),
        scan: None,
        decoder: Decoder::new(),
        filter: HintFilter::default(),
    };
    let name = match SourceName::parse(source) {
        Ok(name) => name,
        Err(error) => {
            worker.say(&Report::SourceLost {
                why: error.to_string(),
            })?;
            return Err(WorkerError::Source(error));
        }
    };
    loop {
        let error = worker.session(&name)?;
        worker.say(&Report::SourceLost { why: told(&error) })?;
        worker.rest()?;
    }
}

impl Worker {
    /// Opens the source and works until it is lost.
    fn session(&mut self, name: &SourceName) -> Result<SourceError, WorkerError> {
        self.say(&Report::Opening)?;
        let mut source = match FrameSource::open(name) {
            Ok(source) => source,
            Err(error) => return Ok(error),
        };
        let mut ready = false;
        loop {
            let wish = *self.wish.lock().unwrap_or_else(PoisonError::into_inner);
            self.heed(wish);
            let result = match wish.scan {
                Some(scan) => source.next_frame().map(|frame| Some((scan, frame))),
                None => source.skip_frame().map(|()| None),
            };
            let taken = match result {
                Ok(taken) => taken,
                Err(error) => return Ok(error),
            };
            if !ready {
                ready = true;
                self.say(&Report::Ready)?;
            }
            if self.spoken.elapsed() >= HEARTBEAT {
                self.say(&Report::Heartbeat)?;
            }
            if let Some((scan, frame)) = taken {
                self.work(scan, &frame)?;
            }
        }
    }

    /// Begins or ends a scan when the wish has changed.
    fn heed(&mut self, wish: Wish) {
        if wish.scan != self.scan {
            self.scan = wish.scan;
            self.decoder.forget();
            self.filter = HintFilter::default();
        }
    }

    fn work(&mut self, scan: u64, frame: &GreyFrame) -> Result<(), WorkerError> {
        if self.previewed.elapsed() >= Duration::from_secs(1) / PREVIEW_FPS {
            self.previewed = Instant::now();
            self.say(&Report::Preview(preview(frame)))?;
        }
        let look = self.decoder.next_frame(frame);
        let read = !look.seen.is_empty();
        for seen in look.seen {
            self.say(&Report::Seen {
                scan,
                format: seen.format,
                text: seen.text,
            })?;
        }
        let advice = if read {
            None
        } else {
            hint(frame, look.located)
        };
        if let Some(hint) = self.filter.next(advice) {
            self.say(&Report::Hint(hint))?;
        }
        Ok(())
    }

    /// Waits before the source is opened again, and stays alive for the till.
    fn rest(&mut self) -> Result<(), WorkerError> {
        let begun = Instant::now();
        while begun.elapsed() < REOPEN {
            thread::sleep(HEARTBEAT.min(REOPEN));
            self.say(&Report::Heartbeat)?;
        }
        Ok(())
    }

    fn say(&mut self, report: &Report) -> Result<(), WorkerError> {
        self.spoken = Instant::now();
        self.pipe
            .write_all(&report_bytes(report))
            .map_err(WorkerError::Pipe)
    }
}

/// Reads orders until the till says to end, is gone or talks nonsense; each of these ends the
/// process at once, even when the main thread hangs.
fn listen(wish: &Mutex<Wish>) {
    let mut stdin = io::stdin().lock();
    let mut frames = Frames::default();
    let mut bytes = [0; 512];
    loop {
        match stdin.read(&mut bytes) {
            Ok(0) => process::exit(0),
            Ok(count) => frames.push(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => process::exit(1),
        }
        loop {
            let next = match frames.next_order() {
                Ok(None) => break,
                Ok(Some(Order::Quit)) => process::exit(0),
                Ok(Some(Order::Stop)) => Wish { scan: None },
                Ok(Some(Order::Start { scan })) => Wish { scan: Some(scan) },
                Err(_) => process::exit(1),
            };
            *wish.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
    }
}

/// Bounds the damage of a reader that runs wild. A core dump would hold payment codes, so there is
/// none.
fn limit_itself() {
    let limit = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // A limit that cannot be lowered is no reason not to scan.
    let _ = setrlimit(Resource::As, limit(ADDRESS_BYTES_MAX));
    let _ = setrlimit(Resource::Core, limit(0));
}

fn preview(frame: &GreyFrame) -> Preview {
    let small = frame.thumbnail(PREVIEW_WIDTH_MAX, PREVIEW_HEIGHT_MAX);
    Preview {
        width: small.width(),
        height: small.height(),
        pixels: small.pixels().to_vec(),
    }
}

/// Returns an error with its causes on one line. Decoders repeat the words of their causes; once is enough.
fn told(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(words.trim()) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
