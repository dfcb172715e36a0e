//! One worker after another: starts it, talks to it, notices that it died or hangs, and starts the
//! next.
//!
//! Owns the child process and what is remembered between two of them (the pause, whether the camera
//! is known to be lost, which texts were told). A tokio task; it ends when the handle is gone.
//! Tested in `tests/it/scanner.rs` with workers that die, hang and talk nonsense.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use zeroize::{Zeroize, Zeroizing};

use super::wire::{Frames, Order, Preview, Report, WireError, order_bytes};
use super::{ScanEvent, ScannerConfig, Wish};
use crate::code::Scanned;

/// The same text is not told again within this time.
const SAME_TEXT: Duration = Duration::from_secs(3);
/// Texts remembered for that; more in three seconds do not come from a customer.
const TEXTS_REMEMBERED: usize = 16;
/// A worker that lived this long was well: the next pause is short again.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// Longest wait for a worker to take an order or to end.
const ORDER_WAIT: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 * 1024;

/// Why a worker's life ended.
#[derive(Debug, thiserror::Error)]
enum EndOfLife {
    #[error("the scanner's worker could not be started ({0}); check that the program is installed")]
    NotStarted(io::Error),
    #[error("the scanner's worker ended; it is started again")]
    Gone,
    #[error("the scanner's worker was silent for {0:?} and was killed; it is started again")]
    Silent(Duration),
    #[error("the scanner's worker talked nonsense ({0}) and was killed; it is started again")]
    Nonsense(WireError),
    #[error("the scanner is shut down")]
    Quit,
}

struct Supervisor {
    config: ScannerConfig,
    wishes: watch::Receiver<Wish>,
    events: mpsc::Sender<ScanEvent>,
    preview: watch::Sender<Option<Preview>>,
    lost: bool,
    told: Vec<(Zeroizing<String>, Instant)>,
    told_scan: u64,
}

/// Keeps a worker alive until the handle is gone or asks to end.
pub(super) async fn supervise(
    config: ScannerConfig,
    wishes: watch::Receiver<Wish>,
    events: mpsc::Sender<ScanEvent>,
    preview: watch::Sender<Option<Preview>>,
) {
    let mut pause = config.pause_min;
    let mut supervisor = Supervisor {
        config,
        wishes,
        events,
        preview,
        lost: false,
        told: Vec::new(),
        told_scan: 0,
    };
    loop {
        let born = Instant::now();
        let end = supervisor.life().await;
        supervisor.preview.send_replace(None);
        if matches!(end, EndOfLife::Quit) || supervisor.ended() {
            return;
        }
        tracing::warn!(reason = %end, "scanner worker lost");
        supervisor.camera_lost(end.to_string()).await;
        if born.elapsed() >= WELL_AFTER {
            pause = supervisor.config.pause_min;
        }
        if supervisor.quit_within(pause).await {
            return;
        }
        pause = (pause * 2).min(supervisor.config.pause_max);
    }
}

impl Supervisor {
    /// Runs one worker to its end, whatever that is.
    async fn life(&mut self) -> EndOfLife {
        let mut child = match self.start() {
            Ok(child) => child,
            Err(error) => return EndOfLife::NotStarted(error),
        };
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return EndOfLife::Gone;
        };
        let end = self.talk(stdin, stdout).await;
        // Quit and a closed stdin end a healthy worker by itself; everything else is killed.
        if !matches!(end, EndOfLife::Quit) || timeout(ORDER_WAIT, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
        end
    }

    /// The worker inherits nothing but stderr: no environment, where secrets might be.
    fn start(&self) -> io::Result<Child> {
        Command::new(&self.config.program)
            .args(["scan-worker", "--source", &self.config.source])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
    }

    async fn talk(&mut self, mut stdin: ChildStdin, mut stdout: ChildStdout) -> EndOfLife {
        let mut frames = Frames::default();
        let mut bytes = Zeroizing::new(vec![0; READ_BYTES]);
        let mut silence = self.config.opening_max;
        let mut said = Wish::default();
        let mut wishes = self.wishes.clone();
        loop {
            let wish = *wishes.borrow_and_update();
            if wish != said {
                said = wish;
                if let Err(end) = self.order(&mut stdin, wish).await {
                    return end;
                }
            }
            let read = tokio::select! {
                changed = wishes.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return EndOfLife::Quit,
                },
                read = timeout(silence, stdout.read(&mut bytes)) => read,
            };
            let count = match read {
                Err(_) => return EndOfLife::Silent(silence),
                Ok(Err(_) | Ok(0)) => return EndOfLife::Gone,
                Ok(Ok(count)) => count,
            };
            frames.push(&bytes[..count]);
            bytes[..count].zeroize();
            loop {
                match frames.next_report() {
                    Ok(None) => break,
                    Ok(Some(report)) => silence = self.hear(report, said).await,
                    Err(error) => return EndOfLife::Nonsense(error),
                }
            }
        }
    }

    /// Tells the worker what is wanted now.
    async fn order(&mut self, stdin: &mut ChildStdin, wish: Wish) -> Result<(), EndOfLife> {
        if wish.scan != self.told_scan {
            self.told_scan = wish.scan;
            self.told.clear();
        }
        if !wish.on {
            self.preview.send_replace(None);
            // Nothing is told any more, so no code needs to be remembered; the texts are wiped.
            self.told.clear();
        }
        let order = match wish {
            Wish { quit: true, .. } => Order::Quit,
            Wish { on: true, scan, .. } => Order::Start { scan },
            Wish { on: false, .. } => Order::Stop,
        };
        let bytes = order_bytes(order);
        match timeout(ORDER_WAIT, stdin.write_all(&bytes)).await {
            Ok(Ok(())) if wish.quit => Err(EndOfLife::Quit),
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(EndOfLife::Gone),
            Err(_) => Err(EndOfLife::Silent(ORDER_WAIT)),
        }
    }

    /// Acts on a report; returns how long the worker may be silent now.
    async fn hear(&mut self, report: Report, wish: Wish) -> Duration {
        match report {
            Report::Opening => return self.config.opening_max,
            Report::Ready => self.camera_back().await,
            Report::Seen { scan, text, .. } => {
                // The driver may have ended the scan since; `said` would be too old to know.
                let now = *self.wishes.borrow();
                if now.on && scan == now.scan && self.is_new(&text) {
                    let code = Scanned::read(&text, &self.config.table);
                    self.tell(ScanEvent::Code(code)).await;
                }
            }
            Report::Preview(preview) => {
                if wish.on {
                    self.preview.send_replace(Some(preview));
                }
            }
            Report::Hint(hint) => {
                if wish.on {
                    self.tell(ScanEvent::Hint(hint)).await;
                }
            }
            Report::SourceLost { why } => self.camera_lost(why).await,
            Report::Heartbeat => {}
        }
        self.config.silence_max
    }

    /// Says whether the text was not told in the last seconds, and remembers it.
    fn is_new(&mut self, text: &Zeroizing<String>) -> bool {
        let now = Instant::now();
        self.told
            .retain(|(_, at)| now.duration_since(*at) < SAME_TEXT);
        if self.told.iter().any(|(known, _)| known == text) {
            return false;
        }
        if self.told.len() >= TEXTS_REMEMBERED {
            self.told.remove(0);
        }
        self.told.push((text.clone(), now));
        true
    }

    async fn camera_lost(&mut self, why: String) {
        self.preview.send_replace(None);
        if !self.lost {
            self.lost = true;
            self.tell(ScanEvent::CameraLost(why)).await;
        }
    }

    async fn camera_back(&mut self) {
        if self.lost {
            self.lost = false;
            self.tell(ScanEvent::CameraBack).await;
        }
    }

    /// Waits for room in the driver's inbox. A driver that is gone ends the program anyway.
    async fn tell(&self, event: ScanEvent) {
        let _ = self.events.send(event).await;
    }

    fn ended(&self) -> bool {
        self.wishes.has_changed().is_err() || self.wishes.borrow().quit
    }

    /// Waits before the next worker; says whether the handle went or asked to end meanwhile.
    async fn quit_within(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut wishes = self.wishes.clone();
        loop {
            tokio::select! {
                () = sleep(until.saturating_duration_since(Instant::now())) => return self.ended(),
                changed = wishes.changed() => {
                    if changed.is_err() || wishes.borrow_and_update().quit {
                        return true;
                    }
                }
            }
        }
    }
}
