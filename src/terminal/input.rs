//! The one inbox of the driver: everything that happens outside, in one total order.

use crate::acquirer::ClockDoubt;
use crate::card::PresentedCard;
use crate::code::Scanned;
use crate::domain::{Money, TxnId};
use crate::evidence::{Claim, Verified};
use crate::network::NetworkState;
use crate::payment::{CardWord, Event, Sound};
use crate::view::{AimHint, CardHint, ExportState, PrinterNote, SupportState, UpdateState};

use super::arming::Arming;

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    /// The acquirer's task reports.
    Acquirer(Event),
    /// The scanner reports.
    Scan(ScanNews),
    /// The card reader's desk reports.
    Card(CardNews),
    /// The acquirer told of a result by itself, and its signature was checked.
    Notice(Verified<Claim>),
    /// Tones can be heard from now on, or no more.
    Audible(bool),
    /// How the printer and its queue stand.
    Printer(PrinterNote),
    /// How an export stands.
    Export(ExportState),
    /// How it stands with updates.
    Update(UpdateState),
    /// How a report for the hotline stands.
    Support(SupportState),
    /// How the network stands.
    Network(NetworkState),
    /// What speaks against this terminal's clock has changed.
    Clock(Option<ClockDoubt>),
    /// Somebody asks whether the driver still turns; it answers.
    Alive(tokio::sync::oneshot::Sender<()>),
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

/// What the card reader's desk tells.
#[derive(Debug)]
pub enum CardNews {
    /// A card was read for this draft, and its PIN was typed where one was wanted.
    Presented {
        /// The order that it answers.
        arming: Arming,
        /// The draft.
        txn: TxnId,
        /// The card.
        card: Box<PresentedCard>,
    },
    /// The inserted card gave its last word, or will never.
    Ended {
        /// The sale.
        txn: TxnId,
        /// What it said.
        word: CardWord,
    },
    /// What the customer should do, or what went wrong; none when there is nothing to say.
    Hint(Option<CardHint>),
    /// The reader answers, or does not (with the reason).
    Reader(Result<(), String>),
}

/// What the driver tells the card reader's desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardCommand {
    /// Ask for a card that pays this draft, again and again until one is read.
    Arm {
        /// The number of this order.
        arming: Arming,
        /// The draft.
        txn: TxnId,
        /// What the card signs.
        amount: Money,
        /// Only to hold it, or to ask for its balance: the PIN is always wanted.
        hold: bool,
    },
    /// Ask for none any more; a card that was just read is let go.
    Disarm,
    /// The session at the card host is over: ask for the keys of a new one.
    Renew,
    /// Give the host's approval to the card that is still inserted.
    Complete {
        /// The sale.
        txn: TxnId,
        /// The host's data for the chip.
        chip: Vec<u8>,
    },
}

/// What is asked of whoever makes reports for the hotline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupportAsk {
    /// Collect the lines.
    Collect,
    /// Send what was collected.
    Send,
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
