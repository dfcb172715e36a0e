//! 维护: the way to the versions of the software, and 恢复出厂 with what is told of it.
//!
//! Owns the shapes. Decides nothing: whether a reset may be is `recovery::rule`'s.

use super::desk::Desk;
use super::notice::{Cause, Notice, Severity};
use super::update::UpdateNote;

/// What is told of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetNote {
    /// Everything was deleted.
    Done,
    /// Refused: something is open at the till.
    Open,
    /// Refused: a card's reversal has not been delivered.
    Reversal,
    /// Refused: the settlement has not ended.
    Settling,
    /// Refused: the journal is no proof that nothing is open.
    Unproven,
    /// Refused: the batch is not closed.
    Batch,
    /// Refused: money is held on a card.
    Hold,
    /// The next start looked again, found the reason with this code, and deleted nothing.
    Undone(&'static str),
    /// The wish could not be written.
    NotWritten,
    /// The terminal is about to end for it.
    Leaving,
    /// A file of that name was no wish, or an old one, and was taken away.
    Strange,
    /// Not everything could be deleted; it goes on at the next start.
    NotErased,
}

impl ResetNote {
    /// To show beside the words: the code of the reason.
    pub(super) fn detail(self) -> String {
        match self {
            Self::Undone(code) => code.to_owned(),
            Self::Done
            | Self::Open
            | Self::Reversal
            | Self::Settling
            | Self::Unproven
            | Self::Batch
            | Self::Hold
            | Self::NotWritten
            | Self::Leaving
            | Self::Strange
            | Self::NotErased => String::new(),
        }
    }
}

/// What became of the data partition before this start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionNote {
    /// It was damaged, and was repaired; whether every record is there the journal's own check tells.
    Repaired,
    /// It cannot be mounted.
    NotMounted,
}

/// What a person asks on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaintainWish {
    /// 维护: show it.
    Show,
    /// 恢复出厂, after a supervisor approved.
    Reset,
    /// 删除并重新启动: the second confirmation.
    ResetNow,
    /// The name of the shop was held: end, and start in safe mode.
    Safe,
    /// 导出日志: the page.
    Logs,
    /// 发送 on it.
    SendLogs,
}

/// How far a reset is on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetStage {
    /// It can be asked for.
    #[default]
    Offered,
    /// A supervisor approved; it has to be confirmed once more.
    Approved,
    /// The terminal is about to end for it.
    Leaving,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenancePage {
    /// Whether 更新 exists.
    pub can_update: bool,
    /// Whether 导出日志 exists.
    pub can_tell: bool,
    /// Whether 网络 exists.
    pub can_network: bool,
    /// How far a reset is; none where this terminal cannot be reset from the screen.
    pub reset: Option<ResetStage>,
    /// Slips that are not on paper yet, and would be lost from the queue.
    pub slips: u64,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// Builds the page.
pub(super) fn page(desk: &Desk) -> MaintenancePage {
    MaintenancePage {
        can_update: desk.update.is_some(),
        can_tell: desk.support.is_some(),
        can_network: desk.network.is_some(),
        reset: desk.reset,
        slips: desk.printer.waiting,
        notice: desk.told.clone().map(Into::into),
    }
}

impl Desk {
    /// Tells whether there is anything on the page of maintenance.
    pub(crate) const fn has_maintenance(&self) -> bool {
        self.update.is_some()
            || self.network.is_some()
            || self.reset.is_some()
            || self.support.is_some()
    }
}

impl Cause {
    /// How urgent it is when it is about the terminal itself.
    pub(super) const fn own_severity(&self) -> Severity {
        use UpdateNote::{Restarting, Unreachable, Updated, WentBack};
        if matches!(
            self,
            Self::Update(Updated(_) | WentBack(_)) | Self::Reset(ResetNote::Done)
        ) || matches!(self, Self::Network(note) if note.is_good())
        {
            Severity::Good
        } else if matches!(
            self,
            Self::Update(Restarting | Unreachable) | Self::Reset(ResetNote::Leaving)
        ) {
            Severity::Hint
        } else {
            Severity::Warning
        }
    }
}

impl From<ResetNote> for Cause {
    fn from(note: ResetNote) -> Self {
        Self::Reset(note)
    }
}
