//! Arguments of the three programs: `--help` tells the truth, and what is unknown is refused by name.

use super::*;

fn help(program: &str, arguments: &[&str]) -> String {
    let ran = run(Command::new(program).args(arguments));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.err.is_empty(), "{ran:#?}");
    ran.out
}

/// The options that a help names.
fn options(help: &str) -> Vec<String> {
    let words = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    let mut found: Vec<String> = words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn every_option_that_the_manual_names_is_in_the_help_and_the_other_way_round() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let table: Vec<&str> = manual
        .lines()
        .skip_while(|line| !line.starts_with("## Programs"))
        .take_while(|line| !line.starts_with("## The console"))
        .collect();
    for (program, name, commands) in [
        (SHOUYIN, "shouyin ", &[&["--help"][..]][..]),
        (
            CTL,
            "shouyinctl ",
            &[
                &["journal", "verify", "--help"][..],
                &["journal", "show", "--help"],
                &["journal", "export", "--help"],
                &["journal", "rebuild", "--help"],
                &["journal", "accept", "--help"],
                &["pin", "set", "--help"],
                &["profile", "check", "--help"],
                &["printer", "test", "--help"],
                &["reader", "info", "--help"],
                &["reconcile", "--help"],
                &["fees", "--help"],
                &["export", "--help"],
            ],
        ),
        (
            SANDBOX,
            "shouyin-sandbox ",
            &[
                &["serve", "--help"][..],
                &["printer", "--help"],
                &["reader", "--help"],
                &["daily", "--help"],
            ],
        ),
    ] {
        let head = format!("| `{name}");
        let rows: Vec<&str> = table
            .iter()
            .filter(|line| line.starts_with(&head))
            .filter_map(|line| line.split(" | ").next())
            .collect();
        let told = options(&rows.join(" ").replace("\\|", " "));
        let mut real: Vec<String> = commands
            .iter()
            .flat_map(|arguments| options(&help(program, arguments)))
            .filter(|option| option != "--help" && option != "--version")
            .collect();
        real.sort();
        real.dedup();
        assert_eq!(told, real, "{name}");
    }
}

#[test]
fn hidden_doors_are_not_in_the_help_and_the_version_is_the_packages() {
    for program in [SHOUYIN, CTL, SANDBOX] {
        let version = help(program, &["--version"]);
        assert!(
            version.trim().ends_with(env!("CARGO_PKG_VERSION")),
            "{version}"
        );
        let text = help(program, &["--help"]);
        for hidden in ["abort-after", "scan-worker"] {
            assert!(!text.contains(hidden), "{text}");
        }
    }
}

#[test]
fn what_is_unknown_is_refused_by_name_with_exit_code_2() {
    for (program, arguments, words) in [
        (SHOUYIN, &["--colour"][..], &["--colour", "--help"][..]),
        (SHOUYIN, &["--confg", "x"], &["--confg", "--config"]),
        (SHOUYIN, &["--web", "x"], &["--web", "x"]),
        (SHOUYIN, &["--web", "70000"], &["--web", "70000"]),
        (
            SHOUYIN,
            &["--web", "1", "--console"],
            &["--web", "--console"],
        ),
        (SHOUYIN, &["sell"], &["sell"]),
        (SHOUYIN, &["--data"], &["--data", "DIR"]),
        (CTL, &[], &["Usage", "journal"]),
        (CTL, &["jurnal"], &["jurnal", "--help"]),
        (CTL, &["journal", "mend", "x"], &["mend", "--help"]),
        (CTL, &["journal", "verify"], &["DATABASE"]),
        (
            CTL,
            &["journal", "show", "x", "--ordr", "y"],
            &["--ordr", "--order"],
        ),
        (SANDBOX, &["serve"], &["--dir"]),
        (
            SANDBOX,
            &["serve", "--dir", "x", "--port", "y"],
            &["--port", "y"],
        ),
    ] {
        let ran = run(Command::new(program).args(arguments));
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:#?}");
        assert!(ran.out.is_empty(), "{ran:#?}");
        for word in words {
            assert!(ran.err.contains(word), "no {word:?} in: {}", ran.err);
        }
        ran.clear();
    }
}

#[test]
fn a_sandbox_that_cannot_start_says_where() {
    let ground = Ground::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = ground.path("sandbox").display().to_string();
    let serve = |more: &[&str]| {
        let mut command = Command::new(SANDBOX);
        command
            .args(["serve", "--dir", &dir, "--in-memory"])
            .args(more);
        run(&mut command)
    };
    let ran = serve(&["--port", &port, "--page-port", "0"]);
    ran.refused("shouyin-sandbox", 1, &[&port, "--port", "in use"]);
    let ran = serve(&["--port", "0", "--page-port", &port]);
    ran.refused("shouyin-sandbox", 1, &[&port, "--page-port", "in use"]);
    let file = ground.write("file", "").display().to_string();
    let ran = run(Command::new(SANDBOX).args(["serve", "--dir", &file]));
    ran.refused("shouyin-sandbox", 1, &[&file]);
}
