//! `shouyin`, the terminal: arguments, configuration, logging, wiring. No logic.
//!
//! Its only front end so far is a console: one sale a line. The touchscreen takes the same `Screen` and gives the same
//! `Tap`, so nothing below this file changes when it comes.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use shouyin::acquirer::{self, HttpsPost, Lakala, LakalaConfig};
use shouyin::clock::Clock;
use shouyin::code::CodeTable;
use shouyin::config::{Config, Environment};
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig};
use shouyin::payment::{Request, Sound, Ticket};
use shouyin::terminal::{self, Driver, DriverParts, Input, ScanCommand};
use shouyin::view::{Desk, Intent, Page, Screen, Shop, Tap};
use shouyin::{limits, telemetry};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, watch};

/// The payment terminal, on a console: type `AMOUNT CODE` for a sale, `stop`, `query`, `next`, `back` or `quit`.
#[derive(Parser)]
#[command(name = "shouyin", version)]
struct Arguments {
    /// Configuration files, later ones win (defaults are compiled in).
    #[arg(long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Directory of the journal, its lock and the device's salt.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/shouyin")]
    data: PathBuf,
    /// Second, append-only copy of the journal; put it on another disk or partition.
    #[arg(long, value_name = "FILE")]
    mirror: Option<PathBuf>,
    /// End without a goodbye after so many journal appends (kill test).
    #[cfg(feature = "sim")]
    #[arg(long, hide = true)]
    abort_after_appends: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    telemetry::start();
    let config = Config::load(&arguments.config)?;
    if cfg!(feature = "sim") && config.acquirer.environment == Environment::Production {
        bail!(
            "this program holds simulators and refuses production settings; use a shipping build"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(arguments, config))
}

async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    let (clock, entropy) = (Clock::start(), Entropy::default());
    let data = &arguments.data;
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot create the data directory {}", data.display()))?;
    let mirror = arguments.mirror.unwrap_or_else(|| data.join("mirror.log"));
    #[cfg_attr(not(feature = "sim"), allow(unused_mut))]
    let mut journal_config = JournalConfig::new(data.clone(), mirror);
    #[cfg(feature = "sim")]
    {
        journal_config.abort_after_appends = arguments.abort_after_appends;
    }
    let (journal, opened) = Journal::open(journal_config)?;
    let policy = config.policy(terminal::device_salt(&data.join("device.salt"), &entropy)?);
    let state = terminal::recover(&journal, opened, clock.now(), &policy).await?;

    let (inputs, inbox) = mpsc::channel(limits::INPUT_QUEUE);
    let (taps, tapped) = mpsc::channel(limits::INTENT_QUEUE);
    let (screens, shown) = watch::channel(None);
    let acquirer = start_acquirer(&config, clock, &entropy, inputs.clone())?;
    let (scanner, orders) = mpsc::channel(4);
    tokio::spawn(no_scanner(orders));
    let driver = Driver::new(DriverParts {
        state,
        journal,
        policy,
        table: CodeTable::built_in(),
        operator: config.operator.clone(),
        shop: Shop {
            name: config.shop.clone(),
            sandbox: config.acquirer.environment == Environment::Sandbox,
        },
        desk: Desk::new(config.language, config.theme),
        clock,
        entropy,
        acquirer,
        scanner,
        screens,
        sound: Box::new(|sound: Sound| tracing::debug!(?sound, "sound")),
    });
    let driving = tokio::spawn(driver.run(inbox, tapped));
    tokio::select! {
        result = console(taps, shown) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    inputs.send(Input::Shutdown).await.ok();
    driving.await?;
    Ok(())
}

fn start_acquirer(
    config: &Config,
    clock: Clock,
    entropy: &Entropy,
    inputs: mpsc::Sender<Input>,
) -> anyhow::Result<mpsc::Sender<(Ticket, Request)>> {
    let a = config.acquirer.clone();
    let (connect, total) = (
        Duration::from_millis(a.connect_ms),
        Duration::from_millis(a.total_ms),
    );
    let post = HttpsPost::new(&a.url, &a.ca_file, connect, total)?;
    let lakala = LakalaConfig {
        appid: a.appid,
        serial_no: a.serial_no,
        merchant: a.merchant,
        term: a.term,
        merchant_key_file: a.merchant_key_file,
        platform_certificate_files: a.platform_certificate_files,
        request_ip: a.request_ip,
        subject: a.subject,
        out_org_code: a.out_org_code,
    };
    let lakala = Lakala::open(lakala, post, entropy.clone())?;
    let (requests, asked) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let (events, mut told) = mpsc::channel(limits::ACQUIRER_QUEUE);
    tokio::spawn(acquirer::serve(
        Arc::new(lakala),
        asked,
        events,
        move || clock.now(),
    ));
    tokio::spawn(async move {
        while let Some(event) = told.recv().await {
            inputs.send(Input::Acquirer(event)).await.ok();
        }
    });
    Ok(requests)
}

/// There is no camera yet: codes are typed.
async fn no_scanner(mut orders: mpsc::Receiver<ScanCommand>) {
    while orders.recv().await.is_some() {}
}

async fn console(
    taps: mpsc::Sender<Tap>,
    mut screens: watch::Receiver<Option<Screen>>,
) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut last = String::new();
    loop {
        tokio::select! {
            changed = screens.changed() => {
                changed?;
                let text = screens.borrow_and_update().as_ref().map(|s| words(&s.page));
                if let Some(text) = text.filter(|text| *text != last) {
                    writeln!(std::io::stdout(), "{text}")?;
                    last = text;
                }
            }
            line = lines.next_line() => match line? {
                None => return Ok(()),
                Some(line) if line.trim() == "quit" => return Ok(()),
                Some(line) => type_line(line.trim(), &taps, &mut screens).await?,
            },
        }
    }
}

async fn type_line(
    line: &str,
    taps: &mpsc::Sender<Tap>,
    screens: &mut watch::Receiver<Option<Screen>>,
) -> anyhow::Result<()> {
    let single = match line {
        "stop" => Some(Intent::StopWaiting),
        "query" => Some(Intent::QueryNow),
        "next" => Some(Intent::NextSale),
        "back" => Some(Intent::Dismiss),
        _ => None,
    };
    if let Some(intent) = single {
        return tap(taps, screens, intent).await;
    }
    let Some((amount, code)) = line.split_once(' ') else {
        writeln!(
            std::io::stdout(),
            "type: AMOUNT CODE, e.g. 12.80 281234567890123456"
        )?;
        return Ok(());
    };
    let digit = |key: char| key.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
    tap(taps, screens, Intent::Dismiss).await?;
    page(screens, |page| matches!(page, Page::Keypad(_))).await?;
    tap(taps, screens, Intent::Clear).await?;
    for key in amount.chars() {
        tap(taps, screens, digit(key).map_or(Intent::Dot, Intent::Digit)).await?;
    }
    tap(taps, screens, Intent::Charge).await?;
    if page(screens, |page| matches!(page, Page::Prompt(_)))
        .await
        .is_err()
    {
        writeln!(std::io::stdout(), "the amount was not taken")?;
        return Ok(());
    }
    tap(taps, screens, Intent::TypeCode).await?;
    page(screens, |page| matches!(page, Page::Manual(_))).await?;
    for key in code.chars() {
        if let Some(digit) = digit(key) {
            tap(taps, screens, Intent::CodeDigit(digit)).await?;
        }
    }
    tap(taps, screens, Intent::CodeSend).await
}

async fn tap(
    taps: &mpsc::Sender<Tap>,
    screens: &watch::Receiver<Option<Screen>>,
    intent: Intent,
) -> anyhow::Result<()> {
    let seq = screens.borrow().as_ref().map_or(0, |screen| screen.seq);
    taps.send(Tap { seq, intent })
        .await
        .context("the driver has ended")
}

async fn page(
    screens: &mut watch::Receiver<Option<Screen>>,
    wanted: impl Fn(&Page) -> bool,
) -> anyhow::Result<()> {
    let found = screens.wait_for(|screen| screen.as_ref().is_some_and(|s| wanted(&s.page)));
    tokio::time::timeout(Duration::from_secs(2), found)
        .await
        .context("another page is shown")??;
    Ok(())
}

/// One line a page; the touchscreen will use pictures, both languages and the same notice codes.
fn words(page: &Page) -> String {
    let coded = |notice: &Option<shouyin::view::Notice>| {
        notice
            .as_ref()
            .map(|n| format!(" ({} {})", n.code, n.detail))
            .unwrap_or_default()
    };
    match page {
        Page::Keypad(keypad) => format!(
            "[keypad] {} | today {} sales, {}{}",
            keypad.amount,
            keypad.today_count,
            keypad.today_total,
            coded(&keypad.notice)
        ),
        Page::Prompt(prompt) => {
            format!("[code, please] {}{}", prompt.amount, coded(&prompt.notice))
        }
        Page::Manual(manual) => format!(
            "[typing the code] {} | {} digits{}",
            manual.amount,
            manual.typed,
            coded(&manual.notice)
        ),
        Page::Waiting(waiting) => format!(
            "[{:?}] {} | order …{} | asked {} times{}",
            waiting.kind,
            waiting.amount,
            waiting.order_tail,
            waiting.asked,
            coded(&waiting.notice)
        ),
        Page::Outcome(outcome) => format!(
            "[{:?}] {} | voucher {} | order …{}{}",
            outcome.kind,
            outcome.amount,
            outcome.voucher,
            outcome.order_tail,
            coded(&outcome.notice)
        ),
        Page::Pending(pending) => format!("[being checked] {} sales", pending.rows.len()),
        Page::OutOfService(notice) => format!("[out of service] {}", notice.code),
    }
}
