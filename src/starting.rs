//! This start of the program: what the service manager and the boot image say of it, and how it begins and ends.
//!
//! Owns where they say it. Whether it is safe mode is `starts`' to decide. Started by hand there is nobody who would
//! start it again after a crash, and nothing is counted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shouyin::starts::{self, Asked, Starts, Verdict, decide};
use shouyin::update::shared::image_version;
use shouyin::view::StopNote;

/// What the running system is.
const SYSTEM: &str = "/usr/lib/os-release";
/// What a person asked of this start; set by the program itself when it starts again.
pub const ASKED: &str = "SHOUYIN_START";
const RETRY: &str = "retry";
const SAFE: &str = "safe";

/// Why a terminal that could start shows its tools.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0))]
pub struct Stopped(pub StopNote);

fn words(note: &StopNote) -> &'static str {
    match note {
        StopNote::Crashed => "it crashed too often; safe mode until somebody starts it again",
        StopNote::Wished => "safe mode was asked for at the screen",
    }
}

/// This start, where a service manager counts.
#[derive(Clone, Debug, Default)]
pub struct Start(Option<Arc<Starts>>);

/// Begins; tells why only the tools are to be shown.
pub fn begin() -> (Start, Option<Stopped>) {
    let asked = std::env::var(ASKED).ok();
    let asked = match asked.as_deref() {
        Some(RETRY) => Some(Asked::Retry),
        Some(SAFE) => Some(Asked::Safe),
        Some(_) | None => None,
    };
    let folder = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
    let now_s = uptime_s();
    let starts = folder.map(|folder| Starts::read(&folder, now_s));
    let crashes = starts.as_ref().map_or(&[][..], Starts::crashes);
    let standing = starts::standing(Path::new("/"), image().is_some());
    let note = match decide(standing, asked, crashes, now_s) {
        Verdict::Normal => None,
        Verdict::Crashed => Some(StopNote::Crashed),
        Verdict::Wished => Some(StopNote::Wished),
    };
    if let Some(starts) = starts.as_ref().filter(|_| note.is_none())
        && let Err(error) = starts.begins(now_s)
    {
        tracing::warn!(%error, "this start is not counted");
    }
    (Start(starts.map(Arc::new)), note.map(Stopped))
}

/// What is said to the next start, which takes this one's place.
pub const fn word(asked: Asked) -> &'static str {
    match asked {
        Asked::Retry => RETRY,
        Asked::Safe => SAFE,
    }
}

/// Returns the version of the boot image, where it is one.
pub fn image() -> Option<u32> {
    image_version(&std::fs::read_to_string(SYSTEM).unwrap_or_default())
}

fn uptime_s() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split('.').next().and_then(|text| text.parse().ok());
    seconds.unwrap_or(0)
}

impl Start {
    /// It can sell. Told by the touchscreen only.
    #[cfg_attr(not(feature = "ui"), allow(dead_code))]
    pub fn sells(&self) {
        self.note(Starts::sells);
    }

    /// It did not crash.
    pub fn ended(&self) {
        self.note(Starts::ended);
    }

    fn note(&self, write: fn(&Starts) -> std::io::Result<()>) {
        if let Some(starts) = &self.0
            && let Err(error) = write(starts)
        {
            tracing::error!(%error, "what became of this start cannot be written");
        }
    }
}
