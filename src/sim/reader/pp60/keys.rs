//! Keys of the simulated PIN pad, what is made with them, and what is left of their uses.
//!
//! Owns the store: it survives a pulled cable, as a pad's does. The keys that are there from the beginning are invented
//! or printed in the manual; they protect nothing.

use std::collections::BTreeMap;

use crate::sim::reader::keys::{MASTER, des, tdes, untdes};

/// A key of two parts.
pub type Key = [u8; 16];
/// Why something is refused.
pub type Error = u8;

/// Number of the pad that is prepared: the one of the manual's example.
pub const UID: [u8; 16] = *b"\x88\x88\x88\x88\x88\x88\x88\x88\x11\x11\x11\x11\x11\x11\x11\x11";
/// Authentication key of a directory's own: the one of the manual's example.
pub const AUTH_DIRECTORY: Key =
    *b"\x01\x23\x45\x67\x89\xAB\xCD\xEF\xFE\xDC\xBA\x98\x76\x54\x32\x10";
/// Authentication key for the use of PIN and MAC keys; invented.
pub const AUTH_USE: Key = *b"\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2A\x2B\x2C\x2D\x2E\x2F";
/// Authentication key for the distribution of work keys; invented.
pub const AUTH_WORK: Key = *b"\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\x3A\x3B\x3C\x3D\x3E\x3F";

/// Kinds of the keys that 80h loads (its mode byte).
pub const MODE_MAC_MASTER: u8 = 0x81;
/// See [`MODE_MAC_MASTER`].
pub const MODE_PIN_MASTER: u8 = 0x82;
/// See [`MODE_MAC_MASTER`]; the number says which of the four.
pub const MODE_AUTH: u8 = 0x83;
/// See [`MODE_MAC_MASTER`].
pub const MODE_MAC_FIXED: u8 = 0x84;
/// See [`MODE_MAC_MASTER`].
pub const MODE_PIN_FIXED: u8 = 0x85;

/// A use count that never ends (S).
const FOREVER: u16 = u16::MAX;
const ABSENT: Error = 0x61;

/// What a work key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// MACs.
    Mac,
    /// PINs.
    Pin,
}

#[derive(Clone, Debug, Default)]
struct Folder {
    /// By mode and number.
    loaded: BTreeMap<(u8, u8), Key>,
    work: BTreeMap<(Work, u8), (Key, u16)>,
}

/// Everything that the pad keeps without power.
#[derive(Clone, Debug)]
pub struct Store {
    /// Its number; without one no key can be used.
    pub uid: Option<[u8; 16]>,
    folders: [Folder; 5],
}

impl Store {
    /// As a pad leaves its factory.
    pub fn blank() -> Self {
        Self {
            uid: None,
            folders: Default::default(),
        }
    }

    /// As a pad leaves the acquirer's secure room: its number, authentication keys and master keys number 0 are in
    /// directory 1.
    pub fn prepared() -> Self {
        let mut store = Self::blank();
        store.uid = Some(UID);
        for (mode, number, key) in [
            (MODE_AUTH, 1, AUTH_DIRECTORY),
            (MODE_AUTH, 2, AUTH_USE),
            (MODE_AUTH, 3, AUTH_WORK),
            (MODE_MAC_MASTER, 0, MASTER),
            (MODE_PIN_MASTER, 0, MASTER),
        ] {
            store.load(1, (mode, number), key);
        }
        store
    }

    /// Keeps a key that was typed in.
    pub fn load(&mut self, directory: u8, slot: (u8, u8), key: Key) {
        self.folders[usize::from(directory)]
            .loaded
            .insert(slot, key);
    }

    /// A key that was typed in.
    pub fn loaded(&self, directory: u8, slot: (u8, u8)) -> Option<Key> {
        self.folders[usize::from(directory)]
            .loaded
            .get(&slot)
            .copied()
    }

    /// Opens a work key with a master key and keeps it.
    ///
    /// # Errors
    /// 63 without the master key, 64 for a key without uses (S: the manual does not say what else 64 is for).
    pub fn distribute(
        &mut self,
        directory: u8,
        what: Work,
        numbers: (u8, u8),
        wrapped: &[u8],
        uses: u16,
    ) -> Result<(), Error> {
        let (master, slot) = numbers;
        let mode = match what {
            Work::Mac => MODE_MAC_MASTER,
            Work::Pin => MODE_PIN_MASTER,
        };
        let master = self.loaded(directory, (mode, master)).ok_or(0x63)?;
        if uses == 0 {
            return Err(0x64);
        }
        let mut key = [0; 16];
        for (place, part) in key.chunks_exact_mut(8).zip(wrapped.chunks_exact(8)) {
            place.copy_from_slice(&untdes(&master, block(part)));
        }
        let work = &mut self.folders[usize::from(directory)].work;
        work.insert((what, slot), (key, uses));
        Ok(())
    }

    /// Says whether a work key is there.
    pub fn has(&self, directory: u8, what: Work, slot: u8) -> bool {
        let work = &self.folders[usize::from(directory)].work;
        work.contains_key(&(what, slot))
    }

    /// Forgets all work keys of a kind, everywhere.
    pub fn forget(&mut self, what: Work) {
        for folder in &mut self.folders {
            folder.work.retain(|(kind, _), _| *kind != what);
        }
    }

    /// Takes one use of a work key; with its last use the key is gone.
    ///
    /// # Errors
    /// 61 when it is not there.
    pub fn take(&mut self, directory: u8, what: Work, slot: u8) -> Result<Key, Error> {
        let work = &mut self.folders[usize::from(directory)].work;
        let (key, uses) = work.get_mut(&(what, slot)).ok_or(ABSENT)?;
        let key = *key;
        if *uses != FOREVER {
            *uses -= 1;
        }
        if *uses == 0 {
            work.remove(&(what, slot));
        }
        Ok(key)
    }
}

fn block(bytes: &[u8]) -> [u8; 8] {
    let mut block = [0; 8];
    block.copy_from_slice(bytes);
    block
}

/// The manual's own MAC (4.6.1; ANSI X9.19): single DES under the left half, block by block, and at the end the right
/// half backwards and the left half again. The text is a multiple of 8 bytes.
pub fn long_mac(key: &Key, text: &[u8]) -> [u8; 8] {
    let mut last = [0; 8];
    for part in text.chunks_exact(8) {
        for (left, right) in last.iter_mut().zip(part) {
            *left ^= right;
        }
        last = des(&key[..8], last, true);
    }
    des(&key[..8], des(&key[8..], last, false), true)
}

/// A MAC as command 85h makes it: eight bytes are enciphered once (4.16.2).
pub fn mac(key: &Key, text: &[u8]) -> [u8; 8] {
    if text.len() == 8 {
        return tdes(key, block(text));
    }
    long_mac(key, text)
}

/// An authentication code: over data, random number and the pad's number, filled up with zeros.
pub fn auth_code(key: &Key, data: &[u8], random: [u8; 8], uid: &[u8; 16]) -> [u8; 8] {
    let mut text = [data, &random, uid].concat();
    text.resize(text.len().next_multiple_of(8), 0);
    long_mac(key, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's worked example (4.6.1): the data of `80 0b 00 82 01`, random number 01..08.
    #[test]
    fn the_manuals_authentication_code_comes_out() {
        let random = [1, 2, 3, 4, 5, 6, 7, 8];
        let code = auth_code(&AUTH_DIRECTORY, &[0x00, 0x82, 0x01], random, &UID);
        assert_eq!(code, *b"\xB5\x10\x7E\x8E\xB4\x65\x6B\xC8");
    }

    #[test]
    fn a_key_has_as_many_uses_as_it_was_given() {
        let mut store = Store::prepared();
        let wrapped = [7; 16];
        let given = store.distribute(1, Work::Pin, (0, 4), &wrapped, 2);
        assert_eq!(given, Ok(()));
        let key = store.take(1, Work::Pin, 4).expect("the first use");
        assert_eq!(store.take(1, Work::Pin, 4), Ok(key));
        assert_eq!(store.take(1, Work::Pin, 4), Err(ABSENT));
        assert_eq!(
            store.take(2, Work::Pin, 4),
            Err(ABSENT),
            "another directory"
        );
        assert_eq!(
            store.distribute(1, Work::Mac, (1, 4), &wrapped, 2),
            Err(0x63)
        );
        assert_eq!(
            store.distribute(1, Work::Mac, (0, 4), &wrapped, 0),
            Err(0x64)
        );
        assert_eq!(
            store.distribute(1, Work::Mac, (0, 4), &wrapped, FOREVER),
            Ok(())
        );
        for _ in 0..70_000 {
            assert!(store.take(1, Work::Mac, 4).is_ok());
        }
    }
}
