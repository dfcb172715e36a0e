//! `shouyinctl`, the operator's tool: arguments and printing. No logic.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shouyin::journal::inspect;

#[cfg(feature = "sim")]
#[path = "shouyinctl/sim.rs"]
mod sim;

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
    Sim(sim::SimCommand),
    /// The journal of a stopped terminal, or a copy of one.
    #[command(subcommand)]
    Journal(JournalCommand),
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
        Command::Sim(command) => sim::run(command),
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
