//! 暂停收款: why no sale is possible, and what can be done about it on the screen.
//!
//! Owns the shapes. Decides nothing: which tools there are is said by whoever shows the page.

use super::notice::{Notice, Severity};

/// Why a terminal that could start does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopNote {
    /// It crashed again and again.
    Crashed,
    /// Somebody asked for it.
    Wished,
}

impl StopNote {
    pub(super) const fn severity(self) -> Severity {
        match self {
            Self::Crashed => Severity::Error,
            Self::Wished => Severity::Warning,
        }
    }
}

/// What a person asks on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedWish {
    /// 重试: start now.
    Retry,
    /// 网络.
    Network,
    /// 导出日志: the page.
    Logs,
    /// 退回上一版.
    Back,
    /// 退回上一版, held down as long as it has to be.
    BackHeld,
}

/// How the version in the other slot is gone back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// That version.
    pub version: u32,
    /// No PIN can be asked for: the button has to be held.
    pub held: bool,
}

/// What can be done on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// Whether the page of the network exists in this program.
    pub network: bool,
    /// The way back, where there is one.
    pub back: Option<WayBack>,
    /// The machine is about to start another version: nothing more can be pressed.
    pub leaving: bool,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedPage {
    /// Why.
    pub notice: Notice,
    /// What can be done; none while the terminal itself runs.
    pub tools: Option<Tools>,
    /// Something to tell of a tool.
    pub told: Option<Notice>,
}

impl From<Notice> for StoppedPage {
    fn from(notice: Notice) -> Self {
        Self {
            notice,
            tools: None,
            told: None,
        }
    }
}
