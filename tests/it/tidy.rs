//! Style and structure as a test: who may import whom, lengths, headers, banned idioms, documented notices.
//!
//! Each check is a pure function from text to findings, so each is proven to fail on a planted violation (module
//! `planted`). `tree` applies all of them to the files of the repository. It never formats: `cargo fmt` does.

use std::fs;
use std::path::{Path, PathBuf};

use imports::MAY_IMPORT;
use rust::{code_only, is_word, line_of, lines_with, without_comments};

mod imports;
mod planted;
mod rust;
mod shipping;

/// The only file of the crate with unsafe code: SQLite's file layer over the simulated disk.
const UNSAFE: &str = "src/simulator/vfs.rs";

/// Files that see everything, because they put the parts together and hold no logic.
const COMPOSITION: &[&str] = &["src/lib.rs", "src/main.rs", "src/bin/"];

/// Files that may read a clock: the terminal's own, the world outside, the scanner (its worker is a process that no
/// driver passes time to, and its keeper paces restarts) and the thread of a reader's port. None decides about money.
const MAY_READ_CLOCK: &[&str] = &[
    "src/clock.rs",
    "src/sim/",
    "src/sim.rs",
    "src/scanner/worker",
    "src/scanner/source",
    "src/scanner/life",
    "src/reader/port",
];

/// Files that may use a banned idiom, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    // Delays are what a simulated world is made of.
    ("src/sim/", "thread::sleep", "simulated delay"),
    // The worker process paces frames.
    (
        "src/scanner/",
        "thread::sleep",
        "frame pacing in the worker process",
    ),
];

const BANNED: &[&str] = &["todo!", "dbg!", "unimplemented!", "thread::sleep"];
const CLOCKS: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "OffsetDateTime::now",
    "UtcDateTime::now",
];

/// Words of one acquirer, in lower case: its name, its headers, its codes, its paths.
const ACQUIRER_WORDS: &[&str] = &["lakala", "拉卡拉", "lklapi", "bbs0", "bbs1", "labs/"];
/// Where they belong: the adapter, the sandbox that plays the acquirer, the program that puts the parts together, and
/// what the sample pictures show.
const ACQUIRER_PLACES: &[&str] = &[
    "src/receiving.rs",
    "src/acquirer/lakala",
    "src/sim/",
    "src/main.rs",
    "src/ui/samples.rs",
    "src/ui/samples_more.rs",
];
/// Code outside that may name the adapter or its profile, as it stands.
const ACQUIRER_LINES: &[(&str, &str)] = &[
    ("src/acquirer/mod.rs", "mod lakala;"),
    ("src/acquirer/mod.rs", "pub use lakala::"),
    ("src/", "include_str!(\""),
];

const RUST_LINES_MAX: usize = 600;
const SLINT_LINES_MAX: usize = 300;
const CODE_COLUMNS_MAX: usize = 100;
/// Prose may be a little wider than code: `rustfmt` does not wrap it.
const COMMENT_COLUMNS_MAX: usize = 120;
/// Headers that are still wider than that; the list only shrinks.
const WIDE_COMMENTS: &[&str] = &[
    "src/acquirer/http.rs",
    "src/acquirer/lakala/classify.rs",
    "src/journal/store.rs",
    "src/payment/inquiry.rs",
    "src/payment/revoke.rs",
];
/// One comment in `Cargo.toml` justifies at most so many dependencies that follow it.
const DEPENDENCIES_PER_COMMENT: usize = 2;
/// A program that is not written yet has nothing to head.
const PLACEHOLDER: &str = "fn main() {}\n";

// ---------------------------------------------------------------------------------------------------------------------
// The checks.

/// Returns the module of `src/` that a path belongs to.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    Some(inside.split('/').next()?.trim_end_matches(".rs"))
}

fn imports(path: &str, source: &str) -> Vec<String> {
    if !path.starts_with("src/") || COMPOSITION.iter().any(|prefix| path.starts_with(prefix)) {
        return Vec::new();
    }
    let Some(own) = module_of(path) else {
        return Vec::new();
    };
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == own) else {
        return vec![format!("{path}: module `{own}` has no row in MAY_IMPORT")];
    };
    let code = code_only(source);
    let mut found = Vec::new();
    for (offset, _) in code.match_indices("crate::") {
        for name in names_after(&code[offset + "crate::".len()..]) {
            if name != own && !allowed.contains(&name.as_str()) {
                let line = line_of(&code, offset);
                found.push(format!("{path}:{line}: `{own}` must not import `{name}`"));
            }
        }
    }
    found.extend(escapes(path, &code));
    found
}

/// Returns the first names of `x::…`, `{x::…, y, z::{…}}` or `x`.
fn names_after(rest: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim()
            .chars()
            .take_while(|c| is_word(*c))
            .collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let (mut depth, mut names, mut start) = (1_usize, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(word(&group[start..at]));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// A `use super::…` at the left margin that climbs out of its own module hides an import from the table.
fn escapes(path: &str, code: &str) -> Vec<String> {
    let below = path
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .trim_end_matches("/mod");
    let depth = below.split('/').count();
    let climbs = |line: &str| {
        let is_use = line.starts_with("use ") || line.starts_with("pub");
        is_use && line.contains("use super::") && line.matches("super::").count() >= depth
    };
    let lines = code.lines().enumerate().filter(|(_, line)| climbs(line));
    lines
        .map(|(index, _)| format!("{path}:{}: name the module with `crate::`", index + 1))
        .collect()
}

fn slint_only_in_ui(path: &str, source: &str) -> Vec<String> {
    if !path.starts_with("src/") || module_of(path) == Some("ui") {
        return Vec::new();
    }
    let code = code_only(source);
    let mut found = Vec::new();
    for word in ["slint", "shouyin_ui", "i_slint_backend_testing"] {
        let lines = lines_with(&code, word);
        found.extend(lines.map(|line| format!("{path}:{line}: only src/ui names `{word}`")));
    }
    found
}

fn lengths(path: &str, source: &str) -> Vec<String> {
    let max = if path.ends_with(".slint") {
        SLINT_LINES_MAX
    } else {
        RUST_LINES_MAX
    };
    let count = source.lines().count();
    let mut found = Vec::new();
    if count > max {
        found.push(format!("{path}: {count} lines, at most {max}"));
    }
    if !path.ends_with(".rs") {
        return found;
    }
    for (index, line) in source.lines().enumerate() {
        let comment = line.trim_start().starts_with("//");
        let max = if comment {
            COMMENT_COLUMNS_MAX
        } else {
            CODE_COLUMNS_MAX
        };
        // A message stays in one piece, so that it can be searched for.
        let message = !comment && line.contains('"');
        let columns = line.chars().count();
        let excused = message || (comment && WIDE_COMMENTS.contains(&path));
        if columns > max && !excused {
            found.push(format!(
                "{path}:{}: {columns} columns, at most {max}",
                index + 1
            ));
        }
    }
    found
}

fn header(path: &str, source: &str) -> Vec<String> {
    if !path.ends_with(".rs") || source.starts_with("//!") || source == PLACEHOLDER {
        return Vec::new();
    }
    vec![format!("{path}: does not start with a `//!` header")]
}

/// `unsafe` stands in one file of the crate, and each block there is preceded by the reason why it is sound.
fn unsafe_code(path: &str, source: &str) -> Vec<String> {
    if !path.starts_with("src/") {
        return Vec::new();
    }
    let code = code_only(source);
    let mut found = Vec::new();
    for line in lines_with(&code, "unsafe") {
        let text = source.lines().nth(line - 1).unwrap_or_default();
        let declares = text.contains("unsafe extern") || text.contains("unsafe fn");
        let above = source
            .lines()
            .nth(line.saturating_sub(2))
            .unwrap_or_default();
        let reasoned = declares || above.trim_start().starts_with("// SAFETY: ");
        if path != UNSAFE || !reasoned {
            found.push(format!("{path}:{line}: unsafe code"));
        }
    }
    found
}

fn floats(path: &str, source: &str) -> Vec<String> {
    if !matches!(module_of(path), Some("domain" | "payment")) {
        return Vec::new();
    }
    let code = code_only(source);
    let hits = |word| lines_with(&code, word).collect::<Vec<_>>();
    let both = ["f32", "f64"].into_iter().flat_map(hits);
    both.map(|line| format!("{path}:{line}: money knows no floats"))
        .collect()
}

/// Whoever could make up a reader's MAC could prove any payment by card: only a reader's reply becomes one.
fn made_up_macs(path: &str, source: &str) -> Vec<String> {
    let allowed = path.starts_with("src/reader/neo2/") || path == "src/evidence/verified.rs";
    if allowed || !path.starts_with("src/") {
        return Vec::new();
    }
    let code = code_only(source);
    lines_with(&code, "of_reader")
        .map(|line| format!("{path}:{line}: a MAC is made up here"))
        .collect()
}

fn banned(path: &str, source: &str) -> Vec<String> {
    if !path.starts_with("src/") {
        return Vec::new();
    }
    let code = code_only(source);
    let excepted = |word: &str| {
        EXCEPTIONS
            .iter()
            .any(|(prefix, idiom, _)| path.starts_with(prefix) && *idiom == word)
    };
    let clock_allowed = MAY_READ_CLOCK.iter().any(|prefix| path.starts_with(prefix));
    let mut words: Vec<&str> = BANNED
        .iter()
        .copied()
        .filter(|word| !excepted(word))
        .collect();
    if !clock_allowed {
        words.extend(CLOCKS);
    }
    let mut found = Vec::new();
    for word in words {
        for (offset, _) in code.match_indices(word) {
            let line = line_of(&code, offset);
            found.push(format!("{path}:{line}: `{word}` is banned here"));
        }
    }
    found
}

/// What differs between acquirers stands in a profile or an adapter, nowhere else. Comments may cite their source.
fn acquirer_words(path: &str, source: &str) -> Vec<String> {
    let inside = path.starts_with("src/") || path.starts_with("ui/");
    if !inside || ACQUIRER_PLACES.iter().any(|place| path.starts_with(place)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in without_comments(source).lines().enumerate() {
        let excused = ACQUIRER_LINES
            .iter()
            .any(|(place, start)| path.starts_with(place) && line.contains(start));
        let lower = line.to_lowercase();
        let words = ACQUIRER_WORDS.iter().filter(|word| lower.contains(*word));
        found.extend(words.filter(|_| !excused).map(|word| {
            let line = index + 1;
            format!("{path}:{line}: `{word}` belongs to the adapter or the profile")
        }));
    }
    found
}

/// Returns the notice codes of a file of `src/view`: arms that end in a literal of a letter and two digits.
fn notice_codes(source: &str) -> Vec<String> {
    let literals = source.lines().filter_map(|line| line.split("=> \"").nth(1));
    let code = |rest: &str| rest.split('"').next().map(str::to_owned);
    let is_code = |text: &String| {
        text.len() == 3
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text[1..].chars().all(|c| c.is_ascii_digit())
    };
    literals.filter_map(code).filter(is_code).collect()
}

fn notices(source: &str, manual: &str) -> Vec<String> {
    let codes = notice_codes(source);
    let rows: Vec<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .collect();
    let mut found = Vec::new();
    if codes.is_empty() {
        found.push("no notice code was found in src/view/notice.rs".to_owned());
    }
    for (index, code) in codes.iter().enumerate() {
        if codes[..index].contains(code) {
            found.push(format!("{code} stands for two causes"));
        }
        if !rows.contains(&code.as_str()) {
            found.push(format!("{code} has no row in docs/OPERATIONS.md"));
        }
    }
    let as_arm = |row: &str| format!("=> \"{row}\"");
    let gone = rows
        .iter()
        .filter(|row| !notice_codes(&as_arm(row)).is_empty());
    let gone = gone.filter(|row| !codes.iter().any(|code| code == *row));
    found
        .extend(gone.map(|row| format!("docs/OPERATIONS.md explains {row}, which does not exist")));
    found
}

/// Each dependency stands below a comment, alone or as the second of a pair.
fn dependencies(path: &str, manifest: &str) -> Vec<String> {
    let (mut inside, mut credit, mut found) = (false, 0, Vec::new());
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            credit = 0;
        } else if line.starts_with('#') {
            credit = DEPENDENCIES_PER_COMMENT;
        } else if line.trim().is_empty() {
            credit = 0;
        } else if inside && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            if credit == 0 {
                let name = line.split('=').next().unwrap_or_default().trim();
                found.push(format!("{path}:{}: why is `{name}` needed?", index + 1));
            }
            credit = credit.saturating_sub(1);
        }
    }
    found
}

/// Relative links of a page, as `(line, target)`.
fn links(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in page.lines().enumerate() {
        for part in line.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

// ---------------------------------------------------------------------------------------------------------------------
// The tree.

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the files below `folders` with one of the endings, sorted, as paths inside the repository.
fn files(folders: &[&str], endings: &[&str]) -> Vec<String> {
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.map(|entry| entry.expect("a readable entry").path()) {
            let name = entry
                .strip_prefix(root())
                .expect("below the root")
                .display()
                .to_string();
            if entry.is_dir() && !name.contains("target") {
                open.push(entry);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

fn check_sources(check: fn(&str, &str) -> Vec<String>) {
    let sources = files(
        &["src", "ui", "tests", "benches", "fuzz"],
        &[".rs", ".slint"],
    );
    assert!(sources.len() > 20, "the sources were not found");
    assert_clean(
        sources
            .iter()
            .flat_map(|path| check(path, &read(path)))
            .collect(),
    );
}

fn assert_clean(found: Vec<String>) {
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

mod tree {
    use super::*;

    #[test]
    fn modules_import_only_what_the_table_allows() {
        check_sources(imports);
    }

    #[test]
    fn only_the_screen_names_slint() {
        check_sources(slint_only_in_ui);
    }

    #[test]
    fn files_and_lines_are_short() {
        check_sources(lengths);
    }

    #[test]
    fn every_rust_file_has_a_header() {
        check_sources(header);
    }

    #[test]
    fn money_knows_no_floats() {
        check_sources(floats);
    }

    #[test]
    fn only_a_readers_reply_becomes_a_mac() {
        check_sources(made_up_macs);
    }

    #[test]
    fn unsafe_code_stands_in_one_file_and_says_why_it_is_sound() {
        check_sources(unsafe_code);
        assert!(root().join(UNSAFE).exists());
    }

    #[test]
    fn banned_idioms_are_absent() {
        check_sources(banned);
    }

    #[test]
    fn no_word_of_an_acquirer_stands_outside_its_adapter_and_profile() {
        check_sources(acquirer_words);
    }

    #[test]
    fn every_notice_code_is_explained_to_operators() {
        assert_clean(notices(
            &["notice", "network", "pin"]
                .map(|own| read(&format!("src/view/{own}.rs")))
                .concat(),
            &read("docs/OPERATIONS.md"),
        ));
    }

    #[test]
    fn every_dependency_is_justified() {
        let manifests = ["Cargo.toml", "ui/Cargo.toml"];
        let manifests = manifests
            .into_iter()
            .filter(|path| root().join(path).exists());
        assert_clean(
            manifests
                .flat_map(|path| dependencies(path, &read(path)))
                .collect(),
        );
    }

    #[test]
    fn every_exception_is_used_by_a_module_that_can_exist() {
        let known = |path: &str| {
            MAY_IMPORT
                .iter()
                .any(|(name, _)| module_of(path) == Some(name))
        };
        assert!(
            EXCEPTIONS
                .iter()
                .all(|(path, _, why)| known(path) && !why.is_empty())
        );
        assert!(MAY_READ_CLOCK.iter().all(|path| known(path)));
    }

    #[test]
    fn pages_link_to_files_that_exist() {
        let mut pages = files(&["docs"], &[".md"]);
        pages.extend(["README.md", "CHANGELOG.md"].map(str::to_owned));
        let mut found = Vec::new();
        for page in pages {
            let folder = root().join(&page);
            let folder = folder.parent().expect("a folder");
            for (line, target) in links(&read(&page)) {
                if !folder.join(&target).exists() {
                    found.push(format!("{page}:{line}: no file {target}"));
                }
            }
        }
        assert_clean(found);
    }
}
