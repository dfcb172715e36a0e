//! Bad answers of the acquirer over real TLS: the sale goes to checking, the till is free for the next customer, and
//! nothing is ever believed. What the transport makes of each is in `acquirer/sockets.rs`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::console::Console;
use super::*;
use crate::acquirer::sockets::{Tls, accept, authority, say};
use crate::kill::fast;

type Act = Box<dyn Fn(&mut Tls) + Send>;

/// Reads one request; returns the order that it is about.
fn order_of(tls: &mut Tls) -> Option<String> {
    let (mut got, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = tls.read(&mut piece).ok().filter(|count| *count > 0)?;
        got.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&got);
        let Some((_, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if let Ok(body) = serde_json::from_str::<serde_json::Value>(body) {
            let data = &body["req_data"];
            let order = data
                .get("origin_out_trade_no")
                .unwrap_or(&data["out_trade_no"]);
            return order.as_str().map(str::to_owned);
        }
    }
}

/// Serves each order with the act of its turn until the process ends. Returns the port.
fn serve(acts: Vec<Act>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let acts = Arc::new(Mutex::new(acts));
    let turns = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (acts, turns) = (Arc::clone(&acts), Arc::clone(&turns));
            std::thread::spawn(move || {
                let mut tls = accept(stream.unwrap(), "localhost");
                let Some(order) = order_of(&mut tls) else {
                    return;
                };
                let turn = {
                    let mut turns = turns.lock().unwrap();
                    let next = turns.len();
                    *turns.entry(order).or_insert(next)
                };
                let acts = acts.lock().unwrap();
                acts[turn % acts.len()](&mut tls);
            });
        }
    });
    port
}

fn head(status: &str, more: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n").into_bytes()
}

fn answer(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    [&head(status, more, body.len()), body].concat()
}

/// Every kind of bad answer: its name, and what the server does.
fn bad_answers() -> Vec<(&'static str, Act)> {
    let says = |bytes: Vec<u8>| -> Act { Box::new(move |tls| say(tls, &bytes)) };
    let html = b"<html><body>502 Bad Gateway</body></html>";
    let json = br#"{"code":"BBS00000","resp_data":{"need_query":"0"}}"#;
    let gzip: &[u8] = &[
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1, 1, 0x0d, 0, 0, 0, 0xc2,
    ];
    let paid = answer("200 OK", "", json);
    let forged = "Lklapi-Appid: OP00000003\r\nLklapi-Serial: 017d6ae9ad6e\r\n\
                  Lklapi-Timestamp: 1\r\nLklapi-Nonce: abcdefgh\r\nLklapi-Signature: AAAA\r\n";
    vec![
        (
            "10 MB",
            says(answer("200 OK", "", &vec![b' '; 10 * 1024 * 1024])),
        ),
        (
            "HTML",
            says(answer("200 OK", "Content-Type: text/html\r\n", html)),
        ),
        ("empty 200", says(answer("200 OK", "", b""))),
        ("no signature", says(paid.clone())),
        ("forged signature", says(answer("200 OK", forged, json))),
        (
            "gzip",
            says(answer("200 OK", "Content-Encoding: gzip\r\n", gzip)),
        ),
        (
            "length too long",
            says([&head("200 OK", "", 5_000)[..], json].concat()),
        ),
        (
            "length too short",
            says([&head("200 OK", "", 5)[..], json].concat()),
        ),
        (
            "two lengths",
            says(answer("200 OK", "Content-Length: 7\r\n", json)),
        ),
        (
            "length is no number",
            says(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}".to_vec()),
        ),
        (
            "100-continue",
            says([&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &paid].concat()),
        ),
        (
            "302",
            says(answer(
                "302 Found",
                "Location: https://localhost:9/\r\n",
                b"",
            )),
        ),
        ("500", says(answer("500 Internal Server Error", "", html))),
        ("no HTTP", says(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())),
        (
            "endless headers",
            says([&b"HTTP/1.1 200 OK\r\n"[..], &b"X: y\r\n".repeat(20_000)].concat()),
        ),
        ("closes", Box::new(|_| {})),
        ("slow drip", Box::new(drip)),
    ]
}

/// A byte now and then, for as long as the other side is there.
fn drip(tls: &mut Tls) {
    let pause = Some(std::time::Duration::from_millis(20));
    tls.sock.set_read_timeout(pause).unwrap();
    let mut going = tls.write_all(&head("200 OK", "", 100_000)).is_ok();
    while going {
        let gone = matches!(tls.sock.read(&mut [0; 64]), Ok(0));
        going = !gone && tls.write_all(b"x").and_then(|()| tls.flush()).is_ok();
    }
}

#[test]
fn after_every_bad_answer_the_sale_is_being_checked_and_the_till_is_free() {
    let ground = Ground::new();
    let (names, acts): (Vec<_>, Vec<_>) = bad_answers().into_iter().unzip();
    let port = serve(acts);
    let ca = ground.write("bad-ca.pem", authority(0).pem());
    let ca = ca.display();
    let config = ground.write(
        "bad.toml",
        format!(
            "[acquirer]\nurl = \"https://localhost:{port}\"\nca_file = \"{ca}\"\n\
             connect_ms = 5000\ntotal_ms = 2000\n"
        ),
    );
    let fast = fast(ground.dir.path());
    let mut till = Console::start(&mut ground.shouyin(&[&config, &fast]));
    till.wait(&["[keypad] 0.00"]);
    for (number, name) in names.iter().enumerate() {
        let amount = format!("10.{number:02}");
        till.type_line(&format!("{amount} 2812345678904{number:05}"));
        // Being checked or being revoked: open in either case, and said to be so.
        let line = till.wait(&[&amount, "(P1"]);
        assert!(
            line.starts_with("[Checking]") || line.starts_with("[Revoking]"),
            "{name}: {line}"
        );
        till.type_line("next");
        till.wait(&["[keypad] 0.00"]);
    }
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.clear();
    for word in ["[Paid]", "[NotPaid]", "[Revoked]"] {
        assert!(!ran.out.contains(word), "{word}: {ran:#?}");
    }
    assert!(
        !ran.err.contains("28123456789"),
        "a payment code was logged"
    );
    let database = ground.path("data/journal.db");
    let ran = run(Command::new(CTL).args(["journal", "show"]).arg(database));
    let opened = ran.out.matches("\"intent_recorded\"").count();
    assert_eq!((ran.code, opened), (Some(0), names.len()));
    assert!(
        !ran.out.contains("\"closed\""),
        "a sale was closed: {}",
        ran.out
    );
    let reasons = [
        "longer than",
        "HTTP status 302",
        "HTTP status 500",
        "no header",
        "did not answer",
    ];
    for reason in reasons {
        assert!(ran.out.contains(reason), "no {reason:?} in the records");
    }
}
