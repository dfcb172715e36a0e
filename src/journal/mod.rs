//! The journal: SQLite, one writer on its own thread, durable when an append returns.
//!
//! Owns the database, its lock, the second copy and the reserve. Takes [`Journal::append`] and queries over a bounded
//! queue, answers over one-shot channels, and ends when every handle is gone. It never restarts in process: an
//! input/output error closes and reopens it once; after a second one every append is refused.
//! Tested by `tests/it/journal.rs` (alterations, limits, bad files) and `tests/it/crash.rs` (power cuts, failing
//! disks).

mod chain;
mod error;
pub mod inspect;
mod migrate;
mod mirror;
mod project;
mod query;
mod records;
mod reserve;
mod store;

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

pub use chain::Walker;
pub use error::JournalError;
pub use migrate::SCHEMA;
pub use mirror::{MirrorRecord, parse as parse_mirror};
pub use query::{Counters, SaleRow, SaleState, Totals};
pub use records::{SpentRow, UndoRow, UndoState};

use crate::domain::TxnId;
use crate::evidence::{Digest, SealedRow};
use crate::limits;
use crate::payment::{EndedSale, Fact, FactKind, PaidSale, UndoCause};
use mirror::Mirror;
use reserve::Reserve;
use store::{Store, StoreConfig};

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
    /// A planted bug that the power-cut test must find.
    #[cfg(feature = "sim")]
    pub planted_synchronous_normal: bool,
    /// Ends the process without a goodbye right after so many appends, for the kill test.
    #[cfg(feature = "sim")]
    pub abort_after_appends: Option<u64>,
    /// The second copy cannot be written when the unit of work ends with this row, for tests.
    #[cfg(feature = "sim")]
    pub planted_mirror_failure: Option<u64>,
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
            #[cfg(feature = "sim")]
            planted_synchronous_normal: false,
            #[cfg(feature = "sim")]
            abort_after_appends: None,
            #[cfg(feature = "sim")]
            planted_mirror_failure: None,
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
    /// The disk is full or the reserve is in use: no new sales.
    pub low_space: bool,
}

type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

type Question = Box<dyn FnOnce(Option<&Store>) + Send>;

enum Ask {
    Append(Vec<Fact>, Reply<Appended>),
    /// A question, with where its answer goes inside of it.
    Read(Question),
}

/// A handle to the journal's thread.
#[derive(Clone, Debug)]
pub struct Journal {
    asks: mpsc::Sender<Ask>,
}

impl Journal {
    /// Locks, opens, checks and migrates the journal, brings the second copy up to date, and starts the thread.
    ///
    /// # Errors
    /// [`JournalError`] says what is wrong, where, and what to do. A bad file is left as it is.
    pub fn open(config: JournalConfig) -> Result<(Self, Opened), JournalError> {
        let lock = lock(&config)?;
        let store_config = StoreConfig {
            path: config.database(),
            vfs: config.vfs.clone(),
            #[cfg(feature = "sim")]
            planted_synchronous_normal: config.planted_synchronous_normal,
        };
        let store = Store::open(&store_config)?;
        if let Some(pages) = config.pages_max {
            let limit = store
                .connection
                .pragma_update(None, "max_page_count", pages);
            limit.map_err(|e| store.refused("limiting its size", e))?;
        }
        let mirror = config
            .mirror
            .as_deref()
            .map(|path| catch_up(path, &store))
            .transpose()?;
        let reserve = Reserve::new(config.dir.join("journal.reserve"), config.reserve_bytes);
        let low_space = !reserve.hold();
        let opened = Opened {
            counters: store.counters()?,
            open: store.open_facts()?,
            rows: store.rows,
            head: store.head,
        };
        let (asks, inbox) = mpsc::channel(limits::JOURNAL_QUEUE);
        let writer = Writer {
            store: Some(store),
            store_config,
            mirror,
            mirror_path: config.mirror.clone(),
            #[cfg(feature = "sim")]
            planted_mirror_failure: config.planted_mirror_failure,
            reserve,
            low_space,
            failed: 0,
            #[cfg(feature = "sim")]
            appends_left: config.abort_after_appends,
        };
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                writer.serve(inbox);
                drop(lock);
            })
            .map_err(|source| JournalError::File {
                operation: "starting the journal's thread",
                path: config.dir.clone(),
                source,
            })?;
        Ok((Self { asks }, opened))
    }

    /// Stores facts in one unit of work. When it returns `Ok`, they are on the disk.
    ///
    /// # Errors
    /// [`JournalError::DiskFull`] when a new sale finds no space; [`JournalError::Broken`] when nothing works any more.
    pub async fn append(&self, facts: Vec<Fact>) -> Result<Appended, JournalError> {
        self.ask(|reply| Ask::Append(facts, reply)).await
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

    /// Returns count and sum of the paid sales opened in `from_ms .. to_ms` (UTC milliseconds).
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

    /// Returns at most `limit` sales older than `before`, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn records(
        &self,
        before: Option<TxnId>,
        limit: usize,
    ) -> Result<Vec<SaleRow>, JournalError> {
        self.read(move |store| store.records(before, limit)).await
    }

    /// Returns what was taken since the day and the month began (UTC milliseconds), by channel and entry mode.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn spent(&self, day_ms: i64, month_ms: i64) -> Result<Vec<SpentRow>, JournalError> {
        self.read(move |store| store.spent(day_ms, month_ms)).await
    }

    /// Returns one sale by its transaction.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn sale_of(&self, txn: TxnId) -> Result<Option<SaleRow>, JournalError> {
        self.read(move |store| store.sale_of(txn)).await
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
        self.asks
            .send(make(reply))
            .await
            .map_err(|_| JournalError::Broken)?;
        answer.await.map_err(|_| JournalError::Broken)?
    }
}

struct Writer {
    store: Option<Store>,
    store_config: StoreConfig,
    /// `None` while the second copy is behind, too.
    mirror: Option<Mirror>,
    mirror_path: Option<PathBuf>,
    #[cfg(feature = "sim")]
    planted_mirror_failure: Option<u64>,
    reserve: Reserve,
    low_space: bool,
    failed: u32,
    #[cfg(feature = "sim")]
    appends_left: Option<u64>,
}

impl Writer {
    fn serve(mut self, mut inbox: mpsc::Receiver<Ask>) {
        // A reply that nobody waits for any more is dropped: the caller has gone.
        while let Some(ask) = inbox.blocking_recv() {
            match ask {
                Ask::Append(facts, reply) => {
                    let stored = self.append(&facts);
                    #[cfg(feature = "sim")]
                    self.maybe_die();
                    drop(reply.send(stored));
                }
                Ask::Read(read) => read(self.store.as_ref()),
            }
        }
    }

    #[cfg(feature = "sim")]
    fn maybe_die(&mut self) {
        if let Some(left) = &mut self.appends_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                std::process::abort();
            }
        }
    }

    fn append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        let opens_sale = facts.iter().any(|fact| {
            matches!(&fact.kind, FactKind::IntentRecorded(_))
                || matches!(&fact.kind, FactKind::UndoIntended(intent)
                        if intent.cause == UndoCause::Asked)
        });
        if opens_sale && self.low_space && !self.reserve.hold() {
            return Err(JournalError::DiskFull {
                path: self.store_config.path.clone(),
            });
        }
        let first = self.try_append(facts);
        match first {
            Err(JournalError::DiskFull { .. }) if !opens_sale => {
                self.reserve.release();
                self.low_space = true;
                self.try_append(facts)
            }
            Err(JournalError::DiskFull { path }) => {
                self.low_space = true;
                Err(JournalError::DiskFull { path })
            }
            // The disk is well; the facts contradict what is stored. Nothing of them was.
            Err(problem) if problem.is_contradiction() => Err(problem),
            Err(problem) => self.reopen_and_append(facts, problem),
            Ok(appended) => Ok(appended),
        }
    }

    fn try_append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        let store = self.store.as_mut().ok_or(JournalError::Broken)?;
        let rows = store.append(facts)?;
        let (last_row, head) = (store.rows, store.head);
        if !self.copy(&rows) {
            // The database holds the facts; a copy that cannot be written is told by refusing new sales.
            self.low_space = true;
        } else if self.low_space {
            self.low_space = !self.reserve.hold();
        }
        Ok(Appended {
            last_row,
            head,
            low_space: self.low_space,
        })
    }

    /// Brings the second copy up to date. A failed write leaves a torn end, and the rows after it would stand behind a
    /// gap: the copy is then opened, cut and filled from the database again, here or with the next unit of work.
    fn copy(&mut self, rows: &[SealedRow]) -> bool {
        let Some(path) = &self.mirror_path else {
            return true;
        };
        #[cfg(feature = "sim")]
        if self.planted_mirror_failure == rows.last().map(SealedRow::number) {
            self.mirror = None;
            return false;
        }
        if let Some(mirror) = &mut self.mirror
            && mirror.append(rows).is_ok()
        {
            return true;
        }
        self.mirror = None;
        if let Some(store) = &self.store {
            self.mirror = catch_up(path, store).ok();
        }
        self.mirror.is_some()
    }

    /// After an input/output error the connection is poisoned: dirty pages may be gone. Reopen once and look.
    fn reopen_and_append(
        &mut self,
        facts: &[Fact],
        problem: JournalError,
    ) -> Result<Appended, JournalError> {
        let before = self.store.take().map(|store| store.rows);
        self.failed += 1;
        let (Some(before), 1) = (before, self.failed) else {
            return Err(problem);
        };
        tracing::warn!(error = %problem, "the journal is closed and opened again");
        let store = Store::open(&self.store_config)?;
        if store.rows != before {
            // The unit of work can be read, but its sync failed: whether it is on the disk nobody can tell here.
            return Err(JournalError::Broken);
        }
        self.store = Some(store);
        self.try_append(facts)
    }
}

fn lock(config: &JournalConfig) -> Result<File, JournalError> {
    let path = config.dir.join("journal.lock");
    let fail = |source| JournalError::File {
        operation: "making the lock",
        path: path.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path: path.clone() }),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}

/// Compares the second copy with the database and appends what it lacks.
fn catch_up(path: &std::path::Path, store: &Store) -> Result<Mirror, JournalError> {
    let (mut mirror, records) = Mirror::open(path, store.rows)?;
    let known = u64::try_from(records.len()).unwrap_or(u64::MAX);
    let (rows, _) = store.rows()?;
    for (record, row) in records.iter().zip(&rows) {
        if record.number != row.number() || record.hash != row.digest() {
            let (mirror, number) = (path.to_owned(), row.number());
            return Err(JournalError::ForeignMirror { mirror, number });
        }
    }
    if known > store.rows {
        let mirror = path.to_owned();
        return Err(JournalError::RolledBack {
            mirror,
            mirror_rows: known,
            rows: store.rows,
        });
    }
    let missing = &rows[records.len()..];
    if !missing.is_empty() {
        mirror.append(missing)?;
    }
    Ok(mirror)
}
