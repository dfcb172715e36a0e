//! What the till shows when the journal's disk fails under a sale, and that nothing is sent then.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shouyin::clock::Clock;
use shouyin::code::CodeTable;
use shouyin::entropy::Entropy;
use shouyin::journal::{CopyFile, Files, SystemFiles};
use shouyin::payment::{Certainty, Event, Request, Ticket};
use shouyin::terminal::{Driver, DriverParts, Input, ScanCommand, recover};
use shouyin::view::{Desk, Intent as Press, Language, Page, Screen, Shop, Tap, Theme};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::world::World;

/// A till over a simulated disk; the acquirer's side of the queue stays in the test's hands.
struct Counter {
    taps: mpsc::Sender<Tap>,
    screens: watch::Receiver<Option<Screen>>,
    requests: mpsc::Receiver<(Ticket, Request)>,
    inputs: mpsc::Sender<Input>,
    _scanner: mpsc::Receiver<ScanCommand>,
}

async fn counter(bench: &Bench) -> Counter {
    let (journal, opened) = bench.open().unwrap();
    let policy = World::new(1).policy;
    let (clock, entropy) = (Clock::start(), Entropy::default());
    let state = recover(&journal, opened, entropy.start_tag(), clock.now(), &policy)
        .await
        .unwrap();
    let (inputs, inbox) = mpsc::channel(8);
    let (taps, tapped) = mpsc::channel(64);
    let (publish, screens) = watch::channel(None);
    let (acquirer, requests) = mpsc::channel(8);
    let (scanner, orders) = mpsc::channel(64);
    let driver = Driver::new(DriverParts {
        cards: None,
        state,
        journal,
        policy,
        table: CodeTable::built_in(),
        operator: OperatorNo::new("01").unwrap(),
        shop: Shop {
            name: "x".to_owned(),
            sandbox: true,
            profile: std::sync::Arc::new(shouyin::profile::Profile::built_in()),
            wall: shouyin::view::Wall::default(),
            fees: None,
        },
        desk: Desk::new(Language::Chinese, Theme::Light),
        clock,
        entropy,
        acquirer,
        scanner,
        screens: publish,
        approver: None,
        sound: Box::new(|_| {}),
        printer: Box::new(shouyin::terminal::NoPrinter),
        export: None,
        update: None,
        network: None,
        reset: None,
        support: None,
        safe: None,
    });
    tokio::spawn(driver.run(inbox, tapped));
    Counter {
        taps,
        screens,
        requests,
        inputs,
        _scanner: orders,
    }
}

impl Counter {
    async fn wait(&mut self, what: &str, found: impl Fn(&Page) -> bool) -> Page {
        let shown = self
            .screens
            .wait_for(|shown| shown.as_ref().is_some_and(|shown| found(&shown.page)));
        let shown = tokio::time::timeout(Duration::from_secs(60), shown).await;
        let shown = shown.unwrap_or_else(|_| panic!("no screen: {what}"));
        shown.unwrap().as_ref().unwrap().page.clone()
    }

    async fn press(&self, intent: Press) {
        let shown = self.screens.borrow().as_ref().map(|screen| screen.seq);
        let seq = shown.unwrap();
        self.taps.send(Tap { seq, intent }).await.unwrap();
    }

    /// Types 5 yuan and presses 收款.
    async fn charge(&mut self) {
        self.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
        self.press(Press::Clear).await;
        self.press(Press::Digit(5)).await;
        self.press(Press::Charge).await;
    }

    /// Goes on to the typed code, but does not send it yet.
    async fn type_code(&mut self, code: &str) {
        self.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        self.press(Press::TypeCode).await;
        self.wait("manual", |page| matches!(page, Page::Manual(_)))
            .await;
        for digit in code.bytes() {
            self.press(Press::CodeDigit(digit - b'0')).await;
        }
        let typed = code.len();
        self.wait(
            "digits",
            |page| matches!(page, Page::Manual(manual) if manual.typed == typed),
        )
        .await;
    }

    /// Waits for a keypad that tells this code.
    async fn told(&mut self, code: &str) {
        self.wait(code, |page| {
            matches!(page, Page::Keypad(keypad)
                if keypad.notice.as_ref().is_some_and(|notice| notice.code == code))
        })
        .await;
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_failed_sync_stops_sales_with_j02_and_no_request_leaves() {
    let bench = Bench::new("till-sync", 1);
    bench.disk.lock().format(Plan::Sound);
    runtime().block_on(async {
        let mut till = counter(&bench).await;
        till.charge().await;
        till.type_code("281234567890123456").await;
        let forever = false;
        bench.disk.lock().arm(Plan::SyncError { at: 1, forever });
        till.press(Press::CodeSend).await;
        let page = till
            .wait("out of service", |page| {
                matches!(page, Page::OutOfService(_))
            })
            .await;
        assert!(matches!(page, Page::OutOfService(page) if page.notice.code == "J02"));
        assert!(till.requests.try_recv().is_err(), "nothing was sent");
        assert_eq!(
            bench.disk.lock().counts().2,
            1,
            "the sync was not tried again"
        );
    });
}

#[test]
fn a_full_disk_refuses_the_sale_with_j01_and_takes_the_next_when_there_is_space_again() {
    let mut bench = Bench::new("till-full", 1);
    bench.config.reserve_bytes = 256 * 1_024;
    bench.disk.lock().format(Plan::Sound);
    runtime().block_on(async {
        let mut till = counter(&bench).await;
        till.charge().await;
        till.type_code("281234567890123456").await;
        bench.disk.lock().limit_to(Some(0));
        till.press(Press::CodeSend).await;
        till.told("J01").await;
        assert!(till.requests.try_recv().is_err(), "nothing was sent");
        bench.disk.lock().limit_to(Some(64 * 1_024));
        till.charge().await;
        till.type_code("281234567890123457").await;
        till.press(Press::CodeSend).await;
        let sent = tokio::time::timeout(Duration::from_secs(60), till.requests.recv()).await;
        let request = sent.expect("a charge is sent").map(|(_, request)| request);
        assert!(
            matches!(request, Some(Request::Authorize { .. })),
            "{request:?}"
        );
    });
}

#[test]
fn a_till_that_starts_on_a_full_disk_says_so_before_a_customer_is_asked() {
    let mut bench = Bench::new("till-starts-full", 1);
    bench.config.reserve_bytes = 256 * 1_024;
    bench.disk.lock().format(Plan::Sound);
    let (journal, _) = bench.open().unwrap();
    bench.append(&journal, &bench.expected.units[0]).unwrap();
    bench.disk.lock().limit_to(Some(0));
    // A result takes the reserve; there is no room to put it back.
    bench.append(&journal, &[started(2)]).unwrap();
    drop(journal);
    runtime().block_on(async {
        let mut till = counter(&bench).await;
        till.told("J01").await;
        till.charge().await;
        till.told("J01").await;
        assert!(till.requests.try_recv().is_err(), "nothing was sent");
        bench.disk.lock().limit_to(None);
        till.charge().await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
    });
}

#[test]
fn a_full_disk_that_turns_out_broken_is_told_as_broken_instead_of_waited_for() {
    let mut bench = Bench::new("till-full-broken", 1);
    // Too small for a result, so that one finds no space at all.
    bench.config.reserve_bytes = 64;
    bench.disk.lock().format(Plan::Sound);
    runtime().block_on(async {
        let mut till = counter(&bench).await;
        till.charge().await;
        till.type_code("281234567890123456").await;
        till.press(Press::CodeSend).await;
        let (ticket, _) = till.requests.recv().await.expect("the intent is stored");
        bench.disk.lock().limit_to(Some(0));
        let (certainty, why) = (Certainty::NotSent, "no network".to_owned());
        let answer = Event::SendFailed {
            ticket,
            certainty,
            why,
        };
        till.inputs.send(Input::Acquirer(answer)).await.unwrap();
        let out = |code: &'static str| {
            move |page: &Page| matches!(page, Page::OutOfService(told) if told.notice.code == code)
        };
        till.wait("full", out("J01")).await;
        bench.disk.lock().limit_to(None);
        let (at, forever) = (1, true);
        bench.disk.lock().arm(Plan::SyncError { at, forever });
        till.wait("broken: people start it again", out("J02")).await;
    });
}

/// The second copy's disk is unplugged while this is true.
#[derive(Debug, Clone)]
struct Unplugged(Arc<AtomicBool>);

impl Unplugged {
    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    }
}

/// Files of the system whose second copy can be unplugged.
#[derive(Debug)]
struct OtherDisk(Unplugged);

struct OtherCopy(Unplugged, Box<dyn CopyFile>);

impl Files for OtherDisk {
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>> {
        SystemFiles.lock(path)
    }

    fn hold_space(&self, path: &Path, bytes: u64) -> io::Result<()> {
        SystemFiles.hold_space(path, bytes)
    }

    fn release_space(&self, path: &Path) {
        SystemFiles.release_space(path);
    }

    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>> {
        self.0.check()?;
        let copy = SystemFiles.open_copy(path)?;
        Ok(Box::new(OtherCopy(self.0.clone(), copy)))
    }

    fn refresh(&self, path: &Path) -> io::Result<()> {
        SystemFiles.refresh(path)
    }

    fn read_note(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        SystemFiles.read_note(path)
    }

    fn write_note(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        SystemFiles.write_note(path, bytes)
    }

    fn exists(&self, path: &Path) -> bool {
        SystemFiles.exists(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn CopyFile>>> {
        SystemFiles.open_to_read(path)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        SystemFiles.sync(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemFiles.rename(from, to)
    }

    fn sync_names(&self, path: &Path) -> io::Result<()> {
        SystemFiles.sync_names(path)
    }
}

impl CopyFile for OtherCopy {
    fn length(&self) -> io::Result<u64> {
        self.1.length()
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.1.read_at(bytes, at)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.1.cut(length)
    }

    fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        self.0.check()?;
        self.1.append(bytes, end)
    }

    fn refresh(&mut self, from: u64) -> io::Result<()> {
        self.1.refresh(from)
    }
}

#[test]
fn a_second_copy_that_is_gone_stops_the_next_sale_with_j04_until_it_is_whole_again() {
    let mut bench = Bench::new("till-copy", 1);
    let gone = Unplugged(Arc::default());
    let copy = bench.config.dir.join("copy");
    bench.config.mirror = Some(copy.clone());
    bench.config.vfs = None;
    bench.config.reserve_bytes = 4_096;
    bench.config.files = Arc::new(OtherDisk(gone.clone()));
    runtime().block_on(async {
        let mut till = counter(&bench).await;
        till.charge().await;
        till.type_code("281234567890123456").await;
        gone.0.store(true, Ordering::SeqCst);
        till.press(Press::CodeSend).await;
        let (ticket, _) = till
            .requests
            .recv()
            .await
            .expect("the journal holds this sale");
        let answer = Event::SendFailed {
            ticket,
            certainty: Certainty::NotSent,
            why: "no network".to_owned(),
        };
        till.inputs.send(Input::Acquirer(answer)).await.unwrap();
        till.wait("outcome", |page| matches!(page, Page::Outcome(_)))
            .await;
        till.press(Press::Dismiss).await;
        till.charge().await;
        till.told("J04").await;
        gone.0.store(false, Ordering::SeqCst);
        till.charge().await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        let records = shouyin::journal::parse_mirror(&std::fs::read(&copy).unwrap());
        assert_eq!(
            records.0.len(),
            4,
            "started, intent, failure, closed: none is missing"
        );
    });
}
