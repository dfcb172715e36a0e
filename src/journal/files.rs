//! The files beside the database: lock, reserve, second copy and notes, behind one small port.
//!
//! Owns [`SystemFiles`], which a shipped terminal uses. Tests put a disk that loses power behind the same port.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Piece in which a file is written once more, in bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// Longest note that is read, in bytes.
const NOTE_BYTES_MAX: u64 = 4096;

/// Where the files beside the database live.
pub trait Files: Send + Sync + fmt::Debug {
    /// Takes the lock; it is held until the returned guard is dropped. `None` when another holder has it.
    ///
    /// # Errors
    /// The lock file cannot be made.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>>;

    /// Makes sure that so many bytes are set aside at `path`. Returns whether they are.
    fn hold_space(&self, path: &Path, bytes: u64) -> io::Result<()>;

    /// Gives the space at `path` back.
    fn release_space(&self, path: &Path);

    /// Opens or creates the second copy.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>>;

    /// Writes an existing file once more, byte for byte, and waits until it is on the disk. After a failed sync a
    /// system may show bytes that are not on the disk and call them clean: only writing them again brings them there.
    /// A file that is not there is left out.
    ///
    /// # Errors
    /// The disk failed.
    fn refresh(&self, path: &Path) -> io::Result<()>;

    /// Reads a small file; `None` when it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    fn read_note(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Replaces a small file. A power cut may leave the old, the new or a torn one.
    ///
    /// # Errors
    /// The disk failed.
    fn write_note(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Tells whether there is a file of that name.
    fn exists(&self, path: &Path) -> bool;

    /// Opens a file that is only read; `None` when it is not there.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn CopyFile>>>;

    /// Waits until what was written to a file is on the disk.
    ///
    /// # Errors
    /// The disk failed.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name in one step. Nothing may have that name yet, unless it is meant to be replaced.
    ///
    /// # Errors
    /// The disk failed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in the folder of `path` are on the disk.
    ///
    /// # Errors
    /// The disk failed.
    fn sync_names(&self, path: &Path) -> io::Result<()>;
}

/// The open second copy: read from anywhere, cut, and written at its end only.
pub trait CopyFile: Send {
    /// Returns its length in bytes.
    ///
    /// # Errors
    /// The disk failed.
    fn length(&self) -> io::Result<u64>;

    /// Reads from `at` on; returns how many bytes came, 0 at the end.
    ///
    /// # Errors
    /// The disk failed.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;

    /// Cuts it to `length` bytes.
    ///
    /// # Errors
    /// The disk failed.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Writes at `end`, its end, and waits until everything is on the disk.
    ///
    /// # Errors
    /// The disk failed; the end may be torn.
    fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()>;

    /// Writes everything from `from` on once more, byte for byte, and waits until it is on the disk.
    ///
    /// # Errors
    /// The disk failed.
    fn refresh(&mut self, from: u64) -> io::Result<()>;
}

/// A lock until it is dropped. It is given back by word: a program that is just being started has a copy of the open
/// file for a moment, and with it the lock of a file that was only closed (flock(2)).
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // What the system does not give back now it gives back when the file is closed.
        self.0.unlock().ok();
    }
}

/// The system's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>> {
        let file = File::options().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(Held(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(source),
        }
    }

    fn hold_space(&self, path: &Path, bytes: u64) -> io::Result<()> {
        if std::fs::metadata(path).is_ok_and(|file| file.len() >= bytes) {
            return Ok(());
        }
        take(path, bytes).inspect_err(|_| {
            std::fs::remove_file(path).ok();
        })
    }

    fn release_space(&self, path: &Path) {
        std::fs::remove_file(path).ok();
    }

    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        Ok(Box::new(SystemCopy(options.open(path)?)))
    }

    fn refresh(&self, path: &Path) -> io::Result<()> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => SystemCopy(file).refresh(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn read_note(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        use std::io::Read;
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(NOTE_BYTES_MAX).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(bytes))
    }

    fn write_note(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let next = path.with_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        std::fs::rename(&next, path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn CopyFile>>> {
        match open_to_read(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_names(&self, path: &Path) -> io::Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Opens a copy that is only looked at; it must be there.
pub(super) fn open_to_read(path: &Path) -> io::Result<Box<dyn CopyFile>> {
    Ok(Box::new(SystemCopy(File::open(path)?)))
}

fn take(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
    file.sync_all()
}

struct SystemCopy(File);

impl CopyFile for SystemCopy {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(bytes, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, end)?;
        self.0.sync_data()
    }

    fn refresh(&mut self, from: u64) -> io::Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut at = from;
        loop {
            let count = self.read_at(&mut piece, at)?;
            if count == 0 {
                return self.0.sync_data();
            }
            self.0.write_all_at(&piece[..count], at)?;
            at += count as u64;
        }
    }
}
