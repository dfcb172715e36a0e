//! What a card host's answer says about its request: from proven bytes to a claim. Pure.
//!
//! Owns the comparison of the answer with the message that it answers, and the list of definitive refusals. Every code
//! that is not listed means "unknown", which makes the core reverse a sale: that costs one message, a wrong "not paid"
//! costs the customer the money.

use time::macros::offset;
use time::{Date, Month, PrimitiveDateTime, Time, UtcDateTime};

use super::iso::{IsoError, Message};
use crate::card::WrappedKeys;
use crate::domain::{Channel, Funding, HostTradeNo, MerchantNo, Money, Now, OrderNo};
use crate::evidence::{Claim, ClaimState, TradeDetails, Undone};
use crate::payment::CardAsk;

/// The host wants a new sign-in (docs/CARDS.md, rule 4).
pub(super) const BAD_MAC: &str = "A0";
pub(super) const APPROVED: &str = "00";
/// The original was not found, and is refused if it ever comes (rule 2).
const NO_ORIGINAL: &str = "25";

/// Refusals of the issuer, or of the network in its name, after which nothing is booked. Those of docs/CARDS.md
/// (rule 4) are 05 14 41 51 54 55 61 62 65 75; the others have the same plain meaning in ISO 8583:1987 and in tables
/// that Chinese acquirers print \[K\]: 01 call the issuer, 03 merchant, 04 and 43 keep the card, 12 transaction,
/// 13 amount, 15 no such issuer, 34 and 59 fraud, 38 PIN tries, 40 and 57 not for this card, 45 no fallback, 58 not for
/// this terminal, 63 security.
///
/// Not listed, on purpose: 10, 11, A2, A4, A5, A6 (approvals of a kind); 06, 09, 22, 68, 90, 91, 92, 96, 97, 98, 99
/// (trouble of host, network or terminal, in which a message may have gone on to the issuer); 30 (a switch may say it
/// of the issuer's approval); 94 (an earlier copy may have been approved); A0.
pub(super) const REFUSALS: [&str; 25] = [
    "01", "03", "04", "05", "12", "13", "14", "15", "34", "38", "40", "41", "43", "45", "51", "54",
    "55", "57", "58", "59", "61", "62", "63", "65", "75",
];

/// What a void or refund can be refused with beside these \[K\]: 22 the original is in another state, 25 there is no
/// such original, 64 the amount does not fit it. A repetition gets the first answer (rule 1): each is the first one's.
const UNDO_REFUSALS: [&str; 3] = ["22", NO_ORIGINAL, "64"];

/// What an answer is compared with.
pub(super) struct Asked<'a> {
    /// What was asked.
    pub what: &'a CardAsk,
    /// The message as it left.
    pub sent: &'a Message,
    /// When, for the year of the answer's date.
    pub now: Now,
}

/// Reads the answer to a request, from its type up to its MAC.
///
/// # Errors
/// What about it cannot be read, or belongs to another message. Nothing is believed then.
pub(super) fn claim(asked: &Asked<'_>, before_mac: &[u8]) -> Result<Claim, String> {
    let answer = Message::decode_before_mac(before_mac).map_err(|error| error.to_string())?;
    echoed(asked.sent, &answer, &[3, 11, 41, 42, 60])?;
    for field in [25, 49] {
        if answer.field(field).is_some() {
            echoed(asked.sent, &answer, &[field])?;
        }
    }
    let code = needed(&answer, 39)?;
    let state = state(asked.what, code);
    let trade_no = particular(&answer, 37);
    if state == ClaimState::Paid && trade_no.is_none() {
        return Err("field 37: an approval has a reference number".to_owned());
    }
    Ok(Claim {
        merchant: MerchantNo::new(needed(&answer, 42)?.trim_end()).ok(),
        // These two are given as they stand: the core refuses another order and another amount by itself.
        order_no: Some(order(needed(&answer, 63)?)?),
        amount: Some(amount(needed(&answer, 4)?)?),
        state,
        host_code: code.to_owned(),
        details: TradeDetails {
            trade_no,
            wallet_trade_no: particular(&answer, 38),
            channel: Some(Channel::BankCard),
            payer_amount: None,
            host_time: host_time(&answer, asked.now),
            funding: funding(&answer),
            code_text: None,
            chip: answer.field(55).map(<[u8]>::to_vec),
        },
    })
}

/// Why a sign-in gave no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoKeys {
    /// The host said no, in words with its code.
    Refused(String),
    /// Nothing that could be believed came.
    Other(String),
}

impl From<String> for NoKeys {
    fn from(problem: String) -> Self {
        Self::Other(problem)
    }
}

impl std::fmt::Display for NoKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(problem) | Self::Other(problem) => f.write_str(problem),
        }
    }
}

/// Reads the answer to a sign-in, which has no MAC: whoever else could make one up could only give keys that the
/// host does not use.
///
/// # Errors
/// Why there are no keys.
pub(super) fn keys(sent: &Message, message: &[u8]) -> Result<WrappedKeys, NoKeys> {
    let answer = Message::decode(message).map_err(|error: IsoError| error.to_string())?;
    echoed(sent, &answer, &[11, 41, 42])?;
    // The batch in its middle is the host's; ours goes on (docs/CARDS.md, field 60).
    let ends = |message: &Message| -> Option<(String, String)> {
        let text = message.text(60)?;
        Some((text.get(..2)?.to_owned(), text.get(8..)?.to_owned()))
    };
    if ends(&answer) != ends(sent) {
        return Err("field 60: it is not the one that was sent"
            .to_owned()
            .into());
    }
    let code = needed(&answer, 39)?;
    approved(code).map_err(NoKeys::Refused)?;
    let blob = answer.field(62);
    let blob = blob.ok_or_else(|| "field 62: it is not there".to_owned())?;
    Ok(WrappedKeys::from_sign_in(blob).map_err(|error| error.to_string())?)
}

/// Tells whether a message about the session was taken.
///
/// # Errors
/// The host's code.
pub(super) fn approved(code: &str) -> Result<(), String> {
    if code == APPROVED {
        Ok(())
    } else {
        Err(format!("it was refused with {code}"))
    }
}

pub(super) fn echoed(sent: &Message, answer: &Message, fields: &[u8]) -> Result<(), String> {
    if answer.kind() != sent.kind() + 10 {
        return Err("it answers another kind of message".to_owned());
    }
    for field in fields {
        let found = answer.field(*field);
        if found.is_none() || found != sent.field(*field) {
            return Err(format!("field {field}: it is not the one that was sent"));
        }
    }
    Ok(())
}

pub(super) fn needed(answer: &Message, field: u8) -> Result<&str, String> {
    let there = answer.text(field);
    there.ok_or_else(|| format!("field {field}: it is not there"))
}

/// What is wrong is never repeated: it may be anything.
fn order(text: &str) -> Result<OrderNo, String> {
    OrderNo::new(text).map_err(|_| "field 63: it is no order number".to_owned())
}

fn amount(digits: &str) -> Result<Money, String> {
    let bad = || "field 4: it is no amount".to_owned();
    let fen = digits.parse().map_err(|_| bad())?;
    Money::from_fen(fen).map_err(|_| bad())
}

/// Field 44 begins with the kind of card; anything else than the two letters is none.
fn funding(answer: &Message) -> Option<Funding> {
    match answer.field(44)?.first()? {
        b'D' => Some(Funding::Debit),
        b'C' => Some(Funding::Credit),
        _ => None,
    }
}

/// A number that decorates a record; one that we cannot keep is left out.
fn particular(answer: &Message, field: u8) -> Option<HostTradeNo> {
    HostTradeNo::new(answer.text(field)?.trim()).ok()
}

fn state(what: &CardAsk, code: &str) -> ClaimState {
    let refused = REFUSALS.contains(&code);
    match what {
        // It has an answer of its own (`balance`).
        CardAsk::Balance(_) => ClaimState::Unknown,
        CardAsk::Sale(_) | CardAsk::Hold(_) => match code {
            APPROVED => ClaimState::Paid,
            _ if refused => ClaimState::Declined,
            _ => ClaimState::Unknown,
        },
        // The hold does not stand: nothing was charged (rule 7).
        CardAsk::Completion(_) => match code {
            APPROVED => ClaimState::Paid,
            NO_ORIGINAL => ClaimState::Declined,
            _ if refused => ClaimState::Declined,
            _ => ClaimState::Unknown,
        },
        CardAsk::Reversal { .. } => match code {
            APPROVED | NO_ORIGINAL => ClaimState::Undone(Undone::Revoked),
            _ => ClaimState::Unknown,
        },
        CardAsk::Void(_) | CardAsk::Refund(_) => match code {
            APPROVED => ClaimState::Returned,
            code if refused || UNDO_REFUSALS.contains(&code) => ClaimState::Declined,
            _ => ClaimState::Unknown,
        },
    }
}

/// Joins fields 13 and 12, China's time, with the year that brings them nearest to now. Left out when they are no date.
fn host_time(answer: &Message, now: Now) -> Option<String> {
    let (date, clock) = (answer.text(13)?, answer.text(12)?);
    let two = |text: &str, at: usize| -> Option<u8> { text.get(at..at + 2)?.parse().ok() };
    let month = Month::try_from(two(date, 0)?).ok()?;
    let day = two(date, 2)?;
    let clock_time = Time::from_hms(two(clock, 0)?, two(clock, 2)?, two(clock, 4)?).ok()?;
    let utc = UtcDateTime::from_unix_timestamp(now.utc.0.div_euclid(1000)).ok()?;
    let here = utc.to_offset(offset!(+8));
    let this = PrimitiveDateTime::new(here.date(), here.time());
    let away = |year: i32| -> Option<(i64, i32)> {
        let date = Date::from_calendar_date(year, month, day).ok()?;
        let at = PrimitiveDateTime::new(date, clock_time);
        Some(((at - this).whole_seconds().abs(), year))
    };
    let years = [here.year() - 1, here.year(), here.year() + 1];
    let (_, year) = years.into_iter().filter_map(away).min()?;
    Some(format!("{year:04}{date}{clock}"))
}

#[cfg(test)]
mod tests {
    use super::super::{message, tests_kit as kit};
    use super::*;
    use crate::card::CardEntry;
    use crate::domain::Timestamp;
    use crate::payment::{CardBusiness, Presentment, ReversalReason};

    fn sale() -> CardAsk {
        CardAsk::Sale(Box::new(kit::card(CardEntry::Contact, false)))
    }

    fn reversal() -> CardAsk {
        CardAsk::Reversal {
            business: CardBusiness::Sale,
            entry: Presentment::CardTapped,
            pin: false,
            sequence: None,
            reason: ReversalReason::NoAnswer,
        }
    }

    /// What every approving answer has: echoed fields, its time, its code.
    fn echo(answer: &mut Message, sent: &Message, fields: &[u8]) {
        for field in fields {
            let value = sent.field(*field).expect("sent");
            answer.set(*field, value).expect("fits");
        }
        for (field, value) in [(12, "131944"), (13, "0906"), (39, "00")] {
            answer.set(field, value.as_bytes()).expect("fits");
        }
    }

    /// An answer as docs/CARDS.md has it, and what the core hears of it.
    fn heard(what: &CardAsk, change: impl FnOnce(&mut Message)) -> Result<Claim, String> {
        let request = kit::request(what.clone());
        let sent = message::request(&kit::names(), &request).expect("it fits");
        let mut answer = Message::new(sent.kind() + 10);
        echo(&mut answer, &sent, &[3, 4, 11, 25, 41, 42, 49, 60, 63]);
        answer.set(37, b"000000000321").expect("fits");
        change(&mut answer);
        let now = kit::NOW;
        let (sent, what) = (&sent, &request.what);
        claim(&Asked { what, sent, now }, &answer.before_mac())
    }

    fn set(field: u8, value: &str) -> impl FnOnce(&mut Message) + '_ {
        move |message| message.set(field, value.as_bytes()).expect("fits")
    }

    fn outcome(what: &CardAsk, code: &str) -> ClaimState {
        heard(what, set(39, code)).expect("readable").state
    }

    #[test]
    fn only_listed_codes_end_anything() {
        let undo = CardAsk::Void(kit::original());
        let refund = CardAsk::Refund(kit::original());
        for (code, of_sale, of_reversal, of_undo) in [
            (
                "00",
                ClaimState::Paid,
                Some(Undone::Revoked),
                ClaimState::Returned,
            ),
            ("05", ClaimState::Declined, None, ClaimState::Declined),
            ("51", ClaimState::Declined, None, ClaimState::Declined),
            ("75", ClaimState::Declined, None, ClaimState::Declined),
            (
                "25",
                ClaimState::Unknown,
                Some(Undone::Revoked),
                ClaimState::Declined,
            ),
            ("64", ClaimState::Unknown, None, ClaimState::Declined),
            ("94", ClaimState::Unknown, None, ClaimState::Unknown),
            ("91", ClaimState::Unknown, None, ClaimState::Unknown),
            ("96", ClaimState::Unknown, None, ClaimState::Unknown),
            ("98", ClaimState::Unknown, None, ClaimState::Unknown),
            ("68", ClaimState::Unknown, None, ClaimState::Unknown),
            ("30", ClaimState::Unknown, None, ClaimState::Unknown),
            ("11", ClaimState::Unknown, None, ClaimState::Unknown),
            ("A0", ClaimState::Unknown, None, ClaimState::Unknown),
            ("a0", ClaimState::Unknown, None, ClaimState::Unknown),
            ("0 ", ClaimState::Unknown, None, ClaimState::Unknown),
        ] {
            let of_reversal = of_reversal.map_or(ClaimState::Unknown, ClaimState::Undone);
            assert_eq!(outcome(&sale(), code), of_sale, "{code}");
            assert_eq!(outcome(&reversal(), code), of_reversal, "{code}");
            assert_eq!(outcome(&undo, code), of_undo, "{code}");
            assert_eq!(outcome(&refund, code), of_undo, "{code}");
        }
    }

    #[test]
    fn an_approval_brings_its_particulars() {
        let told = heard(&sale(), |answer| {
            answer.set(38, b"ABC12 ").expect("fits");
            answer.set(44, b"C").expect("fits");
            answer.set(55, &[0x91, 2, 0x30, 0x30]).expect("fits");
        })
        .expect("readable");
        let number = |text| HostTradeNo::new(text).ok();
        assert_eq!(told.merchant, MerchantNo::new("822290059430BFA").ok());
        assert_eq!(told.order_no, Some(kit::order()));
        assert_eq!(told.amount, Some(kit::price()));
        assert_eq!(told.host_code, "00");
        assert_eq!(told.details.trade_no, number("000000000321"));
        assert_eq!(told.details.wallet_trade_no, number("ABC12"));
        assert_eq!(told.details.channel, Some(Channel::BankCard));
        assert_eq!(told.details.funding, Some(Funding::Credit));
        for (text, found) in [
            ("D", Some(Funding::Debit)),
            ("D01", Some(Funding::Debit)),
            ("d", None),
            ("P", None),
        ] {
            let told = heard(&sale(), set(44, text)).expect("readable");
            assert_eq!(told.details.funding, found, "{text}");
        }
        let at = told.details.host_time.as_deref();
        assert_eq!(at, Some("20210906131944"));
        assert_eq!(
            told.details.chip.as_deref(),
            Some(&[0x91, 2, 0x30, 0x30][..])
        );
    }

    #[test]
    fn an_answer_to_another_message_is_not_read() {
        for (field, value) in [
            (3, "200000"),
            (11, "000008"),
            (25, "06"),
            (41, "A1234568"),
            (42, "822290059430BFB"),
            (49, "840"),
            (60, "2200004300060"),
            (60, "2300004200060"),
        ] {
            let error = heard(&sale(), set(field, value)).expect_err("refused");
            let words = format!("field {field}: it is not the one that was sent");
            assert_eq!(error, words);
        }
        let other = heard(&sale(), |answer| {
            let mut other = Message::new(410);
            for field in answer.numbers().collect::<Vec<_>>() {
                let value = answer.field(field).expect("there");
                other.set(field, value).expect("fits");
            }
            *answer = other;
        });
        assert_eq!(other, Err("it answers another kind of message".to_owned()));
        let nameless = heard(&sale(), set(37, "            "));
        assert!(nameless.is_err());
        // Another order or amount is told to the core, which refuses it.
        let other = heard(&sale(), set(63, "ANOTHER")).expect("readable");
        assert_eq!(other.order_no, OrderNo::new("ANOTHER").ok());
        let other = heard(&sale(), set(4, "000000000001")).expect("readable");
        assert_eq!(other.amount, Money::from_fen(1).ok());
        assert!(heard(&sale(), set(63, "A-1")).is_err());
    }

    #[test]
    fn every_echoed_field_must_be_there() {
        for missing in [3, 4, 11, 39, 41, 42, 60, 63, 37] {
            let told = heard(&sale(), |answer| {
                let mut less = Message::new(210);
                for field in answer.numbers().filter(|field| *field != missing) {
                    let value = answer.field(field).expect("there");
                    less.set(field, value).expect("fits");
                }
                *answer = less;
            });
            assert!(told.is_err(), "{missing}");
        }
    }

    #[test]
    fn the_year_is_the_nearest_also_around_new_year() {
        let at = |utc_ms, date: &str, clock: &str| {
            let mut answer = Message::new(210);
            answer.set(13, date.as_bytes()).expect("fits");
            answer.set(12, clock.as_bytes()).expect("fits");
            let utc = Timestamp(utc_ms);
            host_time(&answer, Now { utc, ..kit::NOW })
        };
        // 2026-12-31 23:59:58 and 2027-01-01 00:00:01 in China.
        let (before, after) = (1_798_732_798_000, 1_798_732_801_000);
        for (utc_ms, date, clock, found) in [
            (before, "1231", "235959", Some("20261231235959")),
            (before, "0101", "000002", Some("20270101000002")),
            (after, "1231", "235959", Some("20261231235959")),
            (after, "0101", "000000", Some("20270101000000")),
            (after, "0230", "000000", None),
            (after, "1301", "000000", None),
            (after, "0101", "240000", None),
        ] {
            assert_eq!(at(utc_ms, date, clock).as_deref(), found, "{date} {clock}");
        }
    }

    #[test]
    fn a_sign_in_gives_keys_or_says_why_not() {
        let sent = message::sign_in(&kit::names(), 3, kit::batch(42)).expect("it fits");
        let answer = |change: &dyn Fn(&mut Message)| {
            let mut answer = Message::new(810);
            echo(&mut answer, &sent, &[11, 41, 42]);
            answer.set(60, b"00000777004").expect("fits");
            answer.set(62, &[7; 60]).expect("fits");
            change(&mut answer);
            keys(&sent, &answer.encode())
        };
        // The batch is the host's and is not taken.
        assert_eq!(answer(&|_| {}).map(|keys| keys.into_keys().len()), Ok(3));
        for (field, value, words) in [
            (11, "000004", "field 11"),
            (41, "00000001", "field 41"),
            (39, "05", "refused with 05"),
            (60, "22000777004", "field 60"),
            (60, "00000777003", "field 60"),
            (62, "0123", "4 bytes"),
        ] {
            let error = answer(&|message| message.set(field, value.as_bytes()).expect("fits"));
            let error = error.expect_err("refused");
            let refused = matches!(error, NoKeys::Refused(_));
            assert_eq!(refused, field == 39, "{error}");
            let error = error.to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
