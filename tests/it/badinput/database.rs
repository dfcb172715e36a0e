//! Bad journals: the terminal refuses each with its reason and leaves the file alone; `shouyinctl` says what it finds.

use rusqlite::Connection;

use super::*;
use crate::acquirer::mode;
use crate::journal::filled;

/// A terminal with a journal of a few sales.
struct Shop {
    ground: Ground,
    rows: u64,
}

impl Shop {
    fn new() -> Self {
        let ground = Ground::new();
        let data = ground.path("data");
        std::fs::create_dir(&data).unwrap();
        let rows = filled(&data, 3);
        Self { ground, rows }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.ground.path("data").join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("journal.db")
    }

    /// Takes the note away, so that the start looks at everything.
    fn forget(&self) {
        std::fs::remove_file(self.path("journal.checked")).unwrap();
    }

    fn sql(&self, sql: &str) {
        let database = Connection::open(self.database()).unwrap();
        database
            .execute_batch("PRAGMA foreign_keys=OFF; DROP TRIGGER fact_no_update; DROP TRIGGER fact_no_delete;")
            .unwrap();
        database.execute_batch(sql).unwrap();
    }

    fn start(&self) -> Ran {
        run(&mut self.command())
    }

    fn command(&self) -> Command {
        let mut command = self.ground.shouyin(&[]);
        command.arg("--mirror").arg(self.path("copy.log"));
        command
    }

    /// Runs the terminal, which must refuse with `words` and leave the database alone.
    fn refused(&self, words: &[&str]) {
        // SQLite makes an empty file where there was none; that is no change.
        let content = || std::fs::read(self.database()).unwrap_or_default();
        let before = content();
        self.start().refused("shouyin", 1, words);
        let after = content();
        assert!(before == after, "the bad file was changed: {words:?}");
    }

    /// Runs the terminal, which must rebuild the journal, say why, keep the bad file and be ready to sell.
    fn mended(&self, words: &[&str]) {
        let before = std::fs::read(self.database()).unwrap_or_default();
        let ran = self.start();
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:#?}");
        for word in words
            .iter()
            .chain(&["the journal was rebuilt", "whole: true"])
        {
            assert!(ran.err.contains(word), "{word}: {ran:#?}");
        }
        let kept = std::fs::read_dir(self.ground.path("data")).unwrap();
        let kept = kept.map(|entry| entry.unwrap().path()).filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("journal.db.bad-") && !name.ends_with("-wal")
        });
        let same = kept
            .map(|path| std::fs::read(path).unwrap())
            .any(|kept| kept == before);
        assert!(
            same || before.is_empty(),
            "the bad file was not kept: {words:?}"
        );
        assert_eq!(self.tool("verify").code, Some(0), "{words:?}");
    }

    fn ctl(&self, arguments: &[&str]) -> Ran {
        let (tool, rest) = arguments.split_first().unwrap();
        let mut command = Command::new(CTL);
        command.args(["journal", tool]).arg(self.database());
        command.arg("--mirror").arg(self.path("copy.log"));
        run(command.args(rest))
    }

    fn tool(&self, tool: &str) -> Ran {
        run(Command::new(CTL)
            .args(["journal", tool])
            .arg(self.database()))
    }

    /// None of the tools can read the journal; each says why.
    fn unreadable(&self, words: &[&str]) {
        for tool in ["verify", "show", "export"] {
            self.tool(tool).refused("shouyinctl", 2, words);
        }
    }
}

#[test]
fn a_sound_journal_is_verified_shown_and_exported() {
    let shop = Shop::new();
    let mut verify = Command::new(CTL);
    verify.args(["journal", "verify"]).arg(shop.database());
    verify.arg("--mirror").arg(shop.path("copy.log"));
    let ran = run(&mut verify);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(
        ran.out
            .starts_with(&format!("{} records are sound", shop.rows)),
        "{ran:#?}"
    );
    for tool in ["show", "export"] {
        let ran = shop.tool(tool);
        assert_eq!(
            (ran.code, ran.out.lines().count() as u64),
            (Some(0), shop.rows)
        );
    }
    let mut show = Command::new(CTL);
    show.args(["journal", "show", "--order", "NOSUCHORDER"])
        .arg(shop.database());
    run(&mut show).refused("shouyinctl", 1, &["NOSUCHORDER", "no record"]);
    assert_eq!(shop.start().code, Some(0));
}

#[test]
fn what_is_no_database_is_rebuilt() {
    let shop = Shop::new();
    std::fs::write(shop.database(), vec![b'x'; 5_000]).unwrap();
    shop.unreadable(&["journal.db", "not a database", "keep the file"]);
    shop.mended(&["journal.db", "is damaged", "not a database"]);
}

#[test]
fn a_cut_or_overwritten_database_is_rebuilt() {
    let shop = Shop::new();
    let whole = std::fs::read(shop.database()).unwrap();
    std::fs::write(shop.database(), &whole[..whole.len() / 2]).unwrap();
    shop.unreadable(&["journal.db", "malformed"]);
    shop.mended(&["journal.db", "is damaged", "malformed"]);
    let shop = Shop::new();
    let mut overwritten = std::fs::read(shop.database()).unwrap();
    overwritten[4_096..6_000].fill(0xff);
    std::fs::write(shop.database(), &overwritten).unwrap();
    shop.unreadable(&["journal.db", "is damaged"]);
    shop.mended(&["journal.db", "is damaged"]);
}

#[test]
fn without_its_note_a_rebuilt_journal_takes_no_new_sale_until_somebody_vouches_for_it() {
    let shop = Shop::new();
    shop.forget();
    std::fs::write(shop.database(), vec![b'x'; 5_000]).unwrap();
    let mut till = console::Console::start(&mut shop.command());
    till.wait(&["[keypad] 0.00", "(J06"]);
    till.type_line("5.00 281234567890880001");
    till.wait(&["[keypad]", "(J06"]);
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.err.contains("whole: false"), "{ran:#?}");
    ran.clear();
    let ran = shop.ctl(&["accept", "--approver", "x!"]);
    ran.refused("shouyinctl", 2, &["--approver"]);
    let ran = shop.ctl(&["accept", "--approver", "07"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.out.contains("operator 07 vouches"), "{ran:#?}");
    assert_eq!(shop.ctl(&["accept", "--approver", "07"]).code, Some(1));
    let shown = shop.tool("show").out;
    for fact in ["\"rebuilt\"", "\"proven\"", "\"approver\":\"07\""] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    let mut till = console::Console::start(&mut shop.command());
    let line = till.wait(&["[keypad] 0.00"]);
    assert!(!line.contains("(J06"), "{line}");
    till.quit();
}

#[test]
fn the_tool_rebuilds_says_what_it_did_and_refuses_where_nothing_is_wrong() {
    let shop = Shop::new();
    let before = std::fs::read(shop.database()).unwrap();
    let ran = shop.ctl(&["rebuild"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.err.contains("nothing to rebuild"), "{ran:#?}");
    assert!(std::fs::read(shop.database()).unwrap() == before);
    std::fs::write(shop.database(), &before[..6_000]).unwrap();
    let ran = shop.ctl(&["rebuild"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let rows = format!("{} records recovered", shop.rows);
    for words in [
        "found: the journal",
        &rows,
        "is kept as",
        "nothing is missing",
    ] {
        assert!(ran.out.contains(words), "{words}: {ran:#?}");
    }
    std::fs::write(shop.database(), b"").unwrap();
    std::fs::remove_file(shop.path("copy.log")).unwrap();
    std::fs::copy(shop.path("journal.checked"), shop.path("kept")).ok();
    let mut again = Command::new(CTL);
    again.args(["journal", "rebuild"]).arg(shop.database());
    let ran = run(again.arg("--give-up-unreadable"));
    // The rebuild took the note back, so that nothing tells of a journal any more.
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let shop = Shop::new();
    std::fs::write(shop.database(), b"").unwrap();
    std::fs::remove_file(shop.path("copy.log")).unwrap();
    // A copy that is named and is not there may be a slip of the pen: nothing is rebuilt without it.
    shop.ctl(&["rebuild"])
        .refused("shouyinctl", 2, &["no second copy", "copy.log"]);
    let ran = shop.tool("rebuild");
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let missing = format!("{} records are known to be missing", shop.rows);
    assert!(ran.out.contains(&missing), "{ran:#?}");
    let mut elsewhere = Command::new(CTL);
    elsewhere.args(["journal", "rebuild", "/nowhere/other.db"]);
    run(&mut elsewhere).refused("shouyinctl", 2, &["other.db", "journal.db"]);
}

#[test]
fn flipped_bytes_inside_a_record_are_found_and_named() {
    let shop = Shop::new();
    let mut bytes = std::fs::read(shop.database()).unwrap();
    let word = b"\"intent_recorded\"".as_slice();
    let found = bytes.windows(word.len()).position(|part| part == word);
    let at = found.expect("a record stands in the file as it is");
    bytes[at + 2] ^= 1;
    std::fs::write(shop.database(), &bytes).unwrap();
    let ran = shop.tool("verify");
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(
        ran.out.contains("is altered, missing or out of place"),
        "{ran:#?}"
    );
    ran.clear();
    // With the note of the last good end the till starts, and finds it while it is idle.
    let mut till = console::Console::start(&mut shop.command());
    till.wait(&["[keypad] 0.00"]);
    loop {
        till.type_line("5.00 281234567890880001");
        let line = till.wait(&["[keypad]", "("]);
        if line.contains("(J03") {
            break;
        }
    }
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.err.contains("was altered"), "{ran:#?}");
    ran.clear();
    shop.mended(&["journal.db", "was altered", "row "]);
}

#[test]
fn an_empty_file_in_the_journals_place_is_rebuilt_unless_a_new_journal_is_meant() {
    let shop = Shop::new();
    let rows = shop.rows.to_string();
    std::fs::write(shop.database(), b"").unwrap();
    shop.unreadable(&["journal.db", "is empty", "second copy"]);
    shop.mended(&["copy.log", "the journal only 0", &rows]);
    let shop = Shop::new();
    std::fs::write(shop.database(), b"").unwrap();
    std::fs::remove_file(shop.path("copy.log")).unwrap();
    shop.forget();
    assert_eq!(
        shop.start().code,
        Some(0),
        "nothing tells of an older journal any more"
    );
}

#[test]
fn a_journal_from_the_future_or_of_another_program_is_refused_and_left_alone() {
    let shop = Shop::new();
    shop.sql("PRAGMA user_version = 999;");
    shop.refused(&["journal.db", "schema 999", "install the newer program"]);
    shop.unreadable(&["schema 999", "install the newer program"]);
    let shop = Shop::new();
    shop.sql("PRAGMA application_id = 252006674;");
    shop.refused(&["journal.db", "another program", "left alone", "--data"]);
    shop.unreadable(&["journal.db", "another program"]);
    let shop = Shop::new();
    std::fs::remove_file(shop.database()).unwrap();
    let other = Connection::open(shop.database()).unwrap();
    other
        .execute_batch("PRAGMA journal_mode = DELETE; CREATE TABLE bookmarks (url TEXT);")
        .unwrap();
    drop(other);
    shop.refused(&["journal.db", "another program", "left alone"]);
    shop.unreadable(&["journal.db", "another program"]);
}

#[test]
fn a_folder_in_the_place_of_a_file_is_named() {
    let shop = Shop::new();
    std::fs::remove_file(shop.database()).unwrap();
    std::fs::create_dir(shop.database()).unwrap();
    shop.refused(&["journal.db", "is a folder", "--data"]);
    shop.unreadable(&["journal.db", "is a folder"]);
    for name in ["copy.log", "journal.lock", "device.salt"] {
        let shop = Shop::new();
        std::fs::remove_file(shop.path(name)).ok();
        std::fs::create_dir(shop.path(name)).unwrap();
        shop.refused(&[name, "Is a directory"]);
    }
    let shop = Shop::new();
    std::fs::remove_file(shop.database()).unwrap();
    shop.unreadable(&["journal.db", "No such file"]);
    shop.mended(&["copy.log", "the journal only 0"]);
}

#[test]
fn files_that_cannot_be_written_are_named() {
    let shop = Shop::new();
    open_to_all(shop.ground.dir.path());
    let all = || {
        for entry in std::fs::read_dir(shop.ground.path("data")).unwrap() {
            mode(&entry.unwrap().path(), 0o666);
        }
        mode(&shop.ground.path("data"), 0o777);
    };
    for name in ["journal.db", "copy.log", "journal.lock"] {
        all();
        mode(&shop.path(name), 0o444);
        let ran = run_powerless(&shop.command());
        ran.refused("shouyin", 1, &[name, "ermission denied", "this user may"]);
    }
}

#[test]
fn a_second_copy_that_is_missing_is_made_again_and_a_wrong_one_is_refused() {
    let shop = Shop::new();
    let whole = std::fs::read(shop.path("copy.log")).unwrap();
    std::fs::remove_file(shop.path("copy.log")).unwrap();
    assert_eq!(shop.start().code, Some(0));
    assert!(
        std::fs::read(shop.path("copy.log"))
            .unwrap()
            .starts_with(&whole)
    );

    let (mine, other) = (Shop::new(), Shop::new());
    // Another till's: the same sales under another start.
    let foreign = altered_copy(&other);
    std::fs::write(mine.path("copy.log"), foreign).unwrap();
    let words = [
        "copy.log",
        "does not belong to this journal",
        "record ",
        "move it away",
    ];
    mine.refused(&words);
    mine.forget();
    mine.refused(&words);

    let shop = Shop::new();
    let older = std::fs::read(shop.database()).unwrap();
    assert_eq!(shop.start().code, Some(0), "one more record");
    std::fs::write(shop.database(), older).unwrap();
    let (more, rows) = ((shop.rows + 1).to_string(), shop.rows.to_string());
    shop.mended(&["copy.log", &more, &rows, "old copy"]);
}

/// A second copy with sound checksums whose records hash to something else.
fn altered_copy(shop: &Shop) -> Vec<u8> {
    let bytes = std::fs::read(shop.path("copy.log")).unwrap();
    let mut out = Vec::new();
    for record in shouyin::journal::parse_mirror(&bytes).0 {
        let mut rest = record.number.to_le_bytes().to_vec();
        rest.extend(record.hash.as_bytes().iter().map(|byte| byte ^ 0x55));
        rest.extend_from_slice(&record.body);
        out.extend_from_slice(&u32::try_from(rest.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
        out.extend_from_slice(&rest);
    }
    out
}

#[test]
fn other_files_of_the_data_directory_are_named_when_they_are_bad() {
    let shop = Shop::new();
    std::fs::write(shop.path("device.salt"), b"short").unwrap();
    shop.refused(&["device.salt", "32 bytes", "move it away"]);
    std::fs::remove_file(shop.path("device.salt")).unwrap();
    // A log of another file: SQLite leaves it out, and nothing of it is taken for a record.
    std::fs::write(shop.path("journal.db-wal"), vec![0x37; 40_000]).unwrap();
    assert_eq!(shop.start().code, Some(0));
    shop.sql(
        "DROP TRIGGER counter_forward_only; UPDATE counter SET value = 9999 WHERE name = 'epoch';",
    );
    shop.start()
        .refused("shouyin", 1, &["9999 starts", "new journal"]);
}
