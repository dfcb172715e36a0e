//! The wire of the card host: sign-in, MACs, echoes, and what is no message at all.

use serde_json::json;

use super::super::{Answer, Call};
use super::{BATCH, DEBIT, Peer, Till};

#[test]
fn a_sign_in_gives_fresh_keys_under_the_readers_master_key() {
    let Some(mut till) = Till::open() else { return };
    let first = till.sign_in();
    let second = till.sign_in();
    // The peer has compared each check value.
    assert_eq!(
        (&first.0["mti"], &first.0["length"]),
        (&json!("0810"), &json!(60))
    );
    assert_eq!(first.0["keys"].as_array().unwrap().len(), 3);
    assert_ne!(first.0["keys"], second.0["keys"]);
    assert_eq!(first.field(60), format!("00{BATCH}004"), "the batch");
    let fields: Vec<&String> = first.0["fields"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["11", "12", "13", "39", "41", "42", "60", "62"]);
}

#[test]
fn an_answer_echoes_what_the_page_lists_and_has_its_own_numbers() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    let expected = [
        (3, "000000"),
        (4, "000000001000"),
        (11, &sale.trace),
        (25, "00"),
        (39, "00"),
        (41, "A0010001"),
        (42, "822100054110001"),
        (49, "156"),
        (60, "2200000700060"),
        (63, &sale.order),
    ];
    for (field, value) in expected {
        assert_eq!(sale.told.field(field), value, "{field}");
    }
    assert_eq!(sale.told.field(44), "D", "debit");
    for (field, digits) in [(12, 6), (13, 4), (37, 12), (38, 6)] {
        let text = sale.told.field(field);
        let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        assert!(good, "{field}: {text}");
    }
    let fields = sale.told.0["fields"].as_object().unwrap();
    assert_eq!(
        fields.len(),
        expected.len() + 4 + 2,
        "and kind of card and MAC: {fields:?}"
    );
    let next = till.approved(1_000);
    assert_ne!(next.told.field(37), sale.told.field(37));
}

#[test]
fn a_wrong_mac_or_old_keys_move_nothing() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.sale_with(1_000, json!({"mac": "bad"}));
    assert_eq!(sale.told.code(), "A0");
    assert_eq!(till.state(&sale.order), (String::new(), 0));
    let told = till.reversal(&sale, json!({"mac": "bad"}));
    assert_eq!(told.code(), "A0");
    // No tombstone came of it, and no duplicate.
    let again = json!({"trace": sale.trace, "number": sale.order});
    let sale = till.sale_with(1_000, again);
    assert_eq!(sale.told.code(), "00");
    for what in ["void", "refund"] {
        let told = till.back(what, &sale, 1_000, json!({"mac": "bad"}));
        assert_eq!(told.code(), "A0");
    }
    assert_eq!(till.state(&sale.order), ("SUCCESS".to_owned(), 1_000));
    // Somebody else signs in: the keys that this peer holds are the old ones now.
    let authority = till.shop.dir.path().join("ca.pem");
    let mut other = Peer::start(till.shop.port(), &authority).unwrap();
    let told = other.ask(&json!({"do": "sign_in", "trace": "000099", "batch": BATCH}));
    assert_eq!(told["fields"]["39"], "00");
    let told = till.back("void", &sale, 1_000, json!({}));
    assert_eq!((told.field(39), &told.0["mac"]), ("A0", &json!(false)));
    assert_eq!(till.state(&sale.order), ("SUCCESS".to_owned(), 1_000));
    till.sign_in();
    assert_eq!(till.back("void", &sale, 1_000, json!({})).code(), "00");
}

#[test]
fn a_host_without_keys_says_so_without_a_mac() {
    let Some(mut till) = Till::open() else { return };
    till.shop.restart();
    let port = till.shop.port();
    let mut peer = Peer::start(port, &till.shop.dir.path().join("ca.pem")).unwrap();
    let asked = json!({
        "do": "sale", "trace": "000001", "batch": BATCH, "fen": 1_000, "number": "NOKEYS", "pan": DEBIT,
    });
    let told = peer.ask(&asked);
    assert_eq!(told["fields"]["39"], "A0");
    assert_eq!(told["fields"].get("64"), None);
    assert_eq!(till.state("NOKEYS"), (String::new(), 0));
    let strange = json!({
        "do": "sign_in", "trace": "000001", "batch": BATCH, "change": {"41": "A0010002"},
    });
    let told = peer.ask(&strange);
    assert_eq!(told["fields"]["39"], "03");
    assert_eq!(told["fields"].get("62"), None, "no keys for a stranger");
}

/// A change of a good sale, and the words of the refusal.
#[test]
fn a_malformed_sale_is_refused_with_the_fields_number() {
    let Some(mut till) = Till::open() else { return };
    let rows = [
        (json!({"change": {"3": "200000"}}), "field 3:"),
        (json!({"change": {"4": "000000000000"}}), "field 4:"),
        (json!({"change": {"4": "000000001001"}}), "field 55: 9F02"),
        (json!({"change": {"4": "00000000100A"}}), "field 4:"),
        (json!({"change": {"11": null}}), "field 11:"),
        (json!({"change": {"22": "011"}}), "field 22:"),
        (json!({"change": {"22": "052"}}), "field 22:"),
        (json!({"change": {"25": "06"}}), "field 25:"),
        (json!({"change": {"26": "06"}}), "field 26:"),
        (json!({"change": {"37": "000000000001"}}), "field 37:"),
        (json!({"change": {"48": null}}), "field 48:"),
        (json!({"change": {"48": "5708"}}), "field 48: 57"),
        (json!({"change": {"49": "840"}}), "field 49:"),
        (json!({"change": {"52": null}}), "field 26:"),
        (json!({"change": {"53": "0600000000000000"}}), "field 53:"),
        (json!({"change": {"55": null}}), "field 55:"),
        (json!({"change": {"60": "22000007000"}}), "field 60:"),
        (json!({"change": {"60": "9900000700060"}}), "field 60:"),
        (json!({"change": {"61": "000007000001"}}), "field 61:"),
        (json!({"change": {"63": null}}), "field 63:"),
        (json!({"mac": "none"}), "field 64:"),
        (json!({"chip": {"9F26": null}}), "field 55: 9F26"),
        (json!({"chip": {"9F27": "00"}}), "field 55: 9F27"),
        (json!({"chip": {"9F02": "000000000999"}}), "field 55: 9F02"),
        (json!({"chip": {"5F2A": "0840"}}), "field 55: 5F2A"),
        (
            json!({"chip": {"5A": "6216261000000000018F"}}),
            "field 55: 5A",
        ),
        (json!({"ksn": 0}), "field 48: DFEE12"),
        (json!({"pan": "62162610", "pin": null}), "field 48: 57"),
        (json!({"other_number": "6250948736102942"}), "field 48: 5A"),
    ];
    for (change, words) in rows {
        let sale = till.sale_with(1_000, change.clone());
        assert!(
            sale.told.refusal().starts_with(words),
            "{change}: {}",
            sale.told.0
        );
        assert_eq!(till.state(&sale.order), (String::new(), 0));
    }
    assert_eq!(till.approved(1_000).fen, 1_000, "the host goes on");
}

#[test]
fn a_malformed_void_refund_or_reversal_is_refused_with_the_fields_number() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    for (change, words) in [
        (json!({"change": {"3": "000000"}}), "field 3:"),
        (json!({"change": {"22": "051"}}), "field 22:"),
        (json!({"change": {"37": null}}), "field 37:"),
        (json!({"change": {"61": "0000070001"}}), "field 61:"),
        (json!({"change": {"48": "570800"}}), "field 48:"),
    ] {
        for what in ["void", "refund"] {
            let told = till.back(what, &sale, 1_000, change.clone());
            assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
        }
    }
    for (change, words) in [
        (json!({"change": {"39": "00"}}), "field 39:"),
        (json!({"change": {"61": "000007999999"}}), "field 61:"),
        (json!({"change": {"60": "2300000700060"}}), "field 60:"),
    ] {
        let told = till.reversal(&sale, change.clone());
        assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
    }
    // A trace that another sale had: nothing of that one is touched.
    for change in [json!({"fen": 999}), json!({"number": "ANOTHER"})] {
        let told = till.reversal(&sale, change.clone());
        assert_eq!(told.code(), "25", "{change}");
    }
    assert_eq!(till.state(&sale.order), ("SUCCESS".to_owned(), 1_000));
}

#[test]
fn a_spoilt_frame_is_refused() {
    let Some(mut till) = Till::open() else { return };
    let order = till.approved(1_000).order;
    for (change, words) in [
        (json!({"cut": 1}), "length:"),
        (json!({"more": 1}), "length:"),
        (json!({"more": 1, "length": true}), "1 bytes are left over"),
        (json!({"cut": 1, "length": true}), "field 64:"),
        (json!({"at": 2, "flip": 1}), "TPDU:"),
        (json!({"at": 7, "flip": 1}), "header:"),
        (json!({"at": 13, "flip": 8}), "message type:"),
        (json!({"at": 15, "flip": 0x80}), "bitmap:"),
        (json!({"at": 15, "flip": 0x40}), "field 2:"),
    ] {
        let told = till.ask(json!({"do": "raw"}), change.clone());
        assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
    }
    assert_eq!(till.shop.net(&order), 1_000);
}

#[test]
fn only_a_post_of_bytes_is_heard() {
    let Some(mut till) = Till::open() else { return };
    till.approved(1_000);
    for (change, status) in [
        (json!({"method": "GET"}), 405),
        (json!({"method": "PUT"}), 405),
        (json!({"kind": "application/json"}), 415),
        (json!({"path": "/card/8583?x=1"}), 404),
        (json!({"path": "/card"}), 404),
        (json!({"more": 5_000}), 413),
    ] {
        let told = till.ask(json!({"do": "raw"}), change.clone());
        assert_eq!(told.0["status"], status, "{change}");
    }
    let call = Call {
        method: "POST",
        path: "/card/8583".to_owned(),
        kinds: vec![],
        authorization: vec![],
        body: vec![],
    };
    let status = |answer: Answer| answer.status;
    assert_eq!(till.shop.send(&call).map(status), Some(415));
}
