//! The commands that a terminal sends to a PIN pad (NL-PP60 user manual, 4.1 to 4.16): numbers and data. Pure.
//!
//! Owns the bytes of requests, without the authentication code, and refuses what the pad would refuse. Missing on
//! purpose: 83h and 84h (PIN entry, which wants digits of the card number), 80h and 94h (master keys and UID, which are
//! loaded in a secure room).

use std::fmt;

use zeroize::Zeroizing;

use super::auth::AuthKey;
use super::event::PadError;
use crate::card::{KeyKind, WrappedKey};

/// Back to the root directory; all rights are gone (4.1).
pub(super) const RESET: u8 = 0xD5;
/// Chooses a directory (4.2).
pub(super) const DIRECTORY: u8 = 0xD6;
/// Reads a random number for the next authentication code (4.5).
pub(super) const RANDOM: u8 = 0xD0;
/// Loads a work key under a master key (4.9).
pub(super) const LOAD_KEY: u8 = 0x81;
/// Chooses the key of PINs (4.12).
pub(super) const CHOOSE_KEY: u8 = 0x82;
/// Makes a MAC (4.16).
pub(super) const MAC: u8 = 0x85;

/// Most bytes of a MAC's data (4.16.2).
pub const MAC_BYTES_MAX: usize = 240;
/// A cipher block.
const BLOCK: usize = 8;
/// Bytes of a key, two parts.
const KEY_BYTES: usize = 16;

/// A directory of the pad: 0 is the root, 1 to 4 hold the keys of one acquirer each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory(u8);

impl Directory {
    /// Where the pad is after a reset.
    pub const ROOT: Self = Self(0);

    /// Takes a number.
    ///
    /// # Errors
    /// [`PadError::BadRequest`] above 4.
    pub const fn new(number: u8) -> Result<Self, PadError> {
        if number > 4 {
            return Err(PadError::BadRequest(
                "a directory of the PIN pad has a number from 0 to 4",
            ));
        }
        Ok(Self(number))
    }

    /// Returns the number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// How a key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySystem {
    /// A work key under a master key, new with each sign-in (MK/SK).
    Session,
    /// A key that stays.
    Fixed,
    /// A new key each time.
    Dukpt,
}

/// A work key on its way into the pad, unopened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadKey {
    key: WrappedKey,
    master: u8,
    slot: u8,
    uses: u16,
}

impl LoadKey {
    /// Wants a key of a sign-in kept: under which master key it was wrapped, in which slot it goes, and how often it
    /// may be used. The pad compares no check value: a wrong key is found when the host does not understand it.
    ///
    /// # Errors
    /// [`PadError::BadRequest`]: a kind or a length that the pad does not take, or no use at all.
    pub fn new(key: WrappedKey, master: u8, slot: u8, uses: u16) -> Result<Self, PadError> {
        if key.kind == KeyKind::Data {
            return Err(PadError::BadRequest(
                "the PIN pad enciphers no card data: load this key into the card reader",
            ));
        }
        if key.wrapped().len() != KEY_BYTES {
            return Err(PadError::BadRequest(
                "the PIN pad takes keys of 16 bytes; ask the acquirer for sign-ins of 40 bytes",
            ));
        }
        if uses == 0 {
            return Err(PadError::BadRequest(
                "a key that may not be used need not be loaded",
            ));
        }
        Ok(Self {
            key,
            master,
            slot,
            uses,
        })
    }

    fn fields(&self) -> Zeroizing<Vec<u8>> {
        // Bits 7 and 4 are always set; the lowest two say what the key is for.
        let mode = match self.key.kind {
            KeyKind::Mac | KeyKind::Data => 0x91,
            KeyKind::Pin => 0x92,
        };
        let mut out = Zeroizing::new(Vec::with_capacity(32));
        out.extend([self.master, self.slot, mode]);
        out.extend(self.key.wrapped());
        // High byte first, as the manual says where it says it (4.17).
        out.extend(self.uses.to_be_bytes());
        out
    }
}

/// The choice of the key for the PINs that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChooseKey {
    /// Its number; the pad ignores it for DUKPT.
    pub slot: u8,
    /// How it changes.
    pub system: KeySystem,
}

impl ChooseKey {
    fn fields(self) -> Zeroizing<Vec<u8>> {
        let mode = match self.system {
            KeySystem::Session => 0x81,
            KeySystem::Fixed => 0x85,
            KeySystem::Dukpt => 0x86,
        };
        // Two reserved bytes.
        Zeroizing::new(vec![self.slot, mode, 0, 0])
    }
}

/// What a MAC is made over. `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct MacText(Zeroizing<Vec<u8>>);

impl MacText {
    /// Takes 8 to [`MAC_BYTES_MAX`] bytes, a multiple of 8.
    ///
    /// # Errors
    /// [`PadError::BadRequest`]. A longer text cannot be done in parts: the command takes no value to go on from, and
    /// it ends each MAC with a triple encryption.
    pub fn new(bytes: &[u8]) -> Result<Self, PadError> {
        if bytes.len() > MAC_BYTES_MAX {
            return Err(PadError::BadRequest(
                "the PIN pad makes a MAC over at most 240 bytes and cannot go on from a first part; \
                 use the card reader's",
            ));
        }
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
            return Err(PadError::BadRequest(
                "the PIN pad makes a MAC over a multiple of 8 bytes; fill it up as the host does",
            ));
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }
}

impl fmt::Debug for MacText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacText({} bytes)", self.0.len())
    }
}

/// A wish for a MAC. Eight bytes are enciphered once with triple DES; more are chained with single DES under the key's
/// left half and finished with the right half (ANSI X9.19), which is not what a NEO 2 reader makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacRequest {
    /// The key's number; the pad ignores it for DUKPT.
    pub slot: u8,
    /// How the key changes.
    pub system: KeySystem,
    /// Over what.
    pub text: MacText,
}

impl MacRequest {
    fn fields(&self) -> Zeroizing<Vec<u8>> {
        let mode = match self.system {
            KeySystem::Session => 0x82,
            KeySystem::Fixed => 0x84,
            KeySystem::Dukpt => 0x86,
        };
        let mut out = Zeroizing::new(Vec::with_capacity(2 + self.text.0.len()));
        out.extend([self.slot, mode]);
        out.extend_from_slice(&self.text.0);
        out
    }
}

/// A command that needs an authentication code.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Load(LoadKey),
    Choose(ChooseKey),
    Mac(MacRequest),
}

impl Job {
    pub(super) const fn command(&self) -> u8 {
        match self {
            Self::Load(_) => LOAD_KEY,
            Self::Choose(_) => CHOOSE_KEY,
            Self::Mac(_) => MAC,
        }
    }

    /// The data, without the code at its end.
    pub(super) fn fields(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Load(load) => load.fields(),
            Self::Choose(choose) => choose.fields(),
            Self::Mac(mac) => mac.fields(),
        }
    }

    pub(super) const fn auth_key(&self) -> AuthKey {
        match self {
            Self::Load(_) => AuthKey::WorkKeys,
            Self::Choose(_) | Self::Mac(_) => AuthKey::Use,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::WrappedKeys;

    fn key(blob: usize, index: usize) -> WrappedKey {
        let bytes: Vec<u8> = (0..60).collect();
        let keys = WrappedKeys::from_sign_in(&bytes[..blob]).expect("known");
        keys.into_keys().swap_remove(index)
    }

    #[test]
    fn keys_go_out_as_they_came() {
        let pin = LoadKey::new(key(40, 0), 7, 3, 0x0102).expect("a PIN key");
        let fields = Job::Load(pin.clone()).fields();
        let wrapped: Vec<u8> = (0..16).collect();
        assert_eq!(*fields, [&[7, 3, 0x92][..], &wrapped, &[1, 2]].concat());
        let mac = LoadKey::new(key(40, 1), 0, 0, u16::MAX).expect("a MAC key");
        assert_eq!(Job::Load(mac).fields()[2], 0x91);
        assert!(!format!("{pin:?}").contains("14, 15"));
        for (blob, index, uses) in [(24, 0, 9), (60, 2, 9), (40, 0, 0)] {
            let refused = LoadKey::new(key(blob, index), 0, 0, uses);
            assert!(
                matches!(refused, Err(PadError::BadRequest(_))),
                "{blob} {index}"
            );
        }
    }

    #[test]
    fn a_mac_has_bounds_and_a_directory_has_a_number() {
        for (bytes, good) in [
            (0, false),
            (7, false),
            (8, true),
            (12, false),
            (240, true),
            (248, false),
        ] {
            assert_eq!(MacText::new(&vec![1; bytes]).is_ok(), good, "{bytes} bytes");
        }
        assert!(Directory::new(4).is_ok() && Directory::new(5).is_err());
        let text = MacText::new(b"12345678").expect("a block");
        assert!(!format!("{text:?}").contains("49"));
        let request = MacRequest {
            slot: 2,
            system: KeySystem::Fixed,
            text,
        };
        assert_eq!(*Job::Mac(request).fields(), *b"\x02\x8412345678");
        let choice = ChooseKey {
            slot: 1,
            system: KeySystem::Session,
        };
        assert_eq!(*Job::Choose(choice).fields(), [1, 0x81, 0, 0]);
    }
}
