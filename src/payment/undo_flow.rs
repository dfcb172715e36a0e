//! One undo on its way: what each answer means, when it is asked about, when it is sent again.
//!
//! Owns the conversation about a void or a refund from its first request to its proven end; always under the undo's own
//! number. Opening and settling undos is `undo`'s.

use crate::domain::Now;
use crate::evidence::{Claim, ClaimState, Expected, UndoEvidence, Verified};

use super::cards;
use super::command::{Command, Request, RequestKind, Sound, Ticket};
use super::event::Certainty;
use super::fact::{FactKind, UndoCause, UndoKind, UndoOutcome};
use super::machine::Turn;
use super::policy::Timing;
use super::state::{Undo, UndoStep};

/// A refusal that follows a try whose fate is unknown is believed after this many.
const REFUSALS_MAX: u32 = 3;

/// What an answer taught us about this very undo.
enum Heard {
    Done(UndoEvidence),
    Pending,
    Refused { host_code: String, named: bool },
    Failed { host_code: String },
    NotFound,
    StillPaid,
    Nothing,
}

pub(super) fn answered(
    undo: &mut Undo,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    claim: &Verified<Claim>,
) {
    if undo.step.is_closed() {
        return;
    }
    let heard = hear(undo, turn, ticket, claim);
    route(undo, turn, ticket, heard);
}

pub(super) fn rejected(undo: &mut Undo, turn: &mut Turn<'_>, ticket: Ticket, why: String) {
    if undo.step.is_closed() {
        return;
    }
    turn.fact(FactKind::AnswerRefused {
        txn: ticket.txn,
        about: ticket.kind,
        why,
    });
    route(undo, turn, ticket, Heard::Nothing);
}

pub(super) fn failed(
    undo: &mut Undo,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    certainty: Certainty,
    why: String,
) {
    if undo.step.is_closed() {
        return;
    }
    turn.fact(FactKind::SendFailed {
        txn: ticket.txn,
        about: ticket.kind,
        certainty: certainty.key().to_owned(),
        why,
    });
    let first_try = undo.tries == 1 && !undo.resumed;
    let sending = matches!(ticket.kind, RequestKind::Void | RequestKind::Refund);
    if !certainty.may_have_left() && sending && is_under_way(undo, ticket) {
        if first_try && undo.intent.cause == UndoCause::Asked {
            return close(undo, turn, UndoOutcome::NotSent);
        }
        return wait(undo, turn, true);
    }
    route(undo, turn, ticket, Heard::Nothing);
}

pub(super) fn due(undo: &mut Undo, turn: &mut Turn<'_>) {
    match undo.step {
        UndoStep::Waiting { resend: true, .. } => send(undo, turn),
        UndoStep::Waiting { resend: false, .. } if undo.tries == 0 && !undo.resumed => {
            send(undo, turn);
        }
        UndoStep::Waiting { .. } if undo.intent.of_card.is_some() => send(undo, turn),
        UndoStep::Waiting { resend: false, .. } => ask(undo, turn),
        UndoStep::Asked { kind, number, .. } => {
            let txn = undo.intent.txn;
            route(undo, turn, Ticket { txn, kind, number }, Heard::Nothing);
        }
        UndoStep::Closed { .. } => {}
    }
}

/// The cashier wants an answer now: asks, and never sends the undo itself earlier.
pub(super) fn query_now(undo: &mut Undo, now: Now) {
    if let UndoStep::Waiting { due, resend } = &mut undo.step
        && undo.tries > 0
    {
        *due = now.tick;
        *resend = false;
    }
}

fn is_under_way(undo: &Undo, ticket: Ticket) -> bool {
    matches!(undo.step, UndoStep::Asked { kind, number, .. }
        if kind == ticket.kind && number == ticket.number)
}

fn hear(undo: &Undo, turn: &mut Turn<'_>, ticket: Ticket, claim: &Verified<Claim>) -> Heard {
    // A card host answers about the undo's own number, and its answer is the outcome.
    let card = undo.intent.of_card.is_some();
    let about_sale = !card && matches!(ticket.kind, RequestKind::Void | RequestKind::Inquire);
    let expected = Expected {
        merchant: &turn.policy.merchant,
        order_no: if about_sale {
            &undo.intent.of_order
        } else {
            &undo.intent.undo_no
        },
        amount: undo.intent.amount,
    };
    let value = claim.value();
    let other_merchant = value
        .merchant
        .as_ref()
        .is_some_and(|m| m != expected.merchant);
    let other_order = value
        .order_no
        .as_ref()
        .is_some_and(|n| n != expected.order_no);
    let finding = matches!(value.state, ClaimState::Returned | ClaimState::Undone(_));
    let other_amount = finding && value.amount.is_some_and(|amount| amount != expected.amount);
    if other_merchant || other_order || other_amount {
        let why = "the answer names another merchant, number or amount".to_owned();
        let (txn, about) = (ticket.txn, ticket.kind);
        turn.fact(FactKind::AnswerRefused { txn, about, why });
        return Heard::Nothing;
    }
    let evidence = if about_sale {
        UndoEvidence::of_void(claim, expected)
    } else {
        UndoEvidence::of_refund(claim, expected)
    };
    if let Ok(evidence) = evidence
        && (card || ticket.kind != RequestKind::Void)
    {
        return Heard::Done(evidence);
    }
    let named = expected.check_order(value).is_ok();
    turn.fact(FactKind::AnswerNoted {
        txn: ticket.txn,
        about: ticket.kind,
        host_code: value.host_code.clone(),
        digest: claim.digest().to_string(),
    });
    let host_code = value.host_code.clone();
    let sending = matches!(ticket.kind, RequestKind::Void | RequestKind::Refund);
    match value.state {
        ClaimState::Declined if sending => Heard::Refused { host_code, named },
        ClaimState::Returning | ClaimState::Paying => Heard::Pending,
        ClaimState::ReturnFailed if named => Heard::Failed { host_code },
        ClaimState::NotFound if ticket.kind == RequestKind::InquireRefund => Heard::NotFound,
        ClaimState::Paid if named && ticket.kind == RequestKind::Inquire => Heard::StillPaid,
        ClaimState::Paid
        | ClaimState::Declined
        | ClaimState::NotFound
        | ClaimState::Undone(_)
        | ClaimState::RevokeAccepted
        | ClaimState::Presentable
        | ClaimState::Returned
        | ClaimState::ReturnFailed
        | ClaimState::Unknown => Heard::Nothing,
    }
}

fn route(undo: &mut Undo, turn: &mut Turn<'_>, ticket: Ticket, heard: Heard) {
    match heard {
        // An end is an end, whichever request it answers and however late.
        Heard::Done(evidence) => return close(undo, turn, UndoOutcome::Done(evidence)),
        Heard::Failed { host_code } => {
            return close(undo, turn, UndoOutcome::Refused { host_code });
        }
        Heard::Refused { .. }
        | Heard::Pending
        | Heard::NotFound
        | Heard::StillPaid
        | Heard::Nothing => {}
    }
    if !is_under_way(undo, ticket) {
        return;
    }
    if undo.intent.of_card.is_some() {
        // There is nobody to ask. A repetition gets the first answer, so a refusal is the first one's, too; but after a
        // try whose fate is unknown it is believed only when it stays the same, and a person is told.
        let only_try = undo.tries == 1 && !undo.resumed;
        return match heard {
            Heard::Refused {
                host_code,
                named: true,
            } => {
                undo.refusals += 1;
                if !only_try && undo.refusals < REFUSALS_MAX {
                    return wait(undo, turn, true);
                }
                if !only_try {
                    doubt(undo, turn);
                }
                close(undo, turn, UndoOutcome::Refused { host_code });
            }
            Heard::Refused { .. }
            | Heard::Done(_)
            | Heard::Pending
            | Heard::Failed { .. }
            | Heard::NotFound
            | Heard::StillPaid
            | Heard::Nothing => wait(undo, turn, true),
        };
    }
    let only_try = undo.tries == 1 && !undo.resumed;
    if ticket.kind == RequestKind::Inquire && must_check(undo) {
        if matches!(heard, Heard::StillPaid) {
            undo.checked = true;
            return send(undo, turn);
        }
        return wait(undo, turn, true);
    }
    match heard {
        // The one and only try was refused by name: nothing went back.
        Heard::Refused {
            host_code,
            named: true,
        } if only_try => close(undo, turn, UndoOutcome::Refused { host_code }),
        // An earlier try may have arrived and made this one a repetition: asked first.
        Heard::Refused { host_code, .. } => {
            undo.refusals += 1;
            undo.refused_code = Some(host_code);
            ask(undo, turn);
        }
        Heard::NotFound | Heard::StillPaid => match undo.refused_code.take() {
            Some(host_code) if only_try || undo.refusals >= REFUSALS_MAX => {
                close(undo, turn, UndoOutcome::Refused { host_code });
            }
            Some(_) | None => wait(undo, turn, true),
        },
        // An acknowledgement: the outcome is asked for at once, then on the schedule.
        Heard::Pending if ticket.kind == RequestKind::Refund => ask(undo, turn),
        Heard::Pending => wait(undo, turn, false),
        Heard::Nothing if ticket.kind == RequestKind::Void => ask(undo, turn),
        Heard::Nothing | Heard::Done(_) | Heard::Failed { .. } => wait(undo, turn, false),
    }
}

/// A refusal that came only after a lost try: the acquirer's books decide, and somebody has to look at them.
fn doubt(undo: &mut Undo, turn: &mut Turn<'_>) {
    undo.attention = true;
    let why = "refused after a try without an answer: ask the acquirer whether the customer has the money";
    turn.fact(FactKind::AttentionRaised {
        txn: undo.intent.txn,
        why: why.to_owned(),
    });
}

/// Sets the undo aside: until it is sent again, or until it is asked about.
fn wait(undo: &mut Undo, turn: &mut Turn<'_>, resend: bool) {
    let timing = turn.policy.timing(undo.intent.channel);
    let wait_ms = if resend {
        nth(&timing.revoke_retry_ms, undo.tries, timing)
    } else {
        nth(&timing.poll_ms, undo.asked + 1, timing)
    };
    undo.step = UndoStep::Waiting {
        due: turn.after(wait_ms),
        resend,
    };
}

/// Returns the wait after the `count`th try, counted from 1; the idle wait after the last.
fn nth(waits: &[u64], count: u32, timing: &Timing) -> u64 {
    let index = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    waits.get(index).copied().unwrap_or(timing.revoke_idle_ms)
}

/// A success that was on its way for long may be older than the revoke that returned its money: a late success is sent
/// back only after a fresh inquiry has found the sale paid still.
fn must_check(undo: &Undo) -> bool {
    undo.intent.cause == UndoCause::LateSuccess && !undo.checked
}

fn check(undo: &mut Undo, turn: &mut Turn<'_>) {
    undo.asked += 1;
    let request = Request::Inquire {
        order_no: undo.intent.of_order.clone(),
        entry: undo.intent.of_entry,
    };
    asked(undo, turn, RequestKind::Inquire, request);
}

pub(super) fn send(undo: &mut Undo, turn: &mut Turn<'_>) {
    if must_check(undo) {
        return check(undo, turn);
    }
    let timing = turn.policy.timing(undo.intent.channel).clone();
    undo.tries += 1;
    let scheduled = u32::try_from(timing.revoke_retry_ms.len()).unwrap_or(u32::MAX);
    if undo.tries > scheduled && !undo.attention {
        undo.attention = true;
        let why = format!("the money could not be returned in {scheduled} tries; trying goes on");
        turn.fact(FactKind::AttentionRaised {
            txn: undo.intent.txn,
            why,
        });
    }
    let intent = &undo.intent;
    if let Some(of) = intent.of_card.clone() {
        let (kind, request) = cards::undo(intent, of);
        return asked(undo, turn, kind, request);
    }
    let (kind, request) = match intent.kind {
        UndoKind::Void => (
            RequestKind::Void,
            Request::Void {
                void_no: intent.undo_no.clone(),
                order_no: intent.of_order.clone(),
                batch: intent.batch,
            },
        ),
        UndoKind::Refund => (
            RequestKind::Refund,
            Request::Refund {
                refund_no: intent.undo_no.clone(),
                order_no: intent.of_order.clone(),
                amount: intent.amount,
                entry: intent.of_entry,
                trade_no: intent.of_trade_no.clone(),
                batch: intent.batch,
            },
        ),
    };
    asked(undo, turn, kind, request);
}

fn ask(undo: &mut Undo, turn: &mut Turn<'_>) {
    undo.asked += 1;
    let intent = &undo.intent;
    let (kind, request) = match intent.kind {
        UndoKind::Void => (
            RequestKind::Inquire,
            Request::Inquire {
                order_no: intent.of_order.clone(),
                entry: intent.of_entry,
            },
        ),
        UndoKind::Refund => (
            RequestKind::InquireRefund,
            Request::InquireRefund {
                refund_no: intent.undo_no.clone(),
            },
        ),
    };
    asked(undo, turn, kind, request);
}

fn asked(undo: &mut Undo, turn: &mut Turn<'_>, kind: RequestKind, request: Request) {
    let number = turn.send_as(undo.intent.txn, &mut undo.requests, kind, request);
    let wait_ms = turn.policy.timing(undo.intent.channel).answer_wait_ms;
    let due = turn.after(wait_ms);
    undo.step = UndoStep::Asked { kind, number, due };
}

fn close(undo: &mut Undo, turn: &mut Turn<'_>, outcome: UndoOutcome) {
    turn.commands.push(Command::Play(match &outcome {
        UndoOutcome::Done(evidence) => Sound::Returned {
            amount: evidence.amount(),
        },
        UndoOutcome::Refused { .. } | UndoOutcome::NotSent => Sound::Unknown,
    }));
    turn.fact(FactKind::UndoClosed {
        txn: undo.intent.txn,
        outcome: outcome.clone(),
    });
    undo.step = UndoStep::Closed {
        outcome,
        at: turn.now.utc,
    };
}
