//! One test for each amount trigger of micropay (acquirer.md 7): the answer, later inquiries, the books.

use std::time::Duration;

use serde_json::{Value, json};
use shouyin::sim::Errors;

use super::{
    FASTER, MICROPAY, QUERY, REVOKE, Shop, fresh, micropay, now_s, query, revoke, shop, stopwatch,
};

/// Pays an amount that ends in the story's digits. Returns the order number and the answer.
fn pay(tail: u64) -> (String, Value) {
    let order = fresh("S");
    let told = shop().ask(MICROPAY, &micropay(&order, 2_000 + tail));
    (order, told)
}

fn ended(order: &str) -> String {
    shop().code(REVOKE, &revoke(&fresh("R"), order))
}

#[test]
fn plain_amounts_are_paid_and_a_revoke_returns_all_of_it() {
    for tail in [0, 1, 69, 87, 88, 89] {
        let (order, told) = pay(tail);
        assert_eq!(told["code"], "BBS00000", "{tail}");
        assert_eq!(told["resp_data"]["need_query"], "0");
        assert_eq!(
            (shop().state(&order).as_str(), shop().net(&order)),
            ("SUCCESS", 2_000 + tail)
        );
        assert_eq!(ended(&order), "BBS00000");
        assert_eq!(
            (shop().state(&order).as_str(), shop().net(&order)),
            ("REFUND", 0)
        );
        let booked = shop().booked(&order).unwrap();
        assert_eq!(
            (&booked["charged"], &booked["returned"]),
            (&json!(2_000 + tail), &json!(2_000 + tail))
        );
    }
}

#[test]
fn a_70_waits_for_the_password_and_is_paid_after_12_s() {
    let began = stopwatch();
    let (order, told) = pay(70);
    assert_eq!(
        (&told["code"], &told["resp_data"]["need_query"]),
        (&json!("BBS10000"), &json!("1"))
    );
    assert_eq!(told["resp_data"]["trade_state"], "DEAL");
    shop().wait_state(&order, "SUCCESS");
    assert!(
        began.elapsed() >= Duration::from_millis(12_000 / FASTER),
        "not earlier"
    );
    assert_eq!(shop().net(&order), 2_070);
}

#[test]
fn a_71_is_never_paid_and_closes_when_revoked() {
    let (order, told) = pay(71);
    assert_eq!(told["code"], "BBS10000");
    let (later, _) = pay(70);
    shop().wait_state(&later, "SUCCESS");
    assert_eq!(
        shop().state(&order),
        "DEAL",
        "a customer who never pays outlasts one who does"
    );
    assert_eq!(ended(&order), "BBS00000");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("CLOSE", 0)
    );
}

#[test]
fn a_72_is_paid_exactly_when_the_revoke_arrives() {
    let (order, told) = pay(72);
    assert_eq!(told["code"], "BBS10000");
    assert_eq!(shop().net(&order), 0);
    let number = fresh("R");
    assert_eq!(shop().code(REVOKE, &revoke(&number, &order)), "BBS10000");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 2_072)
    );
    assert_eq!(shop().code(REVOKE, &revoke(&number, &order)), "BBS00000");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("REFUND", 0)
    );
}

/// The line is held for 30 s, then ends without a byte.
fn lost(tail: u64) -> String {
    let order = fresh("S");
    let began = stopwatch();
    let answer = shop().send(&shop().call(MICROPAY, &micropay(&order, 2_000 + tail)));
    assert!(
        answer.is_none(),
        "no answer at all, not even a status: {answer:?}"
    );
    assert!(began.elapsed() >= Duration::from_millis(30_000 / FASTER));
    order
}

#[test]
fn a_73_is_paid_without_an_answer() {
    let order = lost(73);
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 2_073)
    );
}

#[test]
fn a_74_is_neither_answered_nor_known() {
    let order = lost(74);
    assert_eq!(
        (shop().state(&order).as_str(), shop().booked(&order)),
        ("BBS11114", None)
    );
}

#[test]
fn a_75_says_timeout_and_is_paid() {
    let (order, told) = pay(75);
    assert_eq!(told["code"], "BBS00101");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 2_075)
    );
}

#[test]
fn a_76_is_paid_under_a_wrong_signature() {
    let order = fresh("S");
    let answer = shop()
        .send(&shop().call(MICROPAY, &micropay(&order, 2_076)))
        .unwrap();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (200, &json!("BBS00000"))
    );
    assert!(!shop().is_genuine(&answer));
    assert_eq!(shop().net(&order), 2_076);
}

#[test]
fn a_77_is_refused_for_good() {
    let (order, told) = pay(77);
    assert_eq!(
        (&told["code"], &told["resp_data"]["out_trade_no"]),
        (&json!("BBS11000"), &json!(order))
    );
    assert_eq!(
        (shop().state(&order).as_str(), shop().booked(&order)),
        ("BBS11114", None)
    );
}

#[test]
fn a_78_fails_after_the_password() {
    let (order, told) = pay(78);
    assert_eq!(told["code"], "BBS10000");
    shop().wait_state(&order, "FAIL");
    assert_eq!(shop().net(&order), 0);
}

#[test]
fn a_79_refuses_two_revokes() {
    let (order, told) = pay(79);
    assert_eq!(told["code"], "BBS10000");
    let codes = [ended(&order), ended(&order), ended(&order)];
    assert_eq!(codes, ["BBS00100", "BBS00100", "BBS00000"]);
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("CLOSE", 0)
    );
    assert_eq!(shop().booked(&order).unwrap()["revokes"], 3);
}

#[test]
fn an_80_stays_paid_for_two_inquiries_after_its_revoke() {
    let (order, _) = pay(80);
    assert_eq!(shop().state(&order), "SUCCESS");
    assert_eq!(ended(&order), "BBS00000");
    let states = [
        shop().state(&order),
        shop().state(&order),
        shop().state(&order),
    ];
    assert_eq!(states, ["SUCCESS", "SUCCESS", "REFUND"]);
    assert_eq!(shop().net(&order), 0);
}

#[test]
fn an_82_names_one_fen_more_at_first() {
    let (order, told) = pay(82);
    assert_eq!(told["resp_data"]["total_amount"], "2083");
    let told = shop().ask(QUERY, &query(&order));
    assert_eq!(told["resp_data"]["total_amount"], "2082");
    assert_eq!(shop().net(&order), 2_082);
}

#[test]
fn an_83_has_a_discount_that_adds_up() {
    let (_, told) = pay(83);
    let data = &told["resp_data"];
    let fen = |name: &str| data[name].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(
        (fen("payer_amount"), fen("acc_discount_amount")),
        (2_073, 10)
    );
    assert_eq!(
        fen("total_amount"),
        fen("payer_amount") + fen("acc_discount_amount")
    );
}

#[test]
fn an_84_is_a_redirect_or_an_error_page_by_its_order_number_and_is_paid() {
    for (digit, status) in [(1, 302), (2, 502)] {
        let order = format!("{}{digit}", fresh("S"));
        let answer = shop()
            .send(&shop().call(MICROPAY, &micropay(&order, 2_084)))
            .unwrap();
        assert_eq!(answer.status, status);
        assert!(answer.header("lklapi-signature").is_none());
        assert_eq!(answer.header("location").is_some(), status == 302);
        assert_eq!(
            (shop().state(&order).as_str(), shop().net(&order)),
            ("SUCCESS", 2_084)
        );
    }
}

#[test]
fn an_85_has_an_unlisted_code_and_is_paid() {
    let (order, told) = pay(85);
    assert_eq!(told["code"], "BBS19999");
    assert_eq!(
        (shop().state(&order).as_str(), shop().net(&order)),
        ("SUCCESS", 2_085)
    );
}

#[test]
fn an_86_is_signed_with_a_clock_that_is_ten_minutes_off() {
    let order = fresh("S");
    let answer = shop()
        .send(&shop().call(MICROPAY, &micropay(&order, 2_086)))
        .unwrap();
    assert!(shop().is_genuine(&answer));
    let at: i64 = answer.header("lklapi-timestamp").unwrap().parse().unwrap();
    assert!((595..=605).contains(&(at - now_s())), "{at}");
    assert_eq!(shop().net(&order), 2_086);
}

#[test]
fn a_90_to_99_is_declined_with_ten_texts() {
    let mut texts = std::collections::BTreeSet::new();
    for tail in 90..=99 {
        let (order, told) = pay(tail);
        assert_eq!(told["code"], "BBS11000");
        let text = told["msg"].as_str().unwrap();
        assert!(text.chars().count() <= 64, "msg is S(64)");
        texts.insert(text.to_owned());
        assert_eq!(shop().booked(&order), None);
    }
    assert_eq!(texts.len(), 10);
}

#[test]
fn a_revoke_of_an_unknown_order_leaves_no_tombstone() {
    let order = fresh("S");
    assert_eq!(ended(&order), "BBS00000");
    assert_eq!(shop().code(MICROPAY, &micropay(&order, 2_000)), "BBS00000");
    assert_eq!(shop().net(&order), 2_000, "a delayed charge still arrives");
}

#[test]
fn books_survive_a_restart_with_everything_that_was_said() {
    let mut shop = Shop::open(Errors::Signed, false, FASTER);
    let (paid, revoked, open) = (fresh("B"), fresh("B"), fresh("B"));
    let (number, paying) = (fresh("R"), micropay(&paid, 3_000));
    assert_eq!(shop.code(MICROPAY, &paying), "BBS00000");
    assert_eq!(shop.code(MICROPAY, &micropay(&revoked, 3_001)), "BBS00000");
    assert_eq!(shop.code(REVOKE, &revoke(&number, &revoked)), "BBS00000");
    assert_eq!(shop.code(MICROPAY, &micropay(&open, 3_071)), "BBS10000");
    let before = shop.ledger();
    // A line that was never finished, torn inside a character, was never said.
    let books = shop.dir.path().join("books.jsonl");
    let mut text = std::fs::read(&books).unwrap();
    text.extend_from_slice(&"{\"Trade\":{\"out_trade_no\":\"商".as_bytes()[..27]);
    std::fs::write(&books, text).unwrap();
    shop.restart();
    assert_eq!(shop.ledger(), before);
    assert_eq!(
        shop.code(MICROPAY, &micropay(&paid, 3_000)),
        "BBS11000",
        "the number is used"
    );
    let mut again = micropay(&fresh("B"), 3_000);
    again["auth_code"] = paying["auth_code"].clone();
    assert_eq!(shop.code(MICROPAY, &again), "BBS11000", "the code is used");
    assert_eq!(
        shop.code(REVOKE, &revoke(&number, &paid)),
        "BBS11000",
        "the revoke is used"
    );
    assert_eq!(shop.code(REVOKE, &revoke(&fresh("R"), &open)), "BBS00000");
    shop.restart();
    assert_eq!(
        (shop.state(&open).as_str(), shop.net(&paid)),
        ("CLOSE", 3_000)
    );
    let text = std::fs::read_to_string(&books).unwrap_or_default();
    assert!(
        !text.contains(paying["auth_code"].as_str().unwrap()),
        "no code is kept"
    );
}
