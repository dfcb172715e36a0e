//! What a batch consists of on our side: its sales, voids and refunds, and their sums by wallet and type.
//!
//! Owns the rule which of them count. Never sees the acquirer's side: that is `claim`'s and `compare`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{BatchNo, Channel, Funding, Money, OrderNo, TxnId, VoucherNo};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// 消费.
    Sale,
    /// 撤销.
    Void,
    /// 退货.
    Refund,
}

impl EntryKind {
    /// Every kind, in the order that slips list them.
    pub const ALL: [Self; 3] = [Self::Sale, Self::Void, Self::Refund];

    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }

    /// Finds a kind by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// Returns `minor` with the direction in which the shop's money moves.
    pub const fn signed(self, minor: u64) -> i64 {
        // Sums of amounts of twelve digits stay far below the bound.
        let minor = minor.cast_signed();
        match self {
            Self::Sale => minor,
            Self::Void | Self::Refund => -minor,
        }
    }
}

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// The result is not known.
    Open,
    /// Paid, or returned: its amount counts.
    Stands,
    /// Ended without moving the shop's money: declined, not sent, revoked, refused.
    Nothing,
}

/// One sale, void or refund of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its transaction.
    pub txn: TxnId,
    /// Its own number: the order number of a sale, else the number of the void or refund.
    pub number: OrderNo,
    /// The order of the sale that it belongs to; a sale's own.
    pub order_no: OrderNo,
    /// What it is.
    pub kind: EntryKind,
    /// The automatic return of a payment that came after its sale had ended: told, and never part of the totals.
    pub late: bool,
    /// What it is about is the completion of a hold (预授权完成).
    pub completion: bool,
    /// What card paid, where the card host's answer says so.
    pub funding: Option<Funding>,
    /// The wallet.
    pub channel: Channel,
    /// The amount.
    pub amount: Money,
    /// How it stands.
    pub state: EntryState,
    /// Number for people.
    pub voucher: VoucherNo,
    /// The batch that it was opened in; an earlier one when it was open at its own settlement.
    pub batch: BatchNo,
}

impl Entry {
    /// Tells whether it is part of the totals.
    pub fn counts(&self) -> bool {
        self.state == EntryState::Stands && !self.late
    }

    /// Returns what is counted as one: a refund alone, everything else with its order. The flag keeps the numbers of
    /// refunds and orders apart.
    pub fn group(&self) -> (bool, &str) {
        if self.kind == EntryKind::Refund && !self.late {
            (true, self.number.as_str())
        } else {
            (false, self.order_no.as_str())
        }
    }
}

/// Everything that a settlement is about on our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Every entry that no earlier settlement counted, in the order in which they were opened.
    pub entries: Vec<Entry>,
    /// The batch of each number that was asked about and is not among the entries; none when we never used it.
    pub others: BTreeMap<String, Option<BatchNo>>,
}

impl Batch {
    /// Returns the entries that have to wait: an order is counted when its sale, its void and its automatic returns
    /// have all ended, a refund when it has ended itself.
    pub fn waiting(&self) -> impl Iterator<Item = &Entry> {
        let open = self
            .entries
            .iter()
            .filter(|entry| entry.state == EntryState::Open);
        let groups: BTreeSet<(bool, &str)> = open.map(Entry::group).collect();
        let waits = move |entry: &&Entry| groups.contains(&entry.group());
        self.entries.iter().filter(waits)
    }
}

/// Count and sum of one wallet and one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The wallet.
    pub channel: Channel,
    /// The type.
    pub kind: EntryKind,
    /// How many.
    pub count: u32,
    /// Sum in minor units, without direction.
    pub minor: u64,
}

/// Sums entries by wallet and type; lines of nothing are left out.
pub fn lines<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Line> {
    let counted = entries.into_iter().filter(|entry| entry.counts());
    sum(counted.map(|entry| (entry.channel, entry.kind, 1, entry.amount.minor())))
}

/// Sums counts and amounts by wallet and type.
pub(super) fn sum(moved: impl IntoIterator<Item = (Channel, EntryKind, u32, u64)>) -> Vec<Line> {
    let mut sums: BTreeMap<(Channel, EntryKind), (u32, u64)> = BTreeMap::new();
    for (channel, kind, more, minor) in moved {
        let (count, total) = sums.entry((channel, kind)).or_default();
        *count = count.saturating_add(more);
        *total = total.saturating_add(minor);
    }
    sums.into_iter()
        .map(|((channel, kind), (count, minor))| Line {
            channel,
            kind,
            count,
            minor,
        })
        .collect()
}

/// Returns what the lines leave to the shop, in minor units; negative when more went back than came in.
pub fn net(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.kind.signed(line.minor)).sum()
}
