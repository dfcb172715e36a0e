//! Codes outside a sale: a sale found by its slip, a wall code checked, our own wall code shown and printed.
//!
//! Through the whole till. What is shown to the camera there moves no money, and a payment code leaves no trace.

use std::sync::{Arc, Mutex};

use shouyin::code::crc16;
use shouyin::domain::TxnId;
use shouyin::terminal::{PrintJob, PrintQueue, PrintRefusal};
use shouyin::view::pages::{LookPage, RecordPage, VerdictPage, Whose};
use shouyin::view::{Intent, Look, Notice, Page};
use tempfile::TempDir;

use crate::till::{PIN, Plan, Till, ledger, open, runtime, sandbox, start, till};

const OURS: &str = "https://qr.sandbox.invalid/m/822100054110001";
const OUR_ACCOUNT: &str = "15164812345678901234";
const STRANGER: &str = "26160012D1560000000X";

/// An EMVCo wall code.
fn emv(accounts: &str, name: &str) -> String {
    let body = format!(
        "000201010211{accounts}5204581253031565802CN59{:02}{name}6008SHANGHAI6304",
        name.chars().count()
    );
    format!("{body}{:04X}", crc16(body.as_bytes()))
}

/// A shop with two wall codes.
fn plan(dir: &TempDir) -> Plan {
    let more = dir.path().join("more.toml");
    let text = format!(
        "[merchant]\nname = \"星河便利店\"\nstatic_codes = [\"{OURS}\", \"{OURS}/2\"]\n\
         emv_accounts = [\"15:4812345678901234\"]\n"
    );
    std::fs::write(&more, text).unwrap();
    let file = dir.path().join("sandbox/terminal.toml");
    Plan::new(&[file, more], dir.path().join("data"))
}

impl Till {
    async fn records(&mut self) {
        self.home().await;
        self.tap(Intent::ShowRecords).await;
        self.wait("records", |page| matches!(page, Page::Records(_)))
            .await;
    }

    async fn eyes(&mut self, on: bool) {
        let seen = self.camera.wait_for(|camera| *camera == on);
        tokio::time::timeout(std::time::Duration::from_secs(20), seen)
            .await
            .expect("the camera is switched")
            .unwrap();
    }

    async fn looks(&mut self, look: Look) {
        let found = |page: &Page| matches!(page, Page::Look(page) if page.look == look);
        self.wait("the camera looks", found).await;
        self.eyes(true).await;
    }

    async fn told_looking(&mut self, code: &str) {
        let found = |page: &Page| match page {
            Page::Look(LookPage {
                notice: Some(Notice { code: told, .. }),
                ..
            }) => *told == code,
            _ => false,
        };
        self.wait(code, found).await;
    }

    async fn untold(&mut self) {
        self.tap(Intent::QueryNow).await;
        let bare = |page: &Page| matches!(page, Page::Look(page) if page.notice.is_none());
        self.wait("the words are gone with a touch", bare).await;
    }

    /// Everything that is no order number of ours gets its words.
    async fn strange_codes(&mut self, payment: &str) {
        for (text, code) in [
            // A customer's payment code, whole, in groups, and of a wallet that nobody knows yet.
            (payment, "A16"),
            ("2812 3456 7890 9999 91", "A16"),
            ("991234567890123456", "A18"),
            // A link, a product, a name card, an order number of another till, half a number.
            ("https://example.com/", "A18"),
            ("6901234567892", "A18"),
            ("BEGIN:VCARD", "A18"),
            ("B00200010001XYZXYZS00000001", "A17"),
            ("A0010001", "A17"),
        ] {
            self.present(text).await;
            self.told_looking(code).await;
            self.untold().await;
        }
    }

    async fn record(&mut self) -> RecordPage {
        match self
            .wait("record", |page| matches!(page, Page::Record(_)))
            .await
        {
            Page::Record(record) => record,
            _ => unreachable!("a record was waited for"),
        }
    }

    async fn verdict(&mut self) -> VerdictPage {
        match self
            .wait("verdict", |page| matches!(page, Page::Verdict(_)))
            .await
        {
            Page::Verdict(verdict) => verdict,
            _ => unreachable!("a verdict was waited for"),
        }
    }
}

/// The number of a sale's only undo, as its slip shows it.
async fn undo_number(till: &Till, sale: TxnId) -> String {
    let undos = till.journal.undos_of(sale).await.unwrap();
    assert_eq!(undos.len(), 1);
    undos[0].undo_no.to_string()
}

/// Every byte that the till left in its directory.
fn left_behind(dir: &TempDir) -> Vec<u8> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(dir.path().join("data")).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    all
}

#[test]
fn the_order_code_of_a_slip_opens_its_sale_and_no_other_code_does() {
    let dir = TempDir::new().unwrap();
    let payment = "281234567890999991";
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.sell(1_001, "281234567890800001").await;
        till.sell(1_002, "281234567890800002").await;
        let rows = till.journal.recent(2).await.unwrap();
        till.records().await;
        assert!(!*till.camera.borrow(), "the camera is closed before");
        till.tap(Intent::ScanSlip).await;
        till.looks(Look::Slip).await;
        till.strange_codes(payment).await;
        // The older one, as a scanner with a line end reads it.
        till.present(&format!(" {}\r\n", rows[1].order_no)).await;
        let record = till.record().await;
        assert_eq!(record.order_no, rows[1].order_no.as_str());
        assert_eq!(record.row.amount, "10.01");
        assert!(record.can_undo, "what may be done with it is there");
        till.eyes(false).await;
        // The slip of its refund leads to the same sale.
        till.undo(rows[1].txn, Some(100), PIN).await;
        till.rest().await;
        let undo_no = undo_number(&till, rows[1].txn).await;
        till.records().await;
        till.tap(Intent::ScanSlip).await;
        till.looks(Look::Slip).await;
        till.present(&undo_no).await;
        assert_eq!(till.record().await.row.amount, "10.01");
        till.eyes(false).await;
        till.tap(Intent::Back).await;
        till.wait("the list", |page| matches!(page, Page::Records(_)))
            .await;
        // Left without a code: the camera closes.
        till.tap(Intent::ScanSlip).await;
        till.looks(Look::Slip).await;
        till.tap(Intent::Back).await;
        till.eyes(false).await;
        till.home().await;
        // The camera belongs to the sale again, and the code to its customer.
        till.charge(1_003).await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        till.eyes(true).await;
        till.tap(Intent::Cancel).await;
        till.eyes(false).await;
        let books = ledger(sandbox.page_port).await;
        assert_eq!(
            books["orders"].as_array().unwrap().len(),
            2,
            "nothing was sent"
        );
        till.stop().await;
    });
    drop(open(&dir.path().join("data")));
    let kept = left_behind(&dir);
    let part = |text: &str| {
        kept.windows(text.len())
            .any(|bytes| bytes == text.as_bytes())
    };
    assert!(part("A0010001"), "the search finds what is there");
    // Fewer digits than eight stand there by chance, in times and numbers.
    assert!(!part(payment) && !part(&payment[..8]) && !part(&payment[8..]));
    assert!(!part(&payment[10..]));
}

#[test]
fn a_wall_code_is_ours_or_strange_or_altered_or_none() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = start(plan(&dir), |lakala| lakala).await;
        till.records().await;
        till.tap(Intent::ShowWall).await;
        till.wait("our code", |page| matches!(page, Page::Wall(_)))
            .await;
        till.tap(Intent::CheckWall).await;
        for (text, whose, name, host) in [
            (OURS.to_owned(), Whose::Ours, "", ""),
            (format!("{OURS}/2"), Whose::Ours, "", ""),
            (emv(OUR_ACCOUNT, "STAR SHOP"), Whose::Ours, "", ""),
            (emv(STRANGER, "MOON SHOP"), Whose::Stranger, "MOON SHOP", ""),
            (
                emv(&format!("{OUR_ACCOUNT}{STRANGER}"), "STAR SHOP"),
                Whose::Altered,
                "STAR SHOP",
                "",
            ),
            (
                format!("{OURS}/3"),
                Whose::Stranger,
                "",
                "qr.sandbox.invalid",
            ),
            (
                "https://qr.alipay.com/fkx0123".to_owned(),
                Whose::Stranger,
                "",
                "qr.alipay.com",
            ),
        ] {
            till.looks(Look::Wall).await;
            till.present(&text).await;
            let verdict = till.verdict().await;
            assert_eq!(
                (verdict.whose, verdict.name.as_str(), verdict.host.as_str()),
                (whose, name, host),
                "{text}"
            );
            till.eyes(false).await;
            till.tap(Intent::LookAgain).await;
        }
        till.looks(Look::Wall).await;
        for (text, code) in [
            ("281234567890999992", "A16"),
            ("https://u.wechat.com/abc", "A19"),
            ("hello", "A19"),
            (
                &emv(OUR_ACCOUNT, "STAR SHOP").replace("STAR", "STAB"),
                "A19",
            ),
        ] {
            till.present(text).await;
            till.told_looking(code).await;
            till.untold().await;
        }
        till.tap(Intent::Back).await;
        till.wait("our code", |page| matches!(page, Page::Wall(_)))
            .await;
        till.eyes(false).await;
        till.tap(Intent::Back).await;
        till.home().await;
        let books = ledger(sandbox.page_port).await;
        assert!(books["orders"].as_array().unwrap().is_empty());
        till.stop().await;
    });
}

/// A printer that only remembers.
struct Memory(Arc<Mutex<Vec<PrintJob>>>);

impl PrintQueue for Memory {
    fn submit(&mut self, job: PrintJob) -> Result<(), PrintRefusal> {
        self.0.lock().unwrap().push(job);
        Ok(())
    }
}

async fn wall_tells(till: &mut Till, code: &str) {
    let told = |page: &Page| match page {
        Page::Wall(wall) => wall.notice.as_ref().is_some_and(|n| n.code == code),
        _ => false,
    };
    till.wait(code, told).await;
}

#[test]
fn our_wall_codes_are_shown_in_turn_and_printed_only_by_a_printer() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let mut till = start(plan(&dir), |lakala| lakala).await;
        till.records().await;
        till.tap(Intent::ShowWall).await;
        for (place, text) in [
            (1, OURS.to_owned()),
            (2, format!("{OURS}/2")),
            (1, OURS.to_owned()),
        ] {
            let shown = |page: &Page| matches!(page, Page::Wall(wall) if wall.place == place);
            let Page::Wall(wall) = till.wait("our code", shown).await else {
                unreachable!("a wall code was waited for");
            };
            assert_eq!((wall.text, wall.count), (text, 2));
            assert_eq!(wall.merchant, "星河便利店");
            till.tap(Intent::NextWall).await;
        }
        // No printer: it says so, and pretends nothing.
        till.tap(Intent::PrintWall).await;
        wall_tells(&mut till, "D02").await;
        till.home().await;
        till.stop().await;
        let jobs = Arc::new(Mutex::new(Vec::new()));
        let mut plan = plan(&dir);
        plan.printer = Box::new(Memory(Arc::clone(&jobs)));
        let mut till = start(plan, |lakala| lakala).await;
        till.records().await;
        till.tap(Intent::ShowWall).await;
        till.wait("our code", |page| matches!(page, Page::Wall(_)))
            .await;
        till.tap(Intent::PrintWall).await;
        wall_tells(&mut till, "D01").await;
        till.home().await;
        till.stop().await;
        let jobs = jobs.lock().unwrap();
        let [
            PrintJob::WallCode {
                text,
                merchant,
                operator,
                ..
            },
        ] = jobs.as_slice()
        else {
            panic!("one job: {jobs:?}");
        };
        assert_eq!((text.as_str(), merchant.as_str()), (OURS, "星河便利店"));
        assert_eq!(operator.as_str(), "01");
    });
}

#[test]
fn what_a_shop_has_not_has_no_button() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let _sandbox = sandbox(&dir).await;
        let offered = |page: Page| match page {
            Page::Records(records) => (records.can_scan, records.can_wall),
            other => panic!("the list, not {other:?}"),
        };
        // Neither a sale nor a wall code.
        let mut bare = till(&dir).await;
        bare.records().await;
        assert_eq!(offered(bare.look().1), (true, false));
        // A tap from nowhere does nothing.
        bare.tap(Intent::ShowWall).await;
        bare.tap(Intent::PrintWall).await;
        bare.home().await;
        bare.stop().await;
        // An acquirer that issues no such codes: ours is not shown, a wall is still checked.
        let mut other = plan(&dir);
        other.config.profile.capabilities = Default::default();
        let mut other = start(other, |lakala| lakala).await;
        other.records().await;
        assert_eq!(offered(other.look().1), (true, true));
        other.tap(Intent::ShowWall).await;
        other.looks(Look::Wall).await;
        other.tap(Intent::Back).await;
        other
            .wait("the list", |page| matches!(page, Page::Records(_)))
            .await;
        other.home().await;
        other.stop().await;
    });
}
