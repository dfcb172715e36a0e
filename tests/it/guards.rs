//! What is asked before a sale, through the whole till: limits before the camera opens and again when the wallet is
//! known, confirmations, and instalments from the page to the acquirer's books.

use shouyin::domain::{Channel, EntryMode, Money};
use shouyin::profile::guard::LimitRow;
use shouyin::view::{Intent, Notice, OutcomeKind, Page};
use tempfile::TempDir;

use crate::till::{Plan, Till, ledger, reconcile, runtime, sandbox, start};

fn fen(fen: u64) -> Option<Money> {
    Some(Money::from_fen(fen).unwrap())
}

fn plan(dir: &TempDir, rows: Vec<LimitRow>) -> Plan {
    let file = dir.path().join("sandbox/terminal.toml");
    let mut plan = Plan::new(&[file], dir.path().join("data"));
    plan.config.profile.limits.rows = rows;
    // A busy machine may take longer than a customer waits.
    plan.timing.park_after_ms = 3_600_000;
    plan
}

async fn begin(plan: Plan) -> Till {
    start(plan, |lakala| lakala).await
}

fn said(notice: Option<Notice>) -> (String, String) {
    let notice = notice.expect("something is told");
    (notice.code.to_owned(), notice.detail)
}

impl Till {
    /// Wants to charge; returns the page that it leads to.
    async fn wish(&mut self, fen: u64) -> Page {
        self.home().await;
        self.charge(fen).await;
        let typed = format!("{}.{:02}", fen / 100, fen % 100);
        let answered = |page: &Page| match page {
            Page::Keypad(keypad) => keypad.notice.is_some() && keypad.amount == typed,
            Page::Prompt(_) | Page::Confirm(_) => true,
            _ => false,
        };
        self.wait("an answer", answered).await
    }

    async fn refused(&mut self, fen: u64) -> (String, String) {
        match self.wish(fen).await {
            Page::Keypad(keypad) => said(keypad.notice),
            other => panic!("{fen} is refused before the camera opens, not {other:?}"),
        }
    }

    /// The camera opens for the amount; it is closed again.
    async fn allowed(&mut self, fen: u64) {
        let page = self.wish(fen).await;
        assert!(matches!(page, Page::Prompt(_)), "{fen}: {page:?}");
        self.tap(Intent::Cancel).await;
        self.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
    }

    async fn confirm(&mut self, fen: u64) -> String {
        match self.wish(fen).await {
            Page::Confirm(confirm) => confirm.notice.code.to_owned(),
            other => panic!("{fen} is confirmed first, not {other:?}"),
        }
    }

    async fn told_at_the_camera(&mut self) -> (String, String) {
        // These tills have no camera, and say so until there is something else to say.
        let told = |page: &Page| match page {
            Page::Prompt(prompt) => prompt
                .notice
                .as_ref()
                .is_some_and(|told| told.code != "C01"),
            _ => false,
        };
        match self.wait("told", told).await {
            Page::Prompt(prompt) => said(prompt.notice),
            _ => unreachable!("the camera's page was waited for"),
        }
    }
}

fn told(code: &str, left: &str) -> (String, String) {
    (code.to_owned(), left.to_owned())
}

#[test]
fn limits_of_a_sale_a_day_and_a_month_refuse_before_the_camera_opens() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let day = || {
            vec![LimitRow {
                single: fen(10_000),
                day: fen(15_000),
                ..LimitRow::default()
            }]
        };
        let mut till = begin(plan(&dir, day())).await;
        assert_eq!(till.refused(10_001).await, told("A04", "100.00"));
        till.allowed(10_000).await;
        till.home().await;
        let paid = till.sell(10_000, "281234567890900001").await;
        assert_eq!(paid, Some(OutcomeKind::Paid));
        assert_eq!(till.refused(5_001).await, told("A05", "50.00"));
        till.allowed(5_000).await;
        // Money that went back makes no room.
        let txn = till.last_sale().await;
        till.undo(txn, Some(4_000), crate::till::PIN).await;
        till.rest().await;
        assert_eq!(till.refused(5_001).await, told("A05", "50.00"));
        till.home().await;
        till.stop().await;
        // A restart forgets nothing; the month is asked like the day.
        let month = vec![LimitRow {
            month: fen(12_000),
            ..LimitRow::default()
        }];
        let mut till = begin(plan(&dir, month)).await;
        assert_eq!(till.refused(2_001).await, told("A06", "20.00"));
        till.allowed(2_000).await;
        till.rest().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 0));
        till.stop().await;
    });
}

#[test]
fn limits_of_one_wallet_and_of_one_way_are_asked_when_they_are_known() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let rows = vec![
            LimitRow {
                channel: Some(Channel::Wechat),
                single: fen(500),
                ..LimitRow::default()
            },
            LimitRow {
                entry: Some(EntryMode::CashierCode),
                single: fen(300),
                ..LimitRow::default()
            },
        ];
        let mut till = begin(plan(&dir, rows)).await;
        // Another wallet may take it, so the camera opens.
        till.wish(600).await;
        till.present("134567890123456789").await;
        assert_eq!(till.told_at_the_camera().await, told("A04", "5.00"));
        till.tap(Intent::ShowCode(Channel::Unknown)).await;
        let less = |page: &Page| {
            matches!(page, Page::Prompt(prompt)
                if prompt.notice.as_ref().is_some_and(|notice| notice.detail == "3.00"))
        };
        till.wait("our code is refused, too", less).await;
        till.present("281234567890900002").await;
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        till.rest().await;
        let books = ledger(sandbox.page_port).await;
        assert_eq!(books["orders"].as_array().unwrap().len(), 1, "one was sent");
        till.stop().await;
    });
}

#[test]
fn a_large_and_a_repeated_amount_are_confirmed_once_each() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut plan = plan(&dir, Vec::new());
        plan.config.profile.limits.large_amount = fen(2_000);
        plan.config.profile.limits.repeat_ms = 3_600_000;
        let mut till = begin(plan).await;
        till.allowed(1_999).await;
        assert_eq!(till.confirm(2_000).await, "A07");
        till.tap(Intent::Back).await;
        till.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
        assert_eq!(till.confirm(2_000).await, "A07", "asked anew");
        till.tap(Intent::Confirm).await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        till.present("281234567890900003").await;
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        // Large and repeated: first the one, then the other.
        assert_eq!(till.confirm(2_000).await, "A07");
        till.tap(Intent::Confirm).await;
        let same = |page: &Page| matches!(page, Page::Confirm(page) if page.notice.code == "A08");
        till.wait("the same again", same).await;
        till.tap(Intent::Back).await;
        till.wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
        till.allowed(1_999).await;
        till.home().await;
        till.stop().await;
    });
}

/// The plan that the sandbox keeps of an order: periods and the merchant's share.
fn plan_in(books: &serde_json::Value, order: &str) -> serde_json::Value {
    let orders = books["orders"].as_array().unwrap();
    let trade = orders.iter().find(|trade| trade["out_trade_no"] == order);
    trade.expect("the order")["instalment"].clone()
}

#[test]
fn an_instalment_plan_reaches_the_acquirer_and_a_changed_plan_has_a_new_order() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = begin(plan(&dir, Vec::new())).await;
        till.wish(99_978).await;
        till.tap(Intent::OpenInstalments).await;
        let Page::Instalments(page) = till
            .wait("plans", |page| matches!(page, Page::Instalments(_)))
            .await
        else {
            unreachable!("plans were waited for");
        };
        // ¥999.78 at 2.3 %, 4.5 % and 7.5 %: the whole fee half to even, parts down, the rest in the first.
        let shown: Vec<_> = page
            .rows
            .iter()
            .map(|row| {
                (
                    row.count,
                    row.first.as_str(),
                    row.each.as_str(),
                    row.customer_fee.as_str(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (3, "340.93", "340.92", "22.99"),
                (6, "174.17", "174.12", "44.99"),
                (12, "89.71", "89.55", "74.98"),
            ]
        );
        till.tap(Intent::ChoosePlan(Some(1))).await;
        let chosen = |page: &Page| matches!(page, Page::Prompt(p) if p.plan == Some((6, false)));
        let Page::Prompt(prompt) = till.wait("six", chosen).await else {
            unreachable!("the camera's page was waited for");
        };
        assert!(prompt.codes.is_empty(), "our codes know no instalments");
        // Only the wallet of the plan can pay so; another one's code is not sent.
        till.present("134567890123456788").await;
        assert_eq!(till.told_at_the_camera().await.0, "A09");
        till.present("281234567890900004").await;
        assert_eq!(till.outcome().await, OutcomeKind::NotPaid, "…78 fails");
        // Once more with another plan: another order.
        till.tap(Intent::ChargeAgain).await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        till.tap(Intent::OpenInstalments).await;
        till.wait("plans", |page| matches!(page, Page::Instalments(_)))
            .await;
        till.tap(Intent::ChoosePlan(Some(2))).await;
        let chosen = |page: &Page| matches!(page, Page::Prompt(p) if p.plan == Some((12, false)));
        till.wait("twelve", chosen).await;
        till.present("281234567890900005").await;
        assert_eq!(till.outcome().await, OutcomeKind::NotPaid);
        till.rest().await;
        let rows = till.journal.recent(9).await.unwrap();
        let [second, first] = rows.as_slice() else {
            panic!("two orders: {rows:?}");
        };
        assert_ne!(first.order_no, second.order_no);
        let books = ledger(sandbox.page_port).await;
        let plans = [first, second].map(|row| plan_in(&books, row.order_no.as_str()));
        assert_eq!(plans[0]["periods"], 6);
        assert_eq!(plans[1]["periods"], 12);
        assert!(plans.iter().all(|plan| plan["seller_percent"] == 0));
        till.stop().await;
    });
}
