//! What of a settlement must survive. Its stored form is `record`'s.

use crate::domain::{BatchNo, OperatorNo, OrderNo, TxnId};

use super::batch::Line;
use super::cards::{CardHeard, CardMessage, CardVerdict};
use super::compare::Difference;

/// Why a batch is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A person asked, and a supervisor approved.
    Asked,
    /// The set time came, or the voucher numbers run out.
    Automatic,
}

impl Cause {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Automatic => "automatic",
        }
    }

    /// Finds a cause by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Asked, Self::Automatic]
            .into_iter()
            .find(|cause| cause.key() == key)
    }
}

/// The intent to close a batch. With it the next batch is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementIntent {
    /// The settlement's own transaction.
    pub txn: TxnId,
    /// The settlement's own number, for ever: retries keep it.
    pub settle_no: OrderNo,
    /// The counter behind it.
    pub sequence: u64,
    /// The batch that is closed.
    pub batch: BatchNo,
    /// Why.
    pub cause: Cause,
    /// Who asked.
    pub operator: OperatorNo,
    /// Who approved; nobody at the set time.
    pub approver: Option<OperatorNo>,
    /// The position after which the statement is read.
    pub read_after: u64,
    /// Up to this position an earlier settlement has told everything.
    pub told_upto: u64,
}

/// An entry that was open when its batch was closed. It is counted in a later settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenLeft {
    /// The entry's transaction.
    pub txn: TxnId,
    /// Its amount in minor units.
    pub minor: u64,
}

/// How a settlement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Our totals.
    pub ours: Vec<Line>,
    /// The acquirer's totals of the same entries, from its statement; without one, what it answered to ours.
    pub theirs: Vec<Line>,
    /// There was something of the acquirer's to compare with.
    pub compared: bool,
    /// The acquirer found our totals equal; none when it was not asked for totals.
    pub balanced: Option<bool>,
    /// What the card host found of the cards; none when it was not asked.
    pub cards: Option<CardVerdict>,
    /// How many lines have a word to them, those without any money missing included.
    pub differences: u32,
    /// How many of them differ in money.
    pub unequal: u32,
    /// Sum of the differences that have a reason, in minor units, the acquirer's less ours.
    pub explained_minor: i64,
    /// Sum of the differences without one.
    pub unexplained_minor: i64,
    /// How many entries were left open.
    pub open: u32,
    /// Where the next settlement begins to read.
    pub read_after: u64,
    /// The last position that was read.
    pub told_upto: u64,
    /// SHA-256 of each signed answer that it rests on, hexadecimal.
    pub evidence: Vec<String>,
}

impl Report {
    /// Tells whether both sides are equal, line by line and one by one (平). False where nothing could be compared.
    pub fn is_balanced(&self) -> bool {
        self.compared
            && self.ours == self.theirs
            && self.unequal == 0
            && self.balanced != Some(false)
            && self.cards != Some(CardVerdict::Unequal)
    }
}

/// What must survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementFact {
    /// The batch is frozen and the next one open.
    Intended(SettlementIntent),
    /// What is still open is named and left out; from here on the rest never changes.
    Frozen {
        /// Entries of ours, the open ones included.
        entries: u32,
        /// Those that are left out, one [`Self::LeftOpen`] each.
        open: u32,
    },
    /// A message to the card host is about to leave; it keeps its trace until it is answered.
    CardsAsked(CardMessage),
    /// The card host answered it.
    CardsHeard {
        /// What it said.
        heard: CardHeard,
        /// SHA-256 of the sealed bytes, hexadecimal.
        digest: String,
    },
    /// The acquirer's own comparison of the totals.
    TotalsHeard {
        /// Equal; the batch is closed there.
        balanced: bool,
        /// Its lines.
        lines: Vec<Line>,
        /// SHA-256 of the signed bytes, hexadecimal.
        digest: String,
    },
    /// So many detail rows are taken there.
    DetailsTaken {
        /// Rows, from the first one on.
        rows: u32,
        /// The end was taken, too.
        end: bool,
    },
    /// A difference, with its reason.
    DifferenceFound(Difference),
    /// An entry that was left open.
    LeftOpen(OpenLeft),
    /// The settlement ended.
    Closed(Box<Report>),
}
