//! Taps about 余额查询: asking, giving up, and what may be touched while a balance is on the screen.
//!
//! Owns which of them count. Decides nothing: the core asks again whether a question may begin.

use super::{Act, SessionTurn, language_or_theme};
use crate::payment::{Balance, BalanceStep, Event, may_ask_balance};
use crate::view::{Cause, Desk, DeskPage, HoldNote, Intent, can_ask_balance};

/// 余额查询 on the page of records.
pub(super) fn ask(desk: &mut Desk, turn: &SessionTurn<'_>) -> Act {
    if desk.page != DeskPage::Records || !can_ask_balance(turn.policy, turn.profile) {
        return Act::None;
    }
    if !turn.state.numbers.has_room() {
        desk.told = Some(Cause::NumbersUsedUp);
    } else if !may_ask_balance(turn.state, turn.policy) {
        desk.told = Some(Cause::Hold(HoldNote::MustWait));
    } else {
        return begin(turn);
    }
    // The page of records tells nothing.
    desk.page = DeskPage::Till;
    Act::None
}

fn begin(turn: &SessionTurn<'_>) -> Act {
    Act::Feed(Event::BalanceRequested {
        txn: turn.fresh_txn,
        operator: turn.operator.clone(),
    })
}

/// Nothing else is at the till while one is under way.
pub(super) fn under_way(
    desk: &mut Desk,
    turn: &SessionTurn<'_>,
    own: &Balance,
    intent: Intent,
) -> Act {
    let over = matches!(own.step, BalanceStep::Ended { .. });
    if intent == Intent::ShowBalance && over {
        return begin(turn);
    }
    if matches!(intent, Intent::Back | Intent::Cancel | Intent::Dismiss) {
        return Act::Feed(Event::CancelRequested);
    }
    language_or_theme(desk, intent);
    Act::None
}
