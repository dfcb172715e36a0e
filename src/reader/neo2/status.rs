//! The status byte of a reply (NEO 2 guide, table of protocol 2 status codes), in words.
//!
//! Owns the mapping only. A byte that is not in the table is kept as it came.

/// How a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 00.
    Ok,
    /// 01: the reader did not understand our header.
    BadHeader,
    /// 02.
    UnknownCommand,
    /// 03.
    UnknownSubCommand,
    /// 04: our checksum was wrong, or came in the wrong byte order.
    BadChecksum,
    /// 05.
    BadParameter,
    /// 06.
    Unsupported,
    /// 07.
    Malformed,
    /// 08: no card, or no PIN, in time.
    TimedOut,
    /// 0A.
    Failed,
    /// 0B: not allowed now.
    NotAllowed,
    /// 0E: something to show; the result is still to come.
    UiEvent,
    /// 12.
    SecureInterfaceDown,
    /// 15: a key is missing or is another one.
    Key,
    /// 1D: the reader was opened or attacked; it must go to its maker.
    Tampered,
    /// 23: the card wants an online authorisation.
    GoOnline,
    /// 63: accepted, the result is still to come.
    Accepted,
    /// Any other byte.
    Other(u8),
}

const TABLE: [(u8, Status, &str); 17] = [
    (0x00, Status::Ok, "done"),
    (0x01, Status::BadHeader, "the header was not understood"),
    (0x02, Status::UnknownCommand, "unknown command"),
    (0x03, Status::UnknownSubCommand, "unknown sub-command"),
    (0x04, Status::BadChecksum, "wrong checksum"),
    (0x05, Status::BadParameter, "bad parameter"),
    (0x06, Status::Unsupported, "not supported"),
    (0x07, Status::Malformed, "malformed data"),
    (0x08, Status::TimedOut, "timed out"),
    (0x0A, Status::Failed, "failed"),
    (0x0B, Status::NotAllowed, "not allowed now"),
    (0x0E, Status::UiEvent, "user interface event"),
    (0x15, Status::Key, "a key is missing or of another type"),
    (
        0x12,
        Status::SecureInterfaceDown,
        "the secure interface is down",
    ),
    (0x1D, Status::Tampered, "tampered with"),
    (0x23, Status::GoOnline, "online authorisation wanted"),
    (0x63, Status::Accepted, "accepted"),
];

impl Status {
    /// Reads a status byte; every byte has a meaning.
    pub fn from_byte(byte: u8) -> Self {
        let row = TABLE.iter().find(|row| row.0 == byte);
        row.map_or(Self::Other(byte), |row| row.1)
    }

    /// Returns the byte.
    pub fn byte(self) -> u8 {
        if let Self::Other(byte) = self {
            return byte;
        }
        let row = TABLE.iter().find(|row| row.1 == self);
        row.map_or(0, |row| row.0)
    }

    /// Returns words for a technician.
    pub fn words(self) -> &'static str {
        let row = TABLE.iter().find(|row| row.1 == self);
        row.map_or("a status that is not in our table", |row| row.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_and_comes_back() {
        for byte in 0..=255 {
            assert_eq!(Status::from_byte(byte).byte(), byte);
            assert!(!Status::from_byte(byte).words().is_empty());
        }
        assert_eq!(Status::from_byte(0x1D), Status::Tampered);
        assert_eq!(Status::from_byte(0x42), Status::Other(0x42));
    }
}
