//! The three layouts.
//!
//! Owns quoting, cell types and the chain of JSON lines. A text never becomes a formula: in CSV it gets an apostrophe
//! where it begins like one, in a sheet it is typed as text.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook, Worksheet, XlsxError};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use super::row::{COLUMNS, Row};
use super::{Format, Total};
use crate::evidence::Digest;

/// Rows of a sheet (1,048,576) less heads and totals.
pub(super) const SHEET_ROWS: u64 = 1_048_574;
const MOMENT: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
/// Column of the amount, from 0.
const AMOUNT: u16 = 8;

/// A file that is being written.
pub(super) enum Layout {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Xlsx(Box<Sheet>),
    Jsonl(Chain),
}

impl Layout {
    pub fn begin(format: Format, mut out: BufWriter<File>) -> io::Result<Self> {
        match format {
            Format::Csv => {
                out.write_all("\u{feff}".as_bytes())?;
                let mut csv = csv::WriterBuilder::new()
                    .quote_style(csv::QuoteStyle::Always)
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(out);
                csv.write_record(COLUMNS)?;
                Ok(Self::Csv(Box::new(csv)))
            }
            Format::Xlsx => Ok(Self::Xlsx(Box::new(Sheet::begin(out).map_err(broken)?))),
            Format::Jsonl => Ok(Self::Jsonl(Chain {
                out,
                last: Digest::ZERO,
            })),
        }
    }

    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        match self {
            Self::Csv(csv) => Ok(csv.write_record(csv_cells(row))?),
            Self::Xlsx(sheet) => sheet.row(row).map_err(broken),
            Self::Jsonl(chain) => chain.line(json_row(row)),
        }
    }

    /// Writes the totals and gives the file back.
    pub fn end(self, total: Total) -> io::Result<BufWriter<File>> {
        match self {
            Self::Csv(mut csv) => {
                let mut cells = vec![String::new(); COLUMNS.len()];
                cells[0] = "TOTAL".to_owned();
                cells[1] = total.rows.to_string();
                cells[usize::from(AMOUNT)] = yuan(total.minor);
                cells[usize::from(AMOUNT) + 2] = total.count.to_string();
                csv.write_record(&cells)?;
                csv.into_inner().map_err(csv::IntoInnerError::into_error)
            }
            Self::Xlsx(sheet) => sheet.end(total).map_err(broken),
            Self::Jsonl(mut chain) => {
                let (rows, count) = (total.rows, total.count);
                let sum = json!({ "rows": rows, "count": count, "sum_minor": total.minor });
                chain.line(json!({ "end": sum }))?;
                Ok(chain.out)
            }
        }
    }
}

fn csv_cells(row: &Row) -> [String; 17] {
    let yes = |flag: bool| if flag { "1" } else { "0" }.to_owned();
    [
        moment(row.at),
        row.kind.to_owned(),
        harmless(&row.number),
        harmless(&row.sale_no),
        format!("{:06}", row.voucher),
        format!("{:06}", row.batch),
        row.channel.to_owned(),
        row.way.to_owned(),
        yuan(row.minor),
        row.outcome.to_owned(),
        yes(row.counts),
        yes(row.late),
        harmless(&row.operator),
        harmless(&row.approver),
        harmless(&row.trade_no),
        row.facts.0.to_string(),
        row.facts.1.to_string(),
    ]
}

/// A text that a spreadsheet would take for a formula gets an apostrophe. Amounts are ours and stay numbers.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn moment(at: OffsetDateTime) -> String {
    at.format(MOMENT).unwrap_or_default()
}

fn yuan(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}

fn json_row(row: &Row) -> Value {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "time": moment(row.at),
        "type": row.kind,
        "number": row.number,
        "sale_no": row.sale_no,
        "voucher": row.voucher,
        "batch": row.batch,
        "channel": row.channel,
        "way": row.way,
        "minor": row.minor,
        "outcome": row.outcome,
        "counts": row.counts,
        "late": row.late,
        "operator": row.operator,
        "approver": some(&row.approver),
        "trade_no": some(&row.trade_no),
        "facts": [row.facts.0, row.facts.1],
    })
}

/// JSON lines; `prev` is the SHA-256 of the line before without its line feed, of the first line 64 zeros.
pub(super) struct Chain {
    out: BufWriter<File>,
    last: Digest,
}

impl Chain {
    fn line(&mut self, mut value: Value) -> io::Result<()> {
        value["prev"] = json!(self.last.to_string());
        let text = value.to_string();
        self.last = Digest::sha256(text.as_bytes());
        self.out.write_all(text.as_bytes())?;
        self.out.write_all(b"\n")
    }
}

/// A workbook of one sheet; it is written at the end.
pub(super) struct Sheet {
    out: BufWriter<File>,
    sheet: Worksheet,
    money: CellFormat,
    date: CellFormat,
    next: u32,
}

impl Sheet {
    fn begin(out: BufWriter<File>) -> Result<Self, XlsxError> {
        let mut sheet = Worksheet::new();
        let bold = CellFormat::new().set_bold();
        for (column, name) in (0..).zip(COLUMNS) {
            sheet.write_with_format(0, column, name, &bold)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        for (column, width) in [(0, 20), (2, 34), (3, 34), (AMOUNT, 16), (14, 34)] {
            sheet.set_column_width(column, width)?;
        }
        Ok(Self {
            out,
            sheet,
            money: CellFormat::new().set_num_format("#,##0.00"),
            date: CellFormat::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            next: 1,
        })
    }

    fn row(&mut self, row: &Row) -> Result<(), XlsxError> {
        let (line, sheet) = (self.next, &mut self.sheet);
        let year = u16::try_from(row.at.year()).unwrap_or(1970);
        let at = ExcelDateTime::from_ymd(year, u8::from(row.at.month()), row.at.day())?;
        let (hour, minute, second) = row.at.to_hms();
        let at = at.and_hms(hour.into(), minute, second)?;
        sheet.write_with_format(line, 0, &at, &self.date)?;
        let texts = [
            (1, row.kind),
            (2, &row.number),
            (3, &row.sale_no),
            (6, row.channel),
            (7, row.way),
            (9, row.outcome),
            (12, &row.operator),
            (13, &row.approver),
            (14, &row.trade_no),
        ];
        for (column, text) in texts {
            sheet.write_string(line, column, text)?;
        }
        sheet.write_number(line, 4, row.voucher)?;
        sheet.write_number(line, 5, row.batch)?;
        sheet.write_with_format(line, AMOUNT, cell(row.minor), &self.money)?;
        sheet.write_boolean(line, 10, row.counts)?;
        sheet.write_boolean(line, 11, row.late)?;
        // Row numbers of a journal stay far below 2^53.
        sheet.write_string(line, 15, row.facts.0.to_string())?;
        sheet.write_string(line, 16, row.facts.1.to_string())?;
        self.next += 1;
        Ok(())
    }

    fn end(mut self, total: Total) -> Result<BufWriter<File>, XlsxError> {
        let bold = CellFormat::new().set_bold();
        let (line, sheet) = (self.next, &mut self.sheet);
        sheet.write_with_format(line, 0, "TOTAL", &bold)?;
        sheet.write_string(line, 1, total.rows.to_string())?;
        let money = CellFormat::new().set_bold().set_num_format("#,##0.00");
        sheet.write_with_format(line, AMOUNT, cell(total.minor), &money)?;
        sheet.write_string(line, 10, total.count.to_string())?;
        let mut book = Workbook::new();
        book.push_worksheet(self.sheet);
        let bytes = book.save_to_buffer()?;
        self.out.write_all(&bytes).map_err(XlsxError::IoError)?;
        Ok(self.out)
    }
}

/// A sheet knows no other numbers than floats. Fourteen digits fit one, so that its shortest text has the same fen.
#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn cell(minor: i64) -> f64 {
    minor as f64 / 100.0
}

fn broken(error: XlsxError) -> io::Error {
    if let XlsxError::IoError(source) = error {
        source
    } else {
        io::Error::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_begins_like_a_formula_is_text() {
        for text in ["=1+1", "+8613", "-2", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        assert_eq!(harmless("A0010001"), "A0010001");
    }
}
