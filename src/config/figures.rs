//! The acquirer's profile with this terminal's own figures over it.
//!
//! Owns which of the two wins, and the keys of `[limits]` and `[timing]`.

use super::{Checker, ConfigError, LimitsLayer, ProfileLayer};
use crate::domain::Money;
use crate::profile::guard::LimitRow;
use crate::profile::{Profile, TimingLayer, Trust};

pub(super) fn check_profile(
    c: &Checker<'_>,
    layer: &ProfileLayer,
    environment: Option<&str>,
) -> Result<Profile, ConfigError> {
    let keys = layer.trusted_key_files.as_deref().unwrap_or_default();
    let Some(file) = &layer.file else {
        return Ok(Profile::built_in());
    };
    if keys.is_empty() && environment == Some("production") {
        let problem = "with real money a profile must be signed; name the key of its author";
        return Err(c.bad("profile.trusted_key_files", problem));
    }
    let trust = Trust::load(keys, layer.version_min.unwrap_or(0))?;
    Ok(Profile::load(file, &trust)?)
}

/// Puts `[limits]` and `[timing]` of the terminal over the profile; a wait named here holds for every wallet.
pub(super) fn own_figures(
    c: &Checker<'_>,
    mut profile: Profile,
    limits: &LimitsLayer,
    timing: &TimingLayer,
) -> Result<Profile, ConfigError> {
    let money = |key, fen: Option<u64>| {
        let checked = fen.map(|fen| match Money::from_fen(fen) {
            Ok(money) if fen > 0 => Ok(money),
            Ok(_) => Err(c.bad(key, "use 1 fen or more")),
            Err(error) => Err(c.bad(key, error.to_string())),
        });
        checked.transpose()
    };
    profile.limits.override_general(LimitRow {
        single: money("limits.amount_max_fen", limits.amount_max_fen)?,
        day: money("limits.day_max_fen", limits.day_max_fen)?,
        month: money("limits.month_max_fen", limits.month_max_fen)?,
        ..LimitRow::default()
    });
    let large = money("limits.large_amount_fen", limits.large_amount_fen)?;
    profile.limits.large_amount = large.or(profile.limits.large_amount);
    profile.limits.repeat_ms = limits.repeat_ms.unwrap_or(profile.limits.repeat_ms);
    if let Some(life_ms) = limits.code_life_ms {
        if !(1_000..=3_600_000).contains(&life_ms) {
            let problem = format!("{life_ms} is out of range; use 1000 to 3600000");
            return Err(c.bad("limits.code_life_ms", problem));
        }
        profile.lives.payment_code_ms = life_ms;
    }
    let all = std::iter::once(&mut profile.timing).chain(profile.timing_of.values_mut());
    for waits in all {
        *waits = timing.on(waits).map_err(|(key, problem)| {
            let key = match key {
                "answer_wait_ms" => "timing.answer_wait_ms",
                "poll_ms" => "timing.poll_ms",
                "revoke_not_before_ms" => "timing.revoke_not_before_ms",
                "park_after_ms" => "timing.park_after_ms",
                "revoke_retry_ms" => "timing.revoke_retry_ms",
                "revoke_idle_ms" => "timing.revoke_idle_ms",
                "recheck_ms" => "timing.recheck_ms",
                "recheck_count" => "timing.recheck_count",
                "code_shown_ms" => "timing.code_shown_ms",
                "code_poll_ms" => "timing.code_poll_ms",
                _ => "timing",
            };
            c.bad(key, problem)
        })?;
    }
    Ok(profile)
}
