//! What one durable append costs beside raw SQLite that does the same syncs.
//!
//! Four rows: the journal with and without its second copy, and a bare table with the same settings
//! and bytes, with and without an appended and synced file. The difference inside a pair is the
//! chain, the projections and the queue. Set `TMPDIR` to measure another disk; no figure is
//! compared with a limit.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use rusqlite::{Connection, params};
use shouyin::domain::{Timestamp, TxnId};
use shouyin::journal::{Journal, JournalConfig};
use shouyin::payment::{Fact, FactKind};

fn fact(number: u64) -> Fact {
    let txn = TxnId::from_parts(number, u128::from(number));
    let why = "x".repeat(200);
    Fact {
        at: Timestamp(1_700_000_000_000),
        kind: FactKind::AttentionRaised { txn, why },
    }
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

fn journal(bench: &mut Criterion, name: &str, mirror: bool) {
    let dir = scratch();
    let mut config = JournalConfig::new(dir.path().to_owned(), dir.path().join("copy.log"));
    if !mirror {
        config.mirror = None;
    }
    let (journal, _) = Journal::open(config).expect("a new journal");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut number = 0;
    bench.bench_function(name, |timed| {
        timed.iter(|| {
            number += 1;
            let appended = runtime.block_on(journal.append(vec![fact(number)]));
            appended.expect("appended")
        });
    });
}

fn table(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database");
    for (name, value) in [("locking_mode", "EXCLUSIVE"), ("journal_mode", "WAL")] {
        connection
            .pragma_update_and_check(None, name, value, |_| Ok(()))
            .expect("a setting");
    }
    connection
        .execute_batch(
            "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=200; \
             CREATE TABLE fact (number INTEGER PRIMARY KEY, txn TEXT, body BLOB, hash BLOB) \
             STRICT; \
             CREATE INDEX fact_txn ON fact (txn);",
        )
        .expect("a table");
    connection
}

fn raw(bench: &mut Criterion, name: &str, copied: bool) {
    let dir = scratch();
    let connection = table(&dir.path().join("raw.db"));
    let mut copy = File::create(dir.path().join("copy.log")).expect("a copy");
    let mut number = 0_u64;
    bench.bench_function(name, |timed| {
        timed.iter(|| {
            number += 1;
            let fact = fact(number);
            let txn = fact.txn().map(|txn| txn.to_string());
            let body = fact.encode();
            connection
                .prepare_cached("INSERT INTO fact VALUES (?1, ?2, ?3, ?4)")
                .and_then(|mut insert| insert.execute(params![number, txn, body, [0_u8; 32]]))
                .expect("inserted");
            if copied {
                copy.write_all(&body).expect("copied");
                copy.sync_data().expect("synced");
            }
        });
    });
}

fn appends(bench: &mut Criterion) {
    raw(bench, "raw SQLite", false);
    journal(bench, "journal without second copy", false);
    raw(bench, "raw SQLite and a synced file", true);
    journal(bench, "journal", true);
}

criterion_group!(benches, appends);
criterion_main!(benches);
