//! One row of an export: a posting in words and numbers that every layout writes alike.

use crate::reconcile::local_time;
use crate::settlement::{EntryKind, Posting};
use time::OffsetDateTime;

/// The columns, in the order of all layouts.
pub(super) const COLUMNS: [&str; 17] = [
    "time",
    "type",
    "number",
    "sale_no",
    "voucher",
    "batch",
    "channel",
    "way",
    "amount",
    "outcome",
    "counts",
    "late",
    "operator",
    "approver",
    "trade_no",
    "fact_first",
    "fact_last",
];

/// One sale, void or refund.
pub(super) struct Row {
    /// China's time.
    pub at: OffsetDateTime,
    /// `sale`, `void` or `refund`.
    pub kind: &'static str,
    pub number: String,
    pub sale_no: String,
    pub voucher: u32,
    pub batch: u32,
    pub channel: &'static str,
    pub way: &'static str,
    /// Minor units, negative where money goes back.
    pub minor: i64,
    pub outcome: &'static str,
    /// It is part of the sum.
    pub counts: bool,
    /// The automatic return of a late payment.
    pub late: bool,
    pub operator: String,
    pub approver: String,
    pub trade_no: String,
    pub facts: (u64, u64),
}

impl Row {
    pub fn of(posting: &Posting) -> Self {
        let entry = &posting.entry;
        let kind: EntryKind = entry.kind;
        let approver = posting.approver.as_ref();
        Self {
            at: local_time(posting.opened_at),
            kind: kind.key(),
            number: entry.number.as_str().to_owned(),
            sale_no: entry.order_no.as_str().to_owned(),
            voucher: entry.voucher.get(),
            batch: entry.batch.get(),
            channel: entry.channel.key(),
            way: posting.way,
            minor: kind.signed(entry.amount.minor()),
            outcome: posting.outcome,
            counts: entry.counts(),
            late: entry.late,
            operator: posting.operator.as_str().to_owned(),
            approver: approver.map_or(String::new(), |number| number.as_str().to_owned()),
            trade_no: posting.trade_no.clone().unwrap_or_default(),
            facts: posting.facts,
        }
    }
}
