//! Our own code, money back, and a supervisor's PIN, over the whole till: taps in, screens out, real driver, journal
//! and HTTPS. Afterwards the journal and the sandbox's books are the same, to the fen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use shouyin::domain::{Channel, TxnId};
use shouyin::journal::{SaleState, UndoState};
use shouyin::payment::Request;
use shouyin::view::pages::UndoStateView;
use shouyin::view::{Intent, OutcomeKind, Page};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::till::{
    PIN, Plan, Till, ledger, losing, prompt_tells, reconcile, runtime, sandbox, start, till,
    till_with,
};

/// The customer scans a code of ours on the wallet page. Returns the status of the answer.
pub async fn scan(port: u16, text: &str) -> u16 {
    scan_with(port, text, "").await
}

/// The same with more of the wallet's own words.
pub async fn scan_with(port: u16, text: &str, more: &str) -> u16 {
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let ask = format!(
        "POST /scan?code={escaped}{more} HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

impl Till {
    /// Leaves every page that a person can leave, until the keypad is there.
    pub async fn home(&mut self) {
        self.wait("the first screen", |_| true).await;
        loop {
            let (seq, page) = self.look();
            let leave = match page {
                Page::Keypad(_) => return,
                Page::Prompt(_) => panic!("the camera is open, and nobody asked for a code"),
                Page::Outcome(_) => Intent::Dismiss,
                Page::Undoing(undoing) if undoing.ended.is_some() => Intent::Dismiss,
                Page::Approve(_)
                | Page::Undo(_)
                | Page::Record(_)
                | Page::Records(_)
                | Page::Filter(_)
                | Page::Choose(_)
                | Page::Number(_)
                | Page::Statistics(_)
                | Page::Story(_)
                | Page::Verify(_)
                | Page::Look(_)
                | Page::Verdict(_)
                | Page::Wall(_)
                | Page::Receipt(_)
                | Page::Settlement(_)
                | Page::Batches(_)
                | Page::Batch(_)
                | Page::Update(_)
                | Page::Maintenance(_)
                | Page::Balance(_) => Intent::Back,
                _ => Intent::QueryNow,
            };
            self.tap(leave).await;
            self.changes(seq).await;
        }
    }

    /// Everything that is open ends, and the keypad is there.
    pub async fn rest(&mut self) {
        loop {
            self.home().await;
            if self.is_calm() {
                return;
            }
            self.next_screen().await;
        }
    }

    pub async fn amount(&self, fen: u64) {
        for key in format!("{}.{:02}", fen / 100, fen % 100).chars() {
            let digit = key
                .to_digit(10)
                .map(|digit| Intent::Digit(u8::try_from(digit).unwrap()));
            self.tap(digit.unwrap_or(Intent::Dot)).await;
        }
    }

    /// Shows our code for the amount; returns its text.
    pub async fn show_code(&mut self, fen: u64, channel: Channel) -> String {
        self.home().await;
        self.charge(fen).await;
        self.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        self.tap(Intent::ShowCode(channel)).await;
        let shown = |page: &Page| matches!(page, Page::Code(code) if code.text.is_some());
        let Page::Code(code) = self.wait("our code", shown).await else {
            unreachable!();
        };
        code.text.unwrap()
    }

    pub async fn outcome(&mut self) -> OutcomeKind {
        let page = self
            .wait("outcome", |page| matches!(page, Page::Outcome(_)))
            .await;
        let Page::Outcome(outcome) = page else {
            unreachable!();
        };
        outcome.kind
    }

    pub async fn last_sale(&self) -> TxnId {
        self.journal.recent(1).await.unwrap()[0].txn
    }

    /// Sends `fen` of the last sale back, or all of it, as a cashier and a supervisor do.
    pub async fn undo(&mut self, txn: TxnId, fen: Option<u64>, pin: &str) -> Page {
        self.home().await;
        self.tap(Intent::OpenRecord(txn)).await;
        self.wait(
            "record",
            |page| matches!(page, Page::Record(record) if record.can_undo),
        )
        .await;
        self.tap(Intent::Undo).await;
        self.wait("how much", |page| matches!(page, Page::Undo(_)))
            .await;
        if let Some(fen) = fen {
            self.tap(Intent::Clear).await;
            self.amount(fen).await;
        }
        self.tap(Intent::UndoSend).await;
        self.wait("approve", |page| matches!(page, Page::Approve(_)))
            .await;
        for digit in pin.bytes() {
            self.tap(Intent::PinDigit(digit - b'0')).await;
        }
        self.tap(Intent::PinSend).await;
        let done = |page: &Page| match page {
            Page::Undoing(undoing) => undoing.ended.is_some(),
            Page::Approve(approve) => approve.notice.is_some(),
            Page::Keypad(_) => true,
            _ => false,
        };
        self.wait("how it ended", done).await
    }
}

fn net(books: &Value, order: &str) -> u64 {
    let orders = books["orders"].as_array().unwrap();
    let trade = orders.iter().find(|trade| trade["out_trade_no"] == order);
    trade.map_or(0, |trade| trade["net_charged"].as_u64().unwrap())
}

#[test]
fn our_code_is_paid_once_whichever_wallet_scans_it() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        for (fen, channel) in [
            (1_001, Channel::Unknown),
            (1_002, Channel::Alipay),
            (1_003, Channel::UnionPay),
        ] {
            let text = till.show_code(fen, channel).await;
            assert_eq!(scan(sandbox.page_port, &text).await, 200);
            assert_eq!(till.outcome().await, OutcomeKind::Paid);
            // A second customer finds a used code.
            assert_eq!(scan(sandbox.page_port, &text).await, 409);
        }
        till.rest().await;
        assert_eq!(
            reconcile(&till.journal, sandbox.page_port).await,
            (3, 0),
            "three codes, three payments"
        );
        till.stop().await;
    });
}

#[test]
fn a_cancelled_or_late_code_never_keeps_money() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        // Given up before anybody scanned: closed, and the code is dead.
        let text = till.show_code(2_001, Channel::Alipay).await;
        till.tap(Intent::Cancel).await;
        till.rest().await;
        assert_eq!(scan(sandbox.page_port, &text).await, 409);
        // …87 is paid after its close was acknowledged: the money comes back by itself.
        let text = till.show_code(2_087, Channel::Alipay).await;
        assert_eq!(scan(sandbox.page_port, &text).await, 200);
        till.tap(Intent::Cancel).await;
        till.rest().await;
        let late = &till.journal.recent(1).await.unwrap()[0];
        assert_eq!(late.state, SaleState::Revoked);
        let undos = till.journal.undos_of(late.txn).await.unwrap();
        assert_eq!(undos.len(), 1, "one refund, asked for by nobody");
        assert_eq!(undos[0].state, UndoState::Done);
        assert!(late.attention, "a person is told");
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (0, 2));
        till.stop().await;
    });
}

#[test]
fn our_code_that_nobody_could_be_asked_for_is_told_as_not_sent() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        drop(sandbox);
        till.home().await;
        till.charge(900).await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        till.tap(Intent::ShowCode(Channel::Alipay)).await;
        // The network is told, and not that a code ended.
        till.wait("why there is no code", prompt_tells("P21")).await;
        let order = &till.journal.recent(1).await.unwrap()[0];
        assert_eq!(order.state, SaleState::NotSent);
        till.stop().await;
    });
}

#[test]
fn a_payment_code_shown_beside_our_own_code_moves_money_once() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        let text = till.show_code(3_001, Channel::Alipay).await;
        till.present("281234567890123401").await;
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        assert_eq!(
            scan(sandbox.page_port, &text).await,
            409,
            "our code is dead"
        );
        till.rest().await;
        // The order that nobody scanned, and the sale that was paid.
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 1));
        till.stop().await;
    });
}

#[test]
fn a_void_needs_the_pin_goes_back_whole_and_only_once() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.sell(4_001, "281234567890123402").await;
        let txn = till.last_sale().await;
        let page = till.undo(txn, None, "111222").await;
        assert!(
            matches!(page, Page::Approve(_)),
            "a wrong PIN sends nothing: {page:?}"
        );
        assert!(till.journal.undos_of(txn).await.unwrap().is_empty());
        till.undo(txn, None, PIN).await;
        till.rest().await;
        let undos = till.journal.undos_of(txn).await.unwrap();
        assert_eq!((undos.len(), undos[0].state), (1, UndoState::Done));
        assert_eq!(undos[0].kind, shouyin::payment::UndoKind::Void);
        till.tap(Intent::OpenRecord(txn)).await;
        let none = |page: &Page| matches!(page, Page::Record(record) if !record.can_undo);
        till.wait("nothing is left to go back", none).await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 0));
        till.stop().await;
    });
}

#[test]
fn partial_refunds_of_every_story_end_with_equal_books_and_never_above_the_price() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.sell(10_000, "281234567890123403").await;
        let sale = till.journal.recent(1).await.unwrap()[0].clone();
        for (fen, expected) in [
            (1_000, UndoState::Done),
            (1_011, UndoState::Done),
            (1_012, UndoState::Refused),
            (1_013, UndoState::Done),
            (1_014, UndoState::Done),
            (1_015, UndoState::Refused),
        ] {
            let page = till.undo(sale.txn, Some(fen), PIN).await;
            till.rest().await;
            let undos = till.journal.undos_of(sale.txn).await.unwrap();
            let last = undos.last().unwrap();
            assert_eq!(
                (last.amount.minor(), last.state),
                (fen, expected),
                "{page:?}"
            );
        }
        // 4,038 went back: more than the rest is refused on the screen, the rest is not.
        till.tap(Intent::OpenRecord(sale.txn)).await;
        till.wait("record", |page| matches!(page, Page::Record(_)))
            .await;
        till.tap(Intent::Undo).await;
        till.wait("how much", |page| matches!(page, Page::Undo(_)))
            .await;
        till.tap(Intent::Clear).await;
        till.amount(5_963).await;
        let refused = |page: &Page| matches!(page, Page::Undo(undo) if undo.amount == "59.63");
        let Page::Undo(undo) = till.wait("the amount", refused).await else {
            unreachable!();
        };
        assert!(!undo.can_send && undo.left == "59.62", "{undo:?}");
        let page = till.undo(sale.txn, None, PIN).await;
        assert!(
            matches!(&page, Page::Undoing(done) if done.ended == Some(UndoStateView::Done)),
            "{page:?}"
        );
        till.rest().await;
        let books = ledger(sandbox.page_port).await;
        assert_eq!(net(&books, sale.order_no.as_str()), 0);
        reconcile(&till.journal, sandbox.page_port).await;
        till.stop().await;
    });
}

impl Till {
    /// 撤销并换方式 of the last sale, up to the page on which its money goes back.
    async fn change_way(&mut self) -> TxnId {
        let txn = self.last_sale().await;
        self.home().await;
        self.tap(Intent::OpenRecord(txn)).await;
        let may = |page: &Page| matches!(page, Page::Record(record) if record.can_change_way);
        self.wait("record", may).await;
        self.tap(Intent::ChangeWay).await;
        let whole =
            |page: &Page| matches!(page, Page::Undo(undo) if undo.change_way && undo.can_send);
        self.wait("the whole", whole).await;
        self.tap(Intent::UndoSend).await;
        self.wait("approve", |page| matches!(page, Page::Approve(_)))
            .await;
        for digit in PIN.bytes() {
            self.tap(Intent::PinDigit(digit - b'0')).await;
        }
        self.tap(Intent::PinSend).await;
        self.wait("money goes back", |page| matches!(page, Page::Undoing(_)))
            .await;
        txn
    }
}

#[test]
fn a_changed_way_asks_for_the_same_amount_once_the_void_is_final() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        // A busy machine may take longer than a customer waits.
        let mut till = till_with(&dir, |policy, _| policy.timing.park_after_ms = 3_600_000).await;
        // …80: the void is acknowledged, and two inquiries still say "paid".
        till.sell(5_080, "281234567890700001").await;
        let txn = till.change_way().await;
        let done = |page: &Page| {
            matches!(page, Page::Undoing(undoing) if undoing.ended == Some(UndoStateView::Done))
        };
        let Page::Undoing(undoing) = till.wait("the end", done).await else {
            unreachable!();
        };
        assert!(undoing.asked >= 2, "proven by asking: {undoing:?}");
        let undos = till.journal.undos_of(txn).await.unwrap();
        assert_eq!(undos[0].state, UndoState::Done, "final before the new sale");
        assert_eq!(till.journal.recent(9).await.unwrap().len(), 1);
        till.tap(Intent::Dismiss).await;
        let prompt = till
            .wait("the camera", |page| matches!(page, Page::Prompt(_)))
            .await;
        assert!(
            matches!(&prompt, Page::Prompt(prompt) if prompt.amount == "50.80"),
            "{prompt:?}"
        );
        till.present("281234567890700002").await;
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        till.rest().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (2, 0));
        let rows = till.journal.recent(9).await.unwrap();
        let kept: Vec<u64> = rows
            .iter()
            .map(|row| row.amount.minor() - row.returned.minor())
            .collect();
        assert_eq!(kept, [5_080, 0], "one price in all");
        till.stop().await;
    });
}

#[test]
fn a_void_whose_result_is_unknown_never_carries_its_amount_over() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let down = Arc::new(AtomicBool::new(true));
        let line = Arc::clone(&down);
        let file = dir.path().join("sandbox/terminal.toml");
        let mut plan = Plan::new(&[file], dir.path().join("data"));
        plan.timing.park_after_ms = 3_600_000;
        let lost = move |request: &Request| {
            let asks = matches!(request, Request::Void { .. } | Request::Inquire { .. });
            asks && line.load(Ordering::SeqCst)
        };
        let mut till = start(plan, losing(lost)).await;
        till.sell(5_001, "281234567890700003").await;
        let txn = till.change_way().await;
        // Nobody gets past it with "seen": nothing has ended.
        till.tap(Intent::Dismiss).await;
        till.tap(Intent::QueryNow).await;
        till.next_screen().await;
        assert!(
            matches!(&till.look().1, Page::Undoing(undoing) if undoing.ended.is_none()),
            "{:?}",
            till.look()
        );
        till.tap(Intent::NextSale).await;
        let keypad = |page: &Page| matches!(page, Page::Keypad(_));
        till.wait("the next customer", keypad).await;
        // The next customer pays another amount, and is not asked for the carried one.
        assert_eq!(
            till.sell(700, "281234567890700004").await,
            Some(OutcomeKind::Paid)
        );
        till.tap(Intent::Dismiss).await;
        till.wait("the keypad, not the camera", keypad).await;
        // The void is proven later, away from the screen: nothing opens by itself, whatever is tapped.
        down.store(false, Ordering::SeqCst);
        till.rest().await;
        let undos = till.journal.undos_of(txn).await.unwrap();
        assert_eq!(undos[0].state, UndoState::Done);
        till.tap(Intent::QueryPending(txn)).await;
        till.tap(Intent::Dismiss).await;
        till.tap(Intent::ShowPending).await;
        till.wait("the list", |page| matches!(page, Page::Pending(_)))
            .await;
        till.tap(Intent::Back).await;
        till.wait("the keypad", keypad).await;
        assert_eq!(
            till.journal.recent(9).await.unwrap().len(),
            2,
            "no third sale"
        );
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (2, 0));
        till.stop().await;
    });
}
