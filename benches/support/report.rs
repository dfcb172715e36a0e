//! What every bench hands in: one row for each figure, beside a peer or a named limit of the same
//! run. Rows of all benches end up in `target/bench/summary.md`.
//!
//! A row within its limit passes. Above it the row is marked; only above [`WIDE`] times the limit
//! does the bench fail, because the machines that run it are shared.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// How far a limit must be broken to fail.
const WIDE: f64 = 3.0;

/// One figure.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Our figure.
    pub ours: f64,
    /// Unit of both figures.
    pub unit: &'static str,
    /// The peer or the named limit.
    pub against: String,
    /// Its figure.
    pub theirs: f64,
    /// The bound on the ratio.
    pub limit: Limit,
}

/// A bound on ours / theirs.
#[derive(Clone, Copy)]
pub enum Limit {
    /// Low is good.
    AtMost(f64),
    /// High is good.
    AtLeast(f64),
    /// Only told.
    None,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }

    /// How many times the limit the figure is; 1 and less is good.
    fn strain(&self) -> f64 {
        match self.limit {
            Limit::AtMost(most) => self.ratio() / most,
            Limit::AtLeast(least) => least / self.ratio(),
            Limit::None => 0.0,
        }
    }

    fn line(&self) -> String {
        let bound = match self.limit {
            Limit::AtMost(most) => format!("≤ {most}"),
            Limit::AtLeast(least) => format!("≥ {least}"),
            Limit::None => "-".to_owned(),
        };
        let verdict = match self.strain() {
            strain if strain > WIDE => "**broken**",
            strain if strain > 1.0 => "above",
            _ => "ok",
        };
        format!(
            "| {} | {} | {} | {} | {} | {:.2} | {bound} | {verdict} |",
            self.what,
            figure(self.ours),
            self.unit,
            self.against,
            figure(self.theirs),
            self.ratio(),
        )
    }
}

fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The rows of one bench.
pub struct Report {
    bench: &'static str,
    rows: Vec<Row>,
}

const HEAD: &str = "| what | ours | unit | against | figure | ratio | limit | verdict |\n\
                    |---|--:|---|---|--:|--:|--:|---|\n";

impl Report {
    pub fn new(bench: &'static str) -> Self {
        let rows = Vec::new();
        Self { bench, rows }
    }

    /// Takes a row; one that was filtered out on the command line has no figures.
    pub fn row(&mut self, row: Row) {
        if row.ours.is_finite() && row.theirs.is_finite() {
            self.rows.push(row);
        }
    }

    /// Writes and prints everything; fails when a limit is broken by a wide margin.
    pub fn finish(self) -> ExitCode {
        let parts = folder().join("parts");
        fs::create_dir_all(&parts).expect("a folder under target/");
        let table: String = self.rows.iter().map(|row| row.line() + "\n").collect();
        fs::write(parts.join(self.bench), &table).expect("written");
        println!("\n{HEAD}{table}");
        let mut all = format!("# Benches\n\n{}\n\n{HEAD}", machine());
        let mut names: Vec<_> = fs::read_dir(&parts)
            .expect("it was made above")
            .flatten()
            .map(|part| part.path())
            .collect();
        names.sort();
        for name in names {
            let _ = write!(all, "{}", fs::read_to_string(name).unwrap_or_default());
        }
        let summary = folder().join("summary.md");
        fs::write(&summary, all).expect("written");
        println!("all rows so far: {}", summary.display());
        let broken = self.rows.iter().filter(|row| row.strain() > WIDE).count();
        if broken > 0 {
            println!("{broken} limits are broken by more than {WIDE} times");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

/// `target/bench`, also for scratch files: they lie on the disk that the build lies on.
pub fn folder() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.parent().expect("a target folder").join("bench")
}

/// The middle of the samples; not a number when there are none.
pub fn median(samples: &mut [f64]) -> f64 {
    share(samples, 50)
}

/// The sample under which so many percent lie.
pub fn share(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = samples.len() * percent / 100;
    let last = samples.len().saturating_sub(1);
    samples.get(at.min(last)).copied().unwrap_or(f64::NAN)
}

fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |name| {
            name.trim_matches([' ', '\t', ':'])
        });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load: Vec<_> = load.split(' ').take(3).collect();
    format!("{model}, {cores} cores, load {}", load.join(" "))
}
