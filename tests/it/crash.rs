//! Power cuts, failing disks and full disks under the journal, on the disk of the simulator.
//!
//! The model is exact: every row's hash is computed here beforehand, so what comes back after a cut is compared as a
//! whole: no acknowledged fact lost, no half unit of work, no fact that was never sent, and the right open sales.

use std::path::Path;
use std::sync::Arc;

use shouyin::domain::{
    BatchNo, Channel, Epoch, Money, OperatorNo, OrderKind, OrderNo, StartTag, TermNo, Timestamp,
    TxnId, VoucherNo,
};
use shouyin::evidence::{Digest, SealedRow};
use shouyin::journal::{Journal, JournalConfig, JournalError, NoSales, Opened};
use shouyin::payment::{Fact, FactKind, Intent, Outcome, Presentment, Purpose, RequestKind};
use shouyin::simulator::{Plan, Rng, SimDisk, SimFiles};
use tempfile::TempDir;
use tokio::runtime::Runtime;

mod background;
mod copy;
mod doubt;
mod rebuild;
mod screen;
mod space;

/// Enough units of work for two checkpoints of 200 pages.
const SALES: u64 = 20;
const CUTS: u64 = 2_000;

/// The facts of one sale that is revoked, as units of work.
fn sale(number: u64) -> Vec<Vec<Fact>> {
    let term = TermNo::new("A1234567").unwrap();
    let epoch = Epoch::new(1).unwrap();
    let order = |kind, sequence| {
        OrderNo::build(&term, epoch, StartTag::from_random([0; 6]), kind, sequence)
    };
    let txn = TxnId::from_parts(1_700_000_000_000 + number, u128::from(number));
    let sequence = number * 2 - 1;
    let fact = |kind| Fact {
        at: Timestamp(1_700_000_000_000),
        kind,
    };
    let intent = fact(FactKind::IntentRecorded(Intent {
        txn,
        order_no: order(OrderKind::Sale, sequence),
        sequence,
        voucher: VoucherNo::new(u32::try_from(number).unwrap()).unwrap(),
        batch: BatchNo::new(1).unwrap(),
        amount: Money::from_fen(100 + number).unwrap(),
        channel: Channel::Alipay,
        entry: Presentment::Camera,
        operator: OperatorNo::new("01").unwrap(),
        code_tail: "1234".to_owned(),
        code_fingerprint: "f".repeat(64),
        instalments: None,
        card: None,
        purpose: Purpose::Sale,
    }));
    let failed = fact(FactKind::SendFailed {
        txn,
        about: RequestKind::Authorize,
        certainty: "maybe_sent".to_owned(),
        why: "no answer within the time".to_owned(),
    });
    let attention = fact(FactKind::AttentionRaised {
        txn,
        why: "x".repeat(300),
    });
    let revoke = fact(FactKind::RevokeIntended {
        txn,
        revoke_no: order(OrderKind::Revoke, sequence + 1),
        sequence: sequence + 1,
        attempt: 1,
    });
    let outcome = Outcome::Revoked;
    let closed = fact(FactKind::Closed { txn, outcome });
    vec![
        vec![intent],
        vec![failed, attention],
        vec![revoke],
        vec![closed],
    ]
}

fn started(epoch: u16) -> Fact {
    let (epoch, version) = (Epoch::new(epoch).unwrap(), "test".to_owned());
    Fact {
        at: Timestamp(1),
        kind: FactKind::Started { epoch, version },
    }
}

/// What the journal must hold after each row.
struct Expected {
    units: Vec<Vec<Fact>>,
    heads: Vec<Digest>,
    /// Rows after each whole unit of work, from none.
    ends: Vec<u64>,
}

impl Expected {
    fn new(sales: u64) -> Self {
        let mut units = vec![vec![started(1)]];
        units.extend((1..=sales).flat_map(sale));
        let (mut heads, mut ends) = (vec![Digest::ZERO], vec![0]);
        for unit in &units {
            for fact in unit {
                let number = heads.len() as u64;
                let previous = heads[heads.len() - 1];
                heads.push(SealedRow::seal(&previous, number, fact.encode()).digest());
            }
            ends.push(heads.len() as u64 - 1);
        }
        Self { units, heads, ends }
    }

    fn open_after(&self, rows: u64) -> Vec<Fact> {
        let rows = usize::try_from(rows).unwrap();
        let held: Vec<&Fact> = self.units.iter().flatten().take(rows).collect();
        let closed = |fact: &Fact| {
            held.iter().any(|other| {
                other.txn() == fact.txn() && matches!(other.kind, FactKind::Closed { .. })
            })
        };
        let open = held
            .iter()
            .filter(|fact| fact.txn().is_some() && !closed(fact));
        open.map(|fact| (*fact).clone()).collect()
    }

    /// Tells what is wrong with a journal that acknowledged `acked` rows.
    fn problem(&self, opened: &Opened, acked: u64) -> Option<String> {
        if opened.rows < acked {
            return Some(format!("lost: {acked} acknowledged, {} there", opened.rows));
        }
        if !self.ends.contains(&opened.rows) {
            return Some(format!(
                "row {} is not the end of a unit of work",
                opened.rows
            ));
        }
        let head = self.heads[usize::try_from(opened.rows).unwrap()];
        if opened.head != head {
            return Some(format!("row {} has another hash", opened.rows));
        }
        let same = opened.open == self.open_after(opened.rows);
        (!same).then(|| format!("other open sales after row {}", opened.rows))
    }
}

/// What became of a run.
#[derive(Default)]
struct Sold {
    /// Acknowledged rows.
    acked: u64,
    /// Everything was stored.
    whole: bool,
    /// Why not.
    error: Option<JournalError>,
    /// Syncs that had failed before the journal was closed.
    failed_syncs: u64,
}

struct Bench {
    disk: &'static SimDisk,
    config: JournalConfig,
    runtime: Runtime,
    expected: Expected,
    _dir: TempDir,
}

impl Bench {
    fn new(name: &str, sales: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let disk = SimDisk::install(name);
        let mut config = JournalConfig::new(dir.path().to_owned(), dir.path().join("copy"));
        config.mirror = None;
        // What fails here is the journal; the tests of a full disk hold a reserve.
        config.reserve_bytes = 0;
        config.vfs = Some(name.to_owned());
        let refreshes = true;
        config.files = Arc::new(SimFiles { disk, refreshes });
        Self {
            disk,
            config,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            expected: Expected::new(sales),
            _dir: dir,
        }
    }

    /// Returns what a file holds now, as a process would read it.
    fn content(&self, path: &Path) -> Vec<u8> {
        let disk = self.disk.lock();
        let mut files = disk.contents();
        let found = files.find(|(name, _)| Path::new(name) == path);
        found.map_or_else(Vec::new, |(_, bytes)| bytes.to_vec())
    }

    fn open(&self) -> Result<(Journal, Opened), JournalError> {
        Journal::open(self.config.clone())
    }

    fn append(&self, journal: &Journal, unit: &[Fact]) -> Result<u64, JournalError> {
        let appended = self.runtime.block_on(journal.append(unit.to_vec()));
        appended.map(|appended| appended.last_row)
    }

    /// Sells until something fails.
    fn sell(&self) -> Sold {
        let mut sold = Sold::default();
        let Ok((journal, _)) = self.open() else {
            return sold;
        };
        sold.whole = true;
        for unit in &self.expected.units {
            match self.append(&journal, unit) {
                Ok(row) => sold.acked = row,
                Err(error) => {
                    sold.whole = false;
                    sold.error = Some(error);
                    break;
                }
            }
        }
        sold.failed_syncs = self.disk.lock().failed_syncs();
        // A sync of a checkpoint fails after the facts were stored; what comes next must tell.
        if sold.whole && sold.failed_syncs > 0 {
            sold.error = self.append(&journal, &[started(9)]).err();
        }
        drop(journal);
        sold
    }

    /// Opens on a sound disk, compares, stores one more fact, cuts the power, opens again.
    fn recover(&self, acked: u64, rng: &mut Rng) -> Result<u64, String> {
        let (journal, opened) = self
            .open()
            .map_err(|error| format!("cannot open: {error}"))?;
        if let Some(problem) = self.expected.problem(&opened, acked) {
            return Err(problem);
        }
        let unit = vec![started(opened.counters.epoch + 1)];
        let rows = self
            .append(&journal, &unit)
            .map_err(|error| error.to_string())?;
        self.disk.lock().arm(Plan::PowerCut(1));
        drop(journal);
        self.disk.lock().lose_power(rng);
        let (journal, again) = self.open().map_err(|error| format!("again: {error}"))?;
        drop(journal);
        if again.rows != rows {
            return Err(format!(
                "{rows} rows acknowledged after recovery, {} there",
                again.rows
            ));
        }
        Ok(opened.rows)
    }

    /// One seed: sell, cut, perhaps cut again while recovering, then look.
    fn cut(&self, seed: u64, changes: u64) -> Result<bool, String> {
        let rng = &mut Rng(seed);
        self.disk
            .lock()
            .format(Plan::PowerCut(1 + rng.below(changes)));
        let acked = self.sell().acked;
        self.disk.lock().lose_power(rng);
        let twice = rng.below(2) == 0;
        if twice {
            self.disk.lock().arm(Plan::PowerCut(1 + rng.below(12)));
            if let Ok((journal, _)) = self.open() {
                drop(journal);
            }
            self.disk.lock().lose_power(rng);
        }
        self.recover(acked, rng).map(|_| twice)
    }

    fn changes(&self) -> u64 {
        self.disk.lock().format(Plan::Sound);
        assert!(self.sell().whole, "a sound disk stores everything");
        self.disk.lock().counts().0
    }
}

#[test]
fn two_thousand_power_cuts_lose_no_acknowledged_fact() {
    let bench = Bench::new("power-cut", SALES);
    let changes = bench.changes();
    let mut twice = 0;
    for seed in 0..CUTS {
        match bench.cut(seed, changes) {
            Ok(compound) => twice += u64::from(compound),
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    println!("{CUTS} cuts over {changes} disk changes, {twice} cut again in recovery: 0 lost");
}

#[test]
fn the_power_cut_test_catches_a_journal_that_does_not_sync() {
    let mut bench = Bench::new("power-cut-planted", SALES);
    bench.config.planted_synchronous_normal = true;
    let changes = bench.changes();
    let lost = (0..300).filter(|seed| {
        bench
            .cut(*seed, changes)
            .is_err_and(|problem| problem.starts_with("lost"))
    });
    let lost = lost.count();
    println!("synchronous=NORMAL: 300 cuts, {lost} lost acknowledged facts");
    assert!(
        lost > 30,
        "the planted bug was found in {lost} of 300 runs only"
    );
}

/// Runs with a failure at operation 1, 2, 3, … until none is hit any more. Returns how many were.
fn fail_at_each(bench: &Bench, plan: impl Fn(u64) -> Plan, once: bool) -> u64 {
    bench.disk.lock().format(Plan::Sound);
    drop(bench.open().unwrap());
    for at in 1.. {
        let rng = &mut Rng(at);
        let plan = plan(at);
        bench.disk.lock().format(plan);
        let opening = match bench.open() {
            Err(_) => true,
            Ok((journal, _)) => {
                drop(journal);
                false
            }
        };
        bench.disk.lock().format(plan);
        let sold = bench.sell();
        let (acked, whole) = (sold.acked, sold.whole);
        let (_, operations, syncs) = bench.disk.lock().counts();
        let hit = match plan {
            Plan::Error { at, .. } => operations >= at,
            Plan::SyncError { at, .. } => syncs >= at,
            Plan::Sound | Plan::PowerCut(_) | Plan::Kill(_) => false,
        };
        if !hit {
            assert!(whole, "nothing failed at {at}");
            return at - 1;
        }
        if sold.failed_syncs > 0 && !opening {
            let ends = matches!(
                sold.error,
                Some(JournalError::SyncFailed { .. } | JournalError::Broken)
            );
            assert!(
                ends,
                "a failed sync at {at} ends the service: {:?}",
                sold.error
            );
        } else if once && !opening {
            assert!(
                whole,
                "one failure at {at} must be survived in process: {acked} rows, {:?}",
                sold.error
            );
        }
        bench.disk.lock().lose_power(rng);
        let found = bench.recover(acked, rng);
        assert!(found.is_ok(), "{plan:?} after {acked} rows: {found:?}");
    }
    unreachable!("the loop ends when no failure is hit")
}

#[test]
fn a_failure_of_any_one_operation_is_survived() {
    let bench = Bench::new("eio-once", 3);
    let hits = fail_at_each(&bench, |at| Plan::Error { at, forever: false }, true);
    println!("input/output error at each of {hits} operations, once: 0 lost");
}

#[test]
fn a_disk_that_fails_for_ever_from_any_operation_loses_nothing_acknowledged() {
    let bench = Bench::new("eio-forever", 3);
    let hits = fail_at_each(&bench, |at| Plan::Error { at, forever: true }, false);
    println!("input/output error from each of {hits} operations on: 0 lost");
}

#[test]
fn a_failed_sync_is_never_trusted() {
    let bench = Bench::new("fsync-once", SALES);
    let once = fail_at_each(&bench, |at| Plan::SyncError { at, forever: false }, true);
    let forever = fail_at_each(&bench, |at| Plan::SyncError { at, forever: true }, false);
    println!("failed sync at each of {once} syncs once, {forever} for ever: 0 lost");
}

#[test]
fn after_a_second_failure_every_append_is_refused_for_good() {
    let bench = Bench::new("broken", 3);
    bench.disk.lock().format(Plan::Sound);
    let (journal, _) = bench.open().unwrap();
    bench.append(&journal, &bench.expected.units[0]).unwrap();
    bench.disk.lock().arm(Plan::Error {
        at: 1,
        forever: true,
    });
    assert!(bench.append(&journal, &bench.expected.units[1]).is_err());
    bench.disk.lock().arm(Plan::Sound);
    let refused = bench.append(&journal, &bench.expected.units[1]);
    assert!(matches!(refused, Err(JournalError::Broken)), "{refused:?}");
}
