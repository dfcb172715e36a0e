//! One entry of ours with everything that names and proves it: exports list it, a daily file is compared with it.

use super::batch::Entry;
use crate::domain::{Money, OperatorNo, Timestamp};

/// A sale, void or refund, read back from its sealed facts. Holds are none: they are no income.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// What it is and how it stands.
    pub entry: Entry,
    /// When the intent was stored.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Of a void or refund: what was left of the sale before it. Of a sale: its amount.
    pub left: Money,
    /// Numbers of its first and last fact in the journal.
    pub facts: (u64, u64),
    /// The acquirer's number.
    pub trade_no: Option<String>,
    /// Stable key of how it was opened (`camera`, `card`, ...).
    pub way: &'static str,
    /// How it ended, as a stable key: `open`, `paid`, `done`, `declined`, `refused`, `not_sent`, `revoked`.
    pub outcome: &'static str,
    /// Who asked.
    pub operator: OperatorNo,
    /// Who approved, where somebody had to.
    pub approver: Option<OperatorNo>,
}
