//! Milliseconds of wall time for one durable append (our unit of work and the second copy: two
//! syncs), beside raw SQLite that commits twice in the same directory.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};
use rusqlite::{Connection, params};
use shouyin::journal::{Journal, JournalConfig};
use shouyin::payment::Fact;

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/shop.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod shop;

use report::{Limit, Report, Row, folder, median, share};
use shop::Shop;

/// Goal G14: 99 of 100 appends are durable within this time.
const APPEND_P99_MS: f64 = 50.0;
/// Our append may take this many times the raw syncs: it also seals, projects and copies.
const RATIO_MAX: f64 = 2.0;

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let mut report = Report::new("journal");
    let scratch = folder().join("journal");
    // Left over from a run that was interrupted, or not there.
    std::fs::remove_dir_all(&scratch).ok();
    std::fs::create_dir_all(&scratch).expect("a folder under target/");
    let mut group = criterion.benchmark_group("one durable append");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(5));
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    let mut till = Till::open(&scratch);
    group.bench_function("ours", |bencher| {
        bencher.iter_custom(|rounds| run(rounds, &mut ours, || till.append()));
    });
    let mut peer = Raw::open(&scratch);
    group.bench_function("raw SQLite, two commits", |bencher| {
        bencher.iter_custom(|rounds| run(rounds, &mut raw, || peer.append()));
    });
    group.finish();
    report.row(Row {
        what: "journal append with second copy, median".to_owned(),
        ours: median(&mut ours),
        unit: "ms",
        against: "raw SQLite, as many syncs".to_owned(),
        theirs: median(&mut raw),
        limit: Limit::AtMost(RATIO_MAX),
    });
    report.row(Row {
        what: "journal append with second copy, 99 of 100".to_owned(),
        ours: share(&mut ours, 99),
        unit: "ms",
        against: "limit G14".to_owned(),
        theirs: APPEND_P99_MS,
        limit: Limit::AtMost(1.0),
    });
    drop(till);
    std::fs::remove_dir_all(&scratch).ok();
    criterion.final_summary();
    report.finish()
}

/// Times every append by itself, so that the slowest are seen, too.
fn run(rounds: u64, samples: &mut Vec<f64>, mut append: impl FnMut()) -> Duration {
    let mut sum = Duration::ZERO;
    for _ in 0..rounds {
        let begun = Instant::now();
        append();
        let spent = begun.elapsed();
        samples.push(spent.as_secs_f64() * 1e3);
        sum += spent;
    }
    sum
}

struct Till {
    journal: Journal,
    runtime: tokio::runtime::Runtime,
    shop: Shop,
    waiting: Vec<Vec<Fact>>,
}

impl Till {
    fn open(folder: &Path) -> Self {
        let config = JournalConfig::new(folder.to_owned(), folder.join("mirror.log"));
        let (journal, _) = Journal::open(config).expect("an empty journal");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Self {
            journal,
            runtime: runtime.expect("a runtime"),
            shop: Shop::new(),
            waiting: Vec::new(),
        }
    }

    /// Stores the intent of a sale, the next time its result.
    fn append(&mut self) {
        if self.waiting.is_empty() {
            let [intent, result] = self.shop.sell();
            self.waiting = vec![result, intent];
        }
        let facts = self.waiting.pop().expect("filled above");
        let stored = self.runtime.block_on(self.journal.append(facts));
        stored.expect("stored");
    }
}

struct Raw(Connection, u64);

impl Raw {
    fn open(folder: &Path) -> Self {
        let base = Connection::open(folder.join("raw.db")).expect("a new file");
        let settings = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; \
                        PRAGMA synchronous=FULL; \
                        CREATE TABLE fact (number INTEGER PRIMARY KEY, body BLOB, hash BLOB);";
        base.execute_batch(settings).expect("a good disk");
        Self(base, 0)
    }

    /// Two commits of a row as large as a fact.
    fn append(&mut self) {
        for _ in 0..2 {
            self.1 += 1;
            self.0
                .prepare_cached("INSERT INTO fact VALUES (?1, ?2, ?3)")
                .and_then(|mut insert| insert.execute(params![self.1, [7_u8; 420], [9_u8; 32]]))
                .expect("stored");
        }
    }
}
