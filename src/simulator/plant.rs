//! Bugs planted on purpose: the proof that the checker would see the real ones.
//!
//! Owns the list of reliability.md 2.7. Each is a runtime mutation of the driver, the adapter, the journal's settings
//! or what the core is told, never of the core itself.

use super::line::Asked;
use crate::domain::OrderNo;
use crate::evidence::{Claim, ClaimState, Undone};
use crate::payment::Phase;

macro_rules! bugs {
    ($($name:ident, $says:literal;)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            /// None.
            None,
            $(#[doc = $says] $name,)*
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns its short name.
            pub const fn key(self) -> &'static str {
                match self { Self::None => "none", $(Self::$name => stringify!($name),)* }
            }

            /// Returns what it does.
            pub const fn says(self) -> &'static str {
                match self { Self::None => "nothing", $(Self::$name => $says,)* }
            }
        }
    };
}

bugs! {
    B1, "commands run before their facts are stored";
    B2, "a charge without an answer is sent again under a new order number";
    B3, "\"not found\" is taken for \"failed\"";
    B4, "unsigned answers are believed";
    B5, "a revoke is given up after 60 s";
    B6, "the record of a revoke is dropped when it is sent";
    B7, "an answer about another order is believed";
    B8, "a revoke of an unknown order is not checked again";
    B9, "the numbers start again after a restart";
    B10, "revoked sales are counted as sales";
    B11, "a refund's answer that comes twice is counted twice";
    B12, "deadlines go by the wall clock";
    B13, "a late success turns a revoked sale into a paid one";
    B14, "the batch is advanced twice";
    B15, "amounts are computed as floats";
    B16, "the journal runs with synchronous=NORMAL";
    B17, "two instances run on one journal";
    B18, "a payment code is written into a record";
    B19, "a refund or revoke gets a new number after a power cut, and nothing is stored";
    B20, "a result is shown before it is stored";
    B21, "a request that timed out counts as not sent";
    B22, "the amount of an answer is not compared";
    B23, "the intent to revoke is not stored";
    B24, "open sales are forgotten at a start";
    B25, "a failed sync is taken for a good one";
    B26, "a customer's code is charged while our own order is open";
    B27, "what went back today already is not asked for";
    B28, "a slip that was interrupted is printed again without a mark";
    B29, "the print queue is forgotten at every start";
    B30, "a card sale without a proven answer is not reversed";
    B31, "a reversal is given up after three tries";
    B32, "a card host's answer is believed whatever its MAC";
    B33, "the amount that a card signed is not compared";
    B34, "an inserted card is not asked for its last word";
    B35, "what is only held is written down as charged";
    B36, "what went back to cards is left out of the totals for the card host";
    B37, "the trace of a message that closes the cards' batch is not stored";
    B38, "the card host is not asked to close its batch";
}

impl Bug {
    /// Finds a bug by its short name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|bug| bug.key() == key)
    }

    /// B15: yuan as a float, and back.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "this is the bug"
    )]
    pub fn amount(self, fen: u64) -> u64 {
        if self == Self::B15 {
            let yuan = fen as f64 / 100.0;
            return (yuan * 100.0) as u64;
        }
        fen
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "most bugs are elsewhere")]
    /// Changes what the adapter reads.
    pub fn twist_claim(self, claim: &mut Claim, asked: &Asked) {
        let (order, fen) = (asked.number.as_str(), asked.fen);
        match self {
            Self::B3 if claim.state == ClaimState::NotFound => {
                claim.state = ClaimState::Undone(Undone::Failed);
            }
            Self::B7 if claim.order_no.is_some() => {
                claim.order_no = OrderNo::new(order).ok();
                claim.amount = claim.amount.and(crate::domain::Money::from_fen(fen).ok());
            }
            Self::B22 if claim.amount.is_some() => {
                claim.amount = crate::domain::Money::from_fen(fen).ok();
            }
            _ => {}
        }
    }
}

/// Tells whether B5 gives this sale up: it has been revoking for long.
pub fn gives_up(phase: &Phase, for_ms: u64) -> bool {
    matches!(phase, Phase::Revoking(_)) && for_ms > 60_000
}
