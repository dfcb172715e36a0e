//! The sandbox's double-entry books: what every customer was charged and got back.
//!
//! Owns the rule that an order number is charged at most once. Kept as JSON lines that are synced before an answer
//! leaves, so that killing the sandbox loses nothing that it had said. Codes are kept as a hash and four digits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::{now_ms, wire_time};

/// State of a trade, in Lakala's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeState {
    /// At work.
    Deal,
    /// Paid.
    Success,
    /// Failed.
    Fail,
    /// Closed unpaid.
    Close,
    /// Money returned.
    Refund,
}

impl TradeState {
    /// Returns Lakala's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deal => "DEAL",
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
            Self::Close => "CLOSE",
            Self::Refund => "REFUND",
        }
    }
}

/// One order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trade {
    /// Order number.
    pub out_trade_no: String,
    /// Price in fen.
    pub total_amount: u64,
    /// Wallet.
    pub account_type: String,
    /// Lakala-shaped number.
    pub trade_no: String,
    /// State.
    pub state: TradeState,
    /// Charged in fen.
    pub charged: u64,
    /// Returned in fen.
    pub returned: u64,
    /// The merchant's side of the same money in fen, kept apart so that the sides can disagree.
    pub merchant_got: i64,
    /// Milliseconds when it was opened.
    pub opened_ms: u64,
    /// Milliseconds when its state last changed.
    #[serde(default)]
    pub moved_ms: u64,
    /// Revokes tried.
    pub revokes: u32,
    /// Inquiries since the first revoke.
    pub asked_since_revoke: u32,
}

impl Trade {
    /// The last 14 characters of the trade's number.
    pub fn log_no(&self) -> &str {
        &self.trade_no[self.trade_no.len().saturating_sub(14)..]
    }
}

#[derive(Serialize, Deserialize)]
enum Line {
    Trade(Trade),
    /// A revoke's own number and the order that it ended.
    Revoke(String, String),
    Code(String),
    Refused(String),
}

/// The books.
#[derive(Default)]
pub struct Books {
    trades: BTreeMap<String, Trade>,
    /// Lakala-shaped numbers, each with its order.
    numbers: BTreeMap<String, String>,
    revokes: BTreeMap<String, String>,
    codes: BTreeSet<String>,
    refused: BTreeSet<String>,
    file: Option<File>,
    lines_left: Option<u64>,
}

impl Books {
    /// Opens durable books; a torn last line is what was never said and is left out.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut books = Self::default();
        if path.exists() {
            // Bytes, not text: a torn line can end inside a character.
            for line in BufReader::new(File::open(path)?).split(b'\n') {
                if let Ok(line) = serde_json::from_slice(&line?) {
                    books.learn(line);
                }
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // A torn line must not swallow the next one.
        file.write_all(b"\n")?;
        books.file = Some(file);
        Ok(books)
    }

    /// Takes over a line: the one way into the books, at the start and later.
    fn learn(&mut self, line: Line) {
        match line {
            Line::Trade(trade) => {
                let order = trade.out_trade_no.clone();
                self.numbers.insert(trade.trade_no.clone(), order.clone());
                self.trades.insert(order, trade);
            }
            Line::Revoke(number, order) => drop(self.revokes.insert(number, order)),
            Line::Code(hash) => drop(self.codes.insert(hash)),
            Line::Refused(number) => drop(self.refused.insert(number)),
        }
    }

    /// Ends the process without a goodbye right after so many lines were synced, for the kill test.
    #[must_use]
    pub fn aborting_after(mut self, lines: Option<u64>) -> Self {
        self.lines_left = lines;
        self
    }

    /// Writes and syncs a line, then learns it.
    fn keep(&mut self, line: Line) {
        if let Some(file) = &mut self.file {
            let mut text = serde_json::to_vec(&line).expect("a line of strings serialises");
            text.push(b'\n');
            file.write_all(&text)
                .and_then(|()| file.sync_data())
                .expect("the books are written");
            if let Some(left) = &mut self.lines_left {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    std::process::abort();
                }
            }
        }
        self.learn(line);
    }

    /// Returns a trade.
    pub fn trade(&self, order: &str) -> Option<&Trade> {
        self.trades.get(order)
    }

    /// Returns every order number of a trade.
    pub fn orders(&self) -> Vec<String> {
        self.trades.keys().cloned().collect()
    }

    /// Returns the trades, the newest first.
    pub fn newest(&self) -> Vec<&Trade> {
        let mut trades: Vec<&Trade> = self.trades.values().collect();
        trades.sort_by_key(|trade| std::cmp::Reverse((trade.opened_ms, &trade.trade_no)));
        trades
    }

    /// Returns the order of a Lakala-shaped number.
    pub fn order_of(&self, trade_no: &str) -> Option<String> {
        self.numbers.get(trade_no).cloned()
    }

    /// Makes the next trade's number: date, time and four digits, then the log number, `66` and 12 digits.
    pub fn next_trade_no(&self, now_ms: u64) -> String {
        let count = self.numbers.len() + 1;
        let head = count % 10_000;
        format!("{}{head:04}66{count:012}", wire_time(now_ms))
    }

    /// Tells whether a number was used, for a trade, a refusal or a revoke.
    pub fn knows(&self, number: &str) -> bool {
        self.trades.contains_key(number)
            || self.refused.contains(number)
            || self.revokes.contains_key(number)
    }

    /// Burns an order number that was refused.
    pub fn refuse(&mut self, order: &str) {
        self.keep(Line::Refused(order.to_owned()));
    }

    /// Takes a payment code; each only once. Returns whether it was fresh.
    pub fn take_code(&mut self, code: &str) -> bool {
        let hash: String = Sha256::digest(code.as_bytes())
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let fresh = !self.codes.contains(&hash);
        if fresh {
            self.keep(Line::Code(hash));
        }
        fresh
    }

    /// Opens a trade in its first state, in one line.
    pub fn open_trade(&mut self, trade: Trade, state: TradeState) {
        assert!(
            !self.trades.contains_key(&trade.out_trade_no),
            "an order number is used once"
        );
        self.put(post(trade, state));
    }

    /// Moves a trade; money moves with it.
    pub fn move_to(&mut self, order: &str, state: TradeState) {
        if let Some(trade) = self.trades.get(order).cloned() {
            self.put(post(trade, state));
        }
    }

    /// Returns the order that a revoke number has ended before: the same number acts once.
    pub fn revoked_by(&self, number: &str) -> Option<&str> {
        self.revokes.get(number).map(String::as_str)
    }

    /// Burns a revoke number that acted.
    pub fn keep_revoke(&mut self, number: &str, order: &str) {
        self.keep(Line::Revoke(number.to_owned(), order.to_owned()));
    }

    /// Counts a revoke of a trade, and returns how many there were.
    pub fn count_revoke(&mut self, order: &str) -> u32 {
        let Some(mut trade) = self.trades.get(order).cloned() else {
            return 0;
        };
        trade.revokes += 1;
        let revokes = trade.revokes;
        self.put(trade);
        revokes
    }

    /// Counts an inquiry after a revoke.
    pub fn count_inquiry(&mut self, order: &str) -> u32 {
        let Some(mut trade) = self.trades.get(order).cloned() else {
            return 0;
        };
        trade.asked_since_revoke += 1;
        let asked = trade.asked_since_revoke;
        self.put(trade);
        asked
    }

    fn put(&mut self, trade: Trade) {
        assert!(
            trade.returned <= trade.charged,
            "no more is returned than was charged"
        );
        self.keep(Line::Trade(trade));
    }

    /// Returns the ledger for checks; the customers' and the merchant's sides sum to zero.
    pub fn ledger(&self) -> serde_json::Value {
        let net = |trade: &Trade| i128::from(trade.charged) - i128::from(trade.returned);
        let merchant: i128 = self
            .trades
            .values()
            .map(|trade| i128::from(trade.merchant_got))
            .sum();
        let customers: i128 = self.trades.values().map(|trade| -net(trade)).sum();
        let orders: Vec<_> = self
            .trades
            .values()
            .map(|trade| {
                serde_json::json!({
                    "out_trade_no": trade.out_trade_no,
                    "total_amount": trade.total_amount,
                    "state": trade.state.word(),
                    "net_charged": trade.charged - trade.returned,
                    "charged": trade.charged,
                    "returned": trade.returned,
                    "account_type": trade.account_type,
                    "trade_no": trade.trade_no,
                    "revokes": trade.revokes,
                })
            })
            .collect();
        let sum = i64::try_from(merchant + customers).unwrap_or(i64::MAX);
        serde_json::json!({ "orders": orders, "sum": sum })
    }
}

/// Posts a change of state to both sides.
fn post(mut trade: Trade, state: TradeState) -> Trade {
    let amount = i64::try_from(trade.total_amount).expect("twelve digits fit");
    if state == TradeState::Success && trade.charged == 0 {
        trade.charged = trade.total_amount;
        trade.merchant_got += amount;
    }
    if state == TradeState::Refund && trade.returned < trade.charged {
        trade.returned = trade.charged;
        trade.merchant_got -= amount;
    }
    trade.state = state;
    trade.moved_ms = now_ms();
    trade
}
