//! What the checker sees of paper: the text of each piece as it came out of the model printer.
//!
//! Owns the reading of slips and their counts. Reads words and numbers as a person would, and compares them with the
//! facts that were stored; knows nothing of the print queue.

use std::collections::BTreeMap;

use super::settled::Settling;
use super::watch::{Watch, Word};
use super::{Invariant, undos::Undo};

/// Pieces of paper about one sale or one return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlipCount {
    /// Pieces without a mark, whole or in part.
    pub unmarked: u64,
    /// Whole pieces without a mark.
    pub first: u64,
    /// Whole pieces marked 重打印.
    pub marked: u64,
}

/// Every piece by the order number that its code says.
#[derive(Clone, Debug, Default)]
pub struct Slips {
    /// Counts by order number.
    pub by_number: BTreeMap<String, SlipCount>,
    /// The queue's file was lost with the disk's failure, and people were told: slips may be missing.
    pub queue_lost: bool,
}

impl Watch {
    /// A piece of paper came out: its lines, the text of its code, and whether it is whole. A piece that was cut off in
    /// the middle has its head.
    pub fn slip(&mut self, lines: &[String], code: &str, whole: bool, now: u64) {
        let mut settling = self.settlements.by_txn.values();
        if let Some(own) = settling.find(|own| own.number == code).cloned() {
            return self.slip_of_a_batch(lines, &own, whole, now);
        }
        let has = |words: &str| lines.iter().any(|line| line.contains(words));
        let paid = self.sales.values().find(|sale| sale.order == code);
        let back = self.undos.values().find(|undo| undo.number == code);
        // A card's slip has other titles than a code's, and each says what was stored.
        let (stored, fen, sale) = match (paid, back) {
            (Some(known), _) => {
                let title = if known.card {
                    "POS签购单"
                } else {
                    "扫码交易凭证"
                };
                let stored = has(title) && known.ended == Some(Word::Paid);
                (stored, known.fen, true)
            }
            (None, Some(known)) => {
                let titles = if known.card {
                    ["POS撤销签购单", "POS退货签购单"]
                } else {
                    ["扫码撤销凭证", "扫码退货凭证"]
                };
                let title = titles[usize::from(!known.void)];
                let stored = has(title) && known.ended == Some(Word::WentBack);
                (stored, known.fen, false)
            }
            (None, None) => (false, 0, false),
        };
        let sign = if sale { "" } else { "-" };
        let amount = format!("RMB {sign}{}", yuan(fen));
        let named = !whole || has(&amount);
        let marked = has("重打印");
        let what = "a slip says of a sale or a return what is not stored";
        self.holds(Invariant::I7, stored, what, now);
        self.holds(Invariant::I16, named, "a slip has another amount", now);
        self.piece(code.to_owned(), marked, whole, now);
    }

    fn piece(&mut self, key: String, marked: bool, whole: bool, now: u64) {
        let count = self.slips.by_number.entry(key).or_default();
        count.unmarked += u64::from(!marked);
        count.first += u64::from(whole && !marked);
        count.marked += u64::from(whole && marked);
        let once = count.unmarked <= 1;
        let what = "a slip without a mark came out twice";
        self.holds(Invariant::I16, once, what, now);
    }

    /// Paper of a settlement: only of one that ended, with the net that the checker has added up itself.
    fn slip_of_a_batch(&mut self, lines: &[String], own: &Settling, whole: bool, now: u64) {
        let has = |words: &str| lines.iter().any(|line| line.contains(words));
        let sign = if own.net < 0 { "-" } else { "" };
        let net = format!("{sign}{}", yuan(own.net.unsigned_abs()));
        let names = |line: &String| line.starts_with("净额合计") && line.ends_with(&net);
        let verdict = format!("{}平", if own.balanced { " " } else { "不" });
        let (totals, differs) = (has("结算总计单"), has("对账差异单"));
        let right = if totals {
            let told = |line: &String| line.starts_with("总对账") && line.ends_with(&verdict);
            !whole || lines.iter().any(names) && lines.iter().any(told)
        } else {
            differs && own.told > 0
        };
        let what = "a slip of a settlement says what was not stored";
        self.holds(Invariant::I7, own.ended && right, what, now);
        let key = if totals {
            own.number.clone()
        } else {
            differences_of(&own.number)
        };
        self.piece(key, has("重打印"), whole, now);
    }

    /// At rest every paid sale, every return that a person asked for and every closed batch has a whole slip, and every
    /// batch with differences two.
    pub fn slips_at_rest(&mut self, now: u64) {
        if self.slips.queue_lost {
            return;
        }
        let paid = self
            .sales
            .values()
            .filter(|sale| sale.ended == Some(Word::Paid))
            .map(|sale| sale.order.clone());
        let back = self
            .undos
            .values()
            .filter(|undo: &&Undo| !undo.late && undo.ended == Some(Word::WentBack))
            .map(|undo| undo.number.clone());
        let closed = self.settlements.by_txn.values().filter(|own| own.ended);
        let batches = closed.flat_map(|own| {
            let differs = (own.told > 0).then(|| differences_of(&own.number));
            std::iter::once(own.number.clone()).chain(differs)
        });
        let missing: Vec<String> = paid
            .chain(back)
            .chain(batches)
            .filter(|number| {
                let count = self.slips.by_number.get(number);
                count.is_none_or(|count| count.first + count.marked == 0)
            })
            .collect();
        self.checks += 1;
        for number in missing {
            let what = format!("the slip of {number} never came out");
            self.blame(Invariant::I16, what, now);
        }
    }
}

/// A batch with differences has two slips under one number.
fn differences_of(number: &str) -> String {
    format!("{number} 差异单")
}

/// An amount as it stands on a slip.
fn yuan(fen: u64) -> String {
    let (whole, cents) = (fen / 100, fen % 100);
    let thousands = if whole >= 1_000 {
        format!("{},{:03}", whole / 1_000, whole % 1_000)
    } else {
        whole.to_string()
    };
    format!("{thousands}.{cents:02}")
}
