//! Whose money a bank card spends: the holder's own, or the bank's.
//!
//! Owns the words of the two. Which one a card is says the card host's answer; nothing here guesses by a number.

use super::fee::Product;

/// 借记卡 or 贷记卡.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Funding {
    /// 借记卡.
    Debit,
    /// 贷记卡.
    Credit,
}

impl Funding {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }

    /// Finds one by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Debit, Self::Credit]
            .into_iter()
            .find(|funding| funding.key() == key)
    }

    /// Returns the row of a fee table for it.
    pub const fn product(self) -> Product {
        match self {
            Self::Debit => Product::DebitCard,
            Self::Credit => Product::CreditCard,
        }
    }
}
