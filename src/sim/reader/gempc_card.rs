//! A contact chip card of the sandbox as it talks below PC/SC: commands of T=0 in, answers out. No reader and no line.
//!
//! Owns the selection of the application (EMV 4.3 book 1), its data, and the card's side of the dialogue (book 3):
//! GET PROCESSING OPTIONS, READ RECORD, GENERATE AC, EXTERNAL AUTHENTICATE, GET DATA. What a card decides is written
//! on it (`card::Mood`); its cryptograms are real (`gempc_keys`). It has no certificates, so no kernel can prove it
//! without the issuer (AIP 1C00). Numbers were never issued. It never talks to a host and never holds a PIN.

use super::card::{Card, Mood, packed};
use super::gempc_keys::Session;
use super::wire::tlv;

const OK: u16 = 0x9000;
const WRONG_LENGTH: u16 = 0x6700;
const CONDITIONS: u16 = 0x6985;
const BAD_DATA: u16 = 0x6A80;
const NOT_FOUND: u16 = 0x6A82;
const NO_RECORD: u16 = 0x6A83;
const BAD_PARAMETERS: u16 = 0x6A86;
const NO_DATA: u16 = 0x6A88;
const BAD_INSTRUCTION: u16 = 0x6D00;
const BAD_CLASS: u16 = 0x6E00;
/// EXTERNAL AUTHENTICATE: it was not the issuer.
const NOT_THE_ISSUER: u16 = 0x6300;

/// Answer to reset of T=0 as EMV book 1 wants it (TB1 and TC1 are zero), with seven letters of our own.
const ATR: &[u8] = b"\x3B\x67\0\0SHOUYIN";
const DIRECTORY: &[u8] = b"1PAY.SYS.DDF01";
const LABEL: &[u8] = b"UnionPay Debit";
/// Terminal data before processing options; 53 bytes of it.
const PDOL: &[u8] =
    b"\x9F\x66\x04\x9F\x02\x06\x9F\x03\x06\x9F\x1A\x02\x95\x05\x5F\x2A\x02\x9A\x03\x9C\x01\
\x9F\x37\x04\x9F\x4E\x14";
const PDOL_BYTES: usize = 53;
/// Terminal data of a cryptogram; 52 bytes of it, and two of the host's answer before it the second time.
const CDOL: &[u8] =
    b"\x9F\x02\x06\x9F\x03\x06\x9F\x1A\x02\x95\x05\x5F\x2A\x02\x9A\x03\x9C\x01\x9F\x37\x04\
\x9F\x21\x03\x9F\x4E\x14";
const CDOL_BYTES: usize = 52;
const HOST_BYTES: usize = 2;
/// Cardholder verification, terminal risk management and issuer authentication; no offline data authentication.
const AIP: [u8; 2] = [0x1C, 0x00];
/// One record in file 1.
const AFL: [u8; 4] = [0x08, 0x01, 0x01, 0x00];

const AAC: u8 = 0x00;
const TC: u8 = 0x40;
const ARQC: u8 = 0x80;

/// What is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    Directory,
    Application,
}

/// How far the transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Begun,
    /// The host is asked; the cryptogram that it must answer.
    Asked([u8; 8]),
    Ended,
}

/// Whether the host proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Issuer {
    NotTried,
    Proven,
    Failed,
}

/// A card that is in the slot.
#[derive(Debug)]
pub struct Chip {
    card: Card,
    counter: u16,
    /// The counter of the last transaction that ended online.
    online: u16,
    place: Place,
    stage: Stage,
    issuer: Issuer,
    /// What GET RESPONSE gives.
    waiting: Vec<u8>,
}

type Answered = Result<Vec<u8>, u16>;

impl Chip {
    /// A card whose counter goes on from a number.
    pub const fn new(card: Card, counter: u16) -> Self {
        Self {
            card,
            counter,
            online: 0,
            place: Place::Root,
            stage: Stage::Idle,
            issuer: Issuer::NotTried,
            waiting: Vec::new(),
        }
    }

    /// Transactions so far.
    pub const fn counter(&self) -> u16 {
        self.counter
    }

    /// Switches it on, or on again; returns its answer to reset.
    pub fn reset(&mut self) -> Vec<u8> {
        let (counter, online) = (self.counter, self.online);
        *self = Self::new(self.card, counter);
        self.online = online;
        ATR.to_vec()
    }

    /// Takes a command of T=0 and returns its answer. None: the card was torn away.
    pub fn command(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let [class, instruction, p1, p2, rest @ ..] = bytes else {
            return Some(status(WRONG_LENGTH));
        };
        let (length, data) = rest
            .split_first()
            .map_or((0, rest), |(p3, data)| (*p3, data));
        if *instruction == 0xC0 && *class == 0 {
            return Some(self.rest(length));
        }
        self.waiting.clear();
        // One byte more than P3 says is the length that the host would like; a card of T=0 never sees it.
        if !data.is_empty() && !(0..=1).contains(&data.len().wrapping_sub(usize::from(length))) {
            return Some(status(WRONG_LENGTH));
        }
        let data = &data[..data.len().min(usize::from(length))];
        let how = (*p1, *p2);
        let answered = match (*class, *instruction) {
            (0x00, 0xA4) => self.select(how, data),
            (0x00, 0xB2) => return Some(exactly(self.record(how), length)),
            (0x80, 0xCA) => return Some(exactly(self.data(how), length)),
            (0x80, 0xA8) => self.options(how, data),
            (0x80, 0xAE) => self.cryptogram(*p1, data)?,
            (0x00, 0x82) => self.authenticate(data),
            (0x00 | 0x80, _) => Err(BAD_INSTRUCTION),
            _ => Err(BAD_CLASS),
        };
        Some(match answered {
            Ok(body) if body.is_empty() => status(OK),
            Ok(body) => {
                self.waiting = body;
                status(0x6100 | self.waiting.len() as u16 & 0xFF)
            }
            Err(word) => status(word),
        })
    }

    /// GET RESPONSE.
    fn rest(&mut self, length: u8) -> Vec<u8> {
        let whole = self.waiting.len();
        if whole == 0 {
            return status(CONDITIONS);
        }
        let wanted = usize::from(length);
        if wanted == 0 || wanted > whole {
            return status(0x6C00 | whole as u16 & 0xFF);
        }
        let mut out: Vec<u8> = self.waiting.drain(..wanted).collect();
        let left = self.waiting.len() as u16;
        out.extend(status(if left == 0 { OK } else { 0x6100 | left & 0xFF }));
        out
    }

    fn select(&mut self, how: (u8, u8), name: &[u8]) -> Answered {
        if how != (4, 0) {
            return Err(if how.0 == 4 {
                NOT_FOUND
            } else {
                BAD_PARAMETERS
            });
        }
        if name == DIRECTORY {
            self.place = Place::Directory;
            let own = one(0x88, &[1]);
            return Ok(one(0x6F, &[one(0x84, DIRECTORY), one(0xA5, &own)].concat()));
        }
        // The beginning of a name will do (book 1, partial selection), from the provider's five bytes on.
        if name.len() < 5 || !self.card.aid.starts_with(name) {
            return Err(NOT_FOUND);
        }
        self.place = Place::Application;
        self.stage = Stage::Idle;
        self.issuer = Issuer::NotTried;
        let own = [
            one(0x50, LABEL),
            one(0x87, &[1]),
            one(0x9F38, PDOL),
            one(0x5F2D, b"zhen"),
        ];
        let whole = [one(0x84, &self.card.aid), one(0xA5, &own.concat())];
        Ok(one(0x6F, &whole.concat()))
    }

    fn options(&mut self, how: (u8, u8), data: &[u8]) -> Answered {
        if self.place != Place::Application || self.stage != Stage::Idle {
            return Err(CONDITIONS);
        }
        if how != (0, 0) {
            return Err(BAD_PARAMETERS);
        }
        let [0x83, length, rest @ ..] = data else {
            return Err(BAD_DATA);
        };
        if usize::from(*length) != PDOL_BYTES || rest.len() != PDOL_BYTES {
            return Err(BAD_DATA);
        }
        self.counter = self.counter.wrapping_add(1);
        self.stage = Stage::Begun;
        Ok(one(0x77, &[one(0x82, &AIP), one(0x94, &AFL)].concat()))
    }

    fn record(&self, (number, file): (u8, u8)) -> Answered {
        if file != 0x0C {
            return Err(NOT_FOUND);
        }
        match (self.place, number) {
            (Place::Directory, 1) => {
                let entry = [one(0x4F, &self.card.aid), one(0x50, LABEL), one(0x87, &[1])];
                Ok(one(0x70, &one(0x61, &entry.concat())))
            }
            (Place::Application, 1) if self.stage != Stage::Idle => Ok(self.application()),
            (Place::Application, 1) => Err(CONDITIONS),
            (Place::Directory | Place::Application, _) => Err(NO_RECORD),
            (Place::Root, _) => Err(NOT_FOUND),
        }
    }

    /// The application's one record.
    fn application(&self) -> Vec<u8> {
        let answer = b"\x8A\x02";
        let fields: [(u32, &[u8]); 14] = [
            (0x5A, &packed(self.card.pan)),
            (0x57, &self.card.track2()),
            // The last day of the month that is printed on the card.
            (0x5F24, &packed(&format!("{}31", self.card.expiry))),
            (0x5F25, b"\x20\x01\x01"),
            (0x5F28, b"\x01\x56"),
            (0x5F34, &[1]),
            (0x8C, CDOL),
            (0x8D, &[&answer[..], CDOL].concat()),
            // A signature where it can be taken, else nothing.
            (0x8E, b"\0\0\0\0\0\0\0\0\x1E\x03\x1F\0"),
            (0x9F07, b"\xFF\0"),
            (0x9F08, b"\0\x20"),
            (0x9F0D, b"\xD8\x60\x04\xA8\0"),
            (0x9F0E, b"\0\x10\x18\0\0"),
            (0x9F0F, b"\xD8\x68\x04\xF8\0"),
        ];
        let body = fields.map(|(tag, value)| one(tag, value)).concat();
        one(0x70, &body)
    }

    fn data(&self, (high, low): (u8, u8)) -> Answered {
        if self.place != Place::Application {
            return Err(CONDITIONS);
        }
        let tag = u32::from(high) << 8 | u32::from(low);
        match tag {
            0x9F36 => Ok(one(tag, &self.counter.to_be_bytes())),
            0x9F13 => Ok(one(tag, &self.online.to_be_bytes())),
            _ => Err(NO_DATA),
        }
    }

    fn session(&self) -> Session {
        Session::new(self.card.pan, self.counter)
    }

    /// EXTERNAL AUTHENTICATE: once a transaction.
    fn authenticate(&mut self, data: &[u8]) -> Answered {
        let (Stage::Asked(asked), Issuer::NotTried) = (self.stage, self.issuer) else {
            return Err(CONDITIONS);
        };
        let Some((proof, [a, b])) = data.split_at_checked(8) else {
            return Err(WRONG_LENGTH);
        };
        if self.session().answer(asked, [*a, *b])[..] == *proof {
            self.issuer = Issuer::Proven;
            return Ok(Vec::new());
        }
        self.issuer = Issuer::Failed;
        Err(NOT_THE_ISSUER)
    }

    /// GENERATE AC, the first or the second. None: torn away.
    fn cryptogram(&mut self, wanted: u8, data: &[u8]) -> Option<Answered> {
        let second = match self.stage {
            Stage::Begun => false,
            Stage::Asked(_) => true,
            Stage::Idle | Stage::Ended => return Some(Err(CONDITIONS)),
        };
        if !matches!(wanted, AAC | TC | ARQC) {
            return Some(Err(BAD_PARAMETERS));
        }
        if second && wanted == ARQC {
            // The host was asked already.
            return Some(Err(CONDITIONS));
        }
        let skipped = if second { HOST_BYTES } else { 0 };
        if data.len() != skipped + CDOL_BYTES {
            return Some(Err(WRONG_LENGTH));
        }
        if second && self.card.mood == Mood::Torn {
            return None;
        }
        let given = if second {
            self.last_word(wanted)
        } else {
            self.first_word(wanted)
        };
        let results = self.results(second, given);
        let mut signed = [0; 29];
        signed.copy_from_slice(&data[skipped..skipped + 29]);
        let proof = self.session().cryptogram(&signed, AIP);
        self.stage = if given == ARQC {
            Stage::Asked(proof)
        } else {
            Stage::Ended
        };
        if second {
            self.online = self.counter;
        }
        let mut body = vec![given];
        body.extend(self.counter.to_be_bytes());
        body.extend(proof);
        // Issuer application data: key and version, the card's results, and eleven bytes for the issuer's own use.
        body.extend([7, 1, 1, 3, results[0], results[1], results[2], 1]);
        body.extend([0x0A, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Some(Ok(one(0x80, &body)))
    }

    /// Before the host was asked. A card never gives more than it was asked for.
    fn first_word(&self, wanted: u8) -> u8 {
        match (self.card.mood, wanted) {
            (Mood::Declines, _) | (_, AAC) => AAC,
            (Mood::Offline, TC) => TC,
            _ => ARQC,
        }
    }

    /// After the host answered.
    fn last_word(&self, wanted: u8) -> u8 {
        let refuses = self.card.mood == Mood::Refuses || self.issuer == Issuer::Failed;
        if wanted == TC && !refuses { TC } else { AAC }
    }

    /// Card verification results, the part that says what was decided and whether the issuer was proven.
    fn results(&self, second: bool, given: u8) -> [u8; 3] {
        let words = match (second, given) {
            (false, kind) => 0x80 | kind >> 2,
            (true, kind) => kind | 0x20,
        };
        let issuer = if self.issuer == Issuer::Failed {
            0x08
        } else {
            0
        };
        [words | issuer, 0, 0]
    }
}

fn one(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    tlv(&mut out, tag, value);
    out
}

fn status(word: u16) -> Vec<u8> {
    word.to_be_bytes().to_vec()
}

/// Without data in, T=0 wants the right length; a card tells it.
fn exactly(answered: Answered, length: u8) -> Vec<u8> {
    match answered {
        Err(word) => status(word),
        Ok(body) if body.len() == usize::from(length) => [body, status(OK)].concat(),
        Ok(body) => status(0x6C00 | body.len() as u16 & 0xFF),
    }
}
