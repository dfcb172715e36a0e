//! Cards of the simulated world. All numbers are synthetic and pass the check digit; no such card was ever issued.

/// What the card decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Goes online and obeys the host.
    Good,
    /// Goes online and refuses at the end although the host approved.
    Refuses,
    /// Refuses at once (AAC).
    Declines,
    /// Approves by itself (TC).
    Offline,
    /// Has expired.
    Expired,
    /// Is torn away at the last step; the next tap works.
    Torn,
}

/// A card.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Word that names it in a script.
    pub name: &'static str,
    /// Its number.
    pub pan: &'static str,
    /// YYMM.
    pub expiry: &'static str,
    /// Application.
    pub aid: [u8; 8],
    /// The holder's PIN, which only the issuer checks.
    pub pin: &'static str,
    /// Verification at a tap: 00 none, 02 online PIN, 03 on the device.
    pub cvm: u8,
    /// Whether it is a credit card.
    pub credit: bool,
    /// What it decides.
    pub mood: Mood,
}

const fn aid(suffix: u8) -> [u8; 8] {
    [0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, suffix]
}

const DEBIT: Card = Card {
    name: "debit",
    pan: "6216261000000000018",
    expiry: "3012",
    aid: aid(1),
    pin: "123456",
    cvm: 2,
    credit: false,
    mood: Mood::Good,
};

/// The drawer. Numbers end in a check digit by ISO/IEC 7812-1.
pub const CARDS: [Card; 9] = [
    DEBIT,
    Card {
        name: "credit",
        pan: "6250948736102942",
        aid: aid(2),
        credit: true,
        ..DEBIT
    },
    // A phone: the holder was verified on it.
    Card {
        name: "phone",
        pan: "6216261000000000026",
        cvm: 3,
        ..DEBIT
    },
    Card {
        name: "expired",
        pan: "6216261000000000034",
        expiry: "2001",
        mood: Mood::Expired,
        ..DEBIT
    },
    Card {
        name: "declines",
        pan: "6216261000000000042",
        mood: Mood::Declines,
        ..DEBIT
    },
    Card {
        name: "offline",
        pan: "6216261000000000059",
        mood: Mood::Offline,
        ..DEBIT
    },
    Card {
        name: "refuses",
        pan: "6216261000000000067",
        mood: Mood::Refuses,
        ..DEBIT
    },
    Card {
        name: "torn",
        pan: "6216261000000000075",
        mood: Mood::Torn,
        ..DEBIT
    },
    // Its holder always types another PIN than this.
    Card {
        name: "wrong-pin",
        pan: "6216261000000000083",
        pin: "654321",
        ..DEBIT
    },
];

/// Finds a card by its name.
pub fn by_name(name: &str) -> Option<Card> {
    CARDS.into_iter().find(|card| card.name == name)
}

/// Says which names there are.
pub fn names() -> String {
    let names: Vec<&str> = CARDS.iter().map(|card| card.name).collect();
    format!("cards are {}", names.join(", "))
}

/// Finds a card by its number.
pub fn by_number(pan: &str) -> Option<Card> {
    CARDS.into_iter().find(|card| card.pan == pan)
}

/// Packs digits, `D` and `F` two a byte.
pub fn packed(text: &str) -> Vec<u8> {
    let half = |byte: u8| char::from(byte).to_digit(16).unwrap_or(15) as u8;
    let halves: Vec<u8> = text.bytes().map(half).collect();
    let pairs = halves.chunks(2);
    pairs
        .map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(15))
        .collect()
}

impl Card {
    /// Track 2 equivalent data in clear; leaves the reader enciphered only (or by a fault).
    pub fn track2(&self) -> Vec<u8> {
        packed(&format!("{}D{}2010000000000", self.pan, self.expiry))
    }

    /// The number with `C` for what nobody may see.
    pub fn masked(&self) -> Vec<u8> {
        let hidden = "C".repeat(self.pan.len() - 10);
        packed(&format!(
            "{}{hidden}{}",
            &self.pan[..6],
            &self.pan[self.pan.len() - 4..]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_right_check_digit_and_is_used_once() {
        for (index, card) in CARDS.iter().enumerate() {
            let sum: u32 = card
                .pan
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, byte)| {
                    let digit = u32::from(byte - b'0') << (at % 2);
                    digit / 10 + digit % 10
                })
                .sum();
            assert_eq!(sum % 10, 0, "{}", card.name);
            assert!(
                CARDS[..index].iter().all(|other| other.pan != card.pan),
                "{}",
                card.name
            );
        }
    }
}
