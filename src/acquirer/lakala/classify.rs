//! Reads a verified answer of Lakala V3 and says what it means (acquirer.md 2.1, 2.3, 2.4, 3.1).
//!
//! Owns the allow-list of definitive refusals. Every code that is not listed means "unknown": only listed words may end
//! a payment without asking.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::domain::{Channel, HostTradeNo, MerchantNo, Money, OrderNo};
use crate::evidence::{Claim, ClaimState, TradeDetails, Undone};
use crate::payment::{Presentment, Request};

use super::counter;

/// Definitive refusals of a charge: nothing was charged (acquirer.md 3.1, rows marked FAIL; `BBS16111` is the SIT answer).
const REFUSALS: [&str; 5] = ["BBS11000", "BBS11106", "BBS11184", "BBS11200", "BBS16111"];
/// The customer has to act, or the wallet is at work.
const PAYING: [&str; 2] = ["BBS10000", "DCP10000"];
/// A refund is at work (3.1).
const REFUND_PENDING: [&str; 6] = [
    "BBS10000", "BBS11105", "BBS11112", "BPS10034", "710038", "710039",
];
/// A refund failed for good (3.1).
const REFUND_FAILED: [&str; 10] = [
    "710033", "710035", "710036", "710037", "710047", "710049", "710050", "710051", "710052",
    "710053",
];
const SUCCESS: &str = "BBS00000";
/// "Order not paid or not found" on an inquiry (weak source, acquirer.md 3.1).
pub(super) const NOT_FOUND: &str = "BBS11114";
/// Nesting deeper than this is refused.
const DEPTH_MAX: usize = 16;

#[derive(Deserialize)]
struct Answer<'a> {
    code: String,
    #[serde(borrow, default)]
    resp_data: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    merchant_no: Option<String>,
    #[serde(default)]
    out_trade_no: Option<String>,
    #[serde(default)]
    origin_out_trade_no: Option<String>,
    #[serde(default)]
    need_query: Option<String>,
    #[serde(default)]
    trade_state: Option<String>,
    #[serde(default)]
    total_amount: Option<String>,
    #[serde(default)]
    payer_amount: Option<String>,
    #[serde(default)]
    account_type: Option<String>,
    #[serde(default)]
    trade_no: Option<String>,
    #[serde(default)]
    acc_trade_no: Option<String>,
    #[serde(default)]
    trade_time: Option<String>,
    #[serde(default)]
    trade_main_type: Option<String>,
    #[serde(default)]
    refund_amount: Option<String>,
    #[serde(default)]
    acc_resp_fields: Option<AccountFields>,
}

/// The wallet's own members; only the text of a code is ours to know.
#[derive(Deserialize, Default)]
struct AccountFields {
    #[serde(default)]
    code: Option<String>,
}

/// Reads the answer to `request`.
///
/// # Errors
/// What is unreadable about it; the result of the payment stays unknown.
pub(super) fn claim(request: &Request, body: &[u8]) -> Result<Claim, String> {
    match request {
        Request::Inquire {
            entry: Presentment::OneCode,
            ..
        }
        | Request::Close {
            entry: Presentment::OneCode,
            ..
        }
        | Request::Preorder {
            channel: Channel::Unknown,
            ..
        } => counter::claim(request, body),
        Request::Inquire { .. }
        | Request::Close { .. }
        | Request::Preorder { .. }
        | Request::Authorize { .. }
        | Request::Revoke { .. }
        | Request::Void { .. }
        | Request::Refund { .. }
        | Request::InquireRefund { .. }
        | Request::Card(_)
        | Request::Settlement(_) => trade(request, body),
    }
}

fn trade(request: &Request, body: &[u8]) -> Result<Claim, String> {
    refuse_deep(body)?;
    refuse_twins(body)?;
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| place(&error))?;
    let data = match answer.resp_data {
        None => Data::default(),
        Some(raw) if raw.get() == "null" => Data::default(),
        Some(raw) => {
            refuse_twins(raw.get().as_bytes())?;
            serde_json::from_str(raw.get()).map_err(|error| place(&error))?
        }
    };
    let order_no = match request {
        Request::Authorize { .. }
        | Request::Preorder { .. }
        | Request::Inquire { .. }
        | Request::Refund { .. }
        | Request::InquireRefund { .. } => data.out_trade_no.as_deref(),
        Request::Card(_) | Request::Settlement(_) => None,
        Request::Revoke { .. } | Request::Void { .. } | Request::Close { .. } => {
            data.origin_out_trade_no.as_deref()
        }
    };
    let sum = match request {
        Request::Refund { .. } => data.refund_amount.as_deref(),
        Request::InquireRefund { .. } => data
            .refund_amount
            .as_deref()
            .or(data.total_amount.as_deref()),
        Request::Authorize { .. }
        | Request::Preorder { .. }
        | Request::Inquire { .. }
        | Request::Revoke { .. }
        | Request::Void { .. }
        | Request::Close { .. }
        | Request::Card(_)
        | Request::Settlement(_) => data.total_amount.as_deref(),
    };
    let state = state(request, &answer.code, &data);
    let code_text = data.acc_resp_fields.and_then(|fields| fields.code);
    Ok(Claim {
        merchant: named(
            "merchant number",
            data.merchant_no.as_deref(),
            MerchantNo::new,
        )?,
        order_no: named("order number", order_no, OrderNo::new)?,
        amount: total(sum)?,
        state,
        host_code: answer.code.chars().take(16).collect(),
        details: TradeDetails {
            trade_no: particular(data.trade_no.as_deref()),
            wallet_trade_no: particular(data.acc_trade_no.as_deref()),
            channel: data.account_type.as_deref().map(channel),
            payer_amount: amount(data.payer_amount.as_deref())?,
            host_time: data.trade_time.map(|time| time.chars().take(14).collect()),
            code_text: code_text.filter(|text| !text.is_empty() && text.len() <= 512),
            funding: None,
            chip: None,
        },
    })
}

fn state(request: &Request, code: &str, data: &Data) -> ClaimState {
    match request {
        Request::Authorize { .. } => match (code, data.need_query.as_deref()) {
            (SUCCESS, Some("0")) => ClaimState::Paid,
            (SUCCESS, Some("1")) => ClaimState::Paying,
            (code, _) if PAYING.contains(&code) => ClaimState::Paying,
            (code, _) if REFUSALS.contains(&code) => ClaimState::Declined,
            _ => ClaimState::Unknown,
        },
        Request::Preorder { .. } => match code {
            SUCCESS => ClaimState::Presentable,
            code if REFUSALS.contains(&code) => ClaimState::Declined,
            _ => ClaimState::Unknown,
        },
        Request::Inquire { entry, .. } => match (code, data.trade_state.as_deref()) {
            (SUCCESS, Some("SUCCESS" | "PART_REFUND")) => ClaimState::Paid,
            (SUCCESS, Some("INIT" | "CREATE")) if entry.is_merchant_code() => {
                ClaimState::Presentable
            }
            (SUCCESS, Some("INIT" | "CREATE" | "DEAL")) => ClaimState::Paying,
            (SUCCESS, Some("FAIL")) => ClaimState::Undone(Undone::Failed),
            (SUCCESS, Some("CLOSE")) => ClaimState::Undone(Undone::Closed),
            (SUCCESS, Some("REFUND")) => ClaimState::Undone(Undone::Refunded),
            (SUCCESS, Some("REVOKED")) => ClaimState::Undone(Undone::Revoked),
            (NOT_FOUND, _) => ClaimState::NotFound,
            _ => ClaimState::Unknown,
        },
        Request::Revoke { .. } | Request::Void { .. } | Request::Close { .. } => match code {
            SUCCESS => ClaimState::RevokeAccepted,
            NOT_FOUND => ClaimState::NotFound,
            code if REFUSALS.contains(&code) => ClaimState::Declined,
            _ => ClaimState::Unknown,
        },
        Request::Refund { .. } => match (code, data.trade_state.as_deref()) {
            (SUCCESS, Some("SUCCESS")) => ClaimState::Returned,
            (SUCCESS, Some("FAIL" | "EXCEPTION")) => ClaimState::ReturnFailed,
            // Without a state the answer is an acknowledgement: an inquiry has to prove the outcome.
            (SUCCESS, _) => ClaimState::Returning,
            (code, _) if REFUND_PENDING.contains(&code) => ClaimState::Returning,
            (code, _) if REFUSALS.contains(&code) || REFUND_FAILED.contains(&code) => {
                ClaimState::Declined
            }
            _ => ClaimState::Unknown,
        },
        Request::InquireRefund { .. } => refund_state(code, data),
        // Its answers are `statement`'s.
        Request::Card(_) | Request::Settlement(_) => ClaimState::Unknown,
    }
}

/// A refund's own record (2.3, 2.5). A record of another kind under its number says nothing.
fn refund_state(code: &str, data: &Data) -> ClaimState {
    if code == NOT_FOUND {
        return ClaimState::NotFound;
    }
    let kind = data.trade_main_type.as_deref().unwrap_or("REFUND");
    if code != SUCCESS || kind != "REFUND" {
        return ClaimState::Unknown;
    }
    match data.trade_state.as_deref() {
        Some("SUCCESS" | "REFUND") => ClaimState::Returned,
        Some("INIT" | "CREATE" | "DEAL" | "TIMEOUT" | "PROCESSING") => ClaimState::Returning,
        Some("FAIL" | "EXCEPTION" | "CLOSE") => ClaimState::ReturnFailed,
        Some(_) | None => ClaimState::Unknown,
    }
}

/// Reads a number that binds the answer to an order. The text is never repeated: it may be anything.
pub(super) fn named<T, E>(
    what: &str,
    text: Option<&str>,
    make: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => make(text)
            .map(Some)
            .map_err(|_| format!("the {what} is not one")),
    }
}

/// Reads a number that only decorates a record: one that we cannot keep never holds up a paid sale.
pub(super) fn particular(text: Option<&str>) -> Option<HostTradeNo> {
    text.and_then(|text| HostTradeNo::new(text).ok())
}

/// Says what is wrong with the JSON and where, without a word of its contents: they may hold anything.
pub(super) fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io | Category::Syntax => "it is not JSON",
        Category::Data => "a member is missing, stands twice or is of the wrong kind",
        Category::Eof => "it ends too early",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// The price: `[1-9][0-9]{0,11}` (acquirer.md 2.1).
pub(super) fn total(text: Option<&str>) -> Result<Option<Money>, String> {
    match amount(text)? {
        Some(zero) if zero.minor() == 0 => Err("the price is zero".to_owned()),
        price => Ok(price),
    }
}

/// Amounts are integer fen in a string: no sign, no leading zero (acquirer.md 2.1). Zero is what a
/// customer pays when discounts cover everything.
pub(super) fn amount(text: Option<&str>) -> Result<Option<Money>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let digits = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.starts_with('0') && text != "0") {
        return Err("an amount is not an integer number of fen".to_owned());
    }
    let fen = text
        .parse()
        .map_err(|_| "an amount is too large".to_owned())?;
    Money::from_fen(fen)
        .map(Some)
        .map_err(|error| error.to_string())
}

pub(super) fn channel(account_type: &str) -> Channel {
    match account_type {
        "WECHAT" => Channel::Wechat,
        "ALIPAY" => Channel::Alipay,
        "UQRCODEPAY" => Channel::UnionPay,
        "DCPAY" => Channel::Ecny,
        "BESTPAY" => Channel::Bestpay,
        "SUNING" => Channel::Suning,
        // The sandbox's own word; a real statement's is not known.
        "bank_card" => Channel::BankCard,
        _ => Channel::Unknown,
    }
}

pub(super) fn refuse_deep(body: &[u8]) -> Result<(), String> {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEPTH_MAX {
        Err("the answer is nested too deeply".to_owned())
    } else {
        Ok(())
    }
}

/// Two members of one name would let two readers see two answers.
pub(super) fn refuse_twins(body: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<Unique>(body)
        .map(drop)
        .map_err(|error| place(&error))
}

struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Unique, M::Error> {
                let mut seen = BTreeSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    map.next_value::<IgnoredAny>()?;
                    if !seen.insert(name) {
                        return Err(serde::de::Error::custom("a member stands twice"));
                    }
                }
                Ok(Unique)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inquire() -> Request {
        Request::Inquire {
            order_no: OrderNo::new("A1").expect("order"),
            entry: Presentment::Camera,
        }
    }

    fn read(request: &Request, body: &str) -> Result<ClaimState, String> {
        claim(request, body.as_bytes()).map(|claim| claim.state)
    }

    fn queried(code: &str, state: &str) -> ClaimState {
        let body = format!(r#"{{"code":"{code}","resp_data":{{"trade_state":"{state}"}}}}"#);
        read(&inquire(), &body).expect("readable")
    }

    #[test]
    fn only_the_documented_states_of_a_query_mean_anything() {
        assert_eq!(queried("BBS00000", "SUCCESS"), ClaimState::Paid);
        assert_eq!(queried("BBS00000", "DEAL"), ClaimState::Paying);
        assert_eq!(
            queried("BBS00000", "REVOKED"),
            ClaimState::Undone(Undone::Revoked)
        );
        assert_eq!(queried("BBS00000", "UNKNOWN"), ClaimState::Unknown);
        assert_eq!(queried("BBS00000", "success"), ClaimState::Unknown);
        assert_eq!(queried("BBS00001", "SUCCESS"), ClaimState::Unknown);
        assert_eq!(queried("BBS11114", ""), ClaimState::NotFound);
        assert_eq!(queried("BBS11000", ""), ClaimState::Unknown);
    }

    #[test]
    fn twins_numbers_for_amounts_and_deep_nests_are_unreadable() {
        let twin = r#"{"code":"BBS00000","code":"BBS11000"}"#;
        assert!(read(&inquire(), twin).is_err());
        let twin =
            r#"{"code":"BBS00000","resp_data":{"trade_state":"FAIL","trade_state":"SUCCESS"}}"#;
        assert!(read(&inquire(), twin).is_err());
        let number = r#"{"code":"BBS00000","resp_data":{"total_amount":100}}"#;
        assert!(read(&inquire(), number).is_err());
        for amount in ["-1", "01", "1.0", "1e3", "9999999999999", "１"] {
            let body =
                format!(r#"{{"code":"BBS00000","resp_data":{{"total_amount":"{amount}"}}}}"#);
            assert!(read(&inquire(), &body).is_err(), "{amount}");
        }
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert!(read(&inquire(), &deep).is_err());
        assert!(read(&inquire(), "<html>").is_err());
    }
}
