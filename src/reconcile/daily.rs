//! One daily file in words that belong to no acquirer, and what is wrong with one.
//!
//! Owns the vocabulary between a layout and the join, and the choice of the layout. A file is taken whole or not at
//! all: a line that cannot be read is money that cannot be explained.

use std::fmt;

use super::day::BusinessDay;
use super::{NeutralCsv, WechatBill};
use crate::domain::fee::Product;
use crate::domain::{Channel, Timestamp};
use crate::evidence::Digest;
use crate::settlement::MovementKind;

/// Largest file, in bytes: about a million lines.
pub(super) const BYTES_MAX: usize = 256 << 20;
/// So many problems are told of one file.
const PROBLEMS_MAX: usize = 20;

/// One line: money that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What it is.
    pub kind: MovementKind,
    /// The order that was charged or taken back; of a refund, where the file names it.
    pub order_no: String,
    /// The refund's own number.
    pub refund_no: Option<String>,
    /// The acquirer's number of the movement.
    pub trade_no: String,
    /// The terminal, where the file names one.
    pub term_no: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The wallet, where it is one that we know.
    pub channel: Option<Channel>,
    /// The product, where the file names it.
    pub product: Option<Product>,
    /// Price in minor units.
    pub minor: u64,
    /// The part of it that the merchant bears as a discount.
    pub discount_minor: u64,
    /// What the acquirer keeps; negative when it gives a fee back.
    pub fee_minor: i64,
}

impl DailyRow {
    /// Returns what the shop gains by it before fees, in minor units.
    pub const fn gain(&self) -> i64 {
        self.kind.entry().signed(self.minor - self.discount_minor)
    }

    /// Returns the number of its own: a refund's, else the order's.
    pub fn number(&self) -> &str {
        self.refund_no.as_deref().unwrap_or(&self.order_no)
    }
}

/// A file that was read whole, its totals checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyFile {
    /// Its name, for people.
    pub name: String,
    /// The business day.
    pub day: BusinessDay,
    /// The merchant; none in a file without a line.
    pub merchant_no: Option<String>,
    /// What it is about.
    pub scope: Scope,
    /// The lines.
    pub rows: Vec<DailyRow>,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

/// What is wrong with one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProblem {
    /// The line, from 1.
    pub line: u64,
    /// Number of the cell, from 1, and its name; none when the line as a whole is wrong.
    pub column: Option<(usize, &'static str)>,
    /// What is wrong, and what to do.
    pub what: String,
}

impl LineProblem {
    pub(super) fn new(line: u64, what: impl Into<String>) -> Self {
        let what = what.into();
        Self {
            line,
            column: None,
            what,
        }
    }
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// The file.
    pub name: String,
    /// Every place, at most twenty.
    pub places: Vec<LineProblem>,
    /// So many more there are.
    pub more: usize,
}

impl std::error::Error for FileProblem {}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |place: &LineProblem| {
            let (name, line, what) = (&self.name, place.line, &place.what);
            match place.column {
                Some((number, column)) => {
                    format!("{name}, line {line}, column {number} ({column}): {what}")
                }
                None => format!("{name}, line {line}: {what}"),
            }
        };
        let told: Vec<String> = self.places.iter().map(place).collect();
        f.write_str(&told.join("\n"))?;
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more lines are wrong", self.name),
        }
    }
}

impl FileProblem {
    /// Makes the problem of a whole file.
    pub(super) fn of(name: &str, mut places: Vec<LineProblem>) -> Self {
        let more = places.len().saturating_sub(PROBLEMS_MAX);
        places.truncate(PROBLEMS_MAX);
        let name = name.to_owned();
        Self { name, places, more }
    }
}

/// A layout of daily files.
pub trait DailyStatement {
    /// What people call the layout.
    fn called(&self) -> &'static str;

    /// Tells whether the first line is this layout's.
    fn is_mine(&self, first_line: &str) -> bool;

    /// Reads a whole file.
    ///
    /// # Errors
    /// Every place that is wrong.
    fn rows(&self, text: &str) -> Result<Parsed, Vec<LineProblem>>;
}

/// What a layout found.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The business day; none in a file without lines and without a date of its own.
    pub day: Option<BusinessDay>,
    /// The merchant.
    pub merchant_no: Option<String>,
    /// What it is about.
    pub scope: Scope,
    /// The lines.
    pub rows: Vec<DailyRow>,
}

/// Which part of a shop's business a layout is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// One wallet only.
    pub channel: Option<Channel>,
    /// Minutes after midnight at which its days end, where that is the layout's and not the profile's.
    pub cut_min: Option<u16>,
}

/// Reads a daily file of any known layout. `wanted` is the day that an empty file stands for.
///
/// # Errors
/// [`FileProblem`] names every line and column that is wrong, and what to do.
pub fn read(
    name: &str,
    bytes: &[u8],
    wanted: Option<BusinessDay>,
) -> Result<DailyFile, FileProblem> {
    let whole = |what: String| FileProblem::of(name, vec![LineProblem::new(1, what)]);
    if bytes.is_empty() {
        return Err(whole("the file is empty; fetch it again".into()));
    }
    if bytes.len() > BYTES_MAX {
        let most = BYTES_MAX >> 20;
        return Err(whole(format!(
            "larger than {most} MiB: no file of one day and one merchant"
        )));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        let what = "not UTF-8; export it as UTF-8, or fetch it again";
        FileProblem::of(name, vec![LineProblem::new(line, what)])
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // One kind of line end, so that lines are counted alike.
    let text = &text.replace("\r\n", "\n");
    let first = text.lines().next().unwrap_or_default();
    let layouts: [&dyn DailyStatement; 2] = [&NeutralCsv, &WechatBill];
    let Some(layout) = layouts.iter().find(|layout| layout.is_mine(first)) else {
        let known = layouts.map(DailyStatement::called).join(" or ");
        return Err(whole(format!(
            "no daily file that is known here ({known}); is it the right file?"
        )));
    };
    let parsed = layout
        .rows(text)
        .map_err(|places| FileProblem::of(name, places))?;
    let Some(day) = parsed.day.or(wanted) else {
        return Err(whole(
            "no line names its day; say which day it is with --day".into(),
        ));
    };
    if let Some(row) = twice(&parsed.rows) {
        let what = format!(
            "the acquirer's number {} is there twice; fetch it again",
            row.trade_no
        );
        return Err(FileProblem::of(
            name,
            vec![LineProblem::new(row.line, what)],
        ));
    }
    Ok(DailyFile {
        name: name.to_owned(),
        day,
        merchant_no: parsed.merchant_no,
        scope: parsed.scope,
        rows: parsed.rows,
        digest: Digest::sha256(bytes),
    })
}

/// A line that is there twice. A payment that the acquirer booked twice has two numbers.
fn twice(rows: &[DailyRow]) -> Option<&DailyRow> {
    let mut seen = std::collections::BTreeSet::new();
    rows.iter()
        .find(|row| !seen.insert((row.kind, row.trade_no.as_str())))
}

/// Reads a number of minor units that are written as such.
pub(super) fn fen(text: &str) -> Option<u64> {
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Reads a number that may be negative.
pub(super) fn signed_fen(text: &str) -> Option<i64> {
    let minor = fen(text.strip_prefix('-').unwrap_or(text))?.cast_signed();
    Some(if text.starts_with('-') { -minor } else { minor })
}
