//! What the simulated disk holds, what of it is durable, and what goes wrong with it.
//!
//! Owns the damage model that heads `crash_vfs.rs`. Knows nothing of SQLite but its error codes.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::path::PathBuf;

use rusqlite::ffi;

use crate::crash_damage::{Rng, tear, write};

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
    /// The process is gone: nothing that its threads still do reaches the disk or its cache.
    Dead,
}

pub(super) enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
pub(super) struct Inode {
    pub now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum NameChange {
    Create(String, u64),
    Delete(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<NameChange>,
    next_inode: u64,
    plan: Plan,
    off: bool,
    changes: u64,
    operations: u64,
    syncs: u64,
    failed_syncs: u64,
    room: Option<Room>,
}

impl Disk {
    pub(super) fn empty() -> Self {
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
            failed_syncs: 0,
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
        (self.changes, self.operations) = (0, 0);
        (self.syncs, self.failed_syncs) = (0, 0);
    }

    pub fn limit(&mut self, room: Room) {
        self.room = Some(room);
    }

    /// Gives the disk so many bytes more.
    pub fn enlarge(&mut self, bytes: usize) {
        if let Some(room) = &mut self.room {
            room.bytes += bytes;
        }
    }

    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        let room = self.room.as_ref();
        room.is_none_or(|room| self.used() + bytes <= room.bytes)
    }

    /// Syncs that failed since the plan was armed.
    pub fn failed_syncs(&self) -> u64 {
        self.failed_syncs
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
    pub(super) fn step(&mut self, kind: Kind, code: c_int) -> Result<bool, c_int> {
        if self.off {
            return Err(code);
        }
        self.operations += 1;
        self.changes += u64::from(kind != Kind::Read);
        self.syncs += u64::from(kind == Kind::Sync);
        let hit = |count, at, forever| count == at || forever && count > at;
        match self.plan {
            Plan::Dead => Err(code),
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

    pub(super) fn change(&mut self, inode: u64, change: Change, code: c_int) -> c_int {
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

    pub(super) fn sync(&mut self, inode: u64, new_log: bool) -> c_int {
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
                    self.failed_syncs += 1;
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

    pub(super) fn open(&mut self, name: &str, create: bool) -> Result<u64, c_int> {
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

    pub(super) fn delete(&mut self, name: &str, sync: bool) -> Result<(), c_int> {
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
