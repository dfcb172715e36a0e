//! Reads a line that must not be seen: without echo on a terminal, as it is from a pipe.
//!
//! Owns the terminal's mode for the time of one line and gives it back. Signals from the keyboard are off
//! meanwhile, so that Ctrl-C cannot leave the terminal without echo; it makes the line unusable instead. Never
//! prints what was typed.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The longest line that is read: a PIN has twelve digits.
const LINE_BYTES_MAX: u64 = 64;

/// Puts the terminal back, also after an error.
struct Unseen {
    before: Termios,
}

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        quiet.local_modes |= LocalModes::ECHONL;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Nobody is left to tell; the shell's `stty sane` mends it.
        tcsetattr(io::stdin(), OptionalActions::Flush, &self.before).ok();
    }
}

/// Tells whether a person types (and should type twice).
pub fn is_typed() -> bool {
    io::stdin().is_terminal()
}

/// Writes a prompt to standard error and reads one line from standard input, without its end.
///
/// # Errors
/// Standard input or the terminal's mode does not work.
pub fn read_unseen(prompt: &str) -> io::Result<Zeroizing<String>> {
    let _unseen = if is_typed() {
        let mut told = io::stderr().lock();
        write!(told, "{prompt}")?;
        told.flush()?;
        Some(Unseen::begin()?)
    } else {
        None
    };
    let mut line = Zeroizing::new(String::with_capacity(80));
    let mut input = io::Read::take(io::stdin().lock(), LINE_BYTES_MAX);
    input.read_line(&mut line)?;
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(line)
}
