//! A shop in virtual time: one heap of things to come, and everything that takes part.
//!
//! Owns the loop, people's acts and the outages of the shop. One seed decides everything; no thread, no wall clock, no
//! hash map. The terminal's program is in `till`, the line in `net`.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Invariant, Watch, Word};
use super::clock::Clock;
use super::coverage::Coverage;
use super::host::{Answer, Ask, Host, Profile};
use super::line::{Line, Message};
use super::plan::{Act, Timed};
use super::plant::Bug;
use super::rng::{Rng, Stream, Streams, mix};
use super::run::{Bench, Broken, Case};
use super::swarm::Swarm;
use super::till::{Till, policy};
use super::trace::{Lane, Trace};
use crate::code::{CodeTable, PaymentCode, Recognised, recognise};
use crate::domain::{Channel, Money, OperatorNo, TxnId};
use crate::evidence::Digest;
use crate::payment::{
    Certainty, EntryMode, Event, Fact, Instalments, Policy, Ticket, next_deadline,
};
use crate::view::Cause;

/// The merchant of every run.
pub const MERCHANT: &str = "822100054110001";
/// Deadlines at one moment; more is a deadline that never passes.
const DEADLINES_MAX: u32 = 300;
/// Things to come; more is a leak.
const QUEUE_MAX: usize = 5_000;

pub(super) enum Item {
    /// A request reaches the acquirer.
    Arrives(Box<Letter>),
    /// An answer reaches the program of a boot.
    Comes(u32, Ticket, Message),
    /// The adapter of a boot gives a request up.
    Fails(u32, Ticket, Certainty, &'static str),
    Person(Act),
    Boot,
    /// A customer makes up the mind.
    Decides(String),
    /// A notice of a payment reaches the machine.
    Notice(Answer),
}

/// A request under way.
#[derive(Clone)]
pub(super) struct Letter {
    pub boot: u32,
    pub ticket: Ticket,
    pub ask: Ask,
    pub faults: Vec<super::fault::Fault>,
    pub place: (u32, u32),
}

/// What an open sale waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// The result.
    Result,
    /// The revoke.
    Revoke,
    /// The certainty that no late charge overtakes the revoke.
    Certainty,
}

impl Wait {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Result, Self::Revoke, Self::Certainty];

    /// Returns the words for it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Result => "result unknown",
            Self::Revoke => "being revoked",
            Self::Certainty => "revoked provisionally",
        }
    }
}

/// Figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Events that the core took.
    pub events: u64,
    /// Requests that left.
    pub requests: u64,
    /// Units of work on the disk.
    pub appends: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Killed processes.
    pub kills: u64,
    /// Orderly restarts.
    pub restarts: u64,
    /// Boots that were tried.
    pub boots: u64,
    /// Outages and clock faults by name.
    pub troubles: BTreeMap<&'static str, u64>,
    /// A fault struck while the terminal recovered from another one.
    pub compound: u64,
    /// What each sale that was open when the world was mended waited for, and how many milliseconds it took.
    pub healing: Vec<(Wait, u64)>,
    /// Bugs of the terminal that are known and not mended, by name.
    pub known: BTreeMap<&'static str, u64>,
    /// Real openings of the disk as a power cut would have left it.
    pub snapshots: u64,
}

/// Everything that takes part.
pub struct World<'a> {
    pub(super) bench: &'a Bench,
    pub(super) streams: Streams,
    pub(super) profile: Profile,
    pub(super) policy: Policy,
    pub(super) clock: Clock,
    host_clock_ms: u64,
    pub(super) swarm: Swarm,
    pub(super) host: Host,
    pub(super) line: Line,
    pub(super) till: Option<Till>,
    pub(super) watch: Watch,
    pub(super) coverage: Coverage,
    pub(super) trace: Trace,
    pub(super) bug: Bug,
    pub(super) figures: Figures,
    pub(super) broken: Option<Broken>,
    pub(super) boots: u32,
    pub(super) booting: bool,
    pub(super) recovering: BTreeSet<TxnId>,
    pub(super) sends: BTreeMap<u32, u32>,
    pub(super) appends: BTreeMap<u32, u32>,
    pub(super) sale_of: BTreeMap<TxnId, u32>,
    pub(super) acknowledged: (u64, Digest),
    pub(super) memory: Vec<Fact>,
    pub(super) down_until: u64,
    pub(super) mute_until: u64,
    pub(super) hash: u64,
    /// The text of the code that was shown for a sale last: what its customer can scan, or has a picture of.
    pub(super) shown_codes: BTreeMap<u32, String>,
    /// Orders that a notice was sent of.
    pub(super) noticed_orders: BTreeSet<String>,
    /// B11: how often each refund was heard to be done.
    pub(super) returned_heard: BTreeMap<TxnId, u64>,
    table: CodeTable,
    queue: BTreeMap<(u64, u64), Item>,
    queued: u64,
    deadlines_here: u32,
    txns: u64,
}

impl<'a> World<'a> {
    /// Sets everything up; the terminal boots at the first moment.
    pub fn new(case: &Case, bench: &'a Bench, trace: Trace) -> Self {
        let streams = Streams(case.seed);
        let swarm = match &case.faults {
            Some(faults) => Swarm::script(streams, faults),
            None => Swarm::draw(streams),
        };
        let mut clock = Clock::new(case.clocks);
        clock.ticks_by_wall = case.bug == Bug::B12;
        let mut world = Self {
            bench,
            streams,
            profile: case.profile,
            policy: policy(case.bug),
            clock,
            host_clock_ms: case.host_clock_ms,
            swarm,
            host: Host::new(case.profile, case.manners, MERCHANT),
            line: Line::default(),
            till: None,
            watch: Watch::default(),
            coverage: Coverage::default(),
            trace,
            bug: case.bug,
            figures: Figures::default(),
            broken: None,
            boots: 0,
            booting: false,
            recovering: BTreeSet::new(),
            sends: BTreeMap::new(),
            appends: BTreeMap::new(),
            sale_of: BTreeMap::new(),
            acknowledged: (0, Digest::ZERO),
            memory: Vec::new(),
            down_until: 0,
            mute_until: 0,
            hash: case.seed,
            shown_codes: BTreeMap::new(),
            noticed_orders: BTreeSet::new(),
            returned_heard: BTreeMap::new(),
            table: CodeTable::built_in(),
            queue: BTreeMap::new(),
            queued: 0,
            deadlines_here: 0,
            txns: 0,
        };
        world.put(0, Item::Boot);
        for Timed { at, act } in &case.acts {
            world.put(*at, Item::Person(*act));
        }
        world
    }

    pub(super) fn put(&mut self, at: u64, item: Item) {
        self.queued += 1;
        self.queue.insert((at, self.queued), item);
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.now
    }

    pub(super) fn host_now(&self) -> u64 {
        self.clock.now + self.host_clock_ms
    }

    pub(super) fn stir(&mut self, number: u64) {
        self.hash = mix(self.hash ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }

    /// Runs until a moment of true time.
    pub fn run_until(&mut self, until: u64) {
        while self.turn(until) {}
    }

    /// Does the next thing, if it comes before `until`.
    fn turn(&mut self, until: u64) -> bool {
        let due = self.deadline();
        let item = self.queue.keys().next().copied();
        let item_at = item.map(|(at, _)| at.max(self.now()));
        let next = [due, item_at].into_iter().flatten().min();
        let Some(at) = next.filter(|at| *at <= until) else {
            self.clock.now = self.now().max(until);
            return false;
        };
        if at > self.now() {
            self.deadlines_here = 0;
        }
        self.clock.now = at;
        let Some(key) = item.filter(|_| item_at == Some(at)) else {
            return self.deadline_is_due();
        };
        if let Some(item) = self.queue.remove(&key) {
            self.happens(item);
        }
        true
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let till = self.till.as_ref()?;
        if till.is_out_of_service() {
            return None;
        }
        let (tick, _) = next_deadline(&till.state, &self.policy)?;
        Some(self.clock.when(tick).max(self.clock.frozen_until))
    }

    fn deadline_is_due(&mut self) -> bool {
        self.deadlines_here += 1;
        if self.deadlines_here > DEADLINES_MAX {
            let now = self.now();
            let what = "a deadline that never passes";
            self.watch.blame(Invariant::I15, what.to_owned(), now);
            return false;
        }
        self.feed(Event::DeadlineReached);
        true
    }

    fn happens(&mut self, item: Item) {
        let bounded = self.queue.len() <= QUEUE_MAX;
        let now = self.now();
        self.watch.holds(
            Invariant::I15,
            bounded,
            "more things to come than ever",
            now,
        );
        let frozen = self.clock.frozen_until;
        match item {
            Item::Boot => self.boot(),
            Item::Arrives(letter) => self.arrives(*letter),
            Item::Person(act) if now < frozen && !act.is_of_the_world() => {
                self.put(frozen, Item::Person(act));
            }
            Item::Comes(boot, ..) | Item::Fails(boot, ..) if now < frozen && boot == self.boots => {
                self.put(frozen, item);
            }
            Item::Person(act) => self.act(act),
            Item::Decides(order) => self.decides(&order),
            Item::Notice(answer) => self.noticed(&answer),
            Item::Comes(boot, ticket, message) => self.comes(boot, ticket, &message),
            Item::Fails(boot, ticket, certainty, why) => {
                self.gives_up(boot, ticket, certainty, why);
            }
        }
        self.try_to_return();
    }

    /// As the driver has it: a program that a full disk put out of service goes on when there is space again.
    fn try_to_return(&mut self) {
        if let Some(till) = &mut self.till
            && till.desk.out_of_service == Some(Cause::DiskFull)
            && matches!(till.book.may_sell(), Ok(None))
        {
            till.desk.out_of_service = None;
            till.refuse_sales = false;
        }
    }

    fn act(&mut self, act: Act) {
        let now = self.now();
        self.trace.add(now, Lane::People, Lane::Till, || {
            super::script::act_text(act)
        });
        match act {
            Act::Sale { sale, fen } => self.charge(sale, fen),
            Act::Code { sale, wallet } => self.present(sale, wallet),
            Act::ShowCode { sale, every } => self.show_code(sale, every),
            Act::Scan { sale, wallet } => self.scan(sale, wallet),
            Act::Instalments(on) => {
                let plan = on.then_some(Instalments {
                    count: 3,
                    merchant_pays: false,
                });
                self.feed(Event::InstalmentsChosen(plan));
            }
            Act::Undo { sale, fen } => self.undo(sale, fen),
            Act::Cancel => {
                self.feed(Event::CancelRequested);
            }
            Act::Query => {
                if let Some(txn) = self.foreground_without_draft() {
                    self.feed(Event::QueryRequested { txn });
                }
            }
            Act::QueryOpen(which) => self.query_open(which),
            Act::Park => drop(self.feed(Event::ParkRequested)),
            Act::Dismiss => drop(self.feed(Event::ResultDismissed)),
            Act::Restart => self.restart(),
            Act::PowerOff => {
                let rng = self.streams.at(Stream::Disk, &[u64::MAX, now]);
                self.die("power off", Some(rng));
            }
            Act::SecondInstance => self.second_instance(),
            Act::WallJump(ms) => {
                self.trouble("wall clock jumps");
                self.clock.jump(ms);
            }
            Act::Suspend(ms) => {
                self.trouble("machine sleeps");
                self.clock.sleep(ms);
            }
            Act::DiskFull(0) => self.bench.disk.lock().limit_to(None),
            Act::DiskFull(ms) => {
                self.trouble("disk full");
                self.bench.disk.lock().limit_to(Some(0));
                self.put(now + ms, Item::Person(Act::DiskFull(0)));
            }
            Act::LineDown(ms) => {
                self.trouble("line down");
                self.down_until = now + ms;
            }
            Act::AnswersDown(ms) => {
                self.trouble("answers down");
                self.mute_until = now + ms;
            }
        }
    }

    pub(super) fn trouble(&mut self, name: &'static str) {
        *self.figures.troubles.entry(name).or_default() += 1;
    }

    fn foreground_without_draft(&self) -> Option<TxnId> {
        let state = &self.till.as_ref()?.state;
        state.foreground.filter(|_| state.draft.is_none())
    }

    fn query_open(&mut self, which: u32) {
        let Some(till) = &self.till else {
            return;
        };
        let (sales, undos) = (till.state.sales.keys(), till.state.undos.keys());
        let open: Vec<TxnId> = sales.chain(undos).copied().collect();
        let count = open.len().max(1);
        let index = usize::try_from(which).unwrap_or(0) % count;
        if let Some(txn) = open.get(index) {
            self.feed(Event::QueryRequested { txn: *txn });
        }
    }

    fn charge(&mut self, sale: u32, fen: u64) {
        let Some(till) = &mut self.till else {
            return;
        };
        let Ok(amount) = Money::from_fen(fen) else {
            return;
        };
        if till.refuse_sales {
            till.refuse_sales = !matches!(till.book.may_sell(), Ok(None));
        }
        if till.refuse_sales {
            self.feed(Event::ResultDismissed);
            return;
        }
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        let operator = OperatorNo::new("01").expect("invariant: two digits");
        self.feed(Event::SaleRequested {
            txn,
            amount,
            operator,
        });
    }

    /// Makes the number of a transaction as the edge does: from the wall clock and something random.
    fn fresh_txn(&mut self, sale: u32) -> TxnId {
        self.txns += 1;
        let utc = u64::try_from(self.clock.reading().utc.0).unwrap_or(0);
        let random = (u128::from(sale) << 32) | u128::from(self.txns);
        TxnId::from_parts(utc, random)
    }

    fn show_code(&mut self, sale: u32, every: bool) {
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        let channel = match (every, self.profile) {
            (true, _) => Channel::Unknown,
            (false, Profile::Wechat) => Channel::Wechat,
            (false, Profile::Alipay) => Channel::Alipay,
            (false, Profile::Unionpay) => Channel::UnionPay,
        };
        self.feed(Event::MerchantCodeRequested { txn, channel });
    }

    fn scan(&mut self, sale: u32, wallet: super::host::Wallet) {
        let Some(text) = self.shown_codes.get(&sale).cloned() else {
            return;
        };
        let now = self.host_now();
        let customer = format!("customer {sale}");
        self.host.scans(&text, &customer, wallet, now);
        let found = self
            .host
            .orders()
            .find(|(_, order)| order.text.as_deref() == Some(&*text) && order.customer == customer);
        let found = found.map(|(number, order)| (number.to_owned(), order.decides_at()));
        if let Some((number, Some(at))) = found {
            self.will_decide(&number, at);
        }
    }

    /// Money of an earlier sale is to go back. What the cashier sees of it was read from the journal.
    fn undo(&mut self, sale: u32, fen: u64) {
        let Some(till) = &self.till else {
            return;
        };
        let paid = self.watch.sales.iter().find(|(txn, known)| {
            known.ended == Some(Word::Paid) && self.sale_of.get(txn) == Some(&sale)
        });
        let original = paid.and_then(|(txn, _)| till.book.paid_sale(*txn));
        let Some(original) = original else {
            return;
        };
        let amount = if fen == 0 {
            original.left()
        } else {
            Money::from_fen(fen).unwrap_or_else(|_| original.left())
        };
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        let operator = |number| OperatorNo::new(number).expect("invariant: two digits");
        self.feed(Event::UndoRequested {
            txn,
            original: Box::new(original),
            amount,
            operator: operator("01"),
            approver: Some(operator("90")),
        });
    }

    fn present(&mut self, sale: u32, wallet: super::host::Wallet) {
        let text = super::plan::code_text(self.profile, sale);
        let now = self.host_now();
        self.host.shows(&text, wallet, now);
        let Some(code) = self.code(&text) else {
            return;
        };
        self.feed(Event::CodePresented {
            code,
            entry: EntryMode::Camera,
        });
    }

    fn code(&self, text: &str) -> Option<PaymentCode> {
        match recognise(text, &self.table) {
            Recognised::Payment(code) => Some(code),
            Recognised::Wrong(_) => None,
        }
    }

    /// The world is well again, for good. What was broken for ever stays broken.
    pub fn mend(&mut self) {
        self.swarm.mend();
        self.host.mend();
        self.down_until = 0;
        self.mute_until = 0;
        self.bench.disk.lock().limit_to(None);
    }

    /// Tells whether the terminal runs and every sale has ended.
    pub fn is_at_rest(&self) -> bool {
        let ended = self.watch.sales.values().all(|sale| sale.ended.is_some())
            && self.watch.undos.values().all(|undo| undo.ended.is_some());
        let runs = self
            .till
            .as_ref()
            .is_some_and(|till| !till.is_out_of_service());
        ended && runs
    }

    pub(super) fn rng(&self, stream: Stream, place: &[u64]) -> Rng {
        self.streams.at(stream, place)
    }
}

impl Act {
    /// Tells whether it happens to the world and not to the program.
    const fn is_of_the_world(self) -> bool {
        matches!(
            self,
            Self::PowerOff
                | Self::SecondInstance
                | Self::WallJump(_)
                | Self::Suspend(_)
                | Self::DiskFull(_)
                | Self::LineDown(_)
                | Self::AnswersDown(_)
        )
    }
}
