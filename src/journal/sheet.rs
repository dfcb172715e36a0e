//! Reading a closed settlement as its slips and its page show it, and the list of closed batches.
//!
//! Owns these questions only. The report, the differences and what was left open are read from sealed rows; of each
//! counted entry, the sealed intent must name the amount that the index has.

use rusqlite::{OptionalExtension, params};

use super::error::JournalError;
use super::ledger::ENTRY;
use super::settled::{SettlementRow, entry};
use super::store::{Store, stored_row};
use crate::domain::{BatchNo, Timestamp, TxnId};
use crate::payment::{Fact, FactKind, Intent, UndoIntent, UndoKind};
use crate::settlement::{
    Entry, EntryKind, Network, OpenLeft, SettlementFact, Sheet, SheetDifference, SheetItem,
    SheetOpen,
};

/// Characters of a masked card number that people compare.
const TAIL: usize = 4;

impl Store {
    /// Returns a closed settlement; none when there is no such one, or it has not ended.
    pub(super) fn sheet(&self, txn: TxnId) -> Result<Option<Sheet>, JournalError> {
        let Some(row) = self.settlement(txn)? else {
            return Ok(None);
        };
        let (Some(report), Some(closed_at)) = (row.report, row.closed_at) else {
            return Ok(None);
        };
        let Some((number, seal)) = self.closing_row(txn)? else {
            return Ok(None);
        };
        let batch = row.intent.batch;
        let mut differences = Vec::new();
        for difference in row.differences {
            let rows = self.rows_about(&difference.number, number)?;
            differences.push(SheetDifference { difference, rows });
        }
        let mut open = Vec::new();
        for left in &row.open {
            open.extend(self.left_open(left)?);
        }
        Ok(Some(Sheet {
            began_at: self.began(batch)?.unwrap_or(row.opened_at),
            intent: row.intent,
            frozen_at: row.opened_at,
            closed_at,
            report,
            differences,
            open,
            items: self.items(batch)?,
            row: number,
            seal,
        }))
    }

    /// Returns closed settlements, newest first, of batches before `before` (all when none).
    pub(super) fn closed_before(
        &self,
        before: Option<BatchNo>,
        limit: usize,
    ) -> Result<Vec<SettlementRow>, JournalError> {
        let before = before.map_or(u32::MAX, BatchNo::get);
        self.settlement_rows(
            "SELECT txn FROM settlement WHERE state = 'closed' AND batch < ?1 \
             ORDER BY batch DESC LIMIT ?2",
            params![before, limit],
        )
    }

    /// Returns the settlement of this number, once it is closed.
    pub(super) fn settlement_on_slip(&self, number: &str) -> Result<Option<TxnId>, JournalError> {
        let found = self
            .connection
            .prepare_cached("SELECT txn FROM settlement WHERE settle_no = ?1 AND state = 'closed'")
            .and_then(|mut select| {
                select
                    .query_row([number], |row| row.get::<_, String>(0))
                    .optional()
            })
            .map_err(|e| self.refused("looking a settlement up", e))?;
        found
            .map(|txn| TxnId::from_hex(&txn).map_err(|error| self.damaged(error.to_string())))
            .transpose()
    }

    /// Returns number and seal of the row that says how a settlement ended.
    fn closing_row(&self, txn: TxnId) -> Result<Option<(u64, String)>, JournalError> {
        let facts = self.facts_of(txn)?;
        let closed = |fact: &Fact| {
            matches!(
                &fact.kind,
                FactKind::Settlement {
                    fact: SettlementFact::Closed(_),
                    ..
                }
            )
        };
        let Some(place) = facts.iter().position(closed) else {
            return Ok(None);
        };
        self.connection
            .prepare_cached(
                "SELECT number, body, hash FROM fact WHERE txn = ?1 ORDER BY number LIMIT 1 OFFSET ?2",
            )
            .and_then(|mut select| {
                select
                    .query_row(params![txn.to_string(), place], |row| {
                        let (number, _, hash) = stored_row(row)?;
                        Ok((number, hash.to_string()))
                    })
                    .optional()
            })
            .map_err(|e| self.refused("reading how a settlement ended", e))
    }

    /// Returns when a batch was opened: the batch before was frozen then; the first one begins with the journal.
    fn began(&self, batch: BatchNo) -> Result<Option<Timestamp>, JournalError> {
        let before: Option<i64> = self
            .connection
            .prepare_cached("SELECT opened_ms FROM settlement WHERE batch = ?1 - 1")
            .and_then(|mut select| select.query_row([batch.get()], |row| row.get(0)).optional())
            .map_err(|e| self.refused("reading when a batch was opened", e))?;
        if let Some(ms) = before {
            return Ok(Some(Timestamp(ms)));
        }
        let first = self.facts(
            "SELECT number, body, hash, NULL FROM fact WHERE number = 1",
            params![],
        )?;
        Ok(first.first().map(|fact| fact.at))
    }

    /// Returns the rows up to `last` about an order or an undo: its own, and those of what went back of it.
    fn rows_about(&self, number: &str, last: u64) -> Result<Vec<u64>, JournalError> {
        self.connection
            .prepare_cached(
                "WITH about AS (SELECT txn FROM sale WHERE order_no = ?1 \
                 UNION SELECT u.txn FROM undo u JOIN sale s ON s.txn = u.sale \
                 WHERE s.order_no = ?1 \
                 UNION SELECT txn FROM undo WHERE undo_no = ?1) \
                 SELECT f.number FROM fact f JOIN about a ON f.txn = a.txn WHERE f.number <= ?2 \
                 ORDER BY f.number",
            )
            .and_then(|mut select| {
                select
                    .query_map(params![number, last], |row| row.get(0))?
                    .collect()
            })
            .map_err(|e| self.refused("reading the rows about a difference", e))
    }

    fn left_open(&self, left: &OpenLeft) -> Result<Option<SheetOpen>, JournalError> {
        let facts = self.facts_of(left.txn)?;
        Ok(facts.iter().find_map(|fact| {
            let sale = sale(fact).map(|sale| (sale.voucher, EntryKind::Sale, sale.channel));
            let (voucher, kind, channel) = sale
                .or_else(|| undo(fact).map(|undo| (undo.voucher, undo_kind(undo), undo.channel)))?;
            Some(SheetOpen {
                voucher,
                kind,
                channel,
                minor: left.minor,
            })
        }))
    }

    /// Returns what a settlement counted.
    fn items(&self, batch: BatchNo) -> Result<Vec<SheetItem>, JournalError> {
        let entries = self
            .connection
            .prepare_cached(&format!(
                "SELECT {ENTRY}, opened_by FROM ledger_entry \
                 WHERE settled = ?1 ORDER BY opened_by"
            ))
            .and_then(|mut select| {
                select
                    .query_map([batch.get()], entry)?
                    .collect::<rusqlite::Result<Vec<Entry>>>()
            })
            .map_err(|e| self.refused("reading what a settlement counted", e))?;
        let counted = entries.into_iter().filter(Entry::counts);
        counted.map(|entry| self.item(entry)).collect()
    }

    fn item(&self, entry: Entry) -> Result<SheetItem, JournalError> {
        let facts = self.facts_of(entry.txn)?;
        let undo = facts.iter().find_map(undo);
        let of = match undo {
            Some(undo) => self.facts_of(undo.of)?,
            None => Vec::new(),
        };
        let sale = facts.iter().chain(&of).find_map(sale);
        let amount = undo
            .map(|undo| undo.amount)
            .or(sale.map(|sale| sale.amount));
        if amount != Some(entry.amount) {
            let problem = format!("the index has another amount of {}", entry.number);
            return Err(self.damaged(problem));
        }
        let card = sale.and_then(|sale| sale.card.as_ref());
        Ok(SheetItem {
            tail: card.map_or_else(
                || sale.map_or_else(String::new, |sale| sale.code_tail.clone()),
                |card| last_of(&card.masked.to_string()),
            ),
            network: Network::of_application(card.and_then(|card| card.aid.as_deref())),
            entry,
        })
    }
}

fn sale(fact: &Fact) -> Option<&Intent> {
    if let FactKind::IntentRecorded(intent) = &fact.kind {
        Some(intent)
    } else {
        None
    }
}

fn undo(fact: &Fact) -> Option<&UndoIntent> {
    if let FactKind::UndoIntended(intent) = &fact.kind {
        Some(intent)
    } else {
        None
    }
}

const fn undo_kind(undo: &UndoIntent) -> EntryKind {
    match undo.kind {
        UndoKind::Void => EntryKind::Void,
        UndoKind::Refund => EntryKind::Refund,
    }
}

fn last_of(text: &str) -> String {
    let from = text.len().saturating_sub(TAIL);
    text.get(from..).unwrap_or_default().to_owned()
}
