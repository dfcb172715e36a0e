//! What a result must hold to be believed. The ciphertext is that of a published sample; the numbers are invented.

use super::*;
use crate::card::tlv::put as put_item;

pub(crate) const SEALED: &[u8] = &[
    0xD0, 0x18, 0x2C, 0x6B, 0x2D, 0xF9, 0xC4, 0xD2, 0xCD, 0x60, 0xB7, 0x74, 0xC7, 0x65, 0xAF, 0x14,
    0x0E, 0x7B, 0x53, 0xF7, 0x78, 0x39, 0x62, 0x9A,
];

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXUPPER
        .decode(digits.as_bytes())
        .expect("hex")
}

fn fen(fen: u64) -> Money {
    Money::from_fen(fen).expect("an amount")
}

/// A good result: inserted, 100.00, as a list that a test can change.
fn good() -> Vec<(u32, Vec<u8>)> {
    [
        (0x00DF_EE12, "62994900750002A00290"),
        (0x00DF_EE25, "0004"),
        (0x9F02, "000000010000"),
        (0x5F2A, "0156"),
        (0x9C, "00"),
        (0x9F26, "1122334455667788"),
        (0x9F27, "80"),
        (0x9F10, "07010103A0A000010A010000000000"),
        (0x9F37, "01020304"),
        (0x9F36, "0007"),
        (0x95, "0000008000"),
        (0x9A, "261126"),
        (0x82, "7C00"),
        (0x9F1A, "0156"),
        (0x9F39, "05"),
        (0xDF52, "02"),
        (0x5F34, "01"),
        (0x84, "A000000333010101"),
        (0x00DF_EF5B, "621626CCCCCCCCC0018F"),
    ]
    .into_iter()
    .map(|(tag, value)| (tag, hex(value)))
    .chain([(0x57, SEALED.to_vec())])
    .collect()
}

fn bytes(attribution: u8, items: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![attribution];
    for (tag, value) in items {
        put_item(&mut out, Tag(*tag), value);
    }
    out
}

fn read(attribution: u8, items: &[(u32, Vec<u8>)]) -> Result<Tapped, ResultError> {
    read_result(
        &bytes(attribution, items),
        fen(10_000),
        CardTransaction::Sale,
    )
}

fn with(tag: u32, value: &str) -> Vec<(u32, Vec<u8>)> {
    let mut items = good();
    items.retain(|item| item.0 != tag);
    items.push((tag, hex(value)));
    items
}

fn without(tag: u32) -> Vec<(u32, Vec<u8>)> {
    let mut items = good();
    items.retain(|item| item.0 != tag);
    items
}

#[test]
fn a_whole_enciphered_result_becomes_evidence_with_field_55_in_the_hosts_order() {
    let Ok(Tapped::Online(card)) = read(0x40, &good()) else {
        panic!("{:?}", read(0x40, &good()));
    };
    assert_eq!(card.masked.to_string(), "621626*********0018");
    assert_eq!(card.ksn.to_string(), "62994900750002A00290");
    assert_eq!((card.entry, card.cvm), (CardEntry::Contact, Cvm::OnlinePin));
    assert_eq!((card.sequence, card.amount), (Some(1), fen(10_000)));
    assert_eq!(card.track2.bytes(), SEALED);
    let expected = hex(
        "9F2608 1122334455667788 9F2701 80 9F100F 07010103A0A000010A010000000000 9F3704 01020304 \
         9F3602 0007 9505 0000008000 9A03 261126 9C01 00 9F0206 000000010000 5F2A02 0156 8202 7C00 \
         9F1A02 0156 8408 A000000333010101",
    );
    assert_eq!(card.de55.bytes(), expected);
    let shown = format!("{card:?}");
    assert!(
        !shown.contains("D018") && !shown.contains("208, 24"),
        "{shown}"
    );
}

#[test]
fn the_cryptogram_decides_and_only_an_online_one_is_evidence() {
    assert_eq!(read(0x40, &with(0x9F27, "00")), Ok(Tapped::Declined));
    assert_eq!(read(0x40, &with(0x9F27, "40")), Ok(Tapped::ApprovedOffline));
    assert!(read(0x40, &with(0x9F27, "C0")).is_err());
    assert_eq!(read(0x48, &good()), Ok(Tapped::Stripe), "swipe");
    assert_eq!(
        read(0x51, &good()),
        Ok(Tapped::Stripe),
        "contactless stripe"
    );
    for (code, tapped) in [
        ("42 0000 00", Tapped::Declined),
        ("26 0000 00", Tapped::Problem(CardProblem::Expired)),
        ("24 6F00 00", Tapped::Problem(CardProblem::Communication)),
        ("73 0000 00", Tapped::Problem(CardProblem::Torn)),
        ("EE 0000 00", Tapped::Problem(CardProblem::Other(0xEE))),
    ] {
        assert_eq!(
            read(0x40, &[(0x00FF_EE1F, hex(code))]),
            Ok(tapped),
            "{code}"
        );
    }
    assert!(matches!(
        read(0x40, &with(0x00FF_EE1F, "23000000")),
        Ok(Tapped::Online(_))
    ));
}

#[test]
fn a_result_of_another_amount_currency_kind_or_entry_is_not_ours() {
    for (tag, value) in [
        (0x9F02, "000000010001"),
        (0x9F02, "0000010000"),
        (0x5F2A, "0840"),
        (0x9C, "20"),
        (0x9F39, "07"),
    ] {
        let read = read(0x40, &with(tag, value));
        assert_eq!(read, Err(ResultError::Unbound(Tag(tag))), "{tag:X} {value}");
    }
}

#[test]
fn what_lacks_a_tag_or_has_one_twice_or_too_long_is_refused() {
    for tag in [
        0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A,
        0x9F39, 0x57,
    ] {
        let refused = read(0x40, &without(tag));
        assert_eq!(refused, Err(ResultError::Missing(Tag(tag))), "{tag:X}");
        let mut twice = good();
        let copy = twice
            .iter()
            .find(|item| item.0 == tag)
            .expect("there")
            .clone();
        twice.push(copy);
        assert_eq!(read(0x40, &twice), Err(ResultError::Twice(Tag(tag))));
    }
    assert!(read(0x40, &with(0x9F10, &"AA".repeat(33))).is_err());
    assert!(
        read(0x40, &without(0x00DF_EF5B)).is_err(),
        "no masked number"
    );
    assert_eq!(
        read_result(&[], fen(1), CardTransaction::Sale),
        Err(ResultError::Empty)
    );
    // A cut anywhere is an error or a question of a missing tag, never evidence.
    let whole = bytes(0x40, &good());
    for cut in 1..whole.len() {
        let read = read_result(&whole[..cut], fen(10_000), CardTransaction::Sale);
        assert!(!matches!(read, Ok(Tapped::Online(_))), "cut at {cut}");
    }
}

#[test]
fn card_data_in_clear_is_refused_wherever_it_stands() {
    let clear = |attribution, items: &[(u32, Vec<u8>)]| match read(attribution, items) {
        Err(ResultError::Clear(tag)) => tag.0,
        other => panic!("{other:?}"),
    };
    // The reader says itself that nothing is enciphered, or names no key.
    assert_eq!(clear(0x00, &good()), 0x57);
    assert_eq!(clear(0x40, &without(0x00DF_EE12)), 0x57);
    // It says that it is, but the number can be read: with a mask, and without one.
    let number = "6216261000000000018F";
    let padded = "6216261000000000018F000000000000";
    for tag in [0x57, 0x5A] {
        assert_eq!(clear(0x40, &with(tag, number)), tag, "no whole block");
        assert_eq!(clear(0x40, &with(tag, padded)), tag, "the mask fits");
    }
    let mut items = with(0x5A, "4761739001010119");
    items.retain(|item| item.0 != 0x00DF_EF5B);
    assert_eq!(clear(0x40, &items), 0x5A, "a right check digit");
    let track = "6216261000000000018D30122010000000000F0000000000";
    assert_eq!(clear(0x40, &with(0x57, track)), 0x57);
    // A name, a PIN block without its key, a number inside a template.
    assert_eq!(
        clear(0x40, &with(0x5F20, "5A48414E472F53414E202020")),
        0x5F20
    );
    assert_eq!(
        clear(0x40, &with(0x5F20, "5A48414E472F53414E20202020202020")),
        0x5F20
    );
    assert_eq!(clear(0x40, &with(0x99, "0412AC89ABCDEF67")), 0x99);
    let nested = format!("DF3001015A10{padded}");
    assert_eq!(clear(0x40, &with(0x00FF_EE01, &nested)), 0x5A);
    // A masked number that shows too much.
    assert_eq!(
        clear(0x40, &with(0x00DF_EF5B, "6216261CCCCCCCC0018F")),
        0x00DF_EF5B
    );
    // Templates without end.
    let mut deep = hex("9A00");
    for _ in 0..9 {
        let inner = std::mem::take(&mut deep);
        put_item(&mut deep, Tag(0x00FF_EE01), &inner);
    }
    let mut items = good();
    items.push((0x00FF_EE01, deep[4..].to_vec()));
    assert!(read(0x40, &items).is_err());
}

#[test]
fn aes_results_need_a_long_key_serial_number_and_whole_blocks() {
    let ksn = "123456789012345600000001";
    let mut items = with(0x00DF_EE12, ksn);
    assert_eq!(read(0x42, &items), Err(ResultError::Clear(Tag(0x57))));
    items.retain(|item| item.0 != 0x57);
    items.push((0x57, [SEALED, &SEALED[..8]].concat()));
    assert!(matches!(read(0x42, &items), Ok(Tapped::Online(card)) if card.cipher == Cipher::Aes));
    assert_eq!(
        read(0x40, &items),
        Err(ResultError::Malformed(Tag(0x00DF_EE12)))
    );
}
