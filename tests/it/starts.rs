//! Safe mode or not: the rule as a table, the file of starts with everything that can be wrong with it, and how a
//! machine says whether the running version proved itself.

use std::path::Path;

use shouyin::starts::{
    Asked, Crash, FAILED, Standing, Starts, Verdict, WINDOW_S, decide, standing,
};
use tempfile::TempDir;

const fn crash(began_s: u64, sold: bool) -> Crash {
    Crash { began_s, sold }
}

#[test]
fn the_rule_as_a_table() {
    use Standing::{OnTrial, Proven};
    use Verdict::{Crashed, Normal, Wished};
    let (unsold, quick) = (
        [crash(10, false), crash(900, false), crash(5_000, false)],
        [crash(1_000, true), crash(1_060, true), crash(1_100, true)],
    );
    let slow = [crash(10, true), crash(1_000, true), crash(2_000, true)];
    let mixed = [crash(10, false), crash(1_000, true), crash(2_000, false)];
    let now = 9_000;
    for (why, crashes, now_s, wanted) in [
        ("first start", &[][..], 5, Normal),
        ("two that never sold", &unsold[..2], now, Normal),
        ("three that never sold, slowly", &unsold, now, Crashed),
        ("three quick crashes", &quick, 1_180, Crashed),
        ("the first of three is too old", &quick, 1_181, Normal),
        ("one a day", &slow, now, Normal),
        ("one of three had sold", &mixed, now, Normal),
    ] {
        assert_eq!(decide(Proven, None, crashes, now_s), wanted, "{why}");
        // A new version has to fail, so that the machine goes back to the old one.
        assert_eq!(decide(OnTrial, None, crashes, now_s), Normal, "{why}");
        for standing in [Proven, OnTrial] {
            let asked = |asked| decide(standing, Some(asked), crashes, now_s);
            assert_eq!(asked(Asked::Retry), Normal, "{why}");
            assert_eq!(asked(Asked::Safe), Wished, "{why}");
        }
    }
    // Whatever came before, only the last ones count.
    let long = [&quick[..], &slow[..]].concat();
    assert_eq!(decide(Proven, None, &long, now), Verdict::Normal);
    assert_eq!(
        (FAILED, WINDOW_S),
        (3, 120),
        "docs/ARCHITECTURE.md says so, too"
    );
}

#[test]
fn starts_are_counted_until_one_ends_in_order() {
    let dir = TempDir::new().unwrap();
    let healthy = dir.path().join("healthy");
    for (number, now_s) in [(0, 10), (1, 20), (2, 31)] {
        let starts = Starts::read(dir.path(), now_s);
        assert_eq!(starts.crashes().len(), number);
        assert!(
            !healthy.exists(),
            "an earlier start's mark is not this one's"
        );
        starts.begins(now_s).unwrap();
        if number == 1 {
            starts.sells().unwrap();
            assert!(healthy.exists());
        }
    }
    let starts = Starts::read(dir.path(), 40);
    assert_eq!(
        starts.crashes(),
        [crash(10, false), crash(20, true), crash(31, false)]
    );
    // A start that says itself why it cannot sell takes only itself away.
    starts.begins(40).unwrap();
    starts.ended().unwrap();
    assert_eq!(Starts::read(dir.path(), 50).crashes().len(), 3);
    // One that sold and ended in order makes good what was before.
    let starts = Starts::read(dir.path(), 50);
    starts.begins(50).unwrap();
    starts.sells().unwrap();
    starts.ended().unwrap();
    assert!(Starts::read(dir.path(), 50).crashes().is_empty());
    // However often it crashes, the file stays small.
    for now_s in 50..150 {
        Starts::read(dir.path(), now_s).begins(now_s).unwrap();
    }
    assert_eq!(Starts::read(dir.path(), 150).crashes().len(), 8);
    let bytes = std::fs::metadata(dir.path().join("starts")).unwrap().len();
    assert!(bytes < 200, "{bytes}");
}

#[test]
fn a_torn_or_strange_file_is_no_crash_and_stops_nothing() {
    let long = "start 1\n".repeat(2_000);
    for (text, left) in [
        (&b""[..], 0),
        (b"start 10\nsta", 1),
        (b"start 10\nstart 2", 1),
        (b"sold\nsold\n", 0),
        (b"start 10\nsold", 1),
        (
            b"start\nstart \nstart -3\nstart +3\nstart 3 4\nSTART 3\n",
            0,
        ),
        (b"start 99999999999999999999999\n", 0),
        // Of another start of the machine, whose clock was further.
        (b"start 5000\nstart 6000\nstart 7000\n", 0),
        (b"start 80\nstart 20\nstart 90\n", 2),
        (b"\xff\xfe\x00\n\x00\x00start 10\nstart 11\n", 1),
        (long.as_bytes(), 8),
    ] {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("starts"), text).unwrap();
        let starts = Starts::read(dir.path(), 100);
        let told = String::from_utf8_lossy(text);
        let told = told.chars().take(60).collect::<String>();
        assert_eq!(starts.crashes().len(), left, "{told:?}");
        starts.begins(100).unwrap();
        assert_eq!(
            Starts::read(dir.path(), 101).crashes().len(),
            (left + 1).min(8),
            "{told:?}"
        );
    }
    // A folder of that name, and one that is not there.
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("starts")).unwrap();
    let starts = Starts::read(dir.path(), 100);
    assert!(starts.crashes().is_empty() && starts.begins(100).is_err());
    assert!(
        Starts::read(Path::new("/nowhere"), 100)
            .begins(100)
            .is_err()
    );
}

#[test]
fn a_version_is_on_trial_as_long_as_the_boot_loader_counts() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    let variables = root.join("sys/firmware/efi/efivars");
    let counted = variables.join("LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f");
    assert_eq!(
        standing(root, true),
        Standing::Proven,
        "no firmware that counts"
    );
    std::fs::create_dir_all(&variables).unwrap();
    assert_eq!(
        standing(root, true),
        Standing::OnTrial,
        "nothing can be read: unknown"
    );
    std::fs::write(variables.join("LoaderInfo-4a67b082"), "x").unwrap();
    assert_eq!(
        standing(root, true),
        Standing::Proven,
        "a kernel without a count"
    );
    std::fs::write(&counted, "x").unwrap();
    assert_eq!(standing(root, true), Standing::OnTrial);
    assert_eq!(
        standing(root, false),
        Standing::Proven,
        "another system's own count"
    );
    std::fs::create_dir(root.join("run")).unwrap();
    std::fs::write(root.join("run/shouyin-proven"), "").unwrap();
    assert_eq!(
        standing(root, true),
        Standing::Proven,
        "it proved itself in this start"
    );
}

/// A finger on the shop's name counts only at a keypad on which nobody types, and while nobody is served.
#[cfg(feature = "live")]
#[test]
fn safe_mode_is_entered_by_a_long_press_only_when_nobody_is_served() {
    use shouyin::view::{Intent, MaintainWish, Page};

    use crate::till::{runtime, sandbox, till};

    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        till.home().await;
        let held = Intent::Maintain(MaintainWish::Safe);
        let shows = |amount: &'static str| {
            move |page: &Page| matches!(page, Page::Keypad(page) if page.amount == amount)
        };
        till.tap(Intent::Digit(7)).await;
        till.wait("an amount", shows("7")).await;
        till.tap(held).await;
        till.tap(Intent::Digit(7)).await;
        till.wait("it goes on", shows("77")).await;
        till.tap(Intent::Charge).await;
        till.wait("a code is waited for", |page| matches!(page, Page::Prompt(_))).await;
        till.tap(held).await;
        till.tap(Intent::Cancel).await;
        till.wait("it goes on", |page| matches!(page, Page::Keypad(_))).await;
        assert!(!*till.safe.borrow());
        till.tap(Intent::Clear).await;
        till.wait("nothing is typed", shows("0.00")).await;
        till.tap(held).await;
        till.safe.wait_for(|safe| *safe).await.unwrap();
        // The driver ends in order and by itself.
        till.ends().await;
    });
}
