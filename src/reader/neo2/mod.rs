//! ID TECH's NEO 2 readers over ViVOtech2 protocol 2. The reader runs the EMV kernels, keeps the keys, takes the PIN.
//!
//! Owns codec and conversation, both pure. Which facts are documented, inferred or invented: docs/READERS.md.

mod command;
mod completion;
mod conversation;
mod frame;
mod keys;
mod mac;
mod pin;
mod questions;
mod result;
mod status;
mod tags;

pub use completion::{BadAnswer, CardDecision, HostAnswer};
pub use conversation::{
    COMPLETE_MS, Conversation, Output, PIN_GRACE_MS, PIN_PAUSE_MS, REPLY_MS, SETTLE_MS,
    TAP_GRACE_MS,
};
pub use frame::{
    DATA_BYTES_MAX, FRAME_BYTES_MAX, Frame, Frames, GAP_MS, Neo2Wire, Reply, TooLong, UiFrame,
    command_bytes,
};
pub use mac::MAC_BYTES_MAX;
pub use pin::{PinEnd, PinEntry, PinKey, PinProblem, PinRequest};
pub use result::{CardProblem, CardTransaction, ResultError, Tapped, read_result};
pub use status::Status;
