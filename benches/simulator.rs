//! How many simulated sales one core plays in an hour: with the real journal and the checker, and without a disk.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};
use shouyin::simulator::batch::{self, Options, Totals};

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;

use report::{Limit, Report, Row, median};

/// Goal G2: sales in an hour of one core, with journal and checker.
const SALES_AN_HOUR: f64 = 1e6;
const SALES: u64 = 10_000;
const ROUNDS: u64 = 3;

fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Plays a batch; returns what came of it and how many sales an hour of processor time would bring.
fn play(seed: u64, in_memory: bool) -> (Totals, f64) {
    let options = Options {
        sales: SALES,
        seed,
        in_memory,
        ..Options::default()
    };
    let before = cpu_seconds();
    let totals = batch::run(&options, &format!("bench-{seed}-{in_memory}"));
    let hour = totals.sales as f64 / (cpu_seconds() - before) * 3600.0;
    (totals, hour)
}

fn main() -> ExitCode {
    let mut report = Report::new("simulator");
    for (what, in_memory, limit) in [
        (
            "simulated sales, SQLite journal, checker on",
            false,
            Limit::AtLeast(1.0),
        ),
        (
            "simulated sales, journal in memory, checker on",
            true,
            Limit::None,
        ),
    ] {
        let mut hours = Vec::new();
        for round in 0..ROUNDS {
            let (totals, hour) = play(1 + round * 1_000_000, in_memory);
            assert_eq!(totals.violations, 0, "a bench of a broken terminal");
            let faults: u64 = totals.faults.values().sum();
            println!(
                "{what}: {} sales, {} power cuts, {faults} faults, {hour:.0} an hour and core",
                totals.sales, totals.cuts,
            );
            hours.push(hour);
        }
        report.row(Row {
            what: what.to_owned(),
            ours: median(&mut hours),
            unit: "sales/core-hour",
            against: "limit G2".to_owned(),
            theirs: SALES_AN_HOUR,
            limit,
        });
    }
    report.finish()
}
