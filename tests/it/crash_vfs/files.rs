//! The files beside the database on the simulated disk: second copy and notes lose power and fail like the rest.
//!
//! Lock and reserve stay on the real disk: the lock is about processes, and the reserve is counted as [`super::Room`].

use std::fmt;
use std::io;
use std::path::Path;

use rusqlite::ffi;
use shouyin::journal::{CopyFile, Files, SystemFiles};

use super::{Change, CrashDisk, Kind};

/// Puts the files beside the database on a simulated disk.
pub struct DiskFiles {
    pub disk: &'static CrashDisk,
    /// A planted bug when false: nothing is written once more after a failed sync.
    pub refreshes: bool,
}

impl fmt::Debug for DiskFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskFiles")
    }
}

fn fail(code: i32) -> io::Error {
    match code {
        ffi::SQLITE_FULL => io::ErrorKind::StorageFull.into(),
        other => io::Error::other(format!("the simulated disk failed with {other}")),
    }
}

fn done(code: i32) -> io::Result<()> {
    if code == ffi::SQLITE_OK {
        Ok(())
    } else {
        Err(fail(code))
    }
}

fn name(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

impl Files for DiskFiles {
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send>>> {
        SystemFiles.lock(path)
    }

    fn hold_space(&self, path: &Path, bytes: u64) -> bool {
        let wanted = usize::try_from(bytes).unwrap();
        path.exists()
            || (self.disk.lock().has_room_for(wanted) && SystemFiles.hold_space(path, bytes))
    }

    fn release_space(&self, path: &Path) {
        SystemFiles.release_space(path);
    }

    fn open_copy(&self, path: &Path) -> io::Result<Box<dyn CopyFile>> {
        let inode = self.disk.lock().open(&name(path), true).map_err(fail)?;
        Ok(Box::new(DiskCopy {
            disk: self.disk,
            inode,
        }))
    }

    fn refresh(&self, path: &Path) -> io::Result<()> {
        if !self.refreshes {
            return Ok(());
        }
        let Ok(inode) = self.disk.lock().open(&name(path), false) else {
            return Ok(());
        };
        DiskCopy {
            disk: self.disk,
            inode,
        }
        .refresh(0)
    }

    fn read_note(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut disk = self.disk.lock();
        let Ok(inode) = disk.open(&name(path), false) else {
            return Ok(None);
        };
        disk.step(Kind::Read, ffi::SQLITE_IOERR_READ)
            .map_err(fail)?;
        Ok(disk.inodes.get(&inode).map(|inode| inode.now.clone()))
    }

    fn write_note(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let inode = disk.open(&name(path), true).map_err(fail)?;
        done(disk.change(inode, Change::Truncate(0), ffi::SQLITE_IOERR_TRUNCATE))?;
        let change = Change::Write(0, bytes.to_vec());
        done(disk.change(inode, change, ffi::SQLITE_IOERR_WRITE))?;
        done(disk.sync(inode, false))
    }
}

struct DiskCopy {
    disk: &'static CrashDisk,
    inode: u64,
}

impl DiskCopy {
    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let change = Change::Write(usize::try_from(at).unwrap(), bytes.to_vec());
        let mut disk = self.disk.lock();
        done(disk.change(self.inode, change, ffi::SQLITE_IOERR_WRITE))
    }
}

impl CopyFile for DiskCopy {
    fn length(&self) -> io::Result<u64> {
        let disk = self.disk.lock();
        Ok(disk
            .inodes
            .get(&self.inode)
            .map_or(0, |inode| inode.now.len() as u64))
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut disk = self.disk.lock();
        disk.step(Kind::Read, ffi::SQLITE_IOERR_READ)
            .map_err(fail)?;
        let there = disk.inodes.get(&self.inode).map(|inode| &inode.now[..]);
        let rest = there.and_then(|now| now.get(usize::try_from(at).unwrap()..));
        let rest = rest.unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let change = Change::Truncate(usize::try_from(length).unwrap());
        let mut disk = self.disk.lock();
        done(disk.change(self.inode, change, ffi::SQLITE_IOERR_TRUNCATE))
    }

    fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        self.write(bytes, end)?;
        done(self.disk.lock().sync(self.inode, false))
    }

    fn refresh(&mut self, from: u64) -> io::Result<()> {
        let length = usize::try_from(self.length()?.saturating_sub(from)).unwrap();
        let mut bytes = vec![0; length];
        let count = self.read_at(&mut bytes, from)?;
        if count > 0 {
            self.write(&bytes[..count], from)?;
        }
        done(self.disk.lock().sync(self.inode, false))
    }
}

impl CrashDisk {
    /// Returns what a file holds now, as a process would read it.
    pub fn content(&self, path: &Path) -> Vec<u8> {
        let disk = self.lock();
        let inode = disk.names.get(&name(path));
        let inode = inode.and_then(|inode| disk.inodes.get(inode));
        inode.map_or_else(Vec::new, |inode| inode.now.clone())
    }
}
