//! One order on the acquirer's side: a charged code, or an order that waits for a customer to scan its code.
//!
//! Owns its stages and what time does to it. Money moves only through the books.

use super::Wallet;
use super::books::{Account, Books, Why};
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
    /// Closed unpaid.
    Closed,
    /// Ended by the merchant, or by itself where that counts as revoked; paid money went back.
    Revoked,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Order {
    /// The price.
    pub fen: u64,
    /// Whose money it is: the charged code, or the customer who scanned.
    pub customer: String,
    /// When it arrived.
    pub arrived: u64,
    /// The batch that the terminal named.
    pub batch: u32,
    /// How far it is.
    pub stage: Stage,
    /// Revokes that were refused.
    pub refused_revokes: u32,
    /// The code that a customer has to scan, where that is how it is paid.
    pub text: Option<String>,
    /// What is being returned and not yet back.
    pub at_work: u64,
    /// What the customer does, from when on.
    wallet: Option<(Wallet, u64)>,
    expires: Option<u64>,
    charged: u64,
    returned: u64,
    /// Money is held and not taken: nothing of it is in the books.
    pub held: bool,
    /// The order that charged the hold.
    pub completed_by: Option<String>,
}

impl Order {
    /// An order whose customer's code was charged.
    pub(super) fn charged((fen, batch): (u64, u32), code: &str, wallet: Wallet, now: u64) -> Self {
        Self {
            fen,
            customer: code.to_owned(),
            arrived: now,
            batch,
            stage: Stage::Open,
            refused_revokes: 0,
            text: None,
            at_work: 0,
            wallet: Some((wallet, now)),
            expires: None,
            charged: 0,
            returned: 0,
            held: false,
            completed_by: None,
        }
    }

    /// An order that waits for somebody to scan its code.
    pub(super) fn to_scan(amount: (u64, u32), text: String, life_ms: u64, now: u64) -> Self {
        Self {
            text: Some(text),
            wallet: None,
            expires: Some(now + life_ms),
            ..Self::charged(amount, "", Wallet::Never, now)
        }
    }

    /// A customer scans the code. The first one counts.
    pub(super) fn scan(&mut self, customer: &str, wallet: Wallet, now: u64) {
        if self.stage == Stage::Open && self.wallet.is_none() {
            customer.clone_into(&mut self.customer);
            self.wallet = Some((wallet, now));
        }
    }

    /// What the customer has lost, or what is held.
    pub const fn net(&self) -> u64 {
        self.charged - self.returned
    }

    /// What was charged at all.
    pub const fn was_charged(&self) -> bool {
        self.charged > 0
    }

    /// Nothing can be charged under this number any more, and nothing is.
    pub const fn is_undone(&self) -> bool {
        match self.stage {
            Stage::Failed | Stage::Closed | Stage::Revoked => true,
            Stage::Paid => self.charged == self.returned,
            Stage::Open => false,
        }
    }

    /// Nobody has scanned the code.
    pub const fn waits_for_a_scan(&self) -> bool {
        matches!(self.stage, Stage::Open) && self.wallet.is_none()
    }

    pub(super) const fn word(&self) -> &'static str {
        match self.stage {
            Stage::Open if self.wallet.is_none() => "waiting",
            Stage::Open => "paying",
            Stage::Paid if self.returned == self.charged => "refunded",
            Stage::Paid => "paid",
            Stage::Failed => "failed",
            Stage::Closed => "closed",
            Stage::Revoked if self.charged > 0 => "refunded",
            Stage::Revoked => "revoked",
        }
    }

    /// When the customer decides, if ever.
    pub const fn decides_at(&self) -> Option<u64> {
        match self.wallet {
            Some((Wallet::Pays, since)) => Some(since),
            Some((Wallet::Password { ms, .. }, since)) => Some(since + ms),
            Some((Wallet::Never | Wallet::Refused { .. }, _)) | None => None,
        }
    }

    /// Lets time work: the customer pays or fails, or the order closes by itself, whichever comes first.
    pub(super) fn settle(&mut self, number: &str, profile: Profile, books: &mut Books, now: u64) {
        if self.stage != Stage::Open {
            return;
        }
        let closes = match self.expires {
            Some(expires) => profile.closes_after_ms().map(|_| expires),
            None => profile.closes_after_ms().map(|ms| self.arrived + ms),
        };
        let decides = self.decides_at();
        match decides {
            Some(at) if at <= now && closes.is_none_or(|close| at < close) => {
                self.decide(number, books, at.max(self.arrived))
            }
            Some(_) | None => {
                if closes.is_some_and(|close| close <= now) {
                    self.stage = match self.expires {
                        Some(_) => Stage::Closed,
                        None => profile.closed_stage(),
                    };
                }
            }
        }
    }

    fn decide(&mut self, number: &str, books: &mut Books, at: u64) {
        let pays = match self.wallet {
            Some((Wallet::Pays, _)) => true,
            Some((Wallet::Password { pays, .. }, _)) => pays,
            Some((Wallet::Refused { .. } | Wallet::Never, _)) | None => false,
        };
        if pays {
            self.stage = Stage::Paid;
            self.charged += self.fen;
            let (from, to) = (self.account(), Account::Merchant);
            if !self.held {
                books.post((number, Why::Sale), &from, &to, (self.fen, at));
            }
        } else {
            self.stage = Stage::Failed;
        }
    }

    /// The merchant ends the order: an open one closes, a paid one goes back.
    pub(super) fn end(&mut self, stage: Stage, number: &str, books: &mut Books, now: u64) {
        match self.stage {
            Stage::Open => self.stage = stage,
            Stage::Paid => {
                self.give_back(self.net(), (number, Why::Reversal), books, now);
                self.stage = stage;
            }
            Stage::Failed | Stage::Closed | Stage::Revoked => {}
        }
    }

    /// Money goes back to the customer.
    pub(super) fn give_back(&mut self, fen: u64, what: (&str, Why), books: &mut Books, now: u64) {
        if fen > 0 {
            self.returned += fen;
            if self.held {
                return;
            }
            books.post(what, &Account::Merchant, &self.account(), (fen, now));
        }
    }

    fn account(&self) -> Account {
        Account::Customer(self.customer.clone())
    }
}
