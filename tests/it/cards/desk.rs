//! The desk of the reader: what is asked of it when, and what the driver is told, with a whole reader behind it.

use std::collections::VecDeque;

use shouyin::acquirer::KeysError;
use shouyin::card::{CardRules, MacStream, PresentedCard, WrappedKeys};
use shouyin::domain::{Money, Tick, TxnId};
use shouyin::payment::CardWord;
use shouyin::reader::event::ReaderEvent;
use shouyin::terminal::{
    Armings, CardCommand, CardDesk, CardDeskConfig, CardNews, CardOut, KeyEnd, KeyJob,
};
use shouyin::view::CardHint;

use super::shown::Pair;

/// PIN, MAC and data key of a session under the sandbox's master key, each with its check value (openssl, des-ede3).
const KEYS: &str = "97C39756446F70D84F87D48B5A70ACD0819DB114";

pub fn keys() -> WrappedKeys {
    let blob = data_encoding::HEXUPPER.decode(KEYS.as_bytes()).unwrap();
    // The same key for both: only whether there is one matters here.
    WrappedKeys::from_sign_in(&[blob.clone(), blob].concat()).unwrap()
}

/// A desk, its reader, and what came of it.
struct Shop {
    desk: CardDesk,
    armings: Armings,
    pair: Pair,
    hint: Option<CardHint>,
    presented: Vec<(TxnId, PresentedCard)>,
    words: Vec<CardWord>,
    jobs: Vec<(u64, Result<&'static str, KeysError>)>,
    sign_ins: usize,
    reader: Option<Result<(), String>>,
}

const TXN: TxnId = TxnId::from_parts(1, 1);

impl Shop {
    fn open() -> Self {
        let config = CardDeskConfig {
            tap_s: 30,
            pin_s: 60,
            rules: CardRules {
                no_pin_max: Money::from_fen(100_000).ok(),
                device_counts: true,
            },
        };
        let mut shop = Self {
            desk: CardDesk::new(config),
            armings: Armings::default(),
            pair: Pair::greeted(),
            hint: None,
            presented: Vec::new(),
            words: Vec::new(),
            jobs: Vec::new(),
            sign_ins: 0,
            reader: None,
        };
        shop.listen();
        shop
    }

    fn with_keys() -> Self {
        let mut shop = Self::open();
        shop.job(1, KeyJob::Load(keys()));
        assert_eq!(shop.jobs, [(1, Ok("loaded"))]);
        shop.jobs.clear();
        let out = shop.desk.signed_in(None, shop.at());
        shop.all(out);
        shop
    }

    fn at(&self) -> Tick {
        Tick(self.pair.now)
    }

    /// Hands the reader's news to the desk, and the desk's wishes to the reader, until both are quiet.
    fn listen(&mut self) {
        let mut out = VecDeque::new();
        loop {
            for event in std::mem::take(&mut self.pair.told) {
                out.extend(self.desk.hear(event, self.at()));
            }
            let Some(next) = out.pop_front() else {
                return;
            };
            self.run(next);
        }
    }

    fn run(&mut self, out: CardOut) {
        match out {
            CardOut::Ask(ask, what) => self.pair.ask(ask, what),
            CardOut::Cancel(ask) => self.pair.cancel(ask),
            CardOut::SignIn => self.sign_ins += 1,
            CardOut::Done(number, end) => self.jobs.push((
                number,
                match end {
                    KeyEnd::Mac(_) => Ok("mac"),
                    KeyEnd::Loaded => Ok("loaded"),
                    KeyEnd::Failed(error) => Err(error),
                },
            )),
            CardOut::Tell(news) => match news {
                CardNews::Presented { txn, card, .. } => self.presented.push((txn, *card)),
                CardNews::Ended { word, .. } => self.words.push(word),
                CardNews::Hint(hint) => self.hint = hint,
                CardNews::Reader(state) => self.reader = Some(state),
            },
        }
    }

    fn all(&mut self, out: Vec<CardOut>) {
        for next in out {
            self.run(next);
        }
        self.listen();
    }

    fn order(&mut self, command: CardCommand) {
        let out = self.desk.order(command, self.at());
        self.all(out);
    }

    fn arm(&mut self, fen: u64) {
        let amount = Money::from_fen(fen).unwrap();
        let arming = self.armings.arm();
        self.order(CardCommand::Arm {
            arming,
            txn: TXN,
            amount,
            hold: false,
        });
    }

    fn job(&mut self, number: u64, job: KeyJob) {
        let out = self.desk.job(number, job, self.at());
        self.all(out);
    }

    fn act(&mut self, words: &str) {
        self.pair.act(words);
        self.listen();
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(100) {
            self.pair.pass(100);
            self.listen();
            let out = self.desk.tick(self.at());
            self.all(out);
        }
    }

    fn lose_the_reader(&mut self) {
        let outputs = self.pair.talk.line_down();
        self.pair.host(outputs);
        self.pair.told.push(ReaderEvent::Lost("unplugged".into()));
        self.listen();
    }

    fn masked(&self) -> Vec<String> {
        let shown = self.presented.iter();
        shown
            .map(|(_, card)| card.evidence.masked.to_string())
            .collect()
    }
}

#[test]
fn a_pin_is_wanted_from_the_fen_above_the_limit_on_and_for_every_inserted_card() {
    for (words, fen, pin) in [
        ("tap debit", 99_999, false),
        ("tap debit", 100_000, false),
        ("tap debit", 100_001, true),
        ("tap phone", 100_001, false),
        ("insert debit", 1, true),
        ("insert phone", 1, true),
    ] {
        let mut shop = Shop::with_keys();
        shop.arm(fen);
        assert_eq!(shop.hint, Some(CardHint::Ready));
        shop.act(words);
        if pin {
            assert_eq!(shop.hint, Some(CardHint::Pin), "{words} {fen}");
            assert!(shop.presented.is_empty(), "{words} {fen}: before the PIN");
            shop.act("pin 123456");
        }
        let [(txn, card)] = &shop.presented[..] else {
            panic!("{words} {fen}: {:?}", shop.presented);
        };
        assert_eq!((*txn, card.pin.is_some()), (TXN, pin), "{words} {fen}");
        assert_eq!(card.evidence.amount.minor(), fen);
        assert_eq!(shop.hint, None);
    }
}

#[test]
fn without_a_downloaded_limit_every_tap_needs_a_pin() {
    let mut shop = Shop::with_keys();
    shop.desk = CardDesk::new(CardDeskConfig {
        tap_s: 30,
        pin_s: 60,
        rules: CardRules {
            no_pin_max: None,
            device_counts: false,
        },
    });
    shop.pair = Pair::greeted();
    shop.listen();
    shop.pass(5_500);
    shop.arm(1);
    shop.act("tap phone");
    assert_eq!(shop.presented.len(), 0);
}

#[test]
fn a_card_that_does_not_work_says_why_and_the_next_one_pays() {
    for (words, hint) in [
        ("swipe debit", CardHint::Insert),
        ("tap declines", CardHint::Other),
        ("tap offline", CardHint::Other),
        ("tap expired", CardHint::Other),
        ("tap torn", CardHint::Again),
    ] {
        let mut shop = Shop::with_keys();
        shop.arm(1_280);
        shop.act(words);
        assert_eq!(shop.hint, Some(hint), "{words}");
        assert!(shop.presented.is_empty(), "{words}");
        shop.act("pull");
        shop.pass(2_500);
        assert_eq!(shop.hint, Some(CardHint::Ready), "{words}: asked again");
        shop.act("tap phone");
        assert_eq!(shop.masked(), ["621626*********0026"], "{words}");
    }
}

#[test]
fn a_cancelled_pin_pays_nothing_and_the_next_one_waits_for_the_reader() {
    let mut shop = Shop::with_keys();
    shop.arm(128_000);
    shop.act("insert debit");
    shop.act("pin cancel");
    assert!(shop.presented.is_empty());
    assert_eq!(shop.hint, Some(CardHint::NoPin));
    shop.act("pull");
    shop.pass(5_500);
    shop.act("insert debit");
    assert_eq!(
        shop.hint,
        Some(CardHint::Wait),
        "one PIN in thirty seconds; the card stays"
    );
    shop.pass(31_000);
    assert_eq!(shop.hint, Some(CardHint::Pin));
    shop.act("pin 123456");
    assert_eq!(shop.masked(), ["621626*********0018"]);
}

#[test]
fn a_reader_that_took_the_last_pin_late_is_not_asked_too_soon() {
    let mut shop = Shop::with_keys();
    shop.arm(128_000);
    shop.pair.slow_ms = 900;
    shop.act("insert debit");
    shop.act("pin cancel");
    shop.pair.slow_ms = 0;
    shop.act("pull");
    shop.pass(5_500);
    shop.act("insert debit");
    assert_eq!(shop.hint, Some(CardHint::Wait));
    shop.pass(26_500);
    assert_eq!(
        shop.hint,
        Some(CardHint::Pin),
        "a refusal would begin the thirty seconds again"
    );
    shop.act("pin 123456");
    assert_eq!(shop.masked(), ["621626*********0018"]);
}

#[test]
fn a_mac_goes_before_the_wait_for_a_card_and_never_into_a_pin() {
    let mut shop = Shop::with_keys();
    shop.arm(128_000);
    shop.job(7, KeyJob::Mac(MacStream::new(b"0400".to_vec())));
    shop.pass(4_000);
    assert_eq!(shop.jobs, [(7, Ok("mac"))], "the tap made room");
    shop.act("tap debit");
    assert_eq!(shop.hint, Some(CardHint::Pin), "and was asked for again");
    shop.job(8, KeyJob::Mac(MacStream::new(b"0400".to_vec())));
    assert!(
        matches!(shop.jobs[1], (8, Err(KeysError::Unavailable(_)))),
        "{:?}",
        shop.jobs
    );
    shop.act("pin 123456");
    assert_eq!(shop.masked().len(), 1);
}

#[test]
fn a_card_is_forgotten_when_nobody_waits_for_it_any_more() {
    let mut shop = Shop::with_keys();
    shop.arm(128_000);
    shop.act("tap debit");
    shop.order(CardCommand::Disarm);
    assert_eq!(shop.hint, None);
    shop.act("pin 123456");
    shop.pass(5_000);
    assert!(shop.presented.is_empty(), "the code had paid");
    shop.order(CardCommand::Disarm);
    shop.act("tap debit");
    shop.pass(40_000);
    assert!(shop.presented.is_empty(), "nobody asked");
}

#[test]
fn without_a_word_of_the_card_the_approval_does_not_stand() {
    let mut shop = Shop::with_keys();
    let complete = CardCommand::Complete {
        txn: TXN,
        chip: vec![0x91, 1, 0],
    };
    shop.order(complete.clone());
    assert_eq!(shop.words, [CardWord::Gone], "no card is inserted");
    for (card, word) in [
        ("insert debit", CardWord::Approved),
        ("insert refuses", CardWord::Refused),
    ] {
        let mut shop = Shop::with_keys();
        shop.arm(1_280);
        shop.act(card);
        shop.act("pin 123456");
        assert_eq!(shop.presented.len(), 1, "{card}");
        shop.order(complete.clone());
        assert_eq!(shop.words, [word], "{card}");
    }
    let mut shop = Shop::with_keys();
    shop.arm(1_280);
    shop.act("insert debit");
    shop.act("pin 123456");
    shop.act("pull");
    shop.order(complete.clone());
    shop.pass(20_000);
    assert_eq!(shop.words, [CardWord::Gone], "pulled out");
    let mut shop = Shop::with_keys();
    shop.arm(1_280);
    shop.act("insert debit");
    shop.act("pin 123456");
    shop.lose_the_reader();
    shop.order(complete);
    assert_eq!(shop.words, [CardWord::Gone], "no reader");
}

#[test]
fn a_reader_that_is_gone_is_told_and_codes_go_on() {
    let mut shop = Shop::with_keys();
    shop.arm(1_280);
    shop.lose_the_reader();
    assert_eq!(shop.hint, Some(CardHint::Away));
    assert_eq!(shop.reader, Some(Err("unplugged".to_owned())));
    shop.job(9, KeyJob::Mac(MacStream::new(b"0400".to_vec())));
    assert!(matches!(
        shop.jobs[..],
        [(9, Err(KeysError::Unavailable(_)))]
    ));
    let before = shop.sign_ins;
    let outputs = shop.pair.talk.line_up(shop.at());
    shop.pair.host(outputs);
    shop.listen();
    assert_eq!(shop.sign_ins, before + 1, "its keys may be gone");
    assert_eq!(shop.hint, Some(CardHint::Away), "its keys come first");
    shop.pass(5_500);
    assert_eq!(shop.hint, Some(CardHint::Ready));
    shop.act("tap phone");
    assert_eq!(shop.masked().len(), 1);
}

#[test]
fn without_the_keys_of_a_session_no_mac_and_no_pin_is_made() {
    let mut shop = Shop::open();
    assert_eq!(shop.sign_ins, 1, "asked for at once");
    shop.job(3, KeyJob::Mac(MacStream::new(b"0200".to_vec())));
    assert_eq!(shop.jobs, [(3, Err(KeysError::Absent))]);
    shop.arm(128_000);
    shop.pass(5_500);
    shop.act("tap debit");
    assert_eq!(shop.hint, Some(CardHint::Away), "codes can be taken");
    assert_eq!(shop.sign_ins, 2, "asked for again");
    assert!(shop.presented.is_empty());
}
