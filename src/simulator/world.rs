//! A shop in virtual time: one heap of things to come, and everything that takes part.
//!
//! Owns the loop, people's acts and the outages of the shop. One seed decides everything; no thread, no wall clock, no
//! hash map. The terminal's program is in `till`, the line in `net`.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Bench;
use super::case::{Broken, Case};
use super::check::{Invariant, Watch};
use super::clock::Clock;
use super::coverage::Coverage;
use super::host::{Answer, Ask, Host, Profile};
use super::line::{Line, Message};
use super::plan::{Act, Timed};
use super::plant::Bug;
use super::rng::{Rng, Stream, Streams, mix};
use super::swarm::Swarm;
use super::till::{RESTARTED_AFTER_MS, Till, policy};
use super::trace::Trace;
use crate::code::CodeTable;
use crate::domain::TxnId;
use crate::evidence::Digest;
use crate::journal::NoSales;
use crate::payment::{CardWord, Certainty, Event, Fact, Policy, Ticket, next_deadline};
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
    /// The card in the reader of a boot gives its word on a sale.
    CardWord(u32, TxnId, CardWord),
    /// The printer of a boot answers, or its queue waits no longer.
    Printer(u32, crate::printing::Event),
    /// The program of a boot has time for the check of all records.
    Check(u32),
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
    pub(super) decay: super::decay::Decay,
    pub(super) down_until: u64,
    pub(super) mute_until: u64,
    pub(super) hash: u64,
    /// The text of the code that was shown for a sale last: what its customer can scan, or has a picture of.
    pub(super) shown_codes: BTreeMap<u32, String>,
    /// Orders that a notice was sent of.
    pub(super) noticed_orders: BTreeSet<String>,
    /// What the card of each sale will do and say, and what it signed, in fen.
    pub(super) cards: BTreeMap<TxnId, super::cards::Shown>,
    /// B11: how often each refund was heard to be done.
    pub(super) returned_heard: BTreeMap<TxnId, u64>,
    pub(super) table: CodeTable,
    pub(super) printer: super::printer::Printer,
    /// How often a slip of each sale was begun.
    pub(super) prints: BTreeMap<u32, u32>,
    /// Where the slip under way is, and what strikes it.
    pub(super) print_place: Option<super::fault::Place>,
    pub(super) slip_faults: Vec<super::fault::Fault>,
    queue: BTreeMap<(u64, u64), Item>,
    queued: u64,
    deadlines_here: u32,
    pub(super) txns: u64,
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
            policy: policy(case.bug, case.profile),
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
            decay: super::decay::Decay::default(),
            down_until: 0,
            mute_until: 0,
            hash: case.seed,
            shown_codes: BTreeMap::new(),
            noticed_orders: BTreeSet::new(),
            cards: BTreeMap::new(),
            returned_heard: BTreeMap::new(),
            table: CodeTable::built_in(),
            printer: super::printer::Printer::default(),
            prints: BTreeMap::new(),
            print_place: None,
            slip_faults: Vec::new(),
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
            Item::Comes(boot, ..)
            | Item::Fails(boot, ..)
            | Item::CardWord(boot, ..)
            | Item::Printer(boot, _)
            | Item::Check(boot)
                if now < frozen && boot == self.boots =>
            {
                self.put(frozen, item);
            }
            Item::Person(act) => self.act(act),
            Item::CardWord(boot, txn, word) if boot == self.boots => {
                self.feed(Event::CardEnded { txn, word });
            }
            Item::CardWord(..) => {}
            Item::Decides(order) => self.decides(&order),
            Item::Notice(answer) => self.noticed(&answer),
            Item::Printer(boot, event) if boot == self.boots => self.printer_goes_on(event),
            Item::Check(boot) if boot == self.boots => self.check_on(),
            // The program that asked is gone.
            Item::Printer(..) | Item::Check(_) => {}
            Item::Comes(boot, ticket, message) => self.comes(boot, ticket, &message),
            Item::Fails(boot, ticket, certainty, why) => {
                self.gives_up(boot, ticket, certainty, why);
            }
        }
        self.look_for_slips();
        self.try_to_return();
        if let Some(till) = &mut self.till {
            till.carry.forget_unless(till.state.foreground);
        }
    }

    /// As the driver has it: a program that a full disk put out of service goes on when there is space again, and tells
    /// people to start it again when the disk does not take what it has space for.
    fn try_to_return(&mut self) {
        let Some(till) = &mut self.till else { return };
        if till.desk.out_of_service != Some(Cause::DiskFull) {
            return;
        }
        match till.book.may_sell() {
            Ok(reason @ (None | Some(NoSales::CopyFails))) => {
                till.desk.out_of_service = None;
                till.refuse_sales = reason.is_some();
            }
            Ok(Some(NoSales::DiskFails | NoSales::Altered | NoSales::Unproven)) | Err(_) => {
                till.desk.out_of_service = Some(Cause::JournalBroken);
                let at = self.now() + RESTARTED_AFTER_MS;
                self.put(at, Item::Person(Act::Restart));
            }
            Ok(Some(NoSales::DiskFull)) => {}
        }
    }

    /// The world is well again, for good. What was broken for ever stays broken.
    pub fn mend(&mut self) {
        self.swarm.mend();
        self.host.mend();
        self.printer.mend();
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
