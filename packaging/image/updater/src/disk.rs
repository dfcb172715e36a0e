//! The machine's own disk: the slot as a block device, the kernels as files of the boot partition.
//!
//! Owns how bytes reach the disk and are read back from it instead of from memory. Decides nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags, fadvise, statvfs, syncfs};

use super::steps::Machine;

/// Slot and boot partition.
pub struct Disk {
    slot: File,
    folder: PathBuf,
}

impl Disk {
    /// Opens the slot, and names the folder of the kernels.
    ///
    /// # Errors
    /// The slot cannot be opened. A partition that the running root is on is in use, and the kernel does not open it a
    /// second time.
    pub fn open(slot: &Path, folder: &Path) -> io::Result<Self> {
        let flags = OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let slot = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(slot)?;
        let folder = folder.to_owned();
        Ok(Self { slot, folder })
    }
}

/// Names of the kernels in a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        // A name that is no text is not ours.
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Reads past the cache, which would only repeat what was written.
fn read_anew(file: &File, at: u64, room: &mut [u8]) -> io::Result<()> {
    fadvise(file, at, None, Advice::DontNeed)?;
    file.read_exact_at(room, at)
}

impl Machine for Disk {
    fn slot_size(&mut self) -> io::Result<u64> {
        self.slot.seek(SeekFrom::End(0))
    }

    fn write_slot(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.slot.write_all_at(bytes, at)
    }

    fn sync_slot(&mut self) -> io::Result<()> {
        self.slot.sync_all()
    }

    fn read_slot(&mut self, at: u64, room: &mut [u8]) -> io::Result<()> {
        read_anew(&self.slot, at, room)
    }

    fn kernels(&mut self) -> io::Result<Vec<String>> {
        names(&self.folder)
    }

    fn boot_free(&mut self) -> io::Result<u64> {
        let found = statvfs(&self.folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn remove_kernel(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn write_kernel(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(at == 0)
            .open(self.folder.join(name))?;
        file.write_all_at(bytes, at)?;
        file.sync_all()
    }

    fn read_kernel(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()> {
        read_anew(&File::open(self.folder.join(name))?, at, room)
    }

    fn rename_kernel(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn sync_boot(&mut self) -> io::Result<()> {
        let folder = File::open(&self.folder)?;
        folder.sync_all()?;
        Ok(syncfs(&folder)?)
    }
}
