//! One wish of the terminal, from its line to the report.
//!
//! Owns what is checked before `steps` begins: the wish is taken away first, so that a power cut cannot make it come
//! again and again; the manifest is read once, and its signature is checked over those very bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::disk::{Disk, names};
use super::folder::Folder;
use super::kernels;
use super::shared::{
    Failure, MANIFEST_BYTES, Manifest, REQUEST_BYTES, Report, Request, SIGNATURE_BYTES,
    TrustedKeys, Wish,
};
use super::steps::{self, Stopped};

/// Where everything is.
#[derive(Debug)]
pub struct Places {
    /// The terminal's update folder.
    pub folder: PathBuf,
    /// The trusted keys, in the verified root.
    pub keys: PathBuf,
    /// The slot that does not run.
    pub slot: PathBuf,
    /// The folder of the kernels.
    pub boot: PathBuf,
    /// Where the report goes.
    pub report: PathBuf,
    /// The version that runs.
    pub running: u32,
}

/// What is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing; the reason, where something was not done.
    Nothing(Option<String>),
    /// The machine has to start anew.
    Restart,
}

/// Says what can be gone back to and what starts next.
///
/// # Errors
/// The kernels cannot be listed, or the report cannot be written.
pub fn report(places: &Places, answers: Option<u64>, failed: Option<Failure>) -> io::Result<()> {
    let names = names(&places.boot)?;
    let next = kernels::next(&names).filter(|version| *version != places.running);
    let proved = names.contains(&kernels::proven(places.running));
    let back = kernels::other_proven(&names, places.running);
    let report = Report {
        answers,
        failed,
        next,
        // What is about to be started is not gone back to.
        back: back.filter(|_| proved && next.is_none()),
    };
    write(&places.report, report.text().as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    File::create(&unfinished)?.write_all(bytes)?;
    fs::rename(unfinished, path)
}

/// Takes the wish and does it.
///
/// # Errors
/// There is no wish, it cannot be taken away, or nothing can be reported.
pub fn serve(places: &Places) -> io::Result<After> {
    let mut folder = Folder::open(&places.folder)?;
    let line = folder.small("apply", REQUEST_BYTES);
    folder.remove("apply")?;
    let Some(request) = line.ok().and_then(|line| Request::parse(&line)) else {
        report(places, None, Some(Failure::Request))?;
        return Ok(After::Nothing(Some("the wish cannot be read".to_owned())));
    };
    let done = match request.wish {
        Wish::Install(version) => install(places, version, &mut folder),
        Wish::Back(version) => back(places, version),
        Wish::Restart => {
            report(places, Some(request.number), None)?;
            return Ok(After::Restart);
        }
    };
    let (failed, why) = match done {
        Ok(()) => (None, None),
        Err((failure, why)) => (Some(failure), Some(why)),
    };
    report(places, Some(request.number), failed)?;
    Ok(After::Nothing(why))
}

fn install(places: &Places, version: u32, folder: &mut Folder) -> Result<(), Stopped> {
    let foreign = |why: String| (Failure::Foreign, why);
    let pem = fs::read_to_string(&places.keys).map_err(|error| foreign(error.to_string()))?;
    let keys = TrustedKeys::parse(&pem).map_err(|error| foreign(error.to_string()))?;
    let damaged = |error: io::Error| (Failure::Damaged, error.to_string());
    let small = |name: &str, most| folder.small(name, most).map_err(damaged);
    let bytes = small("update.json", MANIFEST_BYTES)?;
    let signature = small("update.json.sig", SIGNATURE_BYTES)?;
    let manifest =
        Manifest::open(&keys, &bytes, &signature).map_err(|error| foreign(error.to_string()))?;
    if manifest.version != version {
        return Err(foreign("another version lies there".to_owned()));
    }
    let mut disk = open(places)?;
    steps::install(&manifest, places.running, &mut disk, folder)
}

fn back(places: &Places, version: u32) -> Result<(), Stopped> {
    steps::back(version, places.running, &mut open(places)?)
}

fn open(places: &Places) -> Result<Disk, Stopped> {
    // The name of a partition is a link of udev's.
    let slot = fs::canonicalize(&places.slot);
    let disk = slot.and_then(|slot| Disk::open(&slot, &places.boot));
    disk.map_err(|error| (Failure::Disk, error.to_string()))
}
