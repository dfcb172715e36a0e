//! Signatures of Lakala V3 on the sandbox's side: who signed a request, and how an answer is signed.
//!
//! Strict on purpose: everything that a real gateway might refuse is refused here (acquirer.md 1.2, 1.4, 7). Written
//! apart from the terminal's adapter, with another RSA library. Never looks into a body.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::signature::{SignatureEncoding, Signer, Verifier};
use sha2::Sha256;

use super::identity::{APPID, Identity, MERCHANT_SERIAL};

/// A request's time may be so far from ours, in seconds (SBX; the real window is not documented).
const CLOCK_SLACK_S: u64 = 300;
/// A nonce is refused again for so long, in seconds (SBX).
const NONCE_LIFE_S: i64 = 600;
const PARAMETERS: [&str; 5] = ["appid", "serial_no", "timestamp", "nonce_str", "signature"];

/// A refusal: Lakala's code and our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub &'static str, pub String);

/// Refuses with "signature check failed".
pub fn signature(problem: impl Into<String>) -> Refusal {
    Refusal("BBS11200", problem.into())
}

/// Refuses with "parameter check failed".
pub fn parameter(problem: impl Into<String>) -> Refusal {
    Refusal("BBS11000", problem.into())
}

/// The nonces of the last ten minutes.
#[derive(Default)]
pub struct Nonces(BTreeMap<String, i64>);

impl Nonces {
    /// Takes a nonce.
    ///
    /// # Errors
    /// It was taken within the last ten minutes.
    pub fn take(&mut self, nonce: String, now_s: i64) -> Result<(), Refusal> {
        self.0.retain(|_, at| now_s - *at < NONCE_LIFE_S);
        if self.0.contains_key(&nonce) {
            return Err(signature("nonce_str was used within 10 minutes"));
        }
        self.0.insert(nonce, now_s);
        Ok(())
    }
}

/// Reads the parameters by name: their order is free, blanks are not allowed, each stands exactly once.
fn parameters(header: &str) -> Result<BTreeMap<&str, &str>, Refusal> {
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
            .filter(|v| !v.contains('"'))
            .ok_or_else(|| signature("a value is not in quotes"))?;
        if found.insert(name, value).is_some() {
            return Err(signature(format!("{name} stands twice")));
        }
    }
    if found.len() != PARAMETERS.len() || !PARAMETERS.iter().all(|name| found.contains_key(name)) {
        let names = PARAMETERS.join(", ");
        return Err(signature(format!("the five parameters are {names}")));
    }
    Ok(found)
}

/// Checks the Authorization header over the raw body. Returns the nonce.
///
/// # Errors
/// [`Refusal`] names the rule.
pub fn authenticate(
    identity: &Identity,
    header: &str,
    body: &[u8],
    now_s: i64,
) -> Result<String, Refusal> {
    let found = parameters(header)?;
    if found["appid"] != APPID {
        return Err(signature("unknown appid"));
    }
    if found["serial_no"] != MERCHANT_SERIAL {
        return Err(signature("unknown serial_no"));
    }
    let nonce = found["nonce_str"];
    if !(8..=32).contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(signature("nonce_str is 8 to 32 letters and digits"));
    }
    let timestamp = found["timestamp"];
    let at: i64 = timestamp
        .parse()
        .ok()
        .filter(|_| timestamp.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| signature("timestamp is not Unix seconds"))?;
    if at.abs_diff(now_s) > CLOCK_SLACK_S {
        return Err(signature("timestamp is more than 300 s off"));
    }
    let mut message = format!("{APPID}\n{MERCHANT_SERIAL}\n{timestamp}\n{nonce}\n").into_bytes();
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
    let head = format!("{APPID}\n{serial}\n{now_s}\n{nonce}\n");
    let proof = sign(identity, &head, body);
    vec![
        ("Lklapi-Appid", APPID.to_owned()),
        ("Lklapi-Serial", serial),
        ("Lklapi-Timestamp", now_s.to_string()),
        ("Lklapi-Nonce", nonce.to_owned()),
        ("Lklapi-Signature", proof),
    ]
}

/// The Authorization header of a notice: three parameters, neither appid nor serial (acquirer.md 1.5).
pub fn notice_authorization(identity: &Identity, body: &[u8], now_s: i64, nonce: &str) -> String {
    let proof = sign(identity, &format!("{now_s}\n{nonce}\n"), body);
    format!(
        "LKLAPI-SHA256withRSA timestamp=\"{now_s}\",nonce_str=\"{nonce}\",signature=\"{proof}\""
    )
}

/// Signs `{head}{body}\n` with the platform key; Base64.
fn sign(identity: &Identity, head: &str, body: &[u8]) -> String {
    let mut message = head.as_bytes().to_vec();
    message.extend_from_slice(body);
    message.push(b'\n');
    let proof = SigningKey::<Sha256>::new(identity.platform.clone()).sign(&message);
    BASE64.encode(&proof.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_free_again_after_ten_minutes() {
        let mut nonces = Nonces::default();
        let mut fresh_at = |now_s| nonces.take("abcdefgh".to_owned(), now_s).is_ok();
        assert_eq!(
            [1_000, 1_599, 1_600].map(&mut fresh_at),
            [true, false, true]
        );
    }
}
