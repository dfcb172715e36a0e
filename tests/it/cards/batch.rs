//! A batch with cards in it: sales, one that is declined, one with a void, one with a part of its money back, against
//! the sandbox's statement.

use shouyin::payment::UndoKind;
use shouyin::settlement::{EntryKind, net};
use shouyin::view::{BatchVerdict, OutcomeKind, Page};
use tempfile::TempDir;

use super::counter::Counter;
use crate::till::{PIN, ledger, reconcile, runtime, sandbox};

#[test]
fn a_batch_with_card_sales_a_void_and_a_partial_refund_equals_the_statement_to_the_fen() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        let returned = |page: Page| {
            let Page::Undoing(page) = page else {
                panic!("{page:?}");
            };
            assert_eq!(page.notice.map(|notice| notice.code), Some("P41"));
        };
        assert_eq!(counter.pays(1_200, "tap debit").await, OutcomeKind::Paid);
        let with_pin = counter.pays(2_300, "insert credit").await;
        assert_eq!(with_pin, OutcomeKind::Paid);
        assert_eq!(counter.pays(1_051, "tap debit").await, OutcomeKind::NotPaid);
        assert_eq!(counter.pays(700, "tap debit").await, OutcomeKind::Paid);
        let voided = counter.till.last_sale().await;
        returned(counter.till.undo(voided, None, PIN).await);
        assert_eq!(counter.pays(500, "tap credit").await, OutcomeKind::Paid);
        let in_part = counter.till.last_sale().await;
        returned(counter.till.undo(in_part, Some(120), PIN).await);
        // A code among the cards.
        counter.till.home().await;
        counter.till.sell(640, "281234567890123409").await;
        counter.till.rest().await;

        let page = counter.till.close_batch(PIN).await;
        let last = page.last.unwrap();
        assert_eq!(last.verdict, BatchVerdict::Equal, "{last:?}");
        let kept = 1_200 + 2_300 + (500 - 120) + 640;
        assert_eq!(last.net, format!("{}.{:02}", kept / 100, kept % 100));
        let row = counter.till.journal.settlements(1).await.unwrap().remove(0);
        assert_eq!(row.differences, [], "nothing needs a reason");
        let report = row.report.unwrap();
        assert_eq!((report.unexplained_minor, report.open), (0, 0));
        assert_eq!(net(&report.ours), net(&report.theirs));
        assert_eq!(net(&report.ours), i64::from(kept));
        // Each kind to the fen, on both sides.
        for lines in [&report.ours, &report.theirs] {
            let sum = |kind| -> u64 {
                let of_kind = lines.iter().filter(|line| line.kind == kind);
                of_kind.map(|line| line.minor).sum()
            };
            assert_eq!(sum(EntryKind::Sale), 1_200 + 2_300 + 700 + 500 + 640);
            let back = sum(EntryKind::Void) + sum(EntryKind::Refund);
            assert_eq!(back, 700 + 120);
        }
        let books = ledger(sandbox.page_port).await;
        let net_of = |order: &serde_json::Value| order["net_charged"].as_i64().unwrap();
        let orders = books["orders"].as_array().unwrap();
        assert_eq!(orders.iter().map(net_of).sum::<i64>(), i64::from(kept));
        reconcile(&counter.till.journal, sandbox.page_port).await;

        // A sale of the closed batch is refunded, not voided, and belongs to the next one.
        let sales = counter.till.journal.recent(10).await.unwrap();
        let closed = sales.iter().find(|sale| sale.amount.minor() == 1_200);
        let txn = closed.unwrap().txn;
        let page = counter.till.undo(txn, None, PIN).await;
        let undos = counter.till.journal.undos_of(txn).await.unwrap();
        let kinds: Vec<_> = undos.iter().map(|undo| undo.kind).collect();
        assert_eq!(kinds, [UndoKind::Refund], "{page:?}");
        returned(page);
        counter.till.rest().await;
        let page = counter.till.close_batch(PIN).await;
        let last = page.last.unwrap();
        assert_eq!(last.verdict, BatchVerdict::Equal, "{last:?}");
        assert_eq!(
            (last.batch.as_str(), last.net.as_str()),
            ("000002", "-12.00")
        );
        counter.till.stop().await;
    });
}
