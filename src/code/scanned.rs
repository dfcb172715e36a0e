//! A scanned text that is looked at outside a sale: an order number on a slip, a code on a wall.
//!
//! Owns the rule what may be handed on as text: never a customer's payment code, nor digits that could be one. No
//! `Display`, a `Debug` that shows a length only, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

use super::cpm::{Recognised, WrongCode, recognise};
use super::table::CodeTable;

/// Longer texts are on no slip and on no wall.
const TEXT_MAX: usize = 512;

/// What was read, and the text itself where it cannot be a payment code.
#[derive(Clone, PartialEq, Eq)]
pub struct Scanned {
    /// What it is.
    pub found: Recognised,
    text: Option<Zeroizing<String>>,
}

impl Scanned {
    /// Looks at a text.
    pub fn read(text: &str, table: &CodeTable) -> Self {
        let found = recognise(text, table);
        let harmless = match &found {
            // Digits of another length or prefix: a new wallet's payment code looks like that.
            Recognised::Payment(_) | Recognised::Wrong(WrongCode::Length | WrongCode::Prefix) => {
                false
            }
            Recognised::Wrong(
                WrongCode::Collection | WrongCode::Contact | WrongCode::Link | WrongCode::Other,
            ) => (1..=TEXT_MAX).contains(&text.trim().len()),
        };
        Self {
            found,
            text: harmless.then(|| Zeroizing::new(text.trim().to_owned())),
        }
    }

    /// Returns the text when it is no customer's.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().map(String::as_str)
    }
}

impl From<Recognised> for Scanned {
    fn from(found: Recognised) -> Self {
        Self { found, text: None }
    }
}

impl fmt::Debug for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.text().map_or(0, str::len);
        write!(f, "Scanned({:?}, {bytes} bytes)", self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Scanned {
        Scanned::read(text, &CodeTable::built_in())
    }

    #[test]
    fn what_could_be_a_payment_code_is_never_handed_on() {
        for text in [
            "281234567890123456",
            "2812 3456 7890 1234 56",
            // No wallet that we know: perhaps one of tomorrow.
            "991234567890123456",
            "28123456789012",
            "6901234567892",
            &format!(
                "fp{}",
                "a1".repeat(16)
                    .get(..31)
                    .map(|t| format!("{t}zz"))
                    .expect("text")
            ),
            "",
            "  ",
        ] {
            let seen = read(text);
            assert_eq!(seen.text(), None, "{text:?}");
            assert!(!format!("{seen:?}").contains("1234"), "{seen:?}");
        }
        assert_eq!(read(&"x".repeat(513)).text(), None);
    }

    #[test]
    fn an_order_number_and_a_wall_code_are_handed_on_and_never_printed() {
        for text in ["A00100010001ABCDEFS00000457", "https://qr.95516.com/1"] {
            let seen = read(&format!(" {text}\r\n"));
            assert_eq!(seen.text(), Some(text));
            assert!(!format!("{seen:?}").contains(text));
        }
    }
}
