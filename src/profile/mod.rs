//! What differs between acquirers, as data: one versioned file, read once, checked as a whole.
//!
//! Owns the file format (`assets/profiles/profile.schema.json` says it for other programs), the compiled-in
//! profile, the signature check and the guards that follow from the limits. Never decides about a sale that is
//! under way, never does I/O except to read a file that the configuration names. Where each value comes from is in
//! `docs/PROFILES.md`. Tested here, in `tests/it/profile.rs`, and against the schema by an outside reader.

mod capability;
mod check;
mod error;
mod file;
pub mod guard;
mod signature;
mod timing;

use std::collections::BTreeMap;
use std::path::Path;

pub use crate::domain::fee::FeeEffect;
pub use capability::{Capabilities, Capability, Standing};
pub use error::ProfileError;
pub use signature::Trust;
pub use timing::{TimingLayer, TimingProblem};

use crate::code::CodeTable;
use crate::domain::fee::{FeeKey, FeeTable};
use crate::domain::instalment::InstalmentPlan;
use crate::domain::{Channel, EntryMode, Money, MoneyError};
use crate::payment::Timing;

/// One sentence or name in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    fn new(zh: file::Line, en: file::Line) -> Self {
        Self { zh: zh.0, en: en.0 }
    }
}

/// Fixed words of a slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// Title of a payment by code.
    pub scan_title: Words,
    /// Title of a card payment.
    pub card_title: Words,
    /// The acquirer's telephone.
    pub hotline: Option<String>,
}

/// Base addresses of the acquirer's own worlds, `https://…` without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environments {
    /// Real money.
    pub production: Option<String>,
    /// The acquirer's public test world.
    pub test: Option<String>,
}

/// Paths below the base address. What an open capability needs is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Charge a customer's code.
    pub charge: Option<String>,
    /// Ask what became of an order.
    pub inquire: Option<String>,
    /// End an order that was charged by code.
    pub revoke: Option<String>,
    /// Order a one-order code of one wallet.
    pub merchant_code: Option<String>,
    /// Close an order whose code was shown.
    pub close: Option<String>,
    /// Order a code for all wallets.
    pub cashier_code: Option<String>,
    /// Ask what became of it.
    pub cashier_inquire: Option<String>,
    /// Close it.
    pub cashier_close: Option<String>,
    /// Give money back.
    pub refund: Option<String>,
    /// Ask what became of a refund.
    pub refund_inquire: Option<String>,
    /// Ask for the fee of one payment.
    pub fee: Option<String>,
}

/// How long codes live, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    /// A payment code presented again within this time is not sent again.
    pub payment_code_ms: u64,
}

/// What can be voided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoidRules {
    /// Entry modes whose paid sales can be voided; all others are refunded.
    pub entries: Vec<EntryMode>,
    /// Only until the acquirer's day ends.
    pub same_day: bool,
    /// What becomes of the fee.
    pub fee: FeeEffect,
}

/// What a refund means for the merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundRules {
    /// What becomes of the fee.
    pub fee: FeeEffect,
}

/// The acquirer's day and payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Minutes after midnight, China's time, at which its day ends; 0 to 1439, 0 is midnight itself.
    pub day_cut_min: u16,
    /// When the money arrives, for people.
    pub payout: Words,
}

/// Instalments of one wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instalments {
    /// The wallet.
    pub channel: Channel,
    /// Smaller amounts are not offered.
    pub amount_min: Money,
    /// In the order of the file.
    pub plans: Vec<InstalmentPlan>,
}

/// Everything that differs between acquirers.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Short name, `a-z0-9-`.
    pub id: String,
    /// Raised with every change, from 1.
    pub version: u32,
    /// The acquirer's name.
    pub name: Words,
    /// Words of slips.
    pub slip: Slip,
    /// Addresses.
    pub environments: Environments,
    /// Paths.
    pub paths: Paths,
    /// What works.
    pub capabilities: Capabilities,
    /// Lives of codes.
    pub lives: Lives,
    /// Waits where a wallet has none of its own.
    pub timing: Timing,
    /// Waits of single wallets.
    pub timing_of: BTreeMap<Channel, Timing>,
    /// Limits, confirmations and the wallets that are open.
    pub limits: guard::Limits,
    /// Voids.
    pub void: VoidRules,
    /// Refunds.
    pub refund: RefundRules,
    /// Day and payout.
    pub settlement: Settlement,
    /// Fees.
    pub fees: FeeTable,
    /// Instalments.
    pub instalments: Option<Instalments>,
    /// Recognition of payment codes.
    pub codes: CodeTable,
}

impl Profile {
    /// Returns the profile that is compiled in.
    pub fn built_in() -> Self {
        let text = include_str!("../../assets/profiles/lakala.toml");
        Self::parse(text, Path::new("(built in)"))
            .expect("invariant: the compiled-in profile is valid (checked by a test)")
    }

    /// Reads and checks a profile; `path` is for the errors.
    ///
    /// # Errors
    /// [`ProfileError`] names file, line and key.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProfileError> {
        check::Source { path, text }.read()
    }

    /// Reads a profile file: signature first (where a key is trusted), then contents, then version.
    ///
    /// # Errors
    /// [`ProfileError`] names the file and what to do.
    pub fn load(path: &Path, trust: &Trust) -> Result<Self, ProfileError> {
        let profile = Self::parse(&trust.read(path)?, path)?;
        if profile.version < trust.version_min() {
            return Err(ProfileError::Older {
                path: path.to_owned(),
                version: profile.version,
                minimum: trust.version_min(),
            });
        }
        Ok(profile)
    }

    /// Tells whether a capability works; absent is false.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.has(capability)
    }

    /// Returns the wallets that an entry mode takes.
    pub fn channels(&self, entry: EntryMode) -> &[Channel] {
        self.limits.open.get(&entry).map_or(&[], Vec::as_slice)
    }

    /// Tells whether a paid sale can be voided rather than refunded.
    pub fn voids(&self, entry: EntryMode) -> bool {
        self.has(Capability::Void) && self.void.entries.contains(&entry)
    }

    /// Returns the instalment plans on offer for an amount; empty hides the button.
    pub fn plans(&self, amount: Money) -> &[InstalmentPlan] {
        match &self.instalments {
            Some(found)
                if self.has(Capability::Instalments)
                    && amount.minor() >= found.amount_min.minor() =>
            {
                &found.plans
            }
            Some(_) | None => &[],
        }
    }

    /// Estimates the fee of one payment; `None` when the table says nothing about it.
    ///
    /// # Errors
    /// [`MoneyError`] when the table and the amount are in different currencies.
    pub fn fee(&self, key: FeeKey, amount: Money) -> Result<Option<Money>, MoneyError> {
        let rule = self.fees.rule(key);
        rule.map(|rule| rule.fee(amount)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fee::Product;

    #[test]
    fn the_compiled_in_profile_is_valid_and_keeps_the_documented_waits() {
        let profile = Profile::built_in();
        assert_eq!(profile.timing, Timing::reference());
        assert!(profile.timing_of.is_empty());
        assert_eq!(profile.lives.payment_code_ms, 90_000);
        assert_eq!(profile.limits.single_max().minor(), 5_000_000);
    }

    #[test]
    fn its_fees_are_those_of_the_guide() {
        let profile = Profile::built_in();
        let fee = |channel, product, amount| {
            let key = FeeKey {
                class: None,
                channel,
                product,
            };
            let amount = Money::from_fen(amount).expect("an amount");
            let fee = profile.fee(key, amount).expect("one currency");
            fee.map(Money::minor)
        };
        let wallet = |channel| fee(Some(channel), Product::Scan, 1_000_000);
        assert_eq!(wallet(Channel::Wechat), Some(3_800));
        assert_eq!(wallet(Channel::Alipay), Some(3_800));
        assert_eq!(wallet(Channel::UnionPay), Some(6_000));
        assert_eq!(fee(None, Product::CreditCard, 1_000_000), Some(6_000));
        assert_eq!(fee(None, Product::DebitCard, 499_999), Some(2_500));
        assert_eq!(fee(None, Product::DebitCard, 8_000_000), Some(2_500));
    }

    #[test]
    fn only_sales_by_the_customers_code_or_card_are_voided() {
        let profile = Profile::built_in();
        for entry in EntryMode::ALL {
            let expected = matches!(entry, EntryMode::CustomerCode | EntryMode::Card);
            assert_eq!(profile.voids(entry), expected, "{entry:?}");
        }
        // WeChat has no one-wallet code at this acquirer.
        let wallets = profile.channels(EntryMode::MerchantCode);
        assert!(!wallets.contains(&Channel::Wechat) && wallets.contains(&Channel::Alipay));
    }

    #[test]
    fn instalments_start_at_a_hundred_yuan() {
        let profile = Profile::built_in();
        let plans = |fen| profile.plans(Money::from_fen(fen).expect("an amount"));
        assert!(plans(9_999).is_empty());
        let periods: Vec<u8> = plans(10_000).iter().map(InstalmentPlan::periods).collect();
        assert_eq!(periods, [3, 6, 12]);
    }
}
