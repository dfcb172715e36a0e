//! What the driver tells besides the sale in hand: the clock, the line, sales that ended in the background, the log.
//!
//! Owns the notes of the desk and the log line of each fact. Never decides about money, and never stores or sends.

use tracing::{info, warn};

use super::{CLOCK_SET_MS, Driver, offset_ms};
use crate::acquirer::ClockDoubt;
use crate::payment::{Certainty, Event, Fact, FactKind, State};
use crate::settlement::SettlementFact;
use crate::view::{Cause, ClockState, Link, RowState, outcome_row};

impl Driver {
    pub(super) fn clock_doubt(&mut self, doubt: Option<ClockDoubt>) {
        self.parts.desk.clock = match doubt {
            None => ClockState::Trusted,
            Some(ClockDoubt::Certificate) => ClockState::Doubted,
            Some(ClockDoubt::Time { .. }) => ClockState::Wrong,
        };
        self.wrong_since = doubt.map(|_| offset_ms(self.now()));
        if let Some(doubt) = doubt {
            warn!(%doubt, "a clock is wrong: set this terminal's, or call the acquirer");
        }
    }

    /// A clock that was set since it was found wrong gets another chance; the next answer tells.
    pub(super) fn watch_clock(&mut self) {
        let now = offset_ms(self.now());
        if self
            .wrong_since
            .is_some_and(|then| now.abs_diff(then) > CLOCK_SET_MS)
        {
            info!("the clock was set");
            self.wrong_since = None;
            self.parts.desk.clock = ClockState::Trusted;
            if self.parts.desk.told == Some(Cause::ClockWrong) {
                self.parts.desk.told = None;
            }
        }
    }

    /// A failure of the card reader says nothing about the line.
    pub(super) fn note_link(&mut self, event: &Event) {
        if let Event::SendFailed {
            ticket,
            certainty: Certainty::NotMade(why),
            ..
        } = event
        {
            self.parts.desk.unmade = Some((ticket.txn, *why));
        }
        self.parts.desk.link = match event {
            Event::Answered { .. }
            | Event::AnswerRejected { .. }
            | Event::SettlementAnswered { .. }
            | Event::BalanceAnswered { .. } => Link::Online,
            Event::SendFailed { certainty, .. } if certainty.is_of_the_line() => Link::Offline,
            Event::SendFailed { .. } => self.parts.desk.link,
            Event::SaleRequested { .. }
            | Event::CodePresented { .. }
            | Event::MerchantCodeRequested { .. }
            | Event::CardPresented { .. }
            | Event::CardEnded { .. }
            | Event::InstalmentsChosen(_)
            | Event::HoldChosen { .. }
            | Event::CompletionRequested { .. }
            | Event::UndoRequested { .. }
            | Event::Noticed { .. }
            | Event::SettlementRequested { .. }
            | Event::BatchRead { .. }
            | Event::BalanceRequested { .. }
            | Event::CancelRequested
            | Event::QueryRequested { .. }
            | Event::ParkRequested
            | Event::ResultDismissed
            | Event::DeadlineReached => self.parts.desk.link,
        };
    }

    /// Tells what nobody asked for: a sale that left the till by itself, and one that ended in the background.
    pub(super) fn tell_background(&mut self, next: &State, facts: &[Fact], by_itself: bool) {
        let now = &self.parts.state;
        let own_order = now.draft.as_ref().and_then(|draft| draft.order);
        for fact in facts {
            if let FactKind::Closed { txn, outcome } = &fact.kind
                && next.foreground != Some(*txn)
                && own_order != Some(*txn)
                && let Some(sale) = now.sales.get(txn)
            {
                let voucher = sale.intent.voucher.to_string();
                // "It is being checked" is no longer true.
                if matches!(
                    self.parts.desk.told,
                    Some(Cause::ResultUnknown | Cause::Resumed)
                ) {
                    self.parts.desk.told = None;
                }
                self.parts.desk.late = Some(match outcome_row(outcome) {
                    RowState::Paid
                    | RowState::PartReturned
                    | RowState::Returned
                    | RowState::Returning
                    | RowState::Held
                    | RowState::Completed
                    | RowState::Released => Cause::LatePaid(voucher),
                    RowState::NotPaid
                    | RowState::Revoked
                    | RowState::Checking
                    | RowState::Revoking => Cause::LateNotPaid(voucher),
                });
            }
        }
        let left = now.foreground.filter(|_| next.foreground.is_none());
        if by_itself && left.is_some_and(|txn| next.sales.contains_key(&txn)) {
            self.parts.desk.told = Some(Cause::ResultUnknown);
        }
    }
}

pub(super) fn log_fact(fact: &Fact) {
    let txn = fact.txn().map(|txn| txn.to_string()).unwrap_or_default();
    match &fact.kind {
        FactKind::Started { epoch, version } => info!(epoch = epoch.get(), version, "started"),
        FactKind::IntentRecorded(intent) => {
            info!(txn, order = %intent.order_no, amount = %intent.amount, "sale opened");
        }
        FactKind::AnswerNoted {
            about, host_code, ..
        } => {
            info!(txn, about = about.key(), host_code, "answer, not final");
        }
        FactKind::AnswerRefused { about, why, .. } => {
            warn!(txn, about = about.key(), why, "answer not believed");
        }
        FactKind::SendFailed {
            about,
            certainty,
            why,
            ..
        } => {
            warn!(txn, about = about.key(), certainty, why, "no answer");
        }
        FactKind::RevokeIntended {
            revoke_no, attempt, ..
        } => {
            info!(txn, revoke = %revoke_no, attempt, "revoke decided");
        }
        FactKind::RevokeProvisional { .. } => info!(txn, "revoked provisionally"),
        FactKind::StopRequested { .. } => info!(txn, "stop asked for"),
        FactKind::Rechecked { left, .. } => info!(txn, left, "re-check found nothing"),
        FactKind::CodeShown { .. } => info!(txn, "merchant code shown"),
        FactKind::UndoIntended(intent) => {
            info!(txn, of = %intent.of_order, undo = %intent.undo_no, kind = intent.kind.key(),
                cause = intent.cause.key(), amount = %intent.amount, "money goes back");
        }
        FactKind::UndoClosed { outcome, .. } => info!(txn, outcome = outcome.key(), "undo closed"),
        FactKind::Settlement { fact, .. } => log_settlement(&txn, fact),
        FactKind::SuccessAfterRevoke { .. } => warn!(txn, "success after revoke: money goes back"),
        FactKind::AttentionRaised { why, .. } => warn!(txn, why, "attention"),
        FactKind::Closed { outcome, .. } => info!(txn, outcome = outcome.key(), "sale closed"),
        FactKind::Rebuilt(rebuilt) => warn!(?rebuilt, "the journal was rebuilt"),
        FactKind::BalanceAsked(asked) => {
            let operator = asked.operator.as_str();
            info!(txn, operator, trace = %asked.trace, "a card's balance is asked for");
        }
        FactKind::Proven { by } => warn!(?by, "the rebuilt journal counts as complete"),
    }
}

fn log_settlement(txn: &str, fact: &SettlementFact) {
    match fact {
        SettlementFact::Intended(intent) => {
            let cause = intent.cause.key();
            info!(txn, batch = %intent.batch, settle = %intent.settle_no, cause, "batch frozen");
        }
        SettlementFact::Frozen { entries, open } => info!(txn, entries, open, "batch read"),
        SettlementFact::CardsAsked(message) => {
            info!(txn, trace = %message.trace, step = ?message.step, "the card host is asked");
        }
        SettlementFact::CardsHeard { heard, .. } => {
            info!(txn, heard = heard.key(), "the card host answered");
        }
        SettlementFact::TotalsHeard { balanced, .. } => info!(txn, balanced, "totals compared"),
        SettlementFact::DetailsTaken { rows, end } => info!(txn, rows, end, "details taken"),
        SettlementFact::DifferenceFound(difference) => {
            let (reason, delta) = (difference.reason.key(), difference.delta());
            warn!(txn, reason, number = difference.number, delta, "difference");
        }
        SettlementFact::LeftOpen(left) => warn!(txn, entry = %left.txn, "left open"),
        SettlementFact::Closed(report) => {
            let balanced = report.is_balanced();
            info!(
                txn,
                balanced,
                unexplained = report.unexplained_minor,
                "batch closed"
            );
        }
    }
}

/// An error with its causes, for the log.
pub(in crate::terminal) fn chain(problem: &(dyn std::error::Error + 'static)) -> String {
    let mut text = problem.to_string();
    let mut source = problem.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
