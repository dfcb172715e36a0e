//! `shouyinctl pin set` as people and scripts use it, and the approval that the stored hash gives.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use shouyin::domain::Tick;
use shouyin::people::{Answer, Approver, Pin, PinHash, Pins, Role};
use tempfile::TempDir;

const PIN: &str = "472913";
const PROGRAM: &str = env!("CARGO_BIN_EXE_shouyinctl");

fn piped(file: &Path, line: &str, more: &[&str]) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(["pin", "set", "--file"])
        .arg(file)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments reads nothing.
    child.stdin.take().unwrap().write_all(line.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn shown(out: &Output) -> String {
    let both = [&out.stdout[..], &out.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn approves(file: &Path, pin: &str) -> bool {
    let hash = PinHash::load(file).unwrap();
    let mut port = Pins::new([(Role::Supervisor, hash)]);
    let pin = Pin::typed(pin).unwrap();
    matches!(
        port.approve(Role::Supervisor, &pin, Tick(0)),
        Answer::Approved(_)
    )
}

#[test]
fn a_pin_from_a_pipe_is_hashed_for_its_owner_only_and_never_shown() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("supervisor.pin");
    let out = piped(
        &file,
        &format!("{PIN}\n"),
        &["--merchant-no", "822100054110001"],
    );
    assert!(out.status.success(), "{}", shown(&out));
    assert!(!shown(&out).contains(PIN));
    assert!(approves(&file, PIN) && !approves(&file, "472914"));
    let stored = std::fs::read_to_string(&file).unwrap();
    assert!(!stored.contains(PIN));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_weak_pin_is_refused_and_the_old_one_stays() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("supervisor.pin");
    assert!(piped(&file, PIN, &[]).status.success());
    let merchant = &["--merchant-no", "822100054110001"][..];
    for (line, why) in [
        ("123456\n", "counts up or down"),
        ("000000\n", "repeats"),
        ("110001\n", "merchant number"),
        ("12345\n", "6 to 12 digits"),
        ("\n", "6 to 12 digits"),
        ("", "6 to 12 digits"),
        (&"9".repeat(500), "6 to 12 digits"),
    ] {
        let out = piped(&file, line, merchant);
        assert!(!out.status.success(), "{line:?}");
        assert!(shown(&out).contains(why), "{line:?}: {}", shown(&out));
        let typed = line.trim();
        assert!(
            typed.is_empty() || !shown(&out).contains(typed),
            "{}",
            shown(&out)
        );
    }
    assert!(approves(&file, PIN));
}

#[test]
fn a_pin_on_the_command_line_is_not_taken() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("supervisor.pin");
    for more in [&["--pin", PIN][..], &[PIN][..]] {
        assert!(!piped(&file, PIN, more).status.success(), "{more:?}");
        assert!(!file.exists());
    }
}

/// What a person sees on a terminal who types these lines.
fn typed(file: &Path, lines: &[&str]) -> (bool, String) {
    let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/unseen.py");
    let out = Command::new("python3")
        .arg(peer)
        .args(lines)
        .args(["--", PROGRAM, "pin", "set", "--file"])
        .arg(file)
        .output()
        .unwrap();
    (out.status.success(), shown(&out))
}

#[test]
fn nothing_typed_on_a_terminal_is_seen_and_it_is_asked_for_twice() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("supervisor.pin");
    let (good, seen) = typed(&file, &[PIN, "472914"]);
    assert!(!good && seen.contains("differ") && !file.exists(), "{seen}");
    let (good, seen) = typed(&file, &[PIN, PIN]);
    assert!(
        good && seen.contains("New PIN:") && seen.contains("Again:"),
        "{seen}"
    );
    assert!(!seen.contains(&PIN[..3]), "{seen}");
    assert!(approves(&file, PIN));
    // Ctrl-C does not end the program with the echo off; the line is refused.
    let (good, seen) = typed(&file, &["12\u{3}345"]);
    assert!(!good && seen.contains("6 to 12 digits"), "{seen}");
}
