//! The card reader's side of a sale: a result's bytes to its event, and a tap on the sandbox's reader, over its
//! pseudo-terminal, to the first byte of the request at the card host's port.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shouyin::acquirer::{self, CardHost, HttpsExchange};
use shouyin::card::CardRules;
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::domain::{Money, Tick};
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig};
use shouyin::limits;
use shouyin::profile::Profile;
use shouyin::reader::event::{Ask, AskId, ReaderEvent, TapRequest};
use shouyin::reader::neo2::{CardTransaction, Conversation, Output};
use shouyin::reader::port::{BAUD, PortConfig};
use shouyin::sim::reader::{Act, Bench, Device, Kind, Options, Out};
use shouyin::terminal::{
    CardDeskConfig, Driver, DriverParts, Input, NoPrinter, recover, sign_in_when_asked,
    start_reader,
};
use shouyin::view::{
    CardHint, Desk, Intent, Language, OutcomeKind, Page, Screen, Shop, Tap, Theme, Wall,
};
use tokio::sync::{mpsc, watch};

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/sandbox.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod sandbox;

use report::{Limit, Report, Row, folder, median, share};
use sandbox::{Sandbox, Way, WireTap};

const SALES: usize = 60;
/// The first sales fill caches and sign in.
const WARM_UP: usize = 5;
/// Goal G15: what the software adds to a sale, without the network, in milliseconds.
const OVERHEAD_MS: f64 = 100.0;
/// Results that are read one after the other.
const RESULTS: usize = 20_000;
/// A byte on the line: a start bit, eight bits, a stop bit.
const BITS: f64 = 10.0;

fn main() -> ExitCode {
    let mut report = Report::new("reader");
    for (what, piece) in [("at once", usize::MAX), ("byte by byte", 1)] {
        let (mut samples, bytes) = results(piece);
        let on_the_line = bytes as f64 * BITS / f64::from(BAUD) * 1e6;
        report.row(Row {
            what: format!("a result of {bytes} bytes, {what}, to its event, median"),
            ours: median(&mut samples),
            unit: "µs",
            against: format!("its time on the line at {BAUD} baud"),
            theirs: on_the_line,
            limit: Limit::AtMost(0.01),
        });
    }
    for (what, mut samples, percent) in taps() {
        let ours = match percent {
            50 => median(&mut samples),
            other => share(&mut samples, other),
        };
        report.row(Row {
            what,
            ours,
            unit: "ms",
            against: "limit G15".to_owned(),
            theirs: OVERHEAD_MS,
            limit: Limit::AtMost(1.0),
        });
    }
    report.finish()
}

fn request() -> TapRequest {
    TapRequest {
        amount: Money::from_fen(1_280).expect("an amount"),
        kind: CardTransaction::Sale,
        timeout_s: 30,
    }
}

/// Both ends of a line without a line.
#[derive(Default)]
struct Pair {
    talk: Conversation,
    device: Device,
    /// What the reader sent last.
    sent: Vec<u8>,
}

impl Pair {
    fn run(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            if let Output::Send(bytes) = output {
                let outs = self.device.hear(&bytes, 0);
                self.reader(outs);
            }
        }
    }

    fn reader(&mut self, outs: Vec<Out>) {
        for out in outs {
            if let Out::Bytes(bytes) = out {
                self.sent.clone_from(&bytes);
                let outputs = self.talk.hear(&bytes, Tick(0));
                self.run(outputs);
            }
        }
    }
}

/// Microseconds from a result's bytes, in pieces of so many, to its event; and how many bytes it has.
fn results(piece: usize) -> (Vec<f64>, usize) {
    let mut pair = Pair::default();
    let outputs = pair.talk.line_up(Tick(0));
    pair.run(outputs);
    let outputs = pair.talk.ask(AskId(0), Ask::Tap(request()), Tick(0));
    pair.run(outputs);
    let outs = pair.device.act(Act::parse("tap debit").expect("a card"), 0);
    pair.reader(outs);
    let (mut talk, result) = (pair.talk, pair.sent);
    let mut samples = Vec::with_capacity(RESULTS);
    for number in 1..=RESULTS {
        let ask = AskId(number as u64);
        talk.ask(ask, Ask::Tap(request()), Tick(0));
        let begun = Instant::now();
        let mut told = None;
        for bytes in result.chunks(piece.min(result.len())) {
            told = talk.hear(bytes, Tick(0)).pop().or(told);
        }
        samples.push(begun.elapsed().as_secs_f64() * 1e6);
        let ended = matches!(told, Some(Output::Tell(ReaderEvent::Answer(a))) if a.ask == ask);
        assert!(ended, "every result ends its tap");
    }
    (samples, result.len())
}

/// Milliseconds of one sale, from the tap on.
struct Times {
    to_port: f64,
    to_request: f64,
    to_screen: f64,
}

fn taps() -> Vec<(String, Vec<f64>, usize)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let scratch = folder().join("reader");
    // Left over from a run that was interrupted, or not there.
    std::fs::remove_dir_all(&scratch).ok();
    std::fs::create_dir_all(&scratch).expect("a folder under target/");
    let sandbox = Sandbox::start(&scratch);
    let tap = WireTap::before(sandbox.port);
    let reader = Bench::start(Options {
        kind: Kind::Neo2,
        link: scratch.join("port"),
        baud: BAUD,
    });
    let reader = reader.expect("a pseudo-terminal");
    let times = runtime.block_on(async {
        let mut till = Till::open(&scratch, &sandbox, tap.port).await;
        let mut times = Vec::new();
        for number in 0..SALES {
            times.push(till.sell(number, &reader, &tap).await);
        }
        till.stop().await;
        times.split_off(WARM_UP)
    });
    drop((sandbox, reader));
    std::fs::remove_dir_all(&scratch).ok();
    let of = |get: fn(&Times) -> f64| times.iter().map(get).collect::<Vec<f64>>();
    let row = |what: &str, samples, percent| (what.to_owned(), samples, percent);
    vec![
        row(
            "tap to first byte at the host's port, median",
            of(|t| t.to_port),
            50,
        ),
        row(
            "tap to first byte of the request, median",
            of(|t| t.to_request),
            50,
        ),
        row(
            "tap to first byte of the request, 99 of 100",
            of(|t| t.to_request),
            99,
        ),
        row(
            "tap to the screen, host included, median",
            of(|t| t.to_screen),
            50,
        ),
    ]
}

struct Till {
    taps: mpsc::Sender<Tap>,
    screens: watch::Receiver<Option<Screen>>,
    inputs: mpsc::Sender<Input>,
    driving: tokio::task::JoinHandle<()>,
}

impl Till {
    async fn open(scratch: &Path, sandbox: &Sandbox, port: u16) -> Self {
        let link = scratch.join("port");
        let cards = scratch.join("cards.toml");
        std::fs::write(&cards, format!("[cards]\nreader = {link:?}\n")).expect("written");
        let config = Config::load(&[sandbox.config.clone(), cards]).expect("the sandbox's own");
        let data = scratch.join("data");
        std::fs::create_dir_all(&data).expect("a folder under target/");
        let journal = JournalConfig::new(data.clone(), data.join("mirror.log"));
        let (journal, opened) = Journal::open(journal).expect("an empty journal");
        let policy = config.policy([9; 32]);
        let (clock, entropy) = (Clock::start(), Entropy::default());
        let state = recover(&journal, opened, entropy.start_tag(), clock.now(), &policy).await;
        let (inputs, inbox) = mpsc::channel(limits::INPUT_QUEUE);
        let (taps, tapped) = mpsc::channel(limits::INTENT_QUEUE);
        let (publish, screens) = watch::channel(None);
        let (scanner, mut orders) = mpsc::channel(8);
        tokio::spawn(async move { while orders.recv().await.is_some() {} });
        let (requests, cards) = ask_through(&config, (&link, port), clock, &journal, &inputs);
        let driver = Driver::new(DriverParts {
            cards: Some(cards),
            approver: None,
            state: state.expect("a new start"),
            journal,
            policy,
            table: config.profile.codes.clone(),
            operator: config.operator.clone(),
            shop: Shop {
                name: config.shop.clone(),
                sandbox: true,
                profile: Arc::new(Profile::built_in()),
                wall: Wall::default(),
            },
            desk: Desk::new(Language::Chinese, Theme::Light),
            clock,
            entropy,
            acquirer: requests,
            scanner,
            screens: publish,
            sound: Box::new(|_| {}),
            printer: Box::new(NoPrinter),
        });
        let driving = tokio::spawn(driver.run(inbox, tapped));
        Self {
            taps,
            screens,
            inputs,
            driving,
        }
    }

    async fn wait(&mut self, found: impl Fn(&Page) -> bool) {
        let seen = self.screens.clone();
        let shown = self
            .screens
            .wait_for(|s| s.as_ref().is_some_and(|s| found(&s.page)));
        let shown = tokio::time::timeout(Duration::from_secs(20), shown).await;
        let Ok(shown) = shown else {
            let page = seen.borrow().as_ref().map(|screen| screen.page.clone());
            panic!("not the screen that was waited for, but {page:?}");
        };
        shown.expect("the driver runs");
    }

    async fn tap(&self, intent: Intent) {
        let screen = self.screens.borrow().as_ref().map(|screen| screen.seq);
        let seq = screen.unwrap_or_default();
        let tap = Tap { seq, intent };
        self.taps.send(tap).await.expect("the driver runs");
    }

    async fn sell(&mut self, number: usize, reader: &Bench, tap: &WireTap) -> Times {
        self.wait(|page| matches!(page, Page::Keypad(_))).await;
        // Never the amount of the sale before: that one would have to be confirmed.
        for digit in [1 + (number % 9) as u8, 0] {
            self.tap(Intent::Digit(digit)).await;
        }
        self.tap(Intent::Charge).await;
        let ready =
            |page: &Page| matches!(page, Page::Prompt(p) if p.card == Some(CardHint::Ready));
        self.wait(ready).await;
        // The customer comes after the reader was asked.
        tokio::time::sleep(Duration::from_millis(60)).await;
        tap.take();
        let begun = Instant::now();
        reader.act("tap debit").expect("the reader runs");
        let paid = |page: &Page| matches!(page, Page::Outcome(o) if o.kind == OutcomeKind::Paid);
        self.wait(paid).await;
        let shown = Instant::now();
        let passed = tap.take();
        let out = |data: bool| {
            let first = passed
                .iter()
                .find(|p| p.way == Way::ToAcquirer && (p.data || !data));
            first.expect("a request").at
        };
        reader.act("pull").expect("the reader runs");
        self.tap(Intent::Dismiss).await;
        let ms = |to: Instant| to.duration_since(begun).as_secs_f64() * 1e3;
        Times {
            to_port: ms(out(false)),
            to_request: ms(out(true)),
            to_screen: ms(shown),
        }
    }

    async fn stop(self) {
        let stop = self.inputs.send(Input::Shutdown).await;
        stop.expect("the driver runs");
        self.driving.await.expect("it ends by itself");
    }
}

type Requests = mpsc::Sender<(shouyin::payment::Ticket, shouyin::payment::Request)>;

fn ask_through(
    config: &Config,
    (link, port): (&Path, u16),
    clock: Clock,
    journal: &Journal,
    inputs: &mpsc::Sender<Input>,
) -> (Requests, mpsc::Sender<shouyin::terminal::CardCommand>) {
    let desk = CardDeskConfig {
        tap_s: 60,
        pin_s: 60,
        rules: CardRules {
            no_pin_max: Money::from_fen(100_000).ok(),
            device_counts: true,
        },
    };
    let reader = start_reader(PortConfig::new(link.into()), desk, inputs.clone(), clock);
    let reader = reader.expect("a thread");
    let a = &config.acquirer;
    let wait = Duration::from_millis(a.total_ms);
    let url = format!("https://localhost:{port}/card/8583");
    let line = HttpsExchange::new(&url, &a.ca_file, wait, wait).expect("the sandbox's authority");
    let host = CardHost::new(&a.term, &a.merchant, line, reader.keys).expect("short numbers");
    let host = Arc::new(host);
    let signing = (Arc::clone(&host), reader.sign_in, journal.clone());
    tokio::spawn(sign_in_when_asked(signing.0, signing.1, signing.2));
    let (requests, asked) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let (events, mut told) = mpsc::channel(limits::ACQUIRER_QUEUE);
    tokio::spawn(acquirer::serve(host, asked, events, move || clock.now()));
    let inputs = inputs.clone();
    tokio::spawn(async move {
        while let Some(event) = told.recv().await {
            inputs.send(Input::Acquirer(event)).await.ok();
        }
    });
    (requests, reader.orders)
}
