//! What comes before the settings are read: a reset that was wished for, and what the first program of the boot image
//! says of the data partition; also how this program takes its own place.
//!
//! Owns where that program says it. Decides nothing.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use shouyin::clock::Clock;
use shouyin::journal::JournalConfig;
use shouyin::recovery::erase::SystemGround;
use shouyin::recovery::wish::{Found, WishFile};
use shouyin::starts::Asked;
use shouyin::terminal;
use shouyin::view::{Cause, PartitionNote};

use crate::starting::{ASKED, word};

/// What became of the data partition; written by the boot image's first program (packaging/image/init).
const PARTITION: &str = "/run/shouyin-data";
/// Another text at each start of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// In the data directory: the start of the machine whose repair was told.
const TOLD: &str = "partition.told";

/// Why there is nothing to begin with, although nothing is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0))]
pub struct Emptied(pub Cause);

fn words(cause: &Cause) -> &'static str {
    if matches!(cause, Cause::Partition(_)) {
        "the data partition is not mounted; /run/shouyin-data says why"
    } else {
        "this terminal was reset to its factory state and has to be set up"
    }
}

/// Follows the wish for a reset; returns what has to be told of this start.
///
/// # Errors
/// Nothing of the data directory may be opened.
pub fn begin(config: &JournalConfig) -> anyhow::Result<Option<Cause>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let now = Clock::start().now().utc;
    let mut ground = SystemGround;
    let reset = terminal::reset_at_start(config, now, &mut ground);
    let told = runtime.block_on(reset)?;
    let partition = || partition(&config.dir).map(Cause::Partition);
    Ok(told.map(Cause::Reset).or_else(partition))
}

/// Tells once a start of the machine what became of the data partition.
fn partition(data: &Path) -> Option<PartitionNote> {
    let outcome = std::fs::read_to_string(PARTITION).ok()?;
    if outcome.starts_with("unmounted") {
        return Some(PartitionNote::NotMounted);
    }
    let boot = std::fs::read(BOOT).unwrap_or_default();
    let told = data.join(TOLD);
    let before = std::fs::read(&told).unwrap_or_default();
    let news = outcome.starts_with("repaired") && before != boot;
    // Told twice is no harm.
    std::fs::write(told, boot).ok();
    news.then_some(PartitionNote::Repaired)
}

/// Adds to an error of the settings what explains it.
pub fn explain(error: anyhow::Error, told: Option<Cause>) -> anyhow::Error {
    let emptied = told.filter(|told| {
        matches!(told, Cause::Partition(PartitionNote::NotMounted))
            || *told == Cause::Reset(shouyin::view::ResetNote::Done)
    });
    match emptied {
        Some(cause) => error.context(Emptied(cause)),
        None => error,
    }
}

/// Tells whether the next start is to follow a wish.
pub fn is_wished(data: &Path) -> bool {
    matches!(WishFile::of(data).read(), Ok(Found::Wish(_)))
}

/// Replaces this process by a new start of itself, and tells it what was asked; returns only when that fails.
pub fn start_again(asked: Option<Asked>) {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut next = Command::new(program);
    next.args(std::env::args_os().skip(1)).env_remove(ASKED);
    if let Some(asked) = asked {
        next.env(ASKED, word(asked));
    }
    let error = next.exec();
    tracing::warn!(%error, "the program could not be started again");
}
