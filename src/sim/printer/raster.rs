//! Rows of a slip to a picture, dot by dot as a thermal head burns them.
//!
//! Owns cell sizes: ASCII 12 by 24 dots, everything else 24 by 24. The letters are the screen's font, which holds the
//! common characters of GB 2312; others are boxes.

use std::io;
use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use qrcode::{EcLevel, QrCode};

/// One row of paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A line of text.
    Text {
        /// What it says.
        text: String,
        /// 0 left, 1 middle, 2 right.
        justify: u8,
        /// Magnified in width (high four bits) and height.
        size: u8,
    },
    /// A QR code.
    Qr {
        /// What it says.
        text: String,
        /// Dots of a module.
        dots: u8,
        /// As above.
        justify: u8,
    },
}

impl Row {
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Text { text, .. } if text.trim().is_empty())
    }

    /// Returns the row as a person reads it.
    pub fn text(&self) -> String {
        match self {
            Self::Text { text, .. } => text.clone(),
            Self::Qr { text, .. } => format!("[QR {text}]"),
        }
    }
}

const CELL: u32 = 24;
const LINE: u32 = 30;
/// The font's line is 1.3 em high; its letters fill the cell so.
const GLYPH: f32 = 30.0;
/// White around the paper's print.
const EDGE: u32 = 16;
const FONT: &[u8] = include_bytes!("../../../ui/fonts/ShouyinSans-Regular.otf");

struct Paper {
    wide: u32,
    high: u32,
    dots: Vec<u8>,
}

impl Paper {
    fn burn(&mut self, x: u32, y: u32) {
        if x < self.wide && y < self.high {
            let at = (y * self.wide + x) as usize;
            if let Some(dot) = self.dots.get_mut(at) {
                *dot = 0;
            }
        }
    }
}

fn font() -> Option<&'static FontRef<'static>> {
    static LOADED: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    LOADED
        .get_or_init(|| FontRef::try_from_slice(FONT).ok())
        .as_ref()
}

const fn magnified(size: u8) -> (u32, u32) {
    ((size >> 4 & 7) as u32 + 1, (size & 7) as u32 + 1)
}

fn height(row: &Row) -> u32 {
    match row {
        Row::Text { size, .. } => LINE + CELL * (magnified(*size).1 - 1),
        Row::Qr { text, dots, .. } => {
            let modules = code(text).map_or(0, |code| code.width());
            u32::try_from(modules).unwrap_or(0) * u32::from(*dots) + 8 * u32::from(*dots)
        }
    }
}

fn code(text: &str) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, EcLevel::M).ok()
}

/// Returns a PNG of the paper.
pub(super) fn picture(rows: &[Row], dots: u32) -> io::Result<Vec<u8>> {
    let high: u32 = rows.iter().map(height).sum::<u32>() + 2 * EDGE;
    let wide = dots + 2 * EDGE;
    let mut paper = Paper {
        wide,
        high,
        dots: vec![255; (wide * high) as usize],
    };
    let mut y = EDGE;
    for row in rows {
        match row {
            Row::Text {
                text,
                justify,
                size,
            } => draw_text(&mut paper, text, (*justify, *size, dots), y),
            Row::Qr {
                text,
                dots: module,
                justify,
            } => draw_code(&mut paper, text, (*justify, *module, dots), y),
        }
        y += height(row);
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, wide, high);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&paper.dots)?;
    writer.finish()?;
    Ok(bytes)
}

fn cell(character: char) -> u32 {
    if character.is_ascii() { CELL / 2 } else { CELL }
}

fn begin(justify: u8, taken: u32, dots: u32) -> u32 {
    let free = dots.saturating_sub(taken);
    EDGE + match justify {
        1 => free / 2,
        2 => free,
        _ => 0,
    }
}

fn draw_text(paper: &mut Paper, text: &str, (justify, size, dots): (u8, u8, u32), y: u32) {
    let (across, down) = magnified(size);
    let taken: u32 = text.chars().map(|c| cell(c) * across).sum();
    let mut x = begin(justify, taken, dots);
    for character in text.chars() {
        let wide = cell(character) * across;
        // A printer goes on in the next line; so long a line is an error that must be seen.
        if x + wide > EDGE + dots {
            for dot in 0..CELL {
                paper.burn(EDGE + dots + 4, y + dot);
                paper.burn(EDGE + dots + 5, y + dot);
            }
        }
        draw(paper, character, (x, y), (across, down));
        x += wide;
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "dots of a picture of some hundred dots"
)]
fn draw(paper: &mut Paper, character: char, (x, y): (u32, u32), (across, down): (u32, u32)) {
    if character == ' ' {
        return;
    }
    let Some(font) = font() else { return };
    let wide = cell(character);
    // ASCII letters of the font are wider than half a cell; a thermal head's are not.
    let scale = PxScale {
        x: GLYPH * across as f32 * if wide == CELL { 1.0 } else { 0.9 },
        y: GLYPH * down as f32,
    };
    let scaled = font.as_scaled(scale);
    let id = scaled.glyph_id(character);
    if id.0 == 0 {
        for step in 2..wide * across - 2 {
            paper.burn(x + step, y + 3);
            paper.burn(x + step, y + CELL * down - 3);
        }
        return;
    }
    let room = (wide * across) as f32 - scaled.h_advance(id);
    let base = scaled.ascent() + (CELL * down) as f32 / 2.0 - scaled.height() / 2.0;
    let glyph = id.with_scale_and_position(
        scale,
        point(x as f32 + (room / 2.0).max(0.0), y as f32 + base),
    );
    if let Some(outline) = font.outline_glyph(glyph) {
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, cover| {
            if cover > 0.42 {
                let (left, top) = (bounds.min.x.max(0.0) as u32, bounds.min.y.max(0.0) as u32);
                paper.burn(left + dx, top + dy);
            }
        });
    }
}

fn draw_code(paper: &mut Paper, text: &str, (justify, module, dots): (u8, u8, u32), y: u32) {
    let Some(code) = code(text) else { return };
    let module = u32::from(module);
    let count = u32::try_from(code.width()).unwrap_or(0);
    let left = begin(justify, count * module, dots);
    let dark = code.to_colors();
    for (at, color) in (0..).zip(dark) {
        if color == qrcode::Color::Dark {
            let (column, line) = (at % count, at / count);
            for dot in 0..module * module {
                paper.burn(
                    left + column * module + dot % module,
                    y + 4 * module + line * module + dot / module,
                );
            }
        }
    }
}
