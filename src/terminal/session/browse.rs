//! Taps on the pages that find records: list, filter, search, statistics, the facts of a sale, the acquirer's view.
//!
//! Owns which of them count on which page. Reads nothing: the driver does, as [`Browsed`] says.

use super::{Act, SessionTurn, is_free};
use crate::domain::{LocalDay, TxnId};
use crate::view::{Browse, Choice, Desk, DeskPage, Field, Intent, Period, Typing};

/// What has to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::terminal) enum Browsed {
    /// The list from its beginning.
    List,
    /// The list on from its end.
    More,
    /// Who stood at the till.
    Operators,
    /// The records of a number.
    Number(String),
    /// The sums of the statistics.
    Statistics,
    /// The facts of a sale.
    Story(TxnId),
    /// The acquirer's word on a sale.
    Verify(TxnId),
}

pub(super) fn tap(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    if !is_free(turn.state) {
        return Act::None;
    }
    let today = LocalDay::of(turn.now);
    match (intent, desk.page) {
        (Intent::ShowRecords, _) => {
            desk.browse.reset();
            desk.page = DeskPage::Records;
            Act::Browse(Browsed::List)
        }
        (Intent::MoreRecords, DeskPage::Records) => Act::Browse(Browsed::More),
        (Intent::NewestRecords, DeskPage::Records) => {
            desk.browse.searched = None;
            Act::Browse(Browsed::List)
        }
        (Intent::ShowFilter, DeskPage::Records) => {
            desk.browse.searched = None;
            desk.page = DeskPage::Filter;
            Act::None
        }
        (Intent::ResetFilter, DeskPage::Filter) => {
            desk.browse.reset();
            Act::None
        }
        (Intent::ChooseField(field), DeskPage::Filter) => choose_field(desk, field),
        (Intent::Choose(place), DeskPage::Choose) => choose(desk, turn, place),
        (Intent::TypeNumber, DeskPage::Records) => {
            type_from(desk, Typing::Number, DeskPage::Records);
            Act::None
        }
        (Intent::NumberSend, DeskPage::Number) => send(desk),
        (Intent::ShowStatistics, DeskPage::Records) => {
            desk.browse.day = today;
            desk.page = DeskPage::Statistics;
            Act::Browse(Browsed::Statistics)
        }
        (
            Intent::StatisticsSpan(_) | Intent::StatisticsBy(_) | Intent::StatisticsStep { .. },
            DeskPage::Statistics,
        ) => statistics(&mut desk.browse, today, intent),
        (Intent::ShowStory, DeskPage::Record) => with_record(desk, turn, DeskPage::Story),
        (Intent::Verify, DeskPage::Record | DeskPage::Verify) => {
            with_record(desk, turn, DeskPage::Verify)
        }
        _ => {
            typed(desk, intent);
            Act::None
        }
    }
}

fn typed(desk: &mut Desk, intent: Intent) {
    if desk.page != DeskPage::Number {
        return;
    }
    if let Intent::NumberDigit(digit) = intent {
        desk.browse.digit(digit);
    } else if intent == Intent::NumberDot {
        desk.browse.dot();
    } else if intent == Intent::NumberBackspace {
        desk.browse.backspace();
    }
}

fn type_from(desk: &mut Desk, typing: Typing, from: DeskPage) {
    desk.browse.begin(typing, from);
    desk.page = DeskPage::Number;
}

fn choose_field(desk: &mut Desk, field: Field) -> Act {
    desk.browse.choosing = field;
    match field {
        Field::Amount => type_from(desk, Typing::Amount, DeskPage::Filter),
        Field::CardTail => type_from(desk, Typing::CardTail, DeskPage::Filter),
        Field::Operator => {
            desk.page = DeskPage::Choose;
            return Act::Browse(Browsed::Operators);
        }
        Field::Period | Field::Kind | Field::State | Field::Channel => {
            desk.page = DeskPage::Choose;
        }
    }
    Act::None
}

fn choose(desk: &mut Desk, turn: &SessionTurn<'_>, place: usize) -> Act {
    let choices = Browse::choices(desk.browse.choosing, &turn.records.operators);
    match choices.get(place) {
        Some(Choice::PickDay) => type_from(desk, Typing::Day, DeskPage::Choose),
        Some(choice) => {
            desk.browse.choose(choice);
            desk.page = DeskPage::Filter;
        }
        None => {}
    }
    Act::None
}

fn send(desk: &mut Desk) -> Act {
    if !desk.browse.can_send() {
        return Act::None;
    }
    if desk.browse.typing == Typing::Number {
        return Act::Browse(Browsed::Number(desk.browse.typed.clone()));
    }
    desk.browse.take_typed();
    desk.page = DeskPage::Filter;
    Act::None
}

fn statistics(browse: &mut Browse, today: LocalDay, intent: Intent) -> Act {
    if let Intent::StatisticsBy(by) = intent {
        browse.by = by;
        return Act::None;
    }
    if let Intent::StatisticsSpan(span) = intent {
        browse.span = span;
    } else if intent == (Intent::StatisticsStep { later: true }) {
        browse.day = browse.span.later(browse.day).min(today);
    } else {
        browse.day = browse.span.earlier(browse.day);
    }
    Act::Browse(Browsed::Statistics)
}

fn with_record(desk: &mut Desk, turn: &SessionTurn<'_>, page: DeskPage) -> Act {
    let Some(record) = &turn.records.record else {
        return Act::None;
    };
    let txn = record.row.txn;
    desk.page = page;
    Act::Browse(if page == DeskPage::Story {
        Browsed::Story(txn)
    } else {
        Browsed::Verify(txn)
    })
}

/// One page up.
pub(super) fn up(desk: &Desk) -> DeskPage {
    match desk.page {
        DeskPage::Choose => DeskPage::Filter,
        DeskPage::Number => desk.browse.typed_from,
        DeskPage::Story | DeskPage::Verify => DeskPage::Record,
        DeskPage::Filter | DeskPage::Statistics => DeskPage::Records,
        DeskPage::Till
        | DeskPage::Manual
        | DeskPage::Pending
        | DeskPage::Instalments
        | DeskPage::Confirm
        | DeskPage::Records
        | DeskPage::Record
        | DeskPage::Undo
        | DeskPage::Approve
        | DeskPage::Settlement
        | DeskPage::Batches
        | DeskPage::Batch
        | DeskPage::Wall
        | DeskPage::Update
        | DeskPage::Support
        | DeskPage::Network
        | DeskPage::Maintenance
        | DeskPage::Receipt
        | DeskPage::Look => DeskPage::Till,
    }
}

/// The list is read anew when its filter was changed.
pub(super) fn after_filter(from: DeskPage, desk: &Desk) -> Act {
    if from == DeskPage::Filter && desk.page == DeskPage::Records {
        Act::Browse(Browsed::List)
    } else {
        Act::None
    }
}

/// A day that is looked at outside today needs its date beside the time.
pub(in crate::terminal) fn shows_dates(browse: &Browse) -> bool {
    browse.searched.is_some() || browse.period != Period::Today
}
