//! The card host held against docs/CARDS.md by a terminal in Python that was written apart
//! (`tests/peer/card_terminal.py`).
//!
//! Owns the peer's process and the words for it. The wire, the rules, the stories, the reader, pre-authorisations and
//! the end of a batch have their own files.

mod asks;
mod completions;
mod desk;
mod hold_stories;
mod holds;
mod rules;
mod settlement;
mod stories;
mod wire;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use shouyin::sim::Errors;

use super::{FASTER, MERCHANT_NO, Shop, TERM_NO, fresh};

pub const DEBIT: &str = "6216261000000000018";
pub const BATCH: &str = "000007";

/// The Python terminal, as a process.
pub struct Peer {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it. Without its packages there is none, and a line says so.
    pub fn start(port: u16, authority: &Path) -> Option<Self> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peer/card_terminal.py");
        let mut child = Command::new("python3")
            .arg(path)
            .arg(port.to_string())
            .arg(authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { child, out };
        let told = peer.line();
        if told != "ready" {
            println!("skipped: {told}");
            return None;
        }
        Some(peer)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Lets it do something and returns what it saw.
    pub fn ask(&mut self, asked: &Value) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{asked}").unwrap();
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{asked} gives {line:?}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sandbox of its own, because there is one terminal with one set of keys, and the Python terminal.
pub struct Till {
    pub shop: Shop,
    pub peer: Peer,
    traces: u32,
}

/// What became of a message.
#[derive(Clone, Debug)]
pub struct Told(pub Value);

impl Told {
    pub fn field(&self, number: u8) -> &str {
        let fields = &self.0["fields"];
        fields[number.to_string()].as_str().unwrap_or_default()
    }

    /// The answer code of an answer whose MAC is right.
    #[track_caller]
    pub fn code(&self) -> &str {
        assert_eq!(self.0["mac"], true, "{}", self.0);
        self.field(39)
    }

    #[track_caller]
    pub fn refusal(&self) -> &str {
        assert_eq!(self.0["status"], 400, "{}", self.0);
        self.0["text"].as_str().unwrap()
    }
}

/// A sale that was asked for.
pub struct Sale {
    pub trace: String,
    pub order: String,
    pub fen: u64,
    pub told: Told,
}

impl Sale {
    pub fn place(&self) -> String {
        format!("{BATCH}{}", self.trace)
    }
}

impl Till {
    pub fn open() -> Option<Self> {
        Self::over(Shop::open(Errors::Signed, true, FASTER))
    }

    /// Signs in at once.
    pub fn over(shop: Shop) -> Option<Self> {
        let peer = Peer::start(shop.port(), &shop.dir.path().join("ca.pem"))?;
        let mut till = Self {
            shop,
            peer,
            traces: 0,
        };
        assert_eq!(till.sign_in().field(39), "00");
        Some(till)
    }

    pub fn trace(&mut self) -> String {
        self.traces += 1;
        format!("{:06}", self.traces)
    }

    pub fn sign_in(&mut self) -> Told {
        let trace = self.trace();
        let asked = json!({"do": "sign_in", "trace": trace, "batch": BATCH});
        Told(self.peer.ask(&asked))
    }

    /// Asks with some members changed.
    pub fn ask(&mut self, asked: Value, more: Value) -> Told {
        let asked = self.with_members(asked, more);
        Told(self.peer.ask(&asked))
    }

    /// Starts the sandbox anew over its books and signs in.
    pub fn restarted(mut self) -> Self {
        self.shop.restart();
        let authority = self.shop.dir.path().join("ca.pem");
        let Self { shop, traces, .. } = self;
        let peer = Peer::start(shop.port(), &authority).unwrap();
        let mut till = Self { shop, peer, traces };
        assert_eq!(till.sign_in().field(39), "00");
        till
    }

    pub fn sale_with(&mut self, fen: u64, more: Value) -> Sale {
        self.with_card("sale", fen, more)
    }

    /// A sale (`sale`), a pre-authorisation (`hold`) or a question (`balance`).
    pub fn with_card(&mut self, what: &str, fen: u64, more: Value) -> Sale {
        let (trace, order) = (self.trace(), fresh("CARD"));
        let asked = json!({
            "do": what, "trace": trace, "batch": BATCH, "fen": fen, "number": order,
            "pan": DEBIT, "pin": "123456",
        });
        let named = |name: &str, own: String| more[name].as_str().map_or(own, str::to_owned);
        let (trace, order) = (named("trace", trace), named("number", order));
        let told = self.ask(asked, more);
        Sale {
            trace,
            order,
            fen,
            told,
        }
    }

    pub fn sale(&mut self, fen: u64) -> Sale {
        self.sale_with(fen, json!({}))
    }

    pub fn approved(&mut self, fen: u64) -> Sale {
        let sale = self.sale(fen);
        assert_eq!(sale.told.code(), "00");
        sale
    }

    #[track_caller]
    pub fn held(&mut self, fen: u64) -> Sale {
        let hold = self.with_card("hold", fen, json!({}));
        assert_eq!(hold.told.code(), "00");
        hold
    }

    pub fn completion(&mut self, hold: &Sale, fen: u64, more: Value) -> Sale {
        let (trace, order) = (self.trace(), fresh("DONE"));
        let named = |name: &str, own: String| more[name].as_str().map_or(own, str::to_owned);
        let (trace, order) = (named("trace", trace), named("number", order));
        let asked = json!({"trace": trace, "number": order});
        let more = self.with_members(asked, more);
        let told = self.back("completion", hold, fen, more);
        Sale {
            trace,
            order,
            fen,
            told,
        }
    }

    #[track_caller]
    pub fn completed(&mut self, hold: &Sale, fen: u64) -> Sale {
        let done = self.completion(hold, fen, json!({}));
        assert_eq!(done.told.code(), "00");
        done
    }

    fn with_members(&self, mut asked: Value, more: Value) -> Value {
        let members = more.as_object().unwrap().clone();
        asked.as_object_mut().unwrap().extend(members);
        asked
    }

    /// A void (`void`), a refund (`refund`) of a sale, a void of a hold (`hold_void`) or of a completion
    /// (`completion_void`), and a completion of a hold.
    pub fn back(&mut self, what: &str, sale: &Sale, fen: u64, more: Value) -> Told {
        let (trace, number) = (self.trace(), fresh("BACK"));
        // What was declined has no code; somebody makes one up.
        let auth = Some(sale.told.field(38)).filter(|auth| !auth.is_empty());
        let auth = auth.unwrap_or("000000");
        let asked = json!({
            "do": what, "trace": trace, "batch": BATCH, "fen": fen, "number": number,
            "rrn": sale.told.field(37), "auth": auth, "original": sale.place(),
        });
        self.ask(asked, more)
    }

    pub fn reversal(&mut self, sale: &Sale, more: Value) -> Told {
        let asked = json!({
            "do": "reversal", "trace": sale.trace, "batch": BATCH, "fen": sale.fen, "number": sale.order,
        });
        self.ask(asked, more)
    }

    /// Sends a message anew that was kept under a name.
    pub fn again(&mut self, kept: &str) -> Told {
        Told(self.peer.ask(&json!({"do": "again", "kept": kept})))
    }

    /// What the host's books say of a message.
    pub fn row(&self, sale: &Sale) -> Option<Value> {
        let ledger = self.shop.ledger();
        let rows = ledger["cards"].as_array().unwrap();
        let place = sale.place();
        rows.iter()
            .find(|row| row["place"] == place.as_str())
            .cloned()
    }

    /// Fen that a hold holds now.
    pub fn holding(&self, hold: &Sale) -> u64 {
        self.row(hold)
            .map_or(0, |row| row["held"].as_u64().unwrap())
    }

    /// The statement: kind, order and fen of each movement.
    pub fn statement(&self) -> Vec<(String, String, String)> {
        let page = self.shop.ask(
            "/api/v3/sbx/query/statement",
            &json!({"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "settle_no": "S1", "after": "0", "rows": "200"}),
        );
        let rows = page["resp_data"]["rows"].as_array().unwrap();
        let row = |row: &Value| {
            assert_eq!(row["account_type"], "bank_card");
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("type"), text("out_trade_no"), text("amount"))
        };
        rows.iter().map(row).collect()
    }

    /// What the books say of an order: its state, and what is left of the money.
    pub fn state(&self, order: &str) -> (String, u64) {
        let row = self.shop.booked(order);
        let state = row
            .as_ref()
            .map_or("", |row| row["state"].as_str().unwrap());
        (state.to_owned(), self.shop.net(order))
    }
}
