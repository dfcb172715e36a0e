//! Ending an order whose result stays open: revoke under its own number, confirm by inquiry, re-check.
//!
//! An acknowledgement is not the outcome: only an inquiry that finds the order undone ends the sale. A revoke of an order
//! that the acquirer has never seen is provisional, because the delayed charge can overtake it (reliability.md 0.5); a
//! success that is found later is revoked again under a new number, and the sale still ends as not paid.

use crate::domain::{Now, OrderKind, Tick};
use crate::evidence::PaidEvidence;

use super::cards;
use super::command::{Request, RequestKind, Ticket};
use super::fact::{FactKind, Outcome};
use super::late;
use super::machine::Turn;
use super::policy::{Policy, Timing};
use super::sale::{Learned, close};
use super::state::{Phase, Provisional, RevokeStep, Revoking, Sale};

/// After so many definitive refusals of a revoke, a proven success is refunded (reliability.md row 15).
const REFUSED_MAX: u32 = 2;
/// After so many confirmations that changed nothing, the revoke is taken for lost or for void.
const UNCHANGED_MAX: u32 = 3;

/// Returns the first moment at which a revoke may be sent.
///
/// The minimum age is a rule about customers' codes; an order that waits for a scan may be closed at once.
pub(super) fn allowed_at(sale: &Sale, policy: &Policy) -> Tick {
    if sale.intent.entry.is_merchant_code() || sale.intent.entry.is_card() {
        return sale.sent;
    }
    sale.sent
        .after_ms(policy.timing(sale.intent.channel).revoke_not_before_ms)
}

/// The point of no return: from here the sale can only end as not paid.
pub(super) fn begin(sale: &mut Sale, turn: &mut Turn<'_>, attempt: u32) {
    intend(sale, turn, attempt);
    send(sale, turn);
}

fn intend(sale: &mut Sale, turn: &mut Turn<'_>, attempt: u32) {
    let (revoke_no, sequence) = turn.numbers.order(&turn.policy.term, OrderKind::Revoke);
    turn.fact(FactKind::RevokeIntended {
        txn: sale.intent.txn,
        revoke_no: revoke_no.clone(),
        sequence,
        attempt,
    });
    let step = RevokeStep::Waiting;
    let due = turn.now.tick;
    // A new number for the same trouble: the tries go on counting, so that people are called.
    let tries = match &sale.phase {
        Phase::Revoking(revoking) => revoking.tries,
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => 0,
    };
    let unchanged = 0;
    sale.phase = Phase::Revoking(Revoking {
        revoke_no,
        attempt,
        tries,
        acknowledged: false,
        unchanged,
        refused: 0,
        step,
        due,
    });
}

/// Sets the revoke aside until its next try.
pub(super) fn wait(revoking: &mut Revoking, now: Now, timing: &Timing) {
    wait_after(revoking, revoking.tries, now, timing);
}

/// The same after an inquiry that found the order as it was. One that is acknowledged and changes nothing is not left to
/// the long waits that other tries earned, because the customer may have paid; each new number makes its waits longer.
/// A line that answers nothing earns the long waits, whatever was acknowledged before.
fn wait_unchanged(revoking: &mut Revoking, now: Now, timing: &Timing) {
    wait_after(revoking, futile(revoking), now, timing);
}

fn futile(revoking: &Revoking) -> u32 {
    if revoking.acknowledged {
        (revoking.unchanged + revoking.attempt - 1).min(revoking.tries)
    } else {
        revoking.tries
    }
}

/// Takes a new number for a revoke that changed nothing. It is tried at once when the old one was acknowledged, or while
/// the waits are short; otherwise a broken acquirer is not asked more often because of it.
fn renew(sale: &mut Sale, turn: &mut Turn<'_>) {
    let Phase::Revoking(old) = &sale.phase else {
        return;
    };
    let (tries, attempt) = (old.tries, old.attempt + 1);
    let timing = turn.policy.timing(sale.intent.channel);
    let short = usize::try_from(tries).is_ok_and(|tries| tries <= timing.revoke_retry_ms.len());
    let at_once = short || old.acknowledged;
    intend(sale, turn, attempt);
    if at_once {
        return send(sale, turn);
    }
    if let Phase::Revoking(revoking) = &mut sale.phase {
        revoking.due = turn.after(timing.revoke_idle_ms);
    }
}

fn wait_after(revoking: &mut Revoking, futile: u32, now: Now, timing: &Timing) {
    let index = usize::try_from(futile.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait_ms = timing
        .revoke_retry_ms
        .get(index)
        .copied()
        .unwrap_or(timing.revoke_idle_ms);
    revoking.step = RevokeStep::Waiting;
    revoking.due = now.tick.after_ms(wait_ms);
}

pub(super) fn due(sale: &mut Sale, turn: &mut Turn<'_>) {
    let timing = turn.policy.timing(sale.intent.channel);
    let card = sale.intent.entry.is_card();
    let Phase::Revoking(revoking) = &mut sale.phase else {
        return;
    };
    match revoking.step {
        RevokeStep::Sending(_) if card => wait(revoking, turn.now, timing),
        RevokeStep::Waiting => send(sale, turn),
        RevokeStep::Sending(_) => confirm(sale, turn),
        RevokeStep::Confirming(_) => wait(revoking, turn.now, timing),
    }
}

pub(super) fn learned(sale: &mut Sale, turn: &mut Turn<'_>, ticket: Ticket, learned: Learned) {
    let timing = turn.policy.timing(sale.intent.channel);
    let Phase::Revoking(revoking) = &mut sale.phase else {
        return;
    };
    let card = sale.intent.entry.is_card();
    let proof = if card {
        RequestKind::Revoke
    } else {
        RequestKind::Inquire
    };
    if ticket.kind == proof && matches!(learned, Learned::Undone { .. }) {
        return close(sale, turn, Outcome::Revoked);
    }
    if let Learned::Paid(evidence) = &learned {
        // A close cannot return money, and a revoke that is refused for good never will: a refund does.
        // A card's reversal takes back whatever it finds.
        if sale.intent.entry.is_merchant_code() || (!card && revoking.refused >= REFUSED_MAX) {
            let attempt = revoking.attempt;
            return give_back(sale, turn, evidence.clone(), attempt);
        }
        // Whatever request it answers, and however late: recorded, and the revoke goes on.
        turn.fact(FactKind::SuccessAfterRevoke {
            txn: sale.intent.txn,
            evidence: evidence.clone(),
        });
    }
    let attempt = revoking.attempt;
    match (revoking.step, ticket.kind, learned) {
        (RevokeStep::Sending(number), RequestKind::Revoke, _) if card => {
            if number == ticket.number {
                wait(revoking, turn.now, timing);
            }
        }
        (RevokeStep::Sending(number), RequestKind::Revoke | RequestKind::Close, learned)
            if number == ticket.number =>
        {
            if matches!(learned, Learned::RevokeAccepted | Learned::NotFound) {
                revoking.acknowledged = true;
            }
            revoking.refused += u32::from(matches!(learned, Learned::RevokeRefused));
            confirm(sale, turn);
        }
        (RevokeStep::Confirming(number), RequestKind::Inquire, learned)
            if number == ticket.number =>
        {
            let unsettled = matches!(
                learned,
                Learned::Paid(_)
                    | Learned::Paying
                    | Learned::Presentable { .. }
                    | Learned::NotFound
            );
            revoking.unchanged += u32::from(unsettled);
            let (acknowledged, worn) = (revoking.acknowledged, revoking.unchanged >= UNCHANGED_MAX);
            // A close goes by the order's own number: another one helps only where the acquirer thought it done.
            let reaches = worn && (acknowledged || !sale.intent.entry.is_merchant_code());
            match learned {
                Learned::NotFound if acknowledged || worn => provisional(sale, turn, attempt),
                // The revoke was void or older than the order, and its number is used up, whether its acknowledgement
                // came back or not: only a new number can reach the order. Two that both take effect return nothing
                // twice, because a revoke ends the order as a whole.
                Learned::Paid(_) | Learned::Paying | Learned::Presentable { .. } if reaches => {
                    renew(sale, turn);
                }
                Learned::Paid(_)
                | Learned::NotFound
                | Learned::Paying
                | Learned::Presentable { .. } => wait_unchanged(revoking, turn.now, timing),
                Learned::Refused { .. }
                | Learned::Undone { .. }
                | Learned::RevokeAccepted
                | Learned::RevokeRefused
                | Learned::Nothing => wait(revoking, turn.now, timing),
            }
        }
        (RevokeStep::Waiting | RevokeStep::Sending(_) | RevokeStep::Confirming(_), _, _) => {}
    }
}

/// Sends a success back that came after the end of the order was decided. The sale ends as not paid when the customer
/// has the money.
fn give_back(sale: &mut Sale, turn: &mut Turn<'_>, evidence: PaidEvidence, attempt: u32) {
    sale.attention = true;
    sale.returned = true;
    let undo = late::give_back(turn, &sale.intent, evidence, attempt);
    sale.phase = Phase::Returning { undo, attempt };
}

/// The money of a late success could not be refunded: after a long wait the order is ended and asked about anew.
pub(super) fn begin_later(sale: &mut Sale, turn: &mut Turn<'_>) {
    let attempt = match &sale.phase {
        Phase::Returning { attempt, .. } => attempt + 1,
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Closed { .. } => return,
    };
    intend(sale, turn, attempt);
    let idle_ms = turn.policy.timing(sale.intent.channel).revoke_idle_ms;
    let due = turn.after(idle_ms);
    if let Phase::Revoking(revoking) = &mut sale.phase {
        revoking.due = due;
    }
}

/// Resumes a provisional revoke after a restart, with the re-checks that are left.
pub(super) fn resumed_provisional(now: Now, timing: &Timing, attempt: u32, left: u32) -> Phase {
    Phase::Provisional(Provisional {
        checks_left: left,
        attempt,
        silent: 0,
        due: now.tick.after_ms(timing.recheck_ms),
        in_flight: None,
        scheduled: None,
    })
}

pub(super) fn recheck_due(sale: &mut Sale, turn: &mut Turn<'_>) {
    let timing = turn.policy.timing(sale.intent.channel);
    let Phase::Provisional(provisional) = &mut sale.phase else {
        return;
    };
    if provisional.in_flight.take().is_some() {
        provisional.silent += 1;
        next_recheck(provisional, turn.now, timing);
        return;
    }
    let request = Request::Inquire {
        order_no: sale.intent.order_no.clone(),
        entry: sale.intent.entry,
    };
    let number = turn.send(sale, RequestKind::Inquire, request);
    if let Phase::Provisional(provisional) = &mut sale.phase {
        provisional.in_flight = Some(number);
        provisional.due = turn.after(timing.answer_wait_ms);
    }
}

pub(super) fn recheck_learned(
    sale: &mut Sale,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    learned: Learned,
) {
    let timing = turn.policy.timing(sale.intent.channel);
    let Phase::Provisional(provisional) = &mut sale.phase else {
        return;
    };
    let under_way =
        ticket.kind == RequestKind::Inquire && provisional.in_flight == Some(ticket.number);
    if under_way {
        let heard = !matches!(learned, Learned::Nothing);
        provisional.silent = if heard { 0 } else { provisional.silent + 1 };
    }
    match learned {
        Learned::Undone { .. } => return close(sale, turn, Outcome::Revoked),
        Learned::Paid(evidence) if sale.intent.entry.is_merchant_code() => {
            let attempt = provisional.attempt;
            return give_back(sale, turn, evidence, attempt);
        }
        Learned::Paid(evidence) => {
            let attempt = provisional.attempt + 1;
            turn.fact(FactKind::SuccessAfterRevoke {
                txn: sale.intent.txn,
                evidence,
            });
            return begin(sale, turn, attempt);
        }
        // Only checks that lie far enough apart prove anything: the cashier's own inquiry is not counted.
        Learned::NotFound if under_way && provisional.scheduled.is_none() => {
            provisional.checks_left = provisional.checks_left.saturating_sub(1);
            let left = provisional.checks_left;
            if left == 0 {
                return close(sale, turn, Outcome::Revoked);
            }
            let txn = sale.intent.txn;
            turn.fact(FactKind::Rechecked { txn, left });
        }
        // The delayed charge has arrived and is still open: a new revoke ends it before the customer pays.
        Learned::Paying | Learned::Presentable { .. } => {
            let attempt = provisional.attempt + 1;
            return begin(sale, turn, attempt);
        }
        Learned::NotFound
        | Learned::Refused { .. }
        | Learned::RevokeAccepted
        | Learned::RevokeRefused
        | Learned::Nothing => {}
    }
    if under_way {
        provisional.in_flight = None;
        next_recheck(provisional, turn.now, timing);
    }
}

/// Goes on with the schedule, which the cashier's own inquiry neither hastens nor puts off. A line that stays silent is
/// asked as seldom as one that takes no revoke.
fn next_recheck(provisional: &mut Provisional, now: Now, timing: &Timing) {
    let patient =
        usize::try_from(provisional.silent).unwrap_or(usize::MAX) <= timing.revoke_retry_ms.len();
    let wait_ms = if patient {
        timing.recheck_ms
    } else {
        timing.recheck_ms.max(timing.revoke_idle_ms)
    };
    provisional.due = match provisional.scheduled.take() {
        Some(scheduled) => scheduled.max(now.tick),
        None => now.tick.after_ms(wait_ms),
    };
}

fn provisional(sale: &mut Sale, turn: &mut Turn<'_>, attempt: u32) {
    turn.fact(FactKind::RevokeProvisional {
        txn: sale.intent.txn,
    });
    let timing = turn.policy.timing(sale.intent.channel);
    sale.phase = resumed_provisional(turn.now, timing, attempt, timing.recheck_count);
}

fn send(sale: &mut Sale, turn: &mut Turn<'_>) {
    let Phase::Revoking(revoking) = &mut sale.phase else {
        return;
    };
    revoking.tries += 1;
    let tries = revoking.tries;
    let order_no = sale.intent.order_no.clone();
    let (kind, request) = if sale.intent.entry.is_card() {
        (RequestKind::Revoke, cards::reversal(sale))
    } else if sale.intent.entry.is_merchant_code() {
        let entry = sale.intent.entry;
        (RequestKind::Close, Request::Close { order_no, entry })
    } else {
        let revoke_no = revoking.revoke_no.clone();
        (
            RequestKind::Revoke,
            Request::Revoke {
                revoke_no,
                order_no,
            },
        )
    };
    let timing = turn.policy.timing(sale.intent.channel);
    let scheduled = u32::try_from(timing.revoke_retry_ms.len()).unwrap_or(u32::MAX);
    if tries > scheduled && !sale.attention {
        sale.attention = true;
        let why = format!("the order could not be revoked in {scheduled} tries; trying goes on");
        turn.fact(FactKind::AttentionRaised {
            txn: sale.intent.txn,
            why,
        });
    }
    let number = turn.send(sale, kind, request);
    if let Phase::Revoking(revoking) = &mut sale.phase {
        revoking.step = RevokeStep::Sending(number);
        revoking.due = turn.after(timing.answer_wait_ms);
    }
}

fn confirm(sale: &mut Sale, turn: &mut Turn<'_>) {
    let request = Request::Inquire {
        order_no: sale.intent.order_no.clone(),
        entry: sale.intent.entry,
    };
    let number = turn.send(sale, RequestKind::Inquire, request);
    let due = turn.after(turn.policy.timing(sale.intent.channel).answer_wait_ms);
    if let Phase::Revoking(revoking) = &mut sale.phase {
        revoking.step = RevokeStep::Confirming(number);
        revoking.due = due;
    }
}
