//! What a development reader finds: that a card was there, and which payment applications it names.
//!
//! Owns the result type and the reading of a payment directory (PPSE, EMV book B). The type has no number, no track, no
//! cryptogram and no identifier of the card, only the identifier's length; nothing makes evidence of it, and the test
//! `tidy` sees to it that no other module names it. Lenient: what cannot be read is not there.

use std::fmt;

/// Directory entries that are looked at; a card names a handful.
const ENTRIES_MAX: usize = 16;
const AID_BYTES: std::ops::RangeInclusive<usize> = 5..=16;

/// The name of an application, 5 to 16 bytes; the same for every card of a scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct Aid(Vec<u8>);

impl Aid {
    /// Takes 5 to 16 bytes.
    fn new(bytes: &[u8]) -> Option<Self> {
        AID_BYTES
            .contains(&bytes.len())
            .then(|| Self(bytes.to_vec()))
    }
}

impl fmt::Display for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aid({self})")
    }
}

/// What a card said when it was asked for its payment directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directory {
    /// These applications, perhaps none.
    Applications(Vec<Aid>),
    /// It has none; its status word.
    Refused(u16),
    /// The card's protocol has no commands (no ISO 14443-4).
    NotAsked,
}

/// A card that a development reader saw. NOT FOR AUTHORISATION: it proves nothing and pays nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevCard {
    /// Bytes of its identifier; the identifier itself is not kept.
    pub uid_bytes: usize,
    /// Answer to select of ISO 14443-4, without its own length.
    pub ats: Vec<u8>,
    /// Its payment applications.
    pub directory: Directory,
}

impl fmt::Display for DevCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "NOT FOR AUTHORISATION: a development reader saw a card; this proves no payment"
        )?;
        writeln!(f, "identifier: {} bytes, not kept", self.uid_bytes)?;
        f.write_str("answer to select: ")?;
        if self.ats.is_empty() {
            f.write_str("none")?;
        }
        self.ats
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))?;
        match &self.directory {
            Directory::Applications(found) if found.is_empty() => {
                f.write_str("\nits payment directory names no application")
            }
            Directory::Applications(found) => found
                .iter()
                .try_for_each(|aid| write!(f, "\napplication: {aid}")),
            Directory::Refused(word) => write!(f, "\nno payment directory (status {word:04X})"),
            Directory::NotAsked => f.write_str("\nno payment card: it takes no commands"),
        }
    }
}

/// Reads a card's answer to SELECT of its payment directory, status word included.
pub fn read_directory(answer: &[u8]) -> Directory {
    let Some((body, [high, low])) = answer.split_last_chunk().map(|(body, word)| (body, *word))
    else {
        return Directory::Refused(0);
    };
    let word = u16::from_be_bytes([high, low]);
    if word != 0x9000 {
        return Directory::Refused(word);
    }
    let entries = [0x6F, 0xA5, 0xBF0C].iter().try_fold(body, |inside, tag| {
        Fields(inside).find(|field| field.0 == *tag).map(|f| f.1)
    });
    let found = Fields(entries.unwrap_or_default())
        .filter(|field| field.0 == 0x61)
        .filter_map(|field| Fields(field.1).find(|field| field.0 == 0x4F))
        .filter_map(|field| Aid::new(field.1))
        .take(ENTRIES_MAX);
    Directory::Applications(found.collect())
}

/// TLVs of one level: tags of one or two bytes, lengths of one to three.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn first(bytes: &'a [u8]) -> Option<(u16, &'a [u8], &'a [u8])> {
        let (tag, rest) = match bytes {
            [first, second, rest @ ..] if first & 0x1F == 0x1F && second & 0x80 == 0 => {
                (u16::from_be_bytes([*first, *second]), rest)
            }
            [first, rest @ ..] if first & 0x1F != 0x1F => (u16::from(*first), rest),
            _ => return None,
        };
        let (length, rest) = match rest {
            [0x81, length, rest @ ..] => (usize::from(*length), rest),
            [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            [length, rest @ ..] if *length < 0x80 => (usize::from(*length), rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        Some((tag, value, rest))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, value, rest) = Self::first(self.0)?;
        self.0 = rest;
        Some((tag, value))
    }
}
