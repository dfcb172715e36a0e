//! Random events against a small reference model of the conversation.
//!
//! The model knows asks, which of them were cancelled, and whether a tap is on the air and for how much (it reads
//! that from the bytes that were sent). It demands: every ask ends once; evidence comes only from a whole result for
//! the amount of the tap that is on the air, and for a tap that nobody cancelled; during a tap only its cancel is sent;
//! after a cancel nothing is activated before the late result came or three seconds passed.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shouyin::card::WrappedKeys;
use shouyin::domain::{Money, Tick};
use shouyin::reader::event::{Answer, Ask, AskId, End, ReaderError, ReaderEvent, TapRequest};
use shouyin::reader::neo2::{
    CardTransaction, Conversation, Frame, Frames, HostAnswer, Output, PinEnd, PinKey, PinRequest,
    SETTLE_MS, Status, Tapped,
};

use super::made::{Way, online};
use super::stories::greeting;
use super::wire::{reply_bytes, ui_bytes};

#[derive(Clone, Debug)]
enum Act {
    Up,
    Greeted,
    Down,
    Pass(u64),
    Ask(u8, u64),
    Cancel(u64),
    Result(u64),
    Reply(u8, u8, Vec<u8>),
    Half(u64),
    Bytes(Vec<u8>),
}

fn act() -> impl Strategy<Value = Act> {
    let command = prop_oneof![
        Just(0x02_u8),
        Just(0x05),
        Just(0x18),
        Just(0x60),
        Just(0x62),
        Just(0x63),
        Just(0x81)
    ];
    let status = prop_oneof![
        4 => Just(0_u8),
        1 => prop_oneof![Just(8_u8), Just(0x0A), Just(0x0E), Just(0x1D), Just(0x63)],
    ];
    prop_oneof![
        1 => Just(Act::Up),
        3 => Just(Act::Greeted),
        1 => Just(Act::Down),
        4 => prop_oneof![0_u64..200, 900_u64..4_000, 10_000_u64..50_000].prop_map(Act::Pass),
        6 => (0_u8..8, 1_u64..3).prop_map(|(kind, fen)| Act::Ask(kind, fen)),
        4 => (0_u64..3).prop_map(Act::Cancel),
        6 => (1_u64..3).prop_map(Act::Result),
        8 => (command, status, proptest::collection::vec(any::<u8>(), 0..3))
            .prop_map(|(command, status, data)| Act::Reply(command, status, data)),
        1 => (1_u64..3).prop_map(Act::Half),
        1 => proptest::collection::vec(any::<u8>(), 0..30).prop_map(Act::Bytes),
    ]
}

/// A command that the terminal has on the air.
#[derive(Default)]
struct Model {
    now: u64,
    up: bool,
    next: u64,
    /// Asks without an end: what for, and whether they were cancelled.
    open: BTreeMap<u64, (Option<u64>, bool)>,
    ended: usize,
    on_air: Option<u64>,
    /// Until when nothing may be activated, unless a late result comes.
    settles: Option<u64>,
    frames: Frames,
    evidence: usize,
}

impl Model {
    /// Reads frames as they arrive, for what may follow from them.
    fn results(&mut self, bytes: &[u8]) -> Vec<u64> {
        let found = self.frames.push(bytes, Tick(self.now));
        self.whole_results(found)
    }

    fn whole_results(&mut self, found: Vec<Frame>) -> Vec<u64> {
        let mut amounts = Vec::new();
        for frame in found {
            let Frame::Reply(reply) = frame else {
                continue;
            };
            if reply.command == 0x02 && reply.status != Status::UiEvent {
                self.settles = None;
                amounts.extend((1..3).filter(|fen| *reply.data == online(*fen, Way::Tapped)));
            }
        }
        amounts
    }

    /// Checks what the conversation did, given the whole results that came in this step.
    fn check(&mut self, outputs: Vec<Output>, results: &[u64]) {
        for output in outputs {
            match output {
                Output::Send(bytes) => self.sent(&bytes),
                Output::Reopen(_) => {
                    self.on_air = None;
                    self.settles = None;
                }
                Output::Tell(ReaderEvent::Answer(answer)) => self.answered(&answer, results),
                Output::Tell(_) => {}
            }
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        assert!(self.up, "nothing is sent on a line that is down");
        match (bytes[10], bytes[11]) {
            (0x02, 0x40) => {
                assert_eq!(self.on_air, None, "one tap at a time");
                assert!(
                    self.settles.is_none_or(|until| self.now >= until),
                    "too early"
                );
                // Time-out, then 9F02 06 and twelve digits of which the last two are enough here.
                self.on_air = Some(u64::from(bytes[23]));
            }
            (0x05, 0x01) => {
                if self.on_air.take().is_some() {
                    self.settles = Some(self.now + SETTLE_MS);
                }
            }
            other => assert_eq!(self.on_air, None, "{other:?} during a tap"),
        }
    }

    fn answered(&mut self, answer: &Answer, results: &[u64]) {
        let (fen, cancelled) = self
            .open
            .remove(&answer.ask.0)
            .expect("one end for each ask");
        self.ended += 1;
        match &answer.end {
            End::Tap(Tapped::Online(card)) => {
                assert!(!cancelled, "evidence after a cancel");
                assert_eq!(
                    Some(card.amount.minor()),
                    fen,
                    "evidence for what was asked"
                );
                assert_eq!(self.on_air, fen, "the tap is on the air");
                assert!(
                    results.contains(&card.amount.minor()),
                    "from a whole result"
                );
                self.evidence += 1;
            }
            End::Pin(PinEnd::Entered(_)) => assert!(!cancelled),
            _ => {}
        }
        // Of two asks for one amount, only an end that the reader gave is the end of the tap on the air.
        let by_reader = !matches!(
            answer.end,
            End::Cancelled | End::Failed(ReaderError::Busy | ReaderError::Gone)
        );
        if by_reader && fen.is_some() && self.on_air == fen {
            self.on_air = None;
        }
    }
}

fn wish(kind: u8, fen: u64) -> Ask {
    let answer = HostAnswer {
        response_code: *b"00",
        authentication: None,
        scripts: Vec::new(),
    };
    match kind {
        0 => Ask::Info,
        1 => Ask::LoadKeys(WrappedKeys::from_sign_in(&[1; 24]).unwrap()),
        2 => Ask::Pin(PinRequest {
            key: PinKey::Session,
            timeout_s: 9,
        }),
        3 => Ask::Complete(answer),
        _ => Ask::Tap(TapRequest {
            amount: Money::from_fen(fen).unwrap(),
            kind: CardTransaction::Sale,
            timeout_s: 20,
        }),
    }
}

fn hear(model: &mut Model, talk: &mut Conversation, bytes: &[u8]) {
    let results = model.results(bytes);
    let outputs = talk.hear(bytes, Tick(model.now));
    model.check(outputs, &results);
}

fn step(model: &mut Model, talk: &mut Conversation, act: Act) {
    let at = Tick(model.now);
    match act {
        Act::Up | Act::Greeted => {
            if !model.up {
                model.up = true;
                model.frames.clear();
                let outputs = talk.line_up(at);
                model.check(outputs, &[]);
            }
            if matches!(act, Act::Greeted) {
                for reply in greeting() {
                    hear(model, talk, &reply);
                }
            }
        }
        Act::Down => {
            model.up = false;
            model.frames.clear();
            model.on_air = None;
            model.settles = None;
            let outputs = talk.line_down();
            model.check(outputs, &[]);
            assert!(model.open.is_empty(), "a line that is down ends everything");
        }
        Act::Pass(ms) => pass(model, talk, ms),
        Act::Ask(kind, fen) => {
            model.next += 1;
            let what = wish(kind, fen);
            let tap = matches!(what, Ask::Tap(_)).then_some(fen);
            model.open.insert(model.next, (tap, false));
            let outputs = talk.ask(AskId(model.next), what, at);
            model.check(outputs, &[]);
        }
        Act::Cancel(back) => {
            let ask = model.next.saturating_sub(back);
            if let Some(open) = model.open.get_mut(&ask) {
                open.1 = true;
            }
            let outputs = talk.cancel(AskId(ask), at);
            model.check(outputs, &[]);
        }
        Act::Result(fen) => hear(
            model,
            talk,
            &reply_bytes(2, 0x23, &online(fen, Way::Tapped)),
        ),
        Act::Reply(command, status, data) => {
            hear(model, talk, &reply_bytes(command, status, &data));
            hear(model, talk, &ui_bytes(&data));
        }
        Act::Half(fen) => {
            let whole = reply_bytes(2, 0x23, &online(fen, Way::Tapped));
            hear(model, talk, &whole[..whole.len() / 2]);
        }
        Act::Bytes(bytes) => hear(model, talk, &bytes),
    }
}

/// Time passes in the steps that the conversation asks for, as its port does.
fn pass(model: &mut Model, talk: &mut Conversation, ms: u64) {
    let end = model.now + ms;
    while model.now < end {
        let due = talk.deadline().map_or(end, |tick| tick.0);
        model.now = due.clamp(model.now + 1, end);
        let found = model.frames.expire(Tick(model.now));
        let results = model.whole_results(found);
        let outputs = talk.tick(Tick(model.now));
        let reopened = outputs.iter().any(|o| matches!(o, Output::Reopen(_)));
        model.check(outputs, &results);
        if reopened {
            step(model, talk, Act::Down);
            step(model, talk, Act::Up);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn random_events_keep_to_the_model(acts in proptest::collection::vec(act(), 0..80)) {
        let (mut model, mut talk) = (Model::default(), Conversation::default());
        step(&mut model, &mut talk, Act::Greeted);
        for act in acts {
            step(&mut model, &mut talk, act);
        }
        step(&mut model, &mut talk, Act::Down);
        prop_assert_eq!(model.ended as u64, model.next);
    }
}

#[test]
fn the_random_events_do_reach_evidence_and_cancels() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut evidence, mut settled) = (0, 0);
    for _ in 0..200 {
        let acts = proptest::collection::vec(act(), 60..80)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let (mut model, mut talk) = (Model::default(), Conversation::default());
        step(&mut model, &mut talk, Act::Greeted);
        for act in acts {
            step(&mut model, &mut talk, act);
            settled += usize::from(model.settles.is_some());
        }
        evidence += model.evidence;
    }
    println!("{evidence} times evidence, {settled} steps inside a cancel");
    assert!(evidence > 100 && settled > 100);
}
