//! CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, nothing reflected, nothing inverted (EMVCo MPM 1.1, tag 63).

/// Returns the checksum of some bytes.
pub fn crc16(bytes: &[u8]) -> u16 {
    let step = |sum: u16| {
        let shifted = sum << 1;
        if sum & 0x8000 == 0 {
            shifted
        } else {
            shifted ^ 0x1021
        }
    };
    bytes.iter().fold(0xFFFF, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| step(sum))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
        assert_eq!(crc16(b""), 0xFFFF);
    }
}
