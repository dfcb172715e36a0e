//! The development reader stays out of what ships: not in the default features, not in a shipping build, not in the
//! core. Pure functions from text to findings, proven on planted violations.

use super::{assert_clean, check_sources, files, lines_with, read, without_comments};

const FEATURE: &str = "dev-reader";
/// Where the development reader is, and the two lists of parts that name it.
const HOME: &str = "src/reader/pn532/";
const MAY_NAME: &[&str] = &[HOME, "src/reader/mod.rs", "src/bin/shouyinctl.rs"];
/// The world outside has a PN532 of its own.
const OUTSIDE: &[&str] = &["src/sim/", "src/bin/shouyin-sandbox.rs"];
/// What evidence is made of; the development reader knows none of it.
const EVIDENCE: &[&str] = &[
    "evidence",
    "card",
    "payment",
    "settlement",
    "neo2",
    "terminal",
    "journal",
];

/// Returns what a feature switches on, by way of other features.
fn switched_on(manifest: &str, feature: &str) -> Vec<String> {
    let features = manifest.split("\n[features]").nth(1).unwrap_or_default();
    let features = features.split("\n[").next().unwrap_or_default();
    let list = |name: &str| -> Vec<String> {
        let start = format!("\n{name} = [");
        let rest = features.split(&start).nth(1).unwrap_or_default();
        let inside = rest.split(']').next().unwrap_or_default();
        let quoted = inside.split('"').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    let (mut open, mut found) = (list(feature), Vec::new());
    while let Some(name) = open.pop() {
        if !found.contains(&name) {
            open.extend(list(&name));
            found.push(name);
        }
    }
    found
}

fn shipped(manifest: &str) -> Vec<String> {
    let found = ["default", "live", "ui", "sim"]
        .into_iter()
        .filter(|feature| {
            switched_on(manifest, feature)
                .iter()
                .any(|on| on == FEATURE)
        });
    found
        .map(|feature| format!("Cargo.toml: `{feature}` switches `{FEATURE}` on"))
        .collect()
}

/// A line that builds for anything but a check of the code.
fn built(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let bad = lines.filter(|(_, line)| {
        let checks = line.contains(" clippy ") || line.contains(" test ");
        line.contains(FEATURE) && !checks
    });
    bad.map(|(index, _)| format!("{path}:{}: builds with `{FEATURE}`", index + 1))
        .collect()
}

/// Whoever could name what a development reader found could take it for more than it is.
fn named(path: &str, source: &str) -> Vec<String> {
    let excused = MAY_NAME.iter().chain(OUTSIDE);
    if !path.starts_with("src/") || excused.clone().any(|place| path.starts_with(place)) {
        return Vec::new();
    }
    let code = without_comments(source);
    let words = ["pn532", "DevCard", "not_for_authorisation"];
    let found = words.iter().flat_map(|word| {
        lines_with(&code, word).map(move |line| format!("{path}:{line}: `{word}` is named here"))
    });
    found.collect()
}

fn knows_evidence(path: &str, source: &str) -> Vec<String> {
    if !path.starts_with(HOME) {
        return Vec::new();
    }
    let code = without_comments(source);
    let mut found = Vec::new();
    for word in EVIDENCE {
        for start in ["crate::", "crate::reader::", "super::super::"] {
            if code.contains(&format!("{start}{word}")) {
                found.push(format!("{path}: knows `{word}`"));
            }
        }
    }
    for word in [
        "From",
        "Into",
        "TryFrom",
        "CardEvidence",
        "PaidEvidence",
        "MacCode",
    ] {
        let lines = lines_with(&code, word);
        found.extend(lines.map(|line| format!("{path}:{line}: `{word}`")));
    }
    found
}

#[test]
fn no_feature_that_ships_switches_the_development_reader_on() {
    let manifest = read("Cargo.toml");
    assert!(
        switched_on(&manifest, FEATURE).contains(&"live".to_owned()),
        "the feature is there, and the list of features was read"
    );
    assert!(switched_on(&manifest, "default").contains(&"dep:serialport".to_owned()));
    assert_clean(shipped(&manifest));
}

#[test]
fn nothing_is_built_with_the_development_reader() {
    let mut scripts = files(&["packaging", ".github"], &["", ".sh", ".py", ".yml"]);
    scripts.retain(|path| !path.starts_with("packaging/dev/") && !path.ends_with(".ttf"));
    scripts.push("Makefile".to_owned());
    let texts = scripts.iter().filter_map(|path| {
        let bytes = std::fs::read(super::root().join(path)).ok()?;
        Some((path, String::from_utf8_lossy(&bytes).into_owned()))
    });
    assert_clean(texts.flat_map(|(path, text)| built(path, &text)).collect());
}

#[test]
fn nothing_names_what_a_development_reader_found() {
    check_sources(named);
    check_sources(knows_evidence);
}

#[test]
fn planted_violations_are_found() {
    let head = "x = 1\n[features]\ndefault = [\"ui\"]\n";
    for (rest, count) in [
        ("ui = []\ndev-reader = [\"live\"]\n", 0),
        ("ui = [\n  \"dep:a\", \"dev-reader\",\n]\n", 2),
        ("ui = [\"x\"]\nx = [\"dev-reader\"]\n[dependencies]\n", 2),
        ("live = [\"dev-reader\"]\n", 1),
    ] {
        assert_eq!(shipped(&format!("{head}{rest}")).len(), count, "{rest}");
    }
    assert_eq!(
        built("Makefile", "cargo build --features dev-reader").len(),
        1
    );
    assert!(built("Makefile", "\tcargo clippy --features dev-reader").is_empty());
    let bad = "use crate::reader::pn532::DevCard;";
    assert_eq!(named("src/terminal/driver.rs", bad).len(), 2);
    assert!(named("src/terminal/driver.rs", "// a DevCard is none").is_empty());
    assert!(named("src/bin/shouyinctl.rs", bad).is_empty());
    for bad in [
        "use crate::evidence::Claim;",
        "impl From<DevCard> for X {}",
        "use crate::card::CardEvidence;",
        "use crate::reader::neo2::Tapped;",
    ] {
        assert!(
            !knows_evidence("src/reader/pn532/look.rs", bad).is_empty(),
            "{bad}"
        );
    }
    assert!(knows_evidence("src/reader/pn532/look.rs", "use crate::domain::Tick;").is_empty());
}
