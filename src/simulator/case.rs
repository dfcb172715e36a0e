//! Everything about a run before it begins, and what came of it.
//!
//! Owns [`Case`], drawn from a seed or read from a file, and [`Verdict`].

use super::check::{Settling, Violation, Word};
use super::coverage::Coverage;
use super::fault::{Fault, Place};
use super::host::{Manners, Profile};
use super::plan::{self, Clocks, Timed};
use super::plant::Bug;
use super::rng::{Stream, Streams, mix};
use super::swarm;
use super::trace::Trace;
use super::world::Figures;

/// Ten in the morning.
pub const TEN_OCLOCK_MS: u64 = 36_000_000;

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
    /// Settlements in order.
    pub settlements: Vec<Settling>,
    /// Assertions made.
    pub checks: u64,
    /// Hash of everything that happened.
    pub hash: u64,
    /// Slips on paper by number of the sale in the run.
    pub slips: std::collections::BTreeMap<u32, super::check::SlipCount>,
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
            settlements: Vec::new(),
            checks: 0,
            hash: 0,
            slips: std::collections::BTreeMap::new(),
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
