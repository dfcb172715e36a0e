//! Which fields a request must have and may have, and what stands in them (the table of docs/CARDS.md).
//!
//! Owns the table. Every refusal names a field; nothing here looks at keys, cards or money.

use super::codec::Message;
use super::record::Wish;
use super::tlv::{self, Tags};

/// Fields that every message but the sign-in has.
const MONEY: [u8; 12] = [3, 4, 11, 22, 25, 41, 42, 49, 53, 60, 63, 64];
/// Tags that field 55 must have, with their longest values.
const CHIP: [(u32, usize); 12] = [
    (0x9F26, 8),
    (0x9F27, 1),
    (0x9F10, 32),
    (0x9F37, 4),
    (0x9F36, 2),
    (0x95, 5),
    (0x9A, 3),
    (0x9C, 1),
    (0x9F02, 6),
    (0x5F2A, 2),
    (0x82, 2),
    (0x9F1A, 2),
];
/// Tags that would tell a card's number, its tracks or its holder.
const SECRETS: [u32; 7] = [0x56, 0x57, 0x5A, 0x99, 0x5F20, 0x9F6B, 0x9F20];
const KSN: u32 = 0x00DF_EE12;

/// Card data of field 48, enciphered.
pub struct Sealed {
    /// Key serial number.
    pub ksn: Vec<u8>,
    /// Track 2 equivalent data.
    pub track2: Vec<u8>,
    /// The number, when the reader sent one.
    pub number: Option<Vec<u8>>,
}

/// A request whose form is right.
pub struct Checked {
    /// What it wants.
    pub wish: Wish,
    /// Its own batch and trace, twelve digits.
    pub place: String,
    /// Fen; 0 at a sign-in.
    pub amount: u64,
    /// Field 48, at a sale.
    pub sealed: Option<Sealed>,
    /// Field 55, at a sale.
    pub chip: Tags,
}

/// Checks a request.
///
/// # Errors
/// What is wrong, with the field's number.
pub fn check(message: &Message) -> Result<Checked, String> {
    let wish = wish(message)?;
    presence(message, wish)?;
    let batch = &message.text(60)[2..8];
    let mut checked = Checked {
        wish,
        place: format!("{batch}{}", message.text(11)),
        amount: 0,
        sealed: None,
        chip: Tags::new(),
    };
    if wish == Wish::SignIn {
        return Ok(checked);
    }
    constants(message, wish)?;
    checked.amount = message.text(4).parse().unwrap_or_default();
    if checked.amount == 0 {
        return Err("field 4: nothing is asked for".to_owned());
    }
    match wish {
        Wish::Sale => {
            checked.sealed = Some(sealed(message)?);
            checked.chip = chip(message)?;
        }
        Wish::Reversal if message.text(61) != checked.place => {
            return Err(
                "field 61: batch and trace are not those of fields 60 and 11, as the original had"
                    .to_owned(),
            );
        }
        Wish::Reversal | Wish::Void | Wish::Refund | Wish::SignIn => {}
    }
    Ok(checked)
}

fn wish(message: &Message) -> Result<Wish, String> {
    let kind = message.text(60);
    let rest = kind.get(8..).unwrap_or_default();
    match (message.mti.as_str(), kind.get(..2), rest) {
        ("0800", Some("00"), "004") => Ok(Wish::SignIn),
        ("0200", Some("22"), "00060") => Ok(Wish::Sale),
        ("0200", Some("23"), "00060") => Ok(Wish::Void),
        ("0220", Some("25"), "00060") => Ok(Wish::Refund),
        // A void and a refund are repeated until they are answered; only a sale is reversed.
        ("0400", Some("22"), "00060") => Ok(Wish::Reversal),
        ("0200" | "0220" | "0400" | "0800", _, _) => {
            Err(format!("field 60: {kind} does not go with {}", message.mti))
        }
        (other, _, _) => Err(format!("message type: {other} is not served")),
    }
}

fn presence(message: &Message, wish: Wish) -> Result<(), String> {
    let (more, optional): (&[u8], &[u8]) = match wish {
        Wish::SignIn => (&[], &[]),
        Wish::Sale => (&[48, 55], &[23, 26, 52]),
        Wish::Void | Wish::Refund => (&[37, 61], &[]),
        Wish::Reversal => (&[39, 61], &[23]),
    };
    let base: &[u8] = if wish == Wish::SignIn {
        &[11, 41, 42, 60]
    } else {
        &MONEY
    };
    let needed = || base.iter().chain(more);
    if let Some(field) = needed().find(|field| message.bytes(**field).is_none()) {
        return Err(format!("field {field}: it is missing"));
    }
    let strange = |field: &u8| !needed().chain(optional).any(|known| known == field);
    match message.numbers().find(strange) {
        Some(field) => Err(format!("field {field}: it does not belong there")),
        None => Ok(()),
    }
}

fn constants(message: &Message, wish: Wish) -> Result<(), String> {
    let pin = message.bytes(52).is_some();
    let back = matches!(wish, Wish::Void | Wish::Refund);
    let expect = |field: u8, good: &[&str]| {
        if good.contains(&message.text(field)) {
            return Ok(());
        }
        let text = message.text(field);
        let good = good.join(" or ");
        Err(format!("field {field}: it is {text}, not {good}"))
    };
    expect(3, &[if back { "200000" } else { "000000" }])?;
    expect(25, &["00"])?;
    expect(49, &["156"])?;
    match wish {
        Wish::Sale if pin => {
            expect(22, &["051", "071"])?;
            expect(26, &["12"])?;
            expect(53, &["2600000000000000"])?;
        }
        Wish::Sale => {
            if message.bytes(26).is_some() {
                return Err("field 26: it goes with field 52 only".to_owned());
            }
            expect(22, &["052", "072"])?;
            expect(53, &["0600000000000000"])?;
        }
        Wish::Void | Wish::Refund => {
            expect(22, &["012"])?;
            expect(53, &["0600000000000000"])?;
        }
        Wish::Reversal => {
            expect(22, &["051", "052", "071", "072"])?;
            expect(53, &["0600000000000000"])?;
            expect(39, &["98", "A0", "06"])?;
        }
        Wish::SignIn => {}
    }
    for (field, length) in [(60, 13), (61, 12)] {
        let text = message.text(field);
        if message.bytes(field).is_some() && text.len() != length {
            return Err(format!("field {field}: it has not {length} digits"));
        }
    }
    Ok(())
}

fn sealed(message: &Message) -> Result<Sealed, String> {
    let wrong = |why: &str| format!("field 48: {why}");
    let bytes = message.bytes(48).unwrap_or_default();
    let mut tags = tlv::read(bytes).map_err(|why| wrong(&why))?;
    let ksn = tags.remove(&KSN).filter(|ksn| ksn.len() == 10);
    let ksn = ksn.ok_or_else(|| wrong("DFEE12 of ten bytes is missing"))?;
    let track2 = tags.remove(&0x57);
    let track2 = track2.ok_or_else(|| wrong("57 is missing"))?;
    let number = tags.remove(&0x5A);
    let whole = |value: &Vec<u8>| !value.is_empty() && value.len().is_multiple_of(8);
    if !whole(&track2) || !number.iter().all(whole) {
        return Err(wrong("a ciphertext has blocks of eight bytes"));
    }
    match tags.keys().next() {
        Some(tag) => Err(wrong(&format!("{tag:X} does not belong there"))),
        None => Ok(Sealed {
            ksn,
            track2,
            number,
        }),
    }
}

fn chip(message: &Message) -> Result<Tags, String> {
    let wrong = |why: &str| format!("field 55: {why}");
    let bytes = message.bytes(55).unwrap_or_default();
    let tags = tlv::read(bytes).map_err(|why| wrong(&why))?;
    for (tag, length) in CHIP {
        let Some(value) = tags.get(&tag) else {
            return Err(wrong(&format!("{tag:X} is missing")));
        };
        let fits = value.len() == length || (tag == 0x9F10 && value.len() <= length);
        if !fits {
            return Err(wrong(&format!("{tag:X} has a wrong length")));
        }
    }
    if let Some(secret) = SECRETS.iter().find(|tag| tags.contains_key(tag)) {
        return Err(wrong(&format!("{secret:X} must not leave the reader")));
    }
    let hex = |tag: u32| -> String {
        let value = tags.get(&tag).map(Vec::as_slice).unwrap_or_default();
        value.iter().map(|byte| format!("{byte:02X}")).collect()
    };
    if hex(0x9F27) != "80" {
        return Err(wrong("9F27 is not 80, the card did not ask for the issuer"));
    }
    if hex(0x9F02) != message.text(4) {
        return Err(wrong("9F02 is not the amount of field 4"));
    }
    if hex(0x5F2A) != "0156" {
        return Err(wrong("5F2A is not 0156"));
    }
    Ok(tags)
}
