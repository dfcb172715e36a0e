//! `shouyinctl export`: arguments and printing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use shouyin::export::{Format, export};
use shouyin::journal::Accounts;
use shouyin::reconcile::BusinessDay;

use super::progress::Progress;

#[derive(Args)]
pub struct ExportArgs {
    /// The first day, China's time.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = BusinessDay::parse)]
    from: BusinessDay,
    /// The last day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = BusinessDay::parse)]
    to: BusinessDay,
    /// csv, xlsx or jsonl (with a hash chain).
    #[arg(long, value_parser = Format::parse)]
    format: Format,
    /// The folder; the file is called after the days.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The database of a stopped terminal, or a copy of one.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/shouyin/journal.db"
    )]
    journal: PathBuf,
    /// Minutes after midnight at which a day ends, like the profile's day_cut_min; 0 is midnight.
    #[arg(long, value_name = "MIN", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..1440))]
    day_cut_min: u16,
}

/// Writes the file.
pub fn run(arguments: &ExportArgs) -> anyhow::Result<ExitCode> {
    let (from, to) = (arguments.from, arguments.to);
    if from.days_to(to) < 0 {
        bail!("--from {from} is behind --to {to}; nothing was written");
    }
    let accounts = Accounts::open(&arguments.journal)?;
    let span = (
        from.span(arguments.day_cut_min).0,
        to.span(arguments.day_cut_min).1,
    );
    let name = format!("shouyin_{from}_{to}");
    let mut bar = Progress::new("exporting", accounts.count(span)?);
    let place = (arguments.out.as_path(), name.as_str());
    let mut source = (&accounts, span);
    let formats = [arguments.format];
    let written = export(&mut source, &formats, place, &mut |done, _| bar.at(done))?;
    drop(bar);
    for file in written {
        let (total, minor) = (file.total, file.total.minor);
        let sign = if minor < 0 { "-" } else { "" };
        let minor = minor.unsigned_abs();
        writeln!(
            std::io::stdout(),
            "{}: {} rows, {} of them count, sum {sign}{}.{:02}",
            file.path.display(),
            total.rows,
            total.count,
            minor / 100,
            minor % 100
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
