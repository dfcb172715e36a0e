//! The closed batches (结算历史): their list, and one of them with everything that its slips say.
//!
//! Owns the shapes and how they are made of what the journal has. Decides nothing about a settlement.

use super::export::{ExportShown, ExportState};
use super::format;
use super::notice::Notice;
use super::settlement::{
    BatchVerdict, ClosedBatch, DifferenceLine, FeeNote, OpenLine, TotalLine, difference, total,
    unequal_first,
};
use crate::domain::{BatchNo, Channel, TxnId};
use crate::settlement::{Sheet, net, verdicts};

/// Which slip of a closed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSlip {
    /// 结算总计单.
    Totals,
    /// 结算明细单.
    Details,
    /// 对账差异单.
    Differences,
}

/// One closed batch of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// The settlement.
    pub txn: TxnId,
    /// The batch; older ones are read on from it.
    pub batch_no: BatchNo,
    /// Six digits.
    pub batch: String,
    /// `mm-dd HH:MM` local time at which it was closed.
    pub time: String,
    /// The verdict.
    pub verdict: BatchVerdict,
    /// What the shop has of it.
    pub net: String,
    /// Differences, those without money included.
    pub differences: u32,
    /// Entries that were left open.
    pub open: u32,
}

impl BatchRow {
    /// Makes the row of a closed batch.
    pub fn of(closed: &ClosedBatch) -> Self {
        let report = &closed.report;
        Self {
            txn: closed.txn,
            batch_no: closed.batch,
            batch: closed.batch.to_string(),
            time: day_minute(&format::date_time(closed.at)),
            verdict: BatchVerdict::of(report),
            net: format::signed(net(&report.ours)),
            differences: report.differences,
            open: report.open,
        }
    }
}

/// The list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchesPage {
    /// Newest first, as far as they were read.
    pub rows: Vec<BatchRow>,
    /// There are older ones.
    pub more: bool,
}

/// One closed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPage {
    /// Six digits.
    pub batch: String,
    /// When it was opened, `mm-dd HH:MM` local time.
    pub began: String,
    /// When it was frozen.
    pub frozen: String,
    /// The verdict.
    pub verdict: BatchVerdict,
    /// Each wallet and whether it is equal.
    pub wallets: Vec<(Channel, bool)>,
    /// Sums.
    pub lines: Vec<TotalLine>,
    /// What the shop has of it.
    pub net: String,
    /// What the acquirer is expected to keep.
    pub fees: Option<FeeNote>,
    /// Entries that were left open.
    pub open: Vec<OpenLine>,
    /// Unexplained first.
    pub differences: Vec<DifferenceLine>,
    /// The beginning of the journal's seal, as on the slip.
    pub digest: String,
    /// Slips can be asked for.
    pub can_print: bool,
    /// How the export of it stands.
    pub export: ExportShown,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// Builds the page of one batch.
pub(super) fn page(
    sheet: &Sheet,
    fees: Option<FeeNote>,
    can_print: bool,
    export: Option<&ExportState>,
    told: Option<Notice>,
) -> BatchPage {
    let report = &sheet.report;
    let batch = sheet.intent.batch;
    let failed = export.and_then(|export| export.cause(batch));
    let differences = sheet.differences.iter();
    BatchPage {
        batch: batch.to_string(),
        began: day_minute(&format::date_time(sheet.began_at)),
        frozen: day_minute(&format::date_time(sheet.frozen_at)),
        verdict: BatchVerdict::of(report),
        wallets: unequal_first(verdicts(&report.ours, &report.theirs)),
        lines: report.ours.iter().map(total).collect(),
        net: format::signed(net(&report.ours)),
        fees,
        open: sheet
            .open
            .iter()
            .map(|left| OpenLine {
                number: left.voucher.to_string(),
                kind: left.kind,
                channel: left.channel,
                amount: format::signed(left.kind.signed(left.minor)),
            })
            .collect(),
        differences: differences
            .map(|found| difference(&found.difference))
            .collect(),
        digest: sheet.digest(),
        can_print,
        export: export.map_or(ExportShown::Off, |export| export.shown(batch)),
        notice: told.or(failed.map(Into::into)),
    }
}

/// `mm-dd HH:MM` of a written time.
fn day_minute(text: &str) -> String {
    text.get(5..16).unwrap_or(text).to_owned()
}
