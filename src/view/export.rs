//! How an export from the screen stands, and why there is none. Money is never part of it.
//!
//! Owns the words' keys only.

use super::format;
use super::notice::Cause;
use crate::domain::BatchNo;

/// Why nothing was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFault {
    /// The folder is not there: the stick is not in.
    NoFolder,
    /// No space is left.
    Full,
    /// Nothing can be written there.
    ReadOnly,
    /// The journal could not be read, or a record of it is altered.
    Journal,
    /// Writing failed: a bad stick, or one that was pulled out.
    Broken,
}

/// A finished export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The folder.
    pub folder: String,
    /// The files' name without its endings.
    pub name: String,
    /// Records.
    pub rows: u64,
    /// Their sum in minor units: what counts, less what went back.
    pub minor: i64,
}

/// How it stands where a folder is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExportState {
    /// Nothing was asked for yet.
    #[default]
    Idle,
    /// It is being written.
    Running {
        /// The batch.
        batch: BatchNo,
        /// Records that are written.
        done: u64,
        /// Of so many; zero before they are counted.
        all: u64,
    },
    /// Everything is on the disk.
    Done(BatchNo, Exported),
    /// No file of the final name was made.
    Failed(BatchNo, ExportFault),
}

impl ExportState {
    /// Tells whether another one can be asked for.
    pub const fn can_begin(&self) -> bool {
        match self {
            Self::Idle | Self::Done(..) | Self::Failed(..) => true,
            Self::Running { .. } => false,
        }
    }

    /// Returns what the page of a batch shows of it.
    pub(super) fn shown(&self, of: BatchNo) -> ExportShown {
        match self {
            Self::Running { batch, done, all } if *batch == of => ExportShown::Running {
                done: *done,
                all: *all,
            },
            Self::Running { .. } => ExportShown::Elsewhere,
            Self::Done(batch, exported) if *batch == of => ExportShown::Done {
                folder: exported.folder.clone(),
                name: exported.name.clone(),
                rows: exported.rows,
                net: format::signed(exported.minor),
            },
            Self::Idle | Self::Done(..) | Self::Failed(..) => ExportShown::Ready,
        }
    }

    /// Returns why there is none of this batch.
    pub(super) fn cause(&self, of: BatchNo) -> Option<Cause> {
        match self {
            Self::Failed(batch, fault) if *batch == of => Some(Cause::Export(*fault)),
            Self::Idle | Self::Running { .. } | Self::Done(..) | Self::Failed(..) => None,
        }
    }
}

/// What the page of a batch shows of exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportShown {
    /// There is no folder for it.
    Off,
    /// It can be asked for.
    Ready,
    /// It is being written.
    Running {
        /// Records that are written.
        done: u64,
        /// Of so many; zero before they are counted.
        all: u64,
    },
    /// Another batch is being written.
    Elsewhere,
    /// The files are there; it can be asked for once more.
    Done {
        /// The folder.
        folder: String,
        /// The files' name without its endings.
        name: String,
        /// Records.
        rows: u64,
        /// Their sum, ready to show.
        net: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_batch_shows_its_own_export_and_one_is_written_at_a_time() {
        let number = |n| BatchNo::new(n).expect("six digits");
        let running = ExportState::Running {
            batch: number(2),
            done: 3,
            all: 9,
        };
        assert!(!running.can_begin() && ExportState::Idle.can_begin());
        let (done, all) = (3, 9);
        assert_eq!(running.shown(number(2)), ExportShown::Running { done, all });
        assert_eq!(running.shown(number(1)), ExportShown::Elsewhere);
        let failed = ExportState::Failed(number(2), ExportFault::Full);
        assert_eq!(
            failed.cause(number(2)),
            Some(Cause::Export(ExportFault::Full))
        );
        assert_eq!(failed.cause(number(1)), None);
        assert_eq!(failed.shown(number(2)), ExportShown::Ready);
    }
}
