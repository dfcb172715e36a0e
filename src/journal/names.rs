//! The names of the files that a rebuild makes and sets aside, and what is done to them.
//!
//! Owns no step of its own: `rebuild` says what comes when.

use std::path::{Path, PathBuf};

use super::JournalConfig;
use super::error::JournalError;
use crate::domain::Timestamp;

/// What stands between the name of a bad file and the time.
pub(super) const BAD: &str = ".bad-";

/// Returns a name with the time that no file has yet.
pub(super) fn free_name(config: &JournalConfig, at: Timestamp) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000));
    let time = time.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    let stamp = format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    let taken = |name: &String| {
        let path = config.dir.join(name);
        let copy = config.mirror.as_ref().map(|copy| {
            let mut copy = copy.clone().into_os_string();
            copy.push(name.trim_start_matches("journal.db"));
            PathBuf::from(copy)
        });
        let paths = [Some(log_of(&path)), Some(path), copy];
        paths.iter().flatten().any(|path| config.files.exists(path))
    };
    let names = (1..).map(|nth| match nth {
        1 => format!("journal.db{BAD}{stamp}"),
        nth => format!("journal.db{BAD}{stamp}-{nth}"),
    });
    let mut free = names.skip_while(taken);
    free.next().unwrap_or_default()
}

/// Returns the name of a database's log.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut log = database.to_owned().into_os_string();
    log.push("-wal");
    log.into()
}

pub(super) fn building_of(config: &JournalConfig) -> PathBuf {
    config.dir.join("journal.db.building")
}

pub(super) fn ready_of(config: &JournalConfig) -> PathBuf {
    config.dir.join("journal.db.ready")
}

pub(super) fn length(config: &JournalConfig, path: &Path) -> Result<u64, JournalError> {
    if path.is_dir() || !config.files.exists(path) {
        return Ok(0);
    }
    let length = config
        .files
        .open_to_read(path)
        .and_then(|file| file.map_or(Ok(0), |file| file.length()));
    on_file(length, "reading the journal's length", path)
}

pub(super) fn rename(config: &JournalConfig, from: &Path, to: &Path) -> Result<(), JournalError> {
    on_file(config.files.rename(from, to), "renaming", from)
}

pub(super) fn sync_names(config: &JournalConfig, path: &Path) -> Result<(), JournalError> {
    on_file(config.files.sync_names(path), "syncing the folder", path)
}

pub(super) fn on_file<T>(
    done: std::io::Result<T>,
    operation: &'static str,
    path: &Path,
) -> Result<T, JournalError> {
    done.map_err(|source| JournalError::File {
        operation,
        path: path.to_owned(),
        source,
    })
}
