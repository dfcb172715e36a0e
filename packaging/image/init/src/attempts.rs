//! Counts the starts of a version that never became healthy, and takes it out of the boot loader's choice.
//!
//! Owns the counter on the data partition and the name of the kernel on the boot partition. The boot loader counts the
//! first starts of a new version by itself; this is for a version that was good once and whose slot is damaged now,
//! which would otherwise reboot for ever. The healthy system removes the counter.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::sync;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::{load_modules, log, parts};

/// As many starts without a healthy system are allowed in a row.
const ALLOWED: u32 = 5;
const COUNTERS: &str = "/data/boot";
/// The entry that the boot loader chose, UTF-16 behind four bytes of attributes (Boot Loader Interface of systemd).
const CHOSEN: &str =
    "/sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// Counts this start and returns whether there were too many. A counter that cannot be kept stops nothing.
pub fn is_hopeless(root_hash: &str) -> bool {
    let path = Path::new(COUNTERS).join(root_hash.get(..16).unwrap_or("none"));
    let before = fs::read_to_string(&path)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .unwrap_or(0);
    if before >= ALLOWED {
        fs::remove_file(&path).ok();
        return true;
    }
    let kept = fs::create_dir_all(COUNTERS)
        .and_then(|()| File::create(&path))
        .and_then(|mut file| {
            file.write_all((before + 1).to_string().as_bytes())?;
            file.sync_all()
        });
    if let Err(error) = kept {
        log(&format!("{}: {error}", path.display()));
    }
    false
}

/// Renames the chosen kernel so that the boot loader counts it as bad and sorts it last; it is still there when nothing
/// else is.
pub fn give_up() {
    // Within the verified root this list is gone, and the kernel finds the modules by itself.
    load_modules("/modules.rescue");
    let variables = "/sys/firmware/efi/efivars";
    // A machine without such firmware has none; it is told below.
    mount("efivarfs", variables, "efivarfs", MountFlags::NOEXEC, c"").ok();
    // A kernel that was started without a boot loader has no other to fall back to.
    let Some(name) = chosen() else {
        log("no boot loader told which kernel this is");
        return;
    };
    if let Err(reason) = mark_bad(&name) {
        log(&format!("{name} cannot be marked as bad: {reason}"));
    }
}

fn mark_bad(name: &str) -> Result<(), String> {
    let device = parts::named(parts::BOOT).ok_or("there is no boot partition")?;
    let place = "/run/boot";
    fs::create_dir_all(place).map_err(|error| error.to_string())?;
    mount(device.as_str(), place, "vfat", MountFlags::NOEXEC, c"flush")
        .map_err(|error| error.to_string())?;
    let folder: PathBuf = [place, "EFI", "Linux"].iter().collect();
    let bad = format!("{}+0.efi", name.trim_end_matches(".efi").split('+').next().unwrap_or(name));
    let renamed = fs::rename(folder.join(name), folder.join(&bad));
    sync();
    unmount(place, UnmountFlags::empty()).ok();
    renamed.map_err(|error| error.to_string())?;
    log(&format!("{name} is {bad} now"));
    Ok(())
}

fn chosen() -> Option<String> {
    let bytes = fs::read(CHOSEN).ok()?;
    let units: Vec<u16> = bytes
        .get(4..)?
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16(&units).ok()
}
