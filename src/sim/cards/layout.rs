//! Which fields a request must have and may have, and what stands in them (the table of docs/CARDS.md).
//!
//! Owns the tables. Every refusal names a field; nothing here looks at keys, cards or money.

use super::batch::{ROW_DIGITS, TOTAL_DIGITS};
use super::codec::Message;
use super::record::Wish;
use super::tlv::{self, Tags};

/// Fields of a message that moves money.
const MONEY: [u8; 12] = [3, 4, 11, 22, 25, 41, 42, 49, 53, 60, 63, 64];
/// The same of one that only asks.
const QUESTION: [u8; 11] = [3, 11, 22, 25, 41, 42, 49, 53, 60, 63, 64];
/// Of one about a batch.
const BATCH: [u8; 7] = [11, 41, 42, 48, 49, 60, 64];
/// Of one about the session.
const SESSION: [u8; 4] = [11, 41, 42, 60];
/// Records of one upload.
const ROWS_MAX: usize = 20;
/// Type, field 60.1, what follows the batch in field 60; then what is wanted, and what a reversal undoes.
const KINDS: [(&str, &str, &str, Wish, Wish); 17] = [
    ("0800", "00", "004", Wish::SignIn, Wish::SignIn),
    ("0820", "00", "002", Wish::SignOut, Wish::SignOut),
    ("0800", "00", "394", Wish::Parameters, Wish::Parameters),
    ("0100", "10", "00060", Wish::Hold, Wish::Hold),
    ("0100", "11", "00060", Wish::HoldVoid, Wish::HoldVoid),
    ("0200", "01", "00060", Wish::Balance, Wish::Balance),
    ("0200", "20", "00060", Wish::Completion, Wish::Completion),
    (
        "0200",
        "21",
        "00060",
        Wish::CompletionVoid,
        Wish::CompletionVoid,
    ),
    ("0200", "22", "00060", Wish::Sale, Wish::Sale),
    ("0200", "23", "00060", Wish::Void, Wish::Void),
    ("0220", "25", "00060", Wish::Refund, Wish::Refund),
    // Voids and refunds are repeated until they are answered; they are not reversed.
    ("0400", "10", "00060", Wish::Reversal, Wish::Hold),
    ("0400", "20", "00060", Wish::Reversal, Wish::Completion),
    ("0400", "22", "00060", Wish::Reversal, Wish::Sale),
    ("0500", "00", "201", Wish::Settlement, Wish::Settlement),
    ("0320", "00", "201", Wish::Upload, Wish::Upload),
    ("0320", "00", "202", Wish::UploadEnd, Wish::UploadEnd),
];
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
    /// What a reversal undoes; the same as the wish for every other message.
    pub undoes: Wish,
    /// Its own batch and trace, twelve digits.
    pub place: String,
    /// Fen; 0 where none are asked for.
    pub amount: u64,
    /// Field 48, when a card was there.
    pub sealed: Option<Sealed>,
    /// Field 55, when a card was there.
    pub chip: Tags,
}

/// Checks a request.
///
/// # Errors
/// What is wrong, with the field's number.
pub fn check(message: &Message) -> Result<Checked, String> {
    let (wish, undoes) = wish(message)?;
    presence(message, wish, undoes)?;
    let batch = &message.text(60)[2..8];
    let mut checked = Checked {
        wish,
        undoes,
        place: format!("{batch}{}", message.text(11)),
        amount: message.text(4).parse().unwrap_or_default(),
        sealed: None,
        chip: Tags::new(),
    };
    match wish {
        Wish::SignIn | Wish::SignOut | Wish::Parameters => return Ok(checked),
        Wish::Settlement | Wish::Upload | Wish::UploadEnd => {
            end_of_batch(message, wish)?;
            return Ok(checked);
        }
        Wish::Sale
        | Wish::Hold
        | Wish::Completion
        | Wish::Void
        | Wish::HoldVoid
        | Wish::CompletionVoid
        | Wish::Refund
        | Wish::Reversal
        | Wish::Balance => constants(message, wish, undoes)?,
    }
    if checked.amount == 0 && wish != Wish::Balance {
        return Err("field 4: nothing is asked for".to_owned());
    }
    if wish == Wish::Reversal && message.text(61) != checked.place {
        return Err(
            "field 61: batch and trace are not those of fields 60 and 11, as the original had"
                .to_owned(),
        );
    }
    if matches!(wish, Wish::Sale | Wish::Hold | Wish::Balance) {
        checked.sealed = Some(sealed(message)?);
        checked.chip = chip(message, checked.amount)?;
    }
    Ok(checked)
}

fn wish(message: &Message) -> Result<(Wish, Wish), String> {
    let mti = message.mti.as_str();
    let kind = message.text(60);
    let rest = kind.get(8..).unwrap_or_default();
    let of_type = || KINDS.iter().filter(|row| row.0 == mti);
    let found = of_type().find(|row| kind.get(..2) == Some(row.1) && rest == row.2);
    if let Some((_, _, _, wish, undoes)) = found {
        return Ok((*wish, *undoes));
    }
    Err(if of_type().next().is_some() {
        format!("field 60: {kind} does not go with {mti}")
    } else {
        format!("message type: {mti} is not served")
    })
}

fn presence(message: &Message, wish: Wish, undoes: Wish) -> Result<(), String> {
    let (base, more, optional): (&[u8], &[u8], &[u8]) = match wish {
        Wish::SignIn | Wish::SignOut | Wish::Parameters => (&SESSION, &[], &[]),
        Wish::Settlement | Wish::Upload | Wish::UploadEnd => (&BATCH, &[], &[]),
        Wish::Sale => (&MONEY, &[48, 55], &[23, 26, 52]),
        Wish::Hold => (&MONEY, &[26, 48, 52, 55], &[23]),
        Wish::Balance => (&QUESTION, &[26, 48, 52, 55], &[23]),
        Wish::Void | Wish::CompletionVoid | Wish::Refund => (&MONEY, &[37, 61], &[]),
        Wish::HoldVoid | Wish::Completion => (&MONEY, &[37, 38, 61], &[]),
        // No card was there at a completion.
        Wish::Reversal if undoes == Wish::Completion => (&MONEY, &[39, 61], &[]),
        Wish::Reversal => (&MONEY, &[39, 61], &[23]),
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

fn expect(message: &Message, field: u8, good: &[&str]) -> Result<(), String> {
    let text = message.text(field);
    if good.contains(&text) {
        return Ok(());
    }
    let good = good.join(" or ");
    Err(format!("field {field}: it is {text}, not {good}"))
}

fn constants(message: &Message, wish: Wish, undoes: Wish) -> Result<(), String> {
    let expect = |field: u8, good: &[&str]| expect(message, field, good);
    let pin = message.bytes(52).is_some();
    let held = matches!(
        undoes,
        Wish::Hold | Wish::HoldVoid | Wish::Completion | Wish::CompletionVoid
    );
    let code = match undoes {
        Wish::Hold => "030000",
        Wish::Balance => "310000",
        Wish::Void | Wish::HoldVoid | Wish::CompletionVoid | Wish::Refund => "200000",
        Wish::Sale
        | Wish::Completion
        | Wish::Reversal
        | Wish::SignIn
        | Wish::SignOut
        | Wish::Parameters
        | Wish::Settlement
        | Wish::Upload
        | Wish::UploadEnd => "000000",
    };
    expect(3, &[code])?;
    expect(25, &[if held { "06" } else { "00" }])?;
    expect(49, &["156"])?;
    if pin {
        expect(26, &["12"])?;
    } else if message.bytes(26).is_some() {
        return Err("field 26: it goes with field 52 only".to_owned());
    }
    let entries: &[&str] = match undoes {
        Wish::Sale if wish == Wish::Reversal => &["051", "052", "071", "072"],
        Wish::Sale if !pin => &["052", "072"],
        Wish::Sale | Wish::Hold | Wish::Balance => &["051", "071"],
        Wish::Completion
        | Wish::Void
        | Wish::HoldVoid
        | Wish::CompletionVoid
        | Wish::Refund
        | Wish::Reversal
        | Wish::SignIn
        | Wish::SignOut
        | Wish::Parameters
        | Wish::Settlement
        | Wish::Upload
        | Wish::UploadEnd => &["012"],
    };
    expect(22, entries)?;
    expect(
        53,
        &[if pin {
            "2600000000000000"
        } else {
            "0600000000000000"
        }],
    )?;
    if wish == Wish::Reversal {
        expect(39, &["98", "A0", "06"])?;
    }
    if message.bytes(61).is_some() && message.text(61).len() != 12 {
        return Err("field 61: it has not 12 digits".to_owned());
    }
    Ok(())
}

/// Totals or records: digits, as many as they say.
fn end_of_batch(message: &Message, wish: Wish) -> Result<(), String> {
    expect(message, 49, &["156"])?;
    let wrong = |why: &str| Err(format!("field 48: {why}"));
    let text = message.text(48);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("it has digits only");
    }
    if wish == Wish::Settlement {
        let whole = text.len() == 2 * TOTAL_DIGITS;
        return if whole {
            Ok(())
        } else {
            wrong("the totals of cards of this country and of foreign ones have 60 digits")
        };
    }
    let most = if wish == Wish::Upload { ROWS_MAX } else { 0 };
    let count: Option<usize> = text.get(..2).and_then(|count| count.parse().ok());
    match count {
        Some(count) if count > most => wrong(&format!("at most {most} records fit here")),
        Some(count) if text.len() == 2 + count * ROW_DIGITS => Ok(()),
        Some(_) | None => wrong("it has not as many records as it says"),
    }
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

fn chip(message: &Message, amount: u64) -> Result<Tags, String> {
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
    if hex(0x9F02) != format!("{amount:012}") {
        return Err(wrong("9F02 is not the amount of field 4, or of nothing"));
    }
    if hex(0x5F2A) != "0156" {
        return Err(wrong("5F2A is not 0156"));
    }
    Ok(tags)
}
