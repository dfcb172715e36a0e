//! The whole till without a screen: taps in, screens out, real driver, real journal, real HTTPS, the sandbox's books.
//!
//! Waits of both sides are divided by the same factor; nothing sleeps, every wait is for a screen.

mod lossy;
mod outfit;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shouyin::acquirer::{
    self, Acquirer, HttpsPost, Lakala, LakalaConfig, LakalaNotices, Receiver, ReceiverConfig,
};
use shouyin::clock::Clock;
use shouyin::code::{CodeTable, Scanned};
use shouyin::config::Config;
use shouyin::domain::Tick;
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig, SaleState, inspect};
use shouyin::limits;
use shouyin::payment::{Policy, Timing};
use shouyin::people::{Approver, Pin, PinHash, Pins, Role, TriesFile};
use shouyin::recovery::wish::WishFile;
use shouyin::sim::{Options, Running, serve};
use shouyin::terminal::{
    CardCommand, Cue, Driver, DriverParts, Input, NoPrinter, PrintQueue, ScanCommand, ScanNews,
    SupportParts, UpdaterParts, recover,
};
use shouyin::view::{Desk, Intent, Language, OutcomeKind, Page, Screen, Shop, Tap, Theme};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

pub use self::lossy::losing;
pub use crate::books::{ledger, reconcile};

pub const FASTER: u64 = 40;

pub struct Till {
    taps: mpsc::Sender<Tap>,
    pub screens: watch::Receiver<Option<Screen>>,
    pub inputs: mpsc::Sender<Input>,
    pub journal: Journal,
    /// Where it hears notices, when it does.
    pub receiver: Option<SocketAddr>,
    /// Whether the camera looks for a code.
    pub camera: watch::Receiver<bool>,
    /// Whether safe mode was asked for.
    pub safe: watch::Receiver<bool>,
    driving: tokio::task::JoinHandle<()>,
}

pub async fn sandbox(dir: &TempDir) -> Running {
    let dir = dir.path().join("sandbox");
    let options = Options {
        dir,
        port: 0,
        page_port: 0,
        in_memory: false,
        time_scale: FASTER,
        abort_after_lines: None,
    };
    serve(options).await.unwrap()
}

/// What a till is made of.
pub struct Plan {
    pub config: Config,
    pub data: PathBuf,
    pub timing: Timing,
    /// Longest connecting, TLS included.
    pub connect: Duration,
    /// Longest request.
    pub wait: Duration,
    pub sound: Box<dyn FnMut(Cue) + Send>,
    pub printer: Box<dyn PrintQueue>,
    pub cards: Option<mpsc::Sender<CardCommand>>,
    pub update: Option<UpdaterParts>,
    pub support: Option<SupportParts>,
    pub network: Option<shouyin::network::NetworkDesk>,
}

impl Plan {
    /// A till in `data`, configured by these files, with all waits divided by [`FASTER`].
    pub fn new(files: &[PathBuf], data: PathBuf) -> Self {
        let mut config = Config::load(files).unwrap();
        // Robots sell the same amount again and again, and mean it.
        config.profile.limits.repeat_ms = 0;
        config.profile.limits.large_amount = None;
        let wait = Duration::from_millis(config.acquirer.total_ms / FASTER * 8);
        Self {
            timing: config.profile.timing.faster(FASTER),
            connect: wait,
            wait,
            config,
            data,
            sound: Box::new(|_| {}),
            printer: Box::new(NoPrinter),
            cards: None,
            update: None,
            support: None,
            network: None,
        }
    }
}

/// A keypad that tells this code.
pub fn keypad_tells(code: &'static str) -> impl Fn(&Page) -> bool {
    move |page| matches!(page, Page::Keypad(page) if tells(page.notice.as_ref(), code))
}

/// A prompt that tells this code.
pub fn prompt_tells(code: &'static str) -> impl Fn(&Page) -> bool {
    move |page| matches!(page, Page::Prompt(page) if tells(page.notice.as_ref(), code))
}

fn tells(notice: Option<&shouyin::view::Notice>, code: &str) -> bool {
    notice.is_some_and(|told| told.code == code)
}

pub async fn till(dir: &TempDir) -> Till {
    till_with(dir, |_, _| {}).await
}

/// A till with other timings, or with another desk.
pub async fn till_with(dir: &TempDir, change: impl FnOnce(&mut Policy, &mut Desk)) -> Till {
    let file = dir.path().join("sandbox/terminal.toml");
    let plan = Plan::new(&[file], dir.path().join("data"));
    started(plan, |lakala| lakala, change).await
}

/// Starts a till whose requests go through `client`, which may count or spoil them.
pub async fn start<A: Acquirer>(plan: Plan, client: impl FnOnce(Lakala<HttpsPost>) -> A) -> Till {
    started(plan, client, |_, _| {}).await
}

async fn started<A: Acquirer>(
    plan: Plan,
    client: impl FnOnce(Lakala<HttpsPost>) -> A,
    change: impl FnOnce(&mut Policy, &mut Desk),
) -> Till {
    let within = (plan.connect, plan.wait);
    let Plan { config, data, .. } = plan;
    std::fs::create_dir_all(&data).unwrap();
    let (journal, opened) = open(&data);
    let mut policy = config.policy([9; 32]);
    policy.timing = plan.timing;
    let mut desk = Desk::new(Language::Chinese, Theme::Light);
    change(&mut policy, &mut desk);
    let (clock, entropy) = (Clock::start(), Entropy::default());
    let state = recover(&journal, opened, entropy.start_tag(), clock.now(), &policy)
        .await
        .unwrap();
    let (inputs, inbox) = mpsc::channel(limits::INPUT_QUEUE);
    let (taps, tapped) = mpsc::channel(limits::INTENT_QUEUE);
    let (publish, screens) = watch::channel(None);
    let (requests, asked) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let (events, told) = mpsc::channel(limits::ACQUIRER_QUEUE);
    let (lakala, receiver) = outfit::online(&config, within, clock, &entropy, inputs.clone()).await;
    let client = Arc::new(client(lakala));
    tokio::spawn(acquirer::serve(client, asked, events, move || clock.now()));
    forward(told, inputs.clone(), Input::Acquirer);
    let (scanner, orders) = mpsc::channel(8);
    let camera = watched(orders);
    let export = outfit::exporter(&config, &journal, &mut desk, inputs.clone());
    let update = plan
        .update
        .map(|parts| outfit::updater(parts, inputs.clone()));
    let support = outfit::support(plan.support, &mut desk, inputs.clone());
    let (wishes, safe) = watch::channel(false);
    let driver = Driver::new(DriverParts {
        cards: plan.cards,
        state,
        journal: journal.clone(),
        policy,
        table: config.profile.codes.clone(),
        operator: config.operator.clone(),
        shop: shop(&config),
        desk,
        clock,
        entropy: entropy.clone(),
        acquirer: requests,
        scanner,
        screens: publish,
        approver: Some(approver(&entropy, &data, clock.now().tick)),
        sound: plan.sound,
        printer: plan.printer,
        export,
        update,
        network: plan.network,
        reset: Some(WishFile::of(&data)),
        support,
        safe: Some(wishes),
    });
    let driving = tokio::spawn(driver.run(inbox, tapped));
    Till {
        taps,
        screens,
        inputs,
        journal,
        receiver,
        camera,
        safe,
        driving,
    }
}

/// Tells the driver of every change.
fn pass_on<T: Clone + Send + Sync + 'static>(
    mut news: watch::Receiver<T>,
    inputs: mpsc::Sender<Input>,
    wrap: fn(T) -> Input,
) {
    tokio::spawn(async move {
        while news.changed().await.is_ok() {
            let now = news.borrow_and_update().clone();
            inputs.send(wrap(now)).await.ok();
        }
    });
}

/// Starts the receiver of notices when one is configured, as the program does.
async fn listen(config: &Config, clock: Clock, inputs: mpsc::Sender<Input>) -> Option<SocketAddr> {
    let own = config.notices.as_ref()?;
    let receiver = Receiver::open(&ReceiverConfig {
        address: own.address,
        certificate_file: own.certificate_file.clone(),
        key_file: own.key_file.clone(),
    });
    let bound = receiver.unwrap().bind().await.unwrap();
    let address = bound.address().unwrap();
    let reader = LakalaNotices::open(&config.acquirer.platform_certificate_files).unwrap();
    let (claims, heard) = mpsc::channel(limits::NOTICE_QUEUE);
    tokio::spawn(acquirer::receive(bound, reader, claims, move || {
        clock.now()
    }));
    forward(heard, inputs, Input::Notice);
    Some(address)
}

fn shop(config: &Config) -> Shop {
    config.on_screen()
}

/// A camera that only says whether it is open.
fn watched(mut orders: mpsc::Receiver<ScanCommand>) -> watch::Receiver<bool> {
    let (opened, camera) = watch::channel(false);
    tokio::spawn(async move {
        while let Some(order) = orders.recv().await {
            opened.send_replace(order == ScanCommand::Start);
        }
    });
    camera
}

fn forward<T: Send + 'static>(
    mut from: mpsc::Receiver<T>,
    to: mpsc::Sender<Input>,
    wrap: fn(T) -> Input,
) {
    tokio::spawn(async move {
        while let Some(news) = from.recv().await {
            to.send(wrap(news)).await.ok();
        }
    });
}

/// The PIN that the tests' supervisor knows.
pub const PIN: &str = "472913";
/// The PIN of the tests' manager.
pub const MANAGER_PIN: &str = "590318";

fn approver(entropy: &Entropy, data: &std::path::Path, now: Tick) -> Box<dyn Approver> {
    let hash = |pin| PinHash::make(&Pin::typed(pin).unwrap(), entropy);
    let pins = Pins::new([
        (Role::Supervisor, hash(PIN)),
        (Role::Manager, hash(MANAGER_PIN)),
    ]);
    let tries = TriesFile::new(&data.join("pin.tries"));
    Box::new(pins.kept_in(tries, now))
}

/// Opens a journal as soon as an earlier user of it has let go.
pub fn open(data: &std::path::Path) -> (Journal, shouyin::journal::Opened) {
    let mut config = JournalConfig::new(data.to_owned(), data.join("mirror.log"));
    // A process of a kill test dies by this.
    let appends = std::env::var("DIES_AFTER_APPENDS").ok();
    config.abort_after_appends = appends.and_then(|count| count.parse().ok());
    wait_closed(data);
    Journal::open(config).unwrap()
}

/// Waits until nobody holds a journal: its thread lets go a moment after the till.
pub fn wait_closed(data: &std::path::Path) {
    if let Ok(file) = std::fs::File::open(data.join("journal.lock")) {
        file.lock().unwrap();
        file.unlock().unwrap();
    }
}

pub fn lakala_config(config: &Config) -> LakalaConfig {
    let a = config.acquirer.clone();
    LakalaConfig {
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
    }
}

impl Till {
    pub async fn wait(&mut self, what: &str, found: impl Fn(&Page) -> bool) -> Page {
        let shown = self
            .screens
            .wait_for(|s| s.as_ref().is_some_and(|s| found(&s.page)));
        let page = match tokio::time::timeout(Duration::from_secs(60), shown).await {
            Ok(shown) => shown.unwrap().as_ref().map(|screen| screen.page.clone()),
            Err(_) => None,
        };
        page.unwrap_or_else(|| panic!("no screen: {what}; shown: {:?}", self.look()))
    }

    pub async fn tap(&self, intent: Intent) {
        let seq = self
            .screens
            .borrow()
            .as_ref()
            .map_or(0, |screen| screen.seq);
        self.taps.send(Tap { seq, intent }).await.unwrap();
    }

    /// Types amount and code as a cashier without a camera would; returns once the till is free or has a result.
    pub async fn sell(&mut self, fen: u64, code: &str) -> Option<OutcomeKind> {
        self.charge(fen).await;
        self.type_code(code).await;
        let done = |page: &Page| matches!(page, Page::Outcome(_) | Page::Keypad(_));
        match self.wait("result", done).await {
            Page::Outcome(outcome) => Some(outcome.kind),
            _ => None,
        }
    }

    /// Types an amount and waits for the page that asks for a code.
    pub async fn charge(&mut self, fen: u64) {
        if let Page::Outcome(_) = self.wait("start", |_| true).await {
            self.tap(Intent::Dismiss).await;
        }
        self.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
        self.tap(Intent::Clear).await;
        for key in format!("{}.{:02}", fen / 100, fen % 100).chars() {
            let digit = key
                .to_digit(10)
                .map(|digit| Intent::Digit(u8::try_from(digit).unwrap()));
            self.tap(digit.unwrap_or(Intent::Dot)).await;
        }
        self.tap(Intent::Charge).await;
    }

    /// Types a code on the page that asks for one, and sends it.
    pub async fn type_code(&mut self, code: &str) {
        self.wait(
            "prompt",
            |page| matches!(page, Page::Prompt(prompt) if prompt.can_type),
        )
        .await;
        self.tap(Intent::TypeCode).await;
        self.wait("manual", |page| matches!(page, Page::Manual(_)))
            .await;
        for digit in code.bytes() {
            self.tap(Intent::CodeDigit(digit - b'0')).await;
        }
        self.tap(Intent::CodeSend).await;
    }

    /// Returns the screen that is shown.
    pub fn look(&self) -> (u64, Page) {
        let shown = self.screens.borrow();
        let screen = shown.as_ref().unwrap();
        (screen.seq, screen.page.clone())
    }

    /// Tells whether nothing is open in the background.
    pub fn is_calm(&self) -> bool {
        let shown = self.screens.borrow();
        shown
            .as_ref()
            .is_some_and(|screen| screen.status.pending == 0)
    }

    /// Waits for another page than the one with this number, or for any news on it.
    pub async fn changes(&mut self, seq: u64) {
        self.screens.mark_unchanged();
        if self.look().0 == seq {
            self.next_screen().await;
        }
    }

    /// Waits for any news.
    pub async fn next_screen(&mut self) {
        let news = tokio::time::timeout(Duration::from_secs(60), self.screens.changed());
        news.await.expect("the screen moves").unwrap();
    }

    /// Holds a code in front of the camera, of a customer or any other.
    pub async fn present(&self, code: &str) {
        let news = Input::Scan(ScanNews::Code(Scanned::read(code, &CodeTable::built_in())));
        self.inputs.send(news).await.unwrap();
    }

    pub async fn stop(self) {
        self.inputs.send(Input::Shutdown).await.unwrap();
        self.driving.await.unwrap();
    }

    pub async fn ends(self) {
        self.driving.await.unwrap();
    }

    /// Waits until no sale is open any more.
    pub async fn settle(&mut self) {
        if let Page::Outcome(_) = self.wait("any", |_| true).await {
            self.tap(Intent::Dismiss).await;
        }
        let calm = self.screens.wait_for(|screen| {
            let screen = screen.as_ref();
            screen.is_some_and(|s| matches!(s.page, Page::Keypad(_)) && s.status.pending == 0)
        });
        let calm = tokio::time::timeout(Duration::from_secs(120), calm).await;
        calm.expect("every sale ends").expect("the driver runs");
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn every_amount_trigger_ends_with_journal_and_books_equal() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        for tail in 0..100_u64 {
            let code = format!("2812345678901{tail:05}");
            let shown = till.sell(10_000 + tail, &code).await;
            let expected: &[Option<OutcomeKind>] = match tail {
                0..=69 | 80 | 81 | 83 => &[Some(OutcomeKind::Paid)],
                77 | 90.. => &[Some(OutcomeKind::NotPaid)],
                // These are asked about; a slow machine may free the till first.
                70 | 75 | 76 | 85 => &[Some(OutcomeKind::Paid), None],
                78 => &[Some(OutcomeKind::NotPaid), None],
                _ => &[Some(OutcomeKind::Paid), Some(OutcomeKind::Revoked), None],
            };
            assert!(expected.contains(&shown), "amount …{tail:02}: {shown:?}");
        }
        till.settle().await;
        let (paid, unpaid) = reconcile(&till.journal, sandbox.page_port).await;
        println!("100 triggers: {paid} paid, {unpaid} not paid, journal equals books");
        assert_eq!(paid + unpaid, 100);
        till.stop().await;
    });
    let data = dir.path().join("data");
    drop(open(&data));
    let verdict =
        inspect::verify(&data.join("journal.db"), Some(&data.join("mirror.log"))).unwrap();
    assert!(verdict.is_sound(), "{verdict:?}");
    let text = std::fs::read(data.join("journal.db")).unwrap();
    let code = b"2812345678901";
    assert!(
        !text.windows(code.len()).any(|part| part == code),
        "no payment code is stored"
    );
}

#[test]
fn a_till_that_dies_with_open_sales_finishes_them_at_the_next_start() {
    let dir = TempDir::new().unwrap();
    let runtime_one = runtime();
    let sandbox = runtime_one.block_on(sandbox(&dir));
    let first = runtime();
    first.block_on(async {
        let mut till = till(&dir).await;
        till.sell(1_000, "281234567890100001").await;
        till.tap(Intent::Dismiss).await;
        till.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
        let selling = till.sell(2_071, "281234567890100002");
        // The process ends while the order is undecided: no goodbye, the runtime is dropped under it.
        tokio::time::timeout(Duration::from_millis(200), selling)
            .await
            .ok();
    });
    first.shutdown_background();
    runtime_one.block_on(async {
        let mut till = till(&dir).await;
        till.settle().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 1));
        till.stop().await;
    });
}

#[test]
fn without_an_acquirer_nothing_is_charged_and_the_screen_says_so() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let port = sandbox.port;
        drop(sandbox);
        let gone = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone)
            .await
            .expect("the port closes");
        let mut till = till(&dir).await;
        let shown = till.sell(500, "281234567890100003").await;
        assert_eq!(shown, Some(OutcomeKind::NotPaid));
        let Page::Outcome(page) = till.wait("outcome", |_| true).await else {
            panic!("an outcome page");
        };
        assert_eq!(page.notice.map(|notice| notice.code), Some("P21"));
        till.stop().await;
    });
}

#[test]
fn two_tills_under_one_terminal_number_never_touch_each_others_sales() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        std::fs::create_dir_all(other.path().join("sandbox")).unwrap();
        let config = "sandbox/terminal.toml";
        std::fs::copy(dir.path().join(config), other.path().join(config)).unwrap();
        let mut first = till(&dir).await;
        let mut second = till(&other).await;
        for number in 0..3_u64 {
            let code = format!("28123456790000{number:04}");
            let paid = first.sell(4_000 + number, &code).await;
            assert_eq!(paid, Some(OutcomeKind::Paid));
            let code = format!("28123456790001{number:04}");
            let paid = second.sell(5_000 + number, &code).await;
            assert_eq!(paid, Some(OutcomeKind::Paid));
        }
        // One that is never paid, so that the second till revokes.
        second.sell(5_071, "281234567900020001").await;
        second.settle().await;
        let books = ledger(sandbox.page_port).await;
        for till in [&first, &second] {
            for sale in till.journal.recent(10).await.unwrap() {
                let order = sale.order_no.as_str();
                let trades = books["orders"].as_array().unwrap();
                let trade = trades
                    .iter()
                    .find(|trade| trade["out_trade_no"] == order)
                    .unwrap();
                let owed = if sale.state == SaleState::Paid {
                    sale.amount.minor()
                } else {
                    0
                };
                assert_eq!(trade["net_charged"], owed, "{order}");
            }
        }
        first.stop().await;
        second.stop().await;
    });
}
