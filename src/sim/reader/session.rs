//! Session keys that a host loads into the simulated reader (63-03), and MACs made with them (63-06).
//!
//! Owns the three keys. They are gone when the cable is pulled, because the simulated reader keeps nothing without
//! power.

use super::keys::{MASTER, encipher, tdes, untdes};

/// A command that is refused, by its status.
pub type Refused = u8;

/// A field is wrong.
const STATUS_PARAMETER: Refused = 0x05;
/// A key is not there, or its check value is wrong.
const STATUS_KEY: Refused = 0x15;

/// The keys.
#[derive(Debug, Default)]
pub struct Session {
    data: Option<[u8; 16]>,
    mac: Option<[u8; 16]>,
    /// Of PIN blocks.
    pub pin: Option<[u8; 16]>,
}

impl Session {
    /// Takes a key when its check value is right: the first bytes of eight zeros enciphered under it.
    ///
    /// # Errors
    /// The status of the refusal.
    pub fn load(&mut self, data: &[u8]) -> Result<(), Refused> {
        let [0, 1, kind @ 0..=2, 0, length, rest @ ..] = data else {
            return Err(STATUS_PARAMETER);
        };
        let length = usize::from(*length);
        let (Some(wrapped), Some([0, 2, check @ ..])) = (rest.get(..length), rest.get(length..))
        else {
            return Err(STATUS_PARAMETER);
        };
        let mut key = [0; 16];
        for (index, part) in wrapped.chunks_exact(8).take(2).enumerate() {
            let mut block = [0; 8];
            block.copy_from_slice(part);
            key[index * 8..index * 8 + 8].copy_from_slice(&untdes(&MASTER, block));
        }
        if length == 8 {
            key.copy_within(..8, 8);
        }
        if !matches!(length, 8 | 16) || tdes(&key, [0; 8])[..2] != *check {
            return Err(STATUS_KEY);
        }
        match kind {
            0 => self.data = Some(key),
            1 => self.mac = Some(key),
            _ => self.pin = Some(key),
        }
        Ok(())
    }

    /// Makes the MAC of a text: CBC with zeros on the right, the last block.
    ///
    /// # Errors
    /// The status of the refusal: nothing to do, a byte that is no ASCII, or no key.
    pub fn mac(&self, text: &[u8]) -> Result<[u8; 8], Refused> {
        if text.is_empty() || !text.is_ascii() {
            return Err(STATUS_PARAMETER);
        }
        let key = self.mac.ok_or(STATUS_KEY)?;
        let chain = encipher(&key, text);
        let mut last = [0; 8];
        last.copy_from_slice(&chain[chain.len() - 8..]);
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loading(kind: u8, key: [u8; 16]) -> Vec<u8> {
        let half = |part: &[u8]| {
            let mut block = [0; 8];
            block.copy_from_slice(part);
            tdes(&MASTER, block)
        };
        let check = tdes(&key, [0; 8]);
        let mut data = vec![0, 1, kind, 0, 16];
        data.extend(half(&key[..8]));
        data.extend(half(&key[8..]));
        data.extend([0, 2]);
        data.extend(&check[..2]);
        data
    }

    #[test]
    fn each_key_has_its_use_and_a_wrong_check_value_loads_nothing() {
        let mut session = Session::default();
        assert_eq!(session.mac(b"30"), Err(STATUS_KEY));
        for kind in [0, 2] {
            assert_eq!(session.load(&loading(kind, [kind + 8; 16])), Ok(()));
            assert_eq!(session.mac(b"30"), Err(STATUS_KEY), "not the MAC key");
        }
        let mut spoilt = loading(1, *b"0123456789abcdef");
        let end = spoilt.len() - 1;
        spoilt[end] ^= 1;
        assert_eq!(session.load(&spoilt), Err(STATUS_KEY));
        assert_eq!(session.mac(b"30"), Err(STATUS_KEY));
        assert_eq!(session.load(&loading(3, [8; 16])), Err(STATUS_PARAMETER));
        assert_eq!(session.load(&loading(1, *b"0123456789abcdef")), Ok(()));
        assert!(session.mac(b"30").is_ok());
        assert_eq!(session.mac(b"3\x80"), Err(STATUS_PARAMETER));
        assert_eq!(session.mac(b""), Err(STATUS_PARAMETER));
        assert_eq!((session.pin, session.data), (Some([10; 16]), Some([8; 16])));
    }
}
