//! `micropay`: the customer showed a code and we charge it (acquirer.md 2.1), with every story of the table.
//!
//! Owns what the first answer says or hides. What becomes of the trade later is in `trades`.

use serde_json::json;

use super::books::{Books, Trade, TradeState};
use super::clock::now_ms;
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::server::Sandbox;
use super::story::{Story, decline};
use super::trades::{named, trade_data};
use super::wire::{Refusal, parameter};

/// Optional members that are checked and not looked at.
const OPTIONAL: [(&str, usize); 7] = [
    ("busi_mode", 8),
    ("subject", 42),
    ("pay_order_no", 64),
    ("notify_url", 128),
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
        fields.object("acc_busi_fields")?;
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
        let mut books = self.books();
        if books.knows(&order) {
            return Err(used_before("out_trade_no"));
        }
        if !books.take_code(&code) {
            return Err(used_before("auth_code"));
        }
        let story = Story::of(amount);
        if story.opens_nothing() {
            books.refuse(&order);
        } else {
            open(&mut books, &order, amount, wallet);
        }
        Ok(first_answer(&books, &order, story))
    }
}

fn open(books: &mut Books, order: &str, amount: u64, wallet: &str) {
    let state = if Story::of(amount).starts_open() {
        TradeState::Deal
    } else {
        TradeState::Success
    };
    let now = now_ms();
    let trade = Trade {
        trade_no: books.next_trade_no(now),
        out_trade_no: order.to_owned(),
        total_amount: amount,
        account_type: wallet.to_owned(),
        state: TradeState::Deal,
        charged: 0,
        returned: 0,
        merchant_got: 0,
        opened_ms: now,
        moved_ms: now,
        revokes: 0,
        asked_since_revoke: 0,
    };
    books.open_trade(trade, state);
}

/// Tells the charge's own answer, or hides it, as the story wants.
fn first_answer(books: &Books, order: &str, story: Story) -> Reply {
    let data = books.trade(order).map_or_else(|| named(order), trade_data);
    let paid = || body("BBS00000", "成功", &data);
    match story {
        Story::Plain | Story::RevokeLate | Story::Discount | Story::NoticesFirst => {
            Reply::Signed(paid())
        }
        Story::Password
        | Story::NeverPaid
        | Story::RevokeRace
        | Story::WrongPassword
        | Story::RevokeRefusedTwice => Reply::Signed(body("BBS10000", "等待顾客确认", &data)),
        Story::LostPaid | Story::LostUnpaid => Reply::Nothing,
        Story::UpstreamTimeout => Reply::Signed(body("BBS00101", "上游超时", &data)),
        Story::Forged => Reply::Forged(paid()),
        Story::Refused => Reply::Signed(body("BBS11000", "参数错误", &data)),
        Story::Declined(number) => Reply::Signed(body("BBS11000", decline(number), &data)),
        Story::OtherAmount => {
            let mut wrong = paid();
            let amount = books.trade(order).map_or(0, |trade| trade.total_amount);
            wrong["resp_data"]["total_amount"] = json!((amount + 1).to_string());
            Reply::Signed(wrong)
        }
        // The order number decides, so that a test can ask for either.
        Story::Gateway if order.bytes().last().unwrap_or_default() % 2 == 1 => Reply::Redirect,
        Story::Gateway => Reply::ErrorPage,
        Story::UnlistedCode => Reply::Signed(body("BBS19999", "未知结果", &data)),
        Story::ClockOff => Reply::ClockOff(paid()),
    }
}
