//! The second copy on the disk that loses power: never ahead of the journal, never wrong, whole after every start.

use shouyin::journal::parse_mirror;

use super::*;

fn bench(name: &str) -> Bench {
    let mut bench = Bench::new(name, SALES);
    bench.config.mirror = Some(bench.config.dir.join("copy"));
    bench
}

/// Compares what the copy holds with what the journal must hold; returns how many sound records it has.
fn records(bench: &Bench) -> Result<u64, String> {
    let path = bench.config.mirror.clone().unwrap();
    let (records, _) = parse_mirror(&bench.content(&path));
    for (at, record) in records.iter().enumerate() {
        let known = bench.expected.heads.get(at + 1);
        if record.number != at as u64 + 1 || known.is_some_and(|hash| *hash != record.hash) {
            return Err(format!("record {} of the copy is wrong", at + 1));
        }
    }
    Ok(records.len() as u64)
}

fn cut(bench: &Bench, seed: u64, changes: u64) -> Result<u64, String> {
    let rng = &mut Rng(seed);
    let at = 1 + rng.below(changes);
    bench.disk.lock().format(Plan::PowerCut(at));
    let acked = bench.sell().acked;
    bench.disk.lock().lose_power(rng);
    let survived = records(bench)?;
    let (journal, opened) = bench.open().map_err(|error| error.to_string())?;
    if let Some(problem) = bench.expected.problem(&opened, acked) {
        return Err(problem);
    }
    if survived > opened.rows {
        let rows = opened.rows;
        return Err(format!(
            "the copy had {survived} records, the journal {rows}"
        ));
    }
    let after = records(bench)?;
    if after != opened.rows {
        return Err(format!(
            "{after} records after opening {} rows",
            opened.rows
        ));
    }
    drop(journal);
    Ok(opened.rows - survived)
}

#[test]
fn the_second_copy_is_never_ahead_and_is_whole_after_every_power_cut() {
    let bench = bench("copy-cut");
    let changes = bench.changes();
    let mut filled = 0;
    for seed in 0..CUTS {
        match cut(&bench, seed, changes) {
            Ok(missing) => filled += u64::from(missing > 0),
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    println!("{CUTS} cuts with a second copy: {filled} copies were behind and were filled again");
    assert!(filled > 100, "{filled}: the cuts must hit the copy");
}

#[test]
fn a_second_copy_whose_disk_fails_stops_new_sales_until_it_is_whole_again() {
    let bench = bench("copy-fails");
    bench.disk.lock().format(Plan::Sound);
    let (journal, _) = bench.open().unwrap();
    bench.append(&journal, &bench.expected.units[0]).unwrap();
    bench.disk.lock().arm(Plan::Sound);
    bench.append(&journal, &bench.expected.units[1]).unwrap();
    let syncs = bench.disk.lock().counts().2;
    assert_eq!(syncs, 2, "one sync for the journal, one for the copy");
    // The journal's sync passes; the copy's, and the one of the try to mend it, do not.
    for forever in [false, true] {
        bench.disk.lock().arm(Plan::SyncError { at: 2, forever });
        let unit = vec![started(3 + u16::from(forever))];
        let appended = bench.runtime.block_on(journal.append(unit)).unwrap();
        let expected = forever.then_some(NoSales::CopyFails);
        assert_eq!(appended.no_sales, expected, "forever: {forever}");
    }
    let refused = bench.append(&journal, &bench.expected.units[5]);
    assert!(
        matches!(refused, Err(JournalError::CopyFails { .. })),
        "{refused:?}"
    );
    bench.disk.lock().arm(Plan::Sound);
    assert_eq!(bench.runtime.block_on(journal.may_sell()).unwrap(), None);
    // What a failed sync left readable was written again: it is there after a power cut, too.
    bench.disk.lock().lose_power(&mut Rng(4));
    let path = bench.config.mirror.clone().unwrap();
    assert_eq!(parse_mirror(&bench.content(&path)).0.len(), 4);
}
