//! BER-TLV as EMV uses it (EMV 4.3 Book 3, annex B): bytes in, tags and values out. Pure.
//!
//! Owns the splitting and its limits: tags of one to three bytes, lengths of one to three, at most
//! [`ITEMS_MAX`] items a level. Strict: an indefinite length, a value that is cut off or a byte that is
//! left over refuses the whole list, so that nothing is acted on that was read in part. Borrows from
//! the frame, copies nothing. Knows no tag's meaning; what is inside a template is split by another call.

use std::fmt;

/// Most items of one level; a result of a reader has about forty.
pub const ITEMS_MAX: usize = 128;

/// A tag of one to three bytes, e.g. `9F02` or `DFEE12`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// Returns the bytes of the tag.
    pub fn bytes(self) -> Vec<u8> {
        let all = self.0.to_be_bytes();
        let first = all.iter().position(|byte| *byte != 0).unwrap_or(3);
        all[first..].to_vec()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A tag and its value. `Debug` shows the length only: a value may be a card's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The tag.
    pub tag: Tag,
    /// The value, borrowed from the frame.
    pub value: &'a [u8],
}

impl fmt::Debug for Tlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.tag, self.value.len())
    }
}

/// Where a list is wrong and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLV data at byte {offset}: {problem}")]
pub struct TlvError {
    /// Bytes before the item that is wrong.
    pub offset: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Splits one level.
///
/// # Errors
/// The offset of the first item that breaks a rule; nothing of the list is returned then.
pub fn split(bytes: &[u8]) -> Result<Vec<Tlv<'_>>, TlvError> {
    let mut items = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let offset = bytes.len() - rest.len();
        let wrong = |problem| TlvError { offset, problem };
        if items.len() == ITEMS_MAX {
            return Err(wrong("too many items"));
        }
        let (tag, after) = tag(rest).map_err(wrong)?;
        let (length, after) = length(after).map_err(wrong)?;
        let Some((value, next)) = after.split_at_checked(length) else {
            return Err(wrong("the value is cut off"));
        };
        items.push(Tlv { tag, value });
        rest = next;
    }
    Ok(items)
}

fn tag(bytes: &[u8]) -> Result<(Tag, &[u8]), &'static str> {
    let first = bytes[0];
    if first == 0 {
        return Err("a tag does not begin with 00");
    }
    let more = |byte: u8| byte & 0x80 != 0;
    let length = match bytes {
        [first, ..] if first & 0x1F != 0x1F => 1,
        [_, second, ..] if !more(*second) => 2,
        [_, _, third, ..] if !more(*third) => 3,
        [_, _, _, ..] => return Err("a tag has at most three bytes"),
        _ => return Err("the tag is cut off"),
    };
    let (tag, rest) = bytes.split_at(length);
    let number = tag
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    Ok((Tag(number), rest))
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), &'static str> {
    match bytes {
        [short @ 0..=0x7F, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x80, ..] => Err("a length is never indefinite"),
        [0x81, one, rest @ ..] => Ok((usize::from(*one), rest)),
        [0x82, high, low, rest @ ..] => Ok((usize::from(*high) << 8 | usize::from(*low), rest)),
        [0x83..=0xFF, ..] => Err("a length has at most three bytes"),
        [] | [0x81 | 0x82, ..] => Err("the length is cut off"),
    }
}

/// Appends an item. The value has at most 65,535 bytes; what is longer is cut by nobody and never built here.
pub fn put(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    out.extend(tag.bytes());
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    match length {
        0..=0x7F => out.push(low),
        0x80..=0xFF => out.extend([0x81, low]),
        0x100.. => out.extend([0x82, high, low]),
    }
    out.extend(&value[..usize::from(length)]);
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

    #[test]
    fn the_published_encrypted_sample_is_split() {
        // ID TECH, Augusta manual, page 32.
        let sample = hex(
            "DFEE25 02 0002 DFEE26 02 2000 DFEE12 0A 62994900750002A00290 \
             DFEF5D 11 4761CCCCCCCC0432D1012201CCCCCCCCCC \
             57 18 D0182C6B2DF9C4D2CD60B774C765AF140E7B53F77839629A \
             DFEF5B 08 4761CCCCCCCC0432 5A 08 D0182C6B2DF9C4D2",
        );
        let items = split(&sample).expect("sound");
        let told: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
        assert_eq!(
            told,
            [
                "DFEE25 (2 bytes)",
                "DFEE26 (2 bytes)",
                "DFEE12 (10 bytes)",
                "DFEF5D (17 bytes)",
                "57 (24 bytes)",
                "DFEF5B (8 bytes)",
                "5A (8 bytes)"
            ]
        );
        let mut again = Vec::new();
        items
            .iter()
            .for_each(|item| put(&mut again, item.tag, item.value));
        assert_eq!(again, sample);
    }

    #[test]
    fn bad_tags_and_lengths_refuse_the_whole_list() {
        for (bytes, offset, problem) in [
            ("82 02 1C00 00", 4, "a tag does not begin with 00"),
            ("9F", 0, "the tag is cut off"),
            ("DFEE", 0, "the tag is cut off"),
            ("DFEEEE01 00", 0, "a tag has at most three bytes"),
            ("82 02 1C00 9F26", 4, "the length is cut off"),
            ("57 81", 0, "the length is cut off"),
            ("57 8201", 0, "the length is cut off"),
            ("57 80 0000", 0, "a length is never indefinite"),
            ("57 83 000001 00", 0, "a length has at most three bytes"),
            ("57 FF", 0, "a length has at most three bytes"),
            ("82 02 1C00 5A 08 00", 4, "the value is cut off"),
            ("57 82FFFF 00", 0, "the value is cut off"),
        ] {
            let error = split(&hex(bytes)).expect_err(bytes);
            assert_eq!((error.offset, error.problem), (offset, problem), "{bytes}");
        }
        let many = hex("9A00").repeat(ITEMS_MAX);
        assert_eq!(split(&many).expect("as many as allowed").len(), ITEMS_MAX);
        assert!(split(&[&many[..], &hex("9A00")].concat()).is_err());
    }

    #[test]
    fn long_values_come_back() {
        for length in [0, 1, 127, 128, 255, 256, 1_400] {
            let (mut out, value) = (Vec::new(), vec![7; length]);
            put(&mut out, Tag(0x9F10), &value);
            let items = split(&out).expect("sound");
            assert_eq!(items[0].value, value);
        }
    }
}
