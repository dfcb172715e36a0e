//! What becomes of an order after its first answer: inquiries, revokes, and time.
//!
//! Owns the state machine of acquirer.md 2.3 and 2.4 as the stories drive it.

use serde_json::{Value, json};

use super::books::Books;
use super::clock::{now_ms, wire_time};
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::identity::{MERCHANT_NO, TERM_NO};
use super::records::{Kind, Refund, Trade, TradeState, log_no};
use super::server::Sandbox;
use super::story::{RefundStory, Story};
use super::wire::{Refusal, parameter};

/// A customer decides after so long when nobody types on the wallet page, in milliseconds; a pending refund too.
const DECIDES_AFTER_MS: u64 = 12_000;
/// A late payment arrives so long after the close or the expiry, in milliseconds.
const LATE_BY_MS: u64 = 5_000;
/// The wallet's share in the story of a discount, in fen.
const DISCOUNT: u64 = 10;

/// The members that name an order.
pub(super) fn named(order: &str) -> Value {
    json!({"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": order})
}

/// Adds members to an object.
pub(super) fn merge(data: &mut Value, members: Value) {
    if let (Value::Object(data), Value::Object(members)) = (data, members) {
        data.extend(members);
    }
}

/// Returns what the customer really paid, in fen.
pub(super) fn payer_amount(trade: &Trade) -> u64 {
    if Story::of(trade.total_amount) == Story::Discount {
        trade.total_amount.saturating_sub(DISCOUNT)
    } else {
        trade.total_amount
    }
}

/// The members of a trade in answers to micropay and inquiry.
pub(super) fn trade_data(trade: &Trade) -> Value {
    let paid = payer_amount(trade);
    let mut data = named(&trade.out_trade_no);
    let members = json!({
        "need_query": if trade.state.is_open() { "1" } else { "0" },
        "trade_no": trade.trade_no,
        "log_no": trade.log_no(),
        "acc_trade_no": format!("SBX{}", trade.log_no()),
        "trade_main_type": trade.kind.main_type(),
        "account_type": trade.account_type,
        "trade_state": trade.state.word(),
        "total_amount": trade.total_amount.to_string(),
        "payer_amount": paid.to_string(),
        // The wallet's own discount is settled to the merchant too.
        "acc_settle_amount": trade.total_amount.to_string(),
        "acc_discount_amount": (trade.total_amount - paid).to_string(),
        "trade_time": wire_time(trade.moved_ms),
        "card_type": "99",
    });
    merge(&mut data, members);
    if let Some(plan) = trade.instalment {
        let info = json!({
            "user_install_num": plan.periods.to_string(),
            "hb_fq_seller_percent": plan.seller_percent.to_string(),
        });
        let fields = json!({ "acc_resp_fields": { "hb_fq_pay_info": info } });
        merge(&mut data, fields);
    }
    data
}

/// The members of a refund in answers to refund and inquiry.
pub(super) fn refund_data(refund: &Refund, trade: &Trade) -> Value {
    let returned = if refund.state == TradeState::Success {
        refund.amount
    } else {
        0
    };
    let mut data = named(&refund.out_trade_no);
    let members = json!({
        "trade_no": refund.trade_no,
        "log_no": log_no(&refund.trade_no),
        "acc_trade_no": format!("SBX{}", log_no(&refund.trade_no)),
        "trade_main_type": "REFUND",
        "account_type": trade.account_type,
        "trade_state": refund.state.word(),
        "total_amount": trade.total_amount.to_string(),
        "refund_amount": refund.amount.to_string(),
        "payer_amount": returned.to_string(),
        "trade_time": wire_time(refund.moved_ms),
        "origin_trade_no": trade.trade_no,
        "origin_log_no": trade.log_no(),
        "origin_out_trade_no": trade.out_trade_no,
    });
    merge(&mut data, members);
    data
}

impl Sandbox {
    /// Says what became of an order or a refund; `trade_no` wins over `out_trade_no`.
    pub(super) fn query(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        fields.optional("trade_req_date", 8)?;
        let (order, number) = (
            fields.optional("out_trade_no", 32)?,
            fields.optional("trade_no", 32)?,
        );
        let asked = number.as_ref().or(order.as_ref());
        let asked = asked.ok_or_else(|| parameter("out_trade_no or trade_no is missing"))?;
        let mut books = self.books();
        let found = match &number {
            Some(number) => books.order_of(number),
            // A cashier order's number is no `out_trade_no` of a trade.
            None => Some(asked.clone()).filter(|order| {
                let trade = books.trade(order);
                trade.is_none_or(|trade| trade.kind != Kind::Counter)
            }),
        };
        let data = found.and_then(|order| self.look_up(&mut books, &order));
        Ok(Reply::Signed(match data {
            Some(data) => body("BBS00000", "成功", &data),
            None => body("BBS11114", "订单不存在", &named(asked)),
        }))
    }

    fn look_up(&self, books: &mut Books, number: &str) -> Option<Value> {
        if let Some(refund) = books.refund(number).cloned() {
            self.advance(books, &refund.order, false);
            let trade = books.trade(&refund.order)?;
            return books.refund(number).map(|now| refund_data(now, trade));
        }
        self.advance(books, number, true);
        books.trade(number).map(trade_data)
    }

    /// Lets time and inquiries move an order and its refunds, as their stories want.
    pub(super) fn advance(&self, books: &mut Books, order: &str, asked: bool) {
        let Some(trade) = books.trade(order).cloned() else {
            return;
        };
        if let Some(state) = self.in_time(&trade, now_ms()) {
            books.move_to(order, state);
        }
        if asked && Story::of(trade.total_amount) == Story::RevokeLate {
            end_late(books, &trade);
        }
        for refund in books.pending_refunds(order) {
            if now_ms() >= refund.opened_ms + self.scaled(DECIDES_AFTER_MS) {
                settle(books, refund);
            }
        }
    }

    /// Returns the state that time alone brings.
    fn in_time(&self, trade: &Trade, now: u64) -> Option<TradeState> {
        let story = Story::of(trade.total_amount);
        let decided = trade.asked_ms + self.scaled(DECIDES_AFTER_MS);
        let expired = trade.expires_ms > 0 && now >= trade.expires_ms;
        let in_time = trade.expires_ms == 0 || decided <= trade.expires_ms;
        match (story, trade.state) {
            (Story::Password, TradeState::Deal) if now >= decided && in_time => {
                Some(TradeState::Success)
            }
            (Story::WrongPassword, TradeState::Deal) if now >= decided && in_time => {
                Some(TradeState::Fail)
            }
            (Story::PaidAfterClose, TradeState::Deal) if trade.close_ms > 0 => {
                let late = now >= trade.close_ms + self.scaled(LATE_BY_MS);
                late.then_some(TradeState::Success)
            }
            (Story::PaidAfterExpiry, TradeState::Close) if trade.is_paid_late() => {
                let late = now >= trade.expires_ms + self.scaled(LATE_BY_MS);
                late.then_some(TradeState::Success)
            }
            (_, TradeState::Create | TradeState::Deal) if expired => Some(TradeState::Close),
            _ => None,
        }
    }

    /// Ends a charge of a code: closed when unpaid, returned in full when paid.
    pub(super) fn revoke(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        fields.location()?;
        let number = fields.text("out_trade_no", 32)?;
        let mut books = self.books();
        let order = origin(&books, fields)?;
        self.advance(&mut books, &order, false);
        let mut data = named(&number);
        merge(
            &mut data,
            json!({"origin_out_trade_no": order, "trade_time": wire_time(now_ms())}),
        );
        if let Some(before) = books.revoked_by(&number) {
            if before != order {
                return Err(used_before("out_trade_no"));
            }
            return Ok(Reply::Signed(body("BBS00000", "已受理", &data)));
        }
        if number == order || books.knows(&number) {
            return Err(used_before("out_trade_no"));
        }
        if let Some(trade) = books.trade(&order) {
            if trade.kind != Kind::Micropay {
                return Err(parameter(
                    "only a micropay can be revoked; use close or refund",
                ));
            }
            if books.refunds_of(&order).next().is_some() {
                return Err(parameter("the order has refunds; refund the rest"));
            }
            merge(&mut data, json!({ "origin_trade_no": trade.trade_no }));
        }
        let (code, msg) = revoke(&mut books, &order);
        if code == "BBS00000" {
            books.keep_revoke(&number, &order);
        }
        Ok(Reply::Signed(body(code, msg, &data)))
    }
}

/// A revoke or close that was acknowledged acts after two more inquiries.
fn end_late(books: &mut Books, trade: &Trade) {
    let state = if trade.state == TradeState::Success && trade.kind == Kind::Micropay {
        TradeState::Refund
    } else if trade.state.is_open() && trade.close_ms > 0 {
        TradeState::Close
    } else {
        return;
    };
    let order = trade.out_trade_no.as_str();
    if trade.revokes > 0 && books.count_inquiry(order) > 2 {
        books.move_to(order, state);
    }
}

/// Decides a pending refund.
fn settle(books: &mut Books, refund: Refund) {
    let later = RefundStory::of(refund.amount) == RefundStory::Later;
    // A revoke that acted late may have returned everything in the meantime.
    let left = books
        .trade(&refund.order)
        .map_or(0, |trade| trade.charged - trade.returned);
    let state = if later && refund.amount <= left {
        TradeState::Success
    } else {
        TradeState::Fail
    };
    books.put_refund(refund, state);
}

/// Returns the order that a request is about; `origin_trade_no` wins.
pub(super) fn origin(books: &Books, fields: &Fields) -> Result<String, Refusal> {
    let (order, number) = (
        fields.optional("origin_out_trade_no", 32)?,
        fields.optional("origin_trade_no", 32)?,
    );
    match (order, number) {
        (_, Some(number)) => books
            .order_of(&number)
            .ok_or_else(|| parameter("origin_trade_no is unknown")),
        (Some(order), None) => Ok(order),
        (None, None) => Err(parameter(
            "origin_out_trade_no or origin_trade_no is missing",
        )),
    }
}

fn revoke(books: &mut Books, order: &str) -> (&'static str, &'static str) {
    let revokes = books.count_revoke(order);
    let Some(trade) = books.trade(order) else {
        // No tombstone: a delayed charge can still arrive, and the terminal has to notice.
        return ("BBS00000", "成功");
    };
    let state = match (Story::of(trade.total_amount), trade.state) {
        (Story::RevokeRace, TradeState::Deal) => {
            books.move_to(order, TradeState::Success);
            return ("BBS10000", "处理中");
        }
        (Story::RevokeRefusedTwice, _) if revokes <= 2 => return ("BBS00100", "上游网络失败"),
        (Story::RevokeLate, TradeState::Success) => return ("BBS00000", "成功"),
        (_, TradeState::Success | TradeState::PartRefund) => TradeState::Refund,
        (_, TradeState::Create | TradeState::Deal) => TradeState::Close,
        (_, TradeState::Fail | TradeState::Close | TradeState::Refund) => {
            return ("BBS00000", "成功");
        }
    };
    books.move_to(order, state);
    ("BBS00000", "成功")
}
