//! Closing a batch in the simulator: the supervisor's act, the reading of the batch, and the adapter's words for it.
//!
//! Owns the translation of settlements between the terminal and the model acquirer. Decides nothing.

use std::collections::BTreeMap;

use super::host::{Ask, CardAsk, CardKind, CardRow};
use super::line;
use super::plant::Bug;
use super::world::World;
use crate::domain::{Channel, MerchantNo, Money, OperatorNo, OrderNo};
use crate::payment::{Closing, Event};
use crate::settlement::{
    self, CardHeard, CardQuestion, CardRowKind, CardWhat, Cause, EntryKind, Line, Movement,
    MovementKind, Says, SettlementClaim, StatementPage,
};

/// After the world is mended a settlement ends within this.
const CLOSES_WITHIN_MS: u64 = 25 * 60_000;
/// The slips of the last batch are on paper so long after it at the latest.
const PRINTS_WITHIN_MS: u64 = 60_000;

impl World<'_> {
    /// 结算: the supervisor closes the batch, if there is anything in it.
    pub(super) fn close_batch(&mut self) {
        let Some(till) = &self.till else {
            return;
        };
        let unsettled = till.book.unsettled();
        let txn = self.fresh_txn(0);
        let operator = |number| OperatorNo::new(number).expect("invariant: two digits");
        let closing = Closing {
            txn,
            cause: Cause::Asked,
            operator: operator("01"),
            approver: Some(operator("90")),
        };
        self.sale_of.insert(txn, 0);
        self.feed(Event::SettlementRequested { closing, unsettled });
    }

    /// Reads what a settlement wants read, as the driver does after each turn.
    pub(super) fn read_batch(&mut self) {
        while let Some((txn, batch, numbers)) =
            self.till.as_mut().and_then(|till| till.to_read.take())
        {
            let found = self
                .till
                .as_ref()
                .and_then(|till| till.book.batch(batch, &numbers));
            if let Some(found) = found {
                let batch = Box::new(found);
                self.feed(Event::BatchRead { txn, batch });
            }
        }
    }

    /// B14: the batch goes on once more when its settlement ends.
    pub(super) fn advance_again(&mut self, ended: bool) {
        if self.bug == Bug::B14
            && ended
            && let Some(till) = &mut self.till
        {
            let numbers = &mut till.state.numbers;
            let next = crate::domain::BatchNo::new(numbers.batch.get() + 1);
            numbers.batch = next.unwrap_or(numbers.batch);
        }
    }

    fn is_settling(&self) -> bool {
        let till = self.till.as_ref();
        till.is_some_and(|till| till.state.settlement.is_some())
    }

    /// At the end of a run whatever is not settled is settled: first what is under way, then the rest.
    pub(super) fn settle_the_rest(&mut self) {
        for closes in [false, true] {
            if closes {
                self.close_batch();
            }
            let limit = self.now() + CLOSES_WITHIN_MS;
            while self.is_settling() && self.now() < limit {
                self.run_until(self.now() + 1_000);
            }
        }
        // A batch with differences has two slips.
        let limit = self.now() + PRINTS_WITHIN_MS;
        while self.is_printing() && self.now() < limit {
            self.run_until(self.now() + 1_000);
        }
    }

    fn is_printing(&self) -> bool {
        let spool = self.till.as_ref().and_then(|till| till.spool.as_ref());
        spool.is_some_and(|spool| spool.note().waiting > 0)
    }
}

/// Puts a question about a settlement into the acquirer's words.
pub(super) fn ask(ask: &settlement::Ask, bug: Bug) -> Ask {
    match ask {
        settlement::Ask::Totals {
            settle_no,
            batch,
            lines,
        } => {
            let sum = |kind| {
                let own = lines.iter().filter(|line| line.kind == kind);
                own.fold((0, 0), |(count, fen), line| {
                    (count + line.count, fen + line.minor)
                })
            };
            Ask::Totals {
                number: settle_no.to_string(),
                batch: batch.get(),
                sums: EntryKind::ALL.map(sum),
            }
        }
        settlement::Ask::Cards(question) => Ask::Card(ask_cards(question, bug)),
        settlement::Ask::Inquire { settle_no } => Ask::QueryTotals {
            number: settle_no.to_string(),
        },
        settlement::Ask::Details {
            settle_no,
            first,
            rows,
        } => Ask::Details {
            number: settle_no.to_string(),
            first: *first,
            rows: rows.iter().map(|row| row.number.to_string()).collect(),
        },
        settlement::Ask::DetailsEnd { settle_no, rows } => Ask::EndDetails {
            number: settle_no.to_string(),
            rows: *rows,
        },
        settlement::Ask::Page { settle_no, after } => Ask::Statement {
            number: settle_no.to_string(),
            after: *after,
        },
    }
}

fn ask_cards(question: &CardQuestion, bug: Bug) -> CardAsk {
    let number = question.settle_no.to_string();
    let (batch, trace) = (question.batch.get(), question.trace.get());
    match &question.what {
        CardWhat::Totals { charged, returned } => CardAsk::Totals {
            number,
            batch,
            trace,
            sums: [charged, returned].map(|sum| {
                // B36: only what was charged is told.
                let left_out = bug == Bug::B36 && std::ptr::eq(sum, returned);
                if left_out {
                    (0, 0)
                } else {
                    (sum.count, sum.fen)
                }
            }),
        },
        CardWhat::Rows(rows) => CardAsk::Rows {
            number,
            batch,
            trace,
            rows: rows.iter().map(card_row).collect(),
        },
        CardWhat::End => CardAsk::End {
            number,
            batch,
            trace,
        },
    }
}

/// Puts a record into the card host's words.
pub(super) const fn card_row(row: &settlement::CardRow) -> CardRow {
    let kind = match row.kind {
        CardRowKind::Sale => CardKind::Sale,
        CardRowKind::Completion => CardKind::Completion,
        CardRowKind::Void => CardKind::Void,
        CardRowKind::CompletionVoid => CardKind::CompletionVoid,
        CardRowKind::Refund => CardKind::Refund,
    };
    (kind, row.trace.get(), row.fen)
}

/// Returns what a word of the card host means, if it is one of these.
pub(super) fn card_word(word: &str) -> Option<CardHeard> {
    Some(match word {
        "cards-balanced" => CardHeard::Balanced,
        "cards-unbalanced" => CardHeard::Unbalanced,
        "cards-taken" => CardHeard::Taken,
        "cards-agree" => CardHeard::Agrees,
        "cards-differ" => CardHeard::Differs,
        "E-USED" => CardHeard::Used,
        _ => return None,
    })
}

/// Reads an answer about a settlement.
pub(super) fn claim(bytes: &[u8]) -> Result<SettlementClaim, String> {
    let fields = line::fields(bytes)?;
    let word = *fields.get("word").ok_or("no word")?;
    let text = fields.get("text").copied().unwrap_or_default();
    let says = match word {
        "balanced" | "differs" => Says::Totals {
            balanced: word == "balanced",
            lines: lines(text)?,
        },
        "taken" | "taken-all" => Says::Taken {
            rows: parsed(text)?,
            end: word == "taken-all",
        },
        "page" | "last-page" => Says::Page(page(text, word == "page")?),
        "not-found" => Says::NotFound,
        _ => match card_word(word) {
            // Like the real one, the host repeats what it was told; an answer without that is none.
            Some(heard) if heard != CardHeard::Used && text.is_empty() => {
                return Err("it does not repeat what it was told".to_owned());
            }
            Some(heard) => Says::Cards(heard),
            None => Says::Unknown,
        },
    };
    // No settlement answer gives an amount of its own, but one that is not a number is nonsense.
    fields
        .get("fen")
        .map(|text| parsed::<u64>(text))
        .transpose()?;
    Ok(SettlementClaim {
        merchant: named(&fields, "merchant", |text| MerchantNo::new(text).ok()),
        settle_no: named(&fields, "order", |text| OrderNo::new(text).ok()),
        says,
        host_code: word.chars().take(16).collect(),
    })
}

fn named<T>(
    fields: &BTreeMap<&str, &str>,
    key: &str,
    make: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    fields.get(key).and_then(|text| make(text))
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn lines(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (kind, sum) in EntryKind::ALL.into_iter().zip(text.split(',')) {
        let (count, minor) = sum.split_once(':').ok_or("a sum has two numbers")?;
        lines.push(Line {
            channel: Channel::Unknown,
            kind,
            count: parsed(count)?,
            minor: parsed(minor)?,
        });
    }
    Ok(lines)
}

fn page(text: &str, more: bool) -> Result<StatementPage, String> {
    let (after, rows) = text.split_once(';').ok_or("a page begins somewhere")?;
    let rows = rows.split(',').filter(|row| !row.is_empty());
    Ok(StatementPage {
        after: parsed(after)?,
        movements: rows.map(movement).collect::<Result<Vec<_>, _>>()?,
        more,
    })
}

fn movement(row: &str) -> Result<Movement, String> {
    let parts: Vec<&str> = row.split(':').collect();
    let [position, kind, order, refund, fen] = parts.as_slice() else {
        return Err("a movement has five parts".to_owned());
    };
    Ok(Movement {
        position: parsed(position)?,
        kind: match *kind {
            "sale" => MovementKind::Sale,
            "reversal" => MovementKind::Reversal,
            "refund" => MovementKind::Refund,
            _ => return Err("no such movement".to_owned()),
        },
        order_no: (*order).to_owned(),
        refund_no: (!refund.is_empty()).then(|| (*refund).to_owned()),
        amount: Money::from_fen(parsed(fen)?).map_err(|error| error.to_string())?,
        channel: None,
    })
}
