//! Who may send how much money back: ceilings of the roles to the fen, and a lock that no restart opens.
//!
//! Through the whole till: taps in, screens out, real driver, journal and HTTPS.

use shouyin::domain::{Money, Role};
use shouyin::journal::UndoState;
use shouyin::payment::{Ceiling, Ceilings};
use shouyin::view::pages::UndoStateView;
use shouyin::view::{Intent, Page};
use tempfile::TempDir;

use crate::till::{MANAGER_PIN, PIN, Till, reconcile, runtime, sandbox, till, till_with};

fn ceiling(single: u64, day: u64) -> Ceiling {
    let fen = |fen| Some(Money::from_fen(fen).unwrap());
    Ceiling {
        single: fen(single),
        day: fen(day),
    }
}

fn ceilings() -> Ceilings {
    Ceilings {
        cashier: ceiling(1_000, 2_500),
        supervisor: ceiling(5_000, 9_000),
        manager: ceiling(20_000, 30_000),
    }
}

/// A till with these ceilings, on a machine that may be busy.
async fn capped(dir: &TempDir) -> Till {
    till_with(dir, |policy, _| {
        policy.ceilings = ceilings();
        policy.timing.park_after_ms = 3_600_000;
    })
    .await
}

impl Till {
    /// Opens the page that asks how much of the last sale goes back, and types it.
    async fn want_back(&mut self, fen: u64) -> Page {
        let txn = self.last_sale().await;
        self.home().await;
        self.tap(Intent::OpenRecord(txn)).await;
        let may = |page: &Page| matches!(page, Page::Record(record) if record.can_undo);
        self.wait("record", may).await;
        self.tap(Intent::Undo).await;
        self.wait("how much", |page| matches!(page, Page::Undo(_)))
            .await;
        self.tap(Intent::Clear).await;
        self.amount(fen).await;
        let text = format!("{}.{:02}", fen / 100, fen % 100);
        let typed = move |page: &Page| matches!(page, Page::Undo(undo) if undo.amount == text);
        self.wait("the amount", typed).await
    }

    /// Sends it; returns whose PIN is asked for, or none when the money goes back at once.
    async fn ask_back(&mut self, fen: u64) -> Option<Role> {
        let page = self.want_back(fen).await;
        assert!(
            matches!(&page, Page::Undo(undo) if undo.can_send),
            "{page:?}"
        );
        self.tap(Intent::UndoSend).await;
        let next = |page: &Page| matches!(page, Page::Approve(_) | Page::Undoing(_));
        match self.wait("what is asked", next).await {
            Page::Approve(approve) => Some(approve.role),
            _ => None,
        }
    }

    async fn pin(&mut self, pin: &str) {
        for digit in pin.bytes() {
            self.tap(Intent::PinDigit(digit - b'0')).await;
        }
        self.tap(Intent::PinSend).await;
    }

    async fn returned(&mut self) {
        let done = |page: &Page| match page {
            Page::Undoing(undoing) => undoing.ended == Some(UndoStateView::Done),
            _ => false,
        };
        self.wait("the money went back", done).await;
    }

    /// Waits for a notice on the page of the PIN.
    async fn told(&mut self, code: &str) -> String {
        let found = |page: &Page| {
            matches!(page, Page::Approve(approve)
                if approve.notice.as_ref().is_some_and(|notice| notice.code == code))
        };
        match self.wait(code, found).await {
            Page::Approve(approve) => approve.notice.unwrap().detail,
            _ => unreachable!("the page of the PIN was waited for"),
        }
    }
}

#[test]
fn each_role_sends_back_up_to_its_ceilings_and_not_one_fen_more() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = capped(&dir).await;
        till.sell(60_000, "281234567890600001").await;
        // Single, without anybody: 10.00. One fen more asks the supervisor.
        assert_eq!(till.ask_back(1_000).await, None);
        till.returned().await;
        assert_eq!(till.ask_back(1_001).await, Some(Role::Supervisor));
        // The cashier's day is 25.00: 15.00 are left, but no more than 10.00 at once.
        assert_eq!(till.ask_back(1_000).await, None);
        till.returned().await;
        assert_eq!(till.ask_back(501).await, Some(Role::Supervisor));
        assert_eq!(till.ask_back(500).await, None);
        till.returned().await;
        assert_eq!(till.ask_back(1).await, Some(Role::Supervisor));
        // The supervisor: 50.00 at once, 90.00 a day, 25.00 of which are gone.
        assert_eq!(till.ask_back(5_001).await, Some(Role::Manager));
        // A supervisor's PIN is not enough for it.
        till.pin(PIN).await;
        assert_eq!(till.told("A11").await, "4");
        assert_eq!(till.ask_back(5_000).await, Some(Role::Supervisor));
        till.pin(PIN).await;
        till.returned().await;
        assert_eq!(till.ask_back(1_501).await, Some(Role::Manager));
        assert_eq!(till.ask_back(1_500).await, Some(Role::Supervisor));
        // A manager's PIN approves what a supervisor's would.
        till.pin(MANAGER_PIN).await;
        till.returned().await;
        // The manager: 200.00 at once, 300.00 a day, 90.00 of which are gone.
        let Page::Undo(undo) = till.want_back(20_001).await else {
            unreachable!("how much was waited for");
        };
        assert!(!undo.can_send, "nobody may");
        let told = undo.notice.map(|notice| (notice.code, notice.detail));
        assert_eq!(told, Some(("A15", "200.00".to_owned())));
        assert_eq!(till.ask_back(20_000).await, Some(Role::Manager));
        till.pin(MANAGER_PIN).await;
        till.returned().await;
        let Page::Undo(undo) = till.want_back(1_001).await else {
            unreachable!("how much was waited for");
        };
        let told = undo.notice.map(|notice| (notice.code, notice.detail));
        assert_eq!(
            (undo.can_send, told),
            (false, Some(("A15", "10.00".to_owned())))
        );
        till.rest().await;
        let txn = till.last_sale().await;
        let undos = till.journal.undos_of(txn).await.unwrap();
        assert!(undos.iter().all(|undo| undo.state == UndoState::Done));
        let sum: u64 = undos.iter().map(|undo| undo.amount.minor()).sum();
        assert_eq!((undos.len(), sum), (6, 29_000));
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 0));
        till.stop().await;
    });
}

#[test]
fn a_restart_gives_no_role_a_new_day() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = capped(&dir).await;
        till.sell(10_000, "281234567890600002").await;
        for fen in [1_000, 1_000] {
            assert_eq!(till.ask_back(fen).await, None);
            till.returned().await;
        }
        till.home().await;
        till.stop().await;
        let mut till = capped(&dir).await;
        assert_eq!(till.ask_back(501).await, Some(Role::Supervisor));
        assert_eq!(till.ask_back(500).await, None);
        till.returned().await;
        till.rest().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 0));
        till.stop().await;
    });
}

#[test]
fn wrong_pins_lock_over_a_restart_and_send_nothing() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut first = till(&dir).await;
        first.sell(4_001, "281234567890600003").await;
        for left in ["4", "3", "2"] {
            assert_eq!(first.ask_back(4_001).await, Some(Role::Supervisor));
            first.pin("111222").await;
            assert_eq!(first.told("A11").await, left);
        }
        first.home().await;
        first.stop().await;
        // Two tries are left, as before.
        let mut second = till(&dir).await;
        second.ask_back(4_001).await;
        second.pin("111222").await;
        assert_eq!(second.told("A11").await, "1");
        second.pin("111222").await;
        assert_eq!(second.told("A12").await, "15");
        second.home().await;
        second.stop().await;
        let mut third = till(&dir).await;
        third.ask_back(4_001).await;
        third.pin(PIN).await;
        assert_eq!(third.told("A12").await, "15", "even the right one");
        let txn = third.last_sale().await;
        assert!(third.journal.undos_of(txn).await.unwrap().is_empty());
        third.home().await;
        third.stop().await;
    });
    let kept = std::fs::read_to_string(dir.path().join("data/pin.tries")).unwrap();
    assert_eq!(kept, "wrong 5\n", "a number, and nothing of a PIN");
}

#[test]
fn a_count_that_cannot_be_kept_stops_every_approval() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.sell(4_001, "281234567890600004").await;
        // A directory stands where the fresh file would be made.
        std::fs::create_dir(dir.path().join("data/pin.tries.new")).unwrap();
        till.ask_back(4_001).await;
        till.pin(PIN).await;
        till.told("A14").await;
        let txn = till.last_sale().await;
        assert!(till.journal.undos_of(txn).await.unwrap().is_empty());
        till.home().await;
        till.stop().await;
    });
}
