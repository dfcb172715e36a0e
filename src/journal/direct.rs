//! The journal's writer without its thread, for simulations that run on one thread and in virtual time.
//!
//! Owns nothing of its own: every call is the call that the journal's thread would make.

use super::chain::Walker;
use super::store::Store;
use super::writer::Writer;
use super::{
    Appended, Background, EndedRow, JournalConfig, JournalError, ListPage, ListRow, NoSales,
    Opened, Report, SaleRow, SettlementRow, SlipRow, SpentRow, Totals, UndoRow,
};
use crate::domain::{BatchNo, Days, Filter, Place, Timestamp, TxnId};
use crate::evidence::{Digest, SealedRow};
use crate::payment::{EndedSale, Fact, PaidSale, Unsettled};
use crate::settlement::{Batch, TallyRow};

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

    /// Opens, and rebuilds before where that is needed, like [`super::Journal::open_or_rebuild`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn open_or_rebuild(
        config: &JournalConfig,
        at: Timestamp,
    ) -> Result<(Self, Opened, Option<Report>), JournalError> {
        let (writer, opened, report) = super::rebuild::open_or_rebuild(config, at)?;
        Ok((Self(writer), opened, report))
    }

    /// Stores facts in one unit of work, like [`super::Journal::append`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        self.0.append(facts)
    }

    /// Tells whether a new sale may be opened, like [`super::Journal::may_sell`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn may_sell(&mut self) -> Result<Option<NoSales>, JournalError> {
        self.0.may_sell()
    }

    /// Goes on with the check of all records; the thread does so while nothing is asked.
    pub fn check_on(&mut self) -> Background {
        self.0.check_on();
        self.0.audited
    }

    /// Returns the last sales, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub fn recent(&self, limit: usize) -> Result<Vec<SaleRow>, JournalError> {
        self.store()?.recent(limit)
    }

    /// Returns count and sum of the paid sales opened in `from_ms .. to_ms`.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub fn totals(&self, from_ms: i64, to_ms: i64) -> Result<Totals, JournalError> {
        self.store()?.totals(from_ms, to_ms)
    }

    /// Returns a page of a list, like [`super::Journal::list`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn list(
        &self,
        filter: &Filter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<ListPage, JournalError> {
        self.store()?.list(filter, before, limit)
    }

    /// Returns what has this number, like [`super::Journal::find`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn find(&self, number: &str) -> Result<Vec<ListRow>, JournalError> {
        self.store()?.find(number)
    }

    /// Returns sums of entries, like [`super::Journal::tally`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn tally(&self, days: Days) -> Result<Vec<TallyRow>, JournalError> {
        self.store()?.tally(days)
    }

    /// Returns what was taken, like [`super::Journal::spent`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn spent(&self, day_ms: i64, month_ms: i64) -> Result<Vec<SpentRow>, JournalError> {
        self.store()?.spent(day_ms, month_ms)
    }

    /// Returns a paid sale with what went back of it, like [`super::Journal::paid_sale`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn paid_sale(&self, txn: TxnId) -> Result<Option<PaidSale>, JournalError> {
        self.store()?.paid_sale(txn)
    }

    /// Returns a sale that ended as not paid, like [`super::Journal::ended_sale`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn ended_sale(&self, order_no: &str) -> Result<Option<EndedSale>, JournalError> {
        self.store()?.ended_sale(order_no)
    }

    /// Returns the undos of a sale, like [`super::Journal::undos_of`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn undos_of(&self, sale: TxnId) -> Result<Vec<UndoRow>, JournalError> {
        self.store()?.undos_of(sale)
    }

    /// Returns what people sent back, like [`super::Journal::sent_back`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn sent_back(&self, from_ms: i64) -> Result<u64, JournalError> {
        self.store()?.sent_back(from_ms)
    }

    /// Returns what a settlement now would be about, like [`super::Journal::unsettled`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn unsettled(&self) -> Result<Unsettled, JournalError> {
        self.store()?.unsettled()
    }

    /// Returns a batch, like [`super::Journal::batch`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn batch(&self, batch: BatchNo, numbers: &[String]) -> Result<Batch, JournalError> {
        self.store()?.batch(batch, numbers)
    }

    /// Returns the last settlements, like [`super::Journal::settlements`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn settlements(&self, limit: usize) -> Result<Vec<SettlementRow>, JournalError> {
        self.store()?.settlements(limit)
    }

    /// Returns what has a slip and ended behind a row, like [`super::Journal::ended_after`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn ended_after(&self, row: u64) -> Result<(u64, Vec<EndedRow>), JournalError> {
        self.store()?.ended_after(row)
    }

    /// Returns what a slip says, like [`super::Journal::slip_of`].
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn slip_of(&self, txn: TxnId) -> Result<Option<SlipRow>, JournalError> {
        self.store()?.slip_of(txn)
    }

    /// Returns how many rows there are.
    ///
    /// # Errors
    /// [`JournalError`] as there.
    pub fn row_count(&self) -> Result<u64, JournalError> {
        Ok(self.store()?.rows)
    }

    /// Returns every row, its seal checked.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a seal is broken.
    pub fn rows(&self) -> Result<Vec<SealedRow>, JournalError> {
        self.rows_behind(0, Digest::ZERO)
    }

    /// Returns every row behind one whose hash is known, its seal checked.
    ///
    /// # Errors
    /// [`JournalError`] as above.
    pub fn rows_behind(&self, number: u64, hash: Digest) -> Result<Vec<SealedRow>, JournalError> {
        let mut walker = Walker::after(number, hash);
        let mut rows = Vec::new();
        self.store()?
            .walk(&mut walker, u64::MAX, |row| {
                rows.push(row);
                Ok(())
            })
            .map(|_| rows)
    }

    /// Ends in order, as the thread does when the last handle is gone.
    pub fn close(self) {
        self.0.note();
    }

    fn store(&self) -> Result<&Store, JournalError> {
        self.0.store.as_ref().ok_or(JournalError::Broken)
    }
}
