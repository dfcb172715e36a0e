//! `shouyinctl`, the operator's tool: arguments and printing. No logic.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::domain::OperatorNo;
use shouyin::entropy::Entropy;
use shouyin::journal::{self, JournalConfig, Unread, inspect};
use shouyin::people::{Pin, PinHash, is_typed, read_unseen};
use shouyin::printing::{Copy, Document, Mark, Output, encode, render};
use shouyin::profile::{Capability, Profile, Trust};
use shouyin::view::{Cause, Notice};

#[path = "shouyinctl/export.rs"]
mod export;
#[path = "shouyinctl/progress.rs"]
mod progress;
#[path = "shouyinctl/reconcile.rs"]
mod reconcile;
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
    /// Compare the acquirer's daily files with the journal and give each difference one reason (对账).
    ///
    /// Exits with 0 when both sides are equal line by line, fees included; 1 when every difference has a reason; 2 when
    /// one has none (R12, told first); 3 when nothing was compared: a wrong or damaged file, a journal that cannot be
    /// read. Reasons: R1 open at the cut, R2 taken back, R3 late success, R4 booked twice, R5 back on another day,
    /// R6 another amount, R7 another fee, R8 missing there, R9 missing here, R10 another day, R11 another terminal.
    Reconcile(reconcile::ReconcileArgs),
    /// Sum up a month's fees by wallet, product and type: estimated, and as the acquirer's daily files have them.
    ///
    /// Exits with 0, or with 2 when something could not be read.
    Fees(reconcile::FeesArgs),
    /// Write sales, voids and refunds of some days for a spreadsheet or another program. Pre-authorisations are none.
    ///
    /// The file appears under its name when it is complete. Exits with 0, or with 2 when nothing was written.
    Export(export::ExportArgs),
    /// The supervisor's PIN.
    #[command(subcommand)]
    Pin(PinCommand),
    /// Profiles of acquirers.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// The slip printer.
    #[command(subcommand)]
    Printer(PrinterCommand),
    /// The card reader.
    #[cfg(feature = "live")]
    #[command(subcommand)]
    Reader(ReaderCommand),
}

#[derive(Subcommand)]
enum PrinterCommand {
    /// Print the self-test page on the configured printer, past the queue.
    ///
    /// Exits with 0 when the printer took it, 1 when it did not.
    Test {
        /// Configuration files, as the terminal takes them.
        #[arg(long = "config", value_name = "FILE", required = true)]
        config: Vec<PathBuf>,
    },
}

#[cfg(feature = "live")]
#[derive(Subcommand)]
enum ReaderCommand {
    /// Ask what is at a serial port and say in plain words what was found. Stop the terminal first.
    ///
    /// Exits with 0 when cards can be taken (or a PIN pad answers), 1 when the reader answers but has no key, 2 when
    /// no reader answers.
    Info {
        /// The reader's device file, e.g. /dev/ttyUSB0
        #[arg(long)]
        port: PathBuf,
        /// What it is: neo2, a card reader, or pp60, a PIN pad of the NL-PP60 kind.
        #[arg(long, default_value = "neo2", value_parser = device)]
        kind: Device,
        /// Its speed; 115200 for neo2 and 9600 for pp60 without it.
        #[arg(long)]
        baud: Option<u32>,
    },
    /// Look at one card with a PN532, for development: NOT FOR AUTHORISATION, and never part of a shipping program.
    ///
    /// Exits with 0 when a card was seen, 1 when none was held there, 2 when no PN532 answers.
    #[cfg(feature = "dev-reader")]
    Dev {
        /// The PN532's device file, e.g. /dev/ttyUSB0
        #[arg(long)]
        port: PathBuf,
        /// How many seconds to wait for a card.
        #[arg(long, default_value_t = 10)]
        wait: u8,
    },
}

/// What `reader info` looks for.
#[cfg(feature = "live")]
#[derive(Clone, Copy)]
enum Device {
    Neo2,
    Pp60,
}

#[cfg(feature = "live")]
fn device(word: &str) -> Result<Device, String> {
    match word {
        "neo2" => Ok(Device::Neo2),
        "pp60" => Ok(Device::Pp60),
        _ => Err("a reader is neo2 or pp60".to_owned()),
    }
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
    /// Write a damaged or rolled-back journal anew from its second copy and from what can still be read of it.
    ///
    /// The bad files are renamed, never deleted. Open sales go on at the next start of the terminal. Where records are
    /// missing or may be, it takes no new sale until `accept`. Run it as the terminal's own user, with the terminal
    /// stopped. Exits with 0 when everything is there, 1 when something is or may be missing, 2 when nothing was done.
    Rebuild {
        /// The database, e.g. /var/lib/shouyin/journal.db
        database: PathBuf,
        /// The second copy; `mirror.log` beside the database without it.
        #[arg(long)]
        mirror: Option<PathBuf>,
        /// Give up what the disk does not read any more.
        #[arg(long)]
        give_up_unreadable: bool,
    },
    /// Vouch for a rebuilt journal that may lack records: new sales are taken again. It is written into the journal.
    ///
    /// Compare with the acquirer's books first. Exits with 0 when it was needed, 1 when not, 2 when nothing was done.
    Accept {
        /// The database.
        database: PathBuf,
        /// The second copy; `mirror.log` beside the database without it.
        #[arg(long)]
        mirror: Option<PathBuf>,
        /// The number of whoever takes the responsibility.
        #[arg(long, value_name = "NN")]
        approver: String,
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
        Command::Journal(command) => on_journal(command),
        Command::Reconcile(arguments) => Ok(reconcile::run(&arguments)),
        Command::Export(arguments) => export::run(&arguments),
        Command::Fees(arguments) => reconcile::fees(&arguments),
        Command::Pin(PinCommand::Set { file, merchant_no }) => {
            set_pin(&file, merchant_no.as_deref())
        }
        Command::Printer(PrinterCommand::Test { config }) => test_printer(&config),
        Command::Profile(ProfileCommand::Check {
            file,
            trusted_keys,
            version_min,
        }) => check_profile(&file, &Trust::load(&trusted_keys, version_min)?),
        #[cfg(feature = "live")]
        Command::Reader(ReaderCommand::Info { port, kind, baud }) => match kind {
            Device::Neo2 => reader_info(&port, baud.unwrap_or(shouyin::reader::port::BAUD)),
            Device::Pp60 => pad_info(&port, baud.unwrap_or(shouyin::reader::pp60::BAUD)),
        },
        #[cfg(feature = "dev-reader")]
        Command::Reader(ReaderCommand::Dev { port, wait }) => reader_dev(&port, wait),
    }
}

fn test_printer(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let config = Config::load(files)?;
    let Some(mut printer) = config.printer.clone() else {
        bail!("no printer is configured; name printer.kind in a file");
    };
    let page = Document::SelfTest {
        at: Clock::start().now().utc,
    };
    let how = (Copy::Merchant, Mark::First);
    let lines = render(&page, &config.on_slips(), how, None, printer.width);
    let bytes = encode(&lines, printer.width, printer.cut)?;
    let mut out = std::io::stdout();
    match printer.out.print(&bytes) {
        Ok(()) => writeln!(out, "the printer took the self-test page")?,
        Err(stopped) => {
            let part = if stopped.begun {
                "a part of it may be on paper"
            } else {
                "nothing was printed"
            };
            let notice = Notice::from(Cause::Printer(stopped.trouble, 0));
            writeln!(out, "{:?} ({}): {part}", stopped.trouble, notice.code)?;
            return Ok(ExitCode::from(1));
        }
    }
    Ok(ExitCode::SUCCESS)
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

#[cfg(feature = "live")]
fn pad_info(port: &Path, baud: u32) -> anyhow::Result<ExitCode> {
    let found = shouyin::reader::pp60::look::look(port, baud)?;
    let mut out = std::io::stdout().lock();
    let place = port.display();
    writeln!(
        out,
        "a PIN pad of the NL-PP60 kind answers on {place} at {baud} baud"
    )?;
    for line in found.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "dev-reader")]
fn reader_dev(port: &Path, wait_s: u8) -> anyhow::Result<ExitCode> {
    let seen = shouyin::reader::pn532::look(port, u64::from(wait_s) * 1_000)?;
    let mut out = std::io::stdout().lock();
    let Some(seen) = seen else {
        writeln!(out, "no card was held to the reader")?;
        return Ok(ExitCode::from(1));
    };
    let (version, revision) = seen.firmware;
    writeln!(out, "a PN532 answers, firmware {version}.{revision}")?;
    writeln!(out, "{}", seen.card)?;
    Ok(ExitCode::SUCCESS)
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

fn on_journal(command: JournalCommand) -> anyhow::Result<ExitCode> {
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
            if verdict.mirror_lacks > 0 {
                let lacks = verdict.mirror_lacks;
                writeln!(
                    out,
                    "the second copy lacks the newest records ({lacks}); a start adds them"
                )?;
            }
            if let Some(day) = verdict.sums_differ_on {
                let (year, month, day) = day.date();
                let day = format!("{year:04}-{month:02}-{day:02}");
                writeln!(
                    out,
                    "the sums of {day} are not those of its records; a start renews them"
                )?;
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
        JournalCommand::Rebuild {
            database,
            mirror,
            give_up_unreadable,
        } => {
            let unread = if give_up_unreadable {
                Unread::GivenUp
            } else {
                Unread::Fails
            };
            return rebuild(&terminals(&database, mirror)?, unread, &mut out);
        }
        JournalCommand::Accept {
            database,
            mirror,
            approver,
        } => return accept(&terminals(&database, mirror)?, &approver, &mut out),
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings with which the terminal opens this journal.
fn terminals(database: &Path, mirror: Option<PathBuf>) -> anyhow::Result<JournalConfig> {
    if database.file_name() != Some("journal.db".as_ref()) {
        bail!(
            "{} is not a terminal's own journal: its name is journal.db",
            database.display()
        );
    }
    let dir = database.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new(".")).to_owned();
    if !dir.is_dir() {
        bail!("there is no folder {}", dir.display());
    }
    if let Some(named) = mirror.as_ref().filter(|named| !named.exists()) {
        bail!("there is no second copy {}", named.display());
    }
    let mirror = mirror.unwrap_or_else(|| dir.join("mirror.log"));
    Ok(JournalConfig::new(dir, mirror))
}

fn rebuild(
    config: &JournalConfig,
    unread: Unread,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let copy = config.mirror.clone().unwrap_or_default();
    writeln!(
        out,
        "rebuilding {} from {} and from what can still be read of it; the bad files are kept",
        config.database().display(),
        copy.display()
    )?;
    let report = journal::rebuild(config, Clock::start().now().utc, unread)?;
    let told = &report.rebuilt;
    writeln!(out, "found: {}", report.problem)?;
    writeln!(out, "{} records recovered with their own seals", told.rows)?;
    if told.carried > 0 {
        let carried = told.carried;
        writeln!(out, "{carried} records from behind a gap sealed anew")?;
    }
    let aside = config.dir.join(&told.aside);
    if aside.exists() {
        writeln!(out, "the bad database is kept as {}", aside.display())?;
    }
    if let Some(aside) = &report.copy_aside {
        writeln!(out, "the bad second copy is kept as {}", aside.display())?;
    }
    if told.whole {
        writeln!(out, "nothing is missing; start the terminal")?;
        return Ok(ExitCode::SUCCESS);
    }
    match told.missing {
        0 => writeln!(out, "records may be missing: nothing proves the contrary")?,
        missing => writeln!(out, "{missing} records are known to be missing")?,
    }
    let next = "open sales go on, but no new sale is taken: compare with the acquirer's books, then run \
                shouyinctl journal accept";
    writeln!(out, "{next}")?;
    Ok(ExitCode::from(1))
}

fn accept(config: &JournalConfig, approver: &str, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let number = OperatorNo::new(approver).context("--approver")?;
    let now = Clock::start().now().utc;
    if journal::accept(config, number, now)? {
        writeln!(
            out,
            "operator {approver} vouches for the journal; new sales are taken again"
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "nobody has to vouch for this journal; nothing was changed"
    )?;
    Ok(ExitCode::from(1))
}
