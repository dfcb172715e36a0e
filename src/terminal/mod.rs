//! Composition: the one loop that owns the payment state, and what it needs around it.
//!
//! Owns the order "facts to disk, then commands, then the screen". Edges meet only here, as messages.

mod arming;
mod boot;
mod cards;
mod carry;
mod driver;
mod exporting;
mod input;
mod print;
mod printing;
#[cfg(feature = "live")]
mod reading;
mod records;
mod resetting;
#[cfg(feature = "live")]
mod scanning;
mod session;
#[cfg(feature = "live")]
mod supporting;
mod updates;
#[cfg(feature = "live")]
mod updating;

pub use arming::{Arming, Armings};
pub use boot::{BootError, device_salt, next_start, recover};
pub use cards::{CardDesk, CardDeskConfig, CardOut, KeyEnd, KeyJob};
pub use carry::Carry;
pub use driver::{Driver, DriverParts};
pub use exporting::{ExportPlace, start_exporter};
pub use input::{CardCommand, CardNews, Cue, Input, ScanCommand, ScanNews, SupportAsk};
pub use print::{NoPrinter, PrintJob, PrintQueue, PrintRefusal, document, ended};
pub use printing::start_printer;
#[cfg(feature = "live")]
pub use reading::{ReaderAtTill, ReaderKeys, sign_in_when_asked, start_reader};
pub use records::proven_role;
pub use resetting::{ResetError, reset_at_start};
#[cfg(feature = "live")]
pub use scanning::carry_scans;
#[cfg(feature = "live")]
pub use supporting::{SupportParts, start_support};
pub use updates::{UpdateDesk, UpdateOrder};
#[cfg(feature = "live")]
pub use updating::{UpdaterParts, start_updater};
