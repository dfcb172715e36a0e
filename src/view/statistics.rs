//! Statistics: what was taken on a day, in a week or a month, by time, wallet or person.
//!
//! Owns the page and its bars. Sums only what the journal summed by the rule of a settlement; computes no amounts anew.

use std::collections::BTreeMap;

use super::format;
use crate::domain::{Channel, Days, LocalDay, Money};
use crate::settlement::{EntryKind, TallyRow, net, tally_lines};

/// How many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// 日.
    Day,
    /// 周, from Monday on.
    Week,
    /// 月.
    Month,
}

impl Span {
    /// Returns the days around one of them.
    pub fn days(self, day: LocalDay) -> Days {
        let (from, to) = match self {
            Self::Day => (day, day.plus(1)),
            Self::Week => (day.week(), day.week().plus(7)),
            Self::Month => (day.month(), day.month_after()),
        };
        Days { from, to }
    }

    /// Returns a day of the span before.
    #[must_use]
    pub fn earlier(self, day: LocalDay) -> LocalDay {
        self.days(day).from.plus(-1)
    }

    /// Returns a day of the span after.
    #[must_use]
    pub fn later(self, day: LocalDay) -> LocalDay {
        self.days(day).to
    }
}

/// What the figures are parted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By the hour, or in longer spans by the day.
    Time,
    /// By wallet.
    Channel,
    /// By person.
    Operator,
}

/// Whose figures a bar shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BarOf {
    /// An hour or a day, ready to show.
    Time(String),
    /// A wallet.
    Channel(Channel),
    /// A person.
    Operator(String),
}

/// One bar with its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Whose.
    pub of: BarOf,
    /// How many sales.
    pub count: u64,
    /// What is left after voids and refunds, ready to show.
    pub net: String,
    /// Length of the bar in thousandths of the longest.
    pub length: u16,
    /// More went back than came in.
    pub below: bool,
    /// Height of the line's point: sales, in thousandths of the most.
    pub point: u16,
}

/// Count and sum, ready to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// How many.
    pub count: u64,
    /// Sum, ready to show.
    pub sum: String,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsPage {
    /// How many days.
    pub span: Span,
    /// The first day, `yyyy-mm-dd`.
    pub from: String,
    /// The last day; the first one of a day.
    pub to: String,
    /// Whether a later span has begun.
    pub can_later: bool,
    /// What was sold.
    pub sales: Figure,
    /// What went back.
    pub returns: Figure,
    /// What is left, ready to show.
    pub net: String,
    /// Sum of the sales by their count, ready to show.
    pub average: String,
    /// What the bars are parted by.
    pub by: By,
    /// In the order of the page.
    pub bars: Vec<Bar>,
}

/// Builds the page from the sums of its days.
pub fn page(
    rows: &[TallyRow],
    (span, day, by): (Span, LocalDay, By),
    today: LocalDay,
) -> StatisticsPage {
    let days = span.days(day);
    let lines = tally_lines(rows);
    let (mut sales, mut returns) = ((0_u64, 0_u64), (0_u64, 0_u64));
    for line in &lines {
        let sum = match line.kind {
            EntryKind::Sale => &mut sales,
            EntryKind::Void | EntryKind::Refund => &mut returns,
        };
        sum.0 += u64::from(line.count);
        sum.1 = sum.1.saturating_add(line.minor);
    }
    let figure = |(count, minor): (u64, u64)| Figure {
        count,
        sum: shown(minor),
    };
    StatisticsPage {
        span,
        from: date(days.from),
        to: date(days.to.plus(-1)),
        can_later: days.to <= today,
        sales: figure(sales),
        returns: figure(returns),
        net: format::signed(net(&lines)),
        average: shown(sales.1.checked_div(sales.0).unwrap_or(0)),
        by,
        bars: bars(rows, days, by),
    }
}

/// Writes a sum; one beyond every amount without its cents.
pub(super) fn shown(minor: u64) -> String {
    Money::from_fen(minor).map_or_else(|_| format::thousands(minor / 100), format::amount)
}

/// Writes `yyyy-mm-dd`.
pub fn date(day: LocalDay) -> String {
    let (year, month, day) = day.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// A place in the order of the bars; times go by number, wallets and people by name.
type Order = (i64, Option<Channel>, String);

fn bars(rows: &[TallyRow], days: Days, by: By) -> Vec<Bar> {
    let mut sums: BTreeMap<Order, (u64, i64)> = BTreeMap::new();
    let hours = days.count() == 1;
    if by == By::Time {
        let places = if hours { 24 } else { days.count().clamp(0, 31) };
        for place in 0..places {
            sums.insert((place, None, String::new()), (0, 0));
        }
    }
    for row in rows {
        let key = &row.key;
        let order = match by {
            By::Time if hours => (i64::from(key.hour), None, String::new()),
            By::Time => (key.day.0 - days.from.0, None, String::new()),
            By::Channel => (0, Some(key.channel), String::new()),
            By::Operator => (0, None, key.operator.clone()),
        };
        let sum = sums.entry(order).or_default();
        if key.kind == EntryKind::Sale {
            sum.0 += u64::from(row.count);
        }
        sum.1 = sum.1.saturating_add(key.kind.signed(row.minor));
    }
    let most = sums.values().map(|(_, net)| net.unsigned_abs()).max();
    let most_sales = sums.values().map(|(count, _)| *count).max();
    let bar = |((place, channel, operator), (count, net)): (Order, (u64, i64))| Bar {
        of: match (by, channel) {
            (By::Channel, channel) => BarOf::Channel(channel.unwrap_or(Channel::Unknown)),
            (By::Operator, _) => BarOf::Operator(operator),
            (By::Time, _) if hours => BarOf::Time(format!("{place:02}:00")),
            (By::Time, _) => BarOf::Time(date(days.from.plus(place))[5..].to_owned()),
        },
        count,
        net: format::signed(net),
        length: thousandths(net.unsigned_abs(), most),
        below: net < 0,
        point: thousandths(count, most_sales),
    };
    sums.into_iter().map(bar).collect()
}

fn thousandths(part: u64, most: Option<u64>) -> u16 {
    let most = u128::from(most.unwrap_or(0).max(1));
    u16::try_from(u128::from(part) * 1000 / most).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::TallyKey;

    fn row(day: i64, hour: u8, operator: &str, kind: EntryKind, minor: u64) -> TallyRow {
        TallyRow {
            key: TallyKey {
                day: LocalDay(day),
                hour,
                channel: Channel::Alipay,
                entry: "camera".to_owned(),
                operator: operator.to_owned(),
                kind,
            },
            count: 1,
            minor,
        }
    }

    #[test]
    fn figures_and_bars_are_those_of_the_rows() {
        let rows = [
            row(20_000, 9, "01", EntryKind::Sale, 1000),
            row(20_000, 9, "02", EntryKind::Sale, 2000),
            row(20_000, 11, "02", EntryKind::Refund, 500),
        ];
        let day = LocalDay(20_000);
        let at = |by| page(&rows, (Span::Day, day, by), day);
        let by_time = at(By::Time);
        assert_eq!(by_time.sales.sum, "30.00");
        assert_eq!((by_time.returns.count, by_time.net.as_str()), (1, "25.00"));
        assert_eq!(by_time.average, "15.00");
        assert!(!by_time.can_later);
        assert_eq!(by_time.bars.len(), 24);
        let nine = &by_time.bars[9];
        assert_eq!(
            (nine.count, nine.net.as_str(), nine.length),
            (2, "30.00", 1000)
        );
        let eleven = &by_time.bars[11];
        assert!(eleven.below && eleven.net == "-5.00" && eleven.point == 0);
        let people = at(By::Operator).bars;
        assert_eq!(people.len(), 2);
        assert_eq!(people[1].net, "15.00");
        let wallets = at(By::Channel).bars;
        assert_eq!(wallets[0].net, "25.00");
    }

    #[test]
    fn a_month_has_a_bar_for_each_of_its_days() {
        let day = LocalDay::from_date(2024, 2, 10).expect("a day");
        let page = page(&[], (Span::Month, day, By::Time), day.plus(60));
        assert_eq!(page.bars.len(), 29);
        assert_eq!(
            (page.from.as_str(), page.to.as_str()),
            ("2024-02-01", "2024-02-29")
        );
        assert!(page.can_later);
        assert_eq!(page.bars[28].of, BarOf::Time("02-29".to_owned()));
        assert_eq!(Span::Month.earlier(day).date(), (2024, 1, 31));
        assert_eq!(Span::Week.days(day).count(), 7);
    }
}
