//! One test for each rule of the envelope and of the fields of micropay, inquiry and revoke (acquirer.md 2, 7).

use serde_json::{Value, json};

use super::gateway::refused;
use super::{
    MICROPAY, QUERY, REVOKE, alipay_code, envelope, fresh, micropay, now_s, query, revoke, shop,
    wire_time,
};

/// Sends a spoilt micropay; afterwards the order is unknown and nothing was charged.
fn refused_field(spoil: impl Fn(&mut Value), words: &str) {
    let order = fresh("F");
    let mut data = micropay(&order, 100);
    spoil(&mut data);
    refused(&shop().call(MICROPAY, &data), "BBS11000", words);
    assert_eq!(shop().booked(&order), None, "nothing was opened");
    let unspoilt = micropay(&order, 100);
    assert_eq!(
        shop().code(MICROPAY, &unspoilt),
        "BBS00000",
        "the number is still free"
    );
}

#[test]
fn version_is_3() {
    for version in [json!("2.0"), json!(3.0)] {
        let mut body = envelope(&micropay(&fresh("G"), 100));
        body["version"] = version;
        refused(
            &shop().raw(MICROPAY, body.to_string().as_bytes()),
            "BBS11000",
            "version",
        );
    }
}

#[test]
fn req_time_is_chinas_within_10_minutes() {
    let timed = |time: &str| {
        let mut body = envelope(&micropay(&fresh("G"), 100));
        body["req_time"] = json!(time);
        shop().raw(MICROPAY, body.to_string().as_bytes())
    };
    for off in [-602, 602, -8 * 3600] {
        refused(&timed(&wire_time(now_s() + off)), "BBS11000", "10 minutes");
    }
    for off in [-595, 595] {
        assert_eq!(
            shop().told(&timed(&wire_time(now_s() + off)))["code"],
            "BBS00000"
        );
    }
    for bad in ["20269999999999", "2026-01-01 00:0", "1"] {
        refused(&timed(bad), "BBS11000", "req_time");
    }
}

#[test]
fn req_data_is_an_object_and_out_org_code_may_be_absent_or_a_string() {
    let mut body = envelope(&json!("text"));
    refused(
        &shop().raw(MICROPAY, body.to_string().as_bytes()),
        "BBS11000",
        "must be an object",
    );
    body.as_object_mut().unwrap().remove("req_data");
    refused(
        &shop().raw(MICROPAY, body.to_string().as_bytes()),
        "BBS11000",
        "req_data is missing",
    );
    for (org, code) in [(json!("OP1"), "BBS00000"), (json!(1), "BBS11000")] {
        let mut body = envelope(&micropay(&fresh("G"), 100));
        body["out_org_code"] = org;
        assert_eq!(
            shop().told(&shop().raw(MICROPAY, body.to_string().as_bytes()))["code"],
            code
        );
    }
}

#[test]
fn strings_are_strings() {
    for name in [
        "merchant_no",
        "term_no",
        "out_trade_no",
        "auth_code",
        "total_amount",
        "subject",
    ] {
        for value in [json!(100), json!(true), json!(["100"]), json!(null)] {
            refused_field(|data| data[name] = value.clone(), "must be a string");
        }
    }
    refused_field(
        |data| data["location_info"] = json!("203.0.113.7"),
        "must be an object",
    );
    refused_field(
        |data| data["acc_busi_fields"] = json!("{}"),
        "must be an object",
    );
}

#[test]
fn strings_have_a_length() {
    for (name, longest) in [
        ("merchant_no", 32),
        ("term_no", 32),
        ("out_trade_no", 32),
        ("auth_code", 32),
        ("total_amount", 12),
        ("subject", 42),
        ("notify_url", 128),
        ("remark", 128),
        ("pay_order_no", 64),
        ("busi_mode", 8),
        ("settle_type", 4),
    ] {
        let long = "1".repeat(longest + 1);
        refused_field(|data| data[name] = json!(long), "longer than");
    }
    let mut data = micropay(&fresh("F"), 100);
    // Characters are counted, not bytes.
    data["subject"] = json!("茶".repeat(42));
    assert_eq!(shop().code(MICROPAY, &data), "BBS00000");
}

#[test]
fn mandatory_fields_are_there() {
    for name in [
        "merchant_no",
        "term_no",
        "out_trade_no",
        "auth_code",
        "total_amount",
        "location_info",
    ] {
        let remove = |data: &mut Value| drop(data.as_object_mut().unwrap().remove(name));
        refused_field(remove, &format!("{name} is missing"));
        if name != "location_info" {
            refused_field(|data| data[name] = json!(""), &format!("{name} is empty"));
        }
    }
}

#[test]
fn merchant_and_terminal_are_known() {
    refused_field(
        |data| data["merchant_no"] = json!("822100054110002"),
        "merchant_no",
    );
    refused_field(|data| data["term_no"] = json!("A0010002"), "term_no");
}

#[test]
fn request_ip_is_an_address() {
    for ip in ["localhost", "256.1.1.1", "203.0.113.7:80", " 203.0.113.7"] {
        refused_field(
            |data| data["location_info"]["request_ip"] = json!(ip),
            "not an address",
        );
    }
    refused_field(
        |data| data["location_info"] = json!({}),
        "request_ip is missing",
    );
    let mut data = micropay(&fresh("F"), 100);
    data["location_info"]["request_ip"] = json!("2001:db8::7");
    assert_eq!(shop().code(MICROPAY, &data), "BBS00000");
}

#[test]
fn amounts_are_whole_fen_without_signs_or_zeros_in_front() {
    for bad in ["0", "01", "-1", "+1", "1.00", "1e2", " 1", "一"] {
        refused_field(|data| data["total_amount"] = json!(bad), "not fen");
    }
    let mut data = micropay(&fresh("F"), 100);
    data["total_amount"] = json!("999999999900");
    assert_eq!(shop().code(MICROPAY, &data), "BBS00000", "twelve digits");
}

#[test]
fn wechat_needs_a_subject() {
    let wechat = |data: &mut Value| data["auth_code"] = json!(fresh("1312345678"));
    refused_field(
        |data| {
            wechat(data);
            data.as_object_mut().unwrap().remove("subject");
        },
        "subject is missing",
    );
    let mut data = micropay(&fresh("F"), 100);
    data.as_object_mut().unwrap().remove("subject");
    assert_eq!(
        shop().code(MICROPAY, &data),
        "BBS00000",
        "Alipay needs none"
    );
}

#[test]
fn payment_codes_choose_the_wallet_and_others_are_refused() {
    for (code, wallet) in [
        (fresh("1012345678"), "WECHAT"),
        (fresh("1512345678"), "WECHAT"),
        (fresh("25123456"), "ALIPAY"),
        (fresh("3012345678901234"), "ALIPAY"),
        (fresh("62123456789"), "UQRCODEPAY"),
        (fresh("01123456789"), "DCPAY"),
        (fresh("5112345678"), "BESTPAY"),
        (fresh("8312345678"), "SUNING"),
    ] {
        let mut data = micropay(&fresh("F"), 100);
        data["auth_code"] = json!(code);
        let told = shop().ask(MICROPAY, &data);
        assert_eq!(told["resp_data"]["account_type"], wallet, "{code}: {told}");
    }
    for bad in [
        "161234567890123456",
        "13123456789012345",
        "1312345678901234567",
        "2812345678",
        "28123456789012345x",
        "fp0123456789012345678901234567",
    ] {
        refused_field(|data| data["auth_code"] = json!(bad), "not a payment code");
    }
}

#[test]
fn face_payment_and_names_of_people_are_not_taken() {
    refused_field(|data| data["scan_type"] = json!("1"), "face payment");
    refused_field(|data| data["identity_info"] = json!("{}"), "micropay_encry");
    let mut data = micropay(&fresh("F"), 100);
    data["scan_type"] = json!("0");
    assert_eq!(shop().code(MICROPAY, &data), "BBS00000");
}

#[test]
fn an_order_number_is_used_once() {
    let (order, revoke_no) = (fresh("G"), fresh("R"));
    assert_eq!(shop().code(MICROPAY, &micropay(&order, 500)), "BBS00000");
    refused(
        &shop().call(MICROPAY, &micropay(&order, 500)),
        "BBS11000",
        "out_trade_no was used",
    );
    assert_eq!(shop().net(&order), 500, "charged once");
    // A declined order's number and a revoke's number are burnt as well.
    let declined = fresh("G");
    assert_eq!(shop().code(MICROPAY, &micropay(&declined, 577)), "BBS11000");
    refused(
        &shop().call(MICROPAY, &micropay(&declined, 500)),
        "BBS11000",
        "out_trade_no was used",
    );
    assert_eq!(shop().code(REVOKE, &revoke(&revoke_no, &order)), "BBS00000");
    refused(
        &shop().call(MICROPAY, &micropay(&revoke_no, 500)),
        "BBS11000",
        "out_trade_no was used",
    );
}

#[test]
fn a_payment_code_is_used_once() {
    let code = alipay_code();
    let paying = |order: &str| {
        let mut data = micropay(order, 600);
        data["auth_code"] = json!(code);
        shop().call(MICROPAY, &data)
    };
    let (first, second) = (fresh("G"), fresh("G"));
    assert_eq!(shop().told(&paying(&first))["code"], "BBS00000");
    refused(&paying(&second), "BBS11000", "auth_code was used");
    assert_eq!((shop().net(&first), shop().net(&second)), (600, 0));
}

#[test]
fn inquiry_and_revoke_check_their_fields_too() {
    let order = fresh("G");
    assert_eq!(shop().code(MICROPAY, &micropay(&order, 700)), "BBS00000");
    let spoilt = |path: &str, mut data: Value, spoil: &dyn Fn(&mut Value), words: &str| {
        spoil(&mut data);
        refused(&shop().call(path, &data), "BBS11000", words);
    };
    let drop_field = |name: &'static str| {
        move |data: &mut Value| drop(data.as_object_mut().unwrap().remove(name))
    };
    let words = "out_trade_no or trade_no is missing";
    spoilt(QUERY, query(&order), &drop_field("out_trade_no"), words);
    spoilt(
        QUERY,
        query(&order),
        &|data| data["out_trade_no"] = json!(1),
        "must be a string",
    );
    spoilt(
        QUERY,
        query(&order),
        &|data| data["term_no"] = json!("B"),
        "term_no",
    );
    let call = || revoke(&fresh("R"), &order);
    spoilt(
        REVOKE,
        call(),
        &drop_field("out_trade_no"),
        "out_trade_no is missing",
    );
    spoilt(
        REVOKE,
        call(),
        &drop_field("location_info"),
        "location_info is missing",
    );
    spoilt(
        REVOKE,
        call(),
        &drop_field("origin_out_trade_no"),
        "origin_trade_no is missing",
    );
    spoilt(
        REVOKE,
        call(),
        &|data| data["origin_trade_no"] = json!("1"),
        "is unknown",
    );
    spoilt(
        REVOKE,
        call(),
        &|data| data["out_trade_no"] = json!(order),
        "out_trade_no was used",
    );
    assert_eq!(shop().net(&order), 700, "no refused revoke returned money");
}

#[test]
fn an_inquiry_by_trade_no_finds_the_order_and_wins() {
    let (order, other) = (fresh("G"), fresh("G"));
    let told = shop().ask(MICROPAY, &micropay(&order, 800));
    assert_eq!(shop().code(MICROPAY, &micropay(&other, 801)), "BBS00000");
    let mut data = query(&other);
    data["trade_no"] = told["resp_data"]["trade_no"].clone();
    let told = shop().ask(QUERY, &data);
    assert_eq!(told["resp_data"]["out_trade_no"], json!(order));
}

#[test]
fn a_revoke_number_acts_on_one_order_only() {
    let (first, second, number) = (fresh("G"), fresh("G"), fresh("R"));
    for order in [&first, &second] {
        assert_eq!(shop().code(MICROPAY, &micropay(order, 900)), "BBS00000");
    }
    for _ in 0..2 {
        assert_eq!(shop().code(REVOKE, &revoke(&number, &first)), "BBS00000");
    }
    refused(
        &shop().call(REVOKE, &revoke(&number, &second)),
        "BBS11000",
        "was used",
    );
    assert_eq!((shop().net(&first), shop().net(&second)), (0, 900));
}
