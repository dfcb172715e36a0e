//! What a person asks the printer for: the wall code, and the slips of a sale once more.
//!
//! Owns the hand-over to the print queue and what is told of it. What was just paid is printed without this: the queue
//! reads it from the journal.

use tracing::{error, info, warn};

use super::{Driver, chain};
use crate::domain::TxnId;
use crate::journal::UndoState;
use crate::printing::Kind;
use crate::terminal::print::{PrintJob, PrintRefusal};
use crate::view::{BatchSlip, Cause};

impl Driver {
    /// Hands the wall code on the screen to the print queue, or says why it will not be printed.
    pub(super) fn print_wall(&mut self) {
        let wall = &self.parts.shop.wall;
        let Some(text) = wall.own.texts.get(self.parts.desk.wall_place).cloned() else {
            return;
        };
        let job = PrintJob::WallCode {
            text,
            merchant: wall.merchant.clone(),
            operator: self.parts.operator.clone(),
            at: self.now().utc,
        };
        self.parts.desk.told = Some(self.hand_over(job));
    }

    /// The slips of a sale and of the money of it that went back, once more and marked so.
    pub(super) async fn print_slips(&mut self, txn: TxnId) {
        let mut kinds = vec![Kind::Sale(txn)];
        match self.parts.journal.undos_of(txn).await {
            Ok(undos) => {
                let done = undos.iter().filter(|undo| undo.state == UndoState::Done);
                kinds.extend(done.map(|undo| Kind::Undo(undo.txn, undo.kind)));
            }
            Err(problem) => {
                error!(error = %chain(&problem), "what went back of a sale could not be read");
            }
        }
        for kind in kinds {
            let job = PrintJob::Again {
                kind,
                operator: self.parts.operator.clone(),
                at: self.now().utc,
            };
            let told = self.hand_over(job);
            let taken = told == Cause::Reprinting;
            self.parts.desk.told = Some(told);
            if !taken {
                return;
            }
        }
    }

    /// A slip of a closed batch. The detail list is printed first when somebody asks for it; the others came by
    /// themselves, or could have.
    pub(super) fn print_batch(&mut self, txn: TxnId, slip: BatchSlip) {
        let (operator, at) = (self.parts.operator.clone(), self.now().utc);
        let again = |kind| PrintJob::Again {
            kind,
            operator: operator.clone(),
            at,
        };
        let told = match slip {
            BatchSlip::Totals => self.hand_over(again(Kind::Settlement(txn))),
            BatchSlip::Differences => self.hand_over(again(Kind::Differences(txn))),
            BatchSlip::Details => self.hand_over(PrintJob::Details { txn, operator, at }),
        };
        self.parts.desk.told = Some(told);
    }

    /// Returns what a person is told of it.
    fn hand_over(&mut self, job: PrintJob) -> Cause {
        let operator = self.parts.operator.as_str().to_owned();
        let (what, taken) = match &job {
            PrintJob::WallCode { .. } => ("wall code", Cause::Printing),
            PrintJob::Details { .. } => ("settlement details", Cause::ListQueued),
            PrintJob::Again { kind, .. } => (kind.key(), Cause::Reprinting),
        };
        match self.parts.printer.submit(job) {
            Ok(()) => {
                info!(operator, what, "to be printed");
                taken
            }
            Err(PrintRefusal::NoPrinter) => {
                warn!(operator, what, "not printed: no printer");
                Cause::NoPrinter
            }
            Err(PrintRefusal::Busy) => {
                warn!(operator, what, "not printed: the queue is busy");
                Cause::PrintQueueBroken
            }
        }
    }
}
