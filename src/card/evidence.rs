//! What a card reader may tell about a card: ciphertext, its key serial number, EMV data, a masked number.
//!
//! Owns these types and their rules. There is no type here for a clear card number, a clear track or a PIN; nothing of
//! the reader's data gets past `neo2::result` without being one of these. `Debug` and `Display` show masked data,
//! lengths and key serial numbers only.

use std::fmt;

use zeroize::Zeroizing;

use super::tlv::{Tag, split};
use crate::domain::Money;

/// Most digits shown at the beginning of a card number (PCI DSS 3.4.1; the project's rule is six and four).
const FIRST_MAX: usize = 6;
/// Most digits shown at its end.
const LAST_MAX: usize = 4;
/// Digits of a card number (ISO/IEC 7812).
const PAN_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
const MASK: u8 = 0xC;
const PAD: u8 = 0xF;
const SEPARATOR: u8 = 0xD;

/// A card number of which at most the first six and the last four digits are there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaskedPan {
    /// Half-bytes, as many as digits: 0 to 9, or [`MASK`].
    digits: [u8; 19],
    length: u8,
}

/// A masked card number shows too much, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// More digits can be read than may be.
    #[error("the masked card number shows more than six and four digits")]
    Clear,
    /// Not a masked number.
    #[error("the masked card number is malformed")]
    Malformed,
}

impl MaskedPan {
    /// Reads tag DFEF5B or the beginning of DFEF5D: half-bytes, `C` for a hidden digit, `F` after the last of an odd
    /// number, `D` before what follows the number on a track.
    ///
    /// # Errors
    /// [`MaskError`]; the value is not kept.
    pub fn from_packed(bytes: &[u8]) -> Result<Self, MaskError> {
        let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        // What claims to be masked may be in clear.
        let mut halves: Zeroizing<Vec<u8>> =
            Zeroizing::new(halves.take_while(|half| *half != SEPARATOR).collect());
        if halves.last() == Some(&PAD) {
            halves.pop();
        }
        Self::from_halves(&halves)
    }

    fn from_halves(halves: &[u8]) -> Result<Self, MaskError> {
        let known = halves.iter().all(|half| *half <= 9 || *half == MASK);
        if !known || !PAN_DIGITS.contains(&halves.len()) {
            return Err(MaskError::Malformed);
        }
        let hidden = halves.iter().filter(|half| **half == MASK).count();
        let first = halves.iter().take_while(|half| **half <= 9).count();
        let last = halves.iter().rev().take_while(|half| **half <= 9).count();
        if hidden == 0 || first > FIRST_MAX || last > LAST_MAX {
            return Err(MaskError::Clear);
        }
        if first + hidden + last != halves.len() {
            return Err(MaskError::Malformed);
        }
        let mut digits = [0; 19];
        digits[..halves.len()].copy_from_slice(halves);
        let length = u8::try_from(halves.len()).map_err(|_| MaskError::Malformed)?;
        Ok(Self { digits, length })
    }

    /// Reads what `Display` writes: digits, `*` for a hidden one.
    ///
    /// # Errors
    /// [`MaskError`]; the text is not kept.
    pub fn from_text(text: &str) -> Result<Self, MaskError> {
        let half = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'*' => Ok(MASK),
            _ => Err(MaskError::Malformed),
        };
        let mut halves: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::new());
        for byte in text.bytes().take(PAN_DIGITS.end() + 1) {
            halves.push(half(byte)?);
        }
        Self::from_halves(&halves)
    }

    fn halves(&self) -> &[u8] {
        &self.digits[..usize::from(self.length)]
    }

    /// Says whether these half-bytes are this card's number in clear.
    pub(crate) fn is_mask_of(&self, halves: &[u8]) -> bool {
        let own = self.halves();
        let pairs = own.iter().zip(halves);
        halves.len() >= own.len()
            && pairs.clone().all(|(_, half)| *half <= 9)
            && pairs
                .into_iter()
                .all(|(own, half)| *own == MASK || own == half)
    }
}

impl fmt::Display for MaskedPan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.halves().iter().try_for_each(|half| match half {
            0..=9 => write!(f, "{half}"),
            _ => f.write_str("*"),
        })
    }
}

impl fmt::Debug for MaskedPan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How the reader enciphers card data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// Triple DES, blocks of 8 bytes.
    Tdes,
    /// AES, blocks of 16 bytes.
    Aes,
}

impl Cipher {
    /// Returns the bytes of a block.
    pub const fn block(self) -> usize {
        match self {
            Self::Tdes => 8,
            Self::Aes => 16,
        }
    }

    /// Returns the bytes of a key serial number (ANSI X9.24-1 and X9.24-3).
    pub const fn ksn(self) -> usize {
        match self {
            Self::Tdes => 10,
            Self::Aes => 12,
        }
    }
}

/// A key serial number: 10 bytes for triple DES, 12 for AES. Not secret; the host derives the key with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ksn {
    bytes: [u8; 12],
    length: u8,
}

impl Ksn {
    /// Reads 10 or 12 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let length = match bytes.len() {
            10 => 10,
            12 => 12,
            _ => return None,
        };
        let mut all = [0; 12];
        all[..bytes.len()].copy_from_slice(bytes);
        Some(Self { bytes: all, length })
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Display for Ksn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Ksn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Ciphertext made in the reader. We never hold the key; wiped when dropped all the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Zeroizing<Vec<u8>>);

impl Sealed {
    /// Keeps ciphertext; the caller has checked that it is some.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Returns the ciphertext, for a message to the host.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// An enciphered PIN block: 8 bytes (triple DES) or 16 (AES), made in the reader.
#[derive(Clone, PartialEq, Eq)]
pub struct PinBlock(Sealed);

impl PinBlock {
    /// Keeps 8 or 16 bytes.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 8 | 16).then(|| Self(Sealed::new(bytes)))
    }

    /// Returns the block, for a message to the host.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinBlock({} bytes)", self.bytes().len())
    }
}

/// How the card met the reader (tag 9F39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardEntry {
    /// The chip, inserted (05).
    Contact,
    /// The chip, tapped (07).
    Contactless,
}

/// Whether the holder was verified, as the reader says (tag DF52).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cvm {
    /// Not at all.
    None,
    /// By signature on the slip.
    Signature,
    /// The host wants an online PIN.
    OnlinePin,
    /// On the customer's own device (CDCVM).
    Device,
    /// The reader did not say; the rules treat it as a PIN that is wanted.
    Unsaid,
}

/// A card that wants its payment authorised online, as far as a terminal may know it.
///
/// Made only by `neo2::result` from a whole result of the reader that is enciphered and names our amount. It proves
/// that a card was presented, never that anything was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardEvidence {
    /// How it met the reader.
    pub entry: CardEntry,
    /// The number as people may see it.
    pub masked: MaskedPan,
    /// Track 2 equivalent data, enciphered (tag 57).
    pub track2: Sealed,
    /// The number, enciphered (tag 5A), where the reader sends it by itself.
    pub pan: Option<Sealed>,
    /// How both are enciphered.
    pub cipher: Cipher,
    /// With which key.
    pub ksn: Ksn,
    /// Data of the chip for the host, ISO 8583 field 55.
    pub de55: De55,
    /// Card sequence number (tag 5F34), ISO 8583 field 23.
    pub sequence: Option<u8>,
    /// Whether the holder was verified.
    pub cvm: Cvm,
    /// The amount that the card signed (tag 9F02): what was asked for.
    pub amount: Money,
}

/// Data of the chip for the host: TLVs of an allow-list only, in its order.
#[derive(Clone, PartialEq, Eq)]
pub struct De55(Vec<u8>);

impl De55 {
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the TLVs as they go into the message.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the value of a tag, e.g. for the slip.
    pub fn value(&self, tag: Tag) -> Option<&[u8]> {
        let items = split(&self.0).ok()?;
        let item = items.into_iter().find(|item| item.tag == tag)?;
        Some(item.value)
    }
}

impl fmt::Debug for De55 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "De55({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &str) -> Result<String, MaskError> {
        let bytes = data_encoding::HEXUPPER
            .decode(text.as_bytes())
            .expect("hex");
        MaskedPan::from_packed(&bytes).map(|pan| format!("{pan} {pan:?}"))
    }

    #[test]
    fn six_and_four_digits_are_the_most_that_can_be_shown() {
        for (text, shown) in [
            ("4761CCCCCCCC0432", "4761********0432"),
            ("476173CCCCCC0432", "476173******0432"),
            ("621626CCCCCCCCC0018F", "621626*********0018"),
            ("CCCCCCCCCCCCCCCC", "****************"),
            ("4761CCCCCCCC0432D1012201CCCCCCCCCC", "4761********0432"),
        ] {
            assert_eq!(packed(text), Ok(format!("{shown} {shown}")), "{text}");
        }
        for (text, error) in [
            ("4761739001010432", MaskError::Clear),
            ("4761739CCCCC0432", MaskError::Clear),
            ("476173CCCCC10432", MaskError::Clear),
            ("4761C3CCCCCC0432", MaskError::Malformed),
            ("4761CCCCCC0432AB", MaskError::Malformed),
            ("4761CC0432", MaskError::Malformed),
            ("", MaskError::Malformed),
            ("4761CCCCCCCCCCCCCCCC0432", MaskError::Malformed),
        ] {
            assert_eq!(packed(text), Err(error), "{text}");
        }
    }

    #[test]
    fn sealed_data_and_pin_blocks_never_print_themselves() {
        let block = PinBlock::new(&[0xAB; 8]).expect("eight bytes");
        assert_eq!(format!("{block:?}"), "PinBlock(8 bytes)");
        assert_eq!(
            format!("{:?}", Sealed::new(&[0xAB; 24])),
            "Sealed(24 bytes)"
        );
        assert_eq!(PinBlock::new(&[0; 9]), None);
        assert_eq!(Ksn::from_bytes(&[0; 11]), None);
    }
}
