//! Settlements in the journal: what a batch consists of, what became of each settlement, and its rows.
//!
//! Owns the statements about settlements, written and read. The rules that every entry is counted once and that the
//! batch advances once are the database's own (migrations/0003).

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::JournalError;
use super::ledger::ENTRY;
use super::query::{COMPLETION_STANDS, OF_NO_HOLD};
use super::store::Store;
use crate::domain::{BatchNo, Channel, Funding, Money, OrderNo, Timestamp, TxnId, VoucherNo};
use crate::payment::{FactKind, Unsettled};
use crate::settlement::{
    Batch, Difference, Entry, EntryKind, EntryState, OpenLeft, Report, SettlementFact,
    SettlementIntent,
};

/// One settlement as its page and its slip show it, read from sealed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRow {
    /// What was stored first.
    pub intent: SettlementIntent,
    /// When the batch was frozen.
    pub opened_at: Timestamp,
    /// When it ended; none while it is under way.
    pub closed_at: Option<Timestamp>,
    /// The report, once it ended.
    pub report: Option<Report>,
    /// Differences, unexplained first.
    pub differences: Vec<Difference>,
    /// What was left open.
    pub open: Vec<OpenLeft>,
}

/// Brings the tables up to date with a fact of a settlement.
pub(super) fn project(
    unit: &Connection,
    txn: TxnId,
    fact: &SettlementFact,
    (at_ms, number): (i64, u64),
) -> rusqlite::Result<()> {
    let txn = txn.to_string();
    match fact {
        SettlementFact::Intended(intent) => open(unit, &txn, intent, (at_ms, number)),
        SettlementFact::LeftOpen(left) => leave(unit, &txn, &left.txn.to_string()),
        SettlementFact::Closed(report) => close(unit, &txn, report, at_ms),
        // Its trace is of the same counter as the vouchers.
        SettlementFact::CardsAsked(message) => {
            super::project::count(unit, "voucher", u64::from(message.trace.get()))
        }
        SettlementFact::Frozen { .. }
        | SettlementFact::CardsHeard { .. }
        | SettlementFact::TotalsHeard { .. }
        | SettlementFact::DetailsTaken { .. }
        | SettlementFact::DifferenceFound(_) => Ok(()),
    }
}

fn open(
    unit: &Connection,
    txn: &str,
    intent: &SettlementIntent,
    (at_ms, number): (i64, u64),
) -> rusqlite::Result<()> {
    unit.prepare_cached(
        "INSERT INTO settlement (batch, txn, settle_no, cause, operator, approver, state, \
         opened_ms, read_after, told_upto, opened_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        intent.batch.get(),
        txn,
        intent.settle_no.as_str(),
        intent.cause.key(),
        intent.operator.as_str(),
        intent.approver.as_ref().map(|number| number.as_str()),
        at_ms,
        intent.read_after,
        intent.told_upto,
        number,
    ])?;
    unit.prepare_cached(
        "INSERT INTO outbox (txn, kind, ref_no, since) VALUES (?1, 'settle', ?2, ?3)",
    )?
    .execute(params![txn, intent.settle_no.as_str(), number])?;
    super::project::count(unit, "sequence", intent.sequence)?;
    super::project::count(unit, "batch", u64::from(intent.batch.get()) + 1)
}

fn leave(unit: &Connection, txn: &str, entry: &str) -> rusqlite::Result<()> {
    for table in ["sale", "undo"] {
        let sql = format!(
            "UPDATE {table} SET left_by = (SELECT batch FROM settlement WHERE txn = ?1) \
             WHERE txn = ?2"
        );
        unit.prepare_cached(&sql)?.execute([txn, entry])?;
    }
    Ok(())
}

fn close(unit: &Connection, txn: &str, report: &Report, at_ms: i64) -> rusqlite::Result<()> {
    // Holds are no income: neither they nor what gives them back belong to a settlement.
    let counted = [("sale", "purpose <> 'hold'"), ("undo", OF_NO_HOLD)];
    for (table, counted) in counted {
        let sql = format!(
            "UPDATE {table} SET settled = (SELECT batch FROM settlement WHERE txn = ?1) \
             WHERE settled IS NULL AND batch <= (SELECT batch FROM settlement WHERE txn = ?1) \
             AND coalesce(left_by, 0) <> (SELECT batch FROM settlement WHERE txn = ?1) \
             AND {counted}"
        );
        unit.prepare_cached(&sql)?.execute([txn])?;
    }
    let changed = unit
        .prepare_cached(
            "UPDATE settlement SET state = 'closed', closed_ms = ?2, balanced = ?3, \
             read_after = ?4, told_upto = ?5 WHERE txn = ?1",
        )?
        .execute(params![
            txn,
            at_ms,
            report.is_balanced(),
            report.read_after,
            report.told_upto
        ])?;
    if changed != 1 {
        return Err(rusqlite::Error::StatementChangedRows(changed));
    }
    unit.prepare_cached("DELETE FROM outbox WHERE txn = ?1")?
        .execute([txn])
        .map(drop)
}

impl Store {
    /// Returns what a settlement now would be about.
    pub(super) fn unsettled(&self) -> Result<Unsettled, JournalError> {
        let fail = |e| self.refused("reading what is not settled", e);
        let (entries, since_ms) = self
            .connection
            .query_row(
                &format!(
                    "SELECT count(*), min(CASE WHEN left_by IS NULL THEN opened_ms END) FROM \
                 (SELECT opened_ms, left_by FROM sale WHERE settled IS NULL AND purpose <> 'hold' \
                  UNION ALL SELECT opened_ms, left_by FROM undo \
                  WHERE settled IS NULL AND {OF_NO_HOLD})"
                ),
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .map_err(fail)?;
        let marks = self
            .connection
            .query_row(
                "SELECT read_after, told_upto FROM settlement WHERE state = 'closed' \
                 ORDER BY batch DESC LIMIT 1",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(fail)?;
        let (read_after, told_upto) = marks.unwrap_or((0, 0));
        Ok(Unsettled {
            entries,
            since_ms,
            read_after,
            told_upto,
        })
    }

    /// Counts the pre-authorisations opened from `from_ms` on that hold money still: not charged, not given back.
    pub(super) fn holds_since(&self, from_ms: i64) -> Result<u64, JournalError> {
        let sql = format!(
            "SELECT count(*) FROM sale s WHERE s.purpose = 'hold' AND s.state = 'paid' \
             AND s.opened_ms >= ?1 \
             AND NOT EXISTS (SELECT 1 FROM sale c WHERE c.hold = s.txn AND {COMPLETION_STANDS}) \
             AND NOT EXISTS (SELECT 1 FROM undo u WHERE u.sale = s.txn AND u.state = 'done')"
        );
        self.connection
            .query_row(&sql, [from_ms], |row| row.get(0))
            .map_err(|e| self.refused("counting what is held", e))
    }

    /// Returns every entry up to this batch that no settlement has counted, and the batches of these numbers.
    pub(super) fn batch(&self, batch: BatchNo, numbers: &[String]) -> Result<Batch, JournalError> {
        let read = || -> rusqlite::Result<Batch> {
            let entries = self
                .connection
                .prepare_cached(&format!(
                    "SELECT {ENTRY}, opened_by FROM ledger_entry \
                     WHERE settled IS NULL AND batch <= ?1 ORDER BY opened_by"
                ))?
                .query_map([batch.get()], entry)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let mut find = self.connection.prepare_cached(
                "SELECT batch FROM sale WHERE order_no = ?1 \
                 UNION ALL SELECT batch FROM undo WHERE undo_no = ?1 LIMIT 1",
            )?;
            let mut others = std::collections::BTreeMap::new();
            for number in numbers {
                let found: Option<u32> = find.query_row([number], |row| row.get(0)).optional()?;
                others.insert(number.clone(), found.and_then(|b| BatchNo::new(b).ok()));
            }
            Ok(Batch { entries, others })
        };
        read().map_err(|e| self.refused("reading a batch", e))
    }

    /// Returns the last settlements, newest first.
    pub(super) fn settlements(&self, limit: usize) -> Result<Vec<SettlementRow>, JournalError> {
        self.settlement_rows(
            "SELECT txn FROM settlement ORDER BY batch DESC LIMIT ?1",
            [limit],
        )
    }

    /// Returns the settlements that a statement names by their transactions.
    pub(super) fn settlement_rows(
        &self,
        select: &str,
        about: impl rusqlite::Params,
    ) -> Result<Vec<SettlementRow>, JournalError> {
        let txns = self
            .connection
            .prepare_cached(select)
            .and_then(|mut select| {
                select
                    .query_map(about, |row| row.get::<_, String>(0))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(|e| self.refused("reading settlements", e))?;
        let mut rows = Vec::new();
        for txn in txns {
            let txn = TxnId::from_hex(&txn).map_err(|error| self.damaged(error.to_string()))?;
            rows.extend(self.settlement(txn)?);
        }
        Ok(rows)
    }

    pub(super) fn settlement(&self, txn: TxnId) -> Result<Option<SettlementRow>, JournalError> {
        let mut found: Option<SettlementRow> = None;
        for fact in self.facts_of(txn)? {
            let FactKind::Settlement { fact: kind, .. } = fact.kind else {
                continue;
            };
            match (kind, &mut found) {
                (SettlementFact::Intended(intent), _) => {
                    found = Some(SettlementRow {
                        intent,
                        opened_at: fact.at,
                        closed_at: None,
                        report: None,
                        differences: Vec::new(),
                        open: Vec::new(),
                    });
                }
                (SettlementFact::DifferenceFound(difference), Some(row)) => {
                    row.differences.push(difference);
                }
                (SettlementFact::LeftOpen(left), Some(row)) => row.open.push(left),
                (SettlementFact::Closed(report), Some(row)) => {
                    row.report = Some(*report);
                    row.closed_at = Some(fact.at);
                }
                (_, None)
                | (
                    SettlementFact::Frozen { .. }
                    | SettlementFact::CardsAsked(_)
                    | SettlementFact::CardsHeard { .. }
                    | SettlementFact::TotalsHeard { .. }
                    | SettlementFact::DetailsTaken { .. },
                    Some(_),
                ) => {}
            }
        }
        Ok(found)
    }
}

/// Reads an entry, in the order of [`ENTRY`].
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let wrong = |index: usize| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(index, kind, "out of range".into())
    };
    let text = |index: usize| row.get::<_, String>(index);
    Ok(Entry {
        txn: TxnId::from_hex(&text(0)?).map_err(|_| wrong(0))?,
        number: OrderNo::new(&text(1)?).map_err(|_| wrong(1))?,
        order_no: OrderNo::new(&text(2)?).map_err(|_| wrong(2))?,
        kind: EntryKind::from_key(&text(3)?).ok_or_else(|| wrong(3))?,
        late: row.get(4)?,
        completion: row.get(10)?,
        funding: row
            .get::<_, Option<String>>(11)?
            .as_deref()
            .and_then(Funding::from_key),
        channel: Channel::from_key(&text(5)?).unwrap_or(Channel::Unknown),
        amount: Money::from_fen(row.get(6)?).map_err(|_| wrong(6))?,
        state: match text(7)?.as_str() {
            "open" | "revoking" => EntryState::Open,
            "paid" | "done" => EntryState::Stands,
            "declined" | "not_sent" | "revoked" | "refused" => EntryState::Nothing,
            _ => return Err(wrong(7)),
        },
        voucher: VoucherNo::new(row.get(8)?).map_err(|_| wrong(8))?,
        batch: BatchNo::new(row.get(9)?).map_err(|_| wrong(9))?,
    })
}
