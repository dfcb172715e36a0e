//! A disk that rots, and a journal that somebody put back: what changes between two runs of the program.
//!
//! Owns where a bit flips and which image is old. Strikes only what the second copy holds too: two losses at once
//! cannot be made good by anybody but the acquirer. What people do about a rebuild that proves nothing is here, too.

use super::check::Invariant;
use super::disk::Image;
use super::fault::{Fault, Kind, Place};
use super::plan::Act;
use super::trace::Lane;
use super::world::{Item, World};
use crate::domain::OperatorNo;
use crate::journal::{NoSales, Report, parse_mirror};

const DATABASE: &str = "/var/lib/shouyin/journal.db";
/// The files that an image of the journal is made of.
const IMAGE: [&str; 3] = [
    DATABASE,
    "/var/lib/shouyin/journal.db-wal",
    "/var/lib/shouyin/journal.checked",
];
const COPY: &str = "/copy/journal.copy";
const PAGE: usize = 4_096;
/// How the figures name a rebuild.
pub(super) const REBUILT: &str = "journal rebuilt";
/// How a fact begins, after its time.
const FACT: &[u8] = b"\"fact\":\"";
/// People start the program again after this long.
const AGAIN_AFTER_MS: u64 = 120_000;

/// What happened to the journal behind the program's back.
#[derive(Debug, Default)]
pub(super) struct Decay {
    /// The journal as it was at the start before.
    old: Option<Vec<Option<Vec<u8>>>>,
    /// It was damaged and no start has mended it yet.
    pub damaged: bool,
    /// The disk as it was before it rotted, while no start has mended that.
    pub before_rot: Option<Image>,
    /// Somebody will vouch for the journal before the next start.
    vouch: bool,
}

impl World<'_> {
    /// Lets the disk decay before a start, where the faults say so.
    pub(super) fn decay(&mut self, place: Place, faults: &[Fault]) {
        if self.bench.in_memory {
            return;
        }
        let now = IMAGE
            .map(|name| self.bench.disk.lock().content(name))
            .to_vec();
        if let Some(fault) = faults.iter().find(|fault| fault.kind.is_decay()) {
            let rots = fault.kind == Kind::BootRot;
            let can = self.copy_holds_all(rots);
            let struck = can
                && if rots {
                    self.rot(fault.number)
                } else {
                    self.put_back()
                };
            if struck {
                self.decay.damaged = true;
                let (at, key) = (self.now(), fault.kind.key());
                self.trace
                    .add(at, Lane::Disk, Lane::Disk, || key.to_owned());
            } else {
                self.swarm.missed(place, *fault);
            }
        }
        self.decay.old = Some(now);
        if std::mem::take(&mut self.decay.vouch) {
            self.vouch();
        }
    }

    /// Against a database that goes back in time only what of the copy is on the disk helps; what a failed sync left of
    /// it may be gone with the power. A bit that rots costs one fact, and the next start writes the copy's end again.
    fn copy_holds_all(&self, as_read: bool) -> bool {
        let disk = self.bench.disk.lock();
        let copy = if as_read {
            disk.content(COPY)
        } else {
            disk.durable(COPY)
        };
        let copy = copy.unwrap_or_default();
        parse_mirror(&copy).0.len() as u64 >= self.acknowledged.0
    }

    /// Flips one bit: of a fact, of the head of a page that holds facts, or of the file's own head. Never where that
    /// costs a fact that the second copy lacks: such a one can be under way to it when the machine dies.
    fn rot(&mut self, number: u64) -> bool {
        let mut disk = self.bench.disk.lock();
        let bytes = disk.content(DATABASE).unwrap_or_default();
        let copy = disk.content(COPY).unwrap_or_default();
        let windows = bytes.windows(FACT.len()).enumerate();
        let facts = windows.filter(|(_, window)| *window == FACT);
        let facts: Vec<usize> = facts.map(|(at, _)| at).collect();
        let nth = usize::try_from(number).unwrap_or(0);
        let Some(fact) = facts.get(nth % facts.len().max(1)) else {
            return false;
        };
        let page = fact / PAGE * PAGE;
        let at = match number % 3 {
            0 => fact + FACT.len(),
            1 => page,
            _ => nth % 15,
        };
        let ends = bytes.len().min(page + PAGE);
        if !facts_in(&bytes[page..ends]).all(|fact| holds(&copy, fact)) {
            return false;
        }
        let before = disk.image();
        let struck = disk.spoil(DATABASE, |bytes| bytes[at] ^= 1 << (number % 5));
        if struck {
            self.decay.before_rot = Some(before);
        }
        struck
    }

    /// Puts the old image back. One with a row that the second copy never had is no old image of this journal but a
    /// fork of it: the terminal mixes no two journals and stops (`tests/it/journal/rebuild.rs`).
    fn put_back(&mut self) -> bool {
        let Some(old) = self.decay.old.take() else {
            return false;
        };
        let mut disk = self.bench.disk.lock();
        let copy = disk.durable(COPY).unwrap_or_default();
        let mut files = old.iter().flatten();
        if !files.all(|bytes| facts_in(bytes).all(|fact| holds(&copy, fact))) {
            return false;
        }
        for (name, bytes) in IMAGE.iter().zip(old) {
            disk.put(name, bytes);
        }
        true
    }

    /// A start rebuilt the journal.
    pub(super) fn rebuilt(&mut self, report: &Report) {
        *self.figures.troubles.entry(REBUILT).or_default() += 1;
        self.decay.damaged = false;
        self.decay.before_rot = None;
        let now = self.now();
        self.trace.add(now, Lane::Till, Lane::Disk, || {
            format!(
                "rebuilt: {} rows, {} missing",
                report.rebuilt.rows, report.rebuilt.missing
            )
        });
        let what = "rows are missing although the second copy held them";
        let whole = report.rebuilt.missing == 0;
        self.watch.holds(Invariant::I9, whole, what, now);
    }

    /// The journal does not let new sales through: people start the program again, or vouch for it first.
    pub(super) fn heed(&mut self, reason: Option<NoSales>) {
        let vouch = reason == Some(NoSales::Unproven);
        if vouch || reason == Some(NoSales::Altered) {
            self.decay.vouch |= vouch;
            let at = self.now() + AGAIN_AFTER_MS;
            self.put(at, Item::Person(Act::Restart));
        }
    }

    /// `shouyinctl journal accept`, while the terminal is stopped. It may fail as a start may; then it is run again.
    fn vouch(&mut self) {
        let approver = OperatorNo::new("07").expect("invariant: 07 is an operator");
        let (config, at) = (self.bench.settings(), self.clock.reading().utc);
        match crate::journal::accept(config, approver, at) {
            Ok(true) => {
                *self
                    .figures
                    .troubles
                    .entry("journal vouched for")
                    .or_default() += 1;
            }
            Ok(false) => {}
            Err(_) => self.decay.vouch = true,
        }
    }
}

/// Returns how each fact in a file begins, from its brace on.
fn facts_in(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEFORE: usize = 40;
    let windows = bytes.windows(FACT.len()).enumerate();
    let facts = windows.filter(|(_, window)| *window == FACT);
    facts.filter_map(move |(at, _)| {
        let before = &bytes[at.saturating_sub(BEFORE)..at];
        let brace = before.iter().rposition(|byte| *byte == b'{')?;
        let from = at - (before.len() - brace);
        let rest = &bytes[at..];
        let ends = rest.iter().position(|byte| *byte == b'}')?;
        Some(&bytes[from..at + ends])
    })
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
