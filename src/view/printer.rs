//! What a person is told of the printer. Money is never part of it: a sale is paid or not whatever the paper does.
//!
//! Owns the words' keys only.

use super::notice::Cause;

/// What keeps a printer from printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrinterTrouble {
    /// 缺纸.
    PaperOut,
    /// 纸仓没关.
    CoverOpen,
    /// 过热: it goes on when it is cool.
    Overheated,
    /// 卡纸, or the cutter is stuck.
    Jammed,
    /// It is switched off, unplugged or does not answer.
    Offline,
}

/// How the printer and its queue stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrinterNote {
    /// There is one.
    pub present: bool,
    /// What keeps it from printing.
    pub trouble: Option<PrinterTrouble>,
    /// Slips that are not on paper yet.
    pub waiting: u64,
    /// The queue's file was damaged and was begun anew: slips that waited are lost from it, not from the journal.
    pub anew: bool,
    /// The queue's file cannot be used at all for now.
    pub broken: bool,
}

impl PrinterNote {
    /// Tells whether slips can be asked for; what waits is printed when the trouble is over.
    pub const fn can_print(&self) -> bool {
        self.present && !self.broken
    }

    /// Returns what is to be told; none when slips come out as they should.
    pub fn cause(&self) -> Option<Cause> {
        if self.broken {
            return Some(Cause::PrintQueueBroken);
        }
        match self.trouble {
            Some(trouble) => Some(Cause::Printer(trouble, self.waiting)),
            None if self.anew => Some(Cause::PrintQueueAnew),
            None => None,
        }
    }
}
