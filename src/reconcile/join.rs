//! The join: our postings of a business day beside the lines of its file, transaction by transaction.
//!
//! Owns which reason a difference gets. Every posting of the day and every line of the file falls into exactly one
//! place, so the differences add up to the difference of the totals. A sale that stands, each void and each refund is
//! a place of its own; an order that we ended is one place with everything that belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::fee::Product;
use crate::domain::{Channel, Funding, TermNo, TxnId};
use crate::settlement::{
    Charge, Difference, EntryKind, EntryState, FeeTerms, MovementKind, Posting, Reason,
};

use super::daily::{DailyFile, DailyRow};
use super::day::{BusinessDay, shown};
use super::report::{DayReport, FeeSum, Found, Side};

/// What was opened so close to the cut may be on either side of the acquirer's: two minutes of clock and of waiting.
const NEAR_MS: i64 = 120_000;

/// Our side.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// This terminal.
    pub term: &'a TermNo,
    /// Minutes after midnight at which the acquirer's day ends.
    pub cut_min: u16,
    /// The contract.
    pub terms: &'a FeeTerms,
    /// Everything of the days of the files, the days beside them, and whatever else the files name.
    pub postings: &'a [Posting],
}

/// Compares each file with our view of its day.
pub fn reconcile(files: &[DailyFile], ours: &Ours<'_>) -> Vec<DayReport> {
    files.iter().map(|file| one(file, files, ours)).collect()
}

/// Refunds have numbers of their own; everything else goes by its order.
type Key = (bool, String);

#[derive(Default)]
struct Group<'a> {
    postings: Vec<&'a Posting>,
    rows: Vec<&'a DailyRow>,
}

fn one(file: &DailyFile, files: &[DailyFile], ours: &Ours<'_>) -> DayReport {
    let cut_min = file.scope.cut_min.unwrap_or(ours.cut_min);
    let beside = files
        .iter()
        .filter(|other| other.scope == file.scope && other.day != file.day);
    let mut join = Join {
        file,
        ours,
        cut_min,
        beside: beside.collect(),
        products: BTreeMap::new(),
        found: Vec::new(),
    };
    let groups = join.groups();
    for ((_, number), group) in &groups {
        join.group(number, group);
    }
    let (mut own, mut theirs) = (Side::default(), Side::default());
    for posting in ours.postings.iter().filter(|posting| join.counts(posting)) {
        let entry = &posting.entry;
        own.count += 1;
        own.minor += entry.kind.signed(entry.amount.minor());
        own.fee_minor += join.estimate(posting);
    }
    for row in &file.rows {
        theirs.count += 1;
        theirs.minor += row.gain();
        theirs.fee_minor += row.fee_minor;
    }
    let mut found = join.found;
    found.sort_by_key(|f| {
        let difference = &f.difference;
        let explained = difference.reason != Reason::Unexplained;
        let moves_nothing = difference.delta() == 0 && f.fee_delta() == 0;
        let number = difference.number.clone();
        (
            explained,
            moves_nothing,
            difference.reason,
            number,
            f.lines.clone(),
        )
    });
    DayReport {
        file: file.name.clone(),
        day: file.day,
        ours: own,
        theirs,
        found,
        fees: fees(&groups, ours),
    }
}

fn fees(groups: &BTreeMap<Key, Group<'_>>, ours: &Ours<'_>) -> Vec<FeeSum> {
    let mut sums: BTreeMap<(Channel, Product, EntryKind), FeeSum> = BTreeMap::new();
    for group in groups.values() {
        let known = group.postings.first().map(|posting| posting.entry.channel);
        for row in &group.rows {
            if known.is_none() && !is_ours(row, ours.term) {
                continue;
            }
            let channel = known.or(row.channel).unwrap_or(Channel::Unknown);
            let named = |product| charge(row, channel, product);
            let product = ours.terms.product(&named(row.product));
            let kind = row.kind.entry();
            let sum = sums.entry((channel, product, kind)).or_insert(FeeSum {
                channel,
                product,
                kind,
                count: 0,
                fee_minor: 0,
            });
            sum.count += 1;
            sum.fee_minor += row.fee_minor;
        }
    }
    sums.into_values().collect()
}

fn charge(row: &DailyRow, channel: Channel, product: Option<Product>) -> Charge {
    let amount = crate::domain::Money::from_fen(row.minor)
        .expect("invariant: a row has at most twelve digits");
    Charge {
        kind: row.kind.entry(),
        channel,
        product,
        amount,
        left: amount,
    }
}

fn is_ours(row: &DailyRow, term: &TermNo) -> bool {
    match &row.term_no {
        Some(named) => named == term.as_str(),
        None => row.number().starts_with(term.as_str()),
    }
}

struct Join<'a> {
    file: &'a DailyFile,
    ours: &'a Ours<'a>,
    cut_min: u16,
    /// Files of other days.
    beside: Vec<&'a DailyFile>,
    /// The card's kind, where the file names it.
    products: BTreeMap<TxnId, Product>,
    found: Vec<Found>,
}

impl<'a> Join<'a> {
    fn day_of(&self, posting: &Posting) -> BusinessDay {
        BusinessDay::of(posting.opened_at, self.cut_min)
    }

    /// Tells whether a posting is of this file's day and wallet.
    fn is_here(&self, posting: &Posting) -> bool {
        let wallet = self.file.scope.channel;
        self.day_of(posting) == self.file.day
            && wallet.is_none_or(|wallet| wallet == posting.entry.channel)
    }

    /// Tells whether a posting is part of our sums of the day.
    fn counts(&self, posting: &Posting) -> bool {
        posting.entry.counts() && self.is_here(posting)
    }

    /// Returns the estimated fee in minor units; nothing where the table says nothing.
    fn estimate(&self, posting: &Posting) -> i64 {
        let entry = &posting.entry;
        let charge = Charge {
            kind: entry.kind,
            channel: entry.channel,
            product: self
                .products
                .get(&entry.txn)
                .copied()
                .or(entry.funding.map(Funding::product)),
            amount: entry.amount,
            left: posting.left,
        };
        self.ours.terms.fee_of(&charge).unwrap_or(0)
    }

    fn groups(&mut self) -> BTreeMap<Key, Group<'a>> {
        let mut groups: BTreeMap<Key, Group<'a>> = BTreeMap::new();
        // Numbers of voids and automatic returns lead to their order, however the acquirer books them.
        let mut orders = BTreeMap::new();
        for posting in self.ours.postings {
            let entry = &posting.entry;
            let (refund, number) = entry.group();
            if !refund {
                orders.insert(entry.number.as_str(), entry.order_no.as_str());
            }
            let group = groups.entry((refund, number.to_owned())).or_default();
            group.postings.push(posting);
        }
        for row in &self.file.rows {
            let order = orders.get(row.number()).copied();
            let key = match (row.kind, order) {
                (MovementKind::Refund, None) => (true, row.number().to_owned()),
                (MovementKind::Refund, Some(order)) => (false, order.to_owned()),
                (MovementKind::Sale | MovementKind::Reversal, _) => (false, row.order_no.clone()),
            };
            groups.entry(key).or_default().rows.push(row);
        }
        groups.retain(|_, group| {
            let here = group.postings.iter().any(|posting| self.is_here(posting));
            here || !group.rows.is_empty()
        });
        for group in groups.values() {
            for posting in &group.postings {
                let wanted = posting.entry.kind;
                let mut rows = group.rows.iter();
                let row = rows.find(|row| row.kind.entry() == wanted);
                if let Some(product) = row.and_then(|row| row.product) {
                    self.products.insert(posting.entry.txn, product);
                }
            }
        }
        groups
    }

    fn group(&mut self, number: &str, group: &Group<'a>) {
        let open = |posting: &&&Posting| posting.entry.state == EntryState::Open;
        let sale = group
            .postings
            .iter()
            .find(|posting| posting.entry.kind == EntryKind::Sale);
        if group.postings.is_empty() {
            for row in &group.rows {
                self.strange(row);
            }
        } else if let Some(open) = group.postings.iter().find(open) {
            let since = shown(open.opened_at);
            let note = format!("{} of ours is open since {since}", open.entry.kind.key());
            self.whole(Reason::OpenAtCut, number, group, note);
        } else if let Some(sale) = sale {
            if sale.entry.state == EntryState::Stands {
                self.standing(sale, group);
            } else {
                self.ended(sale, number, group);
            }
        } else {
            for posting in &group.postings {
                self.place(posting, &group.rows);
            }
        }
    }

    /// Lines that name nothing of ours.
    fn strange(&mut self, row: &'a DailyRow) {
        let (reason, note) = if is_ours(row, self.ours.term) {
            let what = "our terminal number, and no such number in the journal";
            (Reason::MissingHere, what.to_owned())
        } else {
            let term = row.term_no.as_deref().unwrap_or("not named");
            (Reason::OtherTerminal, format!("terminal {term}"))
        };
        self.tell(reason, row.number(), &[], &[row], note);
    }

    /// A sale that stands: it, each void and each late return have their own places.
    fn standing(&mut self, sale: &'a Posting, group: &Group<'a>) {
        let of = |kind: MovementKind| {
            let chosen = group.rows.iter().filter(move |row| row.kind == kind);
            chosen.copied().collect::<Vec<_>>()
        };
        self.place(sale, &of(MovementKind::Sale));
        let mut reversals = of(MovementKind::Reversal);
        let mut refunds = of(MovementKind::Refund);
        for posting in &group.postings {
            if posting.entry.kind == EntryKind::Sale {
                continue;
            }
            let own = posting.entry.number.as_str();
            let (mine, rest): (Vec<_>, Vec<_>) =
                refunds.into_iter().partition(|row| row.number() == own);
            refunds = rest;
            let takes = posting.entry.state == EntryState::Stands && mine.is_empty();
            let rows = if takes {
                std::mem::take(&mut reversals)
            } else {
                mine
            };
            self.place(posting, &rows);
        }
        for row in reversals.into_iter().chain(refunds) {
            let note = "the sale stands here, and nothing of ours took it back".to_owned();
            let number = sale.entry.number.as_str();
            self.tell(Reason::Unexplained, number, &[], &[row], note);
        }
    }

    /// One posting of ours and the lines that are it.
    fn place(&mut self, posting: &'a Posting, rows: &[&'a DailyRow]) {
        let number = posting.entry.number.as_str();
        let here = self.is_here(posting);
        if !posting.entry.counts() {
            if !rows.is_empty() {
                let note = format!("{} here, moved there", posting.outcome);
                self.tell(Reason::Unexplained, number, &[posting], rows, note);
            }
            return;
        }
        match (here, rows) {
            (false, []) => {}
            (true, []) => self.absent(posting),
            (true, [row]) => self.pair(posting, row),
            (false, [row]) => self.moved_here(posting, row),
            (_, [..]) => {
                let note = format!("booked {} times", rows.len());
                self.tell(Reason::Twice, number, &[posting], rows, note);
            }
        }
    }

    fn pair(&mut self, posting: &'a Posting, row: &'a DailyRow) {
        let number = posting.entry.number.as_str();
        let ours = posting.entry.kind.signed(posting.entry.amount.minor());
        if row.gain() != ours {
            let note = match row.discount_minor {
                0 => "booked with another amount".to_owned(),
                discount => format!(
                    "{} of it is a discount that the merchant bears",
                    yuan(discount)
                ),
            };
            return self.tell(Reason::OtherAmount, number, &[posting], &[row], note);
        }
        let estimated = self.estimate(posting);
        if row.fee_minor != estimated {
            let note = self.why_other_fee(posting, row, estimated);
            self.tell(Reason::OtherFee, number, &[posting], &[row], note);
        }
    }

    fn why_other_fee(&self, posting: &Posting, row: &DailyRow, estimated: i64) -> String {
        let channel = posting.entry.channel;
        let known = self.ours.terms.fee_of(&charge(row, channel, row.product));
        let rate = i128::from(row.fee_minor) * 1_000_000 / i128::from(row.minor.max(1));
        let delta = (row.fee_minor - estimated).abs();
        match known {
            None => "the profile has no rate for it".to_owned(),
            Some(_) if delta == 1 => "one fen: rounded in another way".to_owned(),
            Some(_) => format!("about {rate} parts per million were taken"),
        }
    }

    /// Ours is of this day, and the file lacks it.
    fn absent(&mut self, posting: &'a Posting) {
        let number = posting.entry.number.as_str();
        let elsewhere = self.beside.iter().find(|file| {
            let same = |row: &DailyRow| is_it(posting, row);
            self.file.day.days_to(file.day).abs() == 1 && file.rows.iter().any(same)
        });
        let (reason, note) = if let Some(file) = elsewhere {
            let note = format!("booked on {}, in {}", file.day, file.name);
            (self.moved(posting), note)
        } else if let Some(day) = self.near(posting) {
            let at = shown(posting.opened_at);
            (
                self.moved(posting),
                format!("{at} is near the cut: see the file of {day}"),
            )
        } else {
            (Reason::MissingThere, "no such line in the file".to_owned())
        };
        self.tell(reason, number, &[posting], &[], note);
    }

    /// Returns the neighbouring day whose file was not given, when the posting was opened or ended next to it.
    fn near(&self, posting: &Posting) -> Option<BusinessDay> {
        let (from, to) = self.file.day.span(self.cut_min);
        let ended = posting.closed_at.unwrap_or(posting.opened_at);
        let before = BusinessDay::of(crate::domain::Timestamp(from.0 - 1), self.cut_min);
        let day = if ended.0 >= to.0 - NEAR_MS {
            self.file.day.next()
        } else if posting.opened_at.0 < from.0 + NEAR_MS {
            before
        } else {
            return None;
        };
        let given = self.beside.iter().any(|file| file.day == day);
        (!given).then_some(day)
    }

    /// Returns why something is on another day there.
    fn moved(&self, posting: &Posting) -> Reason {
        let ended = posting.closed_at.unwrap_or(posting.opened_at);
        if posting.entry.kind != EntryKind::Sale {
            Reason::OverMidnight
        } else if BusinessDay::of(ended, self.cut_min) != self.day_of(posting) {
            Reason::OpenAtCut
        } else {
            Reason::AfterClose
        }
    }

    /// The file has it, and ours is of another day.
    fn moved_here(&mut self, posting: &'a Posting, row: &'a DailyRow) {
        let number = posting.entry.number.as_str();
        let day = self.day_of(posting);
        let ours = posting.entry.kind.signed(posting.entry.amount.minor());
        let reason = if day.days_to(self.file.day).abs() == 1 && row.gain() == ours {
            self.moved(posting)
        } else {
            Reason::Unexplained
        };
        let note = format!("ours is of {day}, {}", shown(posting.opened_at));
        self.tell(reason, number, &[posting], &[row], note);
    }

    /// An order that we ended as not paid, with its automatic returns.
    fn ended(&mut self, sale: &'a Posting, number: &str, group: &Group<'a>) {
        if group.rows.is_empty() {
            return;
        }
        let count = |kind| group.rows.iter().filter(|row| row.kind == kind).count();
        let returns = group
            .postings
            .iter()
            .filter(|posting| posting.entry.late)
            .count();
        let sound = count(MovementKind::Sale) <= 1
            && count(MovementKind::Reversal) <= 1
            && count(MovementKind::Refund) <= returns;
        let here: i64 = group.rows.iter().map(|row| row.gain()).sum();
        let beside: i64 = self
            .beside
            .iter()
            .flat_map(|file| &file.rows)
            .filter(|row| {
                row.kind != MovementKind::Refund && row.order_no == sale.entry.order_no.as_str()
            })
            .map(DailyRow::gain)
            .sum();
        let day = self.day_of(sale);
        let (reason, note) = if sound && returns > 0 {
            let what = "paid after it had ended; given back by itself";
            (Reason::LateSuccess, what.to_owned())
        } else if sound && here + beside == 0 {
            (
                Reason::TakenBack,
                format!("{} here; charged and taken back there", sale.outcome),
            )
        } else if sound && here < 0 && day < self.file.day {
            (Reason::TakenBack, format!("taken back; charged on {day}"))
        } else {
            (
                Reason::Unexplained,
                format!("{} here, and money moved there", sale.outcome),
            )
        };
        self.whole(reason, number, group, note);
    }

    /// Tells of a group as one.
    fn whole(&mut self, reason: Reason, number: &str, group: &Group<'a>, note: String) {
        self.tell(reason, number, &group.postings, &group.rows, note);
    }

    fn tell(
        &mut self,
        reason: Reason,
        number: &str,
        postings: &[&'a Posting],
        rows: &[&'a DailyRow],
        note: String,
    ) {
        let counted: Vec<&&Posting> = postings.iter().filter(|p| self.counts(p)).collect();
        let signed = |p: &&Posting| p.entry.kind.signed(p.entry.amount.minor());
        let first = postings.first();
        let told = rows.first().and_then(|row| row.channel);
        let channel = first.map(|posting| posting.entry.channel).or(told);
        let seen: BTreeSet<u64> = rows.iter().map(|row| row.line).collect();
        let facts = postings.iter().map(|posting| posting.facts);
        self.found.push(Found {
            difference: Difference {
                reason,
                number: clean(number),
                channel: channel.unwrap_or(Channel::Unknown),
                voucher: first.map(|posting| posting.entry.voucher),
                ours_minor: counted.iter().map(|p| signed(p)).sum(),
                theirs_minor: rows.iter().map(|row| row.gain()).sum(),
            },
            our_fee_minor: counted.iter().map(|p| self.estimate(p)).sum(),
            their_fee_minor: rows.iter().map(|row| row.fee_minor).sum(),
            facts: facts.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
            lines: seen.into_iter().collect(),
            note,
        });
    }
}

/// Tells whether a line is this posting.
fn is_it(posting: &Posting, row: &DailyRow) -> bool {
    let entry = &posting.entry;
    match entry.kind {
        EntryKind::Sale => {
            row.kind == MovementKind::Sale && row.order_no == entry.order_no.as_str()
        }
        EntryKind::Void => {
            row.kind == MovementKind::Reversal && row.order_no == entry.order_no.as_str()
                || row.kind == MovementKind::Refund && row.number() == entry.number.as_str()
        }
        EntryKind::Refund => {
            row.kind == MovementKind::Refund && row.number() == entry.number.as_str()
        }
    }
}

/// A number of nobody is shown only as far as it looks like one.
fn clean(number: &str) -> String {
    let letters = number.chars().filter(char::is_ascii_alphanumeric);
    letters.take(32).collect()
}

fn yuan(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
