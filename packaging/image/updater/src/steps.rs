//! What is done to slot and boot partition, step by step, so that a power cut after any of them leaves a version that
//! starts.
//!
//! Owns the order, and every check that stands before a step. The order is: look at everything first; take the kernel
//! away that belongs to the slot; write the slot and read it back; write the kernel under a name that the boot loader
//! does not know, and read it back; give it its name. The running version's kernel and slot are never touched. Knows
//! no paths: the disk is a trait, which `tests/it/update/installer.rs` cuts after each step.

use std::io;

use ring::digest::{Context, SHA256};

use super::kernels::{self, Kernel};
use super::shared::{Failure, Manifest, Part};

/// Bytes that are written at once.
pub const CHUNK: usize = 1 << 18;

/// The slot that does not run, and the kernels of the boot partition.
pub trait Machine {
    /// Bytes of the slot.
    ///
    /// # Errors
    /// The disk's.
    fn slot_size(&mut self) -> io::Result<u64>;
    /// Writes into the slot.
    ///
    /// # Errors
    /// The disk's.
    fn write_slot(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Waits until the slot is on the disk.
    ///
    /// # Errors
    /// The disk's.
    fn sync_slot(&mut self) -> io::Result<()>;
    /// Reads from the slot as it is on the disk.
    ///
    /// # Errors
    /// The disk's.
    fn read_slot(&mut self, at: u64, room: &mut [u8]) -> io::Result<()>;
    /// Names of the kernels.
    ///
    /// # Errors
    /// The disk's.
    fn kernels(&mut self) -> io::Result<Vec<String>>;
    /// Bytes that are free beside the kernels.
    ///
    /// # Errors
    /// The disk's.
    fn boot_free(&mut self) -> io::Result<u64>;
    /// Takes a kernel away.
    ///
    /// # Errors
    /// The disk's.
    fn remove_kernel(&mut self, name: &str) -> io::Result<()>;
    /// Writes a part of a kernel; at 0 the file is made.
    ///
    /// # Errors
    /// The disk's.
    fn write_kernel(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Reads a part of a kernel as it is on the disk.
    ///
    /// # Errors
    /// The disk's.
    fn read_kernel(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()>;
    /// Gives a kernel another name.
    ///
    /// # Errors
    /// The disk's.
    fn rename_kernel(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Waits until names and contents of the boot partition are on the disk.
    ///
    /// # Errors
    /// The disk's.
    fn sync_boot(&mut self) -> io::Result<()>;
}

/// The files of the update, which somebody without rights wrote and may still be writing to.
pub trait Staged {
    /// Reads a part of a file.
    ///
    /// # Errors
    /// It is missing, too short or cannot be read.
    fn read(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()>;
}

/// Why a step was not done: what is told, and the disk's own words.
pub type Stopped = (Failure, String);

fn disk(error: io::Error) -> Stopped {
    // Everything else leaves the same to do.
    let full = error.kind() == io::ErrorKind::StorageFull;
    let failure = if full { Failure::Full } else { Failure::Disk };
    (failure, error.to_string())
}

fn stop<T>(failure: Failure, why: &str) -> Result<T, Stopped> {
    Err((failure, why.to_owned()))
}

/// Installs what a checked manifest names.
///
/// # Errors
/// [`Stopped`]; the running version is as it was.
pub fn install(
    manifest: &Manifest,
    running: u32,
    machine: &mut impl Machine,
    staged: &mut impl Staged,
) -> Result<(), Stopped> {
    let told = |error: super::shared::Refused| (Failure::Version, error.to_string());
    manifest.check(running).map_err(told)?;
    let names = machine.kernels().map_err(disk)?;
    if !names.contains(&kernels::proven(running)) {
        return stop(
            Failure::Unproven,
            "the running version has no proven kernel",
        );
    }
    if machine.slot_size().map_err(disk)? < manifest.slot.size {
        return stop(Failure::Full, "the slot is too small");
    }
    // Nothing is taken away for the sake of files that cannot take its place.
    for part in manifest.parts() {
        copied(part, staged, &mut |_, _| Ok(()))?;
    }
    for name in &names {
        let other = Kernel::named(name).is_some_and(|kernel| kernel.version != running);
        if other || name == kernels::UNFINISHED {
            machine.remove_kernel(name).map_err(disk)?;
        }
    }
    machine.sync_boot().map_err(disk)?;
    let slot = &manifest.slot;
    copied(slot, staged, &mut |at, bytes| machine.write_slot(at, bytes))?;
    machine.sync_slot().map_err(disk)?;
    same(slot, &mut |at, room| machine.read_slot(at, room))?;
    let kernel = &manifest.kernel;
    if machine.boot_free().map_err(disk)? < kernel.size {
        return stop(Failure::Full, "the boot partition is full");
    }
    let unfinished = kernels::UNFINISHED;
    copied(kernel, staged, &mut |at, bytes| {
        machine.write_kernel(unfinished, at, bytes)
    })?;
    machine.sync_boot().map_err(disk)?;
    same(kernel, &mut |at, room| {
        machine.read_kernel(unfinished, at, room)
    })?;
    let name = kernels::new(manifest.version);
    machine.rename_kernel(unfinished, &name).map_err(disk)?;
    machine.sync_boot().map_err(disk)
}

/// Makes the other version the one that starts from now on. One rename does it, and it is the boot loader's own mark
/// for what is started last: whatever happens to the other version, this one is still there.
///
/// # Errors
/// [`Stopped`]; nothing was changed.
pub fn back(version: u32, running: u32, machine: &mut impl Machine) -> Result<(), Stopped> {
    let names = machine.kernels().map_err(disk)?;
    let own = kernels::proven(running);
    if !names.contains(&own) {
        return stop(
            Failure::Unproven,
            "the running version has no proven kernel",
        );
    }
    if version == running || !names.contains(&kernels::proven(version)) {
        return stop(Failure::NoOther, "no such version proved itself");
    }
    let last = kernels::given_up(running);
    machine.rename_kernel(&own, &last).map_err(disk)?;
    machine.sync_boot().map_err(disk)
}

/// Reads a staged file from its beginning to its end, hands every chunk on, and compares all of it with the manifest.
/// Whoever wrote the file may change it between two readings, so that every reading is compared.
fn copied(
    part: &Part,
    staged: &mut impl Staged,
    take: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(), Stopped> {
    let damaged = |error: io::Error| (Failure::Damaged, format!("{}: {error}", part.name));
    let mut taken = Ok(());
    let found = hash(part.size, &mut |at, room| {
        staged.read(&part.name, at, room)?;
        taken = take(at, room).map_err(disk);
        match taken {
            Ok(()) => Ok(()),
            Err(_) => Err(io::Error::other("not taken")),
        }
    });
    taken?;
    if found.map_err(damaged)? != part.sha256 {
        let why = format!("{} is not what was signed", part.name);
        return Err((Failure::Damaged, why));
    }
    Ok(())
}

/// Compares what is on the disk with the manifest.
fn same(
    part: &Part,
    read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> Result<(), Stopped> {
    if hash(part.size, read).map_err(disk)? != part.sha256 {
        return stop(Failure::Disk, "the disk gives back something else");
    }
    Ok(())
}

fn hash(size: u64, read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>) -> io::Result<[u8; 32]> {
    let mut context = Context::new(&SHA256);
    let mut room = vec![0; CHUNK];
    let mut at = 0;
    while at < size {
        let left = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
        let room = room.get_mut(..left).unwrap_or_default();
        read(at, room)?;
        context.update(room);
        at += left as u64;
    }
    let mut found = [0; 32];
    found.copy_from_slice(context.finish().as_ref());
    Ok(found)
}
