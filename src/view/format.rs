//! Money and times as a Chinese shop writes them: `1,234.50`, `09:41`, local time UTC+8.

use crate::domain::{Money, Timestamp};

/// China has one time zone and no daylight saving: UTC+8.
const LOCAL_OFFSET_S: i64 = 8 * 3600;

/// Writes `1,234.50` without a currency sign.
pub fn amount(money: Money) -> String {
    format!(
        "{}.{:02}",
        thousands(money.minor() / 100),
        money.minor() % 100
    )
}

/// Writes an amount in minor units with its direction: `1,234.50`, `-58.00`.
pub fn signed(minor: i64) -> String {
    let (sign, minor) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    format!("{sign}{}.{:02}", thousands(minor / 100), minor % 100)
}

/// Writes a whole number with thousands separators.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes `HH:MM` local time.
pub fn clock(at: Timestamp) -> String {
    let seconds = local_seconds(at);
    format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Writes `mm-dd HH:MM` local time.
pub fn date_clock(at: Timestamp) -> String {
    let (_, month, day) = crate::domain::LocalDay::of(at).date();
    format!("{month:02}-{day:02} {}", clock(at))
}

/// Writes `HH:MM:SS` local time.
pub fn clock_seconds(at: Timestamp) -> String {
    let seconds = local_seconds(at);
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Writes `yyyy-mm-dd HH:MM:SS` local time; only the time of day when the date is beyond every calendar.
pub fn date_time(at: Timestamp) -> String {
    let local_s = at.0.div_euclid(1000) + LOCAL_OFFSET_S;
    let time = clock_seconds(at);
    match time::OffsetDateTime::from_unix_timestamp(local_s) {
        Ok(local) => {
            let (year, month, day) = local.to_calendar_date();
            format!("{year:04}-{:02}-{day:02} {time}", u8::from(month))
        }
        Err(_) => time,
    }
}

/// Returns the UTC milliseconds at which the local day of `at` began.
pub fn local_day_start_ms(at: Timestamp) -> i64 {
    at.0 - local_seconds(at) * 1000 - at.0.rem_euclid(1000)
}

/// Returns the UTC milliseconds at which the local month of `at` began.
pub fn local_month_start_ms(at: Timestamp) -> i64 {
    let day = local_day_start_ms(at);
    let local_ms = day + LOCAL_OFFSET_S * 1000;
    let date = time::OffsetDateTime::from_unix_timestamp(local_ms.div_euclid(1000));
    let since = date.map_or(0, |date| i64::from(date.day()) - 1);
    day - since * 86_400_000
}

fn local_seconds(at: Timestamp) -> i64 {
    (at.0.div_euclid(1000) + LOCAL_OFFSET_S).rem_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals_and_thousands() {
        let show = |fen| amount(Money::from_fen(fen).expect("amount"));
        assert_eq!(show(0), "0.00");
        assert_eq!(show(1280), "12.80");
        assert_eq!(show(123_456_789), "1,234,567.89");
        assert_eq!(show(100_000), "1,000.00");
    }

    #[test]
    fn times_are_local_to_china() {
        let at = Timestamp(1_700_000_000_123);
        assert_eq!(clock_seconds(at), "06:13:20");
        assert_eq!(date_time(at), "2023-11-15 06:13:20");
        assert_eq!(date_time(Timestamp(-1)), "1970-01-01 07:59:59");
        assert_eq!(clock(Timestamp(-1)), "07:59");
        assert_eq!(clock(Timestamp(local_day_start_ms(at))), "00:00");
    }
}
