//! A bar on standard error while something takes long; nothing when that is no terminal.

use std::io::{IsTerminal, Write};

/// Columns of the bar.
const WIDTH: u64 = 30;

/// A bar that is wiped when it is dropped.
pub struct Progress {
    what: &'static str,
    all: u64,
    done: u64,
    shown: Option<u64>,
    on: bool,
}

impl Progress {
    /// Begins at nothing of `all`.
    pub fn new(what: &'static str, all: u64) -> Self {
        let on = std::io::stderr().is_terminal();
        Self {
            what,
            all,
            done: 0,
            shown: None,
            on,
        }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.at(self.done + 1);
    }

    /// So many are done. Drawn only when a part of the bar changes.
    pub fn at(&mut self, done: u64) {
        self.done = done;
        let percent = done.min(self.all) * 100 / self.all.max(1);
        if !self.on || self.shown == Some(percent) {
            return;
        }
        self.shown = Some(percent);
        let full = usize::try_from(percent * WIDTH / 100).unwrap_or(0);
        let (bar, what) = ("#".repeat(full), self.what);
        let width = usize::try_from(WIDTH).unwrap_or(0);
        write!(
            std::io::stderr(),
            "\r{what} [{bar:<width$}] {percent:>3}% of {}",
            self.all
        )
        .ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}
