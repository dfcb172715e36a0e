//! What a rebuild is made from: the bad database's bytes, the second copy and the note, row by row.
//!
//! Owns which row is believed: one whose seal fits the row before it. The second copy goes before the database, and two
//! rows that both fit are two journals, which nobody here can choose between. Only reads.

use std::path::PathBuf;

use super::JournalConfig;
use super::checked::Checked;
use super::error::JournalError;
use super::mirror::{CopyReader, MirrorRecord};
use super::salvage::{FoundRow, Salvage};
use crate::evidence::{Digest, SealedRow};

/// No record of the copy takes less than this many bytes.
const RECORD_BYTES_MIN: u64 = 48;

/// Everything that tells of the journal as it was.
pub(super) struct Sources {
    base: Salvage,
    copy: Option<CopyStream>,
    pub note: Option<Checked>,
    /// Hashes that stand for the row before, as each source has it.
    base_links: Vec<Digest>,
    copy_link: Option<Digest>,
}

/// What the sources have for one row number.
pub(super) enum Next {
    /// Nothing, and nothing behind it either.
    End,
    /// A row whose seal fits the row before.
    Sealed(SealedRow),
    /// A row behind a gap: sound in itself, but its place in the chain is lost.
    Loose(Vec<u8>),
    /// The row is known to have existed, and is lost.
    Lost,
}

impl Sources {
    /// Opens whatever is there.
    pub fn open(config: &JournalConfig) -> Result<Self, JournalError> {
        let files = &*config.files;
        let read = |path: PathBuf| {
            files
                .open_to_read(&path)
                .map_err(|source| JournalError::File {
                    operation: "reading what is left of the journal",
                    path,
                    source,
                })
        };
        let database = config.database();
        let (main, log) = (
            read(database.clone())?,
            read(super::names::log_of(&database))?,
        );
        let base = Salvage::over(main, log).map_err(|source| JournalError::File {
            operation: "reading what is left of the journal",
            path: database,
            source,
        })?;
        let copy = match &config.mirror {
            None => None,
            Some(path) => read(path.clone())?
                .map(|file| CopyStream::over(path, file))
                .transpose()?,
        };
        Ok(Self {
            base,
            copy,
            note: Checked::read(files, &config.dir),
            base_links: vec![Digest::ZERO],
            copy_link: Some(Digest::ZERO),
        })
    }

    /// Returns what there is for row `number`; numbers are asked for in order, from 1. `head` is the hash of the row
    /// before as long as none was lost.
    pub fn next(&mut self, number: u64, head: Option<Digest>) -> Result<Next, JournalError> {
        let copied = match &mut self.copy {
            None => None,
            Some(copy) => copy.take(number)?,
        };
        let found = self.base.rows(number);
        if copied.is_none() && found.is_empty() && self.is_over(number)? {
            return Ok(Next::End);
        }
        let next = match head {
            Some(head) => self.sealed(number, head, copied.as_ref(), &found)?,
            None => None,
        };
        let next = match next {
            Some(row) => Next::Sealed(row),
            None if head.is_some() => Next::Lost,
            None => self.loose(number, copied.as_ref(), &found),
        };
        self.base_links = found.iter().map(|row| row.hash).collect();
        self.copy_link = copied.map(|record| record.hash);
        Ok(next)
    }

    /// Tells whether the disk did not read some of the database.
    pub const fn is_unread(&self) -> bool {
        self.base.unreadable
    }

    /// Tells whether the copy lacks nothing that was ever acknowledged: it is sound to its last byte and reaches as far
    /// as the note, which is there only while the copy is not behind.
    pub fn copy_is_whole(&self) -> bool {
        let (Some(copy), Some(note)) = (&self.copy, &self.note) else {
            return false;
        };
        !copy.reader.skipped() && copy.last >= note.row
    }

    /// Tells whether the database, if its structure is sound, ends where everything ends.
    pub fn base_reaches_the_end(&self) -> bool {
        let copied = self.copy.as_ref().map_or(0, |copy| copy.last);
        !self.base.unreadable && self.base.last() >= copied
    }

    fn is_over(&mut self, number: u64) -> Result<bool, JournalError> {
        let more = match &mut self.copy {
            None => false,
            Some(copy) => copy.has_more()?,
        };
        let noted = self.note.is_some_and(|note| note.row >= number);
        Ok(!more && !noted && self.base.last() < number)
    }

    fn sealed(
        &self,
        number: u64,
        head: Digest,
        copied: Option<&MirrorRecord>,
        found: &[FoundRow],
    ) -> Result<Option<SealedRow>, JournalError> {
        let from_copy = copied.and_then(|record| {
            SealedRow::open(&head, number, record.body.clone(), &record.hash).ok()
        });
        let from_base: Vec<SealedRow> = found
            .iter()
            .filter_map(|row| SealedRow::open(&head, number, row.body.clone(), &row.hash).ok())
            .collect();
        let Some(copied) = from_copy else {
            return Ok(from_base.into_iter().next_back());
        };
        let other_row = from_base.iter().any(|row| row.digest() != copied.digest());
        // Behind an altered row the database may go on with a chain of its own.
        let other_chain = found.iter().any(|row| {
            let follows =
                |link: &Digest| SealedRow::open(link, number, row.body.clone(), &row.hash).is_ok();
            row.hash != copied.digest() && self.base_links.iter().any(follows)
        });
        let noted = self.note.filter(|note| note.row == number);
        let other_note = from_base.is_empty() && noted.is_some_and(|n| n.hash != copied.digest());
        if other_row || other_chain || other_note {
            let mirror = self.copy.as_ref().map(|copy| copy.path.clone());
            let mirror = mirror.unwrap_or_default();
            return Err(JournalError::ForeignMirror { mirror, number });
        }
        Ok(Some(copied))
    }

    /// Behind a gap the copy's own checksum counts, and in the database the seal over the stored hash of the row
    /// before.
    fn loose(&self, number: u64, copied: Option<&MirrorRecord>, found: &[FoundRow]) -> Next {
        if let Some(record) = copied {
            return Next::Loose(record.body.clone());
        }
        let links = || self.base_links.iter().chain(&self.copy_link);
        let sound = found.iter().find(|row| {
            links().any(|link| SealedRow::open(link, number, row.body.clone(), &row.hash).is_ok())
        });
        sound.map_or(Next::Lost, |row| Next::Loose(row.body.clone()))
    }
}

/// The second copy, record by record, past any damage.
struct CopyStream {
    path: PathBuf,
    reader: CopyReader,
    ahead: Option<MirrorRecord>,
    /// No record has a higher number than this.
    most: u64,
    /// The highest number so far.
    last: u64,
}

impl CopyStream {
    fn over(
        path: &std::path::Path,
        file: Box<dyn super::files::CopyFile>,
    ) -> Result<Self, JournalError> {
        let length = file.length().map_err(|source| JournalError::File {
            operation: "reading the second copy",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            reader: CopyReader::over(path, file, 0),
            ahead: None,
            most: length / RECORD_BYTES_MIN,
            last: 0,
        })
    }

    fn has_more(&mut self) -> Result<bool, JournalError> {
        while self.ahead.is_none() {
            let Some(record) = self.reader.next_anywhere()? else {
                return Ok(false);
            };
            if (self.last + 1..=self.most).contains(&record.number) {
                self.last = record.number;
                self.ahead = Some(record);
            }
        }
        Ok(true)
    }

    fn take(&mut self, number: u64) -> Result<Option<MirrorRecord>, JournalError> {
        let has = self.has_more()?;
        Ok(self.ahead.take_if(|record| has && record.number == number))
    }
}
