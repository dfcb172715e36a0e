//! One sale by customer code (CPM): what each answer means while the charge is out.
//!
//! Owns the reading of answers and the ways a sale closes. Asking again is `inquiry`, ending the order is `revoke`.
//! An answer moves a sale only after it was compared with the sale's own merchant, order and amount.

use crate::domain::{Channel, Now};
use crate::evidence::{Claim, ClaimState, Expected, PaidEvidence, Verified};

use super::command::{Command, RequestKind, Sound, Ticket};
use super::event::Certainty;
use super::fact::{FactKind, Outcome};
use super::inquiry;
use super::machine::Turn;
use super::policy::Policy;
use super::revoke;
use super::state::{Phase, RevokeStep, Sale};

/// What an answer taught us about this very sale.
#[derive(Clone, Debug)]
pub(super) enum Learned {
    /// Paid, with proof.
    Paid(PaidEvidence),
    /// Still open on the acquirer's side.
    Paying,
    /// Definitively refused; whether the answer named our order.
    Refused { host_code: String, named: bool },
    /// The acquirer does not know the order (yet).
    NotFound,
    /// Final, the customer keeps the money.
    Undone { host_code: String },
    /// The revoke was taken.
    RevokeAccepted,
    /// Nothing that could be believed or understood.
    Nothing,
}

pub(super) fn answered(
    sale: &mut Sale,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    claim: &Verified<Claim>,
) {
    let learned = learn(sale, turn, ticket, claim);
    route(sale, turn, ticket, learned);
}

pub(super) fn rejected(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, why: String) {
    turn.fact(FactKind::AnswerRefused {
        txn: ticket.txn,
        about: ticket.kind,
        why,
    });
    route(sale, turn, ticket, Learned::Nothing);
}

pub(super) fn failed(
    sale: &mut Sale,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    certainty: Certainty,
    why: String,
) {
    turn.fact(FactKind::SendFailed {
        txn: ticket.txn,
        about: ticket.kind,
        certainty: certainty.key().to_owned(),
        why,
    });
    match (&mut sale.phase, ticket.kind, certainty) {
        // Only here is "not paid" certain without an answer: no byte of the one and only charge left.
        (Phase::Sending { .. }, RequestKind::Authorize, Certainty::NotSent) => {
            close(sale, turn, Outcome::NotSent);
        }
        (Phase::Revoking(revoking), RequestKind::Revoke, Certainty::NotSent)
            if revoking.step == RevokeStep::Sending(ticket.number) =>
        {
            let timing = turn.policy.timing(sale.intent.channel);
            revoke::wait(revoking, turn.now, timing);
        }
        (
            Phase::Sending { .. }
            | Phase::Polling(_)
            | Phase::Revoking(_)
            | Phase::Provisional(_)
            | Phase::Closed { .. },
            RequestKind::Authorize | RequestKind::Inquire | RequestKind::Revoke,
            Certainty::NotSent | Certainty::MaybeSent,
        ) => route(sale, turn, ticket, Learned::Nothing),
    }
}

pub(super) fn due(sale: &mut Sale, turn: &mut Turn<'_>) {
    match sale.phase {
        Phase::Sending { .. } => inquiry::begin(sale, turn, false, None),
        Phase::Polling(_) => inquiry::due(sale, turn),
        Phase::Revoking(_) => revoke::due(sale, turn),
        Phase::Provisional(_) => revoke::recheck_due(sale, turn),
        Phase::Closed { .. } => {}
    }
}

/// The cashier wants an answer now. Does not use up the schedule.
pub(super) fn query_now(sale: &mut Sale, now: Now) {
    match &mut sale.phase {
        Phase::Polling(polling) if polling.in_flight.is_none() => {
            polling.scheduled.get_or_insert(polling.due);
            polling.due = now.tick;
        }
        Phase::Provisional(provisional) if provisional.in_flight.is_none() => {
            provisional.scheduled.get_or_insert(provisional.due);
            provisional.due = now.tick;
        }
        Phase::Sending { .. }
        | Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Closed { .. } => {}
    }
}

/// The cashier stops waiting: the order is revoked as soon as that is allowed, after one more inquiry.
pub(super) fn stop_waiting(sale: &mut Sale, now: Now, policy: &Policy) {
    let allowed = revoke::allowed_at(sale, policy);
    match &mut sale.phase {
        Phase::Sending { .. } => sale.cancel_wanted = true,
        Phase::Polling(polling) => {
            sale.cancel_wanted = true;
            if polling.in_flight.is_none() {
                polling.due = polling.due.min(allowed.max(now.tick));
            }
        }
        Phase::Revoking(_) | Phase::Provisional(_) | Phase::Closed { .. } => {}
    }
}

/// Closes the sale. A sale whose revoke was decided can never close as paid.
pub(super) fn close(sale: &mut Sale, turn: &mut Turn<'_>, outcome: Outcome) {
    let revoked = matches!(sale.phase, Phase::Revoking(_) | Phase::Provisional(_));
    assert!(
        !(revoked && matches!(outcome, Outcome::Paid(_))),
        "invariant: a revoked sale never closes as paid"
    );
    assert!(
        !sale.phase.is_closed(),
        "invariant: a closed sale never closes again"
    );
    turn.commands.push(Command::Play(match &outcome {
        Outcome::Paid(evidence) => Sound::Paid {
            amount: evidence.amount(),
            channel: evidence.details().channel.unwrap_or(sale.intent.channel),
            late: false,
        },
        Outcome::Declined { .. } | Outcome::NotSent | Outcome::Revoked => Sound::NotPaid,
    }));
    turn.fact(FactKind::Closed {
        txn: sale.intent.txn,
        outcome: outcome.clone(),
    });
    sale.phase = Phase::Closed {
        outcome,
        at: turn.now.utc,
    };
}

/// A sale that closed away from the screen is announced as late.
pub(super) fn mark_late(commands: &mut [Command], sale: &Sale) {
    let Phase::Closed {
        outcome: Outcome::Paid(evidence),
        ..
    } = &sale.phase
    else {
        return;
    };
    let channel: Channel = evidence.details().channel.unwrap_or(sale.intent.channel);
    for command in commands {
        let on_time = Sound::Paid {
            amount: evidence.amount(),
            channel,
            late: false,
        };
        if *command == Command::Play(on_time) {
            *command = Command::Play(Sound::Paid {
                amount: evidence.amount(),
                channel,
                late: true,
            });
        }
    }
}

fn learn(sale: &Sale, turn: &mut Turn<'_>, ticket: Ticket, claim: &Verified<Claim>) -> Learned {
    let merchant = turn.policy.merchant.clone();
    let expected = Expected {
        merchant: &merchant,
        order_no: &sale.intent.order_no,
        amount: sale.intent.amount,
    };
    let value = claim.value();
    let foreign = value
        .merchant
        .as_ref()
        .is_some_and(|named| *named != merchant)
        || value
            .order_no
            .as_ref()
            .is_some_and(|named| *named != sale.intent.order_no);
    let bound = PaidEvidence::bind(claim, expected);
    if foreign || (value.state == ClaimState::Paid && bound.is_err()) {
        let why = bound
            .err()
            .map_or_else(|| "foreign".to_owned(), |mismatch| mismatch.to_string());
        turn.fact(FactKind::AnswerRefused {
            txn: ticket.txn,
            about: ticket.kind,
            why,
        });
        return Learned::Nothing;
    }
    if let Ok(evidence) = bound {
        return Learned::Paid(evidence);
    }
    turn.fact(FactKind::AnswerNoted {
        txn: ticket.txn,
        about: ticket.kind,
        host_code: value.host_code.clone(),
        digest: claim.digest().to_string(),
    });
    let named = expected.check_order(value).is_ok();
    let host_code = value.host_code.clone();
    match value.state {
        ClaimState::Paying => Learned::Paying,
        ClaimState::Declined if ticket.kind == RequestKind::Authorize => {
            Learned::Refused { host_code, named }
        }
        ClaimState::NotFound => Learned::NotFound,
        ClaimState::Undone(_) if named => Learned::Undone { host_code },
        ClaimState::RevokeAccepted if ticket.kind == RequestKind::Revoke => Learned::RevokeAccepted,
        ClaimState::Paid
        | ClaimState::Declined
        | ClaimState::Undone(_)
        | ClaimState::RevokeAccepted
        | ClaimState::Unknown => Learned::Nothing,
    }
}

fn route(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    match &sale.phase {
        Phase::Sending { .. } => sending(sale, turn, ticket, learned),
        Phase::Polling(_) => inquiry::learned(sale, turn, ticket, learned),
        Phase::Revoking(_) => revoke::learned(sale, turn, ticket, learned),
        Phase::Provisional(_) => revoke::recheck_learned(sale, turn, ticket, learned),
        Phase::Closed { outcome, .. } => {
            let paid = matches!(outcome, Outcome::Paid(_));
            if let (false, Learned::Paid(evidence)) = (paid, learned) {
                contradiction(sale, turn, evidence);
            }
        }
    }
}

/// The acquirer first proved "not paid" and now proves "paid". The program must not choose: people are called.
fn contradiction(sale: &mut Sale, turn: &mut Turn<'_>, evidence: PaidEvidence) {
    let txn = sale.intent.txn;
    turn.fact(FactKind::SuccessAfterRevoke { txn, evidence });
    let why = "a signed success came after the sale was closed as not paid".to_owned();
    turn.fact(FactKind::AttentionRaised { txn, why });
    sale.attention = true;
}

fn sending(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    if ticket.kind != RequestKind::Authorize {
        return;
    }
    match learned {
        Learned::Paid(evidence) => close(sale, turn, Outcome::Paid(evidence)),
        Learned::Refused {
            host_code,
            named: true,
        } => {
            close(sale, turn, Outcome::Declined { host_code });
        }
        Learned::Refused {
            host_code,
            named: false,
        } => {
            inquiry::begin(sale, turn, false, Some(host_code));
        }
        Learned::Paying => {
            turn.commands.push(Command::Play(Sound::CustomerActs));
            inquiry::begin(sale, turn, true, None);
        }
        Learned::NotFound | Learned::Undone { .. } | Learned::RevokeAccepted | Learned::Nothing => {
            turn.commands.push(Command::Play(Sound::Unknown));
            inquiry::begin(sale, turn, false, None);
        }
    }
}
