//! Lock, reserve, second copy and notes of the journal on the simulated disk.
//!
//! Owns the journal's file port for simulations. Knows nothing of their contents.

use std::io;
use std::path::Path;

use super::disk::{Change, Refused};
use super::vfs::SimDisk;
use crate::journal::{CopyFile, Files};

/// The journal's files on a simulated disk.
#[derive(Clone, Copy, Debug)]
pub struct SimFiles {
    /// The disk.
    pub disk: &'static SimDisk,
    /// A planted bug when false: after a failed sync nothing is written once more.
    pub refreshes: bool,
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn problem(refused: Refused) -> io::Error {
    io::Error::from(match refused {
        Refused::Failed => io::ErrorKind::Other,
        Refused::Full => io::ErrorKind::StorageFull,
        Refused::Absent => io::ErrorKind::NotFound,
    })
}

fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// An open file; closed when it is dropped.
struct OpenFile {
    disk: &'static SimDisk,
    inode: u64,
    number: u64,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.disk.lock().close(self.inode, self.number);
    }
}

impl OpenFile {
    fn write(&self, bytes: Vec<u8>, at: u64) -> io::Result<()> {
        let change = Change::Write(size(at), bytes);
        let written = self.disk.lock().change(self.inode, change);
        written.map_err(problem)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let change = Change::Truncate(size(length));
        let cut = self.disk.lock().change(self.inode, change);
        cut.map_err(problem)
    }

    fn sync(&self) -> io::Result<()> {
        let synced = self.disk.lock().sync(self.inode, false);
        synced.map_err(problem)
    }

    fn length(&self) -> u64 {
        self.disk.lock().size(self.inode) as u64
    }

    fn read_from(&self, from: u64) -> io::Result<Vec<u8>> {
        let mut disk = self.disk.lock();
        let length = disk.size(self.inode).saturating_sub(size(from));
        let mut bytes = vec![0; length];
        disk.read(self.inode, size(from), &mut bytes)
            .map_err(problem)?;
        Ok(bytes)
    }

    fn write_again(&self, from: u64) -> io::Result<()> {
        let bytes = self.read_from(from)?;
        if !bytes.is_empty() {
            self.write(bytes, from)?;
        }
        self.sync()
    }
}

impl SimFiles {
    fn open(self, path: &Path, create: bool) -> io::Result<OpenFile> {
        let opened = self.disk.lock().open(&name(path), create);
        let (inode, number) = opened.map_err(problem)?;
        Ok(OpenFile {
            disk: self.disk,
            inode,
            number,
        })
    }

    fn open_existing(self, path: &Path) -> io::Result<Option<OpenFile>> {
        match self.open(path, false) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn take(self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = self.open(path, true)?;
        file.write(vec![0; size(bytes)], 0)?;
        file.sync()
    }
}

impl Files for SimFiles {
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>> {
        let file = self.open(path, true)?;
        let free = self.disk.lock().lock(file.inode, file.number, 4);
        Ok(free.then(|| Box::new(file) as Box<dyn Send>))
    }

    fn hold_space(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let name = name(path);
        if self.disk.lock().length_of(&name) >= size(bytes) {
            return Ok(());
        }
        self.take(path, bytes).inspect_err(|_| {
            self.disk.lock().delete(&name, false).ok();
        })
    }

    fn release_space(&self, path: &Path) {
        self.disk.lock().delete(&name(path), false).ok();
    }

    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>> {
        Ok(Box::new(Copy(self.open(path, true)?)))
    }

    fn refresh(&self, path: &Path) -> io::Result<()> {
        match self.open_existing(path)? {
            Some(file) if self.refreshes => file.write_again(0),
            Some(_) | None => Ok(()),
        }
    }

    fn read_note(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = self.open_existing(path)?;
        file.map(|file| file.read_from(0)).transpose()
    }

    fn write_note(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.open(path, true)?;
        file.cut(0)?;
        file.write(bytes.to_vec(), 0)?;
        file.sync()
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk.lock().is_there(&name(path))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn CopyFile>>> {
        let file = self.open_existing(path)?;
        Ok(file.map(|file| Box::new(Copy(file)) as Box<dyn CopyFile>))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.open(path, false)?.sync()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = self.disk.lock().rename(&name(from), &name(to));
        renamed.map_err(problem)
    }

    fn sync_names(&self, _: &Path) -> io::Result<()> {
        self.disk.lock().sync_folder().map_err(problem)
    }
}

struct Copy(OpenFile);

impl CopyFile for Copy {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.length())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut disk = self.0.disk.lock();
        disk.read(self.0.inode, size(at), bytes).map_err(problem)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        self.0.write(bytes.to_vec(), end)?;
        self.0.sync()
    }

    fn refresh(&mut self, from: u64) -> io::Result<()> {
        self.0.write_again(from)
    }
}
