//! Asking what became of an order: the schedule, the last question, and what each answer means.
//!
//! "Not found" is never "not paid": the order may still be on its way (reliability.md R3). A definitive refusal of the
//! charge ends the sale when it named our order and an inquiry made after it finds no such order; one that named nobody
//! does not: with "not found" beside it the order is revoked early.

use crate::domain::Tick;

use super::cards;
use super::command::{Request, RequestKind, Ticket};
use super::fact::Outcome;
use super::machine::Turn;
use super::revoke;
use super::sale::{Learned, close};
use super::state::{Phase, Polling, Refusal, Sale};

/// Starts the schedule. A refusal that has to be confirmed is asked about at once.
pub(super) fn begin(
    sale: &mut Sale,
    turn: &mut Turn<'_>,
    customer_acts: bool,
    refused: Option<(String, bool)>,
) {
    let timing = turn.policy.timing(sale.intent.channel);
    let first = timing.poll_ms.first().copied().unwrap_or(0);
    let mut due = if refused.is_some() {
        turn.now.tick
    } else {
        turn.after(first)
    };
    if sale.cancel_wanted {
        due = due.min(revoke::allowed_at(sale, turn.policy).max(turn.now.tick));
    }
    sale.phase = Phase::Polling(Polling {
        step: 1,
        due,
        in_flight: None,
        scheduled: None,
        last: false,
        customer_acts,
        refusal: refused.map(|(host_code, named)| Refusal {
            host_code,
            named,
            after: sale.requests,
        }),
    });
}

/// Resumes a sale after a restart: asks at once.
pub(super) fn resumed(now: Tick) -> Phase {
    Phase::Polling(Polling {
        step: 0,
        due: now,
        in_flight: None,
        scheduled: None,
        last: false,
        customer_acts: false,
        refusal: None,
    })
}

pub(super) fn due(sale: &mut Sale, turn: &mut Turn<'_>) {
    let Phase::Polling(polling) = &sale.phase else {
        return;
    };
    if sale.intent.entry.is_card() {
        // A restart found it open: there is nobody to ask, so it is reversed.
        let reason = sale.reversal;
        return cards::reverse(sale, turn, reason);
    }
    if polling.in_flight.is_some() {
        unanswered(sale, turn);
    } else {
        let last = sale.cancel_wanted && revoke::allowed_at(sale, turn.policy) <= turn.now.tick;
        ask(sale, turn, last);
    }
}

pub(super) fn learned(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    let Phase::Polling(polling) = &mut sale.phase else {
        return;
    };
    let under_way = ticket.kind == RequestKind::Inquire && polling.in_flight == Some(ticket.number);
    // A code of ours that a restart took off the screen is not shown again. Its order is ended when the acquirer has
    // answered, or with the schedule: a machine that starts faster than its network has not asked yet.
    let asked = !matches!(learned, Learned::Nothing);
    let mut stop = under_way && asked && sale.intent.entry.is_merchant_code();
    match learned {
        Learned::Paid(evidence) => return close(sale, turn, Outcome::Paid(evidence)),
        Learned::Undone { host_code } => {
            return close(sale, turn, Outcome::Declined { host_code });
        }
        Learned::Refused { host_code, named } => {
            polling.refusal = Some(Refusal {
                host_code,
                named,
                after: sale.requests,
            });
            if polling.in_flight.is_none() {
                polling.due = turn.now.tick;
            }
        }
        Learned::NotFound if ticket.kind == RequestKind::Inquire => {
            match polling.refusal.clone() {
                Some(refusal) if ticket.number <= refusal.after => {}
                Some(Refusal {
                    named: true,
                    host_code,
                    ..
                }) => return close(sale, turn, Outcome::Declined { host_code }),
                // Neither proves that the order will never arrive: a revoke makes sure (reliability.md R3).
                Some(Refusal { named: false, .. }) => stop = true,
                None => {}
            }
        }
        Learned::Paying => polling.customer_acts = true,
        Learned::NotFound
        | Learned::Presentable { .. }
        | Learned::RevokeAccepted
        | Learned::RevokeRefused
        | Learned::Nothing => {}
    }
    if stop {
        sale.cancel_wanted = true;
    }
    if under_way {
        unanswered(sale, turn);
    }
}

/// The inquiry under way brought nothing final: ask later, ask once more, or end the order.
fn unanswered(sale: &mut Sale, turn: &mut Turn<'_>) {
    let timing = turn.policy.timing(sale.intent.channel).clone();
    let allowed = revoke::allowed_at(sale, turn.policy);
    // A network that answers nothing must not stretch the schedule.
    let late = sale.sent.after_ms(timing.park_after_ms) <= turn.now.tick;
    let stop = (sale.cancel_wanted || late) && allowed <= turn.now.tick;
    let cancel_wanted = sale.cancel_wanted;
    let Phase::Polling(polling) = &mut sale.phase else {
        return;
    };
    polling.in_flight = None;
    if polling.last && allowed <= turn.now.tick {
        return revoke::begin(sale, turn, 1);
    }
    if let Some(scheduled) = polling.scheduled.take()
        && !stop
    {
        polling.due = scheduled.max(turn.now.tick);
        if cancel_wanted {
            polling.due = polling.due.min(allowed);
        }
        return;
    }
    match timing.poll_ms.get(polling.step) {
        Some(wait_ms) if !stop && !polling.last => {
            polling.step += 1;
            polling.due = turn.after(*wait_ms);
            if cancel_wanted {
                polling.due = polling.due.min(allowed);
            }
        }
        Some(_) | None if allowed > turn.now.tick => {
            polling.last = false;
            polling.due = allowed;
        }
        Some(_) | None => ask(sale, turn, true),
    }
}

fn ask(sale: &mut Sale, turn: &mut Turn<'_>, last: bool) {
    let request = Request::Inquire {
        order_no: sale.intent.order_no.clone(),
        entry: sale.intent.entry,
    };
    let number = turn.send(sale, RequestKind::Inquire, request);
    let due = turn.after(turn.policy.timing(sale.intent.channel).answer_wait_ms);
    if let Phase::Polling(polling) = &mut sale.phase {
        polling.in_flight = Some(number);
        polling.last = last;
        polling.due = due;
    }
}
