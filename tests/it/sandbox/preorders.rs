//! Orders that the customer scans: `preorder`, `close`, the expiry, who may pay, and their stories.

use std::time::Duration;

use serde_json::{Value, json};
use shouyin::sim::{Errors, MERCHANT_NO, TERM_NO};

use super::gateway::refused;
use super::{
    CLOSE, FASTER, MICROPAY, PREORDER, QUERY, REVOKE, Shop, close, fresh, micropay, preorder,
    query, revoke, shop, slow_shop, stopwatch,
};

const STATIC: &str = "https://qr.sandbox.invalid/m/822100054110001";

fn refused_preorder(spoil: impl Fn(&mut Value), words: &str) {
    let order = fresh("O");
    let mut data = preorder(&order, 100);
    spoil(&mut data);
    refused(&shop().call(PREORDER, &data), "BBS11000", words);
    assert_eq!(shop().booked(&order), None, "nothing was opened");
}

/// Lives for two minutes, scaled.
fn short(order: &str, fen: u64) -> Value {
    let mut data = preorder(order, fen);
    data["acc_busi_fields"] = json!({"timeout_express": "2"});
    data
}

#[test]
fn an_order_is_placed_scanned_and_paid() {
    let order = fresh("O");
    let told = shop().ask(PREORDER, &preorder(&order, 1_500));
    assert_eq!(told["code"], "BBS00000");
    let data = &told["resp_data"];
    let trade_no = data["trade_no"].as_str().unwrap();
    assert!(trade_no.ends_with(data["log_no"].as_str().unwrap()) && trade_no.len() == 32);
    assert_eq!(
        (&data["settle_merchant_no"], &data["settle_term_no"]),
        (&json!(MERCHANT_NO), &json!(TERM_NO))
    );
    let code = data["acc_resp_fields"]["code"].as_str().unwrap();
    assert!(code.starts_with("https://") && code.len() <= 256);
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("CREATE", 0)
    );
    assert_eq!(shop().scanned(code, "&wallet=alipay"), "SUCCESS");
    let told = shop().ask(QUERY, &query(&order));
    assert_eq!(told["resp_data"]["trade_state"], "SUCCESS");
    assert_eq!(told["resp_data"]["trade_main_type"], "PREORDER");
    assert_eq!(told["resp_data"]["account_type"], "ALIPAY");
    assert_eq!(shop().net(&order), 1_500);
    assert_eq!(shop().scan(code, "").0, 409, "it is paid once");
    assert_eq!(shop().net(&order), 1_500);
}

#[test]
fn only_alipay_and_unionpay_give_a_code() {
    for (account, kind, words) in [
        ("WECHAT", "41", "WECHAT has no trans_type 41"),
        ("ALIPAY", "51", "trans_type"),
        ("WECHAT", "71", "trans_type"),
        ("BESTPAY", "41", "account_type"),
        ("alipay", "41", "account_type"),
    ] {
        let spoil = |data: &mut Value| {
            data["account_type"] = json!(account);
            data["trans_type"] = json!(kind);
        };
        refused_preorder(spoil, words);
    }
    let mut data = preorder(&fresh("O"), 100);
    data["account_type"] = json!("UQRCODEPAY");
    assert!(shop().opened_as(&data).contains("unionpay"));
}

#[test]
fn fields_of_a_preorder_are_checked() {
    for name in [
        "merchant_no",
        "term_no",
        "out_trade_no",
        "account_type",
        "trans_type",
        "total_amount",
        "location_info",
    ] {
        let remove = |data: &mut Value| drop(data.as_object_mut().unwrap().remove(name));
        refused_preorder(remove, &format!("{name} is missing"));
        refused_preorder(|data| data[name] = json!(41), "must be");
    }
    refused_preorder(|data| data["total_amount"] = json!("0"), "not fen");
    refused_preorder(
        |data| data["subject"] = json!("1".repeat(43)),
        "longer than",
    );
    refused_preorder(|data| data["settle_type"] = json!("00"), "longer than");
    for minutes in ["0", "05", "1.5", "m"] {
        let spoil =
            |data: &mut Value| data["acc_busi_fields"] = json!({"timeout_express": minutes});
        refused_preorder(spoil, "timeout_express");
    }
    let used = fresh("O");
    shop().opened(&used, 100);
    refused(
        &shop().call(PREORDER, &preorder(&used, 100)),
        "BBS11000",
        "was used before",
    );
    refused(
        &shop().call(MICROPAY, &micropay(&used, 100)),
        "BBS11000",
        "was used before",
    );
}

#[test]
fn a_code_is_paid_by_its_own_wallet_only() {
    let order = fresh("O");
    let code = shop().opened(&order, 100);
    for wallet in ["wechat", "unionpay"] {
        assert_eq!(shop().scan(&code, &format!("&wallet={wallet}")).0, 409);
    }
    assert_eq!(shop().state(&order), "CREATE");
    assert_eq!(
        shop().scan("https://qr.sandbox.invalid/alipay/x", "").0,
        409
    );
    assert_eq!(shop().scanned(&code, ""), "SUCCESS");
}

#[test]
fn a_closed_order_cannot_be_paid() {
    let order = fresh("O");
    let code = shop().opened(&order, 100);
    let told = shop().ask(CLOSE, &close(&order));
    assert_eq!(told["code"], "BBS00000");
    assert_eq!(told["resp_data"]["origin_out_trade_no"], json!(order));
    assert_eq!(told["resp_data"]["trade_time"].as_str().unwrap().len(), 14);
    assert_eq!(shop().state(&order), "CLOSE");
    assert_eq!(shop().scan(&code, "").0, 409);
    assert_eq!(shop().net(&order), 0);
    assert_eq!(
        shop().code(CLOSE, &close(&order)),
        "BBS00000",
        "closing again says the same"
    );
    let closes = shop().ledger()["closes"].clone();
    let mut closes = closes.as_array().unwrap().iter();
    assert!(closes.any(|row| row["out_trade_no"] == order && row["state"] == "CLOSE"));
}

#[test]
fn close_is_for_unpaid_preorders_only() {
    let (paid, charged) = (fresh("O"), fresh("O"));
    let code = shop().opened(&paid, 100);
    shop().scanned(&code, "");
    refused(&shop().call(CLOSE, &close(&paid)), "BBS11000", "已完成");
    assert_eq!(
        (shop().state(&paid).as_str(), shop().net(&paid)),
        ("SUCCESS", 100)
    );
    assert_eq!(shop().code(MICROPAY, &micropay(&charged, 171)), "BBS10000");
    refused(
        &shop().call(CLOSE, &close(&charged)),
        "BBS11000",
        "only a preorder",
    );
    assert_eq!(shop().code(CLOSE, &close(&fresh("O"))), "BBS11114");
    let mut data = close(&paid);
    data.as_object_mut().unwrap().remove("origin_out_trade_no");
    refused(&shop().call(CLOSE, &data), "BBS11000", "is missing");
    data["origin_trade_no"] = json!("1");
    refused(&shop().call(CLOSE, &data), "BBS11000", "unknown");
    let mut data = close(&paid);
    data.as_object_mut().unwrap().remove("location_info");
    refused(&shop().call(CLOSE, &data), "BBS11000", "location_info");
}

#[test]
fn a_preorder_is_not_revoked() {
    let order = fresh("O");
    let code = shop().opened(&order, 100);
    shop().scanned(&code, "");
    refused(
        &shop().call(REVOKE, &revoke(&fresh("R"), &order)),
        "BBS11000",
        "only a micropay",
    );
    assert_eq!(shop().net(&order), 100);
}

#[test]
fn an_order_expires_by_itself() {
    let order = fresh("O");
    let began = stopwatch();
    let code = shop().opened_as(&short(&order, 100));
    shop().wait_state(&order, "CLOSE");
    assert!(
        began.elapsed() >= Duration::from_millis(120_000 / FASTER),
        "not earlier"
    );
    assert_eq!(shop().scan(&code, "").0, 409);
    assert_eq!(shop().net(&order), 0);
}

#[test]
fn a_70_asks_for_the_password_after_the_scan() {
    for (digits, state, net) in [("123456", "SUCCESS", 270), ("000000", "FAIL", 0)] {
        let order = fresh("O");
        let code = slow_shop().opened(&order, 270);
        assert_eq!(slow_shop().scanned(&code, ""), "DEAL");
        assert_eq!(slow_shop().state(&order), "DEAL");
        let path = format!("/password?order={order}");
        let told = slow_shop()
            .page("POST", &path, &format!("password={digits}"))
            .json();
        assert_eq!(told["state"], state);
        assert_eq!(
            (slow_shop().state(&order).as_str(), slow_shop().net(&order)),
            (state, net)
        );
    }
    let order = fresh("O");
    let code = shop().opened(&order, 270);
    shop().scanned(&code, "");
    shop().wait_state(&order, "SUCCESS");
}

#[test]
fn a_71_is_scanned_and_never_paid() {
    let order = fresh("O");
    let code = shop().opened_as(&short(&order, 271));
    assert_eq!(shop().scanned(&code, ""), "DEAL");
    shop().wait_state(&order, "CLOSE");
    assert_eq!(shop().net(&order), 0);
}

#[test]
fn a_72_is_paid_exactly_when_the_close_arrives() {
    let order = fresh("O");
    let code = shop().opened(&order, 272);
    assert_eq!(shop().scanned(&code, ""), "DEAL");
    assert_eq!(shop().code(CLOSE, &close(&order)), "BBS10000");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 272)
    );
    assert_eq!(shop().code(CLOSE, &close(&order)), "BBS11000");
}

#[test]
fn a_79_refuses_two_closes_and_an_80_acts_late() {
    let order = fresh("O");
    shop().opened(&order, 279);
    let codes = [0, 1, 2].map(|_| shop().code(CLOSE, &close(&order)));
    assert_eq!(codes, ["BBS00100", "BBS00100", "BBS00000"]);
    assert_eq!(shop().state(&order), "CLOSE");
    let order = fresh("O");
    shop().opened(&order, 280);
    assert_eq!(shop().code(CLOSE, &close(&order)), "BBS00000");
    let states = [0, 1, 2].map(|_| shop().state(&order));
    assert_eq!(states, ["CREATE", "CREATE", "CLOSE"]);
    let order = fresh("O");
    let code = shop().opened(&order, 280);
    assert_eq!(shop().code(CLOSE, &close(&order)), "BBS00000");
    assert_eq!(
        shop().scanned(&code, ""),
        "SUCCESS",
        "still payable in between"
    );
    let states = [0, 1, 2, 3].map(|_| shop().state(&order));
    assert_eq!(
        states, ["SUCCESS"; 4],
        "a paid order is not returned by a close"
    );
}

#[test]
fn an_87_is_paid_after_its_close_was_taken() {
    let order = fresh("O");
    let code = shop().opened(&order, 287);
    assert_eq!(shop().scanned(&code, ""), "DEAL");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("DEAL", 0)
    );
    assert_eq!(shop().code(CLOSE, &close(&order)), "BBS00000");
    shop().wait_state(&order, "SUCCESS");
    assert_eq!(shop().net(&order), 287);
    // Nobody scanned this one: it closes like any other.
    let order = fresh("O");
    shop().opened(&order, 287);
    assert_eq!(shop().code(CLOSE, &close(&order)), "BBS00000");
    assert_eq!(shop().state(&order), "CLOSE");
}

#[test]
fn an_88_is_paid_after_its_expiry_unless_it_was_closed() {
    let (late, closed) = (fresh("O"), fresh("O"));
    let began = stopwatch();
    let code = shop().opened_as(&short(&late, 288));
    assert_eq!(shop().scanned(&code, ""), "DEAL");
    let code = shop().opened_as(&short(&closed, 288));
    assert_eq!(shop().scanned(&code, ""), "DEAL");
    assert_eq!(shop().code(CLOSE, &close(&closed)), "BBS00000");
    shop().wait_state(&late, "SUCCESS");
    let (life, late_by) = (120_000 / FASTER, 5_000 / FASTER);
    assert!(
        began.elapsed() >= Duration::from_millis(life + late_by),
        "after the expiry"
    );
    assert_eq!(shop().net(&late), 288);
    assert_eq!(
        (shop().state(&closed).as_str(), shop().net(&closed)),
        ("CLOSE", 0)
    );
}

#[test]
fn a_90_is_declined_by_the_wallet_and_stays_open() {
    let order = fresh("O");
    let code = shop().opened(&order, 290);
    let (status, said) = shop().scan(&code, "");
    assert_eq!(status, 409);
    assert!(String::from_utf8(said.body).unwrap().contains("余额不足"));
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("CREATE", 0)
    );
}

#[test]
fn first_answers_are_lost_or_spoilt_as_for_a_charge() {
    for (fen, code, known) in [
        (275, "BBS00101", "CREATE"),
        (277, "BBS11000", "BBS11114"),
        (285, "BBS19999", "CREATE"),
    ] {
        let order = fresh("O");
        assert_eq!(shop().code(PREORDER, &preorder(&order, fen)), code);
        assert_eq!(shop().state(&order), known, "{fen}");
    }
    for (fen, known) in [(273, "CREATE"), (274, "BBS11114")] {
        let order = fresh("O");
        assert!(
            shop()
                .send(&shop().call(PREORDER, &preorder(&order, fen)))
                .is_none()
        );
        assert_eq!(shop().state(&order), known, "{fen}");
    }
    let order = fresh("O");
    let answer = shop()
        .send(&shop().call(PREORDER, &preorder(&order, 276)))
        .unwrap();
    assert!(!shop().is_genuine(&answer));
    let answer = shop()
        .send(&shop().call(PREORDER, &preorder(&fresh("O"), 284)))
        .unwrap();
    assert_ne!(answer.status, 200);
}

#[test]
fn the_page_lists_open_codes_and_orders_that_were_scanned() {
    let order = fresh("O");
    let code = slow_shop().opened(&order, 371);
    let listed = |path: &str, part: &str| {
        let told = slow_shop().page("GET", path, "").json();
        let list = if part.is_empty() {
            told
        } else {
            told[part].clone()
        };
        let mut rows = list.as_array().unwrap().iter();
        rows.find(|row| row["order"] == order).cloned()
    };
    let row = listed("/codes", "open").unwrap();
    assert_eq!(
        (&row["code"], &row["price"], &row["subject"]),
        (&json!(code), &json!(371), &json!("商品"))
    );
    assert_eq!(listed("/orders", ""), None, "no wallet has seen it");
    slow_shop().scanned(&code, "");
    assert_eq!(listed("/orders", "").unwrap()["state"], "DEAL");
    slow_shop().code(CLOSE, &close(&order));
    assert_eq!(listed("/codes", "open"), None);
}

#[test]
fn the_printed_code_takes_what_the_customer_types() {
    let before = shop().ledger()["orders"].as_array().unwrap().len();
    for bad in [
        "",
        "&amount=0",
        "&amount=50001",
        "&amount=1.5",
        "&amount=-1",
        "&amount=190",
    ] {
        assert_eq!(shop().scan(STATIC, bad).0, 409, "{bad}");
    }
    let told = slow_shop()
        .scan(STATIC, "&amount=1234&wallet=wechat")
        .1
        .json();
    assert_eq!(
        (&told["state"], &told["kind"], &told["price"]),
        (&json!("SUCCESS"), &json!("static"), &json!(1234))
    );
    let order = told["order"].as_str().unwrap();
    let booked = slow_shop().booked(order).unwrap();
    assert_eq!(
        (&booked["net_charged"], &booked["account_type"]),
        (&json!(1234), &json!("WECHAT"))
    );
    assert_eq!(slow_shop().state(order), "SUCCESS");
    assert!(shop().ledger()["orders"].as_array().unwrap().len() >= before);
}

#[test]
fn instalments_are_alipays_3_6_or_12_and_paid_by_one_side() {
    let plan = |num: Value, percent: Value| json!({"extend_params": {"hb_fq_num": num, "hb_fq_seller_percent": percent}});
    for (num, percent) in [("3", "0"), ("6", "100"), ("12", "0")] {
        let (scanned, charged) = (fresh("O"), fresh("O"));
        let mut data = preorder(&scanned, 60_000);
        data["acc_busi_fields"] = plan(json!(num), json!(percent));
        shop().opened_as(&data);
        let mut data = micropay(&charged, 60_000);
        data["acc_busi_fields"] = plan(json!(num), json!(percent));
        assert_eq!(shop().code(MICROPAY, &data), "BBS00000");
        for order in [scanned, charged] {
            let told = shop().ask(QUERY, &query(&order));
            let info = &told["resp_data"]["acc_resp_fields"]["hb_fq_pay_info"];
            assert_eq!(info["user_install_num"], num);
            assert_eq!(info["hb_fq_seller_percent"], percent);
        }
    }
    for (num, percent, words) in [
        (json!("4"), json!("0"), "3, 6 or 12"),
        (json!("3"), json!("50"), "0 or 100"),
        (json!(3), json!("0"), "must be a string"),
        (json!("3"), json!(null), "must be a string"),
    ] {
        refused_preorder(
            |data| data["acc_busi_fields"] = plan(num.clone(), percent.clone()),
            words,
        );
    }
    refused_preorder(
        |data| data["acc_busi_fields"] = json!({"extend_params": {"hb_fq_num": "3"}}),
        "hb_fq_seller_percent is missing",
    );
    refused_preorder(
        |data| {
            data["account_type"] = json!("UQRCODEPAY");
            data["acc_busi_fields"] = plan(json!("3"), json!("0"));
        },
        "only ALIPAY",
    );
    let mut data = micropay(&fresh("O"), 60_000);
    data["auth_code"] = json!(fresh("1312345678"));
    data["acc_busi_fields"] = plan(json!("3"), json!("0"));
    refused(&shop().call(MICROPAY, &data), "BBS11000", "only ALIPAY");
}

#[test]
fn open_orders_survive_a_restart() {
    let mut shop = Shop::open(Errors::Signed, false, FASTER);
    let (open, scanned) = (fresh("O"), fresh("O"));
    let code = shop.opened(&open, 100);
    let seen = shop.opened(&scanned, 171);
    shop.scanned(&seen, "");
    shop.restart();
    assert_eq!(
        (shop.state(&open).as_str(), shop.state(&scanned).as_str()),
        ("CREATE", "DEAL")
    );
    assert_eq!(shop.scanned(&code, ""), "SUCCESS");
    shop.restart();
    assert_eq!(
        (shop.state(&open).as_str(), shop.net(&open)),
        ("SUCCESS", 100)
    );
}
