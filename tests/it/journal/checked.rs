//! What the start looks at, what the check in the background finds later, and what the note of it is worth.

use shouyin::evidence::SealedRow;

use super::*;

/// Changes the journal as somebody with a database tool would.
fn tamper(dir: &Path, sql: &str) {
    let database = Connection::open(config(dir).database()).unwrap();
    database
        .execute_batch("PRAGMA foreign_keys=OFF; DROP TRIGGER IF EXISTS fact_no_update; DROP TRIGGER IF EXISTS fact_no_delete;")
        .unwrap();
    database.execute_batch(sql).unwrap();
}

const ALTER_ROW_2: &str = "UPDATE fact SET body = CAST(body || x'20' AS BLOB) WHERE number = 2";

fn note(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("journal.checked")).unwrap()
}

/// Facts of a sale that is not in the journal yet.
fn another_sale(dir: &Path) -> Vec<Fact> {
    let rows = inspect::verify(&config(dir).database(), None).unwrap().rows;
    let known = usize::try_from(rows).unwrap();
    let all = facts(8);
    all[known..].to_vec()
}

#[test]
fn an_old_altered_record_is_found_in_the_background_and_stops_new_sales_but_not_results() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 4);
    let next = another_sale(dir.path());
    assert!(note(dir.path()).contains(&format!(" {rows} ")));
    tamper(dir.path(), ALTER_ROW_2);
    let (journal, opened) = open(&config(dir.path()));
    assert_eq!(opened.rows, rows, "the start looks at new records only");
    assert_eq!(checked(&journal), Background::Failed);
    let runtime = runtime();
    let refused = runtime.block_on(journal.append(next)).unwrap_err();
    let told = refused.to_string();
    assert!(
        matches!(refused, JournalError::Altered { .. }) && told.contains("row 2"),
        "{told}"
    );
    assert_eq!(
        runtime.block_on(journal.may_sell()).unwrap(),
        Some(NoSales::Altered)
    );
    let stored = runtime.block_on(journal.append(vec![started()])).unwrap();
    assert_eq!(stored.last_row, rows + 1, "what is owed is still stored");
    assert_eq!(stored.no_sales, Some(NoSales::Altered));
    drop(journal);
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(refused, JournalError::Chain { .. }),
        "the next start looks at everything: {refused}"
    );
}

#[test]
fn a_new_record_that_was_altered_is_found_at_the_start() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 2);
    let before = note(dir.path());
    let next = another_sale(dir.path());
    let (journal, _) = open(&config(dir.path()));
    let stored = runtime().block_on(journal.append(next)).unwrap();
    drop(journal);
    // As if the process had been killed before it could leave its note.
    std::fs::write(dir.path().join("journal.checked"), before).unwrap();
    let last = stored.last_row;
    tamper(
        dir.path(),
        &ALTER_ROW_2.replace("= 2", &format!("= {last}")),
    );
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Chain { .. }), "{refused}");
}

#[test]
fn a_note_that_is_missing_torn_or_forged_makes_the_start_look_at_everything() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 2);
    tamper(dir.path(), ALTER_ROW_2);
    let path = dir.path().join("journal.checked");
    let whole = std::fs::read(&path).unwrap();
    let other = TempDir::new().unwrap();
    filled(other.path(), 3);
    let foreign = std::fs::read(other.path().join("journal.checked")).unwrap();
    // The foreign note tells of more rows than there are here.
    for bad in [Vec::new(), whole[..whole.len() / 2].to_vec(), foreign] {
        std::fs::write(&path, &bad).unwrap();
        let refused = Journal::open(config(dir.path())).unwrap_err();
        assert!(matches!(refused, JournalError::Chain { .. }), "{refused}");
    }
    std::fs::remove_file(&path).unwrap();
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Chain { .. }), "{refused}");
}

#[test]
fn a_journal_that_shrank_is_refused_even_when_the_second_copy_shrank_with_it() {
    let dir = TempDir::new().unwrap();
    let older = TempDir::new().unwrap();
    filled(dir.path(), 2);
    for file in ["journal.db", "copy.log"] {
        std::fs::copy(dir.path().join(file), older.path().join(file)).unwrap();
    }
    let next = another_sale(dir.path());
    let (journal, _) = open(&config(dir.path()));
    runtime().block_on(journal.append(next)).unwrap();
    drop(journal);
    for file in ["journal.db", "copy.log"] {
        std::fs::copy(older.path().join(file), dir.path().join(file)).unwrap();
    }
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Shrunk { .. }), "{refused}");
    std::fs::write(dir.path().join("journal.db"), b"").unwrap();
    std::fs::remove_file(dir.path().join("copy.log")).unwrap();
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, JournalError::Shrunk { .. }), "{refused}");
    std::fs::remove_file(dir.path().join("journal.checked")).unwrap();
    let (_journal, opened) = open(&config(dir.path()));
    assert_eq!(opened.rows, 0, "a new journal is begun on purpose only");
}

#[test]
fn a_forged_body_in_the_second_copy_is_found_although_its_checksum_fits() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 2);
    let path = dir.path().join("copy.log");
    let (mut records, _) = parse_mirror(&std::fs::read(&path).unwrap());
    records[1].body[3] ^= 1;
    let mut bytes = Vec::new();
    for record in &records {
        let mut rest = record.number.to_le_bytes().to_vec();
        rest.extend_from_slice(record.hash.as_bytes());
        rest.extend_from_slice(&record.body);
        bytes.extend_from_slice(&u32::try_from(rest.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
        bytes.extend_from_slice(&rest);
    }
    std::fs::write(&path, &bytes).unwrap();
    let database = config(dir.path()).database();
    let verdict = inspect::verify(&database, Some(&path)).unwrap();
    assert_eq!(
        (verdict.rows, verdict.mirror_differs_at),
        (rows, Some(2)),
        "the tool finds it"
    );
    let (journal, _) = open(&config(dir.path()));
    assert_eq!(checked(&journal), Background::Failed);
    drop(journal);
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(refused, JournalError::ForeignMirror { number: 2, .. }),
        "{refused}"
    );
}

#[test]
fn a_missing_second_copy_is_written_again_whole() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 4);
    let path = dir.path().join("copy.log");
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    drop(open(&config(dir.path())));
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    let (records, _) = parse_mirror(&whole);
    assert_eq!(records.len() as u64, rows);
    let sealed = |at: usize| {
        let previous = at
            .checked_sub(1)
            .map_or(Digest::ZERO, |at| records[at].hash);
        SealedRow::seal(&previous, records[at].number, records[at].body.clone()).digest()
    };
    assert!((0..records.len()).all(|at| sealed(at) == records[at].hash));
}

#[test]
fn looking_at_a_journal_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 2);
    let files = || {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let mut found: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
            .collect();
        found.sort();
        found
    };
    let before = files();
    let database = config(dir.path()).database();
    inspect::verify(&database, Some(&dir.path().join("copy.log"))).unwrap();
    inspect::show(&database, None, &mut Vec::new()).unwrap();
    inspect::export(&database, &mut Vec::new()).unwrap();
    assert!(files() == before, "the tool changed or made a file");
    let (_journal, _) = open(&config(dir.path()));
    let refused = inspect::verify(&database, None).unwrap_err();
    assert!(matches!(refused, JournalError::Locked { .. }), "{refused}");
}

#[test]
fn a_copy_that_ends_before_the_newest_records_lacks_them_and_any_other_differs() {
    let dir = TempDir::new().unwrap();
    let rows = filled(dir.path(), 4);
    let (database, path) = (config(dir.path()).database(), dir.path().join("copy.log"));
    let whole = std::fs::read(&path).unwrap();
    let verdict = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let verdict = inspect::verify(&database, Some(&path)).unwrap();
        assert!(!verdict.is_sound());
        (verdict.mirror_differs_at, verdict.mirror_lacks)
    };
    for end in 0..whole.len() {
        let (records, sound) = parse_mirror(&whole[..end]);
        let lacks = rows - records.len() as u64;
        assert_eq!(verdict(&whole[..end]), (None, lacks), "cut at {end}");
        let mut torn = whole[..end].to_vec();
        if sound < end {
            *torn.last_mut().unwrap() ^= 1;
        } else {
            torn.push(0xff);
        }
        let first = records.len() as u64 + 1;
        assert_eq!(verdict(&torn), (Some(first), 0), "strange end at {end}");
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (journal, _) = open(&config(dir.path()));
    drop(journal);
    assert_eq!(std::fs::read(&path).unwrap(), whole, "a start adds them");
}
