//! Finds rows in the bytes of a database that SQLite may not be able to open any more.
//!
//! Owns the little that has to be known of SQLite's file format: table leaves, records, overflow pages, the write-ahead
//! log. Only reads, and believes nothing: what it finds are candidates, and a row's seal decides. The layout is that of
//! sqlite.org/fileformat2.html, sections 1.6, 2.1 and 4; rows of other tables have another shape.

use std::collections::BTreeMap;
use std::io;

use super::files::CopyFile;
use crate::evidence::Digest;

/// The page size of every journal: SQLite's default, which nothing here changes.
const PAGE: usize = 4096;
const PAGE_U64: u64 = 4096;
const LOG_HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;
/// The longest record that has no overflow page, and the least that stays in the leaf when it has.
const LOCAL_MAX: usize = PAGE - 35;
const LOCAL_MIN: usize = (PAGE - 12) * 32 / 255 - 23;
/// The longest row, with its record's head.
const RECORD_MAX: usize = 65_536 + 256;
/// No row takes less of a file than this many bytes.
const ROW_BYTES_MIN: u64 = 40;
/// The type of a page that is a leaf of a table.
const TABLE_LEAF: u8 = 0x0d;

/// A row as some page has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundRow {
    pub body: Vec<u8>,
    pub hash: Digest,
}

/// Where a page image begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Main(u64),
    Log(u64),
}

/// A damaged database and its log, with every place where a row may stand.
pub(super) struct Salvage {
    main: Option<Box<dyn CopyFile>>,
    log: Option<Box<dyn CopyFile>>,
    /// Row number, page image, and where in it the cell begins.
    cells: Vec<(u64, Place, u16)>,
    /// The newest committed image of each page in the log.
    newest: BTreeMap<u64, u64>,
    /// The page image that was read last.
    held: Option<(Place, Vec<u8>)>,
    /// Some page could not be read.
    pub unreadable: bool,
}

impl Salvage {
    /// Looks through both files.
    ///
    /// # Errors
    /// The length of a file cannot be told.
    pub fn over(
        main: Option<Box<dyn CopyFile>>,
        log: Option<Box<dyn CopyFile>>,
    ) -> io::Result<Self> {
        let lengths = (length(main.as_deref())?, length(log.as_deref())?);
        let mut found = Self {
            main,
            log,
            cells: Vec::new(),
            newest: BTreeMap::new(),
            held: None,
            unreadable: false,
        };
        let Some(images) = found.committed_images(lengths.1) else {
            found.unreadable = true;
            return Ok(found);
        };
        found.newest = images.iter().copied().collect();
        for page in 0..lengths.0.div_ceil(PAGE_U64) {
            found.index(Place::Main(page * PAGE_U64));
        }
        for (_, at) in images {
            found.index(Place::Log(at));
        }
        let most = (lengths.0 + lengths.1) / ROW_BYTES_MIN;
        found
            .cells
            .retain(|(number, _, _)| (1..=most).contains(number));
        found.cells.sort_unstable();
        Ok(found)
    }

    /// Returns the highest number that any row has.
    pub fn last(&self) -> u64 {
        self.cells.last().map_or(0, |(number, _, _)| *number)
    }

    /// Returns what stands anywhere as row `number`, without repetitions.
    pub fn rows(&mut self, number: u64) -> Vec<FoundRow> {
        let from = self.cells.partition_point(|(other, _, _)| *other < number);
        let to = self.cells.partition_point(|(other, _, _)| *other <= number);
        let cells = self.cells[from..to].to_vec();
        let mut rows: Vec<FoundRow> = Vec::new();
        for (_, place, at) in cells {
            if let Some(row) = self.row(place, usize::from(at))
                && !rows.contains(&row)
            {
                rows.push(row);
            }
        }
        rows
    }

    fn index(&mut self, place: Place) {
        let Some(page) = self.page(place) else {
            return;
        };
        // The first page of the file begins with the file's own head.
        let head = if place == Place::Main(0) { 100 } else { 0 };
        let mut cells = Vec::new();
        if page.get(head) != Some(&TABLE_LEAF) {
            return;
        }
        let count = be16(&page, head + 3).unwrap_or(0);
        for cell in 0..usize::from(count) {
            let Some(at) = be16(&page, head + 8 + 2 * cell) else {
                break;
            };
            let Some(rest) = page.get(usize::from(at)..) else {
                continue;
            };
            let number = varint(rest).and_then(|(_, used)| varint(&rest[used..]));
            if let Some((number, _)) = number {
                cells.push((number, place, at));
            }
        }
        // A spoilt page points anywhere: what has not the shape of a row says nothing of how many there were.
        for (number, place, at) in cells {
            if self.row(place, usize::from(at)).is_some() {
                self.cells.push((number, place, at));
            }
        }
    }

    fn row(&mut self, place: Place, at: usize) -> Option<FoundRow> {
        let page = self.page(place)?;
        let cell = page.get(at..)?;
        let (length, one) = varint(cell)?;
        let (_, two) = varint(&cell[one..])?;
        let length = usize::try_from(length).ok().filter(|n| *n <= RECORD_MAX)?;
        let payload = &cell[one + two..];
        if length <= LOCAL_MAX {
            return read_record(payload.get(..length)?);
        }
        let most = LOCAL_MIN + (length - LOCAL_MIN) % (PAGE - 4);
        let local = if most <= LOCAL_MAX { most } else { LOCAL_MIN };
        let mut record = payload.get(..local)?.to_vec();
        let mut next = be32(payload, local)?;
        while record.len() < length {
            let page = self.page(self.place_of(next)?)?;
            let more = (length - record.len()).min(PAGE - 4);
            record.extend_from_slice(&page[4..4 + more]);
            next = be32(&page, 0)?;
        }
        read_record(&record)
    }

    fn place_of(&self, page: u32) -> Option<Place> {
        let page = u64::from(page);
        let main = page.checked_sub(1)? * PAGE_U64;
        let log = self.newest.get(&page);
        Some(log.map_or(Place::Main(main), |at| Place::Log(*at)))
    }

    /// Reads a page image; what lies behind the end of the file reads as zeros, as it does for SQLite.
    fn page(&mut self, place: Place) -> Option<Vec<u8>> {
        if let Some((held, page)) = &self.held
            && *held == place
        {
            return Some(page.clone());
        }
        let (file, at) = match place {
            Place::Main(at) => (self.main.as_deref()?, at),
            Place::Log(at) => (self.log.as_deref()?, at),
        };
        let Ok(page) = read(file, at, PAGE) else {
            self.unreadable = true;
            return None;
        };
        self.held = Some((place, page.clone()));
        Some(page)
    }

    /// Returns page numbers and places of the images that SQLite would take from the log: those before the last commit
    /// whose checksums hold, in order. `None` when the disk does not read it.
    fn committed_images(&self, length: u64) -> Option<Vec<(u64, u64)>> {
        let Some(log) = self.log.as_deref() else {
            return Some(Vec::new());
        };
        let head = read(log, 0, 32).ok()?;
        let big = match be32(&head, 0) {
            Some(0x377f_0683) => true,
            Some(0x377f_0682) => false,
            Some(_) | None => return Some(Vec::new()),
        };
        let mut sums = add_up((0, 0), &head[..24], big);
        let (mut images, mut committed) = (Vec::new(), 0);
        if be32(&head, 8) != Some(4096) || !fits(sums, &head, 24) {
            return Some(images);
        }
        let mut at = LOG_HEAD;
        while at + FRAME_HEAD + PAGE_U64 <= length {
            let frame = read(log, at, 24 + PAGE).ok()?;
            sums = add_up(add_up(sums, &frame[..8], big), &frame[24..], big);
            if frame[8..16] != head[16..24] || !fits(sums, &frame, 16) {
                break;
            }
            let page = be32(&frame, 0).unwrap_or(0);
            images.push((u64::from(page), at + FRAME_HEAD));
            if be32(&frame, 4) != Some(0) {
                committed = images.len();
            }
            at += FRAME_HEAD + PAGE_U64;
        }
        images.truncate(committed);
        Some(images)
    }
}

fn length(file: Option<&dyn CopyFile>) -> io::Result<u64> {
    file.map_or(Ok(0), CopyFile::length)
}

/// Reads so many bytes; what is not there is zero.
fn read(file: &dyn CopyFile, at: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut have = 0;
    while have < count {
        match file.read_at(&mut bytes[have..], at + have as u64)? {
            0 => break,
            more => have += more,
        }
    }
    Ok(bytes)
}

/// Takes a record of the table `fact` apart: number (stored as nothing), transaction, body, hash.
fn read_record(record: &[u8]) -> Option<FoundRow> {
    let (head, mut at) = varint(record)?;
    let head = usize::try_from(head).ok()?;
    let mut kinds = [0; 4];
    for kind in &mut kinds {
        let (value, used) = varint(record.get(at..head)?)?;
        *kind = value;
        at += used;
    }
    // Blobs have even kinds from 12 on, texts odd ones from 13 on.
    let size = |kind: u64| usize::try_from(kind.saturating_sub(12) / 2).ok();
    let [number, txn, body, hash] = kinds;
    let shaped = number == 0 && (txn == 0 || txn == 77) && body >= 12 && body % 2 == 0;
    if !shaped || hash != 76 || at != head {
        return None;
    }
    let body_at = head + size(txn)?;
    let hash_at = body_at + size(body)?;
    Some(FoundRow {
        body: record.get(body_at..hash_at)?.to_vec(),
        hash: Digest::from_bytes(record.get(hash_at..hash_at + 32)?.try_into().ok()?),
    })
}

/// Reads a number of 1 to 9 bytes; returns how many there were.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for at in 0..8 {
        let byte = *bytes.get(at)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(8)?), 9))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The log's checksum over pairs of words.
fn add_up(sums: (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    let (mut one, mut two) = sums;
    for pair in bytes.chunks_exact(8) {
        let word = |at: usize| {
            let four = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if big {
                u32::from_be_bytes(four)
            } else {
                u32::from_le_bytes(four)
            }
        };
        one = one.wrapping_add(word(0)).wrapping_add(two);
        two = two.wrapping_add(word(4)).wrapping_add(one);
    }
    (one, two)
}

fn fits(sums: (u32, u32), bytes: &[u8], at: usize) -> bool {
    be32(bytes, at) == Some(sums.0) && be32(bytes, at + 4) == Some(sums.1)
}
