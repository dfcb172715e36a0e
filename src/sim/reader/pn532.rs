//! NXP's PN532 on a serial line (HSU), as far as libnfc and others use it, with one contactless card. For development
//! only: behind such a chip the host sees everything, so the terminal has no use for it in a shop.
//!
//! Owns frames (normal, extended, ACK, NACK) and the commands that hosts send when they open the chip and list a card
//! (PN532 user manual; numbers as in libnfc). The card answers SELECT of its payment directory and of its application
//! and nothing else: it holds no number at all.

use super::card::{by_name, names};
use super::device::Out;

/// Version 1.6 of the chip's firmware, ISO 14443 A and B and ISO 18092.
const FIRMWARE: [u8; 4] = [0x32, 0x01, 0x06, 0x07];
const ACK: [u8; 6] = [0, 0, 0xFF, 0, 0xFF, 0];
/// The chip's own error frame: the command was not understood.
const SYNTAX: [u8; 8] = [0, 0, 0xFF, 1, 0xFF, 0x7F, 0x81, 0];
/// Flag of SetParameters: the chip asks a card of ISO 14443-4 for its ATS by itself.
const AUTOMATIC_RATS: u8 = 0x10;
const FOREVER: u8 = 0xFF;
/// The card did not answer.
const TIME_OUT: u8 = 0x01;
/// Wrong context: no card, or none that was listed.
const NO_TARGET: u8 = 0x27;
const UID: [u8; 4] = [0x08, 0xA1, 0xB2, 0xC3];
const ATS: [u8; 6] = [0x06, 0x75, 0x77, 0x81, 0x02, 0x80];
/// Answer to SELECT 2PAY.SYS.DDF01: UnionPay debit.
const PPSE: &[u8] = b"\x6F\x34\x84\x0E2PAY.SYS.DDF01\xA5\x22\xBF\x0C\x1F\x61\x1D\x4F\x08\xA0\0\0\x03\x33\x01\x01\x01\
\x50\x0EUnionPay Debit\x87\x01\x01\x90\0";
const SELECT_PPSE: &[u8] = b"\0\xA4\x04\0\x0E2PAY.SYS.DDF01";
const SELECT_AID: &[u8] = b"\0\xA4\x04\0\x08\xA0\0\0\x03\x33\x01\x01\x01";
const APPLICATION: &[u8] =
    b"\x6F\x1F\x84\x08\xA0\0\0\x03\x33\x01\x01\x01\xA5\x13\x50\x0EUnionPay Debit\x87\x01\x01";

/// The chip and the card in front of it.
#[derive(Debug)]
pub struct Pn532 {
    held: Vec<u8>,
    card: bool,
    /// A card was listed: the chip knows it as target 1, also while it is deselected or gone.
    known: bool,
    field: bool,
    parameters: u8,
    /// How often the chip looks for a card; FF is without end (its default).
    retries: u8,
    /// A list that waits for a card.
    waiting: bool,
    last: Vec<u8>,
}

impl Default for Pn532 {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            card: true,
            known: false,
            field: false,
            parameters: AUTOMATIC_RATS | 0x04,
            retries: FOREVER,
            waiting: false,
            last: Vec::new(),
        }
    }
}

/// What stands at the beginning of some bytes, and how many belong to it.
enum Found {
    Command(Vec<u8>, usize),
    Ack(usize),
    Nack(usize),
    Broken(usize),
    Part,
}

impl Pn532 {
    /// Somebody did something, told in words.
    ///
    /// # Errors
    /// What is known instead.
    pub fn act(&mut self, words: &str) -> Result<Vec<Out>, String> {
        match words.split_whitespace().collect::<Vec<_>>()[..] {
            // Whichever card: it holds no number.
            ["tap", name] => by_name(name).map(|_| self.place(true)).ok_or_else(names),
            ["pull"] => Ok(self.place(false)),
            ["unplug"] => Ok(vec![Out::Unplug]),
            ["plug"] => Ok(vec![Out::Plug]),
            _ => Err("a PN532 knows tap CARD, pull, unplug and plug".to_owned()),
        }
    }

    /// Puts a card there, or takes it away. A list that waits for one is answered.
    fn place(&mut self, card: bool) -> Vec<Out> {
        self.card = card;
        if !card || !std::mem::take(&mut self.waiting) {
            return Vec::new();
        }
        let mut data = vec![0xD5, 0x4B];
        self.list(&[1, 0], &mut data);
        self.last = write(&data);
        vec![Out::Bytes(self.last.clone())]
    }

    /// The host sent bytes.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Out> {
        self.held.extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(start) = self.held.windows(2).position(|two| two == [0, 0xFF]) {
            let used = match frame(&self.held[start + 2..]) {
                Found::Part => {
                    self.held.drain(..start);
                    return out;
                }
                Found::Command(data, used) => {
                    out.push(Out::Bytes(self.taken(&data)));
                    used
                }
                // The host gives up waiting.
                Found::Ack(used) => {
                    self.waiting = false;
                    used
                }
                Found::Nack(used) => {
                    out.push(Out::Bytes(self.last.clone()));
                    used
                }
                Found::Broken(used) => {
                    out.push(Out::Bytes(SYNTAX.to_vec()));
                    used
                }
            };
            self.held.drain(..start + 2 + used);
        }
        // The last byte may begin a frame.
        let keep = self.held.len().min(1);
        self.held.drain(..self.held.len() - keep);
        out
    }

    /// The ACK of a command and, unless it has to wait for a card, its answer.
    fn taken(&mut self, data: &[u8]) -> Vec<u8> {
        // Any command ends the one before.
        let lists = matches!(data, [0xD4, 0x4A, 1 | 2, _, ..]);
        self.waiting = lists && !self.card && self.retries == FOREVER;
        if self.waiting {
            return ACK.to_vec();
        }
        let answer = self.answer(data);
        self.last = answer.map_or_else(|| SYNTAX.to_vec(), |data| write(&data));
        [&ACK[..], &self.last].concat()
    }

    fn answer(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        let [0xD4, command, rest @ ..] = data else {
            return None;
        };
        let mut out = vec![0xD5, command + 1];
        match command {
            // Diagnose: the line test repeats what it got, the memory tests are good.
            0x00 => match rest {
                [0, ..] => out.extend(rest),
                [_, ..] => out.push(0),
                [] => return None,
            },
            0x02 => out.extend(FIRMWARE),
            // No error, field, targets with speeds and type, and no security module.
            0x04 => {
                out.extend([0, u8::from(self.field), u8::from(self.known)]);
                if self.known {
                    out.extend([1, 0, 0, 0]);
                }
                out.push(0);
            }
            0x06 => out.extend(rest.chunks(2).map(|_| 0)),
            0x08 | 0x10 | 0x14 => {}
            0x32 => match rest {
                [] => return None,
                [1, field] => self.field = field & 1 == 1,
                [5, _, _, retries] => self.retries = *retries,
                [_, ..] => {}
            },
            0x12 => self.parameters = *rest.first()?,
            0x16 => out.push(0),
            0x40 => match rest {
                [] => return None,
                [target, apdu @ ..] => self.exchange(*target, apdu, &mut out),
            },
            // Raw frames past the card's protocol: it does not answer those.
            0x42 => out.push(TIME_OUT),
            // Deselecting forgets nothing: the next exchange selects the card again. Releasing forgets it.
            0x44 | 0x52 | 0x54 => {
                let target = *rest.first()?;
                let all = target == 0 && *command != 0x54;
                let there = target == 1 && self.known;
                out.push(if all || there { 0 } else { NO_TARGET });
                self.known &= *command != 0x52 || !(all || there);
            }
            0x4A => match rest {
                [1 | 2, _, ..] => self.list(rest, &mut out),
                _ => return None,
            },
            0x60 => {
                let mut target = vec![0xD5, 0];
                self.list(&[1, 0], &mut target);
                match target.split_at(3).1 {
                    [] => out.push(0),
                    record => {
                        // One target of type "ISO 14443-4 A".
                        out.extend([1, 0x20, record.len() as u8]);
                        out.extend(record);
                    }
                }
            }
            _ => return None,
        }
        Some(out)
    }

    /// Lists the card when one of type A at 106 kbit/s is asked for.
    fn list(&mut self, rest: &[u8], out: &mut Vec<u8>) {
        let [_, 0, ..] = rest else {
            return out.push(0);
        };
        self.field = true;
        self.known = self.card;
        if !self.card {
            return out.push(0);
        }
        out.extend([1, 1, 0x00, 0x04, 0x20, 4]);
        out.extend(UID);
        if self.parameters & AUTOMATIC_RATS != 0 {
            out.extend(ATS);
        }
    }

    fn exchange(&self, target: u8, apdu: &[u8], out: &mut Vec<u8>) {
        if target != 1 || !self.known {
            return out.push(NO_TARGET);
        }
        if !self.card {
            return out.push(TIME_OUT);
        }
        out.push(0);
        if apdu.starts_with(SELECT_PPSE) {
            out.extend(PPSE);
        } else if apdu.starts_with(SELECT_AID) {
            out.extend(APPLICATION);
            out.extend([0x90, 0]);
        } else if apdu.get(1) == Some(&0xA4) {
            out.extend([0x6A, 0x82]);
        } else {
            out.extend([0x6D, 0]);
        }
    }
}

/// Reads what follows the start code 00 FF.
fn frame(bytes: &[u8]) -> Found {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let (length, head) = match bytes {
        [0, 0xFF, 0, ..] => return Found::Ack(3),
        [0xFF, 0, 0, ..] => return Found::Nack(3),
        [0xFF, 0xFF, high, low, check, ..] => {
            if sum(&[*high, *low, *check]) != 0 {
                return Found::Broken(5);
            }
            (usize::from(*high) << 8 | usize::from(*low), 5)
        }
        [0xFF, 0xFF, ..] | [] | [_] | [0, 0xFF] | [0xFF, 0] => return Found::Part,
        [length, check, ..] if length.wrapping_add(*check) == 0 => (usize::from(*length), 2),
        _ => return Found::Broken(2),
    };
    let Some(data) = bytes.get(head..head + length + 1) else {
        return Found::Part;
    };
    let used = head + length + 1;
    if sum(data) == 0 {
        Found::Command(data[..length].to_vec(), used)
    } else {
        Found::Broken(used)
    }
}

fn write(data: &[u8]) -> Vec<u8> {
    let negative = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    let mut out = vec![0, 0, 0xFF];
    if data.len() < 256 {
        let length = data.len() as u8;
        out.extend([length, negative(&[length])]);
    } else {
        let length = (data.len() as u16).to_be_bytes();
        out.extend([0xFF, 0xFF, length[0], length[1], negative(&length)]);
    }
    out.extend(data);
    out.extend([negative(data), 0]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .bytes()
            .filter_map(|byte| char::from(byte).to_digit(16))
            .map(|digit| digit as u8)
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    /// Frames that libnfc 1.8.0 put on a line, and the answers that it took.
    #[test]
    fn the_frames_of_libnfc_are_answered_byte_for_byte() {
        let mut chip = Pn532::default();
        for (command, answer) in [
            (
                "00 00 FF 02 FE D4 02 2A 00",
                "00 00 FF 06 FA D5 03 32 01 06 07 E8 00",
            ),
            (
                "00 00 FF 03 FD D4 14 01 17 00",
                "00 00 FF 02 FE D5 15 16 00",
            ),
            (
                "00 00 FF 04 FC D4 4A 01 00 E1 00",
                "00 00 FF 12 EE D5 4B 01 01 00 04 20 04 08 A1 B2 C3 06 75 77 81 02 80 A3 00",
            ),
            (
                "00 00 FF 03 FD D4 44 01 E7 00",
                "00 00 FF 03 FD D5 45 00 E6 00",
            ),
        ] {
            let out = chip.hear(&hex(command));
            let expected = [&ACK[..], &hex(answer)].concat();
            assert_eq!(out, [Out::Bytes(expected)], "{command}");
        }
        // Woken up, byte by byte.
        let woken = [
            &hex("55 55 00 00 00 00 00 00 00 00")[..],
            &hex("00 00 FF 02 FE D4 02 2A 00"),
        ]
        .concat();
        let out: Vec<Out> = woken.iter().flat_map(|byte| chip.hear(&[*byte])).collect();
        assert_eq!(out.len(), 1);
        // Deselected it is still known, and selected again by the next exchange; released it is not.
        let select = "00 00 FF 17 E9 D4 40 01 00 A4 04 00 0E 32 50 41 59 2E 53 59 53 2E 44 44 46 30 31 00 8F 00";
        let status = |chip: &mut Pn532, text: &str| match &chip.hear(&hex(text))[..] {
            [Out::Bytes(bytes)] => bytes[ACK.len() + 7],
            other => panic!("{other:?}"),
        };
        assert_eq!(status(&mut chip, select), 0);
        chip.place(false);
        assert_eq!(status(&mut chip, select), TIME_OUT);
        assert_eq!(status(&mut chip, "00 00 FF 03 FD D4 52 00 DA 00"), 0);
        assert_eq!(status(&mut chip, select), NO_TARGET);
        // A command without its parameters is not understood.
        let bare = [&ACK[..], &SYNTAX].concat();
        for command in ["00 00 FF 02 FE D4 40 EC 00", "00 00 FF 02 FE D4 4A E2 00"] {
            assert_eq!(chip.hear(&hex(command)), [Out::Bytes(bare.clone())]);
        }
        // Nor is one with a wrong sum; 256 bytes of a line test come back in an extended frame.
        assert_eq!(
            chip.hear(&hex("00 00 FF 02 FE D4 02 2B 00")),
            [Out::Bytes(SYNTAX.to_vec())]
        );
        let test = [&[0xD4, 0x00, 0x00][..], &[0xA5; 256]].concat();
        let out = chip.hear(&write(&test));
        let answer = write(&[&[0xD5, 0x01, 0x00][..], &[0xA5; 256]].concat());
        assert_eq!(out, [Out::Bytes([&ACK[..], &answer].concat())]);
    }
}
