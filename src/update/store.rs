//! The update folder in the data directory: what is being fetched, what lies ready, and the wish to the installer.
//!
//! Owns names and their order: a file has its own name only when all of it is on the disk and is what was signed, and
//! the manifest comes last. Never writes outside the folder, and never believes a file because of its name: what lies
//! ready is checked again by whoever installs it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use rustix::fs::statvfs;

use super::shared::{
    MANIFEST_BYTES, Manifest, Part, Refused, Report, Request, SIGNATURE_BYTES, TrustedKeys,
};
use crate::limits;

const MANIFEST: &str = "update.json";
const SIGNATURE: &str = "update.json.sig";
const TRIED: &str = "tried";
const WISH: &str = "apply";
const REPORT_BYTES: u64 = 1024;
const BUFFER: usize = 64 * 1024;

/// What became of the version that was to be started or left last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is to be started next.
    Chosen,
    /// A supervisor goes back from it.
    Left,
    /// Somebody was told what became of it.
    Told,
}

/// Why an update does not lie ready. What was complete before is still there, or is fetched anew.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server cannot be reached, or does not answer in time.
    #[error("the update server cannot be reached: {0}")]
    Unreachable(String),
    /// The server answers something else than the file.
    #[error("the update server answered with status {0}")]
    Status(u16),
    /// The connection ended in the middle of a file; the next try goes on there.
    #[error("the connection to the update server ended early: {0}")]
    Cut(String),
    /// A file is not as long as the manifest says.
    #[error("{0} is not as long as was signed")]
    Size(String),
    /// A file is not what was signed.
    #[error("{0} is not what was signed")]
    Hash(String),
    /// The manifest, its signature or the keys are no use.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no space for it beside the journal.
    #[error("there is no space for the update")]
    Full,
    /// The folder cannot be read or written.
    #[error("the update folder cannot be used")]
    Disk(#[source] io::Error),
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded];
        if full.contains(&error.kind()) {
            Self::Full
        } else {
            Self::Disk(error)
        }
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the folder in the data directory, which is made at the first time.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("update");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Writes a small file so that it is there as a whole or not at all.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = self.at(&format!("{name}.part"));
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(part, self.at(name))?;
        self.sync()
    }

    fn small(&self, name: &str, most: usize) -> Option<Vec<u8>> {
        read_small(&self.at(name), most as u64)
    }

    /// Returns what lies ready: a signed manifest whose files are there in their sizes.
    pub fn ready(&self, keys: &TrustedKeys) -> Option<Manifest> {
        let bytes = self.small(MANIFEST, MANIFEST_BYTES)?;
        let signature = self.small(SIGNATURE, SIGNATURE_BYTES)?;
        let manifest = Manifest::open(keys, &bytes, &signature).ok()?;
        let whole = |part: &Part| {
            let found = fs::metadata(self.at(&part.name));
            found.is_ok_and(|found| found.len() == part.size)
        };
        let complete = manifest.parts().into_iter().all(whole);
        complete.then_some(manifest)
    }

    /// Takes away everything that is not of this version; without one everything but the note of what was tried.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_only(&self, manifest: Option<&Manifest>) -> io::Result<()> {
        let mut kept = vec![TRIED.to_owned(), WISH.to_owned()];
        for part in manifest.iter().flat_map(|manifest| manifest.parts()) {
            kept.push(part.name.clone());
            kept.push(format!("{}.part", part.name));
        }
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !kept.iter().any(|kept| name == kept.as_str()) {
                fs::remove_file(entry.path())?;
            }
        }
        self.sync()
    }

    /// Tells whether all of it fits and leaves the journal its space.
    ///
    /// # Errors
    /// [`FetchError::Full`], or the disk's.
    pub fn has_room(&self, manifest: &Manifest) -> Result<(), FetchError> {
        let found = statvfs(&self.folder).map_err(io::Error::from)?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let left = |part: &Part| {
            let here = [part.name.clone(), format!("{}.part", part.name)];
            let here = here
                .iter()
                .filter_map(|name| fs::metadata(self.at(name)).ok());
            part.size.saturating_sub(here.map(|here| here.len()).sum())
        };
        let wanted: u64 = manifest.parts().into_iter().map(left).sum();
        let room = free >= wanted.saturating_add(limits::UPDATE_FREE_BYTES);
        room.then_some(()).ok_or(FetchError::Full)
    }

    /// Tells whether a file of it is complete.
    pub fn has(&self, part: &Part) -> bool {
        fs::metadata(self.at(&part.name)).is_ok_and(|found| found.len() == part.size)
    }

    /// Goes on with a file where it was left off.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(&self, part: &Part) -> Result<Partial, FetchError> {
        let path = self.at(&format!("{}.part", part.name));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        let mut partial = Partial {
            part: part.clone(),
            to: self.at(&part.name),
            path,
            file,
            done: 0,
            hash: Context::new(&SHA256),
        };
        partial.read_on()?;
        Ok(partial)
    }

    /// Puts the manifest beside its files: from here on the version lies ready.
    ///
    /// # Errors
    /// The disk's.
    pub fn complete(&self, manifest: &[u8], signature: &[u8]) -> Result<(), FetchError> {
        self.put(SIGNATURE, signature)?;
        Ok(self.put(MANIFEST, manifest)?)
    }

    /// Returns the version that was to be started or left last, and what became of it. The version that runs may be
    /// older than the one that wrote the note, so a word that it does not know is none.
    pub fn tried(&self) -> Option<(u32, Fate)> {
        let bytes = self.small(TRIED, 16)?;
        let mut words = std::str::from_utf8(&bytes).ok()?.split_whitespace();
        let version = words.next()?.parse().ok()?;
        let fate = match words.next() {
            Some("told") => Fate::Told,
            Some("left") => Fate::Left,
            _ => Fate::Chosen,
        };
        Some((version, fate))
    }

    /// Forgets it.
    ///
    /// # Errors
    /// The disk's.
    pub fn forget_tried(&self) -> io::Result<()> {
        fs::remove_file(self.at(TRIED))?;
        self.sync()
    }

    /// Notes what becomes of this version, so that the next start knows.
    ///
    /// # Errors
    /// The disk's.
    pub fn note_tried(&self, version: u32, fate: Fate) -> io::Result<()> {
        let word = match fate {
            Fate::Chosen => "",
            Fate::Left => " left",
            Fate::Told => " told",
        };
        self.put(TRIED, format!("{version}{word}\n").as_bytes())
    }

    /// Gives the installer a wish.
    ///
    /// # Errors
    /// The disk's.
    pub fn wish(&self, request: Request) -> io::Result<()> {
        self.put(WISH, request.line().as_bytes())
    }

    /// Takes a wish back that nobody took.
    pub fn withdraw(&self) -> bool {
        fs::remove_file(self.at(WISH)).is_ok()
    }
}

/// Reads the installer's report.
pub fn report(path: &Path) -> Option<Report> {
    serde_json::from_slice(&read_small(path, REPORT_BYTES)?).ok()
}

fn read_small(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(most + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

/// A file on its way, under its temporary name.
pub struct Partial {
    part: Part,
    path: PathBuf,
    to: PathBuf,
    file: File,
    done: u64,
    hash: Context,
}

impl Partial {
    fn read_on(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.part.size {
            return self.restart();
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = self.file.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.hash.update(buffer.get(..count).unwrap_or_default());
            self.done += count as u64;
        }
    }

    /// Begins the file anew.
    ///
    /// # Errors
    /// The disk's.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file = File::create(&self.path)?;
        self.done = 0;
        self.hash = Context::new(&SHA256);
        Ok(())
    }

    /// Returns what it will be.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Returns how many bytes there are.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// [`FetchError::Size`] when it would get too long: the file is taken away. Otherwise the disk's.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if self.done + bytes.len() as u64 > self.part.size {
            return Err(self.away(FetchError::Size(self.part.name.clone())));
        }
        if let Err(error) = self.file.write_all(bytes) {
            let error = FetchError::from(error);
            // A disk that is full needs the space for the journal.
            let full = matches!(error, FetchError::Full);
            return Err(if full { self.away(error) } else { error });
        }
        self.hash.update(bytes);
        self.done += bytes.len() as u64;
        Ok(())
    }

    fn away(&self, why: FetchError) -> FetchError {
        // Not there is what is wanted.
        fs::remove_file(&self.path).ok();
        why
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// [`FetchError::Hash`] when it is not what was signed: the file is taken away. Otherwise the disk's.
    pub fn end(self) -> Result<(), FetchError> {
        if self.done != self.part.size {
            return Err(FetchError::Size(self.part.name.clone()));
        }
        let found = self.hash.clone().finish();
        if found.as_ref() != self.part.sha256 {
            return Err(self.away(FetchError::Hash(self.part.name.clone())));
        }
        self.file.sync_all()?;
        fs::rename(&self.path, &self.to)?;
        let folder = self.to.parent().unwrap_or(Path::new("."));
        Ok(File::open(folder)?.sync_all()?)
    }
}
