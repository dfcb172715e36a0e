//! Samples of the pages of closed batches. See `samples`.

use super::samples::{Sample, sample};
use super::samples_settle::{difference, fees, left_open, line, txn};
use crate::domain::{BatchNo, Channel};
use crate::view::{
    BatchPage, BatchRow, BatchVerdict, BatchesPage, Cause, DifferenceLine, EntryKind, ExportFault,
    ExportShown, OpenLine, Page,
};

fn row(number: u32, verdict: BatchVerdict, net: &str, differences: u32) -> BatchRow {
    BatchRow {
        txn: txn(),
        batch_no: BatchNo::new(number).expect("invariant: a number of six digits"),
        batch: format!("{number:06}"),
        time: format!("11-{:02} 22:10", number - 98),
        verdict,
        net: net.to_owned(),
        differences,
        open: u32::from(number == 120),
    }
}

fn rows() -> Vec<BatchRow> {
    use BatchVerdict::{Equal, NotCompared, Unequal};
    vec![
        row(123, Unequal, "12,792.70", 3),
        row(122, Equal, "9,338.70", 0),
        row(121, Equal, "10,004.00", 1),
        row(120, Equal, "8,120.55", 0),
        row(119, NotCompared, "128.00", 0),
        row(118, Equal, "-58.00", 0),
        row(117, Equal, "7,300.10", 0),
        row(116, Equal, "11,201.00", 0),
        row(115, Equal, "6,666.60", 0),
        row(114, Equal, "9,003.20", 0),
        row(113, Equal, "120,003.20", 0),
    ]
}

fn page(verdict: BatchVerdict, open: Vec<OpenLine>, differences: Vec<DifferenceLine>) -> BatchPage {
    let equal = verdict == BatchVerdict::Equal;
    BatchPage {
        batch: "000123".to_owned(),
        began: "11-25 08:02".to_owned(),
        frozen: "11-25 22:10".to_owned(),
        verdict,
        wallets: vec![
            (Channel::Wechat, equal),
            (Channel::Alipay, true),
            (Channel::UnionPay, true),
            (Channel::BankCard, true),
        ],
        lines: vec![
            line(Channel::Alipay, EntryKind::Sale, 96, "4,208.50"),
            line(Channel::Alipay, EntryKind::Void, 1, "-58.00"),
            line(Channel::Alipay, EntryKind::Refund, 2, "-61.00"),
            line(Channel::Wechat, EntryKind::Sale, 119, "5,001.20"),
            line(Channel::UnionPay, EntryKind::Sale, 7, "190.00"),
            line(Channel::BankCard, EntryKind::Sale, 41, "3,512.00"),
        ],
        net: "12,792.70".to_owned(),
        fees: fees("56.63", "12,736.07"),
        open,
        differences,
        digest: "a91f-77c2-03de".to_owned(),
        can_print: true,
        export: ExportShown::Ready,
        notice: None,
    }
}

/// What is told of exports.
pub(super) fn causes() -> Vec<Cause> {
    [
        ExportFault::NoFolder,
        ExportFault::Full,
        ExportFault::ReadOnly,
        ExportFault::Journal,
        ExportFault::Broken,
    ]
    .map(Cause::Export)
    .to_vec()
}

/// A page that tells `cause`.
pub(super) fn telling(cause: Cause) -> Page {
    Page::Batch(BatchPage {
        notice: Some(cause.into()),
        ..page(BatchVerdict::Equal, Vec::new(), Vec::new())
    })
}

fn exporting(export: ExportShown) -> BatchPage {
    BatchPage {
        export,
        ..page(BatchVerdict::Equal, Vec::new(), Vec::new())
    }
}

fn exported() -> ExportShown {
    ExportShown::Done {
        folder: "/media/stick/shouyin".to_owned(),
        name: "shouyin_A0010001_000123".to_owned(),
        rows: 271,
        net: "12,792.70".to_owned(),
    }
}

/// Every state of both pages.
pub(super) fn all() -> Vec<Sample> {
    let batch = |name, page: BatchPage| sample(name, Page::Batch(page));
    let equal = || page(BatchVerdict::Equal, Vec::new(), Vec::new());
    let unequal = page(
        BatchVerdict::Unequal,
        vec![left_open("000440", Channel::BankCard, "1,280.00")],
        vec![
            difference("R12", "000433", "12.00"),
            difference("R8", "000402", "-128.50"),
            difference("R3", "000431", "0.00"),
            difference("R11", "000002", "31.00"),
        ],
    );
    let list = |rows, more| Page::Batches(BatchesPage { rows, more });
    vec![
        sample("batches", list(rows(), true)),
        sample("batches-few", list(rows().split_off(8), false)),
        batch("batch", equal()),
        batch("batch-unequal", unequal),
        batch(
            "batch-reprinting",
            BatchPage {
                notice: Some(Cause::Reprinting.into()),
                ..equal()
            },
        ),
        batch(
            "batch-no-printer",
            BatchPage {
                can_print: false,
                export: ExportShown::Off,
                fees: None,
                ..page(BatchVerdict::NotCompared, Vec::new(), Vec::new())
            },
        ),
        batch(
            "batch-exporting",
            exporting(ExportShown::Running {
                done: 150,
                all: 271,
            }),
        ),
        batch("batch-exported", exporting(exported())),
        sample(
            "batch-no-stick",
            telling(Cause::Export(ExportFault::NoFolder)),
        ),
    ]
}
