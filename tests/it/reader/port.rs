//! The thread of a port against the sandbox's reader on a pseudo-terminal.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use shouyin::domain::Money;
use shouyin::reader::event::{
    Answer, Ask, AskId, End, KeyState, ReaderError, ReaderEvent, TapRequest,
};
use shouyin::reader::neo2::{CardTransaction, ResultError, Tapped};
use shouyin::reader::port::{PortConfig, ReaderHandle};
use shouyin::sim::reader::{Bench, Kind, Options};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::badinput::memory::copies;

const SANDBOX: &str = env!("CARGO_BIN_EXE_shouyin-sandbox");

pub fn bench(link: &Path) -> Bench {
    let options = Options {
        kind: Kind::Neo2,
        link: link.to_owned(),
        baud: 115_200,
    };
    Bench::start(options).unwrap()
}

/// The sandbox's reader as people start it: a program that takes acts line by line.
pub struct SandboxReader {
    child: Child,
    words: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

impl SandboxReader {
    pub fn start(link: &Path) -> Self {
        Self::start_kind(link, "neo2")
    }

    pub fn start_kind(link: &Path, kind: &str) -> Self {
        let mut child = Command::new(SANDBOX)
            .args(["reader", "--kind", kind, "--link"])
            .arg(link)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = child.stdin.take().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(told.next().unwrap().unwrap().starts_with("{\"port\":"));
        Self { child, words, told }
    }

    pub fn does(&mut self, act: &str) {
        writeln!(self.words, "{act}").unwrap();
        assert_eq!(self.told.next().unwrap().unwrap(), "ok", "{act}");
    }

    /// It ends with its input.
    pub fn ends(self) {
        let Self {
            mut child, words, ..
        } = self;
        drop(words);
        assert!(child.wait().unwrap().success());
    }
}

/// A port's thread and what it tells.
pub struct Till {
    pub handle: ReaderHandle,
    inbox: mpsc::Receiver<ReaderEvent>,
    runtime: tokio::runtime::Runtime,
    pub next: u64,
}

impl Till {
    pub fn start(link: &Path) -> Self {
        let (events, inbox) = mpsc::channel(8);
        let mut config = PortConfig::new(link.to_owned());
        config.pause_min = Duration::from_millis(1);
        config.pause_max = Duration::from_millis(8);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            handle: ReaderHandle::spawn(config, events).unwrap(),
            inbox,
            runtime: runtime.enable_time().build().unwrap(),
            next: 0,
        }
    }

    fn event(&mut self) -> ReaderEvent {
        let inbox = &mut self.inbox;
        let event = self
            .runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await });
        event
            .expect("an event within 20 s")
            .expect("the port lives")
    }

    pub fn ready(&mut self) {
        loop {
            match self.event() {
                ReaderEvent::Ready(info) => {
                    assert!(matches!(info.data_key, KeyState::Valid(Some(_))));
                    return;
                }
                ReaderEvent::Lost(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn lost(&mut self) -> String {
        match self.event() {
            ReaderEvent::Lost(why) => why,
            other => panic!("{other:?}"),
        }
    }

    pub fn tap(&mut self, fen: u64) -> AskId {
        self.next += 1;
        let ask = AskId(self.next);
        let request = TapRequest {
            amount: Money::from_fen(fen).unwrap(),
            kind: CardTransaction::Sale,
            timeout_s: 60,
        };
        self.handle.ask(ask, Ask::Tap(request)).unwrap();
        ask
    }

    pub fn end(&mut self, ask: AskId) -> End {
        loop {
            match self.event() {
                ReaderEvent::Answer(Answer { ask: of, end }) if of == ask => return end,
                ReaderEvent::Prompt(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_card_goes_through_the_port_and_a_cancel_stops_the_next() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let bench = bench(&link);
    let mut till = Till::start(&link);
    till.ready();
    let ask = till.tap(1_999);
    bench.act("insert credit").unwrap();
    let End::Tap(Tapped::Online(card)) = till.end(ask) else {
        panic!("online");
    };
    assert_eq!(card.masked.to_string(), "625094******2942");
    bench.act("pull").unwrap();
    let ask = till.tap(1_999);
    till.handle.cancel(ask);
    assert_eq!(till.end(ask), End::Cancelled);
    // Pulled in the middle of a result.
    bench.act("fault unplug").unwrap();
    let ask = till.tap(2_000);
    bench.act("tap debit").unwrap();
    assert_eq!(till.end(ask), End::Failed(ReaderError::Gone));
    assert!(till.lost().contains("check cable and port"));
    till.next += 1;
    let ask = AskId(till.next);
    till.handle.ask(ask, Ask::Info).unwrap();
    assert_eq!(till.end(ask), End::Failed(ReaderError::Gone));
    bench.act("plug").unwrap();
    till.ready();
    till.handle.shutdown();
}

/// Row 32 of the failure matrix, for the port: a tap and a pulled cable a thousand times each, and nothing grows.
#[test]
fn row_32_a_thousand_unplugs_and_a_thousand_taps_without_growth() {
    // A process of its own, so that other tests' threads and files are not counted.
    let program = std::env::current_exe().unwrap();
    let out = Command::new(program)
        .args(["--exact", "reader::port::soak", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&out.stdout);
    println!("{shown}");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(shown.contains("1000 unplugs and 1000 taps"), "{shown}");
}

/// Threads, open files and resident memory in KiB of this process.
fn size() -> (usize, usize, u64) {
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let memory = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (count("/proc/self/task"), count("/proc/self/fd"), memory)
}

#[test]
#[ignore = "run by its parent in a process of its own"]
fn soak() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let bench = bench(&link);
    let mut till = Till::start(&link);
    till.ready();
    let replug = |till: &mut Till| {
        bench.act("unplug").unwrap();
        till.lost();
        bench.act("plug").unwrap();
        till.ready();
    };
    let tap = |till: &mut Till, fen: u64| {
        let ask = till.tap(fen);
        bench.act("tap debit").unwrap();
        let end = till.end(ask);
        assert!(matches!(&end, End::Tap(Tapped::Online(card)) if card.amount.minor() == fen));
    };
    for fen in 1..=50 {
        replug(&mut till);
        tap(&mut till, fen);
    }
    let before = size();
    for _ in 0..1_000 {
        replug(&mut till);
    }
    let between = size();
    for fen in 1..=1_000 {
        tap(&mut till, fen);
    }
    let after = size();
    println!(
        "1000 unplugs and 1000 taps: {before:?}, {between:?}, {after:?} (threads, files, KiB)"
    );
    assert_eq!((before.0, before.1), (between.0, between.1));
    assert_eq!((before.0, before.1), (after.0, after.1));
    assert!(
        after.2 < before.2 + 1_024,
        "memory grew: {before:?} {after:?}"
    );
    till.handle.shutdown();
    assert_eq!(size().0, before.0 - 1, "the port's thread has ended");
}

#[test]
fn a_driver_that_does_not_listen_loses_no_end_and_stops_nothing() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let bench = bench(&link);
    let (events, mut inbox) = mpsc::channel(1);
    let handle = ReaderHandle::spawn(PortConfig::new(link.clone()), events).unwrap();
    // The only place is taken by `Ready`; the ends of these asks wait, and the queue fills.
    let mut asked = 0;
    while handle.ask(AskId(asked), Ask::Info).is_ok() {
        asked += 1;
        bench.act("pull").unwrap();
        if asked > 1_000 {
            break;
        }
    }
    let mut ended = Vec::new();
    while ended.len() < usize::try_from(asked).unwrap() {
        if let ReaderEvent::Answer(answer) = inbox.blocking_recv().unwrap() {
            ended.push(answer.ask.0);
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, (0..asked).collect::<Vec<_>>());
    // With everything full again, a cancel does not wait and the end of the thread does not either.
    let mut asked = 2_000;
    while handle.ask(AskId(asked), Ask::Info).is_ok() {
        asked += 1;
        bench.act("pull").unwrap();
    }
    handle.cancel(AskId(2_000));
    handle.shutdown();
    // A driver that goes away ends the thread, too.
    let (events, inbox) = mpsc::channel(1);
    let handle = ReaderHandle::spawn(PortConfig::new(link.clone()), events).unwrap();
    drop(inbox);
    handle.shutdown();
}

/// Half a process: takes card data in clear three times, then waits to be looked at.
#[test]
#[ignore = "run by its parent, which reads this process's memory"]
fn refuses_clear_data() {
    let link = PathBuf::from(std::env::var_os("READER_LINK").unwrap());
    let mut till = Till::start(&link);
    till.ready();
    for fen in 1..=3 {
        let ask = till.tap(fen);
        let end = till.end(ask);
        assert!(
            matches!(
                &end,
                End::Failed(ReaderError::Result(ResultError::Clear(_)))
            ),
            "{end:?}"
        );
    }
    println!("refused three times");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// The simulated reader runs in another process, so whatever this one holds came over the line.
#[test]
fn card_data_in_clear_is_refused_and_wiped() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let mut sandbox = SandboxReader::start(&link);
    for act in ["fault clear", "fault clear", "fault clear", "insert credit"] {
        sandbox.does(act);
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "reader::port::refuses_clear_data",
            "--ignored",
            "--nocapture",
        ])
        .env("READER_LINK", &link)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(shown.any(|line| line.unwrap().contains("refused three times")));
    let packed = super::made::hex("6250948736102942");
    let halves: Vec<u8> = packed
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .collect();
    assert_eq!(
        copies(child.id(), &packed),
        0,
        "copies of the number in memory"
    );
    assert_eq!(
        copies(child.id(), &halves),
        0,
        "copies of its digits in memory"
    );
    // The search finds what is there.
    assert!(copies(child.id(), link.to_str().unwrap().as_bytes()) > 0);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    sandbox.ends();
}
