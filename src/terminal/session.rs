//! What a tap means: an edit of the desk, an event for the core, or something to read first. Pure.
//!
//! Owns which intents count on which page. A tap that means nothing here changes nothing. The guards of the profile
//! are asked here, before the camera opens.

mod back;
mod balance;
mod batches;
mod browse;
mod maintain;
mod network;
mod receipt;
mod updates;

pub(super) use batches::BatchAct;
pub(super) use browse::{Browsed, shows_dates};
pub(super) use maintain::ResetAct;
pub(super) use updates::UpdateAct;

use zeroize::Zeroizing;

use crate::code::{CodeTable, Recognised, recognise};
use crate::domain::{Channel, EntryMode, Money, OperatorNo, Timestamp, TxnId};
use crate::limits;
use crate::payment::{Event, Instalments, Outcome, Phase, Policy, Presentment, Purpose, State};
use crate::profile::Profile;
use crate::profile::guard::{self, Confirm, Usage, Verdict};
use crate::view::{
    AmountEntry, Approves, Cause, Desk, DeskPage, Intent, Look, NetworkPress, Records, Wall,
    can_hold, format, plans,
};

/// What the session needs of the turn.
pub(super) struct SessionTurn<'a> {
    pub state: &'a State,
    pub policy: &'a Policy,
    pub profile: &'a Profile,
    pub usage: &'a Usage,
    pub records: &'a Records,
    pub wall: &'a Wall,
    pub sandbox: bool,
    pub table: &'a CodeTable,
    pub operator: &'a OperatorNo,
    pub fresh_txn: TxnId,
    pub now: Timestamp,
}

/// What a tap asks of the driver.
pub(super) enum Act {
    /// Nothing more.
    None,
    /// Tell the core.
    Feed(Event),
    /// Read for a page that finds records.
    Browse(Browsed),
    /// Read one sale.
    Record(TxnId),
    /// Read batches, or print a slip of one.
    Batch(BatchAct),
    /// Look for an update, install one, or go back.
    Update(UpdateAct),
    /// Look at the network, or set it.
    Network(NetworkPress),
    /// Ask for a reset to the factory state, or follow it.
    Reset(ResetAct),
    /// Make a report for the hotline, or send it.
    Support(super::SupportAsk),
    /// Check the PIN, then do what it was asked for.
    Approve(Zeroizing<String>),
    /// Send the money back: so much needs no PIN.
    SendBack,
    /// Print the wall code that is shown.
    Print,
    /// Print the slips of a sale once more.
    PrintSlips(TxnId),
}

/// Takes a tap.
pub(super) fn tap(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    if desk.out_of_service.is_some() {
        language_or_theme(desk, intent);
        return Act::None;
    }
    // Gone with a touch is only what was seen.
    if is_free(turn.state) && desk.page == DeskPage::Till && desk.told.is_none() {
        desk.late = None;
    }
    desk.told = None;
    match &turn.state.balance {
        Some(own) => balance::under_way(desk, turn, own, intent),
        None => wish(desk, turn, intent),
    }
}

fn wish(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    match intent {
        Intent::SetLanguage(_) | Intent::SetTheme(_) => language_or_theme(desk, intent),
        Intent::QueryNow
        | Intent::StopWaiting
        | Intent::NextSale
        | Intent::Dismiss
        | Intent::ChargeAgain
        | Intent::QueryPending(_) => with_sale(desk, turn, intent),
        Intent::Back => go_back(desk),
        Intent::Digit(_) | Intent::DoubleZero | Intent::Dot | Intent::Backspace | Intent::Clear => {
            type_amount(desk, turn, intent)
        }
        Intent::Charge | Intent::Confirm | Intent::ShowPending | Intent::OpenRecord(_) => {
            at_till(desk, turn, intent)
        }
        Intent::ShowRecords
        | Intent::MoreRecords
        | Intent::NewestRecords
        | Intent::ShowFilter
        | Intent::ChooseField(_)
        | Intent::Choose(_)
        | Intent::ResetFilter
        | Intent::TypeNumber
        | Intent::NumberDigit(_)
        | Intent::NumberDot
        | Intent::NumberBackspace
        | Intent::NumberSend
        | Intent::ShowStatistics
        | Intent::StatisticsSpan(_)
        | Intent::StatisticsBy(_)
        | Intent::StatisticsStep { .. }
        | Intent::ShowStory
        | Intent::Verify => browse::tap(desk, turn, intent),
        Intent::Cancel
        | Intent::TypeCode
        | Intent::CodeDigit(_)
        | Intent::CodeBackspace
        | Intent::CodeSend
        | Intent::ShowCode(_)
        | Intent::OpenInstalments
        | Intent::ChooseHold(_)
        | Intent::ChoosePlan(_) => with_draft(desk, turn, intent),
        Intent::PrintSlips => print_slips(desk, turn),
        Intent::ShowReceipt => receipt::open(desk, turn),
        Intent::ScanSlip
        | Intent::ShowWall
        | Intent::NextWall
        | Intent::PrintWall
        | Intent::CheckWall
        | Intent::LookAgain => look(desk, turn, intent),
        Intent::ShowBalance => balance::ask(desk, turn),
        Intent::ShowSettlement
        | Intent::Settle
        | Intent::ShowBatches
        | Intent::MoreBatches
        | Intent::OpenBatch(_)
        | Intent::PrintBatch(_)
        | Intent::ExportBatch => batches::tap(desk, turn, intent),
        Intent::Update(_) | Intent::Network(_) | Intent::Maintain(_) | Intent::Stopped(_) => {
            maintain::of_terminal(desk, intent)
        }
        Intent::PinDigit(_)
        | Intent::PinBackspace
        | Intent::PinSend
        | Intent::Undo
        | Intent::Complete
        | Intent::ChangeWay
        | Intent::UndoWhole
        | Intent::UndoSend => back::tap(desk, turn, intent),
    }
}

fn go_back(desk: &mut Desk) -> Act {
    let from = desk.page;
    back(desk);
    browse::after_filter(from, desk)
}

/// Wishes about a sale that is under way, or has just ended.
fn with_sale(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    let state = turn.state;
    match (intent, state.foreground) {
        (Intent::QueryNow, Some(txn)) => Act::Feed(Event::QueryRequested { txn }),
        (Intent::StopWaiting, foreground) => {
            let open = foreground.is_some() || state.draft.is_some();
            feed(open.then_some(Event::CancelRequested))
        }
        (Intent::NextSale, _) => Act::Feed(Event::ParkRequested),
        (Intent::Dismiss, _) => Act::Feed(Event::ResultDismissed),
        (Intent::ChargeAgain, _) => charge_again(desk, turn),
        (Intent::QueryPending(txn), _) => Act::Feed(Event::QueryRequested {
            txn: back::open_part(state, txn),
        }),
        _ => Act::None,
    }
}

fn charge_again(desk: &mut Desk, turn: &SessionTurn<'_>) -> Act {
    let Some(amount) = unpaid_amount(turn.state) else {
        return Act::None;
    };
    desk.amount = AmountEntry::of(amount);
    // It was confirmed for the sale that failed.
    desk.confirmed = guard::Confirmed {
        large_amount: true,
        same_as_last: true,
    };
    charge(desk, turn)
}

fn feed(event: Option<Event>) -> Act {
    event.map_or(Act::None, Act::Feed)
}

/// One page up: from a PIN to the amount, from there to the sale, from there to the list.
fn back(desk: &mut Desk) {
    desk.code.take();
    desk.pin.take();
    desk.verdict = None;
    desk.page = match desk.page {
        DeskPage::Record | DeskPage::Wall | DeskPage::Settlement | DeskPage::Maintenance => {
            DeskPage::Records
        }
        DeskPage::Update | DeskPage::Support => DeskPage::Maintenance,
        DeskPage::Network => network::back(desk),
        DeskPage::Batches => DeskPage::Settlement,
        DeskPage::Batch => desk.batch_from,
        DeskPage::Look => desk.look_from,
        DeskPage::Receipt => receipt::leave(desk),
        DeskPage::Undo => DeskPage::Record,
        DeskPage::Approve => match desk.approves {
            Approves::Undo => DeskPage::Undo,
            Approves::Settlement => DeskPage::Settlement,
            Approves::Update | Approves::UpdateBack => DeskPage::Update,
            Approves::Network => DeskPage::Network,
            Approves::Reset => DeskPage::Maintenance,
        },
        DeskPage::Filter
        | DeskPage::Choose
        | DeskPage::Number
        | DeskPage::Statistics
        | DeskPage::Story
        | DeskPage::Verify => browse::up(desk),
        DeskPage::Till
        | DeskPage::Manual
        | DeskPage::Pending
        | DeskPage::Instalments
        | DeskPage::Confirm
        | DeskPage::Records => DeskPage::Till,
    };
    if matches!(desk.page, DeskPage::Record | DeskPage::Records) {
        desk.amount = AmountEntry::default();
        desk.change_way = false;
        desk.completing = false;
    }
}

pub(super) fn is_free(state: &State) -> bool {
    state.draft.is_none() && state.foreground.is_none() && state.balance.is_none()
}

fn type_amount(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    let here = matches!(desk.page, DeskPage::Till | DeskPage::Undo) && !desk.change_way;
    if !here || !is_free(turn.state) {
        return Act::None;
    }
    desk.confirmed = guard::Confirmed::default();
    let amount = &mut desk.amount;
    if let Intent::Digit(digit) = intent {
        amount.digit(digit);
    } else if intent == Intent::DoubleZero {
        amount.digit(0);
        amount.digit(0);
    } else if intent == Intent::Dot {
        amount.dot();
    } else if intent == Intent::Backspace {
        amount.backspace();
    } else {
        *amount = AmountEntry::default();
    }
    Act::None
}

fn at_till(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    if !is_free(turn.state) {
        return Act::None;
    }
    match (intent, desk.page) {
        (Intent::Charge, DeskPage::Till) => charge(desk, turn),
        (Intent::Confirm, DeskPage::Confirm) => {
            match desk.confirm.take() {
                Some(Cause::LargeAmount) => desk.confirmed.large_amount = true,
                Some(Cause::SameAsLast) => desk.confirmed.same_as_last = true,
                Some(_) | None => {}
            }
            desk.page = DeskPage::Till;
            charge(desk, turn)
        }
        (Intent::ShowPending, _) => {
            desk.page = DeskPage::Pending;
            Act::None
        }
        // The last sales of the keypad open the same page: one touch to the state of the previous payment.
        (Intent::OpenRecord(txn), DeskPage::Records | DeskPage::Till) => {
            desk.amount = AmountEntry::default();
            desk.page = DeskPage::Record;
            Act::Record(txn)
        }
        _ => Act::None,
    }
}

/// The pages around codes that are not part of a sale.
fn look(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    if !is_free(turn.state) {
        return Act::None;
    }
    let may = turn.wall.may(turn.profile);
    match (intent, desk.page) {
        (Intent::ScanSlip, DeskPage::Records) => open_look(desk, Look::Slip),
        (Intent::ShowWall, DeskPage::Records) if may.show => {
            desk.wall_place = 0;
            desk.page = DeskPage::Wall;
        }
        (Intent::ShowWall, DeskPage::Records) if may.check => open_look(desk, Look::Wall),
        (Intent::CheckWall, DeskPage::Wall) if may.check => open_look(desk, Look::Wall),
        (Intent::NextWall, DeskPage::Wall) => {
            let count = turn.wall.own.texts.len().max(1);
            desk.wall_place = (desk.wall_place + 1) % count;
        }
        (Intent::PrintWall, DeskPage::Wall) => return Act::Print,
        (Intent::LookAgain, DeskPage::Look) => desk.verdict = None,
        _ => {}
    }
    Act::None
}

/// The sale on the record page, or the paid one on the screen.
fn print_slips(desk: &Desk, turn: &SessionTurn<'_>) -> Act {
    if !desk.printer.can_print() {
        return Act::None;
    }
    let shown = match turn.state.foreground_sale() {
        Some(sale) => {
            let paid = matches!(
                &sale.phase,
                Phase::Closed {
                    outcome: Outcome::Paid(_),
                    ..
                }
            );
            paid.then_some(sale.intent.txn)
        }
        None if is_free(turn.state) && desk.page == DeskPage::Record => {
            let record = turn.records.record.as_ref();
            record.and_then(|record| record.paid.as_ref().map(|paid| paid.intent.txn))
        }
        None => None,
    };
    shown.map_or(Act::None, Act::PrintSlips)
}

fn open_look(desk: &mut Desk, look: Look) {
    desk.look = look;
    desk.look_from = desk.page;
    desk.verdict = None;
    desk.page = DeskPage::Look;
}

fn charge(desk: &mut Desk, turn: &SessionTurn<'_>) -> Act {
    let Some(amount) = desk.amount.money() else {
        desk.told = Some(Cause::AmountMissing);
        return Act::None;
    };
    if turn.state.open_count() >= limits::OPEN_SALES {
        desk.told = Some(Cause::TooManyOpen);
        return Act::None;
    }
    if !turn.state.numbers.has_room() {
        desk.told = Some(Cause::NumbersUsedUp);
        return Act::None;
    }
    let ask = guard::Ask {
        amount,
        entry: EntryMode::CustomerCode,
        channel: None,
        confirmed: desk.confirmed,
    };
    match guard::check(&turn.profile.limits, turn.usage, ask) {
        Verdict::Allowed => {}
        Verdict::Refused(refusal) => {
            let left = format::amount(refusal.remaining);
            desk.told = Some(Cause::Limit(refusal.kind, left));
            return Act::None;
        }
        Verdict::Confirm(confirm) => {
            desk.confirm = Some(match confirm {
                Confirm::LargeAmount { .. } => Cause::LargeAmount,
                Confirm::SameAsLast { .. } => Cause::SameAsLast,
            });
            desk.page = DeskPage::Confirm;
            return Act::None;
        }
    }
    if amount.minor() > turn.policy.amount_max.minor() {
        desk.told = Some(Cause::AmountTooLarge);
        return Act::None;
    }
    desk.confirmed = guard::Confirmed::default();
    desk.amount.offer();
    Act::Feed(Event::SaleRequested {
        txn: turn.fresh_txn,
        amount,
        operator: turn.operator.clone(),
    })
}

fn with_draft(desk: &mut Desk, turn: &SessionTurn<'_>, intent: Intent) -> Act {
    let Some(draft) = &turn.state.draft else {
        desk.page = DeskPage::Till;
        desk.code.take();
        return Act::None;
    };
    match (intent, desk.page) {
        (Intent::Cancel, _) => {
            desk.page = DeskPage::Till;
            desk.code.take();
            Act::Feed(Event::CancelRequested)
        }
        (Intent::TypeCode, _) => {
            desk.page = DeskPage::Manual;
            Act::None
        }
        (Intent::CodeDigit(digit), DeskPage::Manual) => {
            desk.code.digit(digit);
            Act::None
        }
        (Intent::CodeBackspace, DeskPage::Manual) => {
            desk.code.backspace();
            Act::None
        }
        (Intent::CodeSend, DeskPage::Manual) => feed(send_code(desk, turn)),
        (Intent::ShowCode(channel), _) => show_code(desk, turn, channel),
        (Intent::OpenInstalments, _) => {
            if !plans(turn.profile, draft.amount).is_empty() {
                desk.page = DeskPage::Instalments;
            }
            Act::None
        }
        (Intent::ChooseHold(hold), _) if can_hold(turn.policy, turn.profile) => {
            desk.page = DeskPage::Till;
            desk.code.take();
            let txn = turn.fresh_txn;
            Act::Feed(Event::HoldChosen { txn, hold })
        }
        (Intent::ChoosePlan(place), DeskPage::Instalments) => {
            desk.page = DeskPage::Till;
            let rows = plans(turn.profile, draft.amount);
            let plan = place
                .and_then(|place| rows.get(place))
                .map(|row| Instalments {
                    count: row.count,
                    merchant_pays: row.merchant_pays,
                });
            Act::Feed(Event::InstalmentsChosen(plan))
        }
        _ => Act::None,
    }
}

fn show_code(desk: &mut Desk, turn: &SessionTurn<'_>, channel: Channel) -> Act {
    let Some(draft) = &turn.state.draft else {
        return Act::None;
    };
    if draft.instalments.is_some() {
        return Act::None;
    }
    let ask = guard::Ask {
        amount: draft.amount,
        entry: if channel == Channel::Unknown {
            EntryMode::CashierCode
        } else {
            EntryMode::MerchantCode
        },
        channel: (channel != Channel::Unknown).then_some(channel),
        confirmed: guard::Confirmed {
            large_amount: true,
            same_as_last: true,
        },
    };
    if let Verdict::Refused(refusal) = guard::check(&turn.profile.limits, turn.usage, ask) {
        desk.told = Some(Cause::Limit(
            refusal.kind,
            format::amount(refusal.remaining),
        ));
        return Act::None;
    }
    Act::Feed(Event::MerchantCodeRequested {
        txn: turn.fresh_txn,
        channel,
    })
}

/// Takes what the scanner or the keys brought while a code is waited for.
pub(super) fn presented(
    desk: &mut Desk,
    turn: &SessionTurn<'_>,
    found: Recognised,
    entry: Presentment,
) -> Option<Event> {
    let draft = turn.state.draft.as_ref()?;
    match found {
        Recognised::Payment(code) => {
            let ask = guard::Ask {
                amount: draft.amount,
                entry: EntryMode::CustomerCode,
                channel: (code.channel() != Channel::Unknown).then_some(code.channel()),
                confirmed: guard::Confirmed {
                    large_amount: true,
                    same_as_last: true,
                },
            };
            if let Verdict::Refused(refusal) = guard::check(&turn.profile.limits, turn.usage, ask) {
                let left = format::amount(refusal.remaining);
                desk.told = Some(Cause::Limit(refusal.kind, left));
                return None;
            }
            let plans = turn.profile.instalments.as_ref();
            if draft.instalments.is_some()
                && plans.is_none_or(|plans| plans.channel != code.channel())
            {
                desk.told = Some(Cause::PlanWallet);
                return None;
            }
            desk.told = None;
            Some(Event::CodePresented { code, entry })
        }
        Recognised::Wrong(wrong) => {
            desk.told = Some(Cause::WrongCode(wrong));
            None
        }
    }
}

/// Checks a card that was read for the draft against the shop's limits, and tells when it is refused.
pub(super) fn card_allowed(desk: &mut Desk, turn: &SessionTurn<'_>) -> bool {
    let Some(draft) = &turn.state.draft else {
        return false;
    };
    let ask = guard::Ask {
        amount: draft.amount,
        entry: EntryMode::Card,
        channel: Some(Channel::BankCard),
        confirmed: guard::Confirmed {
            large_amount: true,
            same_as_last: true,
        },
    };
    let verdict = guard::check(&turn.profile.limits, turn.usage, ask);
    if let Verdict::Refused(refusal) = verdict {
        desk.told = Some(Cause::Limit(
            refusal.kind,
            format::amount(refusal.remaining),
        ));
        return false;
    }
    desk.told = None;
    true
}

/// Returns the amount of a sale on the screen that ended without money.
fn unpaid_amount(state: &State) -> Option<Money> {
    let sale = state.foreground_sale()?;
    // A hold that failed is not tried again as a sale.
    if sale.intent.purpose != Purpose::Sale {
        return None;
    }
    let Phase::Closed { outcome, .. } = &sale.phase else {
        return None;
    };
    match outcome {
        Outcome::Declined { .. } | Outcome::NotSent | Outcome::Revoked => Some(sale.intent.amount),
        Outcome::Paid(_) => None,
    }
}

fn send_code(desk: &mut Desk, turn: &SessionTurn<'_>) -> Option<Event> {
    let typed = desk.code.take();
    let found = recognise(&typed, turn.table);
    presented(desk, turn, found, Presentment::Manual)
}

fn language_or_theme(desk: &mut Desk, intent: Intent) -> Act {
    if let Intent::SetLanguage(language) = intent {
        desk.language = language;
    }
    if let Intent::SetTheme(theme) = intent {
        desk.theme = theme;
    }
    Act::None
}
