//! The reader at the sandbox's desk: its page, its words, and a whole card payment through its serial port. And the
//! program as people start it, killed right after a line of its books.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use shouyin::sim::Errors;
use tempfile::TempDir;

use super::super::{FASTER, Shop, start};
use super::{BATCH, Peer, Sale, Till, Told};

/// A desk with a reader that is plugged in and has its keys.
struct Desk {
    till: Till,
    _dir: TempDir,
}

impl Desk {
    fn open() -> Option<Self> {
        let mut till = Till::open()?;
        let dir = TempDir::new().unwrap();
        let link = dir.path().join("reader");
        plug(&till.shop, &link);
        till.peer.ask(&json!({"do": "plug", "link": link}));
        let desk = Self { till, _dir: dir };
        Some(desk)
    }

    fn with_keys() -> Option<Self> {
        let mut desk = Self::open()?;
        let loaded = desk.ask(json!({"do": "load_keys"}));
        assert_eq!(loaded, json!({"data": 0, "mac": 0, "pin": 0}));
        Some(desk)
    }

    fn ask(&mut self, asked: Value) -> Value {
        self.till.peer.ask(&asked)
    }

    fn does(&self, words: &str) {
        let answer = self.till.shop.page("POST", "/desk/reader", words);
        let told = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{words}: {told}");
    }

    /// Shows a card for an amount. Returns what the reader told.
    fn shows(&mut self, words: &str, fen: u64) -> Value {
        self.ask(json!({"do": "activate", "fen": fen}));
        self.does(words);
        self.ask(json!({"do": "taken"}))
    }

    /// Types a PIN under the session key (0) or a key of its own (1).
    fn types(&mut self, kind: u8, words: &str) {
        let first = self.ask(json!({"do": "ask_pin", "kind": kind}));
        assert_eq!(first["first"], 0);
        self.does(words);
        let typed = self.ask(json!({"do": "typed"}));
        assert_eq!(typed, json!({"status": 0, "state": 0}));
    }

    /// Takes a sale back; the reader makes the MAC.
    fn reverses(&mut self, sale: &Sale) {
        let more = json!({"mac": "reader", "reason": "06"});
        assert_eq!(self.till.reversal(sale, more).code(), "00");
        assert_eq!(self.till.shop.net(&sale.order), 0);
    }

    /// A sale with what the reader told; the reader makes the MAC.
    fn sells(&mut self, fen: u64) -> Sale {
        let more = json!({"from_reader": true, "mac": "reader"});
        self.till.sale_with(fen, more)
    }
}

fn plug(shop: &Shop, link: &Path) {
    let running = shop.running.as_ref().unwrap();
    running.plug_reader(link.to_owned()).unwrap();
}

#[test]
fn the_desk_is_a_page_and_words() {
    let shop = Shop::open(Errors::Signed, true, FASTER);
    for (method, path) in [("GET", "/desk/reader"), ("POST", "/desk/reader")] {
        let answer = shop.page(method, path, "");
        assert_eq!(answer.status, 404, "{method}");
        assert!(String::from_utf8_lossy(&answer.body).contains("--reader"));
    }
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    plug(&shop, &link);
    let seen = shop.page("GET", "/desk/reader", "").json();
    assert_eq!(seen["port"], link.to_str().unwrap());
    let cards = seen["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 9);
    assert_eq!(
        cards[0],
        json!({"name": "debit", "masked": "621626******0018"})
    );
    for (words, status) in [
        ("insert debit", 200),
        ("pull", 200),
        ("pin 123456", 200),
        ("fault late", 200),
        ("insert wallet", 400),
        ("", 400),
        (&"x".repeat(65), 413),
    ] {
        assert_eq!(
            shop.page("POST", "/desk/reader", words).status,
            status,
            "{words}"
        );
    }
    let told = shop.page("POST", "/desk/reader", "tap wallet");
    assert!(String::from_utf8_lossy(&told.body).starts_with("cards are debit"));
    for headers in [
        "Host: evil.example\r\n",
        "Host: 127.0.0.1:1\r\nOrigin: http://evil.example\r\n",
    ] {
        let answer = shop.page_as("POST", "/desk/reader", "pull", headers);
        assert_eq!(answer.status, 403);
    }
    let page = String::from_utf8(shop.page("GET", "/reader", "").body).unwrap();
    let script = String::from_utf8(shop.page("GET", "/reader.js", "").body).unwrap();
    assert!(page.matches("<script").count() == 1 && !page.contains("onclick"));
    for way_in in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(way_in), "{way_in}");
    }
    // The cable, too.
    for (words, there) in [("unplug", false), ("plug", true)] {
        assert_eq!(shop.page("POST", "/desk/reader", words).status, 200);
        assert_eq!(link.exists(), there, "{words}");
    }
    drop(shop);
    assert!(!link.exists(), "the reader goes with the sandbox");
}

#[test]
fn the_reader_makes_macs_when_it_has_its_key() {
    let Some(mut desk) = Desk::open() else { return };
    let text = json!({"do": "reader_mac", "hex": "30323030"});
    assert_eq!(desk.ask(text.clone()), json!({"status": 0x15, "mac": ""}));
    let loaded = desk.ask(json!({"do": "load_keys"}));
    assert_eq!(loaded, json!({"data": 0, "mac": 0, "pin": 0}));
    let made = desk.ask(text.clone());
    assert_eq!(made["status"], 0);
    assert_eq!(made["mac"].as_str().unwrap().len(), 16);
    for hex in ["80", "C0D0", "3032FF", ""] {
        let told = desk.ask(json!({"do": "reader_mac", "hex": hex}));
        assert_eq!(told, json!({"status": 5, "mac": ""}), "{hex}");
    }
    // Keys of a new sign-in make another MAC.
    desk.till.sign_in();
    desk.ask(json!({"do": "load_keys"}));
    assert_ne!(desk.ask(text)["mac"], made["mac"]);
}

#[test]
fn an_inserted_card_pays_with_a_pin_and_ends_well() {
    let Some(mut desk) = Desk::with_keys() else {
        return;
    };
    let seen = desk.shows("insert debit", 12_800);
    assert_eq!(seen["status"], 0x23);
    desk.types(0, "pin 123456");
    let sale = desk.sells(12_800);
    assert_eq!(sale.told.code(), "00");
    let end = desk.ask(json!({"do": "complete", "code": "00"}));
    assert_eq!(end["tags"]["9F27"], "40");
    desk.does("pull");
    assert_eq!(desk.till.shop.net(&sale.order), 12_800);
    // A wrong PIN, this time under a key of its own, because the session key rests for half a minute.
    desk.shows("insert credit", 500);
    desk.types(1, "pin 111111");
    assert_eq!(desk.sells(500).told.code(), "55");
    desk.types(1, "pin 123456");
    assert_eq!(desk.sells(500).told.code(), "00");
}

/// A hold through the reader, then what needs no card, then a balance: the reader is asked for nothing.
#[test]
fn an_inserted_card_holds_money_and_tells_its_balance() {
    let Some(mut desk) = Desk::with_keys() else {
        return;
    };
    let through = json!({"from_reader": true, "mac": "reader"});
    let seen = desk.shows("insert debit", 20_000);
    assert_eq!(seen["status"], 0x23);
    desk.types(0, "pin 123456");
    let hold = desk.till.with_card("hold", 20_000, through.clone());
    assert_eq!(hold.told.code(), "00");
    let end = desk.ask(json!({"do": "complete", "code": "00"}));
    assert_eq!(end["tags"]["9F27"], "40");
    desk.does("pull");
    assert_eq!(desk.till.holding(&hold), 20_000);
    let sealed = json!({"mac": "reader"});
    let done = desk.till.completion(&hold, 15_000, sealed);
    assert_eq!(done.told.code(), "00");
    assert_eq!(desk.till.shop.net(&done.order), 15_000);
    desk.shows("insert credit", 0);
    desk.types(1, "pin 123456");
    let asked = desk.till.with_card("balance", 0, through);
    assert_eq!(
        (asked.told.code(), asked.told.field(54)),
        ("00", "3002156C000005000000")
    );
}

#[test]
fn a_phone_that_verified_its_holder_pays_without_a_pin() {
    let Some(mut desk) = Desk::with_keys() else {
        return;
    };
    let seen = desk.shows("tap phone", 100_000);
    assert_eq!(
        (&seen["cvm"], &seen["masked"]),
        (&json!("03"), &json!("621626CCCCCCCCC0026F"))
    );
    let sale = desk.sells(100_000);
    assert_eq!(sale.told.code(), "00");
    assert_eq!(desk.till.shop.net(&sale.order), 100_000);
}

/// The host approved, and the card refused or was pulled: only a reversal helps.
#[test]
fn a_card_that_refuses_or_goes_away_at_the_end_is_reversed() {
    let Some(mut desk) = Desk::with_keys() else {
        return;
    };
    desk.shows("insert refuses", 700);
    let sale = desk.sells(700);
    assert_eq!(sale.told.code(), "00");
    let end = desk.ask(json!({"do": "complete", "code": "00"}));
    assert_eq!(
        (&end["status"], &end["tags"]["9F27"]),
        (&json!(0), &json!("00"))
    );
    desk.reverses(&sale);
    desk.does("pull");
    desk.shows("insert debit", 800);
    let sale = desk.sells(800);
    assert_eq!(sale.told.code(), "00");
    desk.does("pull");
    let end = desk.ask(json!({"do": "complete", "code": "00"}));
    assert_eq!(
        (&end["status"], &end["tags"]["FFEE1F"]),
        (&json!(0x0A), &json!("30000000"))
    );
    desk.reverses(&sale);
}

/// The sandbox program over a directory.
struct Program {
    child: Child,
    told: Value,
}

impl Program {
    fn start(dir: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shouyin-sandbox"))
            .args([
                "serve",
                "--port",
                "0",
                "--page-port",
                "0",
                "--time-scale",
                "40",
                "--dir",
            ])
            .arg(dir)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap();
        Self { child, told }
    }

    fn port(&self) -> u16 {
        let api = self.told["api"].as_str().unwrap();
        api.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_program_plugs_a_reader_in_and_says_where() {
    let mut shop = Shop::open(Errors::Signed, true, FASTER);
    drop(shop.running.take());
    let link = shop.dir.path().join("port");
    let program = Program::start(
        shop.dir.path(),
        &["--in-memory", "--reader", link.to_str().unwrap()],
    );
    assert_eq!(program.told["reader"], link.to_str().unwrap());
    assert!(program.told["desk"].as_str().unwrap().ends_with("/reader"));
    assert!(link.exists());
    drop(program);
    let plain = Program::start(shop.dir.path(), &["--in-memory"]);
    assert_eq!(plain.told.get("reader"), None);
}

/// The process dies right after a card line was synced: the money and its record are there together, and the reversal
/// finds them. Without the line, neither is there.
#[test]
fn a_host_that_dies_after_a_sale_has_it_and_reverses_it() {
    for (lines, net, first) in [("1", 1_000, "00"), ("2", 2_000, "00")] {
        let mut shop = Shop::open(Errors::Signed, false, FASTER);
        drop(shop.running.take());
        let authority = shop.dir.path().join("ca.pem");
        let mut program = Program::start(shop.dir.path(), &["--abort-after-lines", lines]);
        let Some(mut peer) = Peer::start(program.port(), &authority) else {
            return;
        };
        let sign_in = json!({"do": "sign_in", "trace": "000090", "batch": BATCH});
        peer.ask(&sign_in);
        let mut told = Value::Null;
        for trace in 1..=lines.parse::<u32>().unwrap() {
            told = peer.ask(&json!({
                "do": "sale", "trace": format!("{trace:06}"), "batch": BATCH, "fen": 1_000,
                "number": format!("DIES{trace}"), "pan": super::DEBIT,
            }));
        }
        assert_eq!(told["status"], 0, "no answer to the last one");
        assert!(!program.child.wait().unwrap().success());
        shop.running = Some(start(shop.dir.path(), false, Errors::Signed, FASTER));
        let mut till = Till::over(shop).unwrap();
        let charged: u64 = (1..=2).map(|n| till.shop.net(&format!("DIES{n}"))).sum();
        assert_eq!(charged, net);
        let sale = Sale {
            trace: format!("00000{lines}"),
            order: format!("DIES{lines}"),
            fen: 1_000,
            told: Told(told),
        };
        assert_eq!(till.reversal(&sale, json!({})).code(), first);
        assert_eq!(till.shop.net(&sale.order), 0);
        assert_eq!(till.shop.ledger()["sum"], 0);
    }
}

/// The same for a completion: its money and the end of the hold are one line.
#[test]
fn a_host_that_dies_after_a_completion_has_it_and_gives_the_hold_back() {
    for (lines, net, first) in [("1", 0, "25"), ("2", 700, "00")] {
        let mut shop = Shop::open(Errors::Signed, false, FASTER);
        drop(shop.running.take());
        let authority = shop.dir.path().join("ca.pem");
        let mut program = Program::start(shop.dir.path(), &["--abort-after-lines", lines]);
        let Some(mut peer) = Peer::start(program.port(), &authority) else {
            return;
        };
        peer.ask(&json!({"do": "sign_in", "trace": "000090", "batch": BATCH}));
        let asked = |trace: &str, order: &str, fen: u64| Sale {
            trace: trace.to_owned(),
            order: order.to_owned(),
            fen,
            told: Told(Value::Null),
        };
        let mut hold = asked("000001", "HOLDS", 1_000);
        hold.told.0 = peer.ask(&json!({
            "do": "hold", "trace": hold.trace, "batch": BATCH, "fen": hold.fen,
            "number": hold.order, "pan": super::DEBIT, "pin": "123456",
        }));
        let done = asked("000002", "DONE", 700);
        let named = |number: u8, other: &str| {
            let text = hold.told.field(number);
            if text.is_empty() { other } else { text }.to_owned()
        };
        let told = peer.ask(&json!({
            "do": "completion", "trace": done.trace, "batch": BATCH, "fen": done.fen,
            "number": done.order, "rrn": named(37, "000000000000"), "auth": named(38, "000000"),
            "original": hold.place(),
        }));
        assert_eq!(told["status"], 0, "no answer to the last one");
        assert!(!program.child.wait().unwrap().success());
        shop.running = Some(start(shop.dir.path(), false, Errors::Signed, FASTER));
        let mut till = Till::over(shop).unwrap();
        assert_eq!(till.shop.net(&done.order), net);
        assert_eq!(till.holding(&hold), 1_000 * u64::from(net == 0));
        let undo = json!({"of": "completion"});
        assert_eq!(till.reversal(&done, undo).code(), first);
        assert_eq!(till.shop.net(&done.order), 0);
        assert_eq!(till.holding(&hold), 1_000);
        assert_eq!(till.reversal(&hold, json!({"of": "hold"})).code(), "00");
        assert_eq!(till.holding(&hold), 0);
        assert_eq!(till.shop.ledger()["sum"], 0);
    }
}
