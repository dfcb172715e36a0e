//! The card host held against docs/CARDS.md by a terminal in Python that was written apart
//! (`tests/peer/card_terminal.py`).
//!
//! Owns the peer's process and the words for it. The wire, the rules, the stories and the reader have one file each.

mod desk;
mod rules;
mod stories;
mod wire;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use shouyin::sim::Errors;

use super::{FASTER, Shop, fresh};

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
    pub fn code(&self) -> &str {
        assert_eq!(self.0["mac"], true, "{}", self.0);
        self.field(39)
    }

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
    pub fn ask(&mut self, mut asked: Value, more: Value) -> Told {
        let members = more.as_object().unwrap().clone();
        asked.as_object_mut().unwrap().extend(members);
        Told(self.peer.ask(&asked))
    }

    pub fn sale_with(&mut self, fen: u64, more: Value) -> Sale {
        let (trace, order) = (self.trace(), fresh("CARD"));
        let asked = json!({
            "do": "sale", "trace": trace, "batch": BATCH, "fen": fen, "number": order,
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

    /// A void (`void`) or a refund (`refund`) of a sale.
    pub fn back(&mut self, what: &str, sale: &Sale, fen: u64, more: Value) -> Told {
        let (trace, number) = (self.trace(), fresh("BACK"));
        let asked = json!({
            "do": what, "trace": trace, "batch": BATCH, "fen": fen, "number": number,
            "rrn": sale.told.field(37), "original": sale.place(),
        });
        self.ask(asked, more)
    }

    pub fn reversal(&mut self, sale: &Sale, more: Value) -> Told {
        let asked = json!({
            "do": "reversal", "trace": sale.trace, "batch": BATCH, "fen": sale.fen, "number": sale.order,
        });
        self.ask(asked, more)
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
