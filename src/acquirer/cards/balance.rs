//! What a card host answers to a question for a balance (docs/CARDS.md, rule 8). Pure.
//!
//! Owns the reading of field 54. What is wrong with it is said without what it holds.

use super::answer::{APPROVED, REFUSALS, echoed, needed};
use super::iso::Message;
use crate::payment::{BalanceClaim, Funds};

/// Available balance (ISO 8583 amount type).
const AVAILABLE: &str = "02";
/// Yuan.
const YUAN: &str = "156";
/// Account type, amount type, currency, sign, twelve digits.
const ITEM: usize = 20;

/// Reads the answer, from its type up to its MAC.
///
/// # Errors
/// What about it cannot be read, or belongs to another message. Nothing is believed then.
pub(super) fn claim(sent: &Message, before_mac: &[u8]) -> Result<BalanceClaim, String> {
    let answer = Message::decode_before_mac(before_mac).map_err(|error| error.to_string())?;
    echoed(sent, &answer, &[3, 11, 41, 42, 60, 63])?;
    for field in [25, 49] {
        if answer.field(field).is_some() {
            echoed(sent, &answer, &[field])?;
        }
    }
    let code = needed(&answer, 39)?;
    if code == APPROVED {
        return funds(needed(&answer, 54)?).map(BalanceClaim::Told);
    }
    let code = code.to_owned();
    Ok(if REFUSALS.contains(&code.as_str()) {
        BalanceClaim::Declined(code)
    } else {
        BalanceClaim::Unclear(code)
    })
}

/// The available balance in yuan; other amounts may stand beside it.
fn funds(text: &str) -> Result<Funds, String> {
    let mut rest = text;
    let mut found = None;
    while !rest.is_empty() {
        let (item, more) = rest
            .split_at_checked(ITEM)
            .ok_or("field 54: it is cut off")?;
        rest = more;
        if item.get(2..4) == Some(AVAILABLE) && item.get(4..7) == Some(YUAN) {
            if found.is_some() {
                return Err("field 54: two balances are available".to_owned());
            }
            found = Some(signed(item)?);
        }
    }
    found.ok_or_else(|| "field 54: no balance in yuan is available".to_owned())
}

fn signed(item: &str) -> Result<Funds, String> {
    let bad = || "field 54: it is no amount".to_owned();
    let digits = item.get(8..).ok_or_else(bad)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(bad());
    }
    let fen: i64 = digits.parse().map_err(|_| bad())?;
    match item.get(7..8) {
        Some("C") => Ok(Funds::from_fen(fen)),
        Some("D") => Ok(Funds::from_fen(-fen)),
        Some(_) | None => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{message, tests_kit as kit};
    use super::*;
    use crate::card::CardEntry;
    use crate::payment::CardAsk;

    fn heard(code: &str, more: Option<&str>) -> Result<BalanceClaim, String> {
        let what = CardAsk::Balance(Box::new(kit::card(CardEntry::Contact, true)));
        let sent = message::request(&kit::names(), &kit::request(what)).expect("it fits");
        let mut answer = Message::new(210);
        for field in [3, 11, 25, 41, 42, 49, 60, 63] {
            let value = sent.field(field).expect("sent");
            answer.set(field, value).expect("fits");
        }
        answer.set(39, code.as_bytes()).expect("fits");
        if let Some(text) = more {
            answer.set(54, text.as_bytes()).expect("fits");
        }
        claim(&sent, &answer.before_mac())
    }

    #[test]
    fn the_available_balance_in_yuan_is_read_with_its_sign() {
        for (text, fen) in [
            ("1002156C000001234567", 1_234_567),
            ("3002156C000000000000", 0),
            ("1002156D000000004200", -4_200),
            ("1002156C999999999999", 999_999_999_999),
            ("1001156C0000000000991002156C000000000007", 7),
            ("1002840C0000000000991002156C000000000007", 7),
        ] {
            let told = BalanceClaim::Told(Funds::from_fen(fen));
            assert_eq!(heard("00", Some(text)), Ok(told), "{text}");
        }
    }

    #[test]
    fn what_is_no_balance_is_not_believed_and_not_repeated() {
        for text in [
            None,
            Some(""),
            Some("1002156C00000123456"),
            Some("1002156X000001234567"),
            Some("1002156C00000123456x"),
            Some("1002840C000001234567"),
            Some("1001156C000001234567"),
            Some("1002156C0000012345671002156C000001234567"),
        ] {
            let problem = heard("00", text).expect_err("no balance");
            assert!(problem.starts_with("field 54"), "{problem}");
            assert!(!problem.contains("1234567"), "{problem}");
        }
    }

    #[test]
    fn a_refusal_is_the_issuers_and_everything_else_is_unclear() {
        let code = |code: &str| heard(code, None);
        assert_eq!(code("55"), Ok(BalanceClaim::Declined("55".to_owned())));
        assert_eq!(code("14"), Ok(BalanceClaim::Declined("14".to_owned())));
        for unclear in ["94", "96", "98", "A0"] {
            assert_eq!(code(unclear), Ok(BalanceClaim::Unclear(unclear.to_owned())));
        }
        // A balance beside a refusal tells nothing.
        let refused = heard("05", Some("1002156C000001234567"));
        assert_eq!(refused, Ok(BalanceClaim::Declined("05".to_owned())));
    }

    #[test]
    fn a_balance_says_nothing_of_itself_in_a_log() {
        let told = heard("00", Some("1002156C000001234567"));
        assert!(!format!("{told:?}").contains("1234567"));
    }
}
