//! The closed batches over the whole till: the page with its estimate, the history, slips on paper from the real
//! journal; and voucher numbers that run out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shouyin::domain::{BatchNo, Money, OperatorNo, OrderNo, Timestamp, TxnId, VoucherNo};
use shouyin::limits;
use shouyin::payment::{
    Fact, FactKind, Intent as SaleIntent, Outcome, Policy, Presentment, Purpose,
};
use shouyin::printing::{Copy, Kind, PrinterConfig, Rules, Way, WayOut, Width};
use shouyin::settlement::Cause as Why;
use shouyin::terminal::{Input, PrintJob, PrintQueue, PrintRefusal, start_printer};
use shouyin::view::{
    BatchPage, BatchSlip, BatchVerdict, Desk, Intent, Notice, Page, PrinterNote, SettlementPage,
};
use tempfile::TempDir;

use crate::till::{PIN, Plan, Till, keypad_tells, runtime, sandbox, start, till, till_with};

/// Takes what is to be printed, and keeps it.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<PrintJob>>>);

impl PrintQueue for Taken {
    fn submit(&mut self, job: PrintJob) -> Result<(), PrintRefusal> {
        self.0.lock().unwrap().push(job);
        Ok(())
    }
}

impl Till {
    async fn page_of(&mut self, wanted: impl Fn(&Page) -> bool) -> Page {
        self.wait("a page of batches", wanted).await
    }

    async fn settlement(&mut self) -> SettlementPage {
        self.home().await;
        self.tap(Intent::ShowRecords).await;
        self.page_of(|page| matches!(page, Page::Records(_))).await;
        self.tap(Intent::ShowSettlement).await;
        let page = self.page_of(|page| matches!(page, Page::Settlement(_)));
        match page.await {
            Page::Settlement(page) => page,
            other => panic!("{other:?}"),
        }
    }

    async fn one(&mut self, txn: TxnId) -> BatchPage {
        self.tap(Intent::OpenBatch(txn)).await;
        match self.page_of(|page| matches!(page, Page::Batch(_))).await {
            Page::Batch(page) => page,
            other => panic!("{other:?}"),
        }
    }
}

/// What the built-in profile keeps: 0.38 % of a wallet's payment, half a fen up, each payment by itself.
fn fee(fen: &[u64]) -> u64 {
    fen.iter().map(|fen| (fen * 38 + 5_000) / 10_000).sum()
}

fn yuan(fen: u64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// Asks for each slip of a batch; there is no third where nothing differs. What is told says which came again.
async fn ask_for_slips(till: &mut Till) {
    for (slip, code) in [(BatchSlip::Totals, "D10"), (BatchSlip::Details, "D11")] {
        till.tap(Intent::PrintBatch(slip)).await;
        let is_it = move |told: &Notice| told.code == code;
        till.page_of(move |page| match page {
            Page::Batch(page) => page.notice.as_ref().is_some_and(is_it),
            _ => false,
        })
        .await;
    }
    till.tap(Intent::PrintBatch(BatchSlip::Differences)).await;
}

#[test]
fn the_page_estimates_fees_to_the_fen_and_every_closed_batch_can_be_opened_and_printed() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let file = dir.path().join("sandbox/terminal.toml");
        let taken = Taken::default();
        let mut plan = Plan::new(&[file], dir.path().join("data"));
        plan.printer = Box::new(taken.clone());
        let mut till = start(plan, |lakala| lakala).await;
        let present = PrinterNote {
            present: true,
            ..PrinterNote::default()
        };
        till.inputs.send(Input::Printer(present)).await.unwrap();
        till.home().await;
        // Three payments of 1.32 are 0.5016 fen each: three fen, and not two.
        let sold = [132, 132, 132, 1_280];
        for (place, fen) in sold.into_iter().enumerate() {
            let code = format!("28123456789015340{place}");
            till.sell(fen, &code).await;
        }
        let open = till.settlement().await;
        let estimate = open.fees.unwrap();
        let (sum, kept) = (sold.iter().sum::<u64>(), fee(&sold));
        assert_eq!(kept, 3 + 5, "the test's own arithmetic");
        assert_eq!(
            (estimate.fee, estimate.expected),
            (yuan(kept), yuan(sum - kept))
        );
        let first = till.close_batch(PIN).await.last.unwrap();
        till.home().await;
        till.sell(500, "281234567890153409").await;
        let second = till.close_batch(PIN).await.last.unwrap();
        // The history, newest first; each opens.
        till.settlement().await;
        till.tap(Intent::ShowBatches).await;
        let Page::Batches(list) = till.page_of(|page| matches!(page, Page::Batches(_))).await
        else {
            unreachable!();
        };
        let rows = list.rows.iter().map(|row| (row.txn, row.net.as_str()));
        let wanted = [(second.txn, "5.00"), (first.txn, "16.76")];
        assert_eq!(rows.collect::<Vec<_>>(), wanted);
        assert!(!list.more);
        let page = till.one(first.txn).await;
        assert_eq!(
            (page.batch.as_str(), page.net.as_str()),
            ("000001", "16.76")
        );
        assert_eq!(page.verdict, BatchVerdict::Equal);
        assert_eq!(page.fees.unwrap().fee, yuan(kept));
        assert!(page.can_print && page.differences.is_empty() && page.open.is_empty());
        ask_for_slips(&mut till).await;
        till.tap(Intent::Back).await;
        till.page_of(|page| matches!(page, Page::Batches(_))).await;
        let jobs = taken.0.lock().unwrap().clone();
        let jobs: Vec<_> = jobs.into_iter().map(PrintJob::into_new).collect();
        let asked: Vec<_> = jobs.iter().map(|job| (&job.kind, job.reprint)).collect();
        // There is no difference, so there is no slip of one.
        let (totals, details) = (Kind::Settlement(first.txn), Kind::Details(first.txn));
        assert_eq!(asked, [(&totals, true), (&details, false)]);
        assert!(jobs.iter().all(|job| job.copy == Copy::Merchant));
        till.stop().await;
    });
}

/// Waits until three slips are in the printer's file; each ends with the feed to the tear-off edge.
async fn three_slips(path: &std::path::Path) -> Vec<u8> {
    let feeds = |bytes: &[u8]| {
        bytes
            .windows(3)
            .filter(|part| *part == [27, b'd', 4])
            .count()
    };
    let patience = async {
        loop {
            let bytes = std::fs::read(path).unwrap_or_default();
            if feeds(&bytes) == 3 {
                return bytes;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let bytes = tokio::time::timeout(Duration::from_secs(60), patience).await;
    bytes.expect("three slips come out")
}

#[test]
fn a_closed_batch_comes_out_of_a_printer_with_what_the_journal_has() {
    let world = runtime();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("paper.bin");
    let paper = world.block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.home().await;
        till.sell(1_280, "281234567890153411").await;
        let file = dir.path().join("sandbox/terminal.toml");
        let config = shouyin::config::Config::load(&[file]).unwrap();
        let settings = PrinterConfig {
            width: Width::Mm58,
            copies: vec![Copy::Customer],
            shop: config.on_slips(),
            cut: false,
            rules: Rules::USUAL,
        };
        let out = WayOut {
            way: Way::File(path.clone()),
            answers: false,
        };
        let clock = shouyin::clock::Clock::start();
        let queue = dir.path().join("queue");
        std::fs::create_dir_all(&queue).unwrap();
        let printer = start_printer(&queue, settings, Box::new(out), till.journal.clone(), clock);
        let (mut printer, mut notes) = printer.unwrap();
        // The queue is open: what ends from here on is its to print.
        notes.wait_for(|note| note.present).await.unwrap();
        let last = till.close_batch(PIN).await.last.unwrap();
        printer.look();
        let operator = OperatorNo::new("01").unwrap();
        let at = Timestamp(0);
        let txn = last.txn;
        let list = PrintJob::Details { txn, operator, at };
        printer.submit(list.clone()).unwrap();
        printer.submit(list).unwrap();
        let bytes = three_slips(&path).await;
        till.stop().await;
        bytes
    });
    let text = crate::printing::read_back(&paper);
    let count = |words: &str| text.matches(words).count();
    assert_eq!((count("结算总计单"), count("结算明细单")), (1, 2), "{text}");
    assert_eq!(
        count("重打印"),
        1,
        "the second list alone is marked\n{text}"
    );
    for (name, value) in [
        ("批次号", "000001"),
        ("净额合计", "12.80"),
        ("预计手续费", "-0.05"),
        ("预计到账", "12.75"),
        ("总对账", "平"),
        ("未决交易", "0 笔"),
    ] {
        let taken = shouyin::printing::columns(name) + shouyin::printing::columns(value);
        let line = format!("{name}{}{value}", " ".repeat(32 - taken));
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains("练习 非交易凭证"), "{text}");
}

/// A sale of the first batch that never left, with this voucher number.
async fn numbered(data: &std::path::Path, voucher: u32) {
    unsent(data, (1, 1), voucher).await;
}

/// A sale that never left, with this counter, batch and voucher number.
async fn unsent(data: &std::path::Path, (sequence, batch): (u64, u32), voucher: u32) {
    let (journal, _) = crate::till::open(data);
    let txn = TxnId::from_parts(1_000, 100 + u128::from(sequence));
    let at = shouyin::clock::Clock::start().now().utc;
    let intent = SaleIntent {
        txn,
        order_no: OrderNo::new(&format!("A00100010001ABCDEFS{sequence:08}")).unwrap(),
        sequence,
        voucher: VoucherNo::new(voucher).unwrap(),
        batch: BatchNo::new(batch).unwrap(),
        amount: Money::from_fen(500).unwrap(),
        channel: shouyin::domain::Channel::Alipay,
        entry: Presentment::Camera,
        operator: OperatorNo::new("01").unwrap(),
        code_tail: "1234".to_owned(),
        code_fingerprint: String::new(),
        instalments: None,
        card: None,
        purpose: Purpose::Sale,
    };
    let outcome = Outcome::NotSent;
    let facts = [
        FactKind::IntentRecorded(intent),
        FactKind::Closed { txn, outcome },
    ];
    let facts = facts.map(|kind| Fact { at, kind }).to_vec();
    journal.append(facts).await.unwrap();
}

#[test]
fn voucher_numbers_that_run_out_close_the_batch_and_the_next_one_begins_at_one() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        numbered(&data, limits::VOUCHER_RESTART).await;
        // No time is set: the numbers alone close the batch.
        let mut till = till(&dir).await;
        till.wait("closed by itself", keypad_tells("B02")).await;
        let closed = till.journal.settlements(9).await.unwrap();
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].intent.cause, Why::Automatic);
        till.sell(1_280, "281234567890153421").await;
        till.home().await;
        let sale = till.journal.recent(1).await.unwrap().remove(0);
        assert_eq!((sale.batch.get(), sale.voucher.get()), (2, 1));
        till.stop().await;
        // A start before the first sale of the new batch begins at 1 as well, and asks for no other settlement.
        let mut again = crate::till::till(&dir).await;
        again.home().await;
        again.sell(1_290, "281234567890153422").await;
        again.home().await;
        let sale = again.journal.recent(1).await.unwrap().remove(0);
        assert_eq!((sale.batch.get(), sale.voucher.get()), (2, 2));
        assert_eq!(again.journal.settlements(9).await.unwrap().len(), 1);
        again.stop().await;
    });
}

#[test]
fn a_fresh_batch_near_the_end_of_the_numbers_begins_at_one_after_a_restart() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        numbered(&data, limits::VOUCHER_LAST).await;
        let mut till = till(&dir).await;
        till.wait("closed by itself", keypad_tells("B02")).await;
        till.stop().await;
        let (journal, opened) = crate::till::open(&data);
        assert_eq!(
            (opened.counters.batch.get(), opened.counters.next_voucher),
            (2, 1)
        );
        drop(journal);
    });
}

#[test]
fn while_the_numbers_cannot_begin_anew_no_sale_is_opened_and_the_screen_says_so() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let sandbox = sandbox(&dir).await;
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        numbered(&data, limits::VOUCHER_LAST_ASKED).await;
        // The batch before is still being closed: the acquirer is away, and only one settlement is under way at once.
        let (journal, opened) = crate::till::open(&data);
        let txn = TxnId::from_parts(1_000, 8);
        let frozen = shouyin::settlement::SettlementIntent {
            txn,
            settle_no: OrderNo::new("A00100010001ABCDEFB00000002").unwrap(),
            sequence: 2,
            batch: opened.counters.batch,
            cause: Why::Automatic,
            operator: OperatorNo::new("01").unwrap(),
            approver: None,
            read_after: 0,
            told_upto: 0,
        };
        let fact = shouyin::settlement::SettlementFact::Intended(frozen);
        let at = shouyin::clock::Clock::start().now().utc;
        let kind = FactKind::Settlement { txn, fact };
        journal.append(vec![Fact { at, kind }]).await.unwrap();
        drop(journal);
        unsent(&data, (3, 2), limits::VOUCHER_LAST_ASKED).await;
        drop(sandbox);
        let away = |policy: &mut Policy, _: &mut Desk| policy.settlement.open_wait_ms = 3_600_000;
        let mut till = till_with(&dir, away).await;
        till.home().await;
        till.tap(Intent::Digit(5)).await;
        till.tap(Intent::Charge).await;
        till.wait("no new sales", keypad_tells("B05")).await;
        assert_eq!(till.journal.recent(9).await.unwrap().len(), 2);
        till.stop().await;
    });
}
