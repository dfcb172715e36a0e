//! A batch with cards in it: sales, one that is declined, one with a void, one with a part of its money back, against
//! the sandbox's statement.

use std::time::Duration;

use shouyin::domain::{Funding, TxnId};
use shouyin::payment::UndoKind;
use shouyin::settlement::{CardVerdict, EntryKind, Report, net};
use shouyin::view::{BatchVerdict, CardHint, Intent, OutcomeKind, Page};
use tempfile::TempDir;

use super::counter::Counter;
use crate::till::{PIN, ledger, reconcile, runtime, sandbox};

/// On both sides.
fn each_kind_to_the_fen(report: &Report) {
    for lines in [&report.ours, &report.theirs] {
        let sum = |kind| -> u64 {
            let of_kind = lines.iter().filter(|line| line.kind == kind);
            of_kind.map(|line| line.minor).sum()
        };
        assert_eq!(sum(EntryKind::Sale), 1_200 + 2_300 + 700 + 500 + 640);
        let back = sum(EntryKind::Void) + sum(EntryKind::Refund);
        assert_eq!(back, 700 + 120);
    }
}

/// Looks at what is stored of the kind of each card.
async fn are_of(counter: &Counter, kinds: [(TxnId, Funding); 2]) {
    for (txn, kind) in kinds {
        let paid = counter.till.journal.paid_sale(txn).await.unwrap().unwrap();
        assert_eq!(paid.evidence.details().funding, Some(kind));
    }
}

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
        let debit = counter.till.last_sale().await;
        let with_pin = counter.pays(2_300, "insert credit").await;
        assert_eq!(with_pin, OutcomeKind::Paid);
        let credit = counter.till.last_sale().await;
        are_of(
            &counter,
            [(debit, Funding::Debit), (credit, Funding::Credit)],
        )
        .await;
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
        assert_eq!(last.cards_equal, Some(true));
        let kept = 1_200 + 2_300 + (500 - 120) + 640;
        assert_eq!(last.net, format!("{}.{:02}", kept / 100, kept % 100));
        let row = counter.till.journal.settlements(1).await.unwrap().remove(0);
        assert_eq!(row.differences, [], "nothing needs a reason");
        let report = row.report.unwrap();
        assert_eq!(report.cards, Some(CardVerdict::Equal));
        assert_eq!((report.unexplained_minor, report.open), (0, 0));
        assert_eq!(net(&report.ours), net(&report.theirs));
        assert_eq!(net(&report.ours), i64::from(kept));
        each_kind_to_the_fen(&report);
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

/// Types and fields 60 of what left about batches and the session since the reader signed in.
fn about_batches(counter: &Counter) -> Vec<String> {
    let of_batches = |text: &String| ["0500", "0320", "0820"].contains(&&text[..4]);
    counter.left().into_iter().filter(of_batches).collect()
}

#[test]
fn the_card_host_decides_about_its_part_and_its_session_ends_with_the_batch() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        // Balanced; not balanced, but equal one by one; not even that: by the sums, with the 5.00 of the last round.
        for (at, (fen, verdict)) in [
            (1_000, CardVerdict::Equal),
            (592, CardVerdict::EqualOneByOne),
            (593, CardVerdict::Unequal),
        ]
        .into_iter()
        .enumerate()
        {
            let batch = at + 1;
            assert_eq!(counter.pays(fen, "tap debit").await, OutcomeKind::Paid);
            let page = counter.till.close_batch(PIN).await;
            let last = page.last.unwrap();
            let equal = verdict != CardVerdict::Unequal;
            assert_eq!(last.cards_equal, Some(equal));
            assert_eq!(last.verdict == BatchVerdict::Equal, equal, "{last:?}");
            let row = counter.till.journal.settlements(1).await.unwrap().remove(0);
            assert_eq!(row.report.unwrap().cards, Some(verdict));
            let batch = format!("{batch:06}");
            let mut expected = vec![format!("0500 00{batch}201")];
            if verdict != CardVerdict::Equal {
                expected.push(format!("0320 00{batch}201"));
                expected.push(format!("0320 00{batch}202"));
            }
            // The next card waits for the keys of the next session.
            counter.till.home().await;
            counter.till.charge(500).await;
            counter.hint(CardHint::Ready).await;
            let signs_in = format!("0800 00{:06}004", at + 2);
            while !counter.left().contains(&signs_in) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            expected.push(format!("0820 00{}002", format_args!("{:06}", at + 2)));
            assert_eq!(about_batches(&counter), expected);
            counter.left.lock().unwrap().clear();
            counter.does("tap debit").await;
            assert_eq!(counter.till.outcome().await, OutcomeKind::Paid);
        }
        counter.till.stop().await;
    });
}

#[test]
fn a_batch_of_codes_alone_is_nothing_to_the_card_host() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        counter.till.sell(640, "281234567890123409").await;
        counter.till.rest().await;
        let last = counter.till.close_batch(PIN).await.last.unwrap();
        assert_eq!(
            (last.verdict, last.cards_equal),
            (BatchVerdict::Equal, None)
        );
        assert_eq!(about_batches(&counter), Vec::<String>::new());
        counter.till.stop().await;
    });
}

#[test]
fn while_the_card_host_does_not_answer_codes_go_on_and_cards_wait() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        // Its first answer to these totals is lost.
        assert_eq!(counter.pays(1_091, "tap debit").await, OutcomeKind::Paid);
        counter.till.open_settlement().await;
        counter.till.tap(Intent::Settle).await;
        let asks = |page: &Page| matches!(page, Page::Approve(_));
        counter.till.wait("approve", asks).await;
        for digit in PIN.bytes() {
            counter.till.tap(Intent::PinDigit(digit - b'0')).await;
        }
        counter.till.tap(Intent::PinSend).await;
        let under_way =
            |page: &Page| matches!(page, Page::Settlement(page) if page.stage.is_some());
        counter
            .till
            .wait("the settlement is under way", under_way)
            .await;
        counter.till.home().await;
        counter.till.charge(700).await;
        counter.hint(CardHint::Settling).await;
        let sales = |left: Vec<String>| left.iter().filter(|text| text.starts_with("0200")).count();
        assert_eq!(sales(counter.left()), 1, "no card of the next batch");
        counter.till.tap(Intent::Cancel).await;
        let free = |page: &Page| matches!(page, Page::Keypad(_));
        counter.till.wait("the keypad", free).await;
        counter.till.sell(640, "281234567890123409").await;
        // The same message again, and then the next batch's cards.
        counter.till.home().await;
        counter.till.charge(700).await;
        counter.hint(CardHint::Ready).await;
        let totals = about_batches(&counter);
        assert_eq!(totals[..2], ["0500 00000001201", "0500 00000001201"]);
        let same: Vec<Vec<u8>> = {
            let left = counter.left.lock().unwrap();
            let is_totals = |frame: &&Vec<u8>| frame[13..15] == [0x05, 0x00];
            left.iter().filter(is_totals).cloned().collect()
        };
        assert_eq!(same[0], same[1], "under the same trace");
        counter.does("tap debit").await;
        assert_eq!(counter.till.outcome().await, OutcomeKind::Paid);
        counter.till.rest().await;
        let row = counter.till.journal.settlements(1).await.unwrap().remove(0);
        assert_eq!(row.report.unwrap().cards, Some(CardVerdict::Equal));
        counter.till.stop().await;
    });
}
