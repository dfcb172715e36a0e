//! Reading for what follows a sale: a paid sale with all that went back of it, and an ended sale for a late notice.
//!
//! Owns these questions only. Statements that prove something are read back from sealed rows; the tables beside the
//! facts only find them.

use rusqlite::{OptionalExtension, params};

use super::error::JournalError;
use super::query::{COMPLETION_STANDS, OF_NO_HOLD, SaleRow};
use super::store::Store;
use crate::domain::{Channel, Money, OrderNo, Timestamp, TxnId};
use crate::evidence::PaidEvidence;
use crate::payment::{EndedSale, Fact, FactKind, Intent, Outcome, PaidSale, Presentment, UndoKind};

/// State of an undo in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoState {
    /// The result is not known.
    Open,
    /// The customer has the money.
    Done,
    /// Refused for good.
    Refused,
    /// It never left.
    NotSent,
}

impl UndoState {
    pub(super) fn from_key(key: &str) -> Option<Self> {
        match key {
            "open" => Some(Self::Open),
            "done" => Some(Self::Done),
            "refused" => Some(Self::Refused),
            "not_sent" => Some(Self::NotSent),
            _ => None,
        }
    }
}

/// One undo of a sale, as its detail page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoRow {
    /// The undo's own transaction.
    pub txn: TxnId,
    /// Its own number.
    pub undo_no: OrderNo,
    /// Void or refund.
    pub kind: UndoKind,
    /// What goes back.
    pub amount: Money,
    /// State.
    pub state: UndoState,
    /// Number for people.
    pub voucher: u32,
    /// When the intent was stored.
    pub opened_at: Timestamp,
    /// The acquirer's refusal code.
    pub host_code: Option<String>,
}

/// What was taken over one channel and entry mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentRow {
    /// The wallet.
    pub channel: Channel,
    /// How the orders were opened.
    pub entry: Presentment,
    /// Since the day began, in minor units.
    pub today_minor: u64,
    /// Since the month began, today included, in minor units.
    pub month_minor: u64,
}

impl Store {
    /// Returns a paid sale; none when there is no such sale or it is not paid.
    pub(super) fn paid_sale(&self, txn: TxnId) -> Result<Option<PaidSale>, JournalError> {
        let (mut intent, mut evidence): (Option<Intent>, Option<PaidEvidence>) = (None, None);
        for fact in self.facts_of(txn)? {
            match fact.kind {
                FactKind::IntentRecorded(stored) => intent = Some(stored),
                FactKind::Closed {
                    outcome: Outcome::Paid(proof),
                    ..
                } => evidence = Some(proof),
                FactKind::Started { .. }
                | FactKind::AnswerNoted { .. }
                | FactKind::AnswerRefused { .. }
                | FactKind::SendFailed { .. }
                | FactKind::RevokeIntended { .. }
                | FactKind::RevokeProvisional { .. }
                | FactKind::StopRequested { .. }
                | FactKind::Rechecked { .. }
                | FactKind::CodeShown { .. }
                | FactKind::SuccessAfterRevoke { .. }
                | FactKind::AttentionRaised { .. }
                | FactKind::Closed { .. }
                | FactKind::UndoIntended(_)
                | FactKind::UndoClosed { .. }
                | FactKind::Rebuilt(_)
                | FactKind::Proven { .. }
                | FactKind::BalanceAsked(_)
                | FactKind::Settlement { .. } => {}
            }
        }
        let (Some(intent), Some(evidence)) = (intent, evidence) else {
            return Ok(None);
        };
        let fail = |e| self.refused("reading what went back", e);
        let sql = format!(
            "SELECT coalesce(sum(amount), 0), coalesce(max(state = 'open'), 0), \
             EXISTS (SELECT 1 FROM sale c WHERE c.hold = ?1 AND {COMPLETION_STANDS}) \
             FROM undo WHERE sale = ?1 AND state IN ('open','done')"
        );
        let (returned, open, completed): (u64, bool, bool) = self
            .connection
            .query_row(&sql, [txn.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .map_err(fail)?;
        let returned = Money::from_minor(returned, intent.amount.currency())
            .map_err(|error| self.damaged(error.to_string()))?;
        Ok(Some(PaidSale {
            intent,
            evidence,
            returned,
            open,
            completed,
        }))
    }

    /// Returns a sale that ended as not paid and of which no refund is open or done.
    pub(super) fn ended_sale(&self, order_no: &str) -> Result<Option<EndedSale>, JournalError> {
        let found: Option<(String, u32)> = self
            .connection
            .query_row(
                "SELECT s.txn, (SELECT count(*) FROM undo u WHERE u.sale = s.txn) FROM sale s \
                 WHERE s.order_no = ?1 AND s.state IN ('declined','not_sent','revoked') \
                 AND NOT EXISTS (SELECT 1 FROM undo u WHERE u.sale = s.txn \
                                 AND u.state IN ('open','done'))",
                [order_no],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(|e| self.refused("reading an ended sale", e))?;
        let Some((txn, refunds)) = found else {
            return Ok(None);
        };
        let txn = TxnId::from_hex(&txn).map_err(|error| self.damaged(error.to_string()))?;
        let intent = self.facts_of(txn)?.into_iter().find_map(|fact| {
            if let FactKind::IntentRecorded(intent) = fact.kind {
                Some(intent)
            } else {
                None
            }
        });
        Ok(intent.map(|intent| EndedSale { intent, refunds }))
    }

    /// Returns the undos of a sale, oldest first.
    pub(super) fn undos_of(&self, sale: TxnId) -> Result<Vec<UndoRow>, JournalError> {
        self.connection
            .prepare_cached(
                "SELECT txn, kind, amount, state, voucher, opened_ms, host_code, undo_no FROM undo \
                 WHERE sale = ?1 ORDER BY opened_by",
            )
            .and_then(|mut select| {
                select
                    .query_map([sale.to_string()], undo_row)?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(|e| self.refused("reading the undos of a sale", e))
    }

    /// Returns the facts of a sale and of its undos, in order.
    pub(super) fn story(&self, sale: TxnId) -> Result<Vec<Fact>, JournalError> {
        self.facts(
            "SELECT f.number, f.body, f.hash, p.hash FROM fact f \
             LEFT JOIN fact p ON p.number = f.number - 1 \
             WHERE f.txn IN (SELECT ?1 UNION ALL SELECT txn FROM undo WHERE sale = ?1) \
             ORDER BY f.number",
            params![sale.to_string()],
        )
    }

    /// Returns one sale by its transaction.
    pub(super) fn sale_of(&self, txn: TxnId) -> Result<Option<SaleRow>, JournalError> {
        let found = self.sales("WHERE txn = ?1", params![txn.to_string()])?;
        Ok(found.into_iter().next())
    }

    /// Returns the sale that has this number, or that an undo of this number belongs to.
    pub(super) fn sale_on_slip(&self, number: &str) -> Result<Option<SaleRow>, JournalError> {
        let rest = "WHERE order_no = ?1 OR txn = (SELECT sale FROM undo WHERE undo_no = ?1)";
        Ok(self.sales(rest, params![number])?.into_iter().next())
    }

    /// Sums what people sent back; what goes back by itself is nobody's.
    pub(super) fn sent_back(&self, from_ms: i64) -> Result<u64, JournalError> {
        self.connection
            .query_row(
                &format!(
                    "SELECT coalesce(sum(amount), 0) FROM undo WHERE opened_ms >= ?1 \
                     AND cause = 'asked' AND state IN ('open','done') AND {OF_NO_HOLD}"
                ),
                [from_ms],
                |row| row.get(0),
            )
            .map_err(|e| self.refused("summing what was sent back", e))
    }

    pub(super) fn damaged(&self, problem: String) -> JournalError {
        JournalError::Damaged {
            path: self.path.clone(),
            problem,
        }
    }
}

fn undo_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<UndoRow> {
    let wrong = |index: usize| {
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Text,
            "out of range".into(),
        )
    };
    let text = |index: usize| row.get::<_, String>(index);
    Ok(UndoRow {
        txn: TxnId::from_hex(&text(0)?).map_err(|_| wrong(0))?,
        undo_no: OrderNo::new(&text(7)?).map_err(|_| wrong(7))?,
        kind: UndoKind::from_key(&text(1)?).ok_or_else(|| wrong(1))?,
        amount: Money::from_fen(row.get(2)?).map_err(|_| wrong(2))?,
        state: UndoState::from_key(&text(3)?).ok_or_else(|| wrong(3))?,
        voucher: row.get(4)?,
        opened_at: Timestamp(row.get(5)?),
        host_code: row.get(6)?,
    })
}
