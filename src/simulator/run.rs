//! One run from its description to its verdict.
//!
//! Owns the order of a run: the day, the mending, the wait for rest, and the comparison of everything with everything.

use std::collections::BTreeMap;

use super::bench::{Bench, Book};
use super::case::{Broken, Case, End, Verdict};
use super::check::{Evidence, Invariant, Sale, SlipCount, at_rest, find_canary, money_at_rest};
use super::plant::Bug;
use super::rng::mix;
use super::trace::Trace;
use super::world::{Wait, World};
use crate::domain::TxnId;
use crate::journal::{JournalError, SaleState};
use crate::payment::{CardBusiness, Event};

/// After the world is mended every sale ends within this (asserted; the report tells what was seen).
pub const HEALS_WITHIN_MS: u64 = 25 * 60_000;
/// Where something stays broken, the tries are farther apart and more of them are needed.
const ENDS_BROKEN_WITHIN_MS: u64 = 60 * 60_000;
/// Messages under way and codes that live on are waited for.
const LINGER_MS: u64 = 400_000;

/// Plays a case.
pub fn play(case: &Case, bench: &mut Bench, trace: Trace) -> Verdict {
    bench.prepare(case.bug);
    let mut world = World::new(case, bench, trace);
    let end = case.until;
    if case.broken.is_some() {
        // Warm up, then freeze what is broken and mend everything else.
        world.run_until(end / 2);
        world.mend();
        world.broken = case.broken;
    }
    world.run_until(end);
    if let Some(broken) = case.broken {
        if !broken.can_end() || world.waits_for_the_card_host(broken) {
            world.watch_a_broken_acquirer();
            world.broken = None;
        }
    } else {
        world.mend();
    }
    world.wait_for_rest();
    world.conclude()
}

fn waits_for(sale: &Sale) -> Wait {
    if sale.is_provisional() {
        Wait::Certainty
    } else if sale.is_revoking() {
        Wait::Revoke
    } else {
        Wait::Result
    }
}

impl World<'_> {
    /// Waits until every sale has ended, and notes how long each took.
    fn wait_for_rest(&mut self) {
        // Taps that a sleeping machine has not taken yet come first: they can open sales.
        self.run_until(self.now().max(self.clock.frozen_until));
        let healed = self.now();
        let limit = match self.broken {
            Some(_) => ENDS_BROKEN_WITHIN_MS,
            None => HEALS_WITHIN_MS,
        };
        let open: Vec<_> = self
            .watch
            .sales
            .iter()
            .filter(|(_, sale)| sale.ended.is_none())
            .map(|(txn, sale)| (*txn, waits_for(sale)))
            .collect();
        while !self.is_at_rest() && self.now() < healed + limit {
            self.run_until(self.now() + 5_000);
        }
        let now = self.now();
        for (txn, wait) in open {
            let Some(sale) = self.watch.sales.get(&txn) else {
                continue;
            };
            if sale.ended.is_some() {
                let took = sale.ended_at.saturating_sub(healed);
                self.figures.healing.push((wait, took));
            } else {
                let what = format!(
                    "sale {} is open {} s after mending",
                    sale.order,
                    limit / 1_000
                );
                self.watch.blame(Invariant::L2, what, now);
            }
        }
        let stuck: Vec<String> = self
            .watch
            .undos
            .values()
            .filter(|undo| undo.ended.is_none())
            .map(|undo| format!("undo {} is open long after mending", undo.number))
            .collect();
        for what in stuck {
            self.watch.blame(Invariant::L2, what, now);
        }
        let rests = self.is_at_rest() || !self.watch.found.is_empty();
        let what = "the terminal is not at rest long after mending";
        self.watch.holds(Invariant::L2, rests, what, now);
        // The second copy catches up at a start at the latest. Meanwhile charges under way arrive, and every customer
        // makes up his mind.
        self.restart();
        self.run_until(now + LINGER_MS);
        let host_now = self.host_now();
        self.host.settle_all(host_now);
        self.settle_the_rest();
        let open = self
            .watch
            .sales
            .values()
            .filter(|sale| sale.ended.is_none());
        let what = "a sale was opened when the world was at rest, and is open";
        let none = open.count() == 0 || !self.watch.found.is_empty();
        self.watch.holds(Invariant::L2, none, what, self.now());
    }

    /// A card host can be asked nothing else: without the answers to reversals and returns, an open one never ends.
    fn waits_for_the_card_host(&self, broken: Broken) -> bool {
        let (sales, undos) = (self.watch.sales.values(), self.watch.undos.values());
        match broken {
            Broken::RevokeAnswers => sales
                .into_iter()
                .any(|sale| sale.card && sale.ended.is_none()),
            Broken::RefundAnswers => undos
                .into_iter()
                .any(|undo| undo.card && undo.ended.is_none()),
            Broken::ChargeAnswers
            | Broken::ChargesLost
            | Broken::RevokesRefused
            | Broken::Everything => false,
        }
    }

    /// After an hour a broken acquirer is asked at most once in five minutes for each open sale. A try is a revoke and
    /// the inquiry that confirms it.
    fn watch_a_broken_acquirer(&mut self) {
        const HOURS: u64 = 2;
        self.run_until(self.now() + 3_600_000);
        let before = self.sends.clone();
        let open: Vec<_> = self
            .watch
            .sales
            .iter()
            .filter(|(_, sale)| sale.ended.is_none())
            .map(|(txn, _)| self.sale_of.get(txn).copied().unwrap_or(0))
            .collect();
        self.run_until(self.now() + HOURS * 3_600_000);
        let now = self.now();
        for sale in open {
            let sent = |all: &BTreeMap<u32, u32>| u64::from(all.get(&sale).copied().unwrap_or(0));
            let asked = sent(&self.sends) - sent(&before);
            let what = "a broken acquirer is asked too often";
            let most = HOURS * 12 * 2 + 2;
            self.watch.holds(Invariant::L3, asked <= most, what, now);
        }
    }

    fn conclude(mut self) -> Verdict {
        self.feed(Event::ResultDismissed);
        self.watch.resting = true;
        let now = self.now();
        if self.bench.has_printer(self.streams.0) {
            self.watch.slips_at_rest(now);
        }
        let slips = self.slips_by_sale();
        let till = self.till.take();
        if self.bench.in_memory {
            money_at_rest(&mut self.watch, &self.host, now);
        } else if let Some(till) = till {
            self.compare_at_rest(&till.book);
        }
        for entry in self.host.books.entries() {
            self.hash = mix(self.hash ^ entry.fen ^ entry.at << 32);
        }
        let end = |(txn, sale): (&TxnId, &Sale)| End {
            sale: self.sale_of.get(txn).copied().unwrap_or(0),
            ended: sale.ended,
            net: self.host.net(&sale.order),
            attention: sale.attention,
            revoked: sale.is_revoking(),
        };
        Verdict {
            sales: self.watch.sales.len() as u64,
            ends: self.watch.sales.iter().map(end).collect(),
            settlements: {
                let mut all: Vec<_> = self.watch.settlements.by_txn.into_values().collect();
                all.sort_by_key(|settling| settling.batch);
                all
            },
            violations: self.watch.found,
            figures: self.figures,
            faults: self.swarm.struck,
            coverage: self.coverage,
            checks: self.watch.checks,
            hash: self.hash,
            slips,
            trace: self.trace,
        }
    }

    /// Slips of each sale; those of its returns are not counted.
    fn slips_by_sale(&self) -> BTreeMap<u32, SlipCount> {
        let of = |(txn, sale): (&TxnId, &Sale)| {
            let number = self.sale_of.get(txn).copied()?;
            let count = self.watch.slips.by_number.get(&sale.order)?;
            Some((number, *count))
        };
        self.watch.sales.iter().filter_map(of).collect()
    }

    fn compare_at_rest(&mut self, book: &Book) {
        let now = self.now();
        let Book::Real(journal) = book else {
            return;
        };
        let read = || {
            let totals = journal.totals(i64::MIN, i64::MAX)?;
            Ok::<_, JournalError>((journal.rows()?, journal.recent(1_000_000)?, totals))
        };
        let (rows, sales, mut totals) = match read() {
            Ok(read) => read,
            Err(problem) => {
                let what = format!("the journal cannot be read: {problem}");
                return self.watch.blame(Invariant::I9, what, now);
            }
        };
        if self.bug == Bug::B10 {
            let revoked = sales.iter().filter(|row| row.state == SaleState::Revoked);
            totals.count += revoked.count() as u64;
        }
        let mut returned: u64 = sales
            .iter()
            .filter(|row| row.state == SaleState::Paid && row.business != CardBusiness::Hold)
            .map(|row| row.returned.minor())
            .sum();
        if self.bug == Bug::B11 {
            let heard = self.returned_heard.iter();
            let twice = heard.map(|(txn, times)| {
                let fen = self.watch.undos.get(txn).map_or(0, |undo| undo.fen);
                fen * times.saturating_sub(1)
            });
            returned += twice.sum::<u64>();
        }
        let baskets: BTreeMap<String, u32> = self
            .watch
            .sales
            .iter()
            .map(|(txn, sale)| {
                let basket = self.sale_of.get(txn).copied().unwrap_or(0);
                (sale.order.clone(), basket)
            })
            .collect();
        let basket_of = |order: &str| baskets.get(order).copied().unwrap_or(0);
        let (mut copy, mut leak) = (None, None);
        for (name, bytes) in self.bench.disk.lock().contents() {
            leak = leak.or_else(|| find_canary(bytes));
            if name.ends_with(".copy") {
                copy = Some(bytes.to_vec());
            }
        }
        let what = "a code is on the disk";
        self.watch.holds(Invariant::I10, leak.is_none(), what, now);
        let seen = Evidence {
            host: &self.host,
            rows: &rows,
            sales: &sales,
            totals,
            returned,
            basket_of: &basket_of,
            copy: copy.as_deref(),
            acknowledged: self.acknowledged.0,
            now,
        };
        at_rest(&mut self.watch, &seen);
    }
}
