//! 撤销并换方式: a void after which the camera opens for the same amount.
//!
//! Owns what is carried from the one to the other. It is never carried before the void is proven, and never from a void
//! to another one: a void whose result is unknown carries nothing when the till is left, and the amount is typed again
//! when the customer has the money. A restart forgets it, too.

use crate::domain::{Money, TxnId};
use crate::payment::{Fact, FactKind, UndoOutcome};

/// The amount that follows a void, as long as the void is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carry {
    wanted: Option<(TxnId, Money)>,
    proven: bool,
}

impl Carry {
    /// A void was sent; its amount is wanted again, or not.
    pub fn begin(&mut self, undo: TxnId, amount: Money, wanted: bool) {
        *self = Self {
            wanted: wanted.then_some((undo, amount)),
            proven: false,
        };
    }

    /// Hears a stored fact.
    pub fn heard(&mut self, fact: &Fact) {
        if let FactKind::UndoClosed {
            txn,
            outcome: UndoOutcome::Done(_),
        } = &fact.kind
        {
            self.proven |= self.wanted.is_some_and(|(own, _)| own == *txn);
        }
    }

    /// After a tap: returns the void and its amount, once, when its proven result was seen and left.
    pub fn take(&mut self, shown: Option<TxnId>) -> Option<(TxnId, Money)> {
        let (txn, amount) = self.wanted?;
        if shown == Some(txn) {
            return None;
        }
        let proven = self.proven;
        *self = Self::default();
        proven.then_some((txn, amount))
    }

    /// Whoever left the void without its end, or was sent away from it by time, serves somebody else now.
    pub fn forget_unless(&mut self, shown: Option<TxnId>) {
        if self.wanted.is_some_and(|(txn, _)| shown != Some(txn)) {
            *self = Self::default();
        }
    }
}
