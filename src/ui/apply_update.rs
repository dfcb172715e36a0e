//! The page of updates: its state to properties, its presses to [`Intent`]s. Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::{notice, text};
use crate::view::{Intent, Tap, UpdatePage, UpdateStage, UpdateWish};

/// Connects its callbacks.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let adapter = app.global::<ui::UpdateAdapter<'_>>();
    adapter.on_show(sender.on(Intent::Update(UpdateWish::Show)));
    adapter.on_look(sender.on(Intent::Update(UpdateWish::Look)));
    adapter.on_install(sender.on(Intent::Update(UpdateWish::Install)));
    adapter.on_go_back(sender.on(Intent::Update(UpdateWish::Back)));
    adapter.on_back(sender.on(Intent::Back));
}

pub(super) fn update(app: &ui::App, page: &UpdatePage) -> ui::PageId {
    let adapter = app.global::<ui::UpdateAdapter<'_>>();
    adapter.set_running(number(page.running));
    adapter.set_offered(number(page.offered));
    adapter.set_notes(text(&page.notes));
    adapter.set_tried(page.tried);
    adapter.set_window(text(&page.window));
    adapter.set_can_install(page.can_install);
    adapter.set_despite(page.despite);
    adapter.set_can_look(page.can_look);
    adapter.set_back_to(number(page.back));
    adapter.set_notice(notice(page.notice.as_ref()));
    adapter.set_stage(match page.stage {
        UpdateStage::Idle => ui::UpdateStageId::Idle,
        UpdateStage::Looking => ui::UpdateStageId::Looking,
        UpdateStage::Fetching { done, all } => {
            let percent = done.saturating_mul(100) / all.max(1);
            adapter.set_percent(i32::try_from(percent).unwrap_or(i32::MAX));
            adapter.set_mb(text(&all.div_ceil(1 << 20).to_string()));
            ui::UpdateStageId::Fetching
        }
        UpdateStage::Ready => ui::UpdateStageId::Ready,
        UpdateStage::Installing => ui::UpdateStageId::Installing,
        UpdateStage::Installed(_) => ui::UpdateStageId::Installed,
        UpdateStage::Restarting => ui::UpdateStageId::Restarting,
    });
    ui::PageId::Update
}

/// Versions begin at 1, so that 0 is none.
pub(super) fn number(version: Option<u32>) -> i32 {
    version.map_or(0, |version| i32::try_from(version).unwrap_or(i32::MAX))
}
