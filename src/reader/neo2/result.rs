//! The result of an activation (02-40): reader's bytes in, [`Tapped`] out. Pure.
//!
//! ```text
//! attribution(1) [DFEE12 KSN] [FFEE1F error] TLVs...
//! attribution: bits 4,3,0 source (000 contact, 001 contactless EMV, 101 contactless stripe, 01x swipe)
//!              bits 2,1 cipher (00 triple DES, 01 AES)    bit 7 stripe enciphered    bit 6 EMV enciphered
//! ```
//!
//! Owns the only way to a [`CardEvidence`]. It takes a whole result that is enciphered, names our amount, currency and
//! kind, and holds a cryptogram for going online. Anything else is told as what it is. Card data in clear
//! refuses the whole result; the frame is wiped by its owner. Stripes give no evidence at all.

use zeroize::Zeroizing;

use super::tags;
use crate::card::tlv::{Tag, Tlv, TlvError, put, split};
use crate::card::{CardEntry, CardEvidence, Cipher, Cvm, De55, Ksn, MaskError, MaskedPan, Sealed};
use crate::domain::{Currency, Money};

/// Templates inside templates that are looked into for clear data.
const DEPTH_MAX: usize = 4;

/// What an activation was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardTransaction {
    /// A purchase (tag 9C = 00).
    Sale,
    /// Money back to the card (20).
    Refund,
    /// What is on the card's account (31).
    Balance,
}

impl CardTransaction {
    /// Returns the value of tag 9C (ISO 8583 processing code, first two digits).
    pub const fn code(self) -> u8 {
        match self {
            Self::Sale => 0x00,
            Self::Refund => 0x20,
            Self::Balance => 0x31,
        }
    }
}

/// Why the reader gave up a card (first byte of FFEE1F).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardProblem {
    /// More than one card in the field.
    Collision,
    /// The amount is above the reader's limit for this card.
    OverLimit,
    /// The card was pulled away or did not answer: a torn tap or a bad contact.
    Communication,
    /// The card is blocked.
    Blocked,
    /// The card has expired.
    Expired,
    /// The reader knows no application of this card.
    Unsupported,
    /// The tap was torn at the last step; the same card must be shown again.
    Torn,
    /// Another code.
    Other(u8),
}

impl CardProblem {
    const fn from_code(code: u8) -> Self {
        match code {
            0x21 => Self::Collision,
            0x22 => Self::OverLimit,
            0x24 | 0x30 => Self::Communication,
            0x25 => Self::Blocked,
            0x26 => Self::Expired,
            0x27 => Self::Unsupported,
            0x73 => Self::Torn,
            other => Self::Other(other),
        }
    }
}

/// What became of a card at the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tapped {
    /// It wants the host's decision (ARQC).
    Online(Box<CardEvidence>),
    /// The card or the reader refused (AAC).
    Declined,
    /// The card approved by itself (TC). Not taken: this terminal sells nothing offline.
    ApprovedOffline,
    /// A stripe was read. Not taken: insert or tap the chip.
    Stripe,
    /// The reader could not work with the card.
    Problem(CardProblem),
}

/// Why a result is not believed. Names tags, never values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    /// Card data that could be read.
    #[error("the reader sent card data in clear (tag {0}); it must be set up to encipher")]
    Clear(Tag),
    /// Bad TLV data.
    #[error(transparent)]
    Tlv(#[from] TlvError),
    /// A tag is not there.
    #[error("the reader's result lacks tag {0}")]
    Missing(Tag),
    /// A tag has a wrong length or value.
    #[error("tag {0} of the reader's result is malformed")]
    Malformed(Tag),
    /// A tag stands twice.
    #[error("tag {0} stands twice in the reader's result")]
    Twice(Tag),
    /// The result belongs to something else.
    #[error("tag {0} of the reader's result is not what was asked for")]
    Unbound(Tag),
    /// No byte at all.
    #[error("the reader's result is empty")]
    Empty,
}

/// A result's items of the first level, and how they are enciphered.
struct Items<'a> {
    all: Vec<Tlv<'a>>,
    cipher: Option<Cipher>,
    enciphered: bool,
}

impl<'a> Items<'a> {
    fn get(&self, tag: Tag) -> Option<&'a [u8]> {
        let item = self.all.iter().find(|item| item.tag == tag)?;
        Some(item.value)
    }

    fn need(&self, tag: Tag) -> Result<&'a [u8], ResultError> {
        self.get(tag).ok_or(ResultError::Missing(tag))
    }

    fn mask(&self) -> Result<Option<MaskedPan>, ResultError> {
        let tag = [tags::MASKED_PAN, tags::MASKED_TRACK2]
            .into_iter()
            .find(|tag| self.get(*tag).is_some());
        let Some(tag) = tag else {
            return Ok(None);
        };
        match MaskedPan::from_packed(self.need(tag)?) {
            Ok(mask) => Ok(Some(mask)),
            Err(MaskError::Clear) => Err(ResultError::Clear(tag)),
            Err(MaskError::Malformed) => Err(ResultError::Malformed(tag)),
        }
    }

    fn ksn(&self) -> Result<Option<Ksn>, ResultError> {
        let Some(bytes) = self.get(tags::KSN) else {
            return Ok(None);
        };
        let ksn = Ksn::from_bytes(bytes).ok_or(ResultError::Malformed(tags::KSN))?;
        let fits = self
            .cipher
            .is_some_and(|cipher| cipher.ksn() == bytes.len());
        if fits {
            Ok(Some(ksn))
        } else {
            Err(ResultError::Malformed(tags::KSN))
        }
    }
}

/// Reads the data of a result of an activation of `amount` for `kind`.
///
/// # Errors
/// [`ResultError`]: the result is not believed, and nothing of it is kept.
pub fn read_result(
    data: &[u8],
    amount: Money,
    kind: CardTransaction,
) -> Result<Tapped, ResultError> {
    let Some((attribution, rest)) = data.split_first() else {
        return Err(ResultError::Empty);
    };
    let entry = match attribution & 0b1_1001 {
        0b0_0000 => CardEntry::Contact,
        0b0_0001 => CardEntry::Contactless,
        // Contactless stripe, swipe, or a source that is not in the guide.
        _ => return Ok(Tapped::Stripe),
    };
    let items = Items {
        all: split(rest)?,
        cipher: match (attribution >> 1) & 0b11 {
            0 => Some(Cipher::Tdes),
            1 => Some(Cipher::Aes),
            _ => None,
        },
        enciphered: attribution & 0x40 != 0,
    };
    twice(&items.all)?;
    let mask = items.mask()?;
    let ksn = items.ksn()?;
    refuse_clear(&items.all, &items, (mask, ksn), DEPTH_MAX)?;
    if let Some(problem) = problem(&items)? {
        return Ok(problem);
    }
    match items.need(tags::CRYPTOGRAM_INFORMATION)? {
        [information] => match information >> 6 {
            0 => Ok(Tapped::Declined),
            1 => Ok(Tapped::ApprovedOffline),
            2 => evidence(&items, entry, amount, kind).map(|card| Tapped::Online(Box::new(card))),
            _ => Err(ResultError::Malformed(tags::CRYPTOGRAM_INFORMATION)),
        },
        _ => Err(ResultError::Malformed(tags::CRYPTOGRAM_INFORMATION)),
    }
}

fn twice(items: &[Tlv<'_>]) -> Result<(), ResultError> {
    for (index, item) in items.iter().enumerate() {
        if items[..index].iter().any(|earlier| earlier.tag == item.tag) {
            return Err(ResultError::Twice(item.tag));
        }
    }
    Ok(())
}

/// Says what FFEE1F tells, unless it is "go online".
fn problem(items: &Items<'_>) -> Result<Option<Tapped>, ResultError> {
    match items.get(tags::ERROR) {
        None | Some([0x23, ..]) => Ok(None),
        // 42: the card gave AAC; it is a decision and no failure.
        Some([0x42, ..]) => Ok(Some(Tapped::Declined)),
        Some([code, ..]) => Ok(Some(Tapped::Problem(CardProblem::from_code(*code)))),
        Some([]) => Err(ResultError::Malformed(tags::ERROR)),
    }
}

/// Refuses sensitive items that are not enciphered, also inside templates.
fn refuse_clear(
    list: &[Tlv<'_>],
    whole: &Items<'_>,
    keys: (Option<MaskedPan>, Option<Ksn>),
    depth: usize,
) -> Result<(), ResultError> {
    for item in list {
        if tags::SENSITIVE.contains(&item.tag) && !is_sealed(*item, whole, keys) {
            return Err(ResultError::Clear(item.tag));
        }
        let is_template = item.tag.bytes()[0] & 0x20 != 0 && item.tag != tags::ERROR;
        if is_template {
            if depth == 0 {
                return Err(ResultError::Malformed(item.tag));
            }
            refuse_clear(&split(item.value)?, whole, keys, depth - 1)?;
        }
    }
    Ok(())
}

fn is_sealed(item: Tlv<'_>, whole: &Items<'_>, keys: (Option<MaskedPan>, Option<Ksn>)) -> bool {
    let (Some(cipher), (mask, Some(_)), true) = (whole.cipher, keys, whole.enciphered) else {
        return false;
    };
    let blocks = !item.value.is_empty() && item.value.len().is_multiple_of(cipher.block());
    if item.tag == tags::PIN_DATA {
        return blocks && whole.get(tags::PIN_KSN).is_some();
    }
    blocks && !is_readable(item.value, mask)
}

/// A flag may lie: says whether the bytes can be read as a number, a track or a text.
fn is_readable(value: &[u8], mask: Option<MaskedPan>) -> bool {
    // What is looked at may be a number in clear.
    let halves: Vec<u8> = value.iter().flat_map(|b| [b >> 4, b & 15]).collect();
    let halves = Zeroizing::new(halves);
    let is_number = mask.map_or_else(|| is_luhn(&halves), |mask| mask.is_mask_of(&halves));
    let is_text = value
        .iter()
        .all(|byte| (b' '..=b'~').contains(byte) || *byte == 0);
    is_number || is_text
}

/// A number of 12 to 19 digits up to a separator or padding whose check digit is right (ISO/IEC 7812-1, annex B).
fn is_luhn(halves: &[u8]) -> bool {
    let length = halves.iter().take_while(|digit| **digit <= 9).count();
    if !(12..=19).contains(&length) {
        return false;
    }
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = halves[..length]
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            u32::from(if index % 2 == 1 {
                doubled(*digit)
            } else {
                *digit
            })
        })
        .sum();
    sum.is_multiple_of(10)
}

fn evidence(
    items: &Items<'_>,
    entry: CardEntry,
    amount: Money,
    kind: CardTransaction,
) -> Result<CardEvidence, ResultError> {
    bound(items, tags::AMOUNT, &packed_amount(amount))?;
    bound(items, tags::CURRENCY, &currency_code(amount.currency()))?;
    bound(items, tags::TRANSACTION_TYPE, &[kind.code()])?;
    if items
        .get(tags::RESULT_CODE)
        .is_some_and(|code| code != [0, 4])
    {
        return Err(ResultError::Malformed(tags::RESULT_CODE));
    }
    let said = match items.need(tags::ENTRY_MODE)? {
        [0x05] => CardEntry::Contact,
        [0x07] => CardEntry::Contactless,
        _ => return Err(ResultError::Malformed(tags::ENTRY_MODE)),
    };
    if said != entry {
        return Err(ResultError::Unbound(tags::ENTRY_MODE));
    }
    let sequence = match items.get(tags::SEQUENCE) {
        None => None,
        Some([number]) => Some(*number),
        Some(_) => return Err(ResultError::Malformed(tags::SEQUENCE)),
    };
    let cvm = match items.get(tags::CVM_DONE) {
        Some([0]) => Cvm::None,
        Some([1]) => Cvm::Signature,
        Some([2]) => Cvm::OnlinePin,
        Some([3]) => Cvm::Device,
        None | Some(_) => Cvm::Unsaid,
    };
    Ok(CardEvidence {
        entry,
        masked: items
            .mask()?
            .ok_or(ResultError::Missing(tags::MASKED_PAN))?,
        track2: Sealed::new(items.need(tags::TRACK2)?),
        pan: items.get(tags::PAN).map(Sealed::new),
        cipher: items.cipher.ok_or(ResultError::Missing(tags::KSN))?,
        ksn: items.ksn()?.ok_or(ResultError::Missing(tags::KSN))?,
        de55: de55(items)?,
        sequence,
        cvm,
        amount,
    })
}

fn bound(items: &Items<'_>, tag: Tag, expected: &[u8]) -> Result<(), ResultError> {
    if items.need(tag)? == expected {
        Ok(())
    } else {
        Err(ResultError::Unbound(tag))
    }
}

fn de55(items: &Items<'_>) -> Result<De55, ResultError> {
    let mut out = Vec::new();
    for (tag, fewest, most, needed) in tags::DE55 {
        match items.get(tag) {
            Some(value) if (fewest..=most).contains(&value.len()) => put(&mut out, tag, value),
            Some(_) => return Err(ResultError::Malformed(tag)),
            None if needed => return Err(ResultError::Missing(tag)),
            None => {}
        }
    }
    Ok(De55::new(out))
}

/// Twelve digits, two a byte (EMV format n12).
pub(super) fn packed_amount(amount: Money) -> [u8; 6] {
    let mut rest = amount.minor();
    let mut packed = [0; 6];
    for byte in packed.iter_mut().rev() {
        let two = u8::try_from(rest % 100).unwrap_or_default();
        *byte = (two / 10) << 4 | (two % 10);
        rest /= 100;
    }
    packed
}

/// Three digits, two a byte (ISO 4217 numeric; for China also ISO 3166).
pub(super) fn currency_code(currency: Currency) -> [u8; 2] {
    let code = currency.numeric();
    let digit = |by: u16| u8::try_from(code / by % 10).unwrap_or_default();
    [digit(100), digit(10) << 4 | digit(1)]
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
