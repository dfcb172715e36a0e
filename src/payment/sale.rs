//! One sale by customer code (CPM): what each answer means while the charge is out.
//!
//! Owns the reading of answers and the ways a sale closes. Asking again is `inquiry`, ending the order is `revoke`.
//! An answer moves a sale only after it was compared with the sale's own merchant, order and amount.

use crate::domain::{Channel, Now};
use crate::evidence::{Claim, ClaimState, Expected, Mismatch, PaidEvidence, Rejection, Verified};

use super::cards;
use super::command::{Command, RequestKind, ReversalReason, Sound, Ticket};
use super::event::Certainty;
use super::fact::{FactKind, Outcome};
use super::inquiry;
use super::late;
use super::machine::Turn;
use super::order;
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
    /// The revoke was refused for good.
    RevokeRefused,
    /// Our order exists and waits for the customer; the code's text when the answer brings it.
    Presentable { text: Option<String> },
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
    if let (Phase::Sending { .. }, true, Learned::Paid(evidence)) =
        (&sale.phase, sale.intent.entry.is_card(), &learned)
    {
        let chip = claim.value().details.chip.clone().unwrap_or_default();
        return cards::approved(sale, turn, evidence.clone(), chip);
    }
    route(sale, turn, ticket, learned);
}

pub(super) fn rejected(
    sale: &mut Sale,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    rejection: &Rejection,
) {
    let why = rejection.to_string();
    if *rejection == Rejection::BadMac && matches!(sale.phase, Phase::Sending { .. }) {
        sale.reversal = ReversalReason::BadMac;
    }
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
    match (&mut sale.phase, ticket.kind, certainty.may_have_left()) {
        // Only here is "not paid" certain without an answer: no byte of the one and only charge left.
        (Phase::Sending { .. }, RequestKind::Authorize, false)
        | (Phase::Ordering { .. }, RequestKind::Preorder, false) => {
            close(sale, turn, Outcome::NotSent);
        }
        (Phase::Revoking(revoking), RequestKind::Revoke | RequestKind::Close, false)
            if revoking.step == RevokeStep::Sending(ticket.number) =>
        {
            let timing = turn.policy.timing(sale.intent.channel);
            revoke::wait(revoking, turn.now, timing);
        }
        (_, _, false | true) => {
            route(sale, turn, ticket, Learned::Nothing);
        }
    }
}

pub(super) fn due(sale: &mut Sale, turn: &mut Turn<'_>) {
    match sale.phase {
        Phase::Sending { .. } if sale.intent.entry.is_card() => {
            cards::reverse(sale, turn, ReversalReason::NoAnswer);
        }
        Phase::Completing(_) => cards::reverse(sale, turn, ReversalReason::Other),
        Phase::Sending { .. } => inquiry::begin(sale, turn, false, None),
        Phase::Ordering { .. } | Phase::Presenting(_) => order::due(sale, turn),
        Phase::Polling(_) => inquiry::due(sale, turn),
        Phase::Revoking(_) => revoke::due(sale, turn),
        Phase::Provisional(_) => revoke::recheck_due(sale, turn),
        Phase::Returning { .. } | Phase::Closed { .. } => {}
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
        Phase::Presenting(presenting) if presenting.in_flight.is_none() => {
            presenting.due = now.tick;
        }
        Phase::Revoking(_) => cards::hasten(sale, now.tick),
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => {}
    }
}

/// The cashier stops waiting: the order is revoked as soon as that is allowed, after one more inquiry.
pub(super) fn stop_waiting(sale: &mut Sale, turn: &mut Turn<'_>) {
    match &sale.phase {
        Phase::Ordering { .. } | Phase::Presenting(_) => order::stop(sale, turn),
        Phase::Sending { .. } | Phase::Polling(_) => {
            if !sale.cancel_wanted {
                turn.fact(FactKind::StopRequested {
                    txn: sale.intent.txn,
                });
            }
            if sale.intent.entry.is_card() {
                sale.cancel_wanted = true;
                return cards::reverse(sale, turn, ReversalReason::Other);
            }
            want_revoke(sale, turn.now, turn.policy);
        }
        Phase::Completing(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => {}
    }
}

/// The order is revoked as soon as that is allowed, after one more inquiry.
pub(super) fn want_revoke(sale: &mut Sale, now: Now, policy: &Policy) {
    sale.cancel_wanted = true;
    let allowed = revoke::allowed_at(sale, policy);
    if let Phase::Polling(polling) = &mut sale.phase
        && polling.in_flight.is_none()
    {
        polling.due = polling.due.min(allowed.max(now.tick));
    }
}

/// Closes the sale. A sale whose revoke was decided can never close as paid.
pub(super) fn close(sale: &mut Sale, turn: &mut Turn<'_>, outcome: Outcome) {
    let revoked = matches!(
        sale.phase,
        Phase::Revoking(_) | Phase::Provisional(_) | Phase::Returning { .. }
    );
    assert!(
        !(revoked && matches!(outcome, Outcome::Paid(_))),
        "invariant: a revoked sale never closes as paid"
    );
    assert!(
        !sale.phase.is_closed(),
        "invariant: a closed sale never closes again"
    );
    turn.commands.push(Command::Play(match &outcome {
        Outcome::Paid(_) if sale.intent.purpose.is_hold() => Sound::Held,
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

/// A sale that closed away from the screen is announced as late when it was paid; "not paid" would be heard by the
/// next customer, so the screen alone tells it.
pub(super) fn mark_late(commands: &mut Vec<Command>, sale: &Sale) {
    if let Phase::Closed { outcome, .. } = &sale.phase
        && !matches!(outcome, Outcome::Paid(_))
    {
        commands.retain(|command| *command != Command::Play(Sound::NotPaid));
    }
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
    let undone = matches!(value.state, ClaimState::Undone(_));
    let other_price = undone
        && value
            .amount
            .is_some_and(|amount| amount != sale.intent.amount);
    let bound = PaidEvidence::bind(claim, expected);
    if foreign || other_price || (value.state == ClaimState::Paid && bound.is_err()) {
        let why = match bound.err() {
            Some(Mismatch::NotPaid) if other_price => Mismatch::Amount.to_string(),
            Some(mismatch) => mismatch.to_string(),
            None => "the answer names another order".to_owned(),
        };
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
    meaning(value, ticket.kind, named)
}

/// What a claim that is not about another order says, when it is no proof of payment.
fn meaning(value: &Claim, about: RequestKind, named: bool) -> Learned {
    let host_code = value.host_code.clone();
    match value.state {
        ClaimState::Paying => Learned::Paying,
        ClaimState::Presentable => Learned::Presentable {
            text: value.details.code_text.clone(),
        },
        ClaimState::Declined => match about {
            RequestKind::Authorize | RequestKind::Preorder => Learned::Refused { host_code, named },
            RequestKind::Revoke | RequestKind::Close => Learned::RevokeRefused,
            RequestKind::Inquire
            | RequestKind::Void
            | RequestKind::Refund
            | RequestKind::InquireRefund
            | RequestKind::Settlement
            | RequestKind::Balance => Learned::Nothing,
        },
        ClaimState::NotFound => Learned::NotFound,
        ClaimState::Undone(_) if named => Learned::Undone { host_code },
        ClaimState::RevokeAccepted if matches!(about, RequestKind::Revoke | RequestKind::Close) => {
            Learned::RevokeAccepted
        }
        ClaimState::Paid
        | ClaimState::Undone(_)
        | ClaimState::RevokeAccepted
        | ClaimState::Returned
        | ClaimState::Returning
        | ClaimState::ReturnFailed
        | ClaimState::Unknown => Learned::Nothing,
    }
}

fn route(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    match &sale.phase {
        Phase::Sending { .. } => sending(sale, turn, ticket, learned),
        Phase::Ordering { .. } => order::ordering(sale, turn, ticket, learned),
        Phase::Presenting(_) => order::presenting(sale, turn, ticket, learned),
        Phase::Polling(_) => inquiry::learned(sale, turn, ticket, learned),
        Phase::Revoking(_) => revoke::learned(sale, turn, ticket, learned),
        Phase::Provisional(_) => revoke::recheck_learned(sale, turn, ticket, learned),
        Phase::Completing(_) | Phase::Returning { .. } => {}
        // The reversal ended it: an approval that comes now is older, and taken back already (docs/CARDS.md, rule 2).
        Phase::Closed { .. } if sale.intent.entry.is_card() => {}
        Phase::Closed { outcome, .. } => {
            let paid = matches!(outcome, Outcome::Paid(_));
            if let (false, false, Learned::Paid(evidence)) = (paid, sale.returned, learned) {
                // The customer was told "not paid": the money goes back.
                sale.returned = true;
                sale.attention = true;
                late::give_back(turn, &sale.intent, evidence, 1);
            }
        }
    }
}

fn sending(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    if let Learned::Paid(evidence) = learned {
        return close(sale, turn, Outcome::Paid(evidence));
    }
    if ticket.kind != RequestKind::Authorize {
        return;
    }
    let card = sale.intent.entry.is_card();
    match learned {
        // A card sale is sent once, and its repetition would be answered as one: this refusal is its own.
        Learned::Refused {
            host_code,
            named: true,
        } if card => close(sale, turn, Outcome::Declined { host_code }),
        _ if card => {
            let reason = sale.reversal;
            cards::reverse(sale, turn, reason);
        }
        Learned::Refused { host_code, named } => {
            inquiry::begin(sale, turn, false, Some((host_code, named)));
        }
        Learned::Paying => {
            turn.commands.push(Command::Play(Sound::CustomerActs));
            inquiry::begin(sale, turn, true, None);
        }
        Learned::Paid(_)
        | Learned::Presentable { .. }
        | Learned::NotFound
        | Learned::Undone { .. }
        | Learned::RevokeAccepted
        | Learned::RevokeRefused
        | Learned::Nothing => {
            turn.commands.push(Command::Play(Sound::Unknown));
            inquiry::begin(sale, turn, false, None);
        }
    }
}
