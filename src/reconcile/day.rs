//! The acquirer's day: it ends at a set minute, China's time, which need not be midnight.

use std::fmt;

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::domain::Timestamp;

const DASHED: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]");
const PLAIN: &[FormatItem<'_>] = format_description!("[year][month][day]");
const MOMENT: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const WIRE: &[FormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]");
/// China has had one time zone and no summer time since 1991.
const CHINA_S: i32 = 8 * 3_600;

/// A business date of the acquirer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusinessDay(Date);

/// A text that is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no date; write it like 2026-11-26")]
pub struct DayError(String);

impl BusinessDay {
    /// Reads `2026-11-26` or `20261126`.
    ///
    /// # Errors
    /// [`DayError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        Date::parse(text, DASHED)
            .or_else(|_| Date::parse(text, PLAIN))
            .map(Self)
            .map_err(|_| DayError(text.chars().take(32).collect()))
    }

    /// Reads `2026-11` as its first and its last day.
    ///
    /// # Errors
    /// [`DayError`] for anything else.
    pub fn month(text: &str) -> Result<(Self, Self), DayError> {
        let wrong = || DayError(text.chars().take(32).collect());
        let first = Date::parse(&format!("{text}-01"), DASHED).map_err(|_| wrong())?;
        let last = first
            .replace_day(first.month().length(first.year()))
            .map_err(|_| wrong())?;
        Ok((Self(first), Self(last)))
    }

    /// Returns the business day of a moment when days end `cut_min` minutes after midnight (0: at midnight).
    pub fn of(at: Timestamp, cut_min: u16) -> Self {
        // What comes behind the cut is the next day's.
        let ahead = if cut_min == 0 {
            0
        } else {
            1_440 - i64::from(cut_min)
        };
        Self((local_time(at) + Duration::minutes(ahead)).date())
    }

    /// Returns its first moment and the first one behind it.
    pub fn span(self, cut_min: u16) -> (Timestamp, Timestamp) {
        let ahead = if cut_min == 0 {
            0
        } else {
            1_440 - i64::from(cut_min)
        };
        let midnight = self.0.midnight().assume_offset(china());
        let begin = midnight - Duration::minutes(ahead);
        let ms = begin.unix_timestamp() * 1_000;
        (Timestamp(ms), Timestamp(ms + 86_400_000))
    }

    /// Returns the days from this one to `other`; negative when that one is earlier.
    pub fn days_to(self, other: Self) -> i64 {
        (other.0 - self.0).whole_days()
    }

    /// Returns the day after it.
    pub fn next(self) -> Self {
        Self(self.0.next_day().unwrap_or(self.0))
    }
}

impl fmt::Display for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(DASHED).map_err(|_| fmt::Error)?)
    }
}

fn china() -> UtcOffset {
    UtcOffset::from_whole_seconds(CHINA_S).unwrap_or(UtcOffset::UTC)
}

/// Returns a moment in China's time, to the second.
pub fn local_time(at: Timestamp) -> OffsetDateTime {
    let moment = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000));
    moment
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(china())
}

/// Reads China's local time, as `20261126223015` or `2026-11-26 22:30:15`.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let found =
        PrimitiveDateTime::parse(text, WIRE).or_else(|_| PrimitiveDateTime::parse(text, MOMENT));
    let at = found.ok()?.assume_offset(china());
    Some(Timestamp(at.unix_timestamp() * 1_000))
}

/// Writes China's local time for people.
pub(super) fn shown(at: Timestamp) -> String {
    local_time(at).format(MOMENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_its_cut() {
        let at = |text| moment(text).expect("a moment");
        let day = |text| BusinessDay::parse(text).expect("a day");
        for (time, cut, expected) in [
            ("2026-11-26 22:59:59", 1_380, "2026-11-26"),
            ("2026-11-26 23:00:00", 1_380, "2026-11-27"),
            ("2026-11-26 23:59:59", 0, "2026-11-26"),
            ("2026-11-27 00:00:00", 0, "2026-11-27"),
            ("2026-12-31 23:30:00", 1_380, "2027-01-01"),
        ] {
            let found = BusinessDay::of(at(time), cut);
            assert_eq!(found, day(expected), "{time}");
            let (from, to) = found.span(cut);
            assert!(from <= at(time) && at(time) < to, "{time}");
        }
        let (from, _) = day("20261127").span(1_380);
        assert_eq!(from, at("20261126230000"));
        assert_eq!(shown(from), "2026-11-26 23:00:00");
        assert_eq!(day("2026-11-26").days_to(day("2026-11-27")), 1);
        let month = BusinessDay::month("2028-02").expect("a month");
        assert_eq!(month.1, day("2028-02-29"));
        assert!(
            BusinessDay::month("2026-13").is_err() && BusinessDay::parse("26.11.2026").is_err()
        );
    }
}
