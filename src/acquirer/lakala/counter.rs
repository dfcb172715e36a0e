//! The cashier order (聚合收银台): one code that every wallet can scan. Builds its requests, reads its answers.
//!
//! Owns the interface `ccss/counter/order` (acquirer.md 2.7; names there are documented, the classes of the order
//! states are ours). Its money fields are numbers, its success code is `000000`; nothing else is shared with trades.

use serde::{Deserialize, Serialize};

use super::LakalaConfig;
use super::classify::{NOT_FOUND, named, particular, place, refuse_deep, refuse_twins};
use super::wire::{Built, envelope, local_time};
use crate::domain::{MerchantNo, Money, Now, OrderNo, Timestamp};
use crate::evidence::{Claim, ClaimState, TradeDetails, Undone};
use crate::payment::Request;

const CREATE: &str = "/api/v3/ccss/counter/order/special_create";
const QUERY: &str = "/api/v3/ccss/counter/order/query";
const CLOSE: &str = "/api/v3/ccss/counter/order/close";
const SUCCESS: &str = "000000";

#[derive(Serialize)]
struct Create<'a> {
    out_order_no: &'a str,
    merchant_no: &'a str,
    total_amount: u64,
    order_efficient_time: String,
    order_info: &'a str,
    support_cancel: u8,
    support_refund: u8,
    support_repeat_pay: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Named<'a> {
    merchant_no: &'a str,
    out_order_no: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    code: String,
    #[serde(default)]
    resp_data: Option<Data>,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    merchant_no: Option<String>,
    #[serde(default)]
    out_order_no: Option<String>,
    #[serde(default)]
    counter_url: Option<String>,
    #[serde(default)]
    total_amount: Option<Fen>,
    #[serde(default)]
    order_status: Option<String>,
    #[serde(default)]
    order_trade_info_list: Vec<Trade>,
}

#[derive(Deserialize, Default)]
struct Trade {
    #[serde(default)]
    trade_no: Option<String>,
    #[serde(default)]
    trade_type: Option<String>,
    #[serde(default)]
    trade_status: Option<String>,
    #[serde(default)]
    payer_amount: Option<Fen>,
    #[serde(default)]
    trade_time: Option<String>,
}

/// Fen as a number, or as digits in a string: the documents show both.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Fen {
    Number(u64),
    Text(String),
}

impl Fen {
    pub fn money(&self) -> Option<Money> {
        let fen = match self {
            Self::Number(fen) => *fen,
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()?
            }
            Self::Text(_) => return None,
        };
        Money::from_fen(fen).ok()
    }
}

pub(super) fn create(
    config: &LakalaConfig,
    order_no: &OrderNo,
    amount: Money,
    life_ms: u64,
    now: Now,
) -> Built {
    let life_ms = i64::try_from(life_ms).unwrap_or(i64::MAX);
    let data = Create {
        out_order_no: order_no.as_str(),
        merchant_no: config.merchant.as_str(),
        total_amount: amount.minor(),
        order_efficient_time: local_time(Timestamp(now.utc.0.saturating_add(life_ms))),
        order_info: &config.subject,
        support_cancel: 0,
        support_refund: 1,
        // A second payment of one order would be a second charge.
        support_repeat_pay: 0,
        notify_url: config.notify_url.as_deref(),
    };
    (CREATE, envelope(config, now, data))
}

pub(super) fn query(config: &LakalaConfig, order_no: &OrderNo, now: Now) -> Built {
    (QUERY, envelope(config, now, by_name(config, order_no)))
}

pub(super) fn close(config: &LakalaConfig, order_no: &OrderNo, now: Now) -> Built {
    (CLOSE, envelope(config, now, by_name(config, order_no)))
}

fn by_name<'a>(config: &'a LakalaConfig, order_no: &'a OrderNo) -> Named<'a> {
    Named {
        merchant_no: config.merchant.as_str(),
        out_order_no: order_no.as_str(),
    }
}

/// Reads the answer to a request about a cashier order.
///
/// # Errors
/// What is unreadable about it; the result stays unknown.
pub(super) fn claim(request: &Request, body: &[u8]) -> Result<Claim, String> {
    refuse_deep(body)?;
    refuse_twins(body)?;
    let answer: Answer = serde_json::from_slice(body).map_err(|error| place(&error))?;
    let data = answer.resp_data.unwrap_or_default();
    let paid = data
        .order_trade_info_list
        .iter()
        .find(|trade| is(&trade.trade_type, "PAY") && is(&trade.trade_status, "S"));
    let state = state(request, &answer.code, data.order_status.as_deref());
    Ok(Claim {
        merchant: named(
            "merchant number",
            data.merchant_no.as_deref(),
            MerchantNo::new,
        )?,
        order_no: named("order number", data.out_order_no.as_deref(), OrderNo::new)?,
        amount: data.total_amount.as_ref().and_then(Fen::money),
        state,
        host_code: answer.code.chars().take(16).collect(),
        details: TradeDetails {
            trade_no: paid.and_then(|trade| particular(trade.trade_no.as_deref())),
            wallet_trade_no: None,
            channel: None,
            payer_amount: paid.and_then(|trade| trade.payer_amount.as_ref()?.money()),
            host_time: paid
                .and_then(|trade| trade.trade_time.as_ref())
                .map(|time| time.chars().take(14).collect()),
            code_text: data.counter_url.filter(|text| text.len() <= 512),
            funding: None,
            chip: None,
        },
    })
}

fn is(text: &Option<String>, word: &str) -> bool {
    text.as_deref() == Some(word)
}

/// `NOT_FOUND` is documented for trades; that a cashier order's inquiry says it too is inferred (acquirer.md 2.7 is
/// silent). Any other code leaves the order in checking.
fn state(request: &Request, code: &str, status: Option<&str>) -> ClaimState {
    match (request, code) {
        (Request::Preorder { .. }, SUCCESS) => ClaimState::Presentable,
        (Request::Close { .. }, SUCCESS) => ClaimState::RevokeAccepted,
        (Request::Inquire { .. }, SUCCESS) => order_state(status),
        (Request::Inquire { .. } | Request::Close { .. }, NOT_FOUND) => ClaimState::NotFound,
        _ => ClaimState::Unknown,
    }
}

/// What the state of a cashier order means, in an inquiry as in a notice.
pub(super) fn order_state(status: Option<&str>) -> ClaimState {
    match status {
        Some("0") => ClaimState::Presentable,
        Some("1") => ClaimState::Paying,
        Some("2") => ClaimState::Paid,
        Some("4" | "5" | "7") => ClaimState::Undone(Undone::Closed),
        // 3 (a try failed; the customer may try again) and 6 (partly or wholly refunded) say nothing final.
        Some(_) | None => ClaimState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BatchNo, Channel};
    use crate::payment::Presentment;

    fn asked(status: &str, amount: &str) -> Claim {
        let request = Request::Inquire {
            order_no: OrderNo::new("A1").expect("order"),
            entry: Presentment::OneCode,
        };
        let body = format!(
            r#"{{"code":"000000","resp_data":{{"merchant_no":"8","out_order_no":"A1","order_status":"{status}","total_amount":{amount}}}}}"#
        );
        claim(&request, body.as_bytes()).expect("readable")
    }

    #[test]
    fn only_a_paid_order_is_paid_and_only_closed_ones_are_undone() {
        for (status, state) in [
            ("0", ClaimState::Presentable),
            ("1", ClaimState::Paying),
            ("2", ClaimState::Paid),
            ("3", ClaimState::Unknown),
            ("4", ClaimState::Undone(Undone::Closed)),
            ("5", ClaimState::Undone(Undone::Closed)),
            ("6", ClaimState::Unknown),
            ("7", ClaimState::Undone(Undone::Closed)),
            ("8", ClaimState::Unknown),
        ] {
            assert_eq!(asked(status, "100").state, state, "{status}");
        }
    }

    #[test]
    fn only_an_inquiry_and_a_close_hear_that_there_is_no_order_and_an_error_of_form_says_nothing() {
        let order_no = OrderNo::new("A1").expect("order");
        let entry = Presentment::OneCode;
        let inquire = Request::Inquire {
            order_no: order_no.clone(),
            entry,
        };
        let close = Request::Close {
            order_no: order_no.clone(),
            entry,
        };
        let open = Request::Preorder {
            order_no,
            amount: Money::from_fen(100).expect("fen"),
            channel: Channel::Unknown,
            life_ms: 300_000,
            batch: BatchNo::new(1).expect("a batch"),
        };
        let state = |request: &Request, code: &str| {
            let body = format!(r#"{{"code":"{code}"}}"#);
            claim(request, body.as_bytes()).expect("readable").state
        };
        assert_eq!(state(&inquire, "BBS11114"), ClaimState::NotFound);
        assert_eq!(state(&close, "BBS11114"), ClaimState::NotFound);
        assert_eq!(state(&open, "BBS11114"), ClaimState::Unknown);
        for request in [&inquire, &close, &open] {
            assert_eq!(state(request, "BBS11000"), ClaimState::Unknown);
        }
    }

    #[test]
    fn fen_are_read_as_numbers_and_as_digits_and_as_nothing_else() {
        let fen = |text: &str| asked("2", text).amount.map(Money::minor);
        assert_eq!(fen("100"), Some(100));
        assert_eq!(fen("\"100\""), Some(100));
        assert_eq!(fen("\"1.00\""), None);
        assert_eq!(fen("\"-1\""), None);
    }
}
