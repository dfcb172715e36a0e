//! The journal against alteration, full disks, torn copies, bad files and a second instance.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use shouyin::domain::{Epoch, Timestamp};
use shouyin::evidence::Digest;
use shouyin::journal::{
    Background, Journal, JournalConfig, JournalError, NoSales, SaleState, inspect, parse_mirror,
};
use shouyin::payment::{Fact, FactKind};
use tempfile::TempDir;

use crate::model::Story;
use crate::world::World;

mod checked;
mod hold;
mod killed;
mod rebuild;
mod size;

fn config(dir: &Path) -> JournalConfig {
    let mut config = JournalConfig::new(dir.to_owned(), dir.join("copy.log"));
    config.reserve_bytes = 64 * 1024;
    config
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn open(config: &JournalConfig) -> (Journal, shouyin::journal::Opened) {
    Journal::open(config.clone()).unwrap()
}

#[test]
fn a_journal_is_closed_when_its_last_handle_is_gone() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path());
    let log = dir.path().join("journal.db-wal");
    for round in 1..=20 {
        let (journal, _) = open(&config);
        let other = journal.clone();
        let stored = runtime().block_on(journal.append(vec![started_again(round)]));
        assert!(stored.is_ok(), "round {round}: {stored:?}");
        drop(journal);
        assert!(
            log.exists(),
            "round {round}: closed although a handle is left"
        );
        drop(other);
        assert!(
            !log.exists(),
            "round {round}: still open after the last drop"
        );
    }
}

/// Waits for the end of the check of all records.
fn checked(journal: &Journal) -> Background {
    runtime().block_on(async {
        loop {
            match journal.background().await.unwrap() {
                Background::Going => tokio::task::yield_now().await,
                ended => return ended,
            }
        }
    })
}

/// The facts of a few sales of every outcome, as the core makes them.
fn facts(sales: u64) -> Vec<Fact> {
    let mut world = World::new(11);
    let stories = [
        Story::Pays,
        Story::Declines,
        Story::NeverDecides,
        Story::FailsAfter(9_000),
    ];
    for number in 0..sales {
        world.story = stories[usize::try_from(number % 4).unwrap()];
        world.sell(100 + number, number);
        let until = world.now_ms + 15 * 60_000;
        world.run_until(until);
    }
    world.facts()
}

fn started() -> Fact {
    started_again(1)
}

fn started_again(epoch: u16) -> Fact {
    let kind = FactKind::Started {
        epoch: Epoch::new(epoch).unwrap(),
        version: "test".to_owned(),
    };
    Fact {
        at: Timestamp(1),
        kind,
    }
}

pub fn filled(dir: &Path, sales: u64) -> u64 {
    let (journal, _) = open(&config(dir));
    let rows = runtime().block_on(async {
        let mut last = 0;
        for fact in facts(sales) {
            last = journal.append(vec![fact]).await.unwrap().last_row;
        }
        last
    });
    drop(journal);
    rows
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let dir = TempDir::new().unwrap();
    let (journal, opened) = open(&config(dir.path()));
    assert_eq!(
        (
            opened.rows,
            opened.counters.epoch,
            opened.counters.next_sequence
        ),
        (0, 0, 1)
    );
    let all = facts(4);
    let intents = all
        .iter()
        .filter(|f| matches!(f.kind, FactKind::IntentRecorded(_)))
        .count();
    runtime().block_on(async {
        journal.append(vec![started()]).await.unwrap();
        journal.append(all.clone()).await.unwrap();
        let recent = journal.recent(3).await.unwrap();
        assert_eq!(recent.len(), 3);
        assert_eq!(recent[0].state, SaleState::Declined);
        assert_eq!(recent[1].state, SaleState::Revoked);
        let totals = journal.today_totals(0, i64::MAX).await.unwrap();
        assert_eq!((totals.count, totals.minor), (1, 100));
    });
    drop(journal);
    let (_journal, opened) = open(&config(dir.path()));
    assert_eq!(opened.rows, all.len() as u64 + 1);
    assert_eq!(opened.counters.epoch, 1);
    assert_eq!(
        opened.counters.next_voucher,
        u32::try_from(intents).unwrap() + 1
    );
    assert!(opened.open.is_empty(), "every sale is closed");
}

#[test]
fn an_open_sale_comes_back_with_all_its_facts() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&config(dir.path()));
    let all = facts(3);
    let cut = all
        .iter()
        .rposition(|f| matches!(f.kind, FactKind::RevokeIntended { .. }))
        .unwrap();
    runtime()
        .block_on(journal.append(all[..=cut].to_vec()))
        .unwrap();
    drop(journal);
    let (_journal, opened) = open(&config(dir.path()));
    let txn = all[cut].txn();
    let expected: Vec<_> = all[..=cut]
        .iter()
        .filter(|fact| fact.txn() == txn)
        .cloned()
        .collect();
    assert_eq!(opened.open, expected);
}

#[test]
fn facts_cannot_be_changed_or_deleted_and_sales_only_move_forward() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 4);
    let database = Connection::open(config(dir.path()).database()).unwrap();
    for sql in [
        "UPDATE fact SET body = x'7b7d' WHERE number = 1",
        "DELETE FROM fact WHERE number = 1",
        "UPDATE sale SET state = 'open' WHERE state = 'paid'",
        "UPDATE sale SET state = 'paid' WHERE state = 'revoked'",
        "UPDATE sale SET amount = 0",
        "UPDATE sale SET amount = 'x'",
        "UPDATE counter SET value = 0 WHERE name = 'sequence'",
    ] {
        assert!(database.execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn one_altered_missing_or_moved_row_is_found_by_its_number() {
    type Alteration = (&'static str, fn(u64) -> String);
    let mutations: [Alteration; 4] = [
        ("altered", |n| {
            format!("UPDATE fact SET body = CAST(body || x'20' AS BLOB) WHERE number = {n}")
        }),
        ("missing", |n| {
            format!("DELETE FROM fact WHERE number = {n}")
        }),
        ("hash", |n| {
            format!("UPDATE fact SET hash = zeroblob(32) WHERE number = {n}")
        }),
        ("swapped", |n| {
            format!(
                "UPDATE fact SET number = -1 WHERE number = {n}; UPDATE fact SET number = {n} \
                 WHERE number = {n} + 1; UPDATE fact SET number = {n} + 1 WHERE number = -1;"
            )
        }),
    ];
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 4);
    let path = config(dir.path()).database();
    let sound = inspect::verify(&path, Some(&dir.path().join("copy.log"))).unwrap();
    assert!(sound.is_sound() && sound.rows == rows, "{sound:?}");
    for (name, sql) in mutations {
        for number in (1..rows).step_by(3) {
            let copy = dir.path().join(format!("{name}-{number}.db"));
            std::fs::copy(&path, &copy).unwrap();
            let database = Connection::open(&copy).unwrap();
            database
                .execute_batch(
                    "PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; \
                     DROP TRIGGER fact_no_update; DROP TRIGGER fact_no_delete;",
                )
                .unwrap();
            database.execute_batch(&sql(number)).unwrap();
            drop(database);
            let verdict = inspect::verify(&copy, None).unwrap();
            assert_eq!(verdict.broken_at, Some(number), "{name} row {number}");
        }
    }
}

#[test]
fn a_cut_off_end_is_found_by_the_second_copy() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 2);
    let path = config(dir.path()).database();
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch("PRAGMA foreign_keys=OFF; DROP TRIGGER fact_no_delete;")
        .unwrap();
    database
        .execute(
            "DELETE FROM fact WHERE number = ?1",
            [i64::try_from(rows).unwrap()],
        )
        .unwrap();
    drop(database);
    let verdict = inspect::verify(&path, Some(&dir.path().join("copy.log"))).unwrap();
    assert_eq!(
        (verdict.broken_at, verdict.mirror_differs_at),
        (None, Some(rows))
    );
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(refused, JournalError::RolledBack { .. }),
        "{refused}"
    );
}

#[test]
fn a_row_put_in_between_is_found() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 1);
    let path = config(dir.path()).database();
    let database = Connection::open(&path).unwrap();
    let sql = "INSERT INTO fact (number, body, hash) VALUES (?1, x'7b7d', zeroblob(32))";
    let number = i64::try_from(rows).unwrap() + 1;
    database.execute(sql, [number]).unwrap();
    drop(database);
    let verdict = inspect::verify(&path, None).unwrap();
    assert_eq!(verdict.broken_at, Some(rows + 1));
    let before = std::fs::read(&path).unwrap();
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Chain { .. }), "{refused}");
    assert_eq!(
        std::fs::read(&path).unwrap(),
        before,
        "the bad file is left alone"
    );
}

#[test]
fn every_constraint_of_the_schema_refuses_what_it_is_for() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 1);
    let database = Connection::open(config(dir.path()).database()).unwrap();
    database.pragma_update(None, "foreign_keys", true).unwrap();
    let sale = |amount: &str, currency: &str, state: &str, order: &str, voucher: &str| {
        format!(
            "INSERT INTO sale (txn, order_no, voucher, batch, amount, currency, channel, operator, \
             state, opened_ms, opened_by) VALUES ('{}', {order}, {voucher}, 1, {amount}, \
             {currency}, 'alipay', '01', '{state}', 1, 2)",
            "0".repeat(32)
        )
    };
    let order = "(SELECT order_no FROM sale LIMIT 1)";
    let refused = [
        sale("0", "156", "open", "'A1'", "1"),
        sale("-1", "156", "open", "'A1'", "1"),
        sale("1000000000000", "156", "open", "'A1'", "1"),
        sale("1.5", "156", "open", "'A1'", "1"),
        sale("1", "840", "open", "'A1'", "1"),
        sale("1", "156", "lost", "'A1'", "1"),
        sale("1", "156", "open", order, "1"),
        sale("1", "156", "open", "''", "1"),
        sale("1", "156", "open", "'A1'", "0"),
        sale("1", "156", "open", "'A1'", "1000000"),
        "INSERT INTO fact (number, body, hash) VALUES (0, x'7b7d', zeroblob(32))".to_owned(),
        "INSERT INTO fact (number, body, hash) VALUES (99, x'7b7d', zeroblob(31))".to_owned(),
        "INSERT INTO fact (number, body, hash) VALUES (99, x'7b', zeroblob(32))".to_owned(),
        "INSERT INTO fact (number, body, hash) VALUES (1, x'7b7d', zeroblob(32))".to_owned(),
        "INSERT INTO outbox VALUES ('00000000000000000000000000000000', 'inquire', 'A', 1)"
            .to_owned(),
        "INSERT INTO counter VALUES ('other', 1)".to_owned(),
        "UPDATE counter SET value = value WHERE name = 'sequence'".to_owned(),
        "UPDATE counter SET value = value - 1 WHERE name = 'batch'".to_owned(),
    ];
    for sql in refused {
        assert!(database.execute(&sql, []).is_err(), "{sql}");
    }
    let sound = sale("1", "156", "open", "'A1'", "1").replace("1, 2)", "1, 1)");
    database
        .execute_batch("DELETE FROM outbox; DELETE FROM sale;")
        .unwrap();
    database.execute(&sound, []).unwrap();
}

#[test]
fn a_number_that_was_stored_is_never_stored_again() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&config(dir.path()));
    let runtime = runtime();
    let all = facts(1);
    runtime.block_on(journal.append(all.clone())).unwrap();
    for _ in 0..3 {
        let again = runtime.block_on(journal.append(all.clone()));
        assert!(again.is_err(), "the same intent twice");
    }
    let appended = runtime.block_on(journal.append(vec![started()])).unwrap();
    drop(journal);
    let (_journal, opened) = open(&config(dir.path()));
    assert_eq!(
        opened.rows, appended.last_row,
        "the refused unit of work left nothing"
    );
}

#[test]
fn a_second_copy_that_could_not_be_written_is_told_and_filled_again() {
    for last in [false, true] {
        let dir = TempDir::new().unwrap();
        let mut failing = config(dir.path());
        failing.planted_mirror_failure = Some(2);
        let (journal, _) = open(&failing);
        let runtime = runtime();
        let mut epoch = 0;
        let mut append = || {
            epoch += 1;
            let (epoch, version) = (Epoch::new(epoch).unwrap(), "test".to_owned());
            let kind = FactKind::Started { epoch, version };
            let at = Timestamp(1);
            runtime
                .block_on(journal.append(vec![Fact { at, kind }]))
                .unwrap()
                .no_sales
        };
        assert_eq!(append(), None);
        assert_eq!(append(), Some(NoSales::CopyFails));
        if !last {
            assert_eq!(append(), None, "the copy is whole again");
        }
        let rows = if last { 2 } else { 3 };
        drop(journal);
        let (_journal, opened) = open(&config(dir.path()));
        assert_eq!(opened.rows, rows);
        let copy = std::fs::read(dir.path().join("copy.log")).unwrap();
        let numbers: Vec<u64> = parse_mirror(&copy)
            .0
            .iter()
            .map(|record| record.number)
            .collect();
        assert_eq!(numbers, (1..=rows).collect::<Vec<_>>());
    }
}

#[test]
fn a_second_instance_is_told_who_holds_the_journal() {
    let dir = TempDir::new().unwrap();
    let (_journal, _) = open(&config(dir.path()));
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Locked { .. }));
    assert!(refused.to_string().contains("stop it first"));
}

#[test]
fn a_closed_journal_is_free_although_programs_are_being_started() {
    let dir = TempDir::new().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                Command::new("/bin/true").status().unwrap();
            }
        });
        let opened: Vec<_> = (0..60)
            .map(|_| Journal::open(config(dir.path())).map(|_| ()))
            .collect();
        stop.store(true, Ordering::SeqCst);
        for opened in opened {
            opened.unwrap();
        }
    });
}

#[test]
fn a_newer_schema_a_foreign_file_and_a_torn_database_are_refused_and_left_alone() {
    let newer = TempDir::new().unwrap();
    filled(newer.path(), 1);
    let path = config(newer.path()).database();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = Journal::open(config(newer.path())).unwrap_err();
    assert!(
        matches!(refused, JournalError::NewerSchema { found: 99, .. }),
        "{refused}"
    );

    let foreign = TempDir::new().unwrap();
    let path = config(foreign.path()).database();
    std::fs::write(&path, vec![b'x'; 5_000]).unwrap();
    let refused = Journal::open(config(foreign.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 5_000]);

    let torn = TempDir::new().unwrap();
    filled(torn.path(), 4);
    let path = config(torn.path()).database();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let refused = Journal::open(config(torn.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
}

#[test]
fn a_torn_second_copy_is_mended_from_the_journal() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 2);
    let copy = dir.path().join("copy.log");
    let whole = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, &whole[..whole.len() - 7]).unwrap();
    drop(open(&config(dir.path())));
    assert_eq!(std::fs::read(&copy).unwrap(), whole);
}

#[test]
fn damage_in_the_second_copy_is_mended_but_hides_no_rollback() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 2);
    let copy = dir.path().join("copy.log");
    let whole = std::fs::read(&copy).unwrap();
    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    std::fs::write(&copy, &damaged).unwrap();
    let (journal, _) = open(&config(dir.path()));
    assert_eq!(checked(&journal), Background::Sound);
    drop(journal);
    assert_eq!(std::fs::read(&copy).unwrap(), whole);

    std::fs::write(&copy, &damaged).unwrap();
    let database = Connection::open(config(dir.path()).database()).unwrap();
    database
        .execute_batch("PRAGMA foreign_keys=OFF; DROP TRIGGER fact_no_delete;")
        .unwrap();
    let last = i64::try_from(rows).unwrap();
    database
        .execute("DELETE FROM fact WHERE number = ?1", [last])
        .unwrap();
    drop(database);
    let refused = Journal::open(config(dir.path())).unwrap_err();
    let ahead =
        matches!(refused, JournalError::RolledBack { mirror_rows, .. } if mirror_rows == rows);
    assert!(ahead, "{refused}");
    assert_eq!(std::fs::read(&copy).unwrap(), damaged, "the evidence stays");
}

#[test]
fn a_full_disk_refuses_new_sales_and_still_stores_results() {
    let dir = TempDir::new().unwrap();
    let mut small = config(dir.path());
    small.pages_max = Some(24);
    let (journal, _) = open(&small);
    let all = facts(400);
    let (mut refused, mut stored) = (0, 0);
    runtime().block_on(async {
        for fact in all {
            let opens = matches!(fact.kind, FactKind::IntentRecorded(_));
            match journal.append(vec![fact]).await {
                Ok(_) => stored += 1,
                Err(JournalError::DiskFull { .. }) if opens => {
                    refused += 1;
                    break;
                }
                // With a page limit the reserve cannot help; the error must still be the true one.
                Err(JournalError::DiskFull { .. }) => {
                    refused += 1;
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
    assert!(
        refused == 1 && stored > 10,
        "{refused} refused, {stored} stored"
    );
    drop(journal);
    let verdict = inspect::verify(&small.database(), None).unwrap();
    assert!(verdict.is_sound() && verdict.rows == stored, "{verdict:?}");
}

#[test]
fn the_head_is_the_hash_of_the_last_row() {
    let dir = TempDir::new().unwrap();
    let (journal, opened) = open(&config(dir.path()));
    assert_eq!(opened.head, Digest::ZERO);
    let appended = runtime().block_on(journal.append(vec![started()])).unwrap();
    drop(journal);
    let (_journal, opened) = open(&config(dir.path()));
    assert_eq!(opened.head, appended.head);
}
