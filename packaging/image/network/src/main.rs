//! `shouyin-network`, the only program of the boot image that sets the wired link.
//!
//! Owns where things are on a machine, and the words to the system's log. The terminal has no right to any of it; it
//! writes a wish into its data directory, and this program checks every address for itself. It has no network, takes no
//! arguments from the terminal and starts nothing but networkd anew.

#[path = "../../../../src/network/shared/mod.rs"]
#[allow(dead_code, unused_imports)]
mod shared;
mod work;

use std::process::{Command, ExitCode};

use work::Places;

fn main() -> ExitCode {
    let places = Places {
        data: "/data/shouyin".into(),
        unit: "/run/systemd/network/15-shouyin-wired.network".into(),
        answer: "/run/shouyin-network/answer".into(),
        radio: "/data/iwd".into(),
    };
    let wanted = std::env::args().nth(1);
    let done = match wanted.as_deref() {
        Some("start") => work::start(&places),
        Some("change") => work::change(&places, restart),
        _ => Err(std::io::Error::other("use `start` or `change`")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shouyin-network: {error}");
            ExitCode::FAILURE
        }
    }
}

/// networkd reads its units again when it starts; asking it to is a matter of D-Bus, which need not be there.
fn restart() -> bool {
    let asked = Command::new("/usr/bin/systemctl")
        .args(["try-restart", "systemd-networkd.service"])
        .status();
    asked.is_ok_and(|status| status.success())
}
