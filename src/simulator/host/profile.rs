//! The published rules that differ between acquirers, and the liberties that a run lets one take.
//!
//! Sources: reliability.md §1 (WeChat Pay S17 to S19, Alipay S22 and S23, UnionPay-like QR).

use super::order::Stage;

/// Beijing is eight hours ahead; the acquirer's clock counts milliseconds from a Beijing midnight.
const DAY_MS: u64 = 86_400_000;
const QUARTER_HOUR_MS: u64 = 900_000;
const WEEK_MS: u64 = 7 * DAY_MS;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// An unpaid order is revoked by itself after 45 s; no revoke before 15 s; revokes within seven days.
    Wechat,
    /// An unpaid order closes by itself after 3 min; cancels on the same day and 15 min into the next.
    Alipay,
    /// No order ends by itself; everything is slow.
    Unionpay,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Wechat, Self::Alipay, Self::Unionpay];

    /// Returns the word for it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
            Self::Alipay => "alipay",
            Self::Unionpay => "unionpay",
        }
    }

    /// Finds a profile by its word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.key() == key)
    }

    /// What a code of this wallet begins with, and how long it is.
    pub const fn code_shape(self) -> (&'static str, usize) {
        match self {
            Self::Wechat => ("13", 18),
            Self::Alipay => ("28", 18),
            Self::Unionpay => ("62", 19),
        }
    }

    /// An unpaid order ends by itself after this.
    pub const fn closes_after_ms(self) -> Option<u64> {
        match self {
            Self::Wechat => Some(45_000),
            Self::Alipay => Some(180_000),
            Self::Unionpay => None,
        }
    }

    pub(super) const fn closed_stage(self) -> Stage {
        match self {
            Self::Wechat => Stage::Revoked,
            Self::Alipay | Self::Unionpay => Stage::Closed,
        }
    }

    /// A revoke earlier than this after the charge is refused.
    pub const fn revoke_not_before_ms(self) -> u64 {
        match self {
            Self::Wechat => 15_000,
            Self::Alipay | Self::Unionpay => 0,
        }
    }

    /// Tells whether an order of `arrived` may still be revoked.
    pub const fn may_revoke(self, arrived: u64, now: u64) -> bool {
        match self {
            Self::Wechat => now < arrived + WEEK_MS,
            Self::Alipay => now < (arrived / DAY_MS + 1) * DAY_MS + QUARTER_HOUR_MS,
            Self::Unionpay => true,
        }
    }

    /// It compares totals and closes batches; the others only have a statement.
    pub const fn compares_totals(self) -> bool {
        matches!(self, Self::Unionpay)
    }

    /// The quickest and the slowest usual way of a message, one direction.
    pub const fn way_ms(self) -> (u64, u64) {
        match self {
            Self::Wechat | Self::Alipay => (20, 300),
            Self::Unionpay => (400, 3_500),
        }
    }
}

/// What the acquirer does on top of its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// A revoke of an order that it does not know forbids the late charge.
    pub tombstones: bool,
    /// A refused charge is found when it is asked about.
    pub keeps_refusals: bool,
    /// How long a code lives after it was shown.
    pub code_life_ms: u64,
    /// Revokes of an order that are refused before one is taken.
    pub refuses: u32,
    /// Revoke numbers of an order that are taken and do nothing.
    pub duds: usize,
    /// A new order is not found for so long.
    pub lag_ms: u64,
    /// A refund is worked on for so long.
    pub refund_slow_ms: u64,
    /// So many refunds are taken and then fail.
    pub refund_failures: u32,
    /// An order whose customer types a password can be closed.
    pub closes_while_paying: bool,
    /// It adds up its own totals wrongly; its statement is right.
    pub miscounts: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            tombstones: true,
            keeps_refusals: false,
            code_life_ms: 60_000,
            refuses: 0,
            duds: 0,
            lag_ms: 0,
            refund_slow_ms: 0,
            refund_failures: 0,
            closes_while_paying: true,
            miscounts: false,
        }
    }
}
