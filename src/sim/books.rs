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
    /// Revokes tried.
    pub revokes: u32,
    /// Inquiries since the first revoke.
    pub asked_since_revoke: u32,
}

#[derive(Serialize, Deserialize)]
enum Line {
    Trade(Trade),
    Revoke(String),
    Code(String),
    Refused(String),
}

/// The books.
#[derive(Default)]
pub struct Books {
    trades: BTreeMap<String, Trade>,
    revokes: BTreeSet<String>,
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
            for line in BufReader::new(File::open(path)?).lines() {
                match serde_json::from_str(&line?) {
                    Ok(Line::Trade(trade)) => {
                        books.trades.insert(trade.out_trade_no.clone(), trade);
                    }
                    Ok(Line::Revoke(number)) => drop(books.revokes.insert(number)),
                    Ok(Line::Code(hash)) => drop(books.codes.insert(hash)),
                    Ok(Line::Refused(number)) => drop(books.refused.insert(number)),
                    Err(_) => {}
                }
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // A torn line must not swallow the next one.
        file.write_all(b"\n")?;
        books.file = Some(file);
        Ok(books)
    }

    /// Ends the process without a goodbye right after so many lines were synced, for the kill test.
    #[must_use]
    pub fn aborting_after(mut self, lines: Option<u64>) -> Self {
        self.lines_left = lines;
        self
    }

    fn keep(&mut self, line: &Line) {
        if let Some(file) = &mut self.file {
            let mut text = serde_json::to_vec(line).expect("a line of strings serialises");
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
    }

    /// Returns a trade.
    pub fn trade(&self, order: &str) -> Option<&Trade> {
        self.trades.get(order)
    }

    /// Returns every order number of a trade.
    pub fn orders(&self) -> Vec<String> {
        self.trades.keys().cloned().collect()
    }

    /// Tells whether an order number was used, for a trade or a refusal.
    pub fn knows(&self, order: &str) -> bool {
        self.trades.contains_key(order) || self.refused.contains(order)
    }

    /// Burns an order number that was refused.
    pub fn refuse(&mut self, order: &str) {
        self.refused.insert(order.to_owned());
        self.keep(&Line::Refused(order.to_owned()));
    }

    /// Takes a payment code; each only once. Returns whether it was fresh.
    pub fn take_code(&mut self, code: &str) -> bool {
        let hash: String = Sha256::digest(code.as_bytes())
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let fresh = self.codes.insert(hash.clone());
        if fresh {
            self.keep(&Line::Code(hash));
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

    /// Tells whether a revoke number has acted before: the same number acts once.
    pub fn has_revoked(&self, number: &str) -> bool {
        self.revokes.contains(number)
    }

    /// Burns a revoke number that acted.
    pub fn keep_revoke(&mut self, number: &str) {
        self.revokes.insert(number.to_owned());
        self.keep(&Line::Revoke(number.to_owned()));
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
        self.keep(&Line::Trade(trade.clone()));
        self.trades.insert(trade.out_trade_no.clone(), trade);
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
    trade
}
