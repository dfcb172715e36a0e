//! A value that was read from a signed message, and only after the signature was found good.
//!
//! Owns the order "verify the raw bytes, then parse them". Never compares contents with an order: `paid` does.

use std::fmt;

use ring::digest;
use subtle::ConstantTimeEq;

use super::keys::{KeyId, TrustedKeys};
use super::seal::Digest;

/// The bytes that were signed, the signature, and who is said to have signed.
#[derive(Clone, Copy, Debug)]
pub struct SignedMessage<'a> {
    /// Number of the key as the message gives it.
    pub key_id: &'a str,
    /// Exactly the bytes that the signature covers.
    pub message: &'a [u8],
    /// The raw signature (decoded, not Base64).
    pub signature: &'a [u8],
}

/// Why a message was not believed. None of these is a failure of the payment: the result stays unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The key is not in the trusted set.
    #[error("the answer is signed with key {0}, which is not trusted")]
    UnknownKey(String),
    /// The signature does not match the bytes.
    #[error("the signature of the answer does not match its bytes")]
    BadSignature,
    /// The MAC is not the one that the reader computes.
    #[error("the MAC of the card host's answer does not match its bytes")]
    BadMac,
    /// The signature is good, the contents are not readable.
    #[error("the answer is signed but not readable: {0}")]
    Unreadable(String),
}

/// A message authentication code that a card reader made with a key that never leaves it.
///
/// Made only from a reader's answer (`tests/it/tidy.rs` holds that): whoever could make one up could prove anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MacCode([u8; 8]);

impl MacCode {
    /// Keeps the reader's eight bytes.
    pub(crate) const fn of_reader(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for a message to the host.
    pub const fn bytes(&self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Debug for MacCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacCode")
    }
}

/// A host's answer, its MAC, and what the reader computed over the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct MacedMessage<'a> {
    /// Name of the reader's key.
    pub key_id: &'a str,
    /// Exactly the bytes that the MAC covers.
    pub message: &'a [u8],
    /// The MAC that the answer carries.
    pub mac: &'a [u8],
    /// The reader's own, over `message`.
    pub computed: MacCode,
}

/// A value from a message whose signature or MAC was verified. It has no other constructors than [`Verified::open`] and
/// [`Verified::open_maced`].
#[derive(Clone, Debug)]
pub struct Verified<T> {
    value: T,
    key_id: KeyId,
    digest: Digest,
}

impl<T> Verified<T> {
    /// Checks the signature over the raw bytes and only then lets `read` look at them.
    ///
    /// # Errors
    /// [`Rejection`]: the key is unknown, the signature is wrong, or `read` gave up.
    pub fn open(
        keys: &TrustedKeys,
        signed: SignedMessage<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Self, Rejection> {
        let key_id = KeyId::new(signed.key_id);
        match keys.verify(&key_id, signed.message, signed.signature) {
            None => {
                return Err(Rejection::UnknownKey(
                    key_id.as_str().chars().take(40).collect(),
                ));
            }
            Some(false) => return Err(Rejection::BadSignature),
            Some(true) => {}
        }
        let value = read(signed.message).map_err(Rejection::Unreadable)?;
        let digest = Digest::of(&digest::SHA256, signed.message);
        Ok(Self {
            value,
            key_id,
            digest,
        })
    }

    /// Compares the MAC with the reader's, in constant time, and only then lets `read` look at the bytes.
    ///
    /// # Errors
    /// [`Rejection`]: the MAC is wrong, or `read` gave up.
    pub fn open_maced(
        maced: MacedMessage<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Self, Rejection> {
        let same: bool = maced.computed.0.ct_eq(maced.mac).into();
        if !same {
            return Err(Rejection::BadMac);
        }
        let value = read(maced.message).map_err(Rejection::Unreadable)?;
        Ok(Self {
            value,
            key_id: KeyId::new(maced.key_id),
            digest: Digest::of(&digest::SHA256, maced.message),
        })
    }

    /// Returns what was read.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Returns the key that signed it.
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Returns the SHA-256 of the signed bytes: the journal's reference to the evidence.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::TrustedKey;
    use ring::hmac;

    fn keys() -> TrustedKeys {
        TrustedKeys::new([(KeyId::new("01"), TrustedKey::hmac(b"secret"))]).expect("keys")
    }

    fn open(message: &[u8], signature: &[u8], key_id: &str) -> Result<Verified<usize>, Rejection> {
        let signed = SignedMessage {
            key_id,
            message,
            signature,
        };
        Verified::open(&keys(), signed, |bytes| Ok(bytes.len()))
    }

    #[test]
    fn a_changed_byte_or_another_key_is_rejected_before_anything_is_read() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let proof = hmac::sign(&key, b"paid 5");
        assert_eq!(
            *open(b"paid 5", proof.as_ref(), "1")
                .expect("genuine")
                .value(),
            6
        );
        assert_eq!(
            open(b"paid 6", proof.as_ref(), "1").err(),
            Some(Rejection::BadSignature)
        );
        assert_eq!(
            open(b"paid 5", b"", "1").err(),
            Some(Rejection::BadSignature)
        );
        assert_eq!(
            open(b"paid 5", proof.as_ref(), "2").err(),
            Some(Rejection::UnknownKey("2".into()))
        );
    }
}
