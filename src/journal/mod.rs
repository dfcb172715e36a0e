//! The journal: SQLite, one writer on its own thread, durable when an append returns.
//!
//! Owns the database, its lock, the second copy and the reserve. Takes [`Journal::append`] and queries over a bounded
//! queue, answers over one-shot channels, and ends when every handle is gone. It never restarts in process: an
//! input/output error closes and reopens it once; after a second one, and after any failed sync, every append is
//! refused. Tested by `tests/it/journal.rs` (alterations, limits, bad files) and `tests/it/crash.rs` (power cuts,
//! failing disks).

mod accounts;
mod audit;
mod chain;
mod checked;
#[cfg(feature = "sim")]
mod direct;
mod error;
mod files;
pub mod inspect;
mod ledger;
mod migrate;
mod mirror;
mod names;
mod project;
mod query;
mod rebuild;
mod records;
mod reserve;
mod salvage;
mod second;
mod settled;
mod sheet;
mod slips;
mod sources;
mod store;
mod sums;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

pub use accounts::{Accounts, Span};
pub use chain::Walker;
#[cfg(feature = "sim")]
pub use direct::DirectJournal;
pub use error::JournalError;
pub use files::{CopyFile, Files, SystemFiles};
pub use ledger::{ListPage, ListRow, UndoItem};
pub use migrate::SCHEMA;
pub use mirror::{MirrorRecord, parse as parse_mirror};
pub use query::{Counters, SaleRow, SaleState, Totals};
pub use rebuild::{Report, Unread, accept, rebuild};
pub use records::{SpentRow, UndoRow, UndoState};
pub use settled::SettlementRow;
pub use slips::{EndedRow, EndedWhat, SlipRow};

use crate::domain::{BatchNo, Days, Filter, OperatorNo, Place, Timestamp, TxnId};
use crate::evidence::Digest;
use crate::limits;
use crate::payment::{EndedSale, Fact, PaidSale, Unsettled};
use crate::settlement::{Batch, Posting, Sheet, TallyRow};
use store::Store;
use writer::Writer;

/// Where the journal lives.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// Directory of database, lock and reserve.
    pub dir: PathBuf,
    /// The second copy; `None` only in tests of the database alone.
    pub mirror: Option<PathBuf>,
    /// Size of the reserve in bytes.
    pub reserve_bytes: u64,
    /// SQLite file layer by name; `None` for the system's.
    pub vfs: Option<String>,
    /// Largest database in pages, for tests of a full disk.
    pub pages_max: Option<u32>,
    /// Where lock, reserve, second copy and notes live.
    pub files: Arc<dyn Files>,
    /// A planted bug that the power-cut test must find.
    #[cfg(feature = "sim")]
    pub planted_synchronous_normal: bool,
    /// Ends the process without a goodbye right after so many appends, for the kill test.
    #[cfg(feature = "sim")]
    pub abort_after_appends: Option<u64>,
    /// The second copy cannot be written when the unit of work ends with this row, for tests.
    #[cfg(feature = "sim")]
    pub planted_mirror_failure: Option<u64>,
    /// A planted bug that the power-cut test of a rebuild must find: the new name comes before the sync.
    #[cfg(feature = "sim")]
    pub planted_rename_before_sync: bool,
}

impl JournalConfig {
    /// Returns the settings of a shipped terminal.
    pub fn new(dir: PathBuf, mirror: PathBuf) -> Self {
        Self {
            dir,
            mirror: Some(mirror),
            reserve_bytes: limits::RESERVE_BYTES,
            vfs: None,
            pages_max: None,
            files: Arc::new(SystemFiles),
            #[cfg(feature = "sim")]
            planted_synchronous_normal: false,
            #[cfg(feature = "sim")]
            abort_after_appends: None,
            #[cfg(feature = "sim")]
            planted_mirror_failure: None,
            #[cfg(feature = "sim")]
            planted_rename_before_sync: false,
        }
    }

    /// Returns the path of the database.
    pub fn database(&self) -> PathBuf {
        self.dir.join("journal.db")
    }
}

/// What was found at opening.
#[derive(Debug)]
pub struct Opened {
    /// Numbers to go on with.
    pub counters: Counters,
    /// The facts of every open sale, in order.
    pub open: Vec<Fact>,
    /// Rows in the journal.
    pub rows: u64,
    /// Hash of the last row.
    pub head: Digest,
}

/// The answer to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Number of the last row.
    pub last_row: u64,
    /// Hash of the last row.
    pub head: Digest,
    /// Why no new sale may be opened, if so.
    pub no_sales: Option<NoSales>,
}

/// Why no new sale may be opened although the journal works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSales {
    /// The disk is full or the reserve is in use.
    DiskFull,
    /// The reserve is in use and cannot be written again, although there may be space: the disk fails.
    DiskFails,
    /// The second copy cannot be written.
    CopyFails,
    /// An altered record was found.
    Altered,
    /// The journal was rebuilt and may lack records.
    Unproven,
}

/// How the check of all records in the background stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// It has not come to the end.
    Going,
    /// Every record is sound.
    Sound,
    /// It found an altered record, or could not read on.
    Failed,
}

type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

type Question = Box<dyn FnOnce(Option<&Store>) + Send>;

enum Ask {
    Append(Vec<Fact>, Reply<Appended>),
    MaySell(Reply<Option<NoSales>>),
    Background(Reply<Background>),
    /// A question, with where its answer goes inside of it.
    Read(Question),
}

/// A handle to the journal's thread. When the last one is dropped, the drop waits until the database is closed and the
/// lock is let go, so that whoever opens the journal next is not told that it is in use.
#[derive(Clone, Debug)]
pub struct Journal {
    thread: Arc<Thread>,
}

/// The journal's thread, and the only way to it.
#[derive(Debug)]
struct Thread {
    /// `None` only while the thread is told to end.
    asks: Option<mpsc::Sender<Ask>>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.asks.take());
        // A thread that panicked has let go of everything, too.
        if let Some(handle) = self.handle.take() {
            drop(handle.join());
        }
    }
}

impl Journal {
    /// Locks, opens, checks and migrates the journal, brings the second copy up to date, and starts the thread.
    ///
    /// # Errors
    /// [`JournalError`] says what is wrong, where, and what to do. A bad file is left as it is.
    pub fn open(config: JournalConfig) -> Result<(Self, Opened), JournalError> {
        let (writer, opened) = Writer::open(&config)?;
        Ok((Self::start(writer, &config)?, opened))
    }

    /// Opens like [`Self::open`]. A journal that is damaged or rolled back is rebuilt first; what was found is told.
    ///
    /// # Errors
    /// [`JournalError`] as there, when there is nothing that a rebuild mends, or when it fails.
    pub fn open_or_rebuild(
        config: JournalConfig,
        at: Timestamp,
    ) -> Result<(Self, Opened, Option<Report>), JournalError> {
        let (writer, opened, report) = rebuild::open_or_rebuild(&config, at)?;
        Ok((Self::start(writer, &config)?, opened, report))
    }

    fn start(writer: Writer, config: &JournalConfig) -> Result<Self, JournalError> {
        let (asks, inbox) = mpsc::channel(limits::JOURNAL_QUEUE);
        let handle = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.serve(inbox))
            .map_err(|source| JournalError::File {
                operation: "starting the journal's thread",
                path: config.dir.clone(),
                source,
            })?;
        let thread = Thread {
            asks: Some(asks),
            handle: Some(handle),
        };
        let thread = Arc::new(thread);
        Ok(Self { thread })
    }

    /// Stores facts in one unit of work. When it returns `Ok`, they are on the disk.
    ///
    /// # Errors
    /// [`JournalError::DiskFull`] when a new sale finds no space; [`JournalError::Broken`] when nothing works any more.
    pub async fn append(&self, facts: Vec<Fact>) -> Result<Appended, JournalError> {
        self.ask(|reply| Ask::Append(facts, reply)).await
    }

    /// Tells whether a new sale may be opened, after trying to mend what stands in its way.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when nothing works any more.
    pub async fn may_sell(&self) -> Result<Option<NoSales>, JournalError> {
        self.ask(Ask::MaySell).await
    }

    /// Tells how the check of all records stands that goes on while nothing else is asked.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when nothing works any more.
    pub async fn background(&self) -> Result<Background, JournalError> {
        self.ask(Ask::Background).await
    }

    /// Returns the last sales, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn recent(&self, limit: usize) -> Result<Vec<SaleRow>, JournalError> {
        self.read(move |store| store.recent(limit)).await
    }

    /// Returns one sale by its order number.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn sale(&self, order_no: &str) -> Result<Option<SaleRow>, JournalError> {
        let order_no = order_no.to_owned();
        self.read(move |store| store.sale(&order_no)).await
    }

    /// Returns the sale that a slip is about: by its own order number, or by the number of a void or refund of it.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn sale_on_slip(&self, number: &str) -> Result<Option<SaleRow>, JournalError> {
        let number = number.to_owned();
        self.read(move |store| store.sale_on_slip(&number)).await
    }

    /// Returns count and sum of the paid sales opened on the local days that `from_ms .. to_ms` touch (UTC
    /// milliseconds).
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn today_totals(&self, from_ms: i64, to_ms: i64) -> Result<Totals, JournalError> {
        self.read(move |store| store.totals(from_ms, to_ms)).await
    }

    /// Returns a paid sale with what went back of it; none when the sale is not paid.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn paid_sale(&self, txn: TxnId) -> Result<Option<PaidSale>, JournalError> {
        self.read(move |store| store.paid_sale(txn)).await
    }

    /// Returns a sale that ended as not paid, for a success that comes late; none when money is on its way back.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn ended_sale(&self, order_no: &str) -> Result<Option<EndedSale>, JournalError> {
        let order_no = order_no.to_owned();
        self.read(move |store| store.ended_sale(&order_no)).await
    }

    /// Returns the undos of a sale, oldest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn undos_of(&self, sale: TxnId) -> Result<Vec<UndoRow>, JournalError> {
        self.read(move |store| store.undos_of(sale)).await
    }

    /// Returns at most `limit` rows of a list behind `before`, newest first. A page may be short and not be the last.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn list(
        &self,
        filter: Filter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<ListPage, JournalError> {
        self.read(move |store| store.list(&filter, before, limit))
            .await
    }

    /// Returns what has this number, newest first: voucher, order number or its last six, acquirer's number.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn find(&self, number: &str) -> Result<Vec<ListRow>, JournalError> {
        let number = number.to_owned();
        self.read(move |store| store.find(&number)).await
    }

    /// Returns what moved the shop's money in these days, summed as a settlement counts it.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn tally(&self, days: Days) -> Result<Vec<TallyRow>, JournalError> {
        self.read(move |store| store.tally(days)).await
    }

    /// Returns who stood at the till in these days, by number.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn operators(&self, days: Days) -> Result<Vec<OperatorNo>, JournalError> {
        self.read(move |store| store.operators(days)).await
    }

    /// Returns every fact of a sale and of its undos, in order, each from a row whose seal is checked again.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn story(&self, sale: TxnId) -> Result<Vec<Fact>, JournalError> {
        self.read(move |store| store.story(sale)).await
    }

    /// Returns what was taken since the day and the month began (UTC milliseconds), by channel and entry mode.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn spent(&self, day_ms: i64, month_ms: i64) -> Result<Vec<SpentRow>, JournalError> {
        self.read(move |store| store.spent(day_ms, month_ms)).await
    }

    /// Returns what people sent back since `from_ms` (UTC milliseconds), open undos included, in minor units.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn sent_back(&self, from_ms: i64) -> Result<u64, JournalError> {
        self.read(move |store| store.sent_back(from_ms)).await
    }

    /// Returns one sale by its transaction.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn sale_of(&self, txn: TxnId) -> Result<Option<SaleRow>, JournalError> {
        self.read(move |store| store.sale_of(txn)).await
    }

    /// Returns what a settlement now would be about.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn unsettled(&self) -> Result<Unsettled, JournalError> {
        self.read(Store::unsettled).await
    }

    /// Counts the pre-authorisations opened from `from_ms` on that hold money still.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn holds_since(&self, from_ms: i64) -> Result<u64, JournalError> {
        self.read(move |store| store.holds_since(from_ms)).await
    }

    /// Returns every entry up to this batch that no settlement has counted, and the batches of these numbers.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn batch(&self, batch: BatchNo, numbers: Vec<String>) -> Result<Batch, JournalError> {
        self.read(move |store| store.batch(batch, &numbers)).await
    }

    /// Returns the batch that new entries belong to.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn open_batch(&self) -> Result<BatchNo, JournalError> {
        self.read(|store| Ok(store.counters()?.batch)).await
    }

    /// Returns the last settlements, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn settlements(&self, limit: usize) -> Result<Vec<SettlementRow>, JournalError> {
        self.read(move |store| store.settlements(limit)).await
    }

    /// Returns closed settlements, newest first, of batches before `before` (all when none).
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn closed_before(
        &self,
        before: Option<BatchNo>,
        limit: usize,
    ) -> Result<Vec<SettlementRow>, JournalError> {
        self.read(move |store| store.closed_before(before, limit))
            .await
    }

    /// Returns everything that a closed settlement says; none when there is no such one, or it has not ended.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn sheet(&self, txn: TxnId) -> Result<Option<Sheet>, JournalError> {
        self.read(move |store| store.sheet(txn)).await
    }

    /// Returns what the settlement of a batch closed, in the order of the journal.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn settled_in(&self, batch: BatchNo) -> Result<Vec<TxnId>, JournalError> {
        self.read(move |store| store.settled_in(batch)).await
    }

    /// Returns these sales, voids and refunds with everything that names and proves them. Whoever asks for many asks
    /// in parts: sales wait for the answer.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn postings(&self, txns: Vec<TxnId>) -> Result<Vec<Posting>, JournalError> {
        self.read(move |store| store.postings(&txns)).await
    }

    /// Returns the closed settlement of a number as it stands on its slips.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn settlement_on_slip(&self, number: &str) -> Result<Option<TxnId>, JournalError> {
        let number = number.to_owned();
        self.read(move |store| store.settlement_on_slip(&number))
            .await
    }

    /// Returns what has a slip and ended behind a row, and the last row that was looked at (that row, when there is
    /// none behind it). At most some hundred rows are looked at.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn ended_after(&self, row: u64) -> Result<(u64, Vec<EndedRow>), JournalError> {
        self.read(move |store| store.ended_after(row)).await
    }

    /// Returns what the slip of a sale or an undo says; none when no payment and no return was proven.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read or a row does not match its seal.
    pub async fn slip_of(&self, txn: TxnId) -> Result<Option<SlipRow>, JournalError> {
        self.read(move |store| store.slip_of(txn)).await
    }

    /// Returns how many rows there are.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn row_count(&self) -> Result<u64, JournalError> {
        self.read(|store| Ok(store.rows)).await
    }

    /// Asks the journal's thread one question.
    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.ask(move |reply| {
            Ask::Read(Box::new(move |store| {
                let answer = store.ok_or(JournalError::Broken).and_then(question);
                // Nobody waits for it any more when the caller has gone.
                drop(reply.send(answer));
            }))
        })
        .await
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Ask) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        let asks = self.thread.asks.as_ref().ok_or(JournalError::Broken)?;
        asks.send(make(reply))
            .await
            .map_err(|_| JournalError::Broken)?;
        answer.await.map_err(|_| JournalError::Broken)?
    }
}
