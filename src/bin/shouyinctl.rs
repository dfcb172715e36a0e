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
    /// The journal of a stopped terminal, or a copy of one.
    #[command(subcommand)]
    Journal(JournalCommand),
}

#[derive(Subcommand)]
enum JournalCommand {
    /// Check the file and walk the hash chain; name the first altered, missing or moved record.
    ///
    /// Exits with 0 when all is sound, 1 when a record is wrong, 2 when the journal cannot be read.
    Verify {
        /// The database, e.g. /var/lib/shouyin/journal.db
        database: PathBuf,
        /// The second copy to compare with.
        #[arg(long)]
        mirror: Option<PathBuf>,
    },
    /// Print the records, of one order when given (exit code 1 when it is not there).
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

/// Exit code when something could not be looked at at all.
const NOT_DONE: u8 = 2;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // One line with every cause.
            writeln!(std::io::stderr(), "shouyinctl: {error:#}").ok();
            ExitCode::from(NOT_DONE)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        #[cfg(feature = "live")]
        Command::Decode => {
            shouyin::scanner::cli::decode_stdin()?;
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
            let shown = inspect::show(&database, order.as_deref(), &mut out)?;
            if let (Some(order), 0) = (order, shown) {
                writeln!(
                    std::io::stderr(),
                    "shouyinctl: no record names order {order}"
                )?;
                return Ok(ExitCode::from(1));
            }
        }
        JournalCommand::Export { database } => inspect::export(&database, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}
