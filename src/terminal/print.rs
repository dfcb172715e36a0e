//! The print queue as the driver sees it: a job goes in, or the reason why nothing will come out.
//!
//! Owns the jobs' shapes and the honest answer of a terminal without a printer. Drives no printer: whoever does
//! implements [`PrintQueue`]. Taking a job must not block.

use crate::domain::{OperatorNo, Timestamp};

/// Something to print.
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
}

/// Why a job is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrintRefusal {
    /// This terminal has none.
    #[error("no printer is connected")]
    NoPrinter,
}

/// Takes jobs.
pub trait PrintQueue: Send {
    /// Takes a job.
    ///
    /// # Errors
    /// [`PrintRefusal`]: it will never be printed.
    fn submit(&mut self, job: PrintJob) -> Result<(), PrintRefusal>;
}

/// A terminal without a printer. It says so; it pretends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrinter;

impl PrintQueue for NoPrinter {
    fn submit(&mut self, _: PrintJob) -> Result<(), PrintRefusal> {
        Err(PrintRefusal::NoPrinter)
    }
}
