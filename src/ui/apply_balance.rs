//! The page of 余额查询: its state to properties, its presses to [`Intent`]s. Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::{card, notice, text};
use crate::view::{BalancePage, BalanceStage, Intent, Tap};

/// Connects its callbacks.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let adapter = app.global::<ui::BalanceAdapter<'_>>();
    adapter.on_show(sender.on(Intent::ShowBalance));
    adapter.on_close(sender.on(Intent::Back));
}

pub(super) fn balance(app: &ui::App, page: &BalancePage) -> ui::PageId {
    let adapter = app.global::<ui::BalanceAdapter<'_>>();
    // What another customer has is not kept behind the page.
    adapter.set_amount(text(""));
    let (stage, hint, told) = match &page.stage {
        BalanceStage::Card(hint) => (ui::BalanceId::Card, *hint, None),
        BalanceStage::Asking => (ui::BalanceId::Asking, None, None),
        BalanceStage::Told {
            amount,
            owed,
            left_s,
        } => {
            adapter.set_amount(text(amount.words()));
            adapter.set_owed(*owed);
            adapter.set_left(i32::try_from(*left_s).unwrap_or(i32::MAX));
            (ui::BalanceId::Told, None, None)
        }
        BalanceStage::None(told) => (ui::BalanceId::None, None, Some(told)),
    };
    adapter.set_stage(stage);
    adapter.set_card(card(hint));
    adapter.set_notice(notice(told));
    ui::PageId::Balance
}
