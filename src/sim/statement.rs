//! The statement: what money moved, in the order in which it was booked (SBX: Lakala publishes no such interface).
//!
//! Owns the list of movements and its service. The list is made of the books' lines, so a position never changes, also
//! not after a restart.

use serde_json::{Value, json};

use super::door::{Reply, body};
use super::fields::Fields;
use super::identity::{MERCHANT_NO, TERM_NO};
use super::records::{Refund, Trade};
use super::server::Sandbox;
use super::wire::{Refusal, parameter};

/// Most rows of one answer: it stays below 64 KiB.
const ROWS_MAX: usize = 200;

/// One movement.
#[derive(Clone, Debug)]
pub struct Movement {
    /// `SALE`, `REVERSAL` or `REFUND`.
    pub kind: &'static str,
    /// The order.
    pub order: String,
    /// The refund's own number.
    pub refund: Option<String>,
    /// Fen.
    pub amount: u64,
    /// The wallet.
    pub account_type: String,
    /// `trade_main_type` of the order.
    pub main_type: &'static str,
    /// Lakala-shaped number of the trade; of a refund its own.
    pub trade_no: String,
    /// Log number of the sale that goes back.
    pub origin_log_no: String,
    /// Milliseconds when it was booked.
    pub at_ms: u64,
}

/// Every movement.
#[derive(Default)]
pub struct Statement(Vec<Movement>);

impl Statement {
    /// A trade was written down: what it was charged or what a revoke returned since the line before.
    pub fn traded(&mut self, before: Option<&Trade>, after: &Trade) {
        let charged = after.charged - before.map_or(0, |trade| trade.charged);
        let revoked = after.revoked - before.map_or(0, |trade| trade.revoked);
        for (kind, amount) in [("SALE", charged), ("REVERSAL", revoked)] {
            if amount > 0 {
                self.0.push(Movement {
                    kind,
                    order: after.out_trade_no.clone(),
                    refund: None,
                    amount,
                    account_type: after.account_type.clone(),
                    main_type: after.kind.main_type(),
                    trade_no: after.trade_no.clone(),
                    origin_log_no: after.log_no().to_owned(),
                    at_ms: after.moved_ms,
                });
            }
        }
    }

    /// A refund was done.
    pub fn refunded(&mut self, refund: &Refund, trade: &Trade) {
        self.0.push(Movement {
            kind: "REFUND",
            order: refund.order.clone(),
            refund: Some(refund.out_trade_no.clone()),
            amount: refund.amount,
            account_type: trade.account_type.clone(),
            main_type: trade.kind.main_type(),
            trade_no: refund.trade_no.clone(),
            origin_log_no: trade.log_no().to_owned(),
            at_ms: refund.moved_ms,
        });
    }

    /// Returns every movement, in the order in which it was booked.
    pub fn all(&self) -> &[Movement] {
        &self.0
    }

    fn page(&self, after: usize, rows: usize) -> (Vec<Value>, bool) {
        let found = self.0.iter().enumerate().skip(after).take(rows);
        let rows: Vec<Value> = found
            .map(|(index, movement)| {
                let mut row = json!({
                    "position": (index + 1).to_string(),
                    "type": movement.kind,
                    "out_trade_no": movement.order,
                    "amount": movement.amount.to_string(),
                    "account_type": movement.account_type,
                });
                if let Some(number) = &movement.refund {
                    row["refund_no"] = json!(number);
                }
                row
            })
            .collect();
        let more = after.saturating_add(rows.len()) < self.0.len();
        (rows, more)
    }
}

impl Sandbox {
    /// Answers a page of the statement behind a position.
    pub(super) fn statement(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        let settle_no = fields.text("settle_no", 32)?;
        let number = |name: &str, longest| -> Result<usize, Refusal> {
            let text = fields.text(name, longest)?;
            text.parse()
                .map_err(|_| parameter(format!("{name} is not a number")))
        };
        let (after, rows) = (number("after", 19)?, number("rows", 3)?);
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(parameter("rows is 1 to 200"));
        }
        let (rows, more) = self.books().statement.page(after, rows);
        Ok(Reply::Signed(body(
            "BBS00000",
            "成功",
            &json!({
                "merchant_no": MERCHANT_NO,
                "term_no": TERM_NO,
                "settle_no": settle_no,
                "after": after.to_string(),
                "more": if more { "1" } else { "0" },
                "rows": rows,
            }),
        )))
    }
}
