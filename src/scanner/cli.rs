//! `shouyinctl decode`: reads image paths from stdin, one a line, and prints one JSON line for
//! each, flushed at once.
//!
//! ```text
//! {"path":"a.png","texts":[{"format":"QR","text":"..."}],"ms":3.1}
//! {"path":"b.png","texts":[],"ms":0.0,"error":"b.png cannot be read: ..."}
//! ```
//!
//! Formats are `QR` and `Code128`. A line may end as on Windows; blank lines are skipped; a path need
//! not be UTF-8 to be opened, but is printed as text. Answers are ASCII, whatever a code says.
//!
//! `ms` is the thread CPU time of decoding alone, without reading the file. A tool for measuring
//! and for support; the only place that prints texts, because the operator asked for exactly that.
//! Tested in `tests/it/decoder.rs`.

use std::ffi::OsStr;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::decode::{Decoder, Format, Seen, thread_cpu_ms};
use super::source::picture;

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    texts: Vec<Text<'a>>,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Text<'a> {
    format: &'static str,
    text: &'a str,
}

/// Reads paths from stdin until it ends and answers on stdout.
///
/// # Errors
/// Only when stdin or stdout fails; an unreadable picture is an answer.
pub fn decode_stdin() -> io::Result<()> {
    decode_lines(io::stdin().lock(), io::stdout().lock())
}

/// As [`decode_stdin`], over any streams.
///
/// # Errors
/// Only when a stream fails.
pub fn decode_lines(mut paths: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    let mut decoder = Decoder::new();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if paths.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        while let Some(b'\n' | b'\r') = bytes.last() {
            bytes.pop();
        }
        if bytes.is_empty() {
            continue;
        }
        let path = Path::new(OsStr::from_bytes(&bytes));
        let answer = Answer::of(&mut decoder, path);
        let path = path.to_string_lossy();
        let mut json = Serializer::with_formatter(&mut answers, AsciiJson);
        answer.line(&path).serialize(&mut json)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
}

/// Escapes everything beyond ASCII: some programs take a U+0085 or U+2028 inside a text for the end of a line.
struct AsciiJson;

impl Formatter for AsciiJson {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for letter in fragment.chars() {
            if letter.is_ascii() {
                write!(writer, "{letter}")?;
                continue;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

struct Answer {
    seen: Vec<Seen>,
    ms: f64,
    error: Option<String>,
}

impl Answer {
    fn of(decoder: &mut Decoder, path: &Path) -> Self {
        let frame = match picture(path) {
            Ok(frame) => frame,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|c| format!(": {c}"));
                let error = Some(format!("{error}{}", cause.unwrap_or_default()));
                return Self {
                    seen: Vec::new(),
                    ms: 0.0,
                    error,
                };
            }
        };
        let begun = thread_cpu_ms();
        let seen = decoder.exhaustive(&frame);
        let ms = thread_cpu_ms() - begun;
        Self {
            seen,
            ms: (ms * 1000.0).round() / 1000.0,
            error: None,
        }
    }

    fn line<'a>(&'a self, path: &'a str) -> Line<'a> {
        let texts = self.seen.iter().map(|seen| Text {
            format: name(seen),
            text: &seen.text,
        });
        Line {
            path,
            texts: texts.collect(),
            ms: self.ms,
            error: self.error.clone(),
        }
    }
}

const fn name(seen: &Seen) -> &'static str {
    match seen.format {
        Format::Qr => "QR",
        Format::Code128 => "Code128",
    }
}
