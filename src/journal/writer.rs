//! The journal's thread: one unit of work after the other, and the check of all records while nothing is asked.
//!
//! Owns the open database, the second copy, the reserve and the lock, and decides what follows from a failure. Takes
//! [`Ask`]s, ends when the last handle is gone.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::audit::{Audit, Progress};
use super::chain::Walker;
use super::checked::Checked;
use super::error::JournalError;
use super::files::Files;
use super::mirror::{CopyReader, Place};
use super::rebuild;
use super::reserve::Reserve;
use super::second::SecondCopy;
use super::store::{Store, StoreConfig};
use super::sums::SumsCheck;
use super::{Appended, Ask, Background, JournalConfig, NoSales, Opened};
use crate::evidence::{Digest, SealedRow};
use crate::payment::{Fact, FactKind};

/// Rows that are checked before the next ask is looked for: a few milliseconds.
const SLICE_ROWS: u64 = 500;

pub(super) struct Writer {
    pub store: Option<Store>,
    store_config: StoreConfig,
    dir: PathBuf,
    copy: Option<SecondCopy>,
    files: Arc<dyn Files>,
    /// Path and size of the space kept back so that the results of open sales can be stored when the disk fills.
    reserve: Reserve,
    failed: u32,
    /// The check in the background, and the last row that it is about.
    pub audit: Option<(Audit, u64)>,
    pub audited: Background,
    /// The check of the kept sums.
    pub sums: SumsCheck,
    altered: Option<String>,
    /// The journal was rebuilt, and nobody has vouched for it yet.
    unproven: bool,
    /// There is no note, because the second copy was behind.
    taken_back: bool,
    /// Damage was seen in this start.
    doubted: bool,
    #[cfg(feature = "sim")]
    planted_mirror_failure: Option<u64>,
    #[cfg(feature = "sim")]
    appends_left: Option<u64>,
    /// Let go last, when the database is closed.
    _lock: Box<dyn Send>,
}

impl Writer {
    /// Locks, opens, checks and migrates the journal, and brings the second copy up to date. On a full disk the reserve
    /// is given back: open sales need their results, and new ones are refused as long as it is missing.
    pub fn open(config: &JournalConfig) -> Result<(Self, Opened), JournalError> {
        match Self::open_once(config) {
            Err(problem) if problem.is_full() => {
                config.files.release_space(&Reserve::path(config));
                Self::open_once(config)
            }
            opened => opened,
        }
    }

    fn open_once(config: &JournalConfig) -> Result<(Self, Opened), JournalError> {
        let files = Arc::clone(&config.files);
        let lock = lock(&*files, config)?;
        rebuild::refuse_unfinished(config)?;
        let store_config = StoreConfig::of(config);
        let mut store = Store::open(&store_config, &*files)?;
        let mut begun = begin(&store, config)?;
        if store.last_row()? == 0 {
            // Before anything is made in it: an empty file must not become a new journal where there was one.
            refuse_new(config, &mut begun)?;
        }
        store.prepare(&store_config)?;
        limit_pages(&store, config.pages_max)?;
        let mut audit = begun.audit;
        audit.walk_on(&store)?;
        let seen = audit.walker();
        let place = audit.finish()?;
        if let Some(problem) = begun.shrunk {
            return Err(problem);
        }
        store.accept(&seen)?;
        let copy = match (config.mirror.as_deref(), place) {
            (Some(path), Some(place)) => Some(SecondCopy::open(&*files, path, place, &store)?),
            (Some(_) | None, _) => None,
        };
        let reserve = Reserve::take(config);
        let unproven = store.is_unproven()?;
        let opened = Opened {
            counters: store.counters()?,
            open: store.open_facts()?,
            rows: store.rows,
            head: store.head,
        };
        let mut writer = Self {
            store: Some(store),
            store_config,
            dir: config.dir.clone(),
            copy,
            files,
            reserve,
            failed: 0,
            audit: None,
            audited: Background::Sound,
            sums: SumsCheck::begin(),
            altered: None,
            unproven,
            taken_back: false,
            doubted: false,
            #[cfg(feature = "sim")]
            planted_mirror_failure: config.planted_mirror_failure,
            #[cfg(feature = "sim")]
            appends_left: config.abort_after_appends,
            _lock: lock,
        };
        writer.note();
        if begun.from_note {
            writer.check_all(opened.rows)?;
        }
        Ok((writer, opened))
    }

    pub fn serve(mut self, mut inbox: mpsc::Receiver<Ask>) {
        // A reply that nobody waits for any more is dropped: the caller has gone.
        while let Some(ask) = self.next(&mut inbox) {
            match ask {
                Ask::Append(facts, reply) => {
                    let stored = self.append(&facts);
                    #[cfg(feature = "sim")]
                    self.maybe_die();
                    drop(reply.send(stored));
                }
                Ask::MaySell(reply) => drop(reply.send(self.may_sell())),
                Ask::Background(reply) => drop(reply.send(Ok(self.audited))),
                Ask::Read(read) => read(self.store.as_ref()),
            }
        }
        self.note();
    }

    /// Waits for the next ask; goes on with the check of all records while there is none.
    fn next(&mut self, inbox: &mut mpsc::Receiver<Ask>) -> Option<Ask> {
        while self.is_checking() {
            match inbox.try_recv() {
                Ok(ask) => return Some(ask),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => self.check_on(),
            }
        }
        inbox.blocking_recv()
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

    pub fn append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        let appended = self.append_now(facts)?;
        self.checkpoint_if_due();
        Ok(appended)
    }

    /// The facts are stored already: what goes wrong here, the next append tells.
    fn checkpoint_if_due(&mut self) {
        let Some(store) = &mut self.store else { return };
        match store.checkpoint_if_due() {
            Ok(()) => {}
            // The log holds the facts; the database grows when there is space again.
            Err(JournalError::DiskFull { .. }) => self.reserve.missed(),
            Err(problem) => {
                if let Err(problem) = self.recover(problem) {
                    let error = super::error::chain(&problem);
                    tracing::error!(error, "a checkpoint failed; nothing more is stored");
                }
            }
        }
    }

    fn append_now(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        let opens_sale = facts.iter().any(Fact::is_wish);
        if opens_sale {
            self.refuse_sale()?;
        }
        match self.try_append(facts) {
            Err(JournalError::DiskFull { .. }) if !opens_sale => {
                self.reserve.give(&*self.files);
                self.try_append(facts)
            }
            Err(JournalError::DiskFull { path }) => {
                self.reserve.missed();
                Err(JournalError::DiskFull { path })
            }
            // The disk is well; the facts contradict what is stored. Nothing of them was.
            Err(problem) if problem.is_contradiction() => Err(problem),
            Err(problem) => self.reopen_and_append(facts, problem),
            Ok(appended) => Ok(appended),
        }
    }

    /// Refuses a new sale for a reason that is still there after a try to mend it.
    fn refuse_sale(&mut self) -> Result<(), JournalError> {
        match self.may_sell()? {
            None => Ok(()),
            // The till asks before, and tells the one from the other.
            Some(NoSales::DiskFull | NoSales::DiskFails) => Err(JournalError::DiskFull {
                path: self.store_config.path.clone(),
            }),
            Some(NoSales::CopyFails) => {
                let mirror = self.copy.as_ref().map(|copy| copy.path.clone());
                let mirror = mirror.unwrap_or_default();
                Err(JournalError::CopyFails { mirror })
            }
            Some(NoSales::Altered) => Err(JournalError::Altered {
                problem: self.altered.clone().unwrap_or_default(),
            }),
            Some(NoSales::Unproven) => Err(JournalError::Unproven {
                path: self.store_config.path.clone(),
            }),
        }
    }

    pub fn may_sell(&mut self) -> Result<Option<NoSales>, JournalError> {
        let store = self.store.as_ref().ok_or(JournalError::Broken)?;
        if let Some(copy) = &mut self.copy
            && copy.mirror.is_none()
        {
            copy.reopen(&*self.files, store);
        }
        self.keep_note();
        self.reserve.hold(&*self.files);
        Ok(self.no_sales())
    }

    /// Tells whether the journal was rebuilt, may lack records, and nobody has vouched for it.
    pub const fn is_unproven(&self) -> bool {
        self.unproven
    }

    fn no_sales(&self) -> Option<NoSales> {
        if self.altered.is_some() {
            Some(NoSales::Altered)
        } else if self.unproven {
            Some(NoSales::Unproven)
        } else if let Some(reason) = self.reserve.no_sales() {
            // Before the copy: without room nothing can be stored, without the copy results can.
            Some(reason)
        } else if self.copy.as_ref().is_some_and(|copy| copy.mirror.is_none()) {
            Some(NoSales::CopyFails)
        } else {
            None
        }
    }

    fn try_append(&mut self, facts: &[Fact]) -> Result<Appended, JournalError> {
        let store = self.store.as_mut().ok_or(JournalError::Broken)?;
        let rows = store.append(facts)?;
        let (last_row, head) = (store.rows, store.head);
        self.copy_rows(&rows);
        self.keep_note();
        let proven = |fact: &Fact| matches!(fact.kind, FactKind::Proven { .. });
        self.unproven &= !facts.iter().any(proven);
        self.reserve.hold(&*self.files);
        Ok(Appended {
            last_row,
            head,
            no_sales: self.no_sales(),
        })
    }

    /// Brings the second copy up to date. The database holds the facts already: a copy that cannot be written is told
    /// by refusing new sales.
    fn copy_rows(&mut self, rows: &[SealedRow]) {
        let (Some(copy), Some(store)) = (&mut self.copy, &self.store) else {
            return;
        };
        #[cfg(feature = "sim")]
        if self.planted_mirror_failure.is_some()
            && self.planted_mirror_failure == rows.last().map(SealedRow::number)
        {
            copy.mirror = None;
            return;
        }
        copy.append(rows, &*self.files, store);
    }

    fn reopen_and_append(
        &mut self,
        facts: &[Fact],
        problem: JournalError,
    ) -> Result<Appended, JournalError> {
        self.recover(problem)?;
        self.try_append(facts)
    }

    /// After an input/output error the connection is poisoned: dirty pages may be gone. It is closed without another
    /// sync. A sync that failed ends the service; anything else may be tried once more on a new connection. A full disk
    /// gets its reserve back for that, as at a start.
    fn recover(&mut self, problem: JournalError) -> Result<(), JournalError> {
        let Some(store) = self.store.take() else {
            return Err(problem);
        };
        let before = (store.rows, store.head);
        store.abandon();
        if problem.is_corrupt() {
            self.doubt();
        }
        self.audit = None;
        self.failed += 1;
        if matches!(problem, JournalError::SyncFailed { .. }) || self.failed > 1 {
            return Err(problem);
        }
        tracing::warn!(error = %problem, "the journal is closed and opened again");
        let reopened = match self.reopen(before) {
            Err(problem) if problem.is_full() => {
                self.reserve.give(&*self.files);
                self.reopen(before)
            }
            reopened => reopened,
        };
        // There is no connection any more, and space alone does not bring it back: only a start does.
        self.store = Some(reopened.map_err(|problem| {
            let error = super::error::chain(&problem);
            tracing::error!(error, "the journal could not be opened again");
            JournalError::Broken
        })?);
        // The check of all records begins again with the new connection.
        if self.audited == Background::Going && self.check_all(before.0).is_err() {
            self.audited = Background::Failed;
        }
        Ok(())
    }

    /// Opens the database again, as it was when its last row was `rows` with hash `head`.
    fn reopen(&self, (rows, head): (u64, Digest)) -> Result<Store, JournalError> {
        let mut store = Store::open(&self.store_config, &*self.files)?;
        store.prepare(&self.store_config)?;
        let known = rows == 0 || store.stored_hash(rows)? == Some(head);
        let mut walker = if rows == 0 {
            Walker::start()
        } else {
            Walker::after(rows, head)
        };
        let more = store.walk(&mut walker, u64::MAX, |_| Ok(()))?;
        if !known || more > 0 {
            // The unit of work can be read, but whether it is on the disk nobody can tell here.
            return Err(JournalError::Broken);
        }
        store.accept(&walker)?;
        Ok(store)
    }

    /// The note says that the second copy lacks nothing, on which a rebuild relies: it is taken back while the copy is
    /// behind, and left again when it is whole.
    fn keep_note(&mut self) {
        let behind = self.copy.as_ref().is_some_and(|copy| copy.mirror.is_none());
        if behind && !self.taken_back {
            self.take_note_back();
        } else if !behind && self.taken_back {
            self.taken_back = false;
            self.note();
        }
    }

    /// Damage was seen: the next start looks at everything before it says anything.
    fn doubt(&mut self) {
        self.doubted = true;
        Checked::doubt(&*self.files, &self.dir);
    }

    fn take_note_back(&mut self) {
        let taken = Checked::take_back(&*self.files, &self.dir);
        // The next append tries again: a note that says more than the copy holds would prove too much.
        self.taken_back = taken.is_ok();
        if let Err(error) = taken {
            tracing::warn!(%error, "the note of what is checked was not taken back");
        }
    }

    /// Leaves the note of how far everything is checked, unless something is wrong or behind.
    pub fn note(&self) {
        let Some(store) = &self.store else { return };
        let behind = self.copy.as_ref().is_some_and(|copy| copy.mirror.is_none());
        if self.doubted || behind || store.rows == 0 {
            return;
        }
        let note = Checked {
            row: store.rows,
            hash: store.head,
            copy_at: self.copy.as_ref().map_or(0, |copy| copy.place.last_at),
            doubted: false,
        };
        note.write(&*self.files, &self.dir);
    }

    /// Begins the check of all records up to row `until`.
    fn check_all(&mut self, until: u64) -> Result<(), JournalError> {
        let copy = match &self.copy {
            None => None,
            Some(copy) => {
                let reader = CopyReader::open(&*self.files, &copy.path, 0)?;
                Some((copy.path.clone(), reader))
            }
        };
        self.audit = Some((Audit::whole(copy), until));
        self.audited = Background::Going;
        Ok(())
    }

    const fn is_checking(&self) -> bool {
        self.audit.is_some() || self.sums.is_going()
    }

    /// Goes on with what is checked while nothing is asked.
    pub fn check_on(&mut self) {
        if self.audit.is_some() {
            self.check_slice();
        } else if self.sums.is_going() {
            self.check_sums();
        }
    }

    fn check_slice(&mut self) {
        let (Some((audit, until)), Some(store)) = (&mut self.audit, &self.store) else {
            self.audit = None;
            return;
        };
        match audit.slice(store, *until, SLICE_ROWS) {
            Ok(Progress::More) => {}
            Ok(Progress::Done) => {
                let place = audit.place();
                let missing = audit.walker().count() < *until;
                self.audit = None;
                self.audited = Background::Sound;
                if missing {
                    self.alarm("rows are missing".to_owned());
                } else if let Some((place, true)) = place {
                    self.mend_copy(place);
                }
            }
            Err(
                problem @ (JournalError::Chain { .. }
                | JournalError::ForeignMirror { .. }
                | JournalError::Damaged { .. }),
            ) => self.alarm(super::error::chain(&problem)),
            Err(problem) => {
                tracing::warn!(error = %super::error::chain(&problem), "the check in the background ended");
                self.audit = None;
                self.audited = Background::Failed;
            }
        }
    }

    /// An altered record was found: no new sales, and the next start looks at every record before it says the same.
    fn alarm(&mut self, problem: String) {
        tracing::error!(problem, "the check in the background found an alteration");
        self.audit = None;
        self.audited = Background::Failed;
        self.altered = Some(problem);
        self.doubt();
    }

    /// The second copy is damaged behind `place`: what follows is written again from the database.
    fn mend_copy(&mut self, place: Place) {
        let (Some(copy), Some(store)) = (&mut self.copy, &self.store) else {
            return;
        };
        tracing::warn!(
            record = place.records + 1,
            "the second copy is damaged and is mended"
        );
        copy.mirror = None;
        copy.place = place;
        copy.reopen(&*self.files, store);
    }
}

/// The walk at the start, and what is known before it.
struct Begun {
    audit: Audit,
    from_note: bool,
    /// The database has fewer rows than the note: told after the second copy had its say.
    shrunk: Option<JournalError>,
}

/// Refuses to begin a journal where the second copy or the note tell of one.
fn refuse_new(config: &JournalConfig, begun: &mut Begun) -> Result<(), JournalError> {
    if let Some(path) = &config.mirror
        && let Some(mirror_rows) = CopyReader::open(&*config.files, path, 0)?.last_behind()?
    {
        return Err(JournalError::RolledBack {
            mirror: path.clone(),
            mirror_rows,
            rows: 0,
        });
    }
    begun.shrunk.take().map_or(Ok(()), Err)
}

/// Goes on from the note where it fits; otherwise every page and every row is looked at.
fn begin(store: &Store, config: &JournalConfig) -> Result<Begun, JournalError> {
    let copy = |at| -> Result<_, JournalError> {
        match &config.mirror {
            None => Ok(None),
            Some(path) => {
                let reader = CopyReader::open(&*config.files, path, at)?;
                Ok(Some((path.clone(), reader)))
            }
        }
    };
    let mut shrunk = None;
    if let Some(note) = Checked::read(&*config.files, &config.dir) {
        let rows = store.last_row()?;
        if rows < note.row {
            shrunk = Some(JournalError::Shrunk {
                path: store.path.clone(),
                note: Checked::path(&config.dir),
                noted: note.row,
                rows,
            });
        } else if !note.doubted
            && store.stored_hash(note.row)? == Some(note.hash)
            && let Some(audit) = Audit::after(note, copy(note.copy_at)?)?
        {
            return Ok(Begun {
                audit,
                from_note: true,
                shrunk,
            });
        }
        tracing::info!("the note of how far the journal was checked does not fit; all is checked");
    }
    store.check_structure()?;
    let audit = Audit::whole(copy(0)?);
    Ok(Begun {
        audit,
        from_note: false,
        shrunk,
    })
}

fn limit_pages(store: &Store, pages_max: Option<u32>) -> Result<(), JournalError> {
    let Some(pages) = pages_max else {
        return Ok(());
    };
    store
        .connection
        .pragma_update(None, "max_page_count", pages)
        .map_err(|e| store.refused("limiting its size", e))
}

pub(super) fn lock(
    files: &dyn Files,
    config: &JournalConfig,
) -> Result<Box<dyn Send>, JournalError> {
    let path = config.dir.join("journal.lock");
    match files.lock(&path) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(JournalError::Locked { path }),
        Err(source) => Err(JournalError::File {
            operation: "making the lock",
            path,
            source,
        }),
    }
}
