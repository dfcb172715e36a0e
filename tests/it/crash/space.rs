//! A disk that fills, and has space again.

use super::*;

#[test]
fn a_full_disk_stores_results_from_the_reserve_and_refuses_new_sales() {
    let mut bench = Bench::new("full", 60);
    let reserve_bytes = 512 * 1_024;
    bench.config.reserve_bytes = reserve_bytes as u64;
    bench.disk.lock().format(Plan::Sound);
    let reserve = bench.config.dir.join("journal.reserve");
    let (journal, _) = bench.open().unwrap();
    bench.append(&journal, &bench.expected.units[0]).unwrap();
    assert!(reserve.exists(), "the reserve is held");
    let used = bench.disk.lock().used();
    let bytes = used + reserve_bytes;
    let room = Room {
        bytes,
        reserve: reserve.clone(),
        reserve_bytes,
    };
    bench.disk.lock().limit(room);
    let refused = bench.append(&journal, &bench.expected.units[1]);
    assert!(
        matches!(refused, Err(JournalError::DiskFull { .. })),
        "{refused:?}"
    );
    assert!(reserve.exists(), "a new sale never uses the reserve");
    let unit = vec![started(2)];
    let stored = bench.runtime.block_on(journal.append(unit)).unwrap();
    assert_eq!(stored.last_row, 2, "a result is stored");
    assert_eq!(stored.no_sales, Some(NoSales::DiskFull));
    assert!(!reserve.exists(), "the reserve was given for it");
    still_refused_then_taken(&bench, &journal, &reserve, reserve_bytes);
}

/// New sales wait until the reserve is back, and are taken as soon as it is; results come before them all the time.
fn still_refused_then_taken(
    bench: &Bench,
    journal: &Journal,
    reserve: &std::path::Path,
    reserve_bytes: usize,
) {
    let may_sell = || bench.runtime.block_on(journal.may_sell()).unwrap();
    assert_eq!(may_sell(), Some(NoSales::DiskFull));
    let refused = bench.append(journal, &bench.expected.units[1]);
    assert!(
        matches!(refused, Err(JournalError::DiskFull { .. })),
        "{refused:?}"
    );
    assert!(!reserve.exists(), "there is no room for the reserve");
    bench.append(journal, &[started(3)]).unwrap();
    bench.disk.lock().enlarge(reserve_bytes + 64 * 1_024);
    assert_eq!(may_sell(), None);
    assert!(reserve.exists(), "the reserve is held again");
    bench.append(journal, &bench.expected.units[1]).unwrap();
}
