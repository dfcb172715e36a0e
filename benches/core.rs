//! How many sales the pure core steps through, on one core, with a free till and with a full
//! background.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use shouyin::limits;

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/shop.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod shop;

use report::{Limit, Report, Row, median};
use shop::Shop;

/// Steps of one sale: amount, code, answer, dismissed.
const STEPS: u64 = 4;
/// Sales that the pure core alone steps through in an hour of one core.
const CORE_AN_HOUR: f64 = 50e6;
/// Goal G2: simulated sales in an hour of one core. Between so many open sales the core must not hold the simulator up.
const SALES_AN_HOUR: f64 = 1e6;

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let mut report = Report::new("core");
    let mut group = criterion.benchmark_group("payment::step");
    group.throughput(Throughput::Elements(STEPS));
    for (name, open, an_hour) in [
        ("no open sale", 0, CORE_AN_HOUR),
        ("99 open sales", limits::OPEN_SALES - 1, SALES_AN_HOUR),
    ] {
        let mut shop = Shop::new();
        for _ in 0..open {
            shop.leave_open();
        }
        assert_eq!(shop.state.sales.len(), open);
        let mut samples = Vec::new();
        group.bench_function(format!("a sale, {name}"), |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                for _ in 0..rounds {
                    black_box(shop.sell());
                }
                let spent = begun.elapsed();
                samples.push(spent.as_secs_f64() / rounds as f64);
                spent
            });
        });
        let sale = median(&mut samples);
        report.row(Row {
            what: format!("payment::step, {name}"),
            ours: STEPS as f64 / sale,
            unit: "steps/s",
            against: format!("{:.0} M sales an hour (4 steps a sale)", an_hour / 1e6),
            theirs: an_hour / 3600.0 * STEPS as f64,
            limit: Limit::AtLeast(1.0),
        });
    }
    group.measurement_time(Duration::from_secs(3));
    group.finish();
    criterion.final_summary();
    report.finish()
}
