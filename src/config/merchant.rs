//! What the configuration says about the merchant: his own wall codes, and his class for fee estimates.

use std::sync::Arc;

use super::{Checker, Config, ConfigError, Environment, MerchantLayer};
use crate::code::OwnCodes;
use crate::domain::fee::MerchantClass;
use crate::view::{Shop, Wall};

/// Longest name in characters: it stands above the code on the wall.
const NAME_MAX: usize = 40;

impl Config {
    /// Returns what the screen knows of this shop.
    pub fn on_screen(&self) -> Shop {
        Shop {
            name: self.shop.clone(),
            sandbox: self.acquirer.environment == Environment::Sandbox,
            profile: Arc::new(self.profile.clone()),
            wall: Wall {
                own: self.own_codes.clone(),
                merchant: self.merchant_name.clone(),
            },
            fees: Some(self.fee_terms()),
        }
    }
}

/// Returns the merchant's name; the till's own name where none is given.
pub(super) fn name(
    c: &Checker<'_>,
    layer: &MerchantLayer,
    shop: &str,
) -> Result<String, ConfigError> {
    let name = layer.name.clone().unwrap_or_else(|| shop.to_owned());
    if !(1..=NAME_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let problem = format!("use 1 to {NAME_MAX} characters on one line");
        return Err(c.bad("merchant.name", problem));
    }
    Ok(name)
}

pub(super) fn own_codes(c: &Checker<'_>, layer: &MerchantLayer) -> Result<OwnCodes, ConfigError> {
    let accounts = layer.emv_accounts.as_deref().unwrap_or_default();
    let accounts = accounts.iter().map(|text| {
        let bad = |rule| c.bad("merchant.emv_accounts", format!("{text:?}; {rule}"));
        OwnCodes::account(text).map_err(bad)
    });
    let texts = layer.static_codes.clone().unwrap_or_default();
    if texts.iter().any(|text| text.trim().is_empty()) {
        return Err(c.bad("merchant.static_codes", "an empty text is no code"));
    }
    Ok(OwnCodes {
        texts,
        accounts: accounts.collect::<Result<_, _>>()?,
    })
}

pub(super) fn fee_class(
    c: &Checker<'_>,
    class: Option<&str>,
) -> Result<Option<MerchantClass>, ConfigError> {
    let Some(written) = class else {
        return Ok(None);
    };
    let known = MerchantClass::ALL.map(MerchantClass::key).join(", ");
    let problem = format!("{written:?}; use one of: {known}");
    MerchantClass::from_key(written)
        .map(Some)
        .ok_or_else(|| c.bad("merchant.fee_class", problem))
}
