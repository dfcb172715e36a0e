//! The settlement page (结算): the open batch as it stands, what is under way, and how the last batch was closed.
//!
//! Owns its shapes and how they are made of the journal's entries. Decides nothing about a settlement.

use std::collections::BTreeMap;

use super::format;
use super::notice::Notice;
use crate::domain::{BatchNo, Channel, Now, Timestamp, TxnId};
use crate::settlement::{
    Batch, CardVerdict, Difference, Entry, EntryKind, EntryState, FeeEstimate, FeeTerms, Line,
    Report, Settlement, Step, estimate, lines, net, verdicts,
};

/// What the journal tells of batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    /// Sums of the open batch.
    pub lines: Vec<Line>,
    /// Its entries without a result.
    pub open: Vec<OpenLine>,
    /// What the acquirer is expected to keep of it.
    pub fees: Option<FeeNote>,
    /// The last batch that was closed.
    pub last: Option<ClosedBatch>,
}

impl Batches {
    /// Adds up the open batch: what the settlement under way does not count.
    pub fn of(
        mut batch: Batch,
        under_way: Option<&Settlement>,
        last: Option<ClosedBatch>,
        terms: Option<&FeeTerms>,
    ) -> Self {
        if let Some(settlement) = under_way {
            let left = |entry: &Entry| {
                let left = settlement.left.as_ref();
                left.is_some_and(|left| left.contains(&entry.txn))
            };
            let frozen = settlement.intent.batch;
            batch
                .entries
                .retain(|entry| entry.batch > frozen || left(entry));
        }
        let open = batch.entries.iter();
        let open = open.filter(|entry| entry.state == EntryState::Open);
        Self {
            lines: lines(&batch.entries),
            open: open.map(open_line).collect(),
            fees: terms.map(|terms| FeeNote::of(&estimate(&batch, terms))),
            last,
        }
    }
}

/// An entry without a result, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLine {
    /// Six digits for people.
    pub number: String,
    /// What it is.
    pub kind: EntryKind,
    /// The wallet.
    pub channel: Channel,
    /// With a minus where money goes back.
    pub amount: String,
}

fn open_line(entry: &Entry) -> OpenLine {
    OpenLine {
        number: entry.voucher.to_string(),
        kind: entry.kind,
        channel: entry.channel,
        amount: format::signed(entry.kind.signed(entry.amount.minor())),
    }
}

/// What the acquirer is expected to keep (预计), ready to show. Its own figure counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeNote {
    /// 预计手续费.
    pub fee: String,
    /// 预计到账.
    pub expected: String,
    /// So many entries have no rate, and are counted without a fee.
    pub unpriced: u32,
}

impl FeeNote {
    /// Writes an estimate.
    pub fn of(fees: &FeeEstimate) -> Self {
        Self {
            fee: format::signed(fees.fee_minor()),
            expected: format::signed(fees.expected_minor()),
            unpriced: fees.unpriced(),
        }
    }
}

/// A batch that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedBatch {
    /// The settlement.
    pub txn: TxnId,
    /// Its number.
    pub batch: BatchNo,
    /// When it ended.
    pub at: Timestamp,
    /// The report.
    pub report: Report,
    /// Unexplained first.
    pub differences: Vec<Difference>,
}

/// One line of totals, ready to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalLine {
    /// The wallet.
    pub channel: Channel,
    /// The type.
    pub kind: EntryKind,
    /// How many.
    pub count: u32,
    /// With a minus where money went back.
    pub amount: String,
}

/// How both sides of a closed batch compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchVerdict {
    /// 平.
    Equal,
    /// 不平.
    Unequal,
    /// The acquirer has nothing that a terminal could compare with.
    NotCompared,
}

impl BatchVerdict {
    /// Returns the verdict of a report.
    pub fn of(report: &Report) -> Self {
        match (report.compared, report.is_balanced()) {
            (false, _) => Self::NotCompared,
            (true, true) => Self::Equal,
            (true, false) => Self::Unequal,
        }
    }
}

/// One difference, ready to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferenceLine {
    /// `R12`: its words are the screen's.
    pub reason: &'static str,
    /// Six digits for people, or the tail of a number that is not ours.
    pub number: String,
    /// The wallet.
    pub channel: Channel,
    /// The acquirer's amount less ours.
    pub amount: String,
}

/// The last batch, ready to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBatch {
    /// The settlement.
    pub txn: TxnId,
    /// Six digits.
    pub batch: String,
    /// `HH:MM` local time.
    pub time: String,
    /// The verdict.
    pub verdict: BatchVerdict,
    /// Each wallet and whether it is equal.
    pub wallets: Vec<(Channel, bool)>,
    /// Whether the card host agrees about the cards; none when it was not asked.
    pub cards_equal: Option<bool>,
    /// What the shop has of it.
    pub net: String,
    /// Entries that were left open.
    pub open: u32,
    /// Unexplained first.
    pub differences: Vec<DifferenceLine>,
}

/// What a settlement under way waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleStage {
    /// Open entries may still end, for so many seconds at the most.
    Waiting {
        /// Whole seconds.
        remaining_s: u64,
    },
    /// Both sides are compared.
    Comparing,
    /// The acquirer does not answer; asked again in so many seconds.
    Resting {
        /// Whole seconds.
        remaining_s: u64,
    },
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementPage {
    /// Six digits of the open batch.
    pub batch: String,
    /// Its sums.
    pub lines: Vec<TotalLine>,
    /// What the shop has of it.
    pub net: String,
    /// What the acquirer is expected to keep.
    pub fees: Option<FeeNote>,
    /// Entries without a result.
    pub open: Vec<OpenLine>,
    /// Whether 结算 exists.
    pub can_settle: bool,
    /// The settlement of the batch before, while it is under way.
    pub stage: Option<SettleStage>,
    /// The last batch that was closed.
    pub last: Option<LastBatch>,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// Builds the page.
pub(super) fn page(
    batches: &Batches,
    batch: BatchNo,
    under_way: Option<&Settlement>,
    now: Now,
    notice: Option<Notice>,
) -> SettlementPage {
    SettlementPage {
        batch: batch.to_string(),
        lines: batches.lines.iter().map(total).collect(),
        net: format::signed(net(&batches.lines)),
        fees: batches.fees.clone(),
        open: batches.open.clone(),
        can_settle: under_way.is_none() && (!batches.lines.is_empty() || !batches.open.is_empty()),
        stage: under_way.map(|settlement| stage(settlement, now)),
        last: batches.last.as_ref().map(last),
        notice,
    }
}

/// Returns what the shop has of the open batch, ready to show.
pub(super) fn open_net(batches: &Batches) -> String {
    format::signed(net(&batches.lines))
}

fn stage(settlement: &Settlement, now: Now) -> SettleStage {
    let left = settlement
        .due()
        .map_or(0, |due| due.since_ms(now.tick).div_ceil(1000));
    match settlement.step {
        Step::Waiting { .. } => SettleStage::Waiting { remaining_s: left },
        Step::Resting { .. } => SettleStage::Resting { remaining_s: left },
        Step::Reading { .. } | Step::Asking { .. } | Step::Closed => SettleStage::Comparing,
    }
}

pub(super) fn total(line: &Line) -> TotalLine {
    TotalLine {
        channel: line.channel,
        kind: line.kind,
        count: line.count,
        amount: format::signed(line.kind.signed(line.minor)),
    }
}

fn last(closed: &ClosedBatch) -> LastBatch {
    let report = &closed.report;
    let wallets = verdicts(&report.ours, &report.theirs);
    LastBatch {
        txn: closed.txn,
        batch: closed.batch.to_string(),
        time: format::clock(closed.at),
        verdict: BatchVerdict::of(report),
        wallets: unequal_first(wallets),
        cards_equal: report.cards.map(|verdict| verdict != CardVerdict::Unequal),
        net: format::signed(net(&report.ours)),
        open: report.open,
        differences: closed.differences.iter().map(difference).collect(),
    }
}

/// On a narrow card the last wallets may be cut: never one that is not equal.
pub(super) fn unequal_first(wallets: BTreeMap<Channel, bool>) -> Vec<(Channel, bool)> {
    let mut wallets: Vec<_> = wallets.into_iter().collect();
    wallets.sort_by_key(|(_, equal)| *equal);
    wallets
}

pub(super) fn difference(difference: &Difference) -> DifferenceLine {
    let number = &difference.number;
    let tail = number.len().saturating_sub(6);
    DifferenceLine {
        reason: difference.reason.key(),
        number: difference.voucher.map_or_else(
            || number.get(tail..).unwrap_or_default().to_owned(),
            |voucher| voucher.to_string(),
        ),
        channel: difference.channel,
        amount: format::signed(difference.delta()),
    }
}
