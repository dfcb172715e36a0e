//! `shouyinctl reader info` against the sandbox's reader, wrong ports and other devices.

use std::path::Path;
use std::process::{Command, Output};

use shouyin::sim::reader::{Bench, Kind, Options};
use tempfile::TempDir;

use super::peers::Peer;
use super::port::{Till, bench};

const CTL: &str = env!("CARGO_BIN_EXE_shouyinctl");

pub fn info(port: &Path, more: &[&str]) -> (Option<i32>, String, String) {
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
        kind: Kind::Neo2,
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
