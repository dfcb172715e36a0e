//! A GemPC Twin: a contact reader on a serial line that speaks CCID, with a scripted card in its slot. For development
//! only: everything that a card says passes through in clear. It exists so that foreign EMV kernels can try our cards.
//!
//! Owns the frames (SYNC, CTRL, message, LRC), the echo, the notices of card movements and the CCID messages that a
//! PC/SC driver sends (readers' driver `libccidtwin`; USB CCID revision 1.1 for the messages). It does not know what a
//! card means: `gempc_card` does. Has no PIN pad. docs/READERS.md lists what is inferred.

use super::card::{Card, by_name, names};
use super::device::Out;
use super::gempc_card::Chip;

const SYNC: u8 = 0x03;
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;
/// The reader did not understand: the host may send again.
const NOT_UNDERSTOOD: [u8; 3] = [SYNC, NAK, SYNC ^ NAK];
const HEAD_BYTES: usize = 10;
/// Longest CCID message that a GemPC Twin takes.
const MESSAGE_BYTES_MAX: usize = 271;
/// A frame that rests for so long is given up. Our choice.
const GAP_MS: u64 = 500;
const FIRMWARE: &[u8] = b"Sandbox GemPC Twin 1.0";
/// Escape: notices of card movements come after a command's echo and before its answer, never in between.
const SYNCHRONOUS: [u8; 3] = [1, 1, 1];
/// More time, asked for by a card of T=0.
const TIME_REQUEST: u8 = 0x80;

const SLOT_STATUS: u8 = 0x81;
const DATA_BLOCK: u8 = 0x80;
const PARAMETERS: u8 = 0x82;
const ESCAPE: u8 = 0x83;
const FAILED: u8 = 0x40;
/// CCID errors: the message is not supported; the byte at this place is wrong; the slot is not there; the card is mute.
const NOT_SUPPORTED: u8 = 0x00;
const BAD_PROTOCOL: u8 = 0x07;
const NO_SLOT: u8 = 0x05;
const MUTE: u8 = 0xFE;

/// What goes wrong with the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is a NAK.
    Nak,
    /// Its LRC is wrong.
    BadLrc,
    /// It comes after two time requests.
    Slow,
    /// The card says nothing.
    Mute,
}

const FAULTS: [(&str, Fault); 4] = [
    ("nak", Fault::Nak),
    ("bad-lrc", Fault::BadLrc),
    ("slow", Fault::Slow),
    ("mute", Fault::Mute),
];

/// The reader.
#[derive(Debug)]
pub struct GemPc {
    held: Vec<u8>,
    heard_at: u64,
    chip: Option<Chip>,
    powered: bool,
    /// Transactions of every card so far, so that no counter is used twice.
    counter: u16,
    synchronous: bool,
    /// Notices that wait for the next command.
    moved: Vec<u8>,
    /// Parameters of T=0.
    protocol: [u8; 5],
    fault: Option<Fault>,
    last: Vec<u8>,
}

impl Default for GemPc {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            heard_at: 0,
            chip: None,
            powered: false,
            counter: 0,
            synchronous: false,
            moved: Vec::new(),
            // Fi 372, Di 1, no extra guard time, ten units of waiting time, the clock is not stopped (ISO 7816-3).
            protocol: [0x11, 0, 0, 10, 0],
            fault: None,
            last: NOT_UNDERSTOOD.to_vec(),
        }
    }
}

/// An answer's status: failed or not, the error, and the byte behind it.
struct Answer {
    kind: u8,
    status: u8,
    error: u8,
    more: u8,
    data: Vec<u8>,
}

impl Answer {
    fn good(kind: u8, data: Vec<u8>) -> Self {
        Self {
            kind,
            status: 0,
            error: 0,
            more: 0,
            data,
        }
    }

    fn failed(kind: u8, error: u8) -> Self {
        Self {
            kind,
            status: FAILED,
            error,
            more: 0,
            data: Vec::new(),
        }
    }
}

/// What stands at the beginning of some bytes.
enum Found {
    /// A message, and how many bytes belong to its frame.
    Message(usize),
    /// A frame with a wrong LRC.
    Broken(usize),
    /// The host did not understand the last answer.
    Again,
    Noise,
    Part,
}

impl GemPc {
    /// Somebody did something, told in words.
    ///
    /// # Errors
    /// What is known instead.
    pub fn act(&mut self, words: &str) -> Result<Vec<Out>, String> {
        let words: Vec<&str> = words.split_whitespace().collect();
        match words[..] {
            ["insert", name] => {
                let card = by_name(name).ok_or_else(names)?;
                Ok(self.place(Some(card)))
            }
            ["pull"] => Ok(self.place(None)),
            ["fault", name] => {
                let fault = FAULTS.iter().find(|row| row.0 == name);
                let known = || "faults are nak, bad-lrc, slow and mute".to_owned();
                self.fault = Some(fault.ok_or_else(known)?.1);
                Ok(Vec::new())
            }
            ["unplug"] => Ok(vec![Out::Unplug]),
            ["plug"] => Ok(vec![Out::Plug]),
            ["tap", _] => Err("a GemPC Twin has no antenna: insert CARD".to_owned()),
            _ => {
                Err("a GemPC Twin knows insert CARD, pull, fault NAME, unplug and plug".to_owned())
            }
        }
    }

    /// Puts a card into the slot, or takes it out.
    fn place(&mut self, card: Option<Card>) -> Vec<Out> {
        if let Some(old) = self.chip.take() {
            self.counter = old.counter();
        }
        self.powered = false;
        self.chip = card.map(|card| Chip::new(card, self.counter));
        let notice = [0x50, if card.is_some() { 0x03 } else { 0x02 }];
        if self.synchronous {
            self.moved.extend(notice);
            return Vec::new();
        }
        vec![Out::Bytes(notice.to_vec())]
    }

    /// The host sent bytes.
    pub fn hear(&mut self, bytes: &[u8], now: u64) -> Vec<Out> {
        if now.saturating_sub(self.heard_at) > GAP_MS {
            self.held.clear();
        }
        self.heard_at = now;
        self.held.extend_from_slice(bytes);
        let mut out = Vec::new();
        loop {
            match look(&self.held) {
                Found::Part => return out,
                Found::Noise => {
                    self.held.remove(0);
                }
                Found::Again => {
                    self.held.drain(..NOT_UNDERSTOOD.len());
                    out.push(Out::Bytes(self.last.clone()));
                }
                Found::Broken(used) => {
                    let mut bytes: Vec<u8> = self.held.drain(..used).collect();
                    bytes.extend(NOT_UNDERSTOOD);
                    out.push(Out::Bytes(bytes));
                }
                Found::Message(used) => {
                    // The echo comes first, whatever the answer will be.
                    let mut bytes: Vec<u8> = self.held.drain(..used).collect();
                    let answer = self.answer(&bytes[2..used - 1]);
                    bytes.append(&mut self.moved);
                    bytes.extend(answer);
                    out.push(Out::Bytes(bytes));
                }
            }
        }
    }

    /// Returns the bytes of the answer to a message.
    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        let (head, data) = message.split_at(HEAD_BYTES);
        let fault = self.fault.take();
        let answer = if head[5] == 0 {
            self.command(head, data, fault == Some(Fault::Mute))
        } else {
            Answer::failed(SLOT_STATUS, NO_SLOT)
        };
        let mut frame = vec![SYNC, ACK, answer.kind];
        frame.extend((answer.data.len() as u32).to_le_bytes());
        let status = answer.status | self.card_state();
        frame.extend([head[5], head[6], status, answer.error, answer.more]);
        frame.extend(answer.data);
        frame.push(lrc(&frame));
        self.last.clone_from(&frame);
        match fault {
            Some(Fault::Nak) => NOT_UNDERSTOOD.to_vec(),
            Some(Fault::BadLrc) => {
                let last = frame.len() - 1;
                frame[last] ^= 0xFF;
                frame
            }
            Some(Fault::Slow) => [&[TIME_REQUEST; 2][..], &frame].concat(),
            Some(Fault::Mute) | None => frame,
        }
    }

    /// Bits 0 and 1 of a status: 0 a card that is on, 1 one that is off, 2 none.
    fn card_state(&self) -> u8 {
        match (&self.chip, self.powered) {
            (None, _) => 2,
            (Some(_), false) => 1,
            (Some(_), true) => 0,
        }
    }

    fn command(&mut self, head: &[u8], data: &[u8], mute: bool) -> Answer {
        match head[0] {
            0x62 => match &mut self.chip {
                Some(chip) if !mute => {
                    self.powered = true;
                    Answer::good(DATA_BLOCK, chip.reset())
                }
                Some(_) | None => Answer::failed(DATA_BLOCK, MUTE),
            },
            0x63 => {
                self.powered = false;
                Answer::good(SLOT_STATUS, Vec::new())
            }
            0x65 => Answer::good(SLOT_STATUS, Vec::new()),
            0x6F => self.transfer(data, mute),
            // Only T=0 is there.
            0x61 => match data.try_into() {
                Ok(protocol) if head[7] == 0 => {
                    self.protocol = protocol;
                    Answer::good(PARAMETERS, data.to_vec())
                }
                Ok(_) | Err(_) => Answer::failed(PARAMETERS, BAD_PROTOCOL),
            },
            0x6C => Answer::good(PARAMETERS, self.protocol.to_vec()),
            0x6D => {
                self.protocol = Self::default().protocol;
                Answer::good(PARAMETERS, self.protocol.to_vec())
            }
            0x6B if data == [2] => Answer::good(ESCAPE, FIRMWARE.to_vec()),
            0x6B if data == SYNCHRONOUS => {
                self.synchronous = true;
                Answer::good(ESCAPE, Vec::new())
            }
            0x6B => Answer::failed(ESCAPE, NOT_SUPPORTED),
            // No keypad.
            0x69 => Answer::failed(DATA_BLOCK, NOT_SUPPORTED),
            _ => Answer::failed(SLOT_STATUS, NOT_SUPPORTED),
        }
    }

    /// One command to the card. A card that is torn away says nothing any more, and the slot tells that it left.
    fn transfer(&mut self, command: &[u8], mute: bool) -> Answer {
        let said = match &mut self.chip {
            Some(chip) if self.powered && !mute => chip.command(command),
            Some(_) | None => return Answer::failed(DATA_BLOCK, MUTE),
        };
        match said {
            Some(bytes) => Answer::good(DATA_BLOCK, bytes),
            None => {
                let notices = self.place(None);
                for out in notices {
                    if let Out::Bytes(bytes) = out {
                        self.moved.extend(bytes);
                    }
                }
                Answer::failed(DATA_BLOCK, MUTE)
            }
        }
    }
}

fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

fn look(bytes: &[u8]) -> Found {
    match bytes {
        [] | [SYNC] | [SYNC, NAK] => return Found::Part,
        [SYNC, NAK, sum, ..] if *sum == SYNC ^ NAK => return Found::Again,
        [SYNC, ACK, ..] => {}
        _ => return Found::Noise,
    }
    let Some([a, b, c, d]) = bytes.get(3..7) else {
        return Found::Part;
    };
    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    if length > MESSAGE_BYTES_MAX - HEAD_BYTES {
        return Found::Noise;
    }
    let used = 2 + HEAD_BYTES + length + 1;
    match bytes.get(..used) {
        None => Found::Part,
        Some(frame) if lrc(frame) == 0 => Found::Message(used),
        Some(_) => Found::Broken(used),
    }
}

#[cfg(test)]
#[path = "gempc_tests.rs"]
mod tests;
