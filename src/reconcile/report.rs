//! What came of a comparison: sums of both sides and each difference. Plain data; how it is found is `join`'s.

use crate::domain::Channel;
use crate::domain::fee::Product;
use crate::settlement::{Difference, EntryKind, Reason};

use super::day::BusinessDay;

/// Sums of one side of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// How many movements.
    pub count: u64,
    /// What the shop gained before fees, in minor units.
    pub minor: i64,
    /// Fees in minor units: ours are estimated.
    pub fee_minor: i64,
}

/// A difference and what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Reason, number and amounts.
    pub difference: Difference,
    /// The fee that we estimated for it, in minor units.
    pub our_fee_minor: i64,
    /// The fee that the file names.
    pub their_fee_minor: i64,
    /// Numbers of the first and last fact in the journal.
    pub facts: Option<(u64, u64)>,
    /// Lines of the file.
    pub lines: Vec<u64>,
    /// What was seen, in English.
    pub note: String,
}

impl Found {
    /// Returns the acquirer's fee less ours.
    pub const fn fee_delta(&self) -> i64 {
        self.their_fee_minor - self.our_fee_minor
    }
}

/// The acquirer's own fees of one wallet, product and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeSum {
    /// The wallet.
    pub channel: Channel,
    /// The product.
    pub product: Product,
    /// The type.
    pub kind: EntryKind,
    /// How many lines.
    pub count: u32,
    /// Fees in minor units.
    pub fee_minor: i64,
}

/// One file compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayReport {
    /// The file's name.
    pub file: String,
    /// The day.
    pub day: BusinessDay,
    /// Our sums.
    pub ours: Side,
    /// The file's.
    pub theirs: Side,
    /// Unexplained first, then those with money.
    pub found: Vec<Found>,
    /// The file's fees of what is ours.
    pub fees: Vec<FeeSum>,
}

impl DayReport {
    /// Returns amounts and fees of the differences with a reason, in minor units.
    pub fn explained(&self) -> (i64, i64) {
        self.sum(|reason| reason != Reason::Unexplained)
    }

    /// Returns amounts and fees of the differences without one.
    pub fn unexplained(&self) -> (i64, i64) {
        self.sum(|reason| reason == Reason::Unexplained)
    }

    /// Returns the acquirer's amounts and fees less ours.
    pub const fn total(&self) -> (i64, i64) {
        (
            self.theirs.minor - self.ours.minor,
            self.theirs.fee_minor - self.ours.fee_minor,
        )
    }

    fn sum(&self, chosen: impl Fn(Reason) -> bool) -> (i64, i64) {
        let found = self.found.iter().filter(|f| chosen(f.difference.reason));
        found.fold((0, 0), |(minor, fee), f| {
            (minor + f.difference.delta(), fee + f.fee_delta())
        })
    }
}
