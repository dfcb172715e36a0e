//! A sale by bank card: the reader is the draft's third door, and what a card sale does otherwise than one by code.
//!
//! ```text
//!  draft, reader armed ──CardPresented──▶ Sending ──approved, tapped──────────────▶ Closed: paid
//!                                          │  └──approved, inserted──▶ Completing ──card approves──▶ Closed: paid
//!                                          │                              │ refuses, gone, silent
//!                                          └── no answer, bad MAC, stopped ▼
//!                                                                   Revoking: reversal until it is answered ──▶ Closed
//! ```
//!
//! Owns the arming of the reader, the card's last word and the reversal's request. A card host knows no inquiry:
//! whatever is not proven is reversed (冲正) under the sale's own trace, again and again, also after a restart, and no
//! new card is asked for until that is answered. What an answer means is read in `sale`, how tries are spaced in
//! `revoke`.
//! Sources: docs/CARDS.md, readers.md 8.3, reliability.md row 33.

use crate::card::{CardEntry, PresentedCard};
use crate::domain::{Channel, Money, Tick, TxnId};
use crate::evidence::PaidEvidence;

use super::balance;
use super::command::{
    CardAsk, CardBusiness, CardOriginal, CardRequest, Command, Request, RequestKind,
    ReversalReason, Sound,
};
use super::draft;
use super::event::{CardWord, Presentment};
use super::fact::{FactKind, Outcome, Purpose, UndoIntent, UndoKind};
use super::machine::Turn;
use super::policy::Policy;
use super::revoke;
use super::sale::close;
use super::state::{Completing, Phase, RevokeStep, Sale, State};

/// Tells whether a card sale is not yet ended: no other card goes before it.
pub fn reversal_pending(state: &State) -> bool {
    let mut sales = state.sales.values();
    sales.any(|sale| sale.intent.entry.is_card() && !sale.phase.is_closed())
}

/// Tells whether the card host still closes the batch before: no card of the next one goes before that (D18).
pub fn settling_cards(state: &State, policy: &Policy) -> bool {
    let settlement = state.settlement.as_ref();
    settlement.is_some_and(|settlement| settlement.holds_cards(&policy.settlement))
}

/// Arms or disarms the reader as the draft wants it.
pub(super) fn follow_up(state: &mut State, turn: &mut Turn<'_>) {
    let wanted = state.draft.as_ref().and_then(|draft| {
        let free = draft.order.is_none() && draft.held.is_none() && draft.instalments.is_none();
        let may = !reversal_pending(state) && !settling_cards(state, turn.policy);
        let open = turn.policy.cards && free && may;
        open.then_some((draft.txn, draft.amount, draft.hold))
    });
    let asks = balance::wants_card(state)
        .filter(|_| wanted.is_none() && balance::may_ask_balance(state, turn.policy));
    let wanted = wanted.or(asks.map(|txn| (txn, nothing(), true)));
    let armed = wanted.map(|(txn, ..)| txn);
    if armed == state.armed {
        return;
    }
    state.armed = armed;
    turn.commands.push(match wanted {
        Some((txn, amount, hold)) => Command::ArmCard { txn, amount, hold },
        None => Command::DisarmCard,
    });
}

/// What a card signs that pays nothing.
fn nothing() -> Money {
    Money::from_fen(0).expect("invariant: nothing is an amount")
}

/// A card was read. It counts only for the draft that the reader is armed for, and only when it signed that amount.
pub(super) fn present(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, card: PresentedCard) {
    if state.balance.as_ref().is_some_and(|own| own.txn == txn) {
        return balance::presented(state, turn, txn, card);
    }
    let armed = state.armed == Some(txn);
    let fits = state.draft.as_ref().is_some_and(|draft| {
        armed && draft.txn == txn && draft.order.is_none() && draft.amount == card.evidence.amount
    });
    if !fits {
        return;
    }
    let Some(draft) = state.draft.take() else {
        return;
    };
    // What the reader was armed for has come; nothing is to be disarmed that has the customer's chip in it.
    state.armed = None;
    let mut intent = draft::intent(turn, &draft, txn, Channel::BankCard);
    intent.entry = match card.evidence.entry {
        CardEntry::Contact => Presentment::CardInserted,
        CardEntry::Contactless => Presentment::CardTapped,
    };
    intent.card = Some(card.facts());
    if draft.hold {
        intent.purpose = Purpose::Hold;
    }
    let due = turn.after(turn.policy.timing(intent.channel).answer_wait_ms);
    let mut sale = draft::opened(intent, turn.now.tick, Phase::Sending { due });
    turn.fact(FactKind::IntentRecorded(sale.intent.clone()));
    turn.commands.push(Command::StopScan);
    turn.commands.push(Command::Play(Sound::Scanned));
    let card = Box::new(card);
    let what = if draft.hold {
        CardAsk::Hold(card)
    } else {
        CardAsk::Sale(card)
    };
    let request = request(&sale, what);
    turn.send(&mut sale, RequestKind::Authorize, request);
    state.foreground = Some(txn);
    state.sales.insert(txn, sale);
}

/// The host approved. A tapped card is done; an inserted one has the last word, unless the card was there another day.
pub(super) fn approved(
    sale: &mut Sale,
    turn: &mut Turn<'_>,
    evidence: PaidEvidence,
    chip: Vec<u8>,
) {
    let completion = sale.intent.purpose.business() == CardBusiness::Completion;
    if completion || sale.intent.entry == Presentment::CardTapped {
        return close(sale, turn, Outcome::Paid(evidence));
    }
    let txn = sale.intent.txn;
    turn.commands.push(Command::CompleteCard { txn, chip });
    let due = turn.after(turn.policy.card_word_ms);
    sale.phase = Phase::Completing(Box::new(Completing { evidence, due }));
}

/// The card's last word. Anything but an approval takes the host's back.
pub(super) fn ended(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, word: CardWord) {
    let Some(sale) = state.sales.get_mut(&txn) else {
        return;
    };
    let Phase::Completing(completing) = &sale.phase else {
        return;
    };
    match word {
        CardWord::Approved => {
            let evidence = completing.evidence.clone();
            close(sale, turn, Outcome::Paid(evidence));
        }
        CardWord::Refused | CardWord::Gone => reverse(sale, turn, ReversalReason::Other),
    }
}

/// Begins the reversal.
pub(super) fn reverse(sale: &mut Sale, turn: &mut Turn<'_>, reason: ReversalReason) {
    sale.reversal = reason;
    turn.commands.push(Command::Play(Sound::Unknown));
    revoke::begin(sale, turn, 1);
}

/// A reversal that waits for its next try is tried now.
pub(super) fn hasten(sale: &mut Sale, now: Tick) {
    let card = sale.intent.entry.is_card();
    if let Phase::Revoking(revoking) = &mut sale.phase
        && card
        && revoking.step == RevokeStep::Waiting
    {
        revoking.due = now;
    }
}

/// The reversal, which is the same message each time.
pub(super) fn reversal(sale: &Sale) -> Request {
    let facts = sale.intent.card.as_ref();
    let ask = CardAsk::Reversal {
        business: sale.intent.purpose.business(),
        entry: sale.intent.entry,
        pin: facts.is_some_and(|card| card.pin),
        sequence: facts.and_then(|card| card.sequence),
        reason: sale.reversal,
    };
    request(sale, ask)
}

/// A void or a refund of a card sale; its repetitions are the same message.
pub(super) fn undo(intent: &UndoIntent, of: CardOriginal) -> (RequestKind, Request) {
    let (kind, what) = match intent.kind {
        UndoKind::Void => (RequestKind::Void, CardAsk::Void(of)),
        UndoKind::Refund => (RequestKind::Refund, CardAsk::Refund(of)),
    };
    let request = CardRequest {
        order_no: intent.undo_no.clone(),
        batch: intent.batch,
        trace: intent.voucher,
        amount: intent.amount,
        what,
    };
    (kind, Request::Card(Box::new(request)))
}

pub(super) fn request(sale: &Sale, what: CardAsk) -> Request {
    Request::Card(Box::new(CardRequest {
        order_no: sale.intent.order_no.clone(),
        batch: sale.intent.batch,
        trace: sale.intent.voucher,
        amount: sale.intent.amount,
        what,
    }))
}
