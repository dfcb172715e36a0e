//! A balance over the whole till: reader on its serial line, real HTTPS, the sandbox's card host and its accounts.

use shouyin::acquirer::KeysError;
use shouyin::view::{BalanceStage, CardHint, Intent, OutcomeKind, Page};
use tempfile::TempDir;

use crate::cards::counter::Counter;
use crate::till::{reconcile, runtime, sandbox};

impl Counter {
    async fn stage(&mut self, what: &str, found: impl Fn(&BalanceStage) -> bool) -> BalanceStage {
        let is_it = move |page: &Page| matches!(page, Page::Balance(page) if found(&page.stage));
        match self.till.wait(what, is_it).await {
            Page::Balance(page) => page.stage,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for the balance of a card, with a PIN; returns how it ended.
    pub async fn balance(&mut self, card: &str, pin: &str) -> BalanceStage {
        self.till.home().await;
        self.till.tap(Intent::ShowRecords).await;
        let offered = |page: &Page| matches!(page, Page::Records(page) if page.can_balance);
        self.till.wait("records", offered).await;
        self.till.tap(Intent::ShowBalance).await;
        let hint = |wanted| move |stage: &BalanceStage| *stage == BalanceStage::Card(Some(wanted));
        self.stage("the reader waits", hint(CardHint::Ready)).await;
        self.does(card).await;
        self.stage("the reader wants a PIN", hint(CardHint::Pin))
            .await;
        // Whoever types before the reader asks is not heard.
        let typed = |page: &Page| {
            let Page::Balance(page) = page else {
                return true;
            };
            !matches!(page.stage, BalanceStage::Card(_))
        };
        loop {
            self.does(pin).await;
            let leaves = self
                .till
                .screens
                .wait_for(|screen| screen.as_ref().is_some_and(|s| typed(&s.page)));
            let wait = std::time::Duration::from_millis(200);
            if tokio::time::timeout(wait, leaves).await.is_ok() {
                break;
            }
        }
        let over = |stage: &BalanceStage| {
            matches!(stage, BalanceStage::Told { .. } | BalanceStage::None(_))
        };
        let end = self.stage("an end", over).await;
        self.does("pull").await;
        end
    }

    /// The messages about cards that left, without those about the session.
    fn of_cards(&self) -> Vec<String> {
        let mut left = self.left();
        left.retain(|line| !line.starts_with("08"));
        left
    }
}

/// Every byte below a folder.
fn bytes_of(folder: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[test]
fn a_balance_is_shown_and_forgotten_and_its_trace_is_nobody_elses() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        let told = counter.balance("insert debit", "pin 123456").await;
        let BalanceStage::Told { amount, owed, .. } = &told else {
            panic!("{told:?}");
        };
        assert_eq!((amount.words(), *owed), ("12,345.67", false));
        let shown = format!("{:?}", counter.till.screens.borrow());
        assert!(!shown.contains("12,345"), "{shown}");
        assert_eq!(counter.of_cards(), ["0200 0100000100060"]);
        // A touch and it is gone; nothing was sold.
        counter.till.tap(Intent::Back).await;
        let records = |page: &Page| matches!(page, Page::Records(_));
        counter.till.wait("records again", records).await;
        assert_eq!(counter.till.journal.recent(9).await.unwrap(), []);
        // A sale after it has the next trace and is booked as ever; the question is in no settlement.
        assert_eq!(counter.pays(1_000, "tap debit").await, OutcomeKind::Paid);
        let sale = counter.till.journal.recent(1).await.unwrap().remove(0);
        assert_eq!(sale.voucher.get(), 2);
        assert_eq!(counter.till.journal.unsettled().await.unwrap().entries, 1);
        assert_eq!(counter.of_cards().len(), 2, "nothing was reversed");
        let counts = reconcile(&counter.till.journal, counter.port).await;
        assert_eq!(counts, (1, 0));
        let port = counter.port;
        counter.till.stop().await;
        // Its numbers are on the disk, its answer is nowhere.
        let data = dir.path().join("data");
        let (journal, opened) = crate::till::open(&data);
        assert_eq!(opened.counters.next_voucher, 3);
        drop(journal);
        let kept = bytes_of(&data);
        let has = |text: &[u8]| kept.windows(text.len()).any(|part| part == text);
        assert!(has(b"balance_asked"), "the numbers are a fact");
        for secret in [&b"12,345.67"[..], b"12345.67", b"000001234567"] {
            assert!(!has(secret), "{}", String::from_utf8_lossy(secret));
        }
        assert!(port > 0);
    });
}

#[test]
fn a_refused_a_lost_and_an_unmade_question_are_told_and_charge_nothing() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut counter = Counter::open(&dir, &sandbox).await;
        let told = |stage: BalanceStage| match stage {
            BalanceStage::None(notice) => (notice.code, notice.detail),
            other => panic!("{other:?}"),
        };
        // The reader takes the next PIN after a while: each wait of this test is that one.
        let wrong = counter.balance("insert debit", "pin 654321").await;
        assert_eq!(told(wrong), ("Q02", "55".to_owned()));
        // The MAC of the question is made, the one of the answer is not: it cannot be believed.
        *counter.macs.lock().unwrap() = Some(1);
        let lost = counter.balance("insert debit", "pin 123456").await;
        assert_eq!(told(lost), ("Q03", String::new()));
        *counter.macs.lock().unwrap() = None;
        let gone = KeysError::Unavailable("it does not answer".to_owned());
        *counter.fails.lock().unwrap() = Some(gone);
        let unmade = counter.balance("insert debit", "pin 123456").await;
        assert_eq!(told(unmade), ("Q05", String::new()));
        *counter.fails.lock().unwrap() = None;
        assert_eq!(counter.of_cards().len(), 2, "two left, none was reversed");
        let facts = counter.till.journal.row_count().await.unwrap();
        assert!(facts >= 4, "{facts}");
        // Asked again from its own page, it is told.
        counter.till.tap(Intent::ShowBalance).await;
        let ready = |stage: &BalanceStage| *stage == BalanceStage::Card(Some(CardHint::Ready));
        counter.stage("once more", ready).await;
        counter.till.tap(Intent::Back).await;
        counter.till.home().await;
        assert_eq!(counter.pays(1_000, "tap debit").await, OutcomeKind::Paid);
        let counts = reconcile(&counter.till.journal, counter.port).await;
        assert_eq!(counts, (1, 0));
        counter.till.stop().await;
    });
}
