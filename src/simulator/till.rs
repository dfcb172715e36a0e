//! The terminal's program in the simulator: step, store, run the commands, show; and what a kill or a power cut leaves.
//!
//! Owns the driver's law as `terminal::driver` has it, on the real journal over the simulated disk. Planted bugs break
//! the law on purpose.

use std::collections::BTreeSet;

use super::bench::Book;
use super::check::Invariant;
use super::coverage::{Point, event_name, state_name};
use super::disk::Plan;
use super::fault::{Fault, Kind, Place};
use super::host::Profile;
use super::plant::Bug;
use super::rng::{Rng, Stream};
use super::trace::Lane;
use super::world::{Item, MERCHANT, World};
use crate::domain::{BatchNo, MerchantNo, Money, TermNo};
use crate::evidence::ClaimState;
use crate::journal::JournalError;
use crate::payment::{
    Ceiling, Ceilings, Command, Event, Fact, FactKind, Phase, Policy, Purpose, Request, Sound,
    State, Step, Ticket, Timing, VoidRules, step,
};
use crate::settlement::{Rules, SettlementFact};
use crate::terminal::Carry;
use crate::view::{Cause, Desk, Language, Theme};

/// A program that failed is started again by people after this.
pub(super) const RESTARTED_AFTER_MS: u64 = 20_000;

/// The running program.
pub struct Till {
    /// What the core knows.
    pub state: State,
    /// The journal.
    pub book: Book,
    /// What the cashier is in the middle of.
    pub desk: Desk,
    /// No new sales, because the disk is full.
    pub refuse_sales: bool,
    /// The amount that follows a void.
    pub carry: Carry,
    /// Requests that the adapter works on.
    pub open_requests: BTreeSet<Ticket>,
    /// The last charge, for a planted bug.
    pub last_charge: Option<Request>,
    /// A settlement wants this batch read.
    pub(super) to_read: Option<(crate::domain::TxnId, BatchNo, Vec<String>)>,
    /// What holds the till, and since when.
    pub(super) held: Option<(crate::domain::TxnId, u64)>,
    pub(super) shown: Option<(Option<crate::domain::TxnId>, &'static str)>,
    pub(super) revoking_since: u64,
    /// The check of all records has told that something is wrong.
    pub(super) alarmed: bool,
    /// It will be gone on with.
    pub(super) checks_again: bool,
    /// The print queue, where the run has a printer.
    pub(super) spool: Option<crate::printing::Spool>,
    /// Something was stored since the queue looked.
    pub(super) slips_due: bool,
    /// When the queue wants to be told of the time.
    pub(super) printer_due: Option<u64>,
    /// What the reader was asked for.
    pub(super) armed: Option<(crate::domain::TxnId, Money)>,
}

impl Till {
    /// A program that goes on with this state.
    pub fn new(state: State, book: Book) -> Self {
        Self {
            state,
            book,
            desk: Desk::new(Language::English, Theme::Light),
            refuse_sales: false,
            carry: Carry::default(),
            open_requests: BTreeSet::new(),
            last_charge: None,
            to_read: None,
            held: None,
            shown: None,
            revoking_since: 0,
            alarmed: false,
            checks_again: false,
            spool: None,
            slips_due: false,
            printer_due: None,
            armed: None,
        }
    }

    /// Tells whether it works no more until it is started again.
    pub const fn is_out_of_service(&self) -> bool {
        self.desk.out_of_service.is_some()
    }
}

/// Returns the rules of a run.
pub fn policy(bug: Bug, profile: Profile) -> Policy {
    let mut timing = Timing::reference();
    if bug == Bug::B8 {
        timing.recheck_count = 1;
        timing.recheck_ms = 1;
    }
    Policy {
        merchant: MerchantNo::new(MERCHANT).expect("invariant: a merchant number"),
        term: TermNo::new("A0010001").expect("invariant: a terminal number"),
        amount_max: Money::from_fen(500_000).expect("invariant: an amount"),
        code_life_ms: 90_000,
        code_salt: [7; 32],
        timing,
        timing_of: std::collections::BTreeMap::new(),
        cards: profile == Profile::Unionpay,
        card_word_ms: 20_000,
        voids: VoidRules {
            card: true,
            ..VoidRules::customer_codes()
        },
        ceilings: ceilings(),
        settlement: Rules {
            asks_totals: profile.compares_totals(),
            // B38: the card host is forgotten.
            asks_cards: profile == Profile::Unionpay && bug != Bug::B38,
            detail_rows: 3,
            ..Rules::reference()
        },
    }
}

/// What each role may send back: little, much, anything. In fen: once, and in a day.
pub const CEILINGS: [(Option<u64>, Option<u64>); 3] = [
    (Some(5_000), Some(6_000)),
    (Some(300_000), Some(400_000)),
    (None, None),
];

fn ceilings() -> Ceilings {
    let money = |fen: Option<u64>| fen.and_then(|fen| Money::from_fen(fen).ok());
    let [cashier, supervisor, manager] = CEILINGS.map(|(single, day)| Ceiling {
        single: money(single),
        day: money(day),
    });
    Ceilings {
        cashier,
        supervisor,
        manager,
    }
}

/// Where in a turn of the driver the program died.
struct Died(Point);

impl World<'_> {
    /// One turn of the driver.
    ///
    /// Returns where it ended, when there was a program to take the event.
    pub(super) fn feed(&mut self, event: Event) -> Option<Point> {
        let till = self.till.as_mut()?;
        if till.is_out_of_service() {
            return None;
        }
        self.figures.events += 1;
        let (name, met) = (event_name(&event), state_name(&till.state, &event));
        let now = self.clock.reading();
        if self.bug == Bug::B13 {
            forget_revoke(&mut till.state, &event);
        }
        if self.bug == Bug::B26
            && matches!(event, Event::CodePresented { .. })
            && let Some(draft) = &mut till.state.draft
        {
            draft.order = None;
        }
        let step = step(till.state.clone(), event, now, &self.policy);
        let number =
            now.tick.0 ^ (step.facts.len() as u64) << 40 ^ (step.commands.len() as u64) << 50;
        self.stir(number);
        let point = match self.turn_of_driver(step) {
            Ok(point) => point,
            Err(Died(point)) => point,
        };
        self.coverage.hit(met, name, point);
        self.look_at_state();
        self.read_batch();
        Some(point)
    }

    fn turn_of_driver(&mut self, step: Step) -> Result<Point, Died> {
        let Step {
            next,
            mut facts,
            commands,
        } = step;
        self.bug_in_facts(&mut facts);
        if facts.is_empty() {
            self.take(next);
            self.run_commands(commands, &[], false)?;
            self.show();
            return Ok(Point::Pure);
        }
        let place = self.place_of(&facts);
        let faults = self.swarm.at(place, false);
        self.note_compound(!faults.is_empty());
        if self.bug == Bug::B1 {
            self.run_commands(commands.clone(), &facts, false)?;
        }
        if self.bug == Bug::B20 {
            self.show_early(next.clone());
        }
        self.die_if(
            &faults,
            place,
            Kind::CutBefore,
            Kind::KillBefore,
            Point::Before,
        )?;
        if !self.append(&facts, place, &faults)? {
            return Ok(Point::Refused);
        }
        self.die_if(
            &faults,
            place,
            Kind::CutAfterStore,
            Kind::KillAfterStore,
            Point::After,
        )?;
        self.take(next);
        let closed = |fact: &Fact| {
            let FactKind::Settlement { fact, .. } = &fact.kind else {
                return false;
            };
            matches!(fact, SettlementFact::Closed(_))
        };
        self.advance_again(facts.iter().any(closed));
        let one = Self::struck(&faults, Kind::KillAfterCommand).is_some();
        if self.bug != Bug::B1 {
            self.run_commands(commands, &facts, one)?;
        }
        let (cut, kill) = (Kind::CutAfterCommands, Kind::KillAfterCommands);
        self.die_if(&faults, place, cut, kill, Point::Commanded)?;
        self.show();
        Ok(Point::Stored)
    }

    fn take(&mut self, next: State) {
        if let Some(till) = &mut self.till {
            till.state = next;
        }
    }

    fn place_of(&mut self, facts: &[Fact]) -> Place {
        let txn = facts.iter().find_map(Fact::txn);
        let sale = txn.and_then(|txn| self.sale_of.get(&txn).copied());
        let sale = sale.unwrap_or(0);
        let number = self.appends.entry(sale).or_default();
        *number += 1;
        Place::Store(sale, *number)
    }

    fn die_if(
        &mut self,
        faults: &[Fault],
        place: Place,
        cut: Kind,
        kill: Kind,
        point: Point,
    ) -> Result<(), Died> {
        if Self::struck(faults, cut).is_some() {
            let rng = self.damage(place);
            self.die(cut.key(), Some(rng));
            return Err(Died(point));
        }
        if Self::struck(faults, kill).is_some() {
            self.die(kill.key(), None);
            return Err(Died(point));
        }
        Ok(())
    }

    fn damage(&self, place: Place) -> Rng {
        let (kind, one, two) = match place {
            Place::Send(sale, number) => (0, sale, number),
            Place::Store(sale, number) => (1, sale, number),
            Place::Boot(number) => (2, number, 0),
            Place::Print(sale, number) => (3, sale, number),
        };
        self.rng(Stream::Disk, &[kind, u64::from(one), u64::from(two), 99])
    }

    /// Stores facts. `Ok(false)` when the disk refused and the step did not happen.
    fn append(&mut self, facts: &[Fact], place: Place, faults: &[Fault]) -> Result<bool, Died> {
        let plan = faults
            .iter()
            .find_map(|fault| super::swarm::disk_plan(*fault));
        if let Some(ms) = Self::struck(faults, Kind::SlowSync) {
            self.clock.block(ms);
        }
        let bench = self.bench;
        if let Some(plan) = plan {
            bench.disk.lock().arm(plan);
        }
        self.figures.appends += 1;
        let Some(till) = &mut self.till else {
            return Ok(false);
        };
        let stored = till.book.append(facts, &mut self.memory);
        if bench.disk.lock().is_off() {
            let cut = matches!(plan, Some(Plan::PowerCut(_)));
            let rng = cut.then(|| self.damage(place));
            self.die(
                if cut {
                    "cut while storing"
                } else {
                    "kill while storing"
                },
                rng,
            );
            return Err(Died(Point::During));
        }
        self.end_plan(plan, place, faults);
        match stored {
            Ok(appended) => {
                self.acknowledged = (appended.last_row, appended.head);
                self.stir(u64::from_le_bytes(first_eight(appended.head.as_bytes())));
                if let Some(till) = &mut self.till {
                    till.refuse_sales = appended.no_sales.is_some();
                }
                self.tell_stored(facts);
                if matches!(plan, Some(Plan::PowerCut(_) | Plan::Kill(_))) {
                    let cut = matches!(plan, Some(Plan::PowerCut(_)));
                    let rng = cut.then(|| self.damage(place));
                    self.die(
                        if cut {
                            "cut after storing"
                        } else {
                            "kill after storing"
                        },
                        rng,
                    );
                    return Err(Died(Point::After));
                }
                Ok(true)
            }
            Err(_) if self.bug == Bug::B25 && matches!(plan, Some(Plan::SyncError { .. })) => {
                self.tell_stored(facts);
                Ok(true)
            }
            Err(problem) => {
                self.not_stored(&problem, facts.iter().any(Fact::is_wish));
                Ok(false)
            }
        }
    }

    /// An error for ever stays until the next start; everything else is over with the append.
    fn end_plan(&mut self, plan: Option<Plan>, place: Place, faults: &[Fault]) {
        let mut disk = self.bench.disk.lock();
        let (_, operations, syncs) = disk.counts();
        let missed = match plan {
            Some(Plan::Error { at, forever: false }) => operations < at,
            Some(Plan::SyncError { at, forever: false }) => syncs < at,
            Some(Plan::Error { forever: true, .. } | Plan::SyncError { forever: true, .. }) => {
                return;
            }
            Some(Plan::Sound | Plan::PowerCut(_) | Plan::Kill(_)) | None => false,
        };
        if plan.is_some() {
            disk.arm(Plan::Sound);
        }
        drop(disk);
        if missed && let Some(fault) = faults.first() {
            self.swarm.missed(place, *fault);
        }
    }

    fn tell_stored(&mut self, facts: &[Fact]) {
        let now = self.now();
        for fact in facts {
            if let Some(till) = &mut self.till {
                till.carry.heard(fact);
                till.slips_due = true;
            }
            self.trace
                .add(now, Lane::Till, Lane::Disk, || fact_text(fact));
            self.watch.stored(fact, &self.host, now);
            self.look_at_word(fact);
            if let (Some(txn), FactKind::Closed { .. } | FactKind::UndoClosed { .. }) =
                (fact.txn(), &fact.kind)
            {
                self.recovering.remove(&txn);
            }
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the driver, too, takes every other error for a broken journal"
    )]
    /// As the driver has it: a wish that could not be stored is told; anything else ends the service.
    fn not_stored(&mut self, problem: &JournalError, wish: bool) {
        let now = self.now();
        self.trace.add(now, Lane::Disk, Lane::Till, || {
            format!("refused: {problem}")
        });
        let cause = match problem {
            JournalError::DiskFull { .. } => Cause::DiskFull,
            JournalError::CopyFails { .. } => Cause::CopyFails,
            JournalError::Altered { .. } => Cause::JournalAltered,
            JournalError::Unproven { .. } => Cause::JournalUnproven,
            _ => Cause::JournalBroken,
        };
        let contradiction = problem.is_contradiction();
        let Some(till) = &mut self.till else {
            return;
        };
        if cause != Cause::JournalBroken && (wish || till.state.draft.is_some()) {
            till.refuse_sales = true;
            till.state.draft = None;
        } else {
            // Space comes back by itself; for anything else people start the program again.
            let again = cause != Cause::DiskFull;
            till.desk.out_of_service = Some(cause);
            if again {
                let restart = Item::Person(super::plan::Act::Restart);
                self.put(now + RESTARTED_AFTER_MS, restart);
            }
        }
        let what = "the journal's own rules refused a fact";
        self.watch.holds(Invariant::I9, !contradiction, what, now);
    }

    fn run_commands(
        &mut self,
        commands: Vec<Command>,
        facts: &[Fact],
        only_one: bool,
    ) -> Result<(), Died> {
        let paid = |fact: &&Fact| matches!(&fact.kind, FactKind::Closed { outcome, .. } if outcome.key() == "paid");
        let proofs = facts.iter().filter(paid).count();
        let said = |command: &&Command| matches!(command, Command::Play(Sound::Paid { .. }));
        let honest = commands.iter().filter(said).count() <= proofs;
        let now = self.now();
        let what = "paid is said without a stored proof";
        self.watch.holds(Invariant::I7, honest, what, now);
        for command in commands {
            match command {
                Command::Send { ticket, request }
                    if self.bug == Bug::B30 && super::cards::is_reversal(&request) =>
                {
                    let now = self.now();
                    let about = ticket.kind.key();
                    self.trace.add(now, Lane::Till, Lane::Till, || {
                        format!("{about} is left out")
                    });
                }
                Command::Send { ticket, request } => {
                    if matches!(request, Request::Authorize { .. })
                        && let Some(till) = &mut self.till
                    {
                        till.last_charge = Some(request.clone());
                    }
                    self.send(ticket, &request);
                    if only_one {
                        self.die(Kind::KillAfterCommand.key(), None);
                        return Err(Died(Point::Commanded));
                    }
                }
                Command::ReadBatch {
                    txn,
                    batch,
                    numbers,
                } => {
                    if let Some(till) = &mut self.till {
                        till.to_read = Some((txn, batch, numbers));
                    }
                }
                Command::ArmCard { txn, amount, .. } => self.arm(Some((txn, amount))),
                Command::DisarmCard => self.arm(None),
                Command::CompleteCard { txn, .. } => self.complete_card(txn),
                Command::StartScan | Command::StopScan | Command::RenewCards | Command::Play(_) => {
                }
            }
        }
        if only_one {
            self.die(Kind::KillAfterCommand.key(), None);
            return Err(Died(Point::Commanded));
        }
        Ok(())
    }

    fn bug_in_facts(&mut self, facts: &mut Vec<Fact>) {
        if self.bug == Bug::B23 {
            facts.retain(|fact| !matches!(fact.kind, FactKind::RevokeIntended { .. }));
        }
        if self.bug == Bug::B37 {
            facts.retain(|fact| {
                let asked = matches!(&fact.kind, FactKind::Settlement { fact, .. }
                    if matches!(fact, SettlementFact::CardsAsked(_)));
                !asked
            });
        }
        if self.bug == Bug::B35 {
            for fact in &mut *facts {
                if let FactKind::IntentRecorded(intent) = &mut fact.kind
                    && intent.purpose.is_hold()
                {
                    intent.purpose = Purpose::Sale;
                }
            }
        }
        if self.bug == Bug::B18 {
            let code = self.till.as_ref().and_then(|till| till.last_charge.clone());
            for fact in facts {
                if let (FactKind::SendFailed { why, .. }, Some(Request::Authorize { code, .. })) =
                    (&mut fact.kind, &code)
                {
                    why.push_str(code.expose());
                }
            }
        }
    }
}

/// B13: before a late success is heard, the sale forgets that it is being revoked.
fn forget_revoke(state: &mut State, event: &Event) {
    let Event::Answered { ticket, claim } = event else {
        return;
    };
    if claim.value().state != ClaimState::Paid {
        return;
    }
    if let Some(sale) = state.sales.get_mut(&ticket.txn)
        && matches!(sale.phase, Phase::Revoking(_) | Phase::Provisional(_))
    {
        sale.phase = Phase::Sending { due: sale.sent };
        sale.cancel_wanted = false;
    }
}

fn first_eight(bytes: &[u8; 32]) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[..8]);
    out
}

fn fact_text(fact: &Fact) -> String {
    let text = String::from_utf8_lossy(&fact.encode()).into_owned();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let field = |key: &str| {
        value
            .get(key)
            .and_then(|v| v.as_str())
            .unwrap_or("")
            .to_owned()
    };
    let words = [
        "fact",
        "about",
        "certainty",
        "outcome",
        "order_no",
        "revoke_no",
        "settlement",
        "settle_no",
        "why",
        "host_code",
    ];
    let words: Vec<String> = words
        .into_iter()
        .map(field)
        .filter(|w| !w.is_empty())
        .collect();
    words.join(" ")
}
