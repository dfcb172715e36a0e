//! What is asked of a PIN pad and what it tells: plain data between whoever drives the conversation and the pad.
//!
//! Every [`PadAsk`] ends in exactly one [`PadAnswer`] with its number. None of them carries a PIN or a card number.

use std::fmt;

use zeroize::Zeroizing;

use super::auth::{AuthRequest, Proof};
use super::command::{ChooseKey, Directory, LoadKey, MacRequest};
use super::refusal::Refusal;
use crate::reader::event::{AskId, Silence};

/// What can be asked of a PIN pad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PadAsk {
    /// To go back to its root directory and to forget all rights.
    Reset,
    /// To go to a directory; it is gone to again after a lost reply.
    Directory(Directory),
    /// To keep a work key.
    LoadKey(LoadKey),
    /// To take a key for the PINs that follow. What is chosen is forgotten with a reset and with another directory.
    ChooseKey(ChooseKey),
    /// A MAC.
    Mac(MacRequest),
}

/// A MAC of the pad. Not a [`crate::evidence::MacCode`]: it is made another way than the card host's, so it must not
/// vouch for an answer of that host. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PadMac(pub(super) [u8; 8]);

impl PadMac {
    /// Returns the bytes, for a message to a host.
    pub const fn bytes(&self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Debug for PadMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PadMac")
    }
}

/// How an ask ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PadEnd {
    /// To [`PadAsk::Reset`] and [`PadAsk::Directory`].
    Done,
    /// To [`PadAsk::LoadKey`].
    KeyLoaded(Proof),
    /// To [`PadAsk::ChooseKey`].
    KeyChosen(Proof),
    /// To [`PadAsk::Mac`].
    Mac(PadMac, Proof),
    /// It did not work.
    Failed(PadError),
}

/// An ask's number and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadAnswer {
    /// Which ask.
    pub ask: AskId,
    /// How it ended.
    pub end: PadEnd,
}

/// What a pad tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PadEvent {
    /// The pad is there and in its directory. Told once after every connection.
    Ready,
    /// A command needs its code: answer with [`super::Conversation::authorise`] within [`super::AUTHORISE_MS`].
    Authorise(AuthRequest),
    /// An ask ended.
    Answer(PadAnswer),
}

/// What the port has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PadOutput {
    /// Write these bytes.
    Send(Zeroizing<Vec<u8>>),
    /// Tell whoever asks.
    Tell(PadEvent),
    /// Close the line and open it again after a pause: nobody answers, or the pad cannot work.
    Reopen(PadError),
}

/// Why an ask failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PadError {
    /// Another ask is under way.
    #[error("the PIN pad is busy with something else; wait for its end")]
    Busy,
    /// The line is down.
    #[error("the PIN pad is not connected; check its cable and power")]
    Gone,
    /// No answer in time: nobody knows whether it was done.
    #[error("the PIN pad did not answer; {}", heard(*.0))]
    NoAnswer(Silence),
    /// It answered with an error.
    #[error("the PIN pad refused: {} (error {:02X})", .0.words(), .0.0)]
    Refused(Refusal),
    /// Nobody made the authentication code.
    #[error(
        "nobody made the authentication code that the PIN pad wants; whoever holds its authentication key must be reached"
    )]
    NotAuthorised,
    /// Our own request has no sense.
    #[error("{0}")]
    BadRequest(&'static str),
}

const fn heard(silence: Silence) -> &'static str {
    match silence {
        Silence::Quiet => "nothing was heard: is the pad on, and is this its port?",
        Silence::Babble => "what came is not this pad's protocol: another speed, or another device",
        Silence::OtherFrames => "it speaks its protocol but did not answer this command",
    }
}
