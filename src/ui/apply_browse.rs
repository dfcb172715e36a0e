//! The pages that find records: their state to properties, their presses to [`Intent`]s. Decides and words nothing.

use shouyin_ui as ui;
use slint::{ComponentHandle, Model, ModelRc, VecModel};

use super::adapters::Sender;
use super::apply::{channel, count, notice, row, text};
use super::apply_more::model;
use crate::domain::{Channel, FilterKind, FilterState};
use crate::view::pages::RecordsPage;
use crate::view::{
    Agreement, Bar, BarOf, By, Choice, ChoosePage, Field, FilterPage, Happened, Intent, NumberPage,
    Period, Proof, Row, Span, StatisticsPage, StoryLine, StoryPage, Tap, Theirs, Typing,
    VerifyPage, statistics,
};

/// Connects every callback of these pages.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let records = app.global::<ui::RecordsAdapter<'_>>();
    records.on_newest(sender.on(Intent::NewestRecords));
    records.on_show_filter(sender.on(Intent::ShowFilter));
    records.on_type_number(sender.on(Intent::TypeNumber));
    records.on_show_statistics(sender.on(Intent::ShowStatistics));
    let browse = app.global::<ui::BrowseAdapter<'_>>();
    let taps = sender.clone();
    browse.on_choose_field(move |field| taps.send(Intent::ChooseField(field_of(field))));
    let taps = sender.clone();
    browse.on_choose(move |place| {
        if let Ok(place) = usize::try_from(place) {
            taps.send(Intent::Choose(place));
        }
    });
    browse.on_reset(sender.on(Intent::ResetFilter));
    browse.on_digit(sender.on_digit(Intent::NumberDigit));
    browse.on_dot(sender.on(Intent::NumberDot));
    browse.on_backspace(sender.on(Intent::NumberBackspace));
    browse.on_send(sender.on(Intent::NumberSend));
    browse.on_back(sender.on(Intent::Back));
    let sums = app.global::<ui::StatisticsAdapter<'_>>();
    let taps = sender.clone();
    sums.on_set_span(move |span| {
        taps.send(Intent::StatisticsSpan(match span {
            ui::SpanId::Day => Span::Day,
            ui::SpanId::Week => Span::Week,
            ui::SpanId::Month => Span::Month,
        }));
    });
    let taps = sender.clone();
    sums.on_set_by(move |by| {
        taps.send(Intent::StatisticsBy(match by {
            ui::ById::Time => By::Time,
            ui::ById::Channel => By::Channel,
            ui::ById::Operator => By::Operator,
        }));
    });
    let taps = sender.clone();
    sums.on_step(move |later| taps.send(Intent::StatisticsStep { later }));
    sums.on_back(sender.on(Intent::Back));
    let story = app.global::<ui::StoryAdapter<'_>>();
    story.on_show(sender.on(Intent::ShowStory));
    story.on_back(sender.on(Intent::Back));
    let verify = app.global::<ui::VerifyAdapter<'_>>();
    verify.on_ask(sender.on(Intent::Verify));
    verify.on_back(sender.on(Intent::Back));
}

const fn field_of(id: ui::FieldId) -> Field {
    match id {
        ui::FieldId::Period => Field::Period,
        ui::FieldId::Kind => Field::Kind,
        ui::FieldId::State => Field::State,
        ui::FieldId::Channel => Field::Channel,
        ui::FieldId::Operator => Field::Operator,
        ui::FieldId::Amount => Field::Amount,
        ui::FieldId::CardTail => Field::CardTail,
    }
}

const fn field_id(field: Field) -> ui::FieldId {
    match field {
        Field::Period => ui::FieldId::Period,
        Field::Kind => ui::FieldId::Kind,
        Field::State => ui::FieldId::State,
        Field::Channel => ui::FieldId::Channel,
        Field::Operator => ui::FieldId::Operator,
        Field::Amount => ui::FieldId::Amount,
        Field::CardTail => ui::FieldId::CardTail,
    }
}

pub(super) fn records(app: &ui::App, page: &RecordsPage) -> ui::PageId {
    let adapter = app.global::<ui::RecordsAdapter<'_>>();
    adapter.set_count(count(page.rows.len()));
    match adapter.get_rows().as_any().downcast_ref() {
        Some(kept) => keep(kept, &page.rows),
        None => adapter.set_rows(model(page.rows.iter().map(row).collect())),
    }
    adapter.set_more(page.more);
    adapter.set_newer(page.newer);
    adapter.set_period(choice(&Choice::Period(page.period)));
    adapter.set_filters(count(page.filters));
    adapter.set_searched(text(&page.searched));
    adapter.set_has_sums(page.sums.is_some());
    let (sales, net) = page.sums.clone().unwrap_or_default();
    adapter.set_sum_count(text(&crate::view::format::thousands(sales)));
    adapter.set_sum(text(&net));
    adapter.set_can_scan(page.can_scan);
    adapter.set_can_wall(page.can_wall);
    adapter.set_can_balance(page.can_balance);
    adapter.set_can_maintain(page.can_maintain);
    ui::PageId::Records
}

/// Changes only what differs: a list that is scrolled and pressed must not be made anew with every tick of the clock.
fn keep(kept: &VecModel<ui::RowView>, rows: &[Row]) {
    for (place, new) in rows.iter().map(row).enumerate() {
        match kept.row_data(place) {
            None => kept.push(new),
            Some(old) if old != new => kept.set_row_data(place, new),
            Some(_) => {}
        }
    }
    while kept.row_count() > rows.len() {
        kept.remove(kept.row_count() - 1);
    }
}

fn choice(value: &Choice) -> ui::ChoiceView {
    let plain = |id| ui::ChoiceView {
        id,
        ..ui::ChoiceView::default()
    };
    match value {
        Choice::All => plain(ui::ChoiceId::All),
        Choice::PickDay => plain(ui::ChoiceId::PickDay),
        Choice::Period(Period::Today) => plain(ui::ChoiceId::Today),
        Choice::Period(Period::Yesterday) => plain(ui::ChoiceId::Yesterday),
        Choice::Period(Period::Week) => plain(ui::ChoiceId::Week),
        Choice::Period(Period::Month) => plain(ui::ChoiceId::Month),
        Choice::Period(Period::All) => plain(ui::ChoiceId::Ever),
        Choice::Period(Period::Day(day)) => ui::ChoiceView {
            text: text(&statistics::date(*day)),
            ..plain(ui::ChoiceId::Day)
        },
        Choice::Kind(kind) => plain(match kind {
            FilterKind::Sale => ui::ChoiceId::Sale,
            FilterKind::Void => ui::ChoiceId::Void,
            FilterKind::Refund => ui::ChoiceId::Refund,
            FilterKind::Hold => ui::ChoiceId::Hold,
            FilterKind::Completion => ui::ChoiceId::Completion,
        }),
        Choice::State(state) => plain(match state {
            FilterState::Done => ui::ChoiceId::Done,
            FilterState::Failed => ui::ChoiceId::Failed,
            FilterState::Open => ui::ChoiceId::Open,
        }),
        Choice::Channel(wallet) => ui::ChoiceView {
            channel: channel(*wallet),
            ..plain(ui::ChoiceId::Channel)
        },
        Choice::Text(own) => ui::ChoiceView {
            text: text(own),
            ..plain(ui::ChoiceId::Text)
        },
    }
}

pub(super) fn filter(app: &ui::App, page: &FilterPage) -> ui::PageId {
    let adapter = app.global::<ui::BrowseAdapter<'_>>();
    let fields = page.rows.iter().map(|(field, value)| ui::FieldView {
        field: field_id(*field),
        value: choice(value),
    });
    adapter.set_fields(model(fields.collect()));
    adapter.set_can_reset(page.can_reset);
    ui::PageId::Filter
}

pub(super) fn choose(app: &ui::App, page: &ChoosePage) -> ui::PageId {
    let adapter = app.global::<ui::BrowseAdapter<'_>>();
    adapter.set_field(field_id(page.field));
    adapter.set_choices(model(page.choices.iter().map(choice).collect()));
    adapter.set_chosen(page.chosen.map_or(-1, count));
    ui::PageId::Choose
}

pub(super) fn number(app: &ui::App, page: &NumberPage) -> ui::PageId {
    let adapter = app.global::<ui::BrowseAdapter<'_>>();
    adapter.set_typing(match page.typing {
        Typing::Number => ui::TypingId::Number,
        Typing::Amount => ui::TypingId::Amount,
        Typing::CardTail => ui::TypingId::CardTail,
        Typing::Day => ui::TypingId::Day,
    });
    adapter.set_shown(text(&page.shown));
    adapter.set_can_send(page.can_send);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Number
}

pub(super) fn sums(app: &ui::App, page: &StatisticsPage) -> ui::PageId {
    let adapter = app.global::<ui::StatisticsAdapter<'_>>();
    adapter.set_span(match page.span {
        Span::Day => ui::SpanId::Day,
        Span::Week => ui::SpanId::Week,
        Span::Month => ui::SpanId::Month,
    });
    adapter.set_by(match page.by {
        By::Time => ui::ById::Time,
        By::Channel => ui::ById::Channel,
        By::Operator => ui::ById::Operator,
    });
    adapter.set_from(text(&page.from));
    adapter.set_to(text(&page.to));
    adapter.set_can_later(page.can_later);
    adapter.set_sales_count(many(page.sales.count));
    adapter.set_sales(text(&page.sales.sum));
    adapter.set_returns_count(many(page.returns.count));
    adapter.set_returns(text(&page.returns.sum));
    adapter.set_net(text(&page.net));
    adapter.set_average(text(&page.average));
    set_bars(
        &adapter.get_bars(),
        page.bars.iter().map(bar).collect(),
        |new| {
            adapter.set_bars(new);
        },
    );
    let moved = |bar: &&Bar| bar.count > 0 || bar.length > 0;
    let figures = page.bars.iter().filter(moved).map(bar).collect();
    set_bars(&adapter.get_figures(), figures, |new| {
        adapter.set_figures(new)
    });
    ui::PageId::Statistics
}

/// Draws the bars anew only when they differ.
fn set_bars(
    old: &ModelRc<ui::BarView>,
    new: Vec<ui::BarView>,
    set: impl FnOnce(ModelRc<ui::BarView>),
) {
    if !old.iter().eq(new.iter().cloned()) {
        set(model(new));
    }
}

fn many(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn bar(bar: &Bar) -> ui::BarView {
    let (name, wallet) = match &bar.of {
        BarOf::Time(name) | BarOf::Operator(name) => (name.as_str(), Channel::Unknown),
        BarOf::Channel(wallet) => ("", *wallet),
    };
    ui::BarView {
        name: text(name),
        channel: channel(wallet),
        count: many(bar.count),
        net: text(&bar.net),
        length: i32::from(bar.length),
        below: bar.below,
        point: i32::from(bar.point),
    }
}

pub(super) fn story(app: &ui::App, page: &StoryPage) -> ui::PageId {
    let adapter = app.global::<ui::StoryAdapter<'_>>();
    adapter.set_voucher(text(&page.voucher));
    let lines: Vec<_> = page.lines.iter().map(line).collect();
    if !adapter.get_lines().iter().eq(lines.iter().cloned()) {
        adapter.set_lines(model(lines));
    }
    ui::PageId::Story
}

fn line(line: &StoryLine) -> ui::StoryView {
    ui::StoryView {
        time: text(&line.time),
        what: happened(line.what),
        asked: line.asked.map_or("", |asked| asked.key()).into(),
        detail: text(&line.detail),
        proof: match line.proof {
            Proof::Own => ui::ProofId::Own,
            Proof::Signed => ui::ProofId::Signed,
            Proof::Maced => ui::ProofId::Maced,
            Proof::None => ui::ProofId::None,
        },
        digest: text(&line.digest),
    }
}

const fn happened(what: Happened) -> ui::HappenedId {
    match what {
        Happened::Charged => ui::HappenedId::Charged,
        Happened::HoldAsked => ui::HappenedId::HoldAsked,
        Happened::CompletionAsked => ui::HappenedId::CompletionAsked,
        Happened::CodeShown => ui::HappenedId::CodeShown,
        Happened::Answered => ui::HappenedId::Answered,
        Happened::NotBelieved => ui::HappenedId::NotBelieved,
        Happened::NoAnswer => ui::HappenedId::NoAnswer,
        Happened::StopAsked => ui::HappenedId::StopAsked,
        Happened::RevokeDecided => ui::HappenedId::RevokeDecided,
        Happened::RevokeEarly => ui::HappenedId::RevokeEarly,
        Happened::Rechecked => ui::HappenedId::Rechecked,
        Happened::PaidLate => ui::HappenedId::PaidLate,
        Happened::Attention => ui::HappenedId::Attention,
        Happened::Paid => ui::HappenedId::Paid,
        Happened::Declined => ui::HappenedId::Declined,
        Happened::NotSent => ui::HappenedId::NotSent,
        Happened::Revoked => ui::HappenedId::Revoked,
        Happened::VoidAsked => ui::HappenedId::VoidAsked,
        Happened::RefundAsked => ui::HappenedId::RefundAsked,
        Happened::Returned => ui::HappenedId::Returned,
        Happened::ReturnRefused => ui::HappenedId::ReturnRefused,
        Happened::ReturnNotSent => ui::HappenedId::ReturnNotSent,
    }
}

pub(super) fn verify(app: &ui::App, page: &VerifyPage) -> ui::PageId {
    let adapter = app.global::<ui::VerifyAdapter<'_>>();
    adapter.set_sale(row(&page.row));
    adapter.set_trade_no(text(&page.trade_no));
    adapter.set_agreement(match page.agreement {
        Agreement::Asking => ui::AgreementId::Asking,
        Agreement::Unknown => ui::AgreementId::Unknown,
        Agreement::Same => ui::AgreementId::Same,
        Agreement::Different => ui::AgreementId::Different,
    });
    adapter.set_theirs(match page.theirs {
        None => ui::TheirsId::None,
        Some(Theirs::Paid) => ui::TheirsId::Paid,
        Some(Theirs::NotPaid) => ui::TheirsId::NotPaid,
        Some(Theirs::NotFound) => ui::TheirsId::NotFound,
        Some(Theirs::Open) => ui::TheirsId::Open,
    });
    adapter.set_their_amount(text(&page.their_amount));
    adapter.set_has_channel(page.their_channel.is_some());
    adapter.set_their_channel(channel(page.their_channel.unwrap_or(Channel::Unknown)));
    adapter.set_their_trade_no(text(&page.their_trade_no));
    adapter.set_host_code(text(&page.host_code));
    adapter.set_can_ask(page.can_ask);
    adapter.set_notice(notice(page.notice.as_ref()));
    ui::PageId::Verify
}
