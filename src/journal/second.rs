//! The second copy as the writer keeps it: open, or behind and to be filled from the database.
//!
//! Owns how far it goes. Its format is `mirror`'s; never decides what follows when it cannot be written.

use std::path::{Path, PathBuf};

use super::chain::Walker;
use super::error::JournalError;
use super::files::Files;
use super::mirror::{Filler, Mirror, Place};
use super::store::Store;
use crate::evidence::{Digest, SealedRow};

/// The second copy and how far it goes.
pub(super) struct SecondCopy {
    pub path: PathBuf,
    /// `None` while it cannot be written.
    pub mirror: Option<Mirror>,
    /// The last place that is known to be good.
    pub place: Place,
}

impl SecondCopy {
    pub fn open(
        files: &dyn Files,
        path: &Path,
        place: Place,
        store: &Store,
    ) -> Result<Self, JournalError> {
        let mut copy = Self {
            path: path.to_owned(),
            mirror: None,
            place,
        };
        copy.fill(files, store)?;
        Ok(copy)
    }

    /// Appends rows. A failed write leaves a torn end, and rows after it would stand behind a gap: the copy is opened
    /// again, cut at the last good place and filled from the database, here or later.
    pub fn append(&mut self, rows: &[SealedRow], files: &dyn Files, store: &Store) {
        if let Some(mirror) = &mut self.mirror
            && mirror.append(rows).is_ok()
        {
            self.place = mirror.place;
            return;
        }
        self.mirror = None;
        self.reopen(files, store);
    }

    pub fn reopen(&mut self, files: &dyn Files, store: &Store) {
        if let Err(error) = self.fill(files, store) {
            self.mirror = None;
            tracing::warn!(error = %super::error::chain(&error), "the second copy is behind");
        }
    }

    /// Opens the copy at the last good place and appends what it lacks.
    fn fill(&mut self, files: &dyn Files, store: &Store) -> Result<(), JournalError> {
        let mut mirror = Mirror::open(files, &self.path, self.place)?;
        let have = self.place.records;
        if have < store.rows {
            let before = store.stored_hash(have)?.unwrap_or(Digest::ZERO);
            let mut walker = if have == 0 {
                Walker::start()
            } else {
                Walker::after(have, before)
            };
            let mut filler = Filler::new(&mut mirror);
            store.walk(&mut walker, u64::MAX, |row| filler.take(row))?;
            filler.flush()?;
        }
        self.place = mirror.place;
        self.mirror = Some(mirror);
        Ok(())
    }
}
