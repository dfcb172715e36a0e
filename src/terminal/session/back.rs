//! Taps on the pages behind a sale's record: money back, the completion of a hold, a supervisor's PIN.
//!
//! Owns which of them count on which page. Decides no money: the core chooses and checks again.

use super::{Act, SessionTurn, is_free};
use crate::domain::{Role, TxnId};
use crate::limits;
use crate::payment::{Event, PaidSale, State, may_complete, reversal_pending, settling_cards};
use crate::view::{
    AmountEntry, Approves, Cause, Desk, DeskPage, HoldNote, Intent, UndoRules, can_hold, too_much,
};

pub(super) fn tap(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    let of_pin = matches!(
        intent,
        Intent::PinDigit(_) | Intent::PinBackspace | Intent::PinSend
    );
    if of_pin {
        pin(desk, turn, intent)
    } else {
        undo(desk, turn, intent)
    }
}

fn undo(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    let paid = turn.records.record.as_ref().and_then(|r| r.paid.as_ref());
    let (Some(paid), true) = (paid, is_free(turn.state)) else {
        return Act::None;
    };
    match (intent, desk.page) {
        (Intent::Undo | Intent::ChangeWay, DeskPage::Record) => {
            desk.change_way = intent == Intent::ChangeWay;
            desk.completing = false;
            desk.amount = AmountEntry::of(paid.left());
            desk.page = DeskPage::Undo;
        }
        (Intent::Complete, DeskPage::Record) if can_hold(turn.policy, turn.profile) => {
            (desk.change_way, desk.completing) = (false, true);
            desk.amount = AmountEntry::of(paid.left());
            desk.page = DeskPage::Undo;
        }
        (Intent::UndoSend, DeskPage::Undo) if desk.completing => {
            return complete(desk, turn, paid);
        }
        (Intent::UndoWhole, DeskPage::Undo) => desk.amount = AmountEntry::of(paid.left()),
        (Intent::UndoSend, DeskPage::Undo) => {
            return undo_send(desk, turn, paid);
        }
        _ => {}
    }
    Act::None
}

/// Charges the typed amount to the hold.
fn complete(desk: &mut Desk, turn: &SessionTurn<'_>, paid: &PaidSale) -> Act {
    let amount = desk.amount.money();
    let Some(amount) = amount.filter(|amount| may_complete(paid, *amount).is_ok()) else {
        desk.told = Some(Cause::Hold(HoldNote::NotAllowed));
        return Act::None;
    };
    if !turn.state.numbers.has_room() {
        desk.told = Some(Cause::NumbersUsedUp);
        return Act::None;
    }
    let settling = settling_cards(turn.state, turn.policy);
    let full = turn.state.open_count() >= limits::OPEN_SALES;
    if reversal_pending(turn.state) || settling || full {
        desk.told = Some(Cause::Hold(HoldNote::MustWait));
        return Act::None;
    }
    desk.completing = false;
    desk.amount = AmountEntry::default();
    desk.page = DeskPage::Till;
    Act::Feed(Event::CompletionRequested {
        txn: turn.fresh_txn,
        hold: Box::new(paid.clone()),
        amount,
        operator: turn.operator.clone(),
    })
}

fn pin(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    if desk.page != DeskPage::Approve || desk.checking || !is_free(turn.state) {
        return Act::None;
    }
    if let Intent::PinDigit(digit) = intent {
        if desk.pin.typed() < limits::PIN_DIGITS_MAX {
            desk.pin.digit(digit);
        }
    } else if intent == Intent::PinBackspace {
        desk.pin.backspace();
    } else {
        return Act::Approve(desk.pin.take());
    }
    Act::None
}

/// The amount is chosen: which role has to agree, if any may.
fn undo_send(desk: &mut Desk, turn: &SessionTurn<'_>, paid: &PaidSale) -> Act {
    let rules = UndoRules {
        policy: turn.policy,
        batch: turn.state.numbers.batch,
        now: turn.now,
        today: turn.records.sent_back(),
        profile: turn.profile,
    };
    let amount = desk.amount.money();
    let Some(amount) = amount.filter(|amount| rules.kind(paid, *amount).is_some()) else {
        desk.told = Some(Cause::UndoNotAllowed);
        return Act::None;
    };
    if !turn.state.numbers.has_room() {
        desk.told = Some(Cause::NumbersUsedUp);
        return Act::None;
    }
    match rules.role(paid, amount) {
        Some(Role::Cashier) => return Act::SendBack,
        Some(Role::Supervisor | Role::Manager) => {
            desk.pin.take();
            desk.approves = Approves::Undo;
            desk.page = DeskPage::Approve;
        }
        None => {
            let most = turn.policy.ceilings.most(rules.today);
            desk.told = Some(most.map_or(Cause::UndoNotAllowed, too_much));
        }
    }
    Act::None
}

/// What can be asked about: the money of a sale that is on its way back, otherwise the sale itself.
pub(super) fn open_part(state: &State, txn: TxnId) -> TxnId {
    let mut undos = state.undos.values();
    undos
        .find(|undo| undo.intent.of == txn && !undo.step.is_closed())
        .map_or(txn, |undo| undo.intent.txn)
}
