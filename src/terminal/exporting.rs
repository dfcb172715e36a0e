//! The exporter of a running terminal: one thread that writes closed batches into the configured folder.
//!
//! Owns the reading in parts, so that no sale waits long for the journal, and what a failure means to a person. The
//! layouts and the way onto the disk are `export`'s. Decides nothing about money.

use std::io::ErrorKind;
use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use crate::domain::{BatchNo, TermNo, TxnId};
use crate::export::{ExportError, Format, Postings, Written, export};
use crate::journal::{Journal, JournalError};
use crate::limits;
use crate::settlement::Posting;
use crate::view::{ExportFault, ExportState, Exported};

/// Where exports go.
#[derive(Clone, Debug)]
pub struct ExportPlace {
    /// The folder. It is never made: a stick that is not in must not be taken for a folder of this machine.
    pub folder: PathBuf,
    /// Part of the files' names: the sticks of several tills are one.
    pub term: TermNo,
}

/// A closed batch, read in parts.
struct BatchRows {
    journal: Journal,
    runtime: Handle,
    batch: BatchNo,
    txns: Option<Vec<TxnId>>,
}

impl BatchRows {
    /// Which they are does not change any more: the batch is closed.
    fn txns(&mut self) -> Result<Vec<TxnId>, JournalError> {
        if let Some(txns) = &self.txns {
            return Ok(txns.clone());
        }
        let found = self.runtime.block_on(self.journal.settled_in(self.batch))?;
        self.txns = Some(found.clone());
        Ok(found)
    }
}

impl Postings for BatchRows {
    fn count(&mut self) -> Result<u64, JournalError> {
        Ok(self.txns()?.len() as u64)
    }

    fn each(
        &mut self,
        visit: &mut dyn FnMut(Posting) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        for part in self.txns()?.chunks(limits::EXPORT_ROWS) {
            let postings = self.journal.postings(part.to_vec());
            for posting in self.runtime.block_on(postings)? {
                visit(posting)?;
            }
        }
        Ok(())
    }
}

/// Starts the exporter's thread, which ends when its orders do. Must be called on the runtime.
///
/// # Errors
/// The thread cannot be started.
pub fn start_exporter(
    place: ExportPlace,
    journal: Journal,
) -> std::io::Result<(mpsc::Sender<BatchNo>, watch::Receiver<ExportState>)> {
    let (orders, mut asked) = mpsc::channel(limits::EXPORT_QUEUE);
    let (tell, told) = watch::channel(ExportState::Idle);
    let runtime = Handle::current();
    std::thread::Builder::new()
        .name("export".to_owned())
        .spawn(move || {
            while let Some(batch) = asked.blocking_recv() {
                let mut rows = BatchRows {
                    journal: journal.clone(),
                    runtime: runtime.clone(),
                    batch,
                    txns: None,
                };
                let state = write(&place, batch, &mut rows, &tell);
                tell.send_replace(state);
            }
        })?;
    Ok((orders, told))
}

/// Writes one batch; `tell` hears how far it is.
fn write(
    place: &ExportPlace,
    batch: BatchNo,
    rows: &mut dyn Postings,
    tell: &watch::Sender<ExportState>,
) -> ExportState {
    let name = format!("shouyin_{}_{batch}", place.term.as_str());
    let mut shown = None;
    let mut progress = |done: u64, all: u64| {
        let percent = done * 100 / all.max(1);
        if shown != Some(percent) {
            shown = Some(percent);
            tell.send_replace(ExportState::Running { batch, done, all });
        }
    };
    let to = (place.folder.as_path(), name.as_str());
    match export(rows, &Format::ALL, to, &mut progress) {
        Ok(written) => {
            let total = written.first().map(|Written { total, .. }| *total);
            let total = total.unwrap_or_default();
            info!(%batch, rows = total.rows, "exported");
            let exported = Exported {
                folder: place.folder.display().to_string(),
                name,
                rows: total.rows,
                minor: total.minor,
            };
            ExportState::Done(batch, exported)
        }
        Err(problem) => {
            error!(%batch, error = %super::driver::chain(&problem), "not exported");
            ExportState::Failed(batch, fault(&problem))
        }
    }
}

/// What a person can do about it.
fn fault(problem: &ExportError) -> ExportFault {
    let source = match problem {
        ExportError::Journal(_) => return ExportFault::Journal,
        ExportError::TooMany { .. } => return ExportFault::Broken,
        ExportError::File { source, .. } => source,
    };
    let is = |kinds: &[ErrorKind]| kinds.contains(&source.kind());
    if is(&[ErrorKind::NotFound, ErrorKind::NotADirectory]) {
        ExportFault::NoFolder
    } else if is(&[
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::FileTooLarge,
    ]) {
        ExportFault::Full
    } else if is(&[ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem]) {
        ExportFault::ReadOnly
    } else {
        ExportFault::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_of_a_disk_says_what_to_do() {
        for (kind, wanted) in [
            (ErrorKind::NotFound, ExportFault::NoFolder),
            (ErrorKind::NotADirectory, ExportFault::NoFolder),
            (ErrorKind::StorageFull, ExportFault::Full),
            (ErrorKind::QuotaExceeded, ExportFault::Full),
            (ErrorKind::FileTooLarge, ExportFault::Full),
            (ErrorKind::ReadOnlyFilesystem, ExportFault::ReadOnly),
            (ErrorKind::PermissionDenied, ExportFault::ReadOnly),
            (ErrorKind::Other, ExportFault::Broken),
        ] {
            let problem = ExportError::File {
                operation: "writing",
                path: PathBuf::new(),
                source: kind.into(),
            };
            assert_eq!(fault(&problem), wanted, "{kind:?}");
        }
        let journal = ExportError::Journal(JournalError::Broken);
        assert_eq!(fault(&journal), ExportFault::Journal);
    }
}
