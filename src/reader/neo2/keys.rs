//! Session keys of a sign-in, on their way from the host into the reader (63-03), unopened. Pure.
//!
//! Owns the splitting of the host's blob and the command's layout. The keys are enciphered under a master key that
//! only reader and host hold; nothing here could open them. UNVERIFIED: the guide's page does not say in which byte
//! order the three length fields are; big endian is inferred from the frame's own length.

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
    const fn code(self) -> u8 {
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

    pub(super) fn into_keys(self) -> Vec<WrappedKey> {
        self.0
    }
}

/// The data of 63-03: three fields, each after its length in two bytes.
pub(super) fn data(key: &WrappedKey) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(32));
    let length = u8::try_from(key.wrapped.len()).unwrap_or_default();
    out.extend([0, 1, key.kind.code(), 0, length]);
    out.extend(&key.wrapped[..]);
    out.extend([0, 2, key.check[0], key.check[1]]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blob_is_split_and_forwarded_unchanged() {
        let blob: Vec<u8> = (0..60).collect();
        for (length, kinds) in [(24, 2), (40, 2), (60, 3)] {
            let keys = WrappedKeys::from_sign_in(&blob[..length])
                .expect("known")
                .into_keys();
            assert_eq!(keys.len(), kinds);
            let forwarded: Vec<u8> = keys
                .iter()
                .flat_map(|key| {
                    let data = data(key);
                    let bytes = key.wrapped.len();
                    assert_eq!(data[..5], [0, 1, key.kind.code(), 0, bytes as u8]);
                    [&data[5..5 + bytes], &key.check].concat()
                })
                .collect();
            assert_eq!(forwarded, blob[..length]);
        }
        let keys = WrappedKeys::from_sign_in(&blob).expect("known").into_keys();
        let kinds: Vec<KeyKind> = keys.iter().map(|key| key.kind).collect();
        assert_eq!(kinds, [KeyKind::Pin, KeyKind::Mac, KeyKind::Data]);
        assert_eq!(data(&keys[2])[..6], [0, 1, 0, 0, 16, 40]);
        assert_eq!(data(&keys[2])[21..], [0, 2, 56, 57]);
        for length in [0, 20, 23, 48, 61] {
            let refused = WrappedKeys::from_sign_in(&vec![0; length]);
            assert_eq!(refused, Err(BadKeys(length)));
        }
        assert!(!format!("{keys:?}").contains("40, 41"));
    }
}
