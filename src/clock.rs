//! The only reader of the system's clocks.
//!
//! Owns the start of the monotonic count. Everything else gets [`Now`] passed in.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::{Now, Tick, Timestamp};

/// Both clocks of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts the monotonic count.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the clocks"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Reads both clocks.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the clocks"
    )]
    pub fn now(&self) -> Now {
        let tick = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let utc = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Now {
            utc: Timestamp(utc),
            tick: Tick(tick),
        }
    }
}
