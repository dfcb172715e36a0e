//! WeChat Pay's daily bill (`pay/downloadbill`, all kinds): cells begin with a back-tick, amounts are yuan, the last
//! two lines are totals (features.md D4).
//!
//! A payer's number is in it and is not looked at. A payment that was taken back appears with the state REVOKED beside
//! its SUCCESS line. WeChat's days end at midnight, and only its own wallet is in the file.

use super::daily::{DailyRow, DailyStatement, LineProblem, Parsed, Scope};
use super::day::{BusinessDay, moment};
use crate::domain::Channel;
use crate::domain::fee::Product;
use crate::settlement::MovementKind;

/// The columns that are looked at: their numbers from 0 and their names.
const TIME: (usize, &str) = (0, "交易时间");
const MERCHANT: (usize, &str) = (2, "商户号");
const SUB_MERCHANT: (usize, &str) = (3, "特约商户号");
const TRADE_NO: (usize, &str) = (5, "微信订单号");
const ORDER_NO: (usize, &str) = (6, "商户订单号");
const STATE: (usize, &str) = (9, "交易状态");
const CURRENCY: (usize, &str) = (11, "货币种类");
const SETTLED: (usize, &str) = (12, "应结订单金额");
const REFUND_TRADE_NO: (usize, &str) = (14, "微信退款单号");
const REFUND_NO: (usize, &str) = (15, "商户退款单号");
const REFUND: (usize, &str) = (16, "退款金额");
const REFUND_STATE: (usize, &str) = (19, "退款状态");
const FEE: (usize, &str) = (22, "手续费");
const PRICE: (usize, &str) = (24, "订单金额");
const CELLS: usize = 27;
/// Of the totals: lines, settled, refunds and fees.
const TOTALS_CELLS: usize = 7;

/// The layout.
#[derive(Clone, Copy, Debug)]
pub struct WechatBill;

impl DailyStatement for WechatBill {
    fn called(&self) -> &'static str {
        "WeChat Pay's bill"
    }

    fn is_mine(&self, first_line: &str) -> bool {
        first_line.starts_with("交易时间,公众账号ID,商户号,")
    }

    fn rows(&self, text: &str) -> Result<Parsed, Vec<LineProblem>> {
        let lines: Vec<(u64, &str)> = (1..).zip(text.lines()).collect();
        let kept = lines.iter().filter(|(_, line)| !line.trim().is_empty());
        let kept: Vec<(u64, &str)> = kept.copied().collect();
        let [_, rows @ .., heads, totals] = kept.as_slice() else {
            return Err(vec![cut_off(lines.len())]);
        };
        if !heads.1.starts_with("总交易单数,") {
            return Err(vec![cut_off(lines.len())]);
        }
        let mut bill = Bill::default();
        for (line, text) in rows {
            let cells = Cells::of(*line, text);
            match bill.row(&cells) {
                Ok(row) => bill.rows.push(row),
                Err(problem) => bill.problems.push(problem),
            }
        }
        if bill.problems.is_empty() {
            bill.totals(&Cells::of(totals.0, totals.1));
        }
        if !bill.problems.is_empty() {
            return Err(bill.problems);
        }
        Ok(Parsed {
            day: bill.day,
            merchant_no: bill.merchant_no,
            scope: Scope {
                channel: Some(Channel::Wechat),
                cut_min: Some(0),
            },
            rows: bill.rows,
        })
    }
}

fn cut_off(lines: usize) -> LineProblem {
    let what = "the two lines of totals are missing: the file is cut off; fetch it again";
    LineProblem::new(lines as u64 + 1, what)
}

#[derive(Default)]
struct Bill {
    day: Option<BusinessDay>,
    merchant_no: Option<String>,
    rows: Vec<DailyRow>,
    problems: Vec<LineProblem>,
}

impl Bill {
    fn row(&mut self, cells: &Cells<'_>) -> Result<DailyRow, LineProblem> {
        if cells.cells.len() != CELLS {
            let found = cells.cells.len();
            let what = format!("{found} cells instead of {CELLS}: damaged; fetch it again");
            return Err(LineProblem::new(cells.line, what));
        }
        let at = moment(cells.text(TIME)).ok_or_else(|| cells.wrong(TIME, "no time"))?;
        let day = BusinessDay::of(at, 0);
        if *self.day.get_or_insert(day) != day {
            return Err(cells.wrong(TIME, "another day than the lines before"));
        }
        let own = cells.text(SUB_MERCHANT);
        let named = if matches!(own, "" | "0") {
            MERCHANT
        } else {
            SUB_MERCHANT
        };
        let merchant = cells.text(named).to_owned();
        if *self.merchant_no.get_or_insert_with(|| merchant.clone()) != merchant {
            return Err(cells.wrong(named, "another merchant than in the lines before"));
        }
        if cells.text(CURRENCY) != "CNY" {
            return Err(cells.wrong(CURRENCY, "only CNY is known here"));
        }
        let kind = match cells.text(STATE) {
            "SUCCESS" => MovementKind::Sale,
            "REVOKED" => MovementKind::Reversal,
            "REFUND" => MovementKind::Refund,
            _ => return Err(cells.wrong(STATE, "use SUCCESS, REVOKED or REFUND")),
        };
        let back = kind != MovementKind::Sale;
        if back && !matches!(cells.text(REFUND_STATE), "SUCCESS") {
            return Err(cells.wrong(REFUND_STATE, "only SUCCESS is money that moved"));
        }
        let price = cells.yuan(if back { REFUND } else { PRICE })?;
        let settled = if back { price } else { cells.yuan(SETTLED)? };
        let fits = price > 0 && settled <= price && settled >= 0;
        if !fits {
            return Err(cells.wrong(SETTLED, "no part of the order's amount"));
        }
        let refund = kind == MovementKind::Refund;
        let own = if back { REFUND_TRADE_NO } else { TRADE_NO };
        Ok(DailyRow {
            line: cells.line,
            kind,
            order_no: cells.number(ORDER_NO)?,
            refund_no: refund.then(|| cells.number(REFUND_NO)).transpose()?,
            trade_no: cells.number(own)?,
            term_no: None,
            at,
            channel: Some(Channel::Wechat),
            product: Some(Product::Scan),
            minor: price.unsigned_abs(),
            discount_minor: (price - settled).unsigned_abs(),
            fee_minor: cells.yuan(FEE)?,
        })
    }

    /// Lines, settled amounts, refunds and fees.
    fn totals(&mut self, cells: &Cells<'_>) {
        let told = || -> Result<[i64; 4], LineProblem> {
            let count = cells.text((0, "总交易单数")).parse();
            let count = count.map_err(|_| cells.wrong((0, "总交易单数"), "no number"))?;
            let sum = |column, name| cells.yuan((column, name));
            Ok([
                count,
                sum(1, "应结订单总金额")?,
                sum(2, "退款总金额")?,
                sum(4, "手续费总金额")?,
            ])
        };
        let told = if cells.cells.len() == TOTALS_CELLS {
            told()
        } else {
            Err(LineProblem::new(
                cells.line,
                "no line of totals; fetch the file again",
            ))
        };
        let told = match told {
            Ok(told) => told,
            Err(problem) => return self.problems.push(problem),
        };
        let rows = || self.rows.iter();
        let of_sales = |sale: bool| {
            let chosen = rows().filter(move |row| (row.kind == MovementKind::Sale) == sale);
            chosen.map(|row| row.gain().abs()).sum::<i64>()
        };
        let count = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let fees = rows().map(|row| row.fee_minor).sum::<i64>();
        let own = [count, of_sales(true), of_sales(false), fees];
        if own != told {
            let what = format!(
                "the totals (lines, settled, returned, fees in fen) are {told:?}, those of the lines {own:?}: \
                 lines are missing, surplus or altered; fetch it again"
            );
            self.problems.push(LineProblem::new(cells.line, what));
        }
    }
}

struct Cells<'a> {
    line: u64,
    cells: Vec<&'a str>,
}

impl<'a> Cells<'a> {
    /// Titles of goods may hold commas; a cell ends where the next back-tick begins.
    fn of(line: u64, text: &'a str) -> Self {
        let text = text.trim();
        let cells = text.strip_prefix('`').unwrap_or(text).split(",`").collect();
        Self { line, cells }
    }

    fn text(&self, (column, _): (usize, &'static str)) -> &'a str {
        self.cells.get(column).copied().unwrap_or_default().trim()
    }

    fn wrong(&self, (column, name): (usize, &'static str), rule: &str) -> LineProblem {
        let found: String = self.text((column, name)).chars().take(40).collect();
        LineProblem {
            line: self.line,
            column: Some((column + 1, name)),
            what: format!("{found:?}; {rule}"),
        }
    }

    fn number(&self, column: (usize, &'static str)) -> Result<String, LineProblem> {
        let text = self.text(column);
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(text.to_owned())
        } else {
            Err(self.wrong(column, "a number is missing"))
        }
    }

    /// Reads yuan with at most two decimals (fees have more zeros) as fen.
    fn yuan(&self, column: (usize, &'static str)) -> Result<i64, LineProblem> {
        yuan(self.text(column)).ok_or_else(|| self.wrong(column, "no amount in yuan"))
    }
}

fn yuan(text: &str) -> Option<i64> {
    let positive = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = positive.split_once('.').unwrap_or((positive, ""));
    let part = part.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=10).contains(&whole.len()) && part.len() <= 2 && digits(whole) && digits(part);
    let fen: i64 = fits
        .then(|| format!("{whole}{part:0<2}").parse().ok())
        .flatten()?;
    Some(if text.starts_with('-') { -fen } else { fen })
}

#[cfg(test)]
mod tests {
    use super::yuan;

    #[test]
    fn yuan_are_fen_without_floats() {
        for (text, fen) in [
            ("12.30", Some(1_230)),
            ("12.3", Some(1_230)),
            ("0.05000", Some(5)),
            ("-0.01", Some(-1)),
            ("7", Some(700)),
            ("0.005", None),
            ("1e3", None),
            ("", None),
            ("+1", None),
        ] {
            assert_eq!(yuan(text), fen, "{text}");
        }
    }
}
