//! The card host: ISO 8583 in HTTPS (docs/CARDS.md).
//!
//! Owns the message, the session (sign-in and keys) and what an answer proves. Never opens a key, a PIN block or a
//! track: the reader seals them, makes the MACs, and takes the session's keys as they come. The batch that the host
//! gives with a sign-in is not taken for now: messages name our own batch number, which the settlement counts by.
//! Tested here and by `tests/it/acquirer/cards`.

mod answer;
mod balance;
mod closing;
mod fields;
mod host;
pub mod iso;
mod message;
mod parameters;
#[cfg(test)]
mod tests_kit;

use std::future::Future;

use crate::card::{MacStream, WrappedKeys};
use crate::evidence::MacCode;

pub use host::{Both, CardHost, Exchange};

/// Why the reader did not help. Nothing of a message has left then, or its answer cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It has no session keys: a sign-in brings them.
    #[error("the card reader has no key of this session")]
    Absent,
    /// It is gone or busy, with what it said.
    #[error("the card reader makes no MAC: {0}")]
    Unavailable(String),
}

/// The card reader, as far as messages to the host need it.
pub trait CardKeys: Send + Sync + 'static {
    /// Makes a MAC over printable ASCII with the session's MAC key.
    fn mac(&self, stream: MacStream) -> impl Future<Output = Result<MacCode, KeysError>> + Send;

    /// Takes the keys of a sign-in.
    fn load(&self, keys: WrappedKeys) -> impl Future<Output = Result<(), KeysError>> + Send;
}
