//! The file that keeps the count of wrong PINs over a restart: pulling the plug must not buy new tries.
//!
//! Owns one small file (mode 0600, replaced in one step and synced). It holds a number and no time: a restart counts
//! the tries as made just now, so no clock, set forward or back, shortens a lock; a restart may lengthen one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::lock::TRIES;

const WORD: &str = "wrong ";

/// Where the count is kept.
#[derive(Clone, Debug)]
pub struct TriesFile(PathBuf);

impl TriesFile {
    /// Names the file; it need not exist.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Reads the count. A file that cannot be understood counts as a lock: somebody may have spoilt it on purpose.
    pub(super) fn read(&self) -> usize {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return 0,
            Err(_) => return TRIES,
        };
        let number = text
            .strip_prefix(WORD)
            .and_then(|rest| rest.strip_suffix('\n'));
        number
            .and_then(|number| number.parse().ok())
            .filter(|count| *count <= TRIES)
            .unwrap_or(TRIES)
    }

    /// Writes the count; when it returns, the count is on the disk.
    pub(super) fn write(&self, count: usize) -> io::Result<()> {
        let mut fresh = self.0.clone().into_os_string();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        // A leftover of an interrupted try may have other rights.
        if let Err(error) = fs::remove_file(&fresh)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(format!("{WORD}{count}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.0)?;
        let place = self.0.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(place.unwrap_or(Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_comes_back_and_a_spoilt_file_is_a_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pin.tries");
        let file = TriesFile::new(&path);
        assert_eq!(file.read(), 0, "none yet");
        for count in [3, 5, 0] {
            file.write(count).expect("written");
            assert_eq!(file.read(), count);
        }
        for spoilt in [
            "",
            "wrong 6\n",
            "wrong -1\n",
            "wrong 1",
            "right 0\n",
            "wrong 0\nwrong 0\n",
        ] {
            fs::write(&path, spoilt).expect("written");
            assert_eq!(file.read(), TRIES, "{spoilt:?}");
        }
        fs::write(&path, [0xff, 0xfe]).expect("written");
        assert_eq!(file.read(), TRIES);
        let nowhere = TriesFile::new(&dir.path().join("no/such/pin.tries"));
        assert!(nowhere.write(1).is_err());
    }
}
