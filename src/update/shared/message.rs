//! The two messages between the terminal and the installer: a wish, as one line in the data directory, and what became
//! of it, as JSON in the system's own run directory.
//!
//! Owns their form. A wish carries no more than a version: whoever can write one can ask for what is signed, and for
//! nothing else.

use serde::{Deserialize, Serialize};

/// Largest wish, in bytes.
pub const REQUEST_BYTES: usize = 64;

/// What the terminal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Write this version, which lies in the update folder, into the slot that does not run.
    Install(u32),
    /// Start this version, which is in the other slot, from now on.
    Back(u32),
    /// Start the machine anew.
    Restart,
}

/// A wish with the number that the report names again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub wish: Wish,
    /// Another number for each wish.
    pub number: u64,
}

impl Request {
    /// Returns the line.
    pub fn line(&self) -> String {
        let number = self.number;
        match self.wish {
            Wish::Install(version) => format!("install {version} {number}\n"),
            Wish::Back(version) => format!("back {version} {number}\n"),
            Wish::Restart => format!("restart {number}\n"),
        }
    }

    /// Reads the line; nothing that is only similar.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let words: Vec<&str> = text.strip_suffix('\n')?.split(' ').collect();
        let request = match *words.as_slice() {
            ["install", version, number] => Self {
                wish: Wish::Install(version.parse().ok()?),
                number: number.parse().ok()?,
            },
            ["back", version, number] => Self {
                wish: Wish::Back(version.parse().ok()?),
                number: number.parse().ok()?,
            },
            ["restart", number] => Self {
                wish: Wish::Restart,
                number: number.parse().ok()?,
            },
            _ => return None,
        };
        // A sign or leading zeros would be a second way to write the same.
        (request.line().as_bytes() == line).then_some(request)
    }
}

/// Why the installer did not do it. The running version is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The wish cannot be read.
    Request,
    /// What lies in the folder is not signed by a trusted key, or not what was wished for.
    Foreign,
    /// It is not newer than the running version, or too far above it.
    Version,
    /// A file is missing, or is not what was signed.
    Damaged,
    /// The running version has not yet proven itself, so the other one must stay.
    Unproven,
    /// There is no other version that proved itself.
    NoOther,
    /// The slot or the boot partition is too small or full.
    Full,
    /// A disk did not take it or gave back something else.
    Disk,
}

/// What the installer says, at each start of the machine and after each wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The wish that it answers; none after a start.
    pub answers: Option<u64>,
    /// Why it was not done.
    pub failed: Option<Failure>,
    /// The version that the next start takes, when that is another one.
    pub next: Option<u32>,
    /// The version in the other slot that proved itself once: there is a way back to it.
    pub back: Option<u32>,
}

impl Report {
    /// Returns the text.
    pub fn text(&self) -> String {
        // Numbers and names have a form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns the version of the boot image from the text of `/usr/lib/os-release`; none where something else runs. There,
/// updates come from that system's own packages.
pub fn image_version(os_release: &str) -> Option<u32> {
    let value = |key: &str| {
        let mut lines = os_release.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    let version = value("IMAGE_VERSION")?.parse().ok()?;
    (value("IMAGE_ID") == Some("shouyin") && version > 0).then_some(version)
}
