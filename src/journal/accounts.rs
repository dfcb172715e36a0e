//! Reading for what lists or compares postings: daily files, fees, exports.
//!
//! Owns the way from sealed facts to postings. The tables only find a transaction; what is said of it is read from its
//! facts, each under its own seal. Never writes. [`Accounts`] reads what no terminal is running on, or a copy; a
//! running terminal asks its own journal's thread, some postings at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::error::JournalError;
use super::inspect;
use super::store::{Store, check_structure, open_problem, stored_row};
use crate::domain::{BatchNo, Money, OrderNo, Timestamp, TxnId};
use crate::evidence::{Digest, SealedRow};
use crate::payment::{
    CardBusiness, Fact, FactKind, Intent, Outcome, Purpose, UndoCause, UndoIntent, UndoKind,
    UndoOutcome,
};
use crate::settlement::{Entry, EntryKind, EntryState, Posting};

/// A journal that is only read.
pub struct Accounts {
    connection: Connection,
    path: PathBuf,
}

/// From this moment (milliseconds, UTC) until before that one.
pub type Span = (Timestamp, Timestamp);

/// A sale is found by the moment of its intent.
const SALES: &str = "SELECT s.txn, s.opened_by, s.amount AS left FROM sale s \
     WHERE s.purpose <> 'hold' AND s.opened_ms >= ?1 AND s.opened_ms < ?2";
/// Of an undo, what was left before it is the sale's amount less what had gone back by then.
const UNDOS: &str = "SELECT u.txn, u.opened_by, s.amount - (SELECT coalesce(sum(p.amount), 0) FROM undo p \
     WHERE p.sale = u.sale AND p.state = 'done' AND p.opened_by < u.opened_by) AS left \
     FROM undo u JOIN sale s ON s.txn = u.sale WHERE s.purpose <> 'hold'";

impl Accounts {
    /// Opens a journal for reading and checks the structure of its file.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read, is damaged, or a terminal is running on it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = inspect::open(path)?;
        check_structure(&connection, path)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Returns the moments of the first and the last intent; none in a journal without any.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    pub fn span(&self) -> Result<Option<Span>, JournalError> {
        let sql = "SELECT min(opened_ms), max(opened_ms) FROM \
                   (SELECT opened_ms FROM sale UNION ALL SELECT opened_ms FROM undo)";
        let found: (Option<i64>, Option<i64>) = self
            .connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|e| self.failed(e))?;
        Ok(match found {
            (Some(first), Some(last)) => Some((Timestamp(first), Timestamp(last))),
            (_, None) | (None, _) => None,
        })
    }

    /// Returns the newest order number: it begins with the terminal's number.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    pub fn newest_order(&self) -> Result<Option<OrderNo>, JournalError> {
        let sql = "SELECT order_no FROM sale ORDER BY opened_by DESC LIMIT 1";
        let found: Option<String> = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .optional()
            .map_err(|e| self.failed(e))?;
        Ok(found.and_then(|text| OrderNo::new(&text).ok()))
    }

    /// Counts what [`Self::each`] visits.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    pub fn count(&self, (from, to): Span) -> Result<u64, JournalError> {
        let sql = format!(
            "SELECT count(*) FROM ({SALES} UNION ALL {UNDOS} \
             AND u.opened_ms >= ?1 AND u.opened_ms < ?2)"
        );
        self.connection
            .query_row(&sql, [from.0, to.0], |row| row.get(0))
            .map_err(|e| self.failed(e))
    }

    /// Visits everything that was opened in the span, in the order of the journal.
    ///
    /// # Errors
    /// [`JournalError`] when a fact is altered or cannot be read; else what `visit` returns.
    pub fn each<E: From<JournalError>>(
        &self,
        (from, to): Span,
        mut visit: impl FnMut(Posting) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "{SALES} UNION ALL {UNDOS} AND u.opened_ms >= ?1 AND u.opened_ms < ?2 ORDER BY 2"
        );
        let failed = |e| E::from(self.failed(e));
        let mut select = self.connection.prepare_cached(&sql).map_err(failed)?;
        let mut rows = select.query([from.0, to.0]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let txn: String = row.get(0).map_err(failed)?;
            let left: u64 = row.get(2).map_err(failed)?;
            if let Some(posting) = self.posting(&txn, left)? {
                visit(posting)?;
            }
        }
        Ok(())
    }

    /// Returns every sale that was opened in the span, or of which something went back in it, or that one of these
    /// numbers names, each with all that went back of it. `progress` hears how many sales of how many are read.
    ///
    /// # Errors
    /// [`JournalError`] when a fact is altered or cannot be read.
    pub fn families(
        &self,
        (from, to): Span,
        numbers: &[&str],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Posting>, JournalError> {
        let mut sales = BTreeSet::new();
        let failed = |e| self.failed(e);
        let mut find = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
            let mut select = self.connection.prepare_cached(sql)?;
            for txn in select.query_map(values, |row| row.get::<_, String>(0))? {
                sales.insert(txn?);
            }
            Ok(())
        };
        find(
            "SELECT txn FROM sale WHERE purpose <> 'hold' AND opened_ms >= ?1 AND opened_ms < ?2",
            params![from.0, to.0],
        )
        .map_err(failed)?;
        find(
            "SELECT u.sale FROM undo u JOIN sale s ON s.txn = u.sale \
             WHERE s.purpose <> 'hold' AND u.opened_ms >= ?1 AND u.opened_ms < ?2",
            params![from.0, to.0],
        )
        .map_err(failed)?;
        for number in numbers {
            find(
                "SELECT txn FROM sale WHERE order_no = ?1 AND purpose <> 'hold' \
                 UNION SELECT u.sale FROM undo u JOIN sale s ON s.txn = u.sale \
                 WHERE u.undo_no = ?1 AND s.purpose <> 'hold'",
                params![number],
            )
            .map_err(failed)?;
        }
        let mut postings = Vec::new();
        let all = sales.len() as u64;
        for (done, sale) in (1..).zip(&sales) {
            postings.extend(self.family(sale)?);
            progress(done, all);
        }
        postings.sort_by_key(|posting| posting.facts);
        Ok(postings)
    }

    fn family(&self, sale: &str) -> Result<Vec<Posting>, JournalError> {
        let sql = format!(
            "SELECT txn, opened_by, amount FROM sale WHERE txn = ?1 \
             UNION ALL {UNDOS} AND u.sale = ?1 ORDER BY 2"
        );
        let found = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| {
                select
                    .query_map([sale], |row| Ok((row.get::<_, String>(0)?, row.get(2)?)))?
                    .collect::<rusqlite::Result<Vec<(String, u64)>>>()
            })
            .map_err(|e| self.failed(e))?;
        let mut postings = Vec::new();
        for (txn, left) in found {
            postings.extend(self.posting(&txn, left)?);
        }
        Ok(postings)
    }

    fn posting(&self, txn: &str, left: u64) -> Result<Option<Posting>, JournalError> {
        posting(&self.connection, &self.path, txn, left)
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        open_problem(&self.path, source)
    }
}

impl Store {
    /// Returns what a settlement closed, counted or ended without money, in the order of the journal.
    pub(super) fn settled_in(&self, batch: BatchNo) -> Result<Vec<TxnId>, JournalError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT txn, opened_by FROM ledger_entry WHERE settled = ?1 ORDER BY opened_by",
            )
            .and_then(|mut select| {
                select
                    .query_map([batch.get()], |row| row.get::<_, String>(0))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(|e| self.refused("reading what a settlement closed", e))?;
        let txn =
            |text: String| TxnId::from_hex(&text).map_err(|error| self.damaged(error.to_string()));
        found.into_iter().map(txn).collect()
    }

    /// Returns these sales, voids and refunds, each read back from its sealed facts. Holds are left out.
    pub(super) fn postings(&self, txns: &[TxnId]) -> Result<Vec<Posting>, JournalError> {
        let sql = format!(
            "SELECT left FROM (SELECT amount AS left FROM sale WHERE txn = ?1 AND purpose <> 'hold' \
             UNION ALL SELECT left FROM ({UNDOS} AND u.txn = ?1))"
        );
        let mut postings = Vec::new();
        for txn in txns {
            let txn = txn.to_string();
            let left: Option<u64> = self
                .connection
                .prepare_cached(&sql)
                .and_then(|mut select| select.query_row([&txn], |row| row.get(0)).optional())
                .map_err(|e| self.refused("reading a posting", e))?;
            if let Some(left) = left {
                postings.extend(posting(&self.connection, &self.path, &txn, left)?);
            }
        }
        Ok(postings)
    }
}

/// Reads one transaction back from its sealed facts.
fn posting(
    connection: &Connection,
    path: &Path,
    txn: &str,
    left: u64,
) -> Result<Option<Posting>, JournalError> {
    let failed = |e| open_problem(path, e);
    let mut select = connection
        .prepare_cached(
            "SELECT f.number, f.body, f.hash, p.hash FROM fact f \
             LEFT JOIN fact p ON p.number = f.number - 1 WHERE f.txn = ?1 ORDER BY f.number",
        )
        .map_err(failed)?;
    let mut rows = select.query([txn]).map_err(failed)?;
    let mut found: Option<Posting> = None;
    while let Some(row) = rows.next().map_err(failed)? {
        let (number, body, hash) = stored_row(row).map_err(failed)?;
        let previous: Option<[u8; 32]> = row.get(3).map_err(failed)?;
        let previous = previous.map_or(Digest::ZERO, Digest::from_bytes);
        let sealed = SealedRow::open(&previous, number, body, &hash).map_err(|source| {
            let path = path.to_owned();
            JournalError::Chain { path, source }
        })?;
        let fact = Fact::decode(&sealed).map_err(|source| {
            let path = path.to_owned();
            JournalError::Unreadable { path, source }
        })?;
        let left = Money::from_fen(left).map_err(|error| JournalError::Damaged {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        fold(&mut found, &fact, number, left);
    }
    Ok(found)
}

/// Takes one fact of a transaction.
fn fold(found: &mut Option<Posting>, fact: &Fact, number: u64, left: Money) {
    match (&fact.kind, &mut *found) {
        (FactKind::IntentRecorded(intent), _) => {
            *found = (!intent.purpose.is_hold()).then(|| sale(intent, fact.at, number));
        }
        (FactKind::UndoIntended(intent), _) => *found = Some(undo(intent, fact.at, number, left)),
        (FactKind::Closed { outcome, .. }, Some(posting)) => {
            posting.closed_at = Some(fact.at);
            posting.outcome = outcome.key();
            posting.entry.state = EntryState::Nothing;
            if let Outcome::Paid(evidence) = outcome {
                let details = evidence.details();
                posting.entry.state = EntryState::Stands;
                posting.entry.channel = details.channel.unwrap_or(posting.entry.channel);
                posting.entry.funding = details.funding;
                posting.trade_no = details.trade_no.as_ref().map(ToString::to_string);
            }
        }
        (FactKind::UndoClosed { outcome, .. }, Some(posting)) => {
            posting.closed_at = Some(fact.at);
            posting.outcome = outcome.key();
            posting.entry.state = EntryState::Nothing;
            if let UndoOutcome::Done(evidence) = outcome {
                posting.entry.state = EntryState::Stands;
                posting.trade_no = evidence.trade_no().map(ToString::to_string);
            }
        }
        (
            FactKind::Started { .. }
            | FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::RevokeIntended { .. }
            | FactKind::RevokeProvisional { .. }
            | FactKind::CodeShown { .. }
            | FactKind::SuccessAfterRevoke { .. }
            | FactKind::StopRequested { .. }
            | FactKind::Rechecked { .. }
            | FactKind::AttentionRaised { .. }
            | FactKind::Closed { .. }
            | FactKind::UndoClosed { .. }
            | FactKind::Settlement { .. }
            | FactKind::Rebuilt(_)
            | FactKind::BalanceAsked(_)
            | FactKind::Proven { .. },
            _,
        ) => {}
    }
    if let Some(posting) = found {
        posting.facts.1 = number;
    }
}

fn sale(intent: &Intent, at: Timestamp, number: u64) -> Posting {
    Posting {
        entry: Entry {
            txn: intent.txn,
            number: intent.order_no.clone(),
            order_no: intent.order_no.clone(),
            kind: EntryKind::Sale,
            late: false,
            completion: matches!(intent.purpose, Purpose::Completion { .. }),
            funding: None,
            channel: intent.channel,
            amount: intent.amount,
            state: EntryState::Open,
            voucher: intent.voucher,
            batch: intent.batch,
        },
        opened_at: at,
        closed_at: None,
        left: intent.amount,
        facts: (number, number),
        trade_no: None,
        way: intent.entry.key(),
        outcome: "open",
        operator: intent.operator.clone(),
        approver: None,
    }
}

fn undo(intent: &UndoIntent, at: Timestamp, number: u64, left: Money) -> Posting {
    Posting {
        entry: Entry {
            txn: intent.txn,
            number: intent.undo_no.clone(),
            order_no: intent.of_order.clone(),
            kind: match intent.kind {
                UndoKind::Void => EntryKind::Void,
                UndoKind::Refund => EntryKind::Refund,
            },
            late: intent.cause == UndoCause::LateSuccess,
            completion: intent
                .of_card
                .as_ref()
                .is_some_and(|card| card.business == CardBusiness::Completion),
            funding: None,
            channel: intent.channel,
            amount: intent.amount,
            state: EntryState::Open,
            voucher: intent.voucher,
            batch: intent.batch,
        },
        opened_at: at,
        closed_at: None,
        left,
        facts: (number, number),
        trade_no: None,
        way: intent.of_entry.key(),
        outcome: "open",
        operator: intent.operator.clone(),
        approver: intent.approver.clone(),
    }
}
