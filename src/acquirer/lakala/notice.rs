//! Notices: what is posted to `notify_url` when an order is paid or ended (acquirer.md 1.5, 2.6, 2.7).
//!
//! Owns the Authorization header of a notice, its bare body and the words of the answer. The signature is checked over
//! the raw bytes with the same keys as answers. Never decides what follows: a notice is a claim like any other, and the
//! core compares it with the order. Never touches the doubts about this terminal's clock: an old notice may be played
//! back by anybody.

use std::path::PathBuf;

use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::{NoticeReader, RawAnswer, SetupError};
use super::classify::{
    amount, channel, named, particular, place, refuse_deep, refuse_twins, total,
};
use super::counter::{Fen, order_state};
use super::sign::{canonical, clock_off_s, load_platform};
use crate::domain::{MerchantNo, Now, OrderNo};
use crate::evidence::{
    Claim, ClaimState, KeyId, Rejection, SignedMessage, TradeDetails, TrustedKeys, Undone, Verified,
};

const SCHEME: &str = "LKLAPI-SHA256withRSA";
const TAKEN: &str = "{\"code\":\"SUCCESS\",\"message\":\"执行成功\"}";
const NOT_TAKEN: &str = "{\"code\":\"FAIL\",\"message\":\"未受理\"}";

/// Reads notices with the platform's keys.
pub struct LakalaNotices {
    keys: TrustedKeys,
}

impl LakalaNotices {
    /// Loads the platform certificates.
    ///
    /// # Errors
    /// [`SetupError`] names the file and what to do.
    pub fn open(platform_certificate_files: &[PathBuf]) -> Result<Self, SetupError> {
        let (keys, _) = load_platform(platform_certificate_files)?;
        Ok(Self { keys })
    }
}

impl NoticeReader for LakalaNotices {
    fn read(&self, notice: &RawAnswer, now: Now) -> Result<Verified<Claim>, Rejection> {
        let header = Header::read(&notice.headers)?;
        let message = canonical([&header.timestamp, &header.nonce], &notice.body);
        let head = header.timestamp.len() + header.nonce.len() + 2;
        // The header names no key: during a rotation each of them is tried.
        let signed_by = |id: &KeyId| {
            let signed = SignedMessage {
                key_id: id.as_str(),
                message: &message,
                signature: &header.signature,
            };
            Verified::open(&self.keys, signed, |message| {
                let at: i64 = header.timestamp.parse().map_err(|_| "no time".to_owned())?;
                if clock_off_s(at, now).is_some() {
                    return Err("it is more than 5 minutes old, or ahead".to_owned());
                }
                claim(message.get(head..message.len() - 1).unwrap_or_default())
            })
        };
        let mut tries = self.keys.ids().map(signed_by);
        tries
            .find(|found| !matches!(found, Err(Rejection::BadSignature)))
            .unwrap_or(Err(Rejection::BadSignature))
    }

    fn reply(&self, taken: bool) -> &'static str {
        if taken { TAKEN } else { NOT_TAKEN }
    }
}

/// The three parameters of the Authorization header.
struct Header {
    timestamp: String,
    nonce: String,
    signature: Vec<u8>,
}

impl Header {
    /// Reads them, each exactly once; blanks may stand anywhere between them (published samples differ).
    fn read(headers: &[(String, String)]) -> Result<Self, Rejection> {
        let unreadable = |problem: &str| Rejection::Unreadable(problem.to_owned());
        let mut found = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let (Some((_, value)), None) = (found.next(), found.next()) else {
            return Err(unreadable("the notice needs one Authorization header"));
        };
        let rest = value.trim().strip_prefix(SCHEME);
        let rest = rest.ok_or_else(|| unreadable("the notice is signed in another way"))?;
        let (mut timestamp, mut nonce, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, text) = part
                .trim()
                .split_once('=')
                .ok_or_else(|| unreadable("a parameter has no value"))?;
            let text = text.trim();
            let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            let text = bare.ok_or_else(|| unreadable("a parameter has no quotes"))?;
            let slot = match name.trim() {
                "timestamp" => &mut timestamp,
                "nonce_str" => &mut nonce,
                "signature" => &mut signature,
                _ => return Err(unreadable("a parameter is not known")),
            };
            if slot.replace(text.to_owned()).is_some() {
                return Err(unreadable("a parameter stands twice"));
            }
        }
        let (Some(timestamp), Some(nonce), Some(signature)) = (timestamp, nonce, signature) else {
            return Err(unreadable("a parameter is missing"));
        };
        // They are lines of the signed text: anything else could move the border between them.
        let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let letters = nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let fits = (1..=12).contains(&timestamp.len()) && (1..=64).contains(&nonce.len());
        if !(digits && letters && fits) {
            return Err(unreadable("time or nonce are not what they should be"));
        }
        let signature = BASE64
            .decode(signature.as_bytes())
            .map_err(|_| Rejection::BadSignature)?;
        Ok(Self {
            timestamp,
            nonce,
            signature,
        })
    }
}

/// Which of the two kinds of body it is.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    trade_status: Option<IgnoredAny>,
    #[serde(default)]
    order_status: Option<IgnoredAny>,
}

/// The notice of a trade: bare, and its state is called `trade_status`.
#[derive(Deserialize)]
struct Trade {
    merchant_no: String,
    out_trade_no: String,
    trade_status: String,
    /// Some senders add it; it must say the same.
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
}

/// The notice of a cashier order: like its inquiry, with the payment under another name.
#[derive(Deserialize)]
struct Order {
    merchant_no: String,
    out_order_no: String,
    order_status: String,
    #[serde(default)]
    total_amount: Option<Fen>,
    #[serde(default)]
    order_trade_info: Option<Payment>,
}

#[derive(Deserialize)]
struct Payment {
    #[serde(default)]
    trade_no: Option<String>,
    #[serde(default)]
    payer_amount: Option<Fen>,
    #[serde(default)]
    trade_time: Option<String>,
}

fn claim(body: &[u8]) -> Result<Claim, String> {
    refuse_deep(body)?;
    refuse_twins(body)?;
    let kind: Kind = serde_json::from_slice(body).map_err(|error| place(&error))?;
    match (kind.trade_status, kind.order_status) {
        (Some(_), None) => trade(serde_json::from_slice(body).map_err(|error| place(&error))?),
        (None, Some(_)) => order(serde_json::from_slice(body).map_err(|error| place(&error))?),
        _ => Err("it must have one of trade_status and order_status".to_owned()),
    }
}

fn trade(told: Trade) -> Result<Claim, String> {
    if told
        .trade_state
        .is_some_and(|state| state != told.trade_status)
    {
        return Err("trade_status and trade_state differ".to_owned());
    }
    let state = match told.trade_status.as_str() {
        "SUCCESS" | "PART_REFUND" => ClaimState::Paid,
        "DEAL" => ClaimState::Paying,
        "FAIL" => ClaimState::Undone(Undone::Failed),
        "CLOSE" => ClaimState::Undone(Undone::Closed),
        "REFUND" => ClaimState::Undone(Undone::Refunded),
        "REVOKED" => ClaimState::Undone(Undone::Revoked),
        _ => ClaimState::Unknown,
    };
    let details = TradeDetails {
        trade_no: particular(told.trade_no.as_deref()),
        wallet_trade_no: particular(told.acc_trade_no.as_deref()),
        channel: told.account_type.as_deref().map(channel),
        payer_amount: amount(told.payer_amount.as_deref())?,
        host_time: told.trade_time.map(|time| time.chars().take(14).collect()),
        code_text: None,
        funding: None,
        chip: None,
    };
    let mut claim = about(&told.merchant_no, &told.out_trade_no, &told.trade_status)?;
    (claim.state, claim.details) = (state, details);
    claim.amount = total(told.total_amount.as_deref())?;
    Ok(claim)
}

fn order(told: Order) -> Result<Claim, String> {
    let paid = told.order_trade_info.as_ref();
    let details = TradeDetails {
        trade_no: paid.and_then(|paid| particular(paid.trade_no.as_deref())),
        payer_amount: paid.and_then(|paid| paid.payer_amount.as_ref()?.money()),
        host_time: paid
            .and_then(|paid| paid.trade_time.as_ref())
            .map(|time| time.chars().take(14).collect()),
        ..TradeDetails::default()
    };
    let mut claim = about(&told.merchant_no, &told.out_order_no, &told.order_status)?;
    claim.state = order_state(Some(&told.order_status));
    claim.details = details;
    claim.amount = told.total_amount.as_ref().and_then(Fen::money);
    Ok(claim)
}

/// A notice answers no request: what it is about stands in it, or it says nothing.
fn about(merchant: &str, order: &str, word: &str) -> Result<Claim, String> {
    let merchant = named("merchant number", Some(merchant), MerchantNo::new)?;
    let order_no = named("order number", Some(order), OrderNo::new)?;
    if merchant.is_none() || order_no.is_none() {
        return Err("it names no merchant or no order".to_owned());
    }
    Ok(Claim {
        merchant,
        order_no,
        amount: None,
        state: ClaimState::Unknown,
        host_code: word.chars().take(16).collect(),
        details: TradeDetails::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(word: &str) -> ClaimState {
        let body = format!(
            r#"{{"merchant_no":"8","out_trade_no":"A1","trade_status":"{word}","total_amount":"100"}}"#
        );
        claim(body.as_bytes()).expect("readable").state
    }

    #[test]
    fn only_the_documented_states_mean_anything() {
        for (word, expected) in [
            ("SUCCESS", ClaimState::Paid),
            ("PART_REFUND", ClaimState::Paid),
            ("DEAL", ClaimState::Paying),
            ("FAIL", ClaimState::Undone(Undone::Failed)),
            ("CLOSE", ClaimState::Undone(Undone::Closed)),
            ("REFUND", ClaimState::Undone(Undone::Refunded)),
            ("REVOKED", ClaimState::Undone(Undone::Revoked)),
            ("INIT", ClaimState::Unknown),
            ("success", ClaimState::Unknown),
        ] {
            assert_eq!(state(word), expected, "{word}");
        }
    }

    #[test]
    fn a_notice_that_contradicts_itself_or_names_nobody_says_nothing() {
        for body in [
            r#"{"merchant_no":"8","out_trade_no":"A1","trade_status":"SUCCESS","trade_state":"FAIL"}"#,
            r#"{"merchant_no":"8","out_trade_no":"A1","trade_status":"SUCCESS","order_status":"2"}"#,
            r#"{"merchant_no":"","out_trade_no":"A1","trade_status":"SUCCESS"}"#,
            r#"{"merchant_no":"8","trade_status":"SUCCESS"}"#,
            r#"{"merchant_no":"8","out_trade_no":"A1","trade_status":"SUCCESS","trade_status":"FAIL"}"#,
            r#"{"merchant_no":"8","out_trade_no":"A1"}"#,
            "[]",
            "",
        ] {
            assert!(claim(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn blanks_and_line_breaks_between_the_parameters_change_nothing() {
        let read = |value: &str| Header::read(&[("Authorization".to_owned(), value.to_owned())]);
        for good in [
            "LKLAPI-SHA256withRSA timestamp=\"1\",nonce_str=\"a\",signature=\"AAAA\"",
            "LKLAPI-SHA256withRSAtimestamp=\"1\", nonce_str=\"a\" ,  signature = \"AAAA\" ",
        ] {
            let Ok(header) = read(good) else {
                panic!("readable: {good}");
            };
            assert_eq!(
                (header.timestamp.as_str(), header.nonce.as_str()),
                ("1", "a")
            );
        }
        for bad in [
            "LKLAPI-SHA256withRSA timestamp=\"1\",nonce_str=\"a\"",
            "LKLAPI-SHA256withRSA timestamp=\"1\",timestamp=\"2\",nonce_str=\"a\",signature=\"AAAA\"",
            "LKLAPI-SHA256withRSA timestamp=\"-1\",nonce_str=\"a\",signature=\"AAAA\"",
            "LKLAPI-SHA256withRSA timestamp=\"1\",nonce_str=\"a b\",signature=\"AAAA\"",
            "LKLAPI-SHA256withRSA timestamp=1,nonce_str=\"a\",signature=\"AAAA\"",
            "LKLAPI-SHA256withRSA timestamp=\"1\",nonce_str=\"a\",signature=\"A\"",
            "Bearer x",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(Header::read(&[]).is_err());
    }
}
