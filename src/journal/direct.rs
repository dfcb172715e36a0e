//! The journal's writer without its thread, for simulations that run on one thread and in virtual time.
//!
//! Owns nothing of its own: every call is the call that the journal's thread would make.

use super::store::Store;
use super::{Appended, JournalConfig, JournalError, Opened, SaleRow, Totals, Writer};
use crate::evidence::SealedRow;
use crate::payment::Fact;

/// The journal, written by the caller's own thread.
pub struct DirectJournal(Writer);

impl DirectJournal {
    /// Locks, opens, checks and migrates the journal, like [`super::Journal::open`].
    ///
    /// # Errors
    /// [`JournalError`] says what is wrong.
    pub fn open(config: &JournalConfig) -> Result<(Self, Opened), JournalError> {
        let (writer, opened) = Writer::open(config)?;
        Ok((Self(writer), opened))
    }

    /// Stores facts in one unit of work, like [`super::Journal::append`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        self.0.append(facts)
    }

    /// Tells whether there is room for a new sale, like [`super::Journal::has_room`].
    pub fn has_room(&mut self) -> bool {
        self.0.has_room()
    }

    /// Returns the last sales, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub fn recent(&self, limit: usize) -> Result<Vec<SaleRow>, JournalError> {
        self.0.read(|store| store.recent(limit))
    }

    /// Returns count and sum of the paid sales opened in `from_ms .. to_ms`.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub fn totals(&self, from_ms: i64, to_ms: i64) -> Result<Totals, JournalError> {
        self.0.read(|store| store.totals(from_ms, to_ms))
    }

    /// Returns every row, its seal checked.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a seal is broken.
    pub fn rows(&self) -> Result<Vec<SealedRow>, JournalError> {
        self.0.read(|store: &Store| Ok(store.rows()?.0))
    }
}
