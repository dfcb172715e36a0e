//! Our conversation and the sandbox's reader, byte for byte, in virtual time: every card and every fault of the script.

use shouyin::card::{CardEntry, Cvm, WrappedKeys};
use shouyin::domain::{Money, Tick};
use shouyin::reader::event::{
    Answer, Ask, AskId, End, ReaderError, ReaderEvent, Silence, TapRequest,
};
use shouyin::reader::neo2::{
    CardDecision, CardProblem, CardTransaction, Conversation, HostAnswer, Output, PinEnd, PinKey,
    PinProblem, PinRequest, Tapped,
};
use shouyin::sim::reader::{Act, CARDS, Device, Out};

const FEN: u64 = 12_345;
/// A PIN key under the sandbox's master key, and its check value (openssl, des-ede3).
const WRAPPED: &str = "97C39756446F70D84F87D48B5A70ACD0819DB114";
/// PIN 1234 of the debit card under that key (openssl, des-ede3).
const BLOCK: &str = "AC6DDDA6235DC138";

/// Both ends of a line, and what was told.
struct Pair {
    talk: Conversation,
    device: Device,
    now: u64,
    plugged: bool,
    told: Vec<ReaderEvent>,
    next: u64,
    /// Everything that went over the line.
    wire: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self {
            talk: Conversation::default(),
            device: Device::default(),
            now: 0,
            plugged: true,
            told: Vec::new(),
            next: 0,
            wire: Vec::new(),
        };
        pair.up();
        pair
    }

    fn up(&mut self) {
        let outputs = self.talk.line_up(Tick(self.now));
        self.host(outputs);
        assert!(
            matches!(self.told.pop(), Some(ReaderEvent::Ready(_))),
            "{:?}",
            self.told
        );
    }

    /// Does what the conversation wants.
    fn host(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(bytes) if self.plugged => {
                    let outs = self.device.hear(&bytes, self.now);
                    self.reader(outs);
                }
                Output::Send(_) => {}
                Output::Tell(event) => self.told.push(event),
                Output::Reopen(error) => panic!("{error}"),
            }
        }
    }

    /// Does what the reader wants.
    fn reader(&mut self, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Bytes(bytes) => {
                    self.wire.extend(&bytes);
                    let outputs = self.talk.hear(&bytes, Tick(self.now));
                    self.host(outputs);
                }
                Out::Drip(bytes) => {
                    for byte in bytes {
                        self.now += 40;
                        let outputs = self.talk.hear(&[byte], Tick(self.now));
                        self.host(outputs);
                    }
                }
                Out::Unplug => {
                    self.plugged = false;
                    let outputs = self.talk.line_down();
                    self.host(outputs);
                }
                Out::Plug => {
                    self.plugged = true;
                    self.device = Device::default();
                    self.up();
                }
            }
        }
    }

    fn act(&mut self, words: &str) {
        let outs = self.device.act(Act::parse(words).unwrap(), self.now);
        self.reader(outs);
    }

    fn ask(&mut self, what: Ask) -> AskId {
        self.next += 1;
        let outputs = self.talk.ask(AskId(self.next), what, Tick(self.now));
        self.host(outputs);
        AskId(self.next)
    }

    fn cancel(&mut self, ask: AskId) {
        let outputs = self.talk.cancel(ask, Tick(self.now));
        self.host(outputs);
    }

    fn tap(&mut self) -> AskId {
        self.ask(Ask::Tap(TapRequest {
            amount: Money::from_fen(FEN).unwrap(),
            kind: CardTransaction::Sale,
            timeout_s: 30,
        }))
    }

    /// Lets time pass until an ask ends; returns how, and fails when it ended twice.
    fn end(&mut self, ask: AskId) -> End {
        for _ in 0..10_000 {
            let ends: Vec<End> = self
                .told
                .iter()
                .filter_map(|event| match event {
                    ReaderEvent::Answer(Answer { ask: of, end }) if *of == ask => Some(end.clone()),
                    _ => None,
                })
                .collect();
            if let [end] = &ends[..] {
                return end.clone();
            }
            assert!(ends.is_empty(), "{ends:?}");
            let due = self.talk.deadline().map(|tick| tick.0);
            let due = due.into_iter().chain(self.device.due()).min();
            self.now = due.expect("somebody waits for something").max(self.now + 1);
            let outputs = self.talk.tick(Tick(self.now));
            self.host(outputs);
            let outs = self.device.tick(self.now);
            self.reader(outs);
        }
        panic!("no end of {ask:?}");
    }

    fn tapped(&mut self, act: &str) -> End {
        let ask = self.tap();
        self.act(act);
        self.end(ask)
    }
}

fn answer(code: &[u8; 2]) -> Ask {
    Ask::Complete(HostAnswer {
        response_code: *code,
        authentication: Some(vec![7; 10]),
        scripts: Vec::new(),
    })
}

#[test]
fn every_card_of_the_script_is_told_as_what_it_is() {
    let mut pair = Pair::new();
    for (act, entry, cvm, masked) in [
        (
            "tap debit",
            CardEntry::Contactless,
            Cvm::OnlinePin,
            "621626*********0018",
        ),
        (
            "insert debit",
            CardEntry::Contact,
            Cvm::OnlinePin,
            "621626*********0018",
        ),
        (
            "insert credit",
            CardEntry::Contact,
            Cvm::OnlinePin,
            "625094******2942",
        ),
        (
            "tap phone",
            CardEntry::Contactless,
            Cvm::Device,
            "621626*********0026",
        ),
        (
            "insert torn",
            CardEntry::Contact,
            Cvm::OnlinePin,
            "621626*********0075",
        ),
    ] {
        let End::Tap(Tapped::Online(card)) = pair.tapped(act) else {
            panic!("{act}: {:?}", pair.told);
        };
        assert_eq!((card.entry, card.cvm), (entry, cvm), "{act}");
        assert_eq!(card.masked.to_string(), masked, "{act}");
        assert_eq!(card.amount.minor(), FEN);
        pair.act("pull");
    }
    for (act, tapped) in [
        ("tap expired", Tapped::Problem(CardProblem::Expired)),
        ("insert expired", Tapped::Problem(CardProblem::Expired)),
        ("tap declines", Tapped::Declined),
        ("insert offline", Tapped::ApprovedOffline),
        ("tap torn", Tapped::Problem(CardProblem::Torn)),
        ("swipe debit", Tapped::Stripe),
    ] {
        assert_eq!(pair.tapped(act), End::Tap(tapped), "{act}");
        pair.act("pull");
    }
    // Nobody comes.
    let ask = pair.tap();
    assert_eq!(pair.end(ask), End::TimedOut);
}

#[test]
fn every_key_of_a_card_is_used_once() {
    let mut pair = Pair::new();
    let mut serials = Vec::new();
    for _ in 0..50 {
        let End::Tap(Tapped::Online(card)) = pair.tapped("tap debit") else {
            panic!("{:?}", pair.told);
        };
        serials.push(card.ksn.to_string());
    }
    let count = serials.len();
    serials.dedup();
    assert_eq!(serials.len(), count);
}

/// Faults of the wire end without evidence, and the reader works again at once.
#[test]
fn every_fault_has_its_end_and_the_next_card_is_taken() {
    let silent = |silence| End::Failed(ReaderError::NoAnswer(silence));
    for (fault, end) in [
        // The activation's first event was a frame; the result was none.
        ("bad-crc", Some(silent(Silence::OtherFrames))),
        ("half", Some(silent(Silence::OtherFrames))),
        ("silence", Some(silent(Silence::OtherFrames))),
        ("long-length", Some(silent(Silence::OtherFrames))),
        ("unplug", Some(End::Failed(ReaderError::Gone))),
        ("noise", None),
        ("twice", None),
        ("drip", None),
    ] {
        let mut pair = Pair::new();
        pair.act(&format!("fault {fault}"));
        let ended = pair.tapped("tap debit");
        match end {
            Some(end) => assert_eq!(ended, end, "{fault}"),
            None => assert!(
                matches!(ended, End::Tap(Tapped::Online(_))),
                "{fault}: {ended:?}"
            ),
        }
        if !pair.plugged {
            pair.act("plug");
        }
        let next = pair.tapped("tap phone");
        assert!(
            matches!(next, End::Tap(Tapped::Online(_))),
            "{fault}: {next:?}"
        );
    }
}

#[test]
fn a_result_that_comes_after_the_cancel_is_nobodys() {
    for fault in ["late", "late-first"] {
        let mut pair = Pair::new();
        pair.act(&format!("fault {fault}"));
        let ask = pair.tap();
        pair.act("tap debit");
        pair.cancel(ask);
        assert_eq!(pair.end(ask), End::Cancelled, "{fault}");
        // The same amount at once: only the new card counts.
        let End::Tap(Tapped::Online(card)) = pair.tapped("tap phone") else {
            panic!("{fault}: {:?}", pair.told);
        };
        assert_eq!(card.masked.to_string(), "621626*********0026", "{fault}");
    }
}

#[test]
fn clear_data_and_a_foreign_amount_are_refused() {
    for (fault, words) in [
        (
            "clear",
            "the reader sent card data in clear (tag 57); it must be set up to encipher",
        ),
        (
            "other-amount",
            "tag 9F02 of the reader's result is not what was asked for",
        ),
    ] {
        for act in ["tap debit", "insert debit"] {
            let mut pair = Pair::new();
            pair.act(&format!("fault {fault}"));
            match pair.tapped(act) {
                End::Failed(error) => assert_eq!(error.to_string(), words),
                other => panic!("{fault}: {other:?}"),
            }
            let told = format!("{:?}", pair.told);
            for card in CARDS {
                assert!(!told.contains(card.pan), "{fault}");
            }
        }
    }
}

#[test]
fn a_reader_that_is_opened_says_so_until_it_is_repaired() {
    let mut pair = Pair::new();
    pair.act("tamper");
    let ended = pair.tapped("tap debit");
    assert_eq!(ended, End::Failed(ReaderError::Tampered));
    pair.act("repair");
    assert!(matches!(
        pair.tapped("tap debit"),
        End::Tap(Tapped::Online(_))
    ));
}

#[test]
fn the_end_of_an_inserted_card() {
    for (card, code, pull) in [
        ("debit", b"00", false),
        ("debit", b"05", false),
        ("refuses", b"00", false),
        ("debit", b"00", true),
    ] {
        let mut pair = Pair::new();
        let tapped = pair.tapped(&format!("insert {card}"));
        assert!(matches!(tapped, End::Tap(Tapped::Online(_))), "{tapped:?}");
        if pull {
            pair.act("pull");
        }
        let ask = pair.ask(answer(code));
        let End::Completed(decision) = pair.end(ask) else {
            panic!("{:?}", pair.told);
        };
        let as_expected = match (card, code, pull) {
            (_, _, true) => decision == CardDecision::Gone,
            ("debit", b"00", _) => matches!(decision, CardDecision::Approved(_)),
            _ => matches!(decision, CardDecision::Refused(_)),
        };
        assert!(as_expected, "{card}: {decision:?}");
        let ask = pair.ask(answer(code));
        assert_eq!(pair.end(ask), End::Failed(ReaderError::NothingToComplete));
    }
}

#[test]
fn a_pin_is_typed_at_the_reader_and_only_its_block_is_told() {
    let request = |key| Ask::Pin(PinRequest { key, timeout_s: 30 });
    let mut pair = Pair::new();
    let no_card = pair.ask(request(PinKey::Dukpt));
    let no_pin = |problem| End::Pin(PinEnd::None(problem));
    assert_eq!(pair.end(no_card), no_pin(PinProblem::Other(4)));
    pair.tapped("tap debit");
    for (act, serial) in [
        ("pin 8642", "FFFF9876543210E00001"),
        ("pin 864297531086", "FFFF9876543210E00002"),
    ] {
        let ask = pair.ask(request(PinKey::Dukpt));
        pair.act(act);
        let End::Pin(PinEnd::Entered(entry)) = pair.end(ask) else {
            panic!("{:?}", pair.told);
        };
        assert_eq!(
            entry.ksn.map(|ksn| ksn.to_string()).as_deref(),
            Some(serial)
        );
        assert_eq!(entry.block.bytes().len(), 8);
    }
    let ask = pair.ask(request(PinKey::Dukpt));
    pair.act("pin cancel");
    assert_eq!(pair.end(ask), no_pin(PinProblem::Refused));
    let ask = pair.ask(request(PinKey::Dukpt));
    assert_eq!(pair.end(ask), End::TimedOut);
    let ask = pair.ask(request(PinKey::Dukpt));
    pair.cancel(ask);
    assert_eq!(pair.end(ask), End::Cancelled);
    pair.act("pin 7391");
    let ask = pair.ask(request(PinKey::Session));
    assert_eq!(
        pair.end(ask),
        no_pin(PinProblem::KeyAbsent),
        "no sign-in yet"
    );
    for (life, problem) in [
        ("absent", PinProblem::KeyAbsent),
        ("used-up", PinProblem::KeyExhausted),
    ] {
        pair.act(&format!("key pin {life}"));
        let ask = pair.ask(request(PinKey::Dukpt));
        assert_eq!(pair.end(ask), no_pin(problem), "{life}");
    }
    let told = format!("{:?}", pair.told);
    assert!(!told.contains("8642") && !told.contains("7391"), "{told}");
    let pins = [&b"8642"[..], b"7391"];
    for pin in pins {
        assert!(
            !pair.wire.windows(4).any(|seen| seen == pin),
            "a PIN on the wire"
        );
    }
}

#[test]
fn keys_of_a_sign_in_reach_the_reader_unopened() {
    let part = super::made::hex(WRAPPED);
    let blob = [&part[..], &part, &part].concat();
    let mut pair = Pair::new();
    let ask = pair.ask(Ask::LoadKeys(WrappedKeys::from_sign_in(&blob).unwrap()));
    assert_eq!(pair.end(ask), End::KeysLoaded);
    pair.tapped("tap debit");
    let ask = pair.ask(Ask::Pin(PinRequest {
        key: PinKey::Session,
        timeout_s: 30,
    }));
    pair.act("pin 1234");
    let End::Pin(PinEnd::Entered(entry)) = pair.end(ask) else {
        panic!("{:?}", pair.told);
    };
    assert_eq!(
        (entry.ksn, entry.block.bytes()),
        (None, &super::made::hex(BLOCK)[..])
    );
    // One changed bit: the check value is wrong and the reader keeps nothing.
    let mut spoilt = blob;
    spoilt[3] ^= 1;
    let ask = pair.ask(Ask::LoadKeys(WrappedKeys::from_sign_in(&spoilt).unwrap()));
    assert!(matches!(
        pair.end(ask),
        End::Failed(ReaderError::Refused(_))
    ));
}

#[test]
fn nothing_that_the_terminal_tells_or_the_line_carries_holds_a_card_number() {
    let mut pair = Pair::new();
    for card in CARDS {
        for way in ["tap", "insert", "swipe"] {
            let ask = pair.tap();
            pair.act(&format!("{way} {}", card.name));
            pair.end(ask);
            pair.act("pull");
        }
    }
    let told = format!("{:?}", pair.told);
    let hex = data_encoding::HEXUPPER.encode(&pair.wire);
    let text = String::from_utf8_lossy(&pair.wire).into_owned();
    for card in CARDS {
        for place in [&told, &hex, &text] {
            assert!(!place.contains(card.pan), "{}", card.name);
            let middle = &card.pan[6..card.pan.len() - 1];
            assert!(!place.contains(middle), "{}", card.name);
        }
    }
}
