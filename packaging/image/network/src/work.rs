//! What is done at a start and after a wish: the unit of the wired link, and iwd's directory.
//!
//! Owns the order, and how the terminal's folder is opened, in which everything may be a trap: links, pipes, long
//! files. Believes nothing that it reads there.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, openat};

use super::shared::{WISH_BYTES, WiredRequest, WiredSettings, answer_line, unit};

/// Where things are.
pub struct Places {
    /// The terminal's data directory.
    pub data: PathBuf,
    /// The unit of the wired link.
    pub unit: PathBuf,
    /// Where it is told what became of a wish.
    pub answer: PathBuf,
    /// What iwd keeps: networks and their passwords.
    pub radio: PathBuf,
}

/// Before networkd and iwd start: what was wished for last holds again, and networks without the terminal's mark are
/// forgotten, so that a reset to the factory state takes them, too.
///
/// # Errors
/// The disk.
pub fn start(places: &Places) -> io::Result<()> {
    // A wish that is none leaves the image's own unit, which asks for an address.
    let settings = wish(&places.data).ok().flatten();
    let settings = settings.map_or(WiredSettings::Automatic, |request| request.settings);
    set(places, &settings)?;
    if !is_marked(&places.data) {
        empty(&places.radio)?;
    }
    fs::create_dir_all(&places.radio)?;
    fs::set_permissions(&places.radio, Permissions::from_mode(0o700))
}

/// After a wish.
///
/// # Errors
/// The disk, or a wish that is none; what holds goes on.
pub fn change(places: &Places, restart: impl FnOnce() -> bool) -> io::Result<()> {
    let Some(request) = wish(&places.data)? else {
        return Ok(());
    };
    // The folder changes for other reasons, too.
    let answered = fs::read_to_string(&places.answer).unwrap_or_default();
    let number = request.number;
    if [true, false]
        .map(|done| answer_line(number, done))
        .contains(&answered)
    {
        return Ok(());
    }
    let done = set(places, &request.settings).is_ok() && restart();
    write(&places.answer, &answer_line(number, done))
}

fn set(places: &Places, settings: &WiredSettings) -> io::Result<()> {
    match unit(settings) {
        Some(text) => write(&places.unit, &text),
        None => match fs::remove_file(&places.unit) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    }
}

/// Everybody may read it: networkd and the terminal are not root.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    fs::write(&part, text)?;
    fs::set_permissions(&part, Permissions::from_mode(0o644))?;
    fs::rename(part, path)
}

/// The terminal's folder for the network; none where there is none.
fn folder(data: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = open(data, flags, Mode::empty())
        .and_then(|data| openat(data, "network", flags, Mode::empty()));
    match opened {
        Ok(folder) => Ok(Some(folder)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn file(data: &Path, name: &str) -> io::Result<Option<File>> {
    let Some(folder) = folder(data)? else {
        return Ok(None);
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    Ok(Some(file))
}

fn wish(data: &Path) -> io::Result<Option<WiredRequest>> {
    let Some(file) = file(data, "wired")? else {
        return Ok(None);
    };
    let mut line = Vec::new();
    file.take(WISH_BYTES as u64 + 1).read_to_end(&mut line)?;
    let request = WiredRequest::parse(&line).filter(|_| line.len() <= WISH_BYTES);
    let request = request.ok_or_else(|| io::Error::other("the wish is none"))?;
    Ok(Some(request))
}

/// Whatever cannot be told is no reason to delete.
fn is_marked(data: &Path) -> bool {
    match file(data, "wifi") {
        Ok(found) => found.is_some(),
        Err(_) => true,
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
