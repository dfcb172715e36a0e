//! Lines on paper by display columns, as a Chinese printer sets them: ASCII takes one column, everything else two.
//!
//! Owns widths, wrapping and the cleaning of texts: no control character of a name or a number ever reaches a printer.

use unicode_width::UnicodeWidthChar;

/// Columns of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 58 mm paper: 384 dots, 32 columns.
    Mm58,
    /// 80 mm paper: 576 dots, 48 columns.
    Mm80,
}

impl Width {
    /// Returns the columns.
    pub const fn columns(self) -> usize {
        match self {
            Self::Mm58 => 32,
            Self::Mm80 => 48,
        }
    }

    /// Returns the dots across.
    pub const fn dots(self) -> u32 {
        match self {
            Self::Mm58 => 384,
            Self::Mm80 => 576,
        }
    }
}

/// One line of a slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Text as it stands, spaces included; at most the width's columns.
    Text(String),
    /// Text of double height; as wide as the other.
    Tall(String),
    /// A QR code in the middle.
    Qr(String),
}

/// Returns how many columns a printer takes for a text that `clean` let through.
pub fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(character: char) -> usize {
    if character.is_ascii() { 1 } else { 2 }
}

/// Replaces what a printer would not print as a character: control characters, characters without a width of their own,
/// pictures.
pub fn clean(text: &str) -> String {
    let shown = |character: char| {
        let plain = matches!(character, ' '..='~');
        let wide = !character.is_ascii()
            && !character.is_control()
            && UnicodeWidthChar::width_cjk(character) == Some(2)
            && is_in_print(character);
        if plain || wide { character } else { '?' }
    };
    text.chars().map(shown).collect()
}

/// Characters of the two-byte part of GB 18030, and rare ideographs of its four-byte part.
fn is_in_print(character: char) -> bool {
    let mut text = [0; 4];
    let (bytes, _, unknown) = encoding_rs::GB18030.encode(character.encode_utf8(&mut text));
    let ideograph = matches!(u32::from(character), 0x3400..=0x4dbf | 0x4e00..=0x9fff);
    !unknown && (bytes.len() == 2 || ideograph)
}

/// A part of a line with a width of its own.
pub(super) struct Cell {
    text: String,
    width: usize,
    right: bool,
}

impl Cell {
    pub fn left(text: &str, width: usize) -> Self {
        let text = clean(text);
        let right = false;
        Self { text, width, right }
    }

    pub fn right(text: &str, width: usize) -> Self {
        let text = clean(text);
        let right = true;
        Self { text, width, right }
    }
}

/// A slip that is being written.
pub(super) struct Paper {
    columns: usize,
    lines: Vec<Line>,
}

impl Paper {
    pub fn new(width: Width) -> Self {
        Self {
            columns: width.columns(),
            lines: Vec::new(),
        }
    }

    pub fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    pub const fn is_wide(&self) -> bool {
        self.columns >= 48
    }

    pub fn rule(&mut self) {
        self.lines.push(Line::Text("-".repeat(self.columns)));
    }

    pub fn double_rule(&mut self) {
        self.lines.push(Line::Text("=".repeat(self.columns)));
    }

    /// A rule with a name in it.
    pub fn section(&mut self, name: &str) {
        let name = clean(name);
        let rest = self.columns.saturating_sub(2 + columns(&name));
        let line = format!("--{name}{}", "-".repeat(rest));
        self.lines.push(Line::Text(line));
    }

    pub const fn width(&self) -> usize {
        self.columns
    }

    /// Cells of a table, together at most the paper's columns. What does not fit its cell goes to lines of its own:
    /// figures are never cut.
    pub fn row(&mut self, cells: &[Cell]) {
        // A figure that fills its cell would touch the one before.
        let fits = |(place, cell): (usize, &Cell)| {
            let room = cell.width - usize::from(cell.right && place > 0).min(cell.width);
            columns(&cell.text) <= room
        };
        if cells.iter().enumerate().all(fits) {
            let line: String = cells.iter().map(padded).collect();
            self.lines.push(Line::Text(line.trim_end().to_owned()));
            return;
        }
        let (left, right): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| !cell.right);
        let words: Vec<&str> = left.iter().map(|cell| cell.text.as_str()).collect();
        self.left(&words.join(" "));
        let figures: Vec<&str> = right.iter().map(|cell| cell.text.as_str()).collect();
        self.pair(" ", &figures.join(" "));
    }

    /// From so many columns on; what is too long goes on there in the next line.
    pub fn hanging(&mut self, room: usize, text: &str) {
        for part in wrap(&clean(text), self.columns - room) {
            let line = format!("{}{part}", " ".repeat(room));
            self.lines.push(Line::Text(line));
        }
    }

    pub fn qr(&mut self, text: &str) {
        self.lines.push(Line::Qr(text.to_owned()));
    }

    /// In the middle; what is too long goes on in the next line.
    pub fn centre(&mut self, text: &str) {
        for part in wrap(&clean(text), self.columns) {
            let room = (self.columns - columns(&part)) / 2;
            self.lines
                .push(Line::Text(format!("{}{part}", " ".repeat(room))));
        }
    }

    /// From the left; what is too long goes on in the next line.
    pub fn left(&mut self, text: &str) {
        for part in wrap(&clean(text), self.columns) {
            self.lines.push(Line::Text(part));
        }
    }

    /// A name at the left and its value at the right edge, the value under it when both do not fit.
    pub fn pair(&mut self, name: &str, value: &str) {
        for line in self.paired(name, value) {
            self.lines.push(Line::Text(line));
        }
    }

    /// The same in double height.
    pub fn tall_pair(&mut self, name: &str, value: &str) {
        for line in self.paired(name, value) {
            self.lines.push(Line::Tall(line));
        }
    }

    /// Two names with their values in one line, or in two lines when they do not fit.
    pub fn pairs(&mut self, one: (&str, &str), two: (&str, &str)) {
        let left = format!("{} {}", clean(one.0), clean(one.1));
        let right = format!("{} {}", clean(two.0), clean(two.1));
        if columns(&left) + 1 + columns(&right) > self.columns {
            self.pair(one.0, one.1);
            return self.pair(two.0, two.1);
        }
        let room = self.columns - columns(&left) - columns(&right);
        self.lines
            .push(Line::Text(format!("{left}{}{right}", " ".repeat(room))));
    }

    fn paired(&self, name: &str, value: &str) -> Vec<String> {
        let (name, value) = (clean(name), clean(value));
        let taken = columns(&name) + columns(&value);
        if taken < self.columns {
            let room = " ".repeat(self.columns - taken);
            return vec![format!("{name}{room}{value}")];
        }
        let mut lines = wrap(&name, self.columns);
        // A value of several lines stands one column in, so that it is seen to be one.
        let long = columns(&value) > self.columns;
        let parts = wrap(&value, self.columns - usize::from(long));
        lines.extend(parts.into_iter().map(|part| {
            let room = self.columns - columns(&part);
            format!("{}{part}", " ".repeat(room))
        }));
        lines
    }
}

fn padded(cell: &Cell) -> String {
    let room = " ".repeat(cell.width.saturating_sub(columns(&cell.text)));
    if cell.right {
        format!("{room}{}", cell.text)
    } else {
        format!("{}{room}", cell.text)
    }
}

/// Cuts a clean text into parts of at most so many columns; an empty text is one empty part.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut taken = 0;
    for character in text.chars() {
        let wide = width(character);
        if taken + wide > most {
            parts.push(String::new());
            taken = 0;
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
            taken += wide;
        }
    }
    parts
}
