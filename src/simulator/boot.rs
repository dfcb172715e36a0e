//! Death and boot of the terminal's program in the simulator.
//!
//! Owns what a kill and a power cut do to disk and program, and what the checker compares when the next start has
//! opened the journal.

use std::collections::BTreeSet;

use super::bench::{Book, Opening};
use super::check::Invariant;
use super::disk::Plan;
use super::fault::{Fault, Place};
use super::plant::Bug;
use super::rng::{Rng, Stream};
use super::swarm::boot_plan;
use super::till::Till;
use super::trace::Lane;
use super::world::{Item, World};
use crate::domain::{Epoch, OrderNo, StartTag};
use crate::journal::{JournalError, Opened};
use crate::payment::{Fact, FactKind, Numbers, Phase, State, resume};
use crate::terminal::next_start;

impl World<'_> {
    /// The program ends at once: with the power (and a damaged disk) or without.
    pub(super) fn die(&mut self, why: &'static str, power: Option<Rng>) {
        let now = self.now();
        let (from, to) = (Lane::Till, Lane::Till);
        self.trace.add(now, from, to, || format!("gone: {why}"));
        let running = self.till.is_some();
        self.bench.disk.lock().switch_off();
        self.till = None;
        match power {
            Some(mut rng) => {
                self.figures.cuts += 1;
                self.bench.disk.lock().lose_power(&mut rng);
            }
            None => {
                self.figures.kills += 1;
                self.bench.disk.lock().revive();
            }
        }
        // A machine that is already starting loses what it was doing; one boot is on its way at a time.
        if running || self.booting {
            self.booting = false;
            self.schedule_boot();
        }
    }

    /// The program ends in order, and is started again.
    pub(super) fn restart(&mut self) {
        let Some(till) = self.till.take() else {
            return;
        };
        let now = self.now();
        let (from, to) = (Lane::Till, Lane::Till);
        self.trace
            .add(now, from, to, || "ended in order".to_owned());
        till.book.close();
        self.figures.restarts += 1;
        self.bench.disk.lock().revive();
        self.schedule_boot();
    }

    /// The program is started once more beside the running one: it must find the journal locked.
    pub(super) fn second_instance(&mut self) {
        if self.till.is_none() || self.bench.in_memory {
            return;
        }
        self.trouble("second instance");
        self.bench.disk.lock().locks_ignored = self.bug == Bug::B17;
        let second = Book::open(self.bench, &self.memory);
        self.bench.disk.lock().locks_ignored = false;
        let now = self.now();
        let (from, to) = (Lane::Disk, Lane::Till);
        self.trace.add(now, from, to, || match &second {
            Ok(_) => "the second instance runs".to_owned(),
            Err(problem) => format!("the second instance ends: {problem}"),
        });
        let what = "a second instance runs on the same journal";
        self.watch.holds(Invariant::I5, second.is_err(), what, now);
    }

    fn schedule_boot(&mut self) {
        let after = self
            .rng(Stream::Boot, &[u64::from(self.boots), 1])
            .between(2_000, 8_000);
        let at = self.now() + after;
        self.put(at, Item::Boot);
    }

    /// A fault while the terminal still works off what an earlier one left.
    pub(super) fn note_compound(&mut self, struck: bool) {
        if struck && !self.recovering.is_empty() {
            self.figures.compound += 1;
        }
    }

    /// Power on.
    pub(super) fn boot(&mut self) {
        let after_a_fault = self.boots > 0;
        self.boots += 1;
        self.figures.boots += 1;
        self.booting = true;
        self.clock.boot();
        let place = Place::Boot(self.boots);
        let faults = self.swarm.at(place, after_a_fault);
        if after_a_fault && !faults.is_empty() {
            self.figures.compound += 1;
        }
        self.decay(place, &faults);
        let plan = boot_plan(&faults);
        if let Some(plan) = plan {
            self.bench.disk.lock().arm(plan);
        }
        let (full, reserve) = self.bench.space();
        let opened = self.open_book();
        if self.went_off(plan, place) {
            return;
        }
        let reached = self.bench.disk.lock().counts();
        let hit = match plan {
            Some(Plan::Error { at, .. }) => reached.1 >= at,
            Some(Plan::SyncError { at, .. }) => reached.2 >= at,
            Some(Plan::Sound | Plan::PowerCut(_) | Plan::Kill(_)) | None => false,
        };
        if !hit
            && matches!(plan, Some(Plan::Error { .. } | Plan::SyncError { .. }))
            && let Some(fault) = faults.first()
        {
            self.swarm.missed(place, *fault);
        }
        self.bench.disk.lock().arm(Plan::Sound);
        match opened {
            Ok(opening) => self.started(opening, plan, place, &faults),
            // Without room and without a reserve nothing can be done but wait for people to make room.
            Err(problem) => {
                let room = !full || reserve && !self.decay.damaged;
                self.cannot_start(&problem, hit || !room);
            }
        }
    }

    /// Tells whether the machine died while booting.
    fn went_off(&mut self, plan: Option<Plan>, place: Place) -> bool {
        if !self.bench.disk.lock().is_off() {
            return false;
        }
        let cut = matches!(plan, Some(Plan::PowerCut(_)));
        let rng = cut.then(|| self.boot_damage(place));
        self.die(if cut { "cut in boot" } else { "kill in boot" }, rng);
        true
    }

    fn boot_damage(&self, place: Place) -> Rng {
        let number = match place {
            Place::Boot(number)
            | Place::Send(_, number)
            | Place::Store(_, number)
            | Place::Print(_, number) => number,
        };
        self.rng(Stream::Boot, &[u64::from(number), 99])
    }

    /// Opens the journal and stores the first fact of the start.
    fn open_book(&mut self) -> Result<Opening, JournalError> {
        let at = self.clock.reading().utc;
        let (mut book, opened, report) = Book::start(self.bench, &self.memory, at)?;
        if let Some(report) = report {
            self.rebuilt(&report);
        }
        let mut rng = self.rng(Stream::Tag, &[u64::from(self.boots)]);
        let tag = StartTag::from_random(rng.next().to_le_bytes()[..6].try_into().unwrap_or([0; 6]));
        let started = next_start(&opened, tag, self.clock.reading());
        let (numbers, fact) = started.map_err(|_| JournalError::Broken)?;
        let (numbers, fact) = self.bug_in_numbers(numbers, fact);
        let appended = book.append(std::slice::from_ref(&fact), &mut self.memory)?;
        Ok(Opening {
            book,
            opened,
            numbers,
            appended,
        })
    }

    fn bug_in_numbers(&self, numbers: Numbers, fact: Fact) -> (Numbers, Fact) {
        if self.bug != Bug::B9 {
            return (numbers, fact);
        }
        let again = Numbers {
            epoch: Epoch::new(1).expect("invariant: 1 is an epoch"),
            tag: StartTag::from_random([0; 6]),
            next_sequence: 1,
            batch: numbers.batch,
            next_voucher: 1,
        };
        (again, fact)
    }

    fn cannot_start(&mut self, problem: &JournalError, hit: bool) {
        let now = self.now();
        self.trace.add(now, Lane::Disk, Lane::Till, || {
            format!("cannot start: {problem}")
        });
        if !hit {
            let what = format!("the journal cannot be opened: {problem}");
            self.watch.blame(Invariant::I3, what, now);
        }
        self.booting = false;
        if self.watch.found.len() < 3 {
            self.schedule_boot();
        }
    }

    fn started(&mut self, opening: Opening, plan: Option<Plan>, place: Place, faults: &[Fault]) {
        let Opening {
            book,
            opened,
            numbers,
            appended,
        } = opening;
        self.booting = false;
        self.compare_opened(&book, &opened);
        self.acknowledged = (appended.last_row, appended.head);
        let facts = self.bug_in_open_facts(opened.open);
        let now = self.clock.reading();
        let mut state = resume(facts, numbers, now, &self.policy);
        self.bug_in_state(&mut state);
        let open: BTreeSet<_> = state
            .sales
            .keys()
            .chain(state.undos.keys())
            .copied()
            .chain(state.settlement.iter().map(|own| own.intent.txn))
            .collect();
        let true_now = self.now();
        self.trace.add(true_now, Lane::Till, Lane::Till, || {
            format!("started (boot {}), {} open sales", self.boots, open.len())
        });
        self.watch.booted(&open, true_now);
        self.recovering = if self.boots > 1 {
            open
        } else {
            BTreeSet::new()
        };
        let mut till = Till::new(state, book);
        till.refuse_sales = appended.no_sales.is_some();
        self.till = Some(till);
        self.heed(appended.no_sales);
        self.check_all();
        self.open_printer();
        let handles = self.bench.disk.lock().open_handles();
        let bounded = handles <= 8 || self.bench.in_memory;
        self.watch
            .holds(Invariant::I15, bounded, "open files pile up", true_now);
        self.show();
        if matches!(plan, Some(Plan::PowerCut(_) | Plan::Kill(_))) {
            // The boot had fewer operations than that: the fault strikes at its end.
            let cut = faults.iter().any(|fault| fault.kind.is_power_cut());
            let rng = cut.then(|| self.boot_damage(place));
            self.die(
                if cut {
                    "cut after boot"
                } else {
                    "kill after boot"
                },
                rng,
            );
        }
    }

    /// Nothing acknowledged may be missing; a unit of work that was under way may be there or not.
    fn compare_opened(&mut self, book: &Book, opened: &Opened) {
        let (rows, head) = self.acknowledged;
        let now = self.now();
        let kept = opened.rows >= rows && (opened.rows > rows || opened.head == head);
        let what = "an acknowledged fact is lost after the start";
        self.watch.holds(Invariant::I6, kept, what, now);
        if opened.rows <= rows || self.bench.in_memory {
            return;
        }
        // What lies between was under way when the power went, and arrived. A row may have rotted, which a start that
        // reads on from its note does not see: then it is read as it was.
        let between = book.rows_behind(rows, head).or_else(|problem| {
            let before = self.decay.before_rot.as_ref().ok_or(problem)?;
            self.bench.rows_of(before, rows, head)
        });
        let Ok(between) = between else {
            let what = "an acknowledged row has changed".to_owned();
            return self.watch.blame(Invariant::I9, what, now);
        };
        let count = usize::try_from(opened.rows - rows).unwrap_or(0);
        let between = between.iter().take(count);
        let facts: Vec<Fact> = between.filter_map(|row| Fact::decode(row).ok()).collect();
        for fact in &facts {
            self.trace.add(now, Lane::Disk, Lane::Till, || {
                "a fact under way had arrived".to_owned()
            });
            self.watch.stored(fact, &self.host, now);
        }
    }

    fn bug_in_open_facts(&self, facts: Vec<Fact>) -> Vec<Fact> {
        if self.bug == Bug::B24 {
            return Vec::new();
        }
        if self.bug != Bug::B6 {
            return facts;
        }
        let dropped: BTreeSet<_> = facts
            .iter()
            .filter(|fact| matches!(fact.kind, FactKind::RevokeIntended { .. }))
            .filter_map(Fact::txn)
            .collect();
        let keep = |fact: &Fact| fact.txn().is_none_or(|txn| !dropped.contains(&txn));
        facts.into_iter().filter(keep).collect()
    }

    fn bug_in_state(&self, state: &mut State) {
        if self.bug != Bug::B19 {
            return;
        }
        for sale in state.sales.values_mut() {
            if let Phase::Revoking(revoking) = &mut sale.phase {
                let number = format!("{}X{}", revoking.revoke_no.tail(), self.boots);
                revoking.revoke_no = OrderNo::new(&number).expect("invariant: letters and digits");
            }
        }
        for undo in state.undos.values_mut() {
            let number = format!("{}X{}", undo.intent.undo_no.tail(), self.boots);
            undo.intent.undo_no = OrderNo::new(&number).expect("invariant: letters and digits");
        }
    }
}
