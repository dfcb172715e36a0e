//! The host's answer to an inserted card (60-12): out to the reader, and what the card says to it. Pure.
//!
//! UNVERIFIED: the excerpts of the guide that we could read name the command and its purpose (issuer's authentication,
//! scripts, second GENERATE AC) but not the layout of its data. Inferred here: plain TLVs out, a result like that of
//! 02-40 back. Everything that depends on it stands in this file. A tapped card is never asked again.

use super::result::ResultError;
use super::tags;
use crate::card::De55;
use crate::card::tlv::{Tag, put, split};

/// Issuer's scripts before and after the second GENERATE AC (EMV 4.3 Book 3).
const SCRIPTS: [Tag; 2] = [Tag(0x71), Tag(0x72)];
/// Issuer authentication data (EMV 4.3 Book 3, tag 91).
const AUTHENTICATION_BYTES: std::ops::RangeInclusive<usize> = 8..=16;

/// What the host answered, for the card. No secret: the card checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAnswer {
    /// Tag 8A: `00` is approved (ISO 8583 field 39).
    pub response_code: [u8; 2],
    /// Tag 91, 8 to 16 bytes.
    pub authentication: Option<Vec<u8>>,
    /// Templates 71 and 72 as they came.
    pub scripts: Vec<u8>,
}

/// What the card said at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardDecision {
    /// It approves (TC). The data is for the host's books.
    Approved(De55),
    /// It refuses (AAC), although the host may have approved: the payment must be reversed.
    Refused(De55),
    /// It was pulled out or does not answer: the payment must be reversed.
    Gone,
}

/// Why a host's answer cannot be given to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host's answer cannot go to the card: tag {0} is malformed")]
pub struct BadAnswer(pub Tag);

pub(super) fn data(answer: &HostAnswer) -> Result<Vec<u8>, BadAnswer> {
    let mut out = Vec::new();
    put(&mut out, tags::RESPONSE_CODE, &answer.response_code);
    if let Some(authentication) = &answer.authentication {
        if !AUTHENTICATION_BYTES.contains(&authentication.len()) {
            return Err(BadAnswer(tags::ISSUER_AUTHENTICATION));
        }
        put(&mut out, tags::ISSUER_AUTHENTICATION, authentication);
    }
    let scripts = split(&answer.scripts).map_err(|_| BadAnswer(SCRIPTS[0]))?;
    for script in scripts {
        if !SCRIPTS.contains(&script.tag) {
            return Err(BadAnswer(script.tag));
        }
        put(&mut out, script.tag, script.value);
    }
    Ok(out)
}

pub(super) fn read(bytes: &[u8]) -> Result<CardDecision, ResultError> {
    let Some((_, rest)) = bytes.split_first() else {
        return Err(ResultError::Empty);
    };
    let items = split(rest)?;
    let get = |tag: Tag| items.iter().find(|item| item.tag == tag);
    // 24 and 30: the card does not answer any more.
    if get(tags::ERROR).is_some_and(|error| matches!(error.value, [0x24 | 0x30, ..])) {
        return Ok(CardDecision::Gone);
    }
    let mut out = Vec::new();
    for tag in [
        tags::CRYPTOGRAM,
        tags::CRYPTOGRAM_INFORMATION,
        tags::ISSUER_DATA,
        tags::COUNTER,
        Tag(0x95),
        tags::SCRIPT_RESULT,
    ] {
        if let Some(item) = get(tag) {
            put(&mut out, tag, item.value);
        }
    }
    let information = get(tags::CRYPTOGRAM_INFORMATION)
        .ok_or(ResultError::Missing(tags::CRYPTOGRAM_INFORMATION))?;
    let needed = get(tags::CRYPTOGRAM).is_some_and(|item| item.value.len() == 8);
    match information.value {
        [information] if information >> 6 == 1 && needed => {
            Ok(CardDecision::Approved(De55::new(out)))
        }
        [information] if information >> 6 == 0 => Ok(CardDecision::Refused(De55::new(out))),
        _ => Err(ResultError::Malformed(tags::CRYPTOGRAM_INFORMATION)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issuer_data_of_the_right_shape_goes_to_the_card() {
        let answer = HostAnswer {
            response_code: *b"00",
            authentication: Some(vec![1; 10]),
            scripts: vec![0x72, 2, 0x86, 0],
        };
        let bytes = data(&answer).expect("good");
        assert_eq!(bytes[..4], [0x8A, 2, b'0', b'0']);
        assert_eq!(bytes[bytes.len() - 4..], [0x72, 2, 0x86, 0]);
        for (authentication, scripts) in [
            (Some(vec![1; 7]), vec![]),
            (Some(vec![1; 17]), vec![]),
            (None, vec![0x72, 9]),
            (None, vec![0x5A, 1, 0]),
        ] {
            let answer = HostAnswer {
                response_code: *b"00",
                authentication,
                scripts,
            };
            assert!(data(&answer).is_err(), "{answer:?}");
        }
    }

    #[test]
    fn a_card_approves_only_with_a_certificate() {
        let result = |information: u8| {
            [
                &[0x40, 0x9F, 0x26, 8][..],
                &[9; 8],
                &[0x9F, 0x27, 1, information],
            ]
            .concat()
        };
        assert!(matches!(read(&result(0x40)), Ok(CardDecision::Approved(_))));
        assert!(matches!(read(&result(0x00)), Ok(CardDecision::Refused(_))));
        assert!(read(&result(0x80)).is_err(), "a second ARQC is illegal");
        assert!(read(&[0x40, 0x9F, 0x27, 1, 0x40]).is_err(), "no cryptogram");
        let gone = [0x40, 0xFF, 0xEE, 0x1F, 4, 0x30, 0, 0, 0];
        assert_eq!(read(&gone), Ok(CardDecision::Gone));
        assert!(read(&[]).is_err() && read(&[0x40]).is_err());
    }
}
