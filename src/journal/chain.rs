//! Walks the hash chain and finds the first altered, missing or reordered row.

use crate::evidence::{BrokenSeal, Digest, SealedRow};

/// Checks rows in order from `previous`.
#[derive(Clone, Copy, Debug)]
pub struct Walker {
    previous: Digest,
    next: u64,
}

impl Walker {
    /// Starts before the first row.
    pub const fn start() -> Self {
        Self {
            previous: Digest::ZERO,
            next: 1,
        }
    }

    /// Starts behind a row that was checked before.
    pub const fn after(number: u64, hash: Digest) -> Self {
        Self {
            previous: hash,
            next: number + 1,
        }
    }

    /// Takes the next row as stored.
    ///
    /// # Errors
    /// [`BrokenSeal`] names the first row that is altered, missing or out of place.
    pub fn take(
        &mut self,
        number: u64,
        body: Vec<u8>,
        hash: &Digest,
    ) -> Result<SealedRow, BrokenSeal> {
        if number != self.next {
            return Err(BrokenSeal { number: self.next });
        }
        let row = SealedRow::open(&self.previous, number, body, hash)?;
        self.previous = row.digest();
        self.next += 1;
        Ok(row)
    }

    /// Returns how many rows were taken.
    pub const fn count(&self) -> u64 {
        self.next - 1
    }

    /// Returns the hash of the last row.
    pub const fn head(&self) -> Digest {
        self.previous
    }
}
