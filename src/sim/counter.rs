//! The cashier order: one link that any wallet can pay (acquirer.md 2.7, `ccss/counter/order/*`).
//!
//! Owns the cashier's own words: `000000`, `order_status`, `log_No`. Money moves as for every other order.

use serde_json::{Value, json};

use super::clock::{now_s, read_wire_time, wire_time};
use super::door::{Reply, body, used_before};
use super::fields::Fields;
use super::identity::MERCHANT_NO;
use super::notices::checked_url;
use super::preorder::close;
use super::records::{Kind, Refund, Trade, TradeState, log_no};
use super::server::Sandbox;
use super::story::Story;
use super::trades::payer_amount;
use super::wire::{Refusal, parameter};

/// Optional members that are checked and not looked at.
const OPTIONAL: [(&str, usize); 11] = [
    ("term_no", 32),
    ("vpos_id", 32),
    ("channel_id", 32),
    ("callback_url", 256),
    ("counter_param", 1024),
    ("busi_type_param", 1024),
    ("counter_remark", 128),
    ("sgn_info", 512),
    ("product_id", 64),
    ("goods_mark", 8),
    ("shop_name", 64),
];
/// An order lives at most so long, in seconds.
const LIFE_MAX_S: i64 = 7 * 24 * 3600;

impl Sandbox {
    /// Opens a cashier order.
    pub(super) fn counter_create(&self, fields: &Fields) -> Result<Reply, Refusal> {
        fields.our_merchant()?;
        let order = fields.text("out_order_no", 32)?;
        let amount = fields.long("total_amount")?;
        let until = fields.text("order_efficient_time", 14)?;
        let subject = fields.text("order_info", 64)?;
        fields.optionals(&OPTIONAL)?;
        let left = read_wire_time(&until)
            .map(|at| at - now_s())
            .filter(|left| (1..=LIFE_MAX_S).contains(left))
            .ok_or_else(|| parameter("order_efficient_time is not within 7 days from now"))?;
        let notify_url = checked_url(fields, 256)?;
        let mut books = self.books();
        if books.knows(&order) {
            return Err(used_before("out_order_no"));
        }
        let story = Story::of(amount);
        if story.opens_nothing() {
            books.refuse(&order);
            let data = json!({"merchant_no": MERCHANT_NO, "out_order_no": order});
            return Ok(Reply::spoilt(story, &order, body("", "", &data)));
        }
        let mut trade = Trade::new(Kind::Counter, &order, amount, books.next_trade_no());
        trade.subject = subject;
        trade.pay_order_no = format!("{}CC{}", &trade.trade_no[..14], trade.log_no());
        trade.code = format!("https://pay.sandbox.invalid/r/{}", self.token());
        trade.expires_ms = trade.opened_ms + self.scaled(left.unsigned_abs() * 1000);
        trade.notify_url = notify_url.unwrap_or_default();
        let shown = amount + u64::from(story == Story::OtherAmount);
        let data = json!({
            "merchant_no": MERCHANT_NO,
            "out_order_no": order,
            "pay_order_no": trade.pay_order_no,
            "counter_url": trade.code,
            "order_create_time": wire_time(trade.opened_ms),
            "order_efficient_time": until,
            "total_amount": shown,
        });
        books.open_trade(trade, TradeState::Create);
        let good = body("000000", "操作成功", &data);
        Ok(Reply::spoilt(story, &order, good))
    }

    /// Says what became of a cashier order and of its payments.
    pub(super) fn counter_query(&self, fields: &Fields) -> Result<Reply, Refusal> {
        let Some(trade) = self.counter_order(fields)? else {
            return no_such_order(fields);
        };
        let books = self.books();
        let refunds: Vec<Refund> = books.refunds_of(&trade.out_trade_no).cloned().collect();
        let mut data = order_data(&trade);
        let mut list: Vec<Value> = refunds.iter().map(refund_row).collect();
        list.reverse();
        list.extend(payment_row(&trade, "log_No"));
        data["order_trade_info_list"] = json!(list);
        Ok(Reply::Signed(body("000000", "操作成功", &data)))
    }

    /// Closes an unpaid cashier order.
    pub(super) fn counter_close(&self, fields: &Fields) -> Result<Reply, Refusal> {
        let Some(trade) = self.counter_order(fields)? else {
            return no_such_order(fields);
        };
        let mut books = self.books();
        let (code, msg) = match close(&mut books, &trade) {
            ("BBS00000", msg) => ("000000", msg),
            other => other,
        };
        let trade = books.trade(&trade.out_trade_no).unwrap_or(&trade);
        Ok(Reply::Signed(body(code, msg, &order_data(trade))))
    }

    /// Finds a cashier order by either number; `pay_order_no` wins.
    fn counter_order(&self, fields: &Fields) -> Result<Option<Trade>, Refusal> {
        fields.our_merchant()?;
        let (order, number) = (
            fields.optional("out_order_no", 32)?,
            fields.optional("pay_order_no", 64)?,
        );
        let mut books = self.books();
        let order = match (order, number) {
            (_, Some(number)) => books.order_of_counter(&number),
            (Some(order), None) => Some(order),
            (None, None) => {
                return Err(parameter("out_order_no or pay_order_no is missing"));
            }
        };
        let order = order.unwrap_or_default();
        self.advance(&mut books, &order, true);
        let trade = books.trade(&order);
        Ok(trade.filter(|trade| trade.kind == Kind::Counter).cloned())
    }
}

/// The same words as for a trade that is unknown: Lakala's own code for a cashier order is not documented.
fn no_such_order(fields: &Fields) -> Result<Reply, Refusal> {
    let mut data = json!({"merchant_no": MERCHANT_NO});
    for (name, length) in [("out_order_no", 32), ("pay_order_no", 64)] {
        if let Some(number) = fields.optional(name, length)? {
            data[name] = json!(number);
        }
    }
    Ok(Reply::Signed(body("BBS11114", "订单不存在", &data)))
}

/// `order_status` of acquirer.md 2.7.
fn status(trade: &Trade) -> &'static str {
    match trade.state {
        TradeState::Create => "0",
        TradeState::Deal => "1",
        TradeState::Success => "2",
        TradeState::Fail => "3",
        TradeState::Close if trade.close_ms == 0 => "4",
        TradeState::Close => "7",
        TradeState::PartRefund | TradeState::Refund => "6",
    }
}

/// The members of a cashier order.
pub(super) fn order_data(trade: &Trade) -> Value {
    json!({
        "merchant_no": MERCHANT_NO,
        "out_order_no": trade.out_trade_no,
        "pay_order_no": trade.pay_order_no,
        "order_info": trade.subject,
        "order_status": status(trade),
        "order_create_time": wire_time(trade.opened_ms),
        "total_amount": trade.total_amount,
    })
}

/// The payment of a cashier order, when a wallet has tried one. The query and the notice spell the log number apart.
pub(super) fn payment_row(trade: &Trade, log_name: &str) -> Option<Value> {
    let status = match trade.state {
        TradeState::Success | TradeState::PartRefund | TradeState::Refund => "S",
        TradeState::Fail => "F",
        TradeState::Deal => "P",
        TradeState::Create | TradeState::Close => return None,
    };
    let mut row = json!({
        "trade_no": trade.trade_no,
        "trade_type": "PAY",
        "trade_status": status,
        "trade_amount": trade.total_amount,
        "payer_amount": payer_amount(trade),
        "busi_type": "SCPAY",
        "pay_mode": pay_mode(trade),
        "trade_time": wire_time(trade.moved_ms),
    });
    row[log_name] = json!(trade.log_no());
    Some(row)
}

fn pay_mode(trade: &Trade) -> &'static str {
    match trade.account_type.as_str() {
        "ALIPAY" => "ALIPAY",
        "WECHAT" => "WECHAT",
        _ => "UNION",
    }
}

fn refund_row(refund: &Refund) -> Value {
    let status = if refund.state == TradeState::Success {
        "S"
    } else if refund.state == TradeState::Fail {
        "F"
    } else {
        "P"
    };
    json!({
        "trade_no": refund.trade_no,
        "log_No": log_no(&refund.trade_no),
        "trade_type": "REFUND",
        "trade_status": status,
        "trade_amount": refund.amount,
        "payer_amount": refund.amount,
        "busi_type": "SCPAY",
        "trade_time": wire_time(refund.moved_ms),
    })
}
