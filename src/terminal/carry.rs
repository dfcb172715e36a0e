//! 撤销并换方式: a void after which the camera opens for the same amount.
//!
//! Owns what is carried from the one to the other. It is never carried before the void is proven, and never from a void
//! to another one. A restart forgets it: the cashier types the amount.

use crate::domain::{Money, TxnId};
use crate::payment::{Fact, FactKind, State, UndoOutcome};

/// The amount that follows a void.
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

    /// Returns the void and its amount, once, when it is proven and its result was seen.
    pub fn take(&mut self, state: &State) -> Option<(TxnId, Money)> {
        let (txn, amount) = self.wanted?;
        if !self.proven || state.undos.contains_key(&txn) {
            return None;
        }
        *self = Self::default();
        Some((txn, amount))
    }
}
