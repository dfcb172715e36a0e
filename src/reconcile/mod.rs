//! Reconciliation (对账): the acquirer's daily file beside the journal's view of the same business day, every fen of
//! difference with exactly one reason.
//!
//! Owns the reading of daily files (each layout behind [`DailyStatement`]), the acquirer's day, and the join by
//! transaction. Pure: no I/O, no clock; a file comes in as bytes. A settlement compares by batch and position as the
//! money moves (`settlement::compare`); this compares by day afterwards, with fees, from another source.
//!
//! **Contract.** The acquirer's totals less ours are the sum of the differences, for amounts and for fees: what has a
//! reason and what has none (R12), always both told. Sources: acquirer.md 2.12, features.md D4 and N3. Tested by
//! `tests/it/reconcile.rs` (planted differences) and by a reader in Python (`tests/peer/reconcile.py`).

mod daily;
mod day;
mod join;
mod neutral;
mod report;
mod wechat;

pub use daily::{
    DailyFile, DailyRow, DailyStatement, FileProblem, LineProblem, Parsed, Scope, read,
};
pub use day::{BusinessDay, DayError, local_time};
pub use join::{Ours, reconcile};
pub use neutral::NeutralCsv;
pub use report::{DayReport, FeeSum, Found, Side};
pub use wechat::WechatBill;
