//! Reading: the last sales, one sale, the facts of open sales, the counters. Sums are `ledger`'s.

use rusqlite::{Connection, Row, params};

use super::error::JournalError;
use super::store::{Store, stored_row};
use crate::domain::{
    BatchNo, Channel, Currency, Money, OperatorNo, OrderNo, Timestamp, TxnId, VoucherNo,
};
use crate::evidence::{Digest, SealedRow};
use crate::limits;
use crate::payment::{CardBusiness, Fact, Presentment};

/// State of a sale in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleState {
    /// The result is not known.
    Open,
    /// Being ended.
    Revoking,
    /// Paid.
    Paid,
    /// Refused: nothing was charged.
    Declined,
    /// The charge never left.
    NotSent,
    /// Ended; the customer keeps or got back the money.
    Revoked,
}

impl SaleState {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Open, "open"),
        (Self::Revoking, "revoking"),
        (Self::Paid, "paid"),
        (Self::Declined, "declined"),
        (Self::NotSent, "not_sent"),
        (Self::Revoked, "revoked"),
    ];

    /// Returns the stored word.
    pub fn key(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("open", |(_, key)| key)
    }

    fn from_key(key: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, word)| *word == key)
            .map(|(state, _)| *state)
    }
}

/// One sale as the lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleRow {
    /// The transaction.
    pub txn: TxnId,
    /// Order number.
    pub order_no: OrderNo,
    /// Number for people.
    pub voucher: VoucherNo,
    /// Price.
    pub amount: Money,
    /// Wallet.
    pub channel: Channel,
    /// State.
    pub state: SaleState,
    /// A person must look at it.
    pub attention: bool,
    /// When the intent was stored.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// The acquirer's number.
    pub trade_no: Option<String>,
    /// The acquirer's refusal code.
    pub host_code: Option<String>,
    /// How the order was opened.
    pub entry: Presentment,
    /// The batch it belongs to.
    pub batch: BatchNo,
    /// What went back for sure.
    pub returned: Money,
    /// An undo of it is open.
    pub returning: bool,
    /// What the order is for.
    pub business: CardBusiness,
    /// Who stood at the till.
    pub operator: OperatorNo,
    /// It is a hold, and a completion of it stands or is under way.
    pub completed: bool,
}

/// Count and sum of paid sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub count: u64,
    /// Sum in minor units.
    pub minor: u64,
}

/// What the next numbers are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Last epoch used.
    pub epoch: u16,
    /// Next order sequence.
    pub next_sequence: u64,
    /// Next voucher number.
    pub next_voucher: u32,
    /// The open batch.
    pub batch: BatchNo,
}

const COLUMNS: &str = "txn, order_no, voucher, amount, currency, channel, state, attention, \
                       opened_ms, closed_ms, trade_no, host_code, entry, batch, \
                       (SELECT coalesce(sum(u.amount), 0) FROM undo u \
                        WHERE u.sale = sale.txn AND u.state = 'done'), \
                       (SELECT count(*) FROM undo u WHERE u.sale = sale.txn AND u.state = 'open'), \
                       purpose, operator";
/// An undo gives money back, not a hold.
pub(super) const OF_NO_HOLD: &str =
    "NOT EXISTS (SELECT 1 FROM sale h WHERE h.txn = undo.sale AND h.purpose = 'hold')";
/// A completion `c` of a hold counts: it was not voided.
pub(super) const COMPLETION_STANDS: &str = "(c.state IN ('open','revoking') OR c.state = 'paid' \
     AND NOT EXISTS (SELECT 1 FROM undo v WHERE v.sale = c.txn AND v.kind = 'void' AND v.state = 'done'))";

impl Store {
    pub(super) fn recent(&self, limit: usize) -> Result<Vec<SaleRow>, JournalError> {
        self.sales("ORDER BY opened_by DESC LIMIT ?1", params![limit])
    }

    /// Returns the sales that `rest` of the statement chooses and orders.
    pub(super) fn sales(
        &self,
        rest: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<SaleRow>, JournalError> {
        let sql = format!(
            "SELECT {COLUMNS}, purpose = 'hold' AND EXISTS (SELECT 1 FROM sale c \
             WHERE c.hold = sale.txn AND {COMPLETION_STANDS}) FROM sale {rest}"
        );
        let read = |connection: &Connection| -> rusqlite::Result<Vec<SaleRow>> {
            connection
                .prepare_cached(&sql)?
                .query_map(values, sale_row)?
                .collect()
        };
        read(&self.connection).map_err(|e| self.refused("reading sales", e))
    }

    pub(super) fn sale(&self, order_no: &str) -> Result<Option<SaleRow>, JournalError> {
        let found = self.sales("WHERE order_no = ?1", params![order_no])?;
        Ok(found.into_iter().next())
    }

    pub(super) fn counters(&self) -> Result<Counters, JournalError> {
        let value = |name: &str| -> Result<u64, JournalError> {
            self.connection
                .query_row("SELECT value FROM counter WHERE name = ?1", [name], |row| {
                    row.get(0)
                })
                .map_err(|e| self.refused("reading a counter", e))
        };
        let voucher = u32::try_from(value("voucher")?).unwrap_or(0);
        let batch = u32::try_from(value("batch")?).unwrap_or(0);
        let damaged = |problem: String| JournalError::Damaged {
            path: self.path.clone(),
            problem,
        };
        Ok(Counters {
            epoch: u16::try_from(value("epoch")?).map_err(|e| damaged(e.to_string()))?,
            next_sequence: value("sequence")? + 1,
            next_voucher: self.next_voucher(voucher, batch)?,
            batch: BatchNo::new(batch).map_err(|e| damaged(e.to_string()))?,
        })
    }

    /// Returns the number after the last one, above every number when they are used up; 1 in a batch that was opened
    /// near the end and has nothing yet.
    fn next_voucher(&self, last: u32, batch: u32) -> Result<u32, JournalError> {
        if last + 1 < limits::VOUCHER_RESTART {
            return Ok(last + 1);
        }
        let used: bool = self
            .connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM sale WHERE batch = ?1) \
                 OR EXISTS (SELECT 1 FROM undo WHERE batch = ?1)",
                [batch],
                |row| row.get(0),
            )
            .map_err(|e| self.refused("reading a counter", e))?;
        let fresh = batch > 1 && !used;
        Ok(if fresh { 1 } else { last + 1 })
    }

    /// Returns the facts of every open sale, in order. Their seals were checked when the journal was opened.
    pub(super) fn open_facts(&self) -> Result<Vec<Fact>, JournalError> {
        self.facts(
            // Crossed, so that the few open items lead: the planner would rather scan every fact in order.
            "SELECT f.number, f.body, f.hash, p.hash FROM outbox o \
             CROSS JOIN fact f INDEXED BY fact_txn LEFT JOIN fact p ON p.number = f.number - 1 \
             WHERE f.txn = o.txn ORDER BY f.number",
            params![],
        )
    }

    /// Returns the facts of one sale, in order, each from a row whose seal is checked again.
    pub(super) fn facts_of(&self, txn: TxnId) -> Result<Vec<Fact>, JournalError> {
        self.facts(
            "SELECT f.number, f.body, f.hash, p.hash FROM fact f \
             LEFT JOIN fact p ON p.number = f.number - 1 WHERE f.txn = ?1 ORDER BY f.number",
            params![txn.to_string()],
        )
    }

    pub(super) fn facts(
        &self,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<Fact>, JournalError> {
        let fail = |source| self.refused("reading the facts of sales", source);
        let mut statement = self.connection.prepare(sql).map_err(fail)?;
        let mut rows = statement.query(values).map_err(fail)?;
        let mut facts = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            let (number, body, hash) = stored_row(row).map_err(fail)?;
            let previous: Option<[u8; 32]> = row.get(3).map_err(fail)?;
            let previous = previous.map_or(Digest::ZERO, Digest::from_bytes);
            let sealed = SealedRow::open(&previous, number, body, &hash).map_err(|source| {
                JournalError::Chain {
                    path: self.path.clone(),
                    source,
                }
            })?;
            facts.push(
                Fact::decode(&sealed).map_err(|source| JournalError::Unreadable {
                    path: self.path.clone(),
                    source,
                })?,
            );
        }
        Ok(facts)
    }
}

fn sale_row(row: &Row<'_>) -> rusqlite::Result<SaleRow> {
    let wrong = |index, what: &str| {
        let problem = format!("{what} is out of range");
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Text,
            problem.into(),
        )
    };
    let text = |index| row.get::<_, String>(index);
    let currency = Currency::from_numeric(row.get(4)?).ok_or_else(|| wrong(4, "currency"))?;
    Ok(SaleRow {
        txn: TxnId::from_hex(&text(0)?).map_err(|_| wrong(0, "txn"))?,
        order_no: OrderNo::new(&text(1)?).map_err(|_| wrong(1, "order_no"))?,
        voucher: VoucherNo::new(row.get(2)?).map_err(|_| wrong(2, "voucher"))?,
        amount: Money::from_minor(row.get(3)?, currency).map_err(|_| wrong(3, "amount"))?,
        channel: Channel::from_key(&text(5)?).unwrap_or(Channel::Unknown),
        state: SaleState::from_key(&text(6)?).ok_or_else(|| wrong(6, "state"))?,
        attention: row.get(7)?,
        opened_at: Timestamp(row.get(8)?),
        closed_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        trade_no: row.get(10)?,
        host_code: row.get(11)?,
        entry: Presentment::from_key(&text(12)?).ok_or_else(|| wrong(12, "entry"))?,
        batch: BatchNo::new(row.get(13)?).map_err(|_| wrong(13, "batch"))?,
        returned: Money::from_minor(row.get(14)?, currency).map_err(|_| wrong(14, "returned"))?,
        returning: row.get::<_, u64>(15)? > 0,
        business: CardBusiness::from_key(&text(16)?).ok_or_else(|| wrong(16, "purpose"))?,
        operator: OperatorNo::new(&text(17)?).map_err(|_| wrong(17, "operator"))?,
        completed: row.get(18)?,
    })
}
