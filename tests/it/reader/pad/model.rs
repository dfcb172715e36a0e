//! The pad's conversation under random events: whatever happens, each ask has one end, and no command for PINs, card
//! numbers or master keys is ever sent.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shouyin::card::KeyKind;
use shouyin::domain::Tick;
use shouyin::reader::event::AskId;
use shouyin::reader::pp60::{
    AUTHORISE_MS, AuthCode, ChooseKey, Conversation, Directory, KeySystem, MacRequest, MacText,
    PadAsk, PadEvent, PadOutput, REPLY_MS,
};

use super::kit;
use super::wire::frame_bytes;

/// Reset, directory, random number, work key, choice of a key, MAC. PIN entry is 83h and 84h.
const SENT: [u8; 6] = [0xD5, 0xD6, 0xD0, 0x81, 0x82, 0x85];

#[derive(Clone, Debug)]
enum Event {
    Up,
    Down,
    Ask(u8),
    Code(bool),
    /// A good reply to the command that was sent last.
    Reply,
    Refuse(u8),
    Bytes(Vec<u8>),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Up),
        1 => Just(Event::Down),
        6 => (0_u8..6).prop_map(Event::Ask),
        4 => any::<bool>().prop_map(Event::Code),
        12 => Just(Event::Reply),
        2 => prop_oneof![Just(0x0D), any::<u8>()].prop_map(Event::Refuse),
        2 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Event::Bytes),
        4 => (0..2 * AUTHORISE_MS).prop_map(Event::Pass),
    ]
}

fn ask(which: u8) -> PadAsk {
    match which {
        0 => PadAsk::Reset,
        1 => PadAsk::Directory(Directory::new(2).unwrap()),
        2 => PadAsk::LoadKey(kit::load(KeyKind::Pin, 1, 9)),
        3 => PadAsk::LoadKey(kit::load(KeyKind::Mac, 1, 9)),
        4 => PadAsk::ChooseKey(ChooseKey {
            slot: 1,
            system: KeySystem::Dukpt,
        }),
        _ => PadAsk::Mac(MacRequest {
            slot: 1,
            system: KeySystem::Fixed,
            text: MacText::new(kit::TEXT).unwrap(),
        }),
    }
}

fn reply(command: u8) -> Vec<u8> {
    let length = match command {
        0xD5 | 0xD6 => 0,
        0x85 => 16,
        _ => 8,
    };
    frame_bytes(command, &[0x33; 16][..length])
}

/// A conversation and what is known of it from outside.
struct Seen {
    talk: Conversation,
    now: u64,
    up: bool,
    last: u8,
    wants_code: Option<AskId>,
    ends: BTreeMap<u64, u32>,
}

impl Seen {
    fn take(&mut self, outputs: Vec<PadOutput>) {
        for output in outputs {
            match output {
                PadOutput::Send(bytes) => {
                    assert!(self.up, "bytes on a closed line");
                    assert!(SENT.contains(&bytes[0]), "{:02X} was sent", bytes[0]);
                    assert_eq!(bytes.iter().fold(0, |sum, byte| sum ^ byte), 0);
                    self.last = bytes[0];
                }
                PadOutput::Tell(PadEvent::Answer(answer)) => {
                    *self.ends.entry(answer.ask.0).or_default() += 1;
                }
                PadOutput::Tell(PadEvent::Authorise(request)) => {
                    self.wants_code = Some(request.ask)
                }
                PadOutput::Tell(PadEvent::Ready) => {}
                PadOutput::Reopen(_) => self.up = false,
            }
        }
    }

    fn does(&mut self, number: u64, event: Event) {
        let at = Tick(self.now);
        let outputs = match event {
            Event::Up if !self.up => {
                self.up = true;
                self.talk.line_up(at)
            }
            Event::Up => Vec::new(),
            Event::Down => {
                self.up = false;
                self.talk.line_down()
            }
            Event::Ask(which) => {
                self.ends.insert(number, 0);
                self.talk.ask(AskId(number), ask(which), at)
            }
            Event::Code(given) => match self.wants_code.take() {
                Some(ask) => self
                    .talk
                    .authorise(ask, given.then_some(AuthCode([1; 8])), at),
                None => Vec::new(),
            },
            Event::Reply if self.up => self.talk.hear(&reply(self.last), at),
            Event::Refuse(code) if self.up => {
                self.talk.hear(&frame_bytes(self.last & 0x7F, &[code]), at)
            }
            Event::Bytes(bytes) if self.up => self.talk.hear(&bytes, at),
            Event::Reply | Event::Refuse(_) | Event::Bytes(_) => Vec::new(),
            Event::Pass(ms) => {
                self.now += ms;
                self.talk.tick(Tick(self.now))
            }
        };
        self.take(outputs);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn each_ask_of_a_pad_has_one_end_and_no_pin_is_asked_for(
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut seen = Seen {
            talk: Conversation::new(Directory::new(1).unwrap()),
            now: 0,
            up: false,
            last: 0xD5,
            wants_code: None,
            ends: BTreeMap::new(),
        };
        for (number, event) in (1..).zip(events) {
            seen.does(number, event);
            prop_assert!(seen.ends.values().all(|ends| *ends < 2), "{:?}", seen.ends);
        }
        // Nothing waits for ever: time alone ends what is under way.
        for turn in 0..8 {
            seen.does(10_000 + turn, Event::Pass(REPLY_MS.max(AUTHORISE_MS)));
        }
        prop_assert!(seen.ends.values().all(|ends| *ends == 1), "{:?}", seen.ends);
    }
}
