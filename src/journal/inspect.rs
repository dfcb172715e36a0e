//! What `shouyinctl journal` does: verify, show, export. Reads a journal that no terminal is running on, or a copy.
//!
//! Never writes. A damaged journal is described, not repaired.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::chain::Walker;
use super::error::JournalError;
use super::mirror;
use super::store::{open_problem, stored_row};
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
}

impl Verdict {
    /// Tells whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.broken_at.is_none() && self.mirror_differs_at.is_none()
    }
}

fn open(path: &Path) -> Result<Connection, JournalError> {
    if !path.exists() {
        return Err(JournalError::File {
            operation: "opening the journal",
            path: path.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        });
    }
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|source| open_problem(path, source))
}

type StoredRow = (u64, Vec<u8>, Digest);

fn rows(path: &Path) -> Result<Vec<StoredRow>, JournalError> {
    let connection = open(path)?;
    let read = |connection: &Connection| -> rusqlite::Result<Vec<StoredRow>> {
        connection
            .prepare("SELECT number, body, hash FROM fact ORDER BY number")?
            .query_map([], stored_row)?
            .collect()
    };
    read(&connection).map_err(|source| open_problem(path, source))
}

/// Walks the chain and, when given, compares with the second copy.
///
/// # Errors
/// [`JournalError`] when the file cannot be read at all.
pub fn verify(database: &Path, second_copy: Option<&PathBuf>) -> Result<Verdict, JournalError> {
    let rows = rows(database)?;
    let mut walker = Walker::start();
    let mut broken_at = None;
    for (number, body, hash) in &rows {
        if let Err(broken) = walker.take(*number, body.clone(), hash) {
            broken_at = Some(broken.number);
            break;
        }
    }
    let mirror_differs_at = second_copy
        .map(|path| differs(path, &rows))
        .transpose()?
        .flatten();
    Ok(Verdict {
        rows: walker.count(),
        head: walker.head(),
        broken_at,
        mirror_differs_at,
    })
}

fn differs(path: &Path, rows: &[StoredRow]) -> Result<Option<u64>, JournalError> {
    let bytes = std::fs::read(path).map_err(|source| JournalError::File {
        operation: "reading the second copy",
        path: path.to_owned(),
        source,
    })?;
    let (records, _) = mirror::parse(&bytes);
    let pairs = records.iter().zip(rows);
    let first = pairs
        .into_iter()
        .find(|(record, (number, _, hash))| record.number != *number || record.hash != *hash);
    let common = records.len().min(rows.len());
    let uneven = (records.len() != rows.len()).then_some(common as u64 + 1);
    Ok(first.map(|(record, _)| record.number).or(uneven))
}

/// Prints facts one a line: number and the stored JSON; of one order only when `order` is given.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read; a closed output is not an error.
pub fn show(database: &Path, order: Option<&str>, out: &mut dyn Write) -> Result<(), JournalError> {
    let rows = rows(database)?;
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    let txn = order.and_then(|order| {
        let wanted = format!("\"order_no\":\"{order}\"");
        rows.iter()
            .find(|(_, body, _)| text(body).contains(&wanted))
            .and_then(|(_, body, _)| {
                let value: serde_json::Value = serde_json::from_slice(body).ok()?;
                Some(value.get("txn")?.as_str()?.to_owned())
            })
    });
    for (number, body, _) in &rows {
        let body = text(body);
        let wanted = match (order, &txn) {
            (None, _) => true,
            (Some(_), Some(txn)) => body.contains(txn.as_str()),
            (Some(_), None) => false,
        };
        if wanted && writeln!(out, "{number:>8}  {body}").is_err() {
            break;
        }
    }
    Ok(())
}

/// Writes JSON lines with number, previous hash, hash and the stored record, enough to walk the chain elsewhere.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read; a closed output is not an error.
pub fn export(database: &Path, out: &mut dyn Write) -> Result<(), JournalError> {
    let mut prev = Digest::ZERO;
    for (number, body, hash) in rows(database)? {
        let body = String::from_utf8_lossy(&body).into_owned();
        let line = serde_json::json!({
            "number": number, "prev": prev.to_string(), "hash": hash.to_string(), "body": body,
        });
        prev = hash;
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    Ok(())
}
