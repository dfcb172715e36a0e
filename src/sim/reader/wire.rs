//! ViVOtech2 protocol 2 from the reader's end: commands in, replies and events out.
//!
//! Owns a codec of its own, with a checksum of its own, because the terminal's is what it is to check. A reader has no
//! receive time-out: a command whose length is too long leaves it waiting, and the next good command is taken.

const HEADER: &[u8] = b"ViVOtech2\0";
/// Longest frame (NEO 2 guide).
const FRAME_MAX: usize = 1500;

/// One good command, or one whose checksum was wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Command, sub-command and data.
    Command(u8, u8, Vec<u8>),
    /// A whole command with a wrong checksum.
    BadChecksum(u8),
}

/// Bytes from the host that are not yet a command.
#[derive(Debug, Default)]
pub struct Commands {
    held: Vec<u8>,
}

impl Commands {
    /// Takes bytes and returns the commands that are complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.held.extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some((heard, used)) = self.first() {
            found.push(heard);
            self.held.drain(..used);
        }
        if self.held.len() > 2 * FRAME_MAX {
            let surplus = self.held.len() - FRAME_MAX;
            self.held.drain(..surplus);
        }
        found
    }

    /// Finds the first complete command; one that waits for more does not hide a good one behind it.
    fn first(&self) -> Option<(Heard, usize)> {
        let starts = (0..self.held.len()).filter(|at| self.held[*at..].starts_with(HEADER));
        for start in starts {
            let frame = &self.held[start..];
            let [
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                command,
                sub,
                high,
                low,
                rest @ ..,
            ] = frame
            else {
                continue;
            };
            let length = usize::from(*high) * 256 + usize::from(*low);
            let Some(data) = rest.get(..length) else {
                continue;
            };
            let Some([sum_low, sum_high]) = rest.get(length..length + 2) else {
                continue;
            };
            let good =
                crc(&frame[..14 + length]) == u16::from(*sum_high) << 8 | u16::from(*sum_low);
            let heard = if good {
                Heard::Command(*command, *sub, data.to_vec())
            } else {
                Heard::BadChecksum(*command)
            };
            return Some((heard, start + 16 + length));
        }
        None
    }
}

/// Writes a reply.
pub fn reply(command: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = HEADER.to_vec();
    frame.extend([command, status]);
    frame.extend((data.len() as u16).to_be_bytes());
    frame.extend(data);
    seal(frame)
}

/// Writes a user interface event.
pub fn event(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x45, 0, 0x55, 0, data.len() as u8];
    frame.extend(data);
    seal(frame)
}

fn seal(mut frame: Vec<u8>) -> Vec<u8> {
    let sum = crc(&frame);
    frame.push((sum >> 8) as u8);
    frame.push(sum as u8);
    frame
}

/// CRC-16 with polynomial 1021 and start FFFF, by shifts and without a table (as in many a microcontroller).
fn crc(bytes: &[u8]) -> u16 {
    let mut sum = 0xFFFF_u16;
    for byte in bytes {
        let mut x = (sum >> 8) as u8 ^ byte;
        x ^= x >> 4;
        let x = u16::from(x);
        sum = (sum << 8) ^ (x << 12) ^ (x << 5) ^ x;
    }
    sum
}

/// Appends a TLV with a tag of one to three bytes.
pub fn tlv(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    let bytes = tag.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte > 0).unwrap_or(3);
    out.extend(&bytes[first..]);
    if value.len() > 127 {
        out.push(0x81);
    }
    out.push(value.len() as u8);
    out.extend(value);
}

/// Finds a TLV of the first level by the bytes of its tag. Lenient: what it cannot read is not there.
pub fn find(mut bytes: &[u8], wanted: u32) -> Option<Vec<u8>> {
    while bytes.len() > 2 {
        let mut tag = u32::from(bytes[0]);
        let mut at = 1;
        if bytes[0] & 0x1F == 0x1F {
            loop {
                let byte = *bytes.get(at)?;
                tag = tag << 8 | u32::from(byte);
                at += 1;
                if byte < 0x80 {
                    break;
                }
            }
        }
        let mut length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0x81 {
            length = usize::from(*bytes.get(at)?);
            at += 1;
        }
        let value = bytes.get(at..at + length)?;
        if tag == wanted {
            return Some(value.to_vec());
        }
        bytes = &bytes[at + length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(rest: &[u8]) -> Vec<u8> {
        [HEADER, rest].concat()
    }

    #[test]
    fn the_guides_frames_are_read_and_written_byte_for_byte() {
        let ping = with_header(&[0x18, 0x01, 0, 0, 0xB3, 0xCD]);
        let heard = Commands::default().push(&ping);
        assert_eq!(heard, [Heard::Command(0x18, 1, vec![])]);
        let screen = with_header(b"\x61\x13\0\x08Screen1\0\x58\xF8");
        let heard = Commands::default().push(&screen);
        assert_eq!(heard, [Heard::Command(0x61, 0x13, b"Screen1\0".to_vec())]);
        assert_eq!(
            reply(0x18, 0, &[]),
            with_header(&[0x18, 0, 0, 0, 0xFA, 0x83])
        );
        assert_eq!(
            reply(0x61, 0, &[1]),
            with_header(&[0x61, 0, 0, 1, 1, 0x5B, 0xBF])
        );
        assert_eq!(
            reply(0x61, 0, &[0]),
            with_header(&[0x61, 0, 0, 1, 0, 0x4B, 0x9E])
        );
        assert_eq!(
            event(&[3, 3, 0, 0]),
            [0x45, 0, 0x55, 0, 4, 3, 3, 0, 0, 0xE8, 0xDD]
        );
        assert_eq!(
            event(&[1, 0x11, 0, 0]),
            [0x45, 0, 0x55, 0, 4, 1, 0x11, 0, 0, 0x28, 0xB6]
        );
    }

    #[test]
    fn a_command_with_a_lying_length_does_not_hide_the_next() {
        let mut commands = Commands::default();
        assert_eq!(commands.push(&with_header(&[0x02, 0x40, 9, 9, 1])), []);
        let ping = with_header(&[0x18, 0x01, 0, 0, 0xB3, 0xCD]);
        assert_eq!(commands.push(&ping), [Heard::Command(0x18, 1, vec![])]);
        let wrong = with_header(&[0x18, 0x01, 0, 0, 0xCD, 0xB3]);
        assert_eq!(commands.push(&wrong), [Heard::BadChecksum(0x18)]);
    }
}
