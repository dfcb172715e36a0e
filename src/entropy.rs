//! The only source of random numbers: the operating system's.

use ring::rand::{SecureRandom, SystemRandom};

use crate::domain::{StartTag, Timestamp, TxnId};

/// The operating system's random numbers.
#[derive(Clone, Debug)]
pub struct Entropy(SystemRandom);

impl Default for Entropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy {
    /// Fills a buffer.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.0
            .fill(buffer)
            .expect("invariant: the operating system gives random numbers");
    }

    /// Draws the letters of a start.
    pub fn start_tag(&self) -> StartTag {
        let mut random = [0; 6];
        self.fill(&mut random);
        StartTag::from_random(random)
    }

    /// Makes a transaction id.
    pub fn txn_id(&self, at: Timestamp) -> TxnId {
        let mut random = [0; 16];
        self.fill(&mut random);
        TxnId::from_parts(
            u64::try_from(at.0).unwrap_or(0),
            u128::from_be_bytes(random),
        )
    }
}
