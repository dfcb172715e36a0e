//! The print queue of a shipped terminal: the journal as its source, and the handle that the driver holds.
//!
//! Owns the joining of journal and printer's thread. Decides nothing about money and nothing about paper.

use std::path::Path;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::print::{self, PrintJob, PrintQueue, PrintRefusal};
use crate::clock::Clock;
use crate::domain::TxnId;
use crate::journal::{Journal, JournalError};
use crate::printing::{
    Archive, Document, Ended, Job, Output, Printer, PrinterConfig, Source, SourceError,
};
use crate::view::PrinterNote;

/// The journal as the printer's thread reads it, which may wait.
struct Books {
    journal: Journal,
    runtime: Handle,
}

fn failed(problem: &JournalError) -> SourceError {
    SourceError(problem.to_string())
}

impl Source for Books {
    fn head(&mut self) -> Result<u64, SourceError> {
        let rows = self.runtime.block_on(self.journal.row_count());
        rows.map_err(|problem| failed(&problem))
    }

    fn ended_after(&mut self, row: u64) -> Result<(u64, Vec<Ended>), SourceError> {
        let found = self.runtime.block_on(self.journal.ended_after(row));
        let (last, rows) = found.map_err(|problem| failed(&problem))?;
        Ok((last, rows.into_iter().flat_map(print::ended).collect()))
    }
}

impl Archive for Books {
    fn document(&mut self, job: &Job) -> Result<Option<Document>, SourceError> {
        let read = |txn: TxnId| self.runtime.block_on(self.journal.slip_of(txn));
        print::document(job, read).map_err(|problem| failed(&problem))
    }
}

/// Starts the printer's thread. Must be called on the runtime.
///
/// # Errors
/// The thread cannot be started.
pub fn start_printer(
    dir: &Path,
    config: PrinterConfig,
    output: Box<dyn Output>,
    journal: Journal,
    clock: Clock,
) -> std::io::Result<(Box<dyn PrintQueue>, watch::Receiver<PrinterNote>)> {
    let books = Books {
        journal,
        runtime: Handle::current(),
    };
    let (printer, notes) = Printer::spawn(dir, config, output, Box::new(books), move || {
        clock.now().tick
    })?;
    Ok((Box::new(printer), notes))
}

impl PrintQueue for Printer {
    fn submit(&mut self, job: PrintJob) -> Result<(), PrintRefusal> {
        if self.queue(job.into_new()) {
            Ok(())
        } else {
            Err(PrintRefusal::Busy)
        }
    }

    fn look(&mut self) {
        Self::look(self);
    }
}
