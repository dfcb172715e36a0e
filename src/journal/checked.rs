//! How far the journal was checked: a row, its hash, and where its record stands in the second copy.
//!
//! Owns the note `journal.checked` beside the database. The note saves time at the start and is never evidence: one
//! that is missing, torn or does not fit only makes the check begin at row 1 again (docs/ARCHITECTURE.md, D10).

use std::path::{Path, PathBuf};

use super::files::Files;
use crate::evidence::Digest;

const HEAD: &str = "shouyin-checked-1";
const DOUBTED: &str = "doubted";

/// The last row that was checked together with everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    pub row: u64,
    pub hash: Digest,
    /// Where the row's record begins in the second copy, in bytes.
    pub copy_at: u64,
    /// Damage was seen since: the next start looks at everything, and the note only tells how much there was.
    pub doubted: bool,
}

impl Checked {
    pub fn path(dir: &Path) -> PathBuf {
        dir.join("journal.checked")
    }

    /// Returns the note, if there is a readable one.
    pub fn read(files: &dyn Files, dir: &Path) -> Option<Self> {
        let bytes = files.read_note(&Self::path(dir)).ok()??;
        let text = std::str::from_utf8(&bytes).ok()?.strip_suffix('\n')?;
        let (told, check) = text.rsplit_once(' ')?;
        if u32::from_str_radix(check, 16).ok()? != crc32fast::hash(told.as_bytes()) {
            return None;
        }
        let mut words = told.split(' ');
        let (head, row) = (words.next()?, words.next()?);
        let (hash, copy_at) = (words.next()?, words.next()?);
        let doubted = words.next().map(|word| word == DOUBTED);
        if head != HEAD || doubted == Some(false) || words.next().is_some() {
            return None;
        }
        Some(Self {
            row: row.parse().ok()?,
            hash: Digest::from_hex(hash)?,
            copy_at: copy_at.parse().ok()?,
            doubted: doubted.is_some(),
        })
    }

    /// Leaves the note. It is no loss when that fails: the next start checks more.
    pub fn write(self, files: &dyn Files, dir: &Path) {
        let mut told = format!("{HEAD} {} {} {}", self.row, self.hash, self.copy_at);
        if self.doubted {
            told.push(' ');
            told.push_str(DOUBTED);
        }
        let line = format!("{told} {:08x}\n", crc32fast::hash(told.as_bytes()));
        if let Err(error) = files.write_note(&Self::path(dir), line.as_bytes()) {
            tracing::warn!(%error, "the note of how far the journal was checked was not written");
        }
    }

    /// Damage was seen: whoever reads the note next believes nothing of it.
    pub fn doubt(files: &dyn Files, dir: &Path) {
        if let Some(mut note) = Self::read(files, dir) {
            note.doubted = true;
            note.write(files, dir);
        }
    }

    /// Leaves no note, for good.
    ///
    /// # Errors
    /// The disk's; the note may still be there.
    pub fn take_back(files: &dyn Files, dir: &Path) -> std::io::Result<()> {
        let path = Self::path(dir);
        files.write_note(&path, b"")?;
        files.sync_names(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::SystemFiles;

    #[test]
    fn a_note_comes_back_and_a_torn_or_altered_one_does_not() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let note = Checked {
            row: 12,
            hash: Digest::sha256(b"x"),
            copy_at: 345,
            doubted: false,
        };
        assert_eq!(Checked::read(&SystemFiles, dir.path()), None);
        let doubted = Checked {
            doubted: true,
            ..note
        };
        doubted.write(&SystemFiles, dir.path());
        assert_eq!(Checked::read(&SystemFiles, dir.path()), Some(doubted));
        note.write(&SystemFiles, dir.path());
        assert_eq!(Checked::read(&SystemFiles, dir.path()), Some(note));
        let path = Checked::path(dir.path());
        let whole = std::fs::read(&path).expect("written");
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("written");
            assert_eq!(
                Checked::read(&SystemFiles, dir.path()),
                None,
                "cut at {cut}"
            );
        }
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&path, &altered).expect("written");
            assert_eq!(Checked::read(&SystemFiles, dir.path()), None, "byte {at}");
        }
    }
}
