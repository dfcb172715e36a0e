//! The simulated reader's pseudo-terminal and its thread.
//!
//! Owns the line: raw mode before anybody may open it, one descriptor of the host's side kept open (else reading
//! fails when a host closes), a symbolic link as the port's name, and the pulled cable: everything closed, the link
//! gone. A host at another speed is not understood, as on a real line.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::device::{Device, Out};
use super::gempc::GemPc;
use super::pn532::Pn532;
use super::pp60::Pad;
use super::script::{Act, Fault, KeyLife};

/// How long the thread looks at the line before it looks at what people do.
const TURN_MS: i64 = 2;
/// Between two bytes of a drip.
const DRIP: Duration = Duration::from_millis(3);

/// What plays at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A production reader of ID TECH's NEO 2 family.
    Neo2,
    /// A PIN pad of the NL-PP60 kind.
    Pp60,
    /// NXP's PN532, for development only. It knows `tap`, `pull`, `unplug` and `plug`.
    Pn532,
    /// A GemPC Twin with a contact card, for development only. It knows `insert`, `pull`, `fault`, `unplug` and `plug`.
    GemPc,
}

impl Kind {
    /// The speed that such a device has when nobody chose another, in baud.
    pub const fn baud(self) -> u32 {
        match self {
            Self::Neo2 | Self::Pn532 | Self::GemPc => 115_200,
            Self::Pp60 => 9_600,
        }
    }

    /// Says what a device knows instead, when it does not know this.
    const fn lacks(self, act: &Act) -> Option<&'static str> {
        let of_cards = matches!(
            act,
            Act::Tap(_)
                | Act::Insert(_)
                | Act::Swipe(_)
                | Act::Pull
                | Act::Fault(Fault::OtherAmount | Fault::Clear)
                | Act::PinKey(KeyLife::Valid)
                | Act::DataKey(KeyLife::Valid)
        );
        let of_pads = matches!(act, Act::Type(_) | Act::Blank | Act::Fault(Fault::Des));
        match self {
            Self::Neo2 if of_pads => Some("type, blank and fault des are for a PIN pad"),
            Self::Pp60 if of_cards => Some(
                "a PIN pad reads no cards and is given its keys by the host; it knows pin DIGITS, pin cancel, \
                 type HEX, blank, fault NAME, key data|pin absent, tamper, repair, unplug and plug",
            ),
            Self::Neo2 | Self::Pp60 | Self::Pn532 | Self::GemPc => None,
        }
    }
}

/// Reads words that a device of this kind knows.
fn known(kind: Kind, words: &str) -> Result<Act, String> {
    let act = Act::parse(words)?;
    match kind.lacks(&act) {
        Some(known) => Err(known.to_owned()),
        None => Ok(act),
    }
}

/// Where and how the reader is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it is.
    pub kind: Kind,
    /// The port's name, a symbolic link that is made here.
    pub link: PathBuf,
    /// The speed that it understands, in baud.
    pub baud: u32,
}

/// Words of what somebody does, and where to say that it was done or why not.
type Wish = (String, Sender<Result<(), String>>);

/// A running reader. Dropping it pulls the cable for good.
#[derive(Debug)]
pub struct Bench {
    acts: Option<Sender<Wish>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Bench {
    /// Plugs a reader in.
    ///
    /// # Errors
    /// There is no pseudo-terminal, or the link cannot be made.
    pub fn start(options: Options) -> io::Result<Self> {
        let (acts, inbox) = channel();
        let line = Line::plug(&options.link)?;
        let thread = thread::Builder::new()
            .name("sandbox-reader".to_owned())
            .spawn(move || run(&options, line, &inbox))?;
        Ok(Self {
            acts: Some(acts),
            thread: Some(thread),
        })
    }

    /// Does something, as a line of words; returns when it was done.
    ///
    /// # Errors
    /// What is known instead, or that the reader is gone.
    pub fn act(&self, words: &str) -> Result<(), String> {
        let (done, wait) = channel();
        let sent = self
            .acts
            .as_ref()
            .map(|acts| acts.send((words.to_owned(), done)));
        let gone = || Err("the reader's thread has ended".to_owned());
        if !matches!(sent, Some(Ok(()))) {
            return gone();
        }
        wait.recv().unwrap_or_else(|_| gone())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.acts = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A device of any kind.
enum Player {
    Neo2(Box<Device>),
    Pp60(Box<Pad>),
    Pn532(Pn532),
    GemPc(GemPc),
}

impl Player {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Neo2 => Self::Neo2(Box::default()),
            Kind::Pp60 => Self::Pp60(Box::default()),
            Kind::Pn532 => Self::Pn532(Pn532::default()),
            Kind::GemPc => Self::GemPc(GemPc::default()),
        }
    }

    fn hear(&mut self, bytes: &[u8], now: u64) -> Vec<Out> {
        match self {
            Self::Neo2(device) => device.hear(bytes, now),
            Self::Pp60(pad) => pad.hear(bytes, now),
            Self::Pn532(chip) => chip.hear(bytes),
            Self::GemPc(reader) => reader.hear(bytes, now),
        }
    }

    /// Each knows its own words.
    fn act(&mut self, words: &str, now: u64) -> Result<Vec<Out>, String> {
        match self {
            Self::Neo2(device) => Ok(device.act(known(Kind::Neo2, words)?, now)),
            Self::Pp60(pad) => Ok(pad.act(known(Kind::Pp60, words)?, now)),
            Self::Pn532(chip) => chip.act(words),
            Self::GemPc(reader) => reader.act(words),
        }
    }

    fn tick(&mut self, now: u64) -> Vec<Out> {
        match self {
            Self::Neo2(device) => device.tick(now),
            Self::Pp60(pad) => pad.tick(now),
            Self::Pn532(_) | Self::GemPc(_) => Vec::new(),
        }
    }

    /// Hears what the host wrote, if the cable is there and the speed is right.
    fn listens(
        &mut self,
        line: Option<&Line>,
        baud: u32,
        ms: &dyn Fn() -> u64,
    ) -> io::Result<Vec<Out>> {
        let Some(open) = line else {
            return Ok(Vec::new());
        };
        let bytes = open.read()?;
        if bytes.is_empty() || open.speed() != baud {
            return Ok(Vec::new());
        }
        Ok(self.hear(&bytes, ms()))
    }

    /// The cable is back. A card reader has forgotten everything, a PIN pad keeps its keys.
    fn plugged(&mut self) {
        match self {
            Self::Neo2(device) => **device = Device::default(),
            Self::Pp60(pad) => pad.power_up(),
            Self::Pn532(chip) => *chip = Pn532::default(),
            Self::GemPc(reader) => *reader = GemPc::default(),
        }
    }
}

struct Line {
    reader: OwnedFd,
    /// Kept open, never read.
    _host: OwnedFd,
    link: PathBuf,
}

impl Line {
    fn plug(link: &Path) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let reader = openpt(flags)?;
        grantpt(&reader)?;
        unlockpt(&reader)?;
        let name = ptsname(&reader, Vec::new())?;
        let flags =
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let host = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty())?;
        let mut modes = tcgetattr(&host)?;
        modes.make_raw();
        tcsetattr(&host, OptionalActions::Now, &modes)?;
        // A link is put in place whole, so that nobody finds half of it.
        let new = link.with_extension("new");
        std::fs::remove_file(&new).ok();
        symlink(name.to_string_lossy().as_ref(), &new)?;
        std::fs::rename(&new, link)?;
        Ok(Self {
            reader,
            _host: host,
            link: link.to_owned(),
        })
    }

    fn speed(&self) -> u32 {
        tcgetattr(&self.reader).map_or(0, |modes| modes.output_speed())
    }

    /// Returns what the host wrote, after a turn at the latest.
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut fds = [PollFd::new(&self.reader, PollFlags::IN)];
        let turn = Timespec {
            tv_sec: 0,
            tv_nsec: TURN_MS * 1_000_000,
        };
        if poll(&mut fds, Some(&turn))? == 0 {
            return Ok(Vec::new());
        }
        let mut buffer = [0; 4096];
        let count = rustix::io::read(&self.reader, &mut buffer)?;
        Ok(buffer[..count].to_vec())
    }

    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = rustix::io::write(&self.reader, bytes)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        std::fs::remove_file(&self.link).ok();
    }
}

fn run(options: &Options, line: Line, acts: &Receiver<Wish>) -> io::Result<()> {
    let started = now();
    let ms = || u64::try_from(now().duration_since(started).as_millis()).unwrap_or(u64::MAX);
    let mut device = Player::new(options.kind);
    let mut line = Some(line);
    loop {
        let mut out = device.listens(line.as_ref(), options.baud, &ms)?;
        let mut done = None;
        let next = if line.is_some() {
            acts.try_recv()
        } else {
            // Nothing comes on a pulled cable: wait for somebody.
            acts.recv().map_err(|_| TryRecvError::Disconnected)
        };
        match next {
            Ok((words, tell)) => {
                // What the host wrote before somebody did something is heard before it.
                out.extend(device.listens(line.as_ref(), options.baud, &ms)?);
                let acted = device.act(&words, ms());
                done = Some((tell, acted.map(|more| out.extend(more))));
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        out.extend(device.tick(ms()));
        for what in out {
            match (what, &line) {
                (Out::Bytes(bytes), Some(open)) => open.write(&bytes)?,
                (Out::Drip(bytes), Some(open)) => {
                    for byte in bytes {
                        open.write(&[byte])?;
                        thread::sleep(DRIP);
                    }
                }
                (Out::Unplug, _) => line = None,
                (Out::Plug, None) => {
                    device.plugged();
                    line = Some(Line::plug(&options.link)?);
                }
                (Out::Bytes(_) | Out::Drip(_), None) | (Out::Plug, Some(_)) => {}
            }
        }
        if let Some((done, how)) = done {
            // Whoever waits may only go on when the line is as it should be.
            let _ = done.send(how);
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the world outside has a clock of its own"
)]
fn now() -> Instant {
    Instant::now()
}
