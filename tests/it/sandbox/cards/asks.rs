//! What a terminal asks for without money: a balance, the parameters, and to be signed out.

use serde_json::json;

use super::super::{Errors, FASTER, Shop};
use super::{BATCH, Peer, Sale, Till, Told};

fn balance(till: &mut Till, more: serde_json::Value) -> Sale {
    till.with_card("balance", 0, more)
}

fn plain(till: &mut Till, what: &str, more: serde_json::Value) -> Told {
    let trace = till.trace();
    till.ask(json!({"do": what, "trace": trace, "batch": BATCH}), more)
}

#[test]
fn a_balance_is_told_to_whoever_has_card_and_pin() {
    let Some(mut till) = Till::open() else { return };
    for (change, told) in [
        (json!({}), "1002156C000001234567"),
        (json!({"entry": "07"}), "1002156C000001234567"),
        (json!({"pin_counter": 3}), "1002156C000001234567"),
        (json!({"pan": "6250948736102942"}), "3002156C000005000000"),
        (
            json!({"pan": "6216261000000000042"}),
            "1002156C000000000000",
        ),
        (
            json!({"pan": "6216261000000000075"}),
            "1002156C999999999999",
        ),
        (
            json!({"pan": "6216261000000000083", "pin": "654321"}),
            "1002156D000000004200",
        ),
    ] {
        let asked = balance(&mut till, change.clone());
        assert_eq!(asked.told.code(), "00", "{change}");
        assert_eq!(asked.told.field(54), told, "{change}");
    }
    let asked = balance(&mut till, json!({}));
    assert_eq!(asked.told.0["mti"], "0210");
    let expected = [
        (3, "310000"),
        (4, ""),
        (11, &asked.trace),
        (25, "00"),
        (38, ""),
        (49, "156"),
        (60, "0100000700060"),
        (63, &asked.order),
    ];
    for (field, value) in expected {
        assert_eq!(asked.told.field(field), value, "{field}");
    }
    assert_eq!(asked.told.field(37).len(), 12);
    assert_eq!(till.statement(), []);
    assert_eq!(till.shop.ledger()["orders"], json!([]));
}

#[test]
fn a_declined_question_tells_no_balance() {
    let Some(mut till) = Till::open() else { return };
    for (change, code) in [
        (json!({"pin": "123457"}), "55"),
        (json!({"pan": "6216261000000000083"}), "55"),
        (json!({"pan": "6212345678901234"}), "14"),
        (
            json!({"pan": "6216261000000000034", "expiry": "2001"}),
            "54",
        ),
        (json!({"chip": {"9F26": "0000000000000000"}}), "05"),
        (json!({"mac": "bad"}), "A0"),
    ] {
        let asked = balance(&mut till, change.clone());
        assert_eq!(asked.told.code(), code, "{change}");
        assert_eq!(asked.told.field(54), "", "{change}");
    }
}

/// Whoever wrote a question down learns nothing from asking it again.
#[test]
fn a_repeated_question_is_not_answered_and_a_reversal_of_one_is_none() {
    let Some(mut till) = Till::open() else { return };
    let asked = balance(&mut till, json!({}));
    assert_eq!(asked.told.code(), "00");
    let again = Told(till.peer.ask(&json!({"do": "again"})));
    assert_eq!((again.code(), again.field(54)), ("94", ""));
    let told = till.reversal(&asked, json!({"fen": 1}));
    assert_eq!(told.code(), "25");
    let told = till.reversal(&asked, json!({"fen": 1, "change": {"60": "0100000700060"}}));
    assert!(told.refusal().starts_with("field 60:"));
    // Its number was not used up.
    let sale = till.sale_with(1_000, json!({"number": asked.order}));
    assert_eq!(sale.told.code(), "00");
}

#[test]
fn a_malformed_question_is_refused_with_the_fields_number() {
    let Some(mut till) = Till::open() else { return };
    for (change, words) in [
        (json!({"change": {"3": "000000"}}), "field 3:"),
        (json!({"change": {"4": "000000000001"}}), "field 4:"),
        (json!({"fen": 1}), "field 55: 9F02"),
        (json!({"change": {"22": "012"}}), "field 22:"),
        (json!({"change": {"25": "06"}}), "field 25:"),
        (json!({"change": {"48": null}}), "field 48:"),
        (json!({"change": {"52": null}}), "field 52:"),
        (json!({"pin": null}), "field 26:"),
        (json!({"change": {"55": null}}), "field 55:"),
        (json!({"change": {"61": "000007000001"}}), "field 61:"),
        (json!({"change": {"63": null}}), "field 63:"),
        (json!({"mac": "none"}), "field 64:"),
    ] {
        let asked = balance(&mut till, change.clone());
        assert!(
            asked.told.refusal().starts_with(words),
            "{change}: {}",
            asked.told.0
        );
    }
}

#[test]
fn parameters_are_sealed() {
    let Some(mut till) = Till::open() else { return };
    let told = plain(&mut till, "parameters", json!({}));
    assert_eq!((told.code(), &told.0["mti"]), ("00", &json!("0810")));
    assert_eq!(
        told.0["limits"],
        json!({
            "FF8054": "1", "FF8058": "000000100000", "FF8057": "1",
            "FF805A": "1", "FF8059": "000000100000",
        })
    );
    assert_eq!(told.field(60), format!("00{BATCH}394"));
    let fields: Vec<&String> = told.0["fields"].as_object().unwrap().keys().collect();
    let expected = ["11", "12", "13", "39", "41", "42", "60", "62", "64"];
    assert_eq!(fields, expected);
    for (change, words) in [
        (json!({"mac": "good"}), "field 64:"),
        (json!({"change": {"11": null}}), "field 11:"),
        (json!({"change": {"60": "00000007395"}}), "field 60:"),
        (json!({"change": {"63": "X"}}), "field 63:"),
    ] {
        let told = plain(&mut till, "parameters", change.clone());
        assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
    }
    let strange = json!({"change": {"41": "A0010002"}});
    let told = plain(&mut till, "parameters", strange);
    assert_eq!((told.field(39), told.field(62)), ("03", ""));
}

#[test]
fn a_sign_out_forgets_the_keys_and_nothing_else() {
    let shop = Shop::open(Errors::Signed, false, FASTER);
    let Some(mut till) = Till::over(shop) else {
        return;
    };
    let sale = till.approved(1_000);
    let hold = till.held(1_000);
    // A stranger signs nobody out.
    let strange = json!({"change": {"42": "822100054110002"}});
    assert_eq!(plain(&mut till, "sign_out", strange).field(39), "03");
    for (change, words) in [
        (json!({"change": {"41": null}}), "field 41:"),
        (json!({"change": {"60": "00000007004"}}), "field 60:"),
        (json!({"change": {"62": "00"}}), "field 62:"),
    ] {
        let told = plain(&mut till, "sign_out", change.clone());
        assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
    }
    assert_eq!(till.approved(1_000).fen, 1_000, "the keys are still good");
    let told = plain(&mut till, "sign_out", json!({}));
    assert_eq!((told.field(39), &told.0["mti"]), ("00", &json!("0830")));
    let fields: Vec<&String> = told.0["fields"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["11", "12", "13", "39", "41", "42", "60"]);
    // Good messages under the forgotten keys, and limits without a seal.
    let late = till.sale(1_000);
    let void = till.back("void", &sale, 1_000, json!({}));
    let done = till.completion(&hold, 1_000, json!({}));
    let asked = balance(&mut till, json!({}));
    let limits = plain(&mut till, "parameters", json!({}));
    for told in [&late.told, &void, &done.told, &asked.told, &limits] {
        assert_eq!((told.field(39), told.field(64)), ("A0", ""), "{}", told.0);
        assert_eq!((told.field(54), told.field(62)), ("", ""));
    }
    // Twice is no mistake.
    assert_eq!(plain(&mut till, "sign_out", json!({})).field(39), "00");
    assert_eq!(till.state(&late.order), (String::new(), 0));
    till.sign_in();
    assert_eq!(till.back("void", &sale, 1_000, json!({})).code(), "00");
    till.completed(&hold, 1_000);
    assert_eq!(plain(&mut till, "parameters", json!({})).code(), "00");
}

#[test]
fn a_host_that_was_started_anew_tells_no_limits_before_the_sign_in() {
    let Some(mut till) = Till::open() else { return };
    till.shop.restart();
    let authority = till.shop.dir.path().join("ca.pem");
    let mut peer = Peer::start(till.shop.port(), &authority).unwrap();
    let told = peer.ask(&json!({"do": "parameters", "trace": "000001", "batch": BATCH}));
    assert_eq!(told["fields"]["39"], "A0");
    assert_eq!(told["limits"], json!({}));
    assert_eq!(told["fields"].get("64"), None);
}
