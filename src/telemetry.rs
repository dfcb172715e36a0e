//! Log lines on standard error, with every run of 13 or more digits masked before it is written.
//!
//! Owns the redaction, and the last lines in memory, for a report where the system keeps no log. Order numbers are
//! letters and digits and stay readable; payment codes and card numbers do not.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Digits in a row that are masked: card numbers have 13 to 19, payment codes 16 to 24.
const DIGITS_MASKED_FROM: usize = 13;

/// Sets the global logger. `SHOUYIN_LOG` may name a level: error, warn, info (default), debug.
pub fn start() {
    let level = match std::env::var("SHOUYIN_LOG").as_deref() {
        Ok("error") => tracing::Level::ERROR,
        Ok("warn") => tracing::Level::WARN,
        Ok("debug") => tracing::Level::DEBUG,
        Ok(_) | Err(_) => tracing::Level::INFO,
    };
    let logger = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(Redacting)
        .with_ansi(false)
        .with_target(false)
        .finish();
    // A second call (in tests) keeps the first logger.
    tracing::subscriber::set_global_default(logger).ok();
}

/// Masks digit runs: the first two and the last four stay.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            run.push(c);
            continue;
        }
        if run.len() >= DIGITS_MASKED_FROM {
            out.push_str(&run[..2]);
            out.push_str(&"*".repeat(run.len() - 6));
            out.push_str(&run[run.len() - 4..]);
        } else {
            out.push_str(&run);
        }
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// The last lines, redacted.
static RECENT: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
const RECENT_LINES: usize = 1_000;

/// Returns what was written last, oldest first.
pub fn recent() -> String {
    let recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    recent.iter().map(String::as_str).collect()
}

/// Remembers a redacted line that did not come through the logger.
pub fn remember(line: String) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= RECENT_LINES {
        recent.pop_front();
    }
    recent.push_back(line);
}

struct Redacting;

struct RedactingLine(Vec<u8>);

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = RedactingLine;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingLine(Vec::new())
    }
}

impl Write for RedactingLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for RedactingLine {
    fn drop(&mut self) {
        let line = redact(&String::from_utf8_lossy(&self.0));
        // A log that cannot be written must not stop a payment.
        io::stderr().lock().write_all(line.as_bytes()).ok();
        remember(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payment_codes_and_card_numbers_are_masked_and_order_numbers_stay() {
        assert_eq!(
            redact("code 134567890123456789."),
            "code 13************6789."
        );
        assert_eq!(redact("pan=6222021234567890"), "pan=62**********7890");
        assert_eq!(
            redact("order A00100010001KPRTWXS00000042"),
            "order A00100010001KPRTWXS00000042"
        );
        assert_eq!(redact("amount 123456789012"), "amount 123456789012");
    }
}
