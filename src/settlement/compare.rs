//! Our entries beside the acquirer's movements: what agrees, what differs and why.
//!
//! Owns the join and the reasons. Every movement is counted in exactly one settlement: those of an order that is still
//! open, or of a later batch, are left for the next one, which begins to read before them. The invariant, checked
//! over generated statements: the acquirer's net less ours is the sum of the differences. Reasons: features.md N3 (R1,
//! open at the cut-off, is [`super::OpenLeft`] here; R5 and R7 are found by `reconcile` only).

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{BatchNo, Channel, TermNo, VoucherNo};

use super::batch::{Batch, Entry, EntryKind, EntryState, Line, lines, sum};
use super::claim::{Movement, MovementKind};
use super::fact::OpenLeft;

macro_rules! reasons {
    ($($name:ident, $key:literal, $says:literal;)*) => {
        /// Why the two sides differ.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $says] $name,)* }

        impl Reason {
            /// Every reason, unexplained first.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the stable key used in records and on slips.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }
        }
    };
}

reasons! {
    Unexplained, "R12", "No reason was found: a person must ask the acquirer.";
    OpenAtCut, "R1", "Under way when the day was cut, or still open.";
    TakenBack, "R2", "We ended the order; the acquirer shows the charge and its return. No money is missing.";
    LateSuccess, "R3", "Paid after we had ended the sale; the money went back by itself.";
    Twice, "R4", "The acquirer booked it more than once.";
    OverMidnight, "R5", "The money went back on another day than we asked for it.";
    OtherAmount, "R6", "The acquirer booked another amount.";
    OtherFee, "R7", "Another fee than was estimated.";
    MissingThere, "R8", "The acquirer has no such movement.";
    MissingHere, "R9", "Our terminal number, and no such order in our journal.";
    AfterClose, "R10", "It was booked after its own batch had been closed, or on another day.";
    OtherTerminal, "R11", "Another terminal of the same merchant.";
}

impl Reason {
    /// Finds a reason by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.key() == key)
    }
}

/// One order or refund on which the two sides differ, or that needs a word although no money is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Why.
    pub reason: Reason,
    /// The order number or the refund's own, as far as it looks like one; at most 32 characters.
    pub number: String,
    /// The wallet.
    pub channel: Channel,
    /// Number for people, when it is ours.
    pub voucher: Option<VoucherNo>,
    /// What the shop gained by it as we have it, in minor units.
    pub ours_minor: i64,
    /// The same as the acquirer has it.
    pub theirs_minor: i64,
}

impl Difference {
    /// Returns the acquirer's amount less ours.
    pub const fn delta(&self) -> i64 {
        self.theirs_minor - self.ours_minor
    }
}

/// What came of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Our totals, of what is not left open.
    pub ours: Vec<Line>,
    /// The acquirer's, of the same.
    pub theirs: Vec<Line>,
    /// Unexplained first, then those with money.
    pub differences: Vec<Difference>,
    /// What is left for a later settlement.
    pub open: Vec<OpenLeft>,
    /// Where the next settlement begins to read.
    pub read_after: u64,
    /// The last position that was read.
    pub told_upto: u64,
}

/// What belongs to one order, or to one refund, on both sides.
#[derive(Default)]
struct Group<'a> {
    entries: Vec<&'a Entry>,
    movements: Vec<&'a Movement>,
}

/// Orders and refunds have numbers of their own; the flag keeps them apart.
type Key = (bool, String);

/// Compares the batch with the movements of `told_upto` and before: what was read before is told already, unless its
/// owner was left open.
pub fn compare(
    batch: &Batch,
    number: BatchNo,
    movements: &[Movement],
    term: &TermNo,
    (read_after, told_upto): (u64, u64),
) -> Comparison {
    let mut joined = Joined {
        number,
        term,
        told_upto,
        batch,
        going_back: going_back(batch, number, movements),
        kept: BTreeSet::new(),
        deferred: Vec::new(),
        moved: Vec::new(),
        differences: Vec::new(),
        open: Vec::new(),
    };
    for (key, group) in groups(batch, movements) {
        joined.group(&key, &group);
    }
    let counted = batch.entries.iter();
    let ours = lines(counted.filter(|entry| !joined.kept.contains(&entry.txn)));
    joined.differences.sort_by_key(|difference| {
        let explained = difference.reason != Reason::Unexplained;
        let moves_nothing = difference.delta() == 0;
        (
            explained,
            moves_nothing,
            difference.reason,
            difference.number.clone(),
        )
    });
    let last = movements.iter().map(|movement| movement.position).max();
    let told_upto = told_upto.max(last.unwrap_or(read_after));
    let read_after = joined
        .deferred
        .iter()
        .min()
        .map_or(told_upto, |position| position.saturating_sub(1));
    Comparison {
        ours,
        theirs: sum(joined
            .moved
            .into_iter()
            .map(|(own, kind, fen)| (own, kind, 1, fen))),
        differences: joined.differences,
        open: joined.open,
        read_after,
        told_upto,
    }
}

fn groups<'a>(batch: &'a Batch, movements: &'a [Movement]) -> BTreeMap<Key, Group<'a>> {
    let mut groups: BTreeMap<Key, Group<'a>> = BTreeMap::new();
    let mut late = BTreeMap::new();
    for entry in &batch.entries {
        let (refund, number) = entry.group();
        let key = (refund, number.to_owned());
        if entry.late {
            late.insert(entry.number.as_str(), entry.order_no.as_str());
        }
        groups.entry(key).or_default().entries.push(entry);
    }
    for movement in movements {
        let refund = movement.refund_no.as_deref();
        let key = match (movement.kind, refund) {
            (MovementKind::Refund, Some(number)) => {
                late.get(number).map_or((true, number.to_owned()), |order| {
                    (false, (*order).to_owned())
                })
            }
            (MovementKind::Refund, None) | (MovementKind::Sale | MovementKind::Reversal, _) => {
                (false, movement.order_no.clone())
            }
        };
        groups.entry(key).or_default().movements.push(movement);
    }
    groups
}

/// Orders with a refund of ours that belongs to a later batch.
fn going_back<'a>(batch: &Batch, number: BatchNo, movements: &'a [Movement]) -> BTreeSet<&'a str> {
    let later = |refund: &String| {
        let known = batch.others.get(refund).copied().flatten();
        known.is_some_and(|own| own > number)
    };
    movements
        .iter()
        .filter(|movement| movement.refund_no.as_ref().is_some_and(later))
        .map(|movement| movement.order_no.as_str())
        .collect()
}

struct Joined<'a> {
    number: BatchNo,
    term: &'a TermNo,
    told_upto: u64,
    batch: &'a Batch,
    /// Orders of which the acquirer shows a refund of ours that a later settlement counts.
    going_back: BTreeSet<&'a str>,
    /// Entries that are left out.
    kept: BTreeSet<crate::domain::TxnId>,
    /// Positions that the next settlement must read again.
    deferred: Vec<u64>,
    moved: Vec<(Channel, EntryKind, u64)>,
    differences: Vec<Difference>,
    open: Vec<OpenLeft>,
}

impl Joined<'_> {
    fn group(&mut self, key: &Key, group: &Group<'_>) {
        let is_open = |entry: &&Entry| entry.state == EntryState::Open;
        let late = group.entries.iter().any(|entry| entry.late);
        if group.entries.iter().any(is_open) {
            for entry in &group.entries {
                self.kept.insert(entry.txn);
                self.open.push(OpenLeft {
                    txn: entry.txn,
                    minor: entry.amount.minor(),
                });
            }
            let has_sale = group
                .entries
                .iter()
                .any(|entry| entry.kind == EntryKind::Sale);
            if late && !has_sale {
                return self.late_before_its_return(key, group);
            }
            return self.defer(&group.movements);
        }
        let sale = group
            .entries
            .iter()
            .find(|entry| entry.kind == EntryKind::Sale);
        match (sale, group.entries.is_empty()) {
            (Some(sale), _) => self.sale(sale, late, group),
            (None, false) if late => self.late_alone(key, group),
            (None, false) => self.one_of_ours(key, group),
            (None, true) => self.not_in_the_batch(key, group),
        }
    }

    fn defer(&mut self, movements: &[&Movement]) {
        let positions = movements.iter().map(|movement| movement.position);
        self.deferred.extend(positions);
    }

    /// The movements are part of the acquirer's totals.
    fn count(&mut self, channel: Option<Channel>, movements: &[&Movement]) {
        for movement in movements {
            let own = movement.channel.unwrap_or(Channel::Unknown);
            let channel = channel.unwrap_or(own);
            let minor = movement.amount.minor();
            self.moved.push((channel, movement.kind.entry(), minor));
        }
    }

    fn differs(&mut self, reason: Reason, key: &Key, group: &Group<'_>, movements: &[&Movement]) {
        let named = group
            .entries
            .iter()
            .find(|entry| entry.number.as_str() == key.1);
        let first = named.or(group.entries.first());
        let channel = first.map(|entry| entry.channel);
        let told = movements.first().and_then(|movement| movement.channel);
        self.differences.push(Difference {
            reason,
            number: shown(&key.1),
            channel: channel.or(told).unwrap_or(Channel::Unknown),
            voucher: first.map(|entry| entry.voucher),
            ours_minor: ours(&group.entries),
            theirs_minor: theirs(movements),
        });
    }

    /// A sale of this settlement with its void and its automatic returns.
    fn sale(&mut self, sale: &Entry, late: bool, group: &Group<'_>) {
        let key = (false, sale.order_no.as_str().to_owned());
        let movements = &group.movements;
        let stands = sale.state == EntryState::Stands;
        if !stands && movements.is_empty() {
            return;
        }
        if !stands && theirs(movements) == 0 {
            let reason = if late {
                Reason::LateSuccess
            } else {
                Reason::TakenBack
            };
            return self.differs(reason, &key, group, movements);
        }
        self.count(Some(sale.channel), movements);
        let of = |kind| movements.iter().filter(move |m| m.kind == kind);
        let (sales, reversals) = (of(MovementKind::Sale), of(MovementKind::Reversal));
        let voids = group
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Void && entry.state == EntryState::Stands);
        let reason = if !stands && self.going_back.contains(sale.order_no.as_str()) {
            Reason::LateSuccess
        } else if !stands {
            Reason::Unexplained
        } else if sales.clone().count() == 0 {
            Reason::MissingThere
        } else if sales.clone().count() > 1 {
            Reason::Twice
        } else if sales.clone().any(|m| m.amount != sale.amount) {
            Reason::OtherAmount
        } else if reversals.clone().count() < voids.clone().count() {
            Reason::MissingThere
        } else if theirs(movements) != ours(&group.entries)
            || reversals.count() != voids.count()
            || of(MovementKind::Refund).count() > 0
        {
            Reason::Unexplained
        } else {
            return;
        };
        self.differs(reason, &key, group, movements);
    }

    /// A late success of a sale that an earlier settlement has counted; its automatic return is still open and waits.
    fn late_before_its_return(&mut self, key: &Key, group: &Group<'_>) {
        let is_return = |movement: &&&Movement| movement.kind == MovementKind::Refund;
        let (returns, booked): (Vec<&Movement>, Vec<&Movement>) =
            group.movements.iter().copied().partition(|m| is_return(&m));
        self.defer(&returns);
        let booked = self.untold(&booked);
        if booked.is_empty() {
            return;
        }
        // What stands of its returns waits with the open one.
        let waiting = |entry: &&&Entry| entry.state == EntryState::Open;
        let waiting = Group {
            entries: group.entries.iter().filter(waiting).copied().collect(),
            movements: Vec::new(),
        };
        if theirs(&booked) != 0 {
            let channel = group.entries.first().map(|entry| entry.channel);
            self.count(channel, &booked);
        }
        self.differs(Reason::LateSuccess, key, &waiting, &booked);
    }

    /// The automatic return of a sale that an earlier settlement has counted.
    fn late_alone(&mut self, key: &Key, group: &Group<'_>) {
        // The sale's own movements were counted with it; those of its return never before.
        let fresh = |movement: &&&Movement| {
            movement.kind == MovementKind::Refund || movement.position > self.told_upto
        };
        let movements: Vec<&Movement> = group.movements.iter().filter(fresh).copied().collect();
        if movements.is_empty() {
            return;
        }
        if theirs(&movements) == 0 {
            return self.differs(Reason::LateSuccess, key, group, &movements);
        }
        let channel = group.entries.first().map(|entry| entry.channel);
        self.count(channel, &movements);
        let returned = group
            .entries
            .iter()
            .filter(|entry| entry.state == EntryState::Stands)
            .map(|entry| entry.kind.signed(entry.amount.minor()))
            .sum::<i64>();
        let reason = if theirs(&movements) == returned {
            Reason::LateSuccess
        } else {
            Reason::Unexplained
        };
        self.differs(reason, key, group, &movements);
    }

    /// A refund, or a void whose sale is not here.
    fn one_of_ours(&mut self, key: &Key, group: &Group<'_>) {
        let movements = &group.movements;
        let channel = group.entries.first().map(|entry| entry.channel);
        self.count(channel, movements);
        let standing: Vec<&&Entry> = group
            .entries
            .iter()
            .filter(|entry| entry.state == EntryState::Stands)
            .collect();
        let reason = match (standing.as_slice(), movements.as_slice()) {
            ([], []) => return,
            ([], _) => Reason::Unexplained,
            (_, []) => Reason::MissingThere,
            ([entry], [movement])
                if movement.amount == entry.amount && movement.kind.entry() == entry.kind =>
            {
                return;
            }
            ([_], [_]) => Reason::OtherAmount,
            (_, _) => Reason::Twice,
        };
        self.differs(reason, key, group, movements);
    }

    /// Numbers of another batch, or of nobody.
    fn not_in_the_batch(&mut self, key: &Key, group: &Group<'_>) {
        let known = self.batch.others.get(&key.1).copied().flatten();
        if known.is_some_and(|batch| batch > self.number) {
            return self.defer(&group.movements);
        }
        let movements = self.untold(&group.movements);
        if movements.is_empty() {
            return;
        }
        let reason = if known.is_some() && theirs(&movements) == 0 {
            return self.differs(Reason::TakenBack, key, group, &movements);
        } else if known.is_some() {
            Reason::AfterClose
        } else if key.1.starts_with(self.term.as_str()) {
            Reason::MissingHere
        } else {
            Reason::OtherTerminal
        };
        self.count(None, &movements);
        self.differs(reason, key, group, &movements);
    }

    /// What no earlier settlement has told.
    fn untold<'m>(&self, movements: &[&'m Movement]) -> Vec<&'m Movement> {
        let fresh = |movement: &&&Movement| movement.position > self.told_upto;
        movements.iter().filter(fresh).copied().collect()
    }
}

fn ours(entries: &[&Entry]) -> i64 {
    let counted = entries.iter().filter(|entry| entry.counts());
    counted
        .map(|entry| entry.kind.signed(entry.amount.minor()))
        .sum()
}

fn theirs(movements: &[&Movement]) -> i64 {
    movements
        .iter()
        .map(|movement| movement.kind.entry().signed(movement.amount.minor()))
        .sum()
}

/// A number of nobody is shown only as far as it looks like one.
fn shown(number: &str) -> String {
    number
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(32)
        .collect()
}

/// Tells for each wallet that either side names whether its lines are equal (平).
pub fn verdicts(ours: &[Line], theirs: &[Line]) -> BTreeMap<Channel, bool> {
    let of = |lines: &[Line], channel: Channel| -> Vec<Line> {
        let own = lines.iter().filter(|line| line.channel == channel);
        own.copied().collect()
    };
    let named = ours.iter().chain(theirs).map(|line| line.channel);
    named
        .map(|channel| (channel, of(ours, channel) == of(theirs, channel)))
        .collect()
}
