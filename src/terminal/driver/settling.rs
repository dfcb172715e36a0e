//! Closing a batch: the supervisor's word or the set time, what the settlement page shows, and the reading that a
//! settlement wants.
//!
//! Owns no state of a settlement. A journal that cannot be read leaves the page as it was and says so in the log.

use tracing::error;
use zeroize::Zeroizing;

use super::{Driver, chain};
use crate::domain::{OperatorNo, Role, Tick};
use crate::journal::{NoSales, SettlementRow};
use crate::payment::{Closing, Event, Fact, FactKind, Prover};
use crate::people::Pin;
use crate::settlement::{Cause as Why, Reason, Report, SettlementFact};
use crate::view::{BatchVerdict, Batches, Cause, ClockState, ClosedBatch, DeskPage, format};

/// The set time is looked at so often.
const LOOK_EVERY_MS: u64 = 30_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
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
                self.records.batches = Batches::of(open, under_way, last);
            }
            (Err(problem), _) | (_, Err(problem)) => {
                error!(error = %chain(&problem), "the batches could not be read");
            }
        }
    }

    /// Checks the supervisor's PIN, then closes the batch.
    pub(super) async fn approve_settlement(&mut self, typed: Zeroizing<String>) {
        // The keys let no other text through.
        let Ok(pin) = Pin::typed(&typed) else { return };
        match self.approved(Role::Supervisor, pin).await {
            Ok(approver) => self.settle(Why::Asked, approver).await,
            Err(cause) => self.parts.desk.told = Some(cause),
        }
    }

    async fn settle(&mut self, cause: Why, approver: Option<OperatorNo>) {
        let unsettled = match self.parts.journal.unsettled().await {
            Ok(unsettled) => unsettled,
            Err(problem) => {
                error!(error = %chain(&problem), "what is not settled could not be read");
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
    /// was off. A clock that is known to be wrong closes nothing.
    pub(super) async fn settle_at_the_time(&mut self) {
        let now = self.now();
        let Some(at_min) = self.parts.policy.settlement.at_min else {
            return;
        };
        let may = self.parts.desk.clock != ClockState::Wrong && !self.is_broken();
        if now.tick < self.look_at_time || !may || self.parts.state.settlement.is_some() {
            return;
        }
        self.look_at_time = Tick(now.tick.0).after_ms(LOOK_EVERY_MS);
        let today = format::local_day_start_ms(now.utc) + i64::from(at_min) * MINUTE_MS;
        let passed = now.utc.0 >= today;
        let moment = if passed { today } else { today - DAY_MS };
        match self.parts.journal.unsettled().await {
            Ok(unsettled) if unsettled.since_ms.is_some_and(|since| since < moment) => {
                self.settle(Why::Automatic, None).await;
            }
            Ok(_) => {}
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

fn closed(row: SettlementRow) -> Option<ClosedBatch> {
    Some(ClosedBatch {
        batch: row.intent.batch,
        at: row.closed_at?,
        report: row.report?,
        differences: row.differences,
    })
}
