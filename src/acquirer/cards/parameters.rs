//! What the card host lets a terminal do without a PIN (参数下载): the message and its answer. Pure.
//!
//! Owns the tags of field 62 (docs/CARDS.md, parameters). Never asks by itself and never widens what the law of the
//! card networks allows; a tag that is missing or says something else is off.

use super::answer::{approved, echoed, needed};
use super::iso::Message;
use super::message::{self, Names};
use crate::card::CardRules;
use crate::domain::{BatchNo, Money};

/// Parameters, field 60.3 \[K\].
const PARAMETERS: &str = "394";
/// Small amounts need no PIN.
const NO_PIN: &str = "FF8054";
/// Their limit.
const NO_PIN_MAX: &str = "FF8058";
/// A verification on the customer's own device counts.
const DEVICE: &str = "FF8057";
const TAG: usize = 6;
const LENGTH: usize = 3;

/// Builds the request. `trace` is its own, 1 to 999,999.
///
/// # Errors
/// The trace has more digits.
pub(super) fn request(names: &Names, trace: u32, batch: BatchNo) -> Result<Message, String> {
    message::about_session(names, 800, trace, batch, PARAMETERS)
}

/// Reads the answer, from its type up to its MAC, and keeps the limit at or below `most`.
///
/// # Errors
/// What about it cannot be read, or belongs to another message. Nothing is believed then.
pub(super) fn rules(sent: &Message, before_mac: &[u8], most: Money) -> Result<CardRules, String> {
    let answer = Message::decode_before_mac(before_mac).map_err(|error| error.to_string())?;
    echoed(sent, &answer, &[11, 41, 42, 60])?;
    approved(needed(&answer, 39)?)?;
    let rows = rows(needed(&answer, 62)?)?;
    let value = |tag: &str| {
        let found = rows.iter().find(|(name, _)| *name == tag);
        found.map(|(_, value)| *value)
    };
    let limit = value(NO_PIN_MAX).filter(|_| value(NO_PIN) == Some("1"));
    let no_pin_max = limit.map(fen).transpose()?.flatten();
    Ok(CardRules {
        no_pin_max: no_pin_max.map(|own| {
            if own.minor() > most.minor() {
                most
            } else {
                own
            }
        }),
        device_counts: value(DEVICE) == Some("1"),
    })
}

/// Twelve digits; nothing for an amount of nothing.
fn fen(digits: &str) -> Result<Option<Money>, String> {
    let bad = || format!("field 62: {NO_PIN_MAX} is no amount");
    if digits.len() != 12 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(bad());
    }
    let fen: u64 = digits.parse().map_err(|_| bad())?;
    if fen == 0 {
        return Ok(None);
    }
    Money::from_fen(fen).map(Some).map_err(|_| bad())
}

/// Tag, length and value, one after the other; a tag that stands twice means nothing certain.
fn rows(mut text: &str) -> Result<Vec<(&str, &str)>, String> {
    let cut = || "field 62: it is cut off".to_owned();
    let mut found: Vec<(&str, &str)> = Vec::new();
    while !text.is_empty() {
        let (tag, rest) = text.split_at_checked(TAG).ok_or_else(cut)?;
        let (length, rest) = rest.split_at_checked(LENGTH).ok_or_else(cut)?;
        let digits = length.bytes().all(|digit| digit.is_ascii_digit());
        let length = length.parse().ok().filter(|_| digits);
        let length: usize = length.ok_or("field 62: a length is no number")?;
        let (value, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        if found.iter().any(|(known, _)| *known == tag) {
            return Err("field 62: a tag stands twice".to_owned());
        }
        found.push((tag, value));
        text = rest;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::tests_kit as kit;
    use super::*;

    fn heard(field: &str) -> Result<(Option<u64>, bool), String> {
        let sent = request(&kit::names(), 9, kit::batch(42)).expect("it fits");
        assert_eq!((sent.kind(), sent.text(60)), (800, Some("00000042394")));
        let mut answer = Message::new(810);
        for field in [11, 41, 42, 60] {
            let value = sent.field(field).expect("sent");
            answer.set(field, value).expect("fits");
        }
        answer.set(39, b"00").expect("fits");
        answer.set(62, field.as_bytes()).expect("fits");
        let most = Money::from_fen(100_000).expect("an amount");
        let rules = rules(&sent, &answer.before_mac(), most)?;
        Ok((rules.no_pin_max.map(Money::minor), rules.device_counts))
    }

    #[test]
    fn what_the_host_says_counts_up_to_the_most_that_is_allowed() {
        for (field, limit, device) in [
            (
                "FF80540011FF8058012000000030000FF80570011",
                Some(30_000),
                true,
            ),
            ("FF8058012000000100000FF80540011", Some(100_000), false),
            ("FF80540011FF8058012000000100001", Some(100_000), false),
            ("FF80540010FF8058012000000030000", None, false),
            ("FF8058012000000030000", None, false),
            ("FF80540011", None, false),
            ("FF80540011FF8058012000000000000", None, false),
            (
                "FF80540011FF8058012000000030000FF80570010FF80AA004what",
                Some(30_000),
                false,
            ),
            ("", None, false),
        ] {
            assert_eq!(heard(field), Ok((limit, device)), "{field}");
        }
    }

    #[test]
    fn what_is_cut_or_said_twice_is_not_believed() {
        let whole = "FF80540011FF8058012000000030000";
        for length in (1..whole.len()).filter(|length| *length != 10) {
            assert!(heard(&whole[..length]).is_err(), "{length}");
        }
        for field in [
            "FF80540011FF80540010",
            "FF80540+11",
            "FF80540011FF805801200000003000x",
            "FF80540011FF8058011000000030000",
        ] {
            assert!(heard(field).is_err(), "{field}");
        }
    }
}
