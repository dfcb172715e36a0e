//! `shouyinctl sim`: arguments and printing. The simulator is `shouyin::simulator`.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use clap::Subcommand;
use rustix::time::{ClockId, clock_gettime};
use shouyin::clock::Clock;
use shouyin::simulator::batch::{self, Failure, Options, Totals};
use shouyin::simulator::report::{self, Measured, PlantedRow};
use shouyin::simulator::{Bench, Bug, Case, Profile, Script, Trace, shrink};

#[derive(Subcommand)]
pub enum SimCommand {
    /// Simulate sales under faults; exits with 1 at a violation, after writing the shrunk run to a file.
    Run {
        /// Stop after so many sales.
        #[arg(long, default_value_t = 20_000)]
        sales: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One acquirer's rules only: wechat, alipay or unionpay.
        #[arg(long)]
        profile: Option<String>,
        /// Threads.
        #[arg(long, default_value_t = 1)]
        jobs: usize,
        /// Plant a bug (see `planted`).
        #[arg(long)]
        bug: Option<String>,
        /// Keep the journal in a list in memory: the speed of core and checker alone.
        #[arg(long)]
        memory: bool,
        /// Go on after a violation.
        #[arg(long)]
        go_on: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Write the figures into the marked section of this page.
        #[arg(long)]
        write_report: Option<PathBuf>,
        /// Where a shrunk run is written.
        #[arg(long, default_value = ".")]
        out: PathBuf,
    },
    /// Play the runs of a file and draw what happened.
    Replay {
        /// The file.
        file: PathBuf,
    },
    /// Play one seed, draw what happened, and shrink it when something did not hold.
    Seed {
        /// The seed.
        seed: u64,
        /// Plant a bug.
        #[arg(long)]
        bug: Option<String>,
        /// Print the shrunk run instead of the drawing.
        #[arg(long)]
        shrink: bool,
    },
    /// Plant every bug and tell at which sale each is caught; exits with 1 when one is not.
    Planted {
        /// The limit for each, in sales.
        #[arg(long, default_value_t = 20_000)]
        sales: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Write the table into the marked section of this page.
        #[arg(long)]
        write_report: Option<PathBuf>,
    },
}

pub fn run(command: SimCommand) -> anyhow::Result<ExitCode> {
    quiet_panics();
    match command {
        SimCommand::Run {
            sales,
            seed,
            profile,
            jobs,
            bug,
            memory,
            go_on,
            json,
            write_report,
            out,
        } => {
            let options = Options {
                sales,
                seed,
                profile: profile.as_deref().map(find_profile).transpose()?,
                bug: find_bug(bug.as_deref())?,
                jobs,
                in_memory: memory,
                stop_at_violation: !go_on,
                harm_only: false,
            };
            std::fs::create_dir_all(&out).with_context(|| {
                format!("cannot make the folder {} for shrunk runs", out.display())
            })?;
            simulate(&options, json, write_report, &out)
        }
        SimCommand::Replay { file } => replay(&file),
        SimCommand::Seed { seed, bug, shrink } => one_seed(seed, find_bug(bug.as_deref())?, shrink),
        SimCommand::Planted {
            sales,
            seed,
            write_report,
        } => planted(sales, seed, write_report),
    }
}

/// A broken assertion of the program is a finding; it is told with its run, not here. A build that ends at one tells it
/// at once, because nobody else will.
fn quiet_panics() {
    if cfg!(panic = "unwind") {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

fn find_bug(key: Option<&str>) -> anyhow::Result<Bug> {
    match key {
        None => Ok(Bug::None),
        Some(key) => Bug::from_key(key).with_context(|| format!("no planted bug is called {key}")),
    }
}

fn find_profile(key: &str) -> anyhow::Result<Profile> {
    Profile::from_key(key).with_context(|| format!("no profile is called {key}"))
}

/// Prints; whoever reads may stop reading.
fn say(text: &str) {
    std::io::stdout().lock().write_all(text.as_bytes()).ok();
}

/// Runs a batch and measures it.
fn measured(options: &Options, name: &str) -> (Totals, Measured) {
    let clock = Clock::start();
    let cpu = || clock_gettime(ClockId::ProcessCPUTime);
    // Before the run: the folder may be at another commit when it ends.
    let commit = commit();
    let (before, totals) = (cpu(), batch::run(options, name));
    let after = cpu();
    let cpu_ms =
        (after.tv_sec - before.tv_sec) * 1_000 + (after.tv_nsec - before.tv_nsec) / 1_000_000;
    let measured = Measured {
        cpu_ms: u64::try_from(cpu_ms).unwrap_or(1).max(1),
        wall_ms: clock.now().tick.0.max(1),
        commit,
    };
    (totals, measured)
}

/// The commit of the working folder, with a mark when files were changed.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let head = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    match git(&[
        "status",
        "--porcelain",
        "--",
        "src",
        "Cargo.lock",
        "migrations",
    ]) {
        Some(changes) if changes.is_empty() => head,
        Some(_) | None => head + " with changes",
    }
}

fn simulate(
    options: &Options,
    json: bool,
    page: Option<PathBuf>,
    out: &std::path::Path,
) -> anyhow::Result<ExitCode> {
    let (totals, measured) = measured(options, "run");
    if json {
        say(&format!(
            "{:#}\n",
            report::json(options, &totals, &measured)
        ));
    } else {
        say(&report::text(options, &totals, &measured));
    }
    for failure in totals.failures.iter().take(3) {
        write_shrunk(options, failure, out)?;
    }
    if let Some(page) = page {
        let section = report::section(options, &totals, &measured);
        put_section(&page, "run", &section)?;
    }
    Ok(exit(totals.violations == 0 || options.bug != Bug::None))
}

fn exit(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn write_shrunk(options: &Options, failure: &Failure, out: &std::path::Path) -> anyhow::Result<()> {
    let Some(script) = shrunk(failure.seed, options) else {
        return Ok(());
    };
    let path = out.join(format!("sim-{}.txt", failure.seed));
    std::fs::write(&path, script.text())
        .with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!(
        "the shrunk run is in {}; shouyinctl sim replay draws it",
        path.display()
    );
    Ok(())
}

fn shrunk(seed: u64, options: &Options) -> Option<Script> {
    let mut bench = Bench::new(&format!("shrink-{seed}"), false);
    let case = Case::draw(seed, batch::SALES_PER_RUN, options.profile, options.bug);
    let verdict = batch::play_guarded(&case, &mut bench, Trace::default());
    let first = verdict.violations.first()?;
    let small = shrink(&case, first.invariant, &mut bench)?;
    let mut script = Script::new(&format!("seed {seed}: {}", first.what), small);
    script
        .expect
        .push(shouyin::simulator::Expect::Violation(first.invariant));
    Some(script)
}

fn one_seed(seed: u64, bug: Bug, small: bool) -> anyhow::Result<ExitCode> {
    let options = Options {
        bug,
        ..Options::default()
    };
    if small {
        let script = shrunk(seed, &options).context("nothing to shrink: everything held")?;
        say(&script.text());
        return Ok(ExitCode::SUCCESS);
    }
    let mut bench = Bench::new("seed", false);
    let case = Case::draw(seed, batch::SALES_PER_RUN, None, bug);
    let verdict = batch::play_guarded(&case, &mut bench, Trace::kept());
    say(&verdict.trace.chart());
    for violation in &verdict.violations {
        say(&format!("{violation}\n"));
    }
    Ok(exit(verdict.violations.is_empty()))
}

fn replay(file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let scripts =
        Script::read_all(&text).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(!scripts.is_empty(), "{} holds no case", file.display());
    let mut bench = Bench::new("replay", false);
    let mut good = true;
    for script in scripts {
        let verdict = batch::play_guarded(&script.case, &mut bench, Trace::kept());
        say(&format!("case {}\n", script.name));
        say(&verdict.trace.chart());
        for violation in &verdict.violations {
            say(&format!("{violation}\n"));
        }
        for what in script.disappointed(&verdict) {
            say(&format!("not as expected: {what}\n"));
            good = false;
        }
        say("\n");
    }
    Ok(exit(good))
}

fn planted(sales: u64, seed: u64, page: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for bug in Bug::ALL {
        let first = |harm_only: bool| {
            let options = Options {
                sales,
                seed,
                bug: *bug,
                harm_only,
                ..Options::default()
            };
            let name = format!("planted-{}-{harm_only}", bug.key());
            batch::run(&options, &name).failures.first().cloned()
        };
        let row = PlantedRow {
            bug: *bug,
            caught: first(false),
            harm: first(true),
        };
        say(&format!("{}\n", report::planted_row(&row)));
        rows.push(row);
    }
    if let Some(page) = page {
        let section = report::planted_section(&rows, (sales, seed), &commit());
        put_section(&page, "planted", &section)?;
    }
    let caught = |row: &PlantedRow| row.caught.is_some();
    Ok(exit(rows.iter().all(caught)))
}

fn put_section(page: &std::path::Path, name: &str, section: &str) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let text = report::replace_section(&text, name, section)
        .with_context(|| format!("{} has no section {name}", page.display()))?;
    std::fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))
}
