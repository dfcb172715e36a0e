//! `shouyinctl reconcile` and `shouyinctl fees`: files in, tables or JSON out. What is compared how is the library's.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use shouyin::config::Config;
use shouyin::domain::fee::Product;
use shouyin::domain::{Channel, TermNo, Timestamp};
use shouyin::journal::{Accounts, JournalError};
use shouyin::profile::{Profile, Trust};
use shouyin::reconcile::{BusinessDay, DailyFile, DayReport, Found, Ours, read, reconcile};
use shouyin::settlement::{Charge, EntryKind, FeeTerms, Posting, sum_fees};

use super::progress::Progress;

/// Exit codes of `reconcile`.
const EXPLAINED: u8 = 1;
const UNEXPLAINED: u8 = 2;
const NOT_DONE: u8 = 3;

/// Where our side comes from.
#[derive(Args)]
pub struct Source {
    /// The database of a stopped terminal, or a copy of one.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/shouyin/journal.db"
    )]
    pub journal: PathBuf,
    /// Configuration files, as the terminal takes them: profile, fee class, merchant and terminal number.
    #[arg(long = "config", value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// A profile, where no configuration is given; the built-in one without it.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub profile: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ReconcileArgs {
    /// Daily files of the acquirer, one a day.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Our merchant number; from the configuration without it, else it is not checked.
    #[arg(long, value_name = "NO")]
    merchant_no: Option<String>,
    /// The day that the file must be of (only with one FILE).
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = BusinessDay::parse)]
    day: Option<BusinessDay>,
    #[command(flatten)]
    source: Source,
}

#[derive(Args)]
pub struct FeesArgs {
    /// The month, by the acquirer's days.
    #[arg(long, value_name = "YYYY-MM", value_parser = BusinessDay::month)]
    month: (BusinessDay, BusinessDay),
    /// Daily files of that month: their own fees stand beside the estimate.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
}

/// What our side is, whoever told it.
struct Known {
    terms: FeeTerms,
    cut_min: u16,
    merchant: Option<String>,
    term: Option<TermNo>,
}

impl Source {
    fn known(&self) -> anyhow::Result<Known> {
        if self.config.is_empty() {
            let profile = match &self.profile {
                Some(path) => Profile::load(path, &Trust::default())?,
                None => Profile::built_in(),
            };
            return Ok(Known {
                terms: FeeTerms {
                    table: profile.fees,
                    class: None,
                    void: profile.void.fee,
                    refund: profile.refund.fee,
                },
                cut_min: profile.settlement.day_cut_min,
                merchant: None,
                term: None,
            });
        }
        let config = Config::load(&self.config)?;
        Ok(Known {
            terms: config.fee_terms(),
            cut_min: config.profile.settlement.day_cut_min,
            merchant: Some(config.acquirer.merchant.as_str().to_owned()),
            term: Some(config.acquirer.term),
        })
    }
}

/// Runs `reconcile`; what cannot be looked at has an exit code of its own.
pub fn run(arguments: &ReconcileArgs) -> ExitCode {
    match compare(arguments) {
        Ok(code) => code,
        Err(error) => {
            writeln!(std::io::stderr(), "shouyinctl: {error:#}").ok();
            ExitCode::from(NOT_DONE)
        }
    }
}

fn compare(arguments: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    if arguments.day.is_some() && arguments.files.len() > 1 {
        bail!("--day is for one FILE; each file names its own day");
    }
    let known = arguments.source.known()?;
    let merchant = arguments.merchant_no.clone().or(known.merchant.clone());
    let files = files(&arguments.files, arguments.day, merchant.as_deref())?;
    if let (Some(wanted), [file]) = (arguments.day, files.as_slice())
        && file.day != wanted
    {
        bail!(
            "{} is of {}, not of {wanted}; is it the right file?",
            file.name,
            file.day
        );
    }
    let accounts = Accounts::open(&arguments.source.journal)?;
    let postings = postings(&accounts, &files, known.cut_min)?;
    let term = term(known.term, &accounts)?;
    let ours = Ours {
        term: &term,
        cut_min: known.cut_min,
        terms: &known.terms,
        postings: &postings,
    };
    let reports = reconcile(&files, &ours);
    let mut out = std::io::stdout().lock();
    if arguments.source.json {
        let days: Vec<Value> = reports.iter().map(day_json).collect();
        writeln!(out, "{}", json!({ "term_no": term.as_str(), "days": days }))?;
    } else {
        for report in &reports {
            table(report, &mut out)?;
        }
    }
    let of = |chosen: fn(&Found) -> bool| reports.iter().any(|r| r.found.iter().any(chosen));
    let open = |found: &Found| found.difference.reason == shouyin::settlement::Reason::Unexplained;
    Ok(ExitCode::from(match (of(open), of(|_| true)) {
        (true, _) => UNEXPLAINED,
        (false, true) => EXPLAINED,
        (false, false) => 0,
    }))
}

/// Reads the files and refuses a day twice and another merchant's.
fn files(
    paths: &[PathBuf],
    day: Option<BusinessDay>,
    merchant: Option<&str>,
) -> anyhow::Result<Vec<DailyFile>> {
    let mut files: Vec<DailyFile> = Vec::new();
    let mut progress = Progress::new("reading files", paths.len() as u64);
    for path in paths {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
        let file = read(&name, &bytes, day)?;
        if let Some(same) = files.iter().find(|before| before.digest == file.digest) {
            bail!(
                "{name} and {} are the same file; name each day once",
                same.name
            );
        }
        let twice = |before: &&DailyFile| before.day == file.day && before.scope == file.scope;
        if let Some(same) = files.iter().find(twice) {
            let day = file.day;
            bail!(
                "{name} and {} are both of {day}, and differ; keep the newer one",
                same.name
            );
        }
        if let (Some(ours), Some(theirs)) = (merchant, &file.merchant_no)
            && ours != theirs
        {
            bail!("{name} is merchant {theirs}'s, and we are {ours}; is it the right file?");
        }
        files.push(file);
        progress.step();
    }
    Ok(files)
}

/// Reads everything of the files' days, the days beside them and whatever the files name.
fn postings(
    accounts: &Accounts,
    files: &[DailyFile],
    cut_min: u16,
) -> anyhow::Result<Vec<Posting>> {
    let spans = files.iter().map(|file| {
        let cut = file.scope.cut_min.unwrap_or(cut_min);
        file.day.span(cut)
    });
    let day_ms = 86_400_000;
    let from = spans
        .clone()
        .map(|span| span.0.0 - day_ms)
        .min()
        .unwrap_or(0);
    let to = spans
        .clone()
        .map(|span| span.1.0 + day_ms)
        .max()
        .unwrap_or(0);
    let Some((first, last)) = accounts.span()? else {
        bail!("the journal has no sale at all; is it the right journal?");
    };
    for (file, (begin, end)) in files.iter().zip(spans) {
        if last < begin || first >= end {
            let (name, day) = (&file.name, file.day);
            let (from, to) = (
                BusinessDay::of(first, cut_min),
                BusinessDay::of(last, cut_min),
            );
            bail!(
                "{name} is of {day}, and the journal goes from {from} to {to}: wrong day or wrong journal"
            );
        }
    }
    let rows = files.iter().flat_map(|file| &file.rows);
    let numbers: Vec<&str> = rows.map(|row| row.number()).collect();
    let mut progress = None;
    let found = accounts.families(
        (Timestamp(from), Timestamp(to)),
        &numbers,
        &mut |done, all| {
            let bar = progress.get_or_insert_with(|| Progress::new("reading the journal", all));
            bar.at(done);
        },
    )?;
    Ok(found)
}

fn term(known: Option<TermNo>, accounts: &Accounts) -> anyhow::Result<TermNo> {
    if let Some(term) = known {
        return Ok(term);
    }
    let newest = accounts.newest_order()?;
    // An order number is the terminal's number and at least 19 characters more.
    let text = newest.as_ref().map_or("", |order| order.as_str());
    let term = text.len().checked_sub(19).map(|end| &text[..end.min(8)]);
    term.and_then(|term| TermNo::new(term).ok())
        .context("the journal does not name its terminal; name the configuration with --config")
}

fn yuan(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}

fn table(report: &DayReport, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}  {}", report.day, report.file)?;
    writeln!(
        out,
        "{:<12}{:>8}{:>16}{:>12}{:>16}",
        "", "count", "amount", "fee", "net"
    )?;
    for (name, side) in [("terminal", report.ours), ("acquirer", report.theirs)] {
        let net = side.minor - side.fee_minor;
        let (amount, fee) = (yuan(side.minor), yuan(side.fee_minor));
        writeln!(
            out,
            "{name:<12}{:>8}{amount:>16}{fee:>12}{:>16}",
            side.count,
            yuan(net)
        )?;
    }
    let sums = [
        ("difference", report.total()),
        ("explained", report.explained()),
        ("UNEXPLAINED", report.unexplained()),
    ];
    for (name, (minor, fee)) in sums {
        let net = yuan(minor - fee);
        let (minor, fee) = (yuan(minor), yuan(fee));
        writeln!(out, "{name:<12}{:>8}{minor:>16}{fee:>12}{net:>16}", "")?;
    }
    if report.found.is_empty() {
        return writeln!(out, "equal, line by line\n");
    }
    for found in &report.found {
        let difference = &found.difference;
        let voucher = difference
            .voucher
            .map_or("------".to_owned(), |v| v.to_string());
        let (key, number) = (difference.reason.key(), &difference.number);
        let (delta, fee) = (yuan(difference.delta()), yuan(found.fee_delta()));
        writeln!(
            out,
            "{key:<4} {voucher} {number:<32} {:<10}{delta:>14}{fee:>10}  {}",
            difference.channel.key(),
            found.note
        )?;
        writeln!(out, "     {}", evidence(found))?;
    }
    writeln!(out)
}

fn evidence(found: &Found) -> String {
    let lines: Vec<String> = found.lines.iter().map(u64::to_string).collect();
    let lines = match lines.as_slice() {
        [] => "no line of the file".to_owned(),
        lines => format!("file line {}", lines.join(", ")),
    };
    match found.facts {
        Some((first, last)) => format!("journal records {first} to {last}; {lines}"),
        None => format!("no journal record; {lines}"),
    }
}

fn day_json(report: &DayReport) -> Value {
    let side = |side: shouyin::reconcile::Side| json!({ "count": side.count, "minor": side.minor, "fee_minor": side.fee_minor });
    let pair = |(minor, fee): (i64, i64)| json!({ "minor": minor, "fee_minor": fee });
    let found = |found: &Found| {
        let difference = &found.difference;
        json!({
            "reason": difference.reason.key(),
            "number": difference.number,
            "voucher": difference.voucher.map(|voucher| voucher.to_string()),
            "channel": difference.channel.key(),
            "ours_minor": difference.ours_minor,
            "theirs_minor": difference.theirs_minor,
            "our_fee_minor": found.our_fee_minor,
            "their_fee_minor": found.their_fee_minor,
            "facts": found.facts.map(|(first, last)| [first, last]),
            "lines": found.lines,
            "note": found.note,
        })
    };
    json!({
        "day": report.day.to_string(),
        "file": report.file,
        "terminal": side(report.ours),
        "acquirer": side(report.theirs),
        "difference": pair(report.total()),
        "explained": pair(report.explained()),
        "unexplained": pair(report.unexplained()),
        "differences": report.found.iter().map(found).collect::<Vec<Value>>(),
    })
}

/// What one wallet, product and type came to in a month.
#[derive(Default)]
struct Sum {
    count: u64,
    minor: i64,
    estimate: i64,
    /// Of the days whose files were given.
    actual: Option<i64>,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.minor += other.minor;
        self.estimate += other.estimate;
        if let Some(actual) = other.actual {
            *self.actual.get_or_insert(0) += actual;
        }
    }

    /// The figures of one line of the table.
    fn figures(&self) -> String {
        format!(
            "{:>8}{:>16}{:>12}{:>12}{:>16}",
            self.count,
            yuan(self.minor),
            yuan(self.estimate),
            self.actual.map_or("-".to_owned(), yuan),
            yuan(self.minor - self.estimate)
        )
    }
}

/// Prints a month's fees.
pub fn fees(arguments: &FeesArgs) -> anyhow::Result<ExitCode> {
    let known = arguments.source.known()?;
    let (first, last) = arguments.month;
    let span = (first.span(known.cut_min).0, last.span(known.cut_min).1);
    let accounts = Accounts::open(&arguments.source.journal)?;
    let mut progress = Progress::new("reading the journal", accounts.count(span)?);
    let mut charges = Vec::new();
    accounts.each(span, |posting| -> Result<(), JournalError> {
        progress.step();
        if posting.entry.counts() {
            charges.push(Charge {
                kind: posting.entry.kind,
                channel: posting.entry.channel,
                product: None,
                amount: posting.entry.amount,
                left: posting.left,
            });
        }
        Ok(())
    })?;
    drop(progress);
    let estimate = sum_fees(charges, &known.terms);
    let mut sums: BTreeMap<(Channel, Product, EntryKind), Sum> = BTreeMap::new();
    for line in &estimate.lines {
        let sum = sums
            .entry((line.channel, line.product, line.kind))
            .or_default();
        sum.count = line.count.into();
        sum.minor = line.kind.signed(line.minor);
        sum.estimate = line.fee_minor;
    }
    let files = files(&arguments.files, None, known.merchant.as_deref())?;
    for report in actual(&files, &known, &accounts, (first, last))? {
        for fee in report.fees {
            let sum = sums
                .entry((fee.channel, fee.product, fee.kind))
                .or_default();
            *sum.actual.get_or_insert(0) += fee.fee_minor;
        }
    }
    let mut out = std::io::stdout().lock();
    if arguments.source.json {
        fees_json(
            &sums,
            (first, last),
            estimate.unpriced(),
            files.len(),
            &mut out,
        )?;
    } else {
        fees_table(
            &sums,
            (first, last),
            estimate.unpriced(),
            files.len(),
            &mut out,
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn actual(
    files: &[DailyFile],
    known: &Known,
    accounts: &Accounts,
    (first, last): (BusinessDay, BusinessDay),
) -> anyhow::Result<Vec<DayReport>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(file) = files
        .iter()
        .find(|file| file.day < first || file.day > last)
    {
        bail!(
            "{} is of {}, which is not in this month",
            file.name,
            file.day
        );
    }
    let postings = postings(accounts, files, known.cut_min)?;
    let term = term(known.term.clone(), accounts)?;
    let ours = Ours {
        term: &term,
        cut_min: known.cut_min,
        terms: &known.terms,
        postings: &postings,
    };
    Ok(reconcile(files, &ours))
}

type Sums = BTreeMap<(Channel, Product, EntryKind), Sum>;

fn fees_table(
    sums: &Sums,
    (first, last): (BusinessDay, BusinessDay),
    unpriced: u32,
    files: usize,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    writeln!(
        out,
        "fees from {first} to {last}, estimated; actual fees of {files} daily files"
    )?;
    writeln!(
        out,
        "{:<10}{:<13}{:<8}{:>8}{:>16}{:>12}{:>12}{:>16}",
        "wallet", "product", "type", "count", "amount", "estimate", "actual", "net"
    )?;
    let mut all = Sum::default();
    for ((channel, product, kind), sum) in sums {
        let (channel, product, kind) = (channel.key(), product.key(), kind.key());
        let figures = sum.figures();
        writeln!(out, "{channel:<10}{product:<13}{kind:<8}{figures}")?;
        all.add(sum);
    }
    writeln!(out, "{:<31}{}", "total", all.figures())?;
    if unpriced > 0 {
        writeln!(
            out,
            "the profile has no rate for {unpriced} of them: they cost nothing here"
        )?;
    }
    Ok(())
}

fn fees_json(
    sums: &Sums,
    (first, last): (BusinessDay, BusinessDay),
    unpriced: u32,
    files: usize,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let lines: Vec<Value> = sums
        .iter()
        .map(|((channel, product, kind), sum)| {
            json!({
                "channel": channel.key(), "product": product.key(), "type": kind.key(),
                "count": sum.count, "minor": sum.minor, "estimate_minor": sum.estimate,
                "actual_minor": sum.actual, "net_minor": sum.minor - sum.estimate,
            })
        })
        .collect();
    let told = json!({
        "from": first.to_string(), "to": last.to_string(), "lines": lines,
        "unpriced": unpriced, "daily_files": files,
    });
    writeln!(out, "{told}")
}
