//! What becomes of a trade after its first answer: inquiries, revokes, and time.
//!
//! Owns the state machine of acquirer.md 2.3 and 2.4 as the stories drive it.

use serde_json::{Value, json};

use super::books::{Books, Trade, TradeState};
use super::clock::{now_ms, wire_time};
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::identity::{MERCHANT_NO, TERM_NO};
use super::server::Sandbox;
use super::story::Story;
use super::wire::{Refusal, parameter};

/// A customer decides after so long when nobody types on the wallet page, in milliseconds.
const DECIDES_AFTER_MS: u64 = 12_000;
/// The wallet's share in the story of a discount, in fen.
const DISCOUNT: u64 = 10;

/// The members that name an order.
pub(super) fn named(order: &str) -> Value {
    json!({"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": order})
}

/// The members of a trade in answers to micropay and inquiry.
pub(super) fn trade_data(trade: &Trade) -> Value {
    let discount = if Story::of(trade.total_amount) == Story::Discount {
        DISCOUNT.min(trade.total_amount)
    } else {
        0
    };
    let open = trade.state == TradeState::Deal;
    let mut data = named(&trade.out_trade_no);
    let members = json!({
        "need_query": if open { "1" } else { "0" },
        "trade_no": trade.trade_no,
        "log_no": trade.log_no(),
        "acc_trade_no": format!("SBX{}", trade.trade_no),
        "trade_main_type": "MICROPAY",
        "account_type": trade.account_type,
        "trade_state": trade.state.word(),
        "total_amount": trade.total_amount.to_string(),
        "payer_amount": (trade.total_amount - discount).to_string(),
        // The wallet's own discount is settled to the merchant too.
        "acc_settle_amount": trade.total_amount.to_string(),
        "acc_discount_amount": discount.to_string(),
        "trade_time": wire_time(trade.moved_ms),
        "card_type": "99",
    });
    if let (Value::Object(data), Value::Object(members)) = (&mut data, members) {
        data.extend(members);
    }
    data
}

impl Sandbox {
    /// Says what became of an order; `trade_no` wins over `out_trade_no`.
    pub(super) fn query(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        let (order, number) = (
            fields.optional("out_trade_no", 32)?,
            fields.optional("trade_no", 32)?,
        );
        let asked = number.as_ref().or(order.as_ref());
        let asked = asked.ok_or_else(|| parameter("out_trade_no or trade_no is missing"))?;
        let mut books = self.books();
        let order = match &number {
            Some(number) => books.order_of(number).unwrap_or_else(|| asked.clone()),
            None => asked.clone(),
        };
        self.advance(&mut books, &order, true);
        let found = books.trade(&order).map(trade_data);
        Ok(Reply::Signed(match found {
            Some(data) => body("BBS00000", "成功", &data),
            None => body("BBS11114", "订单不存在", &named(asked)),
        }))
    }

    /// Lets time and inquiries move a trade, as its story wants.
    pub(super) fn advance(&self, books: &mut Books, order: &str, asked: bool) {
        let Some(trade) = books.trade(order).cloned() else {
            return;
        };
        let waited = now_ms().saturating_sub(trade.opened_ms) >= self.scaled(DECIDES_AFTER_MS);
        match (Story::of(trade.total_amount), trade.state) {
            (Story::Password, TradeState::Deal) if waited => {
                books.move_to(order, TradeState::Success);
            }
            (Story::WrongPassword, TradeState::Deal) if waited => {
                books.move_to(order, TradeState::Fail);
            }
            (Story::RevokeLate, TradeState::Success)
                if asked && trade.revokes > 0 && books.count_inquiry(order) > 2 =>
            {
                books.move_to(order, TradeState::Refund);
            }
            _ => {}
        }
    }

    /// Takes the customer's password. Returns the new state, or nothing when none was asked for.
    pub(super) fn password(&self, order: &str, right: bool) -> Option<TradeState> {
        let mut books = self.books();
        self.advance(&mut books, order, false);
        let trade = books.trade(order)?;
        let story = Story::of(trade.total_amount);
        if trade.state != TradeState::Deal || !story.asks_password() {
            return None;
        }
        let state = if right && story == Story::Password {
            TradeState::Success
        } else {
            TradeState::Fail
        };
        books.move_to(order, state);
        Some(state)
    }

    /// Ends an order: closed when unpaid, returned in full when paid.
    pub(super) fn revoke(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        fields.location()?;
        let number = fields.text("out_trade_no", 32)?;
        let (order, origin) = (
            fields.optional("origin_out_trade_no", 32)?,
            fields.optional("origin_trade_no", 32)?,
        );
        let mut books = self.books();
        let order = match (order, origin) {
            (_, Some(origin)) => books
                .order_of(&origin)
                .ok_or_else(|| parameter("origin_trade_no is unknown"))?,
            (Some(order), None) => order,
            (None, None) => {
                let problem = "origin_out_trade_no or origin_trade_no is missing";
                return Err(parameter(problem));
            }
        };
        self.advance(&mut books, &order, false);
        let mut data = named(&number);
        data["origin_out_trade_no"] = json!(order);
        data["trade_time"] = json!(wire_time(now_ms()));
        if let Some(before) = books.revoked_by(&number) {
            if before != order {
                return Err(used_before("out_trade_no"));
            }
            return Ok(Reply::Signed(body("BBS00000", "已受理", &data)));
        }
        if number == order || books.knows(&number) {
            return Err(used_before("out_trade_no"));
        }
        let (code, msg) = revoke(&mut books, &order);
        if code == "BBS00000" {
            books.keep_revoke(&number, &order);
        }
        if let Some(trade) = books.trade(&order) {
            data["origin_trade_no"] = json!(trade.trade_no);
        }
        Ok(Reply::Signed(body(code, msg, &data)))
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
        (_, TradeState::Success) => TradeState::Refund,
        (_, TradeState::Deal) => TradeState::Close,
        (_, TradeState::Fail | TradeState::Close | TradeState::Refund) => {
            return ("BBS00000", "成功");
        }
    };
    books.move_to(order, state);
    ("BBS00000", "成功")
}
