//! The cashier order: created, paid by any wallet, closed, expired, refunded.

use serde_json::{Value, json};
use shouyin::sim::{MERCHANT_NO, TERM_NO};

use super::gateway::refused;
use super::{QUERY, REFUND, fresh, now_s, query, refund, shop, wire_time};

pub const CREATE: &str = "/api/v3/ccss/counter/order/special_create";
const ASK: &str = "/api/v3/ccss/counter/order/query";
const END: &str = "/api/v3/ccss/counter/order/close";

pub fn create(order: &str, fen: u64) -> Value {
    json!({
        "merchant_no": MERCHANT_NO, "out_order_no": order, "total_amount": fen,
        "order_efficient_time": wire_time(now_s() + 600), "order_info": "商品",
    })
}

fn named(order: &str) -> Value {
    json!({"merchant_no": MERCHANT_NO, "out_order_no": order})
}

/// Opens a cashier order. Returns its members.
fn opened(order: &str, fen: u64) -> Value {
    let told = shop().ask(CREATE, &create(order, fen));
    assert_eq!(told["code"], "000000", "{told}");
    told["resp_data"].clone()
}

fn url(data: &Value) -> &str {
    data["counter_url"].as_str().unwrap()
}

fn status(order: &str) -> String {
    let told = shop().ask(ASK, &named(order));
    assert_eq!(told["code"], "000000", "{told}");
    told["resp_data"]["order_status"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn any_wallet_pays_a_cashier_order() {
    for (wallet, mode) in [
        ("alipay", "ALIPAY"),
        ("wechat", "WECHAT"),
        ("unionpay", "UNION"),
    ] {
        let order = fresh("C");
        let data = opened(&order, 1_200);
        assert_eq!(
            (&data["out_order_no"], &data["total_amount"]),
            (&json!(order), &json!(1_200))
        );
        assert_eq!(status(&order), "0");
        assert_eq!(
            shop().scanned(url(&data), &format!("&wallet={wallet}")),
            "SUCCESS"
        );
        assert_eq!(status(&order), "2");
        let by_number = json!({"merchant_no": MERCHANT_NO, "pay_order_no": data["pay_order_no"]});
        let told = shop().ask(ASK, &by_number);
        assert_eq!(told["resp_data"]["out_order_no"], json!(order));
        let row = &told["resp_data"]["order_trade_info_list"][0];
        for (name, value) in [
            ("trade_type", "PAY"),
            ("trade_status", "S"),
            ("busi_type", "SCPAY"),
            ("pay_mode", mode),
        ] {
            assert_eq!(row[name], value, "{name}");
        }
        assert_eq!(
            (&row["trade_amount"], &row["payer_amount"]),
            (&json!(1_200), &json!(1_200))
        );
        assert_eq!(row["log_No"].as_str().unwrap().len(), 14);
        assert_eq!(shop().net(&order), 1_200);
    }
}

#[test]
fn fields_of_a_cashier_order_are_checked() {
    let spoilt = |spoil: &dyn Fn(&mut Value), words: &str| {
        let order = fresh("C");
        let mut data = create(&order, 100);
        spoil(&mut data);
        refused(&shop().call(CREATE, &data), "BBS11000", words);
        assert_eq!(shop().booked(&order), None);
    };
    for name in [
        "merchant_no",
        "out_order_no",
        "total_amount",
        "order_efficient_time",
        "order_info",
    ] {
        let words = format!("{name} is missing");
        spoilt(
            &|data| drop(data.as_object_mut().unwrap().remove(name)),
            &words,
        );
    }
    for bad in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("01"),
        json!(true),
        json!(1_000_000_000_000_u64),
    ] {
        spoilt(&|data| data["total_amount"] = bad.clone(), "total_amount");
    }
    for off in [-10, 7 * 86_400 + 60] {
        spoilt(
            &|data| data["order_efficient_time"] = json!(wire_time(now_s() + off)),
            "7 days",
        );
    }
    spoilt(
        &|data| data["order_info"] = json!("1".repeat(65)),
        "longer than",
    );
    spoilt(&|data| data["merchant_no"] = json!("1"), "merchant_no");
    let mut text = create(&fresh("C"), 100);
    // The documents say long, their own sample sends a string.
    text["total_amount"] = json!("100");
    assert_eq!(shop().code(CREATE, &text), "000000");
    refused(
        &shop().call(CREATE, &text),
        "BBS11000",
        "out_order_no was used",
    );
    refused(
        &shop().call(ASK, &json!({"merchant_no": MERCHANT_NO})),
        "BBS11000",
        "is missing",
    );
}

#[test]
fn an_unknown_cashier_order_is_told_by_a_signed_answer_that_names_it() {
    let trade = fresh("T");
    assert_eq!(
        shop().code(super::MICROPAY, &super::micropay(&trade, 100)),
        "BBS00000"
    );
    for path in [ASK, END] {
        for order in [fresh("C"), trade.clone()] {
            let told = shop().ask(path, &named(&order));
            assert_eq!(told["code"], "BBS11114", "{path}: {told}");
            assert_eq!(told["resp_data"], named(&order), "{path}: {told}");
        }
        let number = json!({"merchant_no": MERCHANT_NO, "pay_order_no": "20260101CC1"});
        let told = shop().ask(path, &number);
        assert_eq!(
            (&told["code"], &told["resp_data"]),
            (&json!("BBS11114"), &number)
        );
    }
    assert_eq!(
        shop().net(&trade),
        100,
        "a payment by code is no cashier order"
    );
}

#[test]
fn a_closed_cashier_order_cannot_be_paid_and_a_paid_one_not_closed() {
    let order = fresh("C");
    let data = opened(&order, 100);
    let told = shop().ask(END, &named(&order));
    assert_eq!(
        (&told["code"], &told["resp_data"]["order_status"]),
        (&json!("000000"), &json!("7"))
    );
    assert_eq!(shop().scan(url(&data), "").0, 409);
    let order = fresh("C");
    let data = opened(&order, 100);
    assert_eq!(shop().scanned(url(&data), ""), "SUCCESS");
    assert_eq!(shop().code(END, &named(&order)), "BBS11000");
    assert_eq!((status(&order).as_str(), shop().net(&order)), ("2", 100));
}

#[test]
fn a_cashier_order_expires_waits_for_the_password_and_is_paid_late() {
    let order = fresh("C");
    let mut data = create(&order, 100);
    data["order_efficient_time"] = json!(wire_time(now_s() + 20));
    assert_eq!(shop().code(CREATE, &data), "000000");
    super::until("it expires", || status(&order) == "4");
    let order = fresh("C");
    let data = opened(&order, 171);
    assert_eq!(shop().scanned(url(&data), ""), "DEAL");
    assert_eq!(status(&order), "1");
    let order = fresh("C");
    let data = opened(&order, 187);
    assert_eq!(shop().scanned(url(&data), "&wallet=wechat"), "DEAL");
    assert_eq!(shop().code(END, &named(&order)), "000000");
    super::until("it is paid late", || status(&order) == "2");
    assert_eq!(shop().net(&order), 187);
}

#[test]
fn a_cashier_order_is_refunded_by_its_trade_only() {
    let order = fresh("C");
    let data = opened(&order, 900);
    assert_eq!(shop().scanned(url(&data), ""), "SUCCESS");
    let row = shop().ask(ASK, &named(&order))["resp_data"]["order_trade_info_list"][0].clone();
    assert_eq!(
        shop().code(REFUND, &refund(&fresh("K"), &order, 300)),
        "BBS11000"
    );
    assert_eq!(shop().state(&order), "BBS11114", "its number is no trade's");
    let mut by_trade = refund(&fresh("K"), &order, 300);
    by_trade["origin_trade_no"] = row["trade_no"].clone();
    assert_eq!(shop().code(REFUND, &by_trade), "BBS00000");
    assert_eq!((status(&order).as_str(), shop().net(&order)), ("6", 600));
    let list = shop().ask(ASK, &named(&order))["resp_data"]["order_trade_info_list"].clone();
    assert_eq!(
        (&list[0]["trade_type"], &list[1]["trade_type"]),
        (&json!("REFUND"), &json!("PAY"))
    );
    let mut by_number = query(&order);
    by_number["trade_no"] = row["trade_no"].clone();
    let told = shop().ask(QUERY, &by_number);
    assert_eq!(
        (
            &told["resp_data"]["trade_state"],
            &told["resp_data"]["term_no"]
        ),
        (&json!("PART_REFUND"), &json!(TERM_NO))
    );
}
