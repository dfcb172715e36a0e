//! Builds the request bodies of Lakala V3. Pure: the bytes that are signed are the bytes that are sent.

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::{format_description, offset};
use zeroize::Zeroizing;

use super::LakalaConfig;
use crate::domain::{Now, Timestamp};
use crate::limits::REQUEST_BYTES;
use crate::payment::Request;

const MICROPAY: &str = "/api/v3/labs/trans/micropay";
const TRADEQUERY: &str = "/api/v3/labs/query/tradequery";
const REVOKED: &str = "/api/v3/labs/relation/revoked";

#[derive(Serialize)]
struct Envelope<'a, T> {
    req_time: String,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_org_code: Option<&'a str>,
    req_data: T,
}

#[derive(Serialize)]
struct Location<'a> {
    request_ip: &'a str,
}

#[derive(Serialize)]
struct Micropay<'a> {
    merchant_no: &'a str,
    term_no: &'a str,
    out_trade_no: &'a str,
    auth_code: &'a str,
    total_amount: String,
    location_info: Location<'a>,
    subject: &'a str,
}

#[derive(Serialize)]
struct Tradequery<'a> {
    merchant_no: &'a str,
    term_no: &'a str,
    out_trade_no: &'a str,
}

#[derive(Serialize)]
struct Revoked<'a> {
    merchant_no: &'a str,
    term_no: &'a str,
    out_trade_no: &'a str,
    origin_out_trade_no: &'a str,
    location_info: Location<'a>,
}

/// A request's body, wiped when dropped: it may hold a payment code.
pub(super) type Body = Zeroizing<Vec<u8>>;

/// Returns the path and the body of a request.
pub(super) fn build(config: &LakalaConfig, request: &Request, now: Now) -> (&'static str, Body) {
    let (merchant_no, term_no) = (config.merchant.as_str(), config.term.as_str());
    let location_info = Location {
        request_ip: &config.request_ip,
    };
    match request {
        Request::Authorize {
            order_no,
            amount,
            code,
        } => {
            let data = Micropay {
                merchant_no,
                term_no,
                out_trade_no: order_no.as_str(),
                auth_code: code.expose(),
                total_amount: amount.minor().to_string(),
                location_info,
                subject: &config.subject,
            };
            (MICROPAY, envelope(config, now, data))
        }
        Request::Inquire { order_no } => {
            let data = Tradequery {
                merchant_no,
                term_no,
                out_trade_no: order_no.as_str(),
            };
            (TRADEQUERY, envelope(config, now, data))
        }
        Request::Revoke {
            revoke_no,
            order_no,
        } => {
            let data = Revoked {
                merchant_no,
                term_no,
                out_trade_no: revoke_no.as_str(),
                origin_out_trade_no: order_no.as_str(),
                location_info,
            };
            (REVOKED, envelope(config, now, data))
        }
    }
}

fn envelope<T: Serialize>(config: &LakalaConfig, now: Now, req_data: T) -> Body {
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
fn local_time(at: Timestamp) -> String {
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
}
