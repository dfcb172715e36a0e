//! The PIN pad's wire from its own end: commands in, replies and refusals out (NL-PP60 user manual, section 4).
//!
//! Owns a codec of its own, because the terminal's is what it is to check. It knows where a command may begin only from
//! the command byte, so it takes what follows by the length, whatever it is, until the line rests for [`GAP_MS`].

/// A command that stands still for so many milliseconds is forgotten. Our choice: the manual names no time.
pub const GAP_MS: u64 = 100;

/// Load a master key, part by part.
pub const MASTER_KEY: u8 = 0x80;
/// Load a work key.
pub const WORK_KEY: u8 = 0x81;
/// Choose the key of PINs.
pub const CHOOSE: u8 = 0x82;
/// Ask for a PIN.
pub const PIN: u8 = 0x83;
/// Make a MAC.
pub const MAC: u8 = 0x85;
/// Set the pad's number, once.
pub const SET_UID: u8 = 0x94;
/// Tell a random number.
pub const RANDOM: u8 = 0xD0;
/// Forget all rights.
pub const RESET: u8 = 0xD5;
/// Go to a directory.
pub const DIRECTORY: u8 = 0xD6;

const COMMANDS: [u8; 9] = [
    MASTER_KEY, WORK_KEY, CHOOSE, PIN, MAC, SET_UID, RANDOM, RESET, DIRECTORY,
];

/// A whole command, or one whose checksum was wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Command and data.
    Command(u8, Vec<u8>),
    /// The checksum was wrong.
    BadEdc(u8),
}

/// Bytes from the host that are not yet a command.
#[derive(Debug, Default)]
pub struct Commands {
    held: Vec<u8>,
    last: u64,
}

impl Commands {
    /// Takes bytes and returns the commands that are complete.
    pub fn push(&mut self, bytes: &[u8], now: u64) -> Vec<Heard> {
        if now >= self.last + GAP_MS {
            self.held.clear();
        }
        self.last = now;
        let mut found = Vec::new();
        for byte in bytes {
            let begins = !self.held.is_empty() || COMMANDS.contains(byte);
            if !begins {
                continue;
            }
            self.held.push(*byte);
            let [command, length, rest @ ..] = &self.held[..] else {
                continue;
            };
            if rest.len() <= usize::from(*length) {
                continue;
            }
            let sum = self.held.iter().fold(0, |sum, byte| sum ^ byte);
            found.push(if sum == 0 {
                let end = rest.len() - 1;
                Heard::Command(*command, rest[..end].to_vec())
            } else {
                Heard::BadEdc(*command)
            });
            self.held.clear();
        }
        found
    }
}

/// Writes a reply.
pub fn reply(command: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![command, data.len() as u8];
    frame.extend(data);
    let mut sum = 0;
    for byte in &frame {
        sum ^= byte;
    }
    frame.push(sum);
    frame
}

/// Writes a refusal: the command without its highest bit, one byte that says why.
pub fn refusal(command: u8, error: u8) -> Vec<u8> {
    reply(command & 0x7F, &[error])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manuals_frames_are_read_and_written_byte_for_byte() {
        let mut commands = Commands::default();
        let heard = commands.push(&[0xD5, 0, 0xD5, 0xD6, 1, 1, 0xD6], 1);
        let directory = Heard::Command(DIRECTORY, vec![1]);
        assert_eq!(heard, [Heard::Command(RESET, vec![]), directory]);
        assert_eq!(commands.push(&[0xD5, 0, 0xD4], 1), [Heard::BadEdc(RESET)]);
        assert_eq!(reply(RESET, &[]), [0xD5, 0, 0xD5]);
        assert_eq!(refusal(RESET, 0x0D), [0x55, 1, 0x0D, 0x59]);
        // The head of a refusal of 80h is 00h.
        assert_eq!(refusal(MASTER_KEY, 0x51), [0, 1, 0x51, 0x50]);
    }

    #[test]
    fn a_command_that_stops_is_forgotten_when_the_line_rests() {
        let mut commands = Commands::default();
        assert_eq!(commands.push(&[1, 2, 0x85, 250, 0, 0x82], 10), []);
        assert_eq!(
            commands.push(&[0xD5, 0, 0xD5], 10 + GAP_MS - 1),
            [],
            "taken for data"
        );
        let reset = Heard::Command(RESET, vec![]);
        assert_eq!(commands.push(&[0xD5, 0, 0xD5], 10 + 3 * GAP_MS), [reset]);
    }
}
