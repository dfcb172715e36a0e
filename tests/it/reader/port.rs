//! The thread of a port against the sandbox's reader on a pseudo-terminal, `shouyinctl reader info`, and outside peers.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use shouyin::domain::Money;
use shouyin::reader::event::{
    Answer, Ask, AskId, End, KeyState, ReaderError, ReaderEvent, TapRequest,
};
use shouyin::reader::neo2::{CardTransaction, Tapped};
use shouyin::reader::port::{PortConfig, ReaderHandle};
use shouyin::sim::reader::{Bench, Options};
use tempfile::TempDir;
use tokio::sync::mpsc;

const CTL: &str = env!("CARGO_BIN_EXE_shouyinctl");
const SANDBOX: &str = env!("CARGO_BIN_EXE_shouyin-sandbox");

fn bench(link: &Path) -> Bench {
    let options = Options {
        link: link.to_owned(),
        baud: 115_200,
    };
    Bench::start(options).unwrap()
}

/// A port's thread and what it tells.
struct Till {
    handle: ReaderHandle,
    inbox: mpsc::Receiver<ReaderEvent>,
    runtime: tokio::runtime::Runtime,
    next: u64,
}

impl Till {
    fn start(link: &Path) -> Self {
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

    fn ready(&mut self) {
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

    fn tap(&mut self, fen: u64) -> AskId {
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

    fn end(&mut self, ask: AskId) -> End {
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
    // A driver that goes away ends the thread.
    drop(inbox);
    handle.shutdown();
}

fn info(port: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let out: Output = Command::new(CTL)
        .args(["reader", "info", "--port"])
        .arg(port)
        .args(more)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn reader_info_says_in_plain_words_what_is_at_a_port() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let bench = bench(&link);
    let (code, out, err) = info(&link, &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let place = link.display();
    assert_eq!(
        out,
        format!(
            "a NEO 2 card reader answers on {place} at 115200 baud\nfirmware: Sandbox NEO 2 reader 1.0\n\
             key for card data: valid, serial number FFFF9876543210E00000\n\
             key for PINs: valid, serial number FFFF9876543210E00000\ncards can be taken\n"
        )
    );
    for (life, words) in [
        (
            "absent",
            "key for card data: absent; the acquirer must load one",
        ),
        (
            "used-up",
            "key for card data: used up; the acquirer must load a new one",
        ),
    ] {
        bench.act(&format!("key data {life}")).unwrap();
        let (code, out, _) = info(&link, &[]);
        assert_eq!(code, Some(1), "{out}");
        assert!(
            out.contains(words) && out.contains("no card can be taken; codes can"),
            "{out}"
        );
    }
    bench.act("key data valid").unwrap();
    bench.act("tamper").unwrap();
    let (code, _, err) = info(&link, &[]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("reports tampering; take it out of service"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn reader_info_tells_wrong_ports_wrong_speeds_and_other_devices_apart() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("ttyUSB7");
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for (port, words) in [
        (missing.as_path(), "there is no port"),
        (&file, "is no serial port; name the reader's device file"),
        (
            Path::new("/dev/null"),
            "is no serial port; name the reader's device file",
        ),
    ] {
        let (code, out, err) = info(port, &[]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(words) && err.lines().count() == 1, "{err}");
    }
    // Another program holds it.
    let link = dir.path().join("reader");
    let held = bench(&link);
    let mut till = Till::start(&link);
    till.ready();
    let (code, _, err) = info(&link, &[]);
    assert!(
        code == Some(2) && err.contains("another program holds"),
        "{err}"
    );
    drop(till);
    drop(held);
    // Another speed.
    let slow = dir.path().join("slow");
    let bench = Bench::start(Options {
        link: slow.clone(),
        baud: 38_400,
    })
    .unwrap();
    let (code, _, err) = info(&slow, &[]);
    assert!(
        code == Some(2) && err.contains("speaks at 38400 baud, not at 115200"),
        "{err}"
    );
    let (code, ..) = info(&slow, &["--baud", "38400"]);
    assert_eq!(code, Some(0));
    drop(bench);
    // A silent device, and one that says other things: a pseudo-terminal of Python's.
    for (say, words) in [
        (
            "",
            "nothing was heard: is the reader on, and is this its port?",
        ),
        (
            "$GPGGA,092750.000,5321.6802,N*76\r\n",
            "another speed, or another device",
        ),
    ] {
        let name = dir.path().join(format!("other{}", say.len()));
        let mut other = Peer::start("other_device.py", &[name.to_str().unwrap(), say]);
        other.line();
        let (code, _, err) = info(&name, &[]);
        assert_eq!(code, Some(2));
        assert!(err.contains(words) && err.lines().count() == 1, "{err}");
    }
}

/// A Python program that talks through its pipes.
struct Peer {
    child: std::process::Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Peer {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/peer")
            .join(name);
        let mut child = Command::new("python3")
            .arg(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.out.read_line(&mut line).unwrap() > 0).then(|| line.trim().to_owned())
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sandbox program as people start it, and a host that another language speaks.
#[test]
fn a_host_written_in_python_works_with_the_sandboxs_reader() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let mut sandbox = Command::new(SANDBOX)
        .args(["reader", "--link"])
        .arg(&link)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = sandbox.stdin.take().unwrap();
    let mut told = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    assert!(told.next().unwrap().unwrap().starts_with("{\"port\":"));
    let steps = [
        "info",
        "bad-crc",
        "lying-length",
        "unknown",
        "timeout",
        "tap",
        "100",
        "tap phone",
        "tap",
        "2500",
        "insert debit",
        "complete",
        "00",
        "complete",
        "00",
        "pin",
        "pin 1234",
        "do",
        "pull",
        "tap",
        "100",
        "tap declines",
        "do",
        "fault bad-crc",
        "do",
        "fault noise",
        "cancel",
        "300",
        "tap debit",
        "tap",
        "400",
        "tap debit",
        "do",
        "fault late",
        "cancel",
        "500",
        "tap debit",
        "do",
        "fault late-first",
        "cancel",
        "600",
        "tap debit",
        "cancel",
        "700",
        "pull",
        "do",
        "fault drip",
        "tap",
        "800",
        "tap credit",
    ];
    let mut host = Peer::start(
        "neo2_host.py",
        &[&[link.to_str().unwrap()][..], &steps].concat(),
    );
    let mut seen: Vec<serde_json::Value> = Vec::new();
    while let Some(line) = host.line() {
        match line.strip_prefix("DO ") {
            Some(act) => {
                writeln!(words, "{act}").unwrap();
                assert_eq!(told.next().unwrap().unwrap(), "ok", "{act}");
                host.say("done");
            }
            None => seen.push(serde_json::from_str(&line).unwrap()),
        }
    }
    assert!(host.child.wait().unwrap().success());
    drop(words);
    assert!(
        sandbox.wait().unwrap().success(),
        "the sandbox ends with its input"
    );
    assert!(!link.exists(), "the port is gone");

    let [
        info,
        crc,
        lying,
        unknown,
        timeout,
        phone,
        chip,
        done,
        again,
        pin,
        declined,
        spoilt,
        noisy,
        late,
        first,
        pulled,
        drip,
    ] = &seen[..]
    else {
        panic!("{seen:?}");
    };
    assert_eq!(info["firmware"], "Sandbox NEO 2 reader 1.0");
    assert_eq!(info["ksn"], "010AFFFF9876543210E00000");
    assert_eq!(
        (&crc["status"], &lying["ping"], &unknown["status"]),
        (&4.into(), &0.into(), &2.into())
    );
    assert_eq!(timeout["status"], 8);
    assert_eq!(
        (&phone["status"], &phone["attribution"]),
        (&0x23.into(), &0x41.into())
    );
    assert_eq!(phone["tags"]["9F02"], "000000000100");
    assert_eq!(phone["tags"]["DF52"], "03");
    assert_eq!(
        (&chip["attribution"], &chip["tags"]["9F39"]),
        (&0x40.into(), &"05".into())
    );
    assert_eq!(done["tags"]["9F27"], "40");
    assert_eq!(again["first"], 0x0B, "nothing to complete");
    assert_eq!(
        (&pin["first"], &pin["meanwhile"], &pin["state"]),
        (&0.into(), &0x0A.into(), &0.into())
    );
    assert_eq!(pin["text"].as_str().unwrap().len(), 36);
    assert_eq!(declined["tags"]["9F27"], "00");
    assert_eq!(
        spoilt["frames"],
        serde_json::json!(["05 00"]),
        "the result had a bad checksum"
    );
    assert_eq!(noisy["tags"]["9F02"], "000000000400");
    assert_eq!(late["frames"], serde_json::json!(["05 00", "02 23"]));
    assert_eq!(first["frames"], serde_json::json!(["02 23", "05 00"]));
    assert_eq!(pulled["frames"], serde_json::json!(["05 00"]));
    assert_eq!(drip["tags"]["9F02"], "000000000800");
}

#[test]
fn our_port_works_with_a_reader_written_in_python() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let mut device = Peer::start("neo2_device.py", &[link.to_str().unwrap()]);
    assert_eq!(device.line().as_deref(), Some("ready"));
    let mut till = Till::start(&link);
    till.ready();
    for fen in [1, 99, 100_000, 999_999_999_999] {
        let ask = till.tap(fen);
        let End::Tap(Tapped::Online(card)) = till.end(ask) else {
            panic!("{fen}");
        };
        assert_eq!(card.amount.minor(), fen);
        assert_eq!(card.masked.to_string(), "621626*********0018");
    }
    till.next += 1;
    let ask = AskId(till.next);
    till.handle.ask(ask, Ask::Info).unwrap();
    assert!(matches!(till.end(ask), End::Info(info) if info.firmware == "PYTHON NEO"));
}
