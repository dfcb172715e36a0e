//! A disk in memory that loses power and fails on demand.
//!
//! Owns the damage model. At a power cut every write that was not synced is kept, dropped or torn at 512 bytes, every
//! truncation is kept or undone, and so is every creation and deletion in the directory. A failed sync loses the
//! writes it was for while they stay readable, as page caches do. The first sync of a new write-ahead log or rollback
//! journal also syncs the directory, as SQLite's own Unix layer does; nothing else does, except a synced deletion.
//! Knows neither SQLite (`vfs`) nor payments.

use std::collections::BTreeMap;

pub use super::damage::{Plan, Refused};
use super::damage::{tear, write};
use super::find::Needle;
use super::rng::Rng;

/// The end of a file that is searched first.
const RECENT: usize = 48 * 1024;

pub(super) enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    locks: Vec<(u64, u8)>,
}

#[derive(Clone)]
enum NameChange {
    Create(String, u64),
    Delete(String),
    /// From one name to another; a file of the second name is gone.
    Rename(String, String, u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Change,
    Sync,
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
    failed_syncs: u64,
    /// How many bytes fit.
    room: Option<usize>,
    handles: u64,
    next_handle: u64,
    /// A planted bug: nobody's lock is respected.
    pub locks_ignored: bool,
}

/// What is on a disk, for the next run to begin with.
#[derive(Clone, Debug, Default)]
pub struct Image(Vec<(String, Vec<u8>)>);

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
            handles: 0,
            next_handle: 1,
            locks_ignored: false,
        }
    }

    /// Forgets everything and starts counting for `plan`.
    pub fn format(&mut self, plan: Plan) {
        *self = Self::empty();
        self.arm(plan);
    }

    /// Forgets everything and begins with an image, all of it durable.
    pub fn restore(&mut self, image: &Image) {
        self.format(Plan::Sound);
        for (name, bytes) in &image.0 {
            let inode = Inode {
                now: bytes.clone(),
                durable: bytes.clone(),
                ..Inode::default()
            };
            self.inodes.insert(self.next_inode, inode);
            self.names.insert(name.clone(), self.next_inode);
            self.next_inode += 1;
        }
        self.durable_names.clone_from(&self.names);
    }

    /// Returns what would be left if the power went now and nothing under way arrived.
    pub fn durable_image(&self) -> Image {
        let files = self.durable_names.iter().filter_map(|(name, inode)| {
            let bytes = self.inodes.get(inode)?.durable.clone();
            Some((name.clone(), bytes))
        });
        Image(files.collect())
    }

    /// Starts counting operations for another plan.
    pub fn arm(&mut self, plan: Plan) {
        self.plan = plan;
        self.off = false;
        (self.changes, self.operations) = (0, 0);
        (self.syncs, self.failed_syncs) = (0, 0);
    }

    /// Tells whether the power is gone, or the process.
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Nothing works any more, from now on.
    pub fn switch_off(&mut self) {
        self.off = true;
    }

    /// Leaves only so much more space; `None` takes the limit away.
    pub fn limit_to(&mut self, more: Option<usize>) {
        self.room = more.map(|more| self.used() + more);
    }

    /// Tells whether the space is limited.
    pub const fn is_limited(&self) -> bool {
        self.room.is_some()
    }

    /// Changes, operations and syncs since the plan was armed.
    pub const fn counts(&self) -> (u64, u64, u64) {
        (self.changes, self.operations, self.syncs)
    }

    /// Syncs that failed since the plan was armed.
    pub const fn failed_syncs(&self) -> u64 {
        self.failed_syncs
    }

    /// Returns the bytes in use.
    pub fn used(&self) -> usize {
        let live = self.names.values().filter_map(|n| self.inodes.get(n));
        live.map(|inode| inode.now.len()).sum()
    }

    /// Returns how many files are open.
    pub const fn open_handles(&self) -> u64 {
        self.handles
    }

    /// Returns every file as it reads now.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.names.iter().filter_map(|(name, inode)| {
            let file = self.inodes.get(inode)?;
            Some((name.as_str(), file.now.as_slice()))
        })
    }

    /// Returns the files as a program reads them.
    pub(super) fn image(&self) -> Image {
        let files = self.contents();
        Image(
            files
                .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
                .collect(),
        )
    }

    /// Changes what a file holds for good, behind everybody's back. Returns whether it is there.
    pub fn spoil(&mut self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let inode = self.names.get(name).and_then(|n| self.inodes.get_mut(n));
        let Some(file) = inode else {
            return false;
        };
        change(&mut file.now);
        file.durable.clone_from(&file.now);
        file.pending.clear();
        true
    }

    /// Puts another file in the place of one for good, or none.
    pub(super) fn put(&mut self, name: &str, bytes: Option<Vec<u8>>) {
        self.sync_names();
        self.names.remove(name);
        if let Some(bytes) = bytes {
            let inode = Inode {
                durable: bytes.clone(),
                now: bytes,
                ..Inode::default()
            };
            self.inodes.insert(self.next_inode, inode);
            self.names.insert(name.to_owned(), self.next_inode);
            self.next_inode += 1;
        }
        self.durable_names.clone_from(&self.names);
    }

    /// Returns what a file holds as it reads now.
    pub(super) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let inode = self.names.get(name).and_then(|n| self.inodes.get(n))?;
        Some(inode.now.clone())
    }

    /// Returns what would be left of a file if the power went now, and nothing of what is not synced arrived.
    pub(super) fn durable(&self, name: &str) -> Option<Vec<u8>> {
        let inode = self.durable_names.get(name)?;
        Some(self.inodes.get(inode)?.durable.clone())
    }

    /// Tells whether `needle` is durable in a file whose name ends so: it would be there if the power went now.
    pub fn holds_durably(&self, ending: &str, needle: &Needle) -> bool {
        let named = self
            .durable_names
            .iter()
            .filter(|(name, _)| name.ends_with(ending));
        let mut files = named.filter_map(|(_, inode)| self.inodes.get(inode));
        files.any(|file| {
            // What was stored last is wanted most often.
            let recent = file.durable.len().saturating_sub(RECENT);
            needle.is_in(&file.durable[recent..]) || needle.is_in(&file.durable)
        })
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
        self.revive();
    }

    /// The process is gone and the next one may begin: no locks, no open files, and the plan is over.
    pub fn revive(&mut self) {
        for inode in self.inodes.values_mut() {
            inode.locks.clear();
        }
        self.handles = 0;
        self.arm(Plan::Sound);
    }

    /// Counts an operation. `Ok(false)` means that it is the last one and may still arrive in part.
    fn step(&mut self, kind: Kind) -> Result<bool, Refused> {
        if self.off {
            return Err(Refused::Failed);
        }
        self.operations += 1;
        self.changes += u64::from(kind != Kind::Read);
        self.syncs += u64::from(kind == Kind::Sync);
        let hit = |count, at, forever| count == at || forever && count > at;
        match self.plan {
            Plan::PowerCut(at) | Plan::Kill(at) if kind != Kind::Read && self.changes == at => {
                self.off = true;
                Ok(false)
            }
            Plan::Error { at, forever } if hit(self.operations, at, forever) => {
                Err(Refused::Failed)
            }
            Plan::SyncError { at, forever }
                if kind == Kind::Sync && hit(self.syncs, at, forever) =>
            {
                Err(Refused::Failed)
            }
            Plan::Sound
            | Plan::PowerCut(_)
            | Plan::Kill(_)
            | Plan::Error { .. }
            | Plan::SyncError { .. } => Ok(true),
        }
    }

    pub(super) fn change(&mut self, inode: u64, change: Change) -> Result<(), Refused> {
        let alive = self.step(Kind::Change)?;
        if let (Change::Write(at, bytes), Some(room)) = (&change, self.room) {
            let length = self.inodes.get(&inode).map_or(0, |i| i.now.len());
            let growth = (at + bytes.len()).saturating_sub(length);
            if growth > 0 && self.used() + growth > room {
                return Err(Refused::Full);
            }
        }
        let file = self.inodes.get_mut(&inode).ok_or(Refused::Absent)?;
        match &change {
            Change::Write(at, bytes) => write(&mut file.now, *at, bytes),
            Change::Truncate(length) => file.now.truncate(*length),
        }
        file.pending.push(change);
        if alive { Ok(()) } else { Err(Refused::Failed) }
    }

    pub(super) fn sync(&mut self, inode: u64, new_log: bool) -> Result<(), Refused> {
        let step = self.step(Kind::Sync);
        let file = self.inodes.get_mut(&inode).ok_or(Refused::Absent)?;
        match step {
            // In flight when the power went: any part of it may have arrived.
            Ok(false) => Err(Refused::Failed),
            Err(refused) => {
                if !self.off {
                    file.pending.clear();
                    self.failed_syncs += 1;
                }
                Err(refused)
            }
            Ok(true) => {
                for change in file.pending.drain(..) {
                    match change {
                        Change::Write(at, bytes) => write(&mut file.durable, at, &bytes),
                        Change::Truncate(length) => file.durable.truncate(length),
                    }
                }
                if new_log {
                    self.sync_names();
                }
                Ok(())
            }
        }
    }

    fn sync_names(&mut self) {
        for change in std::mem::take(&mut self.pending_names) {
            rename(&mut self.durable_names, &change);
        }
    }

    /// Opens a file; returns its inode and a number for the handle.
    pub(super) fn open(&mut self, name: &str, create: bool) -> Result<(u64, u64), Refused> {
        let inode = match self.names.get(name) {
            Some(inode) => *inode,
            None if create => self.create(name)?,
            None => return Err(Refused::Absent),
        };
        self.handles += 1;
        self.next_handle += 1;
        Ok((inode, self.next_handle))
    }

    fn create(&mut self, name: &str) -> Result<u64, Refused> {
        let alive = self.step(Kind::Change)?;
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, Inode::default());
        let change = NameChange::Create(name.to_owned(), inode);
        rename(&mut self.names, &change);
        self.pending_names.push(change);
        if alive {
            Ok(inode)
        } else {
            Err(Refused::Failed)
        }
    }

    pub(super) fn close(&mut self, inode: u64, handle: u64) {
        self.handles = self.handles.saturating_sub(1);
        self.unlock(inode, handle, 0);
    }

    pub(super) fn delete(&mut self, name: &str, sync: bool) -> Result<(), Refused> {
        let alive = self.step(Kind::Change)?;
        let change = NameChange::Delete(name.to_owned());
        if self.names.remove(name).is_none() {
            return Err(Refused::Absent);
        }
        self.pending_names.push(change);
        if !alive {
            return Err(Refused::Failed);
        }
        if sync {
            self.sync_names();
        }
        Ok(())
    }

    /// Gives a file another name, in one step.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), Refused> {
        let alive = self.step(Kind::Change)?;
        let inode = *self.names.get(from).ok_or(Refused::Absent)?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned(), inode);
        rename(&mut self.names, &change);
        self.pending_names.push(change);
        if alive { Ok(()) } else { Err(Refused::Failed) }
    }

    /// Makes every change of names durable, as a sync of the folder does.
    pub(super) fn sync_folder(&mut self) -> Result<(), Refused> {
        if !self.step(Kind::Sync)? {
            return Err(Refused::Failed);
        }
        self.sync_names();
        Ok(())
    }

    /// Reads into a buffer, the rest of which is zeroed. Returns how many bytes were there.
    pub(super) fn read(&mut self, inode: u64, at: usize, out: &mut [u8]) -> Result<usize, Refused> {
        self.step(Kind::Read)?;
        let file = self.inodes.get(&inode).ok_or(Refused::Absent)?;
        let there = file.now.get(at..).unwrap_or(&[]);
        let count = there.len().min(out.len());
        out[..count].copy_from_slice(&there[..count]);
        out[count..].fill(0);
        Ok(count)
    }

    pub(super) fn size(&self, inode: u64) -> usize {
        self.inodes.get(&inode).map_or(0, |inode| inode.now.len())
    }

    /// Tells whether a file of that name is there.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Tells whether a file of that name is there and holds anything.
    pub fn has(&self, name: &str) -> bool {
        let inode = self.names.get(name).and_then(|n| self.inodes.get(n));
        inode.is_some_and(|inode| !inode.now.is_empty())
    }

    /// Returns how long the file of that name is, 0 when there is none.
    pub(super) fn length_of(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, |inode| self.size(*inode))
    }

    /// Takes a lock of SQLite's levels: 1 shared, 2 reserved, 3 pending, 4 exclusive.
    pub(super) fn lock(&mut self, inode: u64, handle: u64, level: u8) -> bool {
        let ignored = self.locks_ignored;
        let Some(file) = self.inodes.get_mut(&inode) else {
            return true;
        };
        let others = file.locks.iter().filter(|(other, _)| *other != handle);
        let highest = others.map(|(_, held)| *held).max().unwrap_or(0);
        let free = match level {
            0 | 1 => highest < 3,
            2 | 3 => highest < 2,
            _ => highest == 0,
        };
        if free || ignored {
            file.locks.retain(|(other, _)| *other != handle);
            file.locks.push((handle, level));
        }
        free || ignored
    }

    pub(super) fn unlock(&mut self, inode: u64, handle: u64, level: u8) {
        if let Some(file) = self.inodes.get_mut(&inode) {
            file.locks.retain(|(other, _)| *other != handle);
            if level > 0 {
                file.locks.push((handle, level));
            }
        }
    }
}

fn rename(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Create(name, inode) => drop(names.insert(name.clone(), *inode)),
        NameChange::Delete(name) => drop(names.remove(name)),
        NameChange::Rename(from, to, inode) => {
            // The older name may be another file's by now, or never have reached the disk.
            if names.get(from) == Some(inode) {
                names.remove(from);
            }
            names.insert(to.clone(), *inode);
        }
    }
}
