//! SHA-256 digests and the link between two journal rows.
//!
//! Owns how a row's hash is made: SHA-256 over the previous hash, the row number (big-endian u64) and the row's bytes.
//! `journal::chain` walks the links. The chain is keyless: it shows change, it does not stop someone who rewrites all.

use std::fmt;

use ring::digest;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that stands before the first row of a journal.
    pub const ZERO: Self = Self([0; 32]);

    pub(super) fn of(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(algorithm, bytes).as_ref());
        Self(out)
    }

    /// Returns the SHA-256 of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(&digest::SHA256, bytes)
    }

    /// Wraps 32 stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A row does not belong where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "row {number} does not match its hash: it was altered, or a row before it is missing or moved"
)]
pub struct BrokenSeal {
    /// The row's number in the journal.
    pub number: u64,
}

/// A journal row whose hash was computed or checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    number: u64,
    body: Vec<u8>,
    hash: Digest,
}

impl SealedRow {
    /// Seals a new row behind the row with hash `previous`.
    pub fn seal(previous: &Digest, number: u64, body: Vec<u8>) -> Self {
        let hash = Self::hash(previous, number, &body);
        Self { number, body, hash }
    }

    /// Checks a stored row against its hash.
    ///
    /// # Errors
    /// [`BrokenSeal`] when the bytes, the number or the predecessor are not those it was sealed with.
    pub fn open(
        previous: &Digest,
        number: u64,
        body: Vec<u8>,
        stored: &Digest,
    ) -> Result<Self, BrokenSeal> {
        let row = Self::seal(previous, number, body);
        if row.hash == *stored {
            Ok(row)
        } else {
            Err(BrokenSeal { number })
        }
    }

    /// Returns the row's number, from 1.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the row's bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the row's hash, the next row's predecessor.
    pub const fn digest(&self) -> Digest {
        self.hash
    }

    fn hash(previous: &Digest, number: u64, body: &[u8]) -> Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&previous.0);
        context.update(&number.to_be_bytes());
        context.update(body);
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Digest(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_moved_or_orphaned_row_breaks_its_seal() {
        let first = SealedRow::seal(&Digest::ZERO, 1, b"a".to_vec());
        let second = SealedRow::seal(&first.digest(), 2, b"b".to_vec());
        let (hash, prev) = (second.digest(), first.digest());
        assert!(SealedRow::open(&prev, 2, b"b".to_vec(), &hash).is_ok());
        assert_eq!(
            SealedRow::open(&prev, 2, b"c".to_vec(), &hash),
            Err(BrokenSeal { number: 2 })
        );
        assert!(SealedRow::open(&prev, 3, b"b".to_vec(), &hash).is_err());
        assert!(SealedRow::open(&Digest::ZERO, 2, b"b".to_vec(), &hash).is_err());
    }
}
