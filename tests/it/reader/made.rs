//! Results of a reader as the guide describes them, made for tests without the terminal's code.

/// Ciphertext of a published sample (Augusta manual): 24 bytes.
const SEALED: &str = "D0182C6B2DF9C4D2CD60B774C765AF140E7B53F77839629A";
/// A synthetic card number with a right check digit, packed; only ever sent by a reader that misbehaves.
const CLEAR: &str = "6216261000000000018D3012201000000000000000000000";

pub fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXUPPER.decode(digits.as_bytes()).unwrap()
}

/// How a card met the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Contact,
    Tapped,
}

/// The data of a 02-40 result that wants to go online.
pub fn online(fen: u64, way: Way) -> Vec<u8> {
    result(fen, way, SEALED)
}

/// The same with track 2 in clear, though it says that it is enciphered.
pub fn in_clear(fen: u64) -> Vec<u8> {
    result(fen, Way::Contact, CLEAR)
}

fn result(fen: u64, way: Way, track: &str) -> Vec<u8> {
    let (attribution, entry) = match way {
        Way::Contact => ("40", "05"),
        Way::Tapped => ("41", "07"),
    };
    hex(&format!(
        "{attribution} DFEE120A62994900750002A00290 DFEE25020004 9F0206{fen:012} 5F2A020156 9C0100
         9F26081122334455667788 9F270180 9F100807010103A0A00001 9F370401020304 9F36020007
         95050000008000 9A03261126 82027C00 9F1A020156 9F3901{entry} DF520100 5F340101
         8408A000000333010101 DFEF5B0A621626CCCCCCCCC0018F 5718{track}"
    ))
}
