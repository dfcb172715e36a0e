//! Orders, results and news that cross each other between core, desk and reader: no presentment is ever charged to
//! another draft, to the same draft under an older order, or twice.
//!
//! Owns the queues: whatever is under way is delivered when a row, or chance, says so. Every draft has the same amount,
//! so that nothing but its order tells one presentment from another.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use shouyin::card::CardRules;
use shouyin::domain::{Channel, Money, Now, OperatorNo, Tick, TxnId};
use shouyin::payment::{
    Certainty, Command, Event, FactKind, Policy, RequestKind, State, Ticket, step,
};
use shouyin::reader::event::{
    Answer, Ask, AskId, End, KeyState, ReaderEvent, ReaderInfo, TapRequest,
};
use shouyin::reader::neo2::Tapped;
use shouyin::terminal::{Armings, CardCommand, CardDesk, CardDeskConfig, CardNews, CardOut};

use super::desk::keys;
use super::shown::{presentments, typed_pin};
use crate::checker::kit;

const FEN: u64 = 1_280;
/// Long after the reader's keys were waited for.
const AT: Tick = Tick(10_000);
/// Most presentments of one story.
const CARDS: usize = 40;

/// Which order of the core an ask or a presentment belongs to: the draft's number, and a count of its own.
type OrderOf = (u128, u64);

struct Line {
    state: State,
    policy: Policy,
    armings: Armings,
    desk: CardDesk,
    orders: VecDeque<(CardCommand, OrderOf)>,
    news: VecDeque<CardNews>,
    heard: VecDeque<ReaderEvent>,
    cancels: VecDeque<AskId>,
    /// What the reader does, for which order.
    on_air: Option<(AskId, bool, OrderOf)>,
    /// The order that the desk heard last, and the one that the core gave last.
    at_desk: OrderOf,
    given: OrderOf,
    armed: bool,
    drafts: u128,
    sent: Option<Ticket>,
    taps: VecDeque<End>,
    inserts: VecDeque<End>,
    /// Which order each cryptogram answered, and the number of its presentment.
    shown: BTreeMap<String, (OrderOf, usize)>,
    charged: Vec<String>,
    last: Option<ReaderEvent>,
}

/// What can happen; the words of the table.
const WORDS: [&str; 12] = [
    "open", "cancel", "own-code", "ends", "order", "reader", "news", "tap", "insert", "types",
    "obeys", "again",
];

fn cryptogram(end: &End) -> String {
    let End::Tap(Tapped::Online(card)) = end else {
        panic!("{end:?}");
    };
    let tag = shouyin::card::tlv::Tag(0x9F26);
    data_encoding::HEXUPPER.encode(card.de55.value(tag).unwrap())
}

impl Line {
    fn new() -> Self {
        let config = CardDeskConfig {
            tap_s: 30,
            pin_s: 60,
            rules: CardRules {
                no_pin_max: Money::from_fen(100_000).ok(),
                device_counts: false,
            },
        };
        let mut line = Self {
            state: State::empty(kit::numbers(1, 1, 1)),
            policy: Policy {
                cards: true,
                ..kit::policy()
            },
            armings: Armings::default(),
            desk: CardDesk::new(config),
            orders: VecDeque::new(),
            news: VecDeque::new(),
            heard: VecDeque::new(),
            cancels: VecDeque::new(),
            on_air: None,
            at_desk: (0, 0),
            given: (0, 0),
            armed: false,
            drafts: 0,
            sent: None,
            taps: pools().0.into(),
            inserts: pools().1.into(),
            shown: BTreeMap::new(),
            charged: Vec::new(),
            last: None,
        };
        let ready = ReaderEvent::Ready(ReaderInfo {
            firmware: "model".to_owned(),
            data_key: KeyState::Unknown,
            pin_key: KeyState::Unknown,
        });
        let out = line.desk.hear(ready, Tick(0));
        line.run(out);
        line
    }

    fn run(&mut self, out: Vec<CardOut>) {
        for next in out {
            match next {
                CardOut::Ask(ask, Ask::Tap(TapRequest { amount, .. })) => {
                    assert_eq!(amount.minor(), FEN);
                    assert!(self.on_air.is_none(), "one ask at a time");
                    self.on_air = Some((ask, false, self.at_desk));
                }
                CardOut::Ask(ask, Ask::Pin(_)) => {
                    assert!(self.on_air.is_none(), "one ask at a time");
                    self.on_air = Some((ask, true, self.at_desk));
                }
                CardOut::Ask(_, other) => panic!("{other:?}"),
                CardOut::Cancel(ask) => self.cancels.push_back(ask),
                CardOut::Tell(news) => self.news.push_back(news),
                CardOut::Done(..) | CardOut::SignIn => {}
            }
        }
    }

    fn feed(&mut self, event: Event) {
        let now = Now {
            utc: kit::wall(AT.0),
            tick: AT,
        };
        let done = step(self.state.clone(), event, now, &self.policy);
        self.state = done.next;
        for fact in done.facts {
            if let FactKind::IntentRecorded(intent) = fact.kind
                && let Some(card) = intent.card
            {
                let draft = intent.txn;
                let (order, number) = self.shown.remove(&card.cryptogram.unwrap()).unwrap();
                assert_eq!(txn(order.0), draft, "charged to another draft");
                assert_eq!(order, self.given, "charged under an older order");
                assert!(self.armed, "charged after the reader was disarmed");
                self.charged.push(format!("{}<-{number}", order.0));
            }
        }
        for command in done.commands {
            match command {
                Command::ArmCard { txn, amount, hold } => {
                    self.given = (self.drafts, self.given.1 + 1);
                    self.armed = true;
                    let arming = self.armings.arm();
                    let arm = CardCommand::Arm {
                        arming,
                        txn,
                        amount,
                        hold,
                    };
                    self.orders.push_back((arm, self.given));
                }
                Command::DisarmCard => {
                    self.armed = false;
                    self.armings.disarm();
                    self.orders.push_back((CardCommand::Disarm, self.given));
                }
                Command::Send { ticket, .. } => self.sent = Some(ticket),
                _ => {}
            }
        }
    }

    fn answers(&mut self, ask: AskId, end: End) {
        let answer = ReaderEvent::Answer(Answer { ask, end });
        self.last = Some(answer.clone());
        self.heard.push_back(answer);
    }

    /// A customer holds a card at the reader, or inserts one.
    fn shows(&mut self, inserted: bool) {
        let pool = if inserted {
            &mut self.inserts
        } else {
            &mut self.taps
        };
        if let Some((ask, false, order)) = self.on_air
            && let Some(end) = pool.pop_front()
        {
            self.on_air = None;
            let number = self.shown.len() + self.charged.len() + 1;
            self.shown.insert(cryptogram(&end), (order, number));
            self.answers(ask, end);
        }
    }

    fn word(&mut self, word: &str) {
        match word {
            "open" if self.state.draft.is_none() && self.state.foreground.is_none() => {
                self.drafts += 1;
                self.feed(Event::SaleRequested {
                    txn: txn(self.drafts),
                    amount: Money::from_fen(FEN).unwrap(),
                    operator: OperatorNo::new("01").unwrap(),
                });
            }
            // Of a sale that was sent a cancel is a reversal, which is another test's.
            "cancel" if self.state.draft.is_some() && self.state.draft_order().is_none() => {
                self.feed(Event::CancelRequested);
            }
            "own-code" => self.feed(Event::MerchantCodeRequested {
                txn: TxnId::from_parts(2, self.drafts * 100 + u128::from(self.given.1)),
                channel: Channel::Unknown,
            }),
            // What is open at the acquirer never left, and is looked at.
            "ends" => {
                if let Some(ticket) = self.sent.take()
                    && matches!(ticket.kind, RequestKind::Authorize | RequestKind::Preorder)
                {
                    self.feed(Event::SendFailed {
                        ticket,
                        certainty: Certainty::NotSent,
                        why: "the line".to_owned(),
                    });
                    self.feed(Event::ResultDismissed);
                }
            }
            "order" => {
                if let Some((order, of)) = self.orders.pop_front() {
                    self.at_desk = of;
                    let out = self.desk.order(order, AT);
                    self.run(out);
                }
            }
            "reader" => {
                if let Some(event) = self.heard.pop_front() {
                    let out = self.desk.hear(event, AT);
                    self.run(out);
                }
            }
            "news" => {
                if let Some(CardNews::Presented { arming, txn, card }) = self.news.pop_front()
                    && self.armings.takes(arming)
                {
                    self.feed(Event::CardPresented { txn, card });
                }
            }
            "tap" => self.shows(false),
            "insert" => self.shows(true),
            "types" => {
                if let Some((ask, true, _)) = self.on_air.take_if(|(_, pin, _)| *pin) {
                    self.answers(ask, pools().2);
                }
            }
            "obeys" => {
                let cancelled = self.cancels.pop_front();
                if let Some((ask, ..)) = self.on_air.take_if(|(ask, ..)| Some(*ask) == cancelled) {
                    self.answers(ask, End::Cancelled);
                }
            }
            "again" => self.heard.extend(self.last.clone()),
            _ => {}
        }
    }

    /// Delivers everything that is under way, and lets the reader obey.
    fn drain(&mut self) {
        for _ in 0..100 {
            for word in ["order", "obeys", "reader"] {
                self.word(word);
            }
            while !self.news.is_empty() {
                self.word("news");
            }
        }
    }
}

/// Taps, inserts and a typed PIN, made once: each is a reader's whole result.
fn pools() -> (Vec<End>, Vec<End>, End) {
    static POOLS: std::sync::OnceLock<(Vec<End>, Vec<End>, End)> = std::sync::OnceLock::new();
    let made = || {
        let taps = presentments("tap debit", FEN, CARDS);
        let inserts = presentments("insert credit", FEN, CARDS);
        (taps, inserts, typed_pin(keys()))
    };
    POOLS.get_or_init(made).clone()
}

const fn txn(draft: u128) -> TxnId {
    TxnId::from_parts(1, draft)
}

/// What happens, in order; which draft is charged with which presentment.
const ROWS: [(&str, &str, &str); 14] = [
    ("a tap", "open order tap reader news", "1<-1"),
    (
        "a card with its PIN",
        "open order insert reader types reader news news",
        "1<-1",
    ),
    (
        "its result comes when the next draft is armed already",
        "open order tap cancel open order order reader news",
        "",
    ),
    (
        "and the next draft takes the next card",
        "open order tap cancel open order order reader news tap reader news",
        "2<-2",
    ),
    (
        "the news of it comes when the next draft is armed already",
        "open order tap reader cancel open news order order news",
        "",
    ),
    (
        "and the next draft takes the next card",
        "open order tap reader cancel open news order order tap reader news",
        "2<-2",
    ),
    (
        "its result comes when the same draft is armed again",
        "open order tap own-code ends order order reader news news",
        "",
    ),
    (
        "the news of it comes when the same draft is armed again",
        "open order tap reader own-code ends news order order news",
        "",
    ),
    (
        "and that draft takes the next card",
        "open order tap reader own-code ends news order order news tap reader news news",
        "1<-2",
    ),
    (
        "a PIN comes when the same draft is armed again",
        "open order insert reader types own-code ends order order reader news news",
        "",
    ),
    (
        "a PIN comes when the next draft is armed",
        "open order insert reader types cancel open order order reader news news",
        "",
    ),
    (
        "a result that is told twice",
        "open order tap again reader news reader news ends open order reader news",
        "1<-1",
    ),
    (
        "a card that comes before the cancel of its draft was obeyed",
        "open order cancel order tap obeys reader open order obeys reader news tap reader news",
        "2<-2",
    ),
    (
        "a draft whose own code is shown takes no card",
        "open order tap reader own-code news news order",
        "",
    ),
];

#[test]
fn no_presentment_is_charged_to_another_order() {
    let mut wrong = Vec::new();
    for (name, words, charged) in ROWS {
        let mut line = Line::new();
        line.drain();
        for word in words.split(' ') {
            assert!(WORDS.contains(&word), "{word}");
            // Hints are news as well, and decide nothing.
            let hints = |news: &CardNews| !matches!(news, CardNews::Presented { .. });
            line.news.retain(|news| !hints(news));
            line.word(word);
        }
        if line.charged.join(" ") != charged {
            wrong.push(format!("{name}: {words}: {:?}", line.charged));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// [`Line::feed`] asserts with every charge; afterwards the till takes the next card.
    #[test]
    fn whatever_crosses_no_presentment_is_charged_twice_or_elsewhere(
        story in proptest::collection::vec(0..WORDS.len(), 0..80)
    ) {
        let mut line = Line::new();
        for word in story {
            line.word(WORDS[word]);
        }
        line.word("ends");
        line.word("cancel");
        line.drain();
        line.word("ends");
        line.drain();
        prop_assume!(!line.taps.is_empty());
        line.word("open");
        line.drain();
        let before = line.charged.len();
        line.word("tap");
        line.drain();
        prop_assert_eq!(line.charged.len(), before + 1, "the next customer pays");
    }
}
