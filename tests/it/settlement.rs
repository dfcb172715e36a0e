//! Settlement as a shop owner sees it: every difference found with its reason and its fen, none invented.
//!
//! The generator writes journal and statement from one story and plants differences in the statement; it uses nothing
//! of the comparison. The conversation under faults is the simulator's (`tests/it/simulator.rs`).

use std::collections::BTreeMap;

use shouyin::domain::{BatchNo, Channel, Money, OrderNo, TermNo, TxnId, VoucherNo};
use shouyin::settlement::{
    Batch, Comparison, Entry, EntryKind, EntryState, Line, Movement, MovementKind, Reason, compare,
    net, verdicts,
};

use crate::world::Dice;

const TERM: &str = "A0010001";

fn batch_no(number: u32) -> BatchNo {
    BatchNo::new(number).unwrap()
}

/// What a story plants, and what must be told of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    reason: Reason,
    number: String,
    delta: i64,
}

/// One shop's batch on both sides.
struct Story {
    entries: Vec<Entry>,
    movements: Vec<Movement>,
    others: BTreeMap<String, Option<BatchNo>>,
    told: Vec<Told>,
    /// Numbers of entries that have to wait.
    open: usize,
    /// The first position that must be read again.
    again: Option<u64>,
    count: u32,
}

impl Story {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            movements: Vec::new(),
            others: BTreeMap::new(),
            told: Vec::new(),
            open: 0,
            again: None,
            count: 0,
        }
    }

    fn number(&mut self, letter: char) -> String {
        self.count += 1;
        format!("{TERM}0001ABCDEF{letter}{:08}", self.count)
    }

    fn entry(&mut self, kind: EntryKind, number: &str, order: &str, fen: u64, state: EntryState) {
        self.entries.push(Entry {
            txn: TxnId::from_parts(
                1_000,
                u128::from(self.count) << 8 | self.entries.len() as u128,
            ),
            number: OrderNo::new(number).unwrap(),
            order_no: OrderNo::new(order).unwrap(),
            kind,
            late: false,
            completion: false,
            funding: None,
            channel: Channel::Wechat,
            amount: Money::from_fen(fen).unwrap(),
            state,
            voucher: VoucherNo::new(self.count).unwrap(),
            batch: batch_no(5),
        });
    }

    fn moves(&mut self, kind: MovementKind, order: &str, refund: Option<&str>, fen: u64) -> u64 {
        let position = self.movements.len() as u64 + 11;
        self.movements.push(Movement {
            position,
            kind,
            order_no: order.to_owned(),
            refund_no: refund.map(str::to_owned),
            amount: Money::from_fen(fen).unwrap(),
            channel: None,
        });
        position
    }

    fn must_tell(&mut self, reason: Reason, number: &str, delta: i64) {
        self.told.push(Told {
            reason,
            number: number.to_owned(),
            delta,
        });
    }

    fn must_read_again(&mut self, position: u64) {
        self.again = Some(self.again.map_or(position, |known| known.min(position)));
    }

    /// One thing that can happen to a shop, chosen by `which`.
    fn happens(&mut self, which: u64, fen: u64) {
        let order = self.number('S');
        match which {
            0..=5 => self.balances(which, &order, fen),
            6..=14 => self.differs(which, &order, fen),
            _ => self.waits(which, &order, fen),
        }
    }

    /// What needs no money to be explained.
    fn balances(&mut self, which: u64, order: &str, fen: u64) {
        use EntryKind::{Refund, Sale, Void};
        use EntryState::{Nothing, Stands};
        match which {
            // Paid, and so it is there.
            0 => {
                self.entry(Sale, order, order, fen, Stands);
                self.moves(MovementKind::Sale, order, None, fen);
            }
            // Declined: nothing anywhere.
            1 => self.entry(Sale, order, order, fen, Nothing),
            // Paid and voided.
            2 => {
                let void = self.number('U');
                self.entry(Sale, order, order, fen, Stands);
                self.entry(Void, &void, order, fen, Stands);
                self.moves(MovementKind::Sale, order, None, fen);
                self.moves(MovementKind::Reversal, order, None, fen);
            }
            // Paid, a part refunded.
            3 => {
                let refund = self.number('R');
                self.entry(Sale, order, order, fen + 1, Stands);
                self.entry(Refund, &refund, order, fen, Stands);
                self.moves(MovementKind::Sale, order, None, fen + 1);
                self.moves(MovementKind::Refund, order, Some(&refund), fen);
            }
            // R2: we revoked it, the acquirer had charged it.
            4 => {
                self.entry(Sale, order, order, fen, Nothing);
                self.moves(MovementKind::Sale, order, None, fen);
                self.moves(MovementKind::Reversal, order, None, fen);
                self.must_tell(Reason::TakenBack, order, 0);
            }
            // R3: a late success, returned by itself.
            _ => {
                let refund = self.number('R');
                self.entry(Sale, order, order, fen, Nothing);
                self.entry(Refund, &refund, order, fen, Stands);
                self.entries.last_mut().unwrap().late = true;
                self.moves(MovementKind::Sale, order, None, fen);
                self.moves(MovementKind::Refund, order, Some(&refund), fen);
                self.must_tell(Reason::LateSuccess, order, 0);
            }
        }
    }

    /// What the acquirer has otherwise.
    fn differs(&mut self, which: u64, order: &str, fen: u64) {
        use EntryKind::{Refund, Sale};
        use EntryState::{Nothing, Stands};
        let signed = i64::try_from(fen).unwrap();
        match which {
            // R4: booked twice.
            6 => {
                self.entry(Sale, order, order, fen, Stands);
                self.moves(MovementKind::Sale, order, None, fen);
                self.moves(MovementKind::Sale, order, None, fen);
                self.must_tell(Reason::Twice, order, signed);
            }
            // R6: another amount.
            7 => {
                self.entry(Sale, order, order, fen + 3, Stands);
                self.moves(MovementKind::Sale, order, None, fen);
                self.must_tell(Reason::OtherAmount, order, -3);
            }
            // R8: not there.
            8 => {
                self.entry(Sale, order, order, fen, Stands);
                self.must_tell(Reason::MissingThere, order, -signed);
            }
            // R8: a refund that is not there.
            9 => {
                let refund = self.number('R');
                self.entry(Refund, &refund, order, fen, Stands);
                self.must_tell(Reason::MissingThere, &refund, signed);
            }
            // R9: under our terminal number, and not ours.
            10 => {
                self.moves(MovementKind::Sale, order, None, fen);
                self.others.insert(order.to_owned(), None);
                self.must_tell(Reason::MissingHere, order, signed);
            }
            // R10: an earlier batch's.
            11 => {
                self.moves(MovementKind::Sale, order, None, fen);
                self.others.insert(order.to_owned(), Some(batch_no(3)));
                self.must_tell(Reason::AfterClose, order, signed);
            }
            // R11: another terminal's.
            12 => {
                let other = order.replace(TERM, "B0010009");
                self.moves(MovementKind::Sale, &other, None, fen);
                self.must_tell(Reason::OtherTerminal, &other, signed);
            }
            // R12: told not paid, and the acquirer has the money.
            13 => {
                self.entry(Sale, order, order, fen, Nothing);
                self.moves(MovementKind::Sale, order, None, fen);
                self.must_tell(Reason::Unexplained, order, signed);
            }
            // R12: stands here, taken back there.
            _ => {
                self.entry(Sale, order, order, fen, Stands);
                self.moves(MovementKind::Sale, order, None, fen);
                self.moves(MovementKind::Reversal, order, None, fen);
                self.must_tell(Reason::Unexplained, order, -signed);
            }
        }
    }

    /// What another batch will count, or nothing at all.
    fn waits(&mut self, which: u64, order: &str, fen: u64) {
        use EntryKind::{Refund, Sale, Void};
        use EntryState::{Nothing, Open, Stands};
        match which {
            // Open: it waits, with its movement.
            15 => {
                self.entry(Sale, order, order, fen, Open);
                let position = self.moves(MovementKind::Sale, order, None, fen);
                self.must_read_again(position);
                self.open += 1;
            }
            // Paid, its void is open: both wait.
            16 => {
                let void = self.number('U');
                self.entry(Sale, order, order, fen, Stands);
                self.entry(Void, &void, order, fen, Open);
                let position = self.moves(MovementKind::Sale, order, None, fen);
                self.must_read_again(position);
                self.open += 2;
            }
            // The next batch's.
            17 => {
                let position = self.moves(MovementKind::Sale, order, None, fen);
                self.others.insert(order.to_owned(), Some(batch_no(6)));
                self.must_read_again(position);
            }
            // R3: a late success of a sale that was counted before; its return is open and waits.
            18 => {
                let refund = self.number('R');
                self.entry(Refund, &refund, order, fen, Open);
                self.entries.last_mut().unwrap().late = true;
                self.moves(MovementKind::Sale, order, None, fen);
                self.must_tell(Reason::LateSuccess, order, i64::try_from(fen).unwrap());
                self.open += 1;
            }
            // Refused refund: nothing anywhere.
            _ => {
                let refund = self.number('R');
                self.entry(Refund, &refund, order, fen, Nothing);
            }
        }
    }

    fn compared(&self) -> Comparison {
        let batch = Batch {
            entries: self.entries.clone(),
            others: self.others.clone(),
        };
        let term = TermNo::new(TERM).unwrap();
        compare(&batch, batch_no(5), &self.movements, &term, (10, 10))
    }

    /// Looks for everything that was planted, and for nothing else.
    fn check(&self, what: &str) {
        let found = self.compared();
        let told = found.differences.iter().map(|difference| Told {
            reason: difference.reason,
            number: difference.number.clone(),
            delta: difference.delta(),
        });
        let (mut told, mut expected): (Vec<Told>, _) = (told.collect(), self.told.clone());
        let first_explained = told.iter().position(|t| t.reason != Reason::Unexplained);
        let unexplained = told.iter().filter(|t| t.reason == Reason::Unexplained);
        assert!(
            first_explained.is_none_or(|first| first == unexplained.count()),
            "{what}: what nobody can explain comes first"
        );
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{what}");
        let sum: i64 = found
            .differences
            .iter()
            .map(shouyin::settlement::Difference::delta)
            .sum();
        assert_eq!(
            net(&found.theirs) - net(&found.ours),
            sum,
            "{what}: to the fen"
        );
        assert_eq!(found.open.len(), self.open, "{what}");
        let last = self
            .movements
            .last()
            .map_or(10, |movement| movement.position);
        assert_eq!(found.told_upto, last, "{what}");
        assert_eq!(
            found.read_after,
            self.again.map_or(last, |at| at - 1),
            "{what}"
        );
        let equal = verdicts(&found.ours, &found.theirs)
            .values()
            .all(|equal| *equal);
        let differs = expected.iter().any(|told| told.delta != 0);
        // Two errors can cancel each other in a sum, never in the list.
        assert!(
            equal || differs,
            "{what}: a wallet differs and nothing says why"
        );
    }
}

#[test]
fn each_kind_of_difference_is_told_with_its_reason_and_its_fen() {
    for which in 0..20 {
        let mut story = Story::new();
        story.happens(0, 1_280);
        story.happens(which, 500);
        story.happens(0, 99);
        story.check(&format!("kind {which}"));
    }
}

#[test]
fn nothing_planted_is_missed_and_nothing_is_invented() {
    let mut rng = Dice(20_261_126);
    for run in 0..3_000_u64 {
        let mut story = Story::new();
        let (things, odd) = (1 + rng.below(60), rng.below(10));
        for _ in 0..things {
            let which = if rng.below(10) < odd {
                rng.below(20)
            } else {
                rng.below(4)
            };
            let fen = 1 + rng.below(500_000);
            story.happens(which, fen);
        }
        story.check(&format!("run {run}"));
    }
}

/// What was left open is counted once, in the next settlement, with the movements that were left for it.
#[test]
fn what_waits_is_counted_in_the_next_settlement_and_only_there() {
    let mut story = Story::new();
    story.happens(0, 100);
    story.happens(15, 1_280);
    story.happens(0, 200);
    let first = story.compared();
    let line = |count, minor| Line {
        channel: Channel::Wechat,
        kind: EntryKind::Sale,
        count,
        minor,
    };
    assert_eq!(first.ours, [line(2, 300)]);
    assert_eq!(first.theirs, first.ours);
    // It ended as paid; the acquirer's list is read from before its movement.
    let waited = first.open[0].txn;
    let mut batch = Batch {
        entries: story.entries.clone(),
        others: BTreeMap::new(),
    };
    for movement in &story.movements {
        batch
            .others
            .insert(movement.order_no.clone(), Some(batch_no(5)));
    }
    batch.entries.retain(|entry| entry.txn == waited);
    batch.entries[0].state = EntryState::Stands;
    let again = story.movements.iter();
    let again: Vec<Movement> = again
        .filter(|movement| movement.position > first.read_after)
        .cloned()
        .collect();
    assert_eq!(again.len(), 2, "its own movement and the one after it");
    let term = TermNo::new(TERM).unwrap();
    let marks = (first.read_after, first.told_upto);
    let second = compare(&batch, batch_no(6), &again, &term, marks);
    assert_eq!(second.ours, [line(1, 1_280)]);
    assert_eq!(second.theirs, second.ours);
    assert_eq!(second.differences, []);
    assert_eq!(second.read_after, first.told_upto);
}
