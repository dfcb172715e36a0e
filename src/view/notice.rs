//! Cause to notice: one exhaustive table from what went wrong to the code that the hotline knows.
//!
//! Owns the codes; the words of each code are in `ui/words.slint`, both languages. Every sentence says what happened to
//! the money and what to do. The chain of errors goes to the log, never here.

use crate::code::WrongCode;

/// How urgent it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Neutral.
    Hint,
    /// Amber.
    Warning,
    /// Red.
    Error,
}

/// Why something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 收款 without an amount.
    AmountMissing,
    /// Above the limit of one sale.
    AmountTooLarge,
    /// Too many sales are still open.
    TooManyOpen,
    /// A text that is no payment code.
    WrongCode(WrongCode),
    /// The same code again.
    CodeUsed,
    /// The camera gives no picture.
    CameraLost,
    /// The result is unknown.
    ResultUnknown,
    /// The customer has to act on the phone.
    CustomerActs,
    /// The order is being ended.
    Revoking,
    /// The acquirer refused; its code.
    Declined(String),
    /// Nothing was sent.
    NotSent,
    /// The order was ended.
    Revoked,
    /// The disk is full: no new sales.
    DiskFull,
    /// The journal does not work: no sales.
    JournalBroken,
    /// An altered record was found in the journal: no new sales.
    JournalAltered,
    /// The second copy of the journal cannot be written: no new sales.
    CopyFails,
    /// The clock is wrong: nothing was charged, and no new sale is opened.
    ClockWrong,
    /// The clock is wrong: a sale cannot be checked until it is right.
    ClockHoldsUp,
    /// Settings, keys or the data directory are not usable: the terminal did not start.
    SettingsWrong,
    /// Power or the program failed during a sale; it is being checked.
    Resumed,
}

/// What the screen tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Stable code, e.g. `A31`; also the key of the words.
    pub code: &'static str,
    /// How urgent.
    pub severity: Severity,
    /// Something from outside to show beside the words: the acquirer's code. Empty when there is none.
    pub detail: String,
}

impl Cause {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AmountMissing => "A01",
            Self::AmountTooLarge => "A02",
            Self::TooManyOpen => "A03",
            Self::WrongCode(WrongCode::Collection) => "A31",
            Self::WrongCode(WrongCode::Contact) => "A32",
            Self::WrongCode(WrongCode::Link) => "A33",
            Self::WrongCode(WrongCode::Length) => "A34",
            Self::WrongCode(WrongCode::Prefix) => "A35",
            Self::WrongCode(WrongCode::Other) => "A36",
            Self::CodeUsed => "A37",
            Self::CameraLost => "C01",
            Self::ResultUnknown => "P10",
            Self::CustomerActs => "P11",
            Self::Revoking => "P12",
            Self::Declined(_) => "P20",
            Self::NotSent => "P21",
            Self::Revoked => "P22",
            Self::Resumed => "P30",
            Self::DiskFull => "J01",
            Self::JournalBroken => "J02",
            Self::JournalAltered => "J03",
            Self::CopyFails => "J04",
            Self::ClockWrong => "K01",
            Self::ClockHoldsUp => "K02",
            Self::SettingsWrong => "S01",
        }
    }

    const fn severity(&self) -> Severity {
        match self {
            Self::AmountMissing | Self::CustomerActs => Severity::Hint,
            Self::AmountTooLarge
            | Self::TooManyOpen
            | Self::WrongCode(_)
            | Self::CodeUsed
            | Self::CameraLost
            | Self::ResultUnknown
            | Self::Revoking
            | Self::Resumed => Severity::Warning,
            Self::Declined(_)
            | Self::NotSent
            | Self::Revoked
            | Self::DiskFull
            | Self::JournalBroken
            | Self::JournalAltered
            | Self::CopyFails
            | Self::ClockWrong
            | Self::ClockHoldsUp
            | Self::SettingsWrong => Severity::Error,
        }
    }
}

impl From<Cause> for Notice {
    fn from(cause: Cause) -> Self {
        let (code, severity) = (cause.code(), cause.severity());
        let detail = if let Cause::Declined(host_code) = cause {
            host_code
        } else {
            String::new()
        };
        Self {
            code,
            severity,
            detail,
        }
    }
}
