//! Calendar days of the shop: China has one time zone and no daylight saving, UTC+8.
//!
//! Owns which day and hour a time belongs to, and how people write a time of day. Reads no clock.

use super::Timestamp;

/// Milliseconds by which local time is ahead of UTC.
const AHEAD_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const THURSDAY: i64 = 3;

/// Reads a time of day, `00:00` to `23:59`, as minutes after midnight.
pub fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| -> Option<u16> {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// A local day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDay(pub i64);

impl LocalDay {
    /// Returns the day of a time.
    pub const fn of(at: Timestamp) -> Self {
        Self(at.0.saturating_add(AHEAD_MS).div_euclid(DAY_MS))
    }

    /// Returns the day of a date; none when there is no such day.
    pub fn from_date(year: i32, month: u8, day: u8) -> Option<Self> {
        let month = ::time::Month::try_from(month).ok()?;
        let date = ::time::Date::from_calendar_date(year, month, day).ok()?;
        let seconds = date.midnight().assume_utc().unix_timestamp();
        Some(Self(seconds.div_euclid(DAY_MS / 1000)))
    }

    /// Returns when it begins.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY_MS).saturating_sub(AHEAD_MS))
    }

    /// Returns the day `days` later; earlier when negative.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Returns the Monday of its week.
    #[must_use]
    pub const fn week(self) -> Self {
        Self(self.0 - (self.0 + THURSDAY).rem_euclid(7))
    }

    /// Returns the first day of its month.
    #[must_use]
    pub fn month(self) -> Self {
        self.plus(1 - i64::from(self.date().2))
    }

    /// Returns the first day of the month before it.
    #[must_use]
    pub fn month_before(self) -> Self {
        self.month().plus(-1).month()
    }

    /// Returns the first day of the month after it.
    #[must_use]
    pub fn month_after(self) -> Self {
        // No month has more than 31 days, and no two of them more than 62.
        self.month().plus(31).month()
    }

    /// Returns year, month (1 to 12) and day of the month; 1970-01-01 for a day beyond every calendar.
    pub fn date(self) -> (i32, u8, u8) {
        let seconds = self.0.saturating_mul(DAY_MS / 1000);
        let date = ::time::OffsetDateTime::from_unix_timestamp(seconds);
        date.map_or((1970, 1, 1), |date| {
            let (year, month, day) = date.to_calendar_date();
            (year, u8::from(month), day)
        })
    }
}

impl Timestamp {
    /// Returns the local hour, 0 to 23.
    pub const fn local_hour(self) -> u8 {
        let hour = self.0.saturating_add(AHEAD_MS).rem_euclid(DAY_MS) / 3_600_000;
        // Below 24.
        hour as u8
    }
}

/// Local days from one on, up to but without another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first one.
    pub from: LocalDay,
    /// The one behind the last.
    pub to: LocalDay,
}

impl Days {
    /// Returns one day.
    pub const fn one(day: LocalDay) -> Self {
        Self {
            from: day,
            to: day.plus(1),
        }
    }

    /// Returns the days that the times `from_ms .. to_ms` (UTC milliseconds) touch.
    pub const fn touched(from_ms: i64, to_ms: i64) -> Self {
        let last = LocalDay::of(Timestamp(to_ms.saturating_sub(1)));
        Self {
            from: LocalDay::of(Timestamp(from_ms)),
            to: last.plus(1),
        }
    }

    /// Returns how many there are.
    pub const fn count(self) -> i64 {
        self.to.0.saturating_sub(self.from.0)
    }

    /// Tells whether a time lies within.
    pub const fn holds(self, at: Timestamp) -> bool {
        let day = LocalDay::of(at);
        self.from.0 <= day.0 && day.0 < self.to.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-15 06:13:20 local time, a Wednesday.
    const AT: Timestamp = Timestamp(1_700_000_000_123);

    #[test]
    fn days_weeks_and_months_are_local() {
        let day = LocalDay::of(AT);
        assert_eq!(day.date(), (2023, 11, 15));
        assert_eq!(LocalDay::from_date(2023, 11, 15), Some(day));
        assert_eq!(LocalDay::from_date(2023, 2, 29), None);
        assert_eq!(AT.local_hour(), 6);
        assert_eq!(day.week().date(), (2023, 11, 13));
        assert_eq!(day.week().plus(6).week(), day.week());
        assert_eq!(day.week().plus(7).week(), day.week().plus(7));
        assert_eq!(day.month().date(), (2023, 11, 1));
        assert_eq!(day.month_before().date(), (2023, 10, 1));
        assert_eq!(day.month_after().date(), (2023, 12, 1));
        assert_eq!(day.month_after().month_after().date(), (2024, 1, 1));
        assert_eq!(LocalDay::of(Timestamp(-1)).date(), (1970, 1, 1));
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let day = LocalDay::of(AT);
        assert_eq!(LocalDay::of(day.start()), day);
        assert_eq!(day.start().local_hour(), 0);
        let before = Timestamp(day.start().0 - 1);
        assert_eq!(
            (LocalDay::of(before), before.local_hour()),
            (day.plus(-1), 23)
        );
        let days = Days::touched(day.start().0, day.plus(1).start().0);
        assert_eq!(days, Days::one(day));
        assert!(days.holds(AT) && !days.holds(before));
        assert!(Days::touched(i64::MIN, i64::MAX).holds(AT));
    }

    #[test]
    fn a_time_of_day_is_two_pairs_of_digits() {
        for (text, found) in [
            ("00:00", Some(0)),
            ("23:59", Some(1439)),
            ("24:00", None),
            ("9:30", None),
            ("09:60", None),
            ("+1:00", None),
            ("0930", None),
        ] {
            assert_eq!(minute_of_day(text), found, "{text}");
        }
    }
}
