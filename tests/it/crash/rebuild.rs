//! Power cuts and failing disks in a rebuild: at every operation, and once more while the next start goes on with it.
//!
//! Whatever was readable before is in the journal after the next start that is left alone, and the bad files are kept
//! byte for byte.

use std::collections::BTreeSet;

use shouyin::journal::{DirectJournal, Unread, parse_mirror, rebuild};
use shouyin::simulator::Image;

use super::*;

const NOW: Timestamp = Timestamp(1_795_660_200_000);

/// What befell the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// The database is no database any more.
    Garbage,
    /// The database is an old image, its log is gone.
    Old,
    /// Database and copy are damaged at different rows.
    Both,
    /// Both lost the same row.
    Same,
    /// The database is gone, its log is there.
    Gone,
}

struct Shop {
    bench: Bench,
    damage: Damage,
    spoilt: Image,
    bad: Vec<u8>,
    /// Facts that are still readable somewhere.
    facts: BTreeSet<Vec<u8>>,
}

impl Shop {
    fn new(name: &str, damage: Damage) -> Self {
        let mut bench = Bench::new(name, 5);
        bench.config.mirror = Some(bench.config.dir.join("copy"));
        let mut facts: Vec<Vec<u8>> = Vec::new();
        bench.disk.lock().format(Plan::Sound);
        let mut old = Vec::new();
        for part in 0..2 {
            let (mut journal, _) = DirectJournal::open(&bench.config).unwrap();
            for (at, unit) in bench.expected.units.iter().enumerate() {
                if (at < 10) == (part == 0) {
                    journal.append(unit).unwrap();
                    facts.extend(unit.iter().map(Fact::encode));
                }
            }
            if part == 0 {
                journal.close();
                old = bench.content(&bench.config.database());
            }
        }
        bench.disk.lock().revive();
        // That the log is gone is on the disk, too.
        bench.config.files.sync_names(&bench.config.dir).unwrap();
        let database = bench.config.database().to_string_lossy().into_owned();
        let log = format!("{database}-wal");
        let copy = bench.config.dir.join("copy").to_string_lossy().into_owned();
        let lost = facts[12].clone();
        let mut disk = bench.disk.lock();
        let flip = |bytes: &mut Vec<u8>, part: &[u8]| {
            let found = bytes.windows(part.len()).position(|window| window == part);
            let at = found.expect("the row is there");
            bytes[at + 20] ^= 4;
        };
        match damage {
            Damage::Garbage => disk.spoil(&database, |bytes| bytes.fill(0x55)),
            Damage::Old => disk.spoil(&database, |bytes| *bytes = old),
            Damage::Both => {
                disk.spoil(&database, |bytes| flip(bytes, &facts[3]))
                    && disk.spoil(&copy, |bytes| flip(bytes, &facts[9]))
            }
            Damage::Same => {
                disk.spoil(&database, |bytes| flip(bytes, &lost))
                    && disk.spoil(&copy, |bytes| flip(bytes, &lost))
            }
            Damage::Gone => disk.spoil(&database, Vec::clear),
        };
        if damage != Damage::Gone {
            disk.spoil(&log, Vec::clear);
        }
        if matches!(damage, Damage::Both | Damage::Same) {
            // With the note, only the check in the background would find it.
            let note = bench.config.dir.join("journal.checked");
            disk.spoil(&note.to_string_lossy(), Vec::clear);
        }
        drop(disk);
        let mut facts: BTreeSet<Vec<u8>> = facts.into_iter().collect();
        if damage == Damage::Same {
            facts.remove(&lost);
        }
        let spoilt = bench.disk.lock().durable_image();
        let bad = bench.content(&bench.config.database());
        Self {
            bench,
            damage,
            spoilt,
            bad,
            facts,
        }
    }

    fn prepare(&self, plan: Plan) {
        let mut disk = self.bench.disk.lock();
        disk.restore(&self.spoilt);
        disk.arm(plan);
    }

    /// The next start, left alone: everything is there, and nothing bad was thrown away.
    fn problem(&self) -> Option<String> {
        let started = DirectJournal::open_or_rebuild(&self.bench.config, NOW);
        let (mut journal, opened, _) = match started {
            Ok(started) => started,
            Err(error) => return Some(format!("cannot start: {error}")),
        };
        let rows = journal.rows().map_err(|error| error.to_string());
        let rows = match rows {
            Ok(rows) => rows,
            Err(problem) => return Some(problem),
        };
        let held: BTreeSet<Vec<u8>> = rows.iter().map(|row| row.body().to_vec()).collect();
        let missing = self.facts.difference(&held).count();
        if missing > 0 {
            return Some(format!("lost: {missing} facts that were readable"));
        }
        let told = rows
            .iter()
            .filter_map(|row| match Fact::decode(row).ok()?.kind {
                FactKind::Rebuilt(rebuilt) => Some(rebuilt),
                _ => None,
            });
        let told: Vec<_> = told.collect();
        let [one] = told.as_slice() else {
            return Some(format!("{} rebuilds are told of", told.len()));
        };
        let proven = self.damage != Damage::Same;
        let refused = journal.may_sell().unwrap();
        if one.whole != proven || (refused == Some(NoSales::Unproven)) == proven {
            return Some(format!("proven: {proven}, but {one:?} and {refused:?}"));
        }
        let kept = self.bench.content(&self.bench.config.dir.join(&one.aside));
        if kept != self.bad {
            return Some("the bad database was not kept as it was".to_owned());
        }
        let copy = self.bench.content(&self.bench.config.dir.join("copy"));
        let (records, length) = parse_mirror(&copy);
        if records.len() as u64 != opened.rows || length != copy.len() {
            return Some("the copy is not the journal's".to_owned());
        }
        journal.close();
        None
    }

    /// Cuts the power so often at each change of the disk, and every second time once more in the next start.
    fn cut_everywhere(&self, times: u64) -> (u64, Vec<String>) {
        self.prepare(Plan::Sound);
        rebuild(&self.bench.config, NOW, Unread::Fails).unwrap();
        let changes = self.bench.disk.lock().counts().0;
        let mut problems = Vec::new();
        for at in 1..=changes {
            for seed in 0..times {
                let rng = &mut Rng(at * 100 + seed);
                self.prepare(Plan::PowerCut(at));
                // The last change is followed by nothing that could fail.
                let done = rebuild(&self.bench.config, NOW, Unread::Fails);
                assert!(done.is_err() || at == changes, "cut {at}");
                self.bench.disk.lock().lose_power(rng);
                if seed % 2 == 1 {
                    let again = Plan::PowerCut(1 + rng.below(changes));
                    self.bench.disk.lock().arm(again);
                    drop(DirectJournal::open_or_rebuild(&self.bench.config, NOW));
                    self.bench.disk.lock().lose_power(rng);
                }
                if let Some(problem) = self.problem() {
                    problems.push(format!("cut {at}, seed {seed}: {problem}"));
                }
                self.bench.disk.lock().lose_power(rng);
            }
        }
        (changes, problems)
    }
}

const DAMAGES: [Damage; 5] = [
    Damage::Garbage,
    Damage::Old,
    Damage::Both,
    Damage::Same,
    Damage::Gone,
];

fn cut_anywhere(damage: Damage) {
    let shop = Shop::new(&format!("rebuild-cut-{damage:?}"), damage);
    let (changes, problems) = shop.cut_everywhere(8);
    assert_eq!(problems, Vec::<String>::new(), "{damage:?}");
    println!("{damage:?}: the power cut at each of {changes} changes, 8 times: 0 lost");
}

/// One test for each damage: together they are the longest of all, and would keep one core alone at the end.
macro_rules! power_cuts {
    ($($name:ident: $damage:ident,)*) => {
        /// The power is cut anywhere in a rebuild: nothing is lost, and the next start finishes it.
        mod a_power_cut_anywhere {
            use super::{Damage, cut_anywhere};
            $(
                #[test]
                fn $name() {
                    cut_anywhere(Damage::$damage);
                }
            )*
        }
    };
}

power_cuts! {
    after_garbage: Garbage,
    after_an_old_file: Old,
    after_both_are_damaged: Both,
    after_the_same_row_is_lost_twice: Same,
    after_the_database_is_gone: Gone,
}

#[test]
fn a_rebuild_that_renames_before_it_syncs_is_caught() {
    let mut caught = 0;
    for damage in DAMAGES {
        let mut shop = Shop::new(&format!("rebuild-planted-{damage:?}"), damage);
        shop.bench.config.planted_rename_before_sync = true;
        let (_, problems) = shop.cut_everywhere(2);
        println!(
            "{damage:?}: {} runs, e.g. {:?}",
            problems.len(),
            problems.first()
        );
        caught += problems.len();
    }
    assert!(
        caught > 20,
        "the planted bug was found in {caught} runs only"
    );
}

#[test]
fn an_error_at_any_operation_of_a_rebuild_is_survived() {
    for damage in DAMAGES {
        let shop = Shop::new(&format!("rebuild-error-{damage:?}"), damage);
        let plans: [fn(u64) -> Plan; 3] = [
            |at| Plan::Error { at, forever: false },
            |at| Plan::Error { at, forever: true },
            |at| Plan::SyncError { at, forever: false },
        ];
        let mut hits = 0;
        for plan in plans {
            for at in 1.. {
                shop.prepare(plan(at));
                let done = rebuild(&shop.bench.config, NOW, Unread::Fails);
                let (_, operations, syncs) = shop.bench.disk.lock().counts();
                let sync = matches!(plan(at), Plan::SyncError { .. });
                if at > if sync { syncs } else { operations } {
                    assert!(done.is_ok(), "{damage:?}: nothing failed at {at}");
                    break;
                }
                hits += 1;
                // A start without a reboot, or after one.
                if at % 2 == 0 {
                    shop.bench.disk.lock().revive();
                } else {
                    shop.bench.disk.lock().lose_power(&mut Rng(at));
                }
                let problem = shop.problem();
                // What could not be read for a moment proves nothing; it is not lost for that.
                let cautious = problem
                    .as_ref()
                    .is_some_and(|p| p.starts_with("proven: true"));
                assert!(
                    problem.is_none() || cautious,
                    "{damage:?} at {at}: {problem:?}"
                );
            }
        }
        println!("{damage:?}: {hits} errors: 0 lost");
    }
}
