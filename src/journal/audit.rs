//! Walks the rows and the second copy side by side, in slices: at the start from the last checked row on, and once more
//! from row 1 while the terminal is idle.
//!
//! Owns the comparison of the two. Only reads; what has to be cut or appended, `writer` does.

use std::path::PathBuf;

use rusqlite::Connection;

use super::chain::Walker;
use super::checked::Checked;
use super::error::JournalError;
use super::mirror::{CopyReader, Place};
use super::store::{Store, stored_row};
use crate::evidence::SealedRow;

/// One walk, as far as it has come.
pub(super) struct Audit {
    walker: Walker,
    copy: Option<CopyCheck>,
}

/// The second copy's side of the walk.
struct CopyCheck {
    path: PathBuf,
    reader: CopyReader,
    place: Place,
    /// The sound part has ended: the copy lacks the rows that follow, or is damaged here.
    ended: bool,
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More rows are waiting.
    More,
    /// All rows were seen.
    Done,
}

impl Audit {
    /// Begins at row 1.
    pub fn whole(copy: Option<(PathBuf, CopyReader)>) -> Self {
        Self {
            walker: Walker::start(),
            copy: copy.map(|(path, reader)| CopyCheck::new(path, reader, Place::default())),
        }
    }

    /// Begins behind a checked row. `None` when the copy does not hold that row's record where the note says.
    pub fn after(
        note: Checked,
        copy: Option<(PathBuf, CopyReader)>,
    ) -> Result<Option<Self>, JournalError> {
        let copy = match copy {
            None => None,
            Some((path, mut reader)) => {
                let found = reader.next()?;
                let end = reader.at();
                let Some((at, record)) = found else {
                    return Ok(None);
                };
                if record.number != note.row || record.hash != note.hash {
                    return Ok(None);
                }
                let place = Place {
                    records: note.row,
                    last_at: at,
                    end,
                };
                Some(CopyCheck::new(path, reader, place))
            }
        };
        let walker = Walker::after(note.row, note.hash);
        Ok(Some(Self { walker, copy }))
    }

    /// Walks at most `limit` rows, and none behind row `until`.
    ///
    /// # Errors
    /// [`JournalError::Chain`] or [`JournalError::ForeignMirror`] at the first row that is wrong.
    pub fn slice(
        &mut self,
        store: &Store,
        until: u64,
        limit: u64,
    ) -> Result<Progress, JournalError> {
        let limit = limit.min(until.saturating_sub(self.walker.count()));
        let Self { walker, copy } = self;
        let seen = store.walk(walker, limit, |row| match copy {
            Some(copy) => copy.compare(&row),
            None => Ok(()),
        })?;
        let more = seen == limit && self.walker.count() < until;
        Ok(if more { Progress::More } else { Progress::Done })
    }

    /// Walks to the last row.
    pub fn walk_on(&mut self, store: &Store) -> Result<(), JournalError> {
        self.slice(store, u64::MAX, u64::MAX).map(drop)
    }

    pub const fn walker(&self) -> Walker {
        self.walker
    }

    /// Returns how far the second copy is sound and equal, and whether that is where it ended.
    pub fn place(&self) -> Option<(Place, bool)> {
        self.copy.as_ref().map(|copy| (copy.place, copy.ended))
    }

    /// Ends the walk at the journal's last row: a copy that knows more is an error.
    ///
    /// # Errors
    /// [`JournalError::RolledBack`].
    pub fn finish(self) -> Result<Option<Place>, JournalError> {
        let rows = self.walker.count();
        match self.copy {
            None => Ok(None),
            Some(copy) => copy.finish(rows).map(Some),
        }
    }
}

impl CopyCheck {
    const fn new(path: PathBuf, reader: CopyReader, place: Place) -> Self {
        Self {
            path,
            reader,
            place,
            ended: false,
        }
    }

    fn compare(&mut self, row: &SealedRow) -> Result<(), JournalError> {
        if self.ended {
            return Ok(());
        }
        let Some((at, record)) = self.reader.next()? else {
            self.ended = true;
            return Ok(());
        };
        let same = record.number == row.number()
            && record.hash == row.digest()
            && record.body == row.body();
        if !same {
            return Err(JournalError::ForeignMirror {
                mirror: self.path.clone(),
                number: row.number(),
            });
        }
        self.place = Place {
            records: self.place.records + 1,
            last_at: at,
            end: self.reader.at(),
        };
        Ok(())
    }

    fn finish(self, rows: u64) -> Result<Place, JournalError> {
        let last = self.reader.last_behind()?;
        match last.filter(|last| *last > rows) {
            None => Ok(self.place),
            Some(mirror_rows) => Err(JournalError::RolledBack {
                mirror: self.path,
                mirror_rows,
                rows,
            }),
        }
    }
}

/// Takes at most `limit` rows behind those that `walker` has seen; returns how many there were.
///
/// # Errors
/// The outer one when the database cannot be read, the inner one is `visit`'s.
pub(super) fn walk(
    connection: &Connection,
    behind: u64,
    limit: u64,
    mut visit: impl FnMut(u64, Vec<u8>, crate::evidence::Digest) -> Result<(), JournalError>,
) -> rusqlite::Result<Result<u64, JournalError>> {
    // Nothing may stand before row 1 either.
    let behind = match i64::try_from(behind) {
        Ok(0) => i64::MIN,
        Ok(row) => row,
        Err(_) => i64::MAX,
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT number, body, hash FROM fact WHERE number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let mut rows = statement.query([behind, limit])?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        let (number, body, hash) = stored_row(row)?;
        if let Err(problem) = visit(number, body, hash) {
            return Ok(Err(problem));
        }
        seen += 1;
    }
    Ok(Ok(seen))
}
