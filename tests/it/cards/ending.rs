//! The cards' part of a batch as the core sees it: a model card host with its own books, answers that are lost,
//! restarts between any two steps.
//!
//! The host counts what it was told under which trace, and panics when a trace is used for two things.

use std::collections::BTreeMap;

use ring::hmac;
use shouyin::domain::{
    BatchNo, Channel, MerchantNo, Money, OperatorNo, OrderNo, TermNo, Tick, TxnId, VoucherNo,
};
use shouyin::evidence::{KeyId, SignedMessage, TrustedKey, TrustedKeys, Verified};
use shouyin::settlement::{
    Ask, Batch, CardHeard, CardQuestion, CardRow, CardRowKind, CardVerdict, CardWhat, Cause, Entry,
    EntryKind, EntryState, Report, Rules, Says, Settlement, SettlementClaim, SettlementFact,
    SettlementIntent, Step, Turn, begin, resume,
};

use crate::world::Dice;

const MERCHANT: &str = "822290059430BFA";
const BATCH: u32 = 7;

fn txn(number: u32) -> TxnId {
    TxnId::from_parts(1_000, u128::from(number))
}

fn number(letter: char, number: u32) -> OrderNo {
    OrderNo::new(&format!("A12345670001{letter}{number:08}")).unwrap()
}

/// What stands in the shop's batch: every third a refund, every fifth a completion, every seventh by code.
fn entry(at: u32) -> Entry {
    let kind = match at % 6 {
        3 => EntryKind::Refund,
        5 => EntryKind::Void,
        _ => EntryKind::Sale,
    };
    Entry {
        txn: txn(at),
        number: number('S', at),
        order_no: number('S', at),
        kind,
        late: false,
        completion: at.is_multiple_of(5),
        funding: None,
        channel: if at.is_multiple_of(7) {
            Channel::Wechat
        } else {
            Channel::BankCard
        },
        amount: Money::from_fen(u64::from(at) * 10).unwrap(),
        state: if at.is_multiple_of(11) {
            EntryState::Nothing
        } else {
            EntryState::Stands
        },
        voucher: VoucherNo::new(at).unwrap(),
        batch: BatchNo::new(BATCH).unwrap(),
    }
}

/// The same as the host counts it: written apart.
fn row(entry: &Entry) -> Option<(String, u32, u64)> {
    let counts = entry.state == EntryState::Stands && entry.channel == Channel::BankCard;
    let kind = match (entry.kind, entry.completion) {
        (EntryKind::Sale, false) => "22",
        (EntryKind::Sale, true) => "20",
        (EntryKind::Void, false) => "23",
        (EntryKind::Void, true) => "21",
        (EntryKind::Refund, _) => "25",
    };
    let row = (kind.to_owned(), entry.voucher.get(), entry.amount.minor());
    counts.then_some(row)
}

fn told(row: &CardRow) -> (String, u32, u64) {
    let kind = match row.kind {
        CardRowKind::Sale => "22",
        CardRowKind::Completion => "20",
        CardRowKind::Void => "23",
        CardRowKind::CompletionVoid => "21",
        CardRowKind::Refund => "25",
    };
    (kind.to_owned(), row.trace.get(), row.fen)
}

/// A card host with its own books.
#[derive(Default)]
struct Host {
    books: Vec<(String, u32, u64)>,
    /// It says "not balanced" whatever the totals are.
    stubborn: bool,
    said: BTreeMap<u32, (CardWhat, CardHeard)>,
    uploaded: Vec<(String, u32, u64)>,
    /// Traces that belong to something else.
    used: Vec<u32>,
}

impl Host {
    fn sum(&self, back: bool) -> (u32, u64) {
        let side = |row: &&(String, u32, u64)| matches!(row.0.as_str(), "23" | "21" | "25") == back;
        let rows = self.books.iter().filter(side);
        rows.fold((0, 0), |(count, fen), row| (count + 1, fen + row.2))
    }

    fn answer(&mut self, asked: &CardQuestion) -> CardHeard {
        assert_eq!(asked.batch.get(), BATCH);
        let trace = asked.trace.get();
        if self.used.contains(&trace) {
            return CardHeard::Used;
        }
        if let Some((what, heard)) = self.said.get(&trace) {
            assert_eq!(*what, asked.what, "a trace names one message");
            return *heard;
        }
        let heard = match &asked.what {
            CardWhat::Totals { charged, returned } => {
                self.uploaded.clear();
                let ours = (self.sum(false), self.sum(true));
                let same = ours == ((charged.count, charged.fen), (returned.count, returned.fen));
                if same && !self.stubborn {
                    CardHeard::Balanced
                } else {
                    CardHeard::Unbalanced
                }
            }
            CardWhat::Rows(rows) => {
                assert!((1..=20).contains(&rows.len()));
                self.uploaded.extend(rows.iter().map(told));
                CardHeard::Taken
            }
            CardWhat::End => {
                let (mut ours, mut theirs) = (self.books.clone(), self.uploaded.clone());
                ours.sort();
                theirs.sort();
                if ours == theirs {
                    CardHeard::Agrees
                } else {
                    CardHeard::Differs
                }
            }
        };
        self.said.insert(trace, (asked.what.clone(), heard));
        heard
    }
}

type Take<'a> = Box<dyn FnOnce(&mut Option<Settlement>, &mut Turn<'_>) + 'a>;

/// One settlement, its journal, and what is under way.
struct Shop {
    rules: Rules,
    merchant: MerchantNo,
    term: TermNo,
    batch: Batch,
    facts: Vec<SettlementFact>,
    settlement: Option<Settlement>,
    asked: Option<(u32, CardQuestion)>,
    now: u64,
    next_trace: u32,
    restarts: u32,
}

impl Shop {
    fn new(entries: u32) -> Self {
        Self {
            rules: Rules {
                has_statement: false,
                asks_cards: true,
                ..Rules::reference()
            },
            merchant: MerchantNo::new(MERCHANT).unwrap(),
            term: TermNo::new("A1234567").unwrap(),
            batch: Batch {
                entries: (1..=entries).map(entry).collect(),
                others: BTreeMap::new(),
            },
            facts: Vec::new(),
            settlement: None,
            asked: None,
            now: 0,
            next_trace: entries + 1,
            restarts: 0,
        }
    }

    /// Takes a turn: stores what came of it, reads the batch when that is wanted, remembers what is asked.
    fn turn(&mut self, take: impl FnOnce(&mut Option<Settlement>, &mut Turn<'_>)) {
        self.boxed_turn(Box::new(take));
    }

    fn boxed_turn(&mut self, take: Take<'_>) {
        let (rules, merchant) = (self.rules.clone(), self.merchant.clone());
        let term = self.term.clone();
        let mut turn = Turn {
            now: Tick(self.now),
            rules: &rules,
            merchant: &merchant,
            term: &term,
            trace: VoucherNo::new(self.next_trace).unwrap(),
            took_trace: false,
            facts: Vec::new(),
            asks: Vec::new(),
            read: None,
        };
        take(&mut self.settlement, &mut turn);
        let Turn {
            facts,
            asks,
            read,
            took_trace,
            ..
        } = turn;
        self.next_trace += u32::from(took_trace);
        self.facts.extend(facts);
        for (number, ask) in asks {
            let Ask::Cards(question) = ask else {
                panic!("{ask:?}");
            };
            let stored = self.facts.iter().rev().find_map(|fact| match fact {
                SettlementFact::CardsAsked(message) => Some(message.trace),
                _ => None,
            });
            assert_eq!(stored, Some(question.trace), "stored before it leaves");
            self.asked = Some((number, *question));
        }
        if read.is_some() {
            let batch = self.batch.clone();
            self.boxed_turn(Box::new(|settlement, turn| {
                settlement.as_mut().unwrap().was_read(batch, turn);
            }));
        }
    }

    fn begin(&mut self) {
        let intent = SettlementIntent {
            txn: txn(0),
            settle_no: number('T', 1),
            sequence: 1,
            batch: BatchNo::new(BATCH).unwrap(),
            cause: Cause::Asked,
            operator: OperatorNo::new("01").unwrap(),
            approver: OperatorNo::new("90").ok(),
            read_after: 0,
            told_upto: 0,
        };
        self.turn(|settlement, turn| *settlement = Some(begin(intent, turn)));
        assert!(self.holds(), "nobody knows yet whether there is a card");
        self.turn(|settlement, turn| settlement.as_mut().unwrap().stop_waiting(turn));
    }

    fn holds(&self) -> bool {
        let settlement = self.settlement.as_ref();
        settlement.is_some_and(|settlement| settlement.holds_cards(&self.rules))
    }

    /// The power is cut: only the facts are left.
    fn restart(&mut self) {
        self.restarts += 1;
        self.asked = None;
        self.settlement = resume(&self.facts, Tick(self.now), &self.rules);
        // The counter is kept by the facts.
        let traces = self.facts.iter().filter_map(|fact| match fact {
            SettlementFact::CardsAsked(message) => Some(message.trace.get() + 1),
            _ => None,
        });
        let entries = u32::try_from(self.batch.entries.len()).unwrap();
        self.next_trace = traces.max().unwrap_or(0).max(entries + 1);
    }

    /// Lets time pass until the next thing is due.
    fn wait(&mut self) {
        let Some(due) = self.settlement.as_ref().and_then(Settlement::due) else {
            return;
        };
        self.now = self.now.max(due.0);
        self.asked = None;
        self.turn(|settlement, turn| settlement.as_mut().unwrap().is_due(turn));
    }

    fn hears(&mut self, heard: CardHeard) {
        let (number, question) = self.asked.take().unwrap();
        let claim = verified(SettlementClaim {
            merchant: Some(self.merchant.clone()),
            settle_no: Some(question.settle_no),
            says: Says::Cards(heard),
            host_code: "00".to_owned(),
        });
        self.turn(|settlement, turn| {
            settlement.as_mut().unwrap().answered(number, &claim, turn);
        });
    }

    fn is_closed(&self) -> bool {
        let settlement = self.settlement.as_ref();
        settlement.is_none_or(|settlement| settlement.step == Step::Closed)
    }

    fn reports(&self) -> Vec<&Report> {
        let reports = self.facts.iter().filter_map(|fact| match fact {
            SettlementFact::Closed(report) => Some(&**report),
            _ => None,
        });
        reports.collect()
    }
}

fn verified(claim: SettlementClaim) -> Verified<SettlementClaim> {
    let keys = TrustedKeys::new([(KeyId::new("01"), TrustedKey::hmac(b"secret"))]).unwrap();
    let message = format!("{claim:?}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let signature = hmac::sign(&key, message.as_bytes());
    let signed = SignedMessage {
        key_id: "01",
        message: message.as_bytes(),
        signature: signature.as_ref(),
    };
    Verified::open(&keys, signed, |_| Ok(claim)).unwrap()
}

/// Plays a settlement to its end; `loses` says whether the answer to a request is lost, `cuts` whether the power is cut
/// after a step.
fn play(
    shop: &mut Shop,
    host: &mut Host,
    mut loses: impl FnMut() -> bool,
    mut cuts: impl FnMut() -> bool,
) -> CardVerdict {
    shop.begin();
    for _ in 0..2_000 {
        if cuts() {
            shop.restart();
        }
        if shop.is_closed() {
            break;
        }
        assert!(shop.holds() || shop.settlement.as_ref().unwrap().cards.verdict().is_some());
        let heard = shop
            .asked
            .as_ref()
            .map(|(_, question)| host.answer(question));
        match heard {
            Some(heard) if !loses() => shop.hears(heard),
            Some(_) | None => shop.wait(),
        }
    }
    let reports = shop.reports();
    assert_eq!(reports.len(), 1, "closed exactly once");
    let verdict = reports[0].cards.expect("the card host was asked");
    let stored = shop
        .facts
        .iter()
        .filter(|fact| matches!(fact, SettlementFact::CardsHeard { heard, .. } if heard.ends()));
    assert_eq!(stored.count(), 1, "one verdict");
    if verdict == CardVerdict::Unequal {
        assert!(!reports[0].is_balanced());
    }
    assert!(!shop.holds());
    verdict
}

fn books(shop: &Shop) -> Vec<(String, u32, u64)> {
    shop.batch.entries.iter().filter_map(row).collect()
}

#[test]
fn equal_totals_end_it_with_one_message() {
    let mut shop = Shop::new(50);
    let mut host = Host {
        books: books(&shop),
        ..Host::default()
    };
    let verdict = play(&mut shop, &mut host, || false, || false);
    assert_eq!(verdict, CardVerdict::Equal);
    assert_eq!(host.said.len(), 1);
    assert_eq!(host.uploaded, []);
}

#[test]
fn unequal_totals_send_every_entry_once_and_the_host_decides() {
    for (stubborn, differs, expected) in [
        (true, false, CardVerdict::EqualOneByOne),
        (false, true, CardVerdict::Unequal),
    ] {
        let mut shop = Shop::new(60);
        let mut host = Host {
            books: books(&shop),
            stubborn,
            ..Host::default()
        };
        if differs {
            host.books.pop();
        }
        let verdict = play(&mut shop, &mut host, || false, || false);
        assert_eq!(verdict, expected);
        assert_eq!(host.uploaded, books(&shop), "each once, in order");
        let count = host.uploaded.len().div_ceil(20);
        assert_eq!(host.said.len(), count + 2, "totals, records, end");
    }
}

#[test]
fn a_batch_without_a_card_asks_nobody_and_holds_no_card_once_it_was_read() {
    let mut shop = Shop::new(50);
    shop.batch
        .entries
        .retain(|entry| entry.channel != Channel::BankCard);
    shop.begin();
    assert!(shop.is_closed());
    assert_eq!(shop.reports()[0].cards, None);
    assert!(shop.asked.is_none());
}

#[test]
fn a_trace_that_belongs_to_something_else_is_left_and_the_whole_begins_again() {
    let mut shop = Shop::new(30);
    let mut host = Host {
        books: books(&shop),
        stubborn: true,
        used: vec![31, 33, 36],
        ..Host::default()
    };
    let verdict = play(&mut shop, &mut host, || false, || false);
    assert_eq!(verdict, CardVerdict::EqualOneByOne);
    assert!(host.said.keys().all(|trace| !host.used.contains(trace)));
}

#[test]
fn lost_answers_and_restarts_at_any_step_change_neither_verdict_nor_count() {
    let (mut restarts, mut verdicts) = (0, BTreeMap::new());
    for seed in 0..1_500_u64 {
        let (mut one, mut two) = (Dice(seed * 2 + 1), Dice(seed * 7 + 3));
        let entries = 1 + u32::try_from(one.below(90)).unwrap();
        let mut shop = Shop::new(entries);
        let mut host = Host {
            books: books(&shop),
            stubborn: one.below(2) == 0,
            ..Host::default()
        };
        let differs = one.below(3) == 0;
        if differs {
            host.books.push(("22".to_owned(), 999, 5));
        }
        let stubborn = host.stubborn;
        let expected = match (differs, stubborn) {
            (true, _) => CardVerdict::Unequal,
            (false, true) => CardVerdict::EqualOneByOne,
            (false, false) => CardVerdict::Equal,
        };
        let verdict = play(
            &mut shop,
            &mut host,
            || one.below(4) == 0,
            || two.below(5) == 0,
        );
        assert_eq!(verdict, expected, "seed {seed}");
        restarts += shop.restarts;
        *verdicts.entry(expected as u8).or_insert(0) += 1;
    }
    println!("{restarts} restarts, verdicts {verdicts:?}");
    assert!(restarts > 1_000 && verdicts.values().all(|count| *count > 100));
}
