//! The acquirer's books, double entry: what leaves one account enters another, and the sum is always nothing.
//!
//! Owns the entries. Never decides what is booked.

use std::collections::BTreeMap;

/// Whose money it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// The customer behind a code.
    Customer(String),
    /// The shop.
    Merchant,
}

/// What a movement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A customer was charged.
    Sale,
    /// The whole order was taken back.
    Reversal,
    /// A refund with this number.
    Refund(String),
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The order that it is for.
    pub order: String,
    /// Who gives.
    pub from: Account,
    /// Who takes.
    pub to: Account,
    /// How much, in fen.
    pub fen: u64,
    /// When, on the acquirer's clock.
    pub at: u64,
    /// What it is.
    pub why: Why,
}

/// The books.
#[derive(Clone, Debug, Default)]
pub struct Books {
    entries: Vec<Entry>,
    balances: BTreeMap<Account, i64>,
}

impl Books {
    /// Books a movement.
    ///
    /// # Panics
    /// The books no longer add up to nothing.
    pub fn post(
        &mut self,
        (order, why): (&str, Why),
        from: &Account,
        to: &Account,
        (fen, at): (u64, u64),
    ) {
        let amount = i64::try_from(fen).expect("invariant: an amount has twelve digits");
        *self.balances.entry(from.clone()).or_default() -= amount;
        *self.balances.entry(to.clone()).or_default() += amount;
        self.entries.push(Entry {
            order: order.to_owned(),
            from: from.clone(),
            to: to.clone(),
            fen,
            at,
            why,
        });
        let sum: i64 = self.balances.values().sum();
        assert_eq!(sum, 0, "the acquirer's books add up");
    }

    /// Returns the movements in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns what an account has gained.
    pub fn balance(&self, account: &Account) -> i64 {
        self.balances.get(account).copied().unwrap_or(0)
    }

    /// Returns every customer and what the customer has gained (never more than nothing).
    pub fn customers(&self) -> impl Iterator<Item = (&str, i64)> {
        self.balances
            .iter()
            .filter_map(|(account, balance)| match account {
                Account::Customer(code) => Some((code.as_str(), *balance)),
                Account::Merchant => None,
            })
    }
}
