//! Trade notices as a merchant's listener sees them: signed, repeated until acknowledged, three times in story 81.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use shouyin::sim::{Errors, MERCHANT_NO};

use super::counter::{CREATE, create};
use super::gateway::refused;
use super::{
    FASTER, MICROPAY, PREORDER, Shop, fresh, micropay, now_s, preorder, shop, stopwatch, until,
};

const GOOD: &str = "{\"code\":\"SUCCESS\",\"message\":\"执行成功\"}";

struct Heard {
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let mut lines = self
            .head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).unwrap().1
    }

    /// Checks `LKLAPI-SHA256withRSA timestamp="T",nonce_str="N",signature="G"` over the raw body.
    fn is_signed_by(&self, shop: &Shop) -> bool {
        let header = self.header("authorization");
        let rest = header.strip_prefix("LKLAPI-SHA256withRSA ").unwrap();
        let value = |name: &str| {
            let part = rest
                .split(',')
                .find_map(|part| part.strip_prefix(name))
                .unwrap();
            part.trim_matches(['=', '"']).to_owned()
        };
        assert_eq!(rest.split(',').count(), 3, "three parameters");
        let at: i64 = value("timestamp").parse().unwrap();
        assert!(at.abs_diff(now_s()) < 10);
        let mut message = format!("{at}\n{}\n", value("nonce_str")).into_bytes();
        message.extend_from_slice(&self.body);
        message.push(b'\n');
        let proof = rest
            .split_once("signature=\"")
            .unwrap()
            .1
            .trim_end_matches('"');
        shop.is_platforms(&message, &BASE64.decode(proof.as_bytes()).unwrap())
    }
}

/// Listens on loopback; answers the first calls as given, then for good. Returns the address and what it heard.
fn listen(answers: &'static [(&'static str, &'static str)]) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, told) = channel();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
            let (head, body) = loop {
                let read = stream.read(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..read]);
                let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                let length = head.split("Content-Length: ").nth(1).unwrap();
                let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                if bytes.len() == end + 4 + length {
                    break (head, bytes[end + 4..].to_vec());
                }
            };
            let (status, answer) = answers.get(count).copied().unwrap_or(("200 OK", GOOD));
            let length = answer.len();
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{answer}");
            stream.write_all(text.as_bytes()).unwrap();
            if heard.send(Heard { head, body }).is_err() {
                return;
            }
        }
    });
    (format!("http://127.0.0.1:{port}/notify?from=sandbox"), told)
}

fn next(told: &Receiver<Heard>) -> Heard {
    told.recv_timeout(Duration::from_secs(20))
        .expect("a notice")
}

fn notice_of(shop: &Shop, order: &str) -> Value {
    shop.booked(order).unwrap()["notice"].clone()
}

#[test]
fn a_charge_in_progress_is_told_when_it_is_paid() {
    let (url, told) = listen(&[]);
    let order = fresh("N");
    let mut data = micropay(&order, 5_070);
    data["notify_url"] = json!(url);
    assert_eq!(shop().code(MICROPAY, &data), "BBS10000");
    let heard = next(&told);
    assert!(
        heard
            .head
            .starts_with("POST /notify?from=sandbox HTTP/1.1\r\n")
    );
    assert!(heard.header("content-type").starts_with("application/json"));
    assert!(heard.is_signed_by(shop()));
    let body = heard.json();
    for (name, value) in [
        ("out_trade_no", order.as_str()),
        ("merchant_no", MERCHANT_NO),
        ("trade_status", "SUCCESS"),
        ("account_type", "ALIPAY"),
        ("total_amount", "5070"),
        ("payer_amount", "5070"),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert!(body.get("trade_state").is_none() && body.get("req_data").is_none());
    until("it is acknowledged", || notice_of(shop(), &order) == "Told");
    assert!(
        told.recv_timeout(Duration::from_millis(300)).is_err(),
        "told once"
    );
}

#[test]
fn a_charge_that_is_answered_at_once_is_not_told() {
    let (url, told) = listen(&[]);
    let by_cashier = fresh("N");
    let mut data = micropay(&by_cashier, 5_070);
    (data["notify_url"], data["pay_order_no"]) = (json!(url), json!("1"));
    assert_eq!(shop().code(MICROPAY, &data), "BBS10000");
    let mut data = micropay(&fresh("N"), 5_000);
    data["notify_url"] = json!(url);
    assert_eq!(shop().code(MICROPAY, &data), "BBS00000");
    shop().wait_state(&by_cashier, "SUCCESS");
    assert!(told.recv_timeout(Duration::from_millis(300)).is_err());
}

#[test]
fn a_notice_is_repeated_until_it_is_acknowledged() {
    static ANSWERS: [(&str, &str); 4] = [
        ("500 Oops", GOOD),
        ("200 OK", "{\"code\":\"FAIL\",\"message\":\"\"}"),
        ("200 OK", "success"),
        ("302 Found", GOOD),
    ];
    let (url, told) = listen(&ANSWERS);
    let order = fresh("N");
    let mut data = preorder(&order, 5_000);
    data["notify_url"] = json!(url);
    let code = shop().opened_as(&data);
    let began = stopwatch();
    shop().scanned(&code, "");
    let first = next(&told);
    for _ in 0..4 {
        let again = next(&told);
        assert_eq!(again.body, first.body);
        assert_ne!(
            again.header("authorization"),
            first.header("authorization"),
            "signed anew"
        );
        assert!(again.is_signed_by(shop()));
    }
    // 1 s, 5 s, 5 s, 10 s, 180 s.
    assert!(
        began.elapsed() >= Duration::from_millis(201_000 / FASTER),
        "not earlier"
    );
    until("it is acknowledged", || notice_of(shop(), &order) == "Told");
}

#[test]
fn an_81_is_told_three_times_and_once_before_the_answer() {
    let (url, told) = listen(&[]);
    let order = fresh("N");
    let mut data = micropay(&order, 5_081);
    data["notify_url"] = json!(url);
    assert_eq!(shop().code(MICROPAY, &data), "BBS00000");
    let first = told.try_recv().expect("a notice before the answer");
    let bodies = [first.body, next(&told).body, next(&told).body];
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(shop().net(&order), 5_081);
    assert!(
        told.recv_timeout(Duration::from_millis(300)).is_err(),
        "three"
    );
    // Without an address it is a plain sale; a scanned order has its three after the payment.
    assert_eq!(
        shop().code(MICROPAY, &micropay(&fresh("N"), 5_081)),
        "BBS00000"
    );
    let mut data = preorder(&fresh("N"), 5_081);
    data["notify_url"] = json!(url);
    let code = shop().opened_as(&data);
    assert!(
        told.recv_timeout(Duration::from_millis(100)).is_err(),
        "not paid yet"
    );
    shop().scanned(&code, "");
    for _ in 0..3 {
        next(&told);
    }
}

#[test]
fn a_cashier_order_has_its_own_notice() {
    let (url, told) = listen(&[]);
    let order = fresh("N");
    let mut data = create(&order, 5_000);
    data["notify_url"] = json!(url);
    let made = shop().ask(CREATE, &data);
    shop().scanned(
        made["resp_data"]["counter_url"].as_str().unwrap(),
        "&wallet=wechat",
    );
    let heard = next(&told);
    assert!(heard.is_signed_by(shop()));
    let body = heard.json();
    assert_eq!(
        (&body["out_order_no"], &body["order_status"]),
        (&json!(order), &json!("2"))
    );
    let row = &body["order_trade_info"];
    assert_eq!(
        (&row["trade_status"], &row["pay_mode"]),
        (&json!("S"), &json!("WECHAT"))
    );
    assert_eq!(
        row["log_no"].as_str().unwrap().len(),
        14,
        "the notice spells it log_no"
    );
}

#[test]
fn a_late_payment_is_told() {
    let (url, told) = listen(&[]);
    let order = fresh("N");
    let mut data = preorder(&order, 5_087);
    data["notify_url"] = json!(url);
    let code = shop().opened_as(&data);
    shop().scanned(&code, "");
    assert_eq!(shop().code(super::CLOSE, &super::close(&order)), "BBS00000");
    assert_eq!(next(&told).json()["trade_status"], "SUCCESS");
}

#[test]
fn only_addresses_of_this_machine_or_network_are_called() {
    for (path, data) in [
        (MICROPAY, micropay(&fresh("N"), 100)),
        (PREORDER, preorder(&fresh("N"), 100)),
        (CREATE, create(&fresh("N"), 100)),
    ] {
        for url in [
            "http://203.0.113.7/n",
            "https://203.0.113.7/n",
            "http://shop.example/n",
            "notify",
        ] {
            let mut data = data.clone();
            data["notify_url"] = json!(url);
            refused(&shop().call(path, &data), "BBS11000", "loopback or private");
        }
    }
}

#[test]
fn a_notice_that_is_owed_survives_a_restart() {
    let mut shop = Shop::open(Errors::Signed, false, FASTER);
    // A port that nobody listens on yet.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let order = fresh("N");
    let mut data = preorder(&order, 5_000);
    data["notify_url"] = json!(format!("http://{at}/n"));
    let code = shop.opened_as(&data);
    shop.scanned(&code, "");
    assert_eq!(notice_of(&shop, &order), "Owed");
    let listener = TcpListener::bind(at).unwrap();
    shop.restart();
    listener.set_nonblocking(true).unwrap();
    let mut caller = None;
    until("somebody calls", || {
        caller = listener.accept().ok();
        caller.is_some()
    });
    let (mut stream, _) = caller.unwrap();
    stream.set_nonblocking(false).unwrap();
    let mut start = [0; 11];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"POST /n HTT");
}
