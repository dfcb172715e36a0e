//! The daily file (对账文件), in the neutral layout of SANDBOX.md, and differences that can be planted in it (all SBX).
//!
//! Owns the layout, the fees and the plants. Uses nothing of the terminal's reader, comparison or fee table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::books::Books;
use super::clock::{business_date, wire_time};
use super::identity::{MERCHANT_NO, TERM_NO};
use super::records::TradeState;
use super::statement::Movement;

const COLUMNS: &str = "business_date,merchant_no,term_no,trade_time,trade_main_type,\
                       account_type,busi_type,out_trade_no,trade_no,log_no,acc_trade_no,\
                       origin_log_no,total_amount,payer_amount,merchant_discount,fee,\
                       settle_amount,state";

/// What can be planted: the reason that a terminal must give, and what is done to the file.
pub const PLANTS: [(&str, &str); 11] = [
    ("R1", "an order that is still open is booked as paid"),
    (
        "R2",
        "an order that was not paid is booked as charged and taken back",
    ),
    (
        "R4",
        "the first sale is booked once more under another number",
    ),
    ("R5", "the last refund moves into the next day's file"),
    ("R6", "the merchant bears 10 fen of the second sale"),
    ("R7", "the third sale costs 3 fen more"),
    ("R8", "the last sale but one is left out"),
    ("R9", "a sale of this terminal that it never made"),
    ("R10", "the last sale moves into the next day's file"),
    ("R11", "a sale of another terminal"),
    ("R12", "a declined order is booked as paid"),
];

/// Planted differences, by their reasons.
#[derive(Clone, Debug, Default)]
pub struct Plants(BTreeSet<String>);

impl Plants {
    /// Reads a list such as `R4,R7`.
    ///
    /// # Errors
    /// The words name what can be planted.
    pub fn parse(list: &str) -> Result<Self, String> {
        let known = |word: &str| PLANTS.iter().any(|(key, _)| *key == word);
        let words = list
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let words: BTreeSet<String> = words.map(str::to_owned).collect();
        match words.iter().find(|word| !known(word)) {
            Some(word) => {
                let keys: Vec<&str> = PLANTS.iter().map(|(key, _)| *key).collect();
                Err(format!("{word} cannot be planted; use {}", keys.join(", ")))
            }
            None => Ok(Self(words)),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

/// One line before it is written.
#[derive(Clone)]
struct Line {
    term: String,
    at_ms: u64,
    kind: &'static str,
    account: String,
    business: &'static str,
    number: String,
    trade_no: String,
    origin: String,
    amount: u64,
    discount: u64,
    fee: i64,
}

impl Line {
    fn log_no(&self) -> &str {
        &self.trade_no[self.trade_no.len() - 14..]
    }

    /// Another number of the same shape, under a head that no trade has.
    fn renumbered(mut self, head: &str) -> Self {
        let (date, count) = (&self.trade_no[..18], &self.trade_no[20..]);
        self.trade_no = format!("{date}{head}{count}");
        self
    }

    fn is_sale(&self) -> bool {
        !matches!(self.kind, "REVERSAL" | "REFUND")
    }

    fn sign(&self) -> i64 {
        if self.is_sale() { 1 } else { -1 }
    }

    fn write(&self, date: &str, out: &mut String) {
        let settles = self.sign() * fen(self.amount - self.discount) - self.fee;
        writeln!(
            out,
            "{date},{MERCHANT_NO},{},{},{},{},{},{},{},{},,{},{},{},{},{},{settles},SUCCESS",
            self.term,
            wire_time(self.at_ms),
            self.kind,
            self.account,
            self.business,
            self.number,
            self.trade_no,
            self.log_no(),
            self.origin,
            self.amount,
            self.amount - self.discount,
            self.discount,
            self.fee,
        )
        .expect("a string takes every line");
    }
}

fn fen(amount: u64) -> i64 {
    i64::try_from(amount).expect("twelve digits fit")
}

/// Hundred-thousandths of a payment, and the most in fen.
fn price(account: &str, business: &str) -> (u64, u64) {
    match (account, business) {
        (_, "DEBIT") => (500, 2_500),
        (_, "CREDIT") | ("UQRCODEPAY", _) => (600, u64::MAX),
        _ => (380, u64::MAX),
    }
}

/// Half a fen and more counts as one.
fn fee(account: &str, business: &str, amount: u64) -> i64 {
    let (share, most) = price(account, business);
    fen(((amount * share * 2 + 100_000) / 200_000).min(most))
}

/// Writes the file of a business date (`yyyyMMdd`), with these differences planted.
pub fn daily_file(books: &Books, date: &str, plants: &Plants) -> String {
    let all = books.statement.all();
    let mut lines: Vec<Line> = all
        .iter()
        .filter(|movement| business_date(movement.at_ms) == date)
        .map(|movement| line(books, movement))
        .collect();
    lines.sort_by(|a, b| a.log_no().cmp(b.log_no()));
    plant(books, date, plants, &mut lines);
    lines.sort_by(|a, b| a.log_no().cmp(b.log_no()));
    let (mut out, mut sum) = (format!("{COLUMNS}\n"), 0);
    for line in &lines {
        sum += line.sign() * fen(line.amount);
        line.write(date, &mut out);
    }
    writeln!(out, "#TOTAL,{},{sum}", lines.len()).expect("a string takes every line");
    out
}

fn line(books: &Books, movement: &Movement) -> Line {
    let business = match books.cards.funding_of(&movement.order) {
        Some("debit") => "DEBIT",
        Some(_) => "CREDIT",
        None => "SCAN",
    };
    let costs = fee(&movement.account_type, business, movement.amount);
    let (kind, fee) = match movement.kind {
        "SALE" => (movement.main_type, costs),
        // On the same day the fee comes back; a refund leaves it here.
        "REVERSAL" => ("REVERSAL", -costs),
        _ => ("REFUND", 0),
    };
    let line = Line {
        term: TERM_NO.to_owned(),
        at_ms: movement.at_ms,
        kind,
        account: movement.account_type.clone(),
        business,
        number: movement
            .refund
            .clone()
            .unwrap_or_else(|| movement.order.clone()),
        trade_no: movement.trade_no.clone(),
        origin: if movement.kind == "SALE" {
            String::new()
        } else {
            movement.origin_log_no.clone()
        },
        amount: movement.amount,
        discount: 0,
        fee,
    };
    if movement.kind == "REVERSAL" {
        line.renumbered("67")
    } else {
        line
    }
}

/// Alters the lines, which are sorted.
fn plant(books: &Books, date: &str, plants: &Plants, lines: &mut Vec<Line>) {
    let sales: Vec<String> = lines
        .iter()
        .filter(|line| line.is_sale())
        .map(|line| line.number.clone())
        .collect();
    let sale = |index: usize| sales.get(index).cloned().unwrap_or_default();
    let (last, last_but_one) = (
        sales.len().checked_sub(1).map(sale).unwrap_or_default(),
        sales.len().checked_sub(2).map(sale).unwrap_or_default(),
    );
    let template = lines.iter().find(|line| line.is_sale()).cloned();
    for line in lines.iter_mut().filter(|line| line.is_sale()) {
        if plants.has("R6") && line.number == sale(1) && line.amount > 10 {
            line.discount = 10;
        }
        if plants.has("R7") && line.number == sale(2) {
            line.fee += 3;
        }
    }
    if let (true, Some(first)) = (plants.has("R4"), &template) {
        lines.push(first.clone().renumbered("68"));
    }
    if plants.has("R8") {
        lines.retain(|line| !(line.is_sale() && line.number == last_but_one));
    }
    if plants.has("R10") {
        lines.retain(|line| !(line.is_sale() && line.number == last));
    }
    if plants.has("R5") {
        let back = lines.iter().rposition(|line| line.kind == "REFUND");
        back.map(|index| lines.remove(index));
    }
    lines.extend(from_the_day_before(books, date, plants));
    for (key, term) in [("R9", TERM_NO), ("R11", "Z0990099")] {
        if let (true, Some(first)) = (plants.has(key), &template) {
            let head = if key == "R9" { "69" } else { "70" };
            let mut strange = first.clone().renumbered(head);
            term.clone_into(&mut strange.term);
            strange.number = format!("{term}0001PLANTSS00000001");
            lines.push(strange);
        }
    }
    book_unpaid(books, date, plants, lines);
}

/// What was moved out of the day before.
fn from_the_day_before(books: &Books, date: &str, plants: &Plants) -> Vec<Line> {
    let noon = super::clock::read_wire_time(&format!("{date}120000")).unwrap_or_default();
    let before = u64::try_from(noon - 86_400).map_or(String::new(), |s| business_date(s * 1_000));
    let of_it = books.statement.all().iter();
    let mut there: Vec<Line> = of_it
        .filter(|movement| business_date(movement.at_ms) == before)
        .map(|movement| line(books, movement))
        .collect();
    there.sort_by(|a, b| a.log_no().cmp(b.log_no()));
    let mut moved = Vec::new();
    if plants.has("R10") {
        moved.extend(there.iter().rfind(|line| line.is_sale()).cloned());
    }
    if plants.has("R5") {
        moved.extend(there.iter().rfind(|line| line.kind == "REFUND").cloned());
    }
    moved
}

/// Books orders that nobody paid.
fn book_unpaid(books: &Books, date: &str, plants: &Plants, lines: &mut Vec<Line>) {
    let mut newest = books.newest();
    newest.retain(|trade| trade.charged == 0 && business_date(trade.opened_ms) == date);
    for (key, head) in [("R1", "71"), ("R2", "72"), ("R12", "73")] {
        let wanted = |state: TradeState| match key {
            "R1" => state.is_open(),
            "R2" => state == TradeState::Close,
            _ => state == TradeState::Fail,
        };
        let found = newest.iter().find(|trade| wanted(trade.state));
        let (true, Some(trade)) = (plants.has(key), found) else {
            continue;
        };
        let sale = Line {
            term: TERM_NO.to_owned(),
            at_ms: trade.opened_ms,
            kind: trade.kind.main_type(),
            account: trade.account_type.clone(),
            business: "SCAN",
            number: trade.out_trade_no.clone(),
            trade_no: trade.trade_no.clone(),
            origin: String::new(),
            amount: trade.total_amount,
            discount: 0,
            fee: fee(&trade.account_type, "SCAN", trade.total_amount),
        }
        .renumbered(head);
        if key == "R2" {
            let mut back = sale.clone().renumbered("74");
            back.kind = "REVERSAL";
            sale.log_no().clone_into(&mut back.origin);
            back.fee = -back.fee;
            lines.push(back);
        }
        lines.push(sale);
    }
}
