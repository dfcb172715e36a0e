//! ISO 8583 as the card host speaks it (docs/CARDS.md): the message, its fields, and the frame around it. Pure.
//!
//! Owns the layout of every field and its strict reading: an unknown field, a wrong length, a digit that is none,
//! filler that is not zero or a byte that is left over refuses the whole message and names the field. Never knows
//! what a field means. Bounded by its input, which the transport bounds; values are wiped when they are dropped.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::fields::{Layout, check, layout, most};

/// Names the destination of a message from us.
pub const TPDU_TO_HOST: [u8; 5] = [0x60, 0, 3, 0, 0];
/// The same of an answer.
pub const TPDU_TO_TERMINAL: [u8; 5] = [0x60, 0, 0, 0, 3];
/// Stands between TPDU and message.
pub const HEADER: [u8; 6] = [0x60, 0x31, 0, 0, 0, 0];
/// The field of the MAC, the last of a message.
pub const MAC_FIELD: u8 = 64;
/// Bytes of a MAC.
pub const MAC_BYTES: usize = 8;
/// Longest value of a field with its length in front, in bytes, characters or digits.
pub const VARIABLE_MAX: usize = 999;

/// Bytes of type and bitmap.
const HEAD_BYTES: usize = 10;
/// Bytes of the length that begins a frame.
const LENGTH_BYTES: usize = 2;

/// Where a message is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Length, TPDU or header.
    Frame,
    /// The message type.
    Type,
    /// The bitmap.
    Bitmap,
    /// The field of this number.
    Field(u8),
    /// Behind the last field.
    End,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame => f.write_str("the frame"),
            Self::Type => f.write_str("the message type"),
            Self::Bitmap => f.write_str("the bitmap"),
            Self::Field(number) => write!(f, "field {number}"),
            Self::End => f.write_str("the end of the message"),
        }
    }
}

/// Where a message is wrong and how. Never repeats a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct IsoError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub problem: &'static str,
}

pub(super) const fn wrong(place: Place, problem: &'static str) -> IsoError {
    IsoError { place, problem }
}

/// A message: its type and its fields. Digits are held as ASCII, bytes as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    kind: u16,
    fields: BTreeMap<u8, Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Message {
    /// Numbers and lengths only: values may be a card's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:04}", self.kind)?;
        for (field, value) in &self.fields {
            write!(f, " {field}:{}", value.len())?;
        }
        f.write_str(")")
    }
}

impl Message {
    /// Begins a message. `kind` is its type as people read it, e.g. 200 for 0200; above 9999 it is cut to its last four
    /// digits.
    pub const fn new(kind: u16) -> Self {
        Self {
            kind: kind % 10_000,
            fields: BTreeMap::new(),
        }
    }

    /// Sets a field. Digits are given as ASCII.
    ///
    /// # Errors
    /// [`IsoError`]: the field is unknown, or the value has another length or other characters.
    pub fn set(&mut self, field: u8, value: &[u8]) -> Result<(), IsoError> {
        check(field, value)?;
        self.fields.insert(field, Zeroizing::new(value.to_vec()));
        Ok(())
    }

    /// Returns the type, e.g. 210.
    pub const fn kind(&self) -> u16 {
        self.kind
    }

    /// Returns a field's value.
    pub fn field(&self, field: u8) -> Option<&[u8]> {
        self.fields.get(&field).map(|value| value.as_slice())
    }

    /// Returns a field's value as text; none for bytes that are no text.
    pub fn text(&self, field: u8) -> Option<&str> {
        std::str::from_utf8(self.field(field)?).ok()
    }

    /// Returns the numbers of the fields, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u8> + '_ {
        self.fields.keys().copied()
    }

    /// Writes the message as it is, with a MAC only where one was set.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        self.write(self.bits())
    }

    /// Writes everything before the MAC, with a bitmap that promises one: what the MAC is made over.
    pub fn before_mac(&self) -> Zeroizing<Vec<u8>> {
        self.write(self.bits() | bit(MAC_FIELD))
    }

    fn bits(&self) -> u64 {
        self.fields.keys().fold(0, |bits, field| bits | bit(*field))
    }

    fn write(&self, bits: u64) -> Zeroizing<Vec<u8>> {
        let most: usize = self.fields.values().map(|value| value.len() + 2).sum();
        // Of full size from the start: a vector that grows leaves its old bytes behind.
        let mut out = Zeroizing::new(Vec::with_capacity(HEAD_BYTES + most + MAC_BYTES));
        out.extend(packed(usize::from(self.kind)));
        out.extend(bits.to_be_bytes());
        for (field, value) in &self.fields {
            if let Ok(layout) = check(*field, value) {
                put(&mut out, layout, value);
            }
        }
        out
    }

    /// Reads a whole message.
    ///
    /// # Errors
    /// [`IsoError`] names the first field that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, IsoError> {
        let (kind, bits, rest) = head(bytes)?;
        read(kind, bits, rest)
    }

    /// Reads a message up to its MAC, which must be promised by the bitmap and not stand there any more.
    ///
    /// # Errors
    /// [`IsoError`] names the first field that is wrong.
    pub fn decode_before_mac(bytes: &[u8]) -> Result<Self, IsoError> {
        let (kind, bits, rest) = head(bytes)?;
        if bits & bit(MAC_FIELD) == 0 {
            return Err(wrong(Place::Field(MAC_FIELD), "it is not there"));
        }
        read(kind, bits & !bit(MAC_FIELD), rest)
    }
}

const fn bit(field: u8) -> u64 {
    1 << (64 - field)
}

/// Splits a message into what its MAC is made over and the MAC, without reading a field; none without a MAC.
pub fn split_mac(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, bits, rest) = head(message).ok()?;
    let there = bits & bit(MAC_FIELD) != 0 && rest.len() >= MAC_BYTES;
    there.then(|| message.split_at(message.len() - MAC_BYTES))
}

/// Puts length, TPDU and header before a message of at most 65,524 bytes; what is longer is not framed.
///
/// # Errors
/// [`IsoError`]: it is longer.
pub fn frame(tpdu: [u8; 5], message: &[u8]) -> Result<Zeroizing<Vec<u8>>, IsoError> {
    let length = tpdu.len() + HEADER.len() + message.len();
    let short = u16::try_from(length).map_err(|_| wrong(Place::Frame, "it is too long"))?;
    let mut out = Zeroizing::new(Vec::with_capacity(LENGTH_BYTES + length));
    out.extend(short.to_be_bytes());
    out.extend(tpdu);
    out.extend(HEADER);
    out.extend(message);
    Ok(out)
}

/// Takes the message out of a frame that must be whole, with nothing before or behind it.
///
/// # Errors
/// [`IsoError`] names what is wrong with the frame.
pub fn unframe(tpdu: [u8; 5], bytes: &[u8]) -> Result<&[u8], IsoError> {
    let bad = |problem| wrong(Place::Frame, problem);
    let (length, rest) = bytes
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or_else(|| bad("it has no length"))?;
    if rest.len() != usize::from(u16::from_be_bytes(*length)) {
        return Err(bad("it has another length than it says"));
    }
    let rest = rest
        .strip_prefix(&tpdu)
        .ok_or_else(|| bad("it is for somebody else (TPDU)"))?;
    rest.strip_prefix(&HEADER)
        .ok_or_else(|| bad("it has another header"))
}

fn head(bytes: &[u8]) -> Result<(u16, u64, &[u8]), IsoError> {
    let cut = |place| move || wrong(place, "it is cut off");
    let (kind, rest) = bytes
        .split_first_chunk::<2>()
        .ok_or_else(cut(Place::Type))?;
    let mut number = 0;
    for half in halves(kind) {
        if half > 9 {
            return Err(wrong(Place::Type, "it is not four digits"));
        }
        number = number * 10 + u16::from(half);
    }
    let (bits, rest) = rest
        .split_first_chunk::<8>()
        .ok_or_else(cut(Place::Bitmap))?;
    Ok((number, u64::from_be_bytes(*bits), rest))
}

fn read(kind: u16, bits: u64, mut rest: &[u8]) -> Result<Message, IsoError> {
    let mut message = Message::new(kind);
    for field in (1..=MAC_FIELD).filter(|field| bits & bit(*field) != 0) {
        let value = take(field, &mut rest)?;
        check(field, &value)?;
        message.fields.insert(field, value);
    }
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(wrong(Place::End, "bytes are left over"))
    }
}

/// Takes the value of one field from the front of what is left.
fn take(field: u8, rest: &mut &[u8]) -> Result<Zeroizing<Vec<u8>>, IsoError> {
    let bad = |problem| wrong(Place::Field(field), problem);
    let layout = layout(field).ok_or_else(|| bad("it is not a field of these messages"))?;
    let mut cut = |count: usize| -> Result<&[u8], IsoError> {
        let (taken, next) = rest
            .split_at_checked(count)
            .ok_or_else(|| bad("it is cut off"))?;
        *rest = next;
        Ok(taken)
    };
    let length = match layout {
        Layout::DigitsVar | Layout::TextShort | Layout::TextVar | Layout::BytesVar => {
            let short = matches!(layout, Layout::TextShort);
            let bytes = cut(if short { 1 } else { LENGTH_BYTES })?;
            let digits = halves(bytes).try_fold(0, |sum, half| {
                (half <= 9).then(|| sum * 10 + usize::from(half))
            });
            let length = digits.ok_or_else(|| bad("its length is not made of digits"))?;
            if length > most(layout) {
                return Err(bad("it is too long"));
            }
            length
        }
        Layout::Digits(length)
        | Layout::DigitsLeft(length)
        | Layout::Letters(length)
        | Layout::Text(length)
        | Layout::Bytes(length) => length,
    };
    match layout {
        Layout::Digits(_) | Layout::DigitsVar => unpack(field, cut(length.div_ceil(2))?, length, 0),
        Layout::DigitsLeft(_) => {
            let fill = length % 2;
            unpack(field, cut(length.div_ceil(2))?, length, fill)
        }
        Layout::Letters(_)
        | Layout::Text(_)
        | Layout::Bytes(_)
        | Layout::TextShort
        | Layout::TextVar
        | Layout::BytesVar => Ok(Zeroizing::new(cut(length)?.to_vec())),
    }
}

/// Reads packed digits of which `length` count after `skip` fillers; whatever is filler must be zero.
fn unpack(
    field: u8,
    bytes: &[u8],
    length: usize,
    skip: usize,
) -> Result<Zeroizing<Vec<u8>>, IsoError> {
    let bad = |problem| wrong(Place::Field(field), problem);
    let mut digits = Zeroizing::new(Vec::with_capacity(length));
    for (at, half) in halves(bytes).enumerate() {
        let counts = (skip..skip + length).contains(&at);
        match half {
            0..=9 if counts => digits.push(b'0' + half),
            0 => {}
            _ if counts => return Err(bad("it holds a digit that is none")),
            _ => return Err(bad("it is not filled with zero")),
        }
    }
    Ok(digits)
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15])
}

/// Packs a number below 10,000 into two bytes.
fn packed(number: usize) -> [u8; 2] {
    let pair = |number: usize| {
        let pair = number % 100;
        u8::try_from(pair / 10 * 16 + pair % 10).unwrap_or_default()
    };
    [pair(number / 100), pair(number)]
}

fn put(out: &mut Vec<u8>, layout: Layout, value: &[u8]) {
    match layout {
        Layout::TextShort => out.extend(&packed(value.len())[1..]),
        Layout::DigitsVar | Layout::TextVar | Layout::BytesVar => out.extend(packed(value.len())),
        Layout::Digits(_)
        | Layout::DigitsLeft(_)
        | Layout::Letters(_)
        | Layout::Text(_)
        | Layout::Bytes(_) => {}
    }
    match layout {
        Layout::Digits(_) | Layout::DigitsVar => pack(out, value),
        Layout::DigitsLeft(length) if length % 2 == 1 => {
            let (first, rest) = value.split_at(1);
            out.push(first[0] & 15);
            pack(out, rest);
        }
        Layout::DigitsLeft(_) => pack(out, value),
        Layout::Letters(_)
        | Layout::Text(_)
        | Layout::Bytes(_)
        | Layout::TextShort
        | Layout::TextVar
        | Layout::BytesVar => out.extend(value),
    }
}

fn pack(out: &mut Vec<u8>, digits: &[u8]) {
    for pair in digits.chunks(2) {
        let low = pair.get(1).map_or(0, |digit| digit & 15);
        out.push((pair[0] & 15) << 4 | low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        data_encoding::HEXUPPER
            .decode(digits.as_bytes())
            .expect("hex")
    }

    /// Written by hand from the table: 3, 11, 22, 23, 39, 60, 63.
    const SAMPLE: &str =
        "0210 2020060002000012 000000 000007 0510 0001 3030 0013 22000001000600 0003 414231";

    fn sample() -> Message {
        let mut message = Message::new(210);
        for (field, value) in [
            (3, "000000"),
            (11, "000007"),
            (22, "051"),
            (23, "001"),
            (39, "00"),
            (60, "2200000100060"),
            (63, "AB1"),
        ] {
            message.set(field, value.as_bytes()).expect("fits");
        }
        message
    }

    #[test]
    fn a_message_written_by_hand_is_written_and_read() {
        assert_eq!(*sample().encode(), hex(SAMPLE));
        assert_eq!(Message::decode(&hex(SAMPLE)), Ok(sample()));
        assert_eq!(
            format!("{:?}", sample()),
            "Message(0210 3:6 11:6 22:3 23:3 39:2 60:13 63:3)"
        );
        // The MAC is promised in the bitmap and made over all that stands before it.
        let body = hex(&SAMPLE.replacen("0012 ", "0013 ", 1));
        assert_eq!(*sample().before_mac(), body);
        assert_eq!(Message::decode_before_mac(&body), Ok(sample()));
        let sealed = [&body[..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        let (before, mac) = split_mac(&sealed).expect("a MAC");
        assert_eq!((before, mac), (&body[..], &[1, 2, 3, 4, 5, 6, 7, 8][..]));
        let whole = Message::decode(&sealed).expect("readable");
        assert_eq!(whole.field(MAC_FIELD), Some(mac));
        assert_eq!(split_mac(&hex(SAMPLE)), None);
    }

    #[test]
    fn what_is_wrong_is_named_by_field() {
        for (bytes, words) in [
            ("02", "the message type: it is cut off"),
            (
                "02A0 0000000000000000",
                "the message type: it is not four digits",
            ),
            ("0210 00000000000000", "the bitmap: it is cut off"),
            (
                "0210 8000000000000000",
                "field 1: it is not a field of these messages",
            ),
            (
                "0210 4000000000000000 00",
                "field 2: it is not a field of these messages",
            ),
            ("0210 2000000000000000 0000", "field 3: it is cut off"),
            (
                "0210 2000000000000000 00000A",
                "field 3: it holds a digit that is none",
            ),
            (
                "0210 0000040000000000 0511",
                "field 22: it is not filled with zero",
            ),
            (
                "0210 0000020000000000 1001",
                "field 23: it is not filled with zero",
            ),
            (
                "0210 0000000002000000 3001",
                "field 39: it holds a character that it must not hold",
            ),
            (
                "0210 0000000000000010 00A3 00",
                "field 60: its length is not made of digits",
            ),
            ("0210 0000000000000010 1000 00", "field 60: it is too long"),
            (
                "0210 0000000000000010 0013 220000",
                "field 60: it is cut off",
            ),
            (
                "0210 0000000000000002 0002 4100",
                "field 63: it holds a character that it must not hold",
            ),
            ("0210 0000000000000001 00", "field 64: it is cut off"),
            (
                "0210 0000000000000000 00",
                "the end of the message: bytes are left over",
            ),
        ] {
            let error = Message::decode(&hex(bytes)).expect_err(bytes);
            assert_eq!(error.to_string(), words, "{bytes}");
        }
        let body = hex(SAMPLE);
        let error = Message::decode_before_mac(&body).expect_err("no MAC");
        assert_eq!(error.to_string(), "field 64: it is not there");
        let mut message = Message::new(200);
        for (field, value) in [
            (2, &b"62"[..]),
            (3, b"00000"),
            (3, b"00000x"),
            (48, &[0; 1000]),
        ] {
            assert!(message.set(field, value).is_err(), "field {field}");
        }
    }

    #[test]
    fn a_frame_is_whole_or_nothing() {
        let framed = frame(TPDU_TO_HOST, &hex("0800")).expect("short");
        assert_eq!(*framed, hex("000D 6000030000 603100000000 0800"));
        assert_eq!(unframe(TPDU_TO_HOST, &framed), Ok(&[8, 0][..]));
        for (bytes, words) in [
            ("00", "the frame: it has no length"),
            (
                "000C 6000030000 603100000000 0800",
                "the frame: it has another length than it says",
            ),
            (
                "000D 6000030000 603100000000 08",
                "the frame: it has another length than it says",
            ),
            (
                "000D 6000000003 603100000000 0800",
                "the frame: it is for somebody else (TPDU)",
            ),
            (
                "000D 6000030000 603100000001 0800",
                "the frame: it has another header",
            ),
        ] {
            let error = unframe(TPDU_TO_HOST, &hex(bytes)).expect_err(bytes);
            assert_eq!(error.to_string(), words, "{bytes}");
        }
        assert!(frame(TPDU_TO_HOST, &[0; 65_525]).is_err());
    }

    #[test]
    fn every_cut_is_refused() {
        let whole = hex(SAMPLE);
        for length in 0..whole.len() {
            assert!(Message::decode(&whole[..length]).is_err(), "{length}");
        }
    }
}
