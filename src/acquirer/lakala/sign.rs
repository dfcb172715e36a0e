//! Signs requests and reads the signature headers of answers (acquirer.md 1.2, 1.4). Keys and certificates from files.
//!
//! Owns the canonical strings. Whether an answer is believed is decided by `evidence`, over the raw bytes.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, Pem, X509Certificate};
use x509_parser::public_key::PublicKey;
use zeroize::Zeroizing;

use super::super::{SetupError, pem};
use super::LakalaConfig;
use crate::domain::{Now, Timestamp};
use crate::evidence::{KeyId, Rejection, TrustedKey, TrustedKeys};

/// An answer whose time differs by more than this is not believed (window assumed from WeChat, acquirer.md 8.8).
const CLOCK_SKEW_S_MAX: i64 = 300;

/// The merchant's signing key.
pub(super) struct Signer(RsaKeyPair);

impl Signer {
    pub fn load(path: &Path) -> Result<Self, SetupError> {
        let what = "the merchant key";
        let bytes = pem::read_private(what, path)?;
        let content = |problem: String| SetupError::Content {
            what,
            path: path.to_owned(),
            problem,
        };
        let key = PrivatePkcs8KeyDer::from_pem_slice(&bytes).map_err(|_| {
            let found = pem::found(&bytes);
            content(format!(
                "it must be a PKCS#8 PEM (BEGIN PRIVATE KEY); it holds {found}"
            ))
        })?;
        // The library's reasons are names of its own; which of them it is helps nobody.
        let pair = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| {
            let rule = "it must be an RSA key of 2048 to 4096 bits, whole and unaltered";
            content(rule.to_owned())
        })?;
        Ok(Self(pair))
    }

    pub fn authorize(
        &self,
        config: &LakalaConfig,
        now: Now,
        nonce: [u8; 12],
        body: &[u8],
    ) -> Result<String, String> {
        const LETTERS: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let nonce: String = nonce
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(*byte) % 62]))
            .collect();
        let timestamp = now.utc.0.div_euclid(1000).to_string();
        let (appid, serial) = (&config.appid, &config.serial_no);
        let message = canonical([appid, serial, &timestamp, &nonce], body);
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                &message,
                &mut signature,
            )
            .map_err(|_| "the merchant key does not sign".to_owned())?;
        let signature = BASE64.encode(&signature);
        Ok(format!(
            "LKLAPI-SHA256withRSA appid=\"{appid}\",serial_no=\"{serial}\",\
             timestamp=\"{timestamp}\",nonce_str=\"{nonce}\",signature=\"{signature}\""
        ))
    }
}

/// Some lines and the raw body, each ended by a line feed. Wiped when dropped: the body may hold a payment code.
pub(super) fn canonical<const N: usize>(lines: [&str; N], body: &[u8]) -> Zeroizing<Vec<u8>> {
    let length: usize = lines.iter().map(|line| line.len() + 1).sum();
    // Of full size from the start: a vector that grows leaves its old bytes behind.
    let mut message = Zeroizing::new(Vec::with_capacity(length + body.len() + 1));
    for line in lines {
        message.extend_from_slice(line.as_bytes());
        message.push(b'\n');
    }
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// The five signature headers of an answer.
pub(super) struct AnswerHeaders {
    appid: String,
    pub serial: String,
    timestamp: String,
    nonce: String,
    pub signature: Vec<u8>,
}

impl AnswerHeaders {
    /// Reads them: each exactly once, and ours by application number. How old they are is looked at when they are
    /// known to be genuine ([`Self::off_s`]).
    pub fn read(headers: &[(String, String)], appid: &str) -> Result<Self, Rejection> {
        let unreadable = |problem: &str| Rejection::Unreadable(problem.to_owned());
        let one = |name: &str| -> Result<String, Rejection> {
            let mut found = headers
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name));
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(unquote(value).to_owned()),
                (None, _) => Err(unreadable(&format!("the answer has no header {name}"))),
                (Some(_), Some(_)) => Err(unreadable(&format!("the header {name} stands twice"))),
            }
        };
        let read = Self {
            appid: one("lklapi-appid")?,
            serial: one("lklapi-serial")?,
            timestamp: one("lklapi-timestamp")?,
            nonce: one("lklapi-nonce")?,
            signature: BASE64
                .decode(one("lklapi-signature")?.as_bytes())
                .map_err(|_| Rejection::BadSignature)?,
        };
        if read.appid != appid {
            return Err(unreadable("the answer is for another application"));
        }
        if read.timestamp.parse::<i64>().is_err() {
            return Err(unreadable("the answer has no time"));
        }
        Ok(read)
    }

    /// Returns the answer's time less ours in seconds, when they differ by more than five minutes.
    pub fn off_s(&self, now: Now) -> Option<i64> {
        let at: i64 = self.timestamp.parse().ok()?;
        clock_off_s(at, now)
    }

    pub fn message(&self, body: &[u8]) -> Zeroizing<Vec<u8>> {
        canonical(
            [&self.appid, &self.serial, &self.timestamp, &self.nonce],
            body,
        )
    }

    /// Returns the body inside a message that [`Self::message`] made.
    pub fn body_of<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        let head =
            self.appid.len() + self.serial.len() + self.timestamp.len() + self.nonce.len() + 4;
        message
            .get(head..message.len().saturating_sub(1))
            .unwrap_or_default()
    }
}

/// Returns `at_s` less our time in seconds, when they differ by more than is allowed.
pub(super) fn clock_off_s(at_s: i64, now: Now) -> Option<i64> {
    let off_s = at_s.saturating_sub(now.utc.0.div_euclid(1000));
    (off_s.unsigned_abs() > CLOCK_SKEW_S_MAX.unsigned_abs()).then_some(off_s)
}

/// Strips at most one balanced pair of quotes (seen in official examples).
fn unquote(value: &str) -> &str {
    let bare = value.trim();
    bare.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(bare)
}

/// When a platform certificate may be used.
pub(super) struct Validity {
    path: PathBuf,
    serial: KeyId,
    not_before_s: i64,
    not_after_s: i64,
}

impl Validity {
    /// Says what is wrong at `at`, if anything.
    pub fn warning(&self, at: Timestamp) -> Option<String> {
        let now_s = at.0.div_euclid(1000);
        let what = if now_s < self.not_before_s {
            "is not yet valid by this terminal's clock: set the clock if it is wrong, or ask the acquirer"
        } else if now_s > self.not_after_s {
            "has expired by this terminal's clock: set the clock if it is wrong, or ask the acquirer for the next one"
        } else {
            return None;
        };
        let (serial, path) = (&self.serial, self.path.display());
        Some(format!(
            "the platform certificate {serial} in {path} {what}"
        ))
    }
}

/// Loads the platform certificates: serial, RSA key and validity. A file may hold several.
pub(super) fn load_platform(paths: &[PathBuf]) -> Result<(TrustedKeys, Vec<Validity>), SetupError> {
    let (mut keys, mut validities) = (Vec::new(), Vec::new());
    for path in paths {
        load_certificates(path, &mut keys, &mut validities)?;
    }
    let keys = TrustedKeys::new(keys).map_err(|why| SetupError::Setting {
        key: "platform_certificate_files",
        problem: why.to_string(),
    })?;
    Ok((keys, validities))
}

fn load_certificates(
    path: &Path,
    keys: &mut Vec<(KeyId, TrustedKey)>,
    validities: &mut Vec<Validity>,
) -> Result<(), SetupError> {
    let what = "the platform certificate";
    let text = pem::read(what, path)?;
    let content = |problem: &str| SetupError::Content {
        what,
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let before = keys.len();
    for pem in Pem::iter_from_buffer(&text) {
        let pem = pem.map_err(|_| content("its PEM blocks cannot be read"))?;
        let (_, certificate) = X509Certificate::from_der(&pem.contents).map_err(|_| {
            let found = pem::found(&text);
            content(&format!("it must be a certificate; it holds {found}"))
        })?;
        let PublicKey::RSA(key) = certificate
            .public_key()
            .parsed()
            .map_err(|_| content("its key cannot be read"))?
        else {
            return Err(content("its key must be RSA"));
        };
        if key.key_size() < 2048 {
            return Err(content("its RSA key must have at least 2048 bits"));
        }
        let serial = KeyId::new(&data_encoding::HEXLOWER.encode(certificate.raw_serial()));
        let public = certificate.public_key().subject_public_key.data.to_vec();
        validities.push(Validity {
            path: path.to_owned(),
            serial: serial.clone(),
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
        });
        keys.push((serial, TrustedKey::RsaSha256(public)));
    }
    if keys.len() == before {
        let found = pem::found(&text);
        let rule = "it must be a PEM certificate (BEGIN CERTIFICATE)";
        return Err(content(&format!("{rule}; it holds {found}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Digest;

    #[test]
    fn the_canonical_string_is_the_documented_one() {
        // acquirer.md 1.2, sanity vector.
        let body = br#"{"req_time":"20210906131945","version":"3.0","req_data":{}}"#;
        let lines = [
            "OP00000003",
            "00dfba8194c41b84cf",
            "1630905585",
            "9003323344Ab",
        ];
        let message = canonical(lines, body);
        assert_eq!(message.len(), 114);
        assert_eq!(
            Digest::sha256(&message).to_string(),
            "643e76fa1963e8272a986cd7f84c55c073ca549870c4d49c0348a7d18d65aba1"
        );
    }

    #[test]
    fn at_most_one_pair_of_quotes_is_stripped() {
        assert_eq!(unquote("\"a\""), "a");
        assert_eq!(unquote("\"\"a\"\""), "\"a\"");
        assert_eq!(unquote("\"a"), "\"a");
    }
}
