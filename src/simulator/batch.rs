//! Many runs: seeds in a row, added up.
//!
//! Owns the totals and the choice of seeds. Runs are independent, so several threads may share them; the totals do not
//! depend on how.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::bench::Bench;
use super::case::{Case, Verdict};
use super::check::{Invariant, Violation, Word};
use super::coverage::Coverage;
use super::host::Profile;
use super::plant::Bug;
use super::run::play;
use super::trace::Trace;
use super::world::Wait;

/// Sales that people try to make in one run.
pub const SALES_PER_RUN: u32 = 20;
/// Every so many runs one is played twice.
const TWICE_EVERY: u64 = 100;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stop after so many sales.
    pub sales: u64,
    /// The first seed; the next runs have the next ones.
    pub seed: u64,
    /// One acquirer's rules only.
    pub profile: Option<Profile>,
    /// A planted bug.
    pub bug: Bug,
    /// Threads.
    pub jobs: usize,
    /// The journal is a list in memory.
    pub in_memory: bool,
    /// Stop at the first violation.
    pub stop_at_violation: bool,
    /// Count only what is wrong with the money at rest.
    pub harm_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sales: 20_000,
            seed: 1,
            profile: None,
            bug: Bug::None,
            jobs: 1,
            in_memory: false,
            stop_at_violation: true,
            harm_only: false,
        }
    }
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that draws the case.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Sales of the batch begun before and in this run, at the violation.
    pub at_sale: u64,
}

/// Figures of a batch.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Sales with a stored intent.
    pub sales: u64,
    /// Events of the core.
    pub events: u64,
    /// Requests that left.
    pub requests: u64,
    /// Units of work on the disk.
    pub appends: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Killed processes.
    pub kills: u64,
    /// Boots.
    pub boots: u64,
    /// Runs with a fault during the recovery from another one.
    pub compound_runs: u64,
    /// Liveness runs.
    pub liveness_runs: u64,
    /// Runs that were played twice and gave the same.
    pub repeated: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Sales by their last word.
    pub ends: BTreeMap<&'static str, u64>,
    /// Settlements whose sides were equal.
    pub balanced: u64,
    /// Settlements whose sides were not.
    pub unbalanced: u64,
    /// Entries that settlements left open.
    pub left_open: u64,
    /// Assertions.
    pub checks: u64,
    /// Real openings of the disk as a power cut would have left it.
    pub snapshots: u64,
    /// What each sale waited for that was open at the mending, and how many milliseconds it took.
    pub healing: Vec<(Wait, u64)>,
    /// What was reached.
    pub coverage: Coverage,
    /// Violations.
    pub violations: u64,
    /// The first runs that failed.
    pub failures: Vec<Failure>,
}

const FAILURES_KEPT: usize = 20;

impl Totals {
    fn add(&mut self, case: &Case, seed: u64, verdict: Verdict) {
        let sales_before = self.sales;
        self.runs += 1;
        self.sales += verdict.sales;
        let figures = verdict.figures;
        self.events += figures.events;
        self.requests += figures.requests;
        self.appends += figures.appends;
        self.cuts += figures.cuts;
        self.kills += figures.kills;
        self.boots += figures.boots;
        self.compound_runs += u64::from(figures.compound > 0);
        self.liveness_runs += u64::from(case.broken.is_some());
        self.checks += verdict.checks;
        for settling in verdict.settlements.iter().filter(|settling| settling.ended) {
            self.balanced += u64::from(settling.balanced);
            self.unbalanced += u64::from(!settling.balanced);
            self.left_open += settling.left.len() as u64;
        }
        self.snapshots += figures.snapshots;
        self.healing.extend(figures.healing);
        for (_, fault) in &verdict.faults {
            *self.faults.entry(fault.kind.key()).or_default() += 1;
        }
        for (name, count) in figures.troubles {
            *self.faults.entry(name).or_default() += count;
        }
        for end in &verdict.ends {
            let word = match end.ended {
                Some(Word::Paid) => "paid",
                Some(Word::NotPaid) => "not paid",
                Some(Word::Revoked) => "revoked",
                Some(
                    Word::Wait
                    | Word::Revoking
                    | Word::GoingBack
                    | Word::WentBack
                    | Word::NotReturned,
                )
                | None => "open",
            };
            *self.ends.entry(word).or_default() += 1;
        }
        self.coverage.add(&verdict.coverage);
        self.violations += verdict.violations.len() as u64;
        if let Some(first) = verdict.violations.first() {
            let at_sale = sales_before + first.sales.max(1);
            if self.failures.len() < FAILURES_KEPT {
                self.failures.push(Failure {
                    seed,
                    at_sale,
                    violations: verdict.violations,
                });
            }
        }
    }

    /// Adds what another thread did.
    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.sales += other.sales;
        self.events += other.events;
        self.requests += other.requests;
        self.appends += other.appends;
        self.cuts += other.cuts;
        self.kills += other.kills;
        self.boots += other.boots;
        self.compound_runs += other.compound_runs;
        self.liveness_runs += other.liveness_runs;
        self.repeated += other.repeated;
        self.checks += other.checks;
        self.balanced += other.balanced;
        self.unbalanced += other.unbalanced;
        self.left_open += other.left_open;
        self.snapshots += other.snapshots;
        self.healing.extend(other.healing);
        self.coverage.add(&other.coverage);
        self.violations += other.violations;
        self.failures.extend(other.failures);
        self.failures.sort_by_key(|failure| failure.seed);
        self.failures.truncate(FAILURES_KEPT);
        for (from, to) in [
            (other.faults, &mut self.faults),
            (other.ends, &mut self.ends),
        ] {
            for (name, count) in from {
                *to.entry(name).or_default() += count;
            }
        }
    }

    /// Returns how many sales waited so at the mending, and the times that so many thousandths of them did not exceed.
    pub fn healed_within(&self, wait: Wait, per_mille: &[usize]) -> (usize, Vec<u64>) {
        let of = self.healing.iter().filter(|(kind, _)| *kind == wait);
        let mut times: Vec<u64> = of.map(|(_, ms)| *ms).collect();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = |share: &usize| times.get(last * share / 1_000).copied().unwrap_or(0);
        (times.len(), per_mille.iter().map(at).collect())
    }
}

/// Plays a case; a broken assertion inside the program is a violation like any other.
pub fn play_guarded(case: &Case, bench: &mut Bench, trace: Trace) -> Verdict {
    let played = catch_unwind(AssertUnwindSafe(|| play(case, bench, trace)));
    played.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default();
        let violation = Violation {
            invariant: Invariant::I11,
            what: format!("an assertion inside the program broke: {text}"),
            at: 0,
            sales: 0,
            at_rest: false,
        };
        Verdict::broken(violation)
    })
}

/// Runs until there are enough sales. `name` names the disks and is used once in a process.
pub fn run(options: &Options, name: &str) -> Totals {
    let next = AtomicU64::new(options.seed);
    let sold = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.max(1))
            .map(|job| {
                let (next, sold, stop) = (&next, &sold, &stop);
                let name = format!("{name}-{job}");
                scope.spawn(move || work(options, &name, next, sold, stop))
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(part) => totals.merge(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    totals
}

fn work(
    options: &Options,
    name: &str,
    next: &AtomicU64,
    sold: &AtomicU64,
    stop: &AtomicBool,
) -> Totals {
    let mut bench = Bench::new(name, options.in_memory);
    let mut totals = Totals::default();
    while sold.load(Ordering::Relaxed) < options.sales && !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let case = Case::draw(seed, SALES_PER_RUN, options.profile, options.bug);
        let mut verdict = play_guarded(&case, &mut bench, Trace::default());
        if seed.is_multiple_of(TWICE_EVERY) {
            let again = play_guarded(&case, &mut bench, Trace::default());
            totals.repeated += 1;
            if again.hash != verdict.hash {
                verdict.violations.push(Violation {
                    invariant: Invariant::I14,
                    what: "the same seed gave another run".to_owned(),
                    at: 0,
                    sales: verdict.sales,
                    at_rest: false,
                });
            }
        }
        if options.harm_only {
            verdict.violations.retain(Violation::is_harm);
        }
        sold.fetch_add(verdict.sales, Ordering::Relaxed);
        if options.stop_at_violation && !verdict.violations.is_empty() {
            stop.store(true, Ordering::Relaxed);
        }
        totals.add(&case, seed, verdict);
    }
    totals
}
