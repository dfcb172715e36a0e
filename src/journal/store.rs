//! The database itself: opening with every setting read back, and one unit of work for facts and what follows from them.
//!
//! Owns the connection. Runs on the journal's thread only. The settings are those measured to lose nothing at a power
//! cut: WAL with synchronous=FULL under an exclusive lock (docs/TESTING.md, crash test).

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::chain::Walker;
use super::error::JournalError;
use super::migrate;
use super::project;
use crate::evidence::{Digest, SealedRow};
use crate::payment::Fact;

/// Setting, wanted value as SQLite reports it.
const PRAGMAS: [(&str, &str, &str); 11] = [
    // EXCLUSIVE comes before the first WAL access: no shared-memory file, and no second writer.
    ("locking_mode", "EXCLUSIVE", "exclusive"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("wal_autocheckpoint", "200", "200"),
    ("journal_size_limit", "4194304", "4194304"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    ("temp_store", "MEMORY", "2"),
    ("busy_timeout", "0", "0"),
    ("secure_delete", "FAST", "2"),
];

/// How to open the database.
#[derive(Clone, Debug)]
pub(super) struct StoreConfig {
    pub path: PathBuf,
    pub vfs: Option<String>,
    #[cfg(feature = "sim")]
    pub planted_synchronous_normal: bool,
}

pub(super) struct Store {
    pub path: PathBuf,
    pub connection: Connection,
    pub head: Digest,
    pub rows: u64,
}

impl Store {
    pub fn open(config: &StoreConfig) -> Result<Self, JournalError> {
        let path = config.path.clone();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match &config.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&path, flags, vfs.as_str()),
            None => Connection::open_with_flags(&path, flags),
        };
        let mut connection = opened.map_err(|source| open_problem(&path, source))?;
        for (name, value, wanted) in PRAGMAS {
            set_pragma(&connection, &path, name, value, wanted)?;
        }
        #[cfg(feature = "sim")]
        if config.planted_synchronous_normal {
            set_pragma(&connection, &path, "synchronous", "NORMAL", "1")?;
        }
        // Looked at before the first change: a damaged file stays as it is.
        let problem: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|source| open_problem(&path, source))?;
        if problem != "ok" {
            return Err(JournalError::Damaged { path, problem });
        }
        migrate::migrate(&mut connection, &path)?;
        let mut store = Self {
            path,
            connection,
            head: Digest::ZERO,
            rows: 0,
        };
        let walker = store.walk(|_| Ok(()))?;
        store.head = walker.head();
        store.rows = walker.count();
        store.checkpoint()?;
        Ok(store)
    }

    /// Makes what was just read durable. A killed process can leave rows that are readable but not on the disk; nothing
    /// may follow from them, and no copy of them be made, before they are.
    fn checkpoint(&self) -> Result<(), JournalError> {
        let busy = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|source| self.refused("a checkpoint", source))?;
        if busy {
            let path = self.path.clone();
            return Err(JournalError::Locked { path });
        }
        Ok(())
    }

    /// Walks every row through the chain.
    pub fn walk(
        &self,
        mut visit: impl FnMut(SealedRow) -> Result<(), JournalError>,
    ) -> Result<Walker, JournalError> {
        let fail = |source| self.refused("reading the records", source);
        let mut statement = self
            .connection
            .prepare("SELECT number, body, hash FROM fact ORDER BY number")
            .map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        let mut walker = Walker::start();
        while let Some(row) = rows.next().map_err(fail)? {
            let (number, body, hash) = stored_row(row).map_err(fail)?;
            let sealed =
                walker
                    .take(number, body, &hash)
                    .map_err(|source| JournalError::Chain {
                        path: self.path.clone(),
                        source,
                    })?;
            visit(sealed)?;
        }
        Ok(walker)
    }

    /// Stores facts and everything that follows from them in one unit of work. Durable when it returns.
    pub fn append(&mut self, facts: &[Fact]) -> Result<Vec<SealedRow>, JournalError> {
        let path = self.path.clone();
        let refused = |source| append_problem(&path, source);
        let unit = self.connection.transaction().map_err(refused)?;
        let mut sealed = Vec::with_capacity(facts.len());
        let (mut head, mut number) = (self.head, self.rows);
        for fact in facts {
            number += 1;
            let row = SealedRow::seal(&head, number, fact.encode());
            let txn = fact.txn().map(|txn| txn.to_string());
            unit.prepare_cached(
                "INSERT INTO fact (number, txn, body, hash) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut insert| {
                insert.execute(params![number, txn, row.body(), row.digest().as_bytes()])
            })
            .map_err(refused)?;
            project::project(&unit, fact, number).map_err(refused)?;
            head = row.digest();
            sealed.push(row);
        }
        unit.commit().map_err(refused)?;
        self.head = head;
        self.rows = number;
        Ok(sealed)
    }

    pub fn refused(&self, operation: &'static str, source: rusqlite::Error) -> JournalError {
        JournalError::Database {
            path: self.path.clone(),
            operation,
            source,
        }
    }
}

pub(super) fn stored_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u64, Vec<u8>, Digest)> {
    let hash: [u8; 32] = row.get(2)?;
    Ok((row.get(0)?, row.get(1)?, Digest::from_bytes(hash)))
}

/// A file that is no database, or is locked, gets its own words.
pub(super) fn open_problem(path: &Path, source: rusqlite::Error) -> JournalError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Damaged {
            path: path.to_owned(),
            problem: source.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => JournalError::Locked {
            path: path.to_owned(),
        },
        Some(_) | None => JournalError::Database {
            path: path.to_owned(),
            operation: "opening",
            source,
        },
    }
}

fn append_problem(path: &Path, source: rusqlite::Error) -> JournalError {
    if source.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        return JournalError::DiskFull {
            path: path.to_owned(),
        };
    }
    JournalError::Database {
        path: path.to_owned(),
        operation: "storing a record",
        source,
    }
}

fn set_pragma(
    connection: &Connection,
    path: &Path,
    pragma: &'static str,
    value: &str,
    wanted: &'static str,
) -> Result<(), JournalError> {
    let fail = |source| open_problem(path, source);
    run_to_the_end(connection, &format!("PRAGMA {pragma}={value}")).map_err(fail)?;
    let got = connection
        .query_row(&format!("PRAGMA {pragma}"), [], |row| {
            row.get::<_, rusqlite::types::Value>(0)
        })
        .map_err(fail)?;
    let got = match got {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Null
        | rusqlite::types::Value::Real(_)
        | rusqlite::types::Value::Blob(_) => "something else".to_owned(),
    };
    if got == wanted {
        return Ok(());
    }
    Err(JournalError::Pragma {
        path: path.to_owned(),
        pragma,
        wanted,
        got,
    })
}

/// Runs a statement past its last row. A PRAGMA commits after its row, and `execute_batch` stops at the row: a failed
/// change to WAL then went unseen, and the value read back was still `wal`.
fn run_to_the_end(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
