//! Builds the request bodies of Lakala V3. Pure: the bytes that are signed are the bytes that are sent.
//!
//! Owns the trade interfaces (`labs`); the cashier order (`ccss`) is `counter`'s. Sources: acquirer.md 2.1–2.5, 2.10.

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::{format_description, offset};
use zeroize::Zeroizing;

use super::{LakalaConfig, counter, statement};
use crate::code::PaymentCode;
use crate::domain::{Channel, HostTradeNo, Money, Now, OrderNo, Timestamp};
use crate::limits::REQUEST_BYTES;
use crate::payment::{Instalments, Presentment, Request};

const MICROPAY: &str = "/api/v3/labs/trans/micropay";
const PREORDER: &str = "/api/v3/labs/trans/preorder";
const TRADEQUERY: &str = "/api/v3/labs/query/tradequery";
const REVOKED: &str = "/api/v3/labs/relation/revoked";
const CLOSE: &str = "/api/v3/labs/relation/close";
const REFUND: &str = "/api/v3/labs/relation/refund";

/// Path and body of a request.
pub(super) type Built = (&'static str, Body);

#[derive(Serialize)]
struct Envelope<'a, T> {
    req_time: String,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_org_code: Option<&'a str>,
    req_data: T,
}

#[derive(Serialize)]
pub(super) struct Location<'a> {
    pub request_ip: &'a str,
}

/// The members that every trade request begins with.
#[derive(Serialize)]
struct Order<'a> {
    merchant_no: &'a str,
    term_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_out_trade_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location_info: Option<Location<'a>>,
}

#[derive(Serialize)]
struct Micropay<'a> {
    #[serde(flatten)]
    order: Order<'a>,
    auth_code: &'a str,
    total_amount: String,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acc_busi_fields: Option<Huabei>,
}

#[derive(Serialize)]
struct Huabei {
    extend_params: HuabeiPlan,
}

#[derive(Serialize)]
struct HuabeiPlan {
    hb_fq_num: String,
    hb_fq_seller_percent: &'static str,
}

#[derive(Serialize)]
struct Preorder<'a> {
    #[serde(flatten)]
    order: Order<'a>,
    account_type: &'static str,
    trans_type: &'static str,
    total_amount: String,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    acc_busi_fields: Life,
}

#[derive(Serialize)]
struct Life {
    timeout_express: String,
}

#[derive(Serialize)]
struct Refund<'a> {
    #[serde(flatten)]
    order: Order<'a>,
    refund_amount: String,
    refund_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_trade_no: Option<&'a str>,
}

/// A request's body, wiped when dropped: it may hold a payment code.
pub(super) type Body = Zeroizing<Vec<u8>>;

/// Returns the path and the body of a request.
///
/// # Errors
/// What this acquirer does not offer; nothing can be sent.
pub(super) fn build(config: &LakalaConfig, request: &Request, now: Now) -> Result<Built, String> {
    let located = |out, origin| order(config, out, origin, true);
    Ok(match request {
        Request::Authorize {
            order_no,
            amount,
            code,
            instalments,
            // The labs interfaces know no batch.
            batch: _,
        } => {
            let data = micropay(config, order_no, *amount, code, *instalments);
            (MICROPAY, envelope(config, now, data))
        }
        Request::Preorder {
            order_no,
            amount,
            channel,
            life_ms,
            ..
        } => {
            // One code for every wallet is the counter's.
            if *channel == Channel::Unknown {
                return Ok(counter::create(config, order_no, *amount, *life_ms, now));
            }
            let data = preorder(config, order_no, *amount, native(*channel)?, *life_ms);
            (PREORDER, envelope(config, now, data))
        }
        Request::Inquire {
            order_no,
            entry: Presentment::OneCode,
        } => counter::query(config, order_no, now),
        Request::Inquire { order_no, .. }
        | Request::InquireRefund {
            refund_no: order_no,
        } => {
            let data = order(config, Some(order_no), None, false);
            (TRADEQUERY, envelope(config, now, data))
        }
        Request::Revoke {
            revoke_no: own,
            order_no,
        }
        | Request::Void {
            void_no: own,
            order_no,
            ..
        } => {
            let data = located(Some(own), Some(order_no));
            (REVOKED, envelope(config, now, data))
        }
        Request::Close {
            order_no,
            entry: Presentment::OneCode,
        } => counter::close(config, order_no, now),
        Request::Close { order_no, .. } => {
            let data = located(None, Some(order_no));
            (CLOSE, envelope(config, now, data))
        }
        Request::Refund {
            refund_no,
            order_no,
            amount,
            trade_no,
            ..
        } => {
            let order = located(Some(refund_no), Some(order_no));
            let data = refund(order, *amount, trade_no.as_ref());
            (REFUND, envelope(config, now, data))
        }
        Request::Card(_) => return Err("a card goes to the card host, not here".to_owned()),
        Request::Settlement(ask) => return statement::build(config, ask, now),
    })
}

fn micropay<'a>(
    config: &'a LakalaConfig,
    order_no: &'a OrderNo,
    amount: Money,
    code: &'a PaymentCode,
    instalments: Option<Instalments>,
) -> Micropay<'a> {
    Micropay {
        order: order(config, Some(order_no), None, true),
        auth_code: code.expose(),
        total_amount: fen(amount),
        subject: &config.subject,
        notify_url: config.notify_url.as_deref(),
        acc_busi_fields: instalments.map(huabei),
    }
}

fn refund<'a>(order: Order<'a>, amount: Money, trade_no: Option<&'a HostTradeNo>) -> Refund<'a> {
    Refund {
        order,
        refund_amount: fen(amount),
        refund_reason: "退货",
        origin_trade_no: trade_no.map(HostTradeNo::as_str),
    }
}

fn preorder<'a>(
    config: &'a LakalaConfig,
    order_no: &'a OrderNo,
    amount: Money,
    account_type: &'static str,
    life_ms: u64,
) -> Preorder<'a> {
    Preorder {
        order: order(config, Some(order_no), None, true),
        account_type,
        trans_type: "41",
        total_amount: fen(amount),
        subject: &config.subject,
        notify_url: config.notify_url.as_deref(),
        acc_busi_fields: Life {
            timeout_express: life_ms.div_ceil(60_000).max(1).to_string(),
        },
    }
}

fn order<'a>(
    config: &'a LakalaConfig,
    out_trade_no: Option<&'a OrderNo>,
    origin_out_trade_no: Option<&'a OrderNo>,
    located: bool,
) -> Order<'a> {
    Order {
        merchant_no: config.merchant.as_str(),
        term_no: config.term.as_str(),
        out_trade_no: out_trade_no.map(OrderNo::as_str),
        origin_out_trade_no: origin_out_trade_no.map(OrderNo::as_str),
        location_info: located.then_some(Location {
            request_ip: &config.request_ip,
        }),
    }
}

fn fen(amount: Money) -> String {
    amount.minor().to_string()
}

/// Native codes exist for Alipay and UnionPay only; a single code for every wallet is the cashier order's (2.2).
fn native(channel: Channel) -> Result<&'static str, String> {
    match channel {
        Channel::Alipay => Ok("ALIPAY"),
        Channel::UnionPay => Ok("UQRCODEPAY"),
        Channel::Wechat
        | Channel::Ecny
        | Channel::Bestpay
        | Channel::Suning
        | Channel::BankCard
        | Channel::Unknown => Err(format!(
            "this acquirer makes no merchant code for {}",
            channel.key()
        )),
    }
}

fn huabei(plan: Instalments) -> Huabei {
    Huabei {
        extend_params: HuabeiPlan {
            hb_fq_num: plan.count.to_string(),
            hb_fq_seller_percent: if plan.merchant_pays { "100" } else { "0" },
        },
    }
}

pub(super) fn envelope<T: Serialize>(config: &LakalaConfig, now: Now, req_data: T) -> Body {
    let out_org_code = config.out_org_code.as_deref();
    let envelope = Envelope {
        req_time: local_time(now.utc),
        version: "3.0",
        out_org_code,
        req_data,
    };
    // Of full size from the start: a vector that grows leaves its old bytes behind.
    let mut body = Zeroizing::new(Vec::with_capacity(REQUEST_BYTES));
    serde_json::to_writer(&mut *body, &envelope)
        .expect("invariant: a request of strings always serialises");
    body
}

/// Writes `yyyyMMddHHmmss` in China's time (the wire names no zone; acquirer.md, head).
pub(super) fn local_time(at: Timestamp) -> String {
    let format = format_description!("[year][month][day][hour][minute][second]");
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(offset!(+8))
        .format(format)
        .unwrap_or_else(|_| "19700101080000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_chinas() {
        assert_eq!(local_time(Timestamp(1_630_905_585_000)), "20210906131945");
    }

    #[test]
    fn no_native_code_is_asked_for_a_wallet_that_has_none() {
        assert!(native(Channel::Wechat).is_err());
        assert_eq!(native(Channel::Alipay), Ok("ALIPAY"));
    }
}
