//! The simulated disk as an SQLite file layer (VFS).
//!
//! Owns the C interface and nothing else: every call is passed to `disk`. The only file of the crate with unsafe code.
#![allow(
    unsafe_code,
    reason = "SQLite's file layer is a C interface; nothing but a simulation uses this one"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard};

use rusqlite::ffi;

use super::disk::{Change, Disk, Refused};
use super::rng::Rng;

/// A disk that SQLite knows by its name.
pub struct SimDisk {
    disk: Mutex<Disk>,
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimDisk")
    }
}

impl SimDisk {
    /// Registers a disk under `name` for the rest of the process.
    ///
    /// # Panics
    /// SQLite does not take it, or the name holds a NUL.
    pub fn install(name: &str) -> &'static Self {
        let disk: &'static Self = Box::leak(Box::new(Self {
            disk: Mutex::new(Disk::empty()),
        }));
        let name = CString::new(name).expect("invariant: the name holds no NUL");
        let vfs = ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: c_int::try_from(size_of::<Handle>()).expect("invariant: a handle is small"),
            mxPathname: 1_024,
            pNext: std::ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: std::ptr::from_ref(disk).cast_mut().cast(),
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
        // SAFETY: the structure and all that it points to are leaked, so they live for ever.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "registering a simulated disk");
        disk
    }

    /// Returns the disk itself.
    pub fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What SQLite keeps for an open file; its first field is what SQLite knows of it.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    disk: &'static SimDisk,
    inode: u64,
    number: u64,
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
    xLock: Some(lock),
    xUnlock: Some(unlock),
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

fn code(result: Result<(), Refused>, failed: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Refused::Full) => ffi::SQLITE_FULL,
        Err(Refused::Failed | Refused::Absent) => failed,
    }
}

fn usize_of(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(0)
}

/// Returns the disk of a file layer.
///
/// # Safety
/// `vfs` is the structure that [`SimDisk::install`] registered.
unsafe fn disk_of(vfs: *mut ffi::sqlite3_vfs) -> &'static SimDisk {
    // SAFETY: by the above, `pAppData` is the leaked disk.
    unsafe { &*(*vfs).pAppData.cast::<SimDisk>() }
}

/// Returns the handle of an open file.
///
/// # Safety
/// `file` was filled in by [`open`], and SQLite does not use it from two threads at once.
unsafe fn handle<'a>(file: File) -> &'a mut Handle {
    // SAFETY: by the above, a whole `Handle` lies there and nobody else looks at it.
    unsafe { &mut *file.cast::<Handle>() }
}

/// Returns a name.
///
/// # Safety
/// `name` ends in NUL.
unsafe fn text(name: *const c_char) -> String {
    // SAFETY: by the above.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_string_lossy().into_owned()
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: File,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes room for `szOsFile` bytes, that is, for a `Handle`.
    unsafe { (*file).pMethods = std::ptr::null() };
    if name.is_null() {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite passes our own file layer and a name that ends in NUL.
    let (disk, name) = unsafe { (disk_of(vfs), text(name)) };
    let create = flags & ffi::SQLITE_OPEN_CREATE != 0;
    let Ok((inode, number)) = disk.lock().open(&name, create) else {
        return ffi::SQLITE_CANTOPEN;
    };
    let log = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
    let base = ffi::sqlite3_file {
        pMethods: &raw const METHODS,
    };
    let handle = Handle {
        base,
        disk,
        inode,
        number,
        // SQLite's Unix layer goes by the flag, too, not by whether the file was there.
        new_log: log && create,
    };
    // SAFETY: as above, there is room for a `Handle`; `out_flags` is null or can be written.
    unsafe {
        file.cast::<Handle>().write(handle);
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite passes our own file layer and a name that ends in NUL.
    let (disk, name) = unsafe { (disk_of(vfs), text(name)) };
    match disk.lock().delete(&name, sync != 0) {
        Ok(()) => ffi::SQLITE_OK,
        Err(Refused::Absent) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(Refused::Failed | Refused::Full) => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes our own file layer, a name that ends in NUL and a number that can be written.
    unsafe { *out = c_int::from(disk_of(vfs).lock().has(&text(name))) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a name that ends in NUL.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if bytes.len() > usize_of(size) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has room for `size` bytes and does not overlap the name.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len()) };
    ffi::SQLITE_OK
}

/// Always the same bytes: they salt the write-ahead log, and a run must repeat.
unsafe extern "C" fn randomness(
    _vfs: *mut ffi::sqlite3_vfs,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    let mut rng = Rng(7);
    for at in 0..usize_of(size) {
        let byte = rng.next().to_le_bytes()[0];
        // SAFETY: `out` has room for `size` bytes.
        unsafe { out.cast::<u8>().add(at).write(byte) };
    }
    size
}

unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    micros
}

unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: `out` can be written.
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

unsafe extern "C" fn close(file: File) -> c_int {
    // SAFETY: `file` was opened by `open`; nothing in a `Handle` needs dropping.
    let handle = unsafe { handle(file) };
    handle.disk.lock().close(handle.inode, handle.number);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: File, out: *mut c_void, size: c_int, at: i64) -> c_int {
    // SAFETY: `file` was opened by `open`; `out` has room for `size` bytes.
    let (handle, out) = unsafe {
        let out = std::slice::from_raw_parts_mut(out.cast::<u8>(), usize_of(size));
        (handle(file), out)
    };
    match handle.disk.lock().read(handle.inode, usize_of(at), out) {
        Ok(count) if count == out.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write_at(file: File, from: *const c_void, size: c_int, at: i64) -> c_int {
    // SAFETY: `file` was opened by `open`; `from` holds `size` bytes.
    let (handle, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), usize_of(size));
        (handle(file), bytes.to_vec())
    };
    let change = Change::Write(usize_of(at), bytes);
    let written = handle.disk.lock().change(handle.inode, change);
    code(written, ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: File, length: i64) -> c_int {
    // SAFETY: `file` was opened by `open`.
    let handle = unsafe { handle(file) };
    let change = Change::Truncate(usize_of(length));
    let cut = handle.disk.lock().change(handle.inode, change);
    code(cut, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: File, _flags: c_int) -> c_int {
    // SAFETY: `file` was opened by `open`.
    let handle = unsafe { handle(file) };
    let synced = handle.disk.lock().sync(handle.inode, handle.new_log);
    if synced.is_ok() {
        handle.new_log = false;
    }
    code(synced, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: File, out: *mut i64) -> c_int {
    // SAFETY: `file` was opened by `open`; `out` can be written.
    unsafe {
        let handle = handle(file);
        let length = handle.disk.lock().size(handle.inode);
        *out = i64::try_from(length).unwrap_or(i64::MAX);
    }
    ffi::SQLITE_OK
}

fn level_of(level: c_int) -> u8 {
    u8::try_from(level).unwrap_or(4)
}

unsafe extern "C" fn lock(file: File, level: c_int) -> c_int {
    // SAFETY: `file` was opened by `open`.
    let handle = unsafe { handle(file) };
    let mut disk = handle.disk.lock();
    if disk.lock(handle.inode, handle.number, level_of(level)) {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_BUSY
    }
}

unsafe extern "C" fn unlock(file: File, level: c_int) -> c_int {
    // SAFETY: `file` was opened by `open`.
    let handle = unsafe { handle(file) };
    let mut disk = handle.disk.lock();
    disk.unlock(handle.inode, handle.number, level_of(level));
    ffi::SQLITE_OK
}

unsafe extern "C" fn nobody_else(_file: File, out: *mut c_int) -> c_int {
    // SAFETY: `out` can be written.
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
