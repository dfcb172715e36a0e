//! Words: drawn in both languages, told for every notice, translated without a hole.

use std::collections::BTreeMap;
use std::path::Path;

use shouyin::view::Notice;

use super::*;

fn pages_once() -> Vec<&'static str> {
    vec![
        "keypad-typed",
        "prompt",
        "manual-typed",
        "waiting-checking",
        "outcome-paid",
        "pending",
        "out-of-service-disk",
        "code",
        "instalments-chosen",
        "confirm-large",
        "records",
        "record-part",
        "undo-part",
        "approve-typed",
        "undoing",
        "undoing-done",
        "look-slip",
        "verdict-stranger",
        "wall",
        "settlement-unequal",
        "batch-exported",
        "balance-told",
        "balance-pin",
        "batch-exporting",
        "records-mixed",
        "filter-set",
        "choose-kind",
        "number-day",
        "statistics-channel",
        "story",
        "verify-same",
        "update-ready",
        "update-fetching",
        "approve-update",
        "maintenance",
        "safe-mode",
        "support",
        "support-sent",
        "maintenance-approved",
        "approve-reset",
    ]
}

#[test]
fn chinese_and_english_words_are_really_drawn() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for language in LANGUAGES {
            for name in pages_once() {
                till.show(name, 1, language);
                let picture = till.window.picture().expect("pixels");
                for text in till.elements(AccessibleRole::Text) {
                    let wanted = label(&text);
                    let mut shades = BTreeMap::<[u8; 3], u32>::new();
                    let [left, top, right, bottom] = edges(&text).map(|e| e as u32);
                    for y in top..bottom.min(picture.height()) {
                        for x in left..right.min(picture.width()) {
                            let pixel = picture.as_slice()[(y * picture.width() + x) as usize];
                            *shades.entry([pixel.r, pixel.g, pixel.b]).or_default() += 1;
                        }
                    }
                    let total: u32 = shades.values().sum();
                    let ground = shades.values().max().copied().unwrap_or(0);
                    let ink = total - ground;
                    assert!(
                        ink * 200 > total,
                        "{wanted:?} on {name} {language:?} has no ink"
                    );
                }
            }
        }
    }
}

#[test]
fn every_notice_has_words_in_two_lines() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    for language in LANGUAGES {
        for cause in samples::causes() {
            let notice = Notice::from(cause.clone());
            let sample = samples::Sample {
                name: "notice",
                page: samples::keypad_telling(cause),
                pending: 0,
            };
            till.window
                .apply(&samples::screen(&sample, 1, language, Theme::Light));
            let texts = till.elements(AccessibleRole::Text);
            let told: Vec<_> = texts.iter().map(label).collect();
            let told = told
                .iter()
                .find(|t| t.contains(&format!("({}", notice.code)));
            let told = told.unwrap_or_else(|| panic!("{} is not told", notice.code));
            // In units of one Chinese character: a Latin letter is about 0.55 of it.
            let wide = |c: char| if c.is_ascii() { 0.55 } else { 1.0 };
            let width: f32 = told.chars().map(wide).sum();
            assert!(width <= 35.5, "{told:?} is {width} wide");
            assert!(
                !told.contains("列表为准"),
                "{} has no words of its own",
                notice.code
            );
        }
    }
}

#[test]
fn every_chinese_string_has_english_words_with_the_same_holes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let po = std::fs::read_to_string(root.join("lang/en/LC_MESSAGES/shouyin-ui.po")).expect("po");
    let quoted = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.trim();
        Some(rest.trim_matches('"').to_owned())
    };
    let mut english = BTreeMap::new();
    let mut id = String::new();
    for line in po.lines() {
        if let Some(text) = quoted(line, "msgid ") {
            id = text;
        } else if let Some(text) = quoted(line, "msgstr ") {
            assert!(english.insert(id.clone(), text).is_none(), "{id} twice");
        }
    }
    english.remove("");
    let mut used = Vec::new();
    for source in sources(&root) {
        let parts = source.split("@tr(\"").skip(1);
        used.extend(parts.filter_map(|part| part.split('"').next().map(str::to_owned)));
    }
    assert!(used.len() > 90, "only {} strings were found", used.len());
    for text in &used {
        let words = english
            .get(text)
            .unwrap_or_else(|| panic!("{text} has no English"));
        assert!(!words.is_empty(), "{text} has empty English");
        assert_eq!(
            text.matches("{}").count(),
            words.matches("{}").count(),
            "{text}"
        );
        assert!(
            words.chars().all(|c| !('一'..='鿿').contains(&c)),
            "{words}"
        );
    }
    let unused: Vec<_> = english.keys().filter(|id| !used.contains(id)).collect();
    assert!(unused.is_empty(), "English words for nothing: {unused:?}");
}

pub(super) fn sources(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "slint") {
            let text = std::fs::read_to_string(&path).expect("source");
            assert!(
                text.lines().count() <= 300,
                "{} is too long",
                path.display()
            );
            found.push(text);
        }
    }
    found
}
