//! What is told, as one text: what the terminal is, why it stands, how its disk and clock are, and the last lines.
//!
//! Owns the order and the bounds. Takes every line through [`Hider`], also its own, and drops the oldest first.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::hide::Hider;

/// Largest text, in bytes; what is sent is compressed and never larger.
pub const TEXT_BYTES: usize = 1_000_000;
/// Largest text of a QR code, in bytes: a symbol of 77 modules, which a phone reads from a hand's breadth.
pub const QR_BYTES: usize = 400;
/// Longest line.
const LINE_CHARS: usize = 1_000;
/// Longest line of a QR code.
const QR_LINE_CHARS: usize = 110;

/// What the terminal says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Version of the program.
    pub program: String,
    /// Version of the boot image; none where the system is another one.
    pub image: Option<u32>,
    /// The terminal's number at the acquirer, where the settings could be read.
    pub terminal: String,
    /// The code of what is on the screen; empty when nothing is wrong.
    pub notice: String,
    /// Free and all bytes of the data partition; none when they cannot be told.
    pub disk: Option<(u64, u64)>,
    /// This terminal's own time, in UTC.
    pub clock: String,
    /// Where the lines come from.
    pub source: String,
}

impl About {
    fn lines(&self) -> [String; 7] {
        let image = self
            .image
            .map_or("none".to_owned(), |image| image.to_string());
        let disk = self.disk.map_or("unknown".to_owned(), |(free, all)| {
            format!("{} of {} MB free", free / 1_000_000, all / 1_000_000)
        });
        [
            format!("shouyin {}", self.program),
            format!("image {image}"),
            format!("terminal {}", self.terminal),
            format!("notice {}", self.notice),
            format!("disk {disk}"),
            format!("clock {}", self.clock),
            format!("lines of {}", self.source),
        ]
    }
}

/// A report without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    head: Vec<String>,
    lines: Vec<String>,
}

impl Bundle {
    /// Takes the last lines of a log, oldest first, as far as [`TEXT_BYTES`] hold them.
    pub fn new(about: &About, log: &str) -> Self {
        let mut hider = Hider::default();
        let head: Vec<String> = about.lines().iter().map(|line| hider.line(line)).collect();
        // From the first line on: the beginning of a key may be far above the lines that are kept.
        let mut hider = Hider::default();
        let all: Vec<String> = log
            .lines()
            .map(|line| cut(&hider.line(line), LINE_CHARS))
            .collect();
        let mut room = TEXT_BYTES.saturating_sub(head.iter().map(|line| line.len() + 1).sum());
        let fits = |line: &&String| {
            let left = room.checked_sub(line.len() + 1);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let kept = all.iter().rev().take_while(fits).count();
        let lines = all[all.len() - kept..].to_vec();
        Self { head, lines }
    }

    /// Returns the whole text.
    pub fn text(&self) -> String {
        let lines = self.head.iter().chain(&self.lines);
        lines.flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// Returns the text, compressed.
    ///
    /// # Errors
    /// None in memory; the writer's.
    pub fn gzip(&self) -> io::Result<Vec<u8>> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(self.text().as_bytes())?;
        packed.finish()
    }

    /// Returns the text of a QR code: what the terminal is, then as many of the last lines as fit, newest first.
    pub fn short(&self) -> String {
        let mut short = String::new();
        for line in self.head.iter().chain(self.lines.iter().rev()) {
            let line = ascii(&cut(line, QR_LINE_CHARS));
            if short.len() + line.len() + 1 > QR_BYTES {
                break;
            }
            short.push_str(&line);
            short.push('\n');
        }
        short
    }
}

fn cut(line: &str, chars: usize) -> String {
    line.chars().take(chars).collect()
}

/// Other letters would cost three bytes each, and readers disagree about them.
fn ascii(line: &str) -> String {
    let plain = |c: char| if c.is_ascii() { c } else { '?' };
    line.chars().map(plain).collect()
}
