//! The settlement page: its state to properties, its presses to [`Intent`]s. Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::{channel, count, notice, seconds, text};
use super::apply_more::model;
use crate::domain::Channel;
use crate::view::{
    BatchVerdict, DifferenceLine, EntryKind, Intent, LastBatch, OpenLine, SettleStage,
    SettlementPage, Tap, TotalLine,
};

/// Connects every callback of the page.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let adapter = app.global::<ui::SettlementAdapter<'_>>();
    adapter.on_show(sender.on(Intent::ShowSettlement));
    adapter.on_settle(sender.on(Intent::Settle));
    adapter.on_back(sender.on(Intent::Back));
}

pub(super) fn settlement(app: &ui::App, page: &SettlementPage) -> ui::PageId {
    let adapter = app.global::<ui::SettlementAdapter<'_>>();
    adapter.set_batch(text(&page.batch));
    let open = page.open.iter().map(open_line);
    adapter.set_lines(model(page.lines.iter().map(total).chain(open).collect()));
    adapter.set_net(text(&page.net));
    adapter.set_has_fees(page.fees.is_some());
    if let Some(fees) = &page.fees {
        adapter.set_fee(text(&fees.fee));
        adapter.set_expected(text(&fees.expected));
        adapter.set_unpriced(i32::try_from(fees.unpriced).unwrap_or(i32::MAX));
    }
    adapter.set_open(count(page.open.len()));
    adapter.set_can_settle(page.can_settle);
    let (stage, remaining) = match page.stage {
        None => (ui::SettleStageId::None, 0),
        Some(SettleStage::Waiting { remaining_s }) => (ui::SettleStageId::Waiting, remaining_s),
        Some(SettleStage::Comparing) => (ui::SettleStageId::Comparing, 0),
        Some(SettleStage::Resting { remaining_s }) => (ui::SettleStageId::Resting, remaining_s),
    };
    adapter.set_stage(stage);
    adapter.set_remaining(seconds(remaining));
    adapter.set_notice(notice(page.notice.as_ref()));
    last(&adapter, page.last.as_ref());
    ui::PageId::Settlement
}

fn last(adapter: &ui::SettlementAdapter<'_>, last: Option<&LastBatch>) {
    let Some(last) = last else {
        return adapter.set_last_batch(text(""));
    };
    adapter.set_last_batch(text(&last.batch));
    adapter.set_last_time(text(&last.time));
    adapter.set_last_net(text(&last.net));
    adapter.set_verdict(verdict(last.verdict));
    adapter.set_cards_told(last.cards_equal.is_some());
    adapter.set_cards_equal(last.cards_equal == Some(true));
    adapter.set_last_open(i32::try_from(last.open).unwrap_or(i32::MAX));
    adapter.set_wallets(model(last.wallets.iter().copied().map(wallet).collect()));
    let differences = last.differences.iter().map(difference);
    adapter.set_differences(model(differences.collect()));
}

pub(super) const fn verdict(verdict: BatchVerdict) -> ui::BatchVerdictId {
    match verdict {
        BatchVerdict::Equal => ui::BatchVerdictId::Equal,
        BatchVerdict::Unequal => ui::BatchVerdictId::Unequal,
        BatchVerdict::NotCompared => ui::BatchVerdictId::NotCompared,
    }
}

const fn kind(kind: EntryKind) -> ui::EntryKindId {
    match kind {
        EntryKind::Sale => ui::EntryKindId::Sale,
        EntryKind::Void => ui::EntryKindId::Void,
        EntryKind::Refund => ui::EntryKindId::Refund,
    }
}

pub(super) fn open_line(line: &OpenLine) -> ui::TotalLineView {
    ui::TotalLineView {
        channel: channel(line.channel),
        kind: kind(line.kind),
        count: 1,
        amount: text(&line.amount),
        equal: true,
        number: text(&line.number),
    }
}

pub(super) fn total(line: &TotalLine) -> ui::TotalLineView {
    ui::TotalLineView {
        channel: channel(line.channel),
        kind: kind(line.kind),
        count: i32::try_from(line.count).unwrap_or(i32::MAX),
        amount: text(&line.amount),
        equal: true,
        number: text(""),
    }
}

pub(super) fn wallet((wallet, equal): (Channel, bool)) -> ui::TotalLineView {
    ui::TotalLineView {
        channel: channel(wallet),
        equal,
        ..ui::TotalLineView::default()
    }
}

pub(super) fn difference(line: &DifferenceLine) -> ui::DifferenceView {
    ui::DifferenceView {
        reason: text(line.reason),
        number: text(&line.number),
        channel: channel(line.channel),
        amount: text(&line.amount),
    }
}
