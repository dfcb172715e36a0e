//! Tag, length, value: two digits, two digits, as many characters.
//!
//! Owns the splitting and joining; knows no tag's meaning.

use super::MpmError;

/// One tag with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub tag: u8,
    pub value: &'a str,
    /// Characters before the tag in the whole text.
    pub offset: usize,
    /// The template that it stands in.
    parent: Option<u8>,
}

pub(super) fn error(tag: &str, offset: usize, problem: &'static str) -> MpmError {
    MpmError {
        tag: tag.to_owned(),
        offset,
        problem,
    }
}

fn name(parent: Option<u8>, tag: u8) -> String {
    parent.map_or_else(
        || format!("{tag:02}"),
        |parent| format!("{parent:02}.{tag:02}"),
    )
}

impl MpmError {
    /// Names the template of an inner tag that is missing.
    pub(super) fn inside(mut self, template: &Item<'_>) -> Self {
        if !self.tag.contains('.') {
            self.tag = format!("{:02}.{}", template.tag, self.tag);
            self.offset = template.offset;
        }
        self
    }
}

impl<'a> Item<'a> {
    pub(super) fn error(&self, problem: &'static str) -> MpmError {
        error(&name(self.parent, self.tag), self.offset, problem)
    }

    /// Splits the value of a template.
    pub(super) fn items(&self) -> Result<Vec<Item<'a>>, MpmError> {
        let inner = items(self.value, Some(self.tag), self.offset + 4)?;
        for (index, item) in inner.iter().enumerate() {
            if inner[..index].iter().any(|earlier| earlier.tag == item.tag) {
                return Err(item.error("the tag stands twice"));
            }
        }
        Ok(inner)
    }
}

/// Splits a text whose first character is `start` characters into the whole.
pub(super) fn items(
    text: &str,
    parent: Option<u8>,
    start: usize,
) -> Result<Vec<Item<'_>>, MpmError> {
    let mut found = Vec::new();
    let (mut rest, mut offset) = (text, start);
    while !rest.is_empty() {
        let Some((tag, after)) = two_digits(rest) else {
            return Err(error("--", offset, "a tag is two digits"));
        };
        let tag_name = name(parent, tag);
        let Some((length, after)) = two_digits(after) else {
            return Err(error(&tag_name, offset, "a length is two digits"));
        };
        let length = usize::from(length);
        if length == 0 {
            return Err(error(&tag_name, offset, "the value is empty"));
        }
        let mut ends = after.char_indices().map(|(at, c)| at + c.len_utf8());
        let Some(end) = ends.nth(length - 1) else {
            return Err(error(&tag_name, offset, "the text ends inside the value"));
        };
        let (value, next) = after.split_at(end);
        found.push(Item {
            tag,
            value,
            offset,
            parent,
        });
        (rest, offset) = (next, offset + 4 + length);
    }
    Ok(found)
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (head, rest) = text.split_at_checked(2)?;
    let digits = head.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| head.parse().ok().zip(Some(rest)))?
}

/// Appends one tag.
pub(super) fn put(out: &mut String, tag: u8, value: &str) -> Result<(), MpmError> {
    let length = value.chars().count();
    if tag > 99 || !(1..=99).contains(&length) {
        let offset = out.chars().count();
        return Err(error(&name(None, tag), offset, "1 to 99 characters"));
    }
    out.push_str(&format!("{tag:02}{length:02}"));
    out.push_str(value);
    Ok(())
}
