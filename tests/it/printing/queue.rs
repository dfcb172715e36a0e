//! The durable queue: what a restart, a cut, a broken file and a printer that fails at any time leave on paper.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use shouyin::domain::{OperatorNo, Tick, Timestamp};
use shouyin::payment::UndoKind;
use shouyin::printing::{
    Command, Copy, Event, Job, JobState, Kind, Mark, NewJob, PrintStore, Record, Rules, Spool,
    StoreConfig,
};
use shouyin::settlement::MovementKind;
use shouyin::view::PrinterTrouble;
use tempfile::TempDir;

use super::closed;
use super::kit::{AT, Books, paid, txn, undone};

const BOTH: [Copy; 2] = [Copy::Merchant, Copy::Customer];
const RULES: Rules = Rules {
    idle_ms: None,
    ..Rules::USUAL
};

fn open(dir: &Path, books: &mut Books, now: u64) -> Spool {
    Spool::open(StoreConfig::new(dir), RULES, &BOTH, books, Tick(now))
}

/// Drives a queue with a printer that always prints, and returns what came out.
fn print_all(spool: &mut Spool, books: &mut Books, now: u64) -> Vec<(String, Copy, Mark)> {
    let printed = print_jobs(spool, books, now);
    let told = |(job, mark): (Job, Mark)| (job.what.kind.about(), job.what.copy, mark);
    printed.into_iter().map(told).collect()
}

fn print_jobs(spool: &mut Spool, books: &mut Books, mut now: u64) -> Vec<(Job, Mark)> {
    let mut out = Vec::new();
    for turn in 0..200 {
        now += 5_000;
        // The printer may have been asked before.
        let event = if turn == 0 {
            Event::Status(None)
        } else {
            Event::TimePassed
        };
        let mut command = spool.tell(event, books, Tick(now));
        while let Some(next) = command.take() {
            let event = match next {
                Command::Ask => Event::Status(None),
                Command::Print(job, mark) => {
                    let id = job.id;
                    out.push((*job, mark));
                    Event::Accepted(id)
                }
            };
            command = spool.tell(event, books, Tick(now));
        }
    }
    out
}

fn states(spool: &Spool) -> Vec<JobState> {
    let jobs = spool.store().unwrap().jobs().unwrap();
    jobs.iter().map(|job| job.state).collect()
}

#[test]
fn what_was_paid_is_printed_once_for_each_copy_and_never_again_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    books.add(&paid(1, 500, None, false));
    // What was there before the first printer is nobody's slip.
    let mut spool = open(dir.path(), &mut books, 0);
    assert_eq!(print_all(&mut spool, &mut books, 0), []);
    books.add(&paid(2, 700, None, false));
    books.add(&undone(3, 2, UndoKind::Refund, 200));
    spool.look(&mut books, Tick(2_000_000));
    let first = |number, copy| (txn(number).to_string(), copy, Mark::First);
    let printed = print_all(&mut spool, &mut books, 2_000_000);
    let wanted = [
        first(2, Copy::Merchant),
        first(2, Copy::Customer),
        first(3, Copy::Merchant),
        first(3, Copy::Customer),
    ];
    assert_eq!(printed, wanted);
    drop(spool);
    let mut spool = open(dir.path(), &mut books, 0);
    assert_eq!(print_all(&mut spool, &mut books, 0), []);
    // The power went between the stored payment and the queue: the next start finds it.
    drop(spool);
    books.add(&paid(4, 900, None, false));
    let mut spool = open(dir.path(), &mut books, 0);
    let printed = print_all(&mut spool, &mut books, 0);
    assert_eq!(printed, BOTH.map(|copy| first(4, copy)));
}

#[test]
fn a_slip_that_was_under_way_is_printed_again_first_of_all_and_says_so() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    let mut spool = open(dir.path(), &mut books, 0);
    books.add(&paid(1, 500, None, false));
    let ask = spool.look(&mut books, Tick(10));
    assert_eq!(ask, Some(Command::Ask));
    let begun = spool.tell(Event::Status(None), &mut books, Tick(20));
    assert!(matches!(begun, Some(Command::Print(_, Mark::First))));
    assert_eq!(states(&spool), [JobState::Printing, JobState::Waiting]);
    // The power goes: nothing of this is told to the queue any more.
    drop(spool);
    let mut spool = open(dir.path(), &mut books, 0);
    assert_eq!(states(&spool), [JobState::MaybePartly, JobState::Waiting]);
    let printed = print_all(&mut spool, &mut books, 0);
    let about = txn(1).to_string();
    assert_eq!(
        printed,
        [
            (about.clone(), Copy::Merchant, Mark::Interrupted),
            (about, Copy::Customer, Mark::First)
        ]
    );
}

#[test]
fn a_closed_batch_is_printed_once_for_the_shop_alone_and_with_differences_twice() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    let mut spool = open(dir.path(), &mut books, 0);
    closed::equal(&mut books);
    closed::unequal(&mut books);
    spool.look(&mut books, Tick(1));
    let printed = print_all(&mut spool, &mut books, 1);
    let of = |batch: u32| {
        let about = closed::txn(batch).to_string();
        let mine = printed.iter().filter(|(own, ..)| *own == about);
        let all: Vec<_> = mine.map(|(_, copy, mark)| (*copy, *mark)).collect();
        all
    };
    let first = (Copy::Merchant, Mark::First);
    assert_eq!(of(1), [first]);
    assert_eq!(of(2), [first, first]);
    let kinds = spool.store().unwrap().jobs().unwrap();
    let of_batches = kinds
        .iter()
        .filter(|job| job.what.kind.is_of_a_settlement());
    let kinds: Vec<_> = of_batches.map(|job| job.what.kind.clone()).collect();
    let (one, two) = (closed::txn(1), closed::txn(2));
    let wanted = [
        Kind::Settlement(one),
        Kind::Settlement(two),
        Kind::Differences(two),
    ];
    assert_eq!(kinds, wanted);
    // Neither a restart nor another look prints them again.
    drop(spool);
    let mut spool = open(dir.path(), &mut books, 0);
    assert_eq!(print_all(&mut spool, &mut books, 0), []);
    // Where nothing is printed by itself, no batch is either.
    let other = TempDir::new().unwrap();
    let config = StoreConfig::new(other.path());
    let mut quiet = Spool::open(config, RULES, &[], &mut Books::new(other.path()), Tick(0));
    quiet.look(&mut books, Tick(1));
    assert_eq!(states(&quiet), []);
}

#[test]
fn a_detail_list_comes_when_it_is_asked_for_and_only_the_first_is_unmarked() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    let mut spool = open(dir.path(), &mut books, 0);
    let list = NewJob {
        kind: Kind::Details(closed::txn(1)),
        copy: Copy::Merchant,
        reprint: false,
        operator: Some(OperatorNo::new("01").unwrap()),
        at: Timestamp(AT),
    };
    for _ in 0..2 {
        assert!(spool.submit(list.clone(), &mut books, Tick(1)));
    }
    // It is known for ever, however many slips come after it.
    drop(spool);
    let mut store = PrintStore::open(&StoreConfig::new(dir.path()), 0).unwrap();
    let test = NewJob {
        kind: Kind::SelfTest,
        ..list.clone()
    };
    store.add(&vec![test; 2_100], None).unwrap();
    for job in store.jobs().unwrap() {
        let (id, state, begins) = (job.id, JobState::Printed, true);
        store.record(Record { id, state, begins }).unwrap();
    }
    store.add(&[list], None).unwrap();
    let lists = store.jobs().unwrap();
    let lists = lists
        .iter()
        .filter(|job| job.what.kind.is_of_a_settlement());
    let marks: Vec<_> = lists.map(|job| job.what.reprint).collect();
    assert_eq!(
        marks,
        [false, true],
        "the marked one that is done is forgotten"
    );
}

#[test]
fn a_reprint_is_another_piece_of_paper_and_is_marked() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    let mut spool = open(dir.path(), &mut books, 0);
    books.add(&paid(1, 500, None, false));
    spool.look(&mut books, Tick(1));
    assert_eq!(print_all(&mut spool, &mut books, 1).len(), 2);
    let again = NewJob {
        kind: Kind::Sale(txn(1)),
        copy: Copy::Customer,
        reprint: true,
        operator: Some(OperatorNo::new("01").unwrap()),
        at: Timestamp(AT),
    };
    for _ in 0..2 {
        assert!(spool.submit(again.clone(), &mut books, Tick(2_000_000)));
    }
    let printed = print_all(&mut spool, &mut books, 2_000_000);
    let wanted = (txn(1).to_string(), Copy::Customer, Mark::Reprint);
    assert_eq!(printed, [wanted.clone(), wanted]);
}

#[test]
fn a_broken_file_is_set_aside_and_a_new_one_prints_what_ends_from_then_on() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    drop(open(dir.path(), &mut books, 0));
    books.add(&paid(1, 500, None, false));
    let file = dir.path().join("print.db");
    for spoilt in [
        b"not a database at all, and longer than a hundred bytes ".repeat(9),
        {
            // A database of another program.
            let other = dir.path().join("other.db");
            let connection = rusqlite_like(&other);
            std::fs::read(connection).unwrap()
        },
    ] {
        std::fs::write(&file, &spoilt).unwrap();
        let mut spool = open(dir.path(), &mut books, 0);
        let note = spool.note();
        assert!(note.anew && !note.broken, "{note:?}");
        assert_eq!(note.cause().map(|cause| cause.code()), Some("D08"));
        let kept = std::fs::read(dir.path().join("print.db.broken")).unwrap();
        assert!(kept == spoilt, "the broken file is kept as it was");
        assert_eq!(print_all(&mut spool, &mut books, 0), []);
        drop(spool);
        std::fs::remove_file(&file).unwrap();
    }
}

/// A journal is a database that is none of the print queue.
fn rusqlite_like(path: &Path) -> std::path::PathBuf {
    let dir = path.with_extension("dir");
    std::fs::create_dir_all(&dir).unwrap();
    let mut other = Books::new(&dir);
    other.add(&paid(1, 500, None, false));
    other.0.close();
    dir.join("journal.db")
}

#[test]
fn a_file_that_cannot_be_made_stops_nothing_and_is_tried_again() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    let file = dir.path().join("print.db");
    // A folder where the file should be, which cannot be renamed over the other one.
    std::fs::create_dir_all(file.join("x")).unwrap();
    std::fs::create_dir_all(dir.path().join("print.db.broken/x")).unwrap();
    let mut spool = open(dir.path(), &mut books, 0);
    let note = spool.note();
    assert!(note.broken && !note.can_print(), "{note:?}");
    assert_eq!(note.cause().map(|cause| cause.code()), Some("D09"));
    books.add(&paid(1, 500, None, false));
    assert_eq!(spool.look(&mut books, Tick(10)), None);
    std::fs::remove_dir_all(&file).unwrap();
    let due = spool.due().unwrap();
    spool.tell(Event::TimePassed, &mut books, due);
    assert!(!spool.note().broken);
    books.add(&paid(2, 500, None, false));
    spool.look(&mut books, due);
    assert_eq!(print_all(&mut spool, &mut books, due.0).len(), 2);
}

#[test]
fn the_file_holds_nothing_of_what_a_slip_says() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    let mut spool = open(dir.path(), &mut books, 0);
    books.add(&paid(1, 123_456, None, false));
    spool.look(&mut books, Tick(1));
    print_all(&mut spool, &mut books, 1);
    drop(spool);
    let bytes = std::fs::read(dir.path().join("print.db")).unwrap();
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(
        holds(&txn(1).to_string()),
        "the test looks at the right file"
    );
    for text in [
        "A00100010001ABCDEFS",
        "123456",
        "5678",
        "20261125110113130266215012345678",
    ] {
        assert!(!holds(text), "{text}");
    }
}

/// What may happen to a printer and its terminal.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Sale,
    /// The batch is closed; with or without a difference.
    Batch(bool),
    Time(u64),
    /// The printer answers how it is.
    Answer(Option<PrinterTrouble>),
    /// How the slip under way ends.
    Printed,
    NotBegun,
    Stopped,
    Unread,
    /// The power goes; the slip under way may be on paper as a whole or not.
    Cut(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        2 => Just(Happens::Sale),
        1 => any::<bool>().prop_map(Happens::Batch),
        4 => (1_u64..9_000).prop_map(Happens::Time),
        6 => prop_oneof![
            3 => Just(None),
            1 => Just(Some(PrinterTrouble::PaperOut)),
            1 => Just(Some(PrinterTrouble::Offline)),
        ].prop_map(Happens::Answer),
        4 => Just(Happens::Printed),
        1 => Just(Happens::NotBegun),
        2 => Just(Happens::Stopped),
        1 => Just(Happens::Unread),
        1 => any::<bool>().prop_map(Happens::Cut),
    ]
}

#[derive(Default)]
struct Paper {
    /// Pieces without a mark, whole or not, and whole pieces of any kind.
    counts: BTreeMap<(String, bool), (u32, u32)>,
}

/// What a piece of paper is told by: a batch has two slips under one transaction.
fn piece_of(job: &Job) -> (String, bool) {
    let kind = &job.what.kind;
    let about = if kind.is_of_a_settlement() {
        format!("{} {}", kind.key(), kind.about())
    } else {
        kind.about()
    };
    (about, job.what.copy == Copy::Customer)
}

impl Paper {
    fn piece(&mut self, (about, customer): (String, bool), mark: Mark, whole: bool) {
        let count = self.counts.entry((about, customer)).or_default();
        count.0 += u32::from(mark == Mark::First);
        count.1 += u32::from(whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_happens_no_unmarked_slip_comes_twice_and_every_slip_comes_in_the_end(
        day in proptest::collection::vec(happens(), 1..60)
    ) {
        let dir = TempDir::new().unwrap();
        let mut books = Books::new(dir.path());
        let mut spool = open(dir.path(), &mut books, 0);
        let mut paper = Paper::default();
        let (mut now, mut count) = (1_u64, 0_u32);
        let (mut sales, mut batches) = (Vec::new(), Vec::new());
        let mut command = None;
        for what in day {
            let under_way = match &command {
                Some(Command::Print(job, mark)) => {
                    Some((job.id, piece_of(job), *mark))
                }
                Some(Command::Ask) | None => None,
            };
            let next = match (what, under_way) {
                (Happens::Sale, _) => {
                    count += 1;
                    sales.push(u128::from(count));
                    let batch = u32::try_from(batches.len()).unwrap() + 1;
                    let facts = paid(u128::from(count), 100, None, false);
                    let facts = facts.into_iter().map(|fact| closed::in_batch(fact, batch));
                    let facts: Vec<_> = facts.collect();
                    books.add(&facts);
                    let found = spool.look(&mut books, Tick(now));
                    // A command that is under way goes on.
                    if found.is_some() { command = found; }
                    continue;
                }
                (Happens::Batch(differs), _) => {
                    batches.push(differs);
                    let number = u32::try_from(batches.len()).unwrap();
                    let movement = [closed::moved(1, MovementKind::Sale, "NOBODYS", 100)];
                    let own = if differs { Some(movement.as_slice()) } else { None };
                    count += 1;
                    let facts = closed::settled(&books, number, own);
                    books.add(&closed::counted(facts, u64::from(count)));
                    let found = spool.look(&mut books, Tick(now));
                    if found.is_some() { command = found; }
                    continue;
                }
                (Happens::Time(ms), None) => {
                    now += ms;
                    let found = spool.tell(Event::TimePassed, &mut books, Tick(now));
                    if found.is_some() { command = found; }
                    continue;
                }
                (Happens::Answer(answer), None) if command == Some(Command::Ask) => {
                    Event::Status(answer)
                }
                (Happens::Printed, Some((id, of, mark))) => {
                    paper.piece(of, mark, true);
                    Event::Accepted(id)
                }
                (Happens::Stopped, Some((id, of, mark))) => {
                    paper.piece(of, mark, false);
                    Event::Stopped(id, PrinterTrouble::PaperOut)
                }
                (Happens::NotBegun, Some((id, ..))) => Event::NotBegun(id, PrinterTrouble::Offline),
                (Happens::Unread, Some((id, ..))) => Event::Unread(id),
                (Happens::Cut(whole), under_way) => {
                    if let Some((_, of, mark)) = under_way {
                        paper.piece(of, mark, whole);
                    }
                    drop(spool);
                    spool = open(dir.path(), &mut books, now);
                    command = None;
                    continue;
                }
                _ => continue,
            };
            command = spool.tell(next, &mut books, Tick(now));
        }
        // The printer is mended; what is under way comes out.
        if let Some(Command::Print(job, mark)) = command {
            paper.piece(piece_of(&job), mark, true);
            spool.tell(Event::Accepted(job.id), &mut books, Tick(now));
        } else if command == Some(Command::Ask) {
            spool.tell(Event::Status(Some(PrinterTrouble::Offline)), &mut books, Tick(now));
        }
        for (job, mark) in print_jobs(&mut spool, &mut books, now) {
            paper.piece(piece_of(&job), mark, true);
        }
        for sale in sales {
            for customer in [false, true] {
                let count = paper.counts.get(&(txn(sale).to_string(), customer)).copied();
                let (unmarked, whole) = count.unwrap_or_default();
                prop_assert!(unmarked <= 1, "{sale}: {unmarked} unmarked pieces");
                prop_assert!(whole >= 1, "{sale}: no whole slip");
            }
        }
        for (place, differs) in batches.into_iter().enumerate() {
            let about = closed::txn(u32::try_from(place).unwrap() + 1).to_string();
            let mut wanted = vec!["settlement"];
            if differs { wanted.push("settlement_differences"); }
            for kind in wanted {
                let count = paper.counts.get(&(format!("{kind} {about}"), false)).copied();
                let (unmarked, whole) = count.unwrap_or_default();
                prop_assert!(unmarked <= 1 && whole >= 1, "{kind} of batch {place}: {unmarked} unmarked, {whole} whole");
            }
        }
        let open = states(&spool).iter().filter(|state| **state != JobState::Printed).count();
        prop_assert_eq!(open, 0);
    }
}

#[test]
fn a_store_remembers_how_far_the_journal_was_read_and_follows_one_that_is_older() {
    let dir = TempDir::new().unwrap();
    let config = StoreConfig::new(dir.path());
    let mut store = PrintStore::open(&config, 7).unwrap();
    store.add(&[], Some(12)).unwrap();
    store.add(&[], Some(9)).unwrap();
    assert_eq!(store.seen().unwrap(), 12);
    drop(store);
    assert_eq!(PrintStore::open(&config, 20).unwrap().seen().unwrap(), 12);
    // A journal that was brought back from an older copy.
    assert_eq!(PrintStore::open(&config, 5).unwrap().seen().unwrap(), 5);
}
