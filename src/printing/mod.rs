//! Slips on paper: what is printed, in which order, and what has come out. Never part of a payment.
//!
//! Owns the durable queue (`store`), the pure machine of the printer (`machine`), the law between them (`spool`: a
//! record is on the disk before the command that follows from it runs), the slips themselves (`slip`, `paper`) and the
//! thread that drives a printer. What a slip says is read from the journal when it is printed, so nothing is queued
//! that was not stored as paid, and nothing of a sale is stored here. A broken queue is set aside and begun anew.

mod card;
mod document;
mod escpos;
mod job;
mod machine;
mod output;
mod paper;
mod receipt;
mod settled;
mod slip;
mod spool;
mod store;
mod thread;
mod ways;

pub use document::{Document, SaleSlip, Shop, UndoSlip};
pub use escpos::encode;
pub use job::{Copy, Job, JobId, JobState, Kind, Mark, NewJob};
pub use machine::{Command, Event, Record, Rules, State, Step, step};
pub use output::{Output, Stopped};
pub use paper::{Line, Width, columns};
pub use receipt::{ReceiptHead, receipt};
pub use slip::render;
pub use spool::{Ended, Source, SourceError, Spool};
pub use store::{PrintStore, StoreConfig, StoreError, leave};
pub use thread::{Archive, Printer, PrinterConfig};
pub use ways::{Way, WayOut};
