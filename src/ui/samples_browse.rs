//! Samples of the pages that find records. See `samples`.

use super::samples::{Sample, row, sample};
use super::samples_more::record;
use crate::domain::{Channel, FilterKind, LocalDay, OperatorNo};
use crate::view::{
    Agreement, Browse, By, Cause, Choice, ChoosePage, EntryKind, Field, FilterPage, Happened,
    NumberPage, Page, Period, Proof, RequestKind, RowState, Span, StoryLine, StoryPage, TallyKey,
    TallyRow, Theirs, Typing, VerifyPage, statistics,
};

const TODAY: LocalDay = LocalDay(20_783);

pub(super) fn all() -> Vec<Sample> {
    let mut all = filters();
    all.extend(numbers());
    all.extend(sums());
    all.extend(stories());
    all
}

fn filters() -> Vec<Sample> {
    let mut browse = Browse {
        kind: Some(FilterKind::Completion),
        channel: Some(Channel::Ecny),
        card_tail: Some("0432".to_owned()),
        period: Period::Day(TODAY),
        ..Browse::default()
    };
    let page = |browse: &Browse, can_reset| {
        let rows = Field::ALL.map(|field| (field, browse.value(field)));
        Page::Filter(FilterPage {
            rows: rows.into(),
            can_reset,
        })
    };
    let mut all = vec![
        sample("filter", page(&Browse::default(), false)),
        sample("filter-set", page(&browse, true)),
    ];
    let operators: Vec<_> = (1..=4)
        .filter_map(|number| OperatorNo::new(&format!("{number:02}")).ok())
        .collect();
    for (name, field) in [
        ("choose-period", Field::Period),
        ("choose-kind", Field::Kind),
        ("choose-state", Field::State),
        ("choose-channel", Field::Channel),
        ("choose-operator", Field::Operator),
    ] {
        browse.choosing = field;
        let choices = Browse::choices(field, &operators);
        let own = match browse.value(field) {
            Choice::Period(_) => Choice::PickDay,
            value @ (Choice::All
            | Choice::PickDay
            | Choice::Kind(_)
            | Choice::State(_)
            | Choice::Channel(_)
            | Choice::Text(_)) => value,
        };
        let chosen = choices.iter().position(|choice| *choice == own);
        all.push(sample(
            name,
            Page::Choose(ChoosePage {
                field,
                choices,
                chosen,
            }),
        ));
    }
    all
}

fn numbers() -> Vec<Sample> {
    let page = |typing, shown: &str, can_send, told: Option<Cause>| {
        Page::Number(NumberPage {
            typing,
            shown: shown.to_owned(),
            can_send,
            notice: told.map(Into::into),
        })
    };
    let long = "20260731110113130000000000000457";
    vec![
        sample("number", page(Typing::Number, "", false, None)),
        sample("number-typed", page(Typing::Number, "000457", true, None)),
        sample("number-long", page(Typing::Number, long, true, None)),
        sample(
            "number-unknown",
            page(Typing::Number, "000999", true, Some(Cause::SlipUnknown)),
        ),
        sample("number-amount", page(Typing::Amount, "1,280.", true, None)),
        sample("number-card", page(Typing::CardTail, "043", false, None)),
        sample("number-day", page(Typing::Day, "20261126", true, None)),
    ]
}

/// A month of a busy shop; the last hours of each day are empty.
fn tally() -> Vec<TallyRow> {
    let mut rows = Vec::new();
    for day in 0..26_u32 {
        for hour in 8..20_u8 {
            for (place, channel) in (0_u32..).zip([
                Channel::Alipay,
                Channel::Wechat,
                Channel::UnionPay,
                Channel::BankCard,
            ]) {
                let busy = (day * 7 + u32::from(hour) * 5 + place * 11) % 23 + 2;
                let key = |kind| TallyKey {
                    day: TODAY.month().plus(i64::from(day)),
                    hour,
                    channel,
                    entry: "camera".to_owned(),
                    operator: format!("{:02}", place % 3 + 1),
                    kind,
                };
                rows.push(TallyRow {
                    key: key(EntryKind::Sale),
                    count: busy,
                    minor: u64::from(busy) * 3_280,
                });
                if busy > 20 {
                    rows.push(TallyRow {
                        key: key(EntryKind::Refund),
                        count: 1,
                        minor: 5_800,
                    });
                }
            }
        }
    }
    // Nothing but a refund.
    rows.retain(|row| row.key.hour != 19 || row.key.kind == EntryKind::Refund);
    rows
}

fn sums() -> Vec<Sample> {
    let rows = tally();
    let of = |span: Span, day: LocalDay| -> Vec<TallyRow> {
        let days = span.days(day);
        let within = |row: &&TallyRow| days.from <= row.key.day && row.key.day < days.to;
        rows.iter().filter(within).cloned().collect()
    };
    let today = TODAY.month().plus(25);
    let page =
        |span, day, by| Page::Statistics(statistics::page(&of(span, day), (span, day, by), today));
    vec![
        sample("statistics", page(Span::Day, today, By::Time)),
        sample(
            "statistics-week",
            page(Span::Week, today.plus(-9), By::Time),
        ),
        sample("statistics-month", page(Span::Month, today, By::Time)),
        sample("statistics-channel", page(Span::Month, today, By::Channel)),
        sample("statistics-operator", page(Span::Day, today, By::Operator)),
        sample(
            "statistics-none",
            Page::Statistics(statistics::page(&[], (Span::Day, today, By::Time), today)),
        ),
    ]
}

fn stories() -> Vec<Sample> {
    let digest = "9f2c4e81d07ab356";
    let line = |second: u32, what, detail: &str, proof| StoryLine {
        time: format!("11-26 09:40:{second:02}"),
        what,
        asked: if what == Happened::Answered {
            Some(RequestKind::Inquire)
        } else {
            let open = matches!(what, Happened::NoAnswer | Happened::NotBelieved);
            open.then_some(RequestKind::Authorize)
        },
        detail: detail.to_owned(),
        proof,
        digest: match proof {
            Proof::Signed | Proof::Maced => digest.to_owned(),
            Proof::Own | Proof::None => String::new(),
        },
    };
    let lines = vec![
        line(1, Happened::Charged, "¥128.50", Proof::Own),
        line(4, Happened::NoAnswer, "", Proof::None),
        line(9, Happened::Answered, "R10", Proof::Signed),
        line(
            12,
            Happened::Paid,
            "20260731110113130000000000000457",
            Proof::Signed,
        ),
        line(40, Happened::RefundAsked, "¥30.00", Proof::Own),
        line(41, Happened::Returned, "", Proof::Signed),
        line(50, Happened::RefundAsked, "¥20.00", Proof::Own),
        line(52, Happened::ReturnRefused, "710033", Proof::Own),
    ];
    let page = |lines: Vec<StoryLine>| {
        Page::Story(StoryPage {
            voucher: "000457".to_owned(),
            lines,
        })
    };
    let ended = vec![
        line(1, Happened::HoldAsked, "¥1,280.00", Proof::Own),
        line(3, Happened::NotBelieved, "", Proof::None),
        line(4, Happened::StopAsked, "", Proof::Own),
        line(5, Happened::RevokeDecided, "000458", Proof::Own),
        line(6, Happened::PaidLate, "¥1,280.00", Proof::Maced),
        line(7, Happened::Revoked, "", Proof::Own),
    ];
    let mut all = vec![
        sample("story", page(lines)),
        sample("story-card", page(ended)),
    ];
    all.extend(verifications());
    all
}

fn verifications() -> Vec<Sample> {
    let trade_no = record(RowState::Paid).trade_no;
    let page = |agreement, theirs: Option<Theirs>| VerifyPage {
        row: row(457, "128.50", Channel::Alipay, "09:40", RowState::Paid),
        trade_no: trade_no.clone(),
        agreement,
        theirs,
        their_amount: String::new(),
        their_channel: None,
        their_trade_no: String::new(),
        host_code: String::new(),
        can_ask: agreement != Agreement::Asking,
        notice: None,
    };
    let same = VerifyPage {
        their_amount: "128.50".to_owned(),
        their_channel: Some(Channel::Alipay),
        their_trade_no: trade_no.clone(),
        host_code: "00".to_owned(),
        ..page(Agreement::Same, Some(Theirs::Paid))
    };
    let different = VerifyPage {
        host_code: "E12".to_owned(),
        ..page(Agreement::Different, Some(Theirs::NotFound))
    };
    vec![
        sample("verify-asking", Page::Verify(page(Agreement::Asking, None))),
        sample("verify-same", Page::Verify(same)),
        sample("verify-different", Page::Verify(different)),
        sample(
            "verify-silent",
            Page::Verify(page(Agreement::Unknown, None)),
        ),
    ]
}
