//! The second copy: an append-only file of every sealed row, on another path.
//!
//! Owns its format: length (u32 LE), CRC-32 of the rest (u32 LE), row number (u64 LE), hash (32), body. Reads through a
//! window of fixed size, however long the copy is. A torn tail is cut off at opening; missing rows are appended again
//! from the database; a copy that is ahead is an error. Which is which decides `audit`.

use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::files::{CopyFile, Files};
use crate::evidence::{Digest, SealedRow};

const HEAD: usize = 8;
const FIXED: usize = 40;
const BODY_MAX: usize = 65_536;
const RECORD_MAX: usize = HEAD + FIXED + BODY_MAX;
/// What is read at once.
const WINDOW_BYTES: usize = 4 * RECORD_MAX;
/// The end that is written once more at opening: more than one unit of work, of which a failed sync may have left
/// nothing on the disk.
const DOUBTED_BYTES: u64 = 1024 * 1024;
/// Rows are appended in pieces of about this size when many are missing.
const PIECE_BYTES: usize = 256 * 1024;

/// One record of the second copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRecord {
    /// Row number.
    pub number: u64,
    /// Row hash.
    pub hash: Digest,
    /// Row bytes.
    pub body: Vec<u8>,
}

/// How far a copy is sound and equal to the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Records so far.
    pub records: u64,
    /// Where the last of them begins.
    pub last_at: u64,
    /// Where it ends.
    pub end: u64,
}

/// The second copy, open for appending.
pub(super) struct Mirror {
    path: PathBuf,
    file: Box<dyn CopyFile>,
    pub place: Place,
}

impl Mirror {
    /// Opens or creates the copy, cuts what stands behind `place`, and makes sure that its end is on the disk.
    pub fn open(files: &dyn Files, path: &Path, place: Place) -> Result<Self, JournalError> {
        let fail = |operation| {
            move |source| JournalError::File {
                operation,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = files
            .open_copy(path)
            .map_err(fail("opening the second copy"))?;
        if file.length().map_err(fail("reading the second copy"))? != place.end {
            file.cut(place.end)
                .map_err(fail("cutting the second copy's torn end"))?;
        }
        file.refresh(place.end.saturating_sub(DOUBTED_BYTES))
            .map_err(fail("writing the second copy"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            place,
        })
    }

    /// Appends rows and waits until they are on the disk. After an error the copy has to be opened again: the place is
    /// still that of the last good append.
    pub fn append(&mut self, rows: &[SealedRow]) -> Result<(), JournalError> {
        let (mut bytes, mut next) = (Vec::new(), self.place);
        for row in rows {
            next.last_at = self.place.end + bytes.len() as u64;
            next.records += 1;
            write_record(&mut bytes, row.number(), &row.digest(), row.body());
        }
        next.end = self.place.end + bytes.len() as u64;
        self.file
            .append(&bytes, self.place.end)
            .map_err(|source| JournalError::File {
                operation: "writing the second copy",
                path: self.path.clone(),
                source,
            })?;
        self.place = next;
        Ok(())
    }
}

/// Appends many rows in pieces of bounded size.
pub(super) struct Filler<'a> {
    mirror: &'a mut Mirror,
    rows: Vec<SealedRow>,
    bytes: usize,
}

impl<'a> Filler<'a> {
    pub fn new(mirror: &'a mut Mirror) -> Self {
        Self {
            mirror,
            rows: Vec::new(),
            bytes: 0,
        }
    }

    pub fn take(&mut self, row: SealedRow) -> Result<(), JournalError> {
        self.bytes += RECORD_MAX - BODY_MAX + row.body().len();
        self.rows.push(row);
        if self.bytes >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    pub fn flush(&mut self) -> Result<(), JournalError> {
        if !self.rows.is_empty() {
            self.mirror.append(&self.rows)?;
        }
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Reads a copy record by record through one window.
pub(super) struct CopyReader {
    path: PathBuf,
    file: Box<dyn CopyFile>,
    window: Vec<u8>,
    /// Where in the file the window begins.
    window_at: u64,
    from: usize,
    /// The window reaches to the end of the file.
    ended: bool,
    /// Bytes that are no record were passed over.
    skipped: bool,
}

impl CopyReader {
    /// Opens a copy for reading from `at` on. One that is not there is made, and is empty.
    pub fn open(files: &dyn Files, path: &Path, at: u64) -> Result<Self, JournalError> {
        let file = files.open_copy(path).map_err(|source| JournalError::File {
            operation: "opening the second copy",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::over(path, file, at))
    }

    pub fn over(path: &Path, file: Box<dyn CopyFile>, at: u64) -> Self {
        Self {
            path: path.to_owned(),
            file,
            window: Vec::new(),
            window_at: at,
            from: 0,
            ended: false,
            skipped: false,
        }
    }

    /// Returns where the next record begins, in bytes from the beginning of the file.
    pub fn at(&self) -> u64 {
        self.window_at + self.from as u64
    }

    /// Returns the next record with its place; `None` at the end or where the copy is damaged.
    pub fn next(&mut self) -> Result<Option<(u64, MirrorRecord)>, JournalError> {
        self.fill(RECORD_MAX)?;
        let at = self.at();
        let Some((record, length)) = parse_one(&self.window[self.from..]) else {
            return Ok(None);
        };
        self.from += length;
        Ok(Some((at, record)))
    }

    /// Tells whether the file ends here, or within what would be this row's record.
    pub fn ends_within(
        &mut self,
        number: u64,
        hash: &Digest,
        body: &[u8],
    ) -> Result<bool, JournalError> {
        self.fill(RECORD_MAX)?;
        let (mut record, rest) = (Vec::new(), &self.window[self.from..]);
        write_record(&mut record, number, hash, body);
        Ok(self.ended && rest.len() < record.len() && record.starts_with(rest))
    }

    /// Tells whether nothing at all stands behind the records that were read.
    pub fn is_at_the_end(&self) -> Result<bool, JournalError> {
        let length = self.file.length().map_err(|source| JournalError::File {
            operation: "reading the second copy",
            path: self.path.clone(),
            source,
        })?;
        Ok(length == self.at())
    }

    /// Returns the next sound record wherever it begins, past any damage; `None` at the end.
    pub fn next_anywhere(&mut self) -> Result<Option<MirrorRecord>, JournalError> {
        loop {
            self.fill(RECORD_MAX)?;
            let rest = &self.window[self.from..];
            if rest.is_empty() {
                return Ok(None);
            }
            if let Some((record, length)) = parse_one(rest) {
                self.from += length;
                return Ok(Some(record));
            }
            self.from += 1;
            self.skipped = true;
        }
    }

    /// Tells whether [`Self::next_anywhere`] passed over bytes that are no record.
    pub const fn skipped(&self) -> bool {
        self.skipped
    }

    /// Finds the highest row number among sound records that begin anywhere behind damage.
    pub fn last_behind(mut self) -> Result<Option<u64>, JournalError> {
        let mut last = None;
        while let Some(record) = self.next_anywhere()? {
            last = last.max(Some(record.number));
        }
        Ok(last)
    }

    /// Makes sure that `wanted` bytes are in the window, as far as the file has them.
    fn fill(&mut self, wanted: usize) -> Result<(), JournalError> {
        if self.ended || self.window.len() - self.from >= wanted {
            return Ok(());
        }
        self.window.drain(..self.from);
        self.window_at += self.from as u64;
        self.from = 0;
        let mut have = self.window.len();
        self.window.resize(WINDOW_BYTES, 0);
        while have < WINDOW_BYTES {
            let at = self.window_at + have as u64;
            let read = self.file.read_at(&mut self.window[have..], at);
            match read {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => have += count,
                Err(source) => {
                    return Err(JournalError::File {
                        operation: "reading the second copy",
                        path: self.path.clone(),
                        source,
                    });
                }
            }
        }
        self.window.truncate(have);
        Ok(())
    }
}

/// Reads a whole copy: the sound records and the length of the sound part.
pub fn parse(bytes: &[u8]) -> (Vec<MirrorRecord>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((record, length)) = parse_one(&bytes[at..]) {
        records.push(record);
        at += length;
    }
    (records, at)
}

fn parse_one(bytes: &[u8]) -> Option<(MirrorRecord, usize)> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let check = u32::from_le_bytes(bytes.get(4..HEAD)?.try_into().ok()?);
    if !(FIXED..=FIXED + BODY_MAX).contains(&length) {
        return None;
    }
    let rest = bytes.get(HEAD..HEAD + length)?;
    if crc32(rest) != check {
        return None;
    }
    let number = u64::from_le_bytes(rest[..8].try_into().ok()?);
    let hash = Digest::from_bytes(rest[8..FIXED].try_into().ok()?);
    Some((
        MirrorRecord {
            number,
            hash,
            body: rest[FIXED..].to_vec(),
        },
        HEAD + length,
    ))
}

fn write_record(out: &mut Vec<u8>, number: u64, hash: &Digest, body: &[u8]) {
    let length = u32::try_from(FIXED + body.len());
    let length = length.expect("invariant: a row is at most 64 KiB");
    let begin = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(hash.as_bytes());
    out.extend_from_slice(body);
    let check = crc32(&out[begin + HEAD..]);
    out[begin + 4..begin + HEAD].copy_from_slice(&check.to_le_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A copy in memory that gives its bytes in dribs.
    struct Dribs(Vec<u8>);

    impl CopyFile for Dribs {
        fn length(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
            let rest = self.0.get(usize::try_from(at).expect("small")..);
            let rest = rest.unwrap_or_default();
            let count = rest.len().min(bytes.len()).min(70_001);
            bytes[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }

        fn cut(&mut self, _: u64) -> io::Result<()> {
            unreachable!("only read")
        }

        fn append(&mut self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!("only read")
        }

        fn refresh(&mut self, _: u64) -> io::Result<()> {
            unreachable!("only read")
        }
    }

    fn reader(bytes: &[u8], at: u64) -> CopyReader {
        CopyReader::over(Path::new("copy"), Box::new(Dribs(bytes.to_vec())), at)
    }

    fn chain(count: u64) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut starts, mut previous) = (Vec::new(), Vec::new(), Digest::ZERO);
        for number in 1..=count {
            let length = if number % 7 == 0 { 65_000 } else { 300 };
            let row = SealedRow::seal(&previous, number, vec![b'x'; length]);
            previous = row.digest();
            starts.push(bytes.len() as u64);
            write_record(&mut bytes, row.number(), &row.digest(), row.body());
        }
        (bytes, starts)
    }

    #[test]
    fn a_torn_or_altered_end_is_left_out_and_the_rest_is_kept() {
        let (bytes, starts) = chain(2);
        let sound = usize::try_from(starts[1]).expect("small");
        for cut in sound..bytes.len() {
            let (records, length) = parse(&bytes[..cut]);
            assert_eq!((records.len(), length), (1, sound), "cut at {cut}");
        }
        assert_eq!(parse(&bytes).0.len(), 2);
        let mut altered = bytes;
        let last = altered.len() - 1;
        altered[last] ^= 1;
        assert_eq!(parse(&altered).0.len(), 1);
    }

    #[test]
    fn the_window_reads_what_the_whole_reads_from_any_record_on() {
        let (bytes, starts) = chain(60);
        let whole = parse(&bytes).0;
        for (skipped, at) in starts.iter().enumerate() {
            let mut reader = reader(&bytes, *at);
            let mut found = Vec::new();
            while let Some((_, record)) = reader.next().expect("readable") {
                found.push(record);
            }
            assert_eq!(found, whole[skipped..], "from record {skipped}");
            assert_eq!(reader.at(), bytes.len() as u64);
        }
    }

    #[test]
    fn a_record_behind_damage_is_found_wherever_the_damage_is() {
        let (bytes, starts) = chain(40);
        for at in [0, starts[6] + 9, starts[20], starts[39] - 1] {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(at).expect("small")] ^= 0x40;
            let mut reader = reader(&damaged, 0);
            while reader.next().expect("readable").is_some() {}
            assert_eq!(reader.last_behind().expect("readable"), Some(40), "{at}");
        }
        assert_eq!(
            reader(&[7; 200_000], 0).last_behind().expect("readable"),
            None
        );
    }
}
