//! The print queue as the driver sees it: a job goes in, or the reason why nothing will come out.
//!
//! Owns the jobs' shapes, the reading of slips from the journal, and the honest answer of a terminal without a printer.
//! Drives no printer: whoever does implements [`PrintQueue`]. Taking a job must not block.

use crate::domain::{OperatorNo, Timestamp};
use crate::journal::{EndedRow, SlipRow};
use crate::payment::UndoKind;
use crate::printing::{Document, Ended, Job, Kind, NewJob, SaleSlip, UndoSlip};

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
    /// The slips of a sale or of money that went back once more, marked 重打印.
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
    /// Returns it as a job of the queue, for the customer's copy.
    pub fn into_new(self) -> NewJob {
        let (kind, reprint, operator, at) = match self {
            Self::WallCode {
                text, operator, at, ..
            } => (Kind::WallCode(text), false, operator, at),
            Self::Again { kind, operator, at } => (kind, true, operator, at),
        };
        NewJob {
            kind,
            copy: crate::printing::Copy::Customer,
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

/// Returns what the queue needs of something that ended.
pub fn ended(row: EndedRow) -> Ended {
    Ended {
        kind: match row.undo {
            None => Kind::Sale(row.txn),
            Some(kind) => Kind::Undo(row.txn, kind),
        },
        operator: row.operator,
        at: row.at,
    }
}

/// Returns what a job says; none when the journal proves nothing of its transaction. `read` reads a slip's row.
///
/// # Errors
/// The error of `read`.
pub fn document<E>(
    job: &Job,
    read: impl FnOnce(crate::domain::TxnId) -> Result<Option<SlipRow>, E>,
) -> Result<Option<Document>, E> {
    let at = job.what.at;
    let (txn, undo) = match &job.what.kind {
        Kind::WallCode(text) => {
            let text = text.clone();
            return Ok(Some(Document::WallCode { text, at }));
        }
        Kind::SelfTest => return Ok(Some(Document::SelfTest { at })),
        Kind::Sale(txn) => (*txn, false),
        Kind::Undo(txn, UndoKind::Void | UndoKind::Refund) => (*txn, true),
    };
    Ok(match read(txn)? {
        Some(SlipRow::Sale { paid, at }) if !undo => {
            Some(Document::Sale(Box::new(SaleSlip { paid: *paid, at })))
        }
        Some(SlipRow::Undo {
            intent,
            proof,
            at,
            of,
        }) if undo => Some(Document::Undo(Box::new(UndoSlip {
            intent: *intent,
            proof,
            at,
            of,
        }))),
        Some(SlipRow::Sale { .. } | SlipRow::Undo { .. }) | None => None,
    })
}
