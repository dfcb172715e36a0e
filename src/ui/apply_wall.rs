//! The pages around codes that are not part of a sale, to properties and back to intents. See `apply` and `adapters`.
//!
//! Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::{aim, count, notice, text};
use crate::view::pages::{LookPage, ReceiptPage, VerdictPage, WallPage, Whose};
use crate::view::{Intent, Look, Tap};

pub(super) fn look(app: &ui::App, page: &LookPage) -> ui::PageId {
    let adapter = app.global::<ui::LookAdapter<'_>>();
    adapter.set_wall(page.look == Look::Wall);
    adapter.set_hint(aim(page.hint));
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Look
}

pub(super) fn verdict(app: &ui::App, page: &VerdictPage) -> ui::PageId {
    let adapter = app.global::<ui::LookAdapter<'_>>();
    adapter.set_whose(match page.whose {
        Whose::Ours => ui::WhoseId::Ours,
        Whose::Stranger => ui::WhoseId::Stranger,
        Whose::Altered => ui::WhoseId::Altered,
    });
    adapter.set_name(text(&page.name));
    adapter.set_city(text(&page.city));
    adapter.set_host(text(&page.host));
    ui::PageId::Verdict
}

pub(super) fn wall(app: &ui::App, page: &WallPage) -> ui::PageId {
    let adapter = app.global::<ui::WallAdapter<'_>>();
    adapter.set_text(text(&page.text));
    adapter.set_merchant(text(&page.merchant));
    adapter.set_place(count(page.place));
    adapter.set_count(count(page.count));
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Wall
}

pub(super) fn receipt(app: &ui::App, page: &ReceiptPage) -> ui::PageId {
    let adapter = app.global::<ui::ReceiptAdapter<'_>>();
    adapter.set_text(text(&page.text));
    ui::PageId::Receipt
}

/// Connects every callback of these pages.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let records = app.global::<ui::RecordsAdapter<'_>>();
    records.on_scan_slip(sender.on(Intent::ScanSlip));
    records.on_show_wall(sender.on(Intent::ShowWall));
    let look = app.global::<ui::LookAdapter<'_>>();
    look.on_again(sender.on(Intent::LookAgain));
    look.on_back(sender.on(Intent::Back));
    let wall = app.global::<ui::WallAdapter<'_>>();
    wall.on_next(sender.on(Intent::NextWall));
    wall.on_print(sender.on(Intent::PrintWall));
    wall.on_check(sender.on(Intent::CheckWall));
    wall.on_back(sender.on(Intent::Back));
    let receipt = app.global::<ui::ReceiptAdapter<'_>>();
    receipt.on_show(sender.on(Intent::ShowReceipt));
    receipt.on_back(sender.on(Intent::Back));
}
