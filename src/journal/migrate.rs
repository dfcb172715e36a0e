//! Applies `migrations/*.sql` in order, each in its own unit of work; refuses a newer schema.

use std::path::Path;

use rusqlite::Connection;

use super::error::JournalError;
use super::ledger;

/// Every schema step, oldest first. Step n brings `user_version` to n.
const STEPS: [&str; 5] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_undo.sql"),
    include_str!("../../migrations/0003_settlement.sql"),
    include_str!("../../migrations/0004_hold.sql"),
    include_str!("../../migrations/0005_records.sql"),
];

/// The step that brings the sums; they are made from the rows that are there.
pub(super) const TALLIED: i64 = 5;

/// The schema that this program writes.
pub const SCHEMA: i64 = STEPS.len() as i64;

/// Returns the schema of a database, 0 for an empty one; refuses a newer one.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|source| super::store::open_problem(path, source))?;
    if found > SCHEMA {
        return Err(JournalError::NewerSchema {
            path: path.to_owned(),
            found,
            known: SCHEMA,
        });
    }
    Ok(found)
}

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let database = |operation, source| super::store::read_problem(path, operation, source);
    let found = check(connection, path)?;
    for (index, sql) in STEPS
        .iter()
        .enumerate()
        .skip(usize::try_from(found).unwrap_or(0))
    {
        let unit = connection
            .transaction()
            .map_err(|e| database("a schema step", e))?;
        unit.execute_batch(sql)
            .map_err(|e| database("a schema step", e))?;
        let step = i64::try_from(index + 1).unwrap_or(i64::MAX);
        if step == TALLIED {
            ledger::fill(&unit).map_err(|e| database("the sums of a schema step", e))?;
        }
        unit.pragma_update(None, "user_version", step)
            .map_err(|e| database("a schema step", e))?;
        unit.commit().map_err(|e| database("a schema step", e))?;
    }
    Ok(())
}
