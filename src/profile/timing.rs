//! Timings that are written down in layers: the profile's, a wallet's own, the terminal's.
//!
//! Owns which key wins and the bounds of the result. A layer may name some of the keys; the lowest must name all.

use serde::Deserialize;

use crate::payment::Timing;

/// Some of the waits of [`Timing`], in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingLayer {
    /// [`Timing::answer_wait_ms`].
    pub answer_wait_ms: Option<u64>,
    /// [`Timing::poll_ms`].
    pub poll_ms: Option<Vec<u64>>,
    /// [`Timing::revoke_not_before_ms`].
    pub revoke_not_before_ms: Option<u64>,
    /// [`Timing::park_after_ms`].
    pub park_after_ms: Option<u64>,
    /// [`Timing::revoke_retry_ms`].
    pub revoke_retry_ms: Option<Vec<u64>>,
    /// [`Timing::revoke_idle_ms`].
    pub revoke_idle_ms: Option<u64>,
    /// [`Timing::recheck_ms`].
    pub recheck_ms: Option<u64>,
    /// [`Timing::recheck_count`].
    pub recheck_count: Option<u32>,
    /// [`Timing::code_shown_ms`].
    pub code_shown_ms: Option<u64>,
    /// [`Timing::code_poll_ms`].
    pub code_poll_ms: Option<u64>,
}

/// A key of a timing and what is wrong with it.
pub type TimingProblem = (&'static str, String);

impl TimingLayer {
    /// Puts a later layer over this one.
    pub fn over(&mut self, later: Self) {
        fn put<T>(own: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *own = later;
            }
        }
        put(&mut self.answer_wait_ms, later.answer_wait_ms);
        put(&mut self.poll_ms, later.poll_ms);
        put(&mut self.revoke_not_before_ms, later.revoke_not_before_ms);
        put(&mut self.park_after_ms, later.park_after_ms);
        put(&mut self.revoke_retry_ms, later.revoke_retry_ms);
        put(&mut self.revoke_idle_ms, later.revoke_idle_ms);
        put(&mut self.recheck_ms, later.recheck_ms);
        put(&mut self.recheck_count, later.recheck_count);
        put(&mut self.code_shown_ms, later.code_shown_ms);
        put(&mut self.code_poll_ms, later.code_poll_ms);
    }

    /// Fills what this layer leaves open from `base`, and checks the result.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn on(&self, base: &Timing) -> Result<Timing, TimingProblem> {
        let own = self.clone();
        checked(Timing {
            answer_wait_ms: own.answer_wait_ms.unwrap_or(base.answer_wait_ms),
            poll_ms: own.poll_ms.unwrap_or_else(|| base.poll_ms.clone()),
            revoke_not_before_ms: own
                .revoke_not_before_ms
                .unwrap_or(base.revoke_not_before_ms),
            park_after_ms: own.park_after_ms.unwrap_or(base.park_after_ms),
            revoke_retry_ms: own
                .revoke_retry_ms
                .unwrap_or_else(|| base.revoke_retry_ms.clone()),
            revoke_idle_ms: own.revoke_idle_ms.unwrap_or(base.revoke_idle_ms),
            recheck_ms: own.recheck_ms.unwrap_or(base.recheck_ms),
            recheck_count: own.recheck_count.unwrap_or(base.recheck_count),
            code_shown_ms: own.code_shown_ms.unwrap_or(base.code_shown_ms),
            code_poll_ms: own.code_poll_ms.unwrap_or(base.code_poll_ms),
        })
    }

    /// Makes the lowest layer: every key must be named.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn complete(&self) -> Result<Timing, TimingProblem> {
        fn need<T>(key: &'static str, value: Option<T>) -> Result<T, TimingProblem> {
            value.ok_or_else(|| (key, "it is missing".to_owned()))
        }
        let own = self.clone();
        checked(Timing {
            answer_wait_ms: need("answer_wait_ms", own.answer_wait_ms)?,
            poll_ms: need("poll_ms", own.poll_ms)?,
            revoke_not_before_ms: need("revoke_not_before_ms", own.revoke_not_before_ms)?,
            park_after_ms: need("park_after_ms", own.park_after_ms)?,
            revoke_retry_ms: need("revoke_retry_ms", own.revoke_retry_ms)?,
            revoke_idle_ms: need("revoke_idle_ms", own.revoke_idle_ms)?,
            recheck_ms: need("recheck_ms", own.recheck_ms)?,
            recheck_count: need("recheck_count", own.recheck_count)?,
            code_shown_ms: need("code_shown_ms", own.code_shown_ms)?,
            code_poll_ms: need("code_poll_ms", own.code_poll_ms)?,
        })
    }
}

/// Waits that make sense, in milliseconds: no busy loop, and not longer than a day.
const WAIT_MS: std::ops::RangeInclusive<u64> = 1..=86_400_000;
/// Steps of a schedule.
const WAITS_MAX: usize = 20;

fn checked(timing: Timing) -> Result<Timing, TimingProblem> {
    let out = |wait: u64| format!("{wait} is out of range; use 1 to 86400000");
    for (key, wait) in [
        ("answer_wait_ms", timing.answer_wait_ms),
        ("revoke_not_before_ms", timing.revoke_not_before_ms),
        ("park_after_ms", timing.park_after_ms),
        ("revoke_idle_ms", timing.revoke_idle_ms),
        ("recheck_ms", timing.recheck_ms),
        ("code_shown_ms", timing.code_shown_ms),
        ("code_poll_ms", timing.code_poll_ms),
    ] {
        if !WAIT_MS.contains(&wait) {
            return Err((key, out(wait)));
        }
    }
    for (key, waits) in [
        ("poll_ms", &timing.poll_ms),
        ("revoke_retry_ms", &timing.revoke_retry_ms),
    ] {
        if waits.is_empty() || waits.len() > WAITS_MAX {
            let problem = format!("{} entries are out of range; use 1 to 20", waits.len());
            return Err((key, problem));
        }
        if let Some(wait) = waits.iter().find(|wait| !WAIT_MS.contains(wait)) {
            return Err((key, out(*wait)));
        }
    }
    if timing.park_after_ms > 60_000 {
        let problem = "the till must be free after 60000 ms at most";
        return Err(("park_after_ms", problem.to_owned()));
    }
    if !(1..=100).contains(&timing.recheck_count) {
        let problem = format!("{} is out of range; use 1 to 100", timing.recheck_count);
        return Err(("recheck_count", problem));
    }
    Ok(timing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_replaces_only_what_it_names() {
        let mut layer = TimingLayer {
            recheck_count: Some(2),
            ..TimingLayer::default()
        };
        layer.over(TimingLayer {
            poll_ms: Some(vec![1]),
            ..TimingLayer::default()
        });
        let base = Timing::reference();
        let timing = layer.on(&base).expect("valid");
        assert_eq!((timing.recheck_count, timing.poll_ms), (2, vec![1]));
        assert_eq!(timing.revoke_retry_ms, base.revoke_retry_ms);
        assert_eq!(TimingLayer::default().on(&base), Ok(base));
    }

    #[test]
    fn a_hole_or_a_bad_wait_is_named() {
        let hole = TimingLayer::default().complete();
        assert_eq!(hole, Err(("answer_wait_ms", "it is missing".to_owned())));
        let base = Timing::reference();
        let key = |layer: TimingLayer| layer.on(&base).expect_err("a bad wait").0;
        let none = TimingLayer::default;
        let late = TimingLayer {
            park_after_ms: Some(60_001),
            ..none()
        };
        let silent = TimingLayer {
            poll_ms: Some(vec![]),
            ..none()
        };
        let never = TimingLayer {
            recheck_count: Some(0),
            ..none()
        };
        assert_eq!(key(late), "park_after_ms");
        assert_eq!(key(silent), "poll_ms");
        assert_eq!(key(never), "recheck_count");
    }
}
