//! The partitions of the boot disk, found by their names in the GPT.
//!
//! Owns the names. Never writes to a partition.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};

/// The two roots.
pub const SLOTS: [&str; 2] = ["shouyin-a", "shouyin-b"];
/// Journal, configuration, downloaded updates.
pub const DATA: &str = "shouyin-data";
/// The boot loader and the kernels.
pub const BOOT: &str = "shouyin-esp";

/// Returns the device of a partition, as the kernel tells in sysfs.
pub fn named(name: &str) -> Option<String> {
    for entry in fs::read_dir("/sys/class/block").ok()?.flatten() {
        let told = fs::read_to_string(entry.path().join("uevent")).unwrap_or_default();
        let value = |key: &str| {
            told.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        };
        if value("PARTNAME") == Some(name) {
            return value("DEVNAME").map(|device| format!("/dev/{device}"));
        }
    }
    None
}

/// Returns whether an ext4 file system says that it found itself damaged (superblock at 1024, `s_state` at 58, bit
/// `EXT2_ERROR_FS`; Documentation/filesystems/ext4/super.rst).
///
/// # Errors
/// [`io::Error`] when the device cannot be read.
pub fn is_marked_faulty(device: &str) -> io::Result<bool> {
    let mut file = fs::File::open(device)?;
    file.seek(SeekFrom::Start(1024 + 58))?;
    let mut state = [0; 2];
    file.read_exact(&mut state)?;
    Ok(u16::from_le_bytes(state) & 2 != 0)
}
