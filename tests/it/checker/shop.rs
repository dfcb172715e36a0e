//! A shop in virtual time: people, the real core, a sealed book, a bad line and the model acquirer.
//!
//! One seed decides everything. A start gives the core a tick that begins at zero again.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use shouyin::domain::{Money, Now, OperatorNo, Tick, TxnId};
use shouyin::evidence::ClaimState;
use shouyin::payment::{
    Certainty, Command, Event, Fact, FactKind, Phase, Policy, Presentment, Request, State, Step,
    Ticket, next_deadline, resume, step,
};

use super::host::{Host, Wallet};
use super::kit::{self, Book, Note};
use super::watch::Watch;

const TILL_FREE_MS: u64 = 60_000;
const BOOT_MS: u64 = 2_000;

/// Chances of a fault in percent; a seed draws its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    pub lost: u64,
    pub slow: u64,
    pub twice: u64,
    pub mute: u64,
    pub forged: u64,
    pub misdirected: u64,
    pub wrong_amount: u64,
    pub unknown: u64,
    pub not_sent: u64,
}

/// A bug that the driver around the core is made to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    SendBeforeStore,
    NewNumberOnRetry,
    NotFoundIsDeclined,
    UnsignedIsBelieved,
    OtherOrderIsBelieved,
    RevokeIntentNotStored,
    ChecksEndAtOnce,
    NumbersStartAgain,
    TimeOutIsNotSent,
    OpenSalesForgotten,
    AmountIsNotCompared,
}

/// What people do.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Sale { number: u64, fen: u64 },
    Code { number: u64, wallet: Wallet },
    Cancel,
    Query,
    Park,
    Dismiss,
    Restart,
}

enum Item {
    Arrives(Ticket, Request, u64),
    Comes(u16, Event),
    Person(Act),
}

/// Where the power goes: at the append of this fact, with or without its step's commands run.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub fact: usize,
    pub commands_ran: bool,
}

pub struct Shop {
    dice: ChaCha8Rng,
    pub now: u64,
    pub boot_at: u64,
    pub epoch: u16,
    policy: Policy,
    pub state: State,
    pub book: Book,
    pub host: Host,
    pub watch: Watch,
    pub line: Line,
    pub bug: Bug,
    pub cut: Option<Cut>,
    pub faults: BTreeMap<&'static str, u64>,
    pub events: u64,
    queue: BTreeMap<(u64, u64), Item>,
    queued: u64,
    wallets: BTreeMap<TxnId, Wallet>,
    genuine: Vec<Note>,
    deadlines_here: u32,
    last_charge: Option<(Ticket, Request, u64)>,
}

impl Shop {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: ChaCha8Rng::seed_from_u64(seed),
            now: 1_000,
            boot_at: 1_000,
            epoch: 1,
            policy: kit::policy(),
            state: State::empty(kit::numbers(1, 1, 1)),
            book: Book::default(),
            host: Host::default(),
            watch: Watch::default(),
            line: Line::default(),
            bug: Bug::None,
            cut: None,
            faults: BTreeMap::new(),
            events: 0,
            queue: BTreeMap::new(),
            queued: 0,
            wallets: BTreeMap::new(),
            genuine: Vec::new(),
            deadlines_here: 0,
            last_charge: None,
        }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.dice.next_u64() % bound.max(1)
    }

    /// Throws for a fault and counts it.
    fn fault(&mut self, kind: &'static str, percent: u64) -> bool {
        let hit = self.below(100) < percent;
        if hit {
            *self.faults.entry(kind).or_default() += 1;
        }
        hit
    }

    fn put(&mut self, at: u64, item: Item) {
        self.queued += 1;
        self.queue.insert((at, self.queued), item);
    }

    pub fn person(&mut self, at: u64, act: Act) {
        self.put(at, Item::Person(act));
    }

    fn delay(&mut self) -> u64 {
        if self.fault("slow", self.line.slow) {
            let tail = self.below(3);
            500 + self.below([5_000, 30_000, 120_000][usize::try_from(tail).expect("small")])
        } else {
            20 + self.below(300)
        }
    }

    /// Takes one event, stores what must be stored, and only then does what follows.
    pub fn feed(&mut self, event: Event) {
        self.events += 1;
        let proven = self.proven_success(&event);
        let now = Now {
            utc: kit::wall(self.now),
            tick: Tick(self.now - self.boot_at),
        };
        let state = std::mem::replace(&mut self.state, State::empty(kit::numbers(1, 1, 1)));
        let Step {
            next,
            facts,
            commands,
        } = step(state, event, now, &self.policy);
        self.state = next;
        if self.bug == Bug::SendBeforeStore && !facts.is_empty() {
            self.run(commands);
            if self.below(50) == 0 {
                return self.restart();
            }
            self.store(facts, true);
            return;
        }
        if self.store(facts, false) {
            return self.restart();
        }
        self.run(commands);
        if let Some(txn) = proven {
            self.watch.success_heard(txn, self.now);
        }
        self.look();
        if self
            .cut
            .is_some_and(|cut| self.book.facts.len() >= cut.fact)
        {
            self.restart();
        }
    }

    /// Stores facts one by one; true when the power went before their commands could run.
    fn store(&mut self, facts: Vec<Fact>, safe: bool) -> bool {
        for fact in facts {
            if self.bug == Bug::RevokeIntentNotStored
                && matches!(fact.kind, FactKind::RevokeIntended { .. })
            {
                continue;
            }
            self.watch.fact(&fact, &self.host, self.now);
            self.book.append(fact);
            let here = |cut: Cut| cut.fact == self.book.facts.len() && !cut.commands_ran;
            if !safe && self.cut.is_some_and(here) {
                return true;
            }
        }
        false
    }

    fn run(&mut self, commands: Vec<Command>) {
        for command in commands {
            let Command::Send { ticket, request } = command else {
                continue;
            };
            if self.bug != Bug::SendBeforeStore {
                self.watch.sent(ticket, &request, self.now);
            }
            self.transmit(ticket, request);
        }
    }

    fn transmit(&mut self, ticket: Ticket, request: Request) {
        let (line, now) = (self.line, self.now);
        if matches!(request, Request::Authorize { .. }) {
            self.last_charge = Some((ticket, request.clone(), now));
        }
        if self.fault("not sent", line.not_sent) {
            return self.fails(ticket, Certainty::NotSent);
        }
        if self.fault("request lost", line.lost) {
            let certainty = if self.bug == Bug::TimeOutIsNotSent {
                Certainty::NotSent
            } else {
                Certainty::MaybeSent
            };
            if self.below(2) == 0 {
                self.fails(ticket, certainty);
            }
            return;
        }
        if self.fault("request twice", line.twice) {
            let at = now + self.delay();
            self.put(at, Item::Arrives(ticket, request.clone(), now));
        }
        let at = now + self.delay();
        self.put(at, Item::Arrives(ticket, request, now));
    }

    /// The last charge was not lost after all: it arrives then.
    pub fn charge_arrives(&mut self, at: u64) {
        if let Some((ticket, request, made)) = self.last_charge.clone() {
            self.put(at, Item::Arrives(ticket, request, made));
        }
    }

    fn fails(&mut self, ticket: Ticket, certainty: Certainty) {
        let at = self.now + self.delay();
        let why = "the line".to_owned();
        let event = Event::SendFailed {
            ticket,
            certainty,
            why,
        };
        self.put(at, Item::Comes(self.epoch, event));
    }

    fn arrives(&mut self, ticket: Ticket, request: Request, made: u64) {
        let now = self.now;
        let note = match &request {
            Request::Authorize {
                order_no, amount, ..
            } => {
                if !self.watch.is_stored(order_no.as_str()) {
                    self.watch
                        .wrong
                        .push("I6: a charge nobody wrote down".to_owned());
                }
                let wallet = self.wallets[&ticket.txn];
                self.host
                    .charge(order_no.as_str(), amount.minor(), wallet, made, now)
            }
            Request::Inquire { order_no, .. } => self.host.ask(order_no.as_str(), now),
            Request::Revoke {
                revoke_no,
                order_no,
            } => self.host.revoke(revoke_no.as_str(), order_no.as_str(), now),
            Request::Refund {
                refund_no,
                order_no,
                amount,
                ..
            } => {
                let (number, order) = (refund_no.as_str(), order_no.as_str());
                self.host.refund(number, order, amount.minor(), now)
            }
            Request::InquireRefund { refund_no } => self.host.ask_refund(refund_no.as_str()),
            other => panic!("this shop knows customer codes only: {other:?}"),
        };
        let line = self.line;
        if self.fault("answer lost", line.mute) {
            if self.below(2) == 0 {
                let certainty = if self.bug == Bug::TimeOutIsNotSent {
                    Certainty::NotSent
                } else {
                    Certainty::MaybeSent
                };
                self.fails(ticket, certainty);
            }
            if self.bug == Bug::NewNumberOnRetry
                && let Request::Authorize { amount, .. } = request
            {
                let number = format!("RETRY{now}");
                let wallet = self.wallets[&ticket.txn];
                self.host.charge(&number, amount.minor(), wallet, made, now);
            }
            return;
        }
        self.answers(ticket, note);
    }

    fn answers(&mut self, ticket: Ticket, note: Note) {
        let line = self.line;
        let copies = 1 + u64::from(self.fault("answer twice", line.twice));
        for _ in 0..copies {
            let event = self.answer(ticket, note.clone());
            let at = self.now + self.delay();
            self.put(at, Item::Comes(self.epoch, event));
        }
        if note.order.is_some() && self.genuine.len() < 64 {
            self.genuine.push(note);
        }
    }

    fn answer(&mut self, ticket: Ticket, mut note: Note) -> Event {
        let line = self.line;
        if !self.genuine.is_empty() && self.fault("answer of another order", line.misdirected) {
            let which = self.below(self.genuine.len() as u64);
            let ours = note.order.clone();
            note = self.genuine[usize::try_from(which).expect("small")].clone();
            if self.bug == Bug::OtherOrderIsBelieved && ours.is_some() {
                note.order = ours;
                note.amount = self.watch.sales.get(&ticket.txn).map(|seen| seen.price);
            }
        } else if self.fault("other amount", line.wrong_amount) {
            note.word = "paid".to_owned();
            note.amount = note.amount.map(|fen| fen + 1);
            if self.bug == Bug::AmountIsNotCompared {
                note.amount = self.watch.sales.get(&ticket.txn).map(|seen| seen.price);
            }
        } else if self.fault("unknown code", line.unknown) {
            note.word = "E5731".to_owned();
        }
        if self.bug == Bug::NotFoundIsDeclined && note.word == "not-found" {
            note.word = "failed".to_owned();
        }
        if self.bug == Bug::ChecksEndAtOnce
            && note.word == "not-found"
            && matches!(
                self.state.sales.get(&ticket.txn).map(|sale| &sale.phase),
                Some(Phase::Provisional(_))
            )
        {
            note.word = "revoked".to_owned();
        }
        self.signed(ticket, note)
    }

    fn signed(&mut self, ticket: Ticket, mut note: Note) -> Event {
        let line = self.line;
        let mut proof = kit::sign(&note.write());
        if self.fault("forged", line.forged) {
            let seen = self.watch.sales.get(&ticket.txn);
            note.word = "paid".to_owned();
            note.order = seen.map(|seen| seen.order.clone());
            note.amount = seen.map(|seen| seen.price);
            note.merchant = Some(kit::MERCHANT.to_owned());
            if self.below(3) == 0 {
                proof.clear();
            }
            if note.write() == b"" || self.bug == Bug::UnsignedIsBelieved {
                proof = kit::sign(&note.write());
            } else {
                proof.push(0);
            }
        }
        match kit::open(&note.write(), &proof) {
            Ok(claim) => Event::Answered { ticket, claim },
            Err(rejection) => Event::AnswerRejected { ticket, rejection },
        }
    }

    fn proven_success(&self, event: &Event) -> Option<TxnId> {
        let Event::Answered { ticket, claim } = event else {
            return None;
        };
        let sale = self.state.sales.get(&ticket.txn)?;
        let value = claim.value();
        let bound = value.state == ClaimState::Paid
            && value.order_no.as_ref() == Some(&sale.intent.order_no)
            && value.amount == Some(sale.intent.amount);
        (bound && !sale.phase.is_closed()).then_some(ticket.txn)
    }

    /// Power off and on. Answers to the old process are gone; requests under way are not.
    pub fn restart(&mut self) {
        *self.faults.entry("restart").or_default() += 1;
        self.cut = None;
        self.epoch += 1;
        self.now += BOOT_MS;
        self.boot_at = self.now;
        let mut facts = self.book.reopen();
        let numbers = if self.bug == Bug::NumbersStartAgain {
            kit::numbers(1, 1, 1)
        } else {
            kit::numbers_after(&facts, self.epoch)
        };
        if self.bug == Bug::OpenSalesForgotten {
            facts.clear();
        }
        let now = Now {
            utc: kit::wall(self.now),
            tick: Tick(0),
        };
        self.state = resume(facts, numbers, now, &self.policy);
        self.watch.booted(self.now);
        self.deadlines_here = 0;
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Sale { number, fen } => self.feed(Event::SaleRequested {
                txn: TxnId::from_parts(1, u128::from(number)),
                amount: Money::from_fen(fen).expect("amount"),
                operator: OperatorNo::new("01").expect("operator"),
            }),
            Act::Code { number, wallet } => {
                if let Some(draft) = &self.state.draft {
                    self.wallets.entry(draft.txn).or_insert(wallet);
                }
                let code = kit::code(number);
                let entry = Presentment::Manual;
                self.feed(Event::CodePresented { code, entry });
            }
            Act::Cancel => {
                if let (Some(txn), None) = (self.state.foreground, &self.state.draft) {
                    self.watch.cancelled(txn);
                }
                self.feed(Event::CancelRequested);
            }
            Act::Query => {
                let open: Vec<TxnId> = self.state.sales.keys().copied().collect();
                let which = self.below(open.len() as u64);
                if let Some(txn) = open.get(usize::try_from(which).expect("small")) {
                    self.feed(Event::QueryRequested { txn: *txn });
                }
            }
            Act::Park => self.feed(Event::ParkRequested),
            Act::Dismiss => self.feed(Event::ResultDismissed),
            Act::Restart => self.restart(),
        }
    }

    /// Moves on to the next thing that happens, at most until `until`; false when there is none.
    fn turn(&mut self, until: u64) -> bool {
        let due = next_deadline(&self.state, &self.policy)
            .map(|(tick, _)| (self.boot_at + tick.0).max(self.now));
        let item = self.queue.keys().next().copied();
        let item_at = item.map(|(at, _)| at.max(self.now));
        let Some(at) = [due, item_at].into_iter().flatten().min() else {
            self.now = self.now.max(until);
            return false;
        };
        if at > until {
            self.now = self.now.max(until);
            return false;
        }
        if at > self.now {
            self.deadlines_here = 0;
        }
        self.now = at;
        let Some(key) = item.filter(|_| item_at == Some(at)) else {
            self.deadlines_here += 1;
            if self.deadlines_here > 20 {
                self.watch
                    .wrong
                    .push("a deadline that never passes".to_owned());
                return false;
            }
            self.feed(Event::DeadlineReached);
            return true;
        };
        match self.queue.remove(&key) {
            Some(Item::Arrives(ticket, request, made)) => self.arrives(ticket, request, made),
            Some(Item::Comes(epoch, event)) if epoch == self.epoch => self.feed(event),
            Some(Item::Person(act)) => self.act(act),
            Some(Item::Comes(..)) | None => {}
        }
        true
    }

    pub fn run_until(&mut self, until: u64) {
        while self.turn(until) {}
    }

    /// Tells whether every sale has ended and no request is under way.
    pub fn is_at_rest(&self) -> bool {
        self.state.sales.values().all(|sale| sale.phase.is_closed())
    }

    fn look(&mut self) {
        let Some(txn) = self.state.foreground else {
            return;
        };
        let Some(sale) = self.state.sales.get(&txn) else {
            self.watch
                .wrong
                .push("the screen shows a sale that is gone".to_owned());
            return;
        };
        let held = self.now - self.boot_at - sale.sent.0;
        if !sale.phase.is_closed() && held > TILL_FREE_MS {
            self.watch
                .wrong
                .push(format!("the till was held for {held} ms"));
        }
        if self.state.draft.is_some() {
            self.watch
                .wrong
                .push("a draft and a sale on one screen".to_owned());
        }
    }
}
