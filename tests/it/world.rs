//! A shop in virtual time: the real core, a journal of sealed rows, a faulty network and a model acquirer.
//!
//! One u64 seed decides everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Acquirer, MERCHANT, SECRET, Story, open, sign, write};
use shouyin::code::{CodeTable, PaymentCode, Recognised, recognise};
use shouyin::domain::{
    BatchNo, Epoch, MerchantNo, Money, Now, OperatorNo, OrderNo, StartTag, TermNo, Tick, Timestamp,
    TxnId,
};
use shouyin::evidence::{ClaimState, Digest, KeyId, SealedRow, TrustedKey, TrustedKeys, Undone};
use shouyin::payment::{
    Certainty, Command, Event, Fact, FactKind, Numbers, Outcome, Phase, Policy, Presentment,
    Request, State, Ticket, Timing, next_deadline, resume, step,
};

/// Seeded random numbers (SplitMix64): small, and the same stream everywhere.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Which faults a run has, in percent of messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub lost_request: u64,
    pub lost_answer: u64,
    pub slow: u64,
    pub duplicate: u64,
    pub forged: u64,
    pub foreign: u64,
    pub not_sent: u64,
}

impl Faults {
    pub const HEAVY: Self = Self {
        lost_request: 15,
        lost_answer: 15,
        slow: 20,
        duplicate: 10,
        forged: 8,
        foreign: 8,
        not_sent: 5,
    };
}

enum Flight {
    Arrives(Ticket, Request),
    Comes(u32, Event),
}

/// Bugs planted on purpose, to prove that the checker sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    None,
    /// Commands run although their facts were not stored.
    SendBeforeStore,
    /// "Not found" is taken for "failed".
    NotFoundIsFailed,
    /// Unsigned answers are believed.
    ForgedIsBelieved,
    /// A revoke that was taken is final at once.
    NoRecheck,
    /// After a restart the counters start anew.
    NumbersReused,
    /// A lost answer is taken for "not sent".
    TimeoutIsNotSent,
}

pub struct World {
    pub state: State,
    pub rows: Vec<SealedRow>,
    pub acquirer: Acquirer,
    pub policy: Policy,
    pub dice: Dice,
    pub now_ms: u64,
    pub faults: Faults,
    pub story: Story,
    pub planted: Planted,
    pub crash_at_append: Option<u64>,
    pub appends: u64,
    pub crashes: u64,
    pub injected: u64,
    pub events: u64,
    pub sent_log: Vec<(u64, Ticket, Request)>,
    pub seen: BTreeMap<TxnId, Vec<&'static str>>,
    answered: BTreeSet<Ticket>,
    boot: u32,
    keys: TrustedKeys,
    flights: BTreeMap<(u64, u64), Flight>,
    sequence: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let policy = Policy {
            merchant: MerchantNo::new(MERCHANT).unwrap(),
            term: TermNo::new("A0010001").unwrap(),
            amount_max: Money::from_fen(5_000_000).unwrap(),
            code_life_ms: 90_000,
            code_salt: [7; 32],
            timing: Timing::reference(),
            timing_of: BTreeMap::new(),
            cards: false,
            card_word_ms: 20_000,
            voids: shouyin::payment::VoidRules::customer_codes(),
            ceilings: shouyin::payment::Ceilings::supervisor_approves_all(),
            settlement: shouyin::settlement::Rules::reference(),
        };
        Self {
            state: State::empty(numbers(1, 1, 1)),
            rows: Vec::new(),
            acquirer: Acquirer::default(),
            policy,
            dice: Dice(seed),
            now_ms: 1_000,
            faults: Faults::default(),
            story: Story::Pays,
            planted: Planted::None,
            crash_at_append: None,
            appends: 0,
            crashes: 0,
            injected: 0,
            events: 0,
            sent_log: Vec::new(),
            seen: BTreeMap::new(),
            answered: BTreeSet::new(),
            boot: 1,
            keys: TrustedKeys::new([(KeyId::new("1"), TrustedKey::hmac(SECRET))]).unwrap(),
            flights: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub fn now(&self) -> Now {
        let utc = Timestamp(1_700_000_000_000 + i64::try_from(self.now_ms).unwrap());
        Now {
            utc,
            tick: Tick(self.now_ms),
        }
    }

    /// Rings up a sale and presents a fresh code.
    pub fn sell(&mut self, fen: u64, number: u64) -> TxnId {
        let txn = TxnId::from_parts(self.now_ms, u128::from(number));
        let operator = OperatorNo::new("01").unwrap();
        let amount = Money::from_fen(fen).unwrap();
        self.feed(Event::ResultDismissed);
        self.feed(Event::SaleRequested {
            txn,
            amount,
            operator,
        });
        self.feed(Event::CodePresented {
            code: code(number),
            entry: Presentment::Camera,
        });
        txn
    }

    /// One turn of the driver: step, store, run, with the crash points of a real disk.
    pub fn feed(&mut self, event: Event) {
        self.events += 1;
        let result = step(self.state.clone(), event, self.now(), &self.policy);
        let mut commands = result.commands;
        if !result.facts.is_empty() {
            self.appends += 1;
            let crash = self.crash_at_append;
            if crash == Some(self.appends * 3) {
                if self.planted == Planted::SendBeforeStore {
                    self.run(&mut commands);
                }
                return self.restart();
            }
            self.store(&result.facts);
            if crash == Some(self.appends * 3 + 1) {
                return self.restart();
            }
            self.state = result.next;
            self.run(&mut commands);
            if crash == Some(self.appends * 3 + 2) {
                return self.restart();
            }
        } else {
            self.state = result.next;
            self.run(&mut commands);
        }
        self.check_step();
    }

    fn store(&mut self, facts: &[Fact]) {
        for fact in facts {
            let previous = self.rows.last().map_or(Digest::ZERO, SealedRow::digest);
            let number = self.rows.len() as u64 + 1;
            self.rows
                .push(SealedRow::seal(&previous, number, fact.encode()));
            if let (Some(txn), FactKind::Closed { outcome, .. }) = (fact.txn(), &fact.kind) {
                self.seen.entry(txn).or_default().push(outcome.key());
            }
        }
    }

    fn run(&mut self, commands: &mut Vec<Command>) {
        for command in commands.drain(..) {
            if let Command::Send { ticket, request } = command {
                self.send(ticket, request);
            }
        }
    }

    fn send(&mut self, ticket: Ticket, request: Request) {
        self.sent_log.push((self.now_ms, ticket, request.clone()));
        let faults = self.faults;
        if self.dice.chance(faults.not_sent) {
            self.injected += 1;
            let why = "connection refused".to_owned();
            return self.comes(
                1,
                Event::SendFailed {
                    ticket,
                    certainty: Certainty::NotSent,
                    why,
                },
            );
        }
        let certainty = if self.planted == Planted::TimeoutIsNotSent {
            Certainty::NotSent
        } else {
            Certainty::MaybeSent
        };
        let why = "timed out".to_owned();
        self.comes(
            10_000,
            Event::SendFailed {
                ticket,
                certainty,
                why,
            },
        );
        if self.dice.chance(faults.lost_request) {
            self.injected += 1;
            return;
        }
        let delay = self.delay();
        if self.dice.chance(faults.duplicate) {
            self.injected += 1;
            let again = self.delay();
            self.fly(again, Flight::Arrives(ticket, request.clone()));
        }
        self.fly(delay, Flight::Arrives(ticket, request));
    }

    fn delay(&mut self) -> u64 {
        if self.dice.chance(self.faults.slow) {
            self.injected += 1;
            return 1_000 + self.dice.below(120_000);
        }
        30 + self.dice.below(200)
    }

    fn comes(&mut self, delay: u64, event: Event) {
        self.fly(delay, Flight::Comes(self.boot, event));
    }

    fn fly(&mut self, delay: u64, flight: Flight) {
        self.sequence += 1;
        self.flights
            .insert((self.now_ms + delay, self.sequence), flight);
    }

    fn arrives(&mut self, ticket: Ticket, request: &Request) {
        let now = self.now_ms;
        let (order_no, state, amount) = match request {
            Request::Authorize {
                order_no, amount, ..
            } => {
                let story = self.story;
                let state = self
                    .acquirer
                    .charge(order_no.as_str(), amount.minor(), story, now);
                (order_no, state, amount.minor())
            }
            Request::Inquire { order_no, .. } => {
                let state = self.acquirer.query(order_no.as_str(), now);
                let amount = self
                    .acquirer
                    .orders
                    .get(order_no.as_str())
                    .map_or(0, |o| o.amount);
                (order_no, state, amount)
            }
            Request::Revoke {
                revoke_no,
                order_no,
            } => {
                let state = self
                    .acquirer
                    .revoke(revoke_no.as_str(), order_no.as_str(), now);
                (order_no, state, 0)
            }
            Request::Refund {
                refund_no,
                order_no,
                amount,
                ..
            } => {
                let (number, order) = (refund_no.as_str(), order_no.as_str());
                let state = self.acquirer.refund(number, order, amount.minor(), now);
                (refund_no, state, amount.minor())
            }
            Request::InquireRefund { refund_no } => {
                let state = self.acquirer.query_refund(refund_no.as_str());
                let facts = self.facts();
                let amount = facts.iter().find_map(|fact| match &fact.kind {
                    FactKind::UndoIntended(undo) if undo.undo_no == *refund_no => {
                        Some(undo.amount.minor())
                    }
                    _ => None,
                });
                (refund_no, state, amount.unwrap_or(0))
            }
            other => panic!("this world knows customer codes only: {other:?}"),
        };
        if self.dice.chance(self.faults.lost_answer) {
            self.injected += 1;
            return;
        }
        let named = !(state == ClaimState::Declined && self.story == Story::DeclinesUnnamed);
        let event = self.answer(ticket, order_no, state, amount, named);
        let delay = self.delay();
        self.comes(delay, event);
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        order_no: &OrderNo,
        state: ClaimState,
        amount: u64,
        named: bool,
    ) -> Event {
        let (mut order_no, mut amount) = (order_no.as_str().to_owned(), amount);
        let mut state = state;
        if self.planted == Planted::NotFoundIsFailed && state == ClaimState::NotFound {
            state = ClaimState::Undone(Undone::Failed);
        }
        if self.planted == Planted::NoRecheck && state == ClaimState::NotFound {
            let sale = self.state.sales.get(&ticket.txn);
            let taken = sale.is_some_and(
                |sale| matches!(&sale.phase, Phase::Revoking(revoking) if revoking.acknowledged),
            );
            if taken {
                state = ClaimState::Undone(Undone::Revoked);
            }
        }
        if self.dice.chance(self.faults.foreign) {
            self.injected += 1;
            if self.dice.chance(50) {
                order_no = "A00100010001AAAAAAS99999999".to_owned();
                state = ClaimState::Paid;
            } else {
                amount += 1;
            }
        }
        let forged = self.dice.chance(self.faults.forged);
        let mut message = write(named.then_some(&order_no), amount, state);
        let mut proof = sign(&message);
        if forged {
            self.injected += 1;
            message = write(Some(&order_no), amount, ClaimState::Paid);
            if self.planted == Planted::ForgedIsBelieved {
                proof = sign(&message);
            }
        }
        match open(&self.keys, &message, &proof) {
            Ok(claim) => Event::Answered { ticket, claim },
            Err(rejection) => Event::AnswerRejected { ticket, rejection },
        }
    }

    /// A request that was believed lost reaches the acquirer after all; nobody hears the answer.
    pub fn late_arrival(&mut self, ticket: Ticket, request: &Request) {
        self.faults.lost_answer = 100;
        self.arrives(ticket, request);
        self.faults.lost_answer = 0;
    }

    /// Power off and on: the state is rebuilt from the rows; answers to the old process are gone, requests are not.
    pub fn restart(&mut self) {
        self.crashes += 1;
        self.crash_at_append = None;
        self.answered.clear();
        self.boot += 1;
        self.now_ms += 2_000;
        let mut previous = Digest::ZERO;
        let mut facts = Vec::new();
        for row in &self.rows {
            let body = row.body().to_vec();
            let opened = SealedRow::open(&previous, row.number(), body, &row.digest()).unwrap();
            previous = opened.digest();
            facts.push(Fact::decode(&opened).unwrap());
        }
        let (mut sequence, mut voucher) = (0, 0);
        for fact in &facts {
            match &fact.kind {
                FactKind::IntentRecorded(intent) => {
                    sequence = sequence.max(intent.sequence);
                    voucher = voucher.max(intent.voucher.get());
                }
                FactKind::RevokeIntended { sequence: used, .. } => sequence = sequence.max(*used),
                _ => {}
            }
        }
        let fresh = if self.planted == Planted::NumbersReused {
            numbers(1, 1, 1)
        } else {
            numbers(u16::try_from(self.boot).unwrap(), sequence + 1, voucher + 1)
        };
        self.state = resume(facts, fresh, self.now(), &self.policy);
    }

    /// Moves to the next thing that happens, at most until `until_ms`. Returns whether anything did.
    pub fn turn(&mut self, until_ms: u64) -> bool {
        let due = next_deadline(&self.state, &self.policy).map(|(tick, _)| tick.0.max(self.now_ms));
        let flight = self.flights.keys().next().copied();
        let next = [due, flight.map(|(at, _)| at)].into_iter().flatten().min();
        let Some(at) = next.filter(|at| *at <= until_ms) else {
            self.now_ms = self.now_ms.max(until_ms);
            return false;
        };
        self.now_ms = self.now_ms.max(at);
        if let Some(key) = flight.filter(|(flight_at, _)| *flight_at <= at) {
            match self.flights.remove(&key).unwrap() {
                Flight::Arrives(ticket, request) => self.arrives(ticket, &request),
                Flight::Comes(boot, event) if boot == self.boot => self.hears(event),
                Flight::Comes(..) => {}
            }
        } else {
            self.feed(Event::DeadlineReached);
        }
        true
    }

    /// A request whose answer came does not fail afterwards; an answer after the time-out is still heard.
    fn hears(&mut self, event: Event) {
        match &event {
            Event::Answered { ticket, .. } | Event::AnswerRejected { ticket, .. } => {
                self.answered.insert(*ticket);
            }
            Event::SendFailed { ticket, .. } if self.answered.contains(ticket) => return,
            _ => {}
        }
        self.feed(event);
    }

    pub fn run_until(&mut self, until_ms: u64) {
        while self.turn(until_ms) {}
    }

    pub fn open_sales(&self) -> usize {
        self.state
            .sales
            .values()
            .filter(|sale| !sale.phase.is_closed())
            .count()
    }

    fn check_step(&self) {
        let facts = self.facts();
        for (at, ticket, request) in self.sent_log.iter().rev().take(3) {
            let stored = facts.iter().any(|fact| match (&fact.kind, request) {
                (FactKind::IntentRecorded(intent), Request::Authorize { order_no, .. })
                | (FactKind::IntentRecorded(intent), Request::Inquire { order_no, .. }) => {
                    intent.order_no == *order_no
                }
                (
                    FactKind::RevokeIntended { revoke_no, .. },
                    Request::Revoke { revoke_no: r, .. },
                ) => revoke_no == r,
                (FactKind::UndoIntended(undo), Request::Refund { refund_no, .. })
                | (FactKind::UndoIntended(undo), Request::InquireRefund { refund_no }) => {
                    undo.undo_no == *refund_no
                }
                _ => false,
            });
            assert!(stored, "sent at {at} without a stored intent: {ticket:?}");
        }
        if let Some(sale) = self.state.foreground_sale() {
            let age = self.now_ms - sale.sent.0;
            assert!(
                sale.phase.is_closed() || age <= 60_000,
                "the till was held for {age} ms"
            );
        }
    }

    pub fn facts(&self) -> Vec<Fact> {
        self.rows
            .iter()
            .map(|row| Fact::decode(row).unwrap())
            .collect()
    }

    /// The invariants at rest. Returns what is violated.
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let facts = self.facts();
        let mut orders = BTreeSet::new();
        for fact in &facts {
            match &fact.kind {
                FactKind::IntentRecorded(intent) if !orders.insert(intent.order_no.to_string()) => {
                    found.push(format!("order number {} was used twice", intent.order_no));
                }
                FactKind::RevokeIntended { revoke_no, .. }
                    if !orders.insert(revoke_no.to_string()) =>
                {
                    found.push(format!("revoke number {revoke_no} was used twice"));
                }
                _ => {}
            }
        }
        for fact in &facts {
            if let FactKind::IntentRecorded(intent) = &fact.kind {
                let net = self.acquirer.net(intent.order_no.as_str());
                let told = self.seen.get(&intent.txn).cloned().unwrap_or_default();
                let truth = match told.as_slice() {
                    ["paid"] => net == intent.amount.minor(),
                    ["declined" | "not_sent" | "revoked"] => net == 0,
                    _ => false,
                };
                if !truth {
                    found.push(format!(
                        "{}: told {told:?}, net charge {net}",
                        intent.order_no
                    ));
                }
            }
        }
        for order_no in self.acquirer.orders.keys() {
            if !orders.contains(order_no) {
                found.push(format!(
                    "the acquirer holds {order_no}, the journal does not"
                ));
            }
        }
        found
    }

    pub fn outcome(&self, txn: TxnId) -> Option<Outcome> {
        self.facts().into_iter().find_map(|fact| match fact.kind {
            FactKind::Closed {
                txn: closed,
                outcome,
            } if closed == txn => Some(outcome),
            _ => None,
        })
    }

    pub fn phase(&self, txn: TxnId) -> Option<&Phase> {
        self.state.sales.get(&txn).map(|sale| &sale.phase)
    }
}

fn numbers(epoch: u16, next_sequence: u64, next_voucher: u32) -> Numbers {
    Numbers {
        epoch: Epoch::new(epoch).unwrap(),
        tag: StartTag::from_random([0; 6]),
        next_sequence,
        batch: BatchNo::new(1).unwrap(),
        next_voucher,
    }
}

pub fn code(number: u64) -> PaymentCode {
    match recognise(&format!("13{number:016}"), &CodeTable::built_in()) {
        Recognised::Payment(code) => code,
        Recognised::Wrong(wrong) => panic!("{wrong:?}"),
    }
}
