//! The one place that answers for what was taken: sums for the screens, for limits and for statistics.
//!
//! Owns the sums kept per day, hour, wallet, entry mode, person and type (migrations/0005), and the comparison of them
//! with the rows. Which row counts is not decided here: it is [`Entry::counts`], as for a settlement, over the same
//! rows (`ledger_entry`). The lists are `list`'s.

mod list;

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

pub use list::{ListPage, ListRow, UndoItem};

use super::error::JournalError;
use super::query::Totals;
use super::records::SpentRow;
use super::settled::entry;
use super::store::Store;
use crate::domain::{Channel, Days, LocalDay, OperatorNo, Timestamp};
use crate::payment::Presentment;
use crate::settlement::{Entry, EntryKind, TallyKey, TallyRow};

/// What [`entry`] reads, in its order.
pub(super) const ENTRY: &str = "txn, number, order_no, kind, late, channel, amount, state, voucher, batch, completion, \
     funding";

type Sums = BTreeMap<TallyKey, (u32, u64)>;

/// Sums the entry of a transaction that has just ended, when it counts.
pub(super) fn keep(unit: &Connection, txn: &str) -> rusqlite::Result<()> {
    let sql =
        format!("SELECT {ENTRY}, opened_ms, entry, operator FROM ledger_entry WHERE txn = ?1");
    let found = unit
        .prepare_cached(&sql)?
        .query_row([txn], moved)
        .optional()?;
    match found {
        Some((entry, key)) if entry.counts() => add(unit, &key, (1, entry.amount.minor())),
        Some(_) | None => Ok(()),
    }
}

/// Sums every entry that is there, into an empty table.
pub(super) fn fill(unit: &Connection) -> rusqlite::Result<()> {
    let mut from = LocalDay::of(Timestamp(i64::MIN));
    while let Some(day) = next_day(unit, from)? {
        renew(unit, day)?;
        from = day.plus(1);
    }
    Ok(())
}

/// Returns the first day from `from` on that has rows or sums.
pub(super) fn next_day(
    connection: &Connection,
    from: LocalDay,
) -> rusqlite::Result<Option<LocalDay>> {
    let start = from.start().0;
    let first = |sql: &str, value: i64| -> rusqlite::Result<Option<i64>> {
        connection
            .prepare_cached(sql)?
            .query_row([value], |row| row.get(0))
    };
    let of = |ms: Option<i64>| ms.map(|ms| LocalDay::of(Timestamp(ms)));
    let sale = of(first(
        "SELECT min(opened_ms) FROM sale WHERE opened_ms >= ?1",
        start,
    )?);
    let undo = of(first(
        "SELECT min(opened_ms) FROM undo WHERE opened_ms >= ?1",
        start,
    )?);
    let sums = first("SELECT min(day) FROM tally WHERE day >= ?1", from.0)?.map(LocalDay);
    Ok([sale, undo, sums].into_iter().flatten().min())
}

/// Tells whether the sums of a day are those of its rows.
pub(super) fn agrees(connection: &Connection, day: LocalDay) -> rusqlite::Result<bool> {
    let mut kept = Sums::new();
    for row in tally(connection, Days::one(day))? {
        kept.insert(row.key, (row.count, row.minor));
    }
    Ok(kept == of_rows(connection, day)?)
}

/// Returns the first day whose sums are not those of its rows.
pub(super) fn first_difference(connection: &Connection) -> rusqlite::Result<Option<LocalDay>> {
    let mut from = LocalDay::of(Timestamp(i64::MIN));
    while let Some(day) = next_day(connection, from)? {
        if !agrees(connection, day)? {
            return Ok(Some(day));
        }
        from = day.plus(1);
    }
    Ok(None)
}

/// Makes the sums of a day anew from its rows.
pub(super) fn renew(unit: &Connection, day: LocalDay) -> rusqlite::Result<()> {
    unit.prepare_cached("DELETE FROM tally WHERE day = ?1")?
        .execute([day.0])?;
    for (key, sum) in of_rows(unit, day)? {
        add(unit, &key, sum)?;
    }
    Ok(())
}

fn of_rows(connection: &Connection, day: LocalDay) -> rusqlite::Result<Sums> {
    let sql = format!(
        "SELECT {ENTRY}, opened_ms, entry, operator FROM ledger_entry \
         WHERE opened_ms >= ?1 AND opened_ms < ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let range = params![day.start().0, day.plus(1).start().0];
    let mut sums = Sums::new();
    for found in statement.query_map(range, moved)? {
        let (entry, key) = found?;
        if entry.counts() {
            let (count, minor) = sums.entry(key).or_default();
            *count += 1;
            *minor += entry.amount.minor();
        }
    }
    Ok(sums)
}

fn add(unit: &Connection, key: &TallyKey, (count, minor): (u32, u64)) -> rusqlite::Result<()> {
    unit.prepare_cached(
        "INSERT INTO tally (day, hour, channel, entry, operator, kind, count, minor) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE \
         SET count = count + excluded.count, minor = minor + excluded.minor",
    )?
    .execute(params![
        key.day.0,
        key.hour,
        key.channel.key(),
        key.entry,
        key.operator,
        key.kind.key(),
        count,
        minor,
    ])
    .map(drop)
}

fn moved(row: &Row<'_>) -> rusqlite::Result<(Entry, TallyKey)> {
    let entry = entry(row)?;
    let at = Timestamp(row.get(12)?);
    let key = TallyKey {
        day: LocalDay::of(at),
        hour: at.local_hour(),
        channel: entry.channel,
        entry: row.get(13)?,
        operator: row.get(14)?,
        kind: entry.kind,
    };
    Ok((entry, key))
}

fn tally(connection: &Connection, days: Days) -> rusqlite::Result<Vec<TallyRow>> {
    connection
        .prepare_cached(
            "SELECT day, hour, channel, entry, operator, kind, count, minor FROM tally \
             WHERE day >= ?1 AND day < ?2 ORDER BY day, hour",
        )?
        .query_map(params![days.from.0, days.to.0], |row| {
            let kind = row.get_ref(5)?.as_str()?;
            Ok(TallyRow {
                key: TallyKey {
                    day: LocalDay(row.get(0)?),
                    hour: row.get(1)?,
                    channel: channel(row, 2)?,
                    entry: row.get(3)?,
                    operator: row.get(4)?,
                    kind: EntryKind::from_key(kind).ok_or_else(|| {
                        let kind = rusqlite::types::Type::Text;
                        rusqlite::Error::FromSqlConversionFailure(5, kind, "no kind".into())
                    })?,
                },
                count: row.get(6)?,
                minor: row.get(7)?,
            })
        })?
        .collect()
}

fn channel(row: &Row<'_>, index: usize) -> rusqlite::Result<Channel> {
    let key = row.get_ref(index)?.as_str()?;
    Ok(Channel::from_key(key).unwrap_or(Channel::Unknown))
}

impl Store {
    /// Returns what moved in these days, by everything that it is summed by.
    pub(super) fn tally(&self, days: Days) -> Result<Vec<TallyRow>, JournalError> {
        tally(&self.connection, days).map_err(|e| self.refused("reading the sums", e))
    }

    /// Returns count and sum of the sales that were paid, of the days that `from_ms .. to_ms` touch.
    pub(super) fn totals(&self, from_ms: i64, to_ms: i64) -> Result<Totals, JournalError> {
        let days = Days::touched(from_ms, to_ms);
        self.connection
            .prepare_cached(
                "SELECT coalesce(sum(count), 0), coalesce(sum(minor), 0) FROM tally \
                 WHERE day >= ?1 AND day < ?2 AND kind = 'sale'",
            )
            .and_then(|mut select| {
                select.query_row(params![days.from.0, days.to.0], |row| {
                    Ok(Totals {
                        count: row.get(0)?,
                        minor: row.get(1)?,
                    })
                })
            })
            .map_err(|e| self.refused("reading today's totals", e))
    }

    /// Returns what was taken, by channel and entry mode; open sales count.
    pub(super) fn spent(&self, day_ms: i64, month_ms: i64) -> Result<Vec<SpentRow>, JournalError> {
        let fail = |e| self.refused("summing what was taken", e);
        let mut spent: BTreeMap<(Channel, &'static str), SpentRow> = BTreeMap::new();
        let mut take = |channel: Channel, entry: &str, minor: u64, today: bool| {
            let entry = Presentment::from_key(entry).unwrap_or(Presentment::Camera);
            let row = spent.entry((channel, entry.key())).or_insert(SpentRow {
                channel,
                entry,
                today_minor: 0,
                month_minor: 0,
            });
            row.month_minor = row.month_minor.saturating_add(minor);
            if today {
                row.today_minor = row.today_minor.saturating_add(minor);
            }
        };
        let day = LocalDay::of(Timestamp(day_ms));
        let month = Days::touched(month_ms, i64::MAX);
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT channel, entry, sum(minor), day >= ?2 AS today FROM tally \
                 WHERE day >= ?1 AND kind = 'sale' GROUP BY channel, entry, today \
                 UNION ALL \
                 SELECT s.channel, s.entry, s.amount, s.opened_ms >= ?3 FROM sale s \
                 WHERE s.txn IN (SELECT txn FROM outbox WHERE kind = 'inquire') \
                 AND s.state = 'open' AND s.purpose <> 'hold' AND s.opened_ms >= ?4",
            )
            .map_err(fail)?;
        let mut rows = select
            .query(params![month.from.0, day.0, day_ms, month_ms])
            .map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let read = |row: &Row<'_>| -> rusqlite::Result<(Channel, String, u64, bool)> {
                Ok((channel(row, 0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            };
            let (channel, entry, minor, today) = read(row).map_err(fail)?;
            take(channel, &entry, minor, today);
        }
        Ok(spent.into_values().collect())
    }

    /// Returns who stood at the till in these days, by number.
    pub(super) fn operators(&self, days: Days) -> Result<Vec<OperatorNo>, JournalError> {
        let mut numbers: Vec<_> = self
            .tally(days)?
            .into_iter()
            .map(|r| r.key.operator)
            .collect();
        numbers.sort();
        numbers.dedup();
        Ok(numbers
            .iter()
            .filter_map(|n| OperatorNo::new(n).ok())
            .collect())
    }

    /// Makes the sums of a day anew in a unit of work of its own.
    pub(super) fn renew_sums(&mut self, day: LocalDay) -> Result<(), JournalError> {
        let path = self.path.clone();
        let fail = |e| super::store::read_problem(&path, "renewing the sums", e);
        let unit = self.connection.transaction().map_err(fail)?;
        renew(&unit, day).map_err(fail)?;
        unit.commit().map_err(fail)
    }
}
