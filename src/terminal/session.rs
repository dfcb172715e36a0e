//! What a tap means: an edit of the desk, or an event for the core. Pure.
//!
//! Owns which intents count on which page. A tap that means nothing here changes nothing.

use crate::code::{CodeTable, Recognised, recognise};
use crate::domain::{Money, OperatorNo, TxnId};
use crate::limits;
use crate::payment::{EntryMode, Event, Outcome, Phase, Policy, State};
use crate::view::{AmountEntry, Cause, Desk, DeskPage, Intent};

/// What the session needs of the turn.
pub(super) struct SessionTurn<'a> {
    pub state: &'a State,
    pub policy: &'a Policy,
    pub table: &'a CodeTable,
    pub operator: &'a OperatorNo,
    pub fresh_txn: TxnId,
}

/// Takes a tap; returns the event for the core, if it is one.
pub(super) fn tap(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Option<Event> {
    if desk.out_of_service.is_some() {
        language_or_theme(desk, intent);
        return None;
    }
    let at_till = turn.state.draft.is_none() && turn.state.foreground.is_none();
    let at_keypad = at_till && desk.page == DeskPage::Till;
    // Gone with a touch is only what was seen.
    if at_keypad && desk.told.is_none() {
        desk.late = None;
    }
    desk.told = None;
    let typing = turn.state.draft.is_some() && desk.page == DeskPage::Manual;
    match intent {
        Intent::Digit(digit) => edit(desk, at_keypad, |d| d.amount.digit(digit)),
        Intent::DoubleZero => edit(desk, at_keypad, |d| {
            d.amount.digit(0);
            d.amount.digit(0);
        }),
        Intent::Dot => edit(desk, at_keypad, |d| d.amount.dot()),
        Intent::Backspace => edit(desk, at_keypad, |d| d.amount.backspace()),
        Intent::Clear => edit(desk, at_keypad, |d| d.amount = Default::default()),
        Intent::Charge if at_keypad => charge(desk, turn),
        Intent::Cancel => {
            desk.page = DeskPage::Till;
            desk.code.take();
            turn.state.draft.is_some().then_some(Event::CancelRequested)
        }
        Intent::TypeCode if turn.state.draft.is_some() => {
            desk.page = DeskPage::Manual;
            None
        }
        Intent::CodeDigit(digit) => edit(desk, typing, |d| d.code.digit(digit)),
        Intent::CodeBackspace => edit(desk, typing, |d| d.code.backspace()),
        Intent::CodeSend if typing => send_code(desk, turn),
        Intent::QueryNow => turn
            .state
            .foreground
            .map(|txn| Event::QueryRequested { txn }),
        Intent::StopWaiting => turn.state.foreground.map(|_| Event::CancelRequested),
        Intent::NextSale => Some(Event::ParkRequested),
        Intent::Dismiss => Some(Event::ResultDismissed),
        Intent::ChargeAgain => {
            let amount = unpaid_amount(turn.state)?;
            desk.amount = AmountEntry::of(amount);
            request(desk, turn, amount)
        }
        Intent::ShowPending if at_till => {
            desk.page = DeskPage::Pending;
            None
        }
        Intent::Back => {
            desk.page = DeskPage::Till;
            None
        }
        Intent::QueryPending(txn) => Some(Event::QueryRequested { txn }),
        Intent::SetLanguage(_) | Intent::SetTheme(_) => {
            language_or_theme(desk, intent);
            None
        }
        Intent::Charge | Intent::TypeCode | Intent::CodeSend | Intent::ShowPending => None,
    }
}

/// Takes what the scanner or the keys brought while a code is waited for.
pub(super) fn presented(
    desk: &mut Desk,
    state: &State,
    found: Recognised,
    entry: EntryMode,
) -> Option<Event> {
    state.draft.as_ref()?;
    match found {
        Recognised::Payment(code) => {
            desk.told = None;
            Some(Event::CodePresented { code, entry })
        }
        Recognised::Wrong(wrong) => {
            desk.told = Some(Cause::WrongCode(wrong));
            None
        }
    }
}

fn edit(desk: &mut Desk, here: bool, change: impl FnOnce(&mut Desk)) -> Option<Event> {
    if here {
        change(desk);
    }
    None
}

fn charge(desk: &mut Desk, turn: &SessionTurn<'_>) -> Option<Event> {
    let Some(amount) = desk.amount.money() else {
        desk.told = Some(Cause::AmountMissing);
        return None;
    };
    request(desk, turn, amount)
}

/// Returns the amount of a sale on the screen that ended without money.
fn unpaid_amount(state: &State) -> Option<Money> {
    let sale = state.foreground_sale()?;
    let Phase::Closed { outcome, .. } = &sale.phase else {
        return None;
    };
    match outcome {
        Outcome::Declined { .. } | Outcome::NotSent | Outcome::Revoked => Some(sale.intent.amount),
        Outcome::Paid(_) => None,
    }
}

fn request(desk: &mut Desk, turn: &SessionTurn<'_>, amount: Money) -> Option<Event> {
    if amount.minor() > turn.policy.amount_max.minor() {
        desk.told = Some(Cause::AmountTooLarge);
        return None;
    }
    if turn.state.sales.len() >= limits::OPEN_SALES {
        desk.told = Some(Cause::TooManyOpen);
        return None;
    }
    Some(Event::SaleRequested {
        txn: turn.fresh_txn,
        amount,
        operator: turn.operator.clone(),
    })
}

fn send_code(desk: &mut Desk, turn: &SessionTurn<'_>) -> Option<Event> {
    let typed = desk.code.take();
    let found = recognise(&typed, turn.table);
    presented(desk, turn.state, found, EntryMode::Manual)
}

fn language_or_theme(desk: &mut Desk, intent: Intent) {
    if let Intent::SetLanguage(language) = intent {
        desk.language = language;
    }
    if let Intent::SetTheme(theme) = intent {
        desk.theme = theme;
    }
}
