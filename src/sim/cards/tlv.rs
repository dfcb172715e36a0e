//! Tags, lengths and values of fields 48 and 55, read strictly.
//!
//! Owns the reading only: a tag stands once, and nothing is left over.

use std::collections::BTreeMap;

/// Values by tag.
pub type Tags = BTreeMap<u32, Vec<u8>>;

/// Reads a list of one level.
///
/// # Errors
/// Where it breaks.
pub fn read(mut bytes: &[u8]) -> Result<Tags, String> {
    let mut tags = Tags::new();
    while let Some((first, rest)) = bytes.split_first() {
        let mut tag = u32::from(*first);
        bytes = rest;
        let mut more = first & 0x1F == 0x1F;
        while more {
            let (next, rest) = bytes.split_first().ok_or("a tag is cut off")?;
            if tag > 0xFFFF {
                return Err("a tag is longer than three bytes".to_owned());
            }
            tag = tag << 8 | u32::from(*next);
            bytes = rest;
            more = next & 0x80 != 0;
        }
        let (length, rest) = bytes.split_first().ok_or("a length is cut off")?;
        bytes = rest;
        let length = match length {
            0..=0x7F => usize::from(*length),
            0x81 => {
                let (length, rest) = bytes.split_first().ok_or("a length is cut off")?;
                bytes = rest;
                usize::from(*length)
            }
            0x80 | 0x82.. => return Err(format!("{tag:X} has a length that fits no field")),
        };
        let (value, rest) = bytes
            .split_at_checked(length)
            .ok_or_else(|| format!("{tag:X} is cut off"))?;
        bytes = rest;
        if tags.insert(tag, value.to_vec()).is_some() {
            return Err(format!("{tag:X} stands twice"));
        }
    }
    Ok(tags)
}
