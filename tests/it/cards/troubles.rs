//! A reader that fails while a message is being made, and one that comes back in another batch, over the whole till.

use shouyin::acquirer::KeysError;
use shouyin::view::{Intent, Link, OutcomeKind, Page};
use tempfile::TempDir;

use super::counter::Counter;
use crate::till::{PIN, reconcile, runtime, sandbox};

impl Counter {
    fn link(&self) -> Link {
        let shown = self.till.screens.borrow();
        shown.as_ref().unwrap().status.link
    }

    fn code(&self) -> Option<&'static str> {
        let notice = match self.till.look().1 {
            Page::Outcome(page) => page.notice,
            Page::Undoing(page) => page.notice,
            _ => None,
        };
        notice.map(|notice| notice.code)
    }

    fn fails_with(&self, error: Option<KeysError>) {
        *self.fails.lock().unwrap() = error;
    }
}

#[test]
fn a_reader_that_fails_is_told_as_the_reader_and_the_line_is_not_blamed() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        assert_eq!(counter.pays(1_000, "tap debit").await, OutcomeKind::Paid);
        assert_eq!(counter.link(), Link::Online);
        let paid = counter.till.last_sale().await;
        let gone = || KeysError::Unavailable("it does not answer".to_owned());
        for (error, code) in [(gone(), "R01"), (KeysError::Absent, "R02")] {
            counter.fails_with(Some(error));
            assert_eq!(counter.pays(1_100, "tap debit").await, OutcomeKind::NotPaid);
            assert_eq!(counter.code(), Some(code));
            assert_eq!(counter.link(), Link::Online, "{code}");
        }
        let page = counter.till.undo(paid, None, PIN).await;
        assert!(matches!(page, Page::Undoing(_)), "{page:?}");
        assert_eq!(
            (counter.code(), counter.link()),
            (Some("R04"), Link::Online)
        );
        // It is back: the same card pays, and the money goes back.
        counter.fails_with(None);
        assert_eq!(counter.pays(1_200, "tap debit").await, OutcomeKind::Paid);
        let page = counter.till.undo(paid, None, PIN).await;
        assert!(matches!(page, Page::Undoing(_)), "{page:?}");
        assert_eq!(counter.code(), Some("P41"));
        counter.till.rest().await;
        let (paid, unpaid) = reconcile(&counter.till.journal, counter.port).await;
        assert_eq!((paid, unpaid), (2, 2));
        counter.till.stop().await;
    });
}

#[test]
fn a_reader_that_fails_after_the_sale_was_sent_blames_no_line_and_the_sale_is_reversed() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        assert_eq!(counter.pays(1_000, "tap debit").await, OutcomeKind::Paid);
        counter.till.home().await;
        counter.till.charge(1_133).await;
        counter.hint(shouyin::view::CardHint::Ready).await;
        // The MAC of the request is made, the one of the answer is not.
        *counter.macs.lock().unwrap() = Some(1);
        counter.does("tap debit").await;
        let revoking = |page: &Page| matches!(page, Page::Waiting(page) if page.notice.is_some());
        counter.till.wait("reversing", revoking).await;
        assert_eq!(counter.link(), Link::Online, "an answer came");
        *counter.macs.lock().unwrap() = None;
        counter.till.tap(Intent::QueryNow).await;
        assert_eq!(counter.till.outcome().await, OutcomeKind::Revoked);
        counter.till.rest().await;
        let counts = reconcile(&counter.till.journal, counter.port).await;
        assert_eq!(counts, (1, 1));
        counter.till.stop().await;
    });
}

#[test]
fn a_reader_that_comes_back_after_a_settlement_signs_in_for_the_open_batch() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        assert_eq!(counter.pays(1_000, "tap debit").await, OutcomeKind::Paid);
        let sign_ins = |counter: &Counter| {
            let mut left = counter.left();
            left.retain(|line| line.starts_with("0800") && line.ends_with("004"));
            left
        };
        assert_eq!(sign_ins(&counter), ["0800 00000001004"]);
        counter.till.close_batch(PIN).await;
        counter.till.home().await;
        counter.does("unplug").await;
        counter.does("plug").await;
        assert_eq!(counter.pays(1_100, "tap debit").await, OutcomeKind::Paid);
        let after = sign_ins(&counter);
        assert_eq!(after.last().map(String::as_str), Some("0800 00000002004"));
        counter.till.stop().await;
    });
}
