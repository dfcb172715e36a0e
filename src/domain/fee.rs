//! Estimates the acquirer's fee of one payment, in whole fen.
//!
//! Owns the rounding rules and the choice of a row from a fee table. The estimate is for screens and for explaining
//! a settlement; the acquirer's own figure always wins (features.md S-70 to S-77). Rates are integers in parts per
//! million, every payment is rounded on its own, and a total is the sum of rounded lines. No floats, no I/O.

use super::{Channel, Currency, Money, MoneyError};

/// What happens to the part below one fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Half a fen and more counts as one (四舍五入).
    HalfUp,
    /// Half a fen goes to the even neighbour (四舍六入五成双).
    HalfEven,
    /// Dropped.
    Down,
    /// Any part counts as one.
    Up,
}

impl Rounding {
    /// Every rule.
    pub const ALL: [Self; 4] = [Self::HalfUp, Self::HalfEven, Self::Down, Self::Up];

    /// Returns the key used in profiles.
    pub const fn key(self) -> &'static str {
        match self {
            Self::HalfUp => "half_up",
            Self::HalfEven => "half_even",
            Self::Down => "down",
            Self::Up => "up",
        }
    }

    /// Finds a rule by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.key() == key)
    }

    fn goes_up(self, quotient: u128, remainder: u128, divisor: u128) -> bool {
        let twice = remainder * 2;
        match self {
            Self::HalfUp => twice >= divisor,
            Self::HalfEven => twice > divisor || (twice == divisor && quotient % 2 == 1),
            Self::Down => false,
            Self::Up => remainder > 0,
        }
    }
}

/// A share of an amount in parts per million, `0 ..= 1_000_000`: 0.38 % is 3 800.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u32);

impl Rate {
    /// The whole amount.
    pub const PPM_MAX: u32 = 1_000_000;

    /// Makes a rate; `None` above [`Self::PPM_MAX`].
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm > Self::PPM_MAX {
            return None;
        }
        Some(Self(ppm))
    }

    /// Returns the parts per million.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// Takes this share of an amount.
    ///
    /// # Errors
    /// Never in practice: a share of at most the whole is not above the amount.
    pub fn of(self, amount: Money, rounding: Rounding) -> Result<Money, MoneyError> {
        let divisor = u128::from(Self::PPM_MAX);
        let product = u128::from(amount.minor()) * u128::from(self.0);
        let (quotient, remainder) = (product / divisor, product % divisor);
        let up = u128::from(rounding.goes_up(quotient, remainder, divisor));
        let minor = u64::try_from(quotient + up).map_err(|_| MoneyError::AboveMaximum)?;
        Money::from_minor(minor, amount.currency())
    }
}

/// Which kind of payment a fee is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// Any payment by code.
    Scan,
    /// A debit card.
    DebitCard,
    /// A credit card.
    CreditCard,
}

impl Product {
    /// Every product.
    pub const ALL: [Self; 3] = [Self::Scan, Self::DebitCard, Self::CreditCard];

    /// Returns the key used in profiles.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::DebitCard => "debit_card",
            Self::CreditCard => "credit_card",
        }
    }

    /// Finds a product by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.key() == key)
    }
}

/// The class in which a merchant was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MerchantClass {
    /// 标准类: catering, entertainment, jewellery.
    Standard,
    /// 优惠类: supermarkets, fuel, wholesale.
    Preferential,
    /// 公益类 (减免类): schools, hospitals, charities.
    Welfare,
}

impl MerchantClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Preferential, Self::Welfare];

    /// Returns the key used in profiles and configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Preferential => "preferential",
            Self::Welfare => "welfare",
        }
    }

    /// Finds a class by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.key() == key)
    }
}

/// What one payment costs the merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// The share of the amount.
    pub rate: Rate,
    /// Never less than this, but for a payment of nothing.
    pub least: Option<Money>,
    /// Never more than this (debit cards: ¥25).
    pub cap: Option<Money>,
    /// What happens below one fen.
    pub rounding: Rounding,
}

/// What becomes of the fee of a payment when its money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeEffect {
    /// The merchant gets it back.
    Returned,
    /// The acquirer keeps it.
    Kept,
}

impl FeeEffect {
    /// Both effects.
    pub const ALL: [Self; 2] = [Self::Returned, Self::Kept];

    /// Returns the key used in profiles.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Kept => "kept",
        }
    }

    /// Finds an effect by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.key() == key)
    }
}

impl FeeRule {
    /// Estimates the fee of one payment: rounded first, then raised to the least, then capped. Nothing costs nothing.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] when a bound is in another currency.
    pub fn fee(&self, amount: Money) -> Result<Money, MoneyError> {
        let mut fee = self.rate.of(amount, self.rounding)?;
        let bounds = [self.least, self.cap].into_iter().flatten();
        if bounds
            .clone()
            .any(|bound| bound.currency() != fee.currency())
        {
            return Err(MoneyError::CurrencyMismatch);
        }
        if let Some(least) = self.least.filter(|_| amount.minor() > 0) {
            fee = if fee.minor() < least.minor() {
                least
            } else {
                fee
            };
        }
        if let Some(cap) = self.cap {
            fee = if fee.minor() > cap.minor() { cap } else { fee };
        }
        Ok(fee)
    }

    /// Estimates what comes back of the fee when `back` of a payment goes back of which `left` was left before: the
    /// fee of what was left less the fee of what stays. All parts of a payment together so give back its whole fee,
    /// to the fen.
    ///
    /// # Errors
    /// More goes back than was left, or a bound is in another currency.
    pub fn returned(&self, left: Money, back: Money) -> Result<Money, MoneyError> {
        let stays = self.fee(left.checked_sub(back)?)?;
        self.fee(left)?.checked_sub(stays)
    }
}

/// Adds the rounded fees of several payments.
///
/// # Errors
/// The sum is above the wire's maximum, or a line has another currency.
pub fn total(
    currency: Currency,
    lines: impl IntoIterator<Item = Money>,
) -> Result<Money, MoneyError> {
    let nothing = Money::from_minor(0, currency)?;
    lines.into_iter().try_fold(nothing, Money::checked_add)
}

/// What is known of a payment when its fee is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeKey {
    /// The merchant's class, where the contract names one.
    pub class: Option<MerchantClass>,
    /// The wallet; `None` for cards.
    pub channel: Option<Channel>,
    /// The kind of payment.
    pub product: Product,
}

impl FeeKey {
    /// Returns the key of a payment of which only the wallet is known. A card of a kind that nobody named is taken for
    /// a credit card, which is the dearer one.
    pub fn of(class: Option<MerchantClass>, channel: Channel) -> Self {
        let card = channel == Channel::BankCard;
        Self {
            class,
            channel: (!card).then_some(channel),
            product: if card {
                Product::CreditCard
            } else {
                Product::Scan
            },
        }
    }
}

/// One row of a fee table. A field that is `None` fits everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRow {
    /// Only for merchants of this class.
    pub class: Option<MerchantClass>,
    /// Only for this wallet.
    pub channel: Option<Channel>,
    /// Only for this product.
    pub product: Option<Product>,
    /// The share of the amount.
    pub rate: Rate,
    /// The lower bound.
    pub least: Option<Money>,
    /// The upper bound.
    pub cap: Option<Money>,
}

impl FeeRow {
    fn fits(&self, key: FeeKey) -> bool {
        (self.class.is_none() || self.class == key.class)
            && (self.channel.is_none() || self.channel == key.channel)
            && self.product.is_none_or(|product| product == key.product)
    }

    /// Tells whether every payment that fits `later` fits this row too, so that `later` below it is never reached.
    pub fn covers(&self, later: &Self) -> bool {
        (self.class.is_none() || self.class == later.class)
            && (self.channel.is_none() || self.channel == later.channel)
            && (self.product.is_none() || self.product == later.product)
    }
}

/// Fees keyed by class, wallet and product; the first row that fits counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeTable {
    /// One rounding rule for all rows.
    pub rounding: Rounding,
    /// From the special to the general.
    pub rows: Vec<FeeRow>,
}

impl FeeTable {
    /// Returns the rule of a payment, or `None` when no row fits: then nothing is estimated.
    pub fn rule(&self, key: FeeKey) -> Option<FeeRule> {
        let row = self.rows.iter().find(|row| row.fits(key))?;
        Some(FeeRule {
            rate: row.rate,
            least: row.least,
            cap: row.cap,
            rounding: self.rounding,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fen(fen: u64) -> Money {
        Money::from_fen(fen).expect("an amount")
    }

    fn rule(ppm: u32, cap: Option<u64>) -> FeeRule {
        FeeRule {
            rate: Rate::from_ppm(ppm).expect("a rate"),
            least: None,
            cap: cap.map(fen),
            rounding: Rounding::HalfUp,
        }
    }

    fn fee(ppm: u32, cap: Option<u64>, amount: u64) -> u64 {
        rule(ppm, cap).fee(fen(amount)).expect("a fee").minor()
    }

    #[test]
    fn the_rates_of_the_fee_guide_give_its_figures() {
        // S-70 and S-71 and S-72 (features.md A6): 0.6 %, 0.38 %, 0.
        assert_eq!(fee(6_000, None, 1_000_000), 6_000);
        assert_eq!(fee(3_800, None, 1_000_000), 3_800);
        assert_eq!(fee(0, None, 1_000_000), 0);
        // S-73: a credit card of ¥10,000 costs ¥60. S-75: scan pay of ¥10,000 costs ¥38.
        assert_eq!(fee(6_000, None, 1_000_000), 6_000);
        assert_eq!(fee(3_800, None, 1_000_000), 3_800);
        // S-76: UnionPay by code costs like a credit card.
        assert_eq!(fee(6_000, None, 12_345), 74);
    }

    #[test]
    fn the_debit_card_is_capped_at_twenty_five_yuan() {
        // S-74: ¥4,999.99 is 24.99995, which is 25.00; ¥5,000 reaches the cap; ¥80,000 stays there.
        assert_eq!(fee(5_000, Some(2_500), 499_999), 2_500);
        assert_eq!(fee(5_000, Some(2_500), 500_000), 2_500);
        assert_eq!(fee(5_000, Some(2_500), 8_000_000), 2_500);
        assert_eq!(fee(5_000, Some(2_500), 499_899), 2_499);
        assert_eq!(fee(5_000, None, 8_000_000), 40_000);
    }

    #[test]
    fn half_a_fen_goes_where_the_rule_says() {
        let at = |rounding: Rounding, amount| {
            let rate = Rate::from_ppm(5_000).expect("a rate");
            rate.of(fen(amount), rounding).expect("a share").minor()
        };
        // 100 fen: exactly 0.5. 300 fen: exactly 1.5. 101 fen: 0.505. 99 fen: 0.495.
        let table = [
            (Rounding::HalfUp, [1, 2, 1, 0]),
            (Rounding::HalfEven, [0, 2, 1, 0]),
            (Rounding::Down, [0, 1, 0, 0]),
            (Rounding::Up, [1, 2, 1, 1]),
        ];
        for (rounding, expected) in table {
            let got = [100, 300, 101, 99].map(|amount| at(rounding, amount));
            assert_eq!(got, expected, "{rounding:?}");
        }
    }

    #[test]
    fn a_total_is_the_sum_of_rounded_lines_not_a_rounded_sum() {
        // S-77: three payments of 1.32 at 0.38 % are 0.5016 fen each.
        let line = rule(3_800, None).fee(fen(132)).expect("a fee");
        assert_eq!(line.minor(), 1);
        let sum = total(Currency::Cny, [line; 3]).expect("a sum");
        assert_eq!(sum.minor(), 3);
        assert_eq!(fee(3_800, None, 132 * 3), 2);
        assert_eq!(total(Currency::Cny, []).expect("nothing").minor(), 0);
    }

    #[test]
    fn a_least_fee_is_taken_from_every_payment_but_of_nothing() {
        let least = FeeRule {
            least: Some(fen(10)),
            ..rule(3_800, Some(2_500))
        };
        let fee = |amount| least.fee(fen(amount)).expect("a fee").minor();
        // 0.38 % of 26.31 is 9.9978 fen, which is 10; of 27.64 it is 10.5032, which is 11.
        assert_eq!([0, 1, 2_631, 2_764].map(fee), [0, 10, 10, 11]);
        assert_eq!(fee(999_999_999), 2_500);
    }

    #[test]
    fn parts_that_go_back_give_back_the_whole_fee() {
        let capped = rule(5_000, Some(2_500));
        let mut left = fen(800_000);
        let mut back = Vec::new();
        for part in [100_000, 333_333, 366_666, 1] {
            back.push(capped.returned(left, fen(part)).expect("a part").minor());
            left = left.checked_sub(fen(part)).expect("enough");
        }
        // 7,000 and 3,666.67 are left after the first two; the cap is reached down to 5,000.
        assert_eq!(back, [0, 667, 1_833, 0]);
        assert_eq!(capped.returned(left, fen(1)), Err(MoneyError::Negative));
    }

    #[test]
    fn the_largest_amount_and_rate_do_not_overflow() {
        assert_eq!(fee(Rate::PPM_MAX, None, Money::MINOR_MAX), Money::MINOR_MAX);
        assert_eq!(Rate::from_ppm(Rate::PPM_MAX + 1), None);
        let most = fen(Money::MINOR_MAX);
        assert_eq!(
            total(Currency::Cny, [most, fen(1)]),
            Err(MoneyError::AboveMaximum)
        );
    }

    #[test]
    fn the_first_row_that_fits_counts_and_none_is_no_estimate() {
        let row = |class, channel, product, ppm| FeeRow {
            class,
            channel,
            product,
            rate: Rate::from_ppm(ppm).expect("a rate"),
            least: None,
            cap: None,
        };
        let union = row(None, Some(Channel::UnionPay), Some(Product::Scan), 6_000);
        let scan = row(None, None, Some(Product::Scan), 3_800);
        let welfare = row(Some(MerchantClass::Welfare), None, None, 0);
        let table = FeeTable {
            rounding: Rounding::HalfUp,
            rows: vec![welfare, union, scan],
        };
        let ppm = |class, channel, product| {
            let key = FeeKey {
                class,
                channel,
                product,
            };
            table.rule(key).map(|rule| rule.rate.ppm())
        };
        let (union_pay, wechat) = (Some(Channel::UnionPay), Some(Channel::Wechat));
        assert_eq!(ppm(None, union_pay, Product::Scan), Some(6_000));
        assert_eq!(ppm(None, wechat, Product::Scan), Some(3_800));
        let class = Some(MerchantClass::Welfare);
        assert_eq!(ppm(class, union_pay, Product::Scan), Some(0));
        assert_eq!(ppm(None, None, Product::DebitCard), None);
        assert!(scan.covers(&union) && !union.covers(&scan));
    }
}
