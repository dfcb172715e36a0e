//! The file of the print queue: one small SQLite database beside the journal, durable when a call returns.
//!
//! Owns the file and its settings, the rule that a slip is queued once, and the number of the journal's row up to which
//! slips were queued. Holds numbers of transactions and states, nothing of what a slip says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};

use super::job::{Copy, Job, JobId, JobState, Kind, NewJob};
use super::machine::Record;
use crate::domain::{OperatorNo, Timestamp};

/// "SHPR": says in the file's head that it is a print queue of this program.
const APPLICATION_ID: i64 = 0x5348_5052;
const VERSION: i64 = 1;
/// Jobs that are done are forgotten when so many newer ones are there: nothing asks for them any more. The first detail
/// list of a batch is remembered: only that tells that the next one is a reprint.
const KEPT_JOBS: i64 = 2_000;

const SCHEMA: &str = "
CREATE TABLE job (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  once     TEXT UNIQUE,
  kind     TEXT NOT NULL,
  about    TEXT NOT NULL,
  copy     TEXT NOT NULL CHECK (copy IN ('merchant','customer')),
  reprint  INTEGER NOT NULL CHECK (reprint IN (0, 1)),
  operator TEXT,
  at_ms    INTEGER NOT NULL,
  state    TEXT NOT NULL
           CHECK (state IN ('waiting','printing','printed','maybe_partly','cancelled')),
  tries    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX job_open ON job (state) WHERE state NOT IN ('printed','cancelled');
CREATE TRIGGER job_done_is_done BEFORE UPDATE OF state ON job
WHEN OLD.state IN ('printed','cancelled') AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'a job that is done stays done'); END;
CREATE TABLE seen (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  row      INTEGER NOT NULL CHECK (row >= 0)
) STRICT;
";

/// Takes a file away under another name, so that it can be looked at and a new one be begun.
pub type Aside = Arc<dyn Fn(&Path) -> std::io::Result<()> + Send + Sync>;

/// How to open the file.
#[derive(Clone)]
pub struct StoreConfig {
    /// Where it is.
    pub path: PathBuf,
    /// SQLite file layer by name; `None` for the system's.
    pub vfs: Option<String>,
    /// How a broken one is taken away.
    pub aside: Aside,
}

impl StoreConfig {
    /// Returns the settings of a shipped terminal: `print.db` in the data directory.
    pub fn new(dir: &Path) -> Self {
        Self {
            path: dir.join("print.db"),
            vfs: None,
            aside: Arc::new(set_aside),
        }
    }
}

/// Why the queue's file could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no space; the file is as it was.
    #[error("the disk of the print queue {path} is full; slips wait until there is space")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged, not ours, or the disk failed: it must not be used any more.
    #[error("the print queue {path} cannot be used ({problem})")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
}

/// The open file.
pub struct PrintStore {
    path: PathBuf,
    connection: Connection,
}

impl PrintStore {
    /// Opens the file, or makes it with `head` as the journal's row up to which nothing is queued. Jobs that were under
    /// way are interrupted ones from here on.
    ///
    /// # Errors
    /// [`StoreError`]; the file is left as it is.
    pub fn open(config: &StoreConfig, head: u64) -> Result<Self, StoreError> {
        let path = &config.path;
        let open = || -> rusqlite::Result<Self> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = match &config.vfs {
                Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())?,
                None => Connection::open_with_flags(path, flags)?,
            };
            let store = Self {
                path: path.clone(),
                connection,
            };
            store.prepare(head)?;
            Ok(store)
        };
        open().map_err(|source| problem(path, &source))
    }

    fn prepare(&self, head: u64) -> rusqlite::Result<()> {
        let own = &self.connection;
        let number = |sql: &str| own.query_row(sql, [], |row| row.get::<_, i64>(0));
        // Looked at first: a file of another program is not changed.
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let ours = number("PRAGMA application_id")? == APPLICATION_ID
            && number("PRAGMA user_version")? == VERSION;
        let sound: String = own.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" || tables > 0 && !ours {
            return Err(rusqlite::Error::InvalidQuery);
        }
        // The journal's lock keeps a second program away. A rollback log, because then one file is the whole queue and
        // can be set aside in one step; the printer is slower than its syncs.
        own.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; \
             PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
        )?;
        if number("PRAGMA synchronous")? != 2 {
            return Err(rusqlite::Error::InvalidQuery);
        }
        if tables == 0 {
            own.execute_batch(&format!(
                "BEGIN; {SCHEMA} INSERT INTO seen VALUES (1, {head}); \
                 PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        // A journal brought back from an older copy has fewer rows than were seen.
        own.execute("UPDATE seen SET row = ?1 WHERE row > ?1", [head])?;
        own.execute(
            "UPDATE job SET state = 'maybe_partly' WHERE state = 'printing'",
            [],
        )
        .map(drop)
    }

    /// Returns the journal's row up to which slips were queued.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn seen(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT row FROM seen", [], |row| row.get(0))
            .map_err(|source| problem(&self.path, &source))
    }

    /// Queues jobs and notes how far the journal was read, in one unit of work. A slip that was queued by itself before
    /// is not queued again.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was queued.
    pub fn add(&mut self, jobs: &[NewJob], seen: Option<u64>) -> Result<(), StoreError> {
        let mut add = || -> rusqlite::Result<()> {
            let unit = self.connection.transaction()?;
            for job in jobs {
                let again = matches!(job.kind, Kind::Details(_)) && is_queued(&unit, job)?;
                let key = job.key().filter(|_| !again);
                unit.prepare_cached(
                    "INSERT INTO job (once, kind, about, copy, reprint, operator, at_ms, state) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting') ON CONFLICT (once) DO NOTHING",
                )?
                .execute(params![
                    key,
                    job.kind.key(),
                    job.kind.about(),
                    job.copy.key(),
                    job.reprint || again,
                    job.operator.as_ref().map(OperatorNo::as_str),
                    job.at.0
                ])?;
            }
            if let Some(seen) = seen {
                unit.prepare_cached("UPDATE seen SET row = ?1 WHERE row < ?1")?
                    .execute([seen])?;
            }
            unit.prepare_cached(
                "DELETE FROM job WHERE state IN ('printed','cancelled') \
                 AND (once IS NULL OR kind <> 'settlement_details') \
                 AND id <= (SELECT max(id) FROM job) - ?1",
            )?
            .execute([KEPT_JOBS])?;
            unit.commit()
        };
        add().map_err(|source| problem(&self.path, &source))
    }

    /// Stores how far a job has come.
    ///
    /// # Errors
    /// [`StoreError`]; it is as it was.
    pub fn record(&mut self, record: Record) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE job SET state = ?2, tries = tries + ?3 WHERE id = ?1")
            .and_then(|mut update| {
                update.execute(params![record.id.0, record.state.key(), record.begins])
            })
            .map(drop)
            .map_err(|source| problem(&self.path, &source))
    }

    /// Returns the job that is printed next and how many wait. An interrupted one goes first: its paper is still there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn queue(&self) -> Result<(Option<Job>, u64), StoreError> {
        let read = || -> rusqlite::Result<(Option<Job>, u64)> {
            let head = self
                .connection
                .prepare_cached(
                    "SELECT id, kind, about, copy, reprint, operator, at_ms, state, tries FROM job \
                     WHERE state IN ('waiting','printing','maybe_partly') \
                     ORDER BY state = 'waiting', id LIMIT 1",
                )?
                .query_row([], job)
                .optional()?;
            let waiting = self
                .connection
                .prepare_cached(
                    "SELECT count(*) FROM job WHERE state IN ('waiting','printing','maybe_partly')",
                )?
                .query_row([], |row| row.get(0))?;
            Ok((head, waiting))
        };
        read().map_err(|source| problem(&self.path, &source))
    }

    /// Returns every job that is kept, oldest first; for tests and tools.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.connection
            .prepare(
                "SELECT id, kind, about, copy, reprint, operator, at_ms, state, tries FROM job \
                 ORDER BY id",
            )
            .and_then(|mut select| select.query_map([], job)?.collect())
            .map_err(|source| problem(&self.path, &source))
    }
}

/// Tells whether this slip was queued before.
fn is_queued(unit: &Connection, job: &NewJob) -> rusqlite::Result<bool> {
    unit.prepare_cached("SELECT count(*) > 0 FROM job WHERE once = ?1")?
        .query_row([job.key()], |row| row.get(0))
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let wrong = |index: usize| {
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Text,
            "not a word of the print queue".into(),
        )
    };
    let text = |index: usize| row.get::<_, String>(index);
    let operator = row.get::<_, Option<String>>(5)?;
    Ok(Job {
        id: JobId(row.get(0)?),
        what: NewJob {
            kind: Kind::from_stored(&text(1)?, &text(2)?).ok_or_else(|| wrong(1))?,
            copy: Copy::from_key(&text(3)?).ok_or_else(|| wrong(3))?,
            reprint: row.get(4)?,
            operator: operator.and_then(|number| OperatorNo::new(&number).ok()),
            at: Timestamp(row.get(6)?),
        },
        state: JobState::from_key(&text(7)?).ok_or_else(|| wrong(7))?,
        tries: row.get(8)?,
    })
}

fn problem(path: &Path, source: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    if source.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        return StoreError::Full { path };
    }
    let problem = if matches!(source, rusqlite::Error::InvalidQuery) {
        "it is damaged, or another program's".to_owned()
    } else {
        source.to_string()
    };
    StoreError::Broken { path, problem }
}

/// Takes the queue away where no printer is configured any more: the next printer begins behind what ended without one.
///
/// # Errors
/// The file cannot be renamed.
pub fn leave(dir: &Path) -> std::io::Result<()> {
    set_aside(&StoreConfig::new(dir).path)
}

/// Renames a queue that cannot be used to `print.db.broken`; an older one there is replaced. The file alone is the
/// queue: SQLite throws the log of a file away that is not there any more.
fn set_aside(path: &Path) -> std::io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".broken");
    match std::fs::rename(path, aside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        // Otherwise a power cut could bring it back, and with it slips that the next queue has printed.
        Ok(()) => match path.parent() {
            Some(dir) => std::fs::File::open(dir)?.sync_all(),
            None => Ok(()),
        },
    }
}
