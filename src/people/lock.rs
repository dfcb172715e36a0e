//! The lock after wrong tries (features.md S-53): five within fifteen minutes close the door for fifteen minutes.
//!
//! Owns the count, by the monotonic clock. The clock starts again with the program: what survives a restart is a number
//! (`tries`), given back to [`PinLock::resumed`].

use crate::domain::Tick;

/// Wrong tries that lock.
pub const TRIES: usize = 5;
/// Within this time, and for this time, in milliseconds.
pub const WINDOW_MS: u64 = 15 * 60_000;

/// Counts wrong tries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinLock {
    /// Of the last [`WINDOW_MS`], oldest first; at most [`TRIES`].
    wrong: Vec<Tick>,
    until: Option<Tick>,
}

impl PinLock {
    /// Starts with tries that were wrong before the program was started: a restart must not buy new ones.
    pub fn resumed(wrong_before: usize, now: Tick) -> Self {
        let mut lock = Self::default();
        for _ in 0..wrong_before.min(TRIES) {
            lock.wrong(now);
        }
        lock
    }

    /// Returns the wrong tries that still count.
    pub fn wrong_tries(&self, now: Tick) -> usize {
        let recent = |at: &&Tick| now.since_ms(**at) < WINDOW_MS;
        self.wrong.iter().filter(recent).count()
    }

    /// Returns how long nobody may try, or `None` when somebody may.
    pub fn wait_ms(&self, now: Tick) -> Option<u64> {
        let until = self.until?;
        (until > now).then(|| until.since_ms(now))
    }

    pub(super) fn tries_left(&self, now: Tick) -> u32 {
        let left = TRIES.saturating_sub(self.wrong_tries(now));
        u32::try_from(left).unwrap_or(0)
    }

    pub(super) fn wrong(&mut self, now: Tick) {
        self.wrong.retain(|at| now.since_ms(*at) < WINDOW_MS);
        self.wrong.push(now);
        if self.wrong.len() >= TRIES {
            self.until = Some(now.after_ms(WINDOW_MS));
            self.wrong.clear();
        }
    }

    pub(super) fn right(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn old_tries_are_forgotten() {
        let mut lock = PinLock::default();
        for minute in [0, 5, 10, 14] {
            lock.wrong(Tick(minute * MINUTE));
        }
        // The first is fifteen minutes old: this is the fourth.
        lock.wrong(Tick(15 * MINUTE));
        assert_eq!(lock.wait_ms(Tick(15 * MINUTE)), None);
        assert_eq!(lock.tries_left(Tick(15 * MINUTE)), 1);
        lock.wrong(Tick(16 * MINUTE));
        assert_eq!(lock.wait_ms(Tick(16 * MINUTE)), Some(WINDOW_MS));
    }

    #[test]
    fn a_restart_buys_no_new_tries() {
        let lock = PinLock::resumed(4, Tick(0));
        assert_eq!(lock.tries_left(Tick(0)), 1);
        let lock = PinLock::resumed(9, Tick(0));
        assert_eq!(lock.wait_ms(Tick(1)), Some(WINDOW_MS - 1));
        assert_eq!(lock.wait_ms(Tick(WINDOW_MS)), None);
        assert_eq!(lock.tries_left(Tick(WINDOW_MS)), 5);
    }
}
