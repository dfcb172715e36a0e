//! Reading for slips: what ended behind a row, and everything that a slip says of one transaction.
//!
//! Owns these questions only. Both read sealed rows, so a slip can say nothing that was not stored and checked.

use super::error::JournalError;
use super::store::Store;
use crate::domain::{OperatorNo, Timestamp, TxnId, VoucherNo};
use crate::evidence::UndoEvidence;
use crate::payment::{FactKind, Intent, PaidSale, UndoCause, UndoIntent, UndoKind, UndoOutcome};
use crate::settlement::{Report, SettlementFact, Sheet};

/// Rows that are looked at in one question.
const ROWS: u64 = 200;

/// What ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedWhat {
    /// A sale was paid.
    Sale,
    /// Money went back.
    Undo(UndoKind),
    /// A batch was closed.
    Settlement {
        /// Both sides differ somewhere, or something needs a word.
        differences: bool,
    },
}

/// Something that has a slip: a sale that was paid, money that went back because a person asked, a closed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedRow {
    /// Its own transaction.
    pub txn: TxnId,
    /// What it is.
    pub what: EndedWhat,
    /// Who stood at the till.
    pub operator: OperatorNo,
    /// When it ended.
    pub at: Timestamp,
}

/// Everything that a slip says, read from sealed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlipRow {
    /// A paid sale with its proof.
    Sale {
        /// The sale.
        paid: Box<PaidSale>,
        /// When the proof was stored.
        at: Timestamp,
    },
    /// Money that went back, with its proof.
    Undo {
        /// What was stored before it was sent.
        intent: Box<UndoIntent>,
        /// The proof.
        proof: UndoEvidence,
        /// When the proof was stored.
        at: Timestamp,
        /// Voucher number of the sale and when it was opened.
        of: Option<(VoucherNo, Timestamp)>,
    },
    /// A closed settlement.
    Settlement(Box<Sheet>),
}

impl Store {
    /// Returns what ended behind `row`, at most some hundred rows of it, and the last row that was looked at.
    pub(super) fn ended_after(&self, row: u64) -> Result<(u64, Vec<EndedRow>), JournalError> {
        let facts = self.facts(
            "SELECT f.number, f.body, f.hash, p.hash FROM fact f \
             LEFT JOIN fact p ON p.number = f.number - 1 \
             WHERE f.number > ?1 ORDER BY f.number LIMIT ?2",
            rusqlite::params![row, ROWS],
        )?;
        // Rows have no gaps: the chain would not fit.
        let last = row + facts.len() as u64;
        let mut ended = Vec::new();
        for fact in &facts {
            let (Some(txn), true) = (fact.txn(), fact.has_slip()) else {
                continue;
            };
            let of = self.facts_of(txn)?;
            let found = of.iter().find_map(|first| about(&first.kind));
            let what = report(&fact.kind).map(|report| EndedWhat::Settlement {
                differences: report.differences > 0,
            });
            if let Some((first, operator)) = found {
                ended.push(EndedRow {
                    txn,
                    what: what.unwrap_or(first),
                    operator,
                    at: fact.at,
                });
            }
        }
        Ok((last, ended))
    }

    /// Returns what the slip of a transaction says; none when nothing was proven of it.
    pub(super) fn slip_of(&self, txn: TxnId) -> Result<Option<SlipRow>, JournalError> {
        let facts = self.facts_of(txn)?;
        let Some(end) = facts.iter().find(|fact| fact.has_slip()) else {
            return Ok(None);
        };
        if report(&end.kind).is_some() {
            let sheet = self.sheet(txn)?;
            return Ok(sheet.map(|sheet| SlipRow::Settlement(Box::new(sheet))));
        }
        let Some(proof) = undone(&end.kind).cloned() else {
            let paid = self.paid_sale(txn)?;
            return Ok(paid.map(|paid| SlipRow::Sale {
                paid: Box::new(paid),
                at: end.at,
            }));
        };
        let Some(intent) = facts.iter().find_map(|fact| undo(&fact.kind)).cloned() else {
            return Ok(None);
        };
        let of = self.facts_of(intent.of)?.into_iter().find_map(|fact| {
            let at = fact.at;
            sale(&fact.kind).map(|sale| (sale.voucher, at))
        });
        Ok(Some(SlipRow::Undo {
            intent: Box::new(intent),
            proof,
            at: end.at,
            of,
        }))
    }
}

fn report(kind: &FactKind) -> Option<&Report> {
    if let FactKind::Settlement {
        fact: SettlementFact::Closed(report),
        ..
    } = kind
    {
        Some(report)
    } else {
        None
    }
}

fn undone(kind: &FactKind) -> Option<&UndoEvidence> {
    if let FactKind::UndoClosed {
        outcome: UndoOutcome::Done(proof),
        ..
    } = kind
    {
        Some(proof)
    } else {
        None
    }
}

fn undo(kind: &FactKind) -> Option<&UndoIntent> {
    if let FactKind::UndoIntended(intent) = kind {
        Some(intent)
    } else {
        None
    }
}

fn sale(kind: &FactKind) -> Option<&Intent> {
    if let FactKind::IntentRecorded(intent) = kind {
        Some(intent)
    } else {
        None
    }
}

/// What kind of transaction begins with this fact, and who stood at the till. Nobody waits for the slip of money that
/// goes back by itself.
fn about(kind: &FactKind) -> Option<(EndedWhat, OperatorNo)> {
    if let Some(intent) = undo(kind) {
        let asked = intent.cause == UndoCause::Asked;
        return asked.then(|| (EndedWhat::Undo(intent.kind), intent.operator.clone()));
    }
    if let FactKind::Settlement {
        fact: SettlementFact::Intended(intent),
        ..
    } = kind
    {
        let differences = false;
        return Some((
            EndedWhat::Settlement { differences },
            intent.operator.clone(),
        ));
    }
    sale(kind).map(|intent| (EndedWhat::Sale, intent.operator.clone()))
}
