//! `preorder` and `close`: a code of one wallet that the customer scans (acquirer.md 2.2, 2.4).
//!
//! Owns what is opened and how an unpaid order ends. Who scans is in `scan`.

use serde_json::json;

use super::books::Books;
use super::clock::{now_ms, wire_time};
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::identity::{MERCHANT_NO, TERM_NO};
use super::notices::checked_url;
use super::records::{Kind, Trade, TradeState};
use super::server::Sandbox;
use super::story::Story;
use super::trades::{merge, named, origin};
use super::wire::{Refusal, parameter};

/// Optional members that are checked and not looked at.
const OPTIONAL: [(&str, usize); 8] = [
    ("busi_mode", 8),
    ("pay_order_no", 64),
    ("settle_type", 1),
    ("remark", 128),
    ("identity_info", 1024),
    ("promo_info", 1024),
    ("out_order_no", 32),
    ("pnr_ins_id_cd", 11),
];
/// Minutes that an order lives when nothing is said.
const LIFE_MIN: u64 = 5;

/// Checks that a wallet gives a code to a merchant. Returns the name in the code.
fn native(account_type: &str, trans_type: &str) -> Result<&'static str, Refusal> {
    match (account_type, trans_type) {
        ("ALIPAY", "41") => Ok("alipay"),
        ("UQRCODEPAY", "41") => Ok("unionpay"),
        ("WECHAT", "41") => Err(parameter("WECHAT has no trans_type 41")),
        ("ALIPAY" | "UQRCODEPAY" | "WECHAT", _) => Err(parameter("trans_type is not open here")),
        _ => Err(parameter("account_type is not open here")),
    }
}

impl Sandbox {
    /// Opens an order that a customer can scan.
    pub(super) fn preorder(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        let order = fields.text("out_trade_no", 32)?;
        let amount = fields.amount("total_amount")?;
        let account_type = fields.text("account_type", 32)?;
        let trans_type = fields.text("trans_type", 2)?;
        fields.location()?;
        fields.optionals(&OPTIONAL)?;
        let subject = fields.optional("subject", 42)?.unwrap_or_default();
        let wallet = native(&account_type, &trans_type)?;
        let minutes = fields.minutes("timeout_express")?.unwrap_or(LIFE_MIN);
        let notify_url = checked_url(fields, 128)?;
        let instalment = fields.instalment(&account_type)?;
        let mut books = self.books();
        if books.knows(&order) {
            return Err(used_before("out_trade_no"));
        }
        let story = Story::of(amount);
        if story.opens_nothing() {
            books.refuse(&order);
            return Ok(Reply::spoilt(story, &order, body("", "", &named(&order))));
        }
        let mut trade = Trade::new(Kind::Preorder, &order, amount, books.next_trade_no());
        trade.account_type = account_type;
        trade.subject = subject;
        // A reserved name: a real wallet that scans it finds nothing.
        trade.code = format!("https://qr.sandbox.invalid/{wallet}/{}", self.token());
        trade.expires_ms = trade.opened_ms + self.scaled(minutes * 60_000);
        trade.instalment = instalment;
        trade.notify_url = notify_url.unwrap_or_default();
        let mut data = named(&order);
        let members = json!({
            "trade_no": trade.trade_no,
            "log_no": trade.log_no(),
            "settle_merchant_no": MERCHANT_NO,
            "settle_term_no": TERM_NO,
            "acc_resp_fields": {"code": trade.code, "code_image": ""},
        });
        merge(&mut data, members);
        books.open_trade(trade, TradeState::Create);
        let good = body("BBS00000", "下单成功", &data);
        Ok(Reply::spoilt(story, &order, good))
    }

    /// Makes a text that nobody can guess.
    pub(super) fn token(&self) -> String {
        let mut wallet = self.wallet();
        format!("{}{}", wallet.nonce(), wallet.nonce())
    }

    /// Closes an unpaid order. The answer is an acknowledgement; the outcome is what an inquiry says.
    pub(super) fn close(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.ours()?;
        fields.location()?;
        let mut books = self.books();
        let order = origin(&books, fields)?;
        self.advance(&mut books, &order, false);
        let Some(trade) = books.trade(&order).cloned() else {
            return Ok(Reply::Signed(body(
                "BBS11114",
                "订单不存在",
                &named(&order),
            )));
        };
        if trade.kind != Kind::Preorder {
            return Err(parameter("only a preorder can be closed; use revoked"));
        }
        let mut data = named(&order);
        let members = json!({
            "origin_out_trade_no": order,
            "origin_trade_no": trade.trade_no,
            "trade_time": wire_time(now_ms()),
        });
        merge(&mut data, members);
        let (code, msg) = close(&mut books, &trade);
        Ok(Reply::Signed(body(code, msg, &data)))
    }
}

/// Ends an order that a customer scans. Returns the code and its words.
pub(super) fn close(books: &mut Books, trade: &Trade) -> (&'static str, &'static str) {
    let order = trade.out_trade_no.as_str();
    let tries = books.count_revoke(order);
    let scanned = trade.asked_ms > 0;
    let open = trade.state.is_open();
    if !open && trade.state != TradeState::Close {
        return ("BBS11000", "订单已完成，不能关闭");
    }
    let story = Story::of(trade.total_amount);
    if open && story == Story::RevokeRefusedTwice && tries <= 2 {
        return ("BBS00100", "上游网络失败");
    }
    if open && story == Story::RevokeRace && scanned {
        books.move_to(order, TradeState::Success);
        return ("BBS10000", "处理中");
    }
    if trade.close_ms == 0 {
        books.note(order, |trade| trade.close_ms = now_ms());
    }
    let late = story == Story::RevokeLate || (story == Story::PaidAfterClose && scanned);
    if open && !late {
        books.move_to(order, TradeState::Close);
    }
    ("BBS00000", "成功")
}
