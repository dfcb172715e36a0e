//! The pages of closed batches: their state to properties, their presses to [`Intent`]s. Decides nothing and words
//! nothing.

use shouyin_ui as ui;
use slint::ComponentHandle;

use super::adapters::Sender;
use super::apply::{notice, text};
use super::apply_more::model;
use super::apply_settle::{difference, open_line, total, verdict, wallet};
use crate::view::{
    BatchPage, BatchRow, BatchSlip, BatchVerdict, BatchesPage, ExportShown, Intent, Tap,
};

/// Connects every callback of both pages.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let list = app.global::<ui::BatchesAdapter<'_>>();
    list.on_show(sender.on(Intent::ShowBatches));
    list.on_load_more(sender.on(Intent::MoreBatches));
    list.on_open(sender.on_batch());
    list.on_back(sender.on(Intent::Back));
    let one = app.global::<ui::BatchAdapter<'_>>();
    one.on_print_totals(sender.on(Intent::PrintBatch(BatchSlip::Totals)));
    one.on_print_details(sender.on(Intent::PrintBatch(BatchSlip::Details)));
    one.on_print_differences(sender.on(Intent::PrintBatch(BatchSlip::Differences)));
    one.on_export_records(sender.on(Intent::ExportBatch));
    one.on_back(sender.on(Intent::Back));
}

pub(super) fn batches(app: &ui::App, page: &BatchesPage) -> ui::PageId {
    let adapter = app.global::<ui::BatchesAdapter<'_>>();
    adapter.set_rows(model(page.rows.iter().map(row).collect()));
    adapter.set_more(page.more);
    ui::PageId::Batches
}

fn row(row: &BatchRow) -> ui::BatchRowView {
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    ui::BatchRowView {
        txn: text(&row.txn.to_string()),
        batch: text(&row.batch),
        time: text(&row.time),
        net: text(&row.net),
        verdict: verdict(row.verdict),
        differences: count(row.differences),
        open: count(row.open),
    }
}

pub(super) fn batch(app: &ui::App, page: &BatchPage) -> ui::PageId {
    let adapter = app.global::<ui::BatchAdapter<'_>>();
    adapter.set_batch(text(&page.batch));
    adapter.set_began(text(&page.began));
    adapter.set_frozen(text(&page.frozen));
    adapter.set_verdict(verdict(page.verdict));
    // With nothing to compare with, no wallet is unequal.
    let compared = page.verdict != BatchVerdict::NotCompared;
    let differs = |own| page.wallets.contains(&(own, false)) && compared;
    let unequal = page
        .wallets
        .iter()
        .filter(|(own, _)| differs(*own))
        .copied();
    adapter.set_unequal(model(unequal.map(wallet).collect()));
    adapter.set_net(text(&page.net));
    adapter.set_has_fees(page.fees.is_some());
    if let Some(fees) = &page.fees {
        adapter.set_fee(text(&fees.fee));
        adapter.set_expected(text(&fees.expected));
        adapter.set_unpriced(i32::try_from(fees.unpriced).unwrap_or(i32::MAX));
    }
    let sums = page.lines.iter().map(|line| ui::TotalLineView {
        equal: !differs(line.channel),
        ..total(line)
    });
    let sums = sums.chain(page.open.iter().map(open_line));
    let sums = sums.map(|total| ui::BatchLineView {
        is_difference: false,
        total,
        difference: ui::DifferenceView::default(),
    });
    let differences = page.differences.iter().map(|line| ui::BatchLineView {
        is_difference: true,
        total: ui::TotalLineView::default(),
        difference: difference(line),
    });
    adapter.set_lines(model(sums.chain(differences).collect()));
    adapter.set_digest(text(&page.digest));
    adapter.set_can_print(page.can_print);
    adapter.set_differs(!page.differences.is_empty());
    adapter.set_notice(notice(page.notice.as_ref()));
    export(&adapter, &page.export);
    ui::PageId::Batch
}

fn export(adapter: &ui::BatchAdapter<'_>, shown: &ExportShown) {
    let count = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
    adapter.set_export_state(match shown {
        ExportShown::Off => ui::ExportId::Off,
        ExportShown::Ready => ui::ExportId::Ready,
        ExportShown::Elsewhere => ui::ExportId::Elsewhere,
        ExportShown::Running { done, all } => {
            adapter.set_export_written(count(*done));
            adapter.set_export_all(count(*all));
            ui::ExportId::Running
        }
        ExportShown::Done {
            folder,
            name,
            rows,
            net,
        } => {
            adapter.set_export_all(count(*rows));
            adapter.set_export_net(text(net));
            adapter.set_export_name(text(name));
            adapter.set_export_folder(text(folder));
            ui::ExportId::Done
        }
    });
}
