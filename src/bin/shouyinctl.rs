//! `shouyinctl`, the operator's tool: arguments and printing. No logic.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shouyin::journal::inspect;

/// Inspects what a Shouyin terminal has stored.
#[derive(Parser)]
#[command(name = "shouyinctl", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read image paths (PNG, JPEG, PNM) from standard input, one a line; print one JSON line for each.
    #[cfg(feature = "live")]
    Decode,
    /// The deterministic simulator.
    #[cfg(feature = "sim")]
    #[command(subcommand)]
    Sim(SimCommand),
    /// The journal of a stopped terminal, or a copy of one.
    #[command(subcommand)]
    Journal(JournalCommand),
}

#[cfg(feature = "sim")]
#[derive(Subcommand)]
enum SimCommand {
    /// Run.
    Run {
        /// Sales.
        #[arg(long, default_value_t = 20_000)]
        sales: u64,
        /// Seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Bug.
        #[arg(long)]
        bug: Option<String>,
        /// mem
        #[arg(long)]
        memory: bool,
        /// go on
        #[arg(long)]
        go_on: bool,
    },
    /// Chart.
    Seed {
        /// Seed.
        seed: u64,
        /// Bug.
        #[arg(long)]
        bug: Option<String>,
    },
}

#[derive(Subcommand)]
enum JournalCommand {
    /// Walk the hash chain; name the first altered, missing or moved record. Exits with 1 when there is one.
    Verify {
        /// The database, e.g. /var/lib/shouyin/journal.db
        database: PathBuf,
        /// The second copy to compare with.
        #[arg(long)]
        mirror: Option<PathBuf>,
    },
    /// Print the records, of one order when given.
    Show {
        /// The database.
        database: PathBuf,
        /// Order number.
        #[arg(long)]
        order: Option<String>,
    },
    /// Write JSON lines with number, hash and record to standard output.
    Export {
        /// The database.
        database: PathBuf,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        #[cfg(feature = "live")]
        Command::Decode => {
            shouyin::scanner::cli::decode_stdin()?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "sim")]
        Command::Sim(command) => {
            use shouyin::simulator::{Bench, Bug, Case, Trace, batch};
            let find = |bug: Option<String>| {
                bug.and_then(|b| Bug::from_key(&b)).unwrap_or(Bug::None)
            };
            match command {
                SimCommand::Run { sales, seed, bug, memory, go_on } => {
                    let options = batch::Options {
                        sales,
                        seed,
                        bug: find(bug),
                        in_memory: memory,
                        stop_at_violation: !go_on,
                        ..Default::default()
                    };
                    let started = shouyin::clock::Clock::start();
                    let mut totals = batch::run(&options, "sim");
                    let took = started.now().tick.0;
                    let cov = std::mem::take(&mut totals.coverage);
                    println!("healing p50 {} p99 {} max {} n {}", totals.healed_within(500), totals.healed_within(990), totals.healed_within(1000), totals.healing.len());
                    totals.healing.clear();
                    println!("{totals:#?}\n{} cells\n{} sales/s", cov.0.len(), totals.sales * 1000 / took.max(1));
                }
                SimCommand::Seed { seed, bug } => {
                    let mut bench = Bench::new("one", false);
                    let case = Case::draw(seed, batch::SALES_PER_RUN, None, find(bug));
                    let verdict = batch::play_guarded(&case, &mut bench, Trace::kept());
                    println!("{}", verdict.trace.chart());
                    for v in &verdict.violations { println!("{v}"); }
                    println!("{:?} {:?} {:?}", case.profile, case.manners, case.broken);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Journal(command) => journal(command),
    }
}

fn journal(command: JournalCommand) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match command {
        JournalCommand::Verify { database, mirror } => {
            let verdict = inspect::verify(&database, mirror.as_ref())?;
            writeln!(
                out,
                "{} records are sound, head {}",
                verdict.rows, verdict.head
            )?;
            if let Some(number) = verdict.broken_at {
                writeln!(out, "record {number} is altered, missing or out of place")?;
            }
            if let Some(number) = verdict.mirror_differs_at {
                writeln!(out, "record {number} differs from the second copy")?;
            }
            return Ok(if verdict.is_sound() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            });
        }
        JournalCommand::Show { database, order } => {
            inspect::show(&database, order.as_deref(), &mut out)?;
        }
        JournalCommand::Export { database } => inspect::export(&database, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}
