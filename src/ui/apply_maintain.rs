//! The page of maintenance: its state to properties, its presses to [`Intent`]s. Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::notice;
use crate::view::{Intent, MaintainWish, MaintenancePage, ResetStage, Tap};

/// Connects its callbacks.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let adapter = app.global::<ui::MaintenanceAdapter<'_>>();
    adapter.on_show(sender.on(Intent::Maintain(MaintainWish::Show)));
    adapter.on_reset(sender.on(Intent::Maintain(MaintainWish::Reset)));
    adapter.on_reset_now(sender.on(Intent::Maintain(MaintainWish::ResetNow)));
    adapter.on_back(sender.on(Intent::Back));
}

pub(super) fn maintenance(app: &ui::App, page: &MaintenancePage) -> ui::PageId {
    let adapter = app.global::<ui::MaintenanceAdapter<'_>>();
    adapter.set_can_update(page.can_update);
    adapter.set_can_tell(page.can_tell);
    adapter.set_can_network(page.can_network);
    adapter.set_can_reset(page.reset.is_some());
    adapter.set_approved(page.reset == Some(ResetStage::Approved));
    adapter.set_leaving(page.reset == Some(ResetStage::Leaving));
    adapter.set_slips(i32::try_from(page.slips).unwrap_or(i32::MAX));
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Maintenance
}
