//! A whole till on a real disk without a screen: typed at, waited for, stopped.
//!
//! Owns the parts that every bench of a sale needs; the way to the acquirer is the bench's own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shouyin::acquirer::{self, Acquirer};
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig};
use shouyin::limits;
use shouyin::profile::Profile;
use shouyin::terminal::{CardCommand, Driver, DriverParts, Input, NoPrinter, recover};
use shouyin::view::{Desk, Intent, Language, OutcomeKind, Page, Screen, Shop, Tap, Theme, Wall};
use tokio::sync::{mpsc, watch};

use crate::sandbox::{Passed, Way};

pub type Requests = mpsc::Sender<(shouyin::payment::Ticket, shouyin::payment::Request)>;
/// The way to the acquirer, and to a card reader where there is one.
pub type Ways = (Requests, Option<mpsc::Sender<CardCommand>>);

/// What a way to the acquirer is made of.
pub struct Needs<'a> {
    pub config: &'a Config,
    pub clock: Clock,
    pub entropy: &'a Entropy,
    pub journal: &'a Journal,
    pub inputs: &'a mpsc::Sender<Input>,
}

impl Needs<'_> {
    /// Lets an adapter serve the till.
    pub fn serve<A: Acquirer + 'static>(&self, adapter: Arc<A>) -> Requests {
        let (requests, asked) = mpsc::channel(limits::ACQUIRER_QUEUE);
        let (events, mut told) = mpsc::channel(limits::ACQUIRER_QUEUE);
        let clock = self.clock;
        tokio::spawn(acquirer::serve(adapter, asked, events, move || clock.now()));
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            while let Some(event) = told.recv().await {
                inputs.send(Input::Acquirer(event)).await.ok();
            }
        });
        requests
    }
}

pub struct Till {
    taps: mpsc::Sender<Tap>,
    screens: watch::Receiver<Option<Screen>>,
    pub inputs: mpsc::Sender<Input>,
    driving: tokio::task::JoinHandle<()>,
}

impl Till {
    pub async fn open(
        scratch: &Path,
        config: &Config,
        ways: impl FnOnce(&Needs<'_>) -> Ways,
    ) -> Self {
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
        let (requests, cards) = ways(&Needs {
            config,
            clock,
            entropy: &entropy,
            journal: &journal,
            inputs: &inputs,
        });
        let driver = Driver::new(DriverParts {
            cards,
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
                fees: None,
            },
            desk: Desk::new(Language::Chinese, Theme::Light),
            clock,
            entropy,
            acquirer: requests,
            scanner,
            screens: publish,
            sound: Box::new(|_| {}),
            printer: Box::new(NoPrinter),
            export: None,
            update: None,
            network: None,
            reset: None,
            support: None,
            safe: None,
        });
        let driving = tokio::spawn(driver.run(inbox, tapped));
        Self {
            taps,
            screens,
            inputs,
            driving,
        }
    }

    pub async fn wait(&mut self, found: impl Fn(&Page) -> bool) {
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

    /// Waits for the result of a sale that is paid; returns when it was shown.
    pub async fn paid(&mut self) -> Instant {
        self.wait(|page| matches!(page, Page::Outcome(o) if o.kind == OutcomeKind::Paid))
            .await;
        Instant::now()
    }

    pub async fn tap(&self, intent: Intent) {
        let screen = self.screens.borrow().as_ref().map(|screen| screen.seq);
        let seq = screen.unwrap_or_default();
        let tap = Tap { seq, intent };
        self.taps.send(tap).await.expect("the driver runs");
    }

    /// Types an amount, never that of the sale before, which would have to be confirmed, and presses 收款.
    pub async fn charge(&mut self, number: usize) {
        self.wait(|page| matches!(page, Page::Keypad(_))).await;
        for digit in [1 + (number % 9) as u8, 0] {
            self.tap(Intent::Digit(digit)).await;
        }
        self.tap(Intent::Charge).await;
    }

    pub async fn stop(self) {
        let stop = self.inputs.send(Input::Shutdown).await;
        stop.expect("the driver runs");
        self.driving.await.expect("it ends by itself");
    }
}

/// When the first byte, or the first byte of data, left for the acquirer.
pub fn first_out(passed: &[Passed], data: bool) -> Instant {
    let mut out = passed.iter();
    let first = out.find(|p| p.way == Way::ToAcquirer && (p.data || !data));
    first.expect("a request").at
}
