//! The commands that a terminal sends (NEO 2 guide): numbers and data. Pure.
//!
//! Owns the bytes of requests. Pass-through (2C-xx) is missing on purpose: a terminal needs no raw card data. Tags 9A
//! and 9F21 are never sent, because readers with encryption take their own clock.

use zeroize::Zeroizing;

use super::frame::{TooLong, command_bytes};
use super::result::{currency_code, packed_amount};
use super::tags;
use crate::card::tlv::{Tag, put};
use crate::reader::event::TapRequest;

/// A command and its sub-command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub u8, pub u8);

pub(super) const PING: Code = Code(0x18, 0x01);
pub(super) const FIRMWARE: Code = Code(0x29, 0x00);
pub(super) const CHECK_KEY: Code = Code(0x81, 0x04);
pub(super) const GET_KSN: Code = Code(0x81, 0x0B);
pub(super) const ACTIVATE: Code = Code(0x02, 0x40);
pub(super) const CANCEL: Code = Code(0x05, 0x01);
pub(super) const LOAD_KEY: Code = Code(0x63, 0x03);
pub(super) const MAC: Code = Code(0x63, 0x06);
pub(super) const PIN: Code = Code(0x62, 0x01);
pub(super) const CANCEL_PIN: Code = Code(0x62, 0x00);
pub(super) const APPLY_ANSWER: Code = Code(0x60, 0x12);

/// Argument of [`CHECK_KEY`]: the key of card data.
pub(super) const DATA_KEY: u8 = 0x05;
/// Arguments of [`GET_KSN`]: index of the key, slot 0.
pub(super) const PIN_KSN: [u8; 3] = [0x01, 0, 0];
pub(super) const DATA_KSN: [u8; 3] = [0x02, 0, 0];

/// Decimals of the currency (tag 5F36).
const EXPONENT: u8 = 2;

pub(super) fn bytes(code: Code, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    command_bytes(code.0, code.1, data)
}

/// The data of an activation: time-out, then amount, kind, currency, its decimals, country, then what is wanted back.
pub(super) fn activation(request: TapRequest, wanted: &[Tag]) -> Vec<u8> {
    let currency = currency_code(request.amount.currency());
    let mut out = vec![request.timeout_s];
    put(&mut out, tags::AMOUNT, &packed_amount(request.amount));
    put(&mut out, tags::TRANSACTION_TYPE, &[request.kind.code()]);
    put(&mut out, tags::CURRENCY, &currency);
    put(&mut out, tags::CURRENCY_EXPONENT, &[EXPONENT]);
    // ISO 3166 and ISO 4217 number China and its currency alike: 156.
    put(&mut out, tags::COUNTRY, &currency);
    if !wanted.is_empty() {
        let list: Vec<u8> = wanted.iter().flat_map(|tag| tag.bytes()).collect();
        put(&mut out, tags::WANTED, &list);
    }
    out
}

/// What a result has to hold so that it can become evidence.
pub(super) fn wanted() -> Vec<Tag> {
    let field_55 = tags::DE55.iter().map(|row| row.0);
    let more = [
        tags::TRACK2,
        tags::SEQUENCE,
        tags::ENTRY_MODE,
        tags::CVM_DONE,
        tags::MASKED_PAN,
        tags::MASKED_TRACK2,
    ];
    field_55.chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Money;
    use crate::reader::neo2::CardTransaction;

    #[test]
    fn an_activation_of_100_yuan_is_the_computed_frame() {
        let request = TapRequest {
            amount: Money::from_fen(10_000).expect("an amount"),
            kind: CardTransaction::Sale,
            timeout_s: 30,
        };
        let frame = bytes(ACTIVATE, &activation(request, &[])).expect("short");
        let expected = "5669564F7465636832000240001B1E9F02060000000100009C01005F2A0201565F3601029F1A020156A327";
        assert_eq!(data_encoding::HEXUPPER.encode(&frame), expected);
        assert!(bytes(ACTIVATE, &activation(request, &wanted())).is_ok());
    }

    #[test]
    fn every_fen_of_the_largest_amount_is_written() {
        let largest = Money::from_fen(Money::MINOR_MAX).expect("the largest");
        assert_eq!(packed_amount(largest), [0x99; 6]);
        let other = Money::from_fen(123_456_789).expect("an amount");
        assert_eq!(packed_amount(other), [0x00, 0x01, 0x23, 0x45, 0x67, 0x89]);
    }
}
