//! What the runs of one thread share: the disks, the journal's settings, the journal itself.
//!
//! Owns [`Bench`] and [`Book`]. A book may be a list in memory, for the speed of core and checker alone.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{Image, Plan};
use super::files::SimFiles;
use super::find::Needle;
use super::plant::Bug;
use super::vfs::SimDisk;
use crate::domain::{BatchNo, Timestamp, TxnId};
use crate::evidence::{Digest, SealedRow};
use crate::journal::{
    Appended, Background, Counters, DirectJournal, JournalConfig, JournalError, NoSales, Opened,
    Report,
};
use crate::payment::{EndedSale, Fact, FactKind, Numbers, PaidSale, Unsettled};
use crate::profile;
use crate::settlement::Batch;
use crate::view::{Shop, Wall};

/// What the runs of one thread share.
pub struct Bench {
    /// The disk.
    pub disk: &'static SimDisk,
    shadow: &'static SimDisk,
    config: JournalConfig,
    shadow_config: JournalConfig,
    template: Image,
    pub(super) shop: Shop,
    /// The journal is a list in memory: for the speed of the core alone.
    pub in_memory: bool,
}

impl Bench {
    /// Installs two disks under names made of `name`, which is used once in a process.
    ///
    /// # Panics
    /// An empty journal cannot be made on a sound disk.
    pub fn new(name: &str, in_memory: bool) -> Self {
        let (one, two) = (format!("{name}-disk"), format!("{name}-shadow"));
        let (disk, shadow) = (SimDisk::install(&one), SimDisk::install(&two));
        let (config, shadow_config) = (config(disk, &one), config(shadow, &two));
        disk.lock().format(Plan::Sound);
        drop(DirectJournal::open(&config).expect("invariant: a sound disk takes a journal"));
        let template = disk.lock().durable_image();
        let shop = Shop {
            name: String::new(),
            sandbox: true,
            profile: Arc::new(profile::Profile::built_in()),
            wall: Wall::default(),
            fees: None,
        };
        Self {
            disk,
            shadow,
            config,
            shadow_config,
            template,
            shop,
            in_memory,
        }
    }

    /// Prepares for a run: a fresh journal on a sound disk, with the settings that a planted bug needs.
    pub(super) fn prepare(&mut self, bug: Bug) {
        self.config.planted_synchronous_normal = bug == Bug::B16;
        self.config.files = Arc::new(SimFiles {
            disk: self.disk,
            refreshes: true,
        });
        self.disk.lock().restore(&self.template);
    }

    /// How the terminal opens its journal.
    pub(super) const fn settings(&self) -> &JournalConfig {
        &self.config
    }

    /// Returns the name of the disk as SQLite knows it.
    pub(super) fn vfs(&self) -> Option<String> {
        self.config.vfs.clone()
    }

    /// Tells whether the disk is full, and whether the journal's reserve is there.
    pub(super) fn space(&self) -> (bool, bool) {
        let disk = self.disk.lock();
        let reserve = disk.length_of("/var/lib/shouyin/journal.reserve") > 0;
        (disk.is_limited(), reserve)
    }

    /// Tells whether a text is on the disk for good.
    pub fn is_durable(&self, text: &str) -> bool {
        let disk = self.disk.lock();
        let text = Needle::new(text.as_bytes());
        disk.holds_durably(".db-wal", &text) || disk.holds_durably(".db", &text)
    }

    /// Opens the disk as it would be if the power went now, and looks for a number in the journal's rows. Opened as a
    /// start does: rot that nobody has met yet is mended there.
    pub fn would_survive(&self, number: &str) -> bool {
        let image = self.disk.lock().durable_image();
        self.shadow.lock().restore(&image);
        let opened = DirectJournal::open_or_rebuild(&self.shadow_config, Timestamp(0));
        let rows = opened.and_then(|(book, _, _)| book.rows());
        let holds = |row: &SealedRow| String::from_utf8_lossy(row.body()).contains(number);
        rows.is_ok_and(|rows| rows.iter().rev().any(holds))
    }

    /// Returns the rows of a disk behind one whose hash is known.
    pub(super) fn rows_of(
        &self,
        image: &Image,
        number: u64,
        hash: Digest,
    ) -> Result<Vec<SealedRow>, JournalError> {
        self.shadow.lock().restore(image);
        let (book, _) = DirectJournal::open(&self.shadow_config)?;
        book.rows_behind(number, hash)
    }

    /// Every other seed has an adapter that reports each request once, as the real one does; the others hear late and
    /// double answers, too.
    pub const fn strict_line(&self, seed: u64) -> bool {
        seed.is_multiple_of(2)
    }

    /// The acquirers of half of the seeds send notices.
    pub const fn sends_notices(&self, seed: u64) -> bool {
        seed & 2 == 0
    }
}

fn config(disk: &'static SimDisk, vfs: &str) -> JournalConfig {
    let dir = PathBuf::from("/var/lib/shouyin");
    let mut config = JournalConfig::new(dir, PathBuf::from("/copy/journal.copy"));
    config.reserve_bytes = 524_288;
    config.vfs = Some(vfs.to_owned());
    config.files = Arc::new(SimFiles {
        disk,
        refreshes: true,
    });
    config
}

/// The journal of a run.
pub enum Book {
    /// The real one.
    Real(Box<DirectJournal>),
    /// A list in the world's memory.
    Memory,
}

/// A journal that was opened and has taken the first fact of its start.
pub(super) struct Opening {
    pub book: Book,
    pub opened: Opened,
    pub numbers: Numbers,
    pub appended: Appended,
}

impl Book {
    /// Opens it as a start does: a damaged one is rebuilt.
    pub(super) fn start(
        bench: &Bench,
        memory: &[Fact],
        at: Timestamp,
    ) -> Result<(Self, Opened, Option<Report>), JournalError> {
        if bench.in_memory {
            return Ok((Self::Memory, opened_from(memory), None));
        }
        let (journal, opened, report) = DirectJournal::open_or_rebuild(&bench.config, at)?;
        Ok((Self::Real(Box::new(journal)), opened, report))
    }

    /// Opens it.
    pub(super) fn open(bench: &Bench, memory: &[Fact]) -> Result<(Self, Opened), JournalError> {
        if bench.in_memory {
            return Ok((Self::Memory, opened_from(memory)));
        }
        let (journal, opened) = DirectJournal::open(&bench.config)?;
        Ok((Self::Real(Box::new(journal)), opened))
    }

    pub(super) fn append(
        &mut self,
        facts: &[Fact],
        memory: &mut Vec<Fact>,
    ) -> Result<Appended, JournalError> {
        match self {
            Self::Real(journal) => journal.append(facts),
            Self::Memory => {
                memory.extend_from_slice(facts);
                Ok(Appended {
                    last_row: memory.len() as u64,
                    head: Digest::ZERO,
                    no_sales: None,
                })
            }
        }
    }

    /// Tells whether a new sale may be opened.
    pub(super) fn may_sell(&mut self) -> Result<Option<NoSales>, JournalError> {
        match self {
            Self::Real(journal) => journal.may_sell(),
            Self::Memory => Ok(None),
        }
    }

    /// Goes on with the check of all records, as the journal's thread does while nothing is asked.
    pub(super) fn check_on(&mut self) -> Background {
        match self {
            Self::Real(journal) => journal.check_on(),
            Self::Memory => Background::Sound,
        }
    }

    /// Returns a paid sale with what went back of it.
    pub(super) fn paid_sale(&self, txn: TxnId) -> Option<PaidSale> {
        match self {
            Self::Real(journal) => journal.paid_sale(txn).ok().flatten(),
            Self::Memory => None,
        }
    }

    /// Returns a sale that ended as not paid.
    pub(super) fn ended_sale(&self, order: &str) -> Option<EndedSale> {
        match self {
            Self::Real(journal) => journal.ended_sale(order).ok().flatten(),
            Self::Memory => None,
        }
    }

    /// Returns what people sent back since then, in fen; none when it cannot be read.
    pub(super) fn sent_back(&self, from_ms: i64) -> Option<u64> {
        match self {
            Self::Real(journal) => journal.sent_back(from_ms).ok(),
            Self::Memory => Some(0),
        }
    }

    /// Returns what a settlement now would be about.
    pub(super) fn unsettled(&self) -> Unsettled {
        match self {
            Self::Real(journal) => journal.unsettled().unwrap_or_default(),
            Self::Memory => Unsettled::default(),
        }
    }

    /// Returns a batch.
    pub(super) fn batch(&self, batch: BatchNo, numbers: &[String]) -> Option<Batch> {
        match self {
            Self::Real(journal) => journal.batch(batch, numbers).ok(),
            Self::Memory => None,
        }
    }

    /// Ends in order.
    pub(super) fn close(self) {
        if let Self::Real(journal) = self {
            journal.close();
        }
    }

    /// Returns the rows behind one whose hash is known.
    pub(super) fn rows_behind(
        &self,
        number: u64,
        hash: Digest,
    ) -> Result<Vec<SealedRow>, JournalError> {
        match self {
            Self::Real(journal) => journal.rows_behind(number, hash),
            Self::Memory => Ok(Vec::new()),
        }
    }
}

fn opened_from(memory: &[Fact]) -> Opened {
    let (mut epoch, mut sequence, mut voucher) = (0, 0, 0);
    for fact in memory {
        match &fact.kind {
            FactKind::Started { epoch: last, .. } => epoch = last.get(),
            FactKind::IntentRecorded(intent) => {
                sequence = intent.sequence;
                voucher = intent.voucher.get();
            }
            FactKind::RevokeIntended { sequence: last, .. } => sequence = *last,
            FactKind::UndoIntended(intent) => {
                sequence = intent.sequence;
                voucher = intent.voucher.get();
            }
            FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::RevokeProvisional { .. }
            | FactKind::CodeShown { .. }
            | FactKind::StopRequested { .. }
            | FactKind::Rechecked { .. }
            | FactKind::SuccessAfterRevoke { .. }
            | FactKind::AttentionRaised { .. }
            | FactKind::Closed { .. }
            | FactKind::UndoClosed { .. }
            | FactKind::Rebuilt(_)
            | FactKind::Proven { .. }
            | FactKind::BalanceAsked(_)
            | FactKind::Settlement { .. } => {}
        }
    }
    Opened {
        counters: Counters {
            epoch,
            next_sequence: sequence + 1,
            next_voucher: voucher + 1,
            batch: BatchNo::new(1).expect("invariant: 1 is a batch number"),
        },
        open: memory.to_vec(),
        rows: memory.len() as u64,
        head: Digest::ZERO,
    }
}
