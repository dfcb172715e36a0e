//! The part of the configuration about closing batches.
//!
//! Owns its keys and what is wrong with them. How an acquirer is asked is the profile's and `settlement`'s.

use super::{Checker, Config, ConfigError, SettlementLayer};
use crate::domain::minute_of_day;
use crate::payment::Timing;
use crate::settlement::{FeeTerms, Rules};

/// How and when this terminal closes its batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closings {
    /// The acquirer's statement can be read.
    pub statement: bool,
    /// Minutes after midnight in China; none when only people close batches.
    pub at_min: Option<u16>,
}

impl Closings {
    /// Returns the core's rules; waits are those of the other requests.
    pub fn rules(&self, timing: &Timing) -> Rules {
        Rules {
            has_statement: self.statement,
            answer_wait_ms: timing.answer_wait_ms,
            retry_ms: timing.revoke_retry_ms.clone(),
            idle_ms: timing.revoke_idle_ms,
            at_min: self.at_min,
            ..Rules::reference()
        }
    }
}

impl Config {
    /// Returns what fees depend on.
    pub fn fee_terms(&self) -> FeeTerms {
        FeeTerms {
            table: self.profile.fees.clone(),
            class: self.fee_class,
            void: self.profile.void.fee,
            refund: self.profile.refund.fee,
        }
    }
}

/// Only the sandbox is known to have a statement that a terminal can read (acquirer.md 2.12).
pub(super) fn check(
    c: &Checker<'_>,
    layer: &SettlementLayer,
    sandbox: bool,
) -> Result<Closings, ConfigError> {
    let at_min = match layer.at.as_deref() {
        None | Some("") => None,
        Some(text) => Some(minute_of_day(text).ok_or_else(|| {
            let problem = "it is no time of day; use 00:00 to 23:59";
            c.bad("settlement.at", problem)
        })?),
    };
    Ok(Closings {
        statement: layer.statement.unwrap_or(sandbox),
        at_min,
    })
}
