//! The one inbox of the driver: everything that happens outside, in one total order.

use crate::acquirer::ClockDoubt;
use crate::code::Scanned;
use crate::evidence::{Claim, Verified};
use crate::payment::{Event, Sound};
use crate::view::{AimHint, PrinterNote};

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    /// The acquirer's task reports.
    Acquirer(Event),
    /// The scanner reports.
    Scan(ScanNews),
    /// The acquirer told of a result by itself, and its signature was checked.
    Notice(Verified<Claim>),
    /// Tones can be heard from now on, or no more.
    Audible(bool),
    /// How the printer and its queue stand.
    Printer(PrinterNote),
    /// What speaks against this terminal's clock has changed.
    Clock(Option<ClockDoubt>),
    /// Finish the turn and end.
    Shutdown,
}

/// What the scanner tells.
#[derive(Debug)]
pub enum ScanNews {
    /// A text was read and recognised.
    Code(Scanned),
    /// What would make the code readable.
    Hint(AimHint),
    /// Frames stopped.
    CameraLost(String),
    /// Frames arrive.
    CameraReady,
}

/// What the driver tells the loudspeaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Play this.
    Play(Sound),
    /// Somebody touched the till.
    Seen,
}

/// What the driver tells the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanCommand {
    /// Look for a code.
    Start,
    /// Stop looking.
    Stop,
}
