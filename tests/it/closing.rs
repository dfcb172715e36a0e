//! Closing a batch over the whole till: taps in, screens out, real driver, journal and HTTPS, against the sandbox's
//! statement.

use shouyin::domain::{BatchNo, Channel, Money, OperatorNo, OrderNo, Timestamp, TxnId, VoucherNo};
use shouyin::journal::SettlementRow;
use shouyin::payment::{
    Fact, FactKind, Intent as SaleIntent, Outcome, Policy, Presentment, Purpose, Rebuilt,
};
use shouyin::settlement::{
    Cause, EntryKind, OpenLeft, Reason, Report, SettlementFact, SettlementIntent, net,
};
use shouyin::view::{BatchVerdict, Desk, Intent, Page, SettlementPage};
use tempfile::TempDir;

use crate::till::{PIN, Till, keypad_tells, ledger, runtime, sandbox, till, till_with};
use crate::undo::{scan, scan_with};

/// A customer pays by the printed code on the wall: no till knows the order.
async fn pay_the_wall(port: u16, fen: u64) -> u16 {
    let more = format!("&wallet=alipay&amount={fen}");
    scan_with(port, "https://qr.sandbox.invalid/m/822100054110001", &more).await
}

impl Till {
    pub async fn open_settlement(&mut self) -> SettlementPage {
        self.home().await;
        self.tap(Intent::ShowRecords).await;
        self.wait("records", |page| matches!(page, Page::Records(_)))
            .await;
        self.tap(Intent::ShowSettlement).await;
        let page = self
            .wait("batch", |page| matches!(page, Page::Settlement(_)))
            .await;
        let Page::Settlement(page) = page else {
            unreachable!();
        };
        page
    }

    /// Closes the batch as a cashier and a supervisor do; returns the page when it is closed.
    pub async fn close_batch(&mut self, pin: &str) -> SettlementPage {
        let before = self.open_settlement().await;
        self.tap(Intent::Settle).await;
        self.wait("approve", |page| matches!(page, Page::Approve(_)))
            .await;
        for digit in pin.bytes() {
            self.tap(Intent::PinDigit(digit - b'0')).await;
        }
        self.tap(Intent::PinSend).await;
        let closed = |page: &Page| match page {
            Page::Settlement(page) => {
                let last = page.last.as_ref();
                page.stage.is_none() && last.is_some_and(|last| last.batch == before.batch)
            }
            Page::Approve(approve) => approve.notice.is_some(),
            _ => false,
        };
        match self.wait("the batch is closed", closed).await {
            Page::Settlement(page) => page,
            other => panic!("{other:?}"),
        }
    }

    async fn closed(&self) -> Vec<SettlementRow> {
        self.journal.settlements(100).await.unwrap()
    }
}

#[test]
fn a_day_is_closed_and_equals_the_acquirers_statement_to_the_fen() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        let empty = till.open_settlement().await;
        assert!(!empty.can_settle && empty.lines.is_empty());
        // Paid twice, declined once, revoked after a lost answer, part of one refunded, the other voided.
        till.home().await;
        till.sell(1_280, "281234567890123401").await;
        till.sell(2_090, "281234567890123402").await;
        let text = till.show_code(500, Channel::Alipay).await;
        assert_eq!(scan(sandbox.page_port, &text).await, 200);
        till.outcome().await;
        let scanned = till.last_sale().await;
        till.undo(scanned, Some(120), PIN).await;
        till.home().await;
        let text = till.show_code(700, Channel::Alipay).await;
        assert_eq!(scan(sandbox.page_port, &text).await, 200);
        till.outcome().await;
        till.rest().await;
        let page = till.close_batch(PIN).await;
        let last = page.last.unwrap();
        assert_eq!(last.verdict, BatchVerdict::Equal, "{last:?}");
        assert!(page.lines.is_empty(), "the next batch is open and empty");
        let row = till.closed().await.remove(0);
        let report = row.report.unwrap();
        assert_eq!(row.intent.cause, Cause::Asked);
        assert!(row.intent.approver.is_some());
        assert_eq!(report.evidence.len(), 1, "one signed page");
        let books = ledger(sandbox.page_port).await;
        let kept: i64 = books["orders"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| order["net_charged"].as_i64().unwrap())
            .sum();
        assert_eq!(net(&report.theirs), kept);
        assert_eq!(net(&report.ours), kept);
        let refunds = report.ours.iter().filter(|l| l.kind == EntryKind::Refund);
        assert_eq!(refunds.map(|line| line.minor).sum::<u64>(), 120);
        // What follows is the next batch's, and the closed one's sales are refunded, not voided.
        till.home().await;
        till.sell(300, "281234567890123403").await;
        let page = till.close_batch(PIN).await;
        let last = page.last.unwrap();
        assert_eq!((last.batch.as_str(), last.net.as_str()), ("000002", "3.00"));
        assert_eq!(last.verdict, BatchVerdict::Equal);
        till.stop().await;
    });
}

#[test]
fn a_payment_by_the_wall_code_is_told_as_another_terminals() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.home().await;
        till.sell(1_280, "281234567890123404").await;
        assert_eq!(pay_the_wall(sandbox.page_port, 450).await, 200);
        let page = till.close_batch(PIN).await;
        let last = page.last.unwrap();
        assert_eq!(last.verdict, BatchVerdict::Unequal);
        assert_eq!(last.net, "12.80", "nothing of ours is changed");
        let row = till.closed().await.remove(0);
        let told = &row.differences[0];
        assert_eq!(told.reason, Reason::OtherTerminal);
        assert_eq!((told.voucher, told.delta()), (None, 450));
        assert_eq!(row.differences.len(), 1);
        till.stop().await;
    });
}

#[test]
fn without_a_supervisor_no_batch_is_closed() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.home().await;
        till.sell(1_280, "281234567890123405").await;
        till.open_settlement().await;
        till.tap(Intent::Settle).await;
        till.wait("approve", |page| matches!(page, Page::Approve(_)))
            .await;
        for digit in [9; 6] {
            till.tap(Intent::PinDigit(digit)).await;
        }
        till.tap(Intent::PinSend).await;
        let told = |page: &Page| matches!(page, Page::Approve(page) if page.notice.as_ref().is_some_and(|n| n.code == "A11"));
        till.wait("a wrong PIN", told).await;
        assert_eq!(till.closed().await, []);
        till.stop().await;
    });
}

/// The intent of a sale in the first batch.
fn intent() -> SaleIntent {
    SaleIntent {
        txn: TxnId::from_parts(1_000, 7),
        order_no: OrderNo::new("A00100010001ABCDEFS00000001").unwrap(),
        sequence: 1,
        voucher: VoucherNo::new(1).unwrap(),
        batch: BatchNo::new(1).unwrap(),
        amount: Money::from_fen(500).unwrap(),
        channel: Channel::Alipay,
        entry: Presentment::Camera,
        operator: OperatorNo::new("01").unwrap(),
        code_tail: "1234".to_owned(),
        code_fingerprint: String::new(),
        instalments: None,
        card: None,
        purpose: Purpose::Sale,
    }
}

/// A sale that never left, opened at a moment of wall time: the oldest entry of its batch.
async fn sale_of(data: &std::path::Path, at: Timestamp) {
    let (journal, _) = crate::till::open(data);
    let intent = intent();
    let (txn, outcome) = (intent.txn, Outcome::NotSent);
    let facts = [
        FactKind::IntentRecorded(intent),
        FactKind::Closed { txn, outcome },
    ];
    let facts = facts.map(|kind| Fact { at, kind }).to_vec();
    journal.append(facts).await.unwrap();
}

#[test]
fn at_the_set_time_the_batch_of_the_day_before_closes_by_itself_and_a_younger_one_does_not() {
    // Midnight has passed on any day.
    closes_by_itself(0);
}

#[test]
fn what_a_settlement_left_open_asks_for_no_settlement_by_itself() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let (journal, opened) = crate::till::open(dir.path());
        let (sale, at) = (intent(), Timestamp(86_400_000));
        let txn = TxnId::from_parts(1_000, 8);
        let waiting = OpenLeft {
            txn: sale.txn,
            minor: sale.amount.minor(),
        };
        let frozen = SettlementIntent {
            txn,
            settle_no: OrderNo::new("A00100010001ABCDEFB00000002").unwrap(),
            sequence: 2,
            batch: opened.counters.batch,
            cause: Cause::Automatic,
            operator: sale.operator.clone(),
            approver: None,
            read_after: 0,
            told_upto: 0,
        };
        let report = Report {
            ours: Vec::new(),
            theirs: Vec::new(),
            compared: false,
            balanced: None,
            cards: None,
            differences: 0,
            unequal: 0,
            explained_minor: 0,
            unexplained_minor: 0,
            open: 1,
            read_after: 0,
            told_upto: 0,
            evidence: Vec::new(),
        };
        let intended = FactKind::IntentRecorded(sale);
        journal
            .append(vec![Fact { at, kind: intended }])
            .await
            .unwrap();
        assert_eq!(journal.unsettled().await.unwrap().since_ms, Some(at.0));
        let settling = [
            SettlementFact::Intended(frozen),
            SettlementFact::LeftOpen(waiting),
            SettlementFact::Closed(Box::new(report)),
        ];
        let kinds = settling.map(|fact| FactKind::Settlement { txn, fact });
        let facts = kinds.map(|kind| Fact { at, kind }).to_vec();
        journal.append(facts).await.unwrap();
        let unsettled = journal.unsettled().await.unwrap();
        assert_eq!((unsettled.entries, unsettled.since_ms), (1, None));
    });
}

#[test]
fn a_set_time_that_passed_while_the_terminal_was_off_is_caught_up() {
    // A minute before midnight: on all but the last minute of a day, only yesterday's has passed.
    closes_by_itself(1_439);
}

fn closes_by_itself(at_min: u16) {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let now = shouyin::clock::Clock::start().now().utc;
        sale_of(&data, Timestamp(now.0 - 86_400_000)).await;
        let at = |policy: &mut Policy, _: &mut Desk| policy.settlement.at_min = Some(at_min);
        let mut till = till_with(&dir, at).await;
        till.wait("closed by itself", keypad_tells("B02")).await;
        till.sell(1_280, "281234567890123406").await;
        till.home().await;
        let closed = till.closed().await;
        assert_eq!(closed.len(), 1, "the sale of today waits for tonight");
        assert_eq!(closed[0].intent.cause, Cause::Automatic);
        assert_eq!(closed[0].intent.approver, None);
        till.stop().await;
    });
}

#[test]
fn a_rebuilt_journal_that_may_lack_sales_is_proven_by_the_acquirers_statement() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let now = shouyin::clock::Clock::start().now().utc;
        sale_of(&data, now).await;
        let (journal, _) = crate::till::open(&data);
        let rebuilt = Fact {
            at: now,
            kind: FactKind::Rebuilt(Rebuilt {
                rows: 3,
                carried: 0,
                missing: 1,
                whole: false,
                aside: "journal.db.bad".to_owned(),
            }),
        };
        journal.append(vec![rebuilt]).await.unwrap();
        drop(journal);
        let mut till = till(&dir).await;
        till.home().await;
        till.tap(Intent::Digit(5)).await;
        till.tap(Intent::Charge).await;
        till.wait("no new sales", keypad_tells("J06")).await;
        let page = till.close_batch(PIN).await;
        assert_eq!(page.last.unwrap().verdict, BatchVerdict::Equal);
        till.home().await;
        till.sell(1_280, "281234567890123408").await;
        assert_eq!(till.outcome().await, shouyin::view::OutcomeKind::Paid);
        till.stop().await;
    });
}

#[test]
fn an_acquirer_without_a_statement_is_told_as_not_compared() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let change = |policy: &mut Policy, _: &mut Desk| {
            policy.settlement.has_statement = false;
        };
        let mut till = till_with(&dir, change).await;
        till.home().await;
        till.sell(1_280, "281234567890123407").await;
        let page = till.close_batch(PIN).await;
        let last = page.last.unwrap();
        assert_eq!(last.verdict, BatchVerdict::NotCompared);
        assert_eq!(last.net, "12.80");
        till.stop().await;
    });
}
