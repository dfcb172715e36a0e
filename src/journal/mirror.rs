//! The second copy: an append-only file of every sealed row, on another path.
//!
//! Owns its format: length (u32 LE), CRC-32 of the rest (u32 LE), row number (u64 LE), hash (32), body. A torn tail is
//! cut off at opening; missing rows are appended again from the database; a copy that is ahead is an error.

use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::files::{CopyFile, Files};
use crate::evidence::{Digest, SealedRow};

const HEAD: usize = 8;
const FIXED: usize = 40;
const BODY_MAX: usize = 65_536;

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

/// The open second copy.
pub(super) struct Mirror {
    path: PathBuf,
    file: Box<dyn CopyFile>,
}

impl Mirror {
    /// Opens or creates the copy of a journal of `rows` rows, cuts a torn end, and returns the sound records. Damage
    /// in the middle is mended, too, unless a sound record behind it knows more than the journal.
    pub fn open(
        files: &dyn Files,
        path: &Path,
        rows: u64,
    ) -> Result<(Self, Vec<MirrorRecord>), JournalError> {
        let fail = |operation, source| JournalError::File {
            operation,
            path: path.to_owned(),
            source,
        };
        let mut file = files
            .open_copy(path)
            .map_err(|e| fail("opening the second copy", e))?;
        let bytes = file
            .read_all()
            .map_err(|e| fail("reading the second copy", e))?;
        let (records, sound) = parse(&bytes);
        if let Some(mirror_rows) = last_behind(&bytes[sound..]).filter(|last| *last > rows) {
            let mirror = path.to_owned();
            return Err(JournalError::RolledBack {
                mirror,
                mirror_rows,
                rows,
            });
        }
        file.cut(sound as u64)
            .map_err(|e| fail("cutting the second copy's torn end", e))?;
        Ok((
            Self {
                path: path.to_owned(),
                file,
            },
            records,
        ))
    }

    /// Appends rows and waits until they are on the disk.
    pub fn append(&mut self, rows: &[SealedRow]) -> Result<(), JournalError> {
        let bytes: Vec<u8> = rows.iter().flat_map(record).collect();
        self.file
            .append(&bytes)
            .map_err(|source| JournalError::File {
                operation: "writing the second copy",
                path: self.path.clone(),
                source,
            })
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

/// Finds the highest row number among sound records that begin anywhere behind damage.
fn last_behind(bytes: &[u8]) -> Option<u64> {
    let starts = (0..bytes.len()).filter_map(|at| parse_one(&bytes[at..]));
    starts.map(|(record, _)| record.number).max()
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

fn record(row: &SealedRow) -> Vec<u8> {
    let mut rest = Vec::with_capacity(FIXED + row.body().len());
    rest.extend_from_slice(&row.number().to_le_bytes());
    rest.extend_from_slice(row.digest().as_bytes());
    rest.extend_from_slice(row.body());
    let length = u32::try_from(rest.len()).expect("invariant: a row is at most 64 KiB");
    let mut out = Vec::with_capacity(HEAD + rest.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32(&rest).to_le_bytes());
    out.extend_from_slice(&rest);
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_or_altered_end_is_left_out_and_the_rest_is_kept() {
        let first = SealedRow::seal(&Digest::ZERO, 1, b"{\"a\":1}".to_vec());
        let second = SealedRow::seal(&first.digest(), 2, b"{\"b\":2}".to_vec());
        let mut bytes = record(&first);
        let sound = bytes.len();
        bytes.extend(record(&second));
        for cut in sound..bytes.len() {
            let (records, length) = parse(&bytes[..cut]);
            assert_eq!((records.len(), length), (1, sound), "cut at {cut}");
        }
        assert_eq!(parse(&bytes).0.len(), 2);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert_eq!(parse(&bytes).0.len(), 1);
    }
}
