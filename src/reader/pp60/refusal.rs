//! The error byte of a refusal (NL-PP60 user manual, the lists below each command), in words.
//!
//! Owns the words only. A byte that is not in the lists is told by its number.

use std::fmt;

/// Why the pad refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub u8);

/// There is no such directory.
pub(super) const NO_DIRECTORY: u8 = 0x31;
/// What we sent was spoilt on the line.
pub(super) const BAD_EDC: u8 = 0x0D;

const TABLE: [(u8, &str); 25] = [
    (
        0x01,
        "the length of our command is wrong; the pad is of another kind or version",
    ),
    (
        0x08,
        "the authentication code is wrong; check the authentication key and the pad's UID",
    ),
    (
        0x0B,
        "it is locked, has no UID, or was asked too often; wait a minute, then take it to the acquirer",
    ),
    (
        BAD_EDC,
        "our command was spoilt on the line twice; check the cable",
    ),
    (
        NO_DIRECTORY,
        "there is no such directory; name the one that holds the acquirer's keys",
    ),
    (0x51, "no such master key number or kind"),
    (0x52, "the present directory is not valid"),
    (
        0x61,
        "the key is absent or used up; sign in again, so that the acquirer sends one",
    ),
    (0x62, "it knows no such kind of key"),
    (0x63, "the master key is absent; the acquirer must load one"),
    (
        0x64,
        "it does not take this work key; sign in again, so that the acquirer sends another",
    ),
    (0x65, "the kind of the work key lacks its mark (bit 4)"),
    (0x71, "no PIN key was chosen"),
    (0x72, "it knows no such kind of PIN key"),
    (0x74, "shortest or longest PIN is out of range"),
    (0x76, "nobody typed in time"),
    (0x77, "the entry was cancelled"),
    (0x78, "the two entries differ"),
    (0x81, "it knows no such way to make a MAC"),
    (0x82, "the data of a MAC is no multiple of 8 bytes"),
    (0x92, "its cipher is broken; take it out of service"),
    (0xD1, "there is no such record"),
    (0xE1, "its UID was set already"),
    (0xE3, "it has no key serial number"),
    (
        0xFF,
        "it could not, and does not say why; reset it, then try again",
    ),
];

impl Refusal {
    /// Returns words for a technician: what, and what to do where somebody can do something.
    pub fn words(self) -> &'static str {
        let row = TABLE.iter().find(|row| row.0 == self.0);
        row.map_or("an error that is not in our table", |row| row.1)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({:02X})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_words_and_no_two_rows_are_alike() {
        for byte in 0..=255 {
            assert!(!Refusal(byte).words().is_empty());
        }
        for (index, row) in TABLE.iter().enumerate() {
            assert!(
                TABLE[..index]
                    .iter()
                    .all(|other| other.0 != row.0 && other.1 != row.1)
            );
        }
        assert_eq!(format!("{:?}", Refusal(0x0D)), "Refusal(0D)");
    }
}
