//! What can go wrong with a disk, and how a power cut damages a write: torn at the sector.

use super::rng::Rng;

const TEAR: usize = 512;

/// What goes wrong, and at which operation (counted from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Sound,
    /// The power goes at this change of the disk; it may still arrive in part.
    PowerCut(u64),
    /// The process is killed at this change of the disk: what it wrote stays in the page cache.
    Kill(u64),
    /// This operation of any kind fails, and with `forever` every later one.
    Error {
        /// Which operation.
        at: u64,
        /// Every later one, too.
        forever: bool,
    },
    /// This sync fails and loses its writes, and with `forever` every later one does.
    SyncError {
        /// Which sync.
        at: u64,
        /// Every later one, too.
        forever: bool,
    },
}

/// Why an operation did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The disk failed or is off.
    Failed,
    /// There is no room.
    Full,
    /// There is no such file.
    Absent,
}

/// Writes at a place, and makes the file longer where that is needed.
pub(super) fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() == at {
        return file.extend_from_slice(bytes);
    }
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

/// Lets some of the 512-byte sectors arrive.
pub(super) fn tear(file: &mut Vec<u8>, at: usize, bytes: &[u8], rng: &mut Rng) {
    let mut from = 0;
    while from < bytes.len() {
        let to = ((at + from) / TEAR * TEAR + TEAR - at).min(bytes.len());
        if rng.below(2) == 0 {
            write(file, at + from, &bytes[from..to]);
        }
        from = to;
    }
}
