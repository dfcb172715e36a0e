//! The printer itself: paper, cover, heat, and the slips that came out.
//!
//! Owns the sensors and the answers to questions (Epson's `DLE EOT` and `GS r`). A printer that runs out of paper keeps
//! what it was told and goes on when there is paper again.

use std::path::PathBuf;

use super::raster::{self, Row};
use super::reader::Op;

/// How the printer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It prints.
    Ready,
    /// The roll is at its end.
    PaperOut,
    /// The cover is open.
    CoverOpen,
    /// The head is too hot.
    Hot,
    /// The cutter is stuck.
    Jammed,
    /// Switched off: no connection is answered.
    Off,
}

impl State {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Ready, "ready"),
        (Self::PaperOut, "paper-out"),
        (Self::CoverOpen, "cover-open"),
        (Self::Hot, "hot"),
        (Self::Jammed, "jammed"),
        (Self::Off, "off"),
    ];
}

/// A piece of paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// Its lines as a person reads them; a code is `[QR text]`.
    pub text: String,
    /// It was cut off, or another slip began.
    pub whole: bool,
    /// Commands that the printer did not understand.
    pub unknown: usize,
}

/// Nothing is printed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StandsStill;

pub(super) struct Device {
    pub state: State,
    pub lines_left: Option<u32>,
    pub slips: Vec<Slip>,
    pub drawer: u32,
    /// How many slips are out.
    pub told: tokio::sync::watch::Sender<usize>,
    dir: PathBuf,
    dots: u32,
    rows: Vec<Row>,
    unknown: usize,
    style: Style,
}

#[derive(Clone, Default)]
struct Style {
    chinese: bool,
    justify: u8,
    size: u8,
    qr_dots: u8,
    qr: Vec<u8>,
    line: String,
}

impl Device {
    pub fn new(dir: PathBuf, dots: u32) -> Self {
        Self {
            state: State::Ready,
            lines_left: None,
            slips: Vec::new(),
            drawer: 0,
            told: tokio::sync::watch::channel(0).0,
            dir,
            dots,
            rows: Vec::new(),
            unknown: 0,
            style: Style::default(),
        }
    }

    /// Returns where a piece of paper is kept.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn set(&mut self, state: State) {
        self.state = state;
        if state == State::Ready {
            self.lines_left = None;
        }
    }

    /// Answers `DLE EOT n`: bits 1 and 4 are always on.
    pub fn answer(&self, n: u8) -> u8 {
        let on = |state: State, bit: u8| u8::from(self.state == state) << bit;
        let bits = match n {
            1 => u8::from(self.state != State::Ready) << 3,
            2 => on(State::CoverOpen, 2) | on(State::PaperOut, 5) | on(State::Jammed, 6),
            3 => on(State::Jammed, 3) | on(State::Hot, 6),
            4 => on(State::PaperOut, 5) | on(State::PaperOut, 6),
            _ => 0,
        };
        0b0001_0010 | bits
    }

    /// Does what it is told, or stands still. Returns what it says to it.
    pub fn print(&mut self, op: &Op) -> Result<Option<u8>, StandsStill> {
        if self.state != State::Ready {
            return Err(StandsStill);
        }
        match op {
            Op::Init => {
                self.tear();
                self.style = Style::default();
            }
            Op::Text(bytes) => self.style.line.push_str(&self.decode(bytes)),
            Op::LineFeed => self.line(),
            // What stands in the line is printed by the first of them.
            Op::Feed(lines) => {
                for _ in 0..*lines {
                    self.line();
                }
            }
            Op::Justify(side) => self.style.justify = *side,
            Op::Size(size) => self.style.size = *size,
            Op::Chinese(on) => self.style.chinese = *on,
            Op::QrDots(dots) => self.style.qr_dots = *dots,
            Op::QrText(text) => self.style.qr.clone_from(text),
            Op::QrPrint => self.row(Row::Qr {
                text: String::from_utf8_lossy(&self.style.qr).into_owned(),
                dots: self.style.qr_dots,
                justify: self.style.justify,
            }),
            Op::Cut => self.tear(),
            Op::Drawer => self.drawer += 1,
            Op::Report(_) => return Ok(Some(0)),
            Op::Unknown(_) => self.unknown += 1,
            Op::Question(_) | Op::Quiet => {}
        }
        Ok(None)
    }

    /// The sender has gone; without a cutter that is all there is of a slip.
    pub fn end_of_talk(&mut self) {
        if self.state == State::Ready {
            self.tear();
        }
    }

    fn decode(&self, bytes: &[u8]) -> String {
        if self.style.chinese {
            return encoding_rs::GB18030.decode(bytes).0.into_owned();
        }
        let plain = |byte: &u8| {
            if byte.is_ascii_graphic() || *byte == b' ' {
                char::from(*byte)
            } else {
                '\u{fffd}'
            }
        };
        bytes.iter().map(plain).collect()
    }

    fn line(&mut self) {
        let text = std::mem::take(&mut self.style.line);
        self.row(Row::Text {
            text,
            justify: self.style.justify,
            size: self.style.size,
        });
    }

    fn row(&mut self, row: Row) {
        self.rows.push(row);
        if let Some(left) = &mut self.lines_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.state = State::PaperOut;
                self.keep(false);
            }
        }
    }

    fn tear(&mut self) {
        if self.rows.iter().any(|row| !row.is_blank()) {
            self.keep(true);
        }
        self.rows.clear();
        self.unknown = 0;
    }

    /// Leaves the paper in the folder. A piece that is cut off by the roll's end is kept as that.
    fn keep(&mut self, whole: bool) {
        let text: String = self.rows.iter().map(|row| row.text() + "\n").collect();
        self.slips.push(Slip {
            text: text.trim_end().to_owned() + "\n",
            whole,
            unknown: self.unknown,
        });
        self.told.send_replace(self.slips.len());
        let name = self.dir.join(format!("{:04}", self.slips.len()));
        let kept = std::fs::write(name.with_extension("txt"), text).and_then(|()| {
            let picture = raster::picture(&self.rows, self.dots)?;
            std::fs::write(name.with_extension("png"), picture)
        });
        if let Err(error) = kept {
            tracing::error!(%error, "a slip could not be left in its folder");
        }
        if !whole {
            self.rows.clear();
        }
    }
}
