//! Session keys of the card host, and the MAC of a message.
//!
//! Owns one set of keys at a time, for the one terminal. They live in memory only: a host that was started anew
//! answers A0 until the terminal signs in.

use std::fs::File;
use std::io::Read;

use crate::sim::reader::keys::{MASTER, encipher, tdes};

/// A double-length key.
type Key = [u8; 16];

/// The keys of one sign-in.
pub struct Session {
    /// Of PIN blocks.
    pub pin: Key,
    mac: Key,
    data: Key,
}

impl Session {
    /// Makes fresh keys.
    pub fn fresh() -> Self {
        Self {
            pin: random(),
            mac: random(),
            data: random(),
        }
    }

    /// Field 62: each key under the master key of the simulated reader, with four bytes of its check value.
    pub fn wrapped(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for key in [&self.pin, &self.mac, &self.data] {
            for half in key.chunks(8) {
                let mut block = [0; 8];
                block.copy_from_slice(half);
                out.extend(tdes(&MASTER, block));
            }
            out.extend(&tdes(key, [0; 8])[..4]);
        }
        out
    }

    /// The MAC over the hexadecimal text of what it covers.
    pub fn mac(&self, covered: &[u8]) -> [u8; 8] {
        let text: String = covered.iter().map(|byte| format!("{byte:02X}")).collect();
        let chain = encipher(&self.mac, text.as_bytes());
        let mut last = [0; 8];
        last.copy_from_slice(&chain[chain.len() - 8..]);
        last
    }
}

/// Random bytes of odd parity, as DES keys are.
fn random() -> Key {
    let mut key = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut key))
        .expect("the system has random bytes");
    key.map(|byte| byte & 0xFE | u8::from((byte >> 1).count_ones().is_multiple_of(2)))
}
