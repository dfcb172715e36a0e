//! One run from its description to its verdict.
//!
//! Owns [`Case`], which says everything about a run, and [`Bench`], the disk and the settings that runs of one thread
//! share. A case is drawn from a seed or read from a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::check::{
    Evidence, Invariant, Sale, Violation, Word, at_rest, find_canary, money_at_rest,
};
use super::coverage::Coverage;
use super::disk::{Image, Plan};
use super::fault::{Fault, Place};
use super::files::SimFiles;
use super::host::{Manners, Profile};
use super::plan::{self, Clocks, Timed};
use super::plant::Bug;
use super::rng::{Stream, Streams, mix};
use super::swarm;
use super::trace::Trace;
use super::vfs::SimDisk;
use super::world::{Figures, Wait, World};
use crate::domain::{BatchNo, TxnId};
use crate::evidence::{Digest, SealedRow};
use crate::journal::{
    Appended, Background, Counters, DirectJournal, JournalConfig, JournalError, NoSales, Opened,
    SaleState,
};
use crate::payment::{EndedSale, Event, Fact, FactKind, Numbers, PaidSale};
use crate::profile;
use crate::view::Shop;

/// After the world is mended every sale ends within this (asserted; the report tells what was seen).
pub const HEALS_WITHIN_MS: u64 = 25 * 60_000;
/// Messages under way and codes that live on are waited for.
const LINGER_MS: u64 = 400_000;

/// Ten in the morning.
pub const TEN_OCLOCK_MS: u64 = 36_000_000;

/// Bugs of the terminal that are known and not mended, by the names under which `docs/RELIABILITY.md` tells of them.
pub const KNOWN: [&str; 2] = ["K1", "K2"];

/// What stays broken for ever in a liveness run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Answers to charges never come back.
    ChargeAnswers,
    /// Answers to revokes never come back.
    RevokeAnswers,
    /// Charges never arrive.
    ChargesLost,
    /// Answers to refunds and voids never come back.
    RefundAnswers,
    /// The acquirer refuses every revoke.
    RevokesRefused,
    /// Nobody can be reached.
    Everything,
}

impl Broken {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::ChargeAnswers,
        Self::RevokeAnswers,
        Self::ChargesLost,
        Self::RefundAnswers,
        Self::RevokesRefused,
        Self::Everything,
    ];

    /// Returns the word for it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::ChargeAnswers => "charge-answers",
            Self::RevokeAnswers => "revoke-answers",
            Self::ChargesLost => "charges-lost",
            Self::RefundAnswers => "refund-answers",
            Self::RevokesRefused => "revokes-refused",
            Self::Everything => "everything",
        }
    }

    /// Tells whether sales can end nevertheless.
    pub const fn can_end(self) -> bool {
        matches!(
            self,
            Self::ChargeAnswers | Self::RevokeAnswers | Self::ChargesLost | Self::RefundAnswers
        )
    }
}

/// Everything about a run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Draws delays, damage and whatever else is not said here.
    pub seed: u64,
    /// Whose rules the acquirer follows.
    pub profile: Profile,
    /// What the acquirer does on top of them.
    pub manners: Manners,
    /// How the terminal's clocks go.
    pub clocks: Clocks,
    /// What the acquirer's clock shows at the beginning, in milliseconds since midnight in Beijing.
    pub host_clock_ms: u64,
    /// What people do and what happens to the shop.
    pub acts: Vec<Timed>,
    /// When the world is mended, in milliseconds of true time.
    pub until: u64,
    /// The faults; drawn from the seed when they are not given.
    pub faults: Option<Vec<(Place, Fault)>>,
    /// What is broken for ever.
    pub broken: Option<Broken>,
    /// A planted bug.
    pub bug: Bug,
}

impl Case {
    /// Draws a day of so many sales.
    pub fn draw(seed: u64, sales: u32, profile: Option<Profile>, bug: Bug) -> Self {
        let streams = Streams(mix(seed));
        let mut rng = streams.at(Stream::Swarm, &[7]);
        let drawn = *rng.pick(&Profile::ALL);
        let profile = profile.unwrap_or(drawn);
        let broken = rng.chance(80).then(|| *rng.pick(&Broken::ALL));
        let acts = plan::day(streams, profile, sales);
        let last = acts.iter().map(|timed| timed.at).max();
        Self {
            seed: streams.0,
            profile,
            manners: swarm::manners(streams),
            clocks: plan::clocks(streams),
            host_clock_ms: TEN_OCLOCK_MS,
            until: last.unwrap_or(0) + 5_000,
            acts,
            faults: None,
            broken,
            bug,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Sales with a stored intent.
    pub sales: u64,
    /// Figures.
    pub figures: Figures,
    /// The faults that struck.
    pub faults: Vec<(Place, Fault)>,
    /// States, events and points that were reached.
    pub coverage: Coverage,
    /// How the sales ended, by number in the run: last word, net paid, asked for attention.
    pub ends: Vec<End>,
    /// Assertions made.
    pub checks: u64,
    /// Hash of everything that happened.
    pub hash: u64,
    /// The record, when it was kept.
    pub trace: Trace,
}

impl Verdict {
    /// The verdict on a run that did not come to its end.
    pub(super) fn broken(violation: Violation) -> Self {
        Self {
            violations: vec![violation],
            sales: 0,
            figures: Figures::default(),
            faults: Vec::new(),
            coverage: Coverage::default(),
            ends: Vec::new(),
            checks: 0,
            hash: 0,
            trace: Trace::default(),
        }
    }
}

/// How a sale ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its number in the run.
    pub sale: u32,
    /// The last word on it.
    pub ended: Option<Word>,
    /// What the customer has paid, in fen.
    pub net: u64,
    /// A person was called.
    pub attention: bool,
    /// A revoke was decided.
    pub revoked: bool,
}

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

    /// Tells whether the disk is full, and whether the journal's reserve is there.
    pub(super) fn space(&self) -> (bool, bool) {
        let disk = self.disk.lock();
        let reserve = disk.length_of("/var/lib/shouyin/journal.reserve") > 0;
        (disk.is_limited(), reserve)
    }

    /// Tells whether a text is on the disk for good.
    pub fn is_durable(&self, text: &str) -> bool {
        let disk = self.disk.lock();
        let text = text.as_bytes();
        disk.holds_durably(".db-wal", text) || disk.holds_durably(".db", text)
    }

    /// Opens the disk as it would be if the power went now, and looks for a number in the journal's rows.
    pub fn would_survive(&self, number: &str) -> bool {
        let image = self.disk.lock().durable_image();
        self.shadow.lock().restore(&image);
        let rows = DirectJournal::open(&self.shadow_config).and_then(|(book, _)| book.rows());
        let holds = |row: &SealedRow| String::from_utf8_lossy(row.body()).contains(number);
        rows.is_ok_and(|rows| rows.iter().rev().any(holds))
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

    /// Ends in order.
    pub(super) fn close(self) {
        if let Self::Real(journal) = self {
            journal.close();
        }
    }

    pub(super) fn rows(&self) -> Result<Vec<SealedRow>, JournalError> {
        match self {
            Self::Real(journal) => journal.rows(),
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
            | FactKind::UndoClosed { .. } => {}
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

/// Plays a case.
pub fn play(case: &Case, bench: &mut Bench, trace: Trace) -> Verdict {
    bench.config.planted_synchronous_normal = case.bug == Bug::B16;
    bench.config.files = Arc::new(SimFiles {
        disk: bench.disk,
        refreshes: case.bug != Bug::B25,
    });
    bench.disk.lock().restore(&bench.template);
    let mut world = World::new(case, bench, trace);
    let end = case.until;
    if case.broken.is_some() {
        // Warm up, then freeze what is broken and mend everything else.
        world.run_until(end / 2);
        world.mend();
        world.broken = case.broken;
    }
    world.run_until(end);
    if let Some(broken) = case.broken {
        if !broken.can_end() {
            world.watch_a_broken_acquirer();
            world.broken = None;
        }
    } else {
        world.mend();
    }
    world.wait_for_rest();
    world.conclude()
}

fn waits_for(sale: &Sale) -> Wait {
    if sale.is_provisional() {
        Wait::Certainty
    } else if sale.is_revoking() {
        Wait::Revoke
    } else {
        Wait::Result
    }
}

impl World<'_> {
    /// Waits until every sale has ended, and notes how long each took.
    fn wait_for_rest(&mut self) {
        let healed = self.now();
        let open: Vec<_> = self
            .watch
            .sales
            .iter()
            .filter(|(_, sale)| sale.ended.is_none())
            .map(|(txn, sale)| (*txn, waits_for(sale)))
            .collect();
        while !self.is_at_rest() && self.now() < healed + HEALS_WITHIN_MS {
            self.run_until(self.now() + 5_000);
        }
        let now = self.now();
        for (txn, wait) in open {
            let Some(sale) = self.watch.sales.get(&txn) else {
                continue;
            };
            if sale.ended.is_some() {
                let took = sale.ended_at.saturating_sub(healed);
                self.figures.healing.push((wait, took));
            } else if self.broken == Some(Broken::RevokeAnswers)
                && self.host.has_void_revoke(&sale.order)
            {
                self.known("K1");
            } else {
                let what = format!(
                    "sale {} is open {} s after mending",
                    sale.order,
                    HEALS_WITHIN_MS / 1000
                );
                self.watch.blame(Invariant::L2, what, now);
            }
        }
        let stuck: Vec<String> = self
            .watch
            .undos
            .values()
            .filter(|undo| undo.ended.is_none())
            .map(|undo| format!("undo {} is open long after mending", undo.number))
            .collect();
        for what in stuck {
            self.watch.blame(Invariant::L2, what, now);
        }
        let rests =
            self.is_at_rest() || !self.watch.found.is_empty() || !self.figures.known.is_empty();
        let what = "the terminal is not at rest long after mending";
        self.watch.holds(Invariant::L2, rests, what, now);
        // The second copy catches up at a start at the latest. Meanwhile charges under way arrive, and every customer
        // makes up his mind.
        self.restart();
        self.run_until(now + LINGER_MS);
        let host_now = self.host_now();
        self.host.settle_all(host_now);
    }

    /// After an hour a broken acquirer is asked at most once in five minutes for each open sale. A try is a revoke and
    /// the inquiry that confirms it; a provisional revoke is re-checked every 61 s (`docs/RELIABILITY.md`, limits).
    fn watch_a_broken_acquirer(&mut self) {
        const HOURS: u64 = 2;
        self.run_until(self.now() + 3_600_000);
        let before = self.sends.clone();
        let open: Vec<_> = self
            .watch
            .sales
            .iter()
            .filter(|(_, sale)| sale.ended.is_none())
            .map(|(txn, sale)| (self.sale_of.get(txn).copied().unwrap_or(0), waits_for(sale)))
            .collect();
        self.run_until(self.now() + HOURS * 3_600_000);
        let now = self.now();
        for (sale, wait) in open {
            let sent = |all: &BTreeMap<u32, u32>| u64::from(all.get(&sale).copied().unwrap_or(0));
            let asked = sent(&self.sends) - sent(&before);
            let most = match wait {
                Wait::Certainty => HOURS * 60,
                Wait::Result | Wait::Revoke => HOURS * 12 * 2 + 2,
            };
            if wait == Wait::Revoke && (most..=HOURS * 740).contains(&asked) {
                self.known("K2");
            } else {
                let what = "a broken acquirer is asked too often";
                self.watch.holds(Invariant::L3, asked <= most, what, now);
            }
        }
    }

    /// Counts a bug of the terminal that is known and not mended (`docs/RELIABILITY.md`).
    fn known(&mut self, name: &'static str) {
        *self.figures.known.entry(name).or_default() += 1;
    }

    fn conclude(mut self) -> Verdict {
        self.feed(Event::ResultDismissed);
        let now = self.now();
        let till = self.till.take();
        if self.bench.in_memory {
            money_at_rest(&mut self.watch, &self.host, now);
        } else if let Some(till) = till {
            self.compare_at_rest(&till.book);
        }
        for entry in self.host.books.entries() {
            self.hash = mix(self.hash ^ entry.fen ^ entry.at << 32);
        }
        let end = |(txn, sale): (&TxnId, &Sale)| End {
            sale: self.sale_of.get(txn).copied().unwrap_or(0),
            ended: sale.ended,
            net: self.host.net(&sale.order),
            attention: sale.attention,
            revoked: sale.is_revoking(),
        };
        Verdict {
            sales: self.watch.sales.len() as u64,
            ends: self.watch.sales.iter().map(end).collect(),
            violations: self.watch.found,
            figures: self.figures,
            faults: self.swarm.struck,
            coverage: self.coverage,
            checks: self.watch.checks,
            hash: self.hash,
            trace: self.trace,
        }
    }

    fn compare_at_rest(&mut self, book: &Book) {
        let now = self.now();
        let Book::Real(journal) = book else {
            return;
        };
        let read = || {
            let totals = journal.totals(i64::MIN, i64::MAX)?;
            Ok::<_, JournalError>((journal.rows()?, journal.recent(1_000_000)?, totals))
        };
        let (rows, sales, mut totals) = match read() {
            Ok(read) => read,
            Err(problem) => {
                let what = format!("the journal cannot be read: {problem}");
                return self.watch.blame(Invariant::I9, what, now);
            }
        };
        if self.bug == Bug::B10 {
            let revoked = sales.iter().filter(|row| row.state == SaleState::Revoked);
            totals.count += revoked.count() as u64;
        }
        let mut returned: u64 = sales
            .iter()
            .filter(|row| row.state == SaleState::Paid)
            .map(|row| row.returned.minor())
            .sum();
        if self.bug == Bug::B11 {
            let heard = self.returned_heard.iter();
            let twice = heard.map(|(txn, times)| {
                let fen = self.watch.undos.get(txn).map_or(0, |undo| undo.fen);
                fen * times.saturating_sub(1)
            });
            returned += twice.sum::<u64>();
        }
        let baskets: BTreeMap<String, u32> = self
            .watch
            .sales
            .iter()
            .map(|(txn, sale)| {
                let basket = self.sale_of.get(txn).copied().unwrap_or(0);
                (sale.order.clone(), basket)
            })
            .collect();
        let basket_of = |order: &str| baskets.get(order).copied().unwrap_or(0);
        let (mut copy, mut leak) = (None, None);
        for (name, bytes) in self.bench.disk.lock().contents() {
            leak = leak.or_else(|| find_canary(bytes));
            if name.ends_with(".copy") {
                copy = Some(bytes.to_vec());
            }
        }
        let what = "a code is on the disk";
        self.watch.holds(Invariant::I10, leak.is_none(), what, now);
        let seen = Evidence {
            host: &self.host,
            rows: &rows,
            sales: &sales,
            totals,
            returned,
            basket_of: &basket_of,
            copy: copy.as_deref(),
            acknowledged: self.acknowledged.0,
            now,
        };
        at_rest(&mut self.watch, &seen);
    }
}
