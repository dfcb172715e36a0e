//! The reserve: space that is kept back, so that the results of open sales find room on a full disk.
//!
//! Owns whether it is held, and why not. Never decides who may use it: that is the writer's.

use std::path::PathBuf;

use super::files::Files;
use super::{JournalConfig, NoSales};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Held,
    NoRoom,
    /// It cannot be written although there may be room: waiting for space would wait for ever.
    Fails,
}

/// The reserve of one journal.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    stand: Stand,
}

impl Reserve {
    /// Takes the space, as far as there is any.
    pub fn take(config: &JournalConfig) -> Self {
        let mut reserve = Self {
            path: Self::path(config),
            bytes: config.reserve_bytes,
            stand: Stand::NoRoom,
        };
        reserve.hold(&*config.files);
        reserve
    }

    /// Where it lies.
    pub fn path(config: &JournalConfig) -> PathBuf {
        config.dir.join("journal.reserve")
    }

    /// Takes the space back where it is missing.
    pub fn hold(&mut self, files: &dyn Files) {
        if self.stand == Stand::Held {
            return;
        }
        let before = self.stand;
        self.stand = match files.hold_space(&self.path, self.bytes) {
            Ok(()) => Stand::Held,
            Err(error) if is_full(&error) => Stand::NoRoom,
            Err(error) => {
                if before != Stand::Fails {
                    tracing::error!(%error, "the reserve cannot be written");
                }
                Stand::Fails
            }
        };
    }

    /// Gives the space to a result.
    pub fn give(&mut self, files: &dyn Files) {
        files.release_space(&self.path);
        self.missed();
    }

    /// There was no room for something else: the reserve is looked at again before it counts as held.
    pub fn missed(&mut self) {
        self.stand = Stand::NoRoom;
    }

    /// Tells why no new sale may be opened.
    pub fn no_sales(&self) -> Option<NoSales> {
        match self.stand {
            Stand::Held => None,
            Stand::NoRoom => Some(NoSales::DiskFull),
            Stand::Fails => Some(NoSales::DiskFails),
        }
    }
}

/// No room on the disk, in the quota, or for a file of that size.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
