//! Who may send how much money back: ceilings of the roles in the configuration.
//!
//! Owns their order: a higher role may never do less than a lower one, and a manager exists only with a PIN of his own.

use super::{Checker, ConfigError, RefundsLayer};
use crate::domain::Money;
use crate::payment::{Ceiling, Ceilings};

pub(super) fn check(
    c: &Checker<'_>,
    layer: &RefundsLayer,
    has_manager: bool,
) -> Result<Ceilings, ConfigError> {
    let money = |key, fen: Option<u64>| {
        let checked = fen.map(|fen| Money::from_fen(fen).map_err(|e| c.bad(key, e.to_string())));
        checked.transpose()
    };
    let cashier_single = money("refunds.cashier_single_fen", layer.cashier_single_fen)?;
    let cashier_day = money("refunds.cashier_day_fen", layer.cashier_day_fen)?;
    // Nothing said about the cashier: a PIN for every fen.
    let cashier = match (cashier_single, cashier_day) {
        (None, None) => Ceiling::nothing(),
        (single, day) => Ceiling { single, day },
    };
    let supervisor = Ceiling {
        single: money("refunds.supervisor_single_fen", layer.supervisor_single_fen)?,
        day: money("refunds.supervisor_day_fen", layer.supervisor_day_fen)?,
    };
    let mut manager = Ceiling {
        single: money("refunds.manager_single_fen", layer.manager_single_fen)?,
        day: money("refunds.manager_day_fen", layer.manager_day_fen)?,
    };
    let less = |higher: Option<Money>, lower: Option<Money>| match (higher, lower) {
        (Some(higher), Some(lower)) => higher.minor() < lower.minor(),
        (Some(_), None) => true,
        (None, _) => false,
    };
    let rule = "a higher role may not do less than a lower one; raise it, or lower the other";
    if less(supervisor.single, cashier.single) {
        return Err(c.bad("refunds.supervisor_single_fen", rule));
    }
    if less(supervisor.day, cashier.day) {
        return Err(c.bad("refunds.supervisor_day_fen", rule));
    }
    if !has_manager {
        if layer.manager_single_fen.is_some() || layer.manager_day_fen.is_some() {
            let problem = "a manager needs a PIN: set people.manager_pin_file";
            return Err(c.bad("refunds.manager_single_fen", problem));
        }
        manager = Ceiling::nothing();
    } else if less(manager.single, supervisor.single) {
        return Err(c.bad("refunds.manager_single_fen", rule));
    } else if less(manager.day, supervisor.day) {
        return Err(c.bad("refunds.manager_day_fen", rule));
    }
    Ok(Ceilings {
        cashier,
        supervisor,
        manager,
    })
}
