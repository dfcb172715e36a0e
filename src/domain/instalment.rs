//! Estimates an instalment payment (花呗分期): what the customer pays each period, in whole fen.
//!
//! Owns the division. The rule is the wallet's published one: principal and fee are each divided by the number of
//! periods and rounded down; the fee of the whole plan is rounded half to even first (Alipay, product page of 花呗分期,
//! "计算精度"). The page does not say who carries the fen that are left over. We let the **first** period carry them,
//! because slips name 首期 and 每期 apart (features.md D2), so that no later period is dearer than the figure shown as
//! 每期; a profile can say `last`. Everything here is an estimate: the wallet's own figures count.

use super::fee::{Rate, Rounding};
use super::{Money, MoneyError};

/// Who pays the fee of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeePayer {
    /// The customer (`hb_fq_seller_percent` 0).
    Customer,
    /// The merchant (`hb_fq_seller_percent` 100).
    Merchant,
}

impl FeePayer {
    /// Returns the key used in profiles.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Merchant => "merchant",
        }
    }

    /// Finds a payer by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Customer, Self::Merchant]
            .into_iter()
            .find(|payer| payer.key() == key)
    }

    /// Returns the share of the fee that the merchant pays, in percent: nothing between 0 and 100 exists.
    pub const fn seller_percent(self) -> u8 {
        match self {
            Self::Customer => 0,
            Self::Merchant => 100,
        }
    }
}

/// Which period carries what the division leaves over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// 首期.
    First,
    /// 末期.
    Last,
}

impl Remainder {
    /// Finds a rule by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        match key {
            "first" => Some(Self::First),
            "last" => Some(Self::Last),
            _ => None,
        }
    }
}

/// One plan that the merchant has contracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstalmentPlan {
    /// Number of periods, [`Self::PERIODS_MIN`] to [`Self::PERIODS_MAX`].
    periods: u8,
    /// Who pays the fee.
    pub payer: FeePayer,
    /// Fee of the whole plan as a share of the amount.
    pub rate: Rate,
    /// How the fee of the whole plan is rounded.
    pub rounding: Rounding,
    /// Who carries the rest.
    pub remainder: Remainder,
}

/// What one plan costs. An estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstalmentEstimate {
    /// The amount of the sale.
    pub amount: Money,
    /// What the customer pays on top, over all periods.
    pub customer_fee: Money,
    /// What the merchant pays.
    pub merchant_fee: Money,
    /// The first period.
    pub first: Money,
    /// Every period between the first and the last.
    pub each: Money,
    /// The last period.
    pub last: Money,
    /// Number of periods.
    pub periods: u8,
}

impl InstalmentEstimate {
    /// Returns the amounts, period by period.
    pub fn amounts(&self) -> impl Iterator<Item = Money> {
        let (first, each, last, periods) = (self.first, self.each, self.last, self.periods);
        (1..=periods).map(move |period| {
            if period == 1 {
                first
            } else if period == periods {
                last
            } else {
                each
            }
        })
    }
}

impl InstalmentPlan {
    /// Fewest periods of a plan.
    pub const PERIODS_MIN: u8 = 2;
    /// Most periods of a plan.
    pub const PERIODS_MAX: u8 = 36;

    /// Makes a plan; `None` when the number of periods is out of range.
    pub fn new(
        periods: u8,
        payer: FeePayer,
        rate: Rate,
        (rounding, remainder): (Rounding, Remainder),
    ) -> Option<Self> {
        (Self::PERIODS_MIN..=Self::PERIODS_MAX)
            .contains(&periods)
            .then_some(Self {
                periods,
                payer,
                rate,
                rounding,
                remainder,
            })
    }

    /// Returns the number of periods.
    pub const fn periods(&self) -> u8 {
        self.periods
    }

    /// Estimates the plan for an amount.
    ///
    /// # Errors
    /// [`MoneyError::AboveMaximum`] when amount and fee together exceed the wire's maximum.
    pub fn estimate(&self, amount: Money) -> Result<InstalmentEstimate, MoneyError> {
        let currency = amount.currency();
        let fee = self.rate.of(amount, self.rounding)?;
        let none = Money::from_minor(0, currency)?;
        let (customer_fee, merchant_fee) = match self.payer {
            FeePayer::Customer => (fee, none),
            FeePayer::Merchant => (none, fee),
        };
        amount.checked_add(customer_fee)?;
        let count = u64::from(self.periods);
        let (principal, interest) = (amount.minor(), customer_fee.minor());
        let each = Money::from_minor(principal / count + interest / count, currency)?;
        let left = Money::from_minor(principal % count + interest % count, currency)?;
        let carrier = each.checked_add(left)?;
        let (first, last) = match self.remainder {
            Remainder::First => (carrier, each),
            Remainder::Last => (each, carrier),
        };
        Ok(InstalmentEstimate {
            amount,
            customer_fee,
            merchant_fee,
            first,
            each,
            last,
            periods: self.periods,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fen(fen: u64) -> Money {
        Money::from_fen(fen).expect("an amount")
    }

    fn plan(periods: u8, payer: FeePayer, ppm: u32, remainder: Remainder) -> InstalmentPlan {
        let rate = Rate::from_ppm(ppm).expect("a rate");
        InstalmentPlan::new(periods, payer, rate, (Rounding::HalfEven, remainder)).expect("a plan")
    }

    #[test]
    fn a_customers_plan_divides_principal_and_fee_apart() {
        // ¥100.00 over three periods at 2.3 %: principal 33.33 + 33.33 + 33.34, fee 2.30 as 0.76 + 0.76 + 0.78.
        let plan = plan(3, FeePayer::Customer, 23_000, Remainder::First);
        let estimate = plan.estimate(fen(10_000)).expect("an estimate");
        assert_eq!(estimate.customer_fee, fen(230));
        assert_eq!(estimate.merchant_fee, fen(0));
        assert_eq!(estimate.each, fen(3_333 + 76));
        assert_eq!(estimate.first, fen(3_333 + 76 + 1 + 2));
        let amounts: Vec<u64> = estimate.amounts().map(Money::minor).collect();
        assert_eq!(amounts, [3_412, 3_409, 3_409]);
    }

    #[test]
    fn a_merchants_plan_costs_the_customer_nothing() {
        let plan = plan(12, FeePayer::Merchant, 75_000, Remainder::First);
        let estimate = plan.estimate(fen(120_000)).expect("an estimate");
        assert_eq!(
            (estimate.customer_fee, estimate.merchant_fee),
            (fen(0), fen(9_000))
        );
        assert!(estimate.amounts().all(|amount| amount == fen(10_000)));
        assert_eq!(FeePayer::Merchant.seller_percent(), 100);
        assert_eq!(FeePayer::Customer.seller_percent(), 0);
    }

    #[test]
    fn the_fee_of_the_whole_plan_is_rounded_half_to_even() {
        // 4.5 % of 100 fen is 4.5 fen: down to 4. Of 300 fen it is 13.5: up to 14.
        let plan = plan(6, FeePayer::Customer, 45_000, Remainder::First);
        assert_eq!(plan.estimate(fen(100)).expect("a").customer_fee, fen(4));
        assert_eq!(plan.estimate(fen(300)).expect("b").customer_fee, fen(14));
    }

    #[test]
    fn too_few_or_too_many_periods_are_no_plan() {
        let rate = Rate::from_ppm(1).expect("a rate");
        let rules = (Rounding::HalfEven, Remainder::First);
        for periods in [0, 1, 37, 255] {
            assert_eq!(
                InstalmentPlan::new(periods, FeePayer::Customer, rate, rules),
                None
            );
        }
        let plan = plan(3, FeePayer::Customer, 23_000, Remainder::First);
        assert_eq!(
            plan.estimate(fen(Money::MINOR_MAX)),
            Err(MoneyError::AboveMaximum)
        );
    }

    proptest! {
        #[test]
        fn the_periods_add_up_to_amount_and_fee(
            amount in 0..=Money::MINOR_MAX / 2,
            periods in InstalmentPlan::PERIODS_MIN..=InstalmentPlan::PERIODS_MAX,
            ppm in 0..=Rate::PPM_MAX,
            customer: bool,
            first: bool,
        ) {
            let payer = if customer { FeePayer::Customer } else { FeePayer::Merchant };
            let remainder = if first { Remainder::First } else { Remainder::Last };
            let estimate = plan(periods, payer, ppm, remainder)
                .estimate(fen(amount))
                .expect("within the maximum");
            let sum: u64 = estimate.amounts().map(Money::minor).sum();
            prop_assert_eq!(sum, amount + estimate.customer_fee.minor());
            prop_assert_eq!(estimate.amounts().count(), usize::from(periods));
            // No period differs from another by more than the rest of two divisions.
            let spread = estimate.first.minor().max(estimate.last.minor()) - estimate.each.minor();
            prop_assert!(spread <= 2 * (u64::from(periods) - 1));
            let dearest_is_the_carrier = if first {
                estimate.last == estimate.each
            } else {
                estimate.first == estimate.each
            };
            prop_assert!(dearest_is_the_carrier);
        }
    }
}
