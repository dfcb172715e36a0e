//! What a reader makes a MAC over: the hexadecimal text of a message to or from the card host.
//!
//! Owns the bytes, wipes them, and never prints them: they hold the enciphered track and PIN block.

use std::fmt;

use zeroize::Zeroizing;

/// Printable ASCII for the reader.
#[derive(Clone, PartialEq, Eq)]
pub struct MacStream(Zeroizing<Vec<u8>>);

impl MacStream {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns them.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MacStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacStream({} bytes)", self.0.len())
    }
}
