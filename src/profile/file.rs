//! The profile file as it is written: keys, types, ranges of single values.
//!
//! Owns the shapes that TOML is read into. An unknown key, an unknown name and a value out of range fail here, and the
//! parser names line and key. What needs two values to be compared is in `check`.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use toml::Spanned;

use super::capability::Capabilities;
use super::timing::TimingLayer;
use crate::code::CodeTable;
use crate::domain::fee::{FeeEffect, MerchantClass, Product, Rate, Rounding};
use crate::domain::instalment::{FeePayer, Remainder};
use crate::domain::{Channel, EntryMode, Money};

/// A name from a closed list.
pub(super) trait Keyed: Sized {
    /// What the list holds, for the error.
    const WHAT: &'static str;
    /// Finds the value.
    fn find(key: &str) -> Option<Self>;
    /// The list, for the error.
    fn names() -> String;
}

fn joined<const N: usize>(keys: [&'static str; N]) -> String {
    keys.join(", ")
}

impl Keyed for Channel {
    const WHAT: &'static str = "channel";
    fn find(key: &str) -> Option<Self> {
        // "Unknown" is what a code can be, never what a contract opens.
        Self::from_key(key).filter(|channel| *channel != Self::Unknown)
    }
    fn names() -> String {
        let known = Self::ALL.into_iter().filter(|c| *c != Self::Unknown);
        known.map(Self::key).collect::<Vec<_>>().join(", ")
    }
}

impl Keyed for EntryMode {
    const WHAT: &'static str = "entry mode";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        joined(Self::ALL.map(Self::key))
    }
}

impl Keyed for Rounding {
    const WHAT: &'static str = "rounding";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        joined(Self::ALL.map(Self::key))
    }
}

impl Keyed for Product {
    const WHAT: &'static str = "product";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        joined(Self::ALL.map(Self::key))
    }
}

impl Keyed for FeeEffect {
    const WHAT: &'static str = "effect on the fee";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        joined(Self::ALL.map(Self::key))
    }
}

impl Keyed for MerchantClass {
    const WHAT: &'static str = "merchant class";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        joined(Self::ALL.map(Self::key))
    }
}

impl Keyed for FeePayer {
    const WHAT: &'static str = "payer";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        "customer, merchant".to_owned()
    }
}

impl Keyed for Remainder {
    const WHAT: &'static str = "period for the remainder";
    fn find(key: &str) -> Option<Self> {
        Self::from_key(key)
    }
    fn names() -> String {
        "first, last".to_owned()
    }
}

/// A value written as its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<T>(pub T);

impl<'de, T: Keyed> Deserialize<'de> for Key<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::find(&text).map(Self).ok_or_else(|| {
            let (what, names) = (T::WHAT, T::names());
            D::Error::custom(format!("no such {what} {text:?}; use one of: {names}"))
        })
    }
}

/// An amount in fen, more than zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fen(pub Money);

impl<'de> Deserialize<'de> for Fen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fen = u64::deserialize(deserializer)?;
        match Money::from_fen(fen) {
            Ok(money) if fen > 0 => Ok(Self(money)),
            Ok(_) | Err(_) => Err(D::Error::custom(format!(
                "{fen} fen; use 1 to {}",
                Money::MINOR_MAX
            ))),
        }
    }
}

/// A rate in parts per million.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ppm(pub Rate);

impl<'de> Deserialize<'de> for Ppm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ppm = u32::deserialize(deserializer)?;
        Rate::from_ppm(ppm).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{ppm} parts per million; use 0 to {}",
                Rate::PPM_MAX
            ))
        })
    }
}

/// A line of text for people: 1 to 64 characters without control characters.
#[derive(Clone, Debug)]
pub(super) struct Line(pub String);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fits = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text))
        } else {
            let rule = "use 1 to 64 characters without control characters";
            Err(D::Error::custom(rule))
        }
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub schema: u32,
    pub id: String,
    pub version: u32,
    pub name_zh: Line,
    pub name_en: Line,
    pub slip: SlipFile,
    pub environments: Spanned<EnvironmentsFile>,
    pub paths: Spanned<PathsFile>,
    pub capabilities: Spanned<Capabilities>,
    pub channels: Spanned<BTreeMap<Key<EntryMode>, Vec<Key<Channel>>>>,
    pub lives: Spanned<LivesFile>,
    pub timing: Spanned<TimingLayer>,
    #[serde(default)]
    pub timing_of: BTreeMap<Key<Channel>, Spanned<TimingLayer>>,
    pub guard: GuardFile,
    #[serde(default)]
    pub limit: Vec<Spanned<LimitFile>>,
    pub void: VoidFile,
    pub refund: RefundFile,
    pub settlement: Spanned<SettlementFile>,
    pub fees: FeesFile,
    pub instalments: Option<Spanned<InstalmentsFile>>,
    pub codes: Spanned<CodeTable>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlipFile {
    pub scan_title_zh: Line,
    pub scan_title_en: Line,
    pub card_title_zh: Line,
    pub card_title_en: Line,
    pub hotline: Option<Line>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentsFile {
    pub production: Option<String>,
    pub test: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathsFile {
    pub charge: Option<String>,
    pub inquire: Option<String>,
    pub revoke: Option<String>,
    pub merchant_code: Option<String>,
    pub close: Option<String>,
    pub cashier_code: Option<String>,
    pub cashier_inquire: Option<String>,
    pub cashier_close: Option<String>,
    pub refund: Option<String>,
    pub refund_inquire: Option<String>,
    pub fee: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LivesFile {
    pub payment_code_ms: u64,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuardFile {
    pub large_amount_fen: Option<Fen>,
    #[serde(default)]
    pub repeat_ms: u64,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitFile {
    pub channel: Option<Key<Channel>>,
    pub entry: Option<Key<EntryMode>>,
    pub single_fen: Option<Fen>,
    pub day_fen: Option<Fen>,
    pub month_fen: Option<Fen>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VoidFile {
    pub entries: Vec<Key<EntryMode>>,
    pub same_day: bool,
    pub fee: Key<FeeEffect>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundFile {
    pub fee: Key<FeeEffect>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettlementFile {
    pub day_cut_min: u16,
    pub payout_zh: Line,
    pub payout_en: Line,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeesFile {
    pub rounding: Key<Rounding>,
    #[serde(default)]
    pub row: Vec<Spanned<FeeRowFile>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeeRowFile {
    pub class: Option<Key<MerchantClass>>,
    pub channel: Option<Key<Channel>>,
    pub product: Option<Key<Product>>,
    pub rate_ppm: Ppm,
    pub least_fen: Option<Fen>,
    pub cap_fen: Option<Fen>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstalmentsFile {
    pub channel: Key<Channel>,
    pub amount_min_fen: Fen,
    pub rounding: Key<Rounding>,
    pub remainder: Key<Remainder>,
    pub plan: Vec<Spanned<PlanFile>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    pub periods: u8,
    pub payer: Key<FeePayer>,
    pub rate_ppm: Ppm,
}
