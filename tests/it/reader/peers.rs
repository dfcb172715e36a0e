//! Outside peers of another language: a host for the sandbox's reader, and a reader for our port.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use shouyin::reader::event::{Ask, AskId, End};
use shouyin::reader::neo2::Tapped;
use shouyin::sim::reader::{Bench, Kind, Options};
use tempfile::TempDir;

use super::port::{SandboxReader, Till};

/// A Python program that talks through its pipes.
pub struct Peer {
    child: std::process::Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Peer {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
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

    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.out.read_line(&mut line).unwrap() > 0).then(|| line.trim().to_owned())
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for its end.
    pub fn ended_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each step of the host, and what it must have seen, by JSON pointer.
const EXPECTED: [(&str, &[(&str, &str)]); 17] = [
    (
        "info",
        &[
            ("/ping", "0"),
            ("/firmware", "\"Sandbox NEO 2 reader 1.0\""),
            ("/ksn", "\"010AFFFF9876543210E00000\""),
        ],
    ),
    ("bad-crc", &[("/status", "4")]),
    ("lying-length", &[("/ping", "0")]),
    ("unknown", &[("/status", "2")]),
    ("timeout", &[("/status", "8")]),
    (
        "tap",
        &[
            ("/status", "35"),
            ("/attribution", "65"),
            ("/tags/9F02", "\"000000000100\""),
            ("/tags/DF52", "\"03\""),
        ],
    ),
    (
        "tap",
        &[
            ("/attribution", "64"),
            ("/tags/9F39", "\"05\""),
            ("/tags/DFEE25", "\"0004\""),
        ],
    ),
    ("complete", &[("/first", "99"), ("/tags/9F27", "\"40\"")]),
    // Nothing to complete.
    ("complete", &[("/first", "11")]),
    (
        "pin",
        &[("/first", "0"), ("/meanwhile", "10"), ("/state", "0")],
    ),
    ("tap", &[("/tags/9F27", "\"00\"")]),
    // The result had a bad checksum.
    ("cancel", &[("/frames", "[\"05 00\"]")]),
    ("tap", &[("/tags/9F02", "\"000000000400\"")]),
    ("cancel", &[("/frames", "[\"05 00\",\"02 23\"]")]),
    ("cancel", &[("/frames", "[\"02 23\",\"05 00\"]")]),
    ("cancel", &[("/frames", "[\"05 00\"]")]),
    ("tap", &[("/tags/9F02", "\"000000000800\"")]),
];

const STEPS: [&str; 50] = [
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

/// Lets the host play its steps with the sandbox program as people start it; returns what the host saw.
fn play() -> Vec<serde_json::Value> {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let mut sandbox = SandboxReader::start(&link);
    let arguments = [&[link.to_str().unwrap()][..], &STEPS].concat();
    let mut host = Peer::start("neo2_host.py", &arguments);
    let mut seen = Vec::new();
    while let Some(line) = host.line() {
        match line.strip_prefix("DO ") {
            Some(act) => {
                sandbox.does(act);
                host.say("done");
            }
            None => seen.push(serde_json::from_str(&line).unwrap()),
        }
    }
    assert!(host.ended_well());
    sandbox.ends();
    assert!(!link.exists(), "the port is gone");
    seen
}

#[test]
fn a_host_written_in_python_works_with_the_sandboxs_reader() {
    let seen = play();
    let told: Vec<(&str, String)> = EXPECTED
        .iter()
        .zip(&seen)
        .map(|((_, keys), step)| {
            let values: Vec<String> = keys
                .iter()
                .map(|(key, _)| {
                    step.pointer(key)
                        .map_or_else(String::new, ToString::to_string)
                })
                .collect();
            (step["step"].as_str().unwrap(), values.join(" "))
        })
        .collect();
    let expected: Vec<(&str, String)> = EXPECTED
        .iter()
        .map(|(step, keys)| {
            let values: Vec<&str> = keys.iter().map(|(_, value)| *value).collect();
            (*step, values.join(" "))
        })
        .collect();
    assert_eq!(told, expected);
    assert_eq!(seen.len(), EXPECTED.len());
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

/// libnfc opens the sandbox's PN532, lists the card, and finds none when it was taken away.
#[test]
fn nfc_list_finds_the_card_of_the_sandboxs_pn532() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let bench = Bench::start(Options {
        kind: Kind::Pn532,
        link: link.clone(),
        baud: 115_200,
    })
    .unwrap();
    let list = || {
        Command::new("nfc-list")
            .env(
                "LIBNFC_DEFAULT_DEVICE",
                format!("pn532_uart:{}:115200", link.display()),
            )
            .output()
    };
    bench.act("tap debit").unwrap();
    let Ok(found) = list() else {
        println!("skipped: nfc-list (Debian package libnfc-bin) is not installed");
        return;
    };
    let shown = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(
        found.status.success(),
        "{shown} {}",
        String::from_utf8_lossy(&found.stderr)
    );
    for word in [
        "opened",
        "1 ISO14443A passive target(s) found",
        "08  a1  b2  c3",
        "75  77  81  02  80",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    bench.act("pull").unwrap();
    let none = String::from_utf8_lossy(&list().unwrap().stdout).into_owned();
    assert!(none.contains("opened") && !none.contains("found"), "{none}");
    assert!(bench.act("pin 1234").unwrap_err().contains("a PN532 knows"));
}
