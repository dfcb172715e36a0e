//! What the last two digits of an amount make the sandbox do (acquirer.md 7; SBX, nothing here is Lakala's).
//!
//! Owns the two tables only, of prices and of refunds; each service acts on them.

/// A story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Paid at once.
    Plain,
    /// 70: the customer types the password, or is taken to have done so after 12 s.
    Password,
    /// 71: the customer never pays.
    NeverPaid,
    /// 72: paid exactly when the revoke arrives.
    RevokeRace,
    /// 73: paid, but there is no answer.
    LostPaid,
    /// 74: not paid, and there is no answer.
    LostUnpaid,
    /// 75: paid, but the answer says upstream time-out.
    UpstreamTimeout,
    /// 76: paid, but the answer's signature is wrong.
    Forged,
    /// 77: refused for good.
    Refused,
    /// 78: fails after the password.
    WrongPassword,
    /// 79: the first two revokes are refused.
    RevokeRefusedTwice,
    /// 80: a revoke acts only after two more inquiries.
    RevokeLate,
    /// 81: three notices, one of them before the answer.
    NoticesFirst,
    /// 82: the answer names one fen more.
    OtherAmount,
    /// 83: the wallet pays ten fen of it.
    Discount,
    /// 84: paid, but the answer is a redirect or an HTML page.
    Gateway,
    /// 85: paid, but the answer has a code that is in no list.
    UnlistedCode,
    /// 86: paid, but the clock of the answer's headers is ten minutes off.
    ClockOff,
    /// 87: a scanned order is paid only after a close was taken.
    PaidAfterClose,
    /// 88: a scanned order is paid only after it has expired.
    PaidAfterExpiry,
    /// 90–99: the wallet declines, with one of ten texts.
    Declined(u8),
}

impl Story {
    /// Returns the story of an amount in fen.
    pub const fn of(amount: u64) -> Self {
        match amount % 100 {
            70 => Self::Password,
            71 => Self::NeverPaid,
            72 => Self::RevokeRace,
            73 => Self::LostPaid,
            74 => Self::LostUnpaid,
            75 => Self::UpstreamTimeout,
            76 => Self::Forged,
            77 => Self::Refused,
            78 => Self::WrongPassword,
            79 => Self::RevokeRefusedTwice,
            80 => Self::RevokeLate,
            81 => Self::NoticesFirst,
            82 => Self::OtherAmount,
            83 => Self::Discount,
            84 => Self::Gateway,
            85 => Self::UnlistedCode,
            86 => Self::ClockOff,
            87 => Self::PaidAfterClose,
            88 => Self::PaidAfterExpiry,
            90..=99 => Self::Declined((amount % 10) as u8),
            _ => Self::Plain,
        }
    }

    /// Tells whether the customer is asked for the password.
    pub const fn asks_password(self) -> bool {
        matches!(self, Self::Password | Self::WrongPassword)
    }

    /// Tells whether a charge, or an order that a wallet has scanned, is still open at first.
    pub const fn starts_open(self) -> bool {
        matches!(
            self,
            Self::Password
                | Self::NeverPaid
                | Self::RevokeRace
                | Self::WrongPassword
                | Self::RevokeRefusedTwice
        )
    }

    /// Tells whether nothing is opened at all.
    pub const fn opens_nothing(self) -> bool {
        matches!(self, Self::LostUnpaid | Self::Refused)
    }
}

/// The text of a decline, as wallets word it.
pub const fn decline(number: u8) -> &'static str {
    match number {
        0 => "余额不足 balance too low",
        1 => "付款码已过期 code expired",
        2 => "超过单日限额 above the daily limit",
        3 => "银行卡不支持 card not supported",
        4 => "账户已冻结 account frozen",
        5 => "顾客已取消 cancelled by the customer",
        6 => "商户无权限 merchant not enabled",
        7 => "交易有风险 refused by risk control",
        8 => "顾客未实名 customer not verified",
        _ => "超过单笔限额 above the limit for one payment",
    }
}

/// A story of a refund, by the last two digits of what it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStory {
    /// Done at once.
    Plain,
    /// 11: pending, done after 12 s.
    Later,
    /// 12: pending, fails after 12 s.
    FailsLater,
    /// 13: done, but there is no answer.
    Lost,
    /// 14: the first try does nothing and answers "upstream network failed".
    NothingAtFirst,
    /// 15: refused for good.
    Refused,
}

impl RefundStory {
    /// Returns the story of a refund in fen.
    pub const fn of(amount: u64) -> Self {
        match amount % 100 {
            11 => Self::Later,
            12 => Self::FailsLater,
            13 => Self::Lost,
            14 => Self::NothingAtFirst,
            15 => Self::Refused,
            _ => Self::Plain,
        }
    }
}
