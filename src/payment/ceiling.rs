//! How much money a role may send back: one ceiling for a single undo, one for the day (features.md S-54, S-79).
//!
//! Owns the comparison. The sum of the day comes in: voids and refunds that people asked for, done or still open. Money
//! that goes back by itself is nobody's decision and counts for nobody.

use crate::domain::{Money, Role};

/// Ceilings of one role; `None` does not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// Largest single void or refund.
    pub single: Option<Money>,
    /// Largest sum of a day, of this till.
    pub day: Option<Money>,
}

impl Ceiling {
    /// Nothing at all.
    pub fn nothing() -> Self {
        let zero = Money::from_fen(0).ok();
        Self {
            single: zero,
            day: zero,
        }
    }

    /// Returns the largest single amount, now that so much went back today; none without any limit.
    fn room(&self, today: Money) -> Option<u64> {
        let day = self
            .day
            .map(|day| day.minor().saturating_sub(today.minor()));
        match (self.single.map(Money::minor), day) {
            (Some(single), Some(day)) => Some(single.min(day)),
            (single, day) => single.or(day),
        }
    }
}

/// Ceilings of every role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Without any PIN.
    pub cashier: Ceiling,
    /// With the supervisor's PIN.
    pub supervisor: Ceiling,
    /// With the manager's PIN.
    pub manager: Ceiling,
}

impl Ceilings {
    /// Every undo needs the supervisor, who may approve any; there is no manager.
    pub fn supervisor_approves_all() -> Self {
        Self {
            cashier: Ceiling::nothing(),
            supervisor: Ceiling::default(),
            manager: Ceiling::nothing(),
        }
    }

    /// Returns the ceiling of a role.
    pub const fn of(&self, role: Role) -> &Ceiling {
        match role {
            Role::Cashier => &self.cashier,
            Role::Supervisor => &self.supervisor,
            Role::Manager => &self.manager,
        }
    }

    /// Tells whether a role may send `amount` back, when `today` went back already.
    pub fn allows(&self, role: Role, amount: Money, today: Money) -> bool {
        self.of(role)
            .room(today)
            .is_none_or(|room| amount.minor() <= room)
    }

    /// Returns the lowest role that may; none when nobody may.
    pub fn role_for(&self, amount: Money, today: Money) -> Option<Role> {
        Role::ALL
            .into_iter()
            .find(|role| self.allows(*role, amount, today))
    }

    /// Returns the most that anybody may still send back at once; none without any limit.
    pub fn most(&self, today: Money) -> Option<Money> {
        let mut most = 0;
        for role in Role::ALL {
            most = most.max(self.of(role).room(today)?);
        }
        Money::from_fen(most).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fen(fen: u64) -> Money {
        Money::from_fen(fen).expect("an amount")
    }

    fn ceiling(single: u64, day: u64) -> Ceiling {
        Ceiling {
            single: Some(fen(single)),
            day: Some(fen(day)),
        }
    }

    #[test]
    fn each_ceiling_is_reached_to_the_fen_and_never_passed() {
        let own = Ceilings {
            cashier: ceiling(1_000, 2_500),
            supervisor: ceiling(5_000, 9_000),
            manager: ceiling(20_000, 30_000),
        };
        let (cashier, supervisor, manager) = (
            Some(Role::Cashier),
            Some(Role::Supervisor),
            Some(Role::Manager),
        );
        for (amount, today, role) in [
            (1, 0, cashier),
            (1_000, 0, cashier),
            (1_001, 0, supervisor),
            // The cashier's day: 1,500 + 1,000 is all of it, one fen more is too much.
            (1_000, 1_500, cashier),
            (1_000, 1_501, supervisor),
            (999, 1_501, cashier),
            (5_000, 0, supervisor),
            (5_001, 0, manager),
            (5_000, 4_000, supervisor),
            (5_000, 4_001, manager),
            (20_000, 10_000, manager),
            (20_001, 0, None),
            (20_000, 10_001, None),
            (1, 30_000, None),
            (1, 40_000, None),
        ] {
            let found = own.role_for(fen(amount), fen(today));
            assert_eq!(found, role, "{amount} after {today}");
        }
        assert_eq!(own.most(fen(0)), Some(fen(20_000)));
        assert_eq!(own.most(fen(10_001)), Some(fen(19_999)));
        assert_eq!(own.most(fen(40_000)), Some(fen(0)));
    }

    #[test]
    fn without_ceilings_the_supervisor_approves_everything_and_nobody_else_anything() {
        let own = Ceilings::supervisor_approves_all();
        for amount in [1, 5_000_000, Money::MINOR_MAX] {
            let found = own.role_for(fen(amount), fen(Money::MINOR_MAX));
            assert_eq!(found, Some(Role::Supervisor));
        }
        assert_eq!(own.most(fen(0)), None);
    }
}
