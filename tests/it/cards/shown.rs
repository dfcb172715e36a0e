//! Cards as a reader's conversation tells them: the sandbox's reader behind the terminal's driver, in virtual time.
//!
//! Owns the pair of both ends. The only way to a card's evidence is a reader's whole result, in tests as everywhere.

use shouyin::card::{PresentedCard, WrappedKeys};
use shouyin::domain::{Money, Tick};
use shouyin::reader::event::{Answer, Ask, AskId, End, ReaderEvent, TapRequest};
use shouyin::reader::neo2::{CardTransaction, Conversation, Output, PinKey, PinRequest, Tapped};
use shouyin::sim::reader::{Act, Device, Out};

/// Both ends of a line.
#[derive(Default)]
pub struct Pair {
    pub talk: Conversation,
    pub device: Device,
    pub now: u64,
    /// Milliseconds that a command of ours needs to the reader.
    pub slow_ms: u64,
    pub told: Vec<ReaderEvent>,
}

impl Pair {
    /// A reader that has been greeted.
    pub fn greeted() -> Self {
        let mut pair = Self::default();
        let outputs = pair.talk.line_up(Tick(0));
        pair.host(outputs);
        pair
    }

    pub fn host(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(bytes) => {
                    self.now += self.slow_ms;
                    let outs = self.device.hear(&bytes, self.now);
                    self.reader(outs);
                }
                Output::Tell(event) => self.told.push(event),
                Output::Reopen(error) => panic!("{error}"),
            }
        }
    }

    fn reader(&mut self, outs: Vec<Out>) {
        for out in outs {
            let Out::Bytes(bytes) = out else {
                panic!("no faults of the line here");
            };
            let outputs = self.talk.hear(&bytes, Tick(self.now));
            self.host(outputs);
        }
    }

    /// Somebody does something at the reader.
    pub fn act(&mut self, words: &str) {
        let outs = self.device.act(Act::parse(words).unwrap(), self.now);
        self.reader(outs);
    }

    pub fn ask(&mut self, ask: AskId, what: Ask) {
        let outputs = self.talk.ask(ask, what, Tick(self.now));
        self.host(outputs);
    }

    pub fn cancel(&mut self, ask: AskId) {
        let outputs = self.talk.cancel(ask, Tick(self.now));
        self.host(outputs);
    }

    /// Time passes.
    pub fn pass(&mut self, ms: u64) {
        self.now += ms;
        let outs = self.device.tick(self.now);
        self.reader(outs);
        let outputs = self.talk.tick(Tick(self.now));
        self.host(outputs);
    }
}

/// A card that was shown for an amount, without a PIN.
pub fn card(words: &str, fen: u64) -> PresentedCard {
    let mut pair = Pair::greeted();
    let request = TapRequest {
        amount: Money::from_fen(fen).unwrap(),
        kind: CardTransaction::Sale,
        timeout_s: 30,
    };
    pair.ask(AskId(1), Ask::Tap(request));
    pair.act(words);
    let end = pair.told.into_iter().find_map(|event| match event {
        ReaderEvent::Answer(Answer { end, .. }) => Some(end),
        _ => None,
    });
    let Some(End::Tap(Tapped::Online(evidence))) = end else {
        panic!("{words}: {end:?}");
    };
    PresentedCard {
        evidence: *evidence,
        pin: None,
    }
}

/// So many presentments of one card for the same amount: each has a cryptogram of its own, as a chip's counter wants
/// it.
pub fn presentments(words: &str, fen: u64, count: usize) -> Vec<End> {
    let mut pair = Pair::greeted();
    let mut ends = Vec::new();
    for number in 1..=count {
        let request = TapRequest {
            amount: Money::from_fen(fen).unwrap(),
            kind: CardTransaction::Sale,
            timeout_s: 30,
        };
        pair.ask(AskId(number as u64), Ask::Tap(request));
        pair.act(words);
        pair.act("pull");
        ends.extend(pair.told.drain(..).filter_map(|event| match event {
            ReaderEvent::Answer(Answer { end, .. }) => Some(end),
            _ => None,
        }));
    }
    assert_eq!(ends.len(), count, "{ends:?}");
    ends
}

/// A PIN that was typed under the keys of a session.
pub fn typed_pin(keys: WrappedKeys) -> End {
    let mut pair = Pair::greeted();
    pair.ask(AskId(1), Ask::LoadKeys(keys));
    let request = TapRequest {
        amount: Money::from_fen(1).unwrap(),
        kind: CardTransaction::Sale,
        timeout_s: 30,
    };
    pair.ask(AskId(3), Ask::Tap(request));
    pair.act("insert credit");
    let (key, timeout_s) = (PinKey::Session, 60);
    pair.ask(AskId(2), Ask::Pin(PinRequest { key, timeout_s }));
    pair.act("pin 123456");
    let typed = pair.told.into_iter().find_map(|event| match event {
        ReaderEvent::Answer(Answer { ask: AskId(2), end }) => Some(end),
        _ => None,
    });
    typed.unwrap()
}
