//! The database itself: opening with every setting read back, and one unit of work for facts and what follows from them.
//!
//! Owns the connection. Runs on the journal's thread only. The settings are those measured to lose nothing at a power
//! cut: WAL with synchronous=FULL under an exclusive lock (docs/TESTING.md, crash test).

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, OptionalExtension, ffi, params};

use super::JournalConfig;
use super::audit::walk;
use super::chain::Walker;
use super::error::JournalError;
use super::files::Files;
use super::migrate;
use super::project;
use crate::evidence::{Digest, SealedRow};
use crate::payment::{Fact, FactKind};

/// Setting, wanted value as SQLite reports it.
const PRAGMAS: [(&str, &str, &str); 12] = [
    // EXCLUSIVE comes before the first WAL access: no shared-memory file, and no second writer.
    ("locking_mode", "EXCLUSIVE", "exclusive"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    // SQLite's own checkpoints swallow their errors, a failed sync among them: `Store::checkpoint_if_due` makes ours.
    ("wal_autocheckpoint", "0", "0"),
    ("journal_size_limit", "4194304", "4194304"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    ("temp_store", "MEMORY", "2"),
    ("busy_timeout", "0", "0"),
    ("secure_delete", "FAST", "2"),
    // 8 MiB: a page of the list of a journal of years does not stay in SQLite's own two (benches/records.rs).
    ("cache_size", "-8192", "-8192"),
];

/// A checkpoint follows after so many units of work or rows: about 200 pages of log.
const UNITS_PER_CHECKPOINT: u32 = 24;
const ROWS_PER_CHECKPOINT: u64 = 200;

/// "SHOU": says in the file's head that it is a journal of this program.
const APPLICATION_ID: i64 = 0x5348_4f55;
/// The same as SQLite writes it.
const APPLICATION_TEXT: &str = "1397247829";

/// Facts about the journal itself are filed under this in place of a transaction, so that the index finds them.
pub(super) const OF_THE_JOURNAL: &str = "00000000000000000000000000000000";

/// How to open the database.
#[derive(Clone, Debug)]
pub(super) struct StoreConfig {
    pub path: PathBuf,
    pub vfs: Option<String>,
    #[cfg(feature = "sim")]
    pub planted_synchronous_normal: bool,
}

impl StoreConfig {
    pub fn of(config: &JournalConfig) -> Self {
        Self {
            path: config.database(),
            vfs: config.vfs.clone(),
            #[cfg(feature = "sim")]
            planted_synchronous_normal: config.planted_synchronous_normal,
        }
    }
}

pub(super) struct Store {
    pub path: PathBuf,
    pub connection: Connection,
    pub head: Digest,
    pub rows: u64,
    /// Units of work and rows since the last checkpoint.
    since_checkpoint: (u32, u64),
}

impl Store {
    /// Opens the database without changing what it holds, and looks whose it is. The rows are not looked at yet:
    /// [`super::audit`] does that, then [`Self::accept`] goes on.
    pub fn open(config: &StoreConfig, files: &dyn Files) -> Result<Self, JournalError> {
        let path = config.path.clone();
        if path.is_dir() {
            return Err(JournalError::NoFile { path });
        }
        let log = super::names::log_of(&path);
        files.refresh(&log).map_err(|source| JournalError::File {
            operation: "writing the write-ahead log once more",
            path: log,
            source,
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match &config.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&path, flags, vfs.as_str()),
            None => Connection::open_with_flags(&path, flags),
        };
        let connection = opened.map_err(|source| open_problem(&path, source))?;
        let store = Self {
            path,
            connection,
            head: Digest::ZERO,
            rows: 0,
            since_checkpoint: (0, 0),
        };
        if store.connection.is_readonly(MAIN_DB).unwrap_or(false) {
            return Err(JournalError::File {
                operation: "opening the journal for writing",
                path: store.path,
                source: std::io::ErrorKind::PermissionDenied.into(),
            });
        }
        // A file that is refused is left as it is, and a connection that failed never syncs again.
        store.sync_on_close(false)?;
        let (name, value, wanted) = PRAGMAS[0];
        store.set_pragma(name, value, wanted)?;
        identify(&store.connection, &store.path)?;
        migrate::check(&store.connection, &store.path)?;
        Ok(store)
    }

    /// Makes the settings and brings the schema up to date.
    pub fn prepare(&mut self, config: &StoreConfig) -> Result<(), JournalError> {
        for (name, value, wanted) in PRAGMAS {
            self.set_pragma(name, value, wanted)?;
        }
        #[cfg(feature = "sim")]
        if config.planted_synchronous_normal {
            self.set_pragma("synchronous", "NORMAL", "1")?;
        }
        #[cfg(not(feature = "sim"))]
        let _ = config;
        migrate::migrate(&mut self.connection, &self.path)
    }

    /// Goes on from the rows that were looked at: what was read is made durable, and the connection may be used.
    pub fn accept(&mut self, seen: &Walker) -> Result<(), JournalError> {
        self.head = seen.head();
        self.rows = seen.count();
        if self.number("PRAGMA application_id")? != APPLICATION_ID {
            mark(&self.connection, &self.path)?;
        }
        self.checkpoint()?;
        self.sync_on_close(true)
    }

    /// Closes without another sync: what a failed one left in doubt is not to be taken for durable by a second try.
    pub fn abandon(self) {
        // It was off already if this fails, or the connection is beyond use.
        self.sync_on_close(false).ok();
    }

    fn sync_on_close(&self, on: bool) -> Result<(), JournalError> {
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on)
            .map(drop)
            .map_err(|source| self.refused("a setting", source))
    }

    /// Looks at the structure of the whole file; slow on a large one.
    pub fn check_structure(&self) -> Result<(), JournalError> {
        check_structure(&self.connection, &self.path)
    }

    /// Returns the hash of a row as stored, unchecked; `None` when there is no such row.
    pub fn stored_hash(&self, number: u64) -> Result<Option<Digest>, JournalError> {
        if !self.has_rows()? {
            return Ok(None);
        }
        self.connection
            .query_row("SELECT hash FROM fact WHERE number = ?1", [number], |row| {
                row.get::<_, [u8; 32]>(0)
            })
            .optional()
            .map(|hash| hash.map(Digest::from_bytes))
            .map_err(|source| open_problem(&self.path, source))
    }

    /// Returns the number of the last row as stored, unchecked.
    pub fn last_row(&self) -> Result<u64, JournalError> {
        if !self.has_rows()? {
            return Ok(0);
        }
        let last = self.number("SELECT coalesce(max(number), 0) FROM fact")?;
        Ok(u64::try_from(last).unwrap_or(0))
    }

    fn has_rows(&self) -> Result<bool, JournalError> {
        has_rows(&self.connection, &self.path)
    }

    fn number(&self, sql: &str) -> Result<i64, JournalError> {
        number(&self.connection, &self.path, sql)
    }

    fn set_pragma(
        &self,
        pragma: &'static str,
        value: &str,
        wanted: &'static str,
    ) -> Result<(), JournalError> {
        set_pragma(&self.connection, &self.path, pragma, value, wanted)
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

    /// Takes at most `limit` rows through the chain behind those that `walker` has seen; returns how many there were.
    pub fn walk(
        &self,
        walker: &mut Walker,
        limit: u64,
        mut visit: impl FnMut(SealedRow) -> Result<(), JournalError>,
    ) -> Result<u64, JournalError> {
        let behind = walker.count();
        walk(&self.connection, behind, limit, |number, body, hash| {
            let chain = |source| JournalError::Chain {
                path: self.path.clone(),
                source,
            };
            visit(walker.take(number, body, &hash).map_err(chain)?)
        })
        .map_err(|source| self.refused("reading the records", source))?
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
            put(&unit, &row, fact).map_err(refused)?;
            head = row.digest();
            sealed.push(row);
        }
        unit.commit().map_err(refused)?;
        self.head = head;
        self.rows = number;
        self.since_checkpoint.0 += 1;
        self.since_checkpoint.1 += sealed.len() as u64;
        Ok(sealed)
    }

    /// Brings the log into the database when it has grown enough. The facts are durable before and after it.
    pub fn checkpoint_if_due(&mut self) -> Result<(), JournalError> {
        let (units, rows) = self.since_checkpoint;
        if units < UNITS_PER_CHECKPOINT && rows < ROWS_PER_CHECKPOINT {
            return Ok(());
        }
        run_to_the_end(&self.connection, "PRAGMA wal_checkpoint(PASSIVE)")
            .map_err(|source| append_problem(&self.path, source))?;
        self.since_checkpoint = (0, 0);
        Ok(())
    }

    pub fn refused(&self, operation: &'static str, source: rusqlite::Error) -> JournalError {
        read_problem(&self.path, operation, source)
    }
}

/// Stores one row with everything that follows from it.
pub(super) fn put(unit: &Connection, row: &SealedRow, fact: &Fact) -> rusqlite::Result<()> {
    let of_the_journal = matches!(fact.kind, FactKind::Rebuilt(_) | FactKind::Proven { .. });
    let txn = if of_the_journal {
        Some(OF_THE_JOURNAL.to_owned())
    } else {
        fact.txn().map(|txn| txn.to_string())
    };
    unit.prepare_cached("INSERT INTO fact (number, txn, body, hash) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            row.number(),
            txn,
            row.body(),
            row.digest().as_bytes()
        ])?;
    project::project(unit, fact, row.number())
}

/// Says in the file's head whose it is.
pub(super) fn mark(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    set_pragma(
        connection,
        path,
        "application_id",
        APPLICATION_TEXT,
        APPLICATION_TEXT,
    )
}

fn number(connection: &Connection, path: &Path, sql: &str) -> Result<i64, JournalError> {
    connection
        .query_row(sql, [], |row| row.get(0))
        .map_err(|source| open_problem(path, source))
}

fn has_rows(connection: &Connection, path: &Path) -> Result<bool, JournalError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'fact'";
    Ok(number(connection, path, sql)? == 1)
}

/// Refuses the database of another program, before anything is changed.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let application = number(connection, path, "PRAGMA application_id")?;
    let tables = number(connection, path, "SELECT count(*) FROM sqlite_schema")?;
    // Journals made before the mark was introduced have none.
    let marked = application == APPLICATION_ID || application == 0;
    if marked && (tables == 0 || has_rows(connection, path)?) {
        return Ok(());
    }
    Err(JournalError::Foreign {
        path: path.to_owned(),
    })
}

/// Reads number, body and hash. What is not of the right kind comes back as nothing: no seal fits it, so that it is
/// found as an altered row.
pub(super) fn stored_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u64, Vec<u8>, Digest)> {
    let number = row.get_ref(0)?.as_i64().unwrap_or(0);
    let body = row.get_ref(1)?.as_blob().unwrap_or_default();
    let hash = row.get_ref(2)?.as_blob().unwrap_or_default();
    let hash = hash.try_into().map_or(Digest::ZERO, Digest::from_bytes);
    Ok((u64::try_from(number).unwrap_or(0), body.to_vec(), hash))
}

/// Runs SQLite's own check of the file's structure.
pub(super) fn check_structure(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let problem: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|source| open_problem(path, source))?;
    if problem == "ok" {
        return Ok(());
    }
    Err(JournalError::Damaged {
        path: path.to_owned(),
        // SQLite puts a heading on a line of its own.
        problem: problem.replace('\n', " "),
    })
}

/// A file that is no database, or is locked, gets its own words.
pub(super) fn open_problem(path: &Path, source: rusqlite::Error) -> JournalError {
    read_problem(path, "opening", source)
}

pub(super) fn read_problem(
    path: &Path,
    operation: &'static str,
    source: rusqlite::Error,
) -> JournalError {
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::DiskFull {
            path: path.to_owned(),
        },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Damaged {
            path: path.to_owned(),
            problem: source.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => JournalError::Locked {
            path: path.to_owned(),
        },
        Some(_) | None => JournalError::Database {
            path: path.to_owned(),
            operation,
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
    let extended = source.sqlite_error().map(|error| error.extended_code);
    if matches!(
        extended,
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    ) {
        return JournalError::SyncFailed {
            path: path.to_owned(),
            source,
        };
    }
    JournalError::Database {
        path: path.to_owned(),
        operation: "storing a record",
        source,
    }
}

pub(super) fn set_pragma(
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
