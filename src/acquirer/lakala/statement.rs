//! The statement of one terminal, page by page. Lakala publishes no such interface (acquirer.md 2.12: the columns of
//! its file were not found), so path and members are ours: only our sandbox answers them.
//!
//! Owns the request and the reading of its answer. Never compares anything: `settlement` does.

use serde::{Deserialize, Serialize};

use super::LakalaConfig;
use super::classify::{channel, named, place, refuse_deep, refuse_twins, total};
use super::wire::{Built, envelope};
use crate::domain::{MerchantNo, Money, Now, OrderNo};
use crate::settlement::{Ask, Movement, MovementKind, Says, SettlementClaim, StatementPage};

const STATEMENT: &str = "/api/v3/sbx/query/statement";
const SUCCESS: &str = "BBS00000";
/// Rows asked for at once; they fit the largest answer that is read.
const ROWS: &str = "150";

#[derive(Serialize)]
struct Page<'a> {
    merchant_no: &'a str,
    term_no: &'a str,
    settle_no: &'a str,
    after: String,
    rows: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    code: String,
    #[serde(default)]
    resp_data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    merchant_no: Option<String>,
    #[serde(default)]
    settle_no: Option<String>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    more: Option<String>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    position: String,
    #[serde(rename = "type")]
    kind: String,
    out_trade_no: String,
    #[serde(default)]
    refund_no: Option<String>,
    amount: String,
    #[serde(default)]
    account_type: Option<String>,
}

/// Returns the path and the body of a request.
///
/// # Errors
/// What this acquirer does not offer; nothing can be sent.
pub(super) fn build(config: &LakalaConfig, ask: &Ask, now: Now) -> Result<Built, String> {
    match ask {
        Ask::Page { settle_no, after } => {
            let page = Page {
                merchant_no: config.merchant.as_str(),
                term_no: config.term.as_str(),
                settle_no: settle_no.as_str(),
                after: after.to_string(),
                rows: ROWS,
            };
            Ok((STATEMENT, envelope(config, now, page)))
        }
        Ask::Cards(_) => Err("the cards' part is for the card host".to_owned()),
        Ask::Totals { .. } | Ask::Inquire { .. } | Ask::Details { .. } | Ask::DetailsEnd { .. } => {
            Err("this acquirer compares no totals".to_owned())
        }
    }
}

/// Reads a page.
///
/// # Errors
/// What is unreadable about it; the settlement goes on asking.
pub(super) fn claim(body: &[u8]) -> Result<SettlementClaim, String> {
    refuse_deep(body)?;
    refuse_twins(body)?;
    let answer: Answer = serde_json::from_slice(body).map_err(|error| place(&error))?;
    let host_code = answer.code.chars().take(16).collect();
    let Some(data) = answer.resp_data else {
        return Ok(SettlementClaim {
            merchant: None,
            settle_no: None,
            says: Says::Unknown,
            host_code,
        });
    };
    let says = if answer.code == SUCCESS {
        Says::Page(StatementPage {
            after: position(data.after.as_deref().unwrap_or_default())?,
            movements: data
                .rows
                .iter()
                .map(movement)
                .collect::<Result<Vec<_>, _>>()?,
            more: data.more.as_deref() == Some("1"),
        })
    } else {
        Says::Unknown
    };
    Ok(SettlementClaim {
        merchant: named(
            "merchant number",
            data.merchant_no.as_deref(),
            MerchantNo::new,
        )?,
        settle_no: named("settlement number", data.settle_no.as_deref(), OrderNo::new)?,
        says,
        host_code,
    })
}

fn movement(row: &Row) -> Result<Movement, String> {
    let kind = match row.kind.as_str() {
        "SALE" => MovementKind::Sale,
        "REVERSAL" => MovementKind::Reversal,
        "REFUND" => MovementKind::Refund,
        _ => return Err("a row of the statement is of no known type".to_owned()),
    };
    let amount: Option<Money> = total(Some(&row.amount))?;
    Ok(Movement {
        position: position(&row.position)?,
        kind,
        order_no: row.out_trade_no.clone(),
        refund_no: row.refund_no.clone(),
        amount: amount.ok_or("a row of the statement has no amount")?,
        channel: row.account_type.as_deref().map(channel),
    })
}

fn position(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "a position of the statement is not a number".to_owned())
}
