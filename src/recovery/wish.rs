//! The wish for a reset: one line in the data directory, from the supervisor's word to the last deleted file.
//!
//! Owns the file `reset` and its form. A wish names the number of records that the journal had when it was made, so
//! that one that lies about for days is not followed once the till has gone on. Whoever finds `begun` deletes on and
//! opens nothing. A line whose checksum does not fit is no wish.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Name of the file in the data directory.
pub const NAME: &str = "reset";
/// Name under which it is written first.
pub const PART: &str = "reset.part";
const HEAD: &str = "shouyin-reset-1";
const BEGUN: &str = "begun";
const WISHED: &str = "wished";
/// Longer than every line of this form, in bytes.
const BYTES_MAX: u64 = 128;

/// How far a reset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A supervisor wants it; nothing was deleted.
    Wished {
        /// Records that the journal had.
        rows: u64,
    },
    /// The journal was looked at and the deletion has begun.
    Begun,
}

/// What lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A wish.
    Wish(Wish),
    /// A file of that name that is no wish.
    Strange,
}

/// The file of one data directory.
#[derive(Clone, Debug)]
pub struct WishFile {
    folder: PathBuf,
}

impl WishFile {
    /// Names the file; nothing is made.
    pub fn of(data: &Path) -> Self {
        let folder = data.to_owned();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Reads it.
    ///
    /// # Errors
    /// The disk does not say whether there is one: then nothing may be opened either.
    pub fn read(&self) -> io::Result<Found> {
        let file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Ok(Found::Strange);
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(parse(&bytes).map_or(Found::Strange, Found::Wish))
    }

    /// Writes it in the place of an older one; when this returns it is there after a power cut, as a whole.
    ///
    /// # Errors
    /// The disk's; the older one, if any, still stands.
    pub fn write(&self, wish: Wish) -> io::Result<()> {
        let part = self.folder.join(PART);
        let mut file = File::create(&part)?;
        file.write_all(line(wish).as_bytes())?;
        file.sync_all()?;
        fs::rename(part, self.path())?;
        File::open(&self.folder)?.sync_all()
    }

    /// Takes it away.
    ///
    /// # Errors
    /// The disk's; it may still be there.
    pub fn take_back(&self) -> io::Result<()> {
        let path = self.path();
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
        File::open(&self.folder)?.sync_all()
    }
}

fn line(wish: Wish) -> String {
    let told = match wish {
        Wish::Wished { rows } => format!("{HEAD} {WISHED} {rows}"),
        Wish::Begun => format!("{HEAD} {BEGUN}"),
    };
    format!("{told} {:08x}\n", crc32fast::hash(told.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<Wish> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (told, check) = text.rsplit_once(' ')?;
    if u32::from_str_radix(check, 16).ok()? != crc32fast::hash(told.as_bytes()) {
        return None;
    }
    let words: Vec<&str> = told.split(' ').collect();
    match words.as_slice() {
        [HEAD, BEGUN] => Some(Wish::Begun),
        [HEAD, WISHED, rows] => Some(Wish::Wished {
            rows: rows.parse().ok()?,
        }),
        _ => None,
    }
}
