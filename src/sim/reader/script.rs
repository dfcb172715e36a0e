//! What people do at the simulated reader, and what goes wrong, one line of words each.
//!
//! Owns the words. Unknown ones are refused with what is known.

use super::card::{Card, by_name, names};

/// What goes wrong with the next result of a card or a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its checksum is wrong.
    BadCrc,
    /// Only its first half is sent.
    Half,
    /// Noise before it.
    Noise,
    /// It is not sent.
    Silence,
    /// It is sent twice.
    Twice,
    /// One byte at a time.
    Drip,
    /// Its length is too long.
    LongLength,
    /// It is sent only when the host cancels, after the cancel's own reply.
    Late,
    /// The same, before the cancel's reply.
    LateFirst,
    /// The cable is pulled in the middle of it.
    Unplug,
    /// Its amount is another one.
    OtherAmount,
    /// Card data is not enciphered.
    Clear,
    /// The cipher of a PIN pad fails.
    Des,
}

const FAULTS: [(&str, Fault); 13] = [
    ("bad-crc", Fault::BadCrc),
    ("half", Fault::Half),
    ("noise", Fault::Noise),
    ("silence", Fault::Silence),
    ("twice", Fault::Twice),
    ("drip", Fault::Drip),
    ("long-length", Fault::LongLength),
    ("late", Fault::Late),
    ("late-first", Fault::LateFirst),
    ("unplug", Fault::Unplug),
    ("other-amount", Fault::OtherAmount),
    ("clear", Fault::Clear),
    ("des", Fault::Des),
];

/// State of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLife {
    /// Never loaded.
    Absent,
    /// Usable.
    Valid,
    /// No use left.
    UsedUp,
}

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Holds a card to the reader; it waits there for an activation.
    Tap(Card),
    /// Puts a card into the slot.
    Insert(Card),
    /// Draws a card through the slit; `fallback` after three bad chips.
    Swipe(Card),
    /// Takes the card away.
    Pull,
    /// Types a PIN and confirms.
    Pin(String),
    /// Presses cancel on the keypad.
    PinCancel,
    /// Types a part of a key into a PIN pad.
    Type([u8; 16]),
    /// Takes a PIN pad as it leaves its factory.
    Blank,
    /// Spoils the next result.
    Fault(Fault),
    /// Opens the reader's case.
    Tamper,
    /// Repairs it.
    Repair,
    /// Changes the key of card data.
    DataKey(KeyLife),
    /// Changes the key of PINs.
    PinKey(KeyLife),
    /// Pulls the cable.
    Unplug,
    /// Puts it back.
    Plug,
}

impl Act {
    /// Reads a line such as `tap debit`, `pin 1234` or `fault bad-crc`.
    ///
    /// # Errors
    /// What is known instead.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["tap", name] => card(name).map(Self::Tap),
            ["insert", name] => card(name).map(Self::Insert),
            ["swipe", name] => card(name).map(Self::Swipe),
            ["pull"] => Ok(Self::Pull),
            ["pin", "cancel"] => Ok(Self::PinCancel),
            ["pin", digits] if is_pin(digits) => Ok(Self::Pin(digits.to_owned())),
            ["pin", _] => Err("a PIN has 4 to 12 digits".to_owned()),
            ["type", digits] => part(digits).map(Self::Type),
            ["blank"] => Ok(Self::Blank),
            ["fault", name] => {
                let fault = FAULTS.iter().find(|row| row.0 == name);
                fault.map(|row| Self::Fault(row.1)).ok_or_else(|| {
                    let names: Vec<&str> = FAULTS.iter().map(|row| row.0).collect();
                    format!("faults are {}", names.join(", "))
                })
            }
            ["tamper"] => Ok(Self::Tamper),
            ["repair"] => Ok(Self::Repair),
            ["key", "data", life] => key(life).map(Self::DataKey),
            ["key", "pin", life] => key(life).map(Self::PinKey),
            ["unplug"] => Ok(Self::Unplug),
            ["plug"] => Ok(Self::Plug),
            _ => Err("say tap, insert or swipe CARD, pull, pin DIGITS, pin cancel, fault NAME, tamper, repair, \
                      key data|pin absent|valid|used-up, type HEX, blank, unplug or plug"
                .to_owned()),
        }
    }
}

fn is_pin(digits: &str) -> bool {
    (4..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn part(digits: &str) -> Result<[u8; 16], String> {
    let number = u128::from_str_radix(digits, 16).ok();
    let number = number.filter(|_| digits.len() == 32 && !digits.starts_with('+'));
    number
        .map(u128::to_be_bytes)
        .ok_or_else(|| "a part of a key has 32 hexadecimal digits".to_owned())
}

fn card(name: &str) -> Result<Card, String> {
    by_name(name).ok_or_else(names)
}

fn key(life: &str) -> Result<KeyLife, String> {
    match life {
        "absent" => Ok(KeyLife::Absent),
        "valid" => Ok(KeyLife::Valid),
        "used-up" => Ok(KeyLife::UsedUp),
        _ => Err("a key is absent, valid or used-up".to_owned()),
    }
}
