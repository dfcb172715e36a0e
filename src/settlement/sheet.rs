//! Everything that a closed settlement says on paper and on its page (结算单), as the journal has it.
//!
//! Owns the shape and its sums. Never decides how a batch was closed: the report in it is the sealed one.

use std::collections::BTreeMap;

use super::batch::{Batch, Entry, EntryKind};
use super::compare::Difference;
use super::fact::{Report, SettlementIntent};
use super::fees::{FeeEstimate, FeeTerms, estimate};
use crate::domain::{Channel, Timestamp, VoucherNo};

/// Whose network a payment went through, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// 内卡: a card application of China UnionPay.
    Domestic,
    /// 外卡: an application of another card organisation.
    Foreign,
    /// A wallet, or a card of which the reader told no application.
    Unsaid,
}

impl Network {
    /// The registered application provider of China UnionPay (ISO/IEC 7816-5), hexadecimal.
    const UNION_PAY: &str = "A000000333";

    /// Returns the network of a card by its application identifier, hexadecimal.
    pub fn of_application(aid: Option<&str>) -> Self {
        match aid {
            None | Some("") => Self::Unsaid,
            Some(aid) if aid.starts_with(Self::UNION_PAY) => Self::Domestic,
            Some(_) => Self::Foreign,
        }
    }
}

/// One counted entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetItem {
    /// The entry.
    pub entry: Entry,
    /// Last characters of the payment code or of the card; empty when none are known.
    pub tail: String,
    /// Whose network it was.
    pub network: Network,
}

/// One entry that was left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetOpen {
    /// Number for people.
    pub voucher: VoucherNo,
    /// What it is.
    pub kind: EntryKind,
    /// The wallet.
    pub channel: Channel,
    /// Its amount in minor units.
    pub minor: u64,
}

/// One difference and where the journal speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetDifference {
    /// What was found.
    pub difference: Difference,
    /// Numbers of the journal's rows about it, rising.
    pub rows: Vec<u64>,
}

/// A closed settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What was stored first.
    pub intent: SettlementIntent,
    /// When the batch was opened: the batch before was frozen then. For the first one, the journal's first row.
    pub began_at: Timestamp,
    /// When the batch was frozen.
    pub frozen_at: Timestamp,
    /// When the comparison ended.
    pub closed_at: Timestamp,
    /// How it ended.
    pub report: Report,
    /// Unexplained first.
    pub differences: Vec<SheetDifference>,
    /// What was left open.
    pub open: Vec<SheetOpen>,
    /// What was counted, in the order in which it was opened.
    pub items: Vec<SheetItem>,
    /// The journal's row that says how it ended.
    pub row: u64,
    /// That row's seal, hexadecimal. It covers every row before.
    pub seal: String,
}

impl Sheet {
    /// Returns count and sum (minor units, without direction) of the cards of a network by type.
    pub fn cards(&self, network: Network) -> BTreeMap<EntryKind, (u32, u64)> {
        let mut sums: BTreeMap<EntryKind, (u32, u64)> = BTreeMap::new();
        for item in &self.items {
            let entry = &item.entry;
            if entry.channel == Channel::BankCard && item.network == network && entry.counts() {
                let (count, minor) = sums.entry(entry.kind).or_default();
                *count += 1;
                *minor += entry.amount.minor();
            }
        }
        sums
    }

    /// Estimates what the acquirer keeps of what was counted.
    pub fn fees(&self, terms: &FeeTerms) -> FeeEstimate {
        let batch = Batch {
            entries: self.items.iter().map(|item| item.entry.clone()).collect(),
            others: BTreeMap::new(),
        };
        estimate(&batch, terms)
    }

    /// Returns the beginning of the seal as people compare it: `a91f-77c2-03de`.
    pub fn digest(&self) -> String {
        let part = |from: usize| self.seal.get(from..from + 4).unwrap_or("----");
        format!("{}-{}-{}", part(0), part(4), part(8))
    }
}

/// Writes row numbers as people look them up: `#1882-1889, 1901`; at most so many runs, then `…`.
pub fn runs(rows: &[u64], most: usize) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some((_, last)) if *row == *last + 1 => *last = *row,
            Some((_, last)) if row <= last => {}
            Some(_) | None => runs.push((*row, *row)),
        }
    }
    let shown: Vec<String> = runs
        .iter()
        .take(most)
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    let more = if runs.len() > most { ", ..." } else { "" };
    format!("#{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_in_runs() {
        assert_eq!(runs(&[3], 4), "#3");
        assert_eq!(runs(&[3, 4, 5, 9, 11, 12], 4), "#3-5, 9, 11-12");
        assert_eq!(runs(&[1, 3, 5, 7], 2), "#1, 3, ...");
        assert_eq!(runs(&[4, 4, 5], 4), "#4-5");
    }

    #[test]
    fn a_card_belongs_to_the_network_of_its_application() {
        assert_eq!(
            Network::of_application(Some("A000000333010101")),
            Network::Domestic
        );
        assert_eq!(
            Network::of_application(Some("A0000000031010")),
            Network::Foreign
        );
        assert_eq!(Network::of_application(None), Network::Unsaid);
    }
}
