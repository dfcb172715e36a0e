//! A disk with a cache, for the installer's steps: slot and kernels, power cuts, and what a start would take.
//!
//! Owns what can be left of writes that were not synced.

use std::collections::BTreeMap;
use std::io;

use super::steps::Machine;
use super::{RUNNING, SLOT, kernel, kernels, slot};

#[derive(Clone, Debug)]
enum Write {
    Slot(usize, Vec<u8>),
    Remove(String),
    Kernel(String, usize, Vec<u8>),
    Rename(String, String),
}

/// How much of one write is on the disk after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Nothing,
    Torn,
    All,
}

/// A disk with a cache: what was not synced may be there after a cut, or half of it, or nothing, in any mixture.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) slot: Vec<u8>,
    pub(super) kernels: BTreeMap<String, Vec<u8>>,
    cache: Vec<Write>,
    pub(super) steps_left: usize,
    pub(super) steps: usize,
    pub(super) ignores_syncs: bool,
    pub(super) gives_back_wrong: bool,
    pub(super) free: u64,
    pub(super) slot_size: usize,
}

impl Model {
    pub(super) fn new(other: u32) -> Self {
        let files = [
            (kernels::proven(RUNNING), kernel(RUNNING)),
            (kernels::proven(other), kernel(other)),
        ];
        Self {
            slot: slot(other),
            kernels: BTreeMap::from(files),
            cache: Vec::new(),
            steps_left: usize::MAX,
            steps: 0,
            ignores_syncs: false,
            gives_back_wrong: false,
            free: 1 << 20,
            slot_size: SLOT,
        }
    }

    fn step(&mut self) -> io::Result<()> {
        if self.steps_left == 0 {
            return Err(io::Error::other("power cut"));
        }
        self.steps_left -= 1;
        self.steps += 1;
        Ok(())
    }

    fn put(&mut self, write: &Write, kept: Kept) {
        let part = |bytes: &[u8]| match kept {
            Kept::Nothing => 0,
            Kept::Torn => bytes.len() / 2,
            Kept::All => bytes.len(),
        };
        match write {
            Write::Slot(at, bytes) => {
                let size = part(bytes);
                self.slot[*at..*at + size].copy_from_slice(&bytes[..size]);
            }
            Write::Kernel(name, at, bytes) => {
                let file = self.kernels.entry(name.clone()).or_default();
                file.truncate(*at);
                file.extend(&bytes[..part(bytes)]);
            }
            Write::Remove(name) if kept != Kept::Nothing => {
                self.kernels.remove(name);
            }
            // Torn, both names are there.
            Write::Rename(from, to) if kept != Kept::Nothing => {
                if let Some(bytes) = self.kernels.get(from).cloned() {
                    self.kernels.insert(to.clone(), bytes);
                }
                if kept == Kept::All {
                    self.kernels.remove(from);
                }
            }
            Write::Remove(_) | Write::Rename(..) => {}
        }
    }

    pub(super) fn seen(&self) -> Self {
        let mut seen = self.clone();
        for write in &self.cache {
            seen.put(write, Kept::All);
        }
        seen.cache.clear();
        seen
    }

    fn sync(&mut self, slot: bool) {
        let is_slot = |write: &Write| matches!(write, Write::Slot(..)) == slot;
        let (now, later) = std::mem::take(&mut self.cache)
            .into_iter()
            .partition(is_slot);
        self.cache = later;
        let now: Vec<Write> = now;
        for write in &now {
            self.put(write, Kept::All);
        }
    }

    /// Every disk that a cut at this moment can leave.
    pub(super) fn after_cut(&self) -> Vec<Self> {
        let kinds = [Kept::Nothing, Kept::Torn, Kept::All];
        let mut disks = vec![self.clone()];
        for write in &self.cache {
            let each = disks.iter().flat_map(|disk| {
                kinds.map(|kept| {
                    let mut disk = disk.clone();
                    disk.put(write, kept);
                    disk
                })
            });
            disks = each.collect();
        }
        for disk in &mut disks {
            disk.cache.clear();
            disk.steps_left = usize::MAX;
        }
        disks
    }

    /// The version that the boot loader takes, and whether all of it is there. The running one's slot is never written.
    pub(super) fn start(&self) -> (u32, bool) {
        let names: Vec<String> = self.kernels.keys().cloned().collect();
        let version = kernels::next(&names).unwrap();
        let mut own = self.kernels.iter().filter(|(name, _)| {
            kernels::Kernel::named(name).is_some_and(|found| found.version == version)
        });
        let whole = own.all(|(_, bytes)| *bytes == kernel(version));
        (
            version,
            whole && (version == RUNNING || self.slot == slot(version)),
        )
    }
}

impl Machine for Model {
    fn slot_size(&mut self) -> io::Result<u64> {
        Ok(self.slot_size as u64)
    }

    fn write_slot(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        self.cache
            .push(Write::Slot(usize::try_from(at).unwrap(), bytes.to_vec()));
        Ok(())
    }

    fn sync_slot(&mut self) -> io::Result<()> {
        self.step()?;
        if !self.ignores_syncs {
            self.sync(true);
        }
        Ok(())
    }

    fn read_slot(&mut self, at: u64, room: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        room.copy_from_slice(&self.seen().slot[at..at + room.len()]);
        room[0] ^= u8::from(self.gives_back_wrong);
        Ok(())
    }

    fn kernels(&mut self) -> io::Result<Vec<String>> {
        Ok(self.seen().kernels.into_keys().collect())
    }

    fn boot_free(&mut self) -> io::Result<u64> {
        Ok(self.free)
    }

    fn remove_kernel(&mut self, name: &str) -> io::Result<()> {
        self.step()?;
        self.cache.push(Write::Remove(name.to_owned()));
        Ok(())
    }

    fn write_kernel(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        let at = usize::try_from(at).unwrap();
        self.cache
            .push(Write::Kernel(name.to_owned(), at, bytes.to_vec()));
        Ok(())
    }

    fn read_kernel(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        room.copy_from_slice(&self.seen().kernels[name][at..at + room.len()]);
        Ok(())
    }

    fn rename_kernel(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step()?;
        self.cache
            .push(Write::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn sync_boot(&mut self) -> io::Result<()> {
        self.step()?;
        if !self.ignores_syncs {
            self.sync(false);
        }
        Ok(())
    }
}
