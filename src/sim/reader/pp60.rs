//! The simulated PIN pad of the NL-PP60 kind: commands and what people do in, frames out. No port and no clock.
//!
//! Owns the pad's state: directory, rights, the random number that waits, a person who types, faults that wait. Answers
//! as the NL-PP60 user manual says where it says so; docs/READERS.md lists what is inferred and what is ours. Asks for
//! PINs with digits of the card number from the host, as the real one does: that is why the terminal's driver cannot
//! use this command, and why hosts of other people can.

mod keys;
mod wire;

use sha2::{Digest, Sha256};

use self::keys::{
    Error, Key, MODE_AUTH, MODE_MAC_FIXED, MODE_MAC_MASTER, MODE_PIN_FIXED, MODE_PIN_MASTER, Store,
    Work, auth_code, mac,
};
use self::wire::{Commands, Heard, refusal, reply};
use super::device::Out;
use super::keys::pin_block;
use super::script::{Act, Fault, KeyLife};

/// How long somebody may type (S).
const TYPING_MS: u64 = 60_000;
const AUTH_BYTES: usize = 8;
const MAC_BYTES_MAX: usize = 240;

const LENGTH: Error = 0x01;
const BAD_AUTH: Error = 0x08;
const LOCKED: Error = 0x0B;
const BAD_EDC: Error = 0x0D;
const DIRECTORY: Error = 0x31;
const MASTER_KEY: Error = 0x51;
const ABSENT: Error = 0x61;
const MODE: Error = 0x62;
const BIT_4: Error = 0x65;
const NOT_CHOSEN: Error = 0x71;
const PIN_MODE: Error = 0x72;
const PIN_LENGTH: Error = 0x74;
const TYPED_LATE: Error = 0x76;
const CANCELLED: Error = 0x77;
const MAC_MODE: Error = 0x81;
const NO_BLOCKS: Error = 0x82;
const DES_BROKEN: Error = 0x92;
const UID_SET: Error = 0xE1;
const OTHER: Error = 0xFF;

/// What is told when a command is done; nothing yet when somebody has to type.
type Done = Result<Option<Vec<u8>>, Error>;

/// Somebody is to type.
#[derive(Clone, Debug)]
struct Typing {
    until: u64,
    what: Typed,
}

#[derive(Clone, Debug)]
enum Typed {
    Pin {
        shortest: usize,
        longest: usize,
        card: String,
    },
    Part {
        slot: (u8, u8),
        random: Option<[u8; 8]>,
    },
}

/// The parts of a key that were typed until now.
#[derive(Clone, Debug)]
struct Parts {
    slot: (u8, u8),
    count: u8,
    sum: Key,
}

/// The pad.
#[derive(Debug)]
pub struct Pad {
    commands: Commands,
    store: Store,
    directory: u8,
    /// Waits for the next authentication code.
    random: Option<[u8; 8]>,
    told: u64,
    /// The key of PINs: work or fixed, and its number.
    chosen: Option<(u8, u8)>,
    typing: Option<Typing>,
    parts: Option<Parts>,
    tampered: bool,
    faults: Vec<Fault>,
    late: Option<(Vec<u8>, bool)>,
    out: Vec<Out>,
}

impl Default for Pad {
    fn default() -> Self {
        Self {
            commands: Commands::default(),
            store: Store::prepared(),
            directory: 0,
            random: None,
            told: 0,
            chosen: None,
            typing: None,
            parts: None,
            tampered: false,
            faults: Vec::new(),
            late: None,
            out: Vec::new(),
        }
    }
}

impl Pad {
    /// The cable is back: keys are kept, rights are not.
    pub fn power_up(&mut self) {
        self.commands = Commands::default();
        self.reset();
        self.late = None;
    }

    /// The host sent bytes.
    pub fn hear(&mut self, bytes: &[u8], now: u64) -> Vec<Out> {
        for heard in self.commands.push(bytes, now) {
            match heard {
                Heard::BadEdc(command) => self.send(&refusal(command, BAD_EDC)),
                Heard::Command(command, data) => self.command(command, &data, now),
            }
        }
        self.take()
    }

    /// Somebody did something. What cannot be done at a pad is refused before (`line`).
    pub fn act(&mut self, act: Act, now: u64) -> Vec<Out> {
        match act {
            Act::Pin(digits) => self.typed_pin(&digits),
            Act::PinCancel => {
                if let Some(typing) = self.typing.take() {
                    self.send(&refusal(typing.what.command(), CANCELLED));
                }
            }
            Act::Type(part) => self.typed_part(part),
            Act::Blank => {
                *self = Self {
                    store: Store::blank(),
                    ..Self::default()
                }
            }
            Act::Fault(fault) => self.faults.push(fault),
            Act::Tamper => self.tampered = true,
            Act::Repair => self.tampered = false,
            Act::PinKey(KeyLife::Absent | KeyLife::UsedUp) => self.store.forget(Work::Pin),
            Act::DataKey(KeyLife::Absent | KeyLife::UsedUp) => self.store.forget(Work::Mac),
            Act::Unplug => self.out.push(Out::Unplug),
            Act::Plug => self.out.push(Out::Plug),
            Act::Tap(_)
            | Act::Insert(_)
            | Act::Swipe(_)
            | Act::Pull
            | Act::PinKey(KeyLife::Valid)
            | Act::DataKey(KeyLife::Valid) => {}
        }
        self.tick(now)
    }

    /// Time passed.
    pub fn tick(&mut self, now: u64) -> Vec<Out> {
        if let Some(typing) = self.typing.take_if(|typing| now >= typing.until) {
            self.send(&refusal(typing.what.command(), TYPED_LATE));
        }
        self.take()
    }

    /// When [`Self::tick`] has something to do.
    pub fn due(&self) -> Option<u64> {
        self.typing.as_ref().map(|typing| typing.until)
    }

    fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// Sends a frame, spoilt by the fault that waits, and around it one that is late.
    fn send(&mut self, frame: &[u8]) {
        let late = self.late.take();
        if let Some((late, true)) = &late {
            self.out.push(Out::Bytes(late.clone()));
        }
        self.spoil(frame.to_vec());
        if let Some((late, false)) = late {
            self.out.push(Out::Bytes(late));
        }
    }

    fn spoil(&mut self, mut frame: Vec<u8>) {
        // A broken cipher spoils no frame; it waits for a command that needs one.
        let first = self.faults.iter().position(|fault| *fault != Fault::Des);
        let fault = first.map(|first| self.faults.remove(first));
        let end = frame.len();
        match fault {
            None | Some(Fault::Clear | Fault::OtherAmount | Fault::Des) => {
                self.out.push(Out::Bytes(frame));
            }
            Some(Fault::BadCrc) => {
                frame[end - 1] ^= 0x55;
                self.out.push(Out::Bytes(frame));
            }
            Some(Fault::Half) => self.out.push(Out::Bytes(frame[..end / 2].to_vec())),
            Some(Fault::Noise) => {
                // No refusal's and no reply's first byte, so that it is noise and nothing else.
                let noise = (0..40).map(|n| 0x60 | (n & 0x0F));
                self.out.push(Out::Bytes(noise.chain(frame).collect()));
            }
            Some(Fault::Silence) => {}
            Some(Fault::Twice) => self.out.push(Out::Bytes([&frame[..], &frame].concat())),
            Some(Fault::Drip) => self.out.push(Out::Drip(frame)),
            Some(Fault::LongLength) => {
                frame[1] = frame[1].wrapping_add(9);
                self.out.push(Out::Bytes(frame));
            }
            Some(Fault::Late) => self.late = Some((frame, false)),
            Some(Fault::LateFirst) => self.late = Some((frame, true)),
            Some(Fault::Unplug) => {
                self.out.push(Out::Bytes(frame[..end / 2].to_vec()));
                self.out.push(Out::Unplug);
            }
        }
    }

    fn reset(&mut self) {
        self.directory = 0;
        self.random = None;
        self.chosen = None;
        self.typing = None;
        self.parts = None;
    }

    fn command(&mut self, command: u8, data: &[u8], now: u64) {
        let done = match command {
            wire::RESET if data.is_empty() => {
                self.reset();
                Ok(Some(Vec::new()))
            }
            // Somebody types: only a reset is taken (S).
            _ if self.typing.is_some() => Err(OTHER),
            wire::RANDOM if data.is_empty() => Ok(Some(self.next_random().to_vec())),
            wire::RESET | wire::RANDOM => Err(LENGTH),
            wire::DIRECTORY => self.go_to(data),
            wire::SET_UID => self.set_uid(data),
            // From here on everything is what the manual calls sensitive.
            _ if self.tampered || self.store.uid.is_none() => Err(LOCKED),
            _ if self.is_cipher_broken() => Err(DES_BROKEN),
            wire::MASTER_KEY => self.master_key(data, now),
            wire::WORK_KEY => self.work_key(data),
            wire::CHOOSE => self.choose(data),
            wire::PIN => self.ask_pin(data, now),
            _ => self.mac(data),
        };
        match done {
            Ok(Some(data)) => self.send(&reply(command, &data)),
            Ok(None) => {}
            Err(error) => self.send(&refusal(command, error)),
        }
    }

    fn is_cipher_broken(&mut self) -> bool {
        let first = self.faults.iter().position(|fault| *fault == Fault::Des);
        first.map(|first| self.faults.remove(first)).is_some()
    }

    /// Nothing random: the beginning of a hash, so that every run is alike.
    fn next_random(&mut self) -> [u8; 8] {
        self.told += 1;
        let hash = Sha256::digest(self.told.to_be_bytes());
        let mut random = [0; 8];
        random.copy_from_slice(&hash[..8]);
        self.random = Some(random);
        random
    }

    fn go_to(&mut self, data: &[u8]) -> Done {
        let [number] = data else {
            return Err(LENGTH);
        };
        if *number > 4 {
            return Err(DIRECTORY);
        }
        self.reset();
        self.directory = *number;
        Ok(Some(Vec::new()))
    }

    fn set_uid(&mut self, data: &[u8]) -> Done {
        let uid = data.try_into().map_err(|_| LENGTH)?;
        if self.store.uid.is_some() {
            return Err(UID_SET);
        }
        self.store.uid = Some(uid);
        Ok(Some(Vec::new()))
    }

    /// Splits off a right authentication code. The random number is used up, whatever comes out.
    fn opened<'a>(&mut self, number: u8, data: &'a [u8]) -> Result<(&'a [u8], [u8; 8]), Error> {
        let (data, code) = data.split_last_chunk::<AUTH_BYTES>().ok_or(LENGTH)?;
        let random = self.random.take().ok_or(BAD_AUTH)?;
        let expected = self.code(number, data, random).ok_or(BAD_AUTH)?;
        if *code != expected {
            return Err(BAD_AUTH);
        }
        Ok((data, random))
    }

    fn code(&self, number: u8, data: &[u8], random: [u8; 8]) -> Option<[u8; 8]> {
        let key = self.store.loaded(self.directory, (MODE_AUTH, number))?;
        Some(auth_code(&key, data, random, &self.store.uid?))
    }

    /// Appends the pad's own code to what it tells.
    fn proved(&self, number: u8, mut told: Vec<u8>, random: [u8; 8]) -> Done {
        let code = self.code(number, &told, random).ok_or(BAD_AUTH)?;
        told.extend(code);
        Ok(Some(told))
    }

    fn master_key(&mut self, data: &[u8], now: u64) -> Done {
        let [number, mode, part, ..] = *data else {
            return Err(LENGTH);
        };
        let is_auth = mode == MODE_AUTH;
        if data.len() != 3 + if is_auth { 0 } else { AUTH_BYTES } {
            return Err(LENGTH);
        }
        let random = if is_auth {
            None
        } else {
            Some(self.opened(1, data)?.1)
        };
        let known = [
            MODE_MAC_MASTER,
            MODE_PIN_MASTER,
            MODE_MAC_FIXED,
            MODE_PIN_FIXED,
        ];
        if !(is_auth && number < 4 || known.contains(&mode)) {
            return Err(MASTER_KEY);
        }
        // The root directory has its own authentication key and nothing else.
        let root = is_auth && number == 0;
        if root != (self.directory == 0) {
            return Err(DIRECTORY);
        }
        let slot = (mode, number);
        let follows = match &self.parts {
            Some(parts) if parts.slot == slot => parts.count + 1,
            Some(_) | None => 1,
        };
        if part == 1 {
            let sum = [0; 16];
            self.parts = Some(Parts {
                slot,
                count: 0,
                sum,
            });
        } else if part != follows {
            self.parts = None;
            return Err(OTHER);
        }
        self.typing = Some(Typing {
            until: now + TYPING_MS,
            what: Typed::Part { slot, random },
        });
        Ok(None)
    }

    fn typed_part(&mut self, part: Key) {
        let waits = |typing: &mut Typing| matches!(typing.what, Typed::Part { .. });
        let Some(Typing {
            what: Typed::Part { slot, random },
            ..
        }) = self.typing.take_if(waits)
        else {
            return;
        };
        if let Some(parts) = &mut self.parts {
            parts.count += 1;
            parts.sum = std::array::from_fn(|index| parts.sum[index] ^ part[index]);
            if parts.count == 3 {
                self.store.load(self.directory, slot, parts.sum);
                self.parts = None;
            }
        }
        // Without a random number there was no code, and there is none in the reply.
        let told = match random {
            Some(random) => self.proved(1, Vec::new(), random),
            None => Ok(Some(Vec::new())),
        };
        match told {
            Ok(data) => self.send(&reply(wire::MASTER_KEY, &data.unwrap_or_default())),
            Err(error) => self.send(&refusal(wire::MASTER_KEY, error)),
        }
    }

    fn work_key(&mut self, data: &[u8]) -> Done {
        if data.len() != 0x1D {
            return Err(LENGTH);
        }
        let (data, random) = self.opened(3, data)?;
        let [master, slot, mode, wrapped @ .., high, low] = data else {
            return Err(LENGTH);
        };
        let what = match mode & 0x83 {
            0x81 => Work::Mac,
            0x82 => Work::Pin,
            _ => return Err(MODE),
        };
        if mode & 0x10 == 0 {
            return Err(BIT_4);
        }
        let uses = u16::from_be_bytes([*high, *low]);
        let numbers = (*master, *slot);
        self.store
            .distribute(self.directory, what, numbers, wrapped, uses)?;
        self.proved(3, Vec::new(), random)
    }

    fn choose(&mut self, data: &[u8]) -> Done {
        if data.len() != 0x0C {
            return Err(LENGTH);
        }
        let (data, random) = self.opened(2, data)?;
        let (slot, mode) = (data[0], data[1]);
        let there = match mode {
            0x81 => self.store.has(self.directory, Work::Pin, slot),
            MODE_PIN_FIXED => self.store.loaded(self.directory, (mode, slot)).is_some(),
            // There is never a DUKPT key (S).
            0x86 => false,
            _ => return Err(PIN_MODE),
        };
        if !there {
            return Err(ABSENT);
        }
        self.chosen = Some((mode, slot));
        self.proved(2, Vec::new(), random)
    }

    fn ask_pin(&mut self, data: &[u8], now: u64) -> Done {
        let [shortest, longest, card @ ..] = data else {
            return Err(LENGTH);
        };
        if card.len() != 16 {
            return Err(LENGTH);
        }
        if self.chosen.is_none() {
            return Err(NOT_CHOSEN);
        }
        if !(4..=12).contains(shortest) || !(*shortest..=12).contains(longest) {
            return Err(PIN_LENGTH);
        }
        let card = String::from_utf8(card.to_vec()).map_err(|_| OTHER)?;
        if !card.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(OTHER);
        }
        self.typing = Some(Typing {
            until: now + TYPING_MS,
            what: Typed::Pin {
                shortest: usize::from(*shortest),
                longest: usize::from(*longest),
                card,
            },
        });
        Ok(None)
    }

    /// Takes digits when a PIN is waited for; too few or too many are not taken, and the pad goes on waiting (S).
    fn typed_pin(&mut self, digits: &str) {
        let fits = |typing: &mut Typing| match typing.what {
            Typed::Pin {
                shortest, longest, ..
            } => (shortest..=longest).contains(&digits.len()),
            Typed::Part { .. } => false,
        };
        let Some(Typing {
            what: Typed::Pin { card, .. },
            ..
        }) = self.typing.take_if(fits)
        else {
            return;
        };
        let key = match self.chosen {
            Some((0x81, slot)) => self.store.take(self.directory, Work::Pin, slot),
            Some(slot) => self.store.loaded(self.directory, slot).ok_or(ABSENT),
            None => Err(NOT_CHOSEN),
        };
        match key {
            // The block leaves out a check digit; the host already did (I).
            Ok(key) => {
                let block = pin_block(&key, digits, &format!("{card}0"));
                self.send(&reply(wire::PIN, &block));
            }
            Err(error) => self.send(&refusal(wire::PIN, error)),
        }
    }

    fn mac(&mut self, data: &[u8]) -> Done {
        // Number, mode, at least one block, code.
        if !(2 + 8 + AUTH_BYTES..=2 + MAC_BYTES_MAX + AUTH_BYTES).contains(&data.len()) {
            return Err(LENGTH);
        }
        let (data, random) = self.opened(2, data)?;
        let (slot, mode, text) = (data[0], data[1], &data[2..]);
        if mode & 0x80 == 0 {
            return Err(MAC_MODE);
        }
        if !matches!(mode, 0x82 | MODE_MAC_FIXED | 0x86) {
            return Err(MODE);
        }
        if !text.len().is_multiple_of(8) {
            return Err(NO_BLOCKS);
        }
        let key = match mode {
            0x82 => self.store.take(self.directory, Work::Mac, slot)?,
            _ => self
                .store
                .loaded(self.directory, (mode, slot))
                .ok_or(ABSENT)?,
        };
        self.proved(2, mac(&key, text).to_vec(), random)
    }
}

impl Typed {
    /// The command that waits for it.
    const fn command(&self) -> u8 {
        match self {
            Self::Pin { .. } => wire::PIN,
            Self::Part { .. } => wire::MASTER_KEY,
        }
    }
}
