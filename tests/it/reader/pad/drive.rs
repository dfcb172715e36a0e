//! Our conversation and the sandbox's pad, byte for byte, in virtual time: keys, MACs, every fault, every refusal.

use shouyin::card::KeyKind;
use shouyin::domain::Tick;
use shouyin::reader::event::{AskId, Silence};
use shouyin::reader::pp60::{
    AUTHORISE_MS, AuthCode, AuthRequest, ChooseKey, Conversation, Directory, KeySystem, MacRequest,
    MacText, PadAnswer, PadAsk, PadEnd, PadError, PadEvent, PadOutput, REPLY_MS, Refusal,
};
use shouyin::sim::reader::{Act, Out, Pad};

use super::kit::{self, hex};
use super::wire::frame_bytes;

/// How the keys' holder answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Right,
    Wrong,
    Refuses,
    Silent,
}

/// Both ends of a line, and what was told.
struct Pair {
    talk: Conversation,
    pad: Pad,
    now: u64,
    plugged: bool,
    holder: Holder,
    /// The next so many commands are spoilt on their way.
    spoil: u32,
    told: Vec<PadEvent>,
    reopened: Vec<PadError>,
    next: u64,
    /// What the terminal sent, frame by frame.
    sent: Vec<Vec<u8>>,
}

impl Pair {
    fn new() -> Self {
        Self::on(1)
    }

    fn on(directory: u8) -> Self {
        let mut pair = Self {
            talk: Conversation::new(Directory::new(directory).unwrap()),
            pad: Pad::default(),
            now: 0,
            plugged: true,
            holder: Holder::Right,
            spoil: 0,
            told: Vec::new(),
            reopened: Vec::new(),
            next: 0,
            sent: Vec::new(),
        };
        pair.up();
        pair
    }

    fn up(&mut self) {
        let outputs = self.talk.line_up(Tick(self.now));
        self.host(outputs);
    }

    /// Does what the conversation wants.
    fn host(&mut self, outputs: Vec<PadOutput>) {
        for output in outputs {
            match output {
                PadOutput::Send(bytes) => {
                    self.sent.push(bytes.to_vec());
                    let mut bytes = bytes.to_vec();
                    if self.spoil > 0 {
                        self.spoil -= 1;
                        *bytes.last_mut().unwrap() ^= 1;
                    }
                    if self.plugged {
                        let outs = self.pad.hear(&bytes, self.now);
                        self.reader(outs);
                    }
                }
                PadOutput::Tell(PadEvent::Authorise(request)) => {
                    self.told.push(PadEvent::Authorise(request.clone()));
                    self.hold(&request);
                }
                PadOutput::Tell(event) => self.told.push(event),
                PadOutput::Reopen(error) => self.reopened.push(error),
            }
        }
    }

    fn hold(&mut self, request: &AuthRequest) {
        let code = match self.holder {
            Holder::Right => Some(kit::authorise(request)),
            Holder::Wrong => Some(AuthCode([7; 8])),
            Holder::Refuses => None,
            Holder::Silent => return,
        };
        let outputs = self.talk.authorise(request.ask, code, Tick(self.now));
        self.host(outputs);
    }

    /// Does what the pad wants.
    fn reader(&mut self, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Bytes(bytes) => self.hear(&bytes),
                Out::Drip(bytes) => {
                    for byte in bytes {
                        self.now += 40;
                        self.hear(&[byte]);
                    }
                }
                Out::Unplug => {
                    self.plugged = false;
                    let outputs = self.talk.line_down();
                    self.host(outputs);
                }
                Out::Plug => {
                    self.plugged = true;
                    self.pad.power_up();
                    self.up();
                }
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let outputs = self.talk.hear(bytes, Tick(self.now));
        self.host(outputs);
    }

    fn act(&mut self, words: &str) {
        let outs = self.pad.act(Act::parse(words).unwrap(), self.now);
        self.reader(outs);
    }

    fn asks(&mut self, what: PadAsk) -> AskId {
        self.next += 1;
        let outputs = self.talk.ask(AskId(self.next), what, Tick(self.now));
        self.host(outputs);
        AskId(self.next)
    }

    /// Lets time pass until an ask ends; returns how, and fails when it ended twice.
    fn end(&mut self, ask: AskId) -> PadEnd {
        for _ in 0..1_000 {
            let ends: Vec<PadEnd> = self
                .told
                .iter()
                .filter_map(|event| match event {
                    PadEvent::Answer(PadAnswer { ask: of, end }) if *of == ask => Some(end.clone()),
                    _ => None,
                })
                .collect();
            if let [end] = &ends[..] {
                return end.clone();
            }
            assert!(ends.is_empty(), "{ends:?}");
            self.pass();
        }
        panic!("no end of {ask:?}");
    }

    /// Goes on to the next moment at which something is due.
    fn pass(&mut self) {
        let due = self.talk.deadline().map(|tick| tick.0);
        let due = due.into_iter().chain(self.pad.due()).min();
        self.now = due.expect("somebody waits for something").max(self.now + 1);
        let outputs = self.talk.tick(Tick(self.now));
        self.host(outputs);
        let outs = self.pad.tick(self.now);
        self.reader(outs);
    }

    fn ask(&mut self, what: PadAsk) -> PadEnd {
        let ask = self.asks(what);
        self.end(ask)
    }

    /// Loads a key of the sign-in into slot 5.
    fn load(&mut self, kind: KeyKind, uses: u16) -> PadEnd {
        self.ask(PadAsk::LoadKey(kit::load(kind, 5, uses)))
    }

    fn with_keys() -> Self {
        let mut pair = Self::new();
        for kind in [KeyKind::Pin, KeyKind::Mac] {
            let end = pair.load(kind, 1_000);
            assert!(matches!(end, PadEnd::KeyLoaded(_)), "{end:?}");
        }
        pair
    }

    fn refused(&mut self, what: PadAsk) -> (u8, String) {
        match self.ask(what) {
            PadEnd::Failed(error @ PadError::Refused(Refusal(code))) => (code, error.to_string()),
            other => panic!("{other:?}"),
        }
    }
}

fn mac(text: &[u8]) -> PadAsk {
    PadAsk::Mac(MacRequest {
        slot: 5,
        system: KeySystem::Session,
        text: MacText::new(text).unwrap(),
    })
}

fn choose(system: KeySystem) -> PadAsk {
    PadAsk::ChooseKey(ChooseKey { slot: 5, system })
}

#[track_caller]
fn assert_mac(end: &PadEnd, expected: &str) {
    let PadEnd::Mac(mac, proof) = end else {
        panic!("{end:?}");
    };
    assert_eq!(mac.bytes()[..], hex(expected));
    assert!(kit::is_genuine(proof));
}

#[test]
fn a_greeting_resets_the_pad_and_goes_to_its_directory() {
    for (directory, sent) in [
        (1, &["D500D5", "D60101D6", "D000D0"][..]),
        (0, &["D500D5", "D000D0"]),
    ] {
        let pair = Pair::on(directory);
        let expected: Vec<Vec<u8>> = sent.iter().map(|text| hex(text)).collect();
        assert_eq!(pair.sent, expected);
        assert_eq!(pair.told, [PadEvent::Ready]);
    }
}

#[test]
fn keys_of_a_sign_in_reach_the_pad_unopened_and_it_makes_the_macs_of_others() {
    let mut pair = Pair::new();
    for (kind, mode, from) in [(KeyKind::Pin, 0x92, 0), (KeyKind::Mac, 0x91, 20)] {
        let PadEnd::KeyLoaded(proof) = pair.load(kind, 1_000) else {
            panic!("{:?}", pair.told);
        };
        assert!(kit::is_genuine(&proof));
        let blob = hex(kit::SIGN_IN);
        let sent = pair.sent.last().unwrap();
        let expected = [
            &[0x81, 0x1D, 0, 5, mode][..],
            &blob[from..from + 16],
            &[3, 0xE8],
        ]
        .concat();
        assert_eq!(sent[..expected.len()], expected);
    }
    let PadEnd::KeyChosen(proof) = pair.ask(choose(KeySystem::Session)) else {
        panic!("{:?}", pair.told);
    };
    assert!(kit::is_genuine(&proof));
    let end = pair.ask(mac(kit::TEXT));
    assert_mac(&end, kit::TEXT_MAC);
    let end = pair.ask(mac(kit::BLOCK));
    assert_mac(&end, kit::BLOCK_MAC);
    assert!(matches!(pair.ask(mac(&[9; 240])), PadEnd::Mac(..)));
    // Nothing that is told shows a key, a code or a MAC.
    let told = format!("{:?}", pair.told);
    for secret in [hex(kit::TEXT_MAC), hex(kit::BLOCK_MAC), hex(kit::SIGN_IN)] {
        let listed: Vec<String> = secret[..4].iter().map(u8::to_string).collect();
        let text = data_encoding::HEXUPPER.encode(&secret[..4]);
        assert!(
            !told.contains(&listed.join(", ")) && !told.contains(&text),
            "{told}"
        );
    }
}

#[test]
fn without_a_right_code_nothing_is_done() {
    let mut pair = Pair::with_keys();
    pair.holder = Holder::Wrong;
    let (code, words) = pair.refused(mac(kit::BLOCK));
    assert_eq!(code, 0x08);
    assert!(
        words.contains("check the authentication key and the pad's UID"),
        "{words}"
    );
    for holder in [Holder::Refuses, Holder::Silent] {
        pair.holder = holder;
        let (before, began) = (pair.sent.len(), pair.now);
        let end = pair.ask(mac(kit::BLOCK));
        assert_eq!(end, PadEnd::Failed(PadError::NotAuthorised));
        assert_eq!(
            pair.sent[before..],
            [hex("D000D0")],
            "only a random number was asked for"
        );
        let waited = if holder == Holder::Silent {
            AUTHORISE_MS
        } else {
            0
        };
        assert_eq!(pair.now - began, waited);
    }
    // A code that comes after that, or for something else, is nobody's.
    let before = pair.sent.len();
    for ask in [pair.next, 999] {
        let outputs = pair
            .talk
            .authorise(AskId(ask), Some(AuthCode([7; 8])), Tick(pair.now));
        pair.host(outputs);
    }
    assert_eq!(pair.sent.len(), before);
    pair.holder = Holder::Right;
    let end = pair.ask(mac(kit::BLOCK));
    assert_mac(&end, kit::BLOCK_MAC);
}

/// Faults of the wire end without a MAC, and the pad works again at once.
#[test]
fn every_fault_has_its_end_and_the_next_mac_is_made() {
    let silent = |silence| PadError::NoAnswer(silence);
    for (fault, error) in [
        ("bad-crc", Some(silent(Silence::Babble))),
        ("half", Some(silent(Silence::Babble))),
        ("silence", Some(silent(Silence::Quiet))),
        ("long-length", Some(silent(Silence::Babble))),
        ("unplug", Some(PadError::Gone)),
        ("late", Some(silent(Silence::Quiet))),
        ("late-first", Some(silent(Silence::Quiet))),
        ("noise", None),
        ("twice", None),
        ("drip", None),
    ] {
        let mut pair = Pair::with_keys();
        // The reply to the MAC itself, not to the random number before it.
        pair.holder = Holder::Silent;
        let ask = pair.asks(mac(kit::TEXT));
        pair.act(&format!("fault {fault}"));
        let Some(PadEvent::Authorise(request)) = pair.told.last().cloned() else {
            panic!("{:?}", pair.told);
        };
        pair.holder = Holder::Right;
        pair.hold(&request);
        let end = pair.end(ask);
        match error {
            Some(error) => assert_eq!(end, PadEnd::Failed(error), "{fault}"),
            None => assert_mac(&end, kit::TEXT_MAC),
        }
        if !pair.plugged {
            pair.act("plug");
        }
        // A late MAC is never taken for the next one; the directory is right again.
        let end = pair.ask(mac(kit::BLOCK));
        assert_mac(&end, kit::BLOCK_MAC);
        assert_eq!(pair.reopened, [], "{fault}");
    }
}

#[test]
fn a_command_that_was_spoilt_on_its_way_is_sent_once_more() {
    let mut pair = Pair::with_keys();
    pair.spoil = 1;
    let end = pair.ask(mac(kit::TEXT));
    assert_mac(&end, kit::TEXT_MAC);
    pair.spoil = 2;
    let (code, words) = pair.refused(mac(kit::TEXT));
    assert_eq!(code, 0x0D);
    assert!(
        words.contains("spoilt on the line twice; check the cable"),
        "{words}"
    );
    let end = pair.ask(mac(kit::TEXT));
    assert_mac(&end, kit::TEXT_MAC);
}

#[test]
fn a_silent_pad_is_reset_twice_and_given_back() {
    let mut pair = Pair::with_keys();
    pair.plugged = false;
    let began = pair.now;
    let end = pair.ask(mac(kit::TEXT));
    assert_eq!(end, PadEnd::Failed(PadError::NoAnswer(Silence::Quiet)));
    // One more may be asked while the pad is sought; it does not get a pad, and a third is not even kept.
    let waits = pair.asks(PadAsk::Reset);
    let busy = pair.asks(PadAsk::Reset);
    assert_eq!(pair.end(busy), PadEnd::Failed(PadError::Busy));
    assert_eq!(pair.end(waits), PadEnd::Failed(PadError::Gone));
    assert_eq!(pair.reopened, [PadError::NoAnswer(Silence::Quiet)]);
    assert_eq!(pair.now - began, 3 * REPLY_MS);
    let resets = pair
        .sent
        .iter()
        .rev()
        .take_while(|sent| **sent == hex("D500D5"));
    assert_eq!(resets.count(), 2);
    let down = pair.ask(PadAsk::Reset);
    assert_eq!(down, PadEnd::Failed(PadError::Gone));
    let words = PadError::NoAnswer(Silence::Quiet).to_string();
    assert!(
        words.contains("is the pad on, and is this its port?"),
        "{words}"
    );
}

#[test]
fn refusals_are_told_in_words_with_what_to_do() {
    let mut pair = Pair::new();
    // Nothing was signed in yet.
    for what in [
        mac(kit::TEXT),
        choose(KeySystem::Session),
        choose(KeySystem::Dukpt),
    ] {
        let (code, words) = pair.refused(what);
        assert!(code == 0x61 && words.contains("sign in again"), "{words}");
    }
    let other_master = shouyin::reader::pp60::LoadKey::new(kit::wrapped(KeyKind::Pin), 9, 5, 1);
    let (code, words) = pair.refused(PadAsk::LoadKey(other_master.unwrap()));
    assert!(
        code == 0x63 && words.contains("the acquirer must load one"),
        "{words}"
    );
    // A key with two uses.
    assert!(matches!(pair.load(KeyKind::Mac, 2), PadEnd::KeyLoaded(_)));
    for _ in 0..2 {
        let end = pair.ask(mac(kit::TEXT));
        assert_mac(&end, kit::TEXT_MAC);
    }
    assert_eq!(pair.refused(mac(kit::TEXT)).0, 0x61);
    // Taken away by the acquirer.
    assert!(matches!(pair.load(KeyKind::Mac, 2), PadEnd::KeyLoaded(_)));
    pair.act("key data absent");
    assert_eq!(pair.refused(mac(kit::TEXT)).0, 0x61);
    // A directory without keys has no authentication key either.
    let empty = PadAsk::Directory(Directory::new(2).unwrap());
    assert_eq!(pair.ask(empty), PadEnd::Done);
    assert_eq!(pair.refused(mac(kit::TEXT)).0, 0x08);
    assert_eq!(pair.ask(PadAsk::Reset), PadEnd::Done);
    let first = PadAsk::Directory(Directory::new(1).unwrap());
    assert_eq!(pair.ask(first), PadEnd::Done);
    pair.act("fault des");
    let (code, words) = pair.refused(mac(kit::TEXT));
    assert!(
        code == 0x92 && words.contains("take it out of service"),
        "{words}"
    );
    // Opened, and without a number.
    for act in ["tamper", "blank"] {
        pair.act(act);
        let (code, words) = pair.refused(mac(kit::TEXT));
        assert!(
            code == 0x0B && words.contains("take it to the acquirer"),
            "{words}"
        );
        pair.act("repair");
    }
}

/// A pad that was slow: its MAC comes when the terminal has given it up already, and the next one is asked for.
#[test]
fn a_mac_that_comes_too_late_is_nobodys() {
    let mut pair = Pair::with_keys();
    pair.holder = Holder::Silent;
    let slow = pair.asks(mac(kit::TEXT));
    let Some(PadEvent::Authorise(request)) = pair.told.last().cloned() else {
        panic!("{:?}", pair.told);
    };
    pair.plugged = false;
    pair.holder = Holder::Right;
    pair.hold(&request);
    let silent = PadError::NoAnswer(Silence::Quiet);
    assert_eq!(pair.end(slow), PadEnd::Failed(silent));
    let next = pair.asks(mac(kit::BLOCK));
    let (sent, told) = (pair.sent.len(), pair.told.len());
    pair.hear(&frame_bytes(0x85, &[0x33; 16]));
    assert_eq!((pair.sent.len(), pair.told.len()), (sent, told));
    assert_eq!(
        pair.sent.last().unwrap(),
        &hex("D500D5"),
        "nothing else before a reset"
    );
    pair.plugged = true;
    let end = pair.end(next);
    assert_mac(&end, kit::BLOCK_MAC);
}

#[test]
fn a_directory_is_gone_to_again_after_a_lost_reply() {
    let mut pair = Pair::on(0);
    let first = PadAsk::Directory(Directory::new(1).unwrap());
    assert_eq!(pair.ask(first), PadEnd::Done);
    assert!(matches!(pair.load(KeyKind::Mac, 9), PadEnd::KeyLoaded(_)));
    pair.act("fault silence");
    let end = pair.ask(mac(kit::TEXT));
    assert_eq!(end, PadEnd::Failed(PadError::NoAnswer(Silence::Quiet)));
    let end = pair.ask(mac(kit::TEXT));
    assert_mac(&end, kit::TEXT_MAC);
    let ready = pair.told.iter().filter(|event| **event == PadEvent::Ready);
    assert_eq!(ready.count(), 1, "told once a connection");
}
