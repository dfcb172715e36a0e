//! One test for each rule of the gateway (acquirer.md 1.2, 7): HTTP, the body's form, and the signature.
//! Each stands beside the same request unspoilt.

use serde_json::json;
use shouyin::sim::{APPID, Errors, MERCHANT_NO, MERCHANT_SERIAL};

use super::{
    Call, FASTER, MICROPAY, QUERY, Shop, envelope, fresh, micropay, now_s, query, shop, wire_time,
};

pub fn good() -> Call {
    shop().call(MICROPAY, &micropay(&fresh("G"), 100))
}

/// Sends a spoilt request: refused with a signed code, in words that hold `words`.
pub fn refused(call: &Call, code: &str, words: &str) {
    let told = shop().told(call);
    assert_eq!(told["code"], code, "{told}");
    let msg = told["msg"].as_str().unwrap();
    assert!(msg.contains(words), "{msg:?} says {words:?}");
}

/// Sends a good body under a spoilt header; then the same body under a good one.
fn refused_header(spoil: impl Fn(&str, &[u8]) -> String, words: &str) {
    let mut call = good();
    let spoilt = spoil(&call.authorization[0], &call.body);
    let unspoilt = std::mem::replace(&mut call.authorization, vec![spoilt]);
    refused(&call, "BBS11200", words);
    call.authorization = unspoilt;
    assert_eq!(shop().told(&call)["code"], "BBS00000");
}

#[test]
fn a_good_request_is_paid_and_its_answer_is_whole() {
    let order = fresh("G");
    let told = shop().ask(MICROPAY, &micropay(&order, 1234));
    let data = &told["resp_data"];
    assert_eq!(told["code"], "BBS00000");
    for (name, value) in [
        ("merchant_no", MERCHANT_NO),
        ("out_trade_no", &order),
        ("need_query", "0"),
        ("account_type", "ALIPAY"),
        ("total_amount", "1234"),
        ("payer_amount", "1234"),
        ("acc_settle_amount", "1234"),
    ] {
        assert_eq!(data[name], value, "{name}");
    }
    let (trade_no, log_no) = (
        data["trade_no"].as_str().unwrap(),
        data["log_no"].as_str().unwrap(),
    );
    assert_eq!((trade_no.len(), log_no.len()), (32, 14));
    assert!(trade_no.ends_with(log_no) && log_no.starts_with("66"));
    assert!(
        trade_no.starts_with(&wire_time(now_s())[..6]),
        "the month of today"
    );
    assert_eq!(data["trade_time"].as_str().unwrap().len(), 14);
    assert_eq!(shop().net(&order), 1234);
}

#[test]
fn only_post() {
    for method in ["GET", "PUT", "HEAD", "DELETE"] {
        let mut call = good();
        call.method = method;
        let answer = shop().send(&call);
        // A HEAD answer has no body to be whole.
        assert_eq!(answer.map(|a| a.status), Some(405), "{method}");
    }
}

#[test]
fn only_exact_paths() {
    for path in [
        "/",
        "/api/v3/labs/trans/micropay/",
        "/api/v3/labs/trans/Micropay",
        "//api/v3/labs/trans/micropay",
        "/api/v3/labs/trans/micropay?x=1",
        "/api/v2/labs/trans/micropay",
        "/ledger",
    ] {
        let mut call = good();
        call.path = path.to_owned();
        assert_eq!(shop().send(&call).unwrap().status, 404, "{path}");
    }
}

#[test]
fn content_type_is_json() {
    let kinds: [&[&str]; 5] = [
        &[],
        &["text/plain"],
        &["application/jsonp"],
        &["application/json; charset=gbk"],
        &["application/json", "application/json"],
    ];
    for kind in kinds {
        let mut call = good();
        call.kinds = kind.iter().map(ToString::to_string).collect();
        assert_eq!(shop().send(&call).unwrap().status, 415, "{kind:?}");
    }
    let mut call = good();
    call.kinds = vec!["application/json;charset=UTF-8".to_owned()];
    assert_eq!(shop().told(&call)["code"], "BBS00000");
}

#[test]
fn a_body_has_at_most_64_kib() {
    let sized = |size: usize| {
        let mut body = envelope(&micropay(&fresh("G"), 100)).to_string();
        body.push_str(&" ".repeat(size - body.len()));
        shop().raw(MICROPAY, body.as_bytes())
    };
    assert_eq!(shop().told(&sized(64 * 1024))["code"], "BBS00000");
    assert_eq!(shop().send(&sized(64 * 1024 + 1)).unwrap().status, 413);
}

#[test]
fn a_body_is_utf_8() {
    let mut body = envelope(&micropay(&fresh("G"), 100))
        .to_string()
        .into_bytes();
    let at = body
        .windows(6)
        .position(|part| part == "商品".as_bytes())
        .unwrap();
    body[at] = 0xff;
    refused(&shop().raw(MICROPAY, &body), "BBS11000", "UTF-8");
}

#[test]
fn a_body_is_one_json_object() {
    for body in ["", "[]", "{", "\"text\"", "{} {}", "null"] {
        refused(
            &shop().raw(MICROPAY, body.as_bytes()),
            "BBS11000",
            "JSON object",
        );
    }
}

#[test]
fn a_key_stands_once() {
    let text = envelope(&micropay(&fresh("G"), 100)).to_string();
    for (once, twice) in [
        ("\"version\":", "\"version\":\"3.0\",\"version\":"),
        (
            "\"total_amount\":",
            "\"total_amount\":\"1\",\"total_amount\":",
        ),
        // The same key in another spelling.
        (
            "\"total_amount\":",
            "\"total_amoun\\u0074\":\"1\",\"total_amount\":",
        ),
        (
            "\"request_ip\":",
            "\"request_ip\":\"10.0.0.1\",\"request_ip\":",
        ),
    ] {
        let body = text.replacen(once, twice, 1);
        refused(
            &shop().raw(MICROPAY, body.as_bytes()),
            "BBS11000",
            "stands twice",
        );
    }
}

#[test]
fn one_authorization_header() {
    for count in [0, 2] {
        let mut call = good();
        call.authorization = vec![call.authorization[0].clone(); count];
        refused(&call, "BBS11200", "one Authorization");
    }
}

#[test]
fn the_scheme_is_known() {
    for scheme in [
        "LKLAPI-SHA256withRSA2",
        "Bearer",
        "lklapi-sha256withrsa",
        "LKLAPI-SM3withSM2",
    ] {
        refused_header(
            |header, _| header.replace("LKLAPI-SHA256withRSA", scheme),
            "scheme",
        );
    }
}

#[test]
fn each_parameter_stands_exactly_once() {
    let names = ["appid", "serial_no", "timestamp", "nonce_str", "signature"];
    for name in names {
        let part = |header: &str| {
            let rest = header.split_once(' ').unwrap().1.to_owned();
            let mut parts = rest.split(',').map(str::to_owned);
            parts.find(|part| part.starts_with(name)).unwrap()
        };
        refused_header(
            |header, _| format!("{header},{}", part(header)),
            "stands twice",
        );
        let without = |header: &str, _: &[u8]| {
            let cut = header.replace(&format!("{},", part(header)), "");
            cut.replace(&format!(",{}", part(header)), "")
        };
        refused_header(without, "five parameters");
    }
    refused_header(
        |header, _| format!("{header},extra=\"1\""),
        "five parameters",
    );
}

#[test]
fn a_parameter_is_name_and_quoted_value() {
    refused_header(
        |header, _| header.replace(",nonce_str=\"", ", nonce_str=\""),
        "five parameters",
    );
    refused_header(|header, _| header.replace('"', ""), "quotes");
    refused_header(|header, _| header.replace("appid=", "appid:"), "name=");
    refused_header(|header, _| format!("{header},"), "name=");
}

#[test]
fn parameters_come_in_any_order() {
    let mut call = good();
    let header = call.authorization[0].clone();
    let (scheme, rest) = header.split_once(' ').unwrap();
    let parts: Vec<&str> = rest.rsplit(',').collect();
    call.authorization = vec![format!("{scheme} {}", parts.join(","))];
    assert_eq!(shop().told(&call)["code"], "BBS00000");
}

#[test]
fn appid_and_serial_are_known() {
    refused_header(|header, _| header.replace(APPID, "OP00000004"), "appid");
    refused_header(
        |header, _| header.replace(MERCHANT_SERIAL, "017d6ae9ad6e"),
        "serial_no",
    );
}

#[test]
fn timestamp_is_within_300_s() {
    let at = |off: i64| {
        move |_: &str, body: &[u8]| shop().authorization(now_s() + off, &fresh("nonce"), body)
    };
    refused_header(at(-302), "300 s");
    refused_header(at(302), "300 s");
    for off in [-295, 295] {
        let mut call = good();
        call.authorization = vec![at(off)("", &call.body)];
        assert_eq!(shop().told(&call)["code"], "BBS00000", "{off} s");
    }
    let words = "Unix seconds";
    refused_header(|h, _| h.replace("timestamp=\"", "timestamp=\"+"), words);
    refused_header(|h, _| h.replace("timestamp=\"", "timestamp=\"x"), words);
}

#[test]
fn a_nonce_is_8_to_32_letters_and_digits() {
    for nonce in [
        "abcdefg",
        "abcdefghijklmnopqrstuvwxyz0123456",
        "abcd-efgh",
        "abcdefgé",
    ] {
        let header = |_: &str, body: &[u8]| shop().authorization(now_s(), nonce, body);
        let words = if nonce.is_ascii() { "8 to 32" } else { "ASCII" };
        refused_header(header, words);
    }
}

#[test]
fn a_nonce_is_not_replayed() {
    let call = shop().call(QUERY, &query(&fresh("G")));
    assert_eq!(shop().told(&call)["code"], "BBS11114");
    refused(&call, "BBS11200", "within 10 minutes");
    // Another body under the same nonce is no better.
    let nonce = fresh("nonce");
    let mut other = good();
    other.authorization = vec![shop().authorization(now_s(), &nonce, &other.body)];
    assert_eq!(shop().told(&other)["code"], "BBS00000");
    let mut third = good();
    third.authorization = vec![shop().authorization(now_s(), &nonce, &third.body)];
    refused(&third, "BBS11200", "within 10 minutes");
}

#[test]
fn the_signature_covers_every_byte_of_the_body() {
    let mut call = good();
    let at = call.body.len() - 1;
    call.body.insert(at, b' ');
    refused(&call, "BBS11200", "does not match");
    refused_header(
        |header, body| {
            let other = shop().authorization(now_s(), &fresh("nonce"), &[body, b" "].concat());
            assert_ne!(header, other);
            other
        },
        "does not match",
    );
    refused_header(
        |header, _| header.replace("signature=\"", "signature=\"?"),
        "Base64",
    );
}

#[test]
fn the_second_mode_refuses_a_signature_with_401_and_no_signature_of_its_own() {
    let shop = Shop::open(Errors::Unsigned, true, FASTER);
    let mut call = shop.call(MICROPAY, &micropay(&fresh("G"), 100));
    let header = call.authorization[0].clone();
    call.authorization = vec![header.replace(APPID, "OP00000004")];
    let answer = shop.send(&call).unwrap();
    assert_eq!(answer.status, 401);
    assert!(
        !answer
            .headers
            .iter()
            .any(|(name, _)| name.starts_with("lklapi-"))
    );
    assert_eq!(answer.json()["code"], "BBS11200");
    call.authorization = vec![header];
    assert_eq!(
        shop.told(&call)["code"],
        "BBS00000",
        "other answers are signed"
    );
    let mut wrong = micropay(&fresh("G"), 100);
    wrong["total_amount"] = json!(100);
    assert_eq!(
        shop.ask(MICROPAY, &wrong)["code"],
        "BBS11000",
        "a wrong field too"
    );
}
