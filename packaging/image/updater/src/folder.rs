//! The update folder of the terminal, in which everything may be a trap: links, pipes, files that change.
//!
//! Owns how it is opened: every name within the folder itself, never through a link, and only plain files. Believes
//! nothing that it reads.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, fsync, open, openat, unlinkat};

use super::steps::Staged;

/// The opened folder.
pub struct Folder {
    place: OwnedFd,
    file: Option<(String, File)>,
}

impl Folder {
    /// Opens the folder.
    ///
    /// # Errors
    /// It is missing or is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let place = open(path, flags, Mode::empty())?;
        Ok(Self { place, file: None })
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.place, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no plain file"));
        }
        Ok(file)
    }

    /// Reads a small file of at most `most` bytes.
    ///
    /// # Errors
    /// It is missing, no plain file, or longer.
    pub fn small(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let file = self.file(name)?;
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if size > most {
            return Err(io::Error::other("it is too long"));
        }
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Takes a file away, for good.
    ///
    /// # Errors
    /// It is missing, or the disk does not take it.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        unlinkat(&self.place, name, AtFlags::empty())?;
        Ok(fsync(&self.place)?)
    }
}

impl Staged for Folder {
    fn read(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()> {
        let known = self.file.take().filter(|(known, _)| known == name);
        let (_, file) = match known {
            Some(known) => self.file.insert(known),
            None => {
                let file = self.file(name)?;
                self.file.insert((name.to_owned(), file))
            }
        };
        file.read_exact_at(room, at)
    }
}
