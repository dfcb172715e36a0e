//! The card host's stories by the last two digits of an amount, and what the issuer says of cards and PINs.

use serde_json::{Value, json};

use super::super::until;
use super::{Sale, Till, Told};

fn undone(till: &mut Till, sale: &Sale, first: &str, net: u64) {
    assert_eq!(till.shop.net(&sale.order), net, "{}", sale.fen);
    assert_eq!(till.reversal(sale, json!({})).code(), first, "{}", sale.fen);
    assert_eq!(till.shop.net(&sale.order), 0);
    assert_eq!(till.reversal(sale, json!({})).code(), "00");
}

#[test]
fn declines_move_nothing() {
    let Some(mut till) = Till::open() else { return };
    for code in ["05", "41", "51", "61", "62", "65"] {
        let fen = 1_000 + code.parse::<u64>().unwrap();
        let sale = till.sale(fen);
        assert_eq!(sale.told.code(), code);
        assert_eq!(sale.told.field(38), "", "no authorisation");
        undone(&mut till, &sale, "00", 0);
    }
    for (fen, code) in [(1_021, "91"), (1_026, "96")] {
        let sale = till.sale(fen);
        assert_eq!(sale.told.code(), code);
        undone(&mut till, &sale, "00", 0);
    }
}

#[test]
fn an_answer_that_is_lost_or_spoilt_hides_what_happened() {
    let Some(mut till) = Till::open() else { return };
    // Tail, HTTP status, then the reversal's answer and what had moved.
    for (fen, status, first, net) in [
        (1_031, 0, "25", 0),
        (1_032, 0, "00", 1_032),
        (1_038, 502, "00", 1_038),
        (1_033, 200, "00", 1_033),
        (1_035, 200, "00", 1_035),
        (1_036, 200, "00", 1_036),
        (1_028, 200, "00", 1_028),
        (1_039, 200, "00", 1_039),
    ] {
        let sale = till.sale(fen);
        assert_eq!(sale.told.0["status"], status, "{fen}");
        undone(&mut till, &sale, first, net);
    }
}

#[test]
fn a_spoilt_answer_is_spoilt_in_one_place() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.sale(1_033);
    assert_eq!(
        (&sale.told.0["mac"], sale.told.field(39)),
        (&json!(false), "00")
    );
    let sale = till.sale(1_035);
    assert_eq!(
        (sale.told.code(), sale.told.field(4)),
        ("00", "000000001036")
    );
    let sale = till.sale(1_036);
    assert_eq!(sale.told.code(), "00");
    let next: u32 = sale.trace.parse().unwrap();
    assert_eq!(sale.told.field(11), format!("{:06}", next + 1));
    let sale = till.sale(1_028);
    assert_eq!((sale.told.code(), sale.told.field(38)), ("98", ""));
    assert_eq!(till.sale(1_039).told.code(), "Z9");
    let sale = till.sale(1_037);
    assert_eq!(sale.told.code(), "00");
    let chip = sale.told.field(55);
    assert!(
        chip.starts_with("910A") && chip[24..].starts_with("720F9F1804"),
        "{chip}"
    );
    assert_eq!(chip.len(), 2 * (12 + 17));
}

/// The answer is on its way when the reversal is answered; it changes nothing then.
#[test]
fn a_slow_answer_comes_in_the_end() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.sale(1_034);
    assert_eq!(sale.told.code(), "00");
    undone(&mut till, &sale, "00", 1_034);
}

#[test]
fn reversals_are_lost_and_delayed_too() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.sale(1_043);
    assert_eq!(sale.told.0["status"], 0);
    assert_eq!(till.reversal(&sale, json!({})).0["status"], 0);
    assert_eq!(till.shop.net(&sale.order), 0, "it was undone all the same");
    assert_eq!(till.reversal(&sale, json!({})).code(), "00");
    let sale = till.sale(1_044);
    assert_eq!(till.reversal(&sale, json!({})).code(), "98");
    assert_eq!(till.shop.net(&sale.order), 1_044);
    assert_eq!(till.reversal(&sale, json!({})).code(), "00");
    assert_eq!(till.shop.net(&sale.order), 0);
}

#[test]
fn voids_and_refunds_have_stories_too() {
    let Some(mut till) = Till::open() else { return };
    for (what, tails) in [("void", [16, 17, 18]), ("refund", [13, 14, 15])] {
        let [lost, nothing, declined] = tails.map(|tail| 1_000 + tail);
        let again = json!({"do": "again"});
        let sale = till.approved(lost);
        assert_eq!(till.back(what, &sale, lost, json!({})).0["status"], 0);
        assert_eq!(till.shop.net(&sale.order), 0);
        assert_eq!(Told(till.peer.ask(&again)).code(), "00");
        let sale = till.approved(nothing);
        assert_eq!(till.back(what, &sale, nothing, json!({})).code(), "98");
        assert_eq!(till.shop.net(&sale.order), nothing);
        assert_eq!(Told(till.peer.ask(&again)).code(), "00");
        assert_eq!(till.shop.net(&sale.order), 0);
        let sale = till.approved(declined);
        assert_eq!(till.back(what, &sale, declined, json!({})).code(), "05");
        assert_eq!(till.shop.net(&sale.order), declined);
    }
    let sale = till.approved(1_019);
    assert_eq!(till.back("void", &sale, 1_019, json!({})).0["mac"], false);
    until("it was voided", || till.shop.net(&sale.order) == 0);
    assert_eq!(Told(till.peer.ask(&json!({"do": "again"}))).code(), "00");
}

#[test]
fn the_issuer_knows_its_cards_and_their_pins() {
    let Some(mut till) = Till::open() else { return };
    let rows: [(Value, &str); 12] = [
        (json!({}), "00"),
        (json!({"pin": null}), "00"),
        (json!({"entry": "07", "pin": null}), "00"),
        (json!({"pin": "123457"}), "55"),
        (json!({"pin": "1234"}), "55"),
        // Under the key of a DUKPT PIN, whose serial number no field carries.
        (json!({"pin_counter": 3}), "00"),
        (json!({"pin_counter": 3, "pin": "111111"}), "55"),
        (json!({"pan": "6216261000000000083"}), "55"),
        (json!({"pan": "6216261000000000083", "pin": "654321"}), "00"),
        (
            json!({"pan": "6216261000000000034", "expiry": "2001"}),
            "54",
        ),
        (json!({"pan": "6212345678901234"}), "14"),
        (json!({"chip": {"9F26": "0000000000000000"}}), "05"),
    ];
    for (change, code) in rows {
        let sale = till.sale_with(1_000, change.clone());
        assert_eq!(sale.told.code(), code, "{change}");
        let net = if code == "00" { 1_000 } else { 0 };
        assert_eq!(till.shop.net(&sale.order), net, "{change}");
    }
    let credit = till.sale_with(1_000, json!({"pan": "6250948736102942", "sequence": "002"}));
    assert_eq!(credit.told.code(), "00");
    let ledger = till.shop.ledger();
    let rows = ledger["cards"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["order"] == credit.order.as_str());
    assert_eq!(row.unwrap()["funding"], "credit");
}
