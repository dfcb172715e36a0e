//! The messages, against a decoder from outside; the answers, genuine, foreign and damaged; any bytes at all.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::{Value, json};
use shouyin::domain::Channel;
use shouyin::evidence::{Claim, Expected, Mismatch, PaidEvidence, Rejection, Verified};

use shouyin::settlement::{CardRow, CardRowKind};

use super::*;

/// Runs the decoder from outside; none where its package is missing.
fn peer(mode: &str, lines: &[String]) -> Option<Vec<String>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/card_host_wire.py");
    let mut child = Command::new("python3")
        .args([script, mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A peer without its package does not read.
    stdin.write_all((lines.join("\n") + "\n").as_bytes()).ok();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    let said = String::from_utf8(out.stdout).unwrap();
    if said.trim() == "skip" {
        println!("skipped: pip install pyiso8583");
        return None;
    }
    Some(said.lines().map(str::to_owned).collect())
}

/// What every message of these tests holds, and what this one holds besides.
fn fields(kind: &str, more: Value) -> Value {
    let mut all = json!({
        "t": kind, "4": "000000001234", "11": "000007", "25": "00", "41": "A1234567",
        "42": MERCHANT, "49": "156", "53": "0600000000000000", "63": ORDER,
    });
    let Value::Object(more) = more else {
        panic!("{more}");
    };
    all.as_object_mut().unwrap().extend(more);
    all
}

/// A message about a batch. The digits of its field 48 are read by the decoder.
fn batch(kind: &str, more: Value) -> Value {
    let mut all = json!({"t": kind, "41": "A1234567", "42": MERCHANT, "49": "156"});
    let Value::Object(more) = more else {
        panic!("{more}");
    };
    all.as_object_mut().unwrap().extend(more);
    all
}

fn session(kind: &str, trace: &str, wish: &str) -> Value {
    json!({"t": kind, "11": trace, "41": "A1234567", "42": MERCHANT, "60": wish})
}

/// Sends everything that ends a batch and a session.
async fn end_a_batch(shop: &Shop) {
    let row = |kind, trace, fen| CardRow {
        kind,
        trace: VoucherNo::new(trace).unwrap(),
        fen,
    };
    let rows = vec![
        row(CardRowKind::Sale, 7, 1_234),
        row(CardRowKind::CompletionVoid, 9, 55),
    ];
    for (trace, what) in [
        (50, totals()),
        (51, CardWhat::Rows(rows)),
        (52, CardWhat::End),
    ] {
        let reply = shop.close(trace, what).await;
        assert!(matches!(reply, Reply::Settlement(_)), "{reply:?}");
    }
    shop.cards.renew(BatchNo::new(43).unwrap()).await.unwrap();
    shop.cards.rules(BatchNo::new(43).unwrap()).await.unwrap();
}

/// The same as the decoder has to read it.
fn of_the_end() -> Vec<Value> {
    vec![
        batch(
            "0500",
            json!({"11": "000050", "60": "00000042201", "foreign": {"charged": [0, 0],
                "returned": [0, 0]}, "home": {"charged": [3500, 2], "returned": [700, 1]}}),
        ),
        batch(
            "0320",
            json!({"11": "000051", "60": "00000042201", "rows": [["22", 7, 1234], ["21", 9, 55]]}),
        ),
        batch(
            "0320",
            json!({"11": "000052", "60": "00000042202", "rows": []}),
        ),
        session("0820", "000002", "00000043002"),
        session("0800", "000003", "00000043004"),
        session("0800", "000004", "00000043394"),
    ]
}

/// A question for a balance: a sale with a PIN, about no amount.
fn balance(sealed: &str, chip: &str) -> Value {
    let mut balance = fields(
        "0200",
        json!({"3": "310000", "22": "051", "23": "001", "26": "12", "48": sealed,
            "52": "ABABABABABABABAB", "53": "2600000000000000", "55": chip,
            "60": "0100004200060"}),
    );
    balance.as_object_mut().unwrap().remove("4");
    balance
}

#[tokio::test]
async fn a_decoder_from_outside_reads_every_message_as_it_was_meant() {
    let shop = Shop::open();
    shop.cards.renew(BatchNo::new(42).unwrap()).await.unwrap();
    let tapped = CardAsk::Sale(Box::new(card(Way::Tapped, false)));
    for what in [
        sale_with_pin(),
        tapped,
        reversal(ReversalReason::BadMac),
        CardAsk::Void(original()),
        CardAsk::Refund(original()),
    ] {
        let reply = shop.ask(what).await;
        assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
    }
    // This host does not know the question; what leaves is what counts here.
    let question = CardAsk::Balance(Box::new(card(Way::Contact, true)));
    shop.ask(question).await;
    end_a_batch(&shop).await;
    let frames = shop.host.0.lock().unwrap().frames.clone();
    let lines: Vec<String> = frames.iter().map(|frame| HEXUPPER.encode(frame)).collect();
    let Some(decoded) = peer("decode", &lines) else {
        return;
    };
    let sealed = "5718D0182C6B2DF9C4D2CD60B774C765AF140E7B53F77839629ADFEE120A62994900750002A00290";
    let (contact, free) = (card(Way::Contact, false), card(Way::Tapped, false));
    let chip = |card: &PresentedCard| HEXUPPER.encode(card.evidence.de55.bytes());
    let expected = [
        json!({"t": "0800", "11": "000001", "41": "A1234567", "42": MERCHANT, "60": "00000042004"}),
        fields(
            "0200",
            json!({"3": "000000", "22": "051", "23": "001", "26": "12", "48": sealed,
                "52": "ABABABABABABABAB", "53": "2600000000000000", "55": chip(&contact),
                "60": "2200004200060"}),
        ),
        fields(
            "0200",
            json!({"3": "000000", "22": "072", "23": "001", "48": sealed, "55": chip(&free),
                "60": "2200004200060"}),
        ),
        fields(
            "0400",
            json!({"3": "000000", "22": "072", "39": "A0", "60": "2200004200060",
                "61": "000042000007"}),
        ),
        fields(
            "0200",
            json!({"3": "200000", "22": "012", "37": "123456789012", "60": "2300004200060",
                "61": "000041000005"}),
        ),
        fields(
            "0220",
            json!({"3": "200000", "22": "012", "37": "123456789012", "60": "2500004200060",
                "61": "000041000005"}),
        ),
        balance(sealed, &chip(&contact)),
    ];
    let expected: Vec<Value> = expected.into_iter().chain(of_the_end()).collect();
    assert_eq!(decoded.len(), expected.len());
    for (line, mut wanted) in decoded.iter().zip(expected) {
        let mut found: Value = serde_json::from_str(line).unwrap();
        let mac = found.as_object_mut().unwrap().remove("64");
        let has_mac = !wanted["t"].as_str().unwrap().starts_with("08");
        assert_eq!(mac.is_some(), has_mac, "{line}");
        wanted.sort_all_objects();
        assert_eq!(found, wanted);
    }
}

#[test]
fn an_answer_written_by_the_encoder_from_outside_is_read() {
    let written = json!({
        "t": "0210", "3": "000000", "4": "000000001234", "11": "000007", "12": "131944",
        "13": "0906", "22": "051", "23": "001", "25": "00", "26": "12", "37": "000000000321",
        "38": "ABC123", "39": "00", "44": "C", "41": "A1234567", "42": format!("{MERCHANT:<15}"),
        "48": "5701AA", "49": "156", "52": "0102030405060708", "53": "2600000000000000",
        "55": "91023030", "60": "2200004200060", "61": "000042000007", "62": "0001FF",
        "63": ORDER, "64": "A1A2A3A4A5A6A7A8",
    });
    let Some(lines) = peer("encode", &[written.to_string()]) else {
        return;
    };
    let came = HEXUPPER.decode(lines[0].as_bytes()).unwrap();
    let message = unframe(TPDU_TO_TERMINAL, &came).unwrap();
    let read = Message::decode(message).unwrap();
    assert_eq!(read.kind(), 210);
    for (key, value) in written.as_object().unwrap() {
        let Ok(field) = key.parse() else {
            continue;
        };
        let found = read.field(field).unwrap();
        let found = match field {
            48 | 52 | 55 | 62 | 64 => HEXUPPER.encode(found),
            _ => String::from_utf8(found.to_vec()).unwrap(),
        };
        assert_eq!(found, value.as_str().unwrap(), "{key}");
    }
    assert_eq!(*read.encode(), *message);
}

async fn claim(shop: &Shop, what: CardAsk) -> Verified<Claim> {
    match shop.ask(what).await {
        Reply::Answer(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn bind(claim: &Verified<Claim>) -> Result<PaidEvidence, Mismatch> {
    let (merchant, order_no) = (MerchantNo::new(MERCHANT).unwrap(), order());
    let expected = Expected {
        merchant: &merchant,
        order_no: &order_no,
        amount: price(),
    };
    PaidEvidence::bind(claim, expected)
}

/// What the core would hear: a proof of payment, or nothing.
fn proves(reply: &Reply) -> bool {
    matches!(reply, Reply::Answer(claim) if bind(claim).is_ok())
}

#[tokio::test]
async fn a_genuine_approval_is_a_proof_of_payment() {
    let shop = Shop::open();
    shop.change(|answer| {
        answer.set(38, b"ABC123").unwrap();
        answer.set(55, &[0x91, 2, 0x30, 0x30]).unwrap();
    });
    let claim = claim(&shop, sale()).await;
    let proof = bind(&claim).unwrap();
    let details = proof.details();
    assert_eq!(details.channel, Some(Channel::BankCard));
    assert_eq!(details.host_time.as_deref(), Some("20210906131944"));
    let chip = claim.value().details.chip.as_deref();
    assert_eq!(chip, Some(&[0x91, 2, 0x30, 0x30][..]));
    assert_eq!(claim.key_id().as_str(), "card-mak");
}

#[tokio::test]
async fn an_answer_about_something_else_proves_nothing() {
    let shop = Shop::open();
    for (field, value) in [
        (3, "200000"),
        (11, "000008"),
        (25, "06"),
        (41, "A1234568"),
        (42, "822290059430BFB"),
        (49, "840"),
        (60, "2200004300060"),
        (63, ""),
    ] {
        shop.change(move |answer| answer.set(field, value.as_bytes()).unwrap());
        let reply = shop.ask(sale()).await;
        let named = format!("field {field}:");
        assert!(
            matches!(&reply, Reply::Rejected(Rejection::Unreadable(why)) if why.contains(&named)),
            "{field}: {reply:?}"
        );
    }
    // These two are the core's to refuse.
    shop.change(|answer| answer.set(4, b"000000001235").unwrap());
    assert_eq!(bind(&claim(&shop, sale()).await), Err(Mismatch::Amount));
    shop.change(|answer| answer.set(63, b"A12345670001S00000002").unwrap());
    assert_eq!(bind(&claim(&shop, sale()).await), Err(Mismatch::Order));
    shop.change(|answer| answer.set(39, b"51").unwrap());
    assert_eq!(bind(&claim(&shop, sale()).await), Err(Mismatch::NotPaid));
    // The answer to one kind of message is none to another.
    shop.change(|answer| {
        let mut other = Message::new(230);
        for field in answer.numbers().collect::<Vec<_>>() {
            other.set(field, answer.field(field).unwrap()).unwrap();
        }
        *answer = other;
    });
    let reply = shop.ask(sale()).await;
    assert!(!matches!(reply, Reply::Answer(_)), "{reply:?}");
}

#[tokio::test]
async fn an_answer_of_another_session_or_without_a_mac_is_not_believed() {
    let shop = Shop::open();
    shop.tamper(|frame| {
        let message = unframe(TPDU_TO_TERMINAL, &frame).unwrap();
        if message[..2] == [0x08, 0x10] {
            return frame;
        }
        let (before, _) = split_mac(message).unwrap();
        let bare = Message::decode_before_mac(before).unwrap().encode();
        shouyin::acquirer::iso::frame(TPDU_TO_TERMINAL, &bare)
            .unwrap()
            .to_vec()
    });
    let bare = shop.ask(sale()).await;
    assert!(
        matches!(bare, Reply::Rejected(Rejection::BadMac)),
        "{bare:?}"
    );
    // The same answer, sealed with the key of another session.
    let shop = Shop::open();
    assert!(proves(&shop.ask(sale()).await));
    let foreign = Shop::open();
    let batch = BatchNo::new(1).unwrap();
    for _ in 0..3 {
        foreign.cards.renew(batch).await.unwrap();
    }
    shop.tamper(move |came| {
        let (before, _) = split_mac(&came[13..]).unwrap();
        let sealed = foreign.host.0.lock().unwrap().sealed(before);
        frame(TPDU_TO_TERMINAL, &sealed).unwrap().to_vec()
    });
    let reply = shop.ask(sale()).await;
    assert!(
        matches!(reply, Reply::Rejected(Rejection::BadMac)),
        "{reply:?}"
    );
}

/// Lets the second message's answer be changed by `tamper`; the sign-in's comes through.
async fn damaged(tamper: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) -> Reply {
    let shop = Shop::open();
    shop.tamper(move |frame| match frame[13..15] {
        [0x08, 0x10] => frame,
        _ => tamper(frame),
    });
    shop.ask(sale()).await
}

#[tokio::test]
async fn an_answer_cut_or_changed_anywhere_is_not_believed() {
    let whole = Shop::open();
    assert!(proves(&whole.ask(sale()).await));
    let sent = whole.host.0.lock().unwrap().frames[1].clone();
    let length = whole.host.0.lock().unwrap().answer(&sent).len();
    for at in 0..length {
        for cut in [at, length + at] {
            let reply = damaged(move |mut frame| {
                frame.resize(cut + usize::from(cut >= length), 0);
                frame
            })
            .await;
            assert!(!matches!(reply, Reply::Answer(_)), "{cut}: {reply:?}");
        }
        for bit in [0x01, 0x80] {
            let reply = damaged(move |mut frame| {
                frame[at] ^= bit;
                frame
            })
            .await;
            assert!(!matches!(reply, Reply::Answer(_)), "{at}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_seals_damage_proves_only_what_still_names_the_sale() {
    let whole = Shop::open();
    assert!(proves(&whole.ask(sale()).await));
    let (sent, mak) = {
        let books = whole.host.0.lock().unwrap();
        (books.frames[1].clone(), books.mak.clone())
    };
    let good = whole.host.0.lock().unwrap().answer(&sent);
    let (before, _) = split_mac(&good[13..]).unwrap();
    let genuine = Message::decode_before_mac(before).unwrap();
    let (mut believed, mut refused) = (0, 0);
    for at in 0..before.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut altered = before.to_vec();
            altered[at] ^= bit;
            let mac = mac_of(&mak, HEXUPPER.encode(&altered).as_bytes());
            let framed = frame(TPDU_TO_TERMINAL, &[&altered[..], &mac].concat()).unwrap();
            let reply = damaged(move |_| framed.to_vec()).await;
            if !proves(&reply) {
                refused += 1;
                continue;
            }
            believed += 1;
            let read = Message::decode_before_mac(&altered).unwrap();
            for field in [3, 4, 11, 39, 41, 42, 60, 63] {
                assert_eq!(read.field(field), genuine.field(field), "byte {at}");
            }
        }
    }
    println!("{believed} altered answers still prove the sale, {refused} prove nothing");
    assert!(believed > 0 && refused > believed);
}

#[tokio::test]
async fn a_page_or_nothing_is_no_answer() {
    for bytes in [
        &b""[..],
        b"\x00\x00",
        b"<html><body>502 Bad Gateway</body></html>",
        b"{\"code\":\"BBS00000\"}",
    ] {
        let reply = damaged(move |_| bytes.to_vec()).await;
        assert!(
            matches!(&reply, Reply::Failed(SendError::NoAnswer(why)) if why.contains("frame")),
            "{reply:?}"
        );
    }
}

/// Any message that can be built.
fn message() -> impl Strategy<Value = Message> {
    let digits = |length: usize| proptest::collection::vec(b'0'..=b'9', length);
    let text = |length: usize| proptest::collection::vec(b' '..=b'~', length);
    let letters = |length: usize| {
        let letter = prop_oneof![Just(b' '), b'0'..=b'9', b'A'..=b'Z', b'a'..=b'z'];
        proptest::collection::vec(letter, length)
    };
    let fixed = prop_oneof![
        digits(6).prop_map(|value| (3, value)),
        digits(12).prop_map(|value| (4, value)),
        digits(6).prop_map(|value| (11, value)),
        digits(4).prop_map(|value| (13, value)),
        digits(3).prop_map(|value| (22, value)),
        digits(3).prop_map(|value| (23, value)),
        digits(16).prop_map(|value| (53, value)),
        letters(12).prop_map(|value| (37, value)),
        letters(2).prop_map(|value| (39, value)),
        text(8).prop_map(|value| (41, value)),
        text(15).prop_map(|value| (42, value)),
    ];
    let bytes = || proptest::collection::vec(any::<u8>(), 0..=999);
    let open = prop_oneof![
        bytes().prop_map(|value| (48, value)),
        bytes().prop_map(|value| (62, value)),
        (0_usize..=999)
            .prop_flat_map(digits)
            .prop_map(|value| (60, value)),
        (0_usize..=999)
            .prop_flat_map(digits)
            .prop_map(|value| (61, value)),
        (0_usize..=999)
            .prop_flat_map(text)
            .prop_map(|value| (63, value)),
    ];
    let all = proptest::collection::vec(prop_oneof![fixed, open], 0..12);
    (0_u16..10_000, all).prop_map(|(kind, fields)| {
        let mut message = Message::new(kind);
        for (field, value) in fields {
            message.set(field, &value).unwrap();
        }
        message
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in message()) {
        prop_assert_eq!(&Message::decode(&message.encode()), &Ok(message.clone()));
        prop_assert_eq!(Message::decode_before_mac(&message.before_mac()), Ok(message));
    }

    #[test]
    fn noise_is_refused_or_read_and_written_alike(
        bitmap in any::<u64>(),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [&[0x02, 0x10][..], &bitmap.to_be_bytes(), &body].concat();
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(&message.encode()[..], &bytes[..]);
        }
        let _ = unframe(TPDU_TO_TERMINAL, &body);
    }
}
