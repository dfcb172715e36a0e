//! What the checker sees of settlements: batches follow one another, every entry is counted once, sums are those of the
//! entries and of the shop's account.
//!
//! Owns the memory of each settlement. It adds up what it has seen stored, never what the core or the journal computed.

use std::collections::{BTreeMap, BTreeSet};

use super::Invariant;
use super::cards::CardBatch;
use super::watch::{Watch, Word, digest};
use crate::domain::TxnId;
use crate::payment::Ticket;
use crate::settlement::{EntryKind, Line, Report, SettlementFact, SettlementIntent, net};
use crate::simulator::host::Host;

/// What the checker has seen of one settlement.
#[derive(Clone, Debug)]
pub struct Settling {
    /// Its own number.
    pub number: String,
    /// Its batch.
    pub batch: u32,
    /// It ended.
    pub ended: bool,
    /// Both sides were equal.
    pub balanced: bool,
    /// What it left to the shop, added up from its entries, in fen.
    pub net: i64,
    /// Differences that were stored.
    pub told: u64,
    /// What was left open.
    pub left: BTreeSet<TxnId>,
    /// What the card host was told and said.
    pub(super) cards: CardBatch,
    on_disk: bool,
}

/// Settlements of a run, and what they came to.
#[derive(Clone, Debug)]
pub struct Settlements {
    /// By their own transaction.
    pub by_txn: BTreeMap<TxnId, Settling>,
    /// The batch that is open.
    pub batch: u32,
    /// What all settlements left to the shop as we have it, in fen.
    pub ours: i64,
    /// The same as the acquirer's statement has it.
    pub theirs: i64,
}

impl Default for Settlements {
    fn default() -> Self {
        Self {
            by_txn: BTreeMap::new(),
            batch: 1,
            ours: 0,
            theirs: 0,
        }
    }
}

type Sums = [(u32, u64); 3];

impl Watch {
    pub(super) fn settlement(&mut self, txn: TxnId, fact: &SettlementFact, host: &Host, now: u64) {
        match fact {
            SettlementFact::Intended(intent) => self.settlement_intent(intent, now),
            SettlementFact::LeftOpen(left) => {
                if let Some(settling) = self.settlements.by_txn.get_mut(&txn) {
                    settling.left.insert(left.txn);
                }
            }
            SettlementFact::Closed(report) => self.settlement_closed(txn, report, host, now),
            SettlementFact::DifferenceFound(_) => {
                if let Some(settling) = self.settlements.by_txn.get_mut(&txn) {
                    settling.told += 1;
                }
            }
            SettlementFact::CardsAsked(message) => self.cards_asked(txn, *message, now),
            SettlementFact::CardsHeard { heard, digest } => {
                self.cards_heard(txn, (*heard, digest), host, now);
            }
            SettlementFact::Frozen { .. }
            | SettlementFact::TotalsHeard { .. }
            | SettlementFact::DetailsTaken { .. } => {}
        }
    }

    fn settlement_intent(&mut self, intent: &SettlementIntent, now: u64) {
        let number = intent.settle_no.to_string();
        let fresh = self.numbers.insert(number.clone());
        self.holds(
            Invariant::I5,
            fresh,
            "a settlement number was used twice",
            now,
        );
        let open = self.settlements.by_txn.values().any(|other| !other.ended);
        self.holds(Invariant::I4, !open, "two settlements at once", now);
        let next = intent.batch.get() == self.settlements.batch;
        self.holds(
            Invariant::I4,
            next,
            "a batch is closed that is not the open one",
            now,
        );
        self.settlements.batch += 1;
        let settling = Settling {
            number,
            batch: intent.batch.get(),
            ended: false,
            balanced: false,
            net: 0,
            told: 0,
            left: BTreeSet::new(),
            cards: CardBatch::default(),
            on_disk: false,
        };
        self.settlements.by_txn.insert(intent.txn, settling);
    }

    /// An entry is stored under the open batch.
    pub(super) fn in_the_open_batch(&mut self, batch: u32, now: u64) {
        let right = batch == self.settlements.batch;
        self.holds(
            Invariant::I4,
            right,
            "an entry of a batch that is not open",
            now,
        );
    }

    fn settlement_closed(&mut self, txn: TxnId, report: &Report, host: &Host, now: u64) {
        let Some(settling) = self.settlements.by_txn.get_mut(&txn) else {
            let what = "a settlement ended that never began".to_owned();
            return self.blame(Invariant::I9, what, now);
        };
        let again = std::mem::replace(&mut settling.ended, true);
        settling.balanced = report.is_balanced();
        let settling = settling.clone();
        self.holds(Invariant::I9, !again, "a settlement ended twice", now);
        self.cards_closed(txn, report.cards, now);
        let (expected, open) = self.count_up(&settling);
        self.holds(Invariant::I4, open == 0, "an open entry was counted", now);
        let same = by_kind(&report.ours) == expected;
        let fen = |which: usize| i64::try_from(expected[which].1).unwrap_or(i64::MAX);
        if let Some(own) = self.settlements.by_txn.get_mut(&txn) {
            own.net = fen(0) - fen(1) - fen(2);
        }
        let what = "the totals of a settlement are not the sum of its entries";
        self.holds(Invariant::I4, same, what, now);
        let (ours, theirs) = (net(&report.ours), net(&report.theirs));
        let told = report.explained_minor + report.unexplained_minor;
        let what = "the differences do not add up";
        self.holds(Invariant::I4, theirs - ours == told, what, now);
        let real = |text: &String| digest(text).is_some_and(|digest| host.meant(&digest).is_some());
        let proven = !report.evidence.is_empty() && report.evidence.iter().all(real);
        let what = "a settlement rests on an answer that the acquirer never meant";
        self.holds(Invariant::I12, proven, what, now);
        if host.profile.compares_totals() {
            let once = host.closings.closed(settling.batch) == 1;
            let what = "a batch was not closed exactly once at the acquirer";
            self.holds(Invariant::I4, once, what, now);
        }
        self.settlements.ours += ours;
        self.settlements.theirs += theirs;
    }

    /// Adds up what this settlement has to count, and marks it. Also returns how much of it is still open.
    fn count_up(&mut self, settling: &Settling) -> (Sums, usize) {
        let takes = |counted: Option<u32>, batch: u32, txn: &TxnId| {
            counted.is_none() && batch <= settling.batch && !settling.left.contains(txn)
        };
        let (mut sums, mut open) = (Sums::default(), 0);
        let mut add = |which: usize, fen: u64| {
            sums[which].0 += 1;
            sums[which].1 += fen;
        };
        let holds = self.hold_list();
        for (txn, sale) in &mut self.sales {
            if !sale.hold && takes(sale.counted, sale.batch, txn) {
                sale.counted = Some(settling.batch);
                open += usize::from(sale.ended.is_none());
                if sale.ended == Some(Word::Paid) {
                    add(0, sale.fen);
                }
            }
        }
        for (txn, undo) in &mut self.undos {
            if !holds.contains(&undo.of) && takes(undo.counted, undo.batch, txn) {
                undo.counted = Some(settling.batch);
                open += usize::from(undo.ended.is_none());
                if undo.ended == Some(Word::WentBack) && !undo.late {
                    add(if undo.void { 1 } else { 2 }, undo.fen);
                }
            }
        }
        (sums, open)
    }

    fn hold_list(&self) -> BTreeSet<TxnId> {
        let holds = self.sales.iter().filter(|(_, sale)| sale.hold);
        holds.map(|(txn, _)| *txn).collect()
    }

    /// A request about a settlement leaves.
    pub(super) fn settlement_sent(
        &mut self,
        ticket: Ticket,
        number: &str,
        durable: &mut dyn FnMut(&str) -> bool,
        now: u64,
    ) {
        let Some(settling) = self.settlements.by_txn.get_mut(&ticket.txn) else {
            return self.blame(Invariant::I6, "sent without a stored intent".into(), now);
        };
        let (ours, open) = (settling.number == number, !settling.ended);
        let survives = settling.on_disk || durable(number);
        settling.on_disk |= survives;
        self.leaves((ours, survives), now);
        self.holds(
            Invariant::I2,
            open,
            "a request for a settlement that ended",
            now,
        );
    }

    /// Everything is settled: each entry once, and both sides add up to the shop's account.
    pub(super) fn all_settled(&mut self, (paid, returned): (u64, u64), host: &Host, now: u64) {
        let ended = self
            .settlements
            .by_txn
            .values()
            .all(|settling| settling.ended);
        self.holds(
            Invariant::L2,
            ended,
            "a settlement is open long after mending",
            now,
        );
        let holds = self.hold_list();
        let right = |hold: bool, counted: Option<u32>| counted.is_some() != hold;
        let mut sales = self.sales.values();
        let sales = sales.all(|sale| right(sale.hold, sale.counted));
        let mut undos = self.undos.values();
        let undos = undos.all(|undo| right(holds.contains(&undo.of), undo.counted));
        let what = "an entry was counted in no settlement, or a hold in one";
        self.holds(Invariant::I4, sales && undos, what, now);
        let shown = i64::try_from(paid).unwrap_or(0) - i64::try_from(returned).unwrap_or(0);
        let same = self.settlements.ours == shown;
        let what = "the settlements do not add up to the totals";
        self.holds(Invariant::I4, same, what, now);
        let same = self.settlements.theirs == host.gained();
        let what = "the settlements do not add up to the shop's account";
        self.holds(Invariant::I4, same, what, now);
    }
}

fn by_kind(lines: &[Line]) -> Sums {
    EntryKind::ALL.map(|kind| {
        let own = lines.iter().filter(|line| line.kind == kind);
        own.fold((0, 0), |(count, fen), line| {
            (count + line.count, fen + line.minor)
        })
    })
}
