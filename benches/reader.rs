//! The card reader's side of a sale: a result's bytes to its event, and a tap on the sandbox's reader, over its
//! pseudo-terminal, to the first byte of the request at the card host's port.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shouyin::acquirer::{CardHost, HttpsExchange};
use shouyin::card::CardRules;
use shouyin::config::Config;
use shouyin::domain::{Money, Tick};
use shouyin::reader::event::{Ask, AskId, ReaderEvent, TapRequest};
use shouyin::reader::neo2::{CardTransaction, Conversation, Output};
use shouyin::reader::port::{BAUD, PortConfig};
use shouyin::sim::reader::{Act, Bench, Device, Kind, Options, Out};
use shouyin::terminal::{CardDeskConfig, sign_in_when_asked, start_reader};
use shouyin::view::{CardHint, Intent, Page};

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/sandbox.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod sandbox;
#[path = "support/till.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod till;

use report::{Limit, Report, Row, folder, median, share};
use sandbox::{Sandbox, WireTap};
use till::{Needs, Till, Ways, first_out};

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
        let link = scratch.join("port");
        let own = scratch.join("cards.toml");
        std::fs::write(&own, format!("[cards]\nreader = {link:?}\n")).expect("written");
        let config = Config::load(&[sandbox.config.clone(), own]).expect("the sandbox's own");
        let ways = |needs: &Needs<'_>| cards(needs, &link, tap.port);
        let mut till = Till::open(&scratch, &config, ways).await;
        let mut times = Vec::new();
        for number in 0..SALES {
            times.push(sell(&mut till, number, &reader, &tap).await);
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

async fn sell(till: &mut Till, number: usize, reader: &Bench, tap: &WireTap) -> Times {
    till.charge(number).await;
    let ready = |page: &Page| matches!(page, Page::Prompt(p) if p.card == Some(CardHint::Ready));
    till.wait(ready).await;
    // The customer comes after the reader was asked.
    tokio::time::sleep(Duration::from_millis(60)).await;
    tap.take();
    let begun = Instant::now();
    reader.act("tap debit").expect("the reader runs");
    let shown = till.paid().await;
    let passed = tap.take();
    reader.act("pull").expect("the reader runs");
    till.tap(Intent::Dismiss).await;
    let ms = |to: Instant| to.duration_since(begun).as_secs_f64() * 1e3;
    Times {
        to_port: ms(first_out(&passed, false)),
        to_request: ms(first_out(&passed, true)),
        to_screen: ms(shown),
    }
}

/// The card host's adapter, by way of the wire-tap, and the reader.
fn cards(needs: &Needs<'_>, link: &Path, port: u16) -> Ways {
    let desk = CardDeskConfig {
        tap_s: 60,
        pin_s: 60,
        rules: CardRules {
            no_pin_max: Money::from_fen(100_000).ok(),
            device_counts: true,
        },
    };
    let port_config = PortConfig::new(link.into());
    let reader = start_reader(port_config, desk, needs.inputs.clone(), needs.clock);
    let reader = reader.expect("a thread");
    let a = &needs.config.acquirer;
    let wait = Duration::from_millis(a.total_ms);
    let url = format!("https://localhost:{port}/card/8583");
    let line = HttpsExchange::new(&url, &a.ca_file, wait, wait).expect("the sandbox's authority");
    let host = CardHost::new(&a.term, &a.merchant, line, reader.keys).expect("short numbers");
    let host = Arc::new(host);
    let journal = needs.journal.clone();
    tokio::spawn(sign_in_when_asked(
        Arc::clone(&host),
        reader.sign_in,
        journal,
    ));
    (needs.serve(host), Some(reader.orders))
}
