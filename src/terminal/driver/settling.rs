//! Closing a batch: the supervisor's word or the set time, what the settlement page shows, and the reading that a
//! settlement wants.
//!
//! Owns no state of a settlement. A journal that cannot be read leaves the page as it was and says so.

use tracing::error;
use zeroize::Zeroizing;

use super::{Driver, chain};
use crate::domain::{OperatorNo, Tick, Timestamp, TxnId};
use crate::journal::{NoSales, SettlementRow};
use crate::limits;
use crate::payment::{Closing, Event, Fact, FactKind, Prover};
use crate::settlement::{Cause as Why, Reason, Report, SettlementFact};
use crate::terminal::session::BatchAct;
use crate::view::{
    BatchRow, BatchVerdict, Batches, Cause, ClockState, ClosedBatch, DeskPage, format,
};

/// The set time is looked at so often.
const LOOK_EVERY_MS: u64 = 30_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Closed batches read at once for the list.
const PAGE_ROWS: usize = 20;
/// Enough to find the last one that ended.
const LAST: usize = 2;

impl Driver {
    /// Reads the batch that a settlement wants, and what it leads to. A journal that cannot be read is asked again when
    /// the settlement's own deadline comes.
    pub(super) async fn read_batch(&mut self) {
        while let Some((txn, batch, numbers)) = self.to_read.take() {
            match self.parts.journal.batch(batch, numbers).await {
                Ok(found) => {
                    let batch = Box::new(found);
                    self.feed(Event::BatchRead { txn, batch }).await;
                }
                Err(problem) => error!(error = %chain(&problem), "the batch could not be read"),
            }
        }
    }

    /// Reads what the settlement page shows.
    pub(super) async fn read_settlement(&mut self) {
        let batch = self.parts.state.numbers.batch;
        let journal = &self.parts.journal;
        let open = journal.batch(batch, Vec::new()).await;
        match (open, journal.settlements(LAST).await) {
            (Ok(open), Ok(rows)) => {
                let last = rows.into_iter().find_map(closed);
                let under_way = self.parts.state.settlement.as_deref();
                let terms = self.parts.shop.fees.as_ref();
                self.records.batches = Batches::of(open, under_way, last, terms);
            }
            (Err(problem), _) | (_, Err(problem)) => self.unread("the batches", &problem),
        }
    }

    /// Reads batches, or prints a slip of one, or exports one.
    pub(super) async fn batch_act(&mut self, act: BatchAct) {
        match act {
            BatchAct::Open => self.read_settlement().await,
            BatchAct::List { more } => self.read_closed(more).await,
            BatchAct::Read(txn) => self.read_sheet(txn).await,
            BatchAct::Print(txn, slip) => self.print_batch(txn, slip),
            BatchAct::Export(batch) => self.export_batch(batch),
        }
    }

    async fn read_closed(&mut self, more: bool) {
        let before = if more {
            self.records.closed.last().map(|row| row.batch_no)
        } else {
            None
        };
        match self
            .parts
            .journal
            .closed_before(before, PAGE_ROWS + 1)
            .await
        {
            Ok(mut found) => {
                if !more {
                    self.records.closed.clear();
                }
                self.records.more_closed = found.len() > PAGE_ROWS;
                found.truncate(PAGE_ROWS);
                let closed = found.into_iter().filter_map(closed);
                let rows = closed.map(|batch| BatchRow::of(&batch));
                self.records.closed.extend(rows);
            }
            Err(problem) => self.unread("the closed batches", &problem),
        }
    }

    /// Reads a closed batch for its page. One that cannot be read shows no page, and says so.
    pub(super) async fn read_sheet(&mut self, txn: TxnId) {
        self.records.sheet = match self.parts.journal.sheet(txn).await {
            Ok(found) => found,
            Err(problem) => {
                self.unread("a closed batch", &problem);
                None
            }
        };
        if self.records.sheet.is_none() {
            self.parts.desk.page = self.parts.desk.batch_from;
        }
    }

    /// Checks the supervisor's PIN, then closes the batch.
    pub(super) async fn approve_settlement(&mut self, typed: Zeroizing<String>) {
        if let Some(approver) = self.supervisor(typed, "settlement").await {
            self.settle(Why::Asked, Some(approver)).await;
        }
    }

    async fn settle(&mut self, cause: Why, approver: Option<OperatorNo>) {
        let unsettled = match self.parts.journal.unsettled().await {
            Ok(unsettled) => unsettled,
            Err(problem) => {
                self.unread("what is not settled", &problem);
                return;
            }
        };
        if unsettled.entries == 0 {
            self.parts.desk.told = Some(Cause::NothingToSettle);
        }
        let closing = Closing {
            txn: self.parts.entropy.txn_id(self.now().utc),
            cause,
            operator: self.parts.operator.clone(),
            approver,
        };
        self.feed(Event::SettlementRequested { closing, unsettled })
            .await;
        if cause == Why::Asked {
            self.parts.desk.page = DeskPage::Settlement;
        }
        self.read_batch().await;
        self.read_settlement().await;
    }

    /// Closes the batch when anything in it is older than the last set time, which may have passed while the terminal
    /// was off, or when the voucher numbers run out: the next batch begins at 1. A clock that is known to be wrong
    /// closes nothing.
    pub(super) async fn settle_at_the_time(&mut self) {
        let now = self.now();
        let at_min = self.parts.policy.settlement.at_min;
        let runs_out = self.parts.state.numbers.next_voucher >= limits::VOUCHER_RESTART;
        if at_min.is_none() && !runs_out {
            return;
        }
        let may = self.parts.desk.clock != ClockState::Wrong && !self.is_broken();
        if now.tick < self.look_at_time || !may || self.parts.state.settlement.is_some() {
            return;
        }
        self.look_at_time = Tick(now.tick.0).after_ms(LOOK_EVERY_MS);
        match self.parts.journal.unsettled().await {
            Ok(unsettled) => {
                let set = at_min.map(|at_min| last_set_time(now.utc, at_min));
                let late = set.zip(unsettled.since_ms);
                let due = late.is_some_and(|(moment, since)| since < moment);
                if due || runs_out && unsettled.entries > 0 {
                    self.settle(Why::Automatic, None).await;
                }
            }
            Err(problem) => {
                error!(error = %chain(&problem), "what is not settled could not be read");
            }
        }
    }

    async fn proven_by_the_acquirer(&mut self) {
        if !matches!(
            self.parts.journal.may_sell().await,
            Ok(Some(NoSales::Unproven))
        ) {
            return;
        }
        let by = Prover::Acquirer;
        let proven = Fact {
            at: self.now().utc,
            kind: FactKind::Proven { by },
        };
        if let Err(cause) = self.store(vec![proven]).await {
            error!(
                ?cause,
                "that the journal is complete could not be written down"
            );
        }
    }

    /// The page shows what just happened, and the keypad how a batch was closed.
    pub(super) async fn after_settlement(&mut self, facts: &[Fact]) {
        let settled = facts.iter().find_map(|fact| {
            let FactKind::Settlement { fact, .. } = &fact.kind else {
                return None;
            };
            let SettlementFact::Closed(report) = fact else {
                return None;
            };
            Some(report)
        });
        if self.parts.desk.page == DeskPage::Settlement || settled.is_some() {
            self.read_settlement().await;
        }
        if let Some(report) = settled {
            let read = self.parts.policy.settlement.has_statement;
            if read && facts.iter().all(nothing_is_missing_here) {
                self.proven_by_the_acquirer().await;
            }
            let last = self.records.batches.last.as_ref();
            let batch = last.map(|last| last.batch.to_string());
            // What became of a customer's money is told first; how the batch was closed stands on its page.
            let late = &mut self.parts.desk.late;
            if late.as_ref().is_none_or(is_of_a_batch) {
                *late = Some(told(report, batch.unwrap_or_default()));
            }
        }
    }
}

/// A rebuilt journal that may lack rows is proven by a settlement in which the acquirer shows nothing that we lack.
fn nothing_is_missing_here(fact: &Fact) -> bool {
    let FactKind::Settlement {
        fact: SettlementFact::DifferenceFound(difference),
        ..
    } = &fact.kind
    else {
        return true;
    };
    !matches!(
        difference.reason,
        Reason::MissingHere | Reason::Unexplained | Reason::AfterClose
    )
}

fn told(report: &Report, batch: String) -> Cause {
    match BatchVerdict::of(report) {
        BatchVerdict::Equal => Cause::Settled(batch),
        BatchVerdict::Unequal => Cause::SettledUnequal(batch),
        BatchVerdict::NotCompared => Cause::SettledUncompared(batch),
    }
}

const fn is_of_a_batch(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Settled(_) | Cause::SettledUnequal(_) | Cause::SettledUncompared(_)
    )
}

/// The last moment at which the clock of the shop showed the set time, in UTC milliseconds.
fn last_set_time(now: Timestamp, at_min: u16) -> i64 {
    let today = format::local_day_start_ms(now) + i64::from(at_min) * MINUTE_MS;
    if now.0 >= today {
        today
    } else {
        today - DAY_MS
    }
}

fn closed(row: SettlementRow) -> Option<ClosedBatch> {
    Some(ClosedBatch {
        txn: row.intent.txn,
        batch: row.intent.batch,
        at: row.closed_at?,
        report: row.report?,
        differences: row.differences,
    })
}
