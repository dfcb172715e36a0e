//! Writes a damaged or rolled-back journal anew from the second copy and what can still be read of the database.
//!
//! Owns the order of the steps. Nothing is deleted: the bad files are renamed. Until the new database is complete, on
//! the disk and named `.ready`, everything is as it was; from then on only names change, and whoever comes next
//! finishes that (docs/ARCHITECTURE.md, D20). Never decides that a loss does not matter: that is written down, and new
//! sales wait.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::audit::{Audit, walk};
use super::chain::Walker;
use super::checked::Checked;
use super::error::{JournalError, chain};
use super::mirror::CopyReader;
use super::names::{
    BAD, building_of, free_name, length, log_of, on_file, ready_of, rename, sync_names,
};
use super::reserve::Reserve;
use super::sources::{Next, Sources};
use super::store::{OF_THE_JOURNAL, Store, StoreConfig, mark, put, read_problem, set_pragma};
use super::writer::{Writer, lock};
use super::{JournalConfig, Opened, migrate};
use crate::domain::{OperatorNo, Timestamp};
use crate::evidence::{Digest, SealedRow};
use crate::payment::{Fact, FactKind, Prover, Rebuilt};

/// What a rebuild came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was wrong, on one line.
    pub problem: String,
    /// What was recovered and what was not, as it stands in the journal.
    pub rebuilt: Rebuilt,
    /// The second copy that was set aside, when it was not a beginning of the new journal.
    pub copy_aside: Option<PathBuf>,
}

/// What becomes of places of the database that the disk does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The rebuild fails: the disk may read them the next time.
    Fails,
    /// They are given up, because a person says so.
    GivenUp,
}

/// A journal that needs a rebuild.
struct Finding {
    problem: JournalError,
    /// SQLite finds nothing wrong with the structure of the file: where its rows end, the journal ended.
    structure: bool,
}

/// Opens the journal; one that is damaged is rebuilt first.
pub(super) fn open_or_rebuild(
    config: &JournalConfig,
    at: Timestamp,
) -> Result<(Writer, Opened, Option<Report>), JournalError> {
    let problem = match Writer::open(config) {
        Ok((writer, opened)) => return Ok((writer, opened, None)),
        Err(problem) if problem.is_damage() => problem,
        Err(problem) => return Err(problem),
    };
    tracing::error!(
        error = chain(&problem),
        "the journal cannot be used and is rebuilt"
    );
    let report = match rebuild(config, at, Unread::Fails) {
        Ok(report) => report,
        // It was no damage that a rebuild mends.
        Err(JournalError::Sound { .. }) => return Err(problem),
        Err(problem) => return Err(problem),
    };
    tracing::warn!(rebuilt = ?report.rebuilt, "the journal was rebuilt");
    let (writer, opened) = Writer::open(config)?;
    Ok((writer, opened, Some(report)))
}

/// Rebuilds the journal, or finishes a rebuild that was interrupted. Idempotent: whatever stops it, the next call goes
/// on or begins again.
///
/// # Errors
/// [`JournalError::Sound`] when nothing is wrong; [`JournalError::ForeignMirror`] when database and second copy are two
/// journals; anything that reading and writing can fail with. The old files are then as they were.
pub fn rebuild(
    config: &JournalConfig,
    at: Timestamp,
    unread: Unread,
) -> Result<Report, JournalError> {
    match rebuild_once(config, at, unread) {
        // The space that is kept back is for times like this; the next start takes it again.
        Err(problem) if problem.is_full() => {
            config.files.release_space(&Reserve::path(config));
            rebuild_once(config, at, unread)
        }
        report => report,
    }
}

fn rebuild_once(
    config: &JournalConfig,
    at: Timestamp,
    unread: Unread,
) -> Result<Report, JournalError> {
    let _lock = lock(&*config.files, config)?;
    if config.files.exists(&ready_of(config))
        && let Some(rebuilt) = finished(config)?
    {
        let problem = chain(&JournalError::HalfRebuilt {
            path: config.database(),
        });
        return install(config, rebuilt, problem);
    }
    let finding = examine(config, unread)?;
    let mut sources = Sources::open(config)?;
    if unread == Unread::Fails && sources.is_unread() {
        return Err(unreadable(config));
    }
    let rebuilt = write(config, at, &finding, &mut sources, unread).inspect_err(|_| {
        // What is not whole is worth nothing, and it may be as large as a journal.
        config.files.release_space(&building_of(config));
    })?;
    install(config, rebuilt, chain(&finding.problem))
}

/// Writes down that a person vouches for a rebuilt journal. Returns whether that was needed.
///
/// # Errors
/// [`JournalError`] when the journal cannot be opened or written.
pub fn accept(
    config: &JournalConfig,
    approver: OperatorNo,
    at: Timestamp,
) -> Result<bool, JournalError> {
    let path = config.database();
    if length(config, &path)? == 0 {
        return Err(JournalError::Empty { path });
    }
    let (mut writer, _) = Writer::open(config)?;
    if !writer.is_unproven() {
        return Ok(false);
    }
    let by = Prover::Person(approver);
    writer.append(&[Fact {
        at,
        kind: FactKind::Proven { by },
    }])?;
    writer.note();
    Ok(true)
}

impl Store {
    /// Tells whether the journal was rebuilt with a possible loss that nobody has vouched for since.
    pub(super) fn is_unproven(&self) -> Result<bool, JournalError> {
        let about = self.facts(
            "SELECT f.number, f.body, f.hash, p.hash FROM fact f \
             LEFT JOIN fact p ON p.number = f.number - 1 WHERE f.txn = ?1 ORDER BY f.number",
            &[&OF_THE_JOURNAL],
        )?;
        let mut unproven = false;
        for fact in about {
            if let FactKind::Rebuilt(rebuilt) = &fact.kind {
                unproven |= !rebuilt.whole;
            }
            unproven &= !matches!(fact.kind, FactKind::Proven { .. });
        }
        Ok(unproven)
    }
}

/// Refuses what must not be opened before a rebuild: one that is not finished, and a log without its database, which
/// SQLite would delete.
pub(super) fn refuse_unfinished(config: &JournalConfig) -> Result<(), JournalError> {
    let path = config.database();
    if config.files.exists(&ready_of(config)) {
        return Err(JournalError::HalfRebuilt { path });
    }
    if length(config, &path)? == 0 && length(config, &log_of(&path))? > 0 {
        return Err(JournalError::Empty { path });
    }
    Ok(())
}

fn unreadable(config: &JournalConfig) -> JournalError {
    JournalError::File {
        operation: "reading all of the journal",
        path: config.database(),
        source: std::io::Error::other("the disk does not read some of it"),
    }
}

/// Says what is wrong, without changing anything.
fn examine(config: &JournalConfig, unread: Unread) -> Result<Finding, JournalError> {
    let path = config.database();
    let note = Checked::read(&*config.files, &config.dir);
    if length(config, &path)? == 0 {
        let copied = match &config.mirror {
            Some(mirror) if config.files.exists(mirror) => {
                CopyReader::open(&*config.files, mirror, 0)?.last_behind()?
            }
            Some(_) | None => None,
        };
        let gone = copied.is_some() || note.is_some() || length(config, &log_of(&path))? > 0;
        let (problem, structure) = (JournalError::Empty { path: path.clone() }, false);
        return if gone {
            Ok(Finding { problem, structure })
        } else {
            Err(JournalError::Sound { path })
        };
    }
    let mut structure = false;
    match look(config, note, &mut structure) {
        Ok(()) => Err(JournalError::Sound { path }),
        Err(problem) if problem.is_damage() => Ok(Finding { problem, structure }),
        Err(problem @ JournalError::Database { .. }) if unread == Unread::GivenUp => {
            let structure = false;
            Ok(Finding { problem, structure })
        }
        Err(problem) => Err(problem),
    }
}

/// Looks at everything that a start looks at, and at the structure besides.
fn look(
    config: &JournalConfig,
    note: Option<Checked>,
    structure: &mut bool,
) -> Result<(), JournalError> {
    let store = Store::open(&StoreConfig::of(config), &*config.files)?;
    store.check_structure()?;
    *structure = true;
    let copy = match &config.mirror {
        Some(path) if config.files.exists(path) => {
            Some((path.clone(), CopyReader::open(&*config.files, path, 0)?))
        }
        Some(_) | None => None,
    };
    let mut audit = Audit::whole(copy);
    audit.walk_on(&store)?;
    let rows = audit.walker().count();
    audit.finish()?;
    if rows > 0 {
        store.counters()?;
        store.open_facts()?;
        store.is_unproven()?;
    }
    match note.filter(|note| note.row > rows) {
        None => Ok(()),
        Some(note) => Err(JournalError::Shrunk {
            path: store.path.clone(),
            note: Checked::path(&config.dir),
            noted: note.row,
            rows,
        }),
    }
}

/// Writes the new database under a name of its own, until it is complete and on the disk.
fn write(
    config: &JournalConfig,
    at: Timestamp,
    finding: &Finding,
    sources: &mut Sources,
    unread: Unread,
) -> Result<Rebuilt, JournalError> {
    let building = building_of(config);
    // What an interrupted rebuild had begun is worth nothing.
    config.files.release_space(&building);
    let aside = free_name(config, at);
    let mut connection = create(config, &building)?;
    let refused = |source| read_problem(&building, "writing the new journal", source);
    let mut unit = connection.transaction().map_err(refused)?;
    let mut rebuilt = fill(&mut unit, sources, &building)?;
    if unread == Unread::Fails && sources.is_unread() {
        return Err(unreadable(config));
    }
    rebuilt.1.whole = rebuilt.1.missing == 0
        && (sources.copy_is_whole() || finding.structure && sources.base_reaches_the_end());
    rebuilt.1.aside = aside;
    let (head, rebuilt) = rebuilt;
    let fact = Fact {
        at,
        kind: FactKind::Rebuilt(rebuilt.clone()),
    };
    let number = rebuilt.rows + rebuilt.carried + 1;
    put(&unit, &SealedRow::seal(&head, number, fact.encode()), &fact).map_err(refused)?;
    unit.commit().map_err(refused)?;
    connection.close().map_err(|(_, source)| refused(source))?;
    let ready = ready_of(config);
    #[cfg(feature = "sim")]
    let late = config.planted_rename_before_sync;
    #[cfg(not(feature = "sim"))]
    let late = false;
    if !late {
        on_file(
            config.files.sync(&building),
            "syncing the new journal",
            &building,
        )?;
    }
    rename(config, &building, &ready)?;
    sync_names(config, &ready)?;
    Ok(rebuilt)
}

/// Makes an empty journal. Nothing of it needs to survive before it is whole, so that nothing is synced here.
fn create(config: &JournalConfig, path: &Path) -> Result<Connection, JournalError> {
    let mut connection = connect(config, path, OpenFlags::SQLITE_OPEN_CREATE)?;
    for (pragma, value, wanted) in [
        ("locking_mode", "EXCLUSIVE", "exclusive"),
        ("journal_mode", "MEMORY", "memory"),
        ("synchronous", "OFF", "0"),
        ("temp_store", "MEMORY", "2"),
        ("foreign_keys", "ON", "1"),
    ] {
        set_pragma(&connection, path, pragma, value, wanted)?;
    }
    mark(&connection, path)?;
    migrate::migrate(&mut connection, path)?;
    Ok(connection)
}

/// Takes every row that the sources have; returns the last hash.
fn fill(
    unit: &mut rusqlite::Transaction<'_>,
    sources: &mut Sources,
    path: &Path,
) -> Result<(Digest, Rebuilt), JournalError> {
    let refused = |source| read_problem(path, "writing the new journal", source);
    let (mut head, mut gap) = (Digest::ZERO, false);
    let mut rebuilt = Rebuilt {
        rows: 0,
        carried: 0,
        missing: 0,
        whole: false,
        aside: String::new(),
    };
    let relaxed = relax(unit).map_err(refused)?;
    for number in 1.. {
        match sources.next(number, (!gap).then_some(head))? {
            Next::End => break,
            Next::Lost => {
                gap = true;
                rebuilt.missing += 1;
            }
            Next::Sealed(row) => {
                let fact = decode(&row, path)?;
                put(unit, &row, &fact).map_err(refused)?;
                head = row.digest();
                rebuilt.rows += 1;
            }
            Next::Loose(body) => {
                let number = rebuilt.rows + rebuilt.carried + 1;
                let row = SealedRow::seal(&head, number, body);
                if carry(unit, &row).map_err(refused)? {
                    head = row.digest();
                    rebuilt.carried += 1;
                } else {
                    rebuilt.missing += 1;
                }
            }
        }
    }
    for rule in relaxed {
        unit.execute_batch(&rule).map_err(refused)?;
    }
    Ok((head, rebuilt))
}

/// Lifts the rules about the order of batches, and returns them: the lost row, of this rebuild or of an earlier
/// one, may be the one that opened a batch, and none of the sales of that batch may be lost with it.
fn relax(unit: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut rules = Vec::new();
    for name in ["batch_advances_once", "settlement_of_the_open_batch"] {
        rules.push(unit.query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1",
            [name],
            |row| row.get(0),
        )?);
        unit.execute_batch(&format!("DROP TRIGGER {name}"))?;
    }
    Ok(rules)
}

/// Stores a row from behind a gap. One that rests on a lost row cannot be stored: it counts as lost, too.
fn carry(unit: &mut rusqlite::Transaction<'_>, row: &SealedRow) -> rusqlite::Result<bool> {
    let Ok(fact) = Fact::decode(row) else {
        return Ok(false);
    };
    let step = unit.savepoint()?;
    match put(&step, row, &fact) {
        Ok(()) => step.commit().map(|()| true),
        Err(
            rusqlite::Error::StatementChangedRows(_)
            | rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error {
                    code: rusqlite::ErrorCode::ConstraintViolation,
                    ..
                },
                _,
            ),
        ) => Ok(false),
        Err(problem) => Err(problem),
    }
}

fn decode(row: &SealedRow, path: &Path) -> Result<Fact, JournalError> {
    Fact::decode(row).map_err(|source| JournalError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// Reads what a complete new database says of itself. `None` when it is not sound and the old one is still there, so
/// that the rebuild begins again.
fn finished(config: &JournalConfig) -> Result<Option<Rebuilt>, JournalError> {
    let ready = ready_of(config);
    match told(config, &ready) {
        Ok(rebuilt) => Ok(Some(rebuilt)),
        Err(problem) if problem.is_damage() && config.files.exists(&config.database()) => {
            tracing::warn!(error = chain(&problem), "the new journal is not sound");
            config.files.release_space(&ready);
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}

fn told(config: &JournalConfig, ready: &Path) -> Result<Rebuilt, JournalError> {
    let connection = connect(config, ready, OpenFlags::empty())?;
    let damaged = |problem: &str| JournalError::Damaged {
        path: ready.to_owned(),
        problem: problem.to_owned(),
    };
    let mut last = None;
    let mut walker = Walker::start();
    each_row(&connection, ready, &mut walker, |row| {
        last = Some(row);
        Ok(())
    })?;
    let last = last.ok_or_else(|| damaged("it has no records"))?;
    if let FactKind::Rebuilt(rebuilt) = decode(&last, ready)?.kind {
        return Ok(rebuilt);
    }
    Err(damaged("it does not end where a rebuild ends"))
}

/// Gives every file its name. Each step may have been done before.
fn install(
    config: &JournalConfig,
    rebuilt: Rebuilt,
    problem: String,
) -> Result<Report, JournalError> {
    let (database, ready) = (config.database(), ready_of(config));
    let copy_aside = set_copy_aside(config, &ready, &rebuilt.aside)?;
    let aside = config.dir.join(&rebuilt.aside);
    let moves = [
        (log_of(&database), log_of(&aside)),
        (database.clone(), aside),
    ];
    if length(config, &moves[0].0)? == 0 {
        // An empty log, which every look at a database leaves, tells nothing.
        config.files.release_space(&moves[0].0);
    }
    for (from, to) in moves {
        if config.files.exists(&from) {
            rename(config, &from, &to)?;
        }
    }
    // The new journal tells what the note told.
    let note = Checked::path(&config.dir);
    if config.files.exists(&note) {
        on_file(
            config.files.write_note(&note, b""),
            "taking the note back",
            &note,
        )?;
    }
    sync_names(config, &database)?;
    rename(config, &ready, &database)?;
    #[cfg(feature = "sim")]
    if config.planted_rename_before_sync {
        on_file(
            config.files.sync(&database),
            "syncing the new journal",
            &database,
        )?;
    }
    sync_names(config, &database)?;
    Ok(Report {
        problem,
        rebuilt,
        copy_aside,
    })
}

/// Renames a second copy that is not a beginning of the new journal, byte for byte: a start would cut it.
fn set_copy_aside(
    config: &JournalConfig,
    ready: &Path,
    aside: &str,
) -> Result<Option<PathBuf>, JournalError> {
    let Some(path) = config
        .mirror
        .as_ref()
        .filter(|path| config.files.exists(path))
    else {
        return Ok(None);
    };
    let connection = connect(config, ready, OpenFlags::empty())?;
    let mut reader = CopyReader::open(&*config.files, path, 0)?;
    let mut same = true;
    each_row(&connection, ready, &mut Walker::start(), |row| {
        if same && !reader.is_at_the_end()? {
            same = reader.next()?.is_some_and(|(_, record)| {
                record.number == row.number() && record.hash == row.digest()
            });
        }
        Ok(())
    })?;
    if same && reader.is_at_the_end()? {
        return Ok(None);
    }
    let time = aside.rsplit_once(BAD).map_or(aside, |(_, time)| time);
    let mut name = path.clone().into_os_string();
    name.push(BAD);
    name.push(time);
    let name = PathBuf::from(name);
    rename(config, path, &name)?;
    sync_names(config, path)?;
    Ok(Some(name))
}

fn each_row(
    connection: &Connection,
    path: &Path,
    walker: &mut Walker,
    mut visit: impl FnMut(SealedRow) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    walk(connection, 0, u64::MAX, |number, body, hash| {
        let row = walker.take(number, body, &hash);
        visit(row.map_err(|source| JournalError::Chain {
            path: path.to_owned(),
            source,
        })?)
    })
    .map_err(|source| read_problem(path, "reading the new journal", source))?
    .map(drop)
}

fn connect(
    config: &JournalConfig,
    path: &Path,
    more: OpenFlags,
) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let opened = match &config.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        None => Connection::open_with_flags(path, flags),
    };
    opened.map_err(|source| read_problem(path, "opening the new journal", source))
}
