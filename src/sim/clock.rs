//! The sandbox's clock and the wire's local times (Asia/Shanghai; the wire names no zone, acquirer.md head).
//!
//! Never used by the terminal, which is handed its time.

use std::time::{SystemTime, UNIX_EPOCH};

use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

const WIRE: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");

/// Returns milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns seconds since 1970.
pub fn now_s() -> i64 {
    seconds(now_ms())
}

fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1000).unwrap_or(i64::MAX)
}

/// Writes `yyyyMMddHHmmss`.
pub fn wire_time(ms: u64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds(ms))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(offset!(+8))
        .format(WIRE)
        .unwrap_or_default()
}

/// Returns the business date of a moment, `yyyyMMdd`: the day ends at 23:00 (acquirer.md 2.10, `TWENTY_THREE`).
pub fn business_date(ms: u64) -> String {
    wire_time(ms + 3_600_000)[..8].to_owned()
}

/// Reads `yyyyMMddHHmmss` as seconds since 1970; nothing else is a time.
pub fn read_wire_time(text: &str) -> Option<i64> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let local = PrimitiveDateTime::parse(text, WIRE).ok()?;
    Some(local.assume_offset(offset!(+8)).unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_times_are_chinas() {
        assert_eq!(wire_time(1_630_905_585_000), "20210906131945");
        assert_eq!(read_wire_time("20210906131945"), Some(1_630_905_585));
        for bad in [
            "20210931131945",
            "2021090613194",
            "2021-9-6 1:1:1",
            "+0210906131945",
        ] {
            assert_eq!(read_wire_time(bad), None, "{bad}");
        }
    }
}
