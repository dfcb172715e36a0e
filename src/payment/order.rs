//! One sale by merchant code (MPM): our order is created, its code is shown, the customer scans and pays.
//!
//! Owns the time from the order's creation until it is paid, expires or is given up. Ending it is the revoke machine's
//! (`inquiry`, `revoke`): one more question, then a close that an inquiry has to prove. An order whose code we never
//! learned was shown to nobody, and is closed all the same.

use crate::evidence::Digest;

use super::command::{Request, RequestKind, Ticket};
use super::draft;
use super::fact::{FactKind, Intent, Outcome};
use super::machine::Turn;
use super::sale::{Learned, close};
use super::state::{Phase, Polling, Presenting, Sale};

/// Creates the order.
pub(super) fn open(intent: Intent, turn: &mut Turn<'_>) -> Sale {
    let timing = turn.policy.timing(intent.channel);
    let (wait_ms, life_ms) = (timing.answer_wait_ms, timing.code_shown_ms);
    let due = turn.after(wait_ms);
    let request = Request::Preorder {
        order_no: intent.order_no.clone(),
        amount: intent.amount,
        channel: intent.channel,
        life_ms,
        batch: intent.batch,
    };
    turn.fact(FactKind::IntentRecorded(intent.clone()));
    let mut sale = draft::opened(intent, turn.now.tick, Phase::Ordering { due });
    turn.send(&mut sale, RequestKind::Preorder, request);
    sale
}

/// Gives the order up: one more question, then the close. Does nothing when that is under way.
pub(super) fn stop(sale: &mut Sale, turn: &mut Turn<'_>) {
    match &sale.phase {
        Phase::Ordering { .. } | Phase::Presenting(_) => {
            turn.fact(FactKind::StopRequested {
                txn: sale.intent.txn,
            });
            end(sale, turn);
        }
        Phase::Sending { .. }
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => {}
    }
}

fn end(sale: &mut Sale, turn: &mut Turn<'_>) {
    // The wait of the people at the till begins here.
    sale.sent = turn.now.tick;
    sale.cancel_wanted = true;
    sale.phase = Phase::Polling(Polling {
        step: 0,
        due: turn.now.tick,
        in_flight: None,
        scheduled: None,
        last: false,
        customer_acts: false,
        refusal: None,
    });
}

pub(super) fn ordering(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    if let Learned::Paid(evidence) = learned {
        return close(sale, turn, Outcome::Paid(evidence));
    }
    if ticket.kind != RequestKind::Preorder {
        return;
    }
    match learned {
        Learned::Presentable { text: Some(text) } => {
            let digest = Digest::sha256(text.as_bytes()).to_string();
            let txn = sale.intent.txn;
            turn.fact(FactKind::CodeShown { txn, digest });
            let timing = turn.policy.timing(sale.intent.channel);
            sale.phase = Phase::Presenting(Presenting {
                text,
                expires: turn.after(timing.code_shown_ms),
                due: turn.after(timing.code_poll_ms),
                in_flight: None,
                customer_acts: false,
            });
        }
        Learned::Refused {
            host_code,
            named: true,
        } => close(sale, turn, Outcome::Declined { host_code }),
        Learned::Presentable { text: None }
        | Learned::Refused { named: false, .. }
        | Learned::Paid(_)
        | Learned::Paying
        | Learned::NotFound
        | Learned::Undone { .. }
        | Learned::RevokeAccepted
        | Learned::RevokeRefused
        | Learned::Nothing => end(sale, turn),
    }
}

pub(super) fn due(sale: &mut Sale, turn: &mut Turn<'_>) {
    let timing = turn.policy.timing(sale.intent.channel);
    let (wait_ms, poll_ms) = (timing.answer_wait_ms, timing.code_poll_ms);
    let now = turn.now.tick;
    let presenting = match &mut sale.phase {
        Phase::Ordering { .. } => return end(sale, turn),
        Phase::Presenting(presenting) => presenting,
        Phase::Sending { .. }
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => return,
    };
    if presenting.expires <= now {
        return end(sale, turn);
    }
    if presenting.in_flight.take().is_some() {
        presenting.due = now.after_ms(poll_ms).min(presenting.expires);
        return;
    }
    let request = Request::Inquire {
        order_no: sale.intent.order_no.clone(),
        entry: sale.intent.entry,
    };
    let number = turn.send(sale, RequestKind::Inquire, request);
    if let Phase::Presenting(presenting) = &mut sale.phase {
        presenting.in_flight = Some(number);
        presenting.due = now.after_ms(wait_ms).min(presenting.expires);
    }
}

pub(super) fn presenting(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    let poll_ms = turn.policy.timing(sale.intent.channel).code_poll_ms;
    let Phase::Presenting(presenting) = &mut sale.phase else {
        return;
    };
    match learned {
        Learned::Paid(evidence) => return close(sale, turn, Outcome::Paid(evidence)),
        Learned::Undone { host_code } if ticket.kind == RequestKind::Inquire => {
            return close(sale, turn, Outcome::Declined { host_code });
        }
        Learned::Paying => presenting.customer_acts = true,
        Learned::Presentable { .. }
        | Learned::Undone { .. }
        | Learned::NotFound
        | Learned::Refused { .. }
        | Learned::RevokeAccepted
        | Learned::RevokeRefused
        | Learned::Nothing => {}
    }
    if presenting.in_flight == Some(ticket.number) && ticket.kind == RequestKind::Inquire {
        presenting.in_flight = None;
        presenting.due = turn.now.tick.after_ms(poll_ms).min(presenting.expires);
    }
}
