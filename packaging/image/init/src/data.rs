//! The data partition: looked at when it is marked as faulty, repaired where that can be done without a person, mounted,
//! and what became of it left for the terminal to tell.
//!
//! Owns `/run/shouyin-data`: `repaired` with the program's exit codes, or `unmounted` with the reason; not there when
//! there is nothing to tell. Power cuts do not mark a partition. Never makes a file system: whatever is on it may be the
//! only record of money.

use std::fs;
use std::io;
use std::process::Command;

use rustix::mount::{MountFlags, mount};

use crate::{log, parts};

const TOLD: &str = "/run/shouyin-data";
/// Exit codes of e2fsck(8): something was corrected; errors were left.
const CORRECTED: i32 = 1;
const LEFT: i32 = 4;

/// Mounts it at `/data`.
///
/// # Errors
/// Why not, for the log; the terminal itself says so on its screen.
pub fn mount_data() -> Result<(), String> {
    let mounted = repair_and_mount();
    if let Err(reason) = &mounted {
        tell(&format!("unmounted {reason}"));
    }
    mounted
}

fn repair_and_mount() -> Result<(), String> {
    let device = parts::named(parts::DATA).ok_or("there is no data partition")?;
    if parts::is_marked_faulty(&device).unwrap_or(false) {
        let careful = check(&device, "-p");
        let mut codes = format!("{careful:?}");
        let mut corrected = careful.is_some_and(|code| code & CORRECTED != 0);
        if careful.is_some_and(|code| code & LEFT != 0) {
            log("data partition: errors were left; every question is answered with yes now");
            let bold = check(&device, "-y");
            codes = format!("{codes} {bold:?}");
            corrected |= bold.is_some_and(|code| code & (CORRECTED | LEFT) != 0);
        }
        if corrected {
            tell(&format!("repaired {codes}"));
        }
    }
    let flags = MountFlags::NOATIME | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(device.as_str(), "/data", "ext4", flags, c"errors=remount-ro,commit=5")
        .map_err(|error| format!("data partition {device}: {}", io::Error::from(error)))
}

/// Returns the exit code; none when the program did not end by itself.
fn check(device: &str, how: &str) -> Option<i32> {
    let ended = Command::new("/usr/sbin/e2fsck").args([how, device]).status();
    log(&format!("data partition checked with {how}: {ended:?}"));
    ended.ok()?.code()
}

fn tell(outcome: &str) {
    if let Err(error) = fs::write(TOLD, format!("{outcome}\n")) {
        log(&format!("{TOLD}: {error}"));
    }
}
