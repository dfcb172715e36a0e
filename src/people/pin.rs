//! A PIN as it was typed, and the rules for a new one (features.md S-56).
//!
//! Owns the type that carries a PIN: no `Display`, no comparison, a `Debug` without digits, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Fewest digits.
const DIGITS_MIN: usize = crate::limits::PIN_DIGITS_MIN;
/// Most digits.
const DIGITS_MAX: usize = crate::limits::PIN_DIGITS_MAX;

/// A typed PIN.
pub struct Pin(Zeroizing<String>);

/// Why a PIN is refused. The texts never repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinRule {
    /// Not 6 to 12 digits.
    #[error("the PIN must have 6 to 12 digits and nothing else")]
    Digits,
    /// One group of digits again and again: 000000, 121212, 123123.
    #[error("the PIN repeats itself; choose another one")]
    Repeats,
    /// A run: 123456, 987654.
    #[error("the PIN counts up or down; choose another one")]
    Run,
    /// The end of the merchant number, which is printed on every slip.
    #[error(
        "the PIN is the end of the merchant number, which every slip shows; choose another one"
    )]
    MerchantNo,
}

impl Pin {
    /// Takes a PIN as typed, e.g. to be checked.
    ///
    /// # Errors
    /// [`PinRule::Digits`].
    pub fn typed(text: &str) -> Result<Self, PinRule> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && (DIGITS_MIN..=DIGITS_MAX).contains(&text.len()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(PinRule::Digits)
        }
    }

    /// Takes a PIN that somebody wants to set; `merchant_no` where it is known.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn chosen(text: &str, merchant_no: Option<&str>) -> Result<Self, PinRule> {
        let pin = Self::typed(text)?;
        if repeats(text.as_bytes()) {
            return Err(PinRule::Repeats);
        }
        if runs(text.as_bytes()) {
            return Err(PinRule::Run);
        }
        if merchant_no.is_some_and(|number| number.ends_with(text)) {
            return Err(PinRule::MerchantNo);
        }
        Ok(pin)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// One group of up to half the length, repeated to the end (the last one may be cut).
fn repeats(digits: &[u8]) -> bool {
    (1..=digits.len() / 2).any(|group| {
        digits
            .iter()
            .zip(&digits[group..])
            .all(|(one, next)| one == next)
    })
}

/// Every digit is one more, or every digit is one less, than the one before; 9 and 0 are neighbours.
fn runs(digits: &[u8]) -> bool {
    let step = |by: u8| {
        let pairs = digits.iter().zip(&digits[1..]);
        pairs
            .into_iter()
            .all(|(one, next)| (one - b'0' + by) % 10 == next - b'0')
    };
    step(1) || step(9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_pins_are_refused_each_for_its_reason() {
        let rule = |text| Pin::chosen(text, Some("822100054110001")).err();
        for text in [
            "",
            "12345",
            "1234567890123",
            "12345a",
            "１２３４５６",
            "12 3456",
        ] {
            assert_eq!(rule(text), Some(PinRule::Digits), "{text}");
        }
        for text in [
            "000000",
            "777777",
            "121212",
            "123123",
            "12121212121",
            "1231231",
        ] {
            assert_eq!(rule(text), Some(PinRule::Repeats), "{text}");
        }
        for text in ["123456", "654321", "345678", "890123", "210987"] {
            assert_eq!(rule(text), Some(PinRule::Run), "{text}");
        }
        for text in ["110001", "4110001", "00054110001"] {
            assert_eq!(rule(text), Some(PinRule::MerchantNo), "{text}");
        }
        for text in ["472913", "110002", "123457", "112358", "998998001"] {
            assert_eq!(rule(text), None, "{text}");
        }
        assert!(Pin::chosen("110001", None).is_ok());
    }

    #[test]
    fn neither_debug_output_nor_an_error_shows_a_digit() {
        let shown = format!("{:?}", Pin::typed("472913").expect("six digits"));
        assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
        let error = Pin::chosen("123456", None).expect_err("a run").to_string();
        assert!(!error.contains("123456"), "{error}");
    }
}
