//! A disk that fills, and has space again.

use super::*;

#[test]
fn a_full_disk_stores_results_from_the_reserve_and_refuses_new_sales() {
    let mut bench = Bench::new("full", 60);
    bench.config.reserve_bytes = 512 * 1_024;
    bench.disk.lock().format(Plan::Sound);
    let reserve = bench.config.dir.join("journal.reserve");
    let held = |bench: &Bench| !bench.content(&reserve).is_empty();
    let (journal, _) = bench.open().unwrap();
    bench.append(&journal, &bench.expected.units[0]).unwrap();
    assert!(held(&bench), "the reserve is held");
    bench.disk.lock().limit_to(Some(0));
    let refused = bench.append(&journal, &bench.expected.units[1]);
    assert!(
        matches!(refused, Err(JournalError::DiskFull { .. })),
        "{refused:?}"
    );
    assert!(held(&bench), "a new sale never uses the reserve");
    let unit = vec![started(2)];
    let stored = bench.runtime.block_on(journal.append(unit)).unwrap();
    assert_eq!(stored.last_row, 2, "a result is stored");
    assert_eq!(stored.no_sales, Some(NoSales::DiskFull));
    assert!(!held(&bench), "the reserve was given for it");
    still_refused_then_taken(&bench, &journal, held);
}

/// New sales wait until the reserve is back, and are taken as soon as it is; results come before them all the time.
fn still_refused_then_taken(bench: &Bench, journal: &Journal, held: impl Fn(&Bench) -> bool) {
    let may_sell = || bench.runtime.block_on(journal.may_sell()).unwrap();
    assert_eq!(may_sell(), Some(NoSales::DiskFull));
    let refused = bench.append(journal, &bench.expected.units[1]);
    assert!(
        matches!(refused, Err(JournalError::DiskFull { .. })),
        "{refused:?}"
    );
    assert!(!held(bench), "there is no room for the reserve");
    bench.append(journal, &[started(3)]).unwrap();
    let more = usize::try_from(bench.config.reserve_bytes).unwrap() + 64 * 1_024;
    bench.disk.lock().limit_to(Some(more));
    assert_eq!(may_sell(), None);
    assert!(held(bench), "the reserve is held again");
    bench.append(journal, &bench.expected.units[1]).unwrap();
}
