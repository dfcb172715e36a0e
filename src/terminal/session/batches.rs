//! Taps on the pages of batches: closing the open one, the list of the closed ones, their slips and exports.
//!
//! Owns which of them count on which page. Decides nothing about a settlement.

use super::{Act, SessionTurn};
use crate::domain::{BatchNo, TxnId};
use crate::view::{Approves, BatchSlip, Desk, DeskPage, ExportState, Intent};

/// What a tap asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::terminal) enum BatchAct {
    /// Read the open batch.
    Open,
    /// Read the closed ones from the newest, or on from the oldest that was read.
    List {
        /// Go on.
        more: bool,
    },
    /// Read a closed one.
    Read(TxnId),
    /// Print a slip of the one on the page.
    Print(TxnId, BatchSlip),
    /// Write the records of the one on the page into the folder.
    Export(BatchNo),
}

/// The open batch, closing it, and the closed ones.
pub(super) fn tap(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    let act = match (intent, desk.page) {
        (Intent::ShowSettlement, DeskPage::Records) => {
            desk.page = DeskPage::Settlement;
            BatchAct::Open
        }
        (Intent::Settle, DeskPage::Settlement) if turn.state.settlement.is_none() => {
            desk.pin.take();
            desk.approves = Approves::Settlement;
            desk.page = DeskPage::Approve;
            return Act::None;
        }
        (Intent::ShowBatches, DeskPage::Settlement) => {
            desk.page = DeskPage::Batches;
            BatchAct::List { more: false }
        }
        (Intent::MoreBatches, DeskPage::Batches) => BatchAct::List { more: true },
        (Intent::OpenBatch(txn), from @ (DeskPage::Batches | DeskPage::Settlement)) => {
            desk.batch_from = from;
            desk.page = DeskPage::Batch;
            BatchAct::Read(txn)
        }
        (Intent::PrintBatch(slip), DeskPage::Batch) if desk.printer.can_print() => {
            let Some(sheet) = &turn.records.sheet else {
                return Act::None;
            };
            // A batch without differences has no slip of them.
            if slip == BatchSlip::Differences && sheet.differences.is_empty() {
                return Act::None;
            }
            BatchAct::Print(sheet.intent.txn, slip)
        }
        (Intent::ExportBatch, DeskPage::Batch) => {
            let can = desk.export.as_ref().is_some_and(ExportState::can_begin);
            match &turn.records.sheet {
                Some(sheet) if can => BatchAct::Export(sheet.intent.batch),
                Some(_) | None => return Act::None,
            }
        }
        _ => return Act::None,
    };
    Act::Batch(act)
}
