//! The generator writes postings and files from one story, with fees by its own arithmetic, and plants differences in
//! the files; it uses nothing of the comparison.

use std::fmt::Write as _;

use shouyin::domain::fee::FeeEffect;
use shouyin::domain::{
    BatchNo, Channel, Money, OperatorNo, OrderNo, TermNo, Timestamp, TxnId, VoucherNo,
};
use shouyin::profile::Profile;
use shouyin::reconcile::{BusinessDay, DayReport, Ours, read, reconcile};
use shouyin::settlement::{Entry, EntryKind, EntryState, FeeTerms, Posting, Reason};

use crate::world::Dice;

pub const TERM: &str = "A0010001";
const MERCHANT: &str = "822100054110001";
pub const CUT: u16 = 1_380;
/// 2026-11-25 23:00:00 in China: the 26th begins.
const BEGIN_MS: i64 = 1_795_618_800_000;
const HEAD: &str = "business_date,merchant_no,term_no,trade_time,trade_main_type,account_type,\
                    busi_type,out_trade_no,trade_no,log_no,acc_trade_no,origin_log_no,\
                    total_amount,payer_amount,merchant_discount,fee,settle_amount,state";

pub fn terms() -> FeeTerms {
    FeeTerms {
        table: Profile::built_in().fees,
        class: None,
        void: FeeEffect::Returned,
        refund: FeeEffect::Kept,
    }
}

/// WeChat and Alipay 0.38 %, half up.
fn fee(fen: i64) -> i64 {
    (fen.abs() * 3_800 + 500_000) / 1_000_000
}

/// What must be told: day, reason, number, amount, fee.
type Told = (String, &'static str, String, i64, i64);

/// One line of a file before it is written.
struct Row {
    kind: &'static str,
    number: String,
    fen: i64,
    discount: i64,
    fee: i64,
    term: &'static str,
}

struct Story {
    dice: Dice,
    postings: Vec<Posting>,
    /// Of the 26th and of the 27th.
    rows: [Vec<Row>; 2],
    told: Vec<Told>,
    count: u32,
}

impl Story {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            postings: Vec::new(),
            rows: [Vec::new(), Vec::new()],
            told: Vec::new(),
            count: 0,
        }
    }

    fn number(&mut self, letter: char) -> String {
        self.count += 1;
        format!("{TERM}0001ABCDEF{letter}{:08}", self.count)
    }

    fn fen(&mut self) -> i64 {
        1 + i64::try_from(self.dice.below(900_000)).unwrap()
    }

    /// A moment of a day far from its ends, in seconds after the 26th's beginning.
    fn noon(&mut self, day: usize) -> i64 {
        let day = i64::try_from(day).unwrap();
        day * 86_400 + 3_600 + i64::try_from(self.dice.below(79_000)).unwrap()
    }

    fn posting(
        &mut self,
        of: (EntryKind, &str, &str),
        fen: i64,
        at: i64,
        outcome: &'static str,
    ) -> usize {
        let (kind, number, order) = of;
        let state = match outcome {
            "open" => EntryState::Open,
            "paid" | "done" => EntryState::Stands,
            _ => EntryState::Nothing,
        };
        let index = self.postings.len();
        let facts = 1 + 4 * index as u64;
        let amount = Money::from_fen(fen.unsigned_abs()).unwrap();
        self.postings.push(Posting {
            entry: Entry {
                txn: TxnId::from_parts(1_000, index as u128),
                number: OrderNo::new(number).unwrap(),
                order_no: OrderNo::new(order).unwrap(),
                kind,
                late: false,
                completion: false,
                funding: None,
                channel: Channel::Wechat,
                amount,
                state,
                voucher: VoucherNo::new(1 + u32::try_from(index).unwrap()).unwrap(),
                batch: BatchNo::new(5).unwrap(),
            },
            opened_at: Timestamp(BEGIN_MS + at * 1_000),
            closed_at: (state != EntryState::Open)
                .then_some(Timestamp(BEGIN_MS + at * 1_000 + 900)),
            left: amount,
            facts: (facts, facts + 3),
            trade_no: None,
            way: "camera",
            outcome,
            operator: OperatorNo::new("01").unwrap(),
            approver: None,
        });
        index
    }

    fn sale(&mut self, fen: i64, at: i64, outcome: &'static str) -> String {
        let number = self.number('S');
        self.posting((EntryKind::Sale, &number, &number), fen, at, outcome);
        number
    }

    fn undo(&mut self, kind: EntryKind, order: &str, fen: i64, at: i64) -> String {
        let number = self.number(if kind == EntryKind::Void { 'U' } else { 'R' });
        self.posting((kind, &number, order), fen, at, "done");
        number
    }

    fn row(&mut self, day: usize, kind: &'static str, number: &str, fen: i64) {
        let fee = match kind {
            "MICROPAY" => fee(fen),
            "REVERSAL" => -fee(fen),
            _ => 0,
        };
        let number = number.to_owned();
        let (discount, term) = (0, TERM);
        self.rows[day].push(Row {
            kind,
            number,
            fen,
            discount,
            fee,
            term,
        });
    }

    fn tell(&mut self, day: usize, reason: &'static str, number: &str, fen: i64, fee: i64) {
        let day = ["2026-11-26", "2026-11-27"][day].to_owned();
        self.told.push((day, reason, number.to_owned(), fen, fee));
    }

    /// What agrees: sales, voids, refunds, and what was declined.
    fn usual(&mut self) {
        for day in 0..2 {
            for _ in 0..self.dice.below(8) {
                let (fen, at) = (self.fen(), self.noon(day));
                let order = self.sale(fen, at, "paid");
                self.row(day, "MICROPAY", &order, fen);
                match self.dice.below(5) {
                    0 => {
                        self.undo(EntryKind::Void, &order, fen, at + 60);
                        self.row(day, "REVERSAL", &order, fen);
                    }
                    1 => {
                        let refund = self.undo(EntryKind::Refund, &order, 1, at + 60);
                        self.row(day, "REFUND", &refund, 1);
                    }
                    _ => {}
                }
                let at = self.noon(day);
                self.sale(fen, at, "declined");
            }
        }
        // A refund today of a sale of weeks ago.
        let (fen, at) = (self.fen(), self.noon(0));
        let old = self.sale(fen, at - 40 * 86_400, "paid");
        let refund = self.undo(EntryKind::Refund, &old, fen, at);
        self.row(0, "REFUND", &refund, fen);
    }

    /// One of each kind of difference.
    fn plant(&mut self, what: u64) {
        let (fen, at) = (self.fen(), self.noon(0));
        match what {
            0 => {
                let order = self.sale(fen, at, "open");
                self.row(0, "MICROPAY", &order, fen);
                self.tell(0, "R1", &order, fen, fee(fen));
            }
            1 => {
                let order = self.sale(fen, at, "open");
                self.tell(0, "R1", &order, 0, 0);
            }
            2 => {
                // Opened before the cut, paid behind it, booked behind it.
                let order = self.sale(fen, 86_390, "paid");
                let last = self.postings.last_mut().unwrap();
                last.closed_at = Some(Timestamp(BEGIN_MS + 86_420_000));
                self.row(1, "MICROPAY", &order, fen);
                self.tell(0, "R1", &order, -fen, -fee(fen));
                self.tell(1, "R1", &order, fen, fee(fen));
            }
            3 => {
                let order = self.sale(fen, at, "revoked");
                self.row(0, "MICROPAY", &order, fen);
                self.row(0, "REVERSAL", &order, fen);
                self.tell(0, "R2", &order, 0, 0);
            }
            4 | 5 => {
                let order = self.sale(fen, at, "revoked");
                let back = self.undo(EntryKind::Refund, &order, fen, at + 90);
                self.postings.last_mut().unwrap().entry.late = true;
                self.row(0, "MICROPAY", &order, fen);
                if what == 4 {
                    self.row(0, "REFUND", &back, fen);
                    self.tell(0, "R3", &order, 0, fee(fen));
                } else {
                    self.row(1, "REFUND", &back, fen);
                    self.tell(0, "R3", &order, fen, fee(fen));
                    self.tell(1, "R3", &order, -fen, 0);
                }
            }
            6 => {
                let order = self.sale(fen, at, "paid");
                self.row(0, "MICROPAY", &order, fen);
                self.row(0, "MICROPAY", &order, fen);
                self.tell(0, "R4", &order, fen, fee(fen));
            }
            _ => self.plant_more(what, (fen, at)),
        }
    }

    fn plant_more(&mut self, what: u64, (fen, at): (i64, i64)) {
        match what {
            7 => {
                let order = self.sale(fen, at, "paid");
                self.row(0, "MICROPAY", &order, fen);
                let back = self.undo(EntryKind::Refund, &order, fen, 86_370);
                self.row(1, "REFUND", &back, fen);
                self.tell(0, "R5", &back, fen, 0);
                self.tell(1, "R5", &back, -fen, 0);
            }
            8 => {
                // A void that the acquirer took behind its cut, and books as a refund that gives no fee back.
                let order = self.sale(fen, 86_000, "paid");
                self.row(0, "MICROPAY", &order, fen);
                let void = self.undo(EntryKind::Void, &order, fen, 86_399);
                self.row(1, "REFUND", &void, fen);
                self.tell(0, "R5", &void, fen, fee(fen));
                self.tell(1, "R5", &void, -fen, 0);
            }
            9 => {
                let order = self.sale(fen, at, "paid");
                self.row(0, "MICROPAY", &order, fen + 7);
                self.tell(0, "R6", &order, 7, fee(fen + 7) - fee(fen));
            }
            10 => {
                let order = self.sale(fen + 9, at, "paid");
                self.row(0, "MICROPAY", &order, fen + 9);
                self.rows[0].last_mut().unwrap().discount = 9;
                self.tell(0, "R6", &order, -9, 0);
            }
            11 => {
                let order = self.sale(fen, at, "paid");
                self.row(0, "MICROPAY", &order, fen);
                let other = [1, 17][usize::try_from(self.dice.below(2)).unwrap()];
                self.rows[0].last_mut().unwrap().fee += other;
                self.tell(0, "R7", &order, 0, other);
            }
            12 => {
                let order = self.sale(fen, at, "paid");
                self.tell(0, "R8", &order, -fen, -fee(fen));
            }
            13 => {
                let order = self.number('S');
                self.row(0, "MICROPAY", &order, fen);
                self.tell(0, "R9", &order, fen, fee(fen));
            }
            14 => {
                let order = self.sale(fen, 86_398, "paid");
                self.row(1, "MICROPAY", &order, fen);
                self.tell(0, "R10", &order, -fen, -fee(fen));
                self.tell(1, "R10", &order, fen, fee(fen));
            }
            15 => {
                let order = self.number('S').replace(TERM, "B0020002");
                self.row(0, "MICROPAY", &order, fen);
                self.rows[0].last_mut().unwrap().term = "B0020002";
                self.tell(0, "R11", &order, fen, fee(fen));
            }
            _ => {
                let order = self.sale(fen, at, "declined");
                self.row(0, "MICROPAY", &order, fen);
                self.tell(0, "R12", &order, fen, fee(fen));
            }
        }
    }

    fn file(&mut self, day: usize) -> String {
        let date = ["20261126", "20261127"][day];
        let (mut text, mut sum) = (format!("{HEAD}\n"), 0);
        // Sorted by log numbers, not by how the story was told.
        for index in (1..self.rows[day].len()).rev() {
            let other = self.dice.below(index as u64 + 1);
            self.rows[day].swap(index, usize::try_from(other).unwrap());
        }
        for (index, row) in self.rows[day].iter().enumerate() {
            let sign = if row.kind == "MICROPAY" { 1 } else { -1 };
            sum += sign * row.fen;
            let log = format!("66{:012}", 1_000 * (day + 1) + index);
            let settles = sign * (row.fen - row.discount) - row.fee;
            let (term, kind, number, fen) = (row.term, row.kind, &row.number, row.fen);
            let paid = fen - row.discount;
            writeln!(
                text,
                "{date},{MERCHANT},{term},{date}120000,{kind},WECHAT,SCAN,{number},{date}1200000000{log},{log},,,\
                 {fen},{paid},{},{},{settles},SUCCESS",
                row.discount, row.fee
            )
            .unwrap();
        }
        writeln!(text, "#TOTAL,{},{sum}", self.rows[day].len()).unwrap();
        text
    }

    fn reports(&mut self, days: &[usize]) -> Vec<DayReport> {
        let files: Vec<_> = days
            .iter()
            .map(|day| {
                let text = self.file(*day);
                let wanted = BusinessDay::parse(["20261126", "20261127"][*day]).unwrap();
                read(&format!("day{day}.csv"), text.as_bytes(), Some(wanted)).unwrap()
            })
            .collect();
        let (term, terms) = (TermNo::new(TERM).unwrap(), terms());
        let ours = Ours {
            term: &term,
            cut_min: CUT,
            terms: &terms,
            postings: &self.postings,
        };
        reconcile(&files, &ours)
    }
}

fn found(reports: &[DayReport]) -> Vec<Told> {
    let mut told = Vec::new();
    for report in reports {
        for found in &report.found {
            let (reason, number) = (
                found.difference.reason.key(),
                found.difference.number.clone(),
            );
            let day = report.day.to_string();
            told.push((
                day,
                reason,
                number,
                found.difference.delta(),
                found.fee_delta(),
            ));
        }
    }
    told.sort();
    told
}

/// The law: the acquirer's less ours is what is explained and what is not.
fn add_up(reports: &[DayReport]) {
    for report in reports {
        let (total, known, open) = (report.total(), report.explained(), report.unexplained());
        assert_eq!((known.0 + open.0, known.1 + open.1), total, "{report:#?}");
    }
}

#[test]
fn every_planted_difference_is_found_with_its_reason_and_none_is_invented() {
    let mut reasons = std::collections::BTreeSet::new();
    for seed in 1..=400 {
        let mut story = Story::new(seed);
        story.usual();
        for _ in 0..story.dice.below(9) {
            let what = story.dice.below(17);
            story.plant(what);
        }
        let reports = story.reports(&[0, 1]);
        story.told.sort();
        reasons.extend(story.told.iter().map(|told| told.1));
        assert_eq!(found(&reports), story.told, "seed {seed}");
        add_up(&reports);
        for report in &reports {
            let first = report
                .found
                .iter()
                .position(|f| f.difference.reason != Reason::Unexplained);
            let last = report
                .found
                .iter()
                .rposition(|f| f.difference.reason == Reason::Unexplained);
            assert!(first.is_none() || last < first, "unexplained first");
        }
    }
    assert_eq!(reasons.len(), 12, "each reason was planted: {reasons:?}");
}

#[test]
fn without_the_neighbours_file_what_is_near_the_cut_points_to_it() {
    for what in [2, 7, 8, 14] {
        let mut story = Story::new(99);
        story.plant(what);
        let reports = story.reports(&[0]);
        add_up(&reports);
        let told: Vec<Told> = story
            .told
            .into_iter()
            .filter(|told| told.0 == "2026-11-26")
            .collect();
        assert_eq!(found(&reports), told, "plant {what}");
        assert!(
            reports[0].found[0].note.contains("2026-11-27"),
            "{:?}",
            reports[0].found
        );
    }
}

#[test]
fn a_sale_at_noon_that_the_file_lacks_is_missing_and_not_moved() {
    let mut story = Story::new(3);
    story.plant(12);
    let reports = story.reports(&[0]);
    assert_eq!(reports[0].found[0].difference.reason, Reason::MissingThere);
    assert_eq!(reports[0].found[0].facts, Some((1, 4)));
}

/// A bank's file names the card's kind; the estimate takes it over.
#[test]
fn the_files_card_kind_counts_for_the_estimate() {
    for (kind, taken, reason) in [
        ("DEBIT", 2_500, None),
        ("CREDIT", 6_000, None),
        ("DEBIT", 6_000, Some("R7")),
    ] {
        let mut story = Story::new(5);
        let order = story.sale(1_000_000, 40_000, "paid");
        story.postings[0].entry.channel = Channel::BankCard;
        story.row(0, "CARD", &order, 1_000_000);
        story.rows[0][0].fee = taken;
        let text = story
            .file(0)
            .replace("WECHAT,SCAN", &format!("bank_card,{kind}"));
        // A card's line adds to the sum; the story's writer knows only codes.
        let text = text
            .replace("#TOTAL,1,-1000000", "#TOTAL,1,1000000")
            .replace(",-1006000,SUCCESS", ",994000,SUCCESS")
            .replace(",-1002500,SUCCESS", ",997500,SUCCESS");
        let file = read("cards.csv", text.as_bytes(), None).unwrap();
        let (term, terms) = (TermNo::new(TERM).unwrap(), terms());
        let ours = Ours {
            term: &term,
            cut_min: CUT,
            terms: &terms,
            postings: &story.postings,
        };
        let reports = reconcile(&[file], &ours);
        let told = found(&reports);
        assert_eq!(told.first().map(|told| told.1), reason, "{told:?}");
        add_up(&reports);
        assert_eq!(reports[0].fees[0].fee_minor, taken);
    }
}
