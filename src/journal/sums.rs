//! The check of the kept sums against the rows, a day at a time, while the journal's thread is asked nothing.
//!
//! Owns how far it has come. The rows are the truth: sums that differ are made anew from them, and the log says so.

use super::error::chain;
use super::ledger;
use super::writer::Writer;
use crate::domain::{LocalDay, Timestamp};

/// From which day on the sums are still to be compared; none when all are.
#[derive(Clone, Copy, Debug)]
pub(super) struct SumsCheck(Option<LocalDay>);

impl SumsCheck {
    /// Nothing is compared yet.
    pub const fn begin() -> Self {
        Self(Some(LocalDay::of(Timestamp(i64::MIN))))
    }

    pub const fn is_going(self) -> bool {
        self.0.is_some()
    }
}

impl Writer {
    /// Compares the sums of one day with its rows.
    pub fn check_sums(&mut self) {
        let (Some(from), Some(store)) = (self.sums.0, &mut self.store) else {
            self.sums.0 = None;
            return;
        };
        let found = ledger::next_day(&store.connection, from).and_then(|day| match day {
            None => Ok(None),
            Some(day) => Ok(Some((day, ledger::agrees(&store.connection, day)?))),
        });
        self.sums.0 = match found {
            Ok(Some((day, true))) => Some(day.plus(1)),
            Ok(Some((day, false))) => {
                tracing::error!(day = ?day.date(), "sums that differ from the records are renewed");
                let renewed = store.renew_sums(day);
                if let Err(problem) = &renewed {
                    tracing::warn!(error = %chain(problem), "the sums could not be renewed");
                }
                renewed.is_ok().then_some(day.plus(1))
            }
            Ok(None) => None,
            Err(problem) => {
                tracing::warn!(error = %problem, "the check of the sums ended");
                None
            }
        };
    }
}
