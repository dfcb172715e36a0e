//! Which kinds of fault a run has and how strong: every seed switches a random part of them on.
//!
//! Owns the draws at each place. In a replay the faults come from a list instead, and nothing is drawn.

use std::collections::BTreeMap;

use super::disk::Plan;
use super::fault::{Fault, Group, Kind, Place};
use super::host::Manners;
use super::rng::{Rng, Stream, Streams};

/// A run's faults: drawn, or given.
#[derive(Clone, Debug)]
pub enum Source {
    /// Drawn at each place with these chances in a thousand, in the order of [`Kind::ALL`].
    Swarm(Vec<u64>),
    /// Exactly these.
    Script(BTreeMap<Place, Vec<Fault>>),
}

/// The faults of one run.
#[derive(Clone, Debug)]
pub struct Swarm {
    streams: Streams,
    source: Source,
    /// A fault in every boot that follows a fault.
    pub compound: bool,
    /// What struck, in order.
    pub struck: Vec<(Place, Fault)>,
    mended: bool,
}

impl Swarm {
    /// Draws the kinds and their chances for a seed.
    pub fn draw(streams: Streams) -> Self {
        let mut rng = streams.at(Stream::Swarm, &[]);
        let calm = rng.chance(60);
        let share = rng.between(100, 500);
        let chances = Kind::ALL.iter().map(|kind| {
            let (on, strength) = (rng.chance(share), rng.between(1, kind.most()));
            if on && !calm { strength } else { 0 }
        });
        let chances = chances.collect();
        let compound = rng.chance(500);
        Self {
            streams,
            source: Source::Swarm(chances),
            compound,
            struck: Vec::new(),
            mended: false,
        }
    }

    /// Takes the faults from a list.
    pub fn script(streams: Streams, faults: &[(Place, Fault)]) -> Self {
        let mut script: BTreeMap<Place, Vec<Fault>> = BTreeMap::new();
        for (place, fault) in faults {
            script.entry(*place).or_default().push(*fault);
        }
        Self {
            streams,
            source: Source::Script(script),
            compound: false,
            struck: Vec::new(),
            mended: false,
        }
    }

    /// From now on nothing is drawn.
    pub fn mend(&mut self) {
        self.mended = true;
    }

    /// Returns the faults of a place.
    pub fn at(&mut self, place: Place, after_a_fault: bool) -> Vec<Fault> {
        if self.mended {
            return Vec::new();
        }
        let faults = match &self.source {
            Source::Script(script) => script.get(&place).cloned().unwrap_or_default(),
            Source::Swarm(chances) => draw(self.streams, chances, place, {
                self.compound && after_a_fault
            }),
        };
        self.struck
            .extend(faults.iter().map(|fault| (place, *fault)));
        faults
    }

    /// Tells whether any fault struck so far.
    pub fn is_faulty(&self) -> bool {
        !self.struck.is_empty()
    }

    /// Writes down that a fault did not strike after all.
    pub fn missed(&mut self, place: Place, fault: Fault) {
        let at = self.struck.iter().rposition(|one| *one == (place, fault));
        if let Some(at) = at {
            self.struck.remove(at);
        }
    }
}

fn draw(streams: Streams, chances: &[u64], place: Place, forced: bool) -> Vec<Fault> {
    let (mut rng, fits): (Rng, fn(Group) -> bool) = match place {
        Place::Send(sale, number) => (
            streams.at(Stream::Message, &[u64::from(sale), u64::from(number)]),
            Group::is_of_messages,
        ),
        Place::Store(sale, number) => (
            streams.at(Stream::Disk, &[u64::from(sale), u64::from(number)]),
            |group| matches!(group, Group::Disk | Group::Process),
        ),
        Place::Boot(number) => (streams.at(Stream::Boot, &[u64::from(number)]), |group| {
            group == Group::Boot
        }),
        Place::Print(sale, number) => (
            streams.at(Stream::Printer, &[u64::from(sale), u64::from(number)]),
            |group| group == Group::Printer,
        ),
    };
    let mut faults = Vec::new();
    for (kind, chance) in Kind::ALL.iter().zip(chances) {
        if *chance > 0 && fits(kind.group()) && rng.chance(*chance) {
            let number = number(*kind, &mut rng);
            faults.push(Fault {
                kind: *kind,
                number,
            });
        }
    }
    if forced && faults.is_empty() {
        let kind = *rng.pick(&[
            Kind::BootCut,
            Kind::BootCut,
            Kind::BootKill,
            Kind::BootEio,
            Kind::BootSyncError,
        ]);
        let number = number(kind, &mut rng);
        faults.push(Fault { kind, number });
    }
    // One message is spoilt in one way: two might add up to an answer that looks meant.
    let mut spoilt = false;
    faults.retain(|fault| {
        let first = fault.kind.group() != Group::Message || !spoilt;
        spoilt |= fault.kind.group() == Group::Message;
        first
    });
    // One disk holds one plan, and decays in one way.
    if !matches!(place, Place::Send(..)) {
        let (mut planned, mut decayed) = (false, false);
        faults.retain(|fault| {
            let seen = if fault.kind.is_decay() {
                &mut decayed
            } else {
                &mut planned
            };
            !std::mem::replace(seen, true)
        });
    }
    faults
}

/// Draws the number of a fault: a heavy-tailed delay, or which operation is struck.
fn number(kind: Kind, rng: &mut Rng) -> u64 {
    match kind {
        Kind::RequestLate | Kind::RequestTwice | Kind::AnswerLate | Kind::AnswerTwice => {
            let most = *rng.pick(&[2_000, 20_000, 120_000]);
            rng.between(50, most)
        }
        Kind::SlowHost => rng.between(2_000, 60_000),
        Kind::SlowSync => rng.between(500, 6_000),
        Kind::Cut | Kind::Kill => rng.between(1, 16),
        Kind::Eio | Kind::EioForever => rng.between(1, 20),
        Kind::SyncError | Kind::SyncErrorForever => rng.between(1, 2),
        Kind::BootCut | Kind::BootKill => rng.between(1, 40),
        Kind::BootEio => rng.between(1, 90),
        Kind::BootSyncError => rng.between(1, 6),
        Kind::PaperOut | Kind::Jam | Kind::PrinterOff => rng.between(1_000, 90_000),
        Kind::PrintCutStoring => rng.between(1, 6),
        Kind::BitFlip | Kind::Truncated => rng.below(512),
        Kind::BootRot => rng.below(100_000),
        Kind::NoName
        | Kind::NotConnected
        | Kind::RequestLost
        | Kind::RequestReset
        | Kind::AnswerLost
        | Kind::AnswerReset
        | Kind::SlowDrip
        | Kind::TooLong
        | Kind::WrongLength
        | Kind::Portal
        | Kind::BadCertificate
        | Kind::OldTls
        | Kind::ClosedMidway
        | Kind::CrashBefore
        | Kind::CrashAfter
        | Kind::ServerError
        | Kind::TooMany
        | Kind::Maintenance
        | Kind::NewKey
        | Kind::UnknownCode
        | Kind::Unsigned
        | Kind::OtherSignature
        | Kind::Replay
        | Kind::OtherOrder
        | Kind::OtherMerchant
        | Kind::OtherAmount
        | Kind::KeyTwice
        | Kind::HugeNumber
        | Kind::NotText
        | Kind::CutBefore
        | Kind::CutAfterStore
        | Kind::CutAfterCommands
        | Kind::KillBefore
        | Kind::KillAfterStore
        | Kind::KillAfterCommand
        | Kind::KillAfterCommands
        | Kind::BootOldImage
        | Kind::PrintCut
        | Kind::PrintCutLate
        | Kind::PrintKill => 0,
    }
}

/// Draws what the acquirer does on top of its rules.
pub fn manners(streams: Streams) -> Manners {
    let mut rng = streams.at(Stream::Acquirer, &[]);
    let mut sometimes = |most| {
        let (on, value) = (rng.chance(300), rng.between(1, most));
        if on { value } else { 0 }
    };
    let (refuses, duds, lag_ms) = (sometimes(6), sometimes(2), sometimes(4_000));
    let (refund_slow_ms, refund_failures) = (sometimes(90_000), sometimes(2));
    Manners {
        tombstones: rng.chance(500),
        keeps_refusals: rng.chance(300),
        code_life_ms: *rng.pick(&[60_000, 120_000, 180_000]),
        refuses: u32::try_from(refuses).unwrap_or(0),
        duds: usize::try_from(duds).unwrap_or(0),
        lag_ms,
        refund_slow_ms,
        refund_failures: u32::try_from(refund_failures).unwrap_or(0),
        closes_while_paying: rng.chance(700),
        miscounts: rng.chance(100),
    }
}

/// Returns what a fault plans for the disk, where it is about the disk.
pub(super) fn disk_plan(fault: Fault) -> Option<Plan> {
    let at = fault.number;
    let plans = [
        (Kind::Cut, Plan::PowerCut(at)),
        (Kind::Kill, Plan::Kill(at)),
        (Kind::Eio, Plan::Error { at, forever: false }),
        (Kind::EioForever, Plan::Error { at, forever: true }),
        (Kind::SyncError, Plan::SyncError { at, forever: false }),
        (
            Kind::SyncErrorForever,
            Plan::SyncError { at, forever: true },
        ),
        (Kind::BootCut, Plan::PowerCut(at)),
        (Kind::PrintCutStoring, Plan::PowerCut(at)),
        (Kind::BootKill, Plan::Kill(at)),
        (Kind::BootEio, Plan::Error { at, forever: false }),
        (Kind::BootSyncError, Plan::SyncError { at, forever: false }),
    ];
    let plan = plans.into_iter().find(|(kind, _)| *kind == fault.kind);
    plan.map(|(_, plan)| plan)
}

/// Returns what the faults of a boot plan for the disk.
pub(super) fn boot_plan(faults: &[Fault]) -> Option<Plan> {
    faults.iter().find_map(|fault| disk_plan(*fault))
}
