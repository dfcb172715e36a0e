//! What is told of a PIN.
//!
//! Owns the shapes and their codes. Knows no PIN.

use super::notice::Severity;

/// Why a PIN does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinNote {
    /// It is wrong; tries left.
    Wrong(u32),
    /// Too many wrong ones; whole minutes to wait.
    Locked(u64),
    /// No supervisor PIN is set.
    NotSet,
    /// The count of wrong ones cannot be written.
    NotKept,
}

impl PinNote {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Wrong(_) => "A11",
            Self::Locked(_) => "A12",
            Self::NotSet => "A13",
            Self::NotKept => "A14",
        }
    }

    pub(super) const fn severity(self) -> Severity {
        match self {
            Self::Wrong(_) | Self::Locked(_) | Self::NotSet => Severity::Warning,
            Self::NotKept => Severity::Error,
        }
    }

    pub(super) fn detail(self) -> String {
        match self {
            Self::Wrong(left) => left.to_string(),
            Self::Locked(minutes) => minutes.to_string(),
            Self::NotSet | Self::NotKept => String::new(),
        }
    }
}
