//! `micropay`: the customer showed a code and we charge it (acquirer.md 2.1), with every story of the table.
//!
//! Owns what the first answer says or hides. What becomes of the trade later is in `trades`.

use serde_json::{Value, json};

use super::books::Books;
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::notices::checked_url;
use super::records::{Kind, Trade, TradeState};
use super::server::Sandbox;
use super::story::{Story, decline};
use super::trades::{merge, named, trade_data};
use super::wire::{Refusal, parameter};

/// Optional members that are checked and not looked at.
const OPTIONAL: [(&str, usize); 4] = [
    ("busi_mode", 8),
    ("settle_type", 4),
    ("remark", 128),
    ("promo_info", 1024),
];

/// Returns the wallet of a payment code (acquirer.md 2.8).
fn account_type(code: &str) -> Result<&'static str, Refusal> {
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    let wallet = match (code.get(..2), code.len()) {
        _ if !digits => None,
        (Some("10" | "11" | "12" | "13" | "14" | "15"), 18) => Some("WECHAT"),
        (Some("25" | "26" | "27" | "28" | "29" | "30"), 16..=24) => Some("ALIPAY"),
        (Some("62"), 19) => Some("UQRCODEPAY"),
        (Some("01"), 16..=24) => Some("DCPAY"),
        (Some("51"), 18) => Some("BESTPAY"),
        (Some("83"), 18) => Some("SUNING"),
        _ => None,
    };
    wallet.ok_or_else(|| parameter("auth_code is not a payment code"))
}

impl Sandbox {
    /// Charges a code.
    pub(super) fn micropay(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        let order = fields.text("out_trade_no", 32)?;
        let amount = fields.amount("total_amount")?;
        let code = fields.text("auth_code", 32)?;
        fields.location()?;
        fields.optionals(&OPTIONAL)?;
        let subject = fields.optional("subject", 42)?;
        if fields
            .optional("scan_type", 1)?
            .is_some_and(|kind| kind != "0")
        {
            return Err(parameter("scan_type: face payment is not open"));
        }
        if fields.optional("identity_info", 1024)?.is_some() {
            return Err(parameter("identity_info needs micropay_encry"));
        }
        let wallet = account_type(&code)?;
        if wallet == "WECHAT" {
            fields.text("subject", 42)?;
        }
        let story = Story::of(amount);
        let notify_url = checked_url(fields, 128)?;
        let by_cashier = fields.optional("pay_order_no", 64)?.is_some();
        let instalment = fields.instalment(wallet)?;
        let mut books = self.books();
        if books.knows(&order) {
            return Err(used_before("out_trade_no"));
        }
        if !books.take_code(&code) {
            return Err(used_before("auth_code"));
        }
        if story.opens_nothing() || matches!(story, Story::Declined(_)) {
            books.refuse(&order);
            return Ok(first_answer(&books, &order, story));
        }
        let mut trade = Trade::new(Kind::Micropay, &order, amount, books.next_trade_no());
        trade.account_type = wallet.to_owned();
        trade.subject = subject.unwrap_or_default();
        trade.asked_ms = trade.opened_ms;
        trade.instalment = instalment;
        // A notice is sent only after an answer "in progress" (acquirer.md 1.5), and in the story of notices.
        if !by_cashier && (story.starts_open() || story == Story::NoticesFirst) {
            trade.notify_url = notify_url.unwrap_or_default();
        }
        let state = if story.starts_open() {
            TradeState::Deal
        } else {
            TradeState::Success
        };
        books.open_trade(trade, state);
        Ok(first_answer(&books, &order, story))
    }
}

/// Tells the charge's own answer, or hides it, as the story wants.
fn first_answer(books: &Books, order: &str, story: Story) -> Reply {
    let trade = books.trade(order);
    let mut data = trade.map_or_else(|| named(order), trade_data);
    if let (Story::OtherAmount, Some(trade)) = (story, trade) {
        let wrong = (trade.total_amount + 1).to_string();
        merge(&mut data, json!({ "total_amount": wrong }));
    }
    let (code, msg) = if let Story::Declined(number) = story {
        ("BBS11000", decline(number))
    } else if story.starts_open() {
        ("BBS10000", "等待顾客确认")
    } else {
        ("BBS00000", "成功")
    };
    let good: Value = body(code, msg, &data);
    let told = trade.is_some_and(|trade| !trade.notify_url.is_empty());
    if story == Story::NoticesFirst && told {
        return Reply::NoticeFirst(order.to_owned(), good);
    }
    Reply::spoilt(story, order, good)
}
