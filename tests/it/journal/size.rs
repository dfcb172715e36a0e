//! How long a large journal takes to open, and in how much memory. Run by hand:
//! `SHOUYIN_FACTS=1000000 cargo test --release --test it journal::size -- --ignored --nocapture`.

use shouyin::clock::Clock;
use shouyin::domain::{
    BatchNo, Channel, Money, OperatorNo, OrderKind, OrderNo, StartTag, TermNo, TxnId, VoucherNo,
};
use shouyin::payment::{Intent, Outcome, Presentment, Purpose, RequestKind};

use super::*;

/// The facts of one declined sale: four rows of everyday size.
fn sale(number: u64) -> Vec<Fact> {
    let term = TermNo::new("A1234567").unwrap();
    let tag = StartTag::from_random([0; 6]);
    let txn = TxnId::from_parts(1_700_000_000_000 + number, u128::from(number));
    let fact = |kind| Fact {
        at: Timestamp(1_700_000_000_000 + i64::try_from(number).unwrap() * 60_000),
        kind,
    };
    let noted = |about| {
        fact(FactKind::AnswerNoted {
            txn,
            about,
            host_code: "BBS10000".to_owned(),
            digest: "d".repeat(64),
        })
    };
    let host_code = "BBS11184".to_owned();
    vec![
        fact(FactKind::IntentRecorded(Intent {
            txn,
            order_no: OrderNo::build(&term, Epoch::new(1).unwrap(), tag, OrderKind::Sale, number),
            sequence: number,
            voucher: VoucherNo::new(u32::try_from(number % 999_999 + 1).unwrap()).unwrap(),
            batch: BatchNo::new(1).unwrap(),
            amount: Money::from_fen(1_280).unwrap(),
            channel: Channel::Alipay,
            entry: Presentment::Camera,
            operator: OperatorNo::new("01").unwrap(),
            code_tail: "1234".to_owned(),
            code_fingerprint: "f".repeat(64),
            instalments: None,
            card: None,
            purpose: Purpose::Sale,
        })),
        noted(RequestKind::Authorize),
        noted(RequestKind::Inquire),
        fact(FactKind::Closed {
            txn,
            outcome: Outcome::Declined { host_code },
        }),
    ]
}

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// Runs and returns milliseconds and the highest growth of resident memory in KiB.
fn measured<T>(run: impl FnOnce() -> T) -> (T, u64, u64) {
    // Sets the high-water mark back to what is resident now (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let clock = Clock::start();
    let result = run();
    let took = clock.now().tick.0;
    (result, took, status("VmHWM").saturating_sub(before))
}

#[test]
#[ignore = "takes minutes and a gigabyte of disk; run by hand"]
fn a_million_facts_open_in_constant_memory() {
    let wanted: u64 =
        std::env::var("SHOUYIN_FACTS").map_or(1_000_000, |text| text.parse().unwrap());
    let dir = TempDir::new().unwrap();
    let runtime = runtime();
    let (journal, _) = open(&config(dir.path()));
    let clock = Clock::start();
    for first in (1..=wanted / 4).step_by(500) {
        let last = (first + 499).min(wanted / 4);
        let unit = (first..=last).flat_map(sale).collect();
        runtime.block_on(journal.append(unit)).unwrap();
    }
    println!(
        "generated {wanted} facts in {} s",
        clock.now().tick.0 / 1_000
    );
    drop(journal);
    for file in ["journal.db", "copy.log"] {
        let bytes = std::fs::metadata(dir.path().join(file)).unwrap().len();
        println!("{file}: {} MiB", bytes / 1_048_576);
    }
    let limit_kib = 64 * 1_024;
    for what in ["with the note", "without the note"] {
        if what == "without the note" {
            std::fs::remove_file(dir.path().join("journal.checked")).unwrap();
        }
        let ((journal, opened), ms, kib) = measured(|| open(&config(dir.path())));
        println!("open {what}: {ms} ms, {kib} KiB");
        assert_eq!(opened.rows, wanted);
        assert!(kib < limit_kib, "{kib} KiB");
        let (found, ms, kib) = measured(|| checked(&journal));
        println!("check in the background after it: {found:?}, {ms} ms, {kib} KiB");
        assert_eq!(found, Background::Sound);
        assert!(kib < limit_kib, "{kib} KiB");
        drop(journal);
    }
    let database = config(dir.path()).database();
    let copy = dir.path().join("copy.log");
    let (verdict, ms, kib) = measured(|| inspect::verify(&database, Some(&copy)).unwrap());
    println!("shouyinctl journal verify: {ms} ms, {kib} KiB");
    assert!(verdict.is_sound() && verdict.rows == wanted, "{verdict:?}");
    assert!(kib < limit_kib, "{kib} KiB");
    let raw = Connection::open(&database).unwrap();
    let (word, ms, kib): (String, _, _) = measured(|| {
        raw.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .unwrap()
    });
    println!("of that, SQLite's quick_check: {word}, {ms} ms, {kib} KiB");
}
