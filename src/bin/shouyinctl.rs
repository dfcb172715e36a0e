//! `shouyinctl`, the operator's tool: arguments and printing. No logic.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand};
use shouyin::entropy::Entropy;
use shouyin::journal::inspect;
use shouyin::people::{Pin, PinHash, is_typed, read_unseen};
use shouyin::profile::{Capability, Profile, Trust};

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
    /// The supervisor's PIN.
    #[command(subcommand)]
    Pin(PinCommand),
    /// Profiles of acquirers.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// The card reader.
    #[cfg(feature = "live")]
    #[command(subcommand)]
    Reader(ReaderCommand),
}

#[cfg(feature = "live")]
#[derive(Subcommand)]
enum ReaderCommand {
    /// Ask what is at a serial port and say in plain words what was found. Stop the terminal first.
    ///
    /// Exits with 0 when cards can be taken, 1 when the reader answers but has no key, 2 when no reader answers.
    Info {
        /// The reader's device file, e.g. /dev/ttyUSB0
        #[arg(long)]
        port: PathBuf,
        /// Its speed.
        #[arg(long, default_value_t = shouyin::reader::port::BAUD)]
        baud: u32,
    },
}

#[derive(Subcommand)]
enum PinCommand {
    /// Read a new PIN from the terminal (unseen, twice) or from a pipe (one line) and store its hash.
    Set {
        /// Where the hash goes; the configuration's `people.supervisor_pin_file`.
        #[arg(long, value_name = "PATH")]
        file: PathBuf,
        /// The merchant number: a PIN that is its end is refused.
        #[arg(long, value_name = "NO")]
        merchant_no: Option<String>,
    },
}

#[derive(Subcommand)]
enum ProfileCommand {
    /// Read a profile as the terminal would and say what it holds.
    Check {
        /// The profile.
        file: PathBuf,
        /// A public key (PEM) whose signature in FILE.sig is demanded; more than one may be named.
        #[arg(long = "trusted-key", value_name = "FILE")]
        trusted_keys: Vec<PathBuf>,
        /// The lowest version that is accepted.
        #[arg(long, default_value_t = 0)]
        version_min: u32,
    },
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
        #[cfg(feature = "sim")]
        Command::Sim(command) => sim::run(command),
        Command::Journal(command) => journal(command),
        Command::Pin(PinCommand::Set { file, merchant_no }) => {
            set_pin(&file, merchant_no.as_deref())
        }
        Command::Profile(ProfileCommand::Check {
            file,
            trusted_keys,
            version_min,
        }) => check_profile(&file, &Trust::load(&trusted_keys, version_min)?),
        #[cfg(feature = "live")]
        Command::Reader(ReaderCommand::Info { port, baud }) => reader_info(&port, baud),
    }
}

#[cfg(feature = "live")]
fn reader_info(port: &Path, baud: u32) -> anyhow::Result<ExitCode> {
    let found = shouyin::reader::look::look(port, baud)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "a NEO 2 card reader answers on {} at {baud} baud",
        port.display()
    )?;
    for line in found.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(if found.is_usable() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn set_pin(file: &Path, merchant_no: Option<&str>) -> anyhow::Result<ExitCode> {
    let typed = read_unseen("New PIN: ")?;
    let pin = Pin::chosen(&typed, merchant_no)?;
    if is_typed() && *read_unseen("Again: ")? != *typed {
        bail!("the two PINs differ; nothing was changed");
    }
    PinHash::make(&pin, &Entropy::default()).save(file)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "the PIN is set: {}", file.display())?;
    if merchant_no.is_none() {
        let note = "without --merchant-no it was not compared with the merchant number";
        writeln!(out, "{note}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check_profile(file: &Path, trust: &Trust) -> anyhow::Result<ExitCode> {
    let profile = Profile::load(file, trust)?;
    let mut out = std::io::stdout().lock();
    let signed = if trust.is_empty() {
        "signature not checked"
    } else {
        "signed"
    };
    let (id, version) = (&profile.id, profile.version);
    writeln!(
        out,
        "{id} version {version}, {} ({}), {signed}",
        profile.name.zh, profile.name.en
    )?;
    let open = Capability::ALL.into_iter().filter(|c| profile.has(*c));
    let open: Vec<&str> = open.map(Capability::key).collect();
    writeln!(out, "open: {}", open.join(", "))?;
    Ok(ExitCode::SUCCESS)
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
