//! Closing batches on the acquirer's side: totals, detail rows, the statement.
//!
//! Owns the acquirer's own sums of a batch and its list of movements. A settlement number acts once, a batch closes
//! once.

use std::collections::BTreeMap;

use super::books::{Account, Why};
use super::order::Stage;
use super::refund::RefundStage;
use super::{Answer, Host};

/// Count and sum of sales, voids and refunds.
pub type Sums = [(u32, u64); 3];

/// Movements on one page of the statement.
const PAGE: usize = 7;

/// One settlement.
#[derive(Clone, Debug)]
pub struct Closing {
    /// The batch.
    pub batch: u32,
    /// Our sums were equal.
    pub balanced: bool,
    /// Detail rows so far.
    pub rows: Vec<String>,
    /// The end was taken.
    pub ended: bool,
    sums: Sums,
}

/// Every settlement, and how often each batch was closed.
#[derive(Clone, Debug, Default)]
pub struct Closings {
    by_number: BTreeMap<String, Closing>,
    closed: BTreeMap<u32, u32>,
}

impl Closings {
    /// Returns how often a batch was closed.
    pub fn closed(&self, batch: u32) -> u32 {
        self.closed.get(&batch).copied().unwrap_or(0)
    }

    fn close(&mut self, batch: u32) {
        *self.closed.entry(batch).or_default() += 1;
    }
}

impl Host {
    pub(super) fn compare_totals(
        &mut self,
        number: &str,
        batch: u32,
        sums: &Sums,
        now: u64,
    ) -> Answer {
        self.settle_all(now);
        if self.closings.by_number.contains_key(number) {
            return self.closing_state(number);
        }
        if self.closings.closed(batch) > 0 {
            return self.answer("E-CLOSED", Some(number), None);
        }
        let mut own = self.sums(batch);
        if self.manners.miscounts {
            own[0].1 += 1;
        }
        let balanced = own == *sums;
        if balanced {
            self.closings.close(batch);
        }
        let closing = Closing {
            batch,
            balanced,
            rows: Vec::new(),
            ended: false,
            sums: own,
        };
        self.closings.by_number.insert(number.to_owned(), closing);
        self.closing_state(number)
    }

    pub(super) fn closing_state(&self, number: &str) -> Answer {
        let Some(closing) = self.closings.by_number.get(number) else {
            return self.answer("not-found", Some(number), None);
        };
        let word = if closing.balanced {
            "balanced"
        } else {
            "differs"
        };
        let sums = closing.sums.map(|(count, fen)| format!("{count}:{fen}"));
        Answer {
            text: Some(sums.join(",")),
            ..self.answer(word, Some(number), None)
        }
    }

    /// Takes rows that continue what is there; any others are taken already, or come too early.
    pub(super) fn details(&mut self, number: &str, first: u32, rows: &[String]) -> Answer {
        let Some(closing) = self.closings.by_number.get_mut(number) else {
            return self.answer("not-found", Some(number), None);
        };
        let have = u32::try_from(closing.rows.len()).unwrap_or(u32::MAX);
        if first <= have && !closing.ended {
            let skip = usize::try_from(have - first).unwrap_or(usize::MAX);
            closing.rows.extend(rows.iter().skip(skip).cloned());
        }
        self.taken(number)
    }

    pub(super) fn end_details(&mut self, number: &str, rows: u32) -> Answer {
        let Some(closing) = self.closings.by_number.get_mut(number) else {
            return self.answer("not-found", Some(number), None);
        };
        let all = u32::try_from(closing.rows.len()) == Ok(rows);
        if all && !closing.ended && !closing.balanced {
            closing.ended = true;
            let batch = closing.batch;
            self.closings.close(batch);
        }
        self.taken(number)
    }

    fn taken(&self, number: &str) -> Answer {
        let closing = self.closings.by_number.get(number);
        let (rows, ended) = closing.map_or((0, false), |c| (c.rows.len(), c.ended));
        let word = if ended { "taken-all" } else { "taken" };
        Answer {
            text: Some(rows.to_string()),
            ..self.answer(word, Some(number), None)
        }
    }

    /// Returns the movements behind a position: number, kind, order, refund, amount.
    pub(super) fn statement(&mut self, number: &str, after: u64, now: u64) -> Answer {
        self.settle_all(now);
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let entries = self.books.entries();
        let rows = entries.iter().enumerate().skip(skip).take(PAGE);
        let rows: Vec<String> = rows
            .map(|(index, entry)| {
                let (kind, refund) = match &entry.why {
                    Why::Sale => ("sale", ""),
                    Why::Reversal => ("reversal", ""),
                    Why::Refund(number) => ("refund", number.as_str()),
                };
                let (position, order, fen) = (index + 1, &entry.order, entry.fen);
                format!("{position}:{kind}:{order}:{refund}:{fen}")
            })
            .collect();
        let more = skip.saturating_add(PAGE) < entries.len();
        let word = if more { "page" } else { "last-page" };
        Answer {
            text: Some(format!("{after};{}", rows.join(","))),
            ..self.answer(word, Some(number), None)
        }
    }

    /// The acquirer's own sums of a batch: what stands, and what was taken back under a number of its own.
    fn sums(&self, batch: u32) -> Sums {
        let mut sums = Sums::default();
        let mut add = |which: usize, fen: u64| {
            sums[which].0 += 1;
            sums[which].1 += fen;
        };
        for (number, order) in &self.orders {
            let voided = self.voids.values().any(|(of, _)| of == number);
            let stands = order.stage == Stage::Paid || voided;
            if order.batch == batch && order.was_charged() && stands && !order.held {
                add(0, order.fen);
            }
        }
        for (of, own) in self.voids.values() {
            let known = self.orders.get(of).filter(|order| !order.held);
            if let (true, Some(order)) = (*own == batch, known) {
                add(1, order.fen);
            }
        }
        for refund in self.refunds.values() {
            if refund.batch == batch && refund.stage == RefundStage::Done {
                add(2, refund.fen);
            }
        }
        sums
    }

    /// What the shop has gained by all movements up to a position.
    pub fn gained(&self) -> i64 {
        self.books.balance(&Account::Merchant)
    }
}
