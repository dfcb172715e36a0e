//! `shouyin-sandbox`, an acquirer on loopback and a card reader on a pseudo-terminal: arguments, printing. No logic.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use shouyin::sim::reader::{Bench, Kind, Options as ReaderOptions};
use shouyin::sim::{
    Books, Errors, Options, Plants, PrinterOptions, daily_file, serve_printer, serve_with,
};

/// A strict Lakala V3 acquirer, a slip printer and a card reader for one laptop. Moves no real money.
#[derive(Parser)]
#[command(name = "shouyin-sandbox", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until interrupted; prints one line of JSON when ready.
    Serve {
        /// Keys, certificates, books and the terminal's configuration.
        #[arg(long)]
        dir: PathBuf,
        /// HTTPS port on loopback; 0 picks one.
        #[arg(long, default_value_t = 8443)]
        port: u16,
        /// Port of the customer's wallet page and of GET /ledger, on loopback; 0 picks one.
        #[arg(long, default_value_t = 8081)]
        page_port: u16,
        /// Forget everything at the end.
        #[arg(long)]
        in_memory: bool,
        /// Divide every wait of a story by this.
        #[arg(long, default_value_t = 1)]
        time_scale: u64,
        /// Answer a failed signature check with HTTP 401 and no signature headers.
        #[arg(long)]
        unsigned_errors: bool,
        /// Plug a card reader into the sandbox's desk; a symbolic link of this name leads to its port.
        #[arg(long)]
        reader: Option<PathBuf>,
        /// End without a goodbye after so many lines of the books were synced (kill test).
        #[arg(long, hide = true)]
        abort_after_lines: Option<u64>,
    },
    /// Write the acquirer's daily file of a date, also while the sandbox runs.
    ///
    /// Differences can be planted, by the reason that a terminal must give for them: R1 an open order booked as paid,
    /// R2 an unpaid one charged and taken back, R4 the first sale twice, R5 and R10 the last refund and the last sale
    /// in the next day's file, R6 a discount on the second sale, R7 another fee for the third, R8 the last sale but one
    /// left out, R9 a sale that nobody made, R11 another terminal's, R12 a declined order booked as paid. R3 needs no
    /// plant: it is a story (docs/SANDBOX.md).
    Daily {
        /// The sandbox's directory.
        #[arg(long)]
        dir: PathBuf,
        /// The business date, yyyyMMdd; it ends at 23:00 in China.
        #[arg(long)]
        date: String,
        /// What to plant, e.g. R4,R7.
        #[arg(long, default_value = "", value_parser = Plants::parse)]
        plant: Plants,
        /// Where the file goes; standard output without it.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// A slip printer on a TCP port that prints on pictures; prints one line of JSON when ready.
    Printer {
        /// Where slips are left, as text and as pictures.
        #[arg(long)]
        dir: PathBuf,
        /// TCP port on loopback; 0 picks one.
        #[arg(long, default_value_t = 9100)]
        port: u16,
        /// Port of the bench page on loopback, where the paper runs out; 0 picks one.
        #[arg(long, default_value_t = 8082)]
        page_port: u16,
        /// Paper in millimetres: 58 or 80.
        #[arg(long, default_value_t = 58, value_parser = clap::value_parser!(u32).range(58..=80))]
        width_mm: u32,
    },
    /// Be a card reader, a PIN pad or a reader for development on a pseudo-terminal, with cards that were never issued.
    ///
    /// Reads lines from standard input (`tap debit`, `pin 1234`, `fault late`, ...) and answers each with `ok` or with
    /// what is known; docs/READERS.md lists them. Ends with the input.
    Reader {
        /// What it is: neo2, a card reader; pp60, a PIN pad of the NL-PP60 kind; for development pn532 or gempc.
        #[arg(long, default_value = "neo2", value_parser = reader_kind)]
        kind: Kind,
        /// Name of the port; a symbolic link is made there.
        #[arg(long)]
        link: PathBuf,
        /// The speed that it understands; 9600 for pp60 and 115200 for the others without it.
        #[arg(long)]
        baud: Option<u32>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line with every cause.
            writeln!(std::io::stderr(), "shouyin-sandbox: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    match Arguments::parse().command {
        command @ Command::Serve { .. } => serve(command).await,
        Command::Daily {
            dir,
            date,
            plant,
            out,
        } => daily(&dir, &date, &plant, out),
        Command::Printer {
            dir,
            port,
            page_port,
            width_mm,
        } => print(dir, port, page_port, width_mm).await,
        Command::Reader { kind, link, baud } => {
            let baud = baud.unwrap_or(kind.baud());
            reader(ReaderOptions { kind, link, baud })
        }
    }
}

/// Writes a daily file.
fn daily(dir: &Path, date: &str, plant: &Plants, out: Option<PathBuf>) -> anyhow::Result<()> {
    let digits = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    anyhow::ensure!(digits, "--date {date} is no date; write it like 20261126");
    let path = dir.join("books.jsonl");
    let books = Books::look(&path).with_context(|| {
        let path = path.display();
        format!("{path} cannot be read; is --dir a sandbox's directory that keeps its books?")
    })?;
    let text = daily_file(&books, date, plant);
    match out {
        None => std::io::stdout().write_all(text.as_bytes())?,
        Some(path) => std::fs::write(&path, text)
            .with_context(|| format!("{} cannot be written", path.display()))?,
    }
    Ok(())
}

/// Runs the printer until it is interrupted.
async fn print(dir: PathBuf, port: u16, page_port: u16, width_mm: u32) -> anyhow::Result<()> {
    let place = dir.display().to_string();
    let options = PrinterOptions {
        dir,
        port,
        page_port,
        dots: if width_mm < 80 { 384 } else { 576 },
    };
    let running = serve_printer(options).await.with_context(|| {
        format!("cannot print into {place}; choose another folder or port (0 picks one)")
    })?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{{\"printer\":\"127.0.0.1:{}\",\"bench\":\"http://127.0.0.1:{}/\"}}",
        running.port, running.page_port
    )?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

async fn serve(command: Command) -> anyhow::Result<()> {
    let Command::Serve {
        dir,
        port,
        page_port,
        in_memory,
        time_scale,
        unsigned_errors,
        reader,
        abort_after_lines,
    } = command
    else {
        return Ok(());
    };
    let errors = if unsigned_errors {
        Errors::Unsigned
    } else {
        Errors::Signed
    };
    let place = format!(
        "--dir {} --port {port} --page-port {page_port}",
        dir.display()
    );
    let options = Options {
        dir,
        port,
        page_port,
        in_memory,
        time_scale,
        abort_after_lines,
    };
    let running = serve_with(options, errors).await.with_context(|| {
        format!("cannot serve with {place}; choose another folder or port (0 picks one)")
    })?;
    let mut told = String::new();
    if let Some(link) = reader {
        let place = link.display().to_string();
        let plugged = running.plug_reader(link);
        plugged
            .with_context(|| format!("cannot be a reader at {place}; choose another --reader"))?;
        told = format!(
            ",\"reader\":{place:?},\"desk\":\"http://127.0.0.1:{}/reader\"",
            running.page_port
        );
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{{\"api\":\"https://localhost:{0}\",\"wallet\":\"http://127.0.0.1:{1}/\",\"ledger\":\"http://127.0.0.1:{1}/ledger\"{told}}}",
        running.port, running.page_port
    )?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Plays a reader until the input ends. Nothing else runs in this process, so it may wait for lines.
fn reader(options: ReaderOptions) -> anyhow::Result<()> {
    let place = options.link.display().to_string();
    let bench = Bench::start(options)
        .with_context(|| format!("cannot be a reader at {place}; choose another --link"))?;
    let mut out = std::io::stdout();
    writeln!(out, "{{\"port\":{place:?}}}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        match bench.act(&line?) {
            Ok(()) => writeln!(out, "ok")?,
            Err(why) => writeln!(out, "{why}")?,
        }
        out.flush()?;
    }
    Ok(())
}

fn reader_kind(word: &str) -> Result<Kind, String> {
    match word {
        "neo2" => Ok(Kind::Neo2),
        "pp60" => Ok(Kind::Pp60),
        "pn532" => Ok(Kind::Pn532),
        "gempc" => Ok(Kind::GemPc),
        _ => Err("a reader is neo2, pp60, pn532 or gempc".to_owned()),
    }
}
