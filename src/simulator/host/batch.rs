//! The end of a batch at the card host: its totals and its records against its own book (readers.md 8.3).
//!
//! Owns what each trace of a batch was used for, and the records that were uploaded. It knows traces and amounts only.
//! Changes no money, and closes nothing: the terminal alone decides when a new batch begins.

use std::collections::BTreeMap;

use super::order::Stage;
use super::refund::RefundStage;
use super::{Answer, Host};

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardKind {
    /// A sale.
    Sale,
    /// The charge of a hold.
    Completion,
    /// Of a sale.
    Void,
    /// Of a completion.
    CompletionVoid,
    /// A refund.
    Refund,
}

impl CardKind {
    /// Tells whether money goes back.
    pub const fn returns(self) -> bool {
        match self {
            Self::Sale | Self::Completion => false,
            Self::Void | Self::CompletionVoid | Self::Refund => true,
        }
    }
}

/// Kind, trace and amount in fen.
pub type CardRow = (CardKind, u32, u64);

/// Count and sum of what was charged, and of what went back.
pub type CardSums = [(u32, u64); 2];

/// Adds records up.
pub fn sums(rows: &[CardRow]) -> CardSums {
    let mut sums = CardSums::default();
    for (kind, _, fen) in rows {
        let side = &mut sums[usize::from(kind.returns())];
        side.0 += 1;
        side.1 += fen;
    }
    sums
}

/// What a message's trace was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Used {
    Totals,
    Rows(Vec<CardRow>),
    End { agrees: bool },
}

/// Traces, and what is uploaded.
#[derive(Clone, Debug, Default)]
pub struct CardBooks {
    /// Whatever moved money, by its own number: its kind, batch and trace.
    moves: BTreeMap<String, (CardKind, u32, u32)>,
    used: BTreeMap<(u32, u32), Used>,
    uploads: BTreeMap<u32, Vec<CardRow>>,
}

impl CardBooks {
    pub(super) fn moved(&mut self, number: &str, kind: CardKind, (batch, trace): (u32, u32)) {
        let mark = (kind, batch, trace);
        self.moves.entry(number.to_owned()).or_insert(mark);
    }

    pub(super) fn void_of(&self, order: &str) -> CardKind {
        match self.moves.get(order) {
            Some((CardKind::Completion, ..)) => CardKind::CompletionVoid,
            Some(_) | None => CardKind::Void,
        }
    }

    fn is_money(&self, (batch, trace): (u32, u32)) -> bool {
        let mut moves = self.moves.values();
        moves.any(|(_, of, by)| (*of, *by) == (batch, trace))
    }
}

impl Host {
    /// Compares totals; a trace of its own begins the upload of its batch anew.
    pub(super) fn card_totals(
        &mut self,
        number: &str,
        place: (u32, u32),
        told: &CardSums,
        now: u64,
    ) -> Answer {
        self.settle_all(now);
        let before = self.card_books.used.get(&place);
        if self.card_books.is_money(place) || before.is_some_and(|used| *used != Used::Totals) {
            return self.answer("E-USED", Some(number), None);
        }
        if self.card_books.used.insert(place, Used::Totals).is_none() {
            self.card_books.uploads.remove(&place.0);
        }
        let mut own = sums(&self.card_rows(place.0));
        if self.manners.miscounts {
            own[0].1 += 1;
        }
        let word = if own == *told {
            "cards-balanced"
        } else {
            "cards-unbalanced"
        };
        let text = told.map(|(count, fen)| format!("{count}:{fen}")).join(",");
        self.card_answer(word, number, text)
    }

    /// Takes records; a message that comes again counts once.
    pub(super) fn take_card_rows(
        &mut self,
        number: &str,
        place: (u32, u32),
        rows: &[CardRow],
    ) -> Answer {
        let taken = Used::Rows(rows.to_vec());
        let before = self.card_books.used.get(&place);
        if self.card_books.is_money(place) || before.is_some_and(|used| *used != taken) {
            return self.answer("E-USED", Some(number), None);
        }
        if self.card_books.used.insert(place, taken).is_none() {
            let upload = self.card_books.uploads.entry(place.0).or_default();
            upload.extend_from_slice(rows);
        }
        self.card_answer("cards-taken", number, rows.len().to_string())
    }

    /// The records are complete: they are compared with the book, once under each trace.
    pub(super) fn end_card_rows(&mut self, number: &str, place: (u32, u32), now: u64) -> Answer {
        self.settle_all(now);
        let before = self.card_books.used.get(&place).cloned();
        let agrees = match before {
            Some(Used::End { agrees }) => agrees,
            None if !self.card_books.is_money(place) => {
                let mut told = self.card_books.uploads.remove(&place.0).unwrap_or_default();
                told.sort_unstable();
                let mut own = self.card_rows(place.0);
                // One that loses a record, too: only then does it differ one by one.
                if self.manners.miscounts && place.0.is_multiple_of(2) {
                    own.pop();
                }
                let agrees = told == own;
                self.card_books.used.insert(place, Used::End { agrees });
                agrees
            }
            Some(Used::Totals | Used::Rows(_)) | None => {
                return self.answer("E-USED", Some(number), None);
            }
        };
        let word = if agrees {
            "cards-agree"
        } else {
            "cards-differ"
        };
        self.card_answer(word, number, "0".to_owned())
    }

    fn card_answer(&self, word: &str, number: &str, text: String) -> Answer {
        Answer {
            text: Some(text),
            ..self.answer(word, Some(number), None)
        }
    }

    /// What the book has under a batch, sorted: what was charged and not reversed, and what went back of it.
    fn card_rows(&self, batch: u32) -> Vec<CardRow> {
        let own = self.card_books.moves.iter();
        let own = own.filter(|(_, (_, of, _))| *of == batch);
        let mut rows: Vec<CardRow> = own
            .filter_map(|(number, (kind, _, trace))| {
                Some((*kind, *trace, self.moved(number, *kind)?))
            })
            .collect();
        rows.sort_unstable();
        rows
    }

    /// What such a movement came to in fen, where it stands.
    fn moved(&self, number: &str, kind: CardKind) -> Option<u64> {
        match kind {
            CardKind::Sale | CardKind::Completion => {
                let order = self.orders.get(number)?;
                let voided = self.voids.values().any(|(of, _)| of == number);
                (order.stage == Stage::Paid || voided).then_some(order.fen)
            }
            CardKind::Void | CardKind::CompletionVoid => {
                let (of, _) = self.voids.get(number)?;
                self.orders.get(of).map(|order| order.fen)
            }
            CardKind::Refund => {
                let refund = self.refunds.get(number)?;
                (refund.stage == RefundStage::Done).then_some(refund.fen)
            }
        }
    }
}
