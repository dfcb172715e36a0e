//! A terminal that was killed, to be damaged: its files, and everything that must hold of a rebuilt journal.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use shouyin::domain::OperatorNo;
use shouyin::journal::{Report, Unread, accept, rebuild};

use super::*;

/// 2026-11-26T02:30:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_660_200_000);

/// Number, body and hash of a row.
pub(super) type StoredRow = (u64, Vec<u8>, Vec<u8>);

/// A terminal that was killed: part of its journal is in the log only, and two sales are open.
pub(super) struct Killed {
    pub(super) dir: TempDir,
    pub(super) rows: Vec<StoredRow>,
    pub(super) lists: Vec<String>,
}

impl Killed {
    pub(super) fn new() -> Self {
        static ONE: std::sync::OnceLock<Killed> = std::sync::OnceLock::new();
        ONE.get_or_init(Self::make).again()
    }

    pub(super) fn make() -> Self {
        let running = TempDir::new().unwrap();
        filled(running.path(), 8);
        let (journal, opened) = open(&config(running.path()));
        let sold = usize::try_from(opened.rows).unwrap();
        let more = facts(11)[sold..].to_vec();
        let intents: Vec<usize> = (0..more.len())
            .filter(|at| matches!(more[*at].kind, FactKind::IntentRecorded(_)))
            .collect();
        let mut more: Vec<Fact> = more[..=intents[2]].to_vec();
        let second = more[intents[1]].txn();
        more.retain(|fact| fact.txn() != second || !matches!(fact.kind, FactKind::Closed { .. }));
        for fact in more {
            runtime().block_on(journal.append(vec![fact])).unwrap();
        }
        let killed = Self {
            dir: copied(running.path()),
            rows: Vec::new(),
            lists: Vec::new(),
        };
        let log = std::fs::metadata(killed.path("journal.db-wal")).unwrap();
        assert!(log.len() > 4_096, "the log holds rows");
        drop(journal);
        let database = config(running.path()).database();
        let (rows, lists) = (stored(&database), lists(&database));
        assert!(rows.len() > 40, "{} rows are too few", rows.len());
        Self {
            rows,
            lists,
            ..killed
        }
    }

    /// Another one of the same, with files of its own.
    pub(super) fn again(&self) -> Self {
        Self {
            dir: copied(self.dir.path()),
            rows: self.rows.clone(),
            lists: self.lists.clone(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn config(&self) -> JournalConfig {
        config(self.dir.path())
    }

    /// Brings the log into the database, so that damage to its pages is damage to what counts.
    pub(super) fn checkpointed(self) -> Self {
        let database = Connection::open(self.config().database()).unwrap();
        database
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        drop(database);
        self
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Flips a bit in the middle of a fact's text.
    pub(super) fn flip_fact(&self, name: &str, number: usize) {
        let body = &self.rows[number - 1].1;
        self.change(name, |bytes| {
            let places: Vec<usize> = places(bytes, body).collect();
            assert!(!places.is_empty(), "row {number} is not in {name}");
            for at in places {
                bytes[at + body.len() / 2] ^= 0x10;
            }
        });
    }

    pub(super) fn files(&self) -> [Option<Vec<u8>>; 2] {
        let log = std::fs::read(self.path("journal.db-wal")).ok();
        let log = log.filter(|bytes| !bytes.is_empty());
        [std::fs::read(self.path("journal.db")).ok(), log]
    }

    /// Rebuilds and holds the result to everything that must hold whatever the damage was.
    pub(super) fn rebuild(&self, what: &str) -> Report {
        let before = self.files();
        let report = rebuild(&self.config(), NOW, Unread::Fails);
        let report = report.unwrap_or_else(|error| panic!("{what}: {error}"));
        let aside = &report.rebuilt.aside;
        assert!(aside.contains("20261126T023000Z"), "{what}: {aside}");
        let names = [aside.clone(), format!("{aside}-wal")];
        let after = names.map(|name| std::fs::read(self.path(&name)).ok());
        assert!(before == after, "{what}: what was set aside has changed");
        let rows = stored(&self.config().database());
        walk(&rows);
        for ending in [".building", ".ready", "-wal"] {
            let left = self.path(&format!("journal.db{ending}"));
            assert!(!left.exists(), "{what}: {ending} is left");
        }
        let last = rows.last().unwrap();
        assert!(String::from_utf8_lossy(&last.1).contains("\"rebuilt\""));
        let sound = rebuild(&self.config(), NOW, Unread::Fails);
        assert!(
            matches!(sound, Err(JournalError::Sound { .. })),
            "{what}: nothing is left to rebuild, but {sound:?}"
        );
        report
    }

    /// Rebuilds; nothing may be missing, and the journal sells on.
    pub(super) fn rebuilds_whole(&self, what: &str) {
        let report = self.rebuild(what);
        let told = &report.rebuilt;
        assert!(told.whole, "{what}: {report:?}");
        assert_eq!((told.missing, told.carried), (0, 0), "{what}: {report:?}");
        assert_eq!(told.rows, self.rows.len() as u64, "{what}: {report:?}");
        let database = self.config().database();
        let rows = stored(&database);
        assert!(rows[..self.rows.len()] == self.rows, "{what}: other rows");
        assert_eq!(lists(&database), self.lists, "{what}: other lists");
        let (journal, opened) = open(&self.config());
        assert_eq!(opened.rows, told.rows + 1, "{what}");
        assert!(!opened.open.is_empty(), "{what}: the open sales come back");
        assert_eq!(runtime().block_on(journal.may_sell()).unwrap(), None);
        assert_eq!(checked(&journal), Background::Sound, "{what}");
        drop(journal);
        let copy = std::fs::read(self.path("copy.log")).unwrap();
        let (records, length) = parse_mirror(&copy);
        assert_eq!((records.len(), length), (rows.len(), copy.len()), "{what}");
    }
}

pub(super) fn copied(from: &Path) -> TempDir {
    let to = TempDir::new().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, to.path().join(from.file_name().unwrap())).unwrap();
    }
    to
}

pub(super) fn places<'a>(bytes: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = bytes.windows(part.len()).enumerate();
    windows
        .filter(move |(_, window)| *window == part)
        .map(|(at, _)| at)
}

pub(super) fn stored(database: &Path) -> Vec<StoredRow> {
    let database = Connection::open(database).unwrap();
    let mut select = database
        .prepare("SELECT number, body, hash FROM fact ORDER BY number")
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Everything beside the facts.
pub(super) fn lists(database: &Path) -> Vec<String> {
    let database = Connection::open(database).unwrap();
    let mut all = Vec::new();
    for table in ["sale", "undo", "outbox", "counter"] {
        let sql = format!("SELECT * FROM {table} ORDER BY 1");
        let mut select = database.prepare(&sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
            all.push(format!("{table}: {}", cells.collect::<Vec<_>>().join(", ")));
        }
    }
    all
}

/// Walks the chain without the journal's own code.
pub(super) fn walk(rows: &[StoredRow]) {
    let mut previous = vec![0; 32];
    for (at, (number, body, hash)) in rows.iter().enumerate() {
        assert_eq!(*number, at as u64 + 1);
        let mut sum = Sha256::new();
        sum.update(&previous);
        sum.update(number.to_be_bytes());
        sum.update(body);
        assert_eq!(&sum.finalize()[..], &hash[..], "row {number}");
        previous.clone_from(hash);
    }
}

pub(super) fn bodies(rows: &[StoredRow]) -> BTreeSet<Vec<u8>> {
    rows.iter().map(|row| row.1.clone()).collect()
}

/// New sales are refused, what is owed is stored, a restart changes nothing; a person's word does.
pub(super) fn unproven_until_accepted(config: &JournalConfig) {
    let all = facts(12);
    let intent = all
        .iter()
        .rev()
        .find(|fact| matches!(fact.kind, FactKind::IntentRecorded(_)));
    let mut intent = intent.unwrap().clone();
    if let FactKind::IntentRecorded(intent) = &mut intent.kind {
        // Behind every number that a lost row may have used.
        intent.sequence += 100_000;
        intent.voucher = shouyin::domain::VoucherNo::new(900_000).unwrap();
    }
    for round in 0..2 {
        let (journal, _) = open(config);
        let runtime = runtime();
        let refused = runtime.block_on(journal.append(vec![intent.clone()]));
        assert!(
            matches!(refused, Err(JournalError::Unproven { .. })),
            "round {round}: {refused:?}"
        );
        let owed = Fact {
            at: NOW,
            kind: FactKind::AttentionRaised {
                txn: intent.txn_of(),
                why: "owed".to_owned(),
            },
        };
        let stored = runtime.block_on(journal.append(vec![owed])).unwrap();
        assert_eq!(stored.no_sales, Some(NoSales::Unproven));
    }
    assert!(accept(config, OperatorNo::new("07").unwrap(), NOW).unwrap());
    assert!(!accept(config, OperatorNo::new("07").unwrap(), NOW).unwrap());
    let (journal, _) = open(config);
    let runtime = runtime();
    assert_eq!(runtime.block_on(journal.may_sell()).unwrap(), None);
    runtime.block_on(journal.append(vec![intent])).unwrap();
    drop(journal);
    walk(&stored(&config.database()));
}

/// The sale that a fact is about.
trait About {
    fn txn_of(&self) -> shouyin::domain::TxnId;
}

impl About for Fact {
    fn txn_of(&self) -> shouyin::domain::TxnId {
        self.txn().unwrap()
    }
}
