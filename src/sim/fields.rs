//! The JSON of a request: the envelope, and members with their types and lengths.
//!
//! Owns every BBS11000 that a wrong shape earns (acquirer.md 2 and 7). Never decides what a request does.

use serde_json::{Map, Value};

use super::clock::read_wire_time;
use super::identity::{MERCHANT_NO, TERM_NO};
use super::records::Instalment;
use super::wire::{Refusal, parameter};

/// `req_time` may be so far from our clock, in seconds (SBX).
const REQ_TIME_SLACK_S: u64 = 600;

/// The members of one JSON object.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads the envelope and returns `req_data`.
    ///
    /// # Errors
    /// [`Refusal`] names the member.
    pub fn read(body: &[u8], now_s: i64) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| parameter("the body is not UTF-8"))?;
        let Ok(Value::Object(envelope)) = serde_json::from_str(text) else {
            return Err(parameter("the body is not a JSON object"));
        };
        if count_members(text)
            != envelope
                .values()
                .map(|v| 1 + count_values(v))
                .sum::<usize>()
        {
            return Err(parameter("a member stands twice"));
        }
        let envelope = Self(envelope);
        if envelope.text("version", 8)? != "3.0" {
            return Err(parameter("version must be \"3.0\""));
        }
        let at = read_wire_time(&envelope.text("req_time", 14)?)
            .ok_or_else(|| parameter("req_time must be yyyyMMddHHmmss"))?;
        if at.abs_diff(now_s) > REQ_TIME_SLACK_S {
            return Err(parameter("req_time is more than 10 minutes off"));
        }
        envelope.optional("out_org_code", 32)?;
        envelope
            .object("req_data")?
            .ok_or_else(|| parameter("req_data is missing"))
    }

    /// Checks that the merchant and the terminal are ours.
    pub fn ours(&self) -> Result<(), Refusal> {
        self.our_merchant()?;
        if self.text("term_no", 32)? != TERM_NO {
            return Err(parameter("unknown term_no"));
        }
        Ok(())
    }

    /// Checks that the merchant is ours.
    pub fn our_merchant(&self) -> Result<(), Refusal> {
        if self.text("merchant_no", 32)? != MERCHANT_NO {
            return Err(parameter("unknown merchant_no"));
        }
        Ok(())
    }

    /// Returns a mandatory string; lengths are in characters.
    pub fn text(&self, name: &str, longest: usize) -> Result<String, Refusal> {
        match self.0.get(name) {
            Some(Value::String(text)) if text.is_empty() => {
                Err(parameter(format!("{name} is empty")))
            }
            Some(Value::String(text)) if text.chars().count() > longest => {
                Err(parameter(format!("{name} is longer than {longest}")))
            }
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(parameter(format!("{name} must be a string"))),
            None => Err(parameter(format!("{name} is missing"))),
        }
    }

    /// Returns an optional string; an empty one counts as absent.
    pub fn optional(&self, name: &str, longest: usize) -> Result<Option<String>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(_) => self.text(name, longest).map(Some),
        }
    }

    /// Checks optional strings that are not looked at.
    pub fn optionals(&self, table: &[(&str, usize)]) -> Result<(), Refusal> {
        for (name, longest) in table {
            self.optional(name, *longest)?;
        }
        Ok(())
    }

    /// Returns an optional object.
    pub fn object(&self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Object(inner)) => Ok(Some(Self(inner.clone()))),
            Some(_) => Err(parameter(format!("{name} must be an object"))),
        }
    }

    /// Returns an amount in fen: `[1-9][0-9]{0,11}`.
    pub fn amount(&self, name: &str) -> Result<u64, Refusal> {
        let text = self.text(name, 12)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(|| parameter(format!("{name} is not fen: [1-9][0-9]{{0,11}}")))
    }

    /// Returns an amount in fen that the cashier order writes as a number or as a string (acquirer.md 2.7).
    pub fn long(&self, name: &str) -> Result<u64, Refusal> {
        match self.0.get(name) {
            Some(Value::Number(number)) => number
                .as_u64()
                .filter(|fen| (1..=999_999_999_999).contains(fen))
                .ok_or_else(|| parameter(format!("{name} is not fen"))),
            Some(_) | None => self.amount(name),
        }
    }

    /// Returns minutes of `acc_busi_fields`, 1 to 999.
    pub fn minutes(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(wallet) = self.object("acc_busi_fields")? else {
            return Ok(None);
        };
        let Some(text) = wallet.optional(name, 3)? else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let minutes = text.parse().ok().filter(|_| digits);
        minutes
            .map(Some)
            .ok_or_else(|| parameter(format!("{name} is not minutes")))
    }

    /// Returns the instalments of `acc_busi_fields.extend_params`; only Alipay has them (acquirer.md 2.10).
    pub fn instalment(&self, account_type: &str) -> Result<Option<Instalment>, Refusal> {
        let extend = match self.object("acc_busi_fields")? {
            Some(wallet) => wallet.object("extend_params")?,
            None => None,
        };
        let Some(extend) = extend else {
            return Ok(None);
        };
        if !["hb_fq_num", "hb_fq_seller_percent"]
            .iter()
            .any(|name| extend.0.contains_key(*name))
        {
            return Ok(None);
        }
        let periods = match extend.text("hb_fq_num", 2)?.as_str() {
            "3" => 3,
            "6" => 6,
            "12" => 12,
            _ => return Err(parameter("hb_fq_num is 3, 6 or 12")),
        };
        let seller_percent = match extend.text("hb_fq_seller_percent", 3)?.as_str() {
            "0" => 0,
            "100" => 100,
            _ => return Err(parameter("hb_fq_seller_percent is 0 or 100")),
        };
        if account_type != "ALIPAY" {
            return Err(parameter("only ALIPAY has instalments (hb_fq_num)"));
        }
        Ok(Some(Instalment {
            periods,
            seller_percent,
        }))
    }

    /// Checks `location_info` (acquirer.md 2.9).
    pub fn location(&self) -> Result<(), Refusal> {
        let location = self
            .object("location_info")?
            .ok_or_else(|| parameter("location_info is missing"))?;
        location.optionals(&[("base_station", 128), ("location", 32)])?;
        let ip = location.text("request_ip", 64)?;
        ip.parse::<std::net::IpAddr>()
            .map(drop)
            .map_err(|_| parameter("location_info.request_ip is not an address"))
    }
}

fn count_values(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.values().map(|inner| 1 + count_values(inner)).sum(),
        Value::Array(list) => list.iter().map(count_values).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Counts `"name":` in the text; more than the parsed tree holds means that a member stood twice.
fn count_members(text: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ':' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}
