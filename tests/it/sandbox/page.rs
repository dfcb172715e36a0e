//! The wallet page: codes, the password, what it shows, and that nothing a till sends can become markup.

use serde_json::{Value, json};

use super::{MICROPAY, fresh, micropay, slow_shop};

fn order_on_page(order: &str) -> Option<Value> {
    let told = slow_shop().page("GET", "/orders", "").json();
    let orders = told.as_array().unwrap();
    orders.iter().find(|bill| bill["order"] == order).cloned()
}

fn password(order: &str, digits: &str) -> (u16, Vec<u8>) {
    let path = format!("/password?order={order}");
    let answer = slow_shop().page("POST", &path, &format!("password={digits}"));
    (answer.status, answer.body)
}

fn waiting(fen: u64) -> String {
    let order = fresh("P");
    assert_eq!(
        slow_shop().code(MICROPAY, &micropay(&order, fen)),
        "BBS10000"
    );
    order
}

#[test]
fn six_digits_pay_and_zeros_do_not() {
    for (fen, digits, state, net) in [
        (4_070, "123456", "SUCCESS", 4_070),
        (4_070, "000000", "FAIL", 0),
        (4_078, "123456", "FAIL", 0),
    ] {
        let order = waiting(fen);
        let bill = order_on_page(&order).unwrap();
        assert_eq!(bill["asks_password"], true);
        let (status, body) = password(&order, digits);
        assert_eq!(status, 200);
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap()["state"],
            state
        );
        assert_eq!(
            (slow_shop().state(&order).as_str(), slow_shop().net(&order)),
            (state, net)
        );
        let bill = order_on_page(&order).unwrap();
        assert_eq!(
            (&bill["asks_password"], &bill["charged"]),
            (&json!(false), &json!(net))
        );
        assert_eq!(password(&order, "123456").0, 409, "it is decided once");
    }
}

#[test]
fn a_password_is_six_digits() {
    let order = waiting(4_071);
    for bad in ["12345", "1234567", "12345x", ""] {
        assert_eq!(password(&order, bad).0, 400, "{bad}");
    }
    assert_eq!(slow_shop().state(&order), "DEAL");
}

#[test]
fn nobody_is_asked_who_does_not_pay() {
    let order = waiting(4_071);
    assert_eq!(order_on_page(&order).unwrap()["asks_password"], false);
    assert_eq!(password(&order, "123456").0, 409);
    assert_eq!(password("unknown", "123456").0, 409);
    assert_eq!(slow_shop().state(&order), "DEAL");
}

#[test]
fn a_code_is_shown_as_qr_and_bars_and_can_be_charged() {
    for (wallet, prefix, account) in [
        ("alipay", "28", "ALIPAY"),
        ("wechat", "13", "WECHAT"),
        ("unionpay", "62", "UQRCODEPAY"),
    ] {
        let told = slow_shop()
            .page("POST", &format!("/show?wallet={wallet}"), "")
            .json();
        let code = told["code"].as_str().unwrap();
        assert!(code.starts_with(prefix));
        assert!(code.ends_with(told["code_tail"].as_str().unwrap()));
        for drawn in ["svg", "bars"] {
            let drawn = told[drawn].as_str().unwrap();
            assert!(drawn.starts_with("<svg xmlns='http://www.w3.org/2000/svg'"));
        }
        let mut data = micropay(&fresh("P"), 100);
        data["auth_code"] = json!(code);
        assert_eq!(
            slow_shop().ask(MICROPAY, &data)["resp_data"]["account_type"],
            account
        );
    }
    assert_eq!(slow_shop().page("POST", "/hide", "").status, 200);
}

#[test]
fn text_of_a_till_stays_text() {
    let order = format!("<img src=x>{}", fresh("P"));
    assert_eq!(
        slow_shop().code(MICROPAY, &micropay(&order, 100)),
        "BBS00000"
    );
    let told = slow_shop().page("GET", "/orders", "");
    assert_eq!(told.header("content-type"), Some("application/json"));
    assert_eq!(told.header("x-content-type-options"), Some("nosniff"));
    assert!(order_on_page(&order).is_some());
    let page = slow_shop().page("GET", "/", "");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
    let script = String::from_utf8(slow_shop().page("GET", "/wallet.js", "").body).unwrap();
    for way_in in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(way_in), "{way_in}");
    }
    let page = String::from_utf8(page.body).unwrap();
    assert!(!page.contains("onclick") && page.matches("<script").count() == 1);
}

#[test]
fn every_word_is_in_both_languages() {
    let script = String::from_utf8(slow_shop().page("GET", "/wallet.js", "").body).unwrap();
    let words = |from: &str, to: &str| {
        let part = script.split_once(from).unwrap().1.split_once(to).unwrap().0;
        let keys = part
            .split([',', '\n', '{'])
            .filter_map(|word| word.split_once(": '"));
        let mut keys: Vec<_> = keys.map(|(key, _)| key.trim().to_owned()).collect();
        keys.sort();
        keys
    };
    let (chinese, english) = (words("zh: {", "},"), words("en: {", "},"));
    assert!(chinese.len() > 30, "{chinese:?}");
    assert_eq!(chinese, english);
    let page = String::from_utf8(slow_shop().page("GET", "/", "").body).unwrap();
    for part in page.split("data-t=\"").skip(1) {
        let word = part.split_once('"').unwrap().0.to_owned();
        assert!(chinese.contains(&word), "{word}");
    }
}

#[test]
fn only_a_page_of_this_machine_may_use_it() {
    let port = slow_shop().page_port();
    for (headers, status) in [
        (format!("Host: 127.0.0.1:{port}\r\n"), 200),
        (
            format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"),
            200,
        ),
        (format!("Host: rebound.example:{port}\r\n"), 403),
        (
            format!("Host: 127.0.0.1:{port}\r\nOrigin: https://evil.example\r\n"),
            403,
        ),
        (
            format!("Host: 127.0.0.1:{port}\r\nOrigin: http://evil.example:{port}\r\n"),
            403,
        ),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: null\r\n"), 403),
    ] {
        let answer = slow_shop().page_as("POST", "/hide", "", &headers);
        assert_eq!(answer.status, status, "{headers}");
    }
}
