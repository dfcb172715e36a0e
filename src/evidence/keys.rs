//! The keys whose signatures we believe: the acquirer's platform keys, by serial number.
//!
//! Owns the comparison of key numbers and the call into the signature library. Never loads a file (`acquirer` does).

use std::collections::BTreeMap;
use std::fmt;

use ring::{hmac, signature};

/// Number of a key: a certificate serial as lower-case hexadecimal without leading zeros, or a configured name.
///
/// Lakala's own client compares the serials as numbers, so leading zeros carry no meaning on this side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Folds case and leading zeros.
    pub fn new(text: &str) -> Self {
        let folded = text.trim().to_ascii_lowercase();
        let bare = folded.trim_start_matches('0');
        Self(if bare.is_empty() {
            "0".to_owned()
        } else {
            bare.to_owned()
        })
    }

    /// Returns the folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One trusted key and its algorithm. The algorithm belongs to the key, never to the message.
pub enum TrustedKey {
    /// RSASSA-PKCS1-v1_5 with SHA-256; the DER `RSAPublicKey` (PKCS#1) of 2048 to 8192 bits.
    RsaSha256(Vec<u8>),
    /// HMAC with SHA-256 and a shared secret.
    HmacSha256(hmac::Key),
}

impl TrustedKey {
    /// Makes an HMAC key.
    pub fn hmac(secret: &[u8]) -> Self {
        Self::HmacSha256(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    fn verify(&self, message: &[u8], proof: &[u8]) -> bool {
        match self {
            Self::RsaSha256(public) => {
                signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, public)
                    .verify(message, proof)
                    .is_ok()
            }
            Self::HmacSha256(key) => hmac::verify(key, message, proof).is_ok(),
        }
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaSha256(_) => "RsaSha256",
            Self::HmacSha256(_) => "HmacSha256",
        })
    }
}

/// Why a key set could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Without a key nothing could ever be believed.
    #[error("no trusted key is configured")]
    Empty,
    /// Two keys under one number would make the answer's signer ambiguous.
    #[error("key {0} is configured twice")]
    Twice(KeyId),
}

/// The set of keys that may sign an answer; several during a rotation.
#[derive(Debug)]
pub struct TrustedKeys(BTreeMap<KeyId, TrustedKey>);

impl TrustedKeys {
    /// Makes a set of at least one key.
    ///
    /// # Errors
    /// [`KeyError`] when it is empty or names a number twice.
    pub fn new(keys: impl IntoIterator<Item = (KeyId, TrustedKey)>) -> Result<Self, KeyError> {
        let mut set = BTreeMap::new();
        for (id, key) in keys {
            if set.insert(id.clone(), key).is_some() {
                return Err(KeyError::Twice(id));
            }
        }
        if set.is_empty() {
            Err(KeyError::Empty)
        } else {
            Ok(Self(set))
        }
    }

    /// Returns the numbers of the keys, for a message that does not say who signed it.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.0.keys()
    }

    /// Tells whether `proof` is `id`'s signature of `message`; `None` when the key is unknown.
    pub(super) fn verify(&self, id: &KeyId, message: &[u8], proof: &[u8]) -> Option<bool> {
        self.0.get(id).map(|key| key.verify(message, proof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_with_and_without_leading_zeros_are_one_key() {
        assert_eq!(KeyId::new("00DFba81"), KeyId::new("dfba81"));
        assert_ne!(KeyId::new("dfba8"), KeyId::new("dfba81"));
        assert_eq!(KeyId::new("000").as_str(), "0");
    }

    #[test]
    fn an_empty_or_ambiguous_key_set_is_refused() {
        assert_eq!(TrustedKeys::new([]).err(), Some(KeyError::Empty));
        let twice = [
            (KeyId::new("0a"), TrustedKey::hmac(b"x")),
            (KeyId::new("A"), TrustedKey::hmac(b"y")),
        ];
        assert_eq!(
            TrustedKeys::new(twice).err(),
            Some(KeyError::Twice(KeyId::new("a")))
        );
    }
}
