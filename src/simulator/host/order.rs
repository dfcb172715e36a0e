//! One order on the acquirer's side.
//!
//! Owns its stages and what time does to it. Money moves only through the books.

use super::Wallet;
use super::books::{Account, Books};
use super::profile::Profile;

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The customer has not paid.
    Open,
    /// Paid.
    Paid,
    /// The payment failed.
    Failed,
    /// Closed unpaid by itself.
    Closed,
    /// Ended by the merchant, or by itself where that counts as revoked; paid money went back.
    Revoked,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Order {
    /// The price.
    pub fen: u64,
    /// The code that was charged.
    pub code: String,
    /// When the charge arrived.
    pub arrived: u64,
    /// How far it is.
    pub stage: Stage,
    /// Revokes that were refused.
    pub refused_revokes: u32,
    wallet: Wallet,
    charged: u64,
    returned: u64,
}

impl Order {
    pub(super) fn new(fen: u64, code: &str, wallet: Wallet, now: u64) -> Self {
        Self {
            fen,
            code: code.to_owned(),
            arrived: now,
            stage: Stage::Open,
            refused_revokes: 0,
            wallet,
            charged: 0,
            returned: 0,
        }
    }

    /// What the customer has lost.
    pub const fn net(&self) -> u64 {
        self.charged - self.returned
    }

    /// Nothing can be charged under this number any more, and nothing is.
    pub const fn is_undone(&self) -> bool {
        matches!(self.stage, Stage::Failed | Stage::Closed | Stage::Revoked)
    }

    pub(super) const fn word(&self) -> &'static str {
        match self.stage {
            Stage::Open => "paying",
            Stage::Paid => "paid",
            Stage::Failed => "failed",
            Stage::Closed => "closed",
            Stage::Revoked if self.charged > 0 => "refunded",
            Stage::Revoked => "revoked",
        }
    }

    /// Lets time work: the customer pays or fails, or the order closes by itself, whichever comes first.
    pub(super) fn settle(&mut self, number: &str, profile: Profile, books: &mut Books, now: u64) {
        if self.stage != Stage::Open {
            return;
        }
        let age = now.saturating_sub(self.arrived);
        let decides = match self.wallet {
            Wallet::Pays => Some((0, true)),
            Wallet::Password { ms, pays } => Some((ms, pays)),
            Wallet::Never | Wallet::Refused { .. } => None,
        };
        let closes = profile.closes_after_ms();
        match decides {
            Some((at, pays)) if at <= age && closes.is_none_or(|close| at < close) => {
                if pays {
                    self.stage = Stage::Paid;
                    self.charged += self.fen;
                    books.post(number, &self.customer(), &Account::Merchant, self.fen, now);
                } else {
                    self.stage = Stage::Failed;
                }
            }
            Some(_) | None => {
                if closes.is_some_and(|close| close <= age) {
                    self.stage = profile.closed_stage();
                }
            }
        }
    }

    /// The merchant ends the order: an open one closes, a paid one goes back.
    pub(super) fn end(&mut self, stage: Stage, number: &str, books: &mut Books, now: u64) {
        match self.stage {
            Stage::Open => self.stage = stage,
            Stage::Paid => {
                let back = self.net();
                self.returned += back;
                books.post(number, &Account::Merchant, &self.customer(), back, now);
                self.stage = stage;
            }
            Stage::Failed | Stage::Closed | Stage::Revoked => {}
        }
    }

    fn customer(&self) -> Account {
        Account::Customer(self.code.clone())
    }
}
