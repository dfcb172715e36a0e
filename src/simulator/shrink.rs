//! Makes a failing run small: fewer sales, fewer acts, fewer faults, shorter delays, an ordinary world.
//!
//! Owns the search (delta debugging). A smaller run counts when the same invariant is broken.

use std::collections::BTreeSet;

use super::batch::play_guarded;
use super::bench::Bench;
use super::case::Case;
use super::check::Invariant;
use super::host::Manners;
use super::plan::{Act, RIGHT};
use super::trace::Trace;

/// Plays at the most.
const TRIES: u32 = 1_500;

struct Search<'a> {
    bench: &'a mut Bench,
    target: Invariant,
    tries: u32,
}

/// Returns the smallest failing run that was found, or `None` when the case does not break `target`.
pub fn shrink(case: &Case, target: Invariant, bench: &mut Bench) -> Option<Case> {
    let verdict = play_guarded(case, bench, Trace::default());
    let mut best = case.clone();
    best.faults = Some(verdict.faults);
    let mut search = Search {
        bench,
        target,
        tries: TRIES,
    };
    if !search.fails(&best) {
        // The drawn faults are part of it in a way that the list does not hold: keep the draw.
        best.faults = case.faults.clone();
        if !search.fails(&best) {
            return None;
        }
    }
    loop {
        let before = size(&best);
        search.fewer_sales(&mut best);
        search.fewer_acts(&mut best);
        search.fewer_faults(&mut best);
        search.smaller_numbers(&mut best);
        search.ordinary_world(&mut best);
        if size(&best) == before || search.tries == 0 {
            return Some(best);
        }
    }
}

fn size(case: &Case) -> (usize, usize, u64) {
    let faults = case.faults.as_deref().unwrap_or_default();
    let numbers = faults.iter().map(|(_, fault)| fault.number).sum();
    (case.acts.len(), faults.len(), numbers)
}

impl Search<'_> {
    fn fails(&mut self, case: &Case) -> bool {
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let verdict = play_guarded(case, self.bench, Trace::default());
        let mut found = verdict.violations.iter();
        found.any(|violation| violation.invariant == self.target)
    }

    fn keep(&mut self, best: &mut Case, tried: Case) -> bool {
        let fails = self.fails(&tried);
        if fails {
            *best = tried;
        }
        fails
    }

    fn fewer_sales(&mut self, best: &mut Case) {
        let of = |act: Act| match act {
            Act::Sale { sale, .. }
            | Act::Code { sale, .. }
            | Act::Card { sale, .. }
            | Act::ShowCode { sale, .. }
            | Act::Scan { sale, .. }
            | Act::Undo { sale, .. }
            | Act::Complete { sale, .. }
            | Act::ChangeWay(sale) => Some(sale),
            Act::Instalments(_)
            | Act::Hold(_)
            | Act::Settle
            | Act::Cancel
            | Act::Query
            | Act::QueryOpen(_)
            | Act::Park
            | Act::Dismiss
            | Act::Restart
            | Act::PowerOff
            | Act::SecondInstance
            | Act::WallJump(_)
            | Act::Suspend(_)
            | Act::DiskFull(_)
            | Act::LineDown(_)
            | Act::AnswersDown(_) => None,
        };
        let sales: BTreeSet<u32> = best.acts.iter().filter_map(|timed| of(timed.act)).collect();
        for sale in sales.into_iter().rev() {
            let mut tried = best.clone();
            tried.acts.retain(|timed| of(timed.act) != Some(sale));
            self.keep(best, tried);
        }
    }

    fn fewer_acts(&mut self, best: &mut Case) {
        let mut chunk = best.acts.len() / 2;
        while chunk > 0 {
            let mut at = 0;
            while at < best.acts.len() {
                let mut tried = best.clone();
                let end = (at + chunk).min(tried.acts.len());
                tried.acts.drain(at..end);
                if !self.keep(best, tried) {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn fewer_faults(&mut self, best: &mut Case) {
        let count = |case: &Case| case.faults.as_ref().map_or(0, Vec::len);
        let mut chunk = count(best).div_ceil(2);
        while chunk > 0 {
            let mut at = 0;
            while at < count(best) {
                let mut tried = best.clone();
                if let Some(faults) = &mut tried.faults {
                    let end = (at + chunk).min(faults.len());
                    faults.drain(at..end);
                }
                if !self.keep(best, tried) {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn smaller_numbers(&mut self, best: &mut Case) {
        for at in 0..best.faults.as_ref().map_or(0, Vec::len) {
            loop {
                let mut tried = best.clone();
                let fault = tried.faults.as_mut().and_then(|faults| faults.get_mut(at));
                match fault {
                    Some((_, fault)) if fault.number > 1 => fault.number /= 2,
                    Some(_) | None => break,
                }
                if !self.keep(best, tried) {
                    break;
                }
            }
        }
    }

    fn ordinary_world(&mut self, best: &mut Case) {
        let usual = Manners::default();
        let changes: [fn(&mut Case, Manners); 10] = [
            |case, usual| case.manners.refuses = usual.refuses,
            |case, usual| case.manners.duds = usual.duds,
            |case, usual| case.manners.lag_ms = usual.lag_ms,
            |case, usual| case.manners.keeps_refusals = usual.keeps_refusals,
            |case, usual| case.manners.tombstones = usual.tombstones,
            |case, usual| case.manners.refund_slow_ms = usual.refund_slow_ms,
            |case, usual| case.manners.refund_failures = usual.refund_failures,
            |case, usual| case.manners.closes_while_paying = usual.closes_while_paying,
            |case, _| case.clocks = RIGHT,
            |case, _| case.broken = None,
        ];
        for change in changes {
            let mut tried = best.clone();
            change(&mut tried, usual);
            self.keep(best, tried);
        }
    }
}
