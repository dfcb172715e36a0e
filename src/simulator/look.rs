//! What the checker looks at after each turn of the driver: what is kept, what holds the till, what piles up.

use super::check::Invariant;
use super::plant::{Bug, gives_up};
use super::world::{Item, World};
use crate::journal::Background;
use crate::payment::{Phase, State, next_deadline};

/// Something open holds the till no longer than this; the checker's clock may differ by a fiftieth.
const TILL_FREE_MS: u64 = 61_500;

/// The program looks that often for time to go on with the check of all records.
const CHECK_AGAIN_MS: u64 = 1_000;

impl World<'_> {
    pub(super) fn look_at_state(&mut self) {
        let now = self.now();
        let mono = self.clock.mono();
        // A deadline that is due is done next, when the disk lets the program go on; until then nothing is late.
        let tick = self.clock.reading().tick;
        let Some(till) = &mut self.till else {
            return;
        };
        if self.bug == Bug::B31 {
            give_up_reversals(&mut till.state);
        }
        if self.bug == Bug::B5 {
            let long = mono.saturating_sub(till.revoking_since);
            till.state
                .sales
                .retain(|_, sale| !gives_up(&sale.phase, long));
            let some = till.state.sales.values();
            if !some
                .into_iter()
                .any(|sale| matches!(sale.phase, Phase::Revoking(_)))
            {
                till.revoking_since = mono;
            }
        }
        let state = &till.state;
        let sale = state
            .foreground_sale()
            .filter(|sale| !sale.phase.is_closed());
        let undo = state
            .foreground_undo()
            .filter(|undo| !undo.step.is_closed());
        let holder = sale.map(|sale| sale.intent.txn);
        let holder = holder.or(undo.map(|undo| undo.intent.txn));
        till.held = match (holder, till.held) {
            (Some(txn), Some((before, since))) if txn == before => Some((txn, since)),
            (Some(txn), _) => Some((txn, now)),
            (None, _) => None,
        };
        let late = till
            .held
            .is_some_and(|(_, since)| self.clock.mono_between(since, now) > TILL_FREE_MS);
        let overdue = next_deadline(state, &self.policy).is_some_and(|(at, _)| at <= tick);
        let what = "the till was held for more than 60 s";
        self.watch.holds(Invariant::L1, !late || overdue, what, now);
        let codes = state.used_codes.len() <= crate::limits::CODES_REMEMBERED + 100;
        self.watch.holds(
            Invariant::I15,
            codes,
            "codes are remembered without end",
            now,
        );
        let (sales, undos) = (&state.sales, &state.undos);
        if till.desk.out_of_service.is_none() {
            let settling = state.settlement.as_ref().map(|own| own.intent.txn);
            let keeps =
                |txn| sales.contains_key(&txn) || undos.contains_key(&txn) || settling == Some(txn);
            self.watch.kept(state.open_count(), keeps, now);
        }
        self.check_all();
    }

    /// The check of all records goes on, as the journal's thread does it while nothing is asked.
    pub(super) fn check_all(&mut self) {
        let now = self.now();
        let Some(till) = &mut self.till else {
            return;
        };
        let audited = till.book.check_on();
        let news = audited == Background::Failed && !std::mem::replace(&mut till.alarmed, true);
        let reason = if news {
            till.book.may_sell().ok().flatten()
        } else {
            None
        };
        let again =
            audited == Background::Going && !std::mem::replace(&mut till.checks_again, true);
        self.heed(reason);
        if again {
            self.put(now + CHECK_AGAIN_MS, Item::Check(self.boots));
        }
        let what = "the check in the background found an alteration";
        let sound = audited != Background::Failed || self.swarm.is_faulty();
        self.watch.holds(Invariant::I9, sound, what, now);
    }

    /// Nobody asked the journal for anything for a while.
    pub(super) fn check_on(&mut self) {
        if let Some(till) = &mut self.till {
            till.checks_again = false;
        }
        self.check_all();
    }
}

/// B31: reversals that were tried three times are dropped.
fn give_up_reversals(state: &mut State) {
    state.sales.retain(|_, sale| {
        let worn = matches!(&sale.phase, Phase::Revoking(revoking) if revoking.tries >= 3);
        !(worn && sale.intent.entry.is_card())
    });
}
