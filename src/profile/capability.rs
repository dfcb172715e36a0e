//! What an acquirer can do, as a closed list.
//!
//! Owns the names. A capability that a profile does not name is absent: its button is hidden. One that it names
//! `not_opened` exists, but not for this merchant: the screen may say so instead of pretending (features.md S-13,
//! S-67). A name that is not in the list is an error, never ignored.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One thing that a terminal can offer if its acquirer can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// 被扫: sale by the customer's payment code.
    CustomerCode,
    /// Alipay's face token in place of a payment code.
    FaceToken,
    /// 主扫: a one-order code of one wallet.
    MerchantCode,
    /// A one-order code that all wallets can scan.
    CashierCode,
    /// The code on the wall, issued by the acquirer.
    StaticCode,
    /// 撤销 of a paid sale.
    Void,
    /// 退货.
    Refund,
    /// 退货 of less than the whole, more than once.
    PartialRefund,
    /// 分期.
    Instalments,
    /// The acquirer tells of results by itself.
    Notices,
    /// 声波支付.
    SoundPayment,
    /// Bank cards.
    Card,
    /// 预授权.
    PreAuthorisation,
    /// 余额查询 of a bank card.
    BalanceInquiry,
    /// 积分 transactions.
    Points,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 15] = [
        Self::CustomerCode,
        Self::FaceToken,
        Self::MerchantCode,
        Self::CashierCode,
        Self::StaticCode,
        Self::Void,
        Self::Refund,
        Self::PartialRefund,
        Self::Instalments,
        Self::Notices,
        Self::SoundPayment,
        Self::Card,
        Self::PreAuthorisation,
        Self::BalanceInquiry,
        Self::Points,
    ];

    /// Returns the key used in profiles.
    pub const fn key(self) -> &'static str {
        match self {
            Self::CustomerCode => "customer_code",
            Self::FaceToken => "face_token",
            Self::MerchantCode => "merchant_code",
            Self::CashierCode => "cashier_code",
            Self::StaticCode => "static_code",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::PartialRefund => "partial_refund",
            Self::Instalments => "instalments",
            Self::Notices => "notices",
            Self::SoundPayment => "sound_payment",
            Self::Card => "card",
            Self::PreAuthorisation => "pre_authorisation",
            Self::BalanceInquiry => "balance_inquiry",
            Self::Points => "points",
        }
    }
}

/// Where a named capability stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It works.
    Open,
    /// The acquirer knows it, this merchant has not opened it.
    NotOpened,
}

/// The capabilities of one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeMap<Capability, Standing>);

impl Capabilities {
    /// Makes a set.
    pub fn new(named: impl IntoIterator<Item = (Capability, Standing)>) -> Self {
        Self(named.into_iter().collect())
    }

    /// Tells whether it works. Absent is false.
    pub fn has(&self, capability: Capability) -> bool {
        self.standing(capability) == Some(Standing::Open)
    }

    /// Returns where it stands; `None` is absent, and its button is hidden.
    pub fn standing(&self, capability: Capability) -> Option<Standing> {
        self.0.get(&capability).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        capabilities: Capabilities,
    }

    #[test]
    fn every_key_is_the_name_in_a_profile() {
        for capability in Capability::ALL {
            let text = format!("[capabilities]\n{} = \"open\"\n", capability.key());
            let table: Table = toml::from_str(&text).expect("a known name");
            assert!(table.capabilities.has(capability));
        }
    }

    #[test]
    fn absent_is_false_and_not_opened_is_false_but_told_apart() {
        let text = "[capabilities]\nsound_payment = \"not_opened\"\nvoid = \"open\"\n";
        let table: Table = toml::from_str(text).expect("valid");
        let found = table.capabilities;
        assert!(found.has(Capability::Void));
        assert!(!found.has(Capability::SoundPayment) && !found.has(Capability::Refund));
        let sound = found.standing(Capability::SoundPayment);
        assert_eq!(sound, Some(Standing::NotOpened));
        assert_eq!(found.standing(Capability::Refund), None);
    }
}
