//! Pre-authorisation (预授权) and its completion (预授权完成), by card only.
//!
//! Owns the choice to hold instead of to charge, and the opening of a completion. A hold is a sale of another
//! purpose: it is opened by a card, closed by the host's word and reversed like one, but it is no income. A
//! completion is income: it charges what was held, or less, without the card, and whatever of it is not proven is
//! reversed. Never completes a hold twice: the journal knows of one that stands, the state of one that is under way.
//! Source: docs/CARDS.md, rules 6 and 7.

use crate::domain::{Channel, Money, OperatorNo, TxnId};
use crate::limits;

use super::cards;
use super::command::{CardAsk, CardOriginal, Command, RequestKind};
use super::draft;
use super::fact::{FactKind, Purpose};
use super::machine::Turn;
use super::state::{Draft, Phase, State};
use super::undo::PaidSale;

/// Turns the draft into one for a hold, or back. The camera is open for a sale only.
pub(super) fn choose(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, hold: bool) {
    let known = state.sales.contains_key(&txn) || state.undos.contains_key(&txn);
    let Some(draft) = &mut state.draft else {
        return;
    };
    let free = draft.order.is_none() && draft.held.is_none();
    if !turn.policy.cards || !free || known || draft.hold == hold || draft.txn == txn {
        return;
    }
    draft.txn = txn;
    draft.hold = hold;
    draft.instalments = None;
    draft.since = turn.now.tick;
    turn.commands.push(if hold {
        Command::StopScan
    } else {
        Command::StartScan
    });
}

/// Why a hold cannot be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompletionRefusal {
    /// It is no hold, or the host gave it no numbers.
    #[error("this is no pre-authorisation that can be completed")]
    NoHold,
    /// It was given back, or that is under way.
    #[error("this pre-authorisation was given back")]
    GivenBack,
    /// It was completed, or that is under way.
    #[error("this pre-authorisation was completed")]
    Completed,
    /// Zero, or more than what is held.
    #[error("at least 0.01 and at most {most} can be charged")]
    Amount {
        /// What is held.
        most: Money,
    },
}

/// Tells whether `amount` of a hold can be charged now.
///
/// # Errors
/// [`CompletionRefusal`] says why not.
pub fn may_complete(hold: &PaidSale, amount: Money) -> Result<(), CompletionRefusal> {
    let details = hold.evidence.details();
    let named = details.trade_no.is_some() && details.wallet_trade_no.is_some();
    if !hold.intent.purpose.is_hold() || !named {
        return Err(CompletionRefusal::NoHold);
    }
    if hold.open || hold.returned.minor() > 0 {
        return Err(CompletionRefusal::GivenBack);
    }
    if hold.completed {
        return Err(CompletionRefusal::Completed);
    }
    let most = hold.evidence.amount();
    let other = amount.currency() != most.currency();
    if amount.minor() == 0 || amount.minor() > most.minor() || other {
        return Err(CompletionRefusal::Amount { most });
    }
    Ok(())
}

/// Charges a hold.
pub(super) fn complete(
    state: &mut State,
    turn: &mut Turn<'_>,
    (txn, amount): (TxnId, Money),
    hold: &PaidSale,
    operator: OperatorNo,
) {
    let of = hold.intent.txn;
    let busy = state.draft.is_some() || state.foreground.is_some();
    let known = state.sales.contains_key(&txn) || state.undos.contains_key(&txn);
    let giving_back = state.undos.values().any(|undo| undo.intent.of == of);
    let completing = state.sales.values().any(
        |sale| matches!(&sale.intent.purpose, Purpose::Completion { of: own, .. } if *own == of),
    );
    let room = state.open_count() < limits::OPEN_SALES && turn.numbers.has_room();
    // A reversal comes before the next message that moves money (readers.md 8.3).
    if busy || known || giving_back || completing || !room || cards::reversal_pending(state) {
        return;
    }
    if cards::settling_cards(state, turn.policy) {
        return;
    }
    if !turn.policy.cards || may_complete(hold, amount).is_err() {
        return;
    }
    let draft = Draft::new(txn, amount, operator, turn.now.tick);
    let mut intent = draft::intent(turn, &draft, txn, Channel::BankCard);
    let details = hold.evidence.details();
    let original = CardOriginal {
        business: hold.intent.purpose.business(),
        batch: hold.intent.batch,
        trace: hold.intent.voucher,
        trade_no: details.trade_no.clone(),
        auth: details.wallet_trade_no.clone(),
    };
    intent.entry = hold.intent.entry;
    intent.card.clone_from(&hold.intent.card);
    intent.purpose = Purpose::Completion {
        of,
        hold: original.clone(),
    };
    let due = turn.after(turn.policy.timing(intent.channel).answer_wait_ms);
    let mut sale = draft::opened(intent, turn.now.tick, Phase::Sending { due });
    turn.fact(FactKind::IntentRecorded(sale.intent.clone()));
    let request = cards::request(&sale, CardAsk::Completion(original));
    turn.send(&mut sale, RequestKind::Authorize, request);
    state.foreground = Some(txn);
    state.sales.insert(txn, sale);
}
