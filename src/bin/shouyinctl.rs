//! The operator's tool. Arguments only; the work is in the library.

use clap::{Parser, Subcommand};

/// The operator's tool of Shouyin.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads image paths (PNG, JPEG, PNM) from stdin, one a line; prints one JSON line for each.
    Decode,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        #[cfg(feature = "live")]
        Command::Decode => Ok(shouyin::scanner::cli::decode_stdin()?),
        #[cfg(not(feature = "live"))]
        Command::Decode => anyhow::bail!("built without the decoders (feature `live`)"),
    }
}
