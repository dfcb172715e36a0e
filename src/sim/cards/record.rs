//! What the host keeps of every card message that it has decided.
//!
//! Owns the numbers: one trace of a batch means one message for ever. Whether a hold stands is worked out from the
//! messages that name it, so it cannot disagree with them. Never holds a card's number, only six and four digits, and
//! never a balance.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sim::records::{Refund, Trade};

/// What a message wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Keys.
    SignIn,
    /// That the keys are forgotten.
    SignOut,
    /// Limits.
    Parameters,
    /// Money.
    Sale,
    /// A promise of money.
    Hold,
    /// That promised money is paid.
    Completion,
    /// All of a sale's money back, in its batch.
    Void,
    /// An end of a promise.
    HoldVoid,
    /// All of a completion's money back, in its batch.
    CompletionVoid,
    /// A part of paid money back, at any time.
    Refund,
    /// That a sale, a hold or a completion never was.
    Reversal,
    /// What is on the account.
    Balance,
    /// That the totals of a batch are compared.
    Settlement,
    /// That some records of a batch are taken.
    Upload,
    /// That the records of a batch are compared.
    UploadEnd,
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
    /// The order whose money it is about; its own number for whatever names no other message.
    pub order: String,
    /// Batch and trace of the message that it names; empty when it names none.
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
    /// Digits of the records that an upload brought.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rows: String,
}

impl CardRecord {
    /// Tells whether it was approved.
    pub fn is_approved(&self) -> bool {
        self.code == "00"
    }

    /// Tells whether it is a void of paid money that was done: its number is used up.
    pub fn ends_order(&self) -> bool {
        matches!(self.wish, Wish::Void | Wish::CompletionVoid) && self.is_approved()
    }

    /// Its batch.
    pub fn batch(&self) -> &str {
        &self.place[..6]
    }

    /// Its trace.
    pub fn trace(&self) -> &str {
        &self.place[6..]
    }

    /// Tells whether it was approved and no reversal undid it.
    pub fn stands(&self) -> bool {
        self.is_approved() && !self.undone
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
pub struct CardBook {
    rows: BTreeMap<String, CardRecord>,
    /// Places of the messages that name a place.
    naming: BTreeMap<String, BTreeSet<String>>,
    /// Numbers that holds and their voids used up; they are no trades.
    numbers: BTreeSet<String>,
    /// Places of the uploads that wait for their end, by batch.
    uploads: BTreeMap<String, Vec<String>>,
}

impl CardBook {
    /// Takes a record over.
    pub fn learn(&mut self, record: CardRecord) {
        let place = record.place.clone();
        if !record.original.is_empty() {
            let names = self.naming.entry(record.original.clone()).or_default();
            names.insert(place.clone());
        }
        if matches!(record.wish, Wish::Hold | Wish::HoldVoid) && record.is_approved() {
            self.numbers.insert(record.number.clone());
        }
        let batch = record.batch().to_owned();
        if record.wish == Wish::Upload {
            self.uploads.entry(batch).or_default().push(place.clone());
        } else if matches!(record.wish, Wish::Settlement | Wish::UploadEnd) {
            self.uploads.remove(&batch);
        }
        self.rows.insert(place, record);
    }

    /// Returns what is known of a batch and trace.
    pub fn at(&self, place: &str) -> Option<&CardRecord> {
        self.rows.get(place)
    }

    /// Tells whether a hold or a void of one has used a number up.
    pub fn uses(&self, number: &str) -> bool {
        self.numbers.contains(number)
    }

    /// Returns a batch's messages, by trace.
    pub fn of_batch(&self, batch: &str) -> impl Iterator<Item = &CardRecord> {
        let ends = format!("{batch}000000")..=format!("{batch}999999");
        self.rows.range(ends).map(|(_, record)| record)
    }

    /// Returns the digits of the records that a batch's uploads have brought since they began.
    pub fn uploaded(&self, batch: &str) -> impl Iterator<Item = &str> {
        let places = self.uploads.get(batch).into_iter().flatten();
        places.filter_map(|place| self.at(place).map(|record| record.rows.as_str()))
    }

    /// Tells whether money is held: a standing hold that was neither voided nor completed. A completion that was
    /// voided or undone completes nothing.
    pub fn holds(&self, hold: &CardRecord) -> bool {
        let spends = |record: &CardRecord| match record.wish {
            Wish::HoldVoid => record.is_approved(),
            Wish::Completion => record.stands() && !self.is_voided(record),
            Wish::SignIn
            | Wish::SignOut
            | Wish::Parameters
            | Wish::Sale
            | Wish::Hold
            | Wish::Void
            | Wish::CompletionVoid
            | Wish::Refund
            | Wish::Reversal
            | Wish::Balance
            | Wish::Settlement
            | Wish::Upload
            | Wish::UploadEnd => false,
        };
        hold.wish == Wish::Hold && hold.stands() && !self.naming(&hold.place).any(spends)
    }

    fn is_voided(&self, completion: &CardRecord) -> bool {
        self.naming(&completion.place).any(CardRecord::ends_order)
    }

    /// Returns `debit` or `credit` of the card that paid an order.
    pub fn funding_of(&self, order: &str) -> Option<&str> {
        let paid = |record: &&CardRecord| record.order == order && !record.funding.is_empty();
        self.rows
            .values()
            .find(paid)
            .map(|record| record.funding.as_str())
    }

    fn naming(&self, place: &str) -> impl Iterator<Item = &CardRecord> {
        let places = self.naming.get(place).into_iter().flatten();
        places.filter_map(|place| self.at(place))
    }

    /// Makes the next reference number and authorisation code.
    pub fn next_numbers(&self, month_day: &str) -> (String, String) {
        let count = self.rows.len() + 1;
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
                "held": if self.holds(record) { record.amount } else { 0 },
            })
        };
        self.rows.values().map(row).collect()
    }
}
