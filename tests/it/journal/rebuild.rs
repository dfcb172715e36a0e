//! A journal that does not open, or is an old copy, is written anew: every kind of damage over real files.
//!
//! The chain of the result is walked with another SHA-256 than the journal's, and compared row by row with a journal
//! that was never damaged. Power cuts in a rebuild: `crash/rebuild.rs`.

use shouyin::domain::{BatchNo, OperatorNo, OrderNo, TxnId};
use shouyin::journal::{Unread, rebuild};
use shouyin::payment::{Prover, Rebuilt};
use shouyin::settlement::{Cause, SettlementFact, SettlementIntent};

use super::killed::{Killed, NOW, bodies, lists, places, stored, unproven_until_accepted};
use super::*;

#[test]
fn a_sound_journal_is_not_rebuilt_and_nothing_is_touched() {
    let killed = Killed::new();
    let before = (
        killed.files(),
        std::fs::read(killed.path("copy.log")).unwrap(),
    );
    let refused = rebuild(&killed.config(), NOW, Unread::Fails).unwrap_err();
    assert!(
        refused.to_string().contains("nothing to rebuild"),
        "{refused}"
    );
    let after = (
        killed.files(),
        std::fs::read(killed.path("copy.log")).unwrap(),
    );
    assert!(before == after);
    let nothing = TempDir::new().unwrap();
    let refused = rebuild(&config(nothing.path()), NOW, Unread::Fails).unwrap_err();
    assert!(matches!(refused, JournalError::Sound { .. }), "{refused}");
}

#[test]
fn whatever_befalls_the_database_the_second_copy_brings_everything_back() {
    type Damage = (&'static str, fn(&mut Vec<u8>));
    let damages: [Damage; 9] = [
        ("zero length", Vec::clear),
        ("garbage", |bytes| bytes.fill(b'x')),
        ("random garbage", |bytes| {
            let mut rng = shouyin::simulator::Rng(5);
            bytes
                .iter_mut()
                .for_each(|byte| *byte = rng.next().to_le_bytes()[0]);
        }),
        ("its head", |bytes| bytes[0] ^= 0x20),
        ("the schema", |bytes| bytes[100..400].fill(0)),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("not a whole page", |bytes| {
            bytes.truncate(bytes.len() - 700)
        }),
        ("one page", |bytes| bytes.truncate(4_096)),
        ("all but the first page", |bytes| bytes[4_096..].fill(0xff)),
    ];
    for (what, damage) in damages {
        for checkpointed in [false, true] {
            let mut killed = Killed::new();
            if checkpointed {
                killed = killed.checkpointed();
            }
            killed.change("journal.db", damage);
            match Journal::open(killed.config()) {
                Err(_) => killed.rebuilds_whole(what),
                // The log holds that page, too: nothing is damaged.
                Ok((_, opened)) => {
                    assert!(!checkpointed, "{what}: it opens");
                    assert_eq!(opened.rows, killed.rows.len() as u64, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_missing_database_and_a_missing_log_come_back() {
    let killed = Killed::new();
    std::fs::remove_file(killed.path("journal.db")).unwrap();
    assert!(
        Journal::open(killed.config()).is_err(),
        "nothing new is begun"
    );
    killed.rebuilds_whole("missing, and its log is there");
    let killed = Killed::new().checkpointed();
    std::fs::remove_file(killed.path("journal.db")).unwrap();
    killed.rebuilds_whole("missing");
    let killed = Killed::new();
    std::fs::remove_file(killed.path("journal.db-wal")).unwrap();
    let refused = Journal::open(killed.config()).unwrap_err();
    assert!(
        matches!(refused, JournalError::RolledBack { .. }),
        "{refused}"
    );
    killed.rebuilds_whole("the log is missing");
}

#[test]
fn every_page_may_be_flipped_or_lost() {
    let whole = Killed::new().checkpointed();
    let pages = std::fs::metadata(whole.path("journal.db")).unwrap().len() / 4_096;
    let mut noticed = 0;
    for page in 0..usize::try_from(pages).unwrap() {
        for at in [0, 3, 5, 9, 1_000, 4_000] {
            let killed = whole.again();
            let offset = page * 4_096 + at;
            killed.change("journal.db", |bytes| bytes[offset] ^= 0x11);
            match rebuild(&killed.config(), NOW, Unread::Fails) {
                Err(JournalError::Sound { .. }) => {
                    assert!(stored(&killed.config().database()) == killed.rows);
                }
                Ok(report) => {
                    noticed += 1;
                    assert!(report.rebuilt.whole, "byte {offset}: {report:?}");
                    let rows = stored(&killed.config().database());
                    assert!(rows[..killed.rows.len()] == killed.rows, "byte {offset}");
                    let lists = lists(&killed.config().database());
                    assert_eq!(lists, killed.lists, "byte {offset}");
                }
                // The one thing that is not mended: it looks like another program's, or a newer one's.
                Err(JournalError::Foreign { .. } | JournalError::NewerSchema { .. }) => {
                    assert!(offset < 100, "byte {offset}");
                }
                Err(problem) => panic!("byte {offset}: {problem}"),
            }
        }
    }
    println!("{noticed} flips in {pages} pages were noticed and mended");
    assert!(noticed > 20, "{noticed}");
}

#[test]
fn an_old_database_takes_the_rows_of_the_longer_copy() {
    let killed = Killed::new();
    let old = TempDir::new().unwrap();
    filled(old.path(), 2);
    std::fs::remove_file(killed.path("journal.db-wal")).unwrap();
    for name in ["journal.db", "journal.checked"] {
        std::fs::copy(old.path().join(name), killed.path(name)).unwrap();
    }
    let refused = Journal::open(killed.config()).unwrap_err();
    assert!(
        matches!(refused, JournalError::RolledBack { .. }),
        "{refused}"
    );
    killed.rebuilds_whole("an old image");
}

#[test]
fn damage_to_both_at_different_rows_loses_nothing() {
    let last = Killed::new().rows.len();
    for (base, copy) in [(2, 3), (3, 2), (1, last), (last, 1), (10, 11)] {
        let what = format!("row {base} of the database, record {copy} of the copy");
        let killed = Killed::new().checkpointed();
        killed.flip_fact("journal.db", base);
        killed.flip_fact("copy.log", copy);
        let bad_copy = std::fs::read(killed.path("copy.log")).unwrap();
        killed.rebuilds_whole(&what);
        let kept = killed.path("copy.log.bad-20261126T023000Z");
        assert!(std::fs::read(kept).unwrap() == bad_copy, "{what}");
    }
}

#[test]
fn a_row_that_both_lost_is_counted_and_everything_behind_it_is_kept() {
    let killed = Killed::new().checkpointed();
    let lost = killed
        .rows
        .iter()
        .position(|row| String::from_utf8_lossy(&row.1).contains("\"send_failed\""));
    let lost = lost.map_or(5, |at| at + 1);
    killed.flip_fact("journal.db", lost);
    killed.flip_fact("copy.log", lost);
    let report = killed.rebuild("the same row in both");
    let told = &report.rebuilt;
    assert!(!told.whole, "{report:?}");
    assert_eq!(told.rows, lost as u64 - 1);
    assert_eq!(
        told.missing + told.carried,
        (killed.rows.len() - lost + 1) as u64
    );
    assert_eq!(told.missing, 1, "{report:?}");
    let now = bodies(&stored(&killed.config().database()));
    let mut before = bodies(&killed.rows);
    before.remove(&killed.rows[lost - 1].1);
    assert!(before.is_subset(&now), "a fact that was readable is gone");
    unproven_until_accepted(&killed.config());
}

/// The sales of the next batch rest on the settlement that opened it, and are kept without it.
#[test]
fn a_lost_settlement_takes_no_sale_of_the_next_batch_with_it() {
    let running = TempDir::new().unwrap();
    filled(running.path(), 2);
    let (journal, opened) = open(&config(running.path()));
    let sold = usize::try_from(opened.rows).unwrap();
    let more = facts(3)[sold..].to_vec();
    let settled = TxnId::from_parts(1_000, 99);
    let frozen = SettlementFact::Intended(SettlementIntent {
        txn: settled,
        settle_no: OrderNo::new("A00100010001ABCDEFB00000900").unwrap(),
        sequence: opened.counters.next_sequence,
        batch: opened.counters.batch,
        cause: Cause::Automatic,
        operator: OperatorNo::new("01").unwrap(),
        approver: None,
        read_after: 0,
        told_upto: 0,
    });
    let frozen = Fact {
        at: NOW,
        kind: FactKind::Settlement {
            txn: settled,
            fact: frozen,
        },
    };
    runtime().block_on(journal.append(vec![frozen])).unwrap();
    let mut after = 0;
    for mut fact in more {
        if let FactKind::IntentRecorded(intent) = &mut fact.kind {
            intent.batch = BatchNo::new(opened.counters.batch.get() + 1).unwrap();
            intent.sequence += 1;
            after += 1;
        } else if let FactKind::RevokeIntended { sequence, .. } = &mut fact.kind {
            *sequence += 1;
        }
        runtime().block_on(journal.append(vec![fact])).unwrap();
    }
    assert!(after > 0, "a sale of the next batch");
    drop(journal);
    let database = config(running.path()).database();
    let killed = Killed {
        dir: running,
        rows: stored(&database),
        lists: lists(&database),
    }
    .checkpointed();
    killed.flip_fact("journal.db", sold + 1);
    killed.flip_fact("copy.log", sold + 1);
    let report = killed.rebuild("the settlement is lost");
    assert_eq!(report.rebuilt.missing, 1, "{report:?}");
    let now = bodies(&stored(&database));
    let mut before = bodies(&killed.rows);
    before.remove(&killed.rows[sold].1);
    assert!(before.is_subset(&now), "a sale went with the settlement");
    // The same again, over rows that have their seals now: the settlement is still not there. A start had made the
    // second copy anew.
    drop(open(&killed.config()));
    let whole = stored(&database);
    killed.flip_fact("journal.db", 1);
    assert_eq!(killed.rebuild("damaged once more").rebuilt.missing, 0);
    assert!(bodies(&whole).is_subset(&bodies(&stored(&database))));
    // The rules stand again: a batch that was never settled is not skipped.
    let connection = rusqlite::Connection::open(&database).unwrap();
    let skipped = connection.execute("UPDATE counter SET value = 9 WHERE name = 'batch'", []);
    assert!(skipped.is_err());
}

#[test]
fn without_a_copy_every_row_that_can_be_checked_is_kept() {
    let killed = Killed::new().checkpointed();
    std::fs::remove_file(killed.path("copy.log")).unwrap();
    let body = killed.rows[20].1.clone();
    let mut on_page = 0;
    killed.change("journal.db", |bytes| {
        let at = places(bytes, &body).next().unwrap() / 4_096 * 4_096;
        let page = &mut bytes[at..at + 4_096];
        let held = killed
            .rows
            .iter()
            .filter(|row| places(page, &row.1).next().is_some());
        on_page = held.count() as u64;
        page.fill(0);
    });
    let report = killed.rebuild("a lost page");
    let told = &report.rebuilt;
    assert!(!told.whole && told.missing > 0, "{report:?}");
    // The first row behind the page is not checked by anything; facts about a sale whose intent was lost say nothing.
    let now = stored(&killed.config().database());
    let kept = bodies(&now);
    let rest = killed
        .rows
        .iter()
        .filter(|row| kept.contains(&row.1))
        .count() as u64;
    assert_eq!(rest, told.rows + told.carried);
    assert!(
        told.missing <= on_page + 4,
        "{on_page} on the page: {report:?}"
    );
    unproven_until_accepted(&killed.config());
}

#[test]
fn what_only_the_note_tells_of_is_named_as_missing() {
    let killed = Killed::new();
    std::fs::remove_file(killed.path("journal.db")).unwrap();
    std::fs::remove_file(killed.path("journal.db-wal")).unwrap();
    let (first, _) = parse_mirror(&std::fs::read(killed.path("copy.log")).unwrap());
    let keep: usize = first[..10]
        .iter()
        .map(|record| 48 + record.body.len())
        .sum();
    killed.change("copy.log", |bytes| bytes.truncate(keep));
    let noted: u64 = {
        let note = std::fs::read_to_string(killed.path("journal.checked")).unwrap();
        note.split(' ').nth(1).unwrap().parse().unwrap()
    };
    let report = killed.rebuild("the copy is behind the note");
    assert_eq!(report.rebuilt.rows, 10);
    assert_eq!(report.rebuilt.missing, noted - 10, "{report:?}");
    // No number that a lost row may have used is given again.
    let (journal, opened) = open(&killed.config());
    drop(journal);
    assert!(opened.counters.next_sequence > noted - 10);
    assert!(u64::from(opened.counters.next_voucher) > noted - 10);
    unproven_until_accepted(&killed.config());
}

#[test]
fn without_a_note_the_copy_alone_proves_nothing() {
    let killed = Killed::new();
    for name in ["journal.db", "journal.db-wal", "journal.checked"] {
        std::fs::remove_file(killed.path(name)).unwrap();
    }
    let report = killed.rebuild("only the copy is left");
    assert_eq!(report.rebuilt.rows, killed.rows.len() as u64);
    assert_eq!((report.rebuilt.missing, report.rebuilt.whole), (0, false));
    unproven_until_accepted(&killed.config());
}

#[test]
fn a_copy_that_was_behind_proves_nothing() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 2);
    let mut failing = config(dir.path());
    let (journal, opened) = open(&failing);
    drop(journal);
    failing.planted_mirror_failure = Some(opened.rows + 1);
    let (journal, _) = open(&failing);
    let stored = runtime().block_on(journal.append(vec![started()])).unwrap();
    assert_eq!(stored.no_sales, Some(NoSales::CopyFails));
    drop(journal);
    std::fs::write(failing.database(), vec![b'x'; 9_000]).unwrap();
    let report = rebuild(&config(dir.path()), NOW, Unread::Fails).unwrap();
    assert!(!report.rebuilt.whole, "the last row is lost: {report:?}");
}

#[test]
fn two_journals_are_never_mixed() {
    let (killed, other) = (Killed::new(), TempDir::new().unwrap());
    {
        let (journal, _) = open(&config(other.path()));
        let mut all = vec![started_again(7)];
        all.extend(facts(3));
        runtime().block_on(journal.append(all)).unwrap();
    }
    std::fs::copy(other.path().join("copy.log"), killed.path("copy.log")).unwrap();
    for spoil in [false, true] {
        if spoil {
            killed.change("journal.db", |bytes| bytes[..100].fill(0));
        }
        let before = killed.files();
        let refused = rebuild(&killed.config(), NOW, Unread::Fails).unwrap_err();
        assert!(
            matches!(refused, JournalError::ForeignMirror { number: 1, .. }),
            "{refused}"
        );
        assert!(before == killed.files(), "nothing was touched");
    }
}

#[test]
fn a_start_rebuilds_by_itself_and_says_so() {
    let killed = Killed::new();
    killed.change("journal.db", |bytes| bytes.truncate(5_000));
    let (journal, opened, report) = Journal::open_or_rebuild(killed.config(), NOW).unwrap();
    let told = report.expect("it was rebuilt").rebuilt;
    assert!(told.whole);
    assert_eq!(opened.rows, killed.rows.len() as u64 + 1);
    drop(journal);
    let (_journal, _, report) = Journal::open_or_rebuild(killed.config(), NOW).unwrap();
    assert_eq!(report, None);
}

#[test]
fn the_acquirers_books_clear_it_as_well_as_a_person() {
    let killed = Killed::new();
    std::fs::remove_file(killed.path("journal.checked")).unwrap();
    std::fs::remove_file(killed.path("journal.db-wal")).unwrap();
    killed.change("journal.db", |bytes| bytes.fill(0));
    assert!(!killed.rebuild("no note").rebuilt.whole);
    let (journal, _) = open(&killed.config());
    let runtime = runtime();
    let ask = || runtime.block_on(journal.may_sell()).unwrap();
    assert_eq!(ask(), Some(NoSales::Unproven));
    let by = Prover::Acquirer;
    let proven = Fact {
        at: NOW,
        kind: FactKind::Proven { by },
    };
    runtime.block_on(journal.append(vec![proven])).unwrap();
    assert_eq!(ask(), None);
}

#[test]
fn what_a_rebuild_tells_comes_back_from_the_journal() {
    use shouyin::evidence::SealedRow;
    let rebuilt = FactKind::Rebuilt(Rebuilt {
        rows: 7,
        carried: 2,
        missing: 1,
        whole: false,
        aside: "journal.db.bad-1".to_owned(),
    });
    let person = Prover::Person(OperatorNo::new("07").unwrap());
    let kinds = [
        rebuilt,
        FactKind::Proven { by: person },
        FactKind::Proven {
            by: Prover::Acquirer,
        },
    ];
    for kind in kinds {
        let fact = Fact { at: NOW, kind };
        let row = SealedRow::seal(&Digest::ZERO, 1, fact.encode());
        assert_eq!(Fact::decode(&row).unwrap(), fact);
        assert_eq!(fact.txn(), None);
    }
    for text in [
        r#"{"at":1,"fact":"proven","by":"person"}"#,
        r#"{"at":1,"fact":"proven","by":"nobody","approver":"07"}"#,
        r#"{"at":1,"fact":"rebuilt","rows":-1,"carried":0,"missing":0,"whole":true,"aside":""}"#,
    ] {
        let row = SealedRow::seal(&Digest::ZERO, 1, text.as_bytes().to_vec());
        assert!(Fact::decode(&row).is_err(), "{text}");
    }
}

#[test]
fn a_rotten_page_of_the_lists_ends_the_service_and_the_next_start_rebuilds() {
    let killed = Killed::new().checkpointed();
    // With a note that fits, so that the start reads on from it.
    drop(open(&killed.config()));
    let database = Connection::open(killed.config().database()).unwrap();
    let root = |name: &str| -> usize {
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        database.query_row(sql, [name], |row| row.get(0)).unwrap()
    };
    let page = root("sqlite_autoindex_sale_1");
    drop(database);
    killed.change("journal.db", |bytes| bytes[(page - 1) * 4_096] ^= 0x02);
    let mut intent = facts(12).into_iter().rev();
    let intent = intent.find(|fact| matches!(fact.kind, FactKind::IntentRecorded(_)));
    let (journal, _) = open(&killed.config());
    let refused = runtime().block_on(journal.append(vec![intent.unwrap()]));
    assert!(refused.is_err(), "{refused:?}");
    drop(journal);
    let (journal, _, report) = Journal::open_or_rebuild(killed.config(), NOW).unwrap();
    let report = report.expect("the next start looks at everything");
    assert!(report.rebuilt.whole, "{report:?}");
    drop(journal);
    assert_eq!(lists(&killed.config().database()), killed.lists);
}
