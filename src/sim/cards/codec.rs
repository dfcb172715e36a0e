//! The bytes of a card message: frame, bitmap and fields (docs/CARDS.md), written apart from the terminal's.
//!
//! Owns the formats of the fields that the page lists, and refuses every other byte with words that name the field.
//! Knows nothing of what a message means.

use std::collections::BTreeMap;

const TPDU_IN: [u8; 5] = [0x60, 0, 3, 0, 0];
const TPDU_OUT: [u8; 5] = [0x60, 0, 0, 0, 3];
const HEADER: [u8; 6] = [0x60, 0x31, 0, 0, 0, 0];
/// Field of the MAC; the last one.
const MAC: u8 = 64;
const MAC_LENGTH: usize = 8;

/// How a field is written.
#[derive(Clone, Copy)]
enum Form {
    /// So many digits, packed; an odd one is filled on the right.
    Digits(usize),
    /// The same, filled on the left.
    LeftDigits(usize),
    /// So many letters and digits.
    Letters(usize),
    /// So many printable characters.
    Text(usize),
    /// So many bytes.
    Bytes(usize),
    /// Two bytes of length, then at most so many digits.
    VarDigits(usize),
    /// Two bytes of length, then at most so many bytes.
    VarBytes(usize),
    /// One byte of length, then characters; in answers only.
    ShortText,
    /// Two bytes of length, then at most so many characters.
    VarText(usize),
}

const fn form(field: u8) -> Option<Form> {
    Some(match field {
        3 | 11 | 12 => Form::Digits(6),
        4 => Form::Digits(12),
        13 => Form::Digits(4),
        22 => Form::Digits(3),
        23 => Form::LeftDigits(3),
        25 | 26 => Form::Digits(2),
        37 => Form::Letters(12),
        38 => Form::Letters(6),
        39 => Form::Letters(2),
        41 => Form::Text(8),
        42 => Form::Text(15),
        44 => Form::ShortText,
        48 => Form::VarBytes(402),
        49 => Form::Letters(3),
        52 | MAC => Form::Bytes(8),
        53 => Form::Digits(16),
        54 => Form::VarText(20),
        55 => Form::VarBytes(255),
        60 | 61 => Form::VarDigits(17),
        62 => Form::VarBytes(255),
        63 => Form::VarText(32),
        _ => return None,
    })
}

/// A message: its type and its fields; digits and texts as characters, the others as bytes.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Four digits.
    pub mti: String,
    fields: BTreeMap<u8, Vec<u8>>,
}

/// A message as it arrived.
pub struct Request {
    /// What it says.
    pub message: Message,
    /// From the type to the byte before field 64.
    pub covered: Vec<u8>,
}

impl Message {
    /// Makes an empty one.
    pub fn new(mti: &str) -> Self {
        Self {
            mti: mti.to_owned(),
            fields: BTreeMap::new(),
        }
    }

    /// Returns a field's characters; empty when it is absent.
    pub fn text(&self, field: u8) -> &str {
        let value = self.fields.get(&field).map(Vec::as_slice);
        std::str::from_utf8(value.unwrap_or_default()).unwrap_or_default()
    }

    /// Returns a field's bytes.
    pub fn bytes(&self, field: u8) -> Option<&[u8]> {
        self.fields.get(&field).map(Vec::as_slice)
    }

    /// Returns the numbers of the fields, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u8> {
        self.fields.keys().copied()
    }

    /// Sets a field.
    pub fn set(&mut self, field: u8, value: impl AsRef<[u8]>) {
        self.fields.insert(field, value.as_ref().to_vec());
    }

    /// Writes everything up to field 64, which the bitmap names when a MAC is to follow.
    pub fn encode(&self, sealed: bool) -> Vec<u8> {
        let mut out = packed(self.mti.as_bytes(), false);
        let mut bits = u64::from(sealed);
        for field in self.numbers() {
            bits |= 1 << (64 - u32::from(field));
        }
        out.extend(bits.to_be_bytes());
        for (field, value) in &self.fields {
            let Some(form) = form(*field) else { continue };
            let count = value.len();
            match form {
                Form::Digits(_) => out.extend(packed(value, false)),
                Form::LeftDigits(_) => out.extend(packed(value, true)),
                Form::Letters(_) | Form::Text(_) | Form::Bytes(_) => out.extend(value),
                Form::VarDigits(_) => {
                    out.extend(packed(format!("{count:04}").as_bytes(), false));
                    out.extend(packed(value, false));
                }
                Form::ShortText => {
                    out.extend(packed(format!("{count:02}").as_bytes(), false));
                    out.extend(value);
                }
                Form::VarBytes(_) | Form::VarText(_) => {
                    out.extend(packed(format!("{count:04}").as_bytes(), false));
                    out.extend(value);
                }
            }
        }
        out
    }
}

fn packed(digits: &[u8], left: bool) -> Vec<u8> {
    let mut halves: Vec<u8> = digits.iter().map(|digit| digit & 0x0F).collect();
    if !halves.len().is_multiple_of(2) {
        halves.insert(if left { 0 } else { halves.len() }, 0);
    }
    halves
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Puts an answer's message into its frame.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = TPDU_OUT.len() + HEADER.len() + message.len();
    let mut out = u16::try_from(length)
        .unwrap_or_default()
        .to_be_bytes()
        .to_vec();
    out.extend(TPDU_OUT);
    out.extend(HEADER);
    out.extend(message);
    out
}

/// Bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], String> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| format!("{what}: the message ends inside it"))?;
        self.0 = tail;
        Ok(head)
    }

    fn digits(&mut self, count: usize, left: bool, what: &str) -> Result<Vec<u8>, String> {
        let bytes = self.take(count.div_ceil(2), what)?;
        let mut halves: Vec<u8> = bytes.iter().flat_map(|b| [b >> 4, b & 0x0F]).collect();
        if halves.iter().any(|half| *half > 9) {
            return Err(format!("{what}: a half byte is no digit"));
        }
        if !count.is_multiple_of(2) {
            let fill = halves.remove(if left { 0 } else { count });
            if fill != 0 {
                return Err(format!("{what}: it is not filled with a zero"));
            }
        }
        Ok(halves.into_iter().map(|half| half + b'0').collect())
    }

    fn length(&mut self, max: usize, what: &str) -> Result<usize, String> {
        let digits = self.digits(4, false, what)?;
        let length = digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        if length == 0 || length > max {
            return Err(format!("{what}: its length is {length}, 1 to {max} fit"));
        }
        Ok(length)
    }

    fn letters(
        &mut self,
        count: usize,
        good: fn(&u8) -> bool,
        what: &str,
    ) -> Result<Vec<u8>, String> {
        let bytes = self.take(count, what)?;
        if bytes.iter().all(good) {
            Ok(bytes.to_vec())
        } else {
            Err(format!("{what}: a character does not belong there"))
        }
    }

    fn field(&mut self, form: Form, what: &str) -> Result<Vec<u8>, String> {
        let printable = |byte: &u8| (0x20..0x7F).contains(byte);
        match form {
            Form::Digits(count) => self.digits(count, false, what),
            Form::LeftDigits(count) => self.digits(count, true, what),
            Form::Letters(count) => self.letters(count, u8::is_ascii_alphanumeric, what),
            Form::Text(count) => self.letters(count, printable, what),
            Form::Bytes(count) => Ok(self.take(count, what)?.to_vec()),
            Form::VarDigits(max) => {
                let count = self.length(max, what)?;
                self.digits(count, false, what)
            }
            Form::VarBytes(max) => {
                let count = self.length(max, what)?;
                Ok(self.take(count, what)?.to_vec())
            }
            Form::ShortText => Err(format!("{what}: it does not belong there")),
            Form::VarText(max) => {
                let count = self.length(max, what)?;
                self.letters(count, printable, what)
            }
        }
    }
}

/// Reads a request's frame and message.
///
/// # Errors
/// What is wrong, with the field's number.
pub fn read(bytes: &[u8]) -> Result<Request, String> {
    let mut rest = Rest(bytes);
    let length = rest.take(2, "length")?;
    if usize::from(length[0]) << 8 | usize::from(length[1]) != rest.0.len() {
        return Err("length: it is not the number of bytes that follow".to_owned());
    }
    if rest.take(5, "TPDU")? != TPDU_IN {
        return Err("TPDU: 60 00 03 00 00 is expected".to_owned());
    }
    if rest.take(6, "header")? != HEADER {
        return Err("header: 60 31 00 00 00 00 is expected".to_owned());
    }
    let whole = rest.0;
    let mti = rest.digits(4, false, "message type")?;
    let mut message = Message::new(&String::from_utf8_lossy(&mti));
    let mut bits = [0; 8];
    bits.copy_from_slice(rest.take(8, "bitmap")?);
    let bits = u64::from_be_bytes(bits);
    if bits >> 63 == 1 {
        return Err("bitmap: there is no second one".to_owned());
    }
    for field in 2..=64_u8 {
        if bits >> (64 - u32::from(field)) & 1 == 0 {
            continue;
        }
        let what = format!("field {field}");
        let form = form(field).ok_or_else(|| format!("{what}: it is not used here"))?;
        let value = rest.field(form, &what)?;
        message.set(field, value);
    }
    if !rest.0.is_empty() {
        return Err(format!(
            "{} bytes are left over behind the last field",
            rest.0.len()
        ));
    }
    let sealed = message.bytes(MAC).is_some();
    let end = whole.len() - if sealed { MAC_LENGTH } else { 0 };
    Ok(Request {
        message,
        covered: whole[..end].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_stand_where_the_page_puts_them() {
        let mut message = Message::new("0200");
        message.set(22, "051");
        message.set(23, "001");
        message.set(60, "0000000100460");
        let wire = message.encode(false);
        assert_eq!(wire[..2], [2, 0]);
        assert_eq!(wire[2..10], [0, 0, 0x06, 0, 0, 0, 0, 0x10]);
        assert_eq!(wire[10..14], [0x05, 0x10, 0x00, 0x01]);
        assert_eq!(wire[14..], [0, 0x13, 0, 0, 0, 1, 0, 0x46, 0x00]);
    }

    #[test]
    fn any_cut_and_any_spoilt_byte_is_refused_or_read_and_never_panics() {
        let mut message = Message::new("0800");
        message.set(11, "000001");
        message.set(41, "A0010001");
        message.set(60, "00000001004");
        let mut wire = frame(&message.encode(false));
        wire[2..7].copy_from_slice(&TPDU_IN);
        assert!(read(&wire).is_ok());
        for end in 0..wire.len() {
            assert!(read(&wire[..end]).is_err(), "{end}");
            for bit in 0..8 {
                let mut spoilt = wire.clone();
                spoilt[end] ^= 1 << bit;
                let _ = read(&spoilt);
            }
        }
    }
}
