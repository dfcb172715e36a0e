//! Why the journal could not do its work. Every message says what, where and what to do.

use std::path::PathBuf;

use crate::evidence::BrokenSeal;
use crate::payment::UnreadableFact;

/// Why the journal could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another program holds the journal.
    #[error("another terminal already runs on {path}; stop it first")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error(
        "{operation} failed for {path}; check the disk, and that this user may read and write there"
    )]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database was written by a newer program.
    #[error(
        "the journal {path} has schema {found}, this program knows {known}; install the newer program again"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Something else stands where the database should be.
    #[error(
        "{path} is a folder, not a journal; move it away, or name another data directory with --data"
    )]
    NoFile {
        /// Where.
        path: PathBuf,
    },
    /// The file holds nothing at all.
    #[error("{path} is empty; a journal is never empty: bring it back from the second copy")]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// The database belongs to another program.
    #[error(
        "{path} is the database of another program, not a journal; it was left alone: move it away, or name another data directory with --data"
    )]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A setting that durability rests on could not be made.
    #[error("the journal {path} does not take the setting {pragma}: wanted {wanted}, got {got}")]
    Pragma {
        /// The database.
        path: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// Wanted value.
        wanted: &'static str,
        /// Value read back.
        got: String,
    },
    /// The file is not a sound database.
    #[error(
        "the journal {path} is damaged ({problem}); keep the file, do not sell, restore from the second copy"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What the check said.
        problem: String,
    },
    /// A row does not match its hash.
    #[error(
        "the journal {path} was altered; keep the file, do not sell, run shouyinctl journal verify"
    )]
    Chain {
        /// The database.
        path: PathBuf,
        /// Which row.
        #[source]
        source: BrokenSeal,
    },
    /// A sealed row cannot be understood.
    #[error("the journal {path} holds a record that this program does not understand")]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// Which row.
        #[source]
        source: UnreadableFact,
    },
    /// The second copy knows more than the database: the database was rolled back or swapped.
    #[error(
        "the second copy {mirror} has {mirror_rows} records, the journal only {rows}: the journal is an old copy; do not sell, bring back the newest journal or rebuild it from the second copy"
    )]
    RolledBack {
        /// The second copy.
        mirror: PathBuf,
        /// Records in the second copy.
        mirror_rows: u64,
        /// Records in the database.
        rows: u64,
    },
    /// The journal once had more rows than it has now, by its own note.
    #[error(
        "the journal {path} has {rows} records, but it had {noted} before ({note}): the journal is an old copy; do not sell, bring back the newest journal; move the note away only if this one is meant"
    )]
    Shrunk {
        /// The database.
        path: PathBuf,
        /// The note.
        note: PathBuf,
        /// Records that the note tells of.
        noted: u64,
        /// Records in the database.
        rows: u64,
    },
    /// The second copy is about another journal.
    #[error(
        "the second copy {mirror} does not belong to this journal: record {number} differs; move it away if the journal is the right one"
    )]
    ForeignMirror {
        /// The second copy.
        mirror: PathBuf,
        /// First record that differs.
        number: u64,
    },
    /// A rebuild was interrupted: the new database is complete, but does not stand in its place yet.
    #[error("the rebuild of the journal {path} was interrupted; run shouyinctl journal rebuild")]
    HalfRebuilt {
        /// The database.
        path: PathBuf,
    },
    /// A rebuild was asked for where nothing is wrong.
    #[error("the journal {path} is sound: there is nothing to rebuild, and nothing was changed")]
    Sound {
        /// The database.
        path: PathBuf,
    },
    /// The journal was rebuilt and may lack records: no new sales. Open sales go on.
    #[error(
        "the journal {path} was rebuilt and may lack records: no new sales until somebody vouches for it with shouyinctl journal accept"
    )]
    Unproven {
        /// The database.
        path: PathBuf,
    },
    /// No space for a new sale. Results of open sales still have the reserve.
    #[error("the disk of {path} is full; free space before new sales")]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// The check in the background found an altered record: no new sales. Open sales go on.
    #[error("no new sales: {problem}")]
    Altered {
        /// What was found, and where.
        problem: String,
    },
    /// The second copy cannot be written: no new sales. Open sales go on.
    #[error(
        "the second copy {mirror} cannot be written; free space there or bring its disk back before new sales"
    )]
    CopyFails {
        /// The second copy.
        mirror: PathBuf,
    },
    /// The disk did not confirm that a record is stored. The connection is not used any more: a second try of the sync
    /// could succeed without the record being there.
    #[error(
        "the disk of {path} did not confirm a write: no sales; check the disk, run shouyinctl journal verify, start the terminal again"
    )]
    SyncFailed {
        /// The database.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The database refused a statement.
    #[error(
        "the journal {path} refused {operation}; check the disk and run shouyinctl journal verify"
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The journal's thread ended, or an earlier write failed twice. Nothing more is stored by this process.
    #[error("the journal no longer works in this process; restart the terminal")]
    Broken,
}

impl JournalError {
    /// Tells whether there was no space.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::DiskFull { .. } => true,
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::NoFile { .. }
            | Self::Empty { .. }
            | Self::Foreign { .. }
            | Self::Pragma { .. }
            | Self::Damaged { .. }
            | Self::Chain { .. }
            | Self::Unreadable { .. }
            | Self::RolledBack { .. }
            | Self::Shrunk { .. }
            | Self::ForeignMirror { .. }
            | Self::HalfRebuilt { .. }
            | Self::Sound { .. }
            | Self::Unproven { .. }
            | Self::Altered { .. }
            | Self::CopyFails { .. }
            | Self::SyncFailed { .. }
            | Self::Broken => false,
        }
    }

    /// Tells whether the file itself is at fault, so that a rebuild helps. A disk that fails, another till's copy,
    /// another program's file and a newer schema are not: there a person has to look first.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Empty { .. }
            | Self::Pragma { .. }
            | Self::Chain { .. }
            | Self::RolledBack { .. }
            | Self::Shrunk { .. }
            | Self::HalfRebuilt { .. } => true,
            // Bytes that SQLite makes no sense of come as a plain error, or as a value of the wrong kind.
            Self::Database { source, .. } => matches!(
                source.sqlite_error_code(),
                None | Some(rusqlite::ErrorCode::Unknown)
            ),
            Self::Locked { .. }
            | Self::File { .. }
            | Self::NewerSchema { .. }
            | Self::NoFile { .. }
            | Self::Foreign { .. }
            | Self::Unreadable { .. }
            | Self::ForeignMirror { .. }
            | Self::DiskFull { .. }
            | Self::Altered { .. }
            | Self::Sound { .. }
            | Self::Unproven { .. }
            | Self::CopyFails { .. }
            | Self::SyncFailed { .. }
            | Self::Broken => false,
        }
    }

    /// Tells whether SQLite met a page that makes no sense.
    pub(super) fn is_corrupt(&self) -> bool {
        let corrupt = |source: &rusqlite::Error| {
            matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            )
        };
        matches!(self, Self::Damaged { .. })
            || matches!(self, Self::Database { source, .. } if corrupt(source))
    }

    /// Tells whether a constraint of the schema refused the facts.
    pub(crate) fn is_contradiction(&self) -> bool {
        matches!(self, Self::Database { source, .. }
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation))
    }
}

/// Returns an error with its causes, on one line.
pub(super) fn chain(problem: &JournalError) -> String {
    let mut text = problem.to_string();
    let mut source = std::error::Error::source(problem);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
