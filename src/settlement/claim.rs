//! What a signed answer about a settlement says, in words that belong to no acquirer.
//!
//! Owns the vocabulary between an acquirer's adapter and this module. A claim is not yet about *our* settlement: `flow`
//! compares the numbers with what it asked for.

use crate::domain::{Channel, MerchantNo, Money, OrderNo};

use super::batch::{EntryKind, Line};
use super::cards::CardHeard;

/// What moved at the acquirer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MovementKind {
    /// A customer was charged.
    Sale,
    /// A charge was taken back as a whole: void, revoke, reversal.
    Reversal,
    /// Money went back under a refund's own number.
    Refund,
}

impl MovementKind {
    /// Returns the type under which slips list it.
    pub const fn entry(self) -> EntryKind {
        match self {
            Self::Sale => EntryKind::Sale,
            Self::Reversal => EntryKind::Void,
            Self::Refund => EntryKind::Refund,
        }
    }
}

/// One line of the acquirer's statement: money that really moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Its place in the acquirer's list for this terminal, from 1, without gaps of meaning.
    pub position: u64,
    /// What it is.
    pub kind: MovementKind,
    /// The order that was charged, as the acquirer has it: it may be nobody's.
    pub order_no: String,
    /// The refund's own number.
    pub refund_no: Option<String>,
    /// The amount.
    pub amount: Money,
    /// The wallet, where the acquirer names one that we know.
    pub channel: Option<Channel>,
}

/// A part of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPage {
    /// The position that it begins after, as it was asked for.
    pub after: u64,
    /// Movements with growing positions.
    pub movements: Vec<Movement>,
    /// There is more behind it.
    pub more: bool,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// The acquirer's totals of the batch, compared with ours by it.
    Totals {
        /// They are ours, and the batch is closed at the acquirer.
        balanced: bool,
        /// Its lines.
        lines: Vec<Line>,
    },
    /// So many detail rows of this settlement are taken, and whether its end is.
    Taken {
        /// Rows, from the first one on.
        rows: u32,
        /// The end with the right count was taken: the batch is closed at the acquirer.
        end: bool,
    },
    /// What the card host says of the cards' part.
    Cards(CardHeard),
    /// A part of the statement.
    Page(StatementPage),
    /// No such settlement, so far.
    NotFound,
    /// Anything else.
    Unknown,
}

/// The contents of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementClaim {
    /// The merchant that the answer names.
    pub merchant: Option<MerchantNo>,
    /// The settlement that it speaks of.
    pub settle_no: Option<OrderNo>,
    /// What it says.
    pub says: Says,
    /// The acquirer's code, at most 16 characters.
    pub host_code: String,
}
