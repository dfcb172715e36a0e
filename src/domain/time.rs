//! Two clocks, never mixed: a wall time for records and a monotonic tick for deadlines.
//!
//! Nothing here reads a clock: `crate::clock` does, once per turn of the driver's loop, and passes [`Now`] down.

use std::time::Duration;

/// UTC milliseconds since 1970. Only for records and people; never for a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Milliseconds of a monotonic clock since the program started. Only for deadlines; meaningless after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// Returns the tick `later` milliseconds after this one.
    #[must_use]
    pub const fn after_ms(self, later: u64) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// Returns the milliseconds from `earlier` to this tick, or 0 when it lies in the future.
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns how long to wait from `now` until this tick.
    pub const fn wait_from(self, now: Self) -> Duration {
        Duration::from_millis(self.since_ms(now))
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time, for records.
    pub utc: Timestamp,
    /// Monotonic time, for deadlines.
    pub tick: Tick,
}
