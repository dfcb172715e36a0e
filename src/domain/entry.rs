//! How the customer's consent reaches the terminal. A name only: what an entry mode may do is the profile's.

/// The way in which one payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryMode {
    /// 被扫: the customer shows a payment code, we scan or type it.
    CustomerCode,
    /// 主扫: we show a one-order code of one wallet.
    MerchantCode,
    /// We show a one-order code that every wallet can scan (the acquirer's cashier page).
    CashierCode,
    /// The code on the wall; the customer types the amount.
    StaticCode,
    /// A bank card in, on or through the reader.
    Card,
}

impl EntryMode {
    /// Every mode, in the order that tables list them.
    pub const ALL: [Self; 5] = [
        Self::CustomerCode,
        Self::MerchantCode,
        Self::CashierCode,
        Self::StaticCode,
        Self::Card,
    ];

    /// Returns the stable key used in records, profiles and translations.
    pub const fn key(self) -> &'static str {
        match self {
            Self::CustomerCode => "customer_code",
            Self::MerchantCode => "merchant_code",
            Self::CashierCode => "cashier_code",
            Self::StaticCode => "static_code",
            Self::Card => "card",
        }
    }

    /// Finds a mode by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.key() == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_finds_its_mode_again() {
        for mode in EntryMode::ALL {
            assert_eq!(EntryMode::from_key(mode.key()), Some(mode));
        }
        assert_eq!(EntryMode::from_key("telepathy"), None);
    }
}
