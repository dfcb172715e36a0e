//! A MAC over a message (63-06, "Generate MAC for Host"), made in the reader with the session's MAC key. Pure.
//!
//! Owns the limits of its data and the only way to a [`MacCode`]. The guide (page 437) says: ASCII in, eight bytes
//! out, triple DES CBC MAC of ISO 16609; the bytes C0 D0 in the data stand for a track, so nothing but printable ASCII
//! is sent.

use super::frame::{DATA_BYTES_MAX, Reply};
use crate::evidence::MacCode;
use crate::reader::event::ReaderError;

/// Most bytes of the data.
pub const MAC_BYTES_MAX: usize = DATA_BYTES_MAX;

pub(super) fn data(stream: &[u8]) -> Result<&[u8], ReaderError> {
    let printable = stream.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if stream.is_empty() || stream.len() > MAC_BYTES_MAX || !printable {
        return Err(ReaderError::BadRequest(
            "what a MAC is made over is printable ASCII that fits a frame",
        ));
    }
    Ok(stream)
}

pub(super) fn read(reply: &Reply) -> Result<MacCode, ReaderError> {
    let bytes: Result<[u8; 8], _> = reply.data[..].try_into();
    bytes
        .map(MacCode::of_reader)
        .map_err(|_| ReaderError::Malformed("the reader's MAC has not eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_mean_a_track_is_sent() {
        assert!(data(b"0210ABCDEF").is_ok());
        let long = vec![b'0'; MAC_BYTES_MAX + 1];
        for bad in [&b""[..], b"31\xC0\xD0", b"\x00", &long] {
            assert!(data(bad).is_err(), "{} bytes", bad.len());
        }
    }
}
