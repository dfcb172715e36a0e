//! The deterministic simulator: thousands of random sales, every planted bug, the failure matrix, kept findings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use shouyin::simulator::batch::{self, Options, Totals, play_guarded};
use shouyin::simulator::matrix::ROWS;
use shouyin::simulator::{Bench, Bug, Case, Expect, Group, Invariant, Kind, Script, Trace, shrink};

const SALES: u64 = 20_000;

fn many() -> u64 {
    let told = std::env::var("SHOUYIN_SIM_SALES").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(SALES)
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scenarios"))
}

fn scripts(name: &str) -> Vec<Script> {
    let mut files: Vec<_> = fs::read_dir(folder().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        Script::read_all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.iter().flat_map(read).collect()
}

fn print(totals: &Totals) {
    let faults: u64 = totals.faults.values().sum();
    println!(
        "{} sales in {} runs ({} for liveness, {} with a fault in recovery), {} settlements: {} events, \
         {faults} faults, {} power cuts, {} kills, {} boots, {} assertions, {} violations",
        totals.sales,
        totals.runs,
        totals.liveness_runs,
        totals.compound_runs,
        totals.balanced + totals.unbalanced,
        totals.events,
        totals.cuts,
        totals.kills,
        totals.boots,
        totals.checks,
        totals.violations,
    );
}

#[test]
fn twenty_thousand_sales_under_faults_keep_every_invariant() {
    let options = Options {
        sales: many(),
        stop_at_violation: false,
        ..Options::default()
    };
    let totals = batch::run(&options, "it-random");
    print(&totals);
    let shown: Vec<String> = totals
        .failures
        .iter()
        .flat_map(|failure| {
            let seed = failure.seed;
            let each = failure.violations.iter();
            each.map(move |violation| format!("shouyinctl sim seed {seed}: {violation}"))
        })
        .collect();
    assert_eq!(shown, Vec::<String>::new());
    assert!(
        totals.compound_runs * 5 >= totals.runs,
        "too few compound faults"
    );
    assert!(totals.repeated > 0, "no run was played twice");
    // Each was checked to the fen when it ended, and all of them against the shop's account (I4).
    let settlements = totals.balanced + totals.unbalanced;
    assert!(settlements * 20 >= totals.sales, "too few settlements");
    let struck: BTreeSet<&str> = totals.faults.keys().copied().collect();
    let missed: Vec<&str> = Kind::ALL
        .iter()
        .map(|kind| kind.key())
        .filter(|key| !struck.contains(key))
        .collect();
    assert_eq!(
        missed,
        Vec::<&str>::new(),
        "kinds of fault that never struck"
    );
    for end in ["paid", "not paid", "revoked"] {
        assert!(totals.ends.contains_key(end), "no sale ended {end}");
    }
}

/// Runs something while broken assertions are quiet: they are what is looked for.
fn quietly<T>(act: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = act();
    std::panic::set_hook(hook);
    result
}

#[test]
fn every_planted_bug_is_caught_within_twenty_thousand_sales() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let options = Options {
            bug: *bug,
            ..Options::default()
        };
        let name = format!("it-planted-{}", bug.key());
        let totals = quietly(|| batch::run(&options, &name));
        match totals.failures.first() {
            Some(failure) => {
                let (at, first) = (failure.at_sale, &failure.violations[0]);
                println!("{} {}: caught at sale {at}: {first}", bug.key(), bug.says());
            }
            None => missed.push(bug.key()),
        }
    }
    assert_eq!(missed, Vec::<&str>::new());
}

fn assert_all_as_expected(scripts: &[Script], name: &str) {
    let mut bench = Bench::new(name, false);
    let mut wrong = Vec::new();
    for script in scripts {
        let verdict = play_guarded(&script.case, &mut bench, Trace::default());
        for what in script.disappointed(&verdict) {
            wrong.push(format!("{}: {what}", script.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_of_the_failure_matrix_has_its_named_runs() {
    let scripts = scripts("matrix");
    let named = |number: u32| {
        let start = format!("row {number}:");
        scripts
            .iter()
            .filter(move |script| script.name.starts_with(&start))
    };
    for row in ROWS {
        let runs = named(row.number).count();
        println!("row {}: {}: {runs} runs", row.number, row.about);
        let elsewhere = row.elsewhere.is_some_and(|(file, test)| {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            let source = std::fs::read_to_string(root.join(file)).unwrap();
            source.contains(&format!("#[test]\nfn {test}()"))
        });
        assert!(runs > 0 || elsewhere, "row {} has no run", row.number);
    }
    let total: usize = ROWS.iter().map(|row| named(row.number).count()).sum();
    assert_eq!(total, scripts.len(), "a run belongs to no row");
    assert_all_as_expected(&scripts, "it-matrix");
}

/// Each run once found a bug, which was mended.
#[test]
fn kept_findings_hold() {
    let scripts = scripts("found");
    assert!(!scripts.is_empty(), "no finding was read");
    assert_all_as_expected(&scripts, "it-found");
}

#[test]
fn a_run_survives_its_text_and_a_failing_one_is_made_small() {
    let mut bench = Bench::new("it-shrink", false);
    let case = Case::draw(7, batch::SALES_PER_RUN, None, Bug::B3);
    let small = quietly(|| shrink(&case, Invariant::I12, &mut bench)).expect("B3 is caught");
    assert!(small.acts.len() <= 4, "{:?}", small.acts);
    assert!(
        small
            .faults
            .as_ref()
            .is_some_and(|faults| faults.len() <= 2)
    );
    let mut script = Script::new("a planted bug", small);
    script.expect.push(Expect::Violation(Invariant::I12));
    let read = Script::read_all(&script.text()).expect("its own text");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].text(), script.text());
    let verdict = play_guarded(&read[0].case, &mut bench, Trace::kept());
    assert_eq!(read[0].disappointed(&verdict), Vec::<String>::new());
    let chart = verdict.trace.chart();
    for word in ["intent_recorded", "authorize of sale", "closed declined"] {
        assert!(chart.contains(word), "{word} is not in\n{chart}");
    }
}

#[test]
fn a_script_that_is_wrong_says_where() {
    for (text, line, problem) in [
        ("2.0 sale 1 1.00", 1, "no case has begun"),
        ("case a\n2.0 sale 1 1.5", 2, "not an amount"),
        ("case a\n\n2.0 dance", 3, "nobody can do that"),
        ("case a\nfault send 1.1 flood", 2, "no such fault"),
        ("case a\nexpect sale 1 rich 1.00", 2, "no such end"),
    ] {
        let error = Script::read_all(text).expect_err(text);
        assert_eq!((error.line, error.problem), (line, problem));
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let mut bench = Bench::new("it-same", false);
    for seed in 1..8 {
        let case = Case::draw(seed, batch::SALES_PER_RUN, None, Bug::None);
        let one = play_guarded(&case, &mut bench, Trace::default());
        let two = play_guarded(&case, &mut bench, Trace::default());
        assert_eq!((one.hash, one.faults.len()), (two.hash, two.faults.len()));
        let mut listed = case.clone();
        listed.faults = Some(one.faults.clone());
        let three = play_guarded(&listed, &mut bench, Trace::default());
        assert_eq!(
            one.hash, three.hash,
            "seed {seed}: the list of faults is the run"
        );
    }
}

/// The acquirer of the simulator would repeat the terminal's errors if it used the terminal's code.
#[test]
fn the_model_acquirer_imports_nothing_of_the_terminal() {
    let host = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/host"));
    let mut seen = 0;
    for entry in fs::read_dir(host).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for word in ["crate::", "super::super", "shouyin::"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 4, "the model acquirer was not found");
}

#[test]
fn groups_of_faults_are_all_there() {
    let groups: BTreeSet<Group> = Kind::ALL.iter().map(|kind| kind.group()).collect();
    assert_eq!(groups.len(), 8);
    for kind in Kind::ALL {
        assert_eq!(Kind::from_key(kind.key()), Some(*kind), "{}", kind.key());
    }
}
