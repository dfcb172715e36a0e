//! What `shouyinctl journal` does: verify, show, export. Reads a journal that no terminal is running on, or a copy.
//!
//! Never writes. A damaged journal is described, not repaired. Reads row by row, however long the journal is.

use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::audit::walk;
use super::chain::Walker;
use super::error::JournalError;
use super::files::open_to_read;
use super::migrate;
use super::mirror::CopyReader;
use super::store::{check_structure, identify, open_problem};
use crate::domain::LocalDay;
use crate::evidence::Digest;

/// The verdict of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Sound rows from the beginning.
    pub rows: u64,
    /// Hash of the last sound row.
    pub head: Digest,
    /// The first row that is altered, missing or out of place.
    pub broken_at: Option<u64>,
    /// The first row that differs from the second copy, when one was given.
    pub mirror_differs_at: Option<u64>,
    /// So many of the newest rows are not in the second copy, which is equal and whole up to there: a power cut between
    /// a unit of work and its copy leaves that, and the next start adds them.
    pub mirror_lacks: u64,
    /// The first local day whose sums are not those of its rows.
    pub sums_differ_on: Option<LocalDay>,
}

impl Verdict {
    /// Tells whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.broken_at.is_none()
            && self.mirror_differs_at.is_none()
            && self.mirror_lacks == 0
            && self.sums_differ_on.is_none()
    }
}

/// Opens a journal for reading. A journal whose log is empty is opened as a file that nobody changes, so that nothing
/// is made beside it, not even for a moment.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let missing = |source| JournalError::File {
        operation: "opening the journal",
        path: path.to_owned(),
        source,
    };
    let facts = std::fs::metadata(path).map_err(missing)?;
    if facts.is_dir() {
        let path = path.to_owned();
        return Err(JournalError::NoFile { path });
    }
    if facts.len() == 0 {
        let path = path.to_owned();
        return Err(JournalError::Empty { path });
    }
    refuse_running(path)?;
    let mut log = path.to_owned().into_os_string();
    log.push("-wal");
    let quiet = std::fs::metadata(&log).map_or(true, |log| log.len() == 0);
    let mut flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = if quiet {
        flags |= OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(unchanging(path), flags)
    } else {
        Connection::open_with_flags(path, flags)
    };
    let connection = opened.map_err(|source| open_problem(path, source))?;
    identify(&connection, path)?;
    migrate::check(&connection, path)?;
    Ok(connection)
}

/// Refuses the journal of a terminal that is running: half of it is in that terminal's log.
fn refuse_running(path: &Path) -> Result<(), JournalError> {
    let lock = path.with_file_name("journal.lock");
    let Ok(file) = std::fs::File::open(&lock) else {
        // A copy has no lock.
        return Ok(());
    };
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::Locked { path: lock }),
        Ok(()) => {
            // By word, as the journal's own lock: a copy of it would keep a terminal from its start.
            file.unlock().ok();
            Ok(())
        }
        Err(std::fs::TryLockError::Error(_)) => Ok(()),
    }
}

/// Writes a path as SQLite's address of a file that does not change.
fn unchanging(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                address.push(char::from(*byte));
            }
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address.push_str("?immutable=1");
    address
}

/// Takes every row, in order.
fn rows(
    connection: &Connection,
    path: &Path,
    visit: impl FnMut(u64, Vec<u8>, Digest) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    walk(connection, 0, u64::MAX, visit)
        .map_err(|source| open_problem(path, source))?
        .map(drop)
}

/// Checks the structure of the file, walks the chain and, when given, compares with the second copy.
///
/// # Errors
/// [`JournalError`] when a file cannot be read at all, or its structure is damaged.
pub fn verify(database: &Path, second_copy: Option<&PathBuf>) -> Result<Verdict, JournalError> {
    let connection = open(database)?;
    check_structure(&connection, database)?;
    let mut copy = second_copy.map(|path| Comparison::open(path)).transpose()?;
    let mut walker = Walker::start();
    let mut broken_at = None;
    rows(&connection, database, |number, body, hash| {
        if let Some(copy) = &mut copy {
            copy.take(number, &body, &hash)?;
        }
        if broken_at.is_none()
            && let Err(broken) = walker.take(number, body, &hash)
        {
            broken_at = Some(broken.number);
        }
        Ok(())
    })?;
    let copy = copy.map(Comparison::finish).transpose()?;
    let (mirror_differs_at, mirror_lacks) = copy.unwrap_or_default();
    // A journal of an earlier program has no sums yet.
    let sums_differ_on = if migrate::check(&connection, database)? < migrate::TALLIED {
        None
    } else {
        super::ledger::first_difference(&connection)
            .map_err(|source| open_problem(database, source))?
    };
    Ok(Verdict {
        rows: walker.count(),
        head: walker.head(),
        broken_at,
        mirror_differs_at,
        mirror_lacks,
        sums_differ_on,
    })
}

/// The second copy beside the rows.
struct Comparison {
    reader: CopyReader,
    rows: u64,
    differs_at: Option<u64>,
    lacks: u64,
}

impl Comparison {
    fn open(path: &Path) -> Result<Self, JournalError> {
        let file = open_to_read(path).map_err(|source| JournalError::File {
            operation: "reading the second copy",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            reader: CopyReader::over(path, file, 0),
            rows: 0,
            differs_at: None,
            lacks: 0,
        })
    }

    fn take(&mut self, number: u64, body: &[u8], hash: &Digest) -> Result<(), JournalError> {
        self.rows += 1;
        if self.differs_at.is_some() {
            return Ok(());
        }
        if self.lacks > 0 {
            self.lacks += 1;
            return Ok(());
        }
        match self.reader.next()? {
            Some((_, record)) => {
                let same = record.number == number && record.hash == *hash && record.body == body;
                self.differs_at = (!same).then_some(self.rows);
            }
            None if self.reader.ends_within(number, hash, body)? => self.lacks = 1,
            None => self.differs_at = Some(self.rows),
        }
        Ok(())
    }

    /// Returns the first row that differs, and how many of the newest the copy lacks. One that has more, or a torn end
    /// where nothing is missing, differs behind the last row.
    fn finish(self) -> Result<(Option<u64>, u64), JournalError> {
        let whole = self.differs_at.is_none() && self.lacks == 0;
        let more = whole && !self.reader.is_at_the_end()?;
        Ok((
            self.differs_at.or(more.then_some(self.rows + 1)),
            self.lacks,
        ))
    }
}

/// Prints facts one a line: number and the stored JSON; of one order only when `order` is given. Returns how many.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read; a closed output is not an error.
pub fn show(
    database: &Path,
    order: Option<&str>,
    out: &mut dyn Write,
) -> Result<u64, JournalError> {
    let connection = open(database)?;
    let (mut txn, mut shown, mut closed) = (None, 0, false);
    // A fact names its transaction; the order number stands only in the intent, which comes first.
    let wanted = order.map(|order| format!("\"order_no\":\"{order}\""));
    rows(&connection, database, |number, body, _| {
        let text = String::from_utf8_lossy(&body);
        if let Some(wanted) = &wanted
            && txn.is_none()
            && text.contains(wanted)
        {
            txn = txn_of(&body);
        }
        let show = match (&wanted, &txn) {
            (None, _) => true,
            (Some(_), Some(txn)) => text.contains(txn.as_str()),
            (Some(_), None) => false,
        };
        if show && !closed {
            closed = writeln!(out, "{number:>8}  {text}").is_err();
            shown += 1;
        }
        Ok(())
    })?;
    Ok(shown)
}

fn txn_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("txn")?.as_str()?.to_owned())
}

/// Writes JSON lines with number, previous hash, hash and the stored record, enough to walk the chain elsewhere.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read; a closed output is not an error.
pub fn export(database: &Path, out: &mut dyn Write) -> Result<(), JournalError> {
    let connection = open(database)?;
    let (mut prev, mut closed) = (Digest::ZERO, false);
    rows(&connection, database, |number, body, hash| {
        let body = String::from_utf8_lossy(&body).into_owned();
        let line = serde_json::json!({
            "number": number, "prev": prev.to_string(), "hash": hash.to_string(), "body": body,
        });
        prev = hash;
        closed = closed || writeln!(out, "{line}").is_err();
        Ok(())
    })
}
