//! True time, and the two clocks of the terminal that follow it badly.
//!
//! Owns drift, jumps of the wall clock, sleep, and the start of the monotonic count at each boot.

use crate::domain::{Now, Tick, Timestamp};

use super::plan::Clocks;

/// The clocks of a run. True time counts milliseconds from the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// True time.
    pub now: u64,
    /// The machine sleeps, or the program is blocked, until then.
    pub frozen_until: u64,
    /// When the program started.
    pub booted_at: u64,
    slept: u64,
    wall_ms: i64,
    drift: i64,
    /// A planted bug: deadlines go by the wall clock.
    pub ticks_by_wall: bool,
}

impl Clock {
    /// Starts at zero.
    pub fn new(clocks: Clocks) -> Self {
        Self {
            now: 0,
            frozen_until: 0,
            booted_at: 0,
            slept: 0,
            wall_ms: clocks.wall_ms,
            drift: clocks.drift,
            ticks_by_wall: false,
        }
    }

    /// The monotonic count begins again.
    pub fn boot(&mut self) {
        self.booted_at = self.now;
        self.frozen_until = self.now;
        self.slept = 0;
    }

    /// The wall clock jumps.
    pub fn jump(&mut self, ms: i64) {
        self.wall_ms = self.wall_ms.saturating_add(ms);
    }

    /// The machine sleeps.
    pub fn sleep(&mut self, ms: u64) {
        self.frozen_until = self.frozen_until.max(self.now) + ms;
        self.slept += ms;
    }

    /// The program waits for the disk.
    pub fn block(&mut self, ms: u64) {
        self.frozen_until = self.frozen_until.max(self.now) + ms;
    }

    /// Returns what the terminal reads.
    pub fn reading(&self) -> Now {
        let utc = self.wall_ms.saturating_add(signed(self.now));
        let tick = if self.ticks_by_wall {
            u64::try_from(utc).unwrap_or(0)
        } else {
            self.tick(self.now)
        };
        Now {
            utc: Timestamp(utc),
            tick: Tick(tick),
        }
    }

    /// Returns the monotonic milliseconds since the start, as the terminal should read them.
    pub fn mono(&self) -> u64 {
        self.tick(self.now)
    }

    /// Returns the monotonic milliseconds between two moments of this start; sleep counts for nothing.
    pub fn mono_between(&self, from: u64, to: u64) -> u64 {
        to.saturating_sub(from).saturating_sub(self.slept)
    }

    fn tick(&self, at: u64) -> u64 {
        let awake = at.saturating_sub(self.booted_at).saturating_sub(self.slept);
        let gained = signed(awake) * self.drift / 1_000;
        awake.saturating_add_signed(gained)
    }

    /// Returns the first moment of true time, not before now, at which the terminal reads at least `tick`.
    pub fn when(&self, tick: Tick) -> u64 {
        if self.ticks_by_wall {
            let wall = signed(tick.0).saturating_sub(self.wall_ms);
            return u64::try_from(wall).unwrap_or(0).max(self.now);
        }
        let rate = u64::try_from(1_000 + self.drift).unwrap_or(1_000);
        let awake = tick.0.saturating_mul(1_000) / rate;
        let mut at = awake
            .saturating_add(self.booted_at)
            .saturating_add(self.slept)
            .max(self.now);
        while self.tick(at) < tick.0 {
            at += 1;
        }
        at
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
