//! 导出日志: a report for the hotline, sent or shown as a QR code.
//!
//! Owns the shapes. What may leave is `support`'s to decide.

use super::notice::{Cause, Notice, Severity};

/// What is told of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupportNote {
    /// The server has it; the number to say on the telephone.
    Sent(String),
    /// The server cannot be reached, or the connection ended.
    Unreachable,
    /// It took too long.
    Late,
    /// The server does not want it.
    Refused,
}

impl SupportNote {
    pub(super) const fn severity(&self) -> Severity {
        match self {
            Self::Sent(_) => Severity::Good,
            Self::Unreachable | Self::Late | Self::Refused => Severity::Warning,
        }
    }

    pub(super) fn detail(self) -> String {
        match self {
            Self::Sent(receipt) => receipt,
            Self::Unreachable | Self::Late | Self::Refused => String::new(),
        }
    }
}

/// How far a report is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SupportStage {
    /// Lines are collected.
    #[default]
    Collecting,
    /// It can be seen, and sent where a server is set up.
    Ready,
    /// It is on its way.
    Sending,
}

/// What is known of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SupportState {
    /// How far it is.
    pub stage: SupportStage,
    /// The text of the QR code; empty until it is collected.
    pub code: String,
    /// A server is set up.
    pub can_send: bool,
    /// What became of the last try.
    pub note: Option<SupportNote>,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportPage {
    /// How far it is.
    pub stage: SupportStage,
    /// The text of the QR code; empty until there is one.
    pub code: String,
    /// Whether 发送 exists.
    pub can_send: bool,
    /// Something to tell.
    pub notice: Option<Notice>,
}

impl From<&SupportState> for SupportPage {
    fn from(state: &SupportState) -> Self {
        let sent = matches!(state.note, Some(SupportNote::Sent(_)));
        Self {
            stage: state.stage,
            code: state.code.clone(),
            can_send: state.can_send && state.stage == SupportStage::Ready && !sent,
            notice: state.note.clone().map(|note| Cause::Support(note).into()),
        }
    }
}
