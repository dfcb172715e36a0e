//! What the printer's thread needs of a way to a printer.
//!
//! Owns the port only; the ways themselves are in `ways`.

use crate::view::PrinterTrouble;

/// Printing stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Bytes had left: any part of the slip may be on paper.
    pub begun: bool,
    /// Why.
    pub trouble: PrinterTrouble,
}

/// A way to a printer. Its calls may wait some seconds, never longer.
pub trait Output: Send {
    /// Asks the printer how it is. A way on which no answer comes back tells whether the way is open.
    fn status(&mut self) -> Option<PrinterTrouble>;

    /// Sends a slip, and asks how the printer is after it where it can answer.
    ///
    /// # Errors
    /// [`Stopped`].
    fn print(&mut self, bytes: &[u8]) -> Result<(), Stopped>;
}
