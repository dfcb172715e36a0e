//! Lock, reserve and second copy of the journal on the simulated disk.
//!
//! Owns the journal's file port for simulations. Knows nothing of their contents.

use std::io;
use std::path::Path;

use super::disk::{Change, Refused};
use super::vfs::SimDisk;
use crate::journal::{CopyFile, Files};

/// The journal's files on a simulated disk.
#[derive(Clone, Copy, Debug)]
pub struct SimFiles(pub &'static SimDisk);

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

impl SimFiles {
    fn open(self, path: &Path) -> io::Result<OpenFile> {
        let opened = self.0.lock().open(&name(path), true);
        let (inode, number) = opened.map_err(problem)?;
        Ok(OpenFile {
            disk: self.0,
            inode,
            number,
        })
    }

    fn take(self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = self.open(path)?;
        let mut disk = self.0.lock();
        let zeros = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        disk.change(file.inode, Change::Write(0, zeros))
            .and_then(|()| disk.sync(file.inode, false))
            .map_err(problem)
    }
}

impl Files for SimFiles {
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>> {
        let file = self.open(path)?;
        let free = self.0.lock().lock(file.inode, file.number, 4);
        Ok(free.then(|| Box::new(file) as Box<dyn Send>))
    }

    fn hold_space(&self, path: &Path, bytes: u64) -> bool {
        let name = name(path);
        let there = self.0.lock().length_of(&name);
        if u64::try_from(there).is_ok_and(|there| there >= bytes) {
            return true;
        }
        let held = self.take(path, bytes);
        if held.is_err() {
            self.0.lock().delete(&name, false).ok();
        }
        held.is_ok()
    }

    fn release_space(&self, path: &Path) {
        self.0.lock().delete(&name(path), false).ok();
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        if self.0.lock().length_of(&name(path)) == 0 {
            return Ok(());
        }
        let file = self.open(path)?;
        let mut disk = self.0.lock();
        let mut bytes = vec![0; disk.size(file.inode)];
        disk.read(file.inode, 0, &mut bytes)
            .and_then(|_| disk.change(file.inode, Change::Write(0, bytes)))
            .and_then(|()| disk.sync(file.inode, true))
            .map_err(problem)
    }

    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>> {
        Ok(Box::new(Copy(self.open(path)?)))
    }
}

struct Copy(OpenFile);

impl CopyFile for Copy {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut disk = self.0.disk.lock();
        let mut bytes = vec![0; disk.size(self.0.inode)];
        disk.read(self.0.inode, 0, &mut bytes).map_err(problem)?;
        Ok(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.0.disk.lock();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if disk.size(self.0.inode) == length {
            return Ok(());
        }
        let cut = disk.change(self.0.inode, Change::Truncate(length));
        cut.map_err(problem)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.disk.lock();
        let end = disk.size(self.0.inode);
        disk.change(self.0.inode, Change::Write(end, bytes.to_vec()))
            .and_then(|()| disk.sync(self.0.inode, false))
            .map_err(problem)
    }
}
