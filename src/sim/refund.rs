//! `refund`: money of a paid order goes back, wholly or in parts (acquirer.md 2.5).
//!
//! Owns the rules: never more than was paid in all, one number acts once, the same request gets the same answer.

use super::books::Books;
use super::clock::now_ms;
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::records::{Kind, Refund, TradeState};
use super::server::Sandbox;
use super::story::RefundStory;
use super::trades::{named, refund_data};
use super::wire::{Refusal, parameter};

impl Sandbox {
    /// Returns money.
    pub(super) fn refund(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        fields.location()?;
        let number = fields.text("out_trade_no", 32)?;
        let amount = fields.amount("refund_amount")?;
        fields.optionals(&[("refund_reason", 32), ("trade_req_date", 8)])?;
        let mut books = self.books();
        let order = original(&books, fields)?;
        self.advance(&mut books, &order, false);
        if let Some(before) = books.refund(&number) {
            if before.order != order || before.amount != amount {
                let problem = "out_trade_no was used for another refund";
                return Err(parameter(problem));
            }
            return Ok(Reply::Signed(answer(&books, &number)));
        }
        if books.knows(&number) {
            return Err(used_before("out_trade_no"));
        }
        let trade = books
            .trade(&order)
            .ok_or_else(|| parameter("the original trade is unknown"))?;
        if trade.kind == Kind::Card {
            let problem = "the original trade is a card's; the card host returns it";
            return Err(parameter(problem));
        }
        if trade.charged == 0 {
            return Err(parameter("the original trade is not paid"));
        }
        let left = books.refundable(trade);
        if amount > left {
            let problem = format!("refund_amount is more than is left: {left} fen");
            return Err(parameter(problem));
        }
        let story = RefundStory::of(amount);
        if story == RefundStory::NothingAtFirst && books.try_refund(&number) {
            let nothing = body("BBS00100", "上游网络失败", &named(&number));
            return Ok(Reply::Signed(nothing));
        }
        let now = now_ms();
        let refund = Refund {
            trade_no: books.next_trade_no(),
            out_trade_no: number.clone(),
            order,
            amount,
            state: TradeState::Deal,
            opened_ms: now,
            moved_ms: now,
        };
        let state = match story {
            RefundStory::Later | RefundStory::FailsLater => TradeState::Deal,
            RefundStory::Refused => TradeState::Fail,
            RefundStory::Plain | RefundStory::Lost | RefundStory::NothingAtFirst => {
                TradeState::Success
            }
        };
        books.put_refund(refund, state);
        Ok(match story {
            RefundStory::Lost => Reply::Nothing,
            RefundStory::Plain
            | RefundStory::Later
            | RefundStory::FailsLater
            | RefundStory::NothingAtFirst
            | RefundStory::Refused => Reply::Signed(answer(&books, &number)),
        })
    }
}

/// Finds the original: `origin_trade_no`, then `origin_log_no`, then `origin_out_trade_no`.
fn original(books: &Books, fields: &Fields) -> Result<String, Refusal> {
    let (trade_no, log_no, order) = (
        fields.optional("origin_trade_no", 32)?,
        fields.optional("origin_log_no", 14)?,
        fields.optional("origin_out_trade_no", 32)?,
    );
    let found = match (trade_no, log_no, order) {
        (Some(number), _, _) => books.order_of(&number),
        (None, Some(number), _) => books.order_of_log(&number),
        // A cashier order's own number names no trade.
        (None, None, Some(order)) => Some(order).filter(|order| {
            let trade = books.trade(order);
            trade.is_some_and(|trade| trade.kind != Kind::Counter)
        }),
        (None, None, None) => {
            let problem = "origin_trade_no, origin_log_no or origin_out_trade_no is missing";
            return Err(parameter(problem));
        }
    };
    found.ok_or_else(|| parameter("the original trade is unknown"))
}

/// Says where a refund stands now.
fn answer(books: &Books, number: &str) -> serde_json::Value {
    let refund = books.refund(number);
    let pair = refund.and_then(|refund| Some((refund, books.trade(&refund.order)?)));
    let Some((refund, trade)) = pair else {
        return body("BBS11114", "退货不存在", &named(number));
    };
    let data = refund_data(refund, trade);
    if refund.state == TradeState::Success {
        body("BBS00000", "成功", &data)
    } else if refund.state == TradeState::Fail {
        body("BBS11000", "退货失败", &data)
    } else {
        body("BBS11105", "退货处理中", &data)
    }
}
