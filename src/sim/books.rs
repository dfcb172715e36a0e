//! The sandbox's double-entry books: what every customer was charged and got back.
//!
//! Owns the rules that an order number is charged at most once and that no more is returned than was charged. Kept
//! as JSON lines that are synced before an answer leaves, so that killing the sandbox loses nothing that it had said.
//! Codes of payers are kept as a hash.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cards::{CardBook, CardLine};
use super::clock::{now_ms, wire_time};
use super::records::{Notice, Refund, Trade, TradeState};
use super::statement::Statement;

#[derive(Serialize, Deserialize)]
enum Line {
    Trade(Trade),
    /// A revoke's own number and the order that it ended.
    Revoke(String, String),
    Code(String),
    Refused(String),
    /// A refund's number that was tried and did nothing.
    Tried(String),
    Refund(Refund),
    /// A refund that was done, with its trade: one line, so that the two cannot part.
    Refunded(Refund, Trade),
    /// A card message that was decided, with the money that moved.
    Card(CardLine),
    /// A card message that was tried and did nothing.
    CardTried(String),
}

/// The books.
#[derive(Default)]
pub struct Books {
    trades: BTreeMap<String, Trade>,
    refunds: BTreeMap<String, Refund>,
    /// Lakala-shaped numbers, each with its order or refund.
    numbers: BTreeMap<String, String>,
    /// What customers can scan, each with its order.
    scannable: BTreeMap<String, String>,
    /// Orders that time can still move.
    restless: BTreeSet<String>,
    revokes: BTreeMap<String, String>,
    codes: BTreeSet<String>,
    refused: BTreeSet<String>,
    tried: BTreeSet<String>,
    owed: BTreeSet<String>,
    tried_cards: BTreeSet<String>,
    /// Messages of the card host.
    pub cards: CardBook,
    /// What moved, in order.
    pub statement: Statement,
    file: Option<File>,
    lines_left: Option<u64>,
}

impl Books {
    /// Opens durable books; a torn last line is what was never said and is left out.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut books = if path.exists() {
            Self::look(path)?
        } else {
            Self::default()
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // A torn line must not swallow the next one.
        file.write_all(b"\n")?;
        books.file = Some(file);
        Ok(books)
    }

    /// Reads books without writing to them, also while a sandbox runs on them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn look(path: &Path) -> io::Result<Self> {
        let mut books = Self::default();
        // Bytes, not text: a torn line can end inside a character.
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            if let Ok(line) = serde_json::from_slice(&line?) {
                books.learn(line);
            }
        }
        Ok(books)
    }

    /// Takes over a line: the one way into the books, at the start and later.
    fn learn(&mut self, line: Line) {
        match line {
            Line::Trade(trade) => self.learn_trade(trade),
            Line::Revoke(number, order) => drop(self.revokes.insert(number, order)),
            Line::Code(hash) => drop(self.codes.insert(hash)),
            Line::Refused(number) => drop(self.refused.insert(number)),
            Line::Tried(number) => drop(self.tried.insert(number)),
            Line::Refund(refund) => self.learn_refund(refund),
            Line::Refunded(refund, trade) => {
                self.statement.refunded(&refund, &trade);
                self.learn_refund(refund);
                self.learn_trade(trade);
            }
            Line::Card(line) => self.learn_card(line),
            Line::CardTried(place) => drop(self.tried_cards.insert(place)),
        }
    }

    fn learn_card(&mut self, line: CardLine) {
        let CardLine {
            record,
            trade,
            refund,
        } = line;
        if record.ends_order() {
            let (number, order) = (record.number.clone(), record.order.clone());
            self.revokes.insert(number, order);
        }
        self.cards.learn(record);
        if let (Some(refund), Some(trade)) = (refund, &trade) {
            self.statement.refunded(&refund, trade);
            self.learn_refund(refund);
        }
        if let Some(trade) = trade {
            self.learn_trade(trade);
        }
    }

    fn learn_trade(&mut self, trade: Trade) {
        let order = trade.out_trade_no.clone();
        self.statement.traded(self.trades.get(&order), &trade);
        self.numbers.insert(trade.trade_no.clone(), order.clone());
        if !trade.code.is_empty() {
            self.scannable.insert(trade.code.clone(), order.clone());
        }
        if trade.notice == Notice::Owed {
            self.owed.insert(order.clone());
        } else {
            self.owed.remove(&order);
        }
        self.trades.insert(order.clone(), trade);
        self.review(order);
    }

    fn learn_refund(&mut self, refund: Refund) {
        let number = refund.out_trade_no.clone();
        self.numbers.insert(refund.trade_no.clone(), number.clone());
        let order = refund.order.clone();
        self.refunds.insert(number, refund);
        self.review(order);
    }

    /// Keeps the list of orders that time can still move.
    fn review(&mut self, order: String) {
        let moves = self.trades.get(&order).is_some_and(Trade::is_restless);
        if moves || self.pending(&order).next().is_some() {
            self.restless.insert(order);
        } else {
            self.restless.remove(&order);
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

    /// Returns the orders that time can still move.
    pub fn restless(&self) -> Vec<String> {
        self.restless.iter().cloned().collect()
    }

    /// Returns the trades, the newest first.
    pub fn newest(&self) -> Vec<&Trade> {
        let mut trades: Vec<&Trade> = self.trades.values().collect();
        trades.sort_by_key(|trade| std::cmp::Reverse((trade.opened_ms, &trade.trade_no)));
        trades
    }

    /// Returns the orders whose notice is due.
    pub fn owed(&self) -> Vec<String> {
        self.owed.iter().cloned().collect()
    }

    /// Returns the order or refund of a Lakala-shaped number.
    pub fn order_of(&self, trade_no: &str) -> Option<String> {
        self.numbers.get(trade_no).cloned()
    }

    /// Returns the trade of a log number.
    pub fn order_of_log(&self, log_no: &str) -> Option<String> {
        let trade = self.trades.values().find(|trade| trade.log_no() == log_no);
        trade.map(|trade| trade.out_trade_no.clone())
    }

    /// Returns the order of the cashier's number.
    pub fn order_of_counter(&self, pay_order_no: &str) -> Option<String> {
        let mut trades = self.trades.values();
        let trade = trades.find(|trade| trade.pay_order_no == pay_order_no);
        trade.map(|trade| trade.out_trade_no.clone())
    }

    /// Returns the order of what a customer scanned.
    pub fn order_of_code(&self, code: &str) -> Option<String> {
        self.scannable.get(code).cloned()
    }

    /// Makes the next number: date, time and four digits, then the log number, `66` and 12 digits.
    pub fn next_trade_no(&self) -> String {
        let count = self.numbers.len() + 1;
        let head = count % 10_000;
        format!("{}{head:04}66{count:012}", wire_time(now_ms()))
    }

    /// Tells whether a number was used, for a trade, a refund, a refusal, a revoke or a card's hold.
    pub fn knows(&self, number: &str) -> bool {
        self.trades.contains_key(number)
            || self.refunds.contains_key(number)
            || self.refused.contains(number)
            || self.revokes.contains_key(number)
            || self.cards.uses(number)
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
        self.put(trade.posted(state));
    }

    /// Moves a trade; money moves with it.
    pub fn move_to(&mut self, order: &str, state: TradeState) {
        if let Some(trade) = self.trades.get(order).cloned() {
            self.put(trade.posted(state));
        }
    }

    /// Changes what is known of a trade, but neither its state nor its money. Returns the trade.
    pub fn note(&mut self, order: &str, change: impl FnOnce(&mut Trade)) -> Option<Trade> {
        let mut trade = self.trades.get(order).cloned()?;
        change(&mut trade);
        self.put(trade.clone());
        Some(trade)
    }

    /// Returns the order that a revoke number has ended before: the same number acts once.
    pub fn revoked_by(&self, number: &str) -> Option<&str> {
        self.revokes.get(number).map(String::as_str)
    }

    /// Burns a revoke number that acted.
    pub fn keep_revoke(&mut self, number: &str, order: &str) {
        self.keep(Line::Revoke(number.to_owned(), order.to_owned()));
    }

    /// Counts a revoke or close of a trade, and returns how many there were.
    pub fn count_revoke(&mut self, order: &str) -> u32 {
        self.note(order, |trade| trade.revokes += 1)
            .map_or(0, |trade| trade.revokes)
    }

    /// Counts an inquiry after a revoke.
    pub fn count_inquiry(&mut self, order: &str) -> u32 {
        self.note(order, |trade| trade.asked_since_revoke += 1)
            .map_or(0, |trade| trade.asked_since_revoke)
    }

    /// Returns a refund.
    pub fn refund(&self, number: &str) -> Option<&Refund> {
        self.refunds.get(number)
    }

    /// Returns an order's refunds, in the order of their numbers.
    pub fn refunds_of(&self, order: &str) -> impl Iterator<Item = &Refund> {
        self.refunds.values().filter(move |r| r.order == order)
    }

    fn pending(&self, order: &str) -> impl Iterator<Item = &Refund> {
        self.refunds_of(order)
            .filter(|refund| refund.state == TradeState::Deal)
    }

    /// Returns the pending refunds of an order.
    pub fn pending_refunds(&self, order: &str) -> Vec<Refund> {
        self.pending(order).cloned().collect()
    }

    /// Returns what can still be returned of a trade in fen: pending refunds are held back.
    pub fn refundable(&self, trade: &Trade) -> u64 {
        let held: u64 = self.pending(&trade.out_trade_no).map(|r| r.amount).sum();
        (trade.charged - trade.returned).saturating_sub(held)
    }

    /// Counts a try of a refund that does nothing. Returns whether it was the first.
    pub fn try_refund(&mut self, number: &str) -> bool {
        let first = !self.tried.contains(number);
        if first {
            self.keep(Line::Tried(number.to_owned()));
        }
        first
    }

    /// Counts a try of a card message that does nothing. Returns whether it was the first.
    pub fn try_card(&mut self, place: &str) -> bool {
        let first = !self.tried_cards.contains(place);
        if first {
            self.keep(Line::CardTried(place.to_owned()));
        }
        first
    }

    /// Keeps a card message and the money that moved with it.
    pub fn keep_card(&mut self, line: CardLine) {
        if let Some(trade) = &line.trade {
            assert_sound(trade);
        }
        self.keep(Line::Card(line));
    }

    /// Puts a refund into a state; done money is returned in the same line.
    pub fn put_refund(&mut self, mut refund: Refund, state: TradeState) {
        refund.state = state;
        refund.moved_ms = now_ms();
        let trade = self.trades.get(&refund.order).cloned();
        match trade {
            Some(trade) if state == TradeState::Success => {
                let trade = trade.part_returned(refund.amount);
                assert_sound(&trade);
                self.keep(Line::Refunded(refund, trade));
            }
            Some(_) | None => self.keep(Line::Refund(refund)),
        }
    }

    fn put(&mut self, trade: Trade) {
        assert_sound(&trade);
        self.keep(Line::Trade(trade));
    }

    /// Returns the ledger for checks. The customers' side is summed from charges, revokes and refunds, the merchant's
    /// from the trades; together they are zero.
    pub fn ledger(&self) -> Value {
        let trades = || self.trades.values();
        let merchant: i128 = trades().map(|trade| i128::from(trade.merchant_got)).sum();
        let taken: i128 = trades()
            .map(|trade| i128::from(trade.charged) - i128::from(trade.revoked))
            .sum();
        let done = self.refunds.values();
        let done = done.filter(|refund| refund.state == TradeState::Success);
        let refunded: i128 = done.map(|refund| i128::from(refund.amount)).sum();
        let sum = i64::try_from(merchant - taken + refunded).unwrap_or(i64::MAX);
        let orders: Vec<Value> = trades().map(order_row).collect();
        let refunds: Vec<Value> = self.refunds.values().map(refund_row).collect();
        let closes: Vec<Value> = trades()
            .filter(|trade| trade.close_ms > 0)
            .map(|trade| {
                json!({
                    "out_trade_no": trade.out_trade_no,
                    "state": trade.state.word(),
                    "time": wire_time(trade.close_ms),
                })
            })
            .collect();
        json!({
            "orders": orders,
            "refunds": refunds,
            "closes": closes,
            "cards": self.cards.rows(),
            "sum": sum,
        })
    }
}

fn assert_sound(trade: &Trade) {
    assert!(
        trade.returned <= trade.charged,
        "no more is returned than was charged"
    );
}

fn order_row(trade: &Trade) -> Value {
    json!({
        "out_trade_no": trade.out_trade_no,
        "total_amount": trade.total_amount,
        "state": trade.state.word(),
        "net_charged": trade.charged - trade.returned,
        "charged": trade.charged,
        "returned": trade.returned,
        "account_type": trade.account_type,
        "trade_no": trade.trade_no,
        "revokes": trade.revokes,
        "kind": trade.kind.word(),
        "notice": trade.notice,
        "instalment": trade.instalment,
    })
}

fn refund_row(refund: &Refund) -> Value {
    json!({
        "out_trade_no": refund.out_trade_no,
        "trade_no": refund.trade_no,
        "origin_out_trade_no": refund.order,
        "refund_amount": refund.amount,
        "state": refund.state.word(),
    })
}
