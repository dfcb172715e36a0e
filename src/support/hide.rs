//! Takes out of a log line what must not leave the terminal, although nothing of it should be there.
//!
//! Owns the shapes of secrets: runs of digits, also in groups, values behind telling names, keys as PEM, as
//! hexadecimal and as base64. Rather hides too much: order numbers, hours and paths stay, which the hotline asks for.

use crate::telemetry::redact;

/// Digits of a card number or a payment code, however they are grouped.
const DIGITS_FROM: usize = 13;
/// Letters of a key in hexadecimal or base64.
const OPAQUE_FROM: usize = 32;
const HIDDEN: &str = "[hidden]";
/// What stands behind one of these, `=` or `:` between, is hidden.
const NAMES: [&str; 9] = [
    "password",
    "passwd",
    "pin",
    "secret",
    "token",
    "authorization",
    "auth_code",
    "key",
    "pwd",
];

/// Hides secrets in the lines of a log.
#[derive(Debug, Default)]
pub struct Hider {
    in_key: bool,
}

impl Hider {
    /// Returns the line as it may leave.
    pub fn line(&mut self, line: &str) -> String {
        let begins = line.contains("-----BEGIN");
        let hidden = self.in_key || begins;
        self.in_key = hidden && !line.contains("-----END");
        if hidden {
            return HIDDEN.to_owned();
        }
        opaque(&named(&grouped(&redact(&printable(line)))))
    }
}

/// Control characters could draw on whoever reads it.
fn printable(line: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    line.chars().map(plain).collect()
}

/// Masks digits in groups: `6222 0212 3456 7890`.
fn grouped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut run = String::new();
    for c in line.chars().chain(std::iter::once('\0')) {
        let goes_on = c.is_ascii_digit() || (matches!(c, ' ' | '-') && ends_with_digit(&run));
        if goes_on {
            run.push(c);
            continue;
        }
        let digits = run.chars().filter(char::is_ascii_digit).count();
        if digits >= DIGITS_FROM {
            out.push_str(HIDDEN);
            out.push_str(if ends_with_digit(&run) { "" } else { " " });
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

fn ends_with_digit(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_digit())
}

/// Hides the value behind a telling name: all of the line, because a value may hold blanks.
fn named(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let value = NAMES.iter().filter_map(|name| value_of(&lower, name)).min();
    match value {
        Some(at) => format!("{}{HIDDEN}", &line[..at]),
        None => line.to_owned(),
    }
}

/// Returns where the value of `name` begins: `name=`, `name: `, `"name": "`; also where the name ends a longer one.
fn value_of(lower: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = lower[from..].find(name) {
        let end = from + found + name.len();
        let rest = lower[end..].trim_start_matches(['"', '\'', ' ']);
        if rest.starts_with(['=', ':']) {
            return Some(lower.len() - rest.len() + 1);
        }
        from = end;
    }
    None
}

/// Hides long runs that look like keys: hexadecimal, or letters of both cases with digits.
fn opaque(line: &str) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(begin) = rest.find(part) {
        out.push_str(&rest[..begin]);
        let run = &rest[begin..];
        let end = run.find(|c| !part(c)).unwrap_or(run.len());
        out.push_str(if is_key(&run[..end]) {
            HIDDEN
        } else {
            &run[..end]
        });
        rest = &run[end..];
    }
    out.push_str(rest);
    out
}

fn is_key(run: &str) -> bool {
    let has = |is: fn(&char) -> bool| run.chars().any(|c| is(&c));
    let hex = run.chars().all(|c| c.is_ascii_hexdigit());
    let mixed =
        has(char::is_ascii_digit) && has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
    run.len() >= OPAQUE_FROM && (hex || mixed)
}
