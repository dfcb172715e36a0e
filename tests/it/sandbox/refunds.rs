//! Refunds: parts, the running total, one number one act, and every trigger of an amount that ends in 11 to 15.

use std::time::Duration;

use serde_json::{Value, json};
use shouyin::sim::Errors;

use super::gateway::refused;
use super::{
    FASTER, MICROPAY, QUERY, REFUND, REVOKE, Shop, fresh, micropay, query, refund, revoke, shop,
    slow_shop, stopwatch,
};

/// A paid order.
fn paid(shop: &Shop, fen: u64) -> String {
    let order = fresh("D");
    assert_eq!(shop.code(MICROPAY, &micropay(&order, fen)), "BBS00000");
    order
}

fn ask(number: &str, order: &str, fen: u64) -> Value {
    shop().ask(REFUND, &refund(number, order, fen))
}

fn no(number: &str, order: &str, fen: u64, words: &str) {
    refused(
        &shop().call(REFUND, &refund(number, order, fen)),
        "BBS11000",
        words,
    );
}

#[test]
fn parts_add_up_and_never_exceed_what_was_paid() {
    let order = paid(shop(), 1_000);
    let told = ask(&fresh("K"), &order, 300);
    let data = &told["resp_data"];
    assert_eq!(told["code"], "BBS00000");
    for (name, value) in [
        ("trade_state", "SUCCESS"),
        ("refund_amount", "300"),
        ("payer_amount", "300"),
        ("total_amount", "1000"),
        ("origin_out_trade_no", &order),
    ] {
        assert_eq!(data[name], value, "{name}");
    }
    let told = shop().ask(QUERY, &query(&order));
    assert_eq!(data["origin_trade_no"], told["resp_data"]["trade_no"]);
    assert_eq!(data["origin_log_no"], told["resp_data"]["log_no"]);
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("PART_REFUND", 700)
    );
    no(&fresh("K"), &order, 701, "700 fen");
    assert_eq!(ask(&fresh("K"), &order, 200)["code"], "BBS00000");
    assert_eq!(shop().net(&order), 500);
    no(&fresh("K"), &order, 501, "500 fen");
    assert_eq!(ask(&fresh("K"), &order, 500)["code"], "BBS00000");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("REFUND", 0)
    );
    no(&fresh("K"), &order, 1, "0 fen");
}

#[test]
fn the_same_request_is_answered_again_and_another_under_its_number_is_refused() {
    let (order, other, number) = (paid(shop(), 1_000), paid(shop(), 1_000), fresh("K"));
    let first = ask(&number, &order, 400);
    for _ in 0..3 {
        assert_eq!(ask(&number, &order, 400)["resp_data"], first["resp_data"]);
    }
    no(&number, &order, 401, "another refund");
    no(&number, &other, 400, "another refund");
    assert_eq!((shop().net(&order), shop().net(&other)), (600, 1_000));
    no(&order, &order, 100, "used before");
    refused(
        &shop().call(MICROPAY, &micropay(&number, 100)),
        "BBS11000",
        "used before",
    );
    refused(
        &shop().call(REVOKE, &revoke(&number, &other)),
        "BBS11000",
        "used before",
    );
}

#[test]
fn the_original_is_named_by_trade_no_log_no_or_order_in_this_order() {
    let (order, other) = (paid(shop(), 1_000), paid(shop(), 1_000));
    let told = shop().ask(QUERY, &query(&order));
    for (name, from) in [("origin_trade_no", "trade_no"), ("origin_log_no", "log_no")] {
        // The order named beside it loses.
        let mut data = refund(&fresh("K"), &other, 100);
        data[name] = told["resp_data"][from].clone();
        let told = shop().ask(REFUND, &data);
        assert_eq!(
            told["resp_data"]["origin_out_trade_no"],
            json!(order),
            "{name}"
        );
        data["out_trade_no"] = json!(fresh("K"));
        data[name] = json!("1");
        refused(&shop().call(REFUND, &data), "BBS11000", "unknown");
    }
    assert_eq!((shop().net(&order), shop().net(&other)), (800, 1_000));
    let mut data = refund(&fresh("K"), &other, 100);
    data.as_object_mut().unwrap().remove("origin_out_trade_no");
    refused(&shop().call(REFUND, &data), "BBS11000", "is missing");
}

#[test]
fn only_paid_orders_are_refunded() {
    let open = fresh("D");
    assert_eq!(shop().code(MICROPAY, &micropay(&open, 1_071)), "BBS10000");
    no(&fresh("K"), &open, 100, "not paid");
    no(&fresh("K"), &fresh("D"), 100, "unknown");
    let revoked = paid(shop(), 1_000);
    assert_eq!(
        shop().code(REVOKE, &revoke(&fresh("R"), &revoked)),
        "BBS00000"
    );
    no(&fresh("K"), &revoked, 100, "0 fen");
}

#[test]
fn an_order_with_a_refund_is_not_revoked() {
    let order = paid(shop(), 1_000);
    assert_eq!(ask(&fresh("K"), &order, 100)["code"], "BBS00000");
    refused(
        &shop().call(REVOKE, &revoke(&fresh("R"), &order)),
        "BBS11000",
        "has refunds",
    );
    assert_eq!(shop().net(&order), 900);
}

#[test]
fn fields_of_a_refund_are_checked() {
    let order = paid(shop(), 1_000);
    let spoilt = |spoil: &dyn Fn(&mut Value), words: &str| {
        let mut data = refund(&fresh("K"), &order, 100);
        spoil(&mut data);
        refused(&shop().call(REFUND, &data), "BBS11000", words);
    };
    for name in [
        "merchant_no",
        "term_no",
        "out_trade_no",
        "refund_amount",
        "location_info",
    ] {
        let words = format!("{name} is missing");
        spoilt(
            &|data| drop(data.as_object_mut().unwrap().remove(name)),
            &words,
        );
    }
    spoilt(
        &|data| data["refund_amount"] = json!(100),
        "must be a string",
    );
    spoilt(&|data| data["refund_amount"] = json!("0"), "not fen");
    spoilt(
        &|data| data["refund_reason"] = json!("1".repeat(33)),
        "longer than",
    );
    spoilt(
        &|data| data["origin_log_no"] = json!("1".repeat(15)),
        "longer than",
    );
    assert_eq!(shop().net(&order), 1_000);
}

fn query_refund(number: &str) -> Value {
    let told = shop().ask(QUERY, &query(number));
    assert_eq!(told["code"], "BBS00000", "{told}");
    assert_eq!(told["resp_data"]["trade_main_type"], "REFUND");
    told["resp_data"].clone()
}

#[test]
fn an_11_is_pending_and_done_after_12_s() {
    let (order, number) = (paid(shop(), 1_000), fresh("K"));
    let began = stopwatch();
    let told = ask(&number, &order, 511);
    assert_eq!(
        (&told["code"], &told["resp_data"]["trade_state"]),
        (&json!("BBS11105"), &json!("DEAL"))
    );
    shop().wait_state(&number, "SUCCESS");
    assert!(
        began.elapsed() >= Duration::from_millis(12_000 / FASTER),
        "not earlier"
    );
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("PART_REFUND", 489)
    );
    assert_eq!(query_refund(&number)["payer_amount"], "511");
    assert_eq!(
        ask(&number, &order, 511)["code"],
        "BBS00000",
        "the same request, now done"
    );
    assert_eq!(shop().net(&order), 489);
}

#[test]
fn a_pending_refund_holds_its_money_back() {
    let (order, number) = (paid(slow_shop(), 1_000), fresh("K"));
    let asked = |number: &str, fen: u64| slow_shop().ask(REFUND, &refund(number, &order, fen));
    assert_eq!(asked(&number, 511)["code"], "BBS11105");
    assert_eq!(
        asked(&number, 511)["code"],
        "BBS11105",
        "the same answer while it is pending"
    );
    assert_eq!(
        (slow_shop().state(&order).as_str(), slow_shop().net(&order)),
        ("SUCCESS", 1_000)
    );
    let told = asked(&fresh("K"), 490);
    assert_eq!(told["code"], "BBS11000");
    assert!(told["msg"].as_str().unwrap().contains("489 fen"));
    assert_eq!(asked(&fresh("K"), 489)["code"], "BBS00000");
    assert_eq!(
        slow_shop().code(REVOKE, &revoke(&fresh("R"), &order)),
        "BBS11000"
    );
}

#[test]
fn a_12_is_pending_and_fails_and_its_money_is_free_again() {
    let (order, number) = (paid(shop(), 1_000), fresh("K"));
    assert_eq!(ask(&number, &order, 912)["code"], "BBS11105");
    shop().wait_state(&number, "FAIL");
    assert_eq!(query_refund(&number)["payer_amount"], "0");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 1_000)
    );
    assert_eq!(
        ask(&number, &order, 912)["code"],
        "BBS11000",
        "failed for good"
    );
    assert_eq!(ask(&fresh("K"), &order, 1_000)["code"], "BBS00000");
}

#[test]
fn a_13_is_done_without_an_answer() {
    let (order, number) = (paid(shop(), 1_000), fresh("K"));
    let call = shop().call(REFUND, &refund(&number, &order, 413));
    assert!(shop().send(&call).is_none());
    assert_eq!(query_refund(&number)["trade_state"], "SUCCESS");
    assert_eq!(shop().net(&order), 587);
    assert_eq!(
        ask(&number, &order, 413)["code"],
        "BBS00000",
        "asked again, done once"
    );
    assert_eq!(shop().net(&order), 587);
}

#[test]
fn a_14_does_nothing_at_the_first_try() {
    let (order, number) = (paid(shop(), 1_000), fresh("K"));
    assert_eq!(ask(&number, &order, 414)["code"], "BBS00100");
    assert_eq!(shop().state(&number), "BBS11114", "nothing is known of it");
    assert_eq!(shop().net(&order), 1_000);
    assert_eq!(ask(&number, &order, 414)["code"], "BBS00000");
    assert_eq!(shop().net(&order), 586);
}

#[test]
fn a_15_is_refused_for_good() {
    let (order, number) = (paid(shop(), 1_000), fresh("K"));
    for _ in 0..2 {
        assert_eq!(ask(&number, &order, 415)["code"], "BBS11000");
    }
    assert_eq!(query_refund(&number)["trade_state"], "FAIL");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 1_000)
    );
}

#[test]
fn the_ledger_lists_refunds_and_balances_with_them() {
    let (order, number) = (paid(shop(), 1_000), fresh("K"));
    assert_eq!(ask(&number, &order, 250)["code"], "BBS00000");
    let booked = shop().booked(&order).unwrap();
    assert_eq!(
        (&booked["charged"], &booked["returned"]),
        (&json!(1_000), &json!(250))
    );
    let ledger = shop().ledger();
    assert_eq!(ledger["sum"], 0);
    let mut rows = ledger["refunds"].as_array().unwrap().iter();
    let row = rows.find(|row| row["out_trade_no"] == number).unwrap();
    assert_eq!(
        (&row["refund_amount"], &row["state"]),
        (&json!(250), &json!("SUCCESS"))
    );
    assert_eq!(row["origin_out_trade_no"], json!(order));
}

#[test]
fn refunds_survive_a_restart() {
    let mut shop = Shop::open(Errors::Signed, false, FASTER);
    let order = paid(&shop, 1_000);
    let (done, pending, tried) = (fresh("K"), fresh("K"), fresh("K"));
    let ask = |shop: &Shop, number: &str, fen| shop.code(REFUND, &refund(number, &order, fen));
    assert_eq!(ask(&shop, &done, 100), "BBS00000");
    assert_eq!(ask(&shop, &tried, 114), "BBS00100");
    assert_eq!(ask(&shop, &pending, 211), "BBS11105");
    shop.restart();
    assert_eq!(shop.code(REFUND, &refund(&done, &order, 101)), "BBS11000");
    assert_eq!(ask(&shop, &done, 100), "BBS00000");
    assert_eq!(ask(&shop, &tried, 114), "BBS00000");
    shop.wait_state(&pending, "SUCCESS");
    shop.restart();
    assert_eq!(
        (shop.state(&order).as_str(), shop.net(&order)),
        ("PART_REFUND", 575)
    );
}
