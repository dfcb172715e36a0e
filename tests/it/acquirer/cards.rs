//! The card host's adapter: what is sent, what is believed, when it signs in (docs/CARDS.md).
//!
//! Owns a host and a reader for these tests. The reader's MACs come out of a real conversation, because nothing else
//! can make one; its algorithm is the reader's own business, so a shorter one stands in for it.

mod closing;
mod host;
mod session;
#[cfg(feature = "live")]
mod sockets;
#[cfg(feature = "live")]
mod whole;

use std::collections::VecDeque;

use data_encoding::HEXUPPER;
use ring::hmac;
use shouyin::acquirer::iso::{Message, TPDU_TO_HOST, TPDU_TO_TERMINAL, frame, split_mac, unframe};
use shouyin::acquirer::{Acquirer, CardHost, CardKeys, Exchange, KeysError, Reply, SendError};
use shouyin::card::{KeyKind, MacStream, PinBlock, PresentedCard, WrappedKeys};
use shouyin::domain::{BatchNo, HostTradeNo, MerchantNo, OrderNo, TermNo, Tick, VoucherNo};
use shouyin::evidence::MacCode;
use shouyin::payment::{
    CardAsk, CardBusiness, CardOriginal, CardRequest, Presentment, Request, ReversalReason,
};
use shouyin::reader::event::{Ask, AskId, End, ReaderEvent};
use shouyin::reader::neo2::{
    CardTransaction, Conversation, Output, PinEnd, PinKey, PinRequest, Tapped, read_result,
};
use shouyin::settlement::{self, CardQuestion, CardSum, CardWhat};
use zeroize::Zeroizing;

use super::*;
use crate::reader::made::{self, Way};
use crate::reader::stories::greeting;
use crate::reader::wire::reply_bytes;

/// What both sides compute.
fn mac_of(key: &[u8], stream: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, stream).as_ref()[..8].to_vec()
}

/// A card reader behind a real conversation.
struct Device {
    talk: Conversation,
    at: u64,
    key: Vec<u8>,
}

impl Device {
    fn new() -> Self {
        let mut talk = Conversation::default();
        talk.line_up(Tick(0));
        for reply in greeting() {
            talk.hear(&reply, Tick(0));
        }
        let (at, key) = (0, Vec::new());
        Self { talk, at, key }
    }

    fn ask(&mut self, what: Ask) -> End {
        // Far enough from the last one for another PIN.
        self.at += 60_000;
        let at = Tick(self.at);
        let mut outputs = VecDeque::from(self.talk.ask(AskId(self.at), what, at));
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Send(bytes) => {
                    for reply in self.replies(&bytes) {
                        outputs.extend(self.talk.hear(&reply, at));
                    }
                }
                Output::Tell(ReaderEvent::Answer(answer)) => return answer.end,
                Output::Tell(_) => {}
                Output::Reopen(error) => panic!("{error}"),
            }
        }
        panic!("the reader gives no end")
    }

    fn replies(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let data = &bytes[14..bytes.len() - 2];
        let good = |data: &[u8]| reply_bytes(bytes[10], 0, data);
        match (bytes[10], bytes[11]) {
            (0x63, 0x03) => vec![good(b"")],
            (0x63, 0x06) => vec![good(&mac_of(&self.key, data))],
            (0x62, 0x01) => vec![good(b""), good(b"\x00ABABABABABABABAB")],
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Default)]
struct Desk {
    device: Option<Device>,
    has_keys: bool,
    /// The next so many MACs work, then the reader is gone.
    macs_left: Option<usize>,
    loads: usize,
    refuses_keys: bool,
}

/// The reader as the adapter sees it.
#[derive(Clone, Default)]
struct Reader(Arc<Mutex<Desk>>);

impl CardKeys for Reader {
    async fn mac(&self, stream: MacStream) -> Result<MacCode, KeysError> {
        tokio::task::yield_now().await;
        let mut desk = self.0.lock().unwrap();
        match &mut desk.macs_left {
            Some(0) => return Err(KeysError::Unavailable("gone".to_owned())),
            Some(left) => *left -= 1,
            None => {}
        }
        if !desk.has_keys {
            return Err(KeysError::Absent);
        }
        match desk.device.as_mut().unwrap().ask(Ask::Mac(stream)) {
            End::Mac(mac) => Ok(mac),
            end => panic!("{end:?}"),
        }
    }

    async fn load(&self, keys: WrappedKeys) -> Result<(), KeysError> {
        tokio::task::yield_now().await;
        let mut desk = self.0.lock().unwrap();
        if desk.refuses_keys {
            return Err(KeysError::Unavailable("refused".to_owned()));
        }
        desk.loads += 1;
        desk.has_keys = true;
        let device = desk.device.get_or_insert_with(Device::new);
        assert_eq!(device.ask(Ask::LoadKeys(keys.clone())), End::KeysLoaded);
        let mut keys = keys.into_keys().into_iter();
        let mac = keys.find(|key| key.kind == KeyKind::Mac).unwrap();
        device.key = mac.wrapped().to_vec();
        Ok(())
    }
}

type Change = Box<dyn Fn(&mut Message) + Send>;
type Tamper = Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send>;

/// A card host that approves everything, before `change` and `tamper` had their say.
#[derive(Default)]
struct Books {
    sign_ins: u8,
    mak: Vec<u8>,
    frames: Vec<Vec<u8>>,
    change: Option<Change>,
    tamper: Option<Tamper>,
    sign_in_code: Option<&'static str>,
    parameters: &'static str,
    line: Option<SendError>,
}

#[derive(Clone, Default)]
struct Host(Arc<Mutex<Books>>);

impl Books {
    fn answer(&mut self, came: &[u8]) -> Vec<u8> {
        let message = unframe(TPDU_TO_HOST, came).unwrap();
        let answer = if message[0] == 0x08 {
            self.about_session(&Message::decode(message).unwrap())
        } else {
            let (before, mac) = split_mac(message).unwrap();
            assert_eq!(mac, mac_of(&self.mak, HEXUPPER.encode(before).as_bytes()));
            let mut answer = approved(&Message::decode_before_mac(before).unwrap());
            if let Some(change) = &self.change {
                change(&mut answer);
            }
            self.sealed(&answer.before_mac())
        };
        let answer = frame(TPDU_TO_TERMINAL, &answer).unwrap().to_vec();
        match &self.tamper {
            Some(tamper) => tamper(answer),
            None => answer,
        }
    }

    fn sealed(&self, before: &[u8]) -> Vec<u8> {
        let mac = mac_of(&self.mak, HEXUPPER.encode(before).as_bytes());
        [before, &mac].concat()
    }

    fn about_session(&mut self, message: &Message) -> Vec<u8> {
        let mut answer = Message::new(message.kind() + 10);
        for field in [11, 41, 42, 60] {
            answer.set(field, message.field(field).unwrap()).unwrap();
        }
        answer.set(39, b"00").unwrap();
        match &message.text(60).unwrap()[8..] {
            "004" => self.sign_in(message),
            "002" => answer.encode().to_vec(),
            "394" => {
                answer.set(62, self.parameters.as_bytes()).unwrap();
                if let Some(change) = &self.change {
                    change(&mut answer);
                }
                self.sealed(&answer.before_mac())
            }
            other => panic!("{other}"),
        }
    }

    fn sign_in(&mut self, message: &Message) -> Vec<u8> {
        self.sign_ins += 1;
        let blob = [self.sign_ins; 60];
        self.mak = blob[20..36].to_vec();
        let mut answer = Message::new(810);
        for field in [11, 41, 42, 60] {
            answer.set(field, message.field(field).unwrap()).unwrap();
        }
        let code = self.sign_in_code.unwrap_or("00");
        for (field, value) in [(12, "131944"), (13, "0906"), (39, code)] {
            answer.set(field, value.as_bytes()).unwrap();
        }
        if code == "00" {
            answer.set(62, &blob).unwrap();
        }
        answer.encode().to_vec()
    }
}

fn approved(message: &Message) -> Message {
    let mut answer = Message::new(message.kind() + 10);
    for field in [3, 4, 11, 25, 41, 42, 49, 60, 63] {
        if let Some(value) = message.field(field) {
            answer.set(field, value).unwrap();
        }
    }
    if message.kind() == 500 {
        let told = [message.field(48).unwrap(), b"11"].concat();
        answer.set(48, &told).unwrap();
    }
    for (field, value) in [
        (12, "131944"),
        (13, "0906"),
        (37, "000000000321"),
        (39, "00"),
    ] {
        answer.set(field, value.as_bytes()).unwrap();
    }
    answer
}

impl Exchange for Host {
    async fn exchange(&self, frame: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, SendError> {
        tokio::task::yield_now().await;
        let mut books = self.0.lock().unwrap();
        books.frames.push(frame.to_vec());
        match books.line.clone() {
            Some(error) => Err(error),
            None => Ok(books.answer(&frame)),
        }
    }
}

/// Adapter, host and reader together.
struct Shop {
    host: Host,
    reader: Reader,
    cards: CardHost<Host, Reader>,
}

fn names() -> (TermNo, MerchantNo) {
    let term = TermNo::new("A1234567").unwrap();
    (term, MerchantNo::new(MERCHANT).unwrap())
}

impl Shop {
    fn open() -> Self {
        let (host, reader) = (Host::default(), Reader::default());
        let (term, merchant) = names();
        let cards = CardHost::new(&term, &merchant, host.clone(), reader.clone()).unwrap();
        Self {
            host,
            reader,
            cards,
        }
    }

    async fn ask(&self, what: CardAsk) -> Reply {
        self.cards.ask(request(what), NOW).await
    }

    async fn close(&self, trace: u32, what: CardWhat) -> Reply {
        let question = CardQuestion {
            settle_no: settle_no(),
            batch: BatchNo::new(42).unwrap(),
            trace: VoucherNo::new(trace).unwrap(),
            what,
        };
        let ask = Request::Settlement(Box::new(settlement::Ask::Cards(Box::new(question))));
        self.cards.ask(ask, NOW).await
    }

    fn change(&self, change: impl Fn(&mut Message) + Send + 'static) {
        self.host.0.lock().unwrap().change = Some(Box::new(change));
    }

    fn tamper(&self, tamper: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) {
        self.host.0.lock().unwrap().tamper = Some(Box::new(tamper));
    }

    fn sign_ins(&self) -> u8 {
        self.host.0.lock().unwrap().sign_ins
    }

    /// The types of the messages that left, e.g. `0800`.
    fn left(&self) -> Vec<String> {
        let books = self.host.0.lock().unwrap();
        let kind = |frame: &Vec<u8>| HEXUPPER.encode(&frame[13..15]);
        books.frames.iter().map(kind).collect()
    }
}

fn settle_no() -> OrderNo {
    OrderNo::new("A12345670001T00000001").unwrap()
}

fn totals() -> CardWhat {
    let charged = CardSum {
        count: 2,
        fen: 3_500,
    };
    let returned = CardSum { count: 1, fen: 700 };
    CardWhat::Totals { charged, returned }
}

fn request(what: CardAsk) -> Request {
    Request::Card(Box::new(CardRequest {
        order_no: order(),
        batch: BatchNo::new(42).unwrap(),
        trace: VoucherNo::new(7).unwrap(),
        amount: price(),
        what,
    }))
}

fn card(way: Way, pin: bool) -> PresentedCard {
    let result = made::online(price().minor(), way);
    let read = read_result(&result, price(), CardTransaction::Sale);
    let Ok(Tapped::Online(evidence)) = read else {
        panic!("{read:?}");
    };
    let pin = pin.then(typed);
    PresentedCard {
        evidence: *evidence,
        pin,
    }
}

fn typed() -> PinBlock {
    let (key, timeout_s) = (PinKey::Session, 60);
    match Device::new().ask(Ask::Pin(PinRequest { key, timeout_s })) {
        End::Pin(PinEnd::Entered(entry)) => entry.block,
        end => panic!("{end:?}"),
    }
}

fn sale() -> CardAsk {
    CardAsk::Sale(Box::new(card(Way::Tapped, false)))
}

/// A sale whose PIN was typed.
fn sale_with_pin() -> CardAsk {
    CardAsk::Sale(Box::new(card(Way::Contact, true)))
}

fn reversal(reason: ReversalReason) -> CardAsk {
    CardAsk::Reversal {
        business: CardBusiness::Sale,
        entry: Presentment::CardTapped,
        pin: false,
        sequence: None,
        reason,
    }
}

fn original() -> CardOriginal {
    CardOriginal {
        business: CardBusiness::Sale,
        auth: None,
        batch: BatchNo::new(41).unwrap(),
        trace: VoucherNo::new(5).unwrap(),
        trade_no: HostTradeNo::new("123456789012").ok(),
    }
}
