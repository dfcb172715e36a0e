//! 恢复出厂 over the whole till: taps in, screens out, the sandbox's books untouched.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shouyin::domain::Timestamp;
use shouyin::journal::JournalConfig;
use shouyin::recovery::erase::SystemGround;
use shouyin::recovery::wish::{Found, Wish, WishFile};
use shouyin::terminal::reset_at_start;
use shouyin::view::{
    Intent, MaintainWish, MaintenancePage, OutcomeKind, Page, ResetNote, ResetStage,
};
use tempfile::TempDir;

use crate::till::{PIN, Plan, Till, keypad_tells, ledger, losing, runtime, sandbox, start, till};

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}

fn wish(dir: &TempDir) -> Found {
    WishFile::of(&data(dir)).read().unwrap()
}

/// What the program does at its next start.
async fn next_start(dir: &TempDir) -> Option<ResetNote> {
    let config = JournalConfig::new(data(dir), data(dir).join("mirror.log"));
    let now = time::OffsetDateTime::now_utc().unix_timestamp() * 1000;
    reset_at_start(&config, Timestamp(now), &mut SystemGround)
        .await
        .unwrap()
}

impl Till {
    async fn maintenance(
        &mut self,
        what: &str,
        found: impl Fn(&MaintenancePage) -> bool,
    ) -> MaintenancePage {
        let is_it = move |page: &Page| matches!(page, Page::Maintenance(page) if found(page));
        match self.wait(what, is_it).await {
            Page::Maintenance(page) => page,
            other => panic!("{other:?}"),
        }
    }

    async fn show_maintenance(&mut self) -> MaintenancePage {
        self.home().await;
        self.tap(Intent::ShowRecords).await;
        let offers = |page: &Page| matches!(page, Page::Records(page) if page.can_maintain);
        self.wait("records", offers).await;
        self.tap(Intent::Maintain(MaintainWish::Show)).await;
        self.maintenance("maintenance", |_| true).await
    }

    async fn is_refused_with(&mut self, code: &'static str) {
        self.show_maintenance().await;
        self.tap(Intent::Maintain(MaintainWish::Reset)).await;
        let tells = move |page: &MaintenancePage| {
            let notice = page.notice.as_ref();
            notice.is_some_and(|notice| notice.code == code)
        };
        let page = self.maintenance(code, tells).await;
        assert_eq!(page.reset, Some(ResetStage::Offered), "{code}");
    }

    async fn types_pin(&mut self, pin: &str) {
        self.wait("approve", |page| matches!(page, Page::Approve(_)))
            .await;
        for digit in pin.bytes() {
            self.tap(Intent::PinDigit(digit - b'0')).await;
        }
        self.tap(Intent::PinSend).await;
    }

    /// A supervisor approves; nothing is wished for yet.
    async fn approves_reset(&mut self) {
        self.show_maintenance().await;
        self.tap(Intent::Maintain(MaintainWish::Reset)).await;
        self.types_pin(PIN).await;
        let approved = |page: &MaintenancePage| page.reset == Some(ResetStage::Approved);
        self.maintenance("approved", approved).await;
    }
}

#[test]
fn with_an_open_sale_it_is_refused_and_the_sale_goes_on() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let down = Arc::new(AtomicBool::new(true));
        let line = Arc::clone(&down);
        let file = dir.path().join("sandbox/terminal.toml");
        let mut plan = Plan::new(&[file], data(&dir));
        plan.timing.park_after_ms = 3_600_000;
        let mut till = start(plan, losing(move |_| line.load(Ordering::SeqCst))).await;
        till.charge(1_280).await;
        till.type_code("281234567890155501").await;
        let parks = |page: &Page| matches!(page, Page::Waiting(page) if page.can_park);
        till.wait("unknown", parks).await;
        till.tap(Intent::NextSale).await;
        till.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
        till.is_refused_with("M03").await;
        assert_eq!(wish(&dir), Found::Nothing);
        let rows = till.journal.row_count().await.unwrap();
        till.stop().await;
        // A wish that came about all the same is not followed: the journal alone tells that the sale is open.
        let file = WishFile::of(&data(&dir));
        file.write(Wish::Wished { rows }).unwrap();
        assert_eq!(next_start(&dir).await, Some(ResetNote::Undone("M03")));
        assert_eq!(wish(&dir), Found::Nothing);
        let mut till = crate::till::till(&dir).await;
        till.wait("it goes on", |page| matches!(page, Page::Keypad(_)))
            .await;
        till.settle().await;
        till.stop().await;
    });
}

#[test]
fn before_the_settlement_it_is_refused_and_after_it_everything_is_gone_but_the_books() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        let sold = till.sell(1_280, "281234567890155502").await;
        assert_eq!(sold, Some(OutcomeKind::Paid));
        till.is_refused_with("M06").await;
        till.home().await;
        till.close_batch(PIN).await;
        let books = ledger(sandbox.page_port).await;
        // Whoever does not know the PIN gets no further, and a confirmation without it means nothing.
        till.show_maintenance().await;
        till.tap(Intent::Maintain(MaintainWish::ResetNow)).await;
        till.tap(Intent::Maintain(MaintainWish::Reset)).await;
        till.types_pin("111222").await;
        let wrong = |page: &Page| match page {
            Page::Approve(page) => page.notice.as_ref().is_some_and(|told| told.code == "A11"),
            _ => false,
        };
        till.wait("wrong", wrong).await;
        assert_eq!(wish(&dir), Found::Nothing);
        // An approval is gone when the page was left.
        till.approves_reset().await;
        assert_eq!(wish(&dir), Found::Nothing, "it was not confirmed");
        let page = till.show_maintenance().await;
        assert_eq!(page.reset, Some(ResetStage::Offered));
        till.approves_reset().await;
        let rows = till.journal.row_count().await.unwrap();
        till.tap(Intent::Maintain(MaintainWish::ResetNow)).await;
        till.maintenance("it ends", |page| page.reset == Some(ResetStage::Leaving))
            .await;
        till.ends().await;
        assert_eq!(wish(&dir), Found::Wish(Wish::Wished { rows }));
        assert_eq!(next_start(&dir).await, Some(ResetNote::Done));
        assert_eq!(std::fs::read_dir(data(&dir)).unwrap().count(), 0);
        assert_eq!(ledger(sandbox.page_port).await, books);
        assert_eq!(next_start(&dir).await, None);
        // Set up again it is a terminal without a past.
        let mut till = crate::till::till(&dir).await;
        till.wait(
            "keypad",
            |page| matches!(page, Page::Keypad(page) if page.today_count == 0),
        )
        .await;
        till.stop().await;
    });
}

#[test]
fn a_wish_beside_an_open_batch_is_taken_away_and_nothing_is_lost() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut first = till(&dir).await;
        first.sell(1_280, "281234567890155503").await;
        first.settle().await;
        let rows = first.journal.row_count().await.unwrap();
        first.stop().await;
        let file = WishFile::of(&data(&dir));
        file.write(Wish::Wished { rows }).unwrap();
        assert_eq!(next_start(&dir).await, Some(ResetNote::Undone("M06")));
        assert_eq!(wish(&dir), Found::Nothing);
        let told = ResetNote::Undone("M06");
        let change = move |_: &mut _, desk: &mut shouyin::view::Desk| desk.late = Some(told.into());
        let mut next = crate::till::till_with(&dir, change).await;
        next.wait("it says so", keypad_tells("M08")).await;
        assert_eq!(next.journal.row_count().await.unwrap(), rows + 1);
        next.stop().await;
    });
}
