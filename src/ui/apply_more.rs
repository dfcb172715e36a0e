//! The pages beside the plain sale to properties: one function per page. See `apply`.
//!
//! Draws our code; decides nothing and words nothing.

use std::cell::RefCell;
use std::rc::Rc;

use shouyin_ui as ui;
use slint::{
    ComponentHandle, Image, ModelRc, Rgba8Pixel, SharedPixelBuffer, SharedString, VecModel,
};

use super::apply::{channel, count, notice, row, seconds, text};
use super::apply_update::number;
use crate::domain::{Channel, Role};
use crate::view::Prompt;
use crate::view::pages::{
    Approval, ApprovePage, CodePage, ConfirmPage, FeeWord, InstalmentsPage, RecordPage, UndoKind,
    UndoLine, UndoPage, UndoStateView, UndoWaiting,
};
use crate::view::qr::{QrError, QrMatrix, QrPicture};

/// Puts `items` into a model.
pub(super) fn model<T: Clone + 'static>(items: Vec<T>) -> ModelRc<T> {
    ModelRc::from(Rc::new(VecModel::from(items)))
}

/// What the page with the open camera offers beside it.
pub(super) fn ways(app: &ui::App, page: &Prompt) {
    let adapter = app.global::<ui::WaysAdapter<'_>>();
    adapter.set_codes(model(page.codes.iter().copied().map(channel).collect()));
    adapter.set_can_instalments(page.can_instalments);
    adapter.set_can_hold(page.can_hold);
    adapter.set_hold(page.hold);
    let (months, merchant) = page.plan.unwrap_or((0, false));
    adapter.set_plan_count(i32::from(months));
    adapter.set_plan_merchant(merchant);
}

pub(super) fn code(app: &ui::App, page: &CodePage) -> ui::PageId {
    let adapter = app.global::<ui::CodeAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_text(text(page.text.as_deref().unwrap_or_default()));
    adapter.set_wallet(channel(page.wallet));
    adapter.set_remaining(seconds(page.remaining_s));
    adapter.set_life(seconds(page.life_s));
    adapter.set_customer_acts(page.customer_acts);
    adapter.set_voucher(text(&page.voucher));
    adapter.set_order_tail(text(&page.order_tail));
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Code
}

pub(super) fn instalments(app: &ui::App, page: &InstalmentsPage) -> ui::PageId {
    let adapter = app.global::<ui::InstalmentsAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_any_chosen(page.chosen.is_some());
    let plans = page.rows.iter().enumerate().map(|(place, plan)| {
        let chosen = page.chosen == Some(place);
        ui::PlanView {
            count: i32::from(plan.count),
            merchant_pays: plan.merchant_pays,
            first: text(&plan.first),
            each: text(&plan.each),
            customer_fee: text(&plan.customer_fee),
            merchant_fee: text(&plan.merchant_fee),
            chosen,
        }
    });
    adapter.set_rows(model(plans.collect()));
    ui::PageId::Instalments
}

pub(super) fn confirm(app: &ui::App, page: &ConfirmPage) -> ui::PageId {
    let adapter = app.global::<ui::ConfirmAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_notice(notice(Some(&page.notice)));
    ui::PageId::Confirm
}

pub(super) fn record(app: &ui::App, page: &RecordPage) -> ui::PageId {
    let adapter = app.global::<ui::RecordAdapter<'_>>();
    adapter.set_sale(row(&page.row));
    adapter.set_order_no(text(&page.order_no));
    adapter.set_trade_no(text(&page.trade_no));
    adapter.set_returned(text(&page.returned));
    adapter.set_undos(model(page.undos.iter().map(undo_line).collect()));
    adapter.set_can_query(page.can_query);
    adapter.set_can_verify(page.can_verify);
    adapter.set_can_undo(page.can_undo);
    adapter.set_hold(page.hold);
    adapter.set_can_complete(page.can_complete);
    adapter.set_can_change_way(page.can_change_way);
    adapter.set_can_print(page.can_print);
    adapter.set_can_receipt(page.can_receipt);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Record
}

fn undo_line(line: &UndoLine) -> ui::UndoLineView {
    ui::UndoLineView {
        kind: undo_kind(Some(line.kind)),
        amount: text(&line.amount),
        time: text(&line.time),
        voucher: text(&line.voucher),
        state: undo_state(line.state),
    }
}

pub(super) const fn undo_state(state: UndoStateView) -> ui::UndoStateId {
    match state {
        UndoStateView::Open => ui::UndoStateId::Open,
        UndoStateView::Done => ui::UndoStateId::Done,
        UndoStateView::Failed => ui::UndoStateId::Failed,
    }
}

pub(super) const fn undo_kind(kind: Option<UndoKind>) -> ui::UndoKindId {
    match kind {
        None => ui::UndoKindId::None,
        Some(UndoKind::Void) => ui::UndoKindId::Void,
        Some(UndoKind::Refund) => ui::UndoKindId::Refund,
    }
}

pub(super) fn undo(app: &ui::App, page: &UndoPage) -> ui::PageId {
    let adapter = app.global::<ui::UndoAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_left(text(&page.left));
    adapter.set_voucher(text(&page.voucher));
    adapter.set_channel(channel(page.channel));
    adapter.set_kind(undo_kind(page.kind));
    adapter.set_fee_returned(match page.fee {
        FeeWord::Returned => true,
        FeeWord::Kept => false,
    });
    adapter.set_partial(page.partial);
    adapter.set_change_way(page.change_way);
    adapter.set_hold(page.hold);
    adapter.set_completing(page.completing);
    adapter.set_can_send(page.can_send);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Undo
}

pub(super) fn approve(app: &ui::App, page: &ApprovePage) -> ui::PageId {
    let adapter = app.global::<ui::ApproveAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    let (kind, version, is_back) = match page.of {
        Approval::Undo(kind) => (Some(kind), None, false),
        Approval::Settlement | Approval::Network | Approval::Reset => (None, None, false),
        Approval::Update(version) => (None, Some(version), false),
        Approval::UpdateBack(version) => (None, Some(version), true),
    };
    adapter.set_kind(undo_kind(kind));
    adapter.set_settlement(page.of == Approval::Settlement);
    adapter.set_network(page.of == Approval::Network);
    adapter.set_reset(page.of == Approval::Reset);
    adapter.set_version(number(version));
    adapter.set_version_back(is_back);
    adapter.set_manager(page.role == Role::Manager);
    adapter.set_typed(count(page.typed));
    adapter.set_can_send(page.can_send);
    adapter.set_checking(page.checking);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Approve
}

pub(super) fn undoing(app: &ui::App, page: &UndoWaiting) -> ui::PageId {
    let adapter = app.global::<ui::UndoingAdapter<'_>>();
    adapter.set_hold(page.hold);
    adapter.set_kind(undo_kind(Some(page.kind)));
    adapter.set_amount(text(&page.amount));
    adapter.set_voucher(text(&page.voucher));
    adapter.set_order_tail(text(&page.order_tail));
    adapter.set_elapsed(seconds(page.elapsed_s));
    adapter.set_remaining(seconds(page.remaining_s));
    adapter.set_asked(i32::try_from(page.asked).unwrap_or(i32::MAX));
    let (ended, done) = match page.ended {
        None | Some(UndoStateView::Open) => (false, false),
        Some(UndoStateView::Done) => (true, true),
        Some(UndoStateView::Failed) => (true, false),
    };
    adapter.set_ended(ended);
    adapter.set_done(done);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Undoing
}

/// Lets the page of our code draw it. A code is drawn once per text and room, not once per second of its countdown.
pub(super) fn draw_codes(app: &ui::App, px_per_mm: f32) {
    let drawn: RefCell<Option<(SharedString, i32, Image)>> = RefCell::default();
    app.global::<ui::CodeAdapter<'_>>()
        .on_picture(move |text, room| {
            if let Some((last, same, image)) = &*drawn.borrow()
                && *last == text
                && *same == room
            {
                return image.clone();
            }
            let image = match symbol(&text, room, px_per_mm) {
                Ok(picture) => image(&picture),
                Err(error) => {
                    // The text of a code may be a link that pays: only its length is told.
                    tracing::error!(%error, room, "our code cannot be shown");
                    Image::default()
                }
            };
            *drawn.borrow_mut() = Some((text, room, image.clone()));
            image
        });
}

/// A panel that is too small for forty millimetres shows the code as large as it can: a small code is better than none.
fn symbol(text: &str, room: i32, px_per_mm: f32) -> Result<QrPicture, QrError> {
    let matrix = QrMatrix::encode(text)?;
    let room = u32::try_from(room).unwrap_or(0);
    matrix.picture(room, px_per_mm).or_else(|error| {
        tracing::warn!(%error, "our code is smaller than forty millimetres");
        matrix.picture(room, 0.0)
    })
}

fn image(picture: &QrPicture) -> Image {
    let side = picture.side_px();
    let pixels = SharedPixelBuffer::<Rgba8Pixel>::clone_from_slice(&picture.rgba(), side, side);
    Image::from_rgba8(pixels)
}

/// The wallet of a pressed button.
pub(super) const fn wallet(id: ui::ChannelId) -> Channel {
    match id {
        ui::ChannelId::Alipay => Channel::Alipay,
        ui::ChannelId::Wechat => Channel::Wechat,
        ui::ChannelId::UnionPay => Channel::UnionPay,
        ui::ChannelId::Ecny => Channel::Ecny,
        ui::ChannelId::Bestpay => Channel::Bestpay,
        ui::ChannelId::Suning => Channel::Suning,
        ui::ChannelId::BankCard => Channel::BankCard,
        ui::ChannelId::Unknown => Channel::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_panel_shows_a_small_code_and_no_panel_none() {
        let text = "https://qr.example.com/bax0953563wjuoxkbn0f60fa";
        let large = symbol(text, 640, 10.5).expect("room enough");
        let small = symbol(text, 200, 10.5).expect("smaller than it should be");
        assert!(small.side_px() <= 200 && small.side_px() < large.side_px());
        assert!(symbol(text, 20, 10.5).is_err());
        assert!(symbol(text, -1, 10.5).is_err());
        assert!(symbol("", 640, 10.5).is_err());
    }
}
