//! Space kept back so that the results of open sales can still be stored when the disk fills.

use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

/// The reserve file. Missing space is not an error here: it means that new sales are refused.
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    pub fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes }
    }

    /// Makes sure that the space is taken. Returns whether it is.
    pub fn hold(&self) -> bool {
        if std::fs::metadata(&self.path).is_ok_and(|file| file.len() >= self.bytes) {
            return true;
        }
        let held = take(&self.path, self.bytes);
        if held.is_err() {
            std::fs::remove_file(&self.path).ok();
        }
        held.is_ok()
    }

    /// Gives the space back for results that must be stored.
    pub fn release(&self) {
        std::fs::remove_file(&self.path).ok();
    }
}

fn take(path: &Path, bytes: u64) -> std::io::Result<()> {
    let file = std::fs::File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
    file.sync_all()
}
