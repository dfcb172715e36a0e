//! What a shop asks of its records after eight and a half years (1,000,000 sales), beside the same shop after a month
//! (10,000 sales): start, today's sums, pages of the list, a search, a month's statistics, a batch of 2,000.
//!
//! The journals are made by `support/history` through the journal itself: sealed, chained, copied. They are kept in
//! `target/bench/records-N` for the next run, and their making is not part of any figure. `SHOUYIN_BENCH_SALES`
//! takes another number.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use shouyin::domain::{BatchNo, Channel, Days, Filter, LocalDay, OperatorNo, Place};
use shouyin::journal::{DirectJournal, JournalConfig, JournalError};

#[path = "support/history.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod history;
#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;

use history::{Habits, History};
use report::{Limit, Report, Row, folder, median};

/// The limits.
const LIMIT_MS: f64 = 10.0;
const BATCH_MS: f64 = 200.0;
const GROWTH: f64 = 1.5;

const LARGE: u64 = 1_000_000;
const SMALL: u64 = 10_000;
/// The same shop in both: only the years differ.
const HABITS: Habits = Habits {
    per_day: 320,
    holds: 5,
};
/// Days at the end that are not settled: about 2,000 entries.
const UNSETTLED_DAYS: u64 = 6;
/// Facts of one unit of work while a journal is made.
const UNIT: usize = 2_000;
const ROUNDS: usize = 31;
const PASSES: usize = 5;
const PAGE: usize = 30;
/// Changes with everything that changes what the generator writes.
const VERSION: &str = "1";

fn config(dir: &std::path::Path) -> JournalConfig {
    JournalConfig::new(dir.to_owned(), dir.join("mirror.log"))
}

/// A journal with so many sales, and its last day.
struct Made {
    dir: PathBuf,
    sales: u64,
    last: LocalDay,
}

/// Makes a journal, or takes the one of an earlier run.
fn make(sales: u64) -> Result<Made, JournalError> {
    let dir = folder().join(format!("records-{sales}"));
    let note = dir.join("made");
    let mark = format!("{VERSION} {}", shouyin::journal::SCHEMA);
    let days = sales.div_ceil(HABITS.per_day);
    let mut history = History::new(sales, HABITS);
    let last = history
        .next_day()
        .plus(i64::try_from(days).expect("days") - 1);
    if std::fs::read_to_string(&note).is_ok_and(|own| own == mark) {
        return Ok(Made { dir, sales, last });
    }
    // Another version's, half made, or not there.
    std::fs::remove_dir_all(&dir).ok();
    std::fs::create_dir_all(&dir).expect("a folder under target/");
    let begun = Instant::now();
    let (mut journal, _) = DirectJournal::open(&config(&dir))?;
    for day in 0..days {
        let mut facts = history.sell_a_day();
        if day + UNSETTLED_DAYS < days {
            facts.extend(history.settle());
        }
        for unit in facts.chunks(UNIT) {
            journal.append(unit)?;
        }
    }
    journal.close();
    std::fs::write(note, mark).expect("written");
    println!(
        "{} sales of {days} days made in {:.0} s",
        history.sales,
        begun.elapsed().as_secs_f64()
    );
    Ok(Made { dir, sales, last })
}

/// The middle of many rounds, in milliseconds.
fn time<T>(mut ask: impl FnMut() -> T) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(ask());
        begun.elapsed().as_secs_f64() * 1e3
    });
    median(&mut rounds.collect::<Vec<_>>())
}

fn must<T>(answer: Result<T, JournalError>) -> T {
    answer.expect("a sound journal")
}

/// The middle of many starts, in milliseconds.
fn starts(config: &JournalConfig) -> f64 {
    let opens = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        let (journal, _) = must(DirectJournal::open(config));
        let spent = begun.elapsed().as_secs_f64() * 1e3;
        journal.close();
        spent
    });
    median(&mut opens.collect::<Vec<_>>())
}

/// Every figure of one journal, by name.
fn measure(made: &Made) -> Vec<(&'static str, f64)> {
    let config = config(&made.dir);
    let open = starts(&config);
    let journal = must(DirectJournal::open(&config)).0;
    let day = made.last;
    let (from, to) = (day.start().0, day.plus(1).start().0);
    let all = Filter::default();
    let today = Filter {
        days: Some(Days::one(day)),
        ..Filter::default()
    };
    // Half of all days before the last one; both journals are asked for the middle of theirs.
    let deep = Place {
        at_ms: day
            .plus(-i64::try_from(made.sales / HABITS.per_day / 2).expect("days"))
            .start()
            .0,
        row: 0,
    };
    let page = must(journal.list(&all, Some(deep), PAGE));
    assert_eq!(page.rows.len(), PAGE, "the page in the past is full");
    let order = page.rows.iter().find_map(|row| match row {
        shouyin::journal::ListRow::Sale(sale) => Some(sale.order_no.to_string()),
        shouyin::journal::ListRow::Undo(_) => None,
    });
    let order = order.expect("a sale");
    let tail = order[order.len() - 6..].to_owned();
    let rare = Filter {
        channel: Some(Channel::UnionPay),
        operator: OperatorNo::new("02").ok(),
        ..Filter::default()
    };
    let batch = BatchNo::new(999_999).expect("a batch");
    let entries = must(journal.batch(batch, &[])).entries.len();
    assert!(entries >= 1_900, "{entries} entries are not settled");
    let month = Days {
        from: day.plus(-30),
        to: day.plus(1),
    };
    vec![
        ("start of the journal", open),
        ("today's sums", time(|| must(journal.totals(from, to)))),
        (
            "sums for the limits",
            time(|| must(journal.spent(from, day.plus(-30).start().0))),
        ),
        (
            "list, first page of today",
            time(|| must(journal.list(&today, None, PAGE))),
        ),
        (
            "list, a page deep in the past",
            time(|| must(journal.list(&all, Some(deep), PAGE))),
        ),
        (
            "list, where one in eighty fits",
            time(|| must(journal.list(&rare, None, PAGE))),
        ),
        (
            "search by order number",
            time(|| must(journal.find(&order))),
        ),
        ("search by its last six", time(|| must(journal.find(&tail)))),
        ("statistics of 31 days", time(|| must(journal.tally(month)))),
        (
            "batch of 2,000 entries",
            time(|| must(journal.batch(batch, &[]))),
        ),
    ]
}

fn main() -> ExitCode {
    let mut report = Report::new("records");
    let sales = std::env::var("SHOUYIN_BENCH_SALES").ok();
    let sales = sales.and_then(|text| text.parse().ok()).unwrap_or(LARGE);
    let small = make(SMALL).expect("a sound journal");
    let large = make(sales).expect("a sound journal");
    // In turns, so that a neighbour of this machine slows both.
    let passes: Vec<_> = (0..PASSES)
        .map(|_| (measure(&large), measure(&small)))
        .collect();
    for (row, (what, _)) in passes[0].0.iter().enumerate() {
        let ours = median(&mut passes.iter().map(|pass| pass.0[row].1).collect::<Vec<_>>());
        let before = median(&mut passes.iter().map(|pass| pass.1[row].1).collect::<Vec<_>>());
        let limit = if what.starts_with("batch") {
            BATCH_MS
        } else {
            LIMIT_MS
        };
        report.row(Row {
            what: format!("{what}, {sales} sales"),
            ours,
            unit: "ms",
            against: "limit".to_owned(),
            theirs: limit,
            limit: Limit::AtMost(1.0),
        });
        report.row(Row {
            what: format!("{what}, growth"),
            ours,
            unit: "ms",
            against: "10,000 sales".to_owned(),
            theirs: before,
            limit: Limit::AtMost(GROWTH),
        });
    }
    report.finish()
}
