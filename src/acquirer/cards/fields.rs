//! How each field of a card message stands in it (the table of docs/CARDS.md). Pure.
//!
//! Owns the layouts and what a value may hold. Never reads or writes a byte: `iso` does.

use super::iso::{IsoError, MAC_FIELD, Place, VARIABLE_MAX, wrong};

/// Longest value behind a length of two digits.
const SHORT_MAX: usize = 99;

/// How a field stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// So many digits, packed; an odd number is filled on the right.
    Digits(usize),
    /// The same, filled on the left.
    DigitsLeft(usize),
    /// So many letters, digits and blanks.
    Letters(usize),
    /// So many printable characters.
    Text(usize),
    /// So many bytes.
    Bytes(usize),
    /// Digits after their number.
    DigitsVar,
    /// Printable characters after their number, which has two digits (LLVAR).
    TextShort,
    /// Printable characters after their number.
    TextVar,
    /// Bytes after their number.
    BytesVar,
}

/// The table of docs/CARDS.md.
pub(super) const fn layout(field: u8) -> Option<Layout> {
    Some(match field {
        3 | 11 | 12 => Layout::Digits(6),
        4 => Layout::Digits(12),
        13 => Layout::Digits(4),
        22 => Layout::Digits(3),
        23 => Layout::DigitsLeft(3),
        25 | 26 => Layout::Digits(2),
        37 => Layout::Letters(12),
        38 => Layout::Letters(6),
        39 => Layout::Letters(2),
        41 => Layout::Text(8),
        42 => Layout::Text(15),
        44 => Layout::TextShort,
        48 | 55 | 62 => Layout::BytesVar,
        49 => Layout::Letters(3),
        52 | MAC_FIELD => Layout::Bytes(8),
        53 => Layout::Digits(16),
        60 | 61 => Layout::DigitsVar,
        54 | 63 => Layout::TextVar,
        _ => return None,
    })
}

/// Longest value of a field with its length in front.
pub(super) const fn most(layout: Layout) -> usize {
    if matches!(layout, Layout::TextShort) {
        SHORT_MAX
    } else {
        VARIABLE_MAX
    }
}

/// Says what is wrong with a value, if anything.
pub(super) fn check(field: u8, value: &[u8]) -> Result<Layout, IsoError> {
    let bad = |problem| wrong(Place::Field(field), problem);
    let layout = layout(field).ok_or_else(|| bad("it is not a field of these messages"))?;
    let (length, allowed): (Option<usize>, fn(&u8) -> bool) = match layout {
        Layout::Digits(length) | Layout::DigitsLeft(length) => (Some(length), u8::is_ascii_digit),
        Layout::Letters(length) => (Some(length), is_letter),
        Layout::Text(length) => (Some(length), is_printable),
        Layout::Bytes(length) => (Some(length), |_| true),
        Layout::DigitsVar => (None, u8::is_ascii_digit),
        Layout::TextShort | Layout::TextVar => (None, is_printable),
        Layout::BytesVar => (None, |_| true),
    };
    match length {
        Some(length) if value.len() != length => return Err(bad("it has another length")),
        None if value.len() > most(layout) => return Err(bad("it is too long")),
        Some(_) | None => {}
    }
    if value.iter().all(allowed) {
        Ok(layout)
    } else {
        Err(bad("it holds a character that it must not hold"))
    }
}

const fn is_letter(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b' '
}

const fn is_printable(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~')
}
