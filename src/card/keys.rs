//! Session keys of a sign-in, on their way from the host into the reader, unopened. Pure.
//!
//! Owns the splitting of the host's blob. The keys are enciphered under a master key that only reader and host hold;
//! nothing here could open them.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes of a check value in the host's blob; the reader takes the first two.
const CHECK_BYTES: usize = 4;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Card data (TDK), type 0.
    Data,
    /// Message authentication (MAK), type 1.
    Mac,
    /// PIN (PIK), type 2.
    Pin,
}

impl KeyKind {
    /// Returns the number of the reader's key type.
    pub const fn code(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Mac => 1,
            Self::Pin => 2,
        }
    }
}

/// One key under the master key, with its check value.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// What it is for.
    pub kind: KeyKind,
    wrapped: Zeroizing<Vec<u8>>,
    check: [u8; CHECK_BYTES],
}

impl WrappedKey {
    /// Returns the key as it came, still under the master key.
    pub fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }

    /// Returns the check value.
    pub const fn check(&self) -> [u8; CHECK_BYTES] {
        self.check
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WrappedKey({:?}, {} bytes)",
            self.kind,
            self.wrapped.len()
        )
    }
}

/// A sign-in's key blob has an unknown length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the sign-in have {0} bytes; 24, 40 or 60 were expected (ISO 8583 field 62)")]
pub struct BadKeys(pub usize);

/// The keys of one sign-in, in the order in which they go to the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKeys(Vec<WrappedKey>);

impl WrappedKeys {
    /// Splits field 62 of a sign-in's answer: 24 bytes (PIK and MAK of 8), 40 (of 16) or 60 (and TDK), each followed by
    /// a check value of 4.
    ///
    /// # Errors
    /// [`BadKeys`] for another length.
    pub fn from_sign_in(blob: &[u8]) -> Result<Self, BadKeys> {
        let (bytes, kinds) = match blob.len() {
            24 => (8, &[KeyKind::Pin, KeyKind::Mac][..]),
            40 => (16, &[KeyKind::Pin, KeyKind::Mac][..]),
            60 => (16, &[KeyKind::Pin, KeyKind::Mac, KeyKind::Data][..]),
            other => return Err(BadKeys(other)),
        };
        let parts = blob.chunks_exact(bytes + CHECK_BYTES);
        let keys = parts.zip(kinds).map(|(part, kind)| {
            let (wrapped, check) = part.split_at(bytes);
            let mut key = WrappedKey {
                kind: *kind,
                wrapped: Zeroizing::new(wrapped.to_vec()),
                check: [0; CHECK_BYTES],
            };
            key.check.copy_from_slice(check);
            key
        });
        Ok(Self(keys.collect()))
    }

    /// Returns the keys, in the order in which they go to the reader.
    pub fn into_keys(self) -> Vec<WrappedKey> {
        self.0
    }
}
