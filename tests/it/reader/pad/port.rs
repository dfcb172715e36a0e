//! The pad on pseudo-terminals: `shouyinctl reader info --kind pp60`, wrong ports, speeds and devices, a blocking
//! session, and a host and a pad in Python, written apart.

use std::path::Path;

use serde_json::{Value, json};
use shouyin::card::KeyKind;
use shouyin::reader::pp60::{
    AuthCode, AuthRequest, BAUD, ChooseKey, Directory, KeySystem, MacRequest, MacText, PadAsk,
    PadEnd, PadError, Refusal, Session, SessionError,
};
use shouyin::sim::reader::{Bench, Kind, Options};
use tempfile::TempDir;

use super::super::info::info;
use super::super::peers::Peer;
use super::super::port::SandboxReader;
use super::kit::{self, hex};

fn bench(kind: Kind, link: &Path, baud: u32) -> Bench {
    let link = link.to_owned();
    Bench::start(Options { kind, link, baud }).unwrap()
}

fn right(request: &AuthRequest) -> Option<AuthCode> {
    Some(kit::authorise(request))
}

fn ask(session: &mut Session, what: PadAsk) -> PadEnd {
    session.ask(what, &mut right).unwrap()
}

fn mac(text: &[u8]) -> PadAsk {
    PadAsk::Mac(MacRequest {
        slot: 5,
        system: KeySystem::Session,
        text: MacText::new(text).unwrap(),
    })
}

/// Loads keys, chooses one, and gets a MAC that others made.
fn works(session: &mut Session) {
    for kind in [KeyKind::Pin, KeyKind::Mac] {
        let PadEnd::KeyLoaded(proof) = ask(session, PadAsk::LoadKey(kit::load(kind, 5, 900)))
        else {
            panic!("{kind:?}");
        };
        assert!(kit::is_genuine(&proof), "{kind:?}");
    }
    let system = KeySystem::Session;
    let chosen = ask(session, PadAsk::ChooseKey(ChooseKey { slot: 5, system }));
    assert!(matches!(chosen, PadEnd::KeyChosen(_)), "{chosen:?}");
    for (text, expected) in [(kit::TEXT, kit::TEXT_MAC), (kit::BLOCK, kit::BLOCK_MAC)] {
        let PadEnd::Mac(mac, proof) = ask(session, mac(text)) else {
            panic!("no MAC");
        };
        assert_eq!(mac.bytes()[..], hex(expected));
        assert!(kit::is_genuine(&proof));
    }
    let absent = PadAsk::ChooseKey(ChooseKey { slot: 6, system });
    let absent = ask(session, absent);
    assert_eq!(absent, PadEnd::Failed(PadError::Refused(Refusal(0x61))));
}

#[test]
fn a_session_works_with_the_sandboxs_pad_until_it_is_unplugged() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("pad");
    let bench = bench(Kind::Pp60, &link, BAUD);
    let first = Directory::new(1).unwrap();
    let mut session = Session::open(&link, BAUD, first).unwrap();
    works(&mut session);
    let unauthorised = session.ask(mac(kit::TEXT), &mut |_| None).unwrap();
    assert_eq!(unauthorised, PadEnd::Failed(PadError::NotAuthorised));
    bench.act("fault unplug").unwrap();
    let broken = session.ask(mac(kit::TEXT), &mut right);
    assert!(matches!(broken, Err(SessionError::Port(_))), "{broken:?}");
    assert!(!link.exists());
    bench.act("plug").unwrap();
    // Its keys are still there.
    let mut session = Session::open(&link, BAUD, first).unwrap();
    assert!(matches!(ask(&mut session, mac(kit::TEXT)), PadEnd::Mac(..)));
    for (words, known) in [
        ("tap debit", "a PIN pad reads no cards"),
        ("fault clear", "a PIN pad reads no cards"),
        ("key pin valid", "given its keys by the host"),
    ] {
        let error = bench.act(words).unwrap_err();
        assert!(error.contains(known), "{words}: {error}");
    }
}

#[test]
fn our_session_works_with_a_pad_written_in_python() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("pad");
    let Some(_peer) = start("pp60_device.py", &[link.to_str().unwrap()]) else {
        return;
    };
    let (code, out, err) = info(&link, &["--kind", "pp60"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("directories for keys: 1, 2\n"), "{out}");
    let mut session = Session::open(&link, BAUD, Directory::new(1).unwrap()).unwrap();
    works(&mut session);
    let wrong = session.ask(mac(kit::TEXT), &mut |_| Some(AuthCode([1; 8])));
    let refused = PadEnd::Failed(PadError::Refused(Refusal(0x08)));
    assert_eq!(wrong.unwrap(), refused);
}

/// A peer that needs Python's `cryptography`; none without it.
fn start(name: &str, arguments: &[&str]) -> Option<Peer> {
    let found = std::process::Command::new("python3")
        .args(["-c", "import cryptography"])
        .status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: python3 with the package cryptography is not installed");
        return None;
    }
    let mut peer = Peer::start(name, arguments);
    if name == "pp60_device.py" {
        assert_eq!(peer.line().as_deref(), Some("ready"));
    }
    Some(peer)
}

#[test]
fn reader_info_says_what_pad_is_there_and_what_it_is_not_used_for() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("pad");
    let _bench = bench(Kind::Pp60, &link, BAUD);
    let (code, out, err) = info(&link, &["--kind", "pp60"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let place = link.display();
    assert_eq!(
        out,
        format!(
            "a PIN pad of the NL-PP60 kind answers on {place} at 9600 baud\n\
             directories for keys: 1, 2, 3, 4\nkeys: the pad does not tell\n\
             no PIN is typed on it: it would need digits of the card number, which the terminal never has\n"
        )
    );
    // Asked for a card reader, it is told apart.
    let (code, _, err) = info(&link, &[]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(
        err.contains("a PIN pad of the NL-PP60 kind answers on") && err.contains("--kind pp60"),
        "{err}"
    );
}

#[test]
fn reader_info_tells_a_missing_pad_from_a_wrong_speed_and_another_device() {
    let dir = TempDir::new().unwrap();
    let place = |name: &str| dir.path().join(name);
    let pad = ["--kind", "pp60"];
    let (code, out, err) = info(&place("ttyUSB7"), &pad);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("there is no port"), "{err}");
    let (code, _, err) = info(Path::new("/dev/null"), &pad);
    assert!(
        code == Some(2) && err.contains("is no serial port"),
        "{err}"
    );
    let (code, _, err) = info(&place("any"), &["--kind", "pp6"]);
    assert!(
        code == Some(2) && err.contains("a reader is neo2 or pp60"),
        "{err}"
    );
    // Another speed.
    let slow = place("slow");
    let held = bench(Kind::Pp60, &slow, 19_200);
    let (code, _, err) = info(&slow, &pad);
    assert!(
        code == Some(2) && err.contains("speaks at 19200 baud, not at 9600"),
        "{err}"
    );
    let (code, ..) = info(&slow, &["--kind", "pp60", "--baud", "19200"]);
    assert_eq!(code, Some(0));
    drop(held);
    // Other devices: a card reader, and one that says nothing or something else.
    let reader = place("reader");
    let _reader = bench(Kind::Neo2, &reader, 115_200);
    let (code, _, err) = info(&reader, &pad);
    assert!(
        code == Some(2)
            && err.contains("a NEO 2 card reader answers")
            && err.contains("leave out --kind pp60"),
        "{err}"
    );
    for (say, words) in [
        ("", "is the pad on, and is this its port?"),
        ("$GPGGA,0927*76\r\n", "another device"),
    ] {
        let name = place(&format!("other{}", say.len()));
        let mut other = Peer::start("other_device.py", &[name.to_str().unwrap(), say]);
        other.line();
        let (code, _, err) = info(&name, &pad);
        assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
        assert!(
            err.contains(words) && err.contains("no PIN pad to work with"),
            "{err}"
        );
    }
}

/// Steps of the host, and what it saw.
fn expected() -> Vec<(&'static [&'static str], Value)> {
    let fault = |spoilt: Value| json!({"step": "fault", "spoilt": spoilt, "next": true});
    vec![
        (
            &["info"],
            json!({"step": "info", "directories": [1, 2, 3, 4], "random": true}),
        ),
        (&["bad-edc"], json!({"step": "bad-edc", "error": "0D"})),
        (
            &["lying-length"],
            json!({"step": "lying-length", "reset": "good"}),
        ),
        (&["noise"], json!({"step": "noise", "found": "good"})),
        (
            &["keys"],
            json!({"step": "keys", "mac": "good", "pin": "good", "chosen": "good"}),
        ),
        (&["macs", "90"], json!({"step": "macs", "same": true})),
        (
            &["pin", "1234", "6216261000000000018"],
            json!({"step": "pin", "same": true}),
        ),
        (
            &["pin", "975310864209", "6250948736102942"],
            json!({"step": "pin", "same": true}),
        ),
        (
            &["ends"],
            json!({"step": "ends", "cancelled": "77", "meanwhile": "FF", "reset": "good", "after": "71",
                   "chosen": "good"}),
        ),
        (
            &["refusals"],
            json!({"step": "refusals", "once": true, "twice": "61", "errors": [
                "31", "E1", "08", "08", "61", "82", "62", "61", "72", "65", "62", "74", "01"
            ]}),
        ),
        (&["fault", "bad-crc"], fault(Value::Null)),
        (&["fault", "half"], fault(Value::Null)),
        (&["fault", "silence"], fault(Value::Null)),
        (&["fault", "long-length"], fault(Value::Null)),
        (&["fault", "noise"], fault(json!("good"))),
        (&["fault", "drip"], fault(json!("good"))),
        (
            &["unplug"],
            json!({"step": "unplug", "spoilt": null, "gone": true, "rights": "08", "keys": true}),
        ),
        (
            &["blank"],
            json!({"step": "blank", "locked": "0B", "again": "E1", "work": true, "fixed": true}),
        ),
    ]
}

#[test]
fn a_host_written_in_python_works_with_the_sandboxs_pad() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("pad");
    let mut sandbox = SandboxReader::start_kind(&link, "pp60");
    let expected = expected();
    let steps = expected.iter().flat_map(|(words, _)| words.iter().copied());
    let arguments: Vec<&str> = [link.to_str().unwrap()].into_iter().chain(steps).collect();
    let Some(mut host) = start("pp60_host.py", &arguments) else {
        return;
    };
    let mut seen: Vec<Value> = Vec::new();
    while let Some(line) = host.line() {
        match line.strip_prefix("DO ") {
            Some(act) => {
                sandbox.does(act);
                host.say("done");
            }
            None => seen.push(serde_json::from_str(&line).unwrap()),
        }
    }
    for ((words, expected), seen) in expected.iter().zip(&seen) {
        assert_eq!(expected, seen, "{words:?}");
    }
    assert_eq!(seen.len(), expected.len());
    assert!(host.ended_well());
    sandbox.ends();
    assert!(!link.exists(), "the port is gone");
}
