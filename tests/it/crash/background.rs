//! The check of all records in the background, over a disk that fails meanwhile.

use shouyin::journal::{Background, DirectJournal};

use super::*;

/// Flips a bit of the first fact on the disk.
fn rot(bench: &Bench) {
    let database = bench.config.database();
    let name = database.to_str().unwrap();
    let struck = bench.disk.lock().spoil(name, |bytes| {
        let fact = b"\"fact\":\"";
        let at = bytes.windows(fact.len()).position(|window| window == fact);
        bytes[at.unwrap() + fact.len()] ^= 1;
    });
    assert!(struck);
}

/// Opens over a record that rotted, lets the disk fail at operation `at` of an append, and checks on to the end.
fn check_after_a_failure(bench: &Bench, at: u64) -> Option<Background> {
    bench.disk.lock().format(Plan::Sound);
    assert!(bench.sell().whole);
    rot(bench);
    let (mut journal, opened) = DirectJournal::open(&bench.config).unwrap();
    let whole = bench.expected.heads.len() as u64 - 1;
    assert_eq!(opened.rows, whole, "the start reads on from its note");
    let forever = false;
    bench.disk.lock().arm(Plan::Error { at, forever });
    let stored = journal.append(&[started(2)]);
    let hit = bench.disk.lock().counts().1 >= at;
    bench.disk.lock().arm(Plan::Sound);
    if !hit {
        return None;
    }
    // A service that the failure ended checks nothing any more; its next start does.
    if stored.is_err() {
        return Some(Background::Failed);
    }
    for _ in 0..10 {
        let stands = journal.check_on();
        if stands != Background::Going {
            return Some(stands);
        }
    }
    Some(Background::Going)
}

#[test]
fn a_disk_error_does_not_end_the_check_of_old_records() {
    let bench = Bench::new("background", 2);
    let mut failures = 0;
    for at in 1.. {
        let Some(stands) = check_after_a_failure(&bench, at) else {
            break;
        };
        failures += 1;
        assert_eq!(
            stands,
            Background::Failed,
            "error at operation {at}: the record that rotted was not found"
        );
    }
    assert!(failures > 3, "{failures}");
}
