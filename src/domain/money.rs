//! Amounts of money in minor units (fen for CNY), never negative, never a float.
//!
//! Direction (charge or refund) is the transaction's type, not a sign. There is no `Mul`, `Div`, `Sum` or
//! `Default` on purpose: each would hide a rounding rule or an accidental zero.

use std::fmt;

/// ISO 4217 currency of an amount. Only the renminbi is traded today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Renminbi, numeric code 156, two decimals.
    Cny,
}

impl Currency {
    /// Returns the ISO 4217 numeric code.
    pub const fn numeric(self) -> u16 {
        match self {
            Self::Cny => 156,
        }
    }

    /// Finds a currency by its ISO 4217 numeric code.
    pub const fn from_numeric(code: u16) -> Option<Self> {
        match code {
            156 => Some(Self::Cny),
            _ => None,
        }
    }

    /// Returns the three-letter code.
    pub const fn alpha(self) -> &'static str {
        match self {
            Self::Cny => "CNY",
        }
    }
}

/// Why an amount could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The amount does not fit the twelve digits of the wire (ISO 8583 DE4, Lakala `total_amount`).
    #[error("the amount is above 9,999,999,999.99")]
    AboveMaximum,
    /// A subtraction would go below zero.
    #[error("the amount would be negative")]
    Negative,
    /// Two currencies in one sum.
    #[error("the currencies differ")]
    CurrencyMismatch,
}

/// An amount in minor units, `0 ..= 999_999_999_999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    minor: u64,
    currency: Currency,
}

impl Money {
    /// The largest amount on the wire: twelve digits (ISO 8583 DE4 n12; Lakala `total_amount` S(12)).
    pub const MINOR_MAX: u64 = 999_999_999_999;

    /// Makes an amount from minor units.
    ///
    /// # Errors
    /// [`MoneyError::AboveMaximum`] above [`Self::MINOR_MAX`].
    pub const fn from_minor(minor: u64, currency: Currency) -> Result<Self, MoneyError> {
        if minor > Self::MINOR_MAX {
            return Err(MoneyError::AboveMaximum);
        }
        Ok(Self { minor, currency })
    }

    /// Makes an amount of renminbi from fen.
    ///
    /// # Errors
    /// [`MoneyError::AboveMaximum`] above [`Self::MINOR_MAX`].
    pub const fn from_fen(fen: u64) -> Result<Self, MoneyError> {
        Self::from_minor(fen, Currency::Cny)
    }

    /// Returns the minor units.
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// Returns the currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Adds two amounts.
    ///
    /// # Errors
    /// The sum is above the wire's maximum, or the currencies differ.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Self::from_minor(self.minor.saturating_add(other.minor), self.currency)
    }

    /// Subtracts `other`.
    ///
    /// # Errors
    /// The result would be negative, or the currencies differ.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self
            .minor
            .checked_sub(other.minor)
            .ok_or(MoneyError::Negative)?;
        Self::from_minor(minor, self.currency)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch)
        }
    }
}

impl fmt::Display for Money {
    /// Prints `CNY 1234.50`; screens use `view::format` instead.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Currency::Cny = self.currency;
        write!(
            f,
            "{} {}.{:02}",
            self.currency.alpha(),
            self.minor / 100,
            self.minor % 100
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_of_thirteen_digits_is_refused() {
        assert!(Money::from_fen(Money::MINOR_MAX).is_ok());
        assert_eq!(
            Money::from_fen(Money::MINOR_MAX + 1),
            Err(MoneyError::AboveMaximum)
        );
        let largest = Money::from_fen(Money::MINOR_MAX).expect("largest");
        let one = Money::from_fen(1).expect("one");
        assert_eq!(largest.checked_add(one), Err(MoneyError::AboveMaximum));
    }

    #[test]
    fn taking_more_than_there_is_is_an_error_not_a_wrap() {
        let one = Money::from_fen(1).expect("one");
        let two = Money::from_fen(2).expect("two");
        assert_eq!(one.checked_sub(two), Err(MoneyError::Negative));
        assert_eq!(two.checked_sub(one), Ok(one));
    }

    #[test]
    fn display_always_names_the_currency_and_both_decimals() {
        assert_eq!(Money::from_fen(5).expect("5").to_string(), "CNY 0.05");
        assert_eq!(
            Money::from_fen(123_450).expect("amount").to_string(),
            "CNY 1234.50"
        );
    }
}
