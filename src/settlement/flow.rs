//! One settlement on its way: what is asked, what each answer means, what is asked again.
//!
//! Owns the conversation from the frozen batch to its report; always under the settlement's own number. Never reads the
//! journal: it wants the batch read, and is told what was found.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{MerchantNo, TermNo, Tick, TxnId, VoucherNo};
use crate::evidence::Verified;

use super::ask::{Ask, Rules, What};
use super::batch::{Batch, Entry, EntryState, Line, lines};
use super::cards::CardPart;
use super::claim::{Movement, Says, SettlementClaim, StatementPage};
use super::compare::{Comparison, Reason, compare};
use super::fact::{OpenLeft, Report, SettlementFact, SettlementIntent};

/// What a settlement waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What is open may still end.
    Waiting {
        /// Until then.
        due: Tick,
    },
    /// The journal is read; wanted again when due.
    Reading {
        /// Until then.
        due: Tick,
    },
    /// A request is under way.
    Asking {
        /// Which.
        what: What,
        /// Its number.
        number: u32,
        /// It is given up then.
        due: Tick,
    },
    /// Asked again when due.
    Resting {
        /// Which.
        what: What,
        /// Then.
        due: Tick,
    },
    /// It ended.
    Closed,
}

/// A settlement under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What was stored first.
    pub intent: SettlementIntent,
    /// Requests so far, since the program started.
    pub requests: u32,
    /// Tries of the present question.
    pub tries: u32,
    /// What it waits for.
    pub step: Step,
    /// What is left out; none until the batch was frozen for good.
    pub left: Option<BTreeSet<TxnId>>,
    /// The batch as it was read last.
    pub batch: Option<Arc<Batch>>,
    /// What the acquirer found of our totals.
    pub balanced: Option<bool>,
    /// Detail rows that are taken, and whether their end is.
    pub uploaded: (u32, bool),
    /// The cards' part, at the card host.
    pub cards: CardPart,
    /// The program restarted, or a request about totals got no answer: they may have arrived.
    pub perhaps_there: bool,
    their_lines: Vec<Line>,
    movements: Arc<Vec<Movement>>,
    complete: bool,
    pub(super) evidence: Vec<String>,
}

/// One turn: what the flow needs and what it produces.
pub struct Turn<'a> {
    /// Now.
    pub now: Tick,
    /// The acquirer's way.
    pub rules: &'a Rules,
    /// Our merchant number; answers must name it.
    pub merchant: &'a MerchantNo,
    /// Our terminal number.
    pub term: &'a TermNo,
    /// The trace of a new message to the card host.
    pub trace: VoucherNo,
    /// That trace was used up.
    pub took_trace: bool,
    /// What must be stored first.
    pub facts: Vec<SettlementFact>,
    /// What is asked then, with its number.
    pub asks: Vec<(u32, Ask)>,
    /// The batch is to be read then, with these numbers of the statement.
    pub read: Option<Vec<String>>,
}

/// What an answer was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was about this settlement.
    Ours,
    /// It names another merchant or settlement.
    Foreign,
}

/// Begins a settlement whose intent is stored with this step.
pub fn begin(intent: SettlementIntent, turn: &mut Turn<'_>) -> Settlement {
    turn.facts.push(SettlementFact::Intended(intent.clone()));
    let due = turn.now.after_ms(turn.rules.open_wait_ms);
    new(intent, Step::Waiting { due })
}

fn new(intent: SettlementIntent, step: Step) -> Settlement {
    Settlement {
        intent,
        requests: 0,
        tries: 0,
        step,
        left: None,
        batch: None,
        balanced: None,
        uploaded: (0, false),
        cards: CardPart::new(),
        perhaps_there: false,
        their_lines: Vec::new(),
        movements: Arc::default(),
        complete: false,
        evidence: Vec::new(),
    }
}

/// Takes a settlement over after a restart. None when it had ended, or was never begun.
pub fn resume<'a>(
    facts: impl IntoIterator<Item = &'a SettlementFact>,
    now: Tick,
    rules: &Rules,
) -> Option<Settlement> {
    let mut found: Option<Settlement> = None;
    let mut left = BTreeSet::new();
    for fact in facts {
        match (fact, &mut found) {
            (SettlementFact::Intended(intent), _) => {
                let due = now.after_ms(rules.open_wait_ms);
                found = Some(new(intent.clone(), Step::Waiting { due }));
            }
            (SettlementFact::LeftOpen(open), Some(_)) => {
                left.insert(open.txn);
            }
            (SettlementFact::Frozen { .. }, Some(settlement)) => {
                settlement.left = Some(left.clone());
                settlement.step = Step::Reading { due: now };
            }
            (
                SettlementFact::TotalsHeard {
                    balanced,
                    lines,
                    digest,
                },
                Some(settlement),
            ) => {
                settlement.balanced = Some(*balanced);
                settlement.their_lines.clone_from(lines);
                settlement.evidence.push(digest.clone());
            }
            (SettlementFact::DetailsTaken { rows, end }, Some(settlement)) => {
                settlement.uploaded = (*rows, *end);
            }
            (SettlementFact::CardsAsked(message), Some(settlement)) => {
                settlement.cards.asked(*message);
            }
            (SettlementFact::CardsHeard { heard, digest }, Some(settlement)) => {
                settlement.cards.heard(*heard);
                settlement.evidence.push(digest.clone());
            }
            (SettlementFact::Closed(_), _) => return None,
            (_, None) | (SettlementFact::DifferenceFound(_), Some(_)) => {}
        }
    }
    if let Some(settlement) = &mut found {
        settlement.perhaps_there = true;
    }
    found
}

impl Settlement {
    /// Returns when something is due.
    pub const fn due(&self) -> Option<Tick> {
        match self.step {
            Step::Waiting { due }
            | Step::Reading { due }
            | Step::Asking { due, .. }
            | Step::Resting { due, .. } => Some(due),
            Step::Closed => None,
        }
    }

    /// Tells whether it ended.
    pub fn is_closed(&self) -> bool {
        self.step == Step::Closed
    }

    /// Nothing of the batch is open any more, or it had its time.
    pub fn stop_waiting(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.step, Step::Waiting { .. }) {
            self.read(turn, Vec::new());
        }
    }

    /// Something is due.
    pub fn is_due(&mut self, turn: &mut Turn<'_>) {
        match self.step {
            Step::Waiting { .. } => self.stop_waiting(turn),
            Step::Reading { .. } => self.read(turn, self.numbers()),
            Step::Asking { what, .. } => self.silence(turn, what),
            Step::Resting { what, .. } => self.ask(turn, what),
            Step::Closed => {}
        }
    }

    /// The batch was read. What was left out stays left out, whatever became of it since.
    pub fn was_read(&mut self, mut batch: Batch, turn: &mut Turn<'_>) {
        if !matches!(self.step, Step::Reading { .. }) {
            return;
        }
        if self.left.is_none() {
            self.freeze(&batch, turn);
        }
        let left = self.left.clone().unwrap_or_default();
        for entry in &mut batch.entries {
            if left.contains(&entry.txn) {
                entry.state = EntryState::Open;
            }
        }
        let first = self.batch.replace(Arc::new(batch)).is_none();
        if self.complete && !first {
            return self.close(turn);
        }
        self.tries = 0;
        if self.holds_cards(turn.rules) {
            return self.ask(turn, What::Cards);
        }
        self.compare_rest(turn);
    }

    /// Everything but the cards' part.
    pub(super) fn compare_rest(&mut self, turn: &mut Turn<'_>) {
        match self.balanced {
            None if !turn.rules.asks_totals => self.statement(turn),
            None if self.perhaps_there => self.ask(turn, What::Inquiry),
            None => self.ask(turn, What::Totals),
            Some(false) if !self.uploaded.1 => self.ask(turn, self.next_detail()),
            Some(_) => self.statement(turn),
        }
    }

    /// The acquirer's own comparison is over, if there was one.
    fn statement(&mut self, turn: &mut Turn<'_>) {
        if turn.rules.has_statement {
            self.go_on(turn, What::Page);
        } else {
            self.close(turn);
        }
    }

    /// An answer came for the request of this number.
    pub fn answered(
        &mut self,
        number: u32,
        claim: &Verified<SettlementClaim>,
        turn: &mut Turn<'_>,
    ) -> Answer {
        let value = claim.value();
        let ours = value.merchant.as_ref() == Some(turn.merchant)
            && value.settle_no.as_ref() == Some(&self.intent.settle_no);
        let Some(what) = self.under_way(number) else {
            return if ours { Answer::Ours } else { Answer::Foreign };
        };
        if !ours {
            self.silence(turn, what);
            return Answer::Foreign;
        }
        let digest = claim.digest().to_string();
        self.heard(what, &value.says, digest, turn);
        Answer::Ours
    }

    /// The request of this number brought nothing. `arrived` is false when no byte can have left.
    pub fn failed(&mut self, number: u32, arrived: bool, turn: &mut Turn<'_>) {
        let Some(what) = self.under_way(number) else {
            return;
        };
        if what == What::Totals && !arrived && self.tries == 1 && !self.perhaps_there {
            return self.rest(turn, What::Totals);
        }
        self.silence(turn, what);
    }

    fn under_way(&self, asked: u32) -> Option<What> {
        match self.step {
            Step::Asking { what, number, .. } if number == asked => Some(what),
            Step::Asking { .. }
            | Step::Waiting { .. }
            | Step::Reading { .. }
            | Step::Resting { .. }
            | Step::Closed => None,
        }
    }

    /// Whoever asked for totals and heard nothing asks what became of them first.
    pub(super) fn silence(&mut self, turn: &Turn<'_>, what: What) {
        match what {
            What::Totals | What::Inquiry => {
                self.perhaps_there = true;
                self.rest(turn, What::Inquiry);
            }
            What::Cards | What::Details | What::DetailsEnd | What::Page => self.rest(turn, what),
        }
    }

    pub(super) fn rest(&mut self, turn: &Turn<'_>, what: What) {
        let tried = usize::try_from(self.tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let waits = &turn.rules.retry_ms;
        let wait = waits.get(tried).copied().unwrap_or(turn.rules.idle_ms);
        let due = turn.now.after_ms(wait);
        self.step = Step::Resting { what, due };
    }

    fn heard(&mut self, what: What, says: &Says, digest: String, turn: &mut Turn<'_>) {
        match (what, says) {
            (What::Totals | What::Inquiry, Says::Totals { balanced, lines }) => {
                turn.facts.push(SettlementFact::TotalsHeard {
                    balanced: *balanced,
                    lines: lines.clone(),
                    digest: digest.clone(),
                });
                self.balanced = Some(*balanced);
                self.their_lines.clone_from(lines);
                self.evidence.push(digest);
                if *balanced {
                    self.statement(turn);
                } else {
                    self.go_on(turn, self.next_detail());
                }
            }
            (What::Inquiry, Says::NotFound) => self.go_on(turn, What::Totals),
            (What::Details | What::DetailsEnd, Says::Taken { rows, end }) => {
                self.details_taken(what, *rows, *end, turn);
            }
            (What::Cards, Says::Cards(heard)) => self.cards_heard(*heard, digest, turn),
            (What::Page, Says::Page(page)) if self.fits(page) => {
                self.evidence.push(digest);
                self.page_came(page, turn);
            }
            _ => self.silence(turn, what),
        }
    }

    fn details_taken(&mut self, what: What, rows: u32, end: bool, turn: &mut Turn<'_>) {
        let end = end && what == What::DetailsEnd;
        let rows = rows.min(self.detail_count());
        let moved = (rows, end) != self.uploaded;
        self.uploaded = (rows, end);
        if !moved {
            // Taken, and nothing more is there than before: not at once again.
            return self.silence(turn, what);
        }
        turn.facts.push(SettlementFact::DetailsTaken { rows, end });
        if end {
            self.statement(turn);
        } else {
            self.go_on(turn, self.next_detail());
        }
    }

    fn page_came(&mut self, page: &StatementPage, turn: &mut Turn<'_>) {
        Arc::make_mut(&mut self.movements).extend(page.movements.iter().cloned());
        if page.more {
            return self.go_on(turn, What::Page);
        }
        self.complete = true;
        self.read(turn, self.numbers());
    }

    /// A page continues what is known, with growing positions that the journal can hold, and one that has more behind
    /// it brings something.
    fn fits(&self, page: &StatementPage) -> bool {
        let last = page.movements.last();
        if last.map_or(page.more, |last| i64::try_from(last.position).is_err()) {
            return false;
        }
        let positions = page.movements.iter().map(|movement| movement.position);
        page.after == self.read_upto()
            && positions.is_sorted_by(|one, next| one < next)
            && page
                .movements
                .first()
                .is_none_or(|first| first.position > page.after)
    }

    fn read_upto(&self) -> u64 {
        let last = self.movements.last();
        last.map_or(self.intent.read_after, |movement| movement.position)
    }

    pub(super) fn go_on(&mut self, turn: &mut Turn<'_>, what: What) {
        self.tries = 0;
        self.ask(turn, what);
    }

    fn read(&mut self, turn: &mut Turn<'_>, numbers: Vec<String>) {
        let due = turn.now.after_ms(turn.rules.answer_wait_ms);
        self.step = Step::Reading { due };
        turn.read = Some(numbers);
    }

    /// Every number that the statement names, once it is complete.
    fn numbers(&self) -> Vec<String> {
        if !self.complete {
            return Vec::new();
        }
        let named = self.movements.iter().flat_map(|movement| {
            let refund = movement.refund_no.iter();
            std::iter::once(&movement.order_no).chain(refund)
        });
        named
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Names what is open. From here on the batch never changes, so totals and detail rows are the same at each try.
    fn freeze(&mut self, batch: &Batch, turn: &mut Turn<'_>) {
        let left: BTreeSet<TxnId> = batch.waiting().map(|entry| entry.txn).collect();
        let named = batch.waiting().map(left_open);
        turn.facts.extend(named.map(SettlementFact::LeftOpen));
        turn.facts.push(SettlementFact::Frozen {
            entries: count(batch.entries.len()),
            open: count(left.len()),
        });
        self.left = Some(left);
    }

    /// What the acquirer has under this batch: what was left open in an earlier one is not there.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Entry> {
        let own = self.intent.batch;
        let entries = self.batch.iter().flat_map(|batch| &batch.entries);
        let left = self.left.as_ref();
        entries.filter(move |entry| {
            let waits = left.is_some_and(|left| left.contains(&entry.txn));
            entry.batch == own && entry.counts() && !waits
        })
    }

    fn detail_count(&self) -> u32 {
        count(self.rows().count())
    }

    fn next_detail(&self) -> What {
        if self.uploaded.0 < self.detail_count() {
            What::Details
        } else {
            What::DetailsEnd
        }
    }

    fn ask(&mut self, turn: &mut Turn<'_>, what: What) {
        self.requests += 1;
        self.tries += 1;
        let settle_no = self.intent.settle_no.clone();
        let ask = match what {
            What::Totals => Ask::Totals {
                settle_no,
                batch: self.intent.batch,
                lines: lines(self.rows()),
            },
            What::Cards => self.card_question(turn),
            What::Inquiry => Ask::Inquire { settle_no },
            What::Details => {
                let first = usize::try_from(self.uploaded.0).unwrap_or(usize::MAX);
                let rows = self.rows().skip(first).take(turn.rules.detail_rows.max(1));
                Ask::Details {
                    settle_no,
                    first: self.uploaded.0,
                    rows: rows.cloned().collect(),
                }
            }
            What::DetailsEnd => Ask::DetailsEnd {
                settle_no,
                rows: self.detail_count(),
            },
            What::Page => Ask::Page {
                settle_no,
                after: self.read_upto(),
            },
        };
        turn.asks.push((self.requests, ask));
        self.step = Step::Asking {
            what,
            number: self.requests,
            due: turn.now.after_ms(turn.rules.answer_wait_ms),
        };
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        let Some(batch) = self.batch.clone() else {
            return;
        };
        let found = self.compared(&batch, turn);
        let differences = count(found.differences.len());
        let (mut explained, mut unexplained, mut unequal) = (0, 0, 0);
        for difference in found.differences {
            let delta = difference.delta();
            unequal += u32::from(delta != 0);
            if difference.reason == Reason::Unexplained {
                unexplained += delta;
            } else {
                explained += delta;
            }
            turn.facts.push(SettlementFact::DifferenceFound(difference));
        }
        turn.facts.push(SettlementFact::Closed(Box::new(Report {
            ours: found.ours,
            theirs: found.theirs,
            compared: turn.rules.has_statement || self.balanced.is_some(),
            balanced: self.balanced,
            cards: self.cards.verdict(),
            differences,
            unequal,
            explained_minor: explained,
            unexplained_minor: unexplained,
            open: count(found.open.len()),
            read_after: found.read_after,
            told_upto: found.told_upto,
            evidence: self.evidence.clone(),
        })));
        self.step = Step::Closed;
    }
}

impl Settlement {
    fn compared(&self, batch: &Batch, turn: &Turn<'_>) -> Comparison {
        let intent = &self.intent;
        let marks = (intent.read_after, intent.told_upto);
        if turn.rules.has_statement {
            return compare(batch, intent.batch, &self.movements, turn.term, marks);
        }
        let waiting: BTreeSet<TxnId> = batch.waiting().map(|entry| entry.txn).collect();
        let counted = batch.entries.iter();
        Comparison {
            ours: lines(counted.filter(|entry| !waiting.contains(&entry.txn))),
            theirs: self.their_lines.clone(),
            differences: Vec::new(),
            open: batch.waiting().map(left_open).collect(),
            read_after: marks.0,
            told_upto: marks.1,
        }
    }
}

fn left_open(entry: &Entry) -> OpenLeft {
    OpenLeft {
        txn: entry.txn,
        minor: entry.amount.minor(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
