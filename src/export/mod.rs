//! Exports: what the journal holds of a span of days or of a closed batch, as CSV, as a spreadsheet or as JSON lines
//! with a hash chain.
//!
//! Owns the rows, the three layouts and the way onto the disk: a temporary name in the same folder, synced, then
//! renamed, so that a file of the final name is always complete. Never writes to the journal, and knows no key and no
//! card number: the journal has none. Tested by `tests/it/export.rs` and by a reader in Python
//! (`tests/peer/read_export.py`).

mod layout;
mod row;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::journal::{Accounts, JournalError, Span};
use crate::settlement::Posting;
use layout::Layout;
use row::Row;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// UTF-8 with a byte order mark, every cell quoted, no text that a spreadsheet would take for a formula.
    Csv,
    /// Excel 2007, typed cells.
    Xlsx,
    /// One JSON object a line, each with the SHA-256 of the line before.
    Jsonl,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Xlsx, Self::Jsonl];

    /// Returns the ending of its files.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Jsonl => "jsonl",
        }
    }

    /// Finds a format by its ending.
    ///
    /// # Errors
    /// The words name what there is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.ending() == text);
        found.ok_or_else(|| format!("no format {text:?}; use csv, xlsx or jsonl"))
    }
}

/// Count and sum of what counts: sales that were paid less voids and refunds that were done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Rows in all.
    pub rows: u64,
    /// Rows that count.
    pub count: u64,
    /// Their sum in minor units.
    pub minor: i64,
}

/// A finished export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub total: Total,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The folder or the file cannot be written.
    #[error("{operation} {}: {}", path.display(), told(source))]
    File {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A sheet has too few rows.
    #[error("{rows} rows, and a sheet takes {most}; use csv or jsonl, or fewer days")]
    TooMany {
        /// Rows of the span.
        rows: u64,
        /// What fits.
        most: u64,
    },
}

/// A full disk is told as such.
fn told(source: &io::Error) -> String {
    use io::ErrorKind;
    let is = |kinds: &[ErrorKind]| kinds.contains(&source.kind());
    if is(&[ErrorKind::StorageFull, ErrorKind::QuotaExceeded]) {
        "the disk is full; free some space or choose another folder, nothing was left there".into()
    } else if is(&[ErrorKind::FileTooLarge]) {
        "the file would be too large for the disk; choose fewer days, nothing was left there".into()
    } else if is(&[ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem]) {
        format!("{source}; choose a folder that can be written")
    } else {
        source.to_string()
    }
}

/// Where the rows of an export come from.
pub trait Postings {
    /// Counts what [`Self::each`] visits.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read.
    fn count(&mut self) -> Result<u64, JournalError>;

    /// Visits every posting, in the order of the journal.
    ///
    /// # Errors
    /// Those of the journal, and what `visit` returns.
    fn each(
        &mut self,
        visit: &mut dyn FnMut(Posting) -> Result<(), ExportError>,
    ) -> Result<(), ExportError>;
}

/// Everything that was opened in a span, of a journal that no terminal is running on.
impl Postings for (&Accounts, Span) {
    fn count(&mut self) -> Result<u64, JournalError> {
        self.0.count(self.1)
    }

    fn each(
        &mut self,
        visit: &mut dyn FnMut(Posting) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.0.each(self.1, visit)
    }
}

/// A file on its way: under its temporary name until everything is on the disk.
struct Part {
    format: Format,
    temporary: PathBuf,
    path: PathBuf,
}

/// Writes every posting into `folder`, once in each format, under this name and the format's ending. `progress` hears
/// how many of how many are written. Returns where the files are, in the order of `formats`.
///
/// # Errors
/// [`ExportError`]; then no file was made or changed, unless the last step of all, giving the names, fails between two
/// files. Each file of a final name is complete whatever happens.
pub fn export(
    source: &mut dyn Postings,
    formats: &[Format],
    (folder, name): (&Path, &str),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Written>, ExportError> {
    let rows = source.count()?;
    if formats.contains(&Format::Xlsx) && rows > layout::SHEET_ROWS {
        let most = layout::SHEET_ROWS;
        return Err(ExportError::TooMany { rows, most });
    }
    let part = |format: &Format| Part {
        format: *format,
        temporary: folder.join(format!(".{name}.{}.part", format.ending())),
        path: folder.join(format!("{name}.{}", format.ending())),
    };
    let parts: Vec<Part> = formats.iter().map(part).collect();
    let written = write_rows(source, &parts, &mut |done| progress(done, rows));
    let finished = written.and_then(|total| {
        for part in &parts {
            finish(&part.temporary, &part.path)?;
        }
        Ok(total)
    });
    if finished.is_err() {
        for part in &parts {
            // Not there when it could not be made, or has its name already.
            fs::remove_file(&part.temporary).ok();
        }
    }
    let total = finished?;
    let written = |part: Part| Written {
        path: part.path,
        total,
    };
    Ok(parts.into_iter().map(written).collect())
}

fn failed<'a>(
    operation: &'static str,
    part: &'a Part,
) -> impl FnOnce(io::Error) -> ExportError + use<'a> {
    move |source| ExportError::File {
        operation,
        path: part.temporary.clone(),
        source,
    }
}

/// Makes the file anew. What is left of an export that was cut off is removed, and never followed when it is a link.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
        Err(other) => return Err(other),
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn write_rows(
    source: &mut dyn Postings,
    parts: &[Part],
    progress: &mut dyn FnMut(u64),
) -> Result<Total, ExportError> {
    let mut layouts = Vec::new();
    for part in parts {
        let file = create(&part.temporary).map_err(failed("making", part))?;
        let layout = Layout::begin(part.format, BufWriter::new(file));
        layouts.push(layout.map_err(failed("writing", part))?);
    }
    let mut total = Total::default();
    source.each(&mut |posting| {
        let row = Row::of(&posting);
        total.rows += 1;
        if row.counts {
            total.count += 1;
            total.minor += row.minor;
        }
        for (layout, part) in layouts.iter_mut().zip(parts) {
            layout.row(&row).map_err(failed("writing", part))?;
        }
        progress(total.rows);
        Ok(())
    })?;
    for (layout, part) in layouts.into_iter().zip(parts) {
        let mut out = layout.end(total).map_err(failed("writing", part))?;
        out.flush().map_err(failed("writing", part))?;
        out.get_ref().sync_all().map_err(failed("syncing", part))?;
    }
    Ok(total)
}

fn finish(part: &Path, path: &Path) -> Result<(), ExportError> {
    let failed = |source| ExportError::File {
        operation: "renaming into",
        path: path.to_owned(),
        source,
    };
    fs::rename(part, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::told;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_full_disk_and_a_closed_folder_are_told_with_what_to_do() {
        for (kind, words) in [
            (ErrorKind::StorageFull, "the disk is full"),
            (ErrorKind::QuotaExceeded, "the disk is full"),
            (ErrorKind::FileTooLarge, "fewer days"),
            (ErrorKind::PermissionDenied, "can be written"),
            (ErrorKind::ReadOnlyFilesystem, "can be written"),
        ] {
            let told = told(&Error::from(kind));
            assert!(told.contains(words), "{told}");
        }
    }
}
