//! The files beside the database: lock, reserve and second copy, behind one small port.
//!
//! Owns [`SystemFiles`], which a shipped terminal uses. The simulator puts its own disk behind the same port.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Where the files beside the database live.
pub trait Files: Send + Sync + fmt::Debug {
    /// Takes the lock; it is held until the returned guard is dropped. `None` when another holder has it.
    ///
    /// # Errors
    /// The lock file cannot be made.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>>;

    /// Makes sure that so many bytes are set aside at `path`. Returns whether they are.
    fn hold_space(&self, path: &Path, bytes: u64) -> bool;

    /// Gives the space at `path` back.
    fn release_space(&self, path: &Path);

    /// Writes what a file reads as into it once more and waits until file and directory are on the disk; a file that is
    /// not there is left out. After a failed sync, what reads well may never reach the disk: the system believes
    /// that it is there already.
    ///
    /// # Errors
    /// The disk failed.
    fn rewrite(&self, path: &Path) -> io::Result<()>;

    /// Opens or creates the second copy.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>>;
}

/// The open second copy: read once, cut once, then only appended to.
pub trait CopyFile: Send {
    /// Reads everything.
    ///
    /// # Errors
    /// The disk failed.
    fn read_all(&mut self) -> io::Result<Vec<u8>>;

    /// Cuts it to `length` bytes and goes to its end.
    ///
    /// # Errors
    /// The disk failed.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Writes at its end and waits until everything is on the disk.
    ///
    /// # Errors
    /// The disk failed; the end may be torn.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The system's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>> {
        let file = File::options().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(source),
        }
    }

    fn hold_space(&self, path: &Path, bytes: u64) -> bool {
        if std::fs::metadata(path).is_ok_and(|file| file.len() >= bytes) {
            return true;
        }
        let held = take(path, bytes);
        if held.is_err() {
            std::fs::remove_file(path).ok();
        }
        held.is_ok()
    }

    fn release_space(&self, path: &Path) {
        std::fs::remove_file(path).ok();
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        let mut file = match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        path.parent()
            .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }

    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        Ok(Box::new(SystemCopy(options.open(path)?)))
    }
}

fn take(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
    file.sync_all()
}

struct SystemCopy(File);

impl CopyFile for SystemCopy {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        self.0.seek(SeekFrom::End(0)).map(drop)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.sync_data()
    }
}
