//! `shouyin-updater`, the only program of the boot image that writes to slots and boot partition.
//!
//! Owns where things are on a machine, and the words to the system's log. The terminal has no right to any of it; it
//! writes a wish into its data directory, and this program checks signature, hashes and version for itself, with the
//! keys of the verified root. It has no network, takes no arguments from the terminal and starts nothing but the
//! restart.

mod disk;
mod folder;
mod kernels;
#[path = "../../../../src/update/shared/mod.rs"]
mod shared;
mod steps;
mod work;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use work::{After, Places};

const SLOTS: [&str; 2] = ["shouyin-a", "shouyin-b"];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let done = places().and_then(|places| match wanted.as_deref() {
        Some("serve") => work::serve(&places),
        Some("report") => work::report(&places, None, None).map(|()| After::Nothing(None)),
        _ => Err(io::Error::other("use `serve` or `report`")),
    });
    match done {
        Ok(After::Nothing(None)) => ExitCode::SUCCESS,
        // Its own words are on the screen; a failed unit would say nothing more.
        Ok(After::Nothing(Some(why))) => {
            eprintln!("not done: {why}");
            ExitCode::SUCCESS
        }
        Ok(After::Restart) => restart(),
        Err(error) => {
            eprintln!("shouyin-updater: {error}");
            ExitCode::FAILURE
        }
    }
}

fn places() -> io::Result<Places> {
    let root = fs::read_to_string("/usr/lib/os-release")?;
    let running = shared::image_version(&root);
    let running = running.ok_or_else(|| io::Error::other("os-release names no version"))?;
    // The first program wrote it, after it had verified the slot.
    let own = fs::read_to_string("/run/shouyin-slot")?;
    let other = match SLOTS.iter().position(|slot| *slot == own.trim()) {
        Some(0) => SLOTS[1],
        Some(_) => SLOTS[0],
        None => return Err(io::Error::other("/run/shouyin-slot names no slot")),
    };
    Ok(Places {
        folder: "/data/shouyin/update".into(),
        keys: "/etc/shouyin/update.pem".into(),
        slot: PathBuf::from("/dev/disk/by-partlabel").join(other),
        boot: "/efi/EFI/Linux".into(),
        report: "/run/shouyin-updater/report".into(),
        running,
    })
}

fn restart() -> ExitCode {
    // Not `reboot`, which asks a login manager first that is not there.
    let asked = Command::new("/usr/bin/systemctl")
        .args(["--no-block", "--job-mode=replace-irreversibly", "start"])
        .arg("reboot.target")
        .status();
    match asked {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        other => {
            eprintln!("shouyin-updater: no restart: {other:?}");
            ExitCode::FAILURE
        }
    }
}
