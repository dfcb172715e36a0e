//! The journal: SQLite, one writer on its own thread, durable when an append returns.
//!
//! Owns the database, its lock, the second copy and the reserve. Takes [`Journal::append`] and queries over a bounded
//! queue, answers over one-shot channels, and ends when every handle is gone. It never restarts in process: an
//! input/output error closes and reopens it once; after a second one every append is refused.
//! Tested by `tests/it/journal.rs` (alterations, limits, bad files) and `tests/it/crash.rs` (power cuts, failing
//! disks).

mod chain;
#[cfg(feature = "sim")]
mod direct;
mod error;
mod files;
pub mod inspect;
mod migrate;
mod mirror;
mod query;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use chain::Walker;
#[cfg(feature = "sim")]
pub use direct::DirectJournal;
pub use error::JournalError;
pub use files::{CopyFile, Files, SystemFiles};
pub use migrate::SCHEMA;
pub use mirror::{MirrorRecord, parse as parse_mirror};
pub use query::{Counters, SaleRow, SaleState, Totals};

use crate::evidence::{Digest, SealedRow};
use crate::limits;
use crate::payment::{Fact, FactKind};
use mirror::Mirror;
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
    /// Where lock, reserve and second copy live.
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

enum Ask {
    Append(Vec<Fact>, Reply<Appended>),
    Room(Reply<bool>),
    Recent(usize, Reply<Vec<SaleRow>>),
    Sale(String, Reply<Option<SaleRow>>),
    Totals(i64, i64, Reply<Totals>),
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
        let (writer, opened) = Writer::open(&config)?;
        let (asks, inbox) = mpsc::channel(limits::JOURNAL_QUEUE);
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.serve(inbox))
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

    /// Tells whether there is room for a new sale: after the disk was full, whether the reserve is held again.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when the journal's thread has ended.
    pub async fn has_room(&self) -> Result<bool, JournalError> {
        self.ask(Ask::Room).await
    }

    /// Returns the last sales, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn recent(&self, limit: usize) -> Result<Vec<SaleRow>, JournalError> {
        self.ask(|reply| Ask::Recent(limit, reply)).await
    }

    /// Returns one sale by its order number.
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn sale(&self, order_no: &str) -> Result<Option<SaleRow>, JournalError> {
        self.ask(|reply| Ask::Sale(order_no.to_owned(), reply))
            .await
    }

    /// Returns count and sum of the paid sales opened in `from_ms .. to_ms` (UTC milliseconds).
    ///
    /// # Errors
    /// [`JournalError`] when the database cannot be read.
    pub async fn today_totals(&self, from_ms: i64, to_ms: i64) -> Result<Totals, JournalError> {
        self.ask(|reply| Ask::Totals(from_ms, to_ms, reply)).await
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
    files: Arc<dyn Files>,
    /// Path and size of the space kept back so that the results of open sales can be stored when the disk fills.
    reserve: (PathBuf, u64),
    low_space: bool,
    failed: u32,
    #[cfg(feature = "sim")]
    appends_left: Option<u64>,
    /// Let go last, when the database is closed.
    _lock: Box<dyn Send>,
}

impl Writer {
    /// On a full disk the reserve is given back: the open sales need their results, and new sales are refused.
    fn open(config: &JournalConfig) -> Result<(Self, Opened), JournalError> {
        let lock = lock(config)?;
        let reserve = (config.dir.join("journal.reserve"), config.reserve_bytes);
        let opened = match open_both(config) {
            Err(problem) if problem.is_full() => {
                config.files.release_space(&reserve.0);
                open_both(config)
            }
            opened => opened,
        };
        let (store, mirror) = opened?;
        let files = Arc::clone(&config.files);
        let low_space = !files.hold_space(&reserve.0, reserve.1);
        let opened = Opened {
            counters: store.counters()?,
            open: store.open_facts()?,
            rows: store.rows,
            head: store.head,
        };
        let writer = Self {
            store: Some(store),
            store_config: store_config(config),
            mirror,
            mirror_path: config.mirror.clone(),
            #[cfg(feature = "sim")]
            planted_mirror_failure: config.planted_mirror_failure,
            files,
            reserve,
            low_space,
            failed: 0,
            #[cfg(feature = "sim")]
            appends_left: config.abort_after_appends,
            _lock: lock,
        };
        Ok((writer, opened))
    }

    /// Makes sure that the reserve is there. Missing space is not an error: new sales are refused.
    fn hold_reserve(&self) -> bool {
        self.files.hold_space(&self.reserve.0, self.reserve.1)
    }

    fn has_room(&mut self) -> bool {
        if let (None, Some(path), Some(store)) = (&self.mirror, &self.mirror_path, &self.store) {
            self.mirror = catch_up(&*self.files, path, store).ok();
        }
        let copied = self.mirror_path.is_none() || self.mirror.is_some();
        self.low_space = self.low_space && !(copied && self.hold_reserve());
        !self.low_space
    }

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
                Ask::Room(reply) => drop(reply.send(Ok(self.has_room()))),
                Ask::Recent(limit, reply) => drop(reply.send(self.read(|s| s.recent(limit)))),
                Ask::Sale(order, reply) => drop(reply.send(self.read(|s| s.sale(&order)))),
                Ask::Totals(from, to, reply) => {
                    drop(reply.send(self.read(|s| s.totals(from, to))));
                }
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

    fn read<T>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        read(self.store.as_ref().ok_or(JournalError::Broken)?)
    }

    fn append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        let opens_sale = facts
            .iter()
            .any(|fact| matches!(fact.kind, FactKind::IntentRecorded(_)));
        if opens_sale && self.low_space && !self.hold_reserve() {
            return Err(JournalError::DiskFull {
                path: self.store_config.path.clone(),
            });
        }
        let first = self.try_append(facts);
        match first {
            Err(JournalError::DiskFull { .. }) if !opens_sale => {
                self.files.release_space(&self.reserve.0);
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
            self.low_space = !self.hold_reserve();
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
            self.mirror = catch_up(&*self.files, path, store).ok();
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
        let store = open_store(&*self.files, &self.store_config)?;
        if store.rows != before {
            // The unit of work can be read, but its sync failed: whether it is on the disk nobody can tell here.
            return Err(JournalError::Broken);
        }
        self.store = Some(store);
        self.try_append(facts)
    }
}

fn store_config(config: &JournalConfig) -> StoreConfig {
    StoreConfig {
        path: config.database(),
        vfs: config.vfs.clone(),
        #[cfg(feature = "sim")]
        planted_synchronous_normal: config.planted_synchronous_normal,
    }
}

/// Opens the database after its write-ahead log was made durable. A log whose sync failed can be read and yet be lost:
/// the checkpoint at opening would then write pages that a power cut leaves without their log.
fn open_store(files: &dyn Files, config: &StoreConfig) -> Result<Store, JournalError> {
    let mut log = config.path.clone().into_os_string();
    log.push("-wal");
    let path = PathBuf::from(log);
    files.rewrite(&path).map_err(|source| JournalError::File {
        operation: "making the write-ahead log durable",
        path,
        source,
    })?;
    Store::open(config)
}

/// Opens the database and its second copy.
fn open_both(config: &JournalConfig) -> Result<(Store, Option<Mirror>), JournalError> {
    let store = open_store(&*config.files, &store_config(config))?;
    if let Some(pages) = config.pages_max {
        let limit = store
            .connection
            .pragma_update(None, "max_page_count", pages);
        limit.map_err(|e| store.refused("limiting its size", e))?;
    }
    let mirror = config
        .mirror
        .as_deref()
        .map(|path| catch_up(&*config.files, path, &store))
        .transpose()?;
    Ok((store, mirror))
}

fn lock(config: &JournalConfig) -> Result<Box<dyn Send>, JournalError> {
    let path = config.dir.join("journal.lock");
    match config.files.lock(&path) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(JournalError::Locked { path }),
        Err(source) => Err(JournalError::File {
            operation: "making the lock",
            path,
            source,
        }),
    }
}

/// Compares the second copy with the database and appends what it lacks.
fn catch_up(
    files: &dyn Files,
    path: &std::path::Path,
    store: &Store,
) -> Result<Mirror, JournalError> {
    let (mut mirror, records) = Mirror::open(files, path, store.rows)?;
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
