//! The neutral layout (SBX: ours; Lakala publishes none): CSV in UTF-8, one day, sorted by `log_no`, totals at the end.
//!
//! Amounts are fen. `settle_amount` is what the line leaves to the shop: price less discount less fee, negative where
//! money goes back. The last line is `#TOTAL,count,sum`; the sum is that of `total_amount` with its direction.

use super::daily::{DailyRow, DailyStatement, LineProblem, Parsed, Scope, fen, signed_fen};
use super::day::{BusinessDay, moment};
use crate::domain::Channel;
use crate::domain::fee::Product;
use crate::settlement::MovementKind;

const COLUMNS: [&str; 18] = [
    "business_date",
    "merchant_no",
    "term_no",
    "trade_time",
    "trade_main_type",
    "account_type",
    "busi_type",
    "out_trade_no",
    "trade_no",
    "log_no",
    "acc_trade_no",
    "origin_log_no",
    "total_amount",
    "payer_amount",
    "merchant_discount",
    "fee",
    "settle_amount",
    "state",
];

/// The layout.
#[derive(Clone, Copy, Debug)]
pub struct NeutralCsv;

impl DailyStatement for NeutralCsv {
    fn called(&self) -> &'static str {
        "the neutral CSV with business_date"
    }

    fn is_mine(&self, first_line: &str) -> bool {
        first_line.starts_with("business_date,")
    }

    fn rows(&self, text: &str) -> Result<Parsed, Vec<LineProblem>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut file = Taken::default();
        for record in reader.records() {
            match record {
                Ok(record) => file.take(&record),
                Err(error) => {
                    let line = error.position().map_or(file.line + 1, csv::Position::line);
                    let what = format!("no CSV: {error}; fetch it again");
                    file.problems.push(LineProblem::new(line, what));
                    break;
                }
            }
        }
        file.finish()
    }
}

#[derive(Default)]
struct Taken {
    line: u64,
    day: Option<BusinessDay>,
    merchant_no: Option<String>,
    last_log_no: String,
    ended: bool,
    rows: Vec<DailyRow>,
    problems: Vec<LineProblem>,
}

impl Taken {
    fn take(&mut self, record: &csv::StringRecord) {
        let line = record.position().map_or(self.line + 1, csv::Position::line);
        let first = self.line == 0;
        self.line = line;
        if first {
            if record.iter().ne(COLUMNS) {
                let names = COLUMNS.join(",");
                self.problem(
                    line,
                    format!("other columns than expected; they are {names}"),
                );
            }
            return;
        }
        if self.ended {
            self.problem(line, "behind the line of totals; fetch the file again");
        } else if record.get(0) == Some("#TOTAL") {
            self.ended = true;
            self.totals(line, record);
        } else if record.len() == COLUMNS.len() {
            match self.row(line, record) {
                Ok(row) => self.rows.push(row),
                Err(problem) => self.problems.push(problem),
            }
        } else {
            let (found, wanted) = (record.len(), COLUMNS.len());
            let what =
                format!("{found} cells instead of {wanted}: cut off or damaged; fetch it again");
            self.problem(line, what);
        }
    }

    fn problem(&mut self, line: u64, what: impl Into<String>) {
        self.problems.push(LineProblem::new(line, what));
    }

    fn totals(&mut self, line: u64, record: &csv::StringRecord) {
        if !self.problems.is_empty() {
            // What could not be read is missing in our own sums.
            return;
        }
        let count = record.get(1).and_then(fen);
        let sum = record.get(2).and_then(signed_fen);
        let (Some(count), Some(sum), 3) = (count, sum, record.len()) else {
            return self.problem(line, "it must be #TOTAL,count,sum; fetch the file again");
        };
        let price = |row: &DailyRow| row.kind.entry().signed(row.minor);
        let own = (
            self.rows.len() as u64,
            self.rows.iter().map(price).sum::<i64>(),
        );
        if own != (count, sum) {
            let what = format!(
                "the file says {count} lines and {sum} fen, its lines are {} and {} fen: lines are missing, \
                 surplus or altered; fetch it again",
                own.0, own.1
            );
            self.problem(line, what);
        }
    }

    fn row(&mut self, line: u64, record: &csv::StringRecord) -> Result<DailyRow, LineProblem> {
        let cells = Cells { line, record };
        let day = cells.parsed(0, "use YYYYMMDD", |text| BusinessDay::parse(text).ok())?;
        self.one_of_all(&cells, 0, day)?;
        let merchant_no = cells.number(1, 1, 32)?;
        if self.merchant_no.get_or_insert_with(|| merchant_no.clone()) != &merchant_no {
            return Err(cells.wrong(1, "another merchant than in the lines before"));
        }
        let at = cells.parsed(3, "use YYYYMMDDHHMMSS", moment)?;
        let kind = cells.parsed(4, "use MICROPAY, PREORDER, CARD, REVERSAL or REFUND", kind)?;
        let number = cells.number(7, 1, 32)?;
        let log_no = cells.number(9, 14, 14)?;
        if log_no <= self.last_log_no {
            return Err(cells.wrong(9, "not above that of the line before; fetch it again"));
        }
        self.last_log_no = log_no;
        let amount = |column| cells.parsed(column, "use fen, digits only", fen);
        let (minor, payer, discount) = (amount(12)?, amount(13)?, amount(14)?);
        if minor == 0 || payer > minor || discount > minor {
            return Err(cells.wrong(12, "below what was paid or given as a discount, or nothing"));
        }
        let fee_minor = cells.parsed(15, "use fen, digits only", signed_fen)?;
        let settles = cells.parsed(16, "use fen, digits only", signed_fen)?;
        if cells.text(17) != "SUCCESS" {
            return Err(cells.wrong(17, "only SUCCESS is money that moved"));
        }
        let refund = kind == MovementKind::Refund;
        let row = DailyRow {
            line,
            kind,
            order_no: if refund {
                String::new()
            } else {
                number.clone()
            },
            refund_no: refund.then_some(number),
            trade_no: cells.number(8, 1, 32)?,
            term_no: Some(cells.number(2, 1, 32)?),
            at,
            channel: channel(cells.text(5)),
            product: product(cells.text(6)),
            minor,
            discount_minor: discount,
            fee_minor,
        };
        if settles != row.gain() - fee_minor {
            let sum = row.gain() - fee_minor;
            return Err(cells.wrong(16, &format!("price, discount and fee make {sum}")));
        }
        Ok(row)
    }

    fn one_of_all(
        &mut self,
        cells: &Cells<'_>,
        column: usize,
        day: BusinessDay,
    ) -> Result<(), LineProblem> {
        match *self.day.get_or_insert(day) {
            before if before == day => Ok(()),
            before => {
                let what = format!("the lines before are of {before}; a file is of one day");
                Err(cells.wrong(column, &what))
            }
        }
    }

    fn finish(mut self) -> Result<Parsed, Vec<LineProblem>> {
        if !self.ended && self.problems.is_empty() {
            let what = "the line of totals is missing: the file is cut off; fetch it again";
            self.problem(self.line + 1, what);
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Parsed {
            day: self.day,
            merchant_no: self.merchant_no,
            scope: Scope::default(),
            rows: self.rows,
        })
    }
}

struct Cells<'a> {
    line: u64,
    record: &'a csv::StringRecord,
}

impl Cells<'_> {
    fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn wrong(&self, column: usize, rule: &str) -> LineProblem {
        let found: String = self.text(column).chars().take(40).collect();
        LineProblem {
            line: self.line,
            column: Some((column + 1, COLUMNS[column])),
            what: format!("{found:?}; {rule}"),
        }
    }

    fn parsed<T>(
        &self,
        column: usize,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, LineProblem> {
        read(self.text(column)).ok_or_else(|| self.wrong(column, rule))
    }

    fn number(&self, column: usize, least: usize, most: usize) -> Result<String, LineProblem> {
        let text = self.text(column);
        let fits = (least..=most).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits {
            Ok(text.to_owned())
        } else {
            let rule = format!("use {least} to {most} letters and digits");
            Err(self.wrong(column, &rule))
        }
    }
}

fn kind(text: &str) -> Option<MovementKind> {
    match text {
        "MICROPAY" | "PREORDER" | "CARD" => Some(MovementKind::Sale),
        "REVERSAL" => Some(MovementKind::Reversal),
        "REFUND" => Some(MovementKind::Refund),
        _ => None,
    }
}

fn channel(text: &str) -> Option<Channel> {
    match text {
        "WECHAT" => Some(Channel::Wechat),
        "ALIPAY" => Some(Channel::Alipay),
        "UQRCODEPAY" => Some(Channel::UnionPay),
        "DCPAY" => Some(Channel::Ecny),
        "BESTPAY" => Some(Channel::Bestpay),
        "SUNING" => Some(Channel::Suning),
        "bank_card" => Some(Channel::BankCard),
        _ => None,
    }
}

fn product(text: &str) -> Option<Product> {
    match text {
        "SCAN" => Some(Product::Scan),
        "DEBIT" => Some(Product::DebitCard),
        "CREDIT" => Some(Product::CreditCard),
        _ => None,
    }
}
