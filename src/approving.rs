//! Puts together who may approve, from the hashes of PINs that are configured.
//!
//! Owns where the count of wrong tries is. Decides nothing.

use std::path::Path;

use shouyin::config::Config;
use shouyin::domain::Tick;
use shouyin::people::{Approver, PinHash, Pins, Role, TriesFile};

/// Reads the PIN hashes that are configured. The count of wrong tries stays in the data directory.
pub fn approver(
    config: &Config,
    data: &Path,
    now: Tick,
) -> anyhow::Result<Option<Box<dyn Approver>>> {
    let files = [
        (Role::Supervisor, &config.supervisor_pin_file),
        (Role::Manager, &config.manager_pin_file),
    ];
    let mut pins = Vec::new();
    for (role, file) in files {
        if let Some(path) = file {
            pins.push((role, PinHash::load(path)?));
        }
    }
    if pins.is_empty() {
        return Ok(None);
    }
    let tries = TriesFile::new(&data.join("pin.tries"));
    Ok(Some(Box::new(Pins::new(pins).kept_in(tries, now))))
}
