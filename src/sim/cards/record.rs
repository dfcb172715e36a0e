//! What the host keeps of every card message that it has decided.
//!
//! Owns the numbers: one trace of a batch means one message for ever. Never holds a card's number, only six and four
//! digits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sim::records::{Refund, Trade};

/// What a message wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Keys.
    SignIn,
    /// Money.
    Sale,
    /// All of a sale's money back, in its batch.
    Void,
    /// A part of it, at any time.
    Refund,
    /// That a sale never was.
    Reversal,
}

/// A message and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CardRecord {
    /// Batch and trace, twelve digits.
    pub place: String,
    /// What it wanted.
    pub wish: Wish,
    /// The terminal's own number (field 63).
    pub number: String,
    /// The sale's order number; its own for a sale.
    pub order: String,
    /// Batch and trace of the sale; empty for a sale.
    pub original: String,
    /// Fen.
    pub amount: u64,
    /// What was decided; empty for a reversal of something that had not come.
    pub code: String,
    /// Reference number.
    pub rrn: String,
    /// Authorisation code; empty when it was not approved.
    pub auth: String,
    /// Six and four digits of the card; empty when none was there.
    pub card: String,
    /// `debit` or `credit`; empty when no card was there.
    pub funding: String,
    /// Milliseconds when it was decided.
    pub at_ms: u64,
    /// A reversal undid it, and it will never come to life again.
    pub undone: bool,
}

impl CardRecord {
    /// Tells whether it moved money.
    pub fn is_approved(&self) -> bool {
        self.code == "00"
    }

    /// Tells whether it is a void that was done: its number is used up.
    pub fn ends_order(&self) -> bool {
        self.wish == Wish::Void && self.is_approved()
    }
}

/// One line of the books: a message and the money that moved with it, so that they cannot part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CardLine {
    /// The message.
    pub record: CardRecord,
    /// The sale's trade as it is now.
    pub trade: Option<Trade>,
    /// The refund that was done.
    pub refund: Option<Refund>,
}

/// Every message, by batch and trace.
#[derive(Default)]
pub struct CardBook(BTreeMap<String, CardRecord>);

impl CardBook {
    /// Takes a record over.
    pub fn learn(&mut self, record: CardRecord) {
        self.0.insert(record.place.clone(), record);
    }

    /// Returns what is known of a batch and trace.
    pub fn at(&self, place: &str) -> Option<&CardRecord> {
        self.0.get(place)
    }

    /// Makes the next reference number and authorisation code.
    pub fn next_numbers(&self, month_day: &str) -> (String, String) {
        let count = self.0.len() + 1;
        (
            format!("{month_day}{:08}", count % 100_000_000),
            format!("{:06}", count * 7_919 % 1_000_000),
        )
    }

    /// Returns a list for checks.
    pub fn rows(&self) -> Vec<Value> {
        let row = |record: &CardRecord| {
            json!({
                "place": record.place,
                "wish": record.wish,
                "number": record.number,
                "order": record.order,
                "amount": record.amount,
                "code": record.code,
                "rrn": record.rrn,
                "card": record.card,
                "funding": record.funding,
                "undone": record.undone,
            })
        };
        self.0.values().map(row).collect()
    }
}
