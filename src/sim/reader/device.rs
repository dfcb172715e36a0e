//! The simulated reader: commands and what people do in, frames out. No port and no clock.
//!
//! Owns the reader's state: activation, PIN entry, the card in the slot, keys, and faults that wait. Answers as the NEO
//! 2 guide says where it says so; docs/READERS.md lists what is inferred. The kernel is none: what a card decides is
//! written on it, and its cryptogram is the beginning of a SHA-256.

use sha2::{Digest, Sha256};

use super::card::{Card, Mood, packed};
use super::keys::{Dukpt, encipher, pin_block};
use super::script::{Act, Fault, KeyLife};
use super::session::{Refused, Session};
use super::wire::{Commands, Heard, event, find, reply, tlv};

/// One PIN in thirty seconds under a session key.
const PIN_PAUSE_MS: u64 = 30_000;
const STATUS_OK: u8 = 0x00;
const STATUS_CRC: u8 = 0x04;
const STATUS_TIME_OUT: u8 = 0x08;
const STATUS_FAILED: u8 = 0x0A;
const STATUS_NOT_ALLOWED: u8 = 0x0B;
const STATUS_EVENT: u8 = 0x0E;
const STATUS_TAMPERED: u8 = 0x1D;
const STATUS_ONLINE: u8 = 0x23;
const STATUS_ACCEPTED: u8 = 0x63;

/// What the device wants its line to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// Send these bytes at once.
    Bytes(Vec<u8>),
    /// Send them one by one, with pauses below the framing time-out.
    Drip(Vec<u8>),
    /// Pull the cable.
    Unplug,
    /// Put it back.
    Plug,
}

/// How a card meets the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tap,
    Insert,
    Swipe,
}

#[derive(Clone, Debug)]
struct Activation {
    until: u64,
    amount: Vec<u8>,
    currency: Vec<u8>,
    country: Vec<u8>,
    kind: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct PinWait {
    until: u64,
    session: bool,
}

/// The reader.
#[derive(Debug)]
pub struct Device {
    commands: Commands,
    activation: Option<Activation>,
    pin: Option<PinWait>,
    /// The card that is at the reader, and the last one that it read (for PINs).
    present: Option<(Card, Way)>,
    last: Option<Card>,
    /// A chip card that waits for the host's answer.
    asks_host: Option<Card>,
    faults: Vec<Fault>,
    late: Option<(Vec<u8>, bool)>,
    tampered: bool,
    data_key: KeyLife,
    pin_key: KeyLife,
    data: Dukpt,
    pins: Dukpt,
    session: Session,
    pin_allowed: u64,
    counter: u16,
    out: Vec<Out>,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            commands: Commands::default(),
            activation: None,
            pin: None,
            present: None,
            last: None,
            asks_host: None,
            faults: Vec::new(),
            late: None,
            tampered: false,
            data_key: KeyLife::Valid,
            pin_key: KeyLife::Valid,
            data: Dukpt::default(),
            pins: Dukpt::default(),
            session: Session::default(),
            pin_allowed: 0,
            counter: 0,
            out: Vec::new(),
        }
    }
}

impl Device {
    /// The host sent bytes.
    pub fn hear(&mut self, bytes: &[u8], now: u64) -> Vec<Out> {
        for heard in self.commands.push(bytes) {
            match heard {
                Heard::BadChecksum(command) => self.send(command, STATUS_CRC, &[]),
                Heard::Command(command, _, _) if self.tampered => {
                    self.send(command, STATUS_TAMPERED, &[]);
                }
                Heard::Command(command, sub, data) => self.command((command, sub), &data, now),
            }
        }
        self.take()
    }

    /// Somebody did something.
    pub fn act(&mut self, act: Act, now: u64) -> Vec<Out> {
        match act {
            Act::Tap(card) => self.present = Some((card, Way::Tap)),
            Act::Insert(card) => self.present = Some((card, Way::Insert)),
            Act::Swipe(card) => self.present = Some((card, Way::Swipe)),
            Act::Pull => self.present = None,
            Act::Pin(digits) => self.typed(&digits),
            Act::PinCancel => {
                if self.pin.take().is_some() {
                    self.result(0x62, STATUS_OK, &[1]);
                }
            }
            Act::Fault(fault) => self.faults.push(fault),
            Act::Tamper => self.tampered = true,
            Act::Repair => self.tampered = false,
            Act::DataKey(life) => self.data_key = life,
            Act::PinKey(life) => self.pin_key = life,
            Act::Unplug => self.out.push(Out::Unplug),
            Act::Plug => self.out.push(Out::Plug),
            // Of a PIN pad only.
            Act::Type(_) | Act::Blank => {}
        }
        self.meet();
        self.tick(now)
    }

    /// Time passed.
    pub fn tick(&mut self, now: u64) -> Vec<Out> {
        if self
            .activation
            .as_ref()
            .is_some_and(|activation| now >= activation.until)
        {
            self.activation = None;
            self.send(0x02, STATUS_TIME_OUT, &[]);
        }
        if self.pin.is_some_and(|pin| now >= pin.until) {
            self.pin = None;
            self.send(0x62, STATUS_TIME_OUT, &[]);
        }
        self.take()
    }

    /// When [`Self::tick`] has something to do.
    pub fn due(&self) -> Option<u64> {
        let activation = self.activation.as_ref().map(|activation| activation.until);
        activation
            .into_iter()
            .chain(self.pin.map(|pin| pin.until))
            .min()
    }

    fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    fn send(&mut self, command: u8, status: u8, data: &[u8]) {
        self.out.push(Out::Bytes(reply(command, status, data)));
    }

    /// Sends a result of a card or a PIN, spoilt by the fault that waits.
    fn result(&mut self, command: u8, status: u8, data: &[u8]) {
        let mut frame = reply(command, status, data);
        let fault = (!self.faults.is_empty()).then(|| self.faults.remove(0));
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
                let noise = (0_u32..257).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
                self.out.push(Out::Bytes(noise.chain(frame).collect()));
            }
            Some(Fault::Silence) => {}
            Some(Fault::Twice) => self.out.push(Out::Bytes([&frame[..], &frame].concat())),
            Some(Fault::Drip) => self.out.push(Out::Drip(frame)),
            Some(Fault::LongLength) => {
                frame[12] = frame[12].wrapping_add(2);
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

    fn command(&mut self, code: (u8, u8), data: &[u8], now: u64) {
        if self.pin.is_some() && code != (0x62, 0x00) {
            return self.send(code.0, STATUS_FAILED, &[]);
        }
        // Any command but its cancel is taken for one.
        if self.activation.take().is_some() && code != (0x05, 0x01) {
            self.asks_host = None;
        }
        match code {
            (0x05, 0x01) => {
                self.asks_host = None;
                let late = self.late.take();
                match late {
                    Some((frame, true)) => {
                        self.out.push(Out::Bytes(frame));
                        self.send(0x05, STATUS_OK, &[]);
                    }
                    Some((frame, false)) => {
                        self.send(0x05, STATUS_OK, &[]);
                        self.out.push(Out::Bytes(frame));
                    }
                    None => self.send(0x05, STATUS_OK, &[]),
                }
            }
            (0x18, 0x01) => self.send(0x18, STATUS_OK, &[]),
            (0x29, 0x00) => self.send(0x29, STATUS_OK, b"Sandbox NEO 2 reader 1.0"),
            (0x81, 0x04) => self.check_key(),
            (0x81, 0x0B) => self.serial_number(data),
            (0x02, 0x40) => self.activate(data, now),
            (0x60, 0x12) => self.host_answer(data),
            (0x62, 0x00) => {
                self.pin = None;
                self.send(0x62, STATUS_OK, &[]);
            }
            (0x62, 0x01) => self.ask_pin(data, now),
            (0x63, 0x03) => {
                let loaded = self.session.load(data);
                self.told(0x63, loaded.map(|()| Vec::new()));
            }
            (0x63, 0x06) => {
                let mac = self.session.mac(data);
                self.told(0x63, mac.map(Vec::from));
            }
            (command, _) => self.send(command, 0x02, &[]),
        }
    }

    fn check_key(&mut self) {
        match self.data_key {
            KeyLife::Absent => self.send(0x81, STATUS_OK, &[0]),
            KeyLife::Valid | KeyLife::UsedUp => self.send(0x81, STATUS_OK, b"\x01D0TE00"),
        }
    }

    fn serial_number(&mut self, data: &[u8]) {
        let (life, ksn) = match data.first() {
            Some(1) => (self.pin_key, self.pins.ksn()),
            Some(2) => (self.data_key, self.data.ksn()),
            _ => return self.send(0x81, STATUS_OK, &[0xFF, 0]),
        };
        match life {
            KeyLife::Absent => self.send(0x81, STATUS_OK, &[0, 0]),
            KeyLife::UsedUp => self.send(0x81, STATUS_OK, &[2, 0]),
            KeyLife::Valid => self.send(0x81, STATUS_OK, &[&[1, 10][..], &ksn].concat()),
        }
    }

    fn activate(&mut self, data: &[u8], now: u64) {
        let Some((seconds, tlvs)) = data.split_first() else {
            return self.send(0x02, 0x05, &[]);
        };
        // The reader's own clock is used: its date must not be set.
        let field = |tag, length| find(tlvs, tag).filter(|value| value.len() == length);
        let parts = (
            field(0x9F02, 6),
            field(0x5F2A, 2),
            field(0x9F1A, 2),
            field(0x9C, 1),
        );
        let (Some(amount), Some(currency), Some(country), Some(kind)) = parts else {
            return self.send(0x02, 0x05, &[]);
        };
        if *seconds == 0 || find(tlvs, 0x9A).is_some() || find(tlvs, 0x9F21).is_some() {
            return self.send(0x02, 0x05, &[]);
        }
        self.asks_host = None;
        self.activation = Some(Activation {
            until: now + u64::from(*seconds) * 1_000,
            amount,
            currency,
            country,
            kind,
        });
        self.out.push(Out::Bytes(event(&[3, 3, 0, 0])));
        self.meet();
    }

    /// A card is at a reader that waits for one.
    fn meet(&mut self) {
        let Some((card, way)) = self.present else {
            return;
        };
        let Some(activation) = self.activation.take() else {
            return;
        };
        if way != Way::Insert {
            self.present = None;
        }
        self.send(0x02, STATUS_EVENT, &[1]);
        self.last = Some(card);
        if way == Way::Swipe {
            // Attribution: swipe, enciphered; the block itself is only ever a fixed pattern here.
            let mut data = vec![0x88];
            tlv(&mut data, 0x00DF_EE23, &[0xA5; 40]);
            tlv(&mut data, 0x9F39, &[0x80]);
            return self.result(0x02, STATUS_OK, &data);
        }
        let error = match card.mood {
            Mood::Expired => Some(0x26),
            Mood::Torn if way == Way::Tap => Some(0x73),
            Mood::Good | Mood::Refuses | Mood::Declines | Mood::Offline | Mood::Torn => None,
        };
        if let Some(code) = error {
            let mut data = vec![if way == Way::Tap { 0x41 } else { 0x40 }];
            tlv(&mut data, 0x00FF_EE1F, &[code, 0, 0, 0]);
            return self.result(0x02, STATUS_FAILED, &data);
        }
        let data = self.card_data(card, way, activation);
        if way == Way::Insert && matches!(card.mood, Mood::Good | Mood::Refuses | Mood::Torn) {
            self.asks_host = Some(card);
        }
        let status = match card.mood {
            Mood::Declines | Mood::Offline => STATUS_OK,
            Mood::Good | Mood::Refuses | Mood::Torn | Mood::Expired => STATUS_ONLINE,
        };
        self.result(0x02, status, &data);
    }

    fn card_data(&mut self, card: Card, way: Way, activation: Activation) -> Vec<u8> {
        self.counter += 1;
        self.data.next();
        let key = self.data.data_key();
        let fault = self.faults.first().copied();
        let sealed = |value: &[u8]| match fault {
            Some(Fault::Clear) => value.to_vec(),
            _ => encipher(&key, value),
        };
        let mut amount = activation.amount.clone();
        if fault == Some(Fault::OtherAmount) {
            amount[5] ^= 1;
        }
        let counter = self.counter.to_be_bytes();
        let unpredictable = &Sha256::digest(counter)[..4];
        let cryptogram = Sha256::digest([card.pan.as_bytes(), &counter, &amount].concat());
        let information = match card.mood {
            Mood::Declines => 0x00,
            Mood::Offline => 0x40,
            Mood::Good | Mood::Refuses | Mood::Torn | Mood::Expired => 0x80,
        };
        let tap = way == Way::Tap;
        let mut data = vec![if tap { 0x41 } else { 0x40 }];
        tlv(&mut data, 0x00DF_EE12, &self.data.ksn());
        if !tap && information == 0x80 {
            tlv(&mut data, 0x00DF_EE25, &[0, 4]);
        }
        for (tag, value) in [
            (0x9F02, &amount[..]),
            (0x9F03, &[0; 6]),
            (0x5F2A, &activation.currency),
            (0x9F1A, &activation.country),
            (0x9C, &activation.kind),
            (0x9F26, &cryptogram[..8]),
            (0x9F27, &[information]),
            (
                0x9F10,
                b"\x07\x01\x01\x03\xA0\x20\0\0\x01\x0A\x01\0\0\0\0\0",
            ),
            (0x9F37, unpredictable),
            (0x9F36, &counter),
            (0x95, if tap { &[0; 5] } else { b"\0\0\x04\x80\0" }),
            (0x9A, b"\x26\x11\x26"),
            (0x82, b"\x7C\0"),
            (0x9F33, b"\xE0\xF9\xC8"),
            (0x84, &card.aid),
            (0x5F34, &[1]),
            (0x9F39, &[if tap { 7 } else { 5 }]),
            (0xDF52, &[if tap { card.cvm } else { 2 }]),
            (0x00DF_EF5B, &card.masked()),
            (0x57, &sealed(&card.track2())),
        ] {
            tlv(&mut data, tag, value);
        }
        if !tap {
            tlv(&mut data, 0x5A, &sealed(&packed(card.pan)));
        }
        data
    }

    /// UNVERIFIED layout: TLVs in, attribution and TLVs out.
    fn host_answer(&mut self, data: &[u8]) {
        let Some(card) = self.asks_host.take() else {
            return self.send(0x60, STATUS_NOT_ALLOWED, &[]);
        };
        self.send(0x60, STATUS_ACCEPTED, &[]);
        let mut out = vec![0x40];
        if self.present.is_none() {
            tlv(&mut out, 0x00FF_EE1F, &[0x30, 0, 0, 0]);
            return self.result(0x60, STATUS_FAILED, &out);
        }
        let approved = find(data, 0x8A).as_deref() == Some(b"00") && card.mood != Mood::Refuses;
        let cryptogram = Sha256::digest([card.pan.as_bytes(), &[u8::from(approved)]].concat());
        tlv(&mut out, 0x9F26, &cryptogram[..8]);
        tlv(&mut out, 0x9F27, &[if approved { 0x40 } else { 0 }]);
        tlv(&mut out, 0x9F36, &self.counter.to_be_bytes());
        self.result(0x60, STATUS_OK, &out);
    }

    fn ask_pin(&mut self, data: &[u8], now: u64) {
        let [kind, 0, _, _, seconds] = data else {
            return self.send(0x62, 0x05, &[]);
        };
        let session = match kind {
            0 if now < self.pin_allowed => return self.send(0x62, STATUS_NOT_ALLOWED, &[]),
            0 => {
                self.pin_allowed = now + PIN_PAUSE_MS;
                true
            }
            1 => false,
            _ => return self.send(0x62, 0x05, &[]),
        };
        self.send(0x62, STATUS_OK, &[]);
        let missing = match (session, self.pin_key) {
            (true, _) if self.session.pin.is_none() => Some(5),
            (false, KeyLife::Absent) => Some(5),
            (false, KeyLife::UsedUp) => Some(6),
            (true | false, _) if self.last.is_none() => Some(4),
            (true, _) | (false, KeyLife::Valid) => None,
        };
        if let Some(state) = missing {
            return self.result(0x62, STATUS_OK, &[state]);
        }
        self.pin = Some(PinWait {
            until: now + u64::from(*seconds) * 1_000,
            session,
        });
    }

    fn typed(&mut self, digits: &str) {
        let (Some(wait), Some(card)) = (self.pin.take(), self.last) else {
            return;
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
        let text = match (wait.session, self.session.pin) {
            (true, Some(key)) => hex(&pin_block(&key, digits, card.pan)),
            (true, None) => String::new(),
            (false, _) => {
                self.pins.next();
                let block = pin_block(&self.pins.pin_key(), digits, card.pan);
                format!("{}{}", hex(&self.pins.ksn()), hex(&block))
            }
        };
        self.result(0x62, STATUS_OK, &[&[0], text.as_bytes()].concat());
    }

    /// Replies with data, or with the status of a refusal.
    fn told(&mut self, command: u8, what: Result<Vec<u8>, Refused>) {
        match what {
            Ok(data) => self.send(command, STATUS_OK, &data),
            Err(status) => self.send(command, status, &[]),
        }
    }
}
