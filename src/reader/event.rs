//! What is asked of a reader and what it tells: plain data between the driver and a port.
//!
//! Every [`Ask`] ends in exactly one [`Answer`] with its number; tests hold that under random events. Nothing here
//! decides about money: no answer means that nobody knows.

use super::neo2::{
    BadAnswer, CardDecision, CardTransaction, HostAnswer, PinEnd, PinRequest, ResultError, Status,
    Tapped,
};
use crate::card::{Ksn, MacStream, WrappedKeys};
use crate::domain::Money;
use crate::evidence::MacCode;

/// Number of an ask, given by the asker, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// A wish for a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapRequest {
    /// What the card is to sign.
    pub amount: Money,
    /// What for.
    pub kind: CardTransaction,
    /// How long the reader waits for a card, in seconds, 1 to 255.
    pub timeout_s: u8,
}

/// What can be asked of a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Who it is and what keys it has.
    Info,
    /// A card, inserted or tapped.
    Tap(TapRequest),
    /// To keep the keys of a sign-in.
    LoadKeys(WrappedKeys),
    /// A PIN on its own keypad.
    Pin(PinRequest),
    /// A MAC over a message to or from the host (63-06): printable ASCII, at most [`super::neo2::MAC_BYTES_MAX`] bytes.
    Mac(MacStream),
    /// To give the host's answer to the card that is still inserted.
    Complete(HostAnswer),
}

/// How an ask ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To [`Ask::Info`].
    Info(ReaderInfo),
    /// To [`Ask::Tap`].
    Tap(Tapped),
    /// To [`Ask::LoadKeys`].
    KeysLoaded,
    /// To [`Ask::Pin`].
    Pin(PinEnd),
    /// To [`Ask::Mac`].
    Mac(MacCode),
    /// To [`Ask::Complete`].
    Completed(CardDecision),
    /// Cancelled by us: no card and no PIN of this ask is ever told any more.
    Cancelled,
    /// Nobody came in time.
    TimedOut,
    /// It did not work.
    Failed(ReaderError),
}

/// An ask's number and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which ask.
    pub ask: AskId,
    /// How it ended.
    pub end: End,
}

/// What a reader tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderEvent {
    /// An ask ended.
    Answer(Answer),
    /// Something that a customer should see; may be lost when nobody takes events.
    Prompt(Prompt),
    /// The reader is there and was asked who it is. Told after every connection.
    Ready(ReaderInfo),
    /// No reader, with what, where and what to do. Told once until it is back.
    Lost(String),
}

/// A hint for the customer during a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A card is in the field or in the slot; it must stay there.
    CardDetected,
    /// The reader would show its message of this number.
    Message(u8),
    /// The reader takes a PIN from now on; what was typed before it did not hear.
    PinWanted,
}

/// A key in the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It was never loaded.
    Absent,
    /// It can be used; its serial number where it has one.
    Valid(Option<Ksn>),
    /// All its uses are used up; the acquirer must load a new one.
    Exhausted,
    /// The reader does not say.
    Unknown,
}

/// Who a reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderInfo {
    /// Its firmware, printable characters only.
    pub firmware: String,
    /// Enciphers card data.
    pub data_key: KeyState,
    /// Enciphers PINs.
    pub pin_key: KeyState,
}

/// What was heard when no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Not one byte.
    Quiet,
    /// Bytes that are no frames of this protocol.
    Babble,
    /// Frames, but not the answer.
    OtherFrames,
}

impl Silence {
    /// Says what that means and what to look at.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Quiet => "nothing was heard: is the reader on, and is this its port?",
            Self::Babble => {
                "what came is not this reader's protocol: another speed, or another device"
            }
            Self::OtherFrames => "the reader speaks its protocol but did not answer this command",
        }
    }
}

/// Why an ask failed. Never repeats data of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReaderError {
    /// Another ask is under way.
    #[error("the reader is busy with something else; wait for its end or cancel it")]
    Busy,
    /// The line is down.
    #[error("the reader is not connected; check its cable and power")]
    Gone,
    /// No answer in time. After [`Ask::Complete`] the card's decision is unknown.
    #[error("the reader did not answer; {}", .0.words())]
    NoAnswer(Silence),
    /// It answered with an error.
    #[error("the reader refused: {} (status {:02X})", .0.words(), .0.byte())]
    Refused(Status),
    /// It was opened or attacked.
    #[error("the reader reports tampering; take it out of service and call its owner")]
    Tampered,
    /// Its result is not believed.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// Without a key nothing can be enciphered.
    #[error("the reader has no key for this; the acquirer must load one. Codes can still be taken")]
    KeyAbsent,
    /// The key has no more uses.
    #[error(
        "the reader's key is used up; the acquirer must load a new one. Codes can still be taken"
    )]
    KeyExhausted,
    /// No card waits for a host's answer.
    #[error("no inserted card waits for the host's answer")]
    NothingToComplete,
    /// The host's answer has no shape for a card.
    #[error(transparent)]
    BadAnswer(#[from] BadAnswer),
    /// One PIN in thirty seconds with a session key.
    #[error("the reader takes the next PIN in {wait_ms} ms")]
    PinTooSoon {
        /// Milliseconds to wait.
        wait_ms: u64,
    },
    /// A reply without sense.
    #[error("{0}")]
    Malformed(&'static str),
    /// Our own request has no sense.
    #[error("{0}")]
    BadRequest(&'static str),
}
