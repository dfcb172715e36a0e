//! The draft at the till: an amount that waits for a presentment, and the one rule between its two doors.
//!
//! Owns the opening of sales. The camera is open as long as there is a draft; beside it our own order may be shown as a
//! code. Whatever the customer presents first counts: a customer's code that comes while our order is open is held in
//! memory until the order is proven closed, and is dropped when the order turns out to be paid. So the two never both
//! move money. The card reader is a third door of the same rule (`cards`).

use std::collections::VecDeque;

use crate::code::{Fingerprint, PaymentCode};
use crate::domain::{Channel, Money, OperatorNo, OrderKind, Tick, TxnId};
use crate::limits;

use super::cards;
use super::command::{Command, Request, RequestKind, ReversalReason, Sound};
use super::event::Presentment;
use super::fact::{FactKind, Instalments, Intent, Outcome, Purpose};
use super::machine::Turn;
use super::order;
use super::recovery;
use super::sale;
use super::state::{Draft, OrderEnd, Phase, Sale, State};

pub(super) fn request(
    state: &mut State,
    turn: &mut Turn<'_>,
    txn: TxnId,
    amount: Money,
    operator: OperatorNo,
) {
    let busy = state.draft.is_some()
        || state.foreground.is_some()
        || state.balance.is_some()
        || state.sales.contains_key(&txn);
    let allowed = amount.minor() > 0
        && amount.minor() <= turn.policy.amount_max.minor()
        && turn.numbers.has_room();
    if busy || !allowed || state.open_count() >= limits::OPEN_SALES {
        return;
    }
    state.draft = Some(Draft::new(txn, amount, operator, turn.now.tick));
    turn.commands.push(Command::StartScan);
    // A card may be wanted, and none is taken before an older one's reversal is answered.
    for sale in state.sales.values_mut() {
        cards::hasten(sale, turn.now.tick);
    }
}

pub(super) fn instalments(state: &mut State, plan: Option<Instalments>) {
    if let Some(draft) = &mut state.draft
        && draft.order.is_none()
        && !draft.hold
    {
        draft.instalments = plan;
    }
}

pub(super) fn present(
    state: &mut State,
    turn: &mut Turn<'_>,
    code: PaymentCode,
    entry: Presentment,
) {
    let Some(mut draft) = state.draft.take() else {
        return;
    };
    if entry.is_merchant_code() || draft.hold {
        state.draft = Some(draft);
        return;
    }
    let fingerprint = code.fingerprint(&turn.policy.code_salt);
    forget_old_codes(&mut state.used_codes, turn);
    if state
        .used_codes
        .iter()
        .any(|(used, _)| *used == fingerprint)
    {
        draft.code_used = true;
        state.draft = Some(draft);
        return;
    }
    if let Some(order) = draft.order
        && let Some(sale) = state.sales.get_mut(&order)
    {
        // First presentment wins, but only a proof that our order is closed lets the code go.
        if draft.held.is_none() {
            draft.held = Some((code, entry, turn.now.tick));
            order::stop(sale, turn);
        }
        state.draft = Some(draft);
        return;
    }
    state.used_codes.push_back((fingerprint, turn.now.tick));
    charge(state, turn, draft, (code, entry, fingerprint));
}

fn charge(
    state: &mut State,
    turn: &mut Turn<'_>,
    draft: Draft,
    (code, entry, fingerprint): (PaymentCode, Presentment, Fingerprint),
) {
    let mut intent = intent(turn, &draft, draft.txn, code.channel());
    intent.entry = entry;
    intent.code_tail = code.tail().to_owned();
    intent.code_fingerprint = data_encoding::HEXLOWER.encode(&fingerprint.0);
    intent.instalments = draft.instalments;
    let due = turn.after(turn.policy.timing(intent.channel).answer_wait_ms);
    let mut sale = opened(intent, turn.now.tick, Phase::Sending { due });
    turn.fact(FactKind::IntentRecorded(sale.intent.clone()));
    turn.commands.push(Command::StopScan);
    turn.commands.push(Command::Play(Sound::Scanned));
    let request = Request::Authorize {
        order_no: sale.intent.order_no.clone(),
        amount: draft.amount,
        code,
        instalments: draft.instalments,
        batch: sale.intent.batch,
    };
    turn.send(&mut sale, RequestKind::Authorize, request);
    state.foreground = Some(draft.txn);
    state.sales.insert(draft.txn, sale);
}

/// Shows a code of ours beside the open camera.
pub(super) fn show_code(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, channel: Channel) {
    let room = state.open_count() < limits::OPEN_SALES && !state.sales.contains_key(&txn);
    let Some(draft) = &mut state.draft else {
        return;
    };
    // Our codes carry no plan: a customer who chose one would pay at once.
    if draft.instalments.is_some() || draft.hold {
        return;
    }
    // A new order number only after the old one is final (features.md C1).
    if !room || draft.order.is_some() || draft.held.is_some() || draft.txn == txn {
        return;
    }
    let mut intent = intent(turn, draft, txn, channel);
    intent.entry = if channel == Channel::Unknown {
        Presentment::OneCode
    } else {
        Presentment::MerchantCode
    };
    draft.order = Some(txn);
    draft.order_ended = None;
    let sale = order::open(intent, turn);
    state.sales.insert(txn, sale);
}

pub(super) fn intent(turn: &mut Turn<'_>, draft: &Draft, txn: TxnId, channel: Channel) -> Intent {
    let (order_no, sequence) = turn.numbers.order(&turn.policy.term, OrderKind::Sale);
    Intent {
        txn,
        order_no,
        sequence,
        voucher: turn.numbers.voucher(),
        batch: turn.numbers.batch,
        amount: draft.amount,
        channel,
        entry: Presentment::Camera,
        operator: draft.operator.clone(),
        code_tail: String::new(),
        code_fingerprint: String::new(),
        instalments: None,
        card: None,
        purpose: Purpose::Sale,
    }
}

pub(super) fn opened(intent: Intent, sent: Tick, phase: Phase) -> Sale {
    Sale {
        intent,
        sent,
        requests: 0,
        asked: 0,
        cancel_wanted: false,
        attention: false,
        returned: false,
        reversal: ReversalReason::NoAnswer,
        phase,
    }
}

fn forget_old_codes(codes: &mut VecDeque<(Fingerprint, Tick)>, turn: &Turn<'_>) {
    codes.retain(|(_, at)| turn.now.tick.since_ms(*at) < turn.policy.code_life_ms);
    while codes.len() >= limits::CODES_REMEMBERED {
        codes.pop_front();
    }
}

/// Gives up the draft, or stops waiting for the sale on the screen.
pub(super) fn cancel(state: &mut State, turn: &mut Turn<'_>) {
    let order = state.draft.as_ref().map(|draft| draft.order);
    match order {
        Some(order) => {
            drop_draft(state, turn);
            if let Some(sale) = order.and_then(|txn| state.sales.get_mut(&txn)) {
                state.foreground = Some(sale.intent.txn);
                order::stop(sale, turn);
            }
        }
        None => {
            if let Some(txn) = state.foreground
                && let Some(sale) = state.sales.get_mut(&txn)
            {
                sale::stop_waiting(sale, turn);
            }
        }
    }
}

/// Forgets the draft with a code that it may hold. An own order goes on by itself, in the background.
pub(super) fn drop_draft(state: &mut State, turn: &mut Turn<'_>) {
    if state.draft.take().is_some() {
        turn.commands.push(Command::StopScan);
    }
}

/// Tells whether our own order can no longer be paid in time: it is being closed.
pub const fn is_ending(order: &Sale) -> bool {
    match &order.phase {
        Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Sending { .. }
        | Phase::Completing(_) => false,
        Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => true,
    }
}

/// Our own order ended: when it was paid, the draft is done; otherwise a held code may go.
pub(super) fn order_ended(state: &mut State, turn: &mut Turn<'_>) {
    let Some(order) = state.draft_order() else {
        return;
    };
    let (txn, end) = match &order.phase {
        Phase::Closed { outcome, .. } => (order.intent.txn, end_of(outcome)),
        // The money of a customer who paid too late is on its way back: the draft need not wait for it, but no code
        // may be charged before that is told to the people at the till.
        Phase::Returning { .. } => {
            state.foreground = Some(order.intent.txn);
            return drop_draft(state, turn);
        }
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_) => return,
    };
    let Some(end) = end else {
        state.foreground = Some(txn);
        return drop_draft(state, turn);
    };
    let Some(draft) = &mut state.draft else {
        return;
    };
    draft.order = None;
    draft.order_ended = Some(end);
    // The camera stays open; its clock begins anew with the customer's next try.
    draft.since = turn.now.tick;
    let held = draft.held.take();
    if let Some((code, entry, since)) = held
        && turn.now.tick.since_ms(since) < limits::HELD_CODE_MS
    {
        present(state, turn, code, entry);
    }
}

/// None for an order that was paid.
const fn end_of(outcome: &Outcome) -> Option<OrderEnd> {
    match outcome {
        Outcome::Paid(_) => None,
        Outcome::NotSent => Some(OrderEnd::NotSent),
        Outcome::Declined { .. } | Outcome::Revoked => Some(OrderEnd::Over),
    }
}

/// A code that never left may be presented again.
pub(super) fn forgive(state: &mut State) {
    for sale in state.sales.values() {
        if let Phase::Closed {
            outcome: Outcome::NotSent,
            ..
        } = &sale.phase
            && let Some(unused) = recovery::fingerprint(&sale.intent)
        {
            state.used_codes.retain(|(used, _)| *used != unused);
        }
    }
}
