//! The ways to a printer: network port, device node, serial line, a queue of CUPS, a file.
//!
//! Owns opening, writing with time limits, and the questions to a printer that can answer. Nothing is kept open between
//! two calls, so a printer that was unplugged is found again by itself.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::escpos::{self, QUESTIONS, REPORT_WHEN_DONE};
use super::output::{Output, Stopped};
use crate::view::PrinterTrouble;

/// No progress for so long: the printer does not take more.
const STUCK: Duration = Duration::from_secs(4);
/// A question is answered within this.
const ANSWER: Duration = Duration::from_millis(1_500);
/// A printer that still prints is asked so often, and after so long each time, whether it came to a stop.
const REPORT_TRIES: u32 = 40;
/// A printer says little beside its answers: reports of its state, and one of the end.
const BYTES_BESIDE_AN_ANSWER: u32 = 64;
/// `lp` hands a job to the local scheduler and ends.
const LP_SECONDS: &str = "30";
/// Exit code of `timeout` (coreutils) when it stopped the program.
const TIMED_OUT: i32 = 124;
const REPORT_WAIT: Duration = Duration::from_millis(250);

/// Where the printer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A TCP port, usually 9100.
    Network(SocketAddr),
    /// A device node such as `/dev/usb/lp0`.
    Device(PathBuf),
    /// A serial line and its speed in bits a second.
    Serial(PathBuf, u32),
    /// A raw queue of CUPS by its name.
    Cups(String),
    /// A file to which every slip is appended.
    File(PathBuf),
}

/// A way that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayOut {
    /// Where.
    pub way: Way,
    /// The printer answers questions on this way (never over CUPS or into a file).
    pub answers: bool,
}

impl WayOut {
    fn can_answer(&self) -> bool {
        let both_ways = match self.way {
            Way::Network(_) | Way::Device(_) | Way::Serial(..) => true,
            Way::Cups(_) | Way::File(_) => false,
        };
        both_ways && self.answers
    }

    fn open(&self) -> Result<Line, PrinterTrouble> {
        let opened = match &self.way {
            Way::Network(address) => {
                TcpStream::connect_timeout(address, STUCK).map(|stream| Line(OwnedFd::from(stream)))
            }
            Way::Device(path) => open_node(path).map(Line),
            Way::Serial(path, speed) => open_node(path).and_then(|fd| {
                let mut set = tcgetattr(&fd)?;
                set.make_raw();
                set.set_speed(*speed)?;
                tcsetattr(&fd, OptionalActions::Now, &set)?;
                Ok(Line(fd))
            }),
            Way::File(path) => {
                let mut options = OpenOptions::new();
                let file: std::io::Result<File> = options.append(true).create(true).open(path);
                file.map(|file| Line(OwnedFd::from(file)))
            }
            Way::Cups(_) => Err(ErrorKind::Unsupported.into()),
        };
        let line = opened.map_err(|error| {
            tracing::debug!(%error, "no way to the printer");
            PrinterTrouble::Offline
        })?;
        rustix::io::ioctl_fionbio(&line.0, true).map_err(|_| PrinterTrouble::Offline)?;
        Ok(line)
    }

    fn print_by_cups(queue: &str, bytes: &[u8]) -> Result<(), Stopped> {
        let offline = |begun| Stopped {
            begun,
            trouble: PrinterTrouble::Offline,
        };
        // A queue that hangs would hold this thread, and with it the end of the program.
        let mut lp = Command::new("timeout")
            .args([LP_SECONDS, "lp", "-d", queue, "-o", "raw", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| offline(false))?;
        let written = lp.stdin.take().map(|mut pipe| pipe.write_all(bytes));
        let ended = lp.wait();
        // `lp` hands a job over as a whole, or not at all.
        match (written, ended) {
            (Some(Ok(())), Ok(status)) if status.success() => Ok(()),
            // It was stopped in the middle: nobody knows.
            (_, Ok(status)) if status.code() == Some(TIMED_OUT) => Err(offline(true)),
            (Some(_) | None, Ok(_) | Err(_)) => Err(offline(false)),
        }
    }
}

fn open_node(path: &Path) -> std::io::Result<OwnedFd> {
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = options
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)?;
    Ok(file.into())
}

impl Output for WayOut {
    fn status(&mut self) -> Option<PrinterTrouble> {
        if matches!(self.way, Way::Cups(_)) {
            return None;
        }
        match self.open() {
            Ok(mut line) if self.can_answer() => line.ask(),
            Ok(_) => None,
            Err(trouble) => Some(trouble),
        }
    }

    fn print(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        if let Way::Cups(queue) = &self.way {
            return Self::print_by_cups(queue, bytes);
        }
        let not_begun = |trouble| Stopped {
            begun: false,
            trouble,
        };
        let mut line = self.open().map_err(not_begun)?;
        if self.can_answer()
            && let Some(trouble) = line.ask()
        {
            return Err(not_begun(trouble));
        }
        let begun = |trouble| Stopped {
            begun: true,
            trouble,
        };
        if let Err(written) = line.write(bytes) {
            let trouble = if self.can_answer() { line.ask() } else { None };
            let trouble = trouble.unwrap_or(PrinterTrouble::Offline);
            return Err(Stopped {
                begun: written > 0,
                trouble,
            });
        }
        if self.can_answer() {
            return line.wait_until_printed().map_err(begun);
        }
        if matches!(self.way, Way::File(_)) && rustix::fs::fsync(&line.0).is_err() {
            return Err(begun(PrinterTrouble::Offline));
        }
        Ok(())
    }
}

/// An open way, non-blocking.
struct Line(OwnedFd);

impl Line {
    fn wait(&self, flags: PollFlags, at_most: Duration) -> bool {
        let mut fds = [PollFd::new(&self.0, flags)];
        let limit = Timespec {
            tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(0),
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        poll(&mut fds, Some(&limit)).is_ok_and(|ready| ready > 0)
    }

    /// Writes everything; on failure returns how many bytes had left.
    fn write(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match rustix::io::write(self.0.as_fd(), &bytes[sent..]) {
                Ok(0) => return Err(sent),
                Ok(count) => sent += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if self.wait(PollFlags::OUT, STUCK) => {}
                Err(_) => return Err(sent),
            }
        }
        Ok(())
    }

    /// Returns the next byte that comes within a time.
    fn read(&mut self, at_most: Duration) -> Option<u8> {
        let mut byte = [0];
        if !self.wait(PollFlags::IN, at_most) {
            return None;
        }
        let read = rustix::io::read(self.0.as_fd(), &mut byte);
        matches!(read, Ok(1)).then_some(byte[0])
    }

    /// Asks the printer how it is: cover and paper, errors, the paper's end.
    fn ask(&mut self) -> Option<PrinterTrouble> {
        self.ask_beside(|_| ())
    }

    /// Asks, and hands over what the printer says beside its answers.
    fn ask_beside(&mut self, mut beside: impl FnMut(u8)) -> Option<PrinterTrouble> {
        for request in QUESTIONS {
            if self.write(&escpos::question(request)).is_err() {
                return Some(PrinterTrouble::Offline);
            }
            let mut answered = false;
            // What says more than this beside the answer is no printer.
            for _ in 0..BYTES_BESIDE_AN_ANSWER {
                let Some(byte) = self.read(ANSWER) else {
                    return Some(PrinterTrouble::Offline);
                };
                match escpos::answer(request, byte) {
                    Ok(None) => {
                        answered = true;
                        break;
                    }
                    Ok(trouble) => return trouble,
                    // Something that was said before.
                    Err(()) => beside(byte),
                }
            }
            if !answered {
                return Some(PrinterTrouble::Offline);
            }
        }
        None
    }

    /// The printer says that everything before its report is on paper, or comes to a stop before.
    fn wait_until_printed(&mut self) -> Result<(), PrinterTrouble> {
        self.write(&REPORT_WHEN_DONE)
            .map_err(|_| PrinterTrouble::Offline)?;
        for _ in 0..REPORT_TRIES {
            if let Some(byte) = self.read(REPORT_WAIT)
                && escpos::is_report(byte)
            {
                // Bits 2 and 3: near the end; 5 and 6: at the end. The paper was there until the last line.
                return Ok(());
            }
            let mut reported = false;
            let trouble = self.ask_beside(|byte| reported |= escpos::is_report(byte));
            if reported {
                return Ok(());
            }
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
        }
        // Older printers know no report; this one says that nothing is wrong.
        Ok(())
    }
}
