//! Every file of the fuzz corpora through the function that is fuzzed, on the stable toolchain.

use std::collections::BTreeSet;
use std::path::PathBuf;

#[path = "../../fuzz/targets/pictures.rs"]
mod pictures;
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use pictures::PICTURES;
use targets::{TARGETS, Target};

fn all() -> impl Iterator<Item = (&'static str, Target)> {
    TARGETS.into_iter().chain(PICTURES)
}

fn fuzz(part: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(part)
}

fn names(part: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(fuzz(part)).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(ending).unwrap().to_owned()
    };
    entries.map(name).collect()
}

#[test]
fn every_file_of_the_corpora_keeps_the_promise_of_its_target() {
    let mut files = 0;
    for (name, target) in all() {
        let mut paths: Vec<_> = std::fs::read_dir(fuzz("corpus").join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        assert!(paths.len() >= 3, "{name} has a corpus");
        for path in paths {
            println!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
            files += 1;
        }
    }
    println!("{files} files of {} corpora", all().count());
}

#[test]
fn every_target_has_a_program_and_a_corpus_and_there_is_no_other() {
    let known: BTreeSet<String> = all().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names("fuzz_targets", ".rs"), known);
    assert_eq!(names("corpus", ""), known);
    let manifest = std::fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in known {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")));
    }
}
