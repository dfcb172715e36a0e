//! The print queue as the driver sees it: a job goes in, or the reason why nothing will come out.
//!
//! Owns the jobs' shapes, the reading of slips from the journal, and the honest answer of a terminal without a printer.
//! Drives no printer: whoever does implements [`PrintQueue`]. Taking a job must not block.

use crate::domain::{OperatorNo, Timestamp, TxnId};
use crate::journal::{EndedRow, EndedWhat, SlipRow};
use crate::payment::UndoKind;
use crate::printing::{Copy, Document, Ended, Job, Kind, NewJob, SaleSlip, UndoSlip};

/// Something to print that a person asked for. Slips of what was just paid are no jobs: the queue reads them from the
/// journal itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrintJob {
    /// The code for the wall, with the merchant's name, "请核对商户名" and the date.
    WallCode {
        /// What the code says.
        text: String,
        /// The merchant's name.
        merchant: String,
        /// Who printed it.
        operator: OperatorNo,
        /// When.
        at: Timestamp,
    },
    /// The detail list of a settlement: the first is not marked, each further one is.
    Details {
        /// The settlement.
        txn: TxnId,
        /// Who asked.
        operator: OperatorNo,
        /// When.
        at: Timestamp,
    },
    /// The slips of a sale, of money that went back or of a settlement once more, marked 重打印.
    Again {
        /// Which.
        kind: Kind,
        /// Who asked.
        operator: OperatorNo,
        /// When.
        at: Timestamp,
    },
}

impl PrintJob {
    /// Returns it as a job of the queue: the shop's copy of a settlement's slips, the customer's of all others.
    pub fn into_new(self) -> NewJob {
        let (kind, reprint, operator, at) = match self {
            Self::WallCode {
                text, operator, at, ..
            } => (Kind::WallCode(text), false, operator, at),
            Self::Again { kind, operator, at } => (kind, true, operator, at),
            Self::Details { txn, operator, at } => (Kind::Details(txn), false, operator, at),
        };
        NewJob {
            copy: if kind.is_of_a_settlement() {
                Copy::Merchant
            } else {
                Copy::Customer
            },
            kind,
            reprint,
            operator: Some(operator),
            at,
        }
    }
}

/// Why a job is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrintRefusal {
    /// This terminal has none.
    #[error("no printer is connected")]
    NoPrinter,
    /// The queue has more to do than it takes.
    #[error("the print queue is busy")]
    Busy,
}

/// Takes jobs.
pub trait PrintQueue: Send {
    /// Takes a job.
    ///
    /// # Errors
    /// [`PrintRefusal`]: it will never be printed.
    fn submit(&mut self, job: PrintJob) -> Result<(), PrintRefusal>;

    /// Something ended and is durable: the queue looks in the journal for what has a slip. A lost call costs time only,
    /// because the next one, and the next start, find the same.
    fn look(&mut self) {}
}

/// A terminal without a printer. It says so; it pretends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrinter;

impl PrintQueue for NoPrinter {
    fn submit(&mut self, _: PrintJob) -> Result<(), PrintRefusal> {
        Err(PrintRefusal::NoPrinter)
    }
}

/// Returns what the queue needs of something that ended: one slip, or two of a batch with differences.
pub fn ended(row: EndedRow) -> Vec<Ended> {
    let kinds = match row.what {
        EndedWhat::Sale => vec![Kind::Sale(row.txn)],
        EndedWhat::Undo(kind) => vec![Kind::Undo(row.txn, kind)],
        EndedWhat::Settlement { differences: false } => vec![Kind::Settlement(row.txn)],
        EndedWhat::Settlement { differences: true } => {
            vec![Kind::Settlement(row.txn), Kind::Differences(row.txn)]
        }
    };
    let slip = |kind| Ended {
        kind,
        operator: row.operator.clone(),
        at: row.at,
    };
    kinds.into_iter().map(slip).collect()
}

/// Returns what a job says; none when the journal proves nothing of its transaction. `read` reads a slip's row.
///
/// # Errors
/// The error of `read`.
pub fn document<E>(
    job: &Job,
    read: impl FnOnce(TxnId) -> Result<Option<SlipRow>, E>,
) -> Result<Option<Document>, E> {
    let at = job.what.at;
    let kind = &job.what.kind;
    let txn = match kind {
        Kind::WallCode(text) => {
            let text = text.clone();
            return Ok(Some(Document::WallCode { text, at }));
        }
        Kind::SelfTest => return Ok(Some(Document::SelfTest { at })),
        Kind::Sale(txn)
        | Kind::Undo(txn, UndoKind::Void | UndoKind::Refund)
        | Kind::Settlement(txn)
        | Kind::Details(txn)
        | Kind::Differences(txn) => *txn,
    };
    Ok(match (kind, read(txn)?) {
        (Kind::Sale(_), Some(SlipRow::Sale { paid, at })) => {
            Some(Document::Sale(Box::new(SaleSlip { paid: *paid, at })))
        }
        (
            Kind::Undo(..),
            Some(SlipRow::Undo {
                intent,
                proof,
                at,
                of,
            }),
        ) => Some(Document::Undo(Box::new(UndoSlip {
            intent: *intent,
            proof,
            at,
            of,
        }))),
        (Kind::Settlement(_), Some(SlipRow::Settlement(sheet))) => {
            Some(Document::Settlement(sheet))
        }
        (Kind::Details(_), Some(SlipRow::Settlement(sheet))) => Some(Document::Details(sheet, at)),
        (Kind::Differences(_), Some(SlipRow::Settlement(sheet))) => {
            Some(Document::Differences(sheet))
        }
        (_, Some(SlipRow::Sale { .. } | SlipRow::Undo { .. } | SlipRow::Settlement(_)) | None) => {
            None
        }
    })
}
