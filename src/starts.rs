//! Safe mode or not: how the last starts of this program ended, and what follows for this one.
//!
//! Owns the rule ([`decide`]) and the file of starts in the service's runtime directory, which outlives a crash and not
//! a restart of the machine. Never touches the journal, and never holds up a start because of its own file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// So many starts in a row that never could sell, or so many crashes within [`WINDOW_S`], are too many.
pub const FAILED: usize = 3;
/// Seconds.
pub const WINDOW_S: u64 = 120;
/// Starts that are remembered.
const KEPT: usize = 8;
const BYTES: u64 = 4096;
const NAME: &str = "starts";
/// This version could sell; the service of the boot image that proves a start looks for it.
const HEALTHY: &str = "healthy";

/// An earlier start that ended without a goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// When it began, in seconds since the machine was started.
    pub began_s: u64,
    /// It had come so far that it could sell.
    pub sold: bool,
}

/// Whether the running version has proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has, or nobody counts: safe mode is the better end.
    Proven,
    /// The boot loader counts its starts: it has to fail, so that the earlier version comes back.
    OnTrial,
}

/// What a person asked of this start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// 重试.
    Retry,
    /// Safe mode, by a long press.
    Safe,
}

/// How this start goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As always.
    Normal,
    /// Only the screen with the tools: it crashed too often.
    Crashed,
    /// The same, because somebody asked for it.
    Wished,
}

/// Decides. `crashes` are the earlier starts since the machine was started, oldest first; `now_s` is this one's moment.
pub fn decide(standing: Standing, asked: Option<Asked>, crashes: &[Crash], now_s: u64) -> Verdict {
    match (asked, standing) {
        (Some(Asked::Safe), _) => return Verdict::Wished,
        (Some(Asked::Retry), _) | (None, Standing::OnTrial) => return Verdict::Normal,
        (None, Standing::Proven) => {}
    }
    let Some(last) = crashes
        .len()
        .checked_sub(FAILED)
        .map(|from| &crashes[from..])
    else {
        return Verdict::Normal;
    };
    let never_sold = last.iter().all(|crash| !crash.sold);
    // A start follows the crash before it at once, so the second of three began when the first had crashed.
    let quick = last[1].began_s <= now_s && now_s - last[1].began_s <= WINDOW_S;
    if never_sold || quick {
        Verdict::Crashed
    } else {
        Verdict::Normal
    }
}

/// The file, and this start's part of it.
#[derive(Debug)]
pub struct Starts {
    folder: PathBuf,
    before: Vec<Crash>,
}

impl Starts {
    /// Reads what is known of earlier starts. What cannot be read, or is strange, is no start: a broken file must
    /// neither stop a terminal nor send it into safe mode.
    pub fn read(folder: &Path, now_s: u64) -> Self {
        // Only a start that could sell is healthy, and this one cannot yet.
        fs::remove_file(folder.join(HEALTHY)).ok();
        let mut bytes = Vec::new();
        let read =
            File::open(folder.join(NAME)).and_then(|file| file.take(BYTES).read_to_end(&mut bytes));
        if read.is_err() {
            bytes.clear();
        }
        Self {
            folder: folder.to_owned(),
            before: parse(&bytes, now_s),
        }
    }

    /// Returns the earlier starts that ended without a goodbye.
    pub fn crashes(&self) -> &[Crash] {
        &self.before
    }

    /// Notes that this start begins; until [`Self::ended`] it counts as one that crashed.
    ///
    /// # Errors
    /// The disk's.
    pub fn begins(&self, now_s: u64) -> io::Result<()> {
        self.write(Some(now_s))
    }

    /// Notes that this start can sell.
    ///
    /// # Errors
    /// The disk's.
    pub fn sells(&self) -> io::Result<()> {
        fs::write(self.folder.join(HEALTHY), "")?;
        let mut file = OpenOptions::new().append(true).open(self.path())?;
        file.write_all(b"sold\n")
    }

    /// This start ended in order, or says itself why it cannot sell: it did not crash. After one that could sell the
    /// crashes before it do not matter any more.
    ///
    /// # Errors
    /// The disk's.
    pub fn ended(&self) -> io::Result<()> {
        if self.folder.join(HEALTHY).exists() {
            return fs::remove_file(self.path());
        }
        self.write(None)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    fn write(&self, now_s: Option<u64>) -> io::Result<()> {
        let from = self.before.len().saturating_sub(KEPT - 1);
        let mut text: String = self.before[from..]
            .iter()
            .map(|crash| {
                let sold = if crash.sold { "sold\n" } else { "" };
                format!("start {}\n{sold}", crash.began_s)
            })
            .collect();
        if let Some(now_s) = now_s {
            text.push_str(&format!("start {now_s}\n"));
        }
        let part = self.folder.join("starts.part");
        fs::write(&part, text)?;
        fs::rename(part, self.path())
    }
}

fn parse(bytes: &[u8], now_s: u64) -> Vec<Crash> {
    let text = String::from_utf8_lossy(bytes);
    let mut crashes: Vec<Crash> = Vec::new();
    // A line without its end was torn.
    for line in text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
    {
        if line == "sold" {
            if let Some(last) = crashes.last_mut() {
                last.sold = true;
            }
        } else if let Some(began_s) = line.strip_prefix("start ").and_then(number)
            && began_s <= now_s
            && crashes.last().is_none_or(|last| last.began_s <= began_s)
        {
            crashes.push(Crash {
                began_s,
                sold: false,
            });
        }
    }
    let from = crashes.len().saturating_sub(KEPT);
    crashes.split_off(from)
}

/// Reads a number as [`Starts`] writes it: digits only.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Where the firmware says that the boot loader counts the starts of the kernel that runs (Boot Loader Interface); the
/// same that `systemd-bless-boot` reads before it takes the count away.
const FIRMWARE: &str = "sys/firmware/efi";
const COUNTED: &str = "efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// The boot image's service of a good start leaves it, once in each start of the machine.
const PROVEN: &str = "run/shouyin-proven";

/// Tells whether the running version has proved itself. Where that is unknown it has not: an update that fails must
/// fail visibly. `root` is `/`.
pub fn standing(root: &Path, is_image: bool) -> Standing {
    let firmware = root.join(FIRMWARE);
    // Elsewhere, and without a boot loader, nobody counts, and nothing comes back by itself.
    if !is_image || root.join(PROVEN).exists() || !firmware.exists() {
        return Standing::Proven;
    }
    let readable = fs::read_dir(firmware.join("efivars"));
    let known = readable.is_ok_and(|mut variables| variables.next().is_some());
    if known && !firmware.join(COUNTED).exists() {
        Standing::Proven
    } else {
        Standing::OnTrial
    }
}
