//! The deletion of everything that a terminal keeps, in an order that a power cut cannot turn into a new beginning.
//!
//! Owns that order. Keys and settings go first, then whatever else lies in the data directory, then the journal, its
//! second copy, the note of how far it was checked, and the wish last: while that says `begun`, nobody opens what is
//! left. Each name is gone for good before the next one goes. Deletes nothing outside the data directory but the second
//! copy with what a rebuild set aside beside it; a link is deleted, never followed. Bytes are not overwritten: on flash
//! nobody can promise that.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::wish::{NAME, PART};

/// The database; what stands behind the name is its own, too (`-wal`, `-shm`, what a rebuild set aside).
const JOURNAL: &str = "journal.db";
/// The note without which an empty journal would be taken for a new one.
const NOTE: &str = "journal.checked";
const LOCK: &str = "journal.lock";
/// The file system's own, where the data directory is the root of one.
const LOST: &str = "lost+found";
/// What a rebuild puts behind a name that it sets aside.
const BAD: &str = ".bad-";

/// Where the data are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The data directory.
    pub data: PathBuf,
    /// The second copy of the journal, wherever it is; none where there is none.
    pub second_copy: Option<PathBuf>,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// It is a folder, and no link to one.
    pub is_folder: bool,
}

/// What the deletion does to a disk, so that a test can pull the plug between two steps.
pub trait Ground {
    /// Lists a folder; one that is not there is empty.
    ///
    /// # Errors
    /// The disk's.
    fn list(&mut self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Takes a file or a link away; one that is not there is no error.
    ///
    /// # Errors
    /// The disk's.
    fn remove_file(&mut self, path: &Path) -> io::Result<()>;

    /// Takes an empty folder away; one that is not there is no error.
    ///
    /// # Errors
    /// The disk's.
    fn remove_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the disk.
    ///
    /// # Errors
    /// The disk's.
    fn sync(&mut self, folder: &Path) -> io::Result<()>;
}

/// The system's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemGround;

impl Ground for SystemGround {
    fn list(&mut self, folder: &Path) -> io::Result<Vec<Entry>> {
        let read = match fs::read_dir(folder) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            let name = entry.file_name();
            Ok(Entry { name, is_folder })
        };
        read.map(entry).collect()
    }

    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        gone(fs::remove_file(path))
    }

    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        gone(fs::remove_dir(path))
    }

    fn sync(&mut self, folder: &Path) -> io::Result<()> {
        match File::open(folder) {
            Ok(folder) => folder.sync_all(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Deletes everything; called again it goes on where it ended. The wish must say `begun`.
///
/// # Errors
/// The first thing that cannot be deleted, with its path; everything behind it still stands, and so does the wish.
pub fn erase(ground: &mut dyn Ground, place: &Place) -> io::Result<()> {
    let mut entries = ground.list(&place.data)?;
    entries.sort();
    for turn in [Turn::First, Turn::Other, Turn::Journal] {
        for entry in &entries {
            if turn_of(place, &entry.name) == Some(turn) {
                remove(ground, &place.data, entry)?;
            }
        }
    }
    second_copy(ground, place)?;
    for name in [NOTE, LOCK, PART, NAME] {
        let name = OsString::from(name);
        let entry = Entry {
            name,
            is_folder: false,
        };
        remove(ground, &place.data, &entry)?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Settings, PIN hashes and keys: without them nothing is sold, whatever else is left.
    First,
    Other,
    Journal,
}

/// None for what is deleted by its own name at the end, or not at all.
fn turn_of(place: &Place, name: &OsStr) -> Option<Turn> {
    let text = name.to_string_lossy();
    let last = [NOTE, LOCK, PART, NAME, LOST].contains(&&*text);
    if last || place.second_copy.as_deref() == Some(&*place.data.join(name)) {
        return None;
    }
    let ends = Path::new(name).extension().map(OsStr::to_string_lossy);
    let secret = matches!(ends.as_deref(), Some("toml" | "pem" | "key" | "pin"));
    Some(if text.starts_with(JOURNAL) {
        Turn::Journal
    } else if secret {
        Turn::First
    } else {
        Turn::Other
    })
}

fn second_copy(ground: &mut dyn Ground, place: &Place) -> io::Result<()> {
    let Some(copy) = &place.second_copy else {
        return Ok(());
    };
    let name = copy.file_name().map(OsStr::to_string_lossy);
    let (Some(folder), Some(name)) = (copy.parent(), name) else {
        return Ok(());
    };
    let aside = format!("{name}{BAD}");
    for entry in ground.list(folder)? {
        let own = entry.name.to_string_lossy();
        if !entry.is_folder && (own == name || own.starts_with(&aside)) {
            remove(ground, folder, &entry)?;
        }
    }
    Ok(())
}

/// Removes what stands under a name, and waits until it is gone for good.
fn remove(ground: &mut dyn Ground, folder: &Path, entry: &Entry) -> io::Result<()> {
    let path = folder.join(&entry.name);
    let removed = if entry.is_folder {
        let inside = ground.list(&path)?;
        for own in &inside {
            remove(ground, &path, own)?;
        }
        ground.remove_folder(&path)
    } else {
        ground.remove_file(&path)
    };
    removed
        .and_then(|()| ground.sync(folder))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
