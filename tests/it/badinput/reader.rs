//! A card reader that is not there, is no reader, speaks at another speed, has no key or was opened: words that say
//! what to do, and the till sells by code all the same.

use std::path::Path;

use shouyin::sim::reader::{Bench, Kind, Options};

use super::console::Console;
use super::*;
use crate::acquirer::mode;
use crate::kill::fast;
use crate::reader::peers::Peer;
use crate::reader::port::bench;
use crate::till::{runtime, sandbox};

/// Starts the terminal with this reader, sells by code, and returns what it logged.
fn sells_by_code(dir: &Path, reader: &Path, number: u64, words: &str) -> Ran {
    let cards = dir.join("cards.toml");
    std::fs::write(&cards, format!("[cards]\nreader = {reader:?}\n")).unwrap();
    let mut command = Command::new(SHOUYIN);
    for config in [dir.join("sandbox/terminal.toml"), fast(dir), cards] {
        command.arg("--config").arg(config);
    }
    command.arg("--console").arg("--data").arg(dir.join("data"));
    let mut till = Console::start(&mut command);
    till.wait(&["[keypad] 0.00"]);
    till.logged(words);
    till.type_line(&format!("10.00 2812345{number:011}"));
    till.wait(&["[Paid] 10.00"]);
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.clear();
    ran
}

#[test]
fn a_till_without_a_reader_that_works_says_why_and_sells_by_code() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let place = |name: &str| dir.path().join(name);
    std::fs::write(place("file"), "x").unwrap();
    let slow = Options {
        kind: Kind::Neo2,
        link: place("slow"),
        baud: 38_400,
    };
    let _slow = Bench::start(slow).unwrap();
    let other = |name: &str, says: &str| {
        let mut other = Peer::start("other_device.py", &[place(name).to_str().unwrap(), says]);
        other.line();
        other
    };
    let _silent = other("silent", "");
    let _strange = other("strange", "$GPGGA,092750.000,5321.6802,N*76\r\n");
    let (bare, used, opened) = (place("bare"), place("used"), place("opened"));
    let keys = [bench(&bare), bench(&used), bench(&opened)];
    keys[0].act("key data absent").unwrap();
    keys[1].act("key data used-up").unwrap();
    keys[2].act("tamper").unwrap();
    for (number, (reader, words)) in [
        (place("missing"), "there is no port"),
        (
            place("file"),
            "is no serial port; name the reader's device file",
        ),
        (
            dir.path().to_owned(),
            "is no serial port; name the reader's device file",
        ),
        (
            "/dev/null".into(),
            "is no serial port; name the reader's device file",
        ),
        (
            place("slow"),
            "nothing was heard: is the reader on, and is this its port?",
        ),
        (
            place("silent"),
            "nothing was heard: is the reader on, and is this its port?",
        ),
        (place("strange"), "another speed, or another device"),
        (
            bare,
            "the reader has no key for this; the acquirer must load one",
        ),
        (
            used,
            "the reader's key is used up; the acquirer must load a new one",
        ),
        (opened, "reports tampering; take it out of service"),
    ]
    .into_iter()
    .enumerate()
    {
        let ran = sells_by_code(dir.path(), &reader, number as u64, words);
        let lines = ran.err.lines().filter(|line| line.contains(words));
        let count = lines.count();
        assert!(
            (1..=2).contains(&count),
            "{words} is told {count} times: {ran:#?}"
        );
    }
}

#[test]
fn a_reader_is_spoken_against_only_while_its_key_is_used_up() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let link = dir.path().join("reader");
    let reader = bench(&link);
    reader.act("key data used-up").unwrap();
    let ran = sells_by_code(dir.path(), &link, 50, "used up");
    assert!(ran.err.contains("no card can be taken"), "{ran:#?}");
    reader.act("key data valid").unwrap();
    let ran = sells_by_code(dir.path(), &link, 51, "the card reader answers");
    assert!(!ran.err.contains("no card can be taken"), "{ran:#?}");
}

#[test]
fn reader_info_refuses_what_it_cannot_use() {
    let dir = TempDir::new().unwrap();
    let info = |port: &Path, more: &[&str]| {
        let mut command = Command::new(CTL);
        command
            .args(["reader", "info", "--port"])
            .arg(port)
            .args(more);
        command
    };
    run(&mut info(dir.path(), &[])).refused("shouyinctl", 2, &["is no serial port"]);
    for baud in ["0", "7", "4294967295"] {
        let link = dir.path().join(format!("at{baud}"));
        let _reader = bench(&link);
        let ran = run(&mut info(&link, &["--baud", baud]));
        ran.refused("shouyinctl", 2, &[]);
    }
    for words in ["x", "115200.5", "99999999999"] {
        let ran = run(&mut info(Path::new("/dev/null"), &["--baud", words]));
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.err.contains("--baud"), "{ran:#?}");
    }
    let ran = run(Command::new(CTL).args(["reader", "info"]));
    assert!(
        ran.code == Some(2) && ran.err.contains("--port"),
        "{ran:#?}"
    );
    // Somebody who may not.
    let link = dir.path().join("theirs");
    let _reader = bench(&link);
    open_to_all(dir.path());
    mode(&std::fs::canonicalize(&link).unwrap(), 0o600);
    if is_root() {
        let ran = run_powerless(&info(&link, &[]));
        let words = ["no right to open", "the group that owns it"];
        ran.refused("shouyinctl", 2, &words);
    }
}
