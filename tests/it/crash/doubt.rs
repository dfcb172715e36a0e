//! What a failed sync leaves in doubt: readable, perhaps not on the disk, and called clean by the system.

use super::*;

/// Sells until sync number `at` fails. Returns the acknowledged rows; `None` when so many syncs are not needed.
fn sell_until_sync_fails(bench: &Bench, at: u64) -> Option<u64> {
    let forever = false;
    bench.disk.lock().format(Plan::SyncError { at, forever });
    let mut acked = 0;
    let (journal, _) = bench.open().ok()?;
    for unit in &bench.expected.units {
        match bench.append(&journal, unit) {
            Ok(row) => acked = row,
            Err(error) => {
                let told = matches!(error, JournalError::SyncFailed { .. });
                assert!(told, "sync {at}: {error}");
            }
        }
        // The sync of a checkpoint fails after its facts were stored and acknowledged.
        if bench.disk.lock().failed_syncs() > 0 {
            break;
        }
    }
    if bench.disk.lock().failed_syncs() == 0 {
        drop(journal);
        return None;
    }
    // The service has ended: nothing more is stored, and nothing that was in doubt is synced again, not even by the
    // close.
    let before = bench.disk.lock().counts();
    for _ in 0..3 {
        let refused = bench.append(&journal, &[started(9)]);
        assert!(matches!(refused, Err(JournalError::Broken)), "{refused:?}");
    }
    drop(journal);
    let after = bench.disk.lock().counts();
    assert_eq!(
        after.0, before.0,
        "sync {at}: the disk was changed after a failed sync"
    );
    assert_eq!(after.2, before.2, "sync {at}: a sync was tried again");
    Some(acked)
}

/// The syncs of opening are another matter: they refuse the start.
fn syncs_of_opening(bench: &Bench) -> u64 {
    bench.disk.lock().format(Plan::Sound);
    drop(bench.open().unwrap());
    bench.disk.lock().counts().2
}

#[test]
fn after_a_failed_sync_nothing_is_synced_again_and_a_restart_finds_every_acknowledged_fact() {
    let bench = Bench::new("doubt", SALES);
    let first = syncs_of_opening(&bench) + 1;
    let mut failures = 0;
    for at in first.. {
        let Some(acked) = sell_until_sync_fails(&bench, at) else {
            break;
        };
        failures += 1;
        // The terminal is started again, the machine is not: the cache still shows what the disk never got.
        bench.disk.lock().arm(Plan::Sound);
        let rng = &mut Rng(at);
        bench.recover(acked, rng).unwrap();
    }
    println!("{failures} failed syncs, each followed by a restart without a reboot: 0 lost");
    assert!(failures > 80, "{failures}");
}

/// Fails every third sync, restarts, and cuts the power at each change of the restart. Returns failed syncs, cuts and
/// the first problem.
fn cut_in_the_restart(bench: &Bench) -> (u64, u64, Option<String>) {
    let first = syncs_of_opening(bench) + 1;
    let (mut cuts, mut syncs) = (0, 0);
    for at in (first..).step_by(3) {
        if sell_until_sync_fails(bench, at).is_none() {
            break;
        }
        syncs += 1;
        for change in 1..12 {
            let acked = sell_until_sync_fails(bench, at).unwrap();
            bench.disk.lock().arm(Plan::PowerCut(change));
            if let Ok((journal, _)) = bench.open() {
                drop(journal);
            }
            let rng = &mut Rng(at * 100 + change);
            bench.disk.lock().lose_power(rng);
            cuts += 1;
            if let Err(problem) = bench.recover(acked, rng) {
                let place = format!("sync {at} failed, power cut at change {change}");
                return (syncs, cuts, Some(format!("{place}: {problem}")));
            }
        }
    }
    (syncs, cuts, None)
}

#[test]
fn a_power_cut_while_a_restart_mends_a_failed_sync_loses_nothing_either() {
    let (syncs, cuts, problem) = cut_in_the_restart(&Bench::new("doubt-cut", SALES));
    assert_eq!(problem, None);
    println!("{syncs} failed syncs, {cuts} power cuts in the restart after them: 0 lost");
    assert!(syncs > 20, "{syncs}");
}

#[test]
fn the_same_test_catches_a_start_that_trusts_what_a_failed_sync_left_readable() {
    let mut bench = Bench::new("doubt-planted", SALES);
    let (disk, refreshes) = (bench.disk, false);
    bench.config.files = Arc::new(SimFiles { disk, refreshes });
    let (_, cuts, problem) = cut_in_the_restart(&bench);
    let problem = problem.expect("the planted bug is found");
    println!("a log that is not written once more, after {cuts} cuts: {problem}");
}

#[test]
fn a_process_that_is_killed_after_a_failed_sync_leaves_nothing_worse_behind() {
    let bench = Bench::new("doubt-killed", SALES);
    let first = syncs_of_opening(&bench) + 1;
    for at in (first..).step_by(5) {
        let forever = true;
        bench.disk.lock().format(Plan::SyncError { at, forever });
        let Ok((journal, _)) = bench.open() else {
            continue;
        };
        let mut acked = 0;
        for unit in &bench.expected.units {
            match bench.append(&journal, unit) {
                Ok(row) => acked = row,
                Err(_) => break,
            }
        }
        if bench.disk.lock().failed_syncs() == 0 {
            return;
        }
        // Even the close fails: every operation of the dying process does.
        bench.disk.lock().switch_off();
        drop(journal);
        bench.disk.lock().revive();
        bench.recover(acked, &mut Rng(at)).unwrap();
    }
}
