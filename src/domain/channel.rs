//! Which wallet or network a payment runs over.
//!
//! A name only: prefixes are data (`code::cpm`), fees and limits are the profile's.

/// The wallet behind a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// 支付宝.
    Alipay,
    /// 微信支付.
    Wechat,
    /// 云闪付 / 银联二维码.
    UnionPay,
    /// 数字人民币 (e-CNY).
    Ecny,
    /// 翼支付.
    Bestpay,
    /// 苏宁支付.
    Suning,
    /// 银行卡, through the reader.
    BankCard,
    /// Not told by the code and not yet told by the acquirer.
    Unknown,
}

impl Channel {
    /// Every channel, in the order that screens list them.
    pub const ALL: [Self; 8] = [
        Self::Alipay,
        Self::Wechat,
        Self::UnionPay,
        Self::Ecny,
        Self::Bestpay,
        Self::Suning,
        Self::BankCard,
        Self::Unknown,
    ];

    /// Returns the stable key used in records, configuration and translations.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Alipay => "alipay",
            Self::Wechat => "wechat",
            Self::UnionPay => "unionpay",
            Self::Ecny => "ecny",
            Self::Bestpay => "bestpay",
            Self::Suning => "suning",
            Self::BankCard => "bank_card",
            Self::Unknown => "unknown",
        }
    }

    /// Finds a channel by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.key() == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_finds_its_channel_again() {
        for channel in Channel::ALL {
            assert_eq!(Channel::from_key(channel.key()), Some(channel));
        }
        assert_eq!(Channel::from_key("paypal"), None);
    }
}
