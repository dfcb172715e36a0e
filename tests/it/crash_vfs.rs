//! A disk in memory, as an SQLite file layer, that loses power and fails on demand.
//!
//! Owns the damage model. At a power cut every write that was not synced is kept, dropped or torn at 512 bytes, every
//! truncation is kept or undone, and so is every creation and deletion in the directory. A failed sync loses the
//! writes it was for while they stay readable, as page caches do. The first sync of a new write-ahead log or rollback
//! journal also syncs the directory, as SQLite's own Unix layer does; nothing else does, except a synced deletion.
//! Never used by the program. Tested by `crash.rs`, whose planted bug it must catch.
#![allow(unsafe_code, reason = "SQLite's file layer is a C interface")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use rusqlite::ffi;

pub use crate::crash_damage::Rng;
use crate::crash_damage::{tear, write};

/// What goes wrong, and at which operation (counted from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Sound,
    /// The power goes at this change of the disk; it may still arrive in part.
    PowerCut(u64),
    /// This operation of any kind fails, and with `forever` every later one.
    Error { at: u64, forever: bool },
    /// This sync fails and loses its writes, and with `forever` every later one does.
    SyncError { at: u64, forever: bool },
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum NameChange {
    Create(String, u64),
    Delete(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Change,
    Sync,
}

/// Space on the disk, part of it taken by a reserve file while that exists.
pub struct Room {
    pub bytes: usize,
    pub reserve: PathBuf,
    pub reserve_bytes: usize,
}

/// The state of the disk.
pub struct Disk {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<NameChange>,
    next_inode: u64,
    plan: Plan,
    off: bool,
    changes: u64,
    operations: u64,
    syncs: u64,
    room: Option<Room>,
}

impl Disk {
    fn empty() -> Self {
        Self {
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            next_inode: 1,
            plan: Plan::Sound,
            off: false,
            changes: 0,
            operations: 0,
            syncs: 0,
            room: None,
        }
    }

    /// Forgets everything and starts counting for `plan`.
    pub fn format(&mut self, plan: Plan) {
        *self = Self::empty();
        self.arm(plan);
    }

    /// Starts counting operations for another plan.
    pub fn arm(&mut self, plan: Plan) {
        self.plan = plan;
        self.off = false;
        (self.changes, self.operations, self.syncs) = (0, 0, 0);
    }

    pub fn limit(&mut self, room: Room) {
        self.room = Some(room);
    }

    /// Changes, operations and syncs since the plan was armed.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.changes, self.operations, self.syncs)
    }

    pub fn used(&self) -> usize {
        let live = self.names.values().filter_map(|n| self.inodes.get(n));
        live.map(|inode| inode.now.len()).sum()
    }

    /// Cuts the power: what was not synced is damaged at random, and the plan is over.
    pub fn lose_power(&mut self, rng: &mut Rng) {
        let mode = rng.below(4);
        let keep = |rng: &mut Rng| match mode {
            0 => false,
            1 => true,
            _ => rng.below(2) == 0,
        };
        let mut names = self.durable_names.clone();
        for change in std::mem::take(&mut self.pending_names) {
            if keep(rng) {
                rename(&mut names, &change);
            }
        }
        for inode in self.inodes.values_mut() {
            for change in std::mem::take(&mut inode.pending) {
                match change {
                    Change::Write(at, bytes) if mode < 2 || rng.below(3) > 0 => {
                        if keep(rng) {
                            write(&mut inode.durable, at, &bytes);
                        }
                    }
                    Change::Write(at, bytes) => tear(&mut inode.durable, at, &bytes, rng),
                    Change::Truncate(length) => {
                        if keep(rng) {
                            inode.durable.truncate(length);
                        }
                    }
                }
            }
            inode.now.clone_from(&inode.durable);
        }
        self.inodes
            .retain(|inode, _| names.values().any(|n| n == inode));
        self.names.clone_from(&names);
        self.durable_names = names;
        self.arm(Plan::Sound);
    }

    /// Counts an operation. `Err` is the code to fail with; a power cut still lets a change arrive in part.
    fn step(&mut self, kind: Kind, code: c_int) -> Result<bool, c_int> {
        if self.off {
            return Err(code);
        }
        self.operations += 1;
        self.changes += u64::from(kind != Kind::Read);
        self.syncs += u64::from(kind == Kind::Sync);
        let hit = |count, at, forever| count == at || forever && count > at;
        match self.plan {
            Plan::PowerCut(at) if kind != Kind::Read && self.changes == at => {
                self.off = true;
                Ok(false)
            }
            Plan::Error { at, forever } if hit(self.operations, at, forever) => Err(code),
            Plan::SyncError { at, forever }
                if kind == Kind::Sync && hit(self.syncs, at, forever) =>
            {
                Err(code)
            }
            Plan::Sound | Plan::PowerCut(_) | Plan::Error { .. } | Plan::SyncError { .. } => {
                Ok(true)
            }
        }
    }

    fn change(&mut self, inode: u64, change: Change, code: c_int) -> c_int {
        let alive = match self.step(Kind::Change, code) {
            Ok(alive) => alive,
            Err(code) => return code,
        };
        if let (Change::Write(at, bytes), Some(room)) = (&change, &self.room) {
            let held = if room.reserve.exists() {
                room.reserve_bytes
            } else {
                0
            };
            let length = self.inodes.get(&inode).map_or(0, |i| i.now.len());
            let growth = (at + bytes.len()).saturating_sub(length);
            if growth > 0 && self.used() + growth + held > room.bytes {
                return ffi::SQLITE_FULL;
            }
        }
        let Some(file) = self.inodes.get_mut(&inode) else {
            return code;
        };
        match &change {
            Change::Write(at, bytes) => write(&mut file.now, *at, bytes),
            Change::Truncate(length) => file.now.truncate(*length),
        }
        file.pending.push(change);
        if alive { ffi::SQLITE_OK } else { code }
    }

    fn sync(&mut self, inode: u64, new_log: bool) -> c_int {
        let step = self.step(Kind::Sync, ffi::SQLITE_IOERR_FSYNC);
        let Some(file) = self.inodes.get_mut(&inode) else {
            return ffi::SQLITE_IOERR_FSYNC;
        };
        match step {
            // In flight when the power went: any part of it may have arrived.
            Ok(false) => ffi::SQLITE_IOERR_FSYNC,
            Err(code) => {
                if !self.off {
                    file.pending.clear();
                }
                code
            }
            Ok(true) => {
                for change in std::mem::take(&mut file.pending) {
                    match change {
                        Change::Write(at, bytes) => write(&mut file.durable, at, &bytes),
                        Change::Truncate(length) => file.durable.truncate(length),
                    }
                }
                if new_log {
                    self.sync_names();
                }
                ffi::SQLITE_OK
            }
        }
    }

    fn sync_names(&mut self) {
        for change in std::mem::take(&mut self.pending_names) {
            rename(&mut self.durable_names, &change);
        }
    }

    fn open(&mut self, name: &str, create: bool) -> Result<u64, c_int> {
        if let Some(inode) = self.names.get(name) {
            return Ok(*inode);
        }
        if !create {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let alive = self.step(Kind::Change, ffi::SQLITE_CANTOPEN)?;
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, Inode::default());
        let change = NameChange::Create(name.to_owned(), inode);
        rename(&mut self.names, &change);
        self.pending_names.push(change);
        if alive {
            Ok(inode)
        } else {
            Err(ffi::SQLITE_CANTOPEN)
        }
    }

    fn delete(&mut self, name: &str, sync: bool) -> Result<(), c_int> {
        let alive = self.step(Kind::Change, ffi::SQLITE_IOERR_DELETE)?;
        let change = NameChange::Delete(name.to_owned());
        if self.names.remove(name).is_none() {
            return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
        }
        self.pending_names.push(change);
        if !alive {
            return Err(ffi::SQLITE_IOERR_DELETE);
        }
        if sync {
            self.sync_names();
        }
        Ok(())
    }
}

fn rename(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Create(name, inode) => drop(names.insert(name.clone(), *inode)),
        NameChange::Delete(name) => drop(names.remove(name)),
    }
}

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
