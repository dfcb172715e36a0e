//! The scanner: a camera that reads the customer's payment code, kept outside the till's process.
//!
//! ```text
//! till process                                        worker process (`shouyin scan-worker`)
//! Scanner task -- Start/Stop/Quit, stdin pipe ------> camera -> grey frame -> decoders
//!              <- Seen/Preview/Hint/..., stdout pipe -
//! ```
//!
//! Owns the worker's life: a worker that dies, talks nonsense or is silent for two seconds is
//! killed and started again after a pause of 0.5 to 5 seconds. The camera and the third-party
//! decoder, which is C++, run only over there. Texts are
//! recognised here (`code::Scanned`) before they go up; what no scan asked for is dropped. Never
//! decides about money, never logs a text. Runs as one tokio task; ends when its handle is dropped
//! or [`ScannerHandle::shutdown`] is called. Tested in `tests/it/scanner.rs`.

mod camera;
pub mod cli;
pub mod decode;
pub mod frame;
pub mod hint;
mod life;
pub mod source;
mod votes;
pub mod wire;
pub mod worker;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use hint::ScanHint;
pub use wire::Preview;

use crate::code::{CodeTable, Scanned};

/// How to run the worker.
#[derive(Clone, Debug)]
pub struct ScannerConfig {
    /// The program; normally this one (`std::env::current_exe`).
    pub program: PathBuf,
    /// Where frames come from, as in `source.rs`: `camera:/dev/video0`, `folder:DIR` and so on.
    pub source: String,
    /// Tells payment codes from other texts.
    pub table: CodeTable,
    /// Silence after which a worker counts as hung.
    pub silence_max: Duration,
    /// Silence allowed while a worker starts or opens its camera.
    pub opening_max: Duration,
    /// First pause before a restart; it doubles up to `pause_max`.
    pub pause_min: Duration,
    /// Longest pause before a restart.
    pub pause_max: Duration,
}

impl ScannerConfig {
    /// Returns the timings that ship.
    pub fn new(program: PathBuf, source: String, table: CodeTable) -> Self {
        Self {
            program,
            source,
            table,
            silence_max: Duration::from_secs(2),
            opening_max: Duration::from_secs(10),
            pause_min: Duration::from_millis(500),
            pause_max: Duration::from_secs(5),
        }
    }
}

/// What the scanner tells the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanEvent {
    /// A code was read while a scan was on: a payment code, or one of the wrong kind.
    Code(Scanned),
    /// Why nothing is read; repeated about once a second while it holds.
    Hint(ScanHint),
    /// No frames any more, with what, where and what to do. Told once until it is back.
    CameraLost(String),
    /// Frames again.
    CameraBack,
}

/// Starts scanners.
#[derive(Debug)]
pub struct Scanner;

/// A running scanner. Dropping it ends the worker.
#[derive(Debug)]
pub struct ScannerHandle {
    wish: watch::Sender<Wish>,
    previews: watch::Receiver<Option<Preview>>,
    task: JoinHandle<()>,
}

/// What the driver wants now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wish {
    /// Number of the latest scan.
    scan: u64,
    /// Whether it is on.
    on: bool,
    /// Whether everything is to end.
    quit: bool,
}

impl Scanner {
    /// Starts the worker and the task that looks after it. Call inside a tokio runtime.
    pub fn spawn(config: ScannerConfig, events: mpsc::Sender<ScanEvent>) -> ScannerHandle {
        let (wish, wishes) = watch::channel(Wish::default());
        let (preview, previews) = watch::channel(None);
        let task = tokio::spawn(life::supervise(config, wishes, events, preview));
        ScannerHandle {
            wish,
            previews,
            task,
        }
    }
}

impl ScannerHandle {
    /// Begins a new scan. A scan that is on already is replaced, so a code that it told before is
    /// told again.
    pub fn start(&self) {
        self.wish.send_modify(|wish| {
            wish.scan += 1;
            wish.on = true;
        });
    }

    /// Ends the scan; the camera stays warm.
    pub fn stop(&self) {
        self.wish.send_modify(|wish| wish.on = false);
    }

    /// Returns the latest preview of the scan that is on.
    pub fn latest_preview(&self) -> Option<Preview> {
        self.previews.borrow().clone()
    }

    /// Returns a receiver that wakes for every new preview (`None` when a scan ends).
    pub fn previews(&self) -> watch::Receiver<Option<Preview>> {
        self.previews.clone()
    }

    /// Ends the worker and waits until it is gone.
    pub async fn shutdown(self) {
        self.wish.send_modify(|wish| wish.quit = true);
        // A task that panicked is gone as well.
        let _ = self.task.await;
    }
}
