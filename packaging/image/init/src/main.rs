//! The first program of the boot image: loads the modules of disk and screen, opens the root of slot A or B under
//! dm-verity, mounts the data partition, and becomes systemd.
//!
//! Owns the way from the kernel to systemd, and nothing else is reachable on it: no shell, no key, no rescue. Whatever
//! fails is told to the kernel's log and ends in a reboot; a system that does not start is marked, so that the boot
//! loader takes the other slot (`attempts`).

mod attempts;
mod data;
mod parts;
mod verity;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{Gid, Mode, chmod, chown, sync};
use rustix::mount::{MountFlags, mount, mount_move};
use rustix::process::{chdir, chroot};
use rustix::system::{RebootCommand, finit_module, reboot};

/// Disks may appear so late after their module was loaded.
const DISKS_WITHIN: Duration = Duration::from_secs(15);
/// Time for the last lines to reach a serial console.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The first screen that a driver found.
const SCREEN: &str = "/dev/dri/card0";
/// Groups of the skeleton's /etc/group: what udev would give, before udev runs.
const VIDEO: u32 = 44;
const DIALOUT: u32 = 20;
const INPUT: u32 = 104;

fn main() {
    let Err(reason) = run() else { return };
    log(&format!("cannot start: {reason}; rebooting"));
    sync();
    std::thread::sleep(LAST_WORDS);
    // PID 1 has nowhere to return to.
    if reboot(RebootCommand::Restart).is_err() {
        loop {
            std::thread::park();
        }
    }
}

/// Does everything, and returns only with the reason why it could not.
fn run() -> Result<(), String> {
    early_mounts();
    load_modules("/modules.boot");
    let arguments = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let root = verity::Root::named(&arguments)?;
    let slot = match find_root(&root) {
        Ok(slot) => slot,
        Err(reason) => {
            // Nothing of this version can be read: the boot loader must not choose it again.
            attempts::give_up();
            return Err(reason);
        }
    };
    log(&format!("slot {slot} verified"));
    load_modules("/modules.late");
    if !fs::exists(SCREEN).unwrap_or(false) {
        load_modules("/modules.screen");
    }
    permissions();
    enter_root()?;
    fs::write("/run/shouyin-slot", &slot).ok();
    match data::mount_data() {
        Ok(()) => {
            if attempts::is_hopeless(&root.hash) {
                attempts::give_up();
                return Err("this version never became healthy".to_owned());
            }
        }
        // The terminal itself says so on its screen.
        Err(reason) => log(&reason),
    }
    let error = Command::new("/usr/lib/systemd/systemd").env_clear().exec();
    Err(format!("systemd: {error}"))
}

/// Says a line in the kernel's log.
fn log(line: &str) {
    // Without a kernel log there is nobody to tell.
    fs::write("/dev/kmsg", format!("<5>init: {line}\n")).ok();
}

fn early_mounts() {
    for (kind, place, data) in [
        ("devtmpfs", "/dev", c"mode=0755"),
        ("proc", "/proc", c""),
        ("sysfs", "/sys", c""),
        ("tmpfs", "/run", c"mode=0755,size=32M"),
    ] {
        fs::create_dir_all(place).ok();
        let flags = MountFlags::NOSUID;
        if let Err(error) = mount(kind, place, kind, flags, data) {
            log(&format!("{place}: {error}"));
        }
    }
}

/// Loads the modules that a list names, in its order: what a module needs stands before it.
pub fn load_modules(list: &str) {
    for path in fs::read_to_string(list).unwrap_or_default().lines() {
        let loaded = fs::File::open(path)
            .map_err(|error| error.to_string())
            .and_then(|file| finit_module(&file, c"", 0).map_err(|error| error.to_string()));
        if let Err(error) = loaded
            && !error.contains("exists")
        {
            log(&format!("module {path}: {error}"));
        }
    }
}

/// Mounts the verified root at `/root` and returns the name of the slot that held it. Both slots are tried, so the
/// kernel need not know its own: a slot with another version does not verify.
fn find_root(root: &verity::Root) -> Result<String, String> {
    if parts::SLOTS.into_iter().all(|slot| parts::named(slot).is_none()) {
        load_modules("/modules.disk");
    }
    let until = Instant::now() + DISKS_WITHIN;
    loop {
        let mut reasons = Vec::new();
        let mut seen = 0;
        for slot in parts::SLOTS {
            let Some(device) = parts::named(slot) else {
                continue;
            };
            seen += 1;
            match root.mount(&device, "/root") {
                Ok(()) => return Ok(slot.to_owned()),
                Err(reason) => reasons.push(format!("{slot}: {reason}")),
            }
        }
        if seen == parts::SLOTS.len() || Instant::now() > until {
            return Err(format!("no slot verifies ({})", reasons.join("; ")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Screen and serial ports for the terminal, which starts before udev gives permissions.
fn permissions() {
    for (folder, begins, group) in [
        ("/dev/dri", "card", VIDEO),
        ("/dev/input", "event", INPUT),
        ("/dev", "ttyS", DIALOUT),
        ("/dev", "video", VIDEO),
    ] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(begins) {
                let path = entry.path();
                let given = chown(&path, None, Some(Gid::from_raw(group)))
                    .and_then(|()| chmod(&path, Mode::from_raw_mode(0o660)));
                if let Err(error) = given {
                    log(&format!("{}: {error}", path.display()));
                }
            }
        }
    }
}

/// Makes the verified root the root of everything.
fn enter_root() -> Result<(), String> {
    let told = |what: &str| {
        let what = what.to_owned();
        move |error: rustix::io::Errno| format!("{what}: {error}")
    };
    for place in ["/dev", "/proc", "/sys", "/run"] {
        mount_move(place, format!("/root{place}").as_str()).map_err(told(place))?;
    }
    chdir("/root").map_err(told("/root"))?;
    mount_move(".", "/").map_err(told("root"))?;
    chroot(".").map_err(told("chroot"))?;
    chdir("/").map_err(told("/"))
}
