//! Cryptograms of the sandbox's contact cards: keys of a card and of a transaction, the cryptogram, the host's answer.
//!
//! Owns one invented issuer key. Methods are those of EMV 4.3 book 2: option A of annex A1.4 for the card's key, the
//! common session key of A1.3, MAC algorithm 3 of ISO 9797-1 over the data of 8.1.1, method 1 of 8.2 for the answer.
//! It protects nothing; the terminal has no such code and never checks a cryptogram.

use super::card::packed;
use super::keys::{des, tdes};

/// Printed in many a manual.
const ISSUER: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];
/// Sequence number of every card.
const SEQUENCE: &str = "01";

/// Keys of one card and one transaction.
#[derive(Debug)]
pub struct Session {
    key: [u8; 16],
    counter: u16,
}

fn join(left: [u8; 8], right: [u8; 8]) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&left);
    key[8..].copy_from_slice(&right);
    key
}

impl Session {
    /// Derives the keys of a card by its number and of a transaction by the card's counter.
    pub fn new(pan: &str, counter: u16) -> Self {
        let digits = format!("{pan}{SEQUENCE}");
        let last = &digits[digits.len().saturating_sub(16)..];
        let mut block = [0; 8];
        block.copy_from_slice(&packed(&format!("{last:0>16}")));
        let card = join(tdes(&ISSUER, block), tdes(&ISSUER, block.map(|byte| !byte)));
        let [high, low] = counter.to_be_bytes();
        let half = |mark| tdes(&card, [high, low, mark, 0, 0, 0, 0, 0]);
        Self {
            key: join(half(0xF0), half(0x0F)),
            counter,
        }
    }

    /// The cryptogram over the first eight fields of the terminal's data, the profile and the counter.
    pub fn cryptogram(&self, terminal: &[u8; 29], profile: [u8; 2]) -> [u8; 8] {
        let mut data = terminal.to_vec();
        data.extend(profile);
        data.extend(self.counter.to_be_bytes());
        // One bit, then zeros.
        data.push(0x80);
        data.resize(data.len().next_multiple_of(8), 0);
        let mut sum = [0_u8; 8];
        let blocks = data.len() / 8;
        for (index, block) in data.chunks_exact(8).enumerate() {
            for (into, byte) in sum.iter_mut().zip(block) {
                *into ^= byte;
            }
            sum = if index + 1 < blocks {
                des(&self.key[..8], sum, true)
            } else {
                tdes(&self.key, sum)
            };
        }
        sum
    }

    /// What the issuer answers to a cryptogram when its decision is this.
    pub fn answer(&self, mut cryptogram: [u8; 8], decision: [u8; 2]) -> [u8; 8] {
        cryptogram[0] ^= decision[0];
        cryptogram[1] ^= decision[1];
        tdes(&self.key, cryptogram)
    }
}
