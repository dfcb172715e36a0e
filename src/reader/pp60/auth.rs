//! Authentication codes (NL-PP60 user manual, 4.6): what they are made over, both ways. Pure.
//!
//! ```text
//! data without the code, random number(8), UID(16), zeros up to a multiple of 8
//! ```
//!
//! Owns these texts. Never makes a code: the terminal has neither the authentication key nor a cipher for it. A code is
//! the ANSI X9.19 MAC of its text; only whoever holds the key can make or check one.

use std::fmt;

use zeroize::Zeroizing;

use crate::reader::event::AskId;

const BLOCK: usize = 8;

/// With which key of the directory a code is made (the table of 4.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKey {
    /// The key for the distribution of work keys (03).
    WorkKeys,
    /// The key for the use of PIN and MAC keys (02).
    Use,
}

/// Eight bytes that open one command. `Debug` does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthCode(pub [u8; BLOCK]);

impl fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthCode")
    }
}

/// A command waits for its code.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthRequest {
    /// Whose command.
    pub ask: AskId,
    /// With which key.
    pub key: AuthKey,
    pub(super) fields: Zeroizing<Vec<u8>>,
    pub(super) random: [u8; BLOCK],
}

impl AuthRequest {
    /// Returns what the code is made over, for a pad with this UID.
    pub fn text(&self, uid: &[u8; 16]) -> Zeroizing<Vec<u8>> {
        text(&self.fields, self.random, uid)
    }
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthRequest({:?}, {:?})", self.ask, self.key)
    }
}

/// The pad's own code for its reply: whoever holds the key can tell whether this pad did what was asked. `Debug` does
/// not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    pub(super) key: AuthKey,
    pub(super) data: Vec<u8>,
    pub(super) random: [u8; BLOCK],
    pub(super) code: [u8; BLOCK],
}

impl Proof {
    /// Returns with which key it was made.
    pub const fn key(&self) -> AuthKey {
        self.key
    }

    /// Returns what it was made over. INFERRED: the manual refers to the way of requests, without an example.
    pub fn text(&self, uid: &[u8; 16]) -> Zeroizing<Vec<u8>> {
        text(&self.data, self.random, uid)
    }

    /// Returns the code.
    pub const fn code(&self) -> AuthCode {
        AuthCode(self.code)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({:?})", self.key)
    }
}

fn text(data: &[u8], random: [u8; BLOCK], uid: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    let whole = (data.len() + BLOCK + uid.len()).next_multiple_of(BLOCK);
    let mut out = Zeroizing::new(Vec::with_capacity(whole));
    out.extend_from_slice(data);
    out.extend(random);
    out.extend(uid);
    out.resize(whole, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's own example (4.6.1), for the data of a master key's command.
    #[test]
    fn the_text_of_the_manuals_example_comes_out() {
        let uid = *b"\x88\x88\x88\x88\x88\x88\x88\x88\x11\x11\x11\x11\x11\x11\x11\x11";
        let request = AuthRequest {
            ask: AskId(1),
            key: AuthKey::Use,
            fields: Zeroizing::new(vec![0x00, 0x82, 0x01]),
            random: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        let text = data_encoding::HEXUPPER.encode(&request.text(&uid));
        assert_eq!(
            text,
            "00820101020304050607088888888888888888111111111111111100000000 00".replace(' ', "")
        );
        assert!(!format!("{request:?}").contains("130"));
    }
}
