//! Figures of a batch: as JSON, as words, and as a section of `docs/RELIABILITY.md`.
//!
//! Owns the forms. Measures nothing itself.

use std::fmt::Write;

use serde_json::{Value, json};

use super::batch::{Failure, Options, Totals};
use super::coverage::Coverage;
use super::plant::Bug;
use super::reach::{expected, holes, thin};
use super::world::Wait;

/// What was measured around a batch.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Processor time in milliseconds, all threads together.
    pub cpu_ms: u64,
    /// Wall time in milliseconds.
    pub wall_ms: u64,
    /// The commit that ran.
    pub commit: String,
}

impl Measured {
    fn per_core_second(&self, count: u64) -> u64 {
        count * 1_000 / self.cpu_ms
    }
}

/// Holes that are named in words; JSON names them all.
const HOLES_LISTED: usize = 20;
const SHARES: [usize; 3] = [500, 990, 1_000];

/// Returns the figures as JSON.
pub fn json(options: &Options, totals: &Totals, measured: &Measured) -> Value {
    let healing: Vec<Value> = Wait::ALL
        .into_iter()
        .map(|wait| {
            let (count, times) = totals.healed_within(wait, &SHARES);
            json!({
                "waited_for": wait.key(), "sales": count,
                "p50_ms": times[0], "p99_ms": times[1], "max_ms": times[2],
            })
        })
        .collect();
    let failures: Vec<Value> = totals.failures.iter().map(failure_json).collect();
    let per_second = measured.per_core_second(totals.sales);
    json!({
        "commit": measured.commit,
        "seed": options.seed,
        "journal": if options.in_memory { "in memory" } else { "SQLite" },
        "planted_bug": options.bug.key(),
        "runs": totals.runs,
        "liveness_runs": totals.liveness_runs,
        "compound_runs": totals.compound_runs,
        "repeated_runs": totals.repeated,
        "sales": totals.sales,
        "ends": totals.ends,
        "events": totals.events,
        "requests": totals.requests,
        "appends": totals.appends,
        "settlements": totals.balanced + totals.unbalanced,
        "settlements_balanced": totals.balanced,
        "entries_left_open": totals.left_open,
        "assertions": totals.checks,
        "durable_snapshots": totals.snapshots,
        "faults": totals.faults,
        "faults_total": totals.faults.values().sum::<u64>(),
        "power_cuts": totals.cuts,
        "kills": totals.kills,
        "boots": totals.boots,
        "violations": totals.violations,
        "failures": failures,
        "after_mending": healing,
        "coverage": coverage_json(&totals.coverage),
        "cpu_seconds": measured.cpu_ms / 1_000,
        "wall_seconds": measured.wall_ms / 1_000,
        "sales_per_second": per_second,
        "sales_per_core_hour": per_second * 3_600,
    })
}

fn failure_json(failure: &Failure) -> Value {
    let what: Vec<String> = failure.violations.iter().map(ToString::to_string).collect();
    json!({ "seed": failure.seed, "at_sale": failure.at_sale, "violations": what })
}

fn coverage_json(coverage: &Coverage) -> Value {
    let cells: Vec<Value> = coverage
        .0
        .iter()
        .map(|((state, event, point), count)| json!([state, event, point.key(), count]))
        .collect();
    json!({ "cells": cells, "holes": holes(coverage) })
}

/// Returns the figures in words.
pub fn text(options: &Options, totals: &Totals, measured: &Measured) -> String {
    let mut out = String::new();
    for line in lines(options, totals, measured) {
        writeln!(out, "{line}").expect("invariant: a String takes text");
    }
    for failure in &totals.failures {
        let (seed, at) = (failure.seed, failure.at_sale);
        writeln!(out, "seed {seed}, caught at sale {at}:").expect("invariant: a String takes text");
        for violation in failure.violations.iter().take(5) {
            writeln!(out, "  {violation}").expect("invariant: a String takes text");
        }
    }
    out
}

fn lines(options: &Options, totals: &Totals, measured: &Measured) -> Vec<String> {
    let share = |part: u64| (part * 100).checked_div(totals.runs).unwrap_or(0);
    let per_second = measured.per_core_second(totals.sales);
    let faults: u64 = totals.faults.values().sum();
    let by_kind: Vec<String> = totals
        .faults
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let ends: Vec<String> = totals
        .ends
        .iter()
        .map(|(end, count)| format!("{end} {count}"))
        .collect();
    let mut lines = vec![
        format!("commit {}, seed {}", measured.commit, options.seed),
        format!(
            "{} runs, {} of them for liveness, {} % with a fault during recovery, {} played twice",
            totals.runs,
            totals.liveness_runs,
            share(totals.compound_runs),
            totals.repeated
        ),
        format!("{} sales: {}", totals.sales, ends.join(", ")),
        format!(
            "{} settlements: {} equal, {} not; {} entries were left open and counted later",
            totals.balanced + totals.unbalanced,
            totals.balanced,
            totals.unbalanced,
            totals.left_open
        ),
        format!(
            "{} events, {} requests, {} units of work stored, {} assertions, {} real openings of a snapshot",
            totals.events, totals.requests, totals.appends, totals.checks, totals.snapshots
        ),
        format!(
            "{} power cuts, {} kills, {} boots",
            totals.cuts, totals.kills, totals.boots
        ),
        format!("{faults} faults: {}", by_kind.join(", ")),
    ];
    lines.extend(healing_lines(totals));
    lines.push(coverage_line(totals));
    lines.push(format!("violations: {}", totals.violations));
    lines.push(format!(
        "{} s of processor time: {per_second} sales a second and core, {} an hour and core ({})",
        measured.cpu_ms / 1_000,
        per_second * 3_600,
        if options.in_memory {
            "journal in memory"
        } else {
            "SQLite journal, checker on"
        }
    ));
    lines
}

fn healing_lines(totals: &Totals) -> Vec<String> {
    let mut lines = Vec::new();
    for wait in Wait::ALL {
        let (count, times) = totals.healed_within(wait, &SHARES);
        lines.push(format!(
            "after mending, {}: {count} sales, ended within {} s (half), {} s (99 %), {} s (all)",
            wait.key(),
            times[0] / 1_000,
            times[1] / 1_000,
            times[2] / 1_000
        ));
    }
    lines
}

fn coverage_line(totals: &Totals) -> String {
    let (expected, thin) = (expected().len(), thin(&totals.coverage, totals.sales));
    let holes = holes(&totals.coverage);
    let listed: Vec<&str> = holes
        .iter()
        .take(HOLES_LISTED)
        .map(String::as_str)
        .collect();
    format!(
        "coverage: {} cells of state, event and durable point; of {expected} that are expected, {thin} were reached \
         less than 100 times in a million sales, {} never{}{}{}",
        totals.coverage.0.len(),
        holes.len(),
        if holes.is_empty() { "" } else { ": " },
        listed.join("; "),
        if holes.len() > HOLES_LISTED {
            "; ..."
        } else {
            ""
        }
    )
}

/// Returns the section of a batch.
pub fn section(options: &Options, totals: &Totals, measured: &Measured) -> String {
    let mut out = String::new();
    for line in lines(options, totals, measured) {
        writeln!(out, "- {line}").expect("invariant: a String takes text");
    }
    out
}

/// What came of one planted bug.
#[derive(Clone, Debug)]
pub struct PlantedRow {
    /// The bug.
    pub bug: Bug,
    /// The first run in which anything was noticed.
    pub caught: Option<Failure>,
    /// The first run at whose end customers' money or the books were wrong.
    pub harm: Option<Failure>,
}

/// Returns one planted bug in words.
pub fn planted_row(row: &PlantedRow) -> String {
    let found = match &row.caught {
        None => "NOT CAUGHT".to_owned(),
        Some(failure) => {
            let first = failure.violations.first();
            let what = first.map_or_else(String::new, |v| format!("{}: {}", v.invariant, v.what));
            let harm = row.harm.as_ref().map_or_else(
                || "no money wrong".to_owned(),
                |harm| format!("money wrong at sale {}", harm.at_sale),
            );
            format!(
                "sale {}, seed {}: {what}; {harm}",
                failure.at_sale, failure.seed
            )
        }
    };
    format!("{:<4} {:<70} {found}", row.bug.key(), row.bug.says())
}

/// Returns the section of the planted bugs.
pub fn planted_section(rows: &[PlantedRow], (sales, seed): (u64, u64), commit: &str) -> String {
    let mut out = format!("Commit {commit}, first seed {seed}, at most {sales} sales each.\n\n");
    out.push_str(
        "| bug | what is planted | noticed at sale | by | money wrong at rest at sale |\n",
    );
    out.push_str("|---|---|---|---|---|\n");
    for row in rows {
        let (at, by) = match &row.caught {
            None => ("**not caught**".to_owned(), String::new()),
            Some(failure) => {
                let first = failure.violations.first();
                let by = first.map_or_else(String::new, |v| v.invariant.to_string());
                (failure.at_sale.to_string(), by)
            }
        };
        let harm = row
            .harm
            .as_ref()
            .map_or_else(|| "-".to_owned(), |harm| harm.at_sale.to_string());
        let (key, says) = (row.bug.key(), row.bug.says());
        writeln!(out, "| {key} | {says} | {at} | {by} | {harm} |")
            .expect("invariant: a String takes text");
    }
    out
}

/// Replaces what stands between the two marks of a section; `None` when they are not there.
pub fn replace_section(page: &str, name: &str, section: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- sim {name}: begin -->\n"),
        format!("<!-- sim {name}: end -->"),
    );
    let from = page.find(&begin)? + begin.len();
    let to = from + page.get(from..)?.find(&end)?;
    Some(format!("{}{section}{}", &page[..from], &page[to..]))
}
