//! The end of a batch: its totals and its records are compared with the books (docs/CARDS.md, settlement).
//!
//! Owns the one list of what a batch counts, of which both totals and records are made. Changes no money, and closes
//! nothing: the terminal alone decides when a new batch begins.

use super::record::{CardBook, CardRecord, Wish};
use super::rules::{Case, Decision};
use super::story::{self, Closing, Story};

/// Kind (field 60.1), trace and amount of a record in an upload.
pub const ROW_DIGITS: usize = 20;
/// Charged and returned, each an amount and a count.
pub const TOTAL_DIGITS: usize = 30;
const BALANCED: char = '1';
const NOT_BALANCED: char = '2';
const ERROR: char = '3';

/// A message that a batch counts.
struct Counted<'a> {
    record: &'a CardRecord,
    kind: &'static str,
    returns: bool,
}

/// What a batch counts: sales and completions that no reversal undid, and what voids and refunds of the batch gave
/// back. A voided sale is on both sides. What was given back of something that was then undone counts as little as
/// that.
fn counted<'a>(book: &'a CardBook, batch: &str) -> Vec<Counted<'a>> {
    let of_something = |record: &CardRecord| {
        let original = book.at(&record.original);
        original.is_some_and(|original| !original.undone)
    };
    let count = |record: &'a CardRecord| {
        let (kind, returns) = match record.wish {
            Wish::Sale => ("22", false),
            Wish::Completion => ("20", false),
            Wish::Void => ("23", true),
            Wish::CompletionVoid => ("21", true),
            Wish::Refund => ("25", true),
            Wish::SignIn
            | Wish::SignOut
            | Wish::Parameters
            | Wish::Hold
            | Wish::HoldVoid
            | Wish::Reversal
            | Wish::Balance
            | Wish::Settlement
            | Wish::Upload
            | Wish::UploadEnd => return None,
        };
        let good = record.stands() && (!returns || of_something(record));
        good.then_some(Counted {
            record,
            kind,
            returns,
        })
    };
    book.of_batch(batch).filter_map(count).collect()
}

/// The host's own digits of a batch's totals, when they fit.
fn totals(counted: &[Counted]) -> Option<String> {
    let side = |returns: bool| {
        let rows = || counted.iter().filter(|row| row.returns == returns);
        let sum: u64 = rows().map(|row| row.record.amount).sum();
        let text = format!("{sum:012}{:03}", rows().count());
        (text.len() == TOTAL_DIGITS / 2).then_some(text)
    };
    Some(side(false)? + &side(true)?)
}

impl Case<'_> {
    /// Compares totals. It is answered from the books as they are, also when it is repeated.
    pub(super) fn settlement(&mut self) -> Decision {
        let place = &self.checked.place;
        let before = self.books.cards.at(place).cloned();
        if before
            .as_ref()
            .is_some_and(|it| it.wish != Wish::Settlement)
        {
            return self.refused("94", Story::Plain);
        }
        let told = self.message.text(48).to_owned();
        let (home, foreign) = told.split_at(TOTAL_DIGITS);
        let story = story::closing(told[..12].parse().unwrap_or_default());
        let spoilt = !matches!(story, Closing::Plain | Closing::LostAtFirst);
        let own = totals(&counted(&self.books.cards, &place[..6]));
        let verdict = |good: bool| if good { BALANCED } else { NOT_BALANCED };
        let home = own.map_or(ERROR, |own| verdict(own == home && !spoilt));
        // No card of this world is foreign.
        let foreign = verdict(foreign.bytes().all(|digit| digit == b'0'));
        let mut decision = if let Some(record) = before {
            Self::told(record, "00", Story::Plain)
        } else {
            let record = self.record("", "00");
            let lost = if story == Closing::LostAtFirst {
                Story::LostAtFirst
            } else {
                Story::Plain
            };
            self.finish(record, lost, None, None)
        };
        decision.more = Some((48, format!("{told}{home}{foreign}")));
        decision
    }

    /// Takes records, or compares them all. A repetition of a message is answered and not counted again.
    pub(super) fn upload(&mut self) -> Decision {
        let place = &self.checked.place;
        let rows = &self.message.text(48)[2..];
        if let Some(before) = self.books.cards.at(place) {
            return self.again(before, rows);
        }
        let story = self.closing(&place[..6]);
        let agrees = self.checked.wish == Wish::Upload
            || (story != Closing::Differs && self.agrees(&place[..6]));
        let mut record = self.record("", if agrees { "00" } else { "95" });
        record.rows = rows.to_owned();
        let lost = if story == Closing::LostRecords {
            Story::LostAtFirst
        } else {
            Story::Plain
        };
        self.finish(record, lost, None, None)
    }

    /// The story of a batch, by what the books say was charged.
    fn closing(&self, batch: &str) -> Closing {
        let rows = counted(&self.books.cards, batch);
        let charged = rows.iter().filter(|row| !row.returns);
        story::closing(charged.map(|row| row.record.amount).sum())
    }

    fn agrees(&self, batch: &str) -> bool {
        let book = &self.books.cards;
        let row = |row: &Counted| {
            let record = row.record;
            format!("{}{}{:012}", row.kind, record.trace(), record.amount)
        };
        let mut own: Vec<String> = counted(book, batch).iter().map(row).collect();
        let rows = |text: &str| -> Vec<String> {
            let count = text.len() / ROW_DIGITS;
            let at = |index: usize| text[index * ROW_DIGITS..][..ROW_DIGITS].to_owned();
            (0..count).map(at).collect()
        };
        let mut told: Vec<String> = book.uploaded(batch).flat_map(rows).collect();
        own.sort();
        told.sort();
        own == told
    }
}
