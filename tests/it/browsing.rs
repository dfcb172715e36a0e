//! Records found again over the whole till: filter, search by number, statistics, the facts of a sale, 核实到账 at the
//! sandbox. Nothing of it changes the journal.

use shouyin::view::pages::RecordsPage;
use shouyin::view::{
    Agreement, By, Field, Happened, Intent, NumberPage, Page, Proof, Span, StatisticsPage, Theirs,
};
use tempfile::TempDir;

use crate::till::{PIN, Till, ledger, runtime, sandbox, till};

impl Till {
    async fn list(&mut self, found: impl Fn(&RecordsPage) -> bool) -> RecordsPage {
        let page = self
            .wait(
                "the list",
                |page| matches!(page, Page::Records(list) if found(list)),
            )
            .await;
        let Page::Records(list) = page else {
            unreachable!();
        };
        list
    }

    async fn type_number(&mut self, digits: &str) {
        for digit in digits.bytes() {
            self.tap(Intent::NumberDigit(digit - b'0')).await;
        }
    }

    async fn choose(&mut self, field: Field, place: usize) {
        self.wait("the filter", |page| matches!(page, Page::Filter(_)))
            .await;
        self.tap(Intent::ChooseField(field)).await;
        self.wait("its values", |page| matches!(page, Page::Choose(_)))
            .await;
        self.tap(Intent::Choose(place)).await;
        self.wait("the filter", |page| matches!(page, Page::Filter(_)))
            .await;
    }
}

#[test]
fn records_are_filtered_found_and_summed_and_nothing_changes() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.sell(1_001, "281234567890800001").await;
        till.sell(2_002, "131234567890800002").await;
        let rows = till.journal.recent(2).await.unwrap();
        till.undo(rows[1].txn, Some(300), PIN).await;
        till.rest().await;
        let written = till.journal.row_count().await.unwrap();
        till.home().await;
        till.tap(Intent::ShowRecords).await;
        let all = till.list(|list| list.rows.len() == 3).await;
        assert_eq!(all.sums, Some((3, "27.03".to_owned())));
        assert_eq!(all.rows[0].amount, "-3.00");
        assert!(all.rows[0].undo.is_some() && all.rows[0].txn == rows[1].txn);
        // Only what was paid by WeChat.
        till.tap(Intent::ShowFilter).await;
        till.choose(Field::Channel, 2).await;
        till.tap(Intent::Back).await;
        let wechat = till.list(|list| list.rows.len() == 1).await;
        assert_eq!((wechat.filters, wechat.rows[0].amount.as_str()), (1, "20.02"));
        assert_eq!(wechat.sums, Some((1, "20.02".to_owned())));
        // Yesterday there was nothing.
        till.tap(Intent::ShowFilter).await;
        till.choose(Field::Period, 1).await;
        till.tap(Intent::Back).await;
        till.list(|list| list.rows.is_empty() && !list.more).await;
        // A number leads to its sale; one that is not there says so.
        till.tap(Intent::TypeNumber).await;
        till.wait("the keypad", |page| matches!(page, Page::Number(_))).await;
        till.type_number("999999").await;
        till.tap(Intent::NumberSend).await;
        let told = |page: &Page| {
            matches!(page, Page::Number(NumberPage { notice: Some(notice), .. }) if notice.code == "A17")
        };
        till.wait("not found", told).await;
        for _ in 0..6 {
            till.tap(Intent::NumberBackspace).await;
        }
        till.type_number(&rows[1].voucher.to_string()).await;
        till.tap(Intent::NumberSend).await;
        till.wait("its record", |page| {
            matches!(page, Page::Record(record) if record.order_no == rows[1].order_no.as_str())
        })
        .await;
        sums(&mut till).await;
        assert_eq!(till.journal.row_count().await.unwrap(), written);
        till.home().await;
        till.stop().await;
    });
}

async fn sums(till: &mut Till) {
    let of = |wanted: By, span: Span| {
        move |page: &Page| match page {
            Page::Statistics(StatisticsPage { by, span: own, .. }) => *by == wanted && *own == span,
            _ => false,
        }
    };
    till.tap(Intent::Back).await;
    till.list(|_| true).await;
    till.tap(Intent::ShowStatistics).await;
    till.wait("statistics", of(By::Time, Span::Day)).await;
    till.tap(Intent::StatisticsBy(By::Channel)).await;
    let page = till.wait("by wallet", of(By::Channel, Span::Day)).await;
    let Page::Statistics(page) = page else {
        unreachable!();
    };
    assert_eq!((page.sales.count, page.sales.sum.as_str()), (2, "30.03"));
    assert_eq!((page.returns.count, page.net.as_str()), (1, "27.03"));
    let nets: Vec<&str> = page.bars.iter().map(|bar| bar.net.as_str()).collect();
    assert_eq!(nets, ["7.01", "20.02"]);
    till.tap(Intent::StatisticsSpan(Span::Month)).await;
    let page = till.wait("a month", of(By::Channel, Span::Month)).await;
    assert!(matches!(page, Page::Statistics(page) if page.net == "27.03"));
    till.tap(Intent::StatisticsStep { later: false }).await;
    till.wait(
        "the month before",
        |page| matches!(page, Page::Statistics(page) if page.sales.count == 0 && page.can_later),
    )
    .await;
}

#[test]
fn the_acquirers_view_stands_beside_ours_and_the_facts_have_their_proofs() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.sell(1_001, "281234567890800001").await;
        let sale = till.journal.recent(1).await.unwrap().remove(0);
        till.home().await;
        till.tap(Intent::OpenRecord(sale.txn)).await;
        till.wait("record", |page| matches!(page, Page::Record(record) if record.can_verify))
            .await;
        let before = till.journal.row_count().await.unwrap();
        till.tap(Intent::Verify).await;
        let answered = |page: &Page| {
            matches!(page, Page::Verify(page) if page.agreement != Agreement::Asking)
        };
        let Page::Verify(page) = till.wait("their view", answered).await else {
            unreachable!();
        };
        assert_eq!((page.agreement, page.theirs), (Agreement::Same, Some(Theirs::Paid)));
        assert_eq!((page.their_amount.as_str(), page.row.amount.as_str()), ("10.01", "10.01"));
        assert_eq!(page.their_trade_no, sale.trade_no.clone().unwrap());
        assert_eq!(till.journal.row_count().await.unwrap(), before, "nothing is written");
        till.tap(Intent::Back).await;
        till.wait("record", |page| matches!(page, Page::Record(_))).await;
        till.tap(Intent::ShowStory).await;
        let Page::Story(story) = till.wait("story", |page| matches!(page, Page::Story(_))).await
        else {
            unreachable!();
        };
        let told: Vec<_> = story.lines.iter().map(|line| (line.what, line.proof)).collect();
        let wanted = [
            (Happened::Charged, Proof::Own),
            (Happened::Paid, Proof::Signed),
        ];
        assert_eq!(told, wanted);
        assert_eq!(story.lines[1].digest.len(), 16);
        assert_eq!(story.lines[1].detail, page.their_trade_no);
        // One inquiry was made, and the sale is in the books once.
        let books = ledger(sandbox.page_port).await;
        assert_eq!(books["orders"].as_array().unwrap().len(), 1);
        // Without an answer nothing is known, and nothing changes.
        drop(sandbox);
        till.tap(Intent::Back).await;
        till.wait("record", |page| matches!(page, Page::Record(_))).await;
        till.tap(Intent::Verify).await;
        let silent = |page: &Page| {
            matches!(page, Page::Verify(page) if page.agreement == Agreement::Unknown)
        };
        till.wait("no answer", silent).await;
        assert_eq!(till.journal.row_count().await.unwrap(), before);
        till.home().await;
        till.stop().await;
    });
}
