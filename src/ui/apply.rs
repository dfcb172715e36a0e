//! [`Screen`] to properties: one function per page, total over every page, state and notice.
//!
//! Decides nothing and words nothing; the words of codes and enums are in `ui/words.slint`.

use std::rc::Rc;

use shouyin_ui as ui;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use super::{
    apply_balance, apply_batch, apply_browse, apply_maintain, apply_more, apply_network,
    apply_settle, apply_stopped, apply_update, apply_wall,
};
use crate::domain::Channel;
use crate::view::{
    AimHint, CardHint, Keypad, Language, Link, Manual, Notice, OutcomeKind, OutcomePage, Page,
    PendingPage, Prompt, Row, RowState, Screen, Severity, Status, WaitKind, Waiting,
};

/// Sets every property of the page that `screen` names, then shows that page.
pub fn apply(app: &ui::App, screen: &Screen) {
    let page = match &screen.page {
        Page::Keypad(page) => keypad(app, page),
        Page::Prompt(page) => prompt(app, page),
        Page::Manual(page) => manual(app, page),
        Page::Waiting(page) => waiting(app, page),
        Page::Outcome(page) => outcome(app, page),
        Page::Pending(page) => pending(app, page),
        Page::Code(page) => apply_more::code(app, page),
        Page::Instalments(page) => apply_more::instalments(app, page),
        Page::Confirm(page) => apply_more::confirm(app, page),
        Page::Records(page) => apply_browse::records(app, page),
        Page::Filter(page) => apply_browse::filter(app, page),
        Page::Choose(page) => apply_browse::choose(app, page),
        Page::Number(page) => apply_browse::number(app, page),
        Page::Statistics(page) => apply_browse::sums(app, page),
        Page::Story(page) => apply_browse::story(app, page),
        Page::Verify(page) => apply_browse::verify(app, page),
        Page::Record(page) => apply_more::record(app, page),
        Page::Undo(page) => apply_more::undo(app, page),
        Page::Approve(page) => apply_more::approve(app, page),
        Page::Undoing(page) => apply_more::undoing(app, page),
        Page::Look(page) => apply_wall::look(app, page),
        Page::Verdict(page) => apply_wall::verdict(app, page),
        Page::Wall(page) => apply_wall::wall(app, page),
        Page::Receipt(page) => apply_wall::receipt(app, page),
        Page::Settlement(page) => apply_settle::settlement(app, page),
        Page::Batches(page) => apply_batch::batches(app, page),
        Page::Batch(page) => apply_batch::batch(app, page),
        Page::Balance(page) => apply_balance::balance(app, page),
        Page::Network(page) => apply_network::network(app, page),
        Page::Update(page) => apply_update::update(app, page),
        Page::Maintenance(page) => apply_maintain::maintenance(app, page),
        Page::Support(page) => apply_stopped::support(app, page),
        Page::OutOfService(page) => apply_stopped::stopped(app, page),
    };
    status(app, &screen.status, page);
    app.global::<ui::Shell<'_>>().set_page(page);
}

fn status(app: &ui::App, status: &Status, page: ui::PageId) {
    let shell = app.global::<ui::Shell<'_>>();
    shell.set_shop(text(&status.shop));
    shell.set_clock(text(&status.clock));
    shell.set_link(match status.link {
        Link::Untried => ui::LinkId::Untried,
        Link::Online => ui::LinkId::Online,
        Link::Offline => ui::LinkId::Offline,
    });
    shell.set_camera(status.camera);
    shell.set_audible(status.audible);
    shell.set_pending(count(status.pending));
    shell.set_pending_opens(page == ui::PageId::Keypad);
    shell.set_sandbox(status.sandbox);
    shell.set_english(status.language == Language::English);
}

fn keypad(app: &ui::App, page: &Keypad) -> ui::PageId {
    let adapter = app.global::<ui::KeypadAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_can_charge(page.can_charge);
    adapter.set_typed(page.typed);
    adapter.set_recent(rows(&page.recent));
    adapter.set_today_count(text(&page.today_count.to_string()));
    adapter.set_today_total(text(&page.today_total));
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Keypad
}

fn prompt(app: &ui::App, page: &Prompt) -> ui::PageId {
    let adapter = app.global::<ui::PromptAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_hint(aim(page.hint));
    adapter.set_card(card(page.card));
    apply_more::ways(app, page);
    adapter.set_can_type(page.can_type);
    adapter.set_elapsed(seconds(page.elapsed_s));
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Prompt
}

pub(super) const fn card(hint: Option<CardHint>) -> ui::CardId {
    match hint {
        None => ui::CardId::None,
        Some(CardHint::Ready) => ui::CardId::Ready,
        Some(CardHint::Detected) => ui::CardId::Detected,
        Some(CardHint::Pin) => ui::CardId::Pin,
        Some(CardHint::Wait) => ui::CardId::Wait,
        Some(CardHint::Again) => ui::CardId::Again,
        Some(CardHint::Insert) => ui::CardId::Insert,
        Some(CardHint::Other) => ui::CardId::Other,
        Some(CardHint::NoPin) => ui::CardId::NoPin,
        Some(CardHint::Reversing) => ui::CardId::Reversing,
        Some(CardHint::Settling) => ui::CardId::Settling,
        Some(CardHint::NoKey) => ui::CardId::NoKey,
        Some(CardHint::Away) => ui::CardId::Away,
    }
}

pub(super) const fn aim(hint: AimHint) -> ui::AimId {
    match hint {
        AimHint::None => ui::AimId::None,
        AimHint::TooFar => ui::AimId::TooFar,
        AimHint::TooDark => ui::AimId::TooDark,
        AimHint::Glare => ui::AimId::Glare,
        AimHint::NoCamera => ui::AimId::NoCamera,
    }
}

fn manual(app: &ui::App, page: &Manual) -> ui::PageId {
    let adapter = app.global::<ui::ManualAdapter<'_>>();
    adapter.set_amount(text(&page.amount));
    adapter.set_typed(count(page.typed));
    adapter.set_masked(text(&masked(page.typed, &page.tail)));
    adapter.set_can_send(page.can_send);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Manual
}

fn waiting(app: &ui::App, page: &Waiting) -> ui::PageId {
    let adapter = app.global::<ui::WaitingAdapter<'_>>();
    adapter.set_kind(match page.kind {
        WaitKind::Paying => ui::WaitId::Paying,
        WaitKind::Card => ui::WaitId::Card,
        WaitKind::Password => ui::WaitId::Password,
        WaitKind::Checking => ui::WaitId::Checking,
        WaitKind::Revoking => ui::WaitId::Revoking,
    });
    adapter.set_amount(text(&page.amount));
    adapter.set_channel(channel(page.channel));
    adapter.set_voucher(text(&page.voucher));
    adapter.set_order_tail(text(&page.order_tail));
    adapter.set_elapsed(seconds(page.elapsed_s));
    adapter.set_remaining(seconds(page.remaining_s));
    adapter.set_asked(i32::try_from(page.asked).unwrap_or(i32::MAX));
    adapter.set_can_query(page.can_query);
    adapter.set_query_in(seconds(page.query_in_s));
    adapter.set_can_stop(page.can_stop);
    adapter.set_can_park(page.can_park);
    adapter.set_stopping(page.stopping);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Waiting
}

fn outcome(app: &ui::App, page: &OutcomePage) -> ui::PageId {
    let adapter = app.global::<ui::OutcomeAdapter<'_>>();
    adapter.set_kind(match page.kind {
        OutcomeKind::Paid => ui::OutcomeId::Paid,
        OutcomeKind::Held => ui::OutcomeId::Held,
        OutcomeKind::NotPaid => ui::OutcomeId::NotPaid,
        OutcomeKind::Revoked => ui::OutcomeId::Revoked,
    });
    adapter.set_amount(text(&page.amount));
    adapter.set_payer_amount(text(page.payer_amount.as_deref().unwrap_or_default()));
    adapter.set_channel(channel(page.channel));
    adapter.set_card(text(&page.card));
    adapter.set_can_again(page.can_again);
    adapter.set_sign(page.sign);
    adapter.set_take(page.take);
    adapter.set_voucher(text(&page.voucher));
    adapter.set_order_tail(text(&page.order_tail));
    adapter.set_time(text(&page.time));
    adapter.set_can_print(page.can_print);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Outcome
}

fn pending(app: &ui::App, page: &PendingPage) -> ui::PageId {
    let adapter = app.global::<ui::PendingAdapter<'_>>();
    adapter.set_count(count(page.rows.len()));
    adapter.set_rows(rows(&page.rows));
    ui::PageId::Pending
}

pub(super) fn rows(rows: &[Row]) -> ModelRc<ui::RowView> {
    let views: Vec<ui::RowView> = rows.iter().map(row).collect();
    ModelRc::from(Rc::new(VecModel::from(views)))
}

pub(super) fn row(row: &Row) -> ui::RowView {
    ui::RowView {
        txn: text(&row.txn.to_string()),
        undo: apply_more::undo_kind(row.undo.map(|(kind, _)| kind)),
        undo_state: row.undo.map_or(ui::UndoStateId::Open, |(_, state)| {
            apply_more::undo_state(state)
        }),
        voucher: text(&row.voucher),
        amount: text(&row.amount),
        channel: channel(row.channel),
        time: text(&row.time),
        state: match row.state {
            RowState::Paid => ui::RowStateId::Paid,
            RowState::NotPaid => ui::RowStateId::NotPaid,
            RowState::Checking => ui::RowStateId::Checking,
            RowState::Revoking => ui::RowStateId::Revoking,
            RowState::Revoked => ui::RowStateId::Revoked,
            RowState::PartReturned => ui::RowStateId::PartReturned,
            RowState::Returned => ui::RowStateId::Returned,
            RowState::Returning => ui::RowStateId::Returning,
            RowState::Held => ui::RowStateId::Held,
            RowState::Completed => ui::RowStateId::Completed,
            RowState::Released => ui::RowStateId::Released,
        },
        attention: row.attention,
        asked: i32::try_from(row.asked).unwrap_or(i32::MAX),
        can_query: row.can_query,
    }
}

pub(super) fn channel(channel: Channel) -> ui::ChannelId {
    match channel {
        Channel::Alipay => ui::ChannelId::Alipay,
        Channel::Wechat => ui::ChannelId::Wechat,
        Channel::UnionPay => ui::ChannelId::UnionPay,
        Channel::Ecny => ui::ChannelId::Ecny,
        Channel::Bestpay => ui::ChannelId::Bestpay,
        Channel::Suning => ui::ChannelId::Suning,
        Channel::BankCard => ui::ChannelId::BankCard,
        Channel::Unknown => ui::ChannelId::Unknown,
    }
}

pub(super) fn notice(notice: Option<&Notice>) -> ui::NoticeView {
    notice.map_or_else(ui::NoticeView::default, |notice| ui::NoticeView {
        code: notice.code.into(),
        severity: match notice.severity {
            Severity::Good => ui::SeverityId::Good,
            Severity::Hint => ui::SeverityId::Hint,
            Severity::Warning => ui::SeverityId::Warning,
            Severity::Error => ui::SeverityId::Error,
        },
        detail: text(&notice.detail),
    })
}

/// Stars in groups of four, then the last digits.
fn masked(typed: usize, tail: &str) -> String {
    let hidden = typed.saturating_sub(tail.chars().count());
    let mut out = String::new();
    for index in 0..hidden {
        out.push('*');
        if index % 4 == 3 || index + 1 == hidden {
            out.push(' ');
        }
    }
    out.push_str(tail);
    out
}

pub(super) fn text(text: &str) -> SharedString {
    SharedString::from(text)
}

pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn seconds(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn only_the_last_digits_of_a_code_are_readable() {
        assert_eq!(masked(0, ""), "");
        assert_eq!(masked(3, "283"), "283");
        assert_eq!(masked(6, "3456"), "** 3456");
        assert_eq!(masked(18, "4321"), "**** **** **** ** 4321");
    }
}
