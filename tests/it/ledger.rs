//! The query layer against sums and lists that this file makes from the facts by itself: statistics are the numbers of
//! the settlement, lists and pages lose and repeat nothing, and the kept sums are those of the rows.

use std::collections::BTreeMap;

use rusqlite::Connection;
use shouyin::domain::{
    BatchNo, Channel, Days, Filter, FilterKind, FilterState, LocalDay, Money, Place, Timestamp,
};
use shouyin::journal::{DirectJournal, JournalConfig, ListRow, SaleState, inspect};
use shouyin::payment::{
    Fact, FactKind, Intent, Outcome, Purpose, UndoIntent, UndoKind, UndoOutcome,
};
use shouyin::settlement::{EntryKind, lines, net, tally_lines};
use tempfile::TempDir;

#[path = "../../benches/support/history.rs"]
#[allow(dead_code, reason = "shared with the benches")]
mod history;

use history::{Habits, History};

const HABITS: Habits = Habits {
    per_day: 60,
    holds: 60,
};

fn config(dir: &TempDir) -> JournalConfig {
    let mut config = JournalConfig::new(dir.path().to_owned(), dir.path().join("mirror.log"));
    config.reserve_bytes = 4096;
    config
}

/// A shop's days in a journal, and the facts that it was made of.
struct Shop {
    dir: TempDir,
    journal: DirectJournal,
    facts: Vec<Fact>,
}

fn shop(seed: u64, days: u64, settled: bool) -> Shop {
    let dir = TempDir::new().unwrap();
    let (mut journal, _) = DirectJournal::open(&config(&dir)).unwrap();
    let mut history = History::new(seed, HABITS);
    let mut facts = Vec::new();
    for day in 0..days {
        let mut today = history.sell_a_day();
        if settled && day + 1 < days {
            today.extend(history.settle());
        }
        if day + 1 == days {
            // The last sale has no result yet.
            let open = |fact: &Fact| {
                let FactKind::IntentRecorded(intent) = &fact.kind else {
                    return false;
                };
                intent.purpose == Purpose::Sale
            };
            let last = today.iter().rposition(open).unwrap();
            today.truncate(last + 1);
        }
        for unit in today.chunks(97) {
            journal.append(unit).unwrap();
        }
        facts.extend(today);
    }
    Shop {
        dir,
        journal,
        facts,
    }
}

/// A record as this file understands the facts.
#[derive(Clone, Debug)]
struct Record {
    place: Place,
    number: String,
    kind: FilterKind,
    state: FilterState,
    channel: Channel,
    operator: String,
    fen: u64,
    tail: Option<String>,
    counts: bool,
}

impl Record {
    fn of_sale(row: u64, at_ms: i64, intent: &Intent) -> Self {
        let tail = intent.card.as_ref().map(|card| card.masked.to_string());
        Self {
            place: Place { at_ms, row },
            number: intent.order_no.to_string(),
            kind: match intent.purpose {
                Purpose::Sale => FilterKind::Sale,
                Purpose::Hold => FilterKind::Hold,
                Purpose::Completion { .. } => FilterKind::Completion,
            },
            state: FilterState::Open,
            channel: intent.channel,
            operator: intent.operator.to_string(),
            fen: intent.amount.minor(),
            tail: tail.map(|text| text[text.len() - 4..].to_owned()),
            counts: false,
        }
    }

    fn of_undo(row: u64, at_ms: i64, intent: &UndoIntent) -> Self {
        Self {
            place: Place { at_ms, row },
            number: intent.undo_no.to_string(),
            kind: match intent.kind {
                UndoKind::Void => FilterKind::Void,
                UndoKind::Refund => FilterKind::Refund,
            },
            state: FilterState::Open,
            channel: intent.channel,
            operator: intent.operator.to_string(),
            fen: intent.amount.minor(),
            tail: None,
            counts: false,
        }
    }

    fn entry_kind(&self) -> EntryKind {
        match self.kind {
            FilterKind::Void => EntryKind::Void,
            FilterKind::Refund => EntryKind::Refund,
            _ => EntryKind::Sale,
        }
    }

    fn fits(&self, filter: &Filter) -> bool {
        filter
            .days
            .is_none_or(|days| days.holds(Timestamp(self.place.at_ms)))
            && filter.channel.is_none_or(|wanted| wanted == self.channel)
            && filter.kind.is_none_or(|wanted| wanted == self.kind)
            && filter.state.is_none_or(|wanted| wanted == self.state)
            && filter
                .operator
                .as_ref()
                .is_none_or(|wanted| wanted.as_str() == self.operator)
            && filter
                .amount
                .is_none_or(|wanted| wanted.minor() == self.fen)
            && filter
                .card_tail
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == self.tail.as_ref())
    }
}

/// Newest first.
fn records(facts: &[Fact]) -> Vec<Record> {
    let mut found = BTreeMap::new();
    for (row, fact) in (1..).zip(facts) {
        match &fact.kind {
            FactKind::IntentRecorded(intent) => {
                found.insert(intent.txn, Record::of_sale(row, fact.at.0, intent));
            }
            FactKind::UndoIntended(intent) => {
                found.insert(intent.txn, Record::of_undo(row, fact.at.0, intent));
            }
            FactKind::Closed { txn, outcome } => {
                let record = found.get_mut(txn).unwrap();
                let paid = matches!(outcome, Outcome::Paid(_));
                record.state = ended(paid);
                record.counts = paid && record.kind != FilterKind::Hold;
            }
            FactKind::UndoClosed { txn, outcome } => {
                let record = found.get_mut(txn).unwrap();
                let done = matches!(outcome, UndoOutcome::Done(_));
                (record.state, record.counts) = (ended(done), done);
            }
            _ => {}
        }
    }
    let mut records: Vec<_> = found.into_values().collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.place));
    records
}

const fn ended(done: bool) -> FilterState {
    if done {
        FilterState::Done
    } else {
        FilterState::Failed
    }
}

const ALWAYS: Days = Days {
    from: LocalDay(0),
    to: LocalDay(1_000_000),
};

#[test]
fn statistics_are_the_numbers_of_the_settlement_of_the_same_entries() {
    for seed in 1..=6 {
        let shop = shop(seed, 3, false);
        let batch = shop.journal.batch(BatchNo::new(1).unwrap(), &[]).unwrap();
        let settled = lines(&batch.entries);
        let told = tally_lines(&shop.journal.tally(ALWAYS).unwrap());
        assert_eq!(settled, told, "seed {seed}");
        assert!(told.len() > 4, "seed {seed}: {told:?}");
        // Both at once could be wrong in the same way.
        let mut own: BTreeMap<(Channel, EntryKind), (u32, u64)> = BTreeMap::new();
        for record in records(&shop.facts).iter().filter(|record| record.counts) {
            let sum = own
                .entry((record.channel, record.entry_kind()))
                .or_default();
            sum.0 += 1;
            sum.1 += record.fen;
        }
        let found: BTreeMap<_, _> = told
            .iter()
            .map(|line| ((line.channel, line.kind), (line.count, line.minor)))
            .collect();
        assert_eq!(found, own, "seed {seed}");
        let shops: i64 = own
            .iter()
            .map(|((_, kind), (_, minor))| kind.signed(*minor))
            .sum();
        assert_eq!(net(&told), shops);
    }
}

#[test]
fn every_day_hour_and_person_has_its_own_sums() {
    let shop = shop(7, 4, true);
    let mut own: BTreeMap<(i64, u8, String, EntryKind), (u32, u64)> = BTreeMap::new();
    let records = records(&shop.facts);
    for record in records.iter().filter(|record| record.counts) {
        let at = Timestamp(record.place.at_ms);
        let key = (
            LocalDay::of(at).0,
            at.local_hour(),
            record.operator.clone(),
            record.entry_kind(),
        );
        let sum = own.entry(key).or_default();
        sum.0 += 1;
        sum.1 += record.fen;
    }
    let mut found: BTreeMap<_, (u32, u64)> = BTreeMap::new();
    let days: Vec<i64> = own.keys().map(|key| key.0).collect();
    for day in days[0]..=days[days.len() - 1] {
        for row in shop.journal.tally(Days::one(LocalDay(day))).unwrap() {
            assert_eq!(row.key.day.0, day);
            let key = (day, row.key.hour, row.key.operator, row.key.kind);
            let sum = found.entry(key).or_default();
            sum.0 += row.count;
            sum.1 += row.minor;
        }
    }
    assert_eq!(found, own);
    // What the keypad and the limits are told.
    let day = LocalDay(days[0]);
    let sales = own
        .iter()
        .filter(|(key, _)| key.0 == day.0 && key.3 == EntryKind::Sale);
    let (count, minor) = sales.fold((0, 0), |sum, (_, more)| {
        (sum.0 + u64::from(more.0), sum.1 + more.1)
    });
    let (from, to) = (day.start().0, day.plus(1).start().0);
    let totals = shop.journal.totals(from, to).unwrap();
    assert_eq!((totals.count, totals.minor), (count, minor));
    let last = LocalDay(days[days.len() - 1]);
    let spent = shop.journal.spent(last.start().0, day.start().0).unwrap();
    let month: u64 = spent.iter().map(|row| row.month_minor).sum();
    let today: u64 = spent.iter().map(|row| row.today_minor).sum();
    // Limits count what may still be paid.
    let open = records
        .iter()
        .filter(|record| record.state == FilterState::Open);
    let open: u64 = open.map(|record| record.fen).sum();
    assert!(open > 0);
    let taken = |from: LocalDay| -> u64 {
        let sold = own
            .iter()
            .filter(|(key, _)| key.0 >= from.0 && key.3 == EntryKind::Sale);
        sold.map(|(_, sum)| sum.1).sum::<u64>() + open
    };
    assert_eq!((today, month), (taken(last), taken(day)));
}

fn number(row: &ListRow, journal: &DirectJournal) -> String {
    match row {
        ListRow::Sale(sale) => sale.order_no.to_string(),
        ListRow::Undo(undo) => {
            let undos = journal.undos_of(undo.of).unwrap();
            let own = undos.into_iter().find(|row| row.txn == undo.txn);
            own.unwrap().undo_no.to_string()
        }
    }
}

/// Filters of every field, alone and together.
fn filters(records: &[Record]) -> Vec<Filter> {
    let day = LocalDay::of(Timestamp(records[records.len() / 2].place.at_ms));
    let card = records.iter().find(|record| record.tail.is_some()).unwrap();
    let all = Filter::default;
    let mut filters = vec![
        all(),
        Filter {
            days: Some(Days::one(day)),
            ..all()
        },
        Filter {
            channel: Some(Channel::Wechat),
            ..all()
        },
        Filter {
            operator: shouyin::domain::OperatorNo::new("02").ok(),
            ..all()
        },
        Filter {
            amount: Money::from_fen(card.fen).ok(),
            ..all()
        },
        Filter {
            card_tail: card.tail.clone(),
            ..all()
        },
        Filter {
            card_tail: Some("x".to_owned()),
            ..all()
        },
        Filter {
            days: Some(Days::one(day)),
            channel: Some(Channel::BankCard),
            state: Some(FilterState::Done),
            kind: Some(FilterKind::Sale),
            ..all()
        },
        Filter {
            kind: Some(FilterKind::Hold),
            days: Some(Days::one(day)),
            ..all()
        },
    ];
    filters.extend(FilterKind::ALL.map(|kind| Filter {
        kind: Some(kind),
        ..all()
    }));
    filters.extend(FilterState::ALL.map(|state| Filter {
        state: Some(state),
        ..all()
    }));
    filters
}

#[test]
fn pages_lose_nothing_repeat_nothing_and_show_what_fits() {
    let shop = shop(3, 4, true);
    let records = records(&shop.facts);
    let mut matched = 0;
    for filter in filters(&records) {
        let fits = records.iter().filter(|record| record.fits(&filter));
        let own: Vec<String> = fits.map(|record| record.number.clone()).collect();
        for limit in [1, 7, 500] {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = shop.journal.list(&filter, before, limit).unwrap();
                assert!(page.rows.len() <= limit);
                found.extend(page.rows.iter().map(|row| number(row, &shop.journal)));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found, own, "{filter:?} by {limit}");
        }
        matched += usize::from(!own.is_empty());
    }
    assert!(matched > 14, "only {matched} filters fit anything");
}

#[test]
fn a_number_finds_its_records() {
    let shop = shop(5, 2, true);
    let all = shop.journal.list(&Filter::default(), None, 500).unwrap();
    let sale = all.rows.iter().find_map(|row| match row {
        ListRow::Sale(sale) if sale.state == SaleState::Paid => Some(sale.clone()),
        _ => None,
    });
    let sale = sale.unwrap();
    let order = sale.order_no.to_string();
    let finds = |text: &str| -> Vec<String> {
        let found = shop.journal.find(text).unwrap();
        found.iter().map(|row| number(row, &shop.journal)).collect()
    };
    for text in [
        order.clone(),
        order[order.len() - 6..].to_owned(),
        sale.voucher.get().to_string(),
        sale.trade_no.clone().unwrap(),
    ] {
        assert!(finds(&text).contains(&order), "{text}");
    }
    assert_eq!(finds(&order), std::slice::from_ref(&order));
    assert!(finds("999999").is_empty() && finds("0").is_empty() && finds("'").is_empty());
    let undo = all
        .rows
        .iter()
        .find(|row| matches!(row, ListRow::Undo(_)))
        .unwrap();
    let own = number(undo, &shop.journal);
    assert_eq!(finds(&own), std::slice::from_ref(&own));
}

#[test]
fn a_journal_of_the_schema_before_gets_its_sums_and_card_numbers() {
    let shop = shop(9, 3, true);
    let before = shop.journal.tally(ALWAYS).unwrap();
    shop.journal.close();
    let path = config(&shop.dir).database();
    let database = Connection::open(&path).unwrap();
    let names = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND \
                 name IN ('sale_listed','undo_listed','sale_amount','sale_card','sale_purpose', \
                 'sale_open','sale_voucher','undo_voucher','sale_tail','undo_tail','sale_trade', \
                 'undo_trade','sale_settled','undo_settled')";
    let names: Vec<String> = database
        .prepare(names)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(names.len(), 14);
    for name in names {
        database
            .execute_batch(&format!("DROP INDEX {name}"))
            .unwrap();
    }
    database
        .execute_batch(
            "DROP VIEW ledger_entry; DROP TABLE tally; ALTER TABLE sale DROP COLUMN card_tail; \
             ALTER TABLE sale DROP COLUMN funding; \
             CREATE INDEX sale_opened ON sale (opened_ms); DROP INDEX sale_unsettled; \
             CREATE INDEX sale_unsettled ON sale (batch) WHERE settled IS NULL; \
             PRAGMA user_version = 4;",
        )
        .unwrap();
    drop(database);
    let (journal, _) = DirectJournal::open(&config(&shop.dir)).unwrap();
    assert_eq!(journal.tally(ALWAYS).unwrap(), before);
    let records = records(&shop.facts);
    let card = records.iter().find(|record| record.tail.is_some()).unwrap();
    let filter = Filter {
        card_tail: card.tail.clone(),
        ..Filter::default()
    };
    let found = journal.list(&filter, None, 500).unwrap().rows;
    let own = records.iter().filter(|record| record.fits(&filter)).count();
    assert_eq!(found.len(), own);
}

#[test]
fn sums_that_differ_from_the_rows_are_found_and_renewed() {
    let shop = shop(4, 3, true);
    let before = shop.journal.tally(ALWAYS).unwrap();
    shop.journal.close();
    let path = config(&shop.dir).database();
    let verdict = || inspect::verify(&path, None).unwrap();
    assert!(verdict().is_sound());
    let harms = [
        "UPDATE tally SET minor = minor + 1 WHERE rowid_of = 1",
        "DELETE FROM tally WHERE (day, hour) = (SELECT day, hour FROM tally LIMIT 1)",
        "INSERT INTO tally VALUES (3, 4, 'alipay', 'camera', '01', 'sale', 1, 1)",
    ];
    for harm in harms {
        let harm = harm.replace(
            "rowid_of = 1",
            "(day, hour) = (SELECT day, hour FROM tally LIMIT 1)",
        );
        Connection::open(&path)
            .unwrap()
            .execute_batch(&harm)
            .unwrap();
        let found = verdict();
        assert!(
            !found.is_sound() && found.sums_differ_on.is_some(),
            "{harm}"
        );
        let (mut journal, _) = DirectJournal::open(&config(&shop.dir)).unwrap();
        // The records first, then the days one by one.
        for _ in 0..100 {
            journal.check_on();
        }
        assert_eq!(journal.tally(ALWAYS).unwrap(), before, "{harm}");
        journal.close();
        assert!(verdict().is_sound(), "{harm}");
    }
}

#[test]
fn a_rebuilt_journal_has_the_sums_of_its_rows() {
    let shop = shop(8, 3, true);
    let before = shop.journal.tally(ALWAYS).unwrap();
    shop.journal.close();
    drop(std::fs::remove_file(
        config(&shop.dir).database().with_extension("db-wal"),
    ));
    std::fs::write(config(&shop.dir).database(), b"").unwrap();
    let at = Timestamp(1_700_000_000_000);
    let (journal, _, report) = DirectJournal::open_or_rebuild(&config(&shop.dir), at).unwrap();
    assert!(report.is_some());
    assert_eq!(journal.tally(ALWAYS).unwrap(), before);
}
