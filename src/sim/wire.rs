//! Lakala V3 on the sandbox's side: who signed a request, is it well formed, and how an answer is signed.
//!
//! Strict on purpose: everything that a real gateway might refuse is refused here (acquirer.md 7). Written apart from
//! the terminal's adapter, with another RSA library.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::signature::{SignatureEncoding, Signer, Verifier};
use serde_json::Value;
use sha2::Sha256;

use super::identity::{APPID, Identity, MERCHANT_NO, MERCHANT_SERIAL, TERM_NO};

/// A refusal: Lakala's code and our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub &'static str, pub String);

fn signature(problem: &str) -> Refusal {
    Refusal("BBS11200", problem.to_owned())
}

fn parameter(problem: impl Into<String>) -> Refusal {
    Refusal("BBS11000", problem.into())
}

/// Checks the Authorization header over the raw body. Returns the nonce.
pub fn authenticate(
    identity: &Identity,
    header: Option<&str>,
    body: &[u8],
    now_s: i64,
) -> Result<String, Refusal> {
    let header = header.ok_or_else(|| signature("no Authorization header"))?;
    let rest = header
        .strip_prefix("LKLAPI-SHA256withRSA ")
        .ok_or_else(|| signature("unknown signature scheme"))?;
    let mut found = BTreeMap::new();
    for part in rest.split(',') {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| signature("no name=\"value\""))?;
        let value = value
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .ok_or_else(|| signature("a value has no quotes"))?;
        if found.insert(name, value).is_some() {
            return Err(signature("a parameter stands twice"));
        }
    }
    let names = ["appid", "serial_no", "timestamp", "nonce_str", "signature"];
    if found.len() != names.len() || !names.iter().all(|name| found.contains_key(name)) {
        return Err(signature(
            "the five parameters are appid, serial_no, timestamp, nonce_str, signature",
        ));
    }
    if found["appid"] != APPID || found["serial_no"] != MERCHANT_SERIAL {
        return Err(signature("unknown application or certificate"));
    }
    let nonce = found["nonce_str"];
    if !(8..=32).contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(signature("nonce_str is 8 to 32 letters and digits"));
    }
    let at: i64 = found["timestamp"]
        .parse()
        .map_err(|_| signature("timestamp is not seconds"))?;
    if at.abs_diff(now_s) > 300 {
        return Err(signature("timestamp is more than 300 s off"));
    }
    let mut message = format!(
        "{APPID}\n{MERCHANT_SERIAL}\n{}\n{nonce}\n",
        found["timestamp"]
    )
    .into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    let proof = BASE64
        .decode(found["signature"].as_bytes())
        .ok()
        .and_then(|bytes| Signature::try_from(bytes.as_slice()).ok())
        .ok_or_else(|| signature("signature is not Base64"))?;
    VerifyingKey::<Sha256>::new(identity.merchant.to_public_key())
        .verify(&message, &proof)
        .map_err(|_| signature("the signature does not match"))?;
    Ok(nonce.to_owned())
}

/// The five headers of a signed answer.
pub fn answer_headers(
    identity: &Identity,
    body: &[u8],
    now_s: i64,
    nonce: &str,
) -> Vec<(&'static str, String)> {
    let serial = identity.platform_serial();
    let mut message = format!("{APPID}\n{serial}\n{now_s}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    let proof = SigningKey::<Sha256>::new(identity.platform.clone()).sign(&message);
    vec![
        ("Lklapi-Appid", APPID.to_owned()),
        ("Lklapi-Serial", serial),
        ("Lklapi-Timestamp", now_s.to_string()),
        ("Lklapi-Nonce", nonce.to_owned()),
        ("Lklapi-Signature", BASE64.encode(&proof.to_vec())),
    ]
}

/// A checked request body: the members of `req_data`.
#[derive(Debug)]
pub struct Fields(serde_json::Map<String, Value>);

impl Fields {
    /// Reads the envelope; the merchant and the terminal must be ours.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| parameter("the body is not UTF-8"))?;
        let envelope: Value =
            serde_json::from_str(text).map_err(|_| parameter("the body is not JSON"))?;
        if count_members(text) != count_values(&envelope) {
            return Err(parameter("a member stands twice"));
        }
        if envelope.get("version").and_then(Value::as_str) != Some("3.0") {
            return Err(parameter("version must be \"3.0\""));
        }
        let time = envelope
            .get("req_time")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if time.len() != 14 || !time.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(parameter("req_time must be yyyyMMddHHmmss"));
        }
        let Some(Value::Object(data)) = envelope.get("req_data") else {
            return Err(parameter("req_data is missing"));
        };
        let fields = Self(data.clone());
        if fields.text("merchant_no", 32)? != MERCHANT_NO || fields.text("term_no", 32)? != TERM_NO
        {
            return Err(parameter("unknown merchant or terminal"));
        }
        Ok(fields)
    }

    /// Returns a mandatory string member.
    pub fn text(&self, name: &str, longest: usize) -> Result<String, Refusal> {
        match self.0.get(name) {
            Some(Value::String(text)) if !text.is_empty() && text.chars().count() <= longest => {
                Ok(text.clone())
            }
            Some(Value::String(_)) => Err(parameter(format!("{name} is empty or too long"))),
            Some(_) => Err(parameter(format!("{name} must be a string"))),
            None => Err(parameter(format!("{name} is missing"))),
        }
    }

    /// Returns `total_amount`: `[1-9][0-9]{0,11}`.
    pub fn amount(&self) -> Result<u64, Refusal> {
        let text = self.text("total_amount", 12)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(|| parameter("total_amount is not fen"))
    }

    /// Checks `location_info.request_ip`.
    pub fn location(&self) -> Result<(), Refusal> {
        let ip = self
            .0
            .get("location_info")
            .and_then(|location| location.get("request_ip"));
        let known = ip
            .and_then(Value::as_str)
            .is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok());
        if known {
            Ok(())
        } else {
            Err(parameter("location_info.request_ip is not an address"))
        }
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
