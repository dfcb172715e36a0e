//! Recognises a consumer-presented code (付款码) and carries it without ever showing it.
//!
//! Owns [`PaymentCode`]: no `Display`, no `Serialize`, a `Debug` that prints a mask, wiped when dropped. Only sixteen
//! to twenty-four digits, or Alipay's face token `fp…` of 35 characters (acquirer.md 2.8), can become one.

use std::fmt;

use ring::hmac;
use zeroize::Zeroizing;

use super::table::{CodeTable, UnknownPrefix};
use crate::domain::Channel;
use crate::limits::{CODE_DIGITS_MAX, CODE_DIGITS_MIN};

/// Length of Alipay's face token (`scene=security_code`).
const FACE_TOKEN_LENGTH: usize = 35;

/// A customer's single-use payment code.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentCode {
    text: Zeroizing<String>,
    channel: Channel,
}

/// A keyed digest of a payment code: tells "the same code again" without keeping the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl PaymentCode {
    /// Returns the wallet that the table names for the code.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Returns the full code. Only the acquirer's adapter may ask, to put it on the wire.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the last four characters, the only part that records and screens may keep.
    pub fn tail(&self) -> &str {
        &self.text[self.text.len() - 4..]
    }

    /// Returns the digest under the device's own salt.
    pub fn fingerprint(&self, salt: &[u8; 32]) -> Fingerprint {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
        let tag = hmac::sign(&key, self.text.as_bytes());
        let mut out = [0; 16];
        out.copy_from_slice(&tag.as_ref()[..16]);
        Fingerprint(out)
    }
}

impl fmt::Debug for PaymentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PaymentCode({}, {} characters)",
            self.channel.key(),
            self.text.len()
        )
    }
}

/// Why a readable text is not a payment code. Each has its own words on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongCode {
    /// A collection code (收款码): the customer shows a code to receive money.
    Collection,
    /// A contact card (名片码).
    Contact,
    /// Some other link.
    Link,
    /// Digits of a length that no payment code has.
    Length,
    /// Digits with a prefix that no opened channel uses.
    Prefix,
    /// Anything else.
    Other,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// A payment code.
    Payment(PaymentCode),
    /// Something else, never sent anywhere.
    Wrong(WrongCode),
}

/// Recognises a scanned or typed text. Strips a scanner's line ends, AIM prefix and blanks between typed groups.
pub fn recognise(text: &str, table: &CodeTable) -> Recognised {
    let bare = strip(text);
    if is_face_token(&bare) {
        return Recognised::Payment(PaymentCode {
            text: Zeroizing::new(bare),
            channel: Channel::Alipay,
        });
    }
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Recognised::Wrong(table.wrong_kind(&bare));
    }
    if !(CODE_DIGITS_MIN..=CODE_DIGITS_MAX).contains(&bare.len()) {
        return Recognised::Wrong(WrongCode::Length);
    }
    let channel = match (table.channel_of(&bare), table.unknown_prefix()) {
        (Some(channel), _) => channel,
        (None, UnknownPrefix::Send) => Channel::Unknown,
        (None, UnknownPrefix::Refuse) if table.knows_prefix(&bare) => {
            return Recognised::Wrong(WrongCode::Length);
        }
        (None, UnknownPrefix::Refuse) => return Recognised::Wrong(WrongCode::Prefix),
    };
    Recognised::Payment(PaymentCode {
        text: Zeroizing::new(bare),
        channel,
    })
}

fn strip(text: &str) -> String {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c.is_control());
    let bare = match trimmed.strip_prefix(']') {
        Some(rest) if rest.len() > 2 && rest.is_char_boundary(2) => &rest[2..],
        Some(_) | None => trimmed,
    };
    let digits_and_blanks = bare.chars().all(|c| c.is_ascii_digit() || c == ' ');
    if digits_and_blanks {
        bare.replace(' ', "")
    } else {
        bare.to_owned()
    }
}

fn is_face_token(text: &str) -> bool {
    text.len() == FACE_TOKEN_LENGTH
        && text.starts_with("fp")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<Channel, WrongCode> {
        match recognise(text, &CodeTable::built_in()) {
            Recognised::Payment(code) => Ok(code.channel()),
            Recognised::Wrong(wrong) => Err(wrong),
        }
    }

    #[test]
    fn each_wallet_is_found_by_prefix_and_length() {
        assert_eq!(kind("134567890123456789"), Ok(Channel::Wechat));
        assert_eq!(kind("2801234567890123"), Ok(Channel::Alipay));
        assert_eq!(kind("301234567890123456789012"), Ok(Channel::Alipay));
        assert_eq!(kind("6212345678901234567"), Ok(Channel::UnionPay));
        assert_eq!(
            kind(&format!("fp{}", "a1".repeat(16) + "b")),
            Ok(Channel::Alipay)
        );
    }

    #[test]
    fn a_scanners_line_end_aim_prefix_and_typed_groups_are_stripped() {
        assert_eq!(kind("134567890123456789\r\n"), Ok(Channel::Wechat));
        assert_eq!(kind("]Q3134567890123456789"), Ok(Channel::Wechat));
        assert_eq!(kind("1345 6789 0123 4567 89"), Ok(Channel::Wechat));
    }

    #[test]
    fn what_is_not_a_payment_code_never_becomes_one() {
        assert_eq!(
            kind("https://qr.alipay.com/fkx0123456789"),
            Err(WrongCode::Collection)
        );
        assert_eq!(kind("wxp://f2f0abcdef"), Err(WrongCode::Collection));
        assert_eq!(kind("https://u.wechat.com/abc"), Err(WrongCode::Contact));
        assert_eq!(
            kind("https://example.com/134567890123456789"),
            Err(WrongCode::Link)
        );
        assert_eq!(kind("6901234567892"), Err(WrongCode::Length));
        assert_eq!(kind("1345678901234567890"), Err(WrongCode::Length));
        assert_eq!(kind("9912345678901234567"), Err(WrongCode::Prefix));
        assert_eq!(kind("13456789012345678O"), Err(WrongCode::Other));
        assert_eq!(
            kind("１３４５６７８９０１２３４５６７８９"),
            Err(WrongCode::Other)
        );
        assert_eq!(kind(""), Err(WrongCode::Other));
        assert_eq!(kind("]é"), Err(WrongCode::Other));
    }

    #[test]
    fn debug_output_holds_no_digit_of_the_code() {
        let Recognised::Payment(code) = recognise("134567890123456789", &CodeTable::built_in())
        else {
            panic!("a WeChat code");
        };
        let shown = format!("{code:?}");
        assert!(!shown.contains("3456"), "{shown}");
        assert_eq!(code.tail(), "6789");
    }
}
