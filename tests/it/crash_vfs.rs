//! A disk in memory, as an SQLite file layer, that loses power and fails on demand.
//!
//! Owns the damage model. At a power cut every write that was not synced is kept, dropped or torn at 512 bytes, every
//! truncation is kept or undone, and so is every creation and deletion in the directory. A failed sync loses the
//! writes it was for while they stay readable, as page caches do. The first sync of a new write-ahead log or rollback
//! journal also syncs the directory, as SQLite's own Unix layer does; nothing else does, except a synced deletion.
//! Never used by the program. Tested by `crash.rs`, whose planted bug it must catch.
#![allow(unsafe_code, reason = "SQLite's file layer is a C interface")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard};

use rusqlite::ffi;

pub use crate::crash_damage::Rng;
use disk::{Change, Kind};
pub use disk::{Disk, Plan, Room};
pub use files::DiskFiles;

mod disk;
mod files;

/// A disk that SQLite knows by its name.
pub struct CrashDisk {
    disk: Mutex<Disk>,
}

impl CrashDisk {
    /// Registers a disk under `name` for the rest of the process.
    pub fn install(name: &str) -> &'static Self {
        let crash: &'static Self = Box::leak(Box::new(Self {
            disk: Mutex::new(Disk::empty()),
        }));
        let vfs = ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: c_int::try_from(size_of::<Handle>()).unwrap(),
            mxPathname: 1_024,
            pNext: std::ptr::null_mut(),
            zName: CString::new(name).unwrap().into_raw(),
            pAppData: std::ptr::from_ref(crash).cast_mut().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        // SAFETY: the structure and all it points to live for ever.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "registering the disk {name}");
        crash
    }

    pub fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    crash: *const CrashDisk,
    inode: u64,
    new_log: bool,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write_at),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock_nothing),
    xUnlock: Some(lock_nothing),
    xCheckReservedLock: Some(nobody_else),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

type File = *mut ffi::sqlite3_file;

// SAFETY of every function below: SQLite passes a handle that `open` filled in, buffers of the length that it names,
// and strings that end in NUL; `pAppData` is the leaked disk.

unsafe fn disk_of<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a CrashDisk {
    unsafe { &*(*vfs).pAppData.cast::<CrashDisk>() }
}

unsafe fn handle<'a>(file: File) -> (&'a CrashDisk, &'a mut Handle) {
    let handle = unsafe { &mut *file.cast::<Handle>() };
    (unsafe { &*handle.crash }, handle)
}

unsafe fn text(name: *const c_char) -> String {
    unsafe { CStr::from_ptr(name) }
        .to_string_lossy()
        .into_owned()
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: File,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    unsafe {
        (*file).pMethods = std::ptr::null();
        if name.is_null() {
            return ffi::SQLITE_CANTOPEN;
        }
        let crash = disk_of(vfs);
        match crash
            .lock()
            .open(&text(name), flags & ffi::SQLITE_OPEN_CREATE != 0)
        {
            Err(code) => code,
            Ok(inode) => {
                let log = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
                let base = ffi::sqlite3_file {
                    pMethods: &raw const METHODS,
                };
                // SQLite's Unix layer goes by the flag, too, not by whether the file was there.
                let new_log = log && flags & ffi::SQLITE_OPEN_CREATE != 0;
                file.cast::<Handle>().write(Handle {
                    base,
                    crash,
                    inode,
                    new_log,
                });
                if !out_flags.is_null() {
                    *out_flags = flags;
                }
                ffi::SQLITE_OK
            }
        }
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let (crash, name) = unsafe { (disk_of(vfs), text(name)) };
    crash
        .lock()
        .delete(&name, sync != 0)
        .err()
        .unwrap_or(ffi::SQLITE_OK)
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    out: *mut c_int,
) -> c_int {
    let (crash, name) = unsafe { (disk_of(vfs), text(name)) };
    let disk = crash.lock();
    let inode = disk
        .names
        .get(&name)
        .and_then(|inode| disk.inodes.get(inode));
    let there = inode.is_some_and(|inode| !inode.now.is_empty());
    unsafe { *out = c_int::from(there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if usize::try_from(size).is_ok_and(|size| bytes.len() <= size) {
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len()) };
        return ffi::SQLITE_OK;
    }
    ffi::SQLITE_CANTOPEN
}

unsafe extern "C" fn randomness(
    _vfs: *mut ffi::sqlite3_vfs,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    let mut rng = Rng(7);
    for at in 0..usize::try_from(size).unwrap_or(0) {
        let byte = rng.next().to_le_bytes()[0];
        unsafe { out.cast::<u8>().add(at).write(byte) };
    }
    size
}

unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    micros
}

unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    unsafe { *out = 2_461_000.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(
    _vfs: *mut ffi::sqlite3_vfs,
    _size: c_int,
    _out: *mut c_char,
) -> c_int {
    0
}

unsafe extern "C" fn close(_file: File) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: File, out: *mut c_void, size: c_int, at: i64) -> c_int {
    let (crash, handle) = unsafe { handle(file) };
    let mut disk = crash.lock();
    if let Err(code) = disk.step(Kind::Read, ffi::SQLITE_IOERR_READ) {
        return code;
    }
    let (size, at) = (
        usize::try_from(size).unwrap_or(0),
        usize::try_from(at).unwrap_or(0),
    );
    let Some(inode) = disk.inodes.get(&handle.inode) else {
        return ffi::SQLITE_IOERR_READ;
    };
    let out = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), size) };
    let there = inode.now.get(at..).unwrap_or(&[]);
    let count = there.len().min(size);
    out[..count].copy_from_slice(&there[..count]);
    out[count..].fill(0);
    if count == size {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_IOERR_SHORT_READ
    }
}

unsafe extern "C" fn write_at(file: File, from: *const c_void, size: c_int, at: i64) -> c_int {
    let (crash, handle) = unsafe { handle(file) };
    let (size, at) = (
        usize::try_from(size).unwrap_or(0),
        usize::try_from(at).unwrap_or(0),
    );
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) }.to_vec();
    let change = Change::Write(at, bytes);
    crash
        .lock()
        .change(handle.inode, change, ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: File, length: i64) -> c_int {
    let (crash, handle) = unsafe { handle(file) };
    let change = Change::Truncate(usize::try_from(length).unwrap_or(0));
    crash
        .lock()
        .change(handle.inode, change, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: File, _flags: c_int) -> c_int {
    let (crash, handle) = unsafe { handle(file) };
    let code = crash.lock().sync(handle.inode, handle.new_log);
    if code == ffi::SQLITE_OK {
        handle.new_log = false;
    }
    code
}

unsafe extern "C" fn file_size(file: File, out: *mut i64) -> c_int {
    let (crash, handle) = unsafe { handle(file) };
    let disk = crash.lock();
    let length = disk
        .inodes
        .get(&handle.inode)
        .map_or(0, |inode| inode.now.len());
    unsafe { *out = i64::try_from(length).unwrap_or(i64::MAX) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock_nothing(_file: File, _level: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn nobody_else(_file: File, out: *mut c_int) -> c_int {
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_file: File, _op: c_int, _arg: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: File) -> c_int {
    4_096
}

unsafe extern "C" fn characteristics(_file: File) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}
