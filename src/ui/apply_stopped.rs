//! The pages of a terminal that does not start, and of a report for the hotline: their state to properties, their
//! presses to [`Intent`]s. Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::{notice, text};
use crate::view::{Intent, MaintainWish, StoppedPage, StoppedWish, SupportPage, SupportStage, Tap};

/// Connects their callbacks.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let adapter = app.global::<ui::OutOfServiceAdapter<'_>>();
    adapter.on_retry(sender.on(Intent::Stopped(StoppedWish::Retry)));
    adapter.on_network(sender.on(Intent::Stopped(StoppedWish::Network)));
    adapter.on_logs(sender.on(Intent::Stopped(StoppedWish::Logs)));
    adapter.on_back(sender.on(Intent::Stopped(StoppedWish::Back)));
    adapter.on_back_by_hold(sender.on(Intent::Stopped(StoppedWish::BackHeld)));
    let support = app.global::<ui::SupportAdapter<'_>>();
    support.on_show(sender.on(Intent::Maintain(MaintainWish::Logs)));
    support.on_send(sender.on(Intent::Maintain(MaintainWish::SendLogs)));
    support.on_back(sender.on(Intent::Back));
}

pub(super) fn stopped(app: &ui::App, page: &StoppedPage) -> ui::PageId {
    let adapter = app.global::<ui::OutOfServiceAdapter<'_>>();
    let tools = page.tools.unwrap_or_default();
    let back = tools.back.map_or(0, |back| back.version);
    adapter.set_notice(notice(Some(&page.notice)));
    adapter.set_tools(page.tools.is_some());
    adapter.set_can_network(tools.network);
    adapter.set_back_to(i32::try_from(back).unwrap_or(i32::MAX));
    adapter.set_back_held(tools.back.is_some_and(|back| back.held));
    adapter.set_leaving(tools.leaving);
    adapter.set_told(notice(page.told.as_ref()));
    ui::PageId::OutOfService
}

pub(super) fn support(app: &ui::App, page: &SupportPage) -> ui::PageId {
    let adapter = app.global::<ui::SupportAdapter<'_>>();
    adapter.set_stage(match page.stage {
        SupportStage::Collecting => ui::SupportStageId::Collecting,
        SupportStage::Ready => ui::SupportStageId::Ready,
        SupportStage::Sending => ui::SupportStageId::Sending,
    });
    adapter.set_code(text(&page.code));
    adapter.set_can_send(page.can_send);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Support
}
