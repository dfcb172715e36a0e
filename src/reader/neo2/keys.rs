//! Session keys into the reader (63-03). Pure.
//!
//! Owns the command's layout. UNVERIFIED: the guide's page does not say in which byte order the three length fields
//! are; big endian is inferred from the frame's own length.

use zeroize::Zeroizing;

use crate::card::WrappedKey;

/// The data of 63-03: three fields, each after its length in two bytes.
pub(super) fn data(key: &WrappedKey) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(32));
    let length = u8::try_from(key.wrapped().len()).unwrap_or_default();
    out.extend([0, 1, key.kind.code(), 0, length]);
    out.extend(key.wrapped());
    out.extend([0, 2, key.check()[0], key.check()[1]]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{BadKeys, KeyKind, WrappedKeys};

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
                    let bytes = key.wrapped().len();
                    assert_eq!(data[..5], [0, 1, key.kind.code(), 0, bytes as u8]);
                    [&data[5..5 + bytes], &key.check()].concat()
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
