//! Says what is wrong with a configuration file in one line: file, line, column, key, what to do.
//!
//! Owns the words. Never repeats a value: a password or a key that somebody pasted into the file must not go to a log.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// Describes what the parser refused.
pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let (line, column) = place(text, at);
    let said = without_values(error.message());
    let key = key_on(text, line);
    let problem = match key {
        Some(key) if !said.contains(key) => format!("key {key}: {said}"),
        Some(_) | None => said,
    };
    ConfigError::Syntax {
        path: path.to_owned(),
        line,
        column,
        problem,
    }
}

/// Returns where a key was set last, as `file:line`; the last file when it stands in none.
pub(super) fn origin(texts: &[(PathBuf, String)], key: &str) -> String {
    let mut names = key.split('.');
    let (table, name) = (names.next().unwrap_or(""), names.next().unwrap_or(""));
    let set = texts.iter().rev().find_map(|(path, text)| {
        let at = position(text, table, name)?;
        Some(format!("{}:{}", path.display(), place(text, at).0))
    });
    let last = texts.last().map(|(path, _)| path.display().to_string());
    set.or(last).unwrap_or_default()
}

fn position(text: &str, table: &str, name: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let in_table = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &toml::Spanned<toml::de::DeString<'_>> = key;
        if key.get_ref() != table {
            return None;
        }
        let DeValue::Table(inner) = value.get_ref() else {
            return None;
        };
        let found = inner.keys().find(|key| key.get_ref() == name);
        found.map(|key| key.span().start)
    };
    document.get_ref().iter().find_map(in_table)
}

/// Returns line and column of a byte, both from 1; columns are characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Returns the key that a line sets, if it looks like one.
fn key_on(text: &str, line: usize) -> Option<&str> {
    let (key, _) = text.lines().nth(line - 1)?.split_once('=')?;
    let key = key.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!key.is_empty() && key.len() <= 40 && key.chars().all(plain)).then_some(key)
}

/// Leaves out quoted values, line ends and the names of Rust's types.
fn without_values(message: &str) -> String {
    let mut said = String::new();
    let mut parts = message.split('"');
    if let Some(first) = parts.next() {
        said.push_str(first);
    }
    // A quote inside a value is escaped, so everything up to the last quote belongs to values.
    if let Some(rest) = parts.next_back() {
        said.push('…');
        said.push_str(rest);
    }
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = said.replace("string …", "a text");
    let said = said.replace("expected u64", "expected a whole number");
    let said = said.replace("expected u32", "expected a whole number");
    let said = said.replace("expected f32", "expected a number");
    let said = said.replace("expected a sequence", "expected a list in [ ]");
    said.replace("unknown field", "unknown key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_come_back() {
        assert_eq!(
            without_values("invalid type: string \"geheim \\\" x\", expected u64"),
            "invalid type: a text, expected a whole number"
        );
        assert_eq!(without_values("duplicate\n  key"), "duplicate key");
    }

    #[test]
    fn a_key_is_found_in_the_last_file_that_sets_it() {
        let texts = [
            (PathBuf::from("a"), "[t]\nx = 1\ny = 2\n".to_owned()),
            (PathBuf::from("b"), "\n\n[t]\nx = 3\n".to_owned()),
        ];
        assert_eq!(origin(&texts, "t.x"), "b:4");
        assert_eq!(origin(&texts, "t.y"), "a:3");
        assert_eq!(origin(&texts, "t.z"), "b");
    }
}
