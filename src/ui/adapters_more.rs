//! Callbacks of the pages beside the plain sale to [`Intent`]s. See `adapters`. Decides nothing.

use shouyin_ui as ui;
use slint::{ComponentHandle, SharedString};

use super::adapters::Sender;
use super::apply_more::wallet;
use crate::domain::TxnId;
use crate::view::{Intent, Tap};

/// Connects every callback of every adapter of these pages.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    before_a_sale(app, sender);
    records(app, sender);
    undo(app, sender);
}

/// A callback with the `txn` of a row.
fn on_row<F: Fn(Tap) + 'static>(
    sender: &Sender<F>,
    intent: fn(TxnId) -> Intent,
) -> impl FnMut(SharedString) + 'static {
    let sender = sender.clone();
    move |txn| match TxnId::from_hex(&txn) {
        Ok(txn) => sender.send(intent(txn)),
        Err(error) => tracing::error!(%error, "a row without its sale"),
    }
}

fn before_a_sale<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let ways = app.global::<ui::WaysAdapter<'_>>();
    let taps = sender.clone();
    ways.on_show_code(move |id| taps.send(Intent::ShowCode(wallet(id))));
    ways.on_open_instalments(sender.on(Intent::OpenInstalments));
    let taps = sender.clone();
    ways.on_choose_hold(move |hold| taps.send(Intent::ChooseHold(hold)));
    let code = app.global::<ui::CodeAdapter<'_>>();
    code.on_cancel(sender.on(Intent::Cancel));
    let taps = sender.clone();
    app.global::<ui::InstalmentsAdapter<'_>>()
        .on_choose(move |place| taps.send(Intent::ChoosePlan(usize::try_from(place).ok())));
    let confirm = app.global::<ui::ConfirmAdapter<'_>>();
    confirm.on_confirm(sender.on(Intent::Confirm));
    confirm.on_back(sender.on(Intent::Back));
}

fn records<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let records = app.global::<ui::RecordsAdapter<'_>>();
    records.on_show(sender.on(Intent::ShowRecords));
    records.on_load_more(sender.on(Intent::MoreRecords));
    records.on_open(on_row(sender, Intent::OpenRecord));
    records.on_back(sender.on(Intent::Back));
    let record = app.global::<ui::RecordAdapter<'_>>();
    record.on_query(on_row(sender, Intent::QueryPending));
    record.on_undo(sender.on(Intent::Undo));
    record.on_complete(sender.on(Intent::Complete));
    record.on_change_way(sender.on(Intent::ChangeWay));
    record.on_print(sender.on(Intent::PrintSlips));
    record.on_back(sender.on(Intent::Back));
}

fn undo<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let undo = app.global::<ui::UndoAdapter<'_>>();
    undo.on_digit(sender.on_digit(Intent::Digit));
    undo.on_double_zero(sender.on(Intent::DoubleZero));
    undo.on_dot(sender.on(Intent::Dot));
    undo.on_backspace(sender.on(Intent::Backspace));
    undo.on_whole(sender.on(Intent::UndoWhole));
    undo.on_send(sender.on(Intent::UndoSend));
    undo.on_back(sender.on(Intent::Back));
    let approve = app.global::<ui::ApproveAdapter<'_>>();
    approve.on_digit(sender.on_digit(Intent::PinDigit));
    approve.on_backspace(sender.on(Intent::PinBackspace));
    approve.on_send(sender.on(Intent::PinSend));
    approve.on_back(sender.on(Intent::Back));
    let undoing = app.global::<ui::UndoingAdapter<'_>>();
    undoing.on_query(sender.on(Intent::QueryNow));
    undoing.on_park(sender.on(Intent::NextSale));
    undoing.on_dismiss(sender.on(Intent::Dismiss));
}
