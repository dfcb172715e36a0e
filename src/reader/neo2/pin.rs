//! PIN entry on the reader's own keypad (62-01): what is sent and what comes back. Pure.
//!
//! The card number stays in the reader (kinds 00 and 01, "internal PAN"), so no number is sent and 19 digits are no
//! trouble. UNVERIFIED: the guide's excerpt names the fields kind, PAN length, longest and shortest PIN, prompt and
//! time-out; here the prompt is empty and the time-out is one byte.

use zeroize::Zeroizing;

use crate::card::{Ksn, PinBlock};

/// Longest and shortest PIN that a reader takes (guide, 62-01).
const DIGITS: [u8; 2] = [12, 4];

/// Under which key the PIN is enciphered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinKey {
    /// The session key of the sign-in (MK/SK); one PIN in thirty seconds.
    Session,
    /// A new key each time (DUKPT).
    Dukpt,
}

/// A wish for a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRequest {
    /// Under which key.
    pub key: PinKey,
    /// How long the customer may take, in seconds, 1 to 180.
    pub timeout_s: u8,
}

/// A PIN that was entered, enciphered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinEntry {
    /// With which key, for DUKPT.
    pub ksn: Option<Ksn>,
    /// The enciphered block.
    pub block: PinBlock,
}

/// Why there is no PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinProblem {
    /// The customer pressed cancel (01).
    Refused,
    /// The PIN key is not there (05).
    KeyAbsent,
    /// The PIN key has no more uses (06).
    KeyExhausted,
    /// The reader does not take this card's PIN (10).
    CardNotAllowed,
    /// Another state.
    Other(u8),
}

/// The end of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinEnd {
    /// There is one.
    Entered(PinEntry),
    /// There is none.
    None(PinProblem),
    /// We asked the reader to stop (02).
    Stopped,
}

pub(super) fn data(request: PinRequest) -> Vec<u8> {
    let kind = match request.key {
        PinKey::Session => 0x00,
        PinKey::Dukpt => 0x01,
    };
    vec![kind, 0, DIGITS[0], DIGITS[1], request.timeout_s]
}

/// Reads the second reply: state, key serial number and block as hexadecimal text.
pub(super) fn read(bytes: &[u8], key: PinKey) -> Result<PinEnd, &'static str> {
    let Some((state, rest)) = bytes.split_first() else {
        return Err("the reader's PIN result is empty");
    };
    let problem = match state {
        0 => return entry(rest, key).ok_or("the reader's PIN block is malformed"),
        2 => return Ok(PinEnd::Stopped),
        1 => PinProblem::Refused,
        5 => PinProblem::KeyAbsent,
        6 => PinProblem::KeyExhausted,
        0x10 => PinProblem::CardNotAllowed,
        other => PinProblem::Other(*other),
    };
    Ok(PinEnd::None(problem))
}

fn entry(text: &[u8], key: PinKey) -> Option<PinEnd> {
    let (ksn, block) = match (key, text.len()) {
        (PinKey::Session, 16 | 32) => (None, text),
        (PinKey::Dukpt, 36) => (Some(&text[..20]), &text[20..]),
        (PinKey::Dukpt, 56) => (Some(&text[..24]), &text[24..]),
        _ => return None,
    };
    let decode = |text: &[u8]| data_encoding::HEXUPPER_PERMISSIVE.decode(text).ok();
    let ksn = match ksn {
        Some(text) => Some(Ksn::from_bytes(&decode(text)?)?),
        None => None,
    };
    let block = PinBlock::new(&Zeroizing::new(decode(block)?))?;
    Some(PinEnd::Entered(PinEntry { ksn, block }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_with_the_serial_number_of_its_key_or_not_at_all() {
        let dukpt = b"\0FFFF9876543210E000011B9C1845EB993A7A";
        let Ok(PinEnd::Entered(entry)) = read(dukpt, PinKey::Dukpt) else {
            panic!("entered");
        };
        assert_eq!(
            entry.ksn.map(|ksn| ksn.to_string()).as_deref(),
            Some("FFFF9876543210E00001")
        );
        assert_eq!(
            entry.block.bytes(),
            [0x1B, 0x9C, 0x18, 0x45, 0xEB, 0x99, 0x3A, 0x7A]
        );
        assert!(!format!("{entry:?}").contains("1B"), "{entry:?}");
        let session = b"\x001B9C1845EB993A7A";
        assert!(matches!(
            read(session, PinKey::Session),
            Ok(PinEnd::Entered(_))
        ));
        for (bytes, key) in [
            (&dukpt[..], PinKey::Session),
            (&session[..], PinKey::Dukpt),
            (&dukpt[..36], PinKey::Dukpt),
            (b"\x00ZZ9C1845EB993A7A", PinKey::Session),
            (b"", PinKey::Session),
            (b"\0", PinKey::Session),
            // Four digits in clear are no block.
            (b"\x001234", PinKey::Session),
        ] {
            assert!(read(bytes, key).is_err(), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn every_state_has_a_meaning() {
        for (state, end) in [
            (1, PinEnd::None(PinProblem::Refused)),
            (2, PinEnd::Stopped),
            (5, PinEnd::None(PinProblem::KeyAbsent)),
            (6, PinEnd::None(PinProblem::KeyExhausted)),
            (0x10, PinEnd::None(PinProblem::CardNotAllowed)),
            (4, PinEnd::None(PinProblem::Other(4))),
        ] {
            assert_eq!(read(&[state], PinKey::Dukpt), Ok(end));
        }
        let request = PinRequest {
            key: PinKey::Dukpt,
            timeout_s: 30,
        };
        assert_eq!(data(request), [1, 0, 12, 4, 30]);
    }
}
