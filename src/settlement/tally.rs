//! Sums of entries by day, hour, wallet, entry mode, person and type: what statistics are made of.
//!
//! Owns how they add up to the lines of a settlement. Which entry counts is `Entry::counts`.

use super::batch::{EntryKind, Line, sum};
use crate::domain::{Channel, LocalDay};

/// What entries are summed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TallyKey {
    /// Local day of the opening.
    pub day: LocalDay,
    /// Local hour of the opening, 0 to 23.
    pub hour: u8,
    /// The wallet; of a void or refund the one of its sale.
    pub channel: Channel,
    /// How the sale's order was opened, as stored.
    pub entry: String,
    /// Who stood at the till.
    pub operator: String,
    /// Sale, void or refund.
    pub kind: EntryKind,
}

/// Count and sum of the entries that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyRow {
    /// Of which.
    pub key: TallyKey,
    /// How many.
    pub count: u32,
    /// Sum in minor units, without direction.
    pub minor: u64,
}

/// Adds sums up to the lines that a settlement of the same entries has.
pub fn tally_lines<'a>(rows: impl IntoIterator<Item = &'a TallyRow>) -> Vec<Line> {
    sum(rows
        .into_iter()
        .map(|row| (row.key.channel, row.key.kind, row.count, row.minor)))
}
