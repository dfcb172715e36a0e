//! What the acquirer keeps: estimated for each entry, summed by wallet, product and type, and what should arrive.
//!
//! Owns which entry costs what. Rates and rounding are `domain::fee`'s, the acquirer's own figure is the daily file's
//! (`reconcile`). Every entry is rounded on its own; a total is the sum of rounded entries (features.md S-70 to S-77).

use std::collections::BTreeMap;

use crate::domain::fee::{FeeEffect, FeeKey, FeeTable, MerchantClass, Product};
use crate::domain::{Channel, Funding, Money};

use super::batch::{Batch, Entry, EntryKind};

/// The merchant's contract, as far as fees depend on it.
#[derive(Clone, Debug)]
pub struct FeeTerms {
    /// The table.
    pub table: FeeTable,
    /// The class in which the merchant is registered.
    pub class: Option<MerchantClass>,
    /// What becomes of the fee with a void.
    pub void: FeeEffect,
    /// What becomes of it with a refund.
    pub refund: FeeEffect,
}

/// One payment, void or refund, as its fee is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// What it is.
    pub kind: EntryKind,
    /// The wallet.
    pub channel: Channel,
    /// The kind of card, where somebody named it.
    pub product: Option<Product>,
    /// Its amount.
    pub amount: Money,
    /// Of a void or refund: what was left of the sale before it.
    pub left: Money,
}

/// Fees of one wallet, product and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeLine {
    /// The wallet.
    pub channel: Channel,
    /// The product.
    pub product: Product,
    /// The type.
    pub kind: EntryKind,
    /// How many.
    pub count: u32,
    /// Sum in minor units, without direction.
    pub minor: u64,
    /// What the acquirer keeps of it in minor units; negative when it gives fees back.
    pub fee_minor: i64,
    /// So many of them the table says nothing about; they cost nothing here.
    pub unpriced: u32,
}

/// What a batch, a day or a month costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeeEstimate {
    /// Sums by wallet, product and type.
    pub lines: Vec<FeeLine>,
}

impl FeeEstimate {
    /// Returns what the movements leave to the shop before fees, in minor units.
    pub fn net_minor(&self) -> i64 {
        let signed = |line: &FeeLine| line.kind.signed(line.minor);
        self.lines.iter().map(signed).sum()
    }

    /// Returns the fees in minor units.
    pub fn fee_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.fee_minor).sum()
    }

    /// Returns what should arrive (预计到账), in minor units.
    pub fn expected_minor(&self) -> i64 {
        self.net_minor() - self.fee_minor()
    }

    /// Returns how many movements have no row in the table.
    pub fn unpriced(&self) -> u32 {
        self.lines.iter().map(|line| line.unpriced).sum()
    }
}

impl FeeTerms {
    /// Returns the product of a charge: as it was named, else by its wallet.
    pub fn product(&self, charge: &Charge) -> Product {
        let known = FeeKey::of(self.class, charge.channel).product;
        charge.product.unwrap_or(known)
    }

    /// Estimates what the acquirer keeps of one charge, in minor units, negative when it gives a fee back; none when
    /// the table says nothing about it.
    pub fn fee_of(&self, charge: &Charge) -> Option<i64> {
        let key = FeeKey {
            product: self.product(charge),
            ..FeeKey::of(self.class, charge.channel)
        };
        let rule = self.table.rule(key)?;
        let back = |effect| match effect {
            FeeEffect::Kept => Some(0),
            FeeEffect::Returned => {
                let fee = rule.returned(charge.left, charge.amount).ok()?;
                Some(-fee.minor().cast_signed())
            }
        };
        match charge.kind {
            EntryKind::Sale => Some(rule.fee(charge.amount).ok()?.minor().cast_signed()),
            EntryKind::Void => back(self.void),
            EntryKind::Refund => back(self.refund),
        }
    }
}

/// Sums charges by wallet, product and type.
pub fn sum_fees(charges: impl IntoIterator<Item = Charge>, terms: &FeeTerms) -> FeeEstimate {
    let mut sums: BTreeMap<(Channel, Product, EntryKind), FeeLine> = BTreeMap::new();
    for charge in charges {
        let (channel, kind, product) = (charge.channel, charge.kind, terms.product(&charge));
        let line = sums
            .entry((channel, product, kind))
            .or_insert_with(|| FeeLine {
                channel,
                product,
                kind,
                count: 0,
                minor: 0,
                fee_minor: 0,
                unpriced: 0,
            });
        line.count += 1;
        line.minor += charge.amount.minor();
        match terms.fee_of(&charge) {
            Some(fee) => line.fee_minor += fee,
            None => line.unpriced += 1,
        }
    }
    FeeEstimate {
        lines: sums.into_values().collect(),
    }
}

/// Estimates what the entries of a batch that count cost. A refund of a sale of another batch has the fee of its own
/// amount.
pub fn estimate(batch: &Batch, terms: &FeeTerms) -> FeeEstimate {
    sum_fees(charges(batch.entries.iter().filter(|e| e.counts())), terms)
}

fn charges<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Charge> {
    let mut left: BTreeMap<&str, Money> = BTreeMap::new();
    let mut charges = Vec::new();
    for entry in entries {
        let order = entry.order_no.as_str();
        let before = match entry.kind {
            EntryKind::Sale => entry.amount,
            EntryKind::Void | EntryKind::Refund => left.get(order).copied().unwrap_or(entry.amount),
        };
        let after = match entry.kind {
            EntryKind::Sale => Ok(entry.amount),
            EntryKind::Void | EntryKind::Refund => before.checked_sub(entry.amount),
        };
        if let Ok(after) = after
            && (entry.kind == EntryKind::Sale || left.contains_key(order))
        {
            left.insert(order, after);
        }
        charges.push(Charge {
            kind: entry.kind,
            channel: entry.channel,
            product: entry.funding.map(Funding::product),
            amount: entry.amount,
            left: before,
        });
    }
    charges
}
