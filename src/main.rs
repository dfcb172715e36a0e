//! `shouyin`, the terminal: arguments, configuration, logging, wiring. No logic.
//!
//! The front ends (window, loopback web page, console) take the same `Screen` and give the same `Tap`.

mod approving;
mod beginning;
mod console;
mod helping;
mod networking;
mod receiving;
#[cfg(feature = "ui")]
mod refusal;
#[cfg(feature = "ui")]
mod service;
mod starting;
mod updater;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use shouyin::acquirer::{self, Both, CardHost, HttpsExchange, HttpsPost, Lakala, LakalaConfig};
use shouyin::card::CardRules;
use shouyin::clock::Clock;
use shouyin::config::{Config, Environment};
use shouyin::domain::{BatchNo, Channel, Timestamp};
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig, Opened, Report};
use shouyin::payment::{Request, Ticket};
use shouyin::printing::{self, PrinterConfig, Rules};
use shouyin::reader::port::PortConfig;
use shouyin::recovery::wish::WishFile;
use shouyin::scanner::{self, Preview, ScanEvent, Scanner, ScannerConfig, ScannerHandle};
use shouyin::sound::{self, Speaker, Tone};
use shouyin::terminal::{self, Cue, Driver, DriverParts, Input, NoPrinter, PrintQueue};
use shouyin::terminal::{CardDeskConfig, ExportPlace, ReaderAtTill, ReaderKeys};
use shouyin::view::{Cause, Desk, ExportState, Screen, SupportState, Tap};
use shouyin::{limits, telemetry};
use tokio::sync::{mpsc, watch};

use crate::starting::Start;

/// The payment terminal. With a display it opens a window, otherwise it serves the same screen as a loopback web page.
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
    /// Use this terminal's lines instead of a screen: `AMOUNT CODE`, `AMOUNT`, `CODE`, `stop`, `query`, `next`, `back`,
    /// `cancel`, `quit`.
    #[arg(long)]
    console: bool,
    /// Serve the screen as a web page on this loopback port (0 picks one), also where there is a display.
    #[arg(long, value_name = "PORT", conflicts_with = "console")]
    web: Option<u16>,
    /// Cover the whole panel, without a mouse pointer.
    #[arg(long, conflicts_with_all = ["console", "web"])]
    fullscreen: bool,
    /// End without a goodbye after so many journal appends (kill test).
    #[cfg(feature = "sim")]
    #[arg(long, hide = true)]
    abort_after_appends: Option<u64>,
    #[command(subcommand)]
    hidden: Option<Hidden>,
}

#[derive(Subcommand)]
enum Hidden {
    /// The scanner's helper process; started by the terminal itself.
    #[command(hide = true)]
    ScanWorker {
        /// Where frames come from.
        #[arg(long)]
        source: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run(&arguments).unwrap_or_else(|error| {
        tell(&error);
        ExitCode::FAILURE
    })
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Hidden::ScanWorker { source }) = &arguments.hidden {
        return match scanner::worker::run(source) {
            // The till has gone; nobody is left to tell.
            Ok(()) | Err(scanner::worker::WorkerError::Pipe(_)) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(error.into()),
        };
    }
    telemetry::start();
    let (begun, stopped) = starting::begin();
    if let Some(stopped) = stopped {
        // Nothing is touched; what the settings can still give is the language and the tools' keys.
        let config = Config::load(&arguments.config).ok();
        return Ok(refuse(arguments, &begun, config.as_ref(), &stopped.into()));
    }
    let told = match beginning::begin(&journal_config(arguments)) {
        Ok(told) => told,
        Err(error) => return Ok(refuse(arguments, &begun, None, &error)),
    };
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            let error = beginning::explain(error.into(), told);
            return Ok(refuse(arguments, &begun, None, &error));
        }
    };
    if cfg!(any(feature = "sim", feature = "dev-reader"))
        && config.acquirer.environment == Environment::Production
    {
        bail!(
            "this program holds simulators or a development reader and refuses production settings; use a shipping build"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let place = loudspeaker(arguments, &config);
    let till = match runtime.block_on(start(arguments, &config, (place, told))) {
        Ok(till) => till,
        Err(error) => return Ok(refuse(arguments, &begun, Some(&config), &error)),
    };
    let shown = if arguments.console || cfg!(not(feature = "ui")) {
        runtime.block_on(on_console(&till))
    } else {
        on_screen(&runtime, arguments, (&config, begun.clone()), &till)
    };
    // The till is stopped in order even when its screen failed.
    runtime.block_on(async {
        till.inputs.send(Input::Shutdown).await.ok();
        // The driver's end closes the scanner's orders, which ends the worker.
        till.driving.await?;
        till.scanning.await
    })?;
    shown?;
    begun.ended();
    if *till.safe.borrow() {
        beginning::start_again(Some(shouyin::starts::Asked::Safe));
    } else if beginning::is_wished(&arguments.data) {
        beginning::start_again(None);
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells why the terminal cannot start: on standard error at once, and on the screen where there is one.
#[cfg_attr(not(feature = "ui"), allow(unused_variables))]
fn refuse(
    arguments: &Arguments,
    begun: &Start,
    config: Option<&Config>,
    error: &anyhow::Error,
) -> ExitCode {
    tell(error);
    begun.ended();
    #[cfg(feature = "ui")]
    if !arguments.console
        && let Ok(runtime) = tokio::runtime::Runtime::new()
    {
        refusal::show(&runtime, (mode(arguments), &arguments.data), config, error);
    }
    ExitCode::FAILURE
}

/// One line with every cause; a backtrace tells nothing to whoever has to mend it.
fn tell(error: &anyhow::Error) {
    let line = telemetry::redact(&format!("shouyin: {error:#}\n"));
    std::io::stderr().write_all(line.as_bytes()).ok();
    telemetry::remember(line);
}

/// A running till without a front end.
struct Till {
    inputs: mpsc::Sender<Input>,
    taps: mpsc::Sender<Tap>,
    screens: watch::Receiver<Option<Screen>>,
    /// Used by the touchscreen only.
    #[cfg_attr(not(feature = "ui"), allow(dead_code))]
    speaker: Speaker,
    /// Used by the touchscreen only.
    #[cfg_attr(not(feature = "ui"), allow(dead_code))]
    previews: watch::Receiver<Option<Preview>>,
    driving: tokio::task::JoinHandle<()>,
    /// Ends with the driver.
    over: watch::Receiver<()>,
    scanning: tokio::task::JoinHandle<()>,
    /// Somebody asked for safe mode.
    safe: watch::Receiver<bool>,
}

async fn on_console(till: &Till) -> anyhow::Result<()> {
    let mut over = till.over.clone();
    tokio::select! {
        result = console::run(till.taps.clone(), till.screens.clone()) => result,
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = over.changed() => Ok(()),
    }
}

#[cfg(not(feature = "ui"))]
fn on_screen(
    _: &tokio::runtime::Runtime,
    _: &Arguments,
    _: (&Config, Start),
    _: &Till,
) -> anyhow::Result<()> {
    bail!("this program has no touchscreen; use --console")
}

#[cfg(feature = "ui")]
fn on_screen(
    runtime: &tokio::runtime::Runtime,
    arguments: &Arguments,
    (config, begun): (&Config, Start),
    till: &Till,
) -> anyhow::Result<()> {
    use shouyin::ui::{PreviewFrame, UiOptions};
    let (stop, shutdown) = watch::channel(false);
    let mut over = till.over.clone();
    runtime.spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = over.changed() => {}
        }
        // The receiver is gone when the window was closed first.
        stop.send(true).ok();
    });
    let (frames, preview) = watch::channel(None);
    let mut previews = till.previews.clone();
    runtime.spawn(async move {
        while previews.changed().await.is_ok() {
            let frame = previews
                .borrow_and_update()
                .as_ref()
                .map(|seen| PreviewFrame {
                    w: u32::try_from(seen.width).unwrap_or(0),
                    h: u32::try_from(seen.height).unwrap_or(0),
                    pixels: seen.pixels.as_slice().into(),
                });
            if frames.send(frame).is_err() {
                return;
            }
        }
    });
    shouyin::ui::run(UiOptions {
        screens: till.screens.clone(),
        preview,
        taps: till.taps.clone(),
        shutdown,
        px_per_mm: config.px_per_mm,
        size: config.size_px,
        mode: mode(arguments),
        tones: till.speaker.played(),
        on_ready: service::ready(Some(begun)),
        beat: service::beat(&till.inputs),
    })?;
    Ok(())
}

#[cfg(feature = "ui")]
fn mode(arguments: &Arguments) -> shouyin::ui::DisplayMode {
    use shouyin::ui::DisplayMode;
    match arguments.web {
        Some(port) => DisplayMode::Web { port },
        None => DisplayMode::choose(arguments.fullscreen),
    }
}

#[cfg(feature = "ui")]
fn in_browser(arguments: &Arguments) -> bool {
    !arguments.console && mode(arguments).is_web()
}

#[cfg(not(feature = "ui"))]
fn in_browser(_: &Arguments) -> bool {
    false
}

/// Tones are played where the screen is: in the browser, or on this machine.
fn loudspeaker(arguments: &Arguments, config: &Config) -> sound::Place {
    if !config.sound {
        sound::Place::Nowhere
    } else if in_browser(arguments) {
        sound::Place::Page
    } else {
        sound::Place::alsa()
    }
}

async fn start(
    arguments: &Arguments,
    config: &Config,
    (place, late): (sound::Place, Option<Cause>),
) -> anyhow::Result<Till> {
    let (clock, entropy) = (Clock::start(), Entropy::default());
    let data = &arguments.data;
    let (journal, opened, rebuilt) = open_journal(arguments, clock.now().utc)?;
    let policy = config.policy(terminal::device_salt(&data.join("device.salt"), &entropy)?);
    let state =
        terminal::recover(&journal, opened, entropy.start_tag(), clock.now(), &policy).await?;

    let (inputs, inbox) = mpsc::channel(limits::INPUT_QUEUE);
    let (taps, tapped) = mpsc::channel(limits::INTENT_QUEUE);
    let (screens, shown) = watch::channel(None);
    let reader = start_reader(config, clock, inputs.clone())?;
    let cards = reader.as_ref().map(|reader| reader.orders.clone());
    let host = card_host(config, reader, &journal)?;
    let acquirer = start_acquirer(config, clock, &entropy, inputs.clone(), host)?;
    receiving::start(config, clock, inputs.clone())?;
    let (scanner, orders) = mpsc::channel(4);
    let (eyes, events) = eyes(config)?;
    let previews = eyes.previews();
    let scanning = tokio::spawn(terminal::carry_scans(eyes, orders, events, inputs.clone()));
    let speaker = Speaker::spawn(place);
    tokio::spawn(pass_on(speaker.audible(), inputs.clone(), Input::Audible));
    let told = speaker.clone();
    let printer = printer(config, data, &journal, clock, inputs.clone())?;
    let export = exporter(config, &journal, inputs.clone())?;
    let (support, reports) = helping::start(Some(config), data, "");
    tokio::spawn(pass_on(reports, inputs.clone(), Input::Support));
    let update = updater::start(config, data, (clock.now().utc.0, inputs.clone()))?;
    let (wishes, safe) = watch::channel(false);
    let (network, states) = networking::start(Some(config), data, clock.now().utc.0)?;
    tokio::spawn(pass_on(states, inputs.clone(), Input::Network));
    let driver = Driver::new(DriverParts {
        cards,
        state,
        journal,
        policy,
        table: config.profile.codes.clone(),
        operator: config.operator.clone(),
        shop: config.on_screen(),
        desk: desk(config, rebuilt.map(|_| Cause::JournalRebuilt).or(late)),
        clock,
        entropy,
        acquirer,
        scanner,
        screens,
        approver: approving::approver(config, data, clock.now().tick)?,
        sound: Box::new(move |cue| match cue {
            Cue::Play(sound) => told.play(Tone::of(&sound)),
            Cue::Seen => told.seen(),
        }),
        printer,
        export,
        update,
        network: Some(network),
        reset: Some(WishFile::of(data)),
        support: Some(support),
        safe: Some(wishes),
    });
    let (driving, over) = drive(driver.run(inbox, tapped));
    Ok(Till {
        inputs,
        taps,
        screens: shown,
        speaker,
        previews,
        driving,
        over,
        scanning,
        safe,
    })
}

/// Starts what reads codes, in a process of its own.
fn eyes(config: &Config) -> anyhow::Result<(ScannerHandle, mpsc::Receiver<ScanEvent>)> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let (seen, events) = mpsc::channel(4);
    let source = config.scanner_source.clone();
    let own = ScannerConfig::new(program, source, config.profile.codes.clone());
    Ok((Scanner::spawn(own, seen), events))
}

/// Runs the driver; the receiver hears its end.
fn drive(
    driver: impl Future<Output = ()> + Send + 'static,
) -> (tokio::task::JoinHandle<()>, watch::Receiver<()>) {
    let (ended, over) = watch::channel(());
    let driving = tokio::spawn(async move {
        driver.await;
        drop(ended);
    });
    (driving, over)
}

/// Opens the journal in the data directory, which is made at the first start. A damaged one is rebuilt: a till has no
/// keyboard for anybody to do it.
fn open_journal(
    arguments: &Arguments,
    now: Timestamp,
) -> anyhow::Result<(Journal, Opened, Option<Report>)> {
    let data = &arguments.data;
    std::fs::create_dir_all(data)
        .with_context(|| {
            let data = data.display();
            format!("cannot create the data directory {data}; create it for this user, or name another with --data")
        })?;
    Ok(Journal::open_or_rebuild(journal_config(arguments), now)?)
}

/// Where the journal is.
fn journal_config(arguments: &Arguments) -> JournalConfig {
    let data = &arguments.data;
    let mirror = arguments.mirror.clone();
    let mirror = mirror.unwrap_or_else(|| data.join("mirror.log"));
    #[cfg_attr(not(feature = "sim"), allow(unused_mut))]
    let mut config = JournalConfig::new(data.clone(), mirror);
    #[cfg(feature = "sim")]
    {
        config.abort_after_appends = arguments.abort_after_appends;
    }
    config
}

/// Starts the printer's thread where a printer is configured.
fn printer(
    config: &Config,
    data: &Path,
    journal: &Journal,
    clock: Clock,
    inputs: mpsc::Sender<Input>,
) -> anyhow::Result<Box<dyn PrintQueue>> {
    let Some(own) = config.printer.clone() else {
        printing::leave(data)?;
        return Ok(Box::new(NoPrinter));
    };
    let slips = PrinterConfig {
        width: own.width,
        copies: own.copies,
        shop: config.on_slips(),
        cut: own.cut,
        rules: Rules::USUAL,
    };
    let (queue, notes) =
        terminal::start_printer(data, slips, Box::new(own.out), journal.clone(), clock)?;
    tokio::spawn(pass_on(notes, inputs, Input::Printer));
    Ok(queue)
}

/// Starts the exporter where a folder is configured.
fn exporter(
    config: &Config,
    journal: &Journal,
    inputs: mpsc::Sender<Input>,
) -> anyhow::Result<Option<mpsc::Sender<BatchNo>>> {
    let Some(folder) = config.export_folder.clone() else {
        return Ok(None);
    };
    let term = config.acquirer.term.clone();
    let place = ExportPlace { folder, term };
    let (orders, states) = terminal::start_exporter(place, journal.clone())?;
    tokio::spawn(pass_on(states, inputs, Input::Export));
    Ok(Some(orders))
}

/// The desk of this start.
fn desk(config: &Config, late: Option<Cause>) -> Desk {
    let mut desk = Desk::new(config.language, config.theme);
    // Behind what is told of an open sale: that comes first.
    desk.late = late;
    desk.paid_stays_ms = config.result_ms;
    desk.export = config.export_folder.as_ref().map(|_| ExportState::Idle);
    desk.support = Some(SupportState::default());
    desk.audible = config.sound;
    // The scanner tells of a camera that is lost; until then there is one.
    desk.camera = true;
    desk
}

/// Tells the driver of every change.
async fn pass_on<T: Clone>(
    mut news: watch::Receiver<T>,
    inputs: mpsc::Sender<Input>,
    wrap: fn(T) -> Input,
) {
    while news.changed().await.is_ok() {
        let now = news.borrow_and_update().clone();
        if inputs.send(wrap(now)).await.is_err() {
            return;
        }
    }
}

/// The card host with the keys of this terminal's reader.
type Host = CardHost<HttpsExchange, ReaderKeys>;

/// Starts the card reader's thread where a reader is configured and the profile takes cards.
fn start_reader(
    config: &Config,
    clock: Clock,
    inputs: mpsc::Sender<Input>,
) -> anyhow::Result<Option<ReaderAtTill>> {
    let Some(own) = config.cards.as_ref().filter(|_| config.takes_cards()) else {
        return Ok(None);
    };
    let port = PortConfig {
        baud: own.baud,
        ..PortConfig::new(own.reader.clone())
    };
    let desk = CardDeskConfig {
        tap_s: own.tap_s,
        pin_s: own.pin_s,
        rules: CardRules {
            no_pin_max: own.no_pin_max,
            device_counts: own.device_counts,
        },
    };
    Ok(Some(terminal::start_reader(port, desk, inputs, clock)?))
}

/// Sets up the card host, and signs in whenever the reader asks for the keys of a session.
fn card_host(
    config: &Config,
    reader: Option<ReaderAtTill>,
    journal: &Journal,
) -> anyhow::Result<Option<Arc<Host>>> {
    let (Some(own), Some(reader)) = (&config.cards, reader) else {
        return Ok(None);
    };
    let (a, ms) = (&config.acquirer, Duration::from_millis);
    let exchange = HttpsExchange::new(&own.url, &a.ca_file, ms(a.connect_ms), ms(a.total_ms))?;
    // What has not left when the core begins to doubt never leaves: a reversal is never first.
    let own_timing = config.profile.timing_of.get(&Channel::BankCard);
    let wait = own_timing.unwrap_or(&config.profile.timing).answer_wait_ms;
    let prepare = ms((wait / 2).min(limits::CARD_PREPARE_MS));
    let host = CardHost::new(&a.term, &a.merchant, exchange, reader.keys)?;
    let host = Arc::new(host.prepare_within(prepare));
    let (signing, journal) = (Arc::clone(&host), journal.clone());
    tokio::spawn(terminal::sign_in_when_asked(
        signing,
        reader.sign_in,
        journal,
    ));
    Ok(Some(host))
}

fn start_acquirer(
    config: &Config,
    clock: Clock,
    entropy: &Entropy,
    inputs: mpsc::Sender<Input>,
    cards: Option<Arc<Host>>,
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
        notify_url: a.notify_url,
    };
    let lakala = Lakala::open(lakala, post, entropy.clone())?;
    for warning in lakala.warnings(clock.now().utc) {
        tracing::warn!(warning, "platform certificate");
    }
    tokio::spawn(pass_on(lakala.clock_doubts(), inputs.clone(), Input::Clock));
    let (requests, asked) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let (events, mut told) = mpsc::channel(limits::ACQUIRER_QUEUE);
    tokio::spawn(acquirer::serve(
        Arc::new(Both {
            codes: lakala,
            cards,
        }),
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
