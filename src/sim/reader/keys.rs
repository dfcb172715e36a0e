//! Keys of the simulated reader: triple DES DUKPT (ANSI X9.24-1:2009) and PIN blocks (ISO 9564-1, format 0).
//!
//! Owns test keys that are printed in the standard. They protect nothing; the terminal has no such code.

use des::Des;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Base derivation key of the standard's examples.
const BASE: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];
/// Initial key serial number of the standard's examples.
const SERIAL: [u8; 10] = [0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0x00, 0x00];
/// Master key under which a host may load session keys; invented.
pub const MASTER: [u8; 16] = *b"\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF\x01";
/// Bits of the transaction counter.
const COUNTER: u32 = 0x1F_FFFF;
const KEY_MASK: [u8; 16] = *b"\xC0\xC0\xC0\xC0\0\0\0\0\xC0\xC0\xC0\xC0\0\0\0\0";

type Key = [u8; 16];

/// Single DES of one block, either way, under the first eight bytes of a key.
pub fn des(key: &[u8], block: [u8; 8], encrypt: bool) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&key[..8]);
    let cipher = Des::new(&bytes.into());
    let mut block = block.into();
    if encrypt {
        cipher.encrypt_block(&mut block);
    } else {
        cipher.decrypt_block(&mut block);
    }
    block.into()
}

/// Triple DES of one block under a key of two parts.
pub fn tdes(key: &Key, block: [u8; 8]) -> [u8; 8] {
    let once = des(&key[..8], block, true);
    des(&key[..8], des(&key[8..], once, false), true)
}

/// The inverse of `tdes`.
pub fn untdes(key: &Key, block: [u8; 8]) -> [u8; 8] {
    let once = des(&key[..8], block, false);
    des(&key[..8], des(&key[8..], once, true), false)
}

fn xor<const N: usize>(left: [u8; N], right: [u8; N]) -> [u8; N] {
    std::array::from_fn(|index| left[index] ^ right[index])
}

fn halves(key: &Key) -> ([u8; 8], [u8; 8]) {
    let (mut left, mut right) = ([0; 8], [0; 8]);
    left.copy_from_slice(&key[..8]);
    right.copy_from_slice(&key[8..]);
    (left, right)
}

fn join(left: [u8; 8], right: [u8; 8]) -> Key {
    std::array::from_fn(|index| {
        if index < 8 {
            left[index]
        } else {
            right[index - 8]
        }
    })
}

/// A key that changes with every use.
#[derive(Clone, Debug, Default)]
pub struct Dukpt {
    counter: u32,
}

impl Dukpt {
    /// Goes on to the next key; counters with more than ten one-bits are skipped.
    pub fn next(&mut self) {
        self.counter += 1;
        while self.counter.count_ones() > 10 {
            self.counter += 1;
        }
    }

    /// The key of a serial number, if it is this reader's and can be in use.
    pub fn at(ksn: &[u8]) -> Option<Self> {
        let [.., high, middle, low] = ksn else {
            return None;
        };
        let counter = u32::from_be_bytes([0, *high, *middle, *low]) & COUNTER;
        let used = counter > 0 && counter.count_ones() <= 10;
        (used && serial(counter)[..] == *ksn).then_some(Self { counter })
    }

    /// The first keys that the reader uses.
    pub fn first(count: usize) -> impl Iterator<Item = Self> {
        let following = |last: &Self| {
            let mut next = last.clone();
            next.next();
            Some(next)
        };
        std::iter::successors(following(&Self::default()), following).take(count)
    }

    /// Key serial number of the present key.
    pub fn ksn(&self) -> [u8; 10] {
        serial(self.counter)
    }

    fn key(&self) -> Key {
        let mut register = serial(0);
        let start = |register: &[u8; 10]| {
            let mut block = [0; 8];
            block.copy_from_slice(&register[..8]);
            block
        };
        // The initial key.
        let block = start(&register);
        let mut key = join(tdes(&BASE, block), tdes(&xor(BASE, KEY_MASK), block));
        // One step for every one-bit of the counter, from the highest.
        let mut reached = 0;
        for bit in (0..21).rev() {
            let mask = 1 << bit;
            if self.counter & mask == 0 {
                continue;
            }
            reached |= mask;
            register = serial(reached);
            let mut block = [0; 8];
            block.copy_from_slice(&register[2..]);
            key = step(&key, block);
        }
        key
    }

    /// The PIN key: a variant of the present key.
    pub fn pin_key(&self) -> Key {
        xor(self.key(), *b"\0\0\0\0\0\0\0\xFF\0\0\0\0\0\0\0\xFF")
    }

    /// The request's data key: a variant, enciphered under itself.
    pub fn data_key(&self) -> Key {
        let variant = xor(self.key(), *b"\0\0\0\0\0\xFF\0\0\0\0\0\0\0\xFF\0\0");
        let (left, right) = halves(&variant);
        join(tdes(&variant, left), tdes(&variant, right))
    }
}

fn serial(counter: u32) -> [u8; 10] {
    let mut serial = SERIAL;
    let counter = (counter & COUNTER).to_be_bytes();
    serial[7] |= counter[1];
    serial[8] = counter[2];
    serial[9] = counter[3];
    serial
}

/// Non-reversible key generation of the standard.
fn step(key: &Key, register: [u8; 8]) -> Key {
    let half = |key: &Key| {
        let (left, right) = halves(key);
        xor(des(&left, xor(register, right), true), right)
    };
    join(half(&xor(*key, KEY_MASK)), half(key))
}

/// Enciphers data in blocks, each chained to the one before, filled up with zeros (as ID TECH's readers do).
pub fn encipher(key: &Key, data: &[u8]) -> Vec<u8> {
    let mut last = [0; 8];
    let mut out = Vec::new();
    for piece in data.chunks(8) {
        let mut block = [0; 8];
        block[..piece.len()].copy_from_slice(piece);
        last = tdes(key, xor(block, last));
        out.extend(last);
    }
    out
}

/// The inverse of [`encipher`]; what it was filled up with stays.
pub fn decipher(key: &Key, data: &[u8]) -> Vec<u8> {
    let mut last = [0; 8];
    let mut out = Vec::new();
    for piece in data.chunks_exact(8) {
        let mut block = [0; 8];
        block.copy_from_slice(piece);
        out.extend(xor(untdes(key, block), last));
        last = block;
    }
    out
}

/// An enciphered PIN block of format 0.
pub fn pin_block(key: &Key, pin: &str, pan: &str) -> [u8; 8] {
    let packed = |text: &str| {
        let mut block = [0; 8];
        let digits: Vec<u8> = text
            .bytes()
            .map(|b| char::from(b).to_digit(16).unwrap_or(15) as u8)
            .collect();
        for (index, pair) in digits.chunks(2).take(8).enumerate() {
            block[index] = pair[0] << 4 | pair.get(1).copied().unwrap_or(15);
        }
        block
    };
    let pin = format!("{:02X}{pin:F<14}", pin.len());
    let end = pan.len() - 1;
    let account = format!("0000{}", &pan[end - 12..end]);
    tdes(key, xor(packed(&pin), packed(&account)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// ANSI X9.24-1:2009, annex A.4: PIN 1234, card number 4012345678909.
    #[test]
    fn the_standards_examples_come_out() {
        let mut dukpt = Dukpt::default();
        for expected in [
            "1B9C1845EB993A7A",
            "10A01C8D02C69107",
            "18DC07B94797B466",
            "0BC79509D5645DF7",
            "5BC0AF22AD87B327",
        ] {
            dukpt.next();
            assert_eq!(
                hex(&pin_block(&dukpt.pin_key(), "1234", "4012345678909")),
                expected
            );
        }
        assert_eq!(hex(&dukpt.ksn()), "FFFF9876543210E00005");
        let mut first = Dukpt::default();
        first.next();
        assert_eq!(
            hex(&encipher(&first.data_key(), b"4012345678909D987")),
            "FC0D53B7EA1FDA9EE68AAF2E70D9B9506229BE2AA993F04F"
        );
    }

    #[test]
    fn counters_with_more_than_ten_ones_are_skipped() {
        let mut dukpt = Dukpt { counter: 0x7FE };
        dukpt.next();
        assert_eq!(dukpt.counter, 0x800, "7FF has eleven");
        assert_eq!(untdes(&MASTER, tdes(&MASTER, [7; 8])), [7; 8]);
    }
}
