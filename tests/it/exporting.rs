//! 导出 on the page of a closed batch, over the whole till: the files are what the batch is, to the fen; a stick that is
//! not in, cannot be written or holds an older file; and an altered record.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;
use shouyin::domain::TxnId;
use shouyin::view::{BatchPage, ExportShown, Intent, Page};
use tempfile::TempDir;

use crate::till::{PIN, Plan, Till, runtime, sandbox, start};

/// The files' name without its endings.
const NAME: &str = "shouyin_A0010001_000001";

impl Till {
    async fn batch_page(&mut self, what: &str, found: impl Fn(&BatchPage) -> bool) -> BatchPage {
        let is_it = move |page: &Page| matches!(page, Page::Batch(page) if found(page));
        match self.wait(what, is_it).await {
            Page::Batch(page) => page,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a closed batch from the settlement page, as it stands after a settlement.
    async fn closed_batch(&mut self, txn: TxnId) -> BatchPage {
        self.tap(Intent::OpenBatch(txn)).await;
        self.batch_page("the closed batch", |_| true).await
    }

    /// Asks for an export and waits for its end: the files, or the code of what went wrong.
    async fn export(&mut self) -> Result<(u64, String), &'static str> {
        // What an earlier one left on the page is gone with the first screen after the tap: the bar, or the next end.
        self.screens.mark_unchanged();
        self.tap(Intent::ExportBatch).await;
        self.next_screen().await;
        let ended = |page: &BatchPage| match &page.export {
            ExportShown::Done { .. } => true,
            ExportShown::Ready => page.notice.is_some(),
            ExportShown::Off | ExportShown::Running { .. } | ExportShown::Elsewhere => false,
        };
        let page = self.batch_page("the export ends", ended).await;
        match (page.export, page.notice) {
            (ExportShown::Done { rows, net, .. }, None) => Ok((rows, net)),
            (_, Some(notice)) => Err(notice.code),
            (other, None) => panic!("{other:?}"),
        }
    }
}

/// A till with an export folder that is not there yet.
async fn with_stick(dir: &TempDir, stick: &Path) -> Till {
    let more = dir.path().join("export.toml");
    let text = format!("[export]\nfolder = \"{}\"\n", stick.display());
    std::fs::write(&more, text).unwrap();
    let files = [dir.path().join("sandbox/terminal.toml"), more];
    let plan = Plan::new(&files, dir.path().join("data"));
    start(plan, |lakala| lakala).await
}

/// What Python finds in a file.
fn read_back(path: &Path) -> Value {
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/read_export.py");
    let out = Command::new("python3").arg(peer).arg(path).output();
    let out = out.unwrap();
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{}: {told}", path.display());
    serde_json::from_slice(&out.stdout).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn files(folder: &Path) -> [PathBuf; 3] {
    ["csv", "jsonl", "xlsx"].map(|ending| folder.join(format!("{NAME}.{ending}")))
}

#[test]
fn a_closed_batch_goes_to_the_stick_and_the_files_have_its_sum() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let stick = dir.path().join("stick");
        let mut till = with_stick(&dir, &stick).await;
        till.home().await;
        // More than the exporter reads at once; one is declined, part of another goes back.
        let count = u64::try_from(shouyin::limits::EXPORT_ROWS).unwrap() + 3;
        for place in 0..count {
            let code = format!("28123456789016{place:04}");
            till.sell(1_100 + place, &code).await;
        }
        let sold = till.last_sale().await;
        till.undo(sold, Some(300), PIN).await;
        let last = till.close_batch(PIN).await.last.unwrap();
        let page = till.closed_batch(last.txn).await;
        assert_eq!(page.export, ExportShown::Ready);
        // The stick is not in: nothing is made in its place.
        assert_eq!(till.export().await, Err("E01"));
        assert!(!stick.exists(), "a missing stick is no folder to make");
        // It is in, with older files of the same names, and with a link where an export that was cut off left its part.
        std::fs::create_dir(&stick).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, stick.join(format!(".{NAME}.csv.part"))).unwrap();
        for file in files(&stick) {
            std::fs::write(file, "old").unwrap();
        }
        let (rows, net) = till.export().await.unwrap();
        assert_eq!(net, page.net, "the files say what the slip says");
        assert_eq!(rows, count + 1);
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
        let wanted = files(&stick).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(
            names(&stick),
            wanted.map(|name| name.into_string().unwrap())
        );
        let mut found: Vec<Value> = files(&stick).iter().map(|file| read_back(file)).collect();
        found.dedup();
        assert_eq!(found.len(), 1, "{found:?}");
        let minor = found[0]["sum_minor"].as_i64().unwrap();
        assert_eq!(found[0]["rows"], rows);
        let shown = net.replace([',', '.'], "");
        assert_eq!(shown.parse::<i64>().unwrap(), minor);
        till.stop().await;
    });
}

#[test]
fn a_batch_with_an_altered_record_has_no_page_and_says_so() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let mut till = with_stick(&dir, dir.path()).await;
        till.home().await;
        till.sell(1_280, "281234567890153412").await;
        till.sell(4_300, "281234567890153413").await;
        let last = till.close_batch(PIN).await.last.unwrap();
        till.stop().await;
        // Somebody with a tool for databases changes how the first sale ended.
        let journal = Connection::open(dir.path().join("data/journal.db")).unwrap();
        journal
            .execute_batch("DROP TRIGGER fact_no_update")
            .unwrap();
        let first = "(SELECT txn FROM fact WHERE txn IS NOT NULL ORDER BY number LIMIT 1)";
        let spoil = format!(
            "UPDATE fact SET body = CAST(body || x'20' AS BLOB) \
             WHERE number = (SELECT max(number) FROM fact WHERE txn = {first})"
        );
        assert_eq!(journal.execute(&spoil, []).unwrap(), 1);
        drop(journal);
        let mut till = with_stick(&dir, dir.path()).await;
        till.home().await;
        till.open_settlement().await;
        till.tap(Intent::OpenBatch(last.txn)).await;
        let code = |page: &Page| match page {
            Page::Settlement(page) => page.notice.as_ref().map(|notice| notice.code),
            _ => None,
        };
        till.wait("no page of it", |page| code(page) == Some("J07"))
            .await;
        till.stop().await;
    });
}

#[test]
fn a_folder_that_takes_nothing_is_told_and_a_till_without_one_offers_no_export() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        // Nobody makes a file there, not even root.
        let mut till = with_stick(&dir, Path::new("/sys/kernel")).await;
        till.home().await;
        till.sell(1_280, "281234567890153411").await;
        let last = till.close_batch(PIN).await.last.unwrap();
        till.closed_batch(last.txn).await;
        assert_eq!(till.export().await, Err("E03"));
        till.tap(Intent::Back).await;
        till.home().await;
        till.stop().await;
        // The same batch at a till that has no folder.
        let file = dir.path().join("sandbox/terminal.toml");
        let plan = Plan::new(&[file], dir.path().join("data"));
        let mut plain = start(plan, |lakala| lakala).await;
        plain.open_settlement().await;
        let page = plain.closed_batch(last.txn).await;
        assert_eq!(page.export, ExportShown::Off);
        plain.tap(Intent::ExportBatch).await;
        plain.tap(Intent::Back).await;
        plain.stop().await;
    });
}
