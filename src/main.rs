//! The till's program. For now only its hidden subcommand: the scanner's worker process.

use clap::{Parser, Subcommand};

/// Shouyin, a payment terminal.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The scanner's worker process; started by the till itself.
    #[command(hide = true)]
    ScanWorker {
        /// Where frames come from, for example camera:/dev/video0.
        #[arg(long)]
        source: String,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        #[cfg(feature = "live")]
        Some(Command::ScanWorker { source }) => Ok(shouyin::scanner::worker::run(&source)?),
        #[cfg(not(feature = "live"))]
        Some(Command::ScanWorker { .. }) => anyhow::bail!("built without the scanner"),
        None => Ok(()),
    }
}
