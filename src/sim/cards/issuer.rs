//! The issuer behind the card host: opens the card data, and decides about card, expiry, cryptogram and PIN.
//!
//! Owns what is on each account, and the only place where a number is in clear. It is compared and forgotten; what is
//! kept is six and four digits. Its cards are the simulated reader's, and its keys are printed in a standard.

use sha2::{Digest, Sha256};

use super::keys::Session;
use super::layout::{Checked, Sealed};
use crate::sim::clock::{now_ms, wire_time};
use crate::sim::reader::card::{Card, by_number};
use crate::sim::reader::keys::{Dukpt, decipher, pin_block};

/// So many PIN keys of a DUKPT reader are tried: no field carries the serial number of a PIN.
const PIN_KEYS: usize = 200;

/// What is free on each account, by the card's name: `C` is the holder's money, `D` is owed to the bank.
const BALANCES: [(&str, char, u64); 9] = [
    ("debit", 'C', 1_234_567),
    ("credit", 'C', 5_000_000),
    ("phone", 'C', 88_888),
    ("expired", 'C', 10_000),
    ("declines", 'C', 0),
    ("offline", 'C', 20_000),
    ("refuses", 'C', 30_000),
    ("torn", 'C', 999_999_999_999),
    ("wrong-pin", 'D', 4_200),
];

/// What is kept of a card.
pub struct Seen {
    /// Six and four digits.
    pub masked: String,
    /// `debit` or `credit`.
    pub funding: &'static str,
}

/// A card as the issuer finds it.
pub struct Presented {
    card: Option<Card>,
    expiry: String,
    /// What may be kept.
    pub seen: Seen,
}

/// Opens field 48.
///
/// # Errors
/// What is wrong, with the field's number.
pub fn open(sealed: &Sealed) -> Result<Presented, String> {
    let wrong = |why: &str| format!("field 48: {why}");
    let key = Dukpt::at(&sealed.ksn)
        .ok_or_else(|| wrong("DFEE12 is not a serial number of this reader"))?
        .data_key();
    let hex = |bytes: &[u8]| -> String {
        let clear = decipher(&key, bytes);
        clear.iter().map(|byte| format!("{byte:02X}")).collect()
    };
    let is_number = |text: &str| {
        (13..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let track = hex(&sealed.track2);
    let (pan, rest) = track
        .split_once('D')
        .filter(|(pan, rest)| is_number(pan) && rest.len() >= 4)
        .ok_or_else(|| wrong("57 does not open"))?;
    if let Some(number) = &sealed.number {
        let number = hex(number);
        let tail = number.strip_prefix(pan);
        let filled = tail.is_some_and(|tail| tail.bytes().all(|byte| matches!(byte, b'0' | b'F')));
        if !filled {
            return Err(wrong("5A is another number than 57"));
        }
    }
    let card = by_number(pan);
    let credit = card.is_some_and(|card| card.credit);
    Ok(Presented {
        card,
        expiry: rest[..4].to_owned(),
        seen: Seen {
            masked: format!("{}******{}", &pan[..6], &pan[pan.len() - 4..]),
            funding: if credit { "credit" } else { "debit" },
        },
    })
}

impl Presented {
    /// Field 54: what is free on the account (amount type 02). A sandbox's trades do not change it, because books that
    /// keep no number cannot tell accounts apart.
    pub fn balance(&self) -> String {
        let account = if self.seen.funding == "credit" {
            "30"
        } else {
            "10"
        };
        let name = self.card.map_or("", |card| card.name);
        let row = BALANCES.iter().find(|(of, _, _)| *of == name);
        let (sign, fen) = row.map_or(('C', 0), |(_, sign, fen)| (*sign, *fen));
        format!("{account}02156{sign}{fen:012}")
    }

    /// Returns why the issuer declines, if it does.
    pub fn declined(&self, checked: &Checked, pin: Option<&[u8]>, keys: &Session) -> Option<&str> {
        let Some(card) = self.card else {
            return Some("14");
        };
        if self.expiry.as_str() < &wire_time(now_ms())[2..6] {
            return Some("54");
        }
        let value = |tag| checked.chip.get(&tag).map(Vec::as_slice);
        let parts = [Some(card.pan.as_bytes()), value(0x9F36), value(0x9F02)];
        let text: Vec<u8> = parts.into_iter().flatten().flatten().copied().collect();
        if value(0x9F26) != Some(&Sha256::digest(text)[..8]) {
            return Some("05");
        }
        let right = |pin: &[u8]| {
            let under = |key| pin_block(&key, card.pin, card.pan) == *pin;
            under(keys.pin) || Dukpt::first(PIN_KEYS).any(|next| under(next.pin_key()))
        };
        pin.is_some_and(|pin| !right(pin)).then_some("55")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::reader::card::CARDS;

    #[test]
    fn every_card_has_an_account() {
        let named = CARDS.map(|card| card.name);
        assert_eq!(named, BALANCES.map(|(name, _, _)| name));
    }
}
