//! A model acquirer, written from the documented rules: a ledger, wallets, and bad manners.
//!
//! It knows nothing of the terminal. An order is charged at most once; a revoke number acts at most
//! once; whether a revoke of an unknown order leaves a tombstone is one of its manners.

use std::collections::{BTreeMap, BTreeSet};

use super::kit::{MERCHANT, Note};

/// A charge that arrives later than this after it was made meets an expired code.
const CODE_LIFE_MS: u64 = 180_000;

/// What the customer does.
#[derive(Clone, Copy, Debug)]
pub enum Wallet {
    Pays,
    /// Types a password for so long, then has paid or has failed.
    Password {
        ms: u64,
        pays: bool,
    },
    Never,
    /// Refused; whether the refusal names the order.
    Refused {
        named: bool,
    },
}

/// What the acquirer does that it should not, until it is mended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// A revoke of an unknown order forbids the late charge.
    pub tombstones: bool,
    /// Revokes of an order that are refused before one is taken.
    pub refuses: u32,
    /// Revoke numbers that are acknowledged and do nothing.
    pub duds: usize,
    /// A new order is not found for so long.
    pub lag_ms: u64,
    /// An unpaid order closes by itself after this.
    pub auto_close_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Paid,
    Failed,
    Revoked,
}

struct Order {
    price: u64,
    arrived: u64,
    wallet: Wallet,
    stage: Stage,
    charged: u64,
    refunded: u64,
    refused_revokes: u32,
}

/// The model acquirer.
#[derive(Default)]
pub struct Host {
    pub manners: Manners,
    orders: BTreeMap<String, Order>,
    refusals: BTreeMap<String, bool>,
    tombstones: BTreeSet<String>,
    revokes: BTreeMap<String, BTreeSet<String>>,
    refunds: BTreeMap<String, u64>,
}

impl Host {
    /// What the customer has lost under this number.
    pub fn net(&self, order: &str) -> u64 {
        self.orders
            .get(order)
            .map_or(0, |order| order.charged - order.refunded)
    }

    pub fn is_known(&self, order: &str) -> bool {
        self.orders.contains_key(order)
    }

    pub fn was_refused(&self, order: &str) -> bool {
        self.refusals.contains_key(order)
    }

    /// Nothing can be charged under this number any more, and nothing is.
    pub fn is_undone(&self, order: &str) -> bool {
        self.orders
            .get(order)
            .is_some_and(|order| matches!(order.stage, Stage::Failed | Stage::Revoked))
    }

    pub fn orders(&self) -> impl Iterator<Item = &String> {
        self.orders.keys()
    }

    pub fn charge(&mut self, order: &str, price: u64, wallet: Wallet, made: u64, now: u64) -> Note {
        if let Some(named) = self.refusals.get(order) {
            return note("declined", named.then_some(order), None);
        }
        if !self.orders.contains_key(order) {
            let late = now - made > CODE_LIFE_MS || self.tombstones.contains(order);
            let refused = match wallet {
                Wallet::Refused { named } => Some(named),
                Wallet::Pays | Wallet::Password { .. } | Wallet::Never => late.then_some(true),
            };
            if let Some(named) = refused {
                self.refusals.insert(order.to_owned(), named);
                return note("declined", named.then_some(order), None);
            }
            let fresh = Order {
                price,
                arrived: now,
                wallet,
                stage: Stage::Open,
                charged: 0,
                refunded: 0,
                refused_revokes: 0,
            };
            self.orders.insert(order.to_owned(), fresh);
        }
        self.state(order, now)
    }

    pub fn ask(&mut self, order: &str, now: u64) -> Note {
        let lag = self.manners.lag_ms;
        let hidden = |known: &Order| now < known.arrived + lag;
        if self.orders.get(order).is_none_or(hidden) {
            return note("not-found", Some(order), None);
        }
        self.state(order, now)
    }

    pub fn revoke(&mut self, number: &str, order: &str, now: u64) -> Note {
        self.settle(order, now);
        let manners = self.manners;
        let numbers = self.revokes.entry(order.to_owned()).or_default();
        if let Some(known) = self.orders.get_mut(order)
            && known.refused_revokes < manners.refuses
        {
            known.refused_revokes += 1;
            return note("busy", Some(order), None);
        }
        let (fresh, dud) = (
            !numbers.contains(number),
            numbers.len() < manners.duds && !numbers.contains(number),
        );
        numbers.insert(number.to_owned());
        match self.orders.get_mut(order) {
            None if manners.tombstones => {
                self.tombstones.insert(order.to_owned());
            }
            Some(known) if fresh && !dud && matches!(known.stage, Stage::Open | Stage::Paid) => {
                known.refunded = known.charged;
                known.stage = Stage::Revoked;
            }
            None | Some(_) => {}
        }
        note("accepted", Some(order), None)
    }

    /// Returns a paid order as a whole; a number that acted answers the same again.
    pub fn refund(&mut self, number: &str, order: &str, amount: u64, now: u64) -> Note {
        self.settle(order, now);
        if !self.refunds.contains_key(number) {
            match self.orders.get_mut(order) {
                Some(known) if known.stage == Stage::Paid && known.price == amount => {
                    known.refunded = known.charged;
                    known.stage = Stage::Revoked;
                    self.refunds.insert(number.to_owned(), amount);
                }
                None | Some(_) => return note("declined", Some(number), None),
            }
        }
        self.ask_refund(number)
    }

    pub fn ask_refund(&self, number: &str) -> Note {
        match self.refunds.get(number) {
            Some(amount) => note("returned", Some(number), Some(*amount)),
            None => note("not-found", Some(number), None),
        }
    }

    /// Lets time work on an order.
    fn settle(&mut self, order: &str, now: u64) {
        let close = self.manners.auto_close_ms;
        let Some(order) = self
            .orders
            .get_mut(order)
            .filter(|o| o.stage == Stage::Open)
        else {
            return;
        };
        let age = now - order.arrived;
        let pays = match order.wallet {
            Wallet::Pays => Some(true),
            Wallet::Password { ms, pays } if age >= ms => Some(pays),
            Wallet::Password { .. } | Wallet::Never | Wallet::Refused { .. } => None,
        };
        let closed_first = match (close, order.wallet) {
            (Some(limit), Wallet::Password { ms, .. }) => limit < ms && age >= limit,
            (Some(limit), Wallet::Never) => age >= limit,
            (Some(_) | None, _) => false,
        };
        match pays {
            _ if closed_first => order.stage = Stage::Failed,
            Some(true) => {
                order.stage = Stage::Paid;
                order.charged += order.price;
            }
            Some(false) => order.stage = Stage::Failed,
            None => {}
        }
    }

    /// Lets time work on every order, as if the customers had all been asked.
    pub fn settle_all(&mut self, now: u64) {
        let all: Vec<String> = self.orders.keys().cloned().collect();
        for order in all {
            self.settle(&order, now);
        }
    }

    fn state(&mut self, order: &str, now: u64) -> Note {
        self.settle(order, now);
        let known = &self.orders[order];
        let word = match known.stage {
            Stage::Open => "paying",
            Stage::Paid => "paid",
            Stage::Failed => "failed",
            Stage::Revoked if known.charged > 0 => "refunded",
            Stage::Revoked => "revoked",
        };
        note(word, Some(order), Some(known.price))
    }
}

fn note(word: &str, order: Option<&str>, amount: Option<u64>) -> Note {
    Note {
        merchant: order.map(|_| MERCHANT.to_owned()),
        order: order.map(str::to_owned),
        amount,
        word: word.to_owned(),
    }
}
