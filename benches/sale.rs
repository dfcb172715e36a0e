//! One sale through the whole till on a real disk and real HTTPS: from the decoded code to the first
//! byte of the request at the acquirer's port, and from the answer's bytes to the published screen.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shouyin::acquirer::{self, HttpsPost, Lakala, LakalaConfig};
use shouyin::clock::Clock;
use shouyin::code::{CodeTable, recognise};
use shouyin::config::Config;
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig};
use shouyin::limits;
use shouyin::profile::Profile;
use shouyin::terminal::{Driver, DriverParts, Input, ScanNews, recover};
use shouyin::view::{Desk, Intent, Language, OutcomeKind, Page, Screen, Shop, Tap, Theme};
use tokio::sync::{mpsc, watch};

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/sandbox.rs"]
mod sandbox;

use report::{Limit, Report, Row, folder, median, share};
use sandbox::{Sandbox, Way, WireTap};

const SALES: usize = 60;
/// The first sales fill caches.
const WARM_UP: usize = 5;
/// Goal G15: what the software adds to a sale, without the network, in milliseconds.
const OVERHEAD_MS: f64 = 100.0;
/// An answer with its signature is longer than this; session tickets are shorter.
const ANSWER_BYTES_MIN: usize = 600;

/// Milliseconds of one sale.
struct Times {
    /// Code to the first byte at the port (the TLS greeting), after the intent is on the disk.
    to_port: f64,
    /// Code to the first encrypted byte of the request.
    to_request: f64,
    /// Answer to the screen, after the result is on the disk.
    to_screen: f64,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let scratch = folder().join("sale");
    // Left over from a run that was interrupted, or not there.
    std::fs::remove_dir_all(&scratch).ok();
    std::fs::create_dir_all(&scratch).expect("a folder under target/");
    let sandbox = Sandbox::start(&scratch);
    let tap = WireTap::before(sandbox.port);
    let times = runtime.block_on(async {
        let mut till = Till::open(&scratch, &sandbox, tap.port).await;
        let mut times = Vec::new();
        for number in 0..SALES {
            times.push(till.sell(number, &tap).await);
        }
        till.stop().await;
        times.split_off(WARM_UP)
    });
    drop(sandbox);
    std::fs::remove_dir_all(&scratch).ok();
    let mut report = Report::new("sale");
    let of = |get: fn(&Times) -> f64| times.iter().map(get).collect::<Vec<f64>>();
    let sum = |t: &Times| t.to_request + t.to_screen;
    for (what, mut samples, percent) in [
        (
            "code read to first byte at the port, median",
            of(|t| t.to_port),
            50,
        ),
        (
            "code read to first byte of the request (TLS made), median",
            of(|t| t.to_request),
            50,
        ),
        ("answer's bytes to screen, median", of(|t| t.to_screen), 50),
        ("software's part of a sale, median", of(sum), 50),
        ("software's part of a sale, 99 of 100", of(sum), 99),
    ] {
        let ours = match percent {
            50 => median(&mut samples),
            other => share(&mut samples, other),
        };
        report.row(Row {
            what: what.to_owned(),
            ours,
            unit: "ms",
            against: "limit G15".to_owned(),
            theirs: OVERHEAD_MS,
            limit: Limit::AtMost(1.0),
        });
    }
    report.finish()
}

struct Till {
    taps: mpsc::Sender<Tap>,
    screens: watch::Receiver<Option<Screen>>,
    inputs: mpsc::Sender<Input>,
    driving: tokio::task::JoinHandle<()>,
}

impl Till {
    async fn open(scratch: &Path, sandbox: &Sandbox, port: u16) -> Self {
        let config =
            Config::load(std::slice::from_ref(&sandbox.config)).expect("the sandbox's own");
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
        let requests = ask_through(&config, port, clock, &entropy, inputs.clone());
        let (scanner, mut orders) = mpsc::channel(8);
        tokio::spawn(async move { while orders.recv().await.is_some() {} });
        let driver = Driver::new(DriverParts {
            cards: None,
            approver: None,
            state: state.expect("a new start"),
            journal,
            policy,
            table: CodeTable::built_in(),
            operator: config.operator.clone(),
            shop: Shop {
                name: config.shop.clone(),
                sandbox: true,
                profile: std::sync::Arc::new(Profile::built_in()),
                wall: shouyin::view::Wall::default(),
            },
            desk: Desk::new(Language::Chinese, Theme::Light),
            clock,
            entropy,
            acquirer: requests,
            scanner,
            screens: publish,
            sound: Box::new(|_| {}),
            printer: Box::new(shouyin::terminal::NoPrinter),
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
        let seq = self
            .screens
            .borrow()
            .as_ref()
            .map_or(0, |screen| screen.seq);
        self.taps
            .send(Tap { seq, intent })
            .await
            .expect("the driver runs");
    }

    async fn sell(&mut self, number: usize, tap: &WireTap) -> Times {
        self.wait(|page| matches!(page, Page::Keypad(_))).await;
        // Never the amount of the sale before: that one would have to be confirmed.
        for digit in [1 + (number % 9) as u8, 0] {
            self.tap(Intent::Digit(digit)).await;
        }
        self.tap(Intent::Charge).await;
        self.wait(|page| matches!(page, Page::Prompt(_))).await;
        let code = recognise(&format!("13{:016}", number + 1), &CodeTable::built_in());
        tap.take();
        let begun = Instant::now();
        let seen = Input::Scan(ScanNews::Code(code.into()));
        self.inputs.send(seen).await.expect("the driver runs");
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
        let asked = out(true);
        let answer = passed.iter().find(|passed| {
            passed.way == Way::ToTill && passed.at > asked && passed.bytes >= ANSWER_BYTES_MIN
        });
        let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1e3;
        self.tap(Intent::Dismiss).await;
        Times {
            to_port: ms(begun, out(false)),
            to_request: ms(begun, asked),
            to_screen: ms(answer.expect("an answer").at, shown),
        }
    }

    async fn stop(self) {
        self.inputs
            .send(Input::Shutdown)
            .await
            .expect("the driver runs");
        self.driving.await.expect("it ends by itself");
    }
}

fn ask_through(
    config: &Config,
    port: u16,
    clock: Clock,
    entropy: &Entropy,
    inputs: mpsc::Sender<Input>,
) -> mpsc::Sender<(shouyin::payment::Ticket, shouyin::payment::Request)> {
    let (requests, asked) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let (events, mut told) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let a = config.acquirer.clone();
    let wait = Duration::from_millis(a.total_ms);
    let url = format!("https://localhost:{port}");
    let post = HttpsPost::new(&url, &a.ca_file, wait, wait).expect("the sandbox's authority");
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
        notify_url: None,
    };
    let lakala = Lakala::open(lakala, post, entropy.clone()).expect("the sandbox's keys");
    let now = move || clock.now();
    tokio::spawn(acquirer::serve(Arc::new(lakala), asked, events, now));
    tokio::spawn(async move {
        while let Some(event) = told.recv().await {
            inputs.send(Input::Acquirer(event)).await.ok();
        }
    });
    requests
}
