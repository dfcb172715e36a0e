//! Refunds and voids: each number acts once, together never more than was paid.
//!
//! Owns the refunds by their own numbers.

use super::books::Why;
use super::order::Stage;
use super::{Answer, Host};

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStage {
    /// The wallet works on it until then; whether it ends well.
    AtWork {
        /// Until when.
        until: u64,
        /// Whether the customer gets the money.
        ends_well: bool,
    },
    /// The customer has the money.
    Done,
    /// It failed for good.
    Failed,
}

/// One refund.
#[derive(Clone, Debug)]
pub struct Refund {
    /// The order whose money goes back.
    pub order: String,
    /// How much.
    pub fen: u64,
    /// How far it is.
    pub stage: RefundStage,
    /// The batch that the terminal named.
    pub batch: u32,
}

impl Host {
    /// Returns a refund by its own number.
    pub fn refund_of(&self, number: &str) -> Option<&Refund> {
        self.refunds.get(number)
    }

    pub(super) fn refund(
        &mut self,
        number: &str,
        order: &str,
        (fen, batch): (u64, u32),
        now: u64,
    ) -> Answer {
        self.settle(order, now);
        if let Some(known) = self.refunds.get(number) {
            if known.order != order || known.fen != fen {
                return self.answer("E-DIFFERS", Some(number), None);
            }
            return self.refund_state(number, now);
        }
        if self.refused_numbers.contains(number) {
            return self.answer("declined", Some(number), None);
        }
        let Some(known) = self.orders.get_mut(order) else {
            return self.answer("E-TRY-LATER", Some(number), None);
        };
        let left = known.net().saturating_sub(known.at_work);
        if known.stage != Stage::Paid || fen > left || fen == 0 || known.held {
            self.refused_numbers.insert(number.to_owned());
            return self.answer("declined", Some(number), None);
        }
        let slow = self.manners.refund_slow_ms;
        let ends_well = self.manners.refund_failures <= self.failed_refunds;
        let stage = if slow > 0 || !ends_well {
            known.at_work += fen;
            self.failed_refunds += u32::from(!ends_well);
            RefundStage::AtWork {
                until: now + slow,
                ends_well,
            }
        } else {
            let why = Why::Refund(number.to_owned());
            known.give_back(fen, (order, why), &mut self.books, now);
            RefundStage::Done
        };
        let refund = Refund {
            order: order.to_owned(),
            fen,
            stage,
            batch,
        };
        self.refunds.insert(number.to_owned(), refund);
        self.refund_state(number, now)
    }

    pub(super) fn refund_state(&mut self, number: &str, now: u64) -> Answer {
        self.settle_refund(number, now);
        let Some(refund) = self.refunds.get(number) else {
            return self.answer("not-found", Some(number), None);
        };
        let word = match refund.stage {
            RefundStage::AtWork { .. } => "returning",
            RefundStage::Done => "returned",
            RefundStage::Failed => "return-failed",
        };
        self.answer(word, Some(number), Some(refund.fen))
    }

    pub(super) fn settle_refund(&mut self, number: &str, now: u64) {
        let Some(refund) = self.refunds.get_mut(number) else {
            return;
        };
        let RefundStage::AtWork { until, ends_well } = refund.stage else {
            return;
        };
        let Some(order) = self.orders.get_mut(&refund.order).filter(|_| until <= now) else {
            return;
        };
        order.at_work -= refund.fen;
        refund.stage = if ends_well {
            let why = Why::Refund(number.to_owned());
            order.give_back(refund.fen, (&refund.order, why), &mut self.books, until);
            RefundStage::Done
        } else {
            RefundStage::Failed
        };
    }

    /// Takes a whole paid order back, on its own day where the profile wants that.
    pub(super) fn void(&mut self, number: &str, order: &str, batch: u32, now: u64) -> Answer {
        self.settle(order, now);
        if self.voids.contains_key(number) {
            return self.answer("accepted", Some(order), None);
        }
        if self.refused_numbers.contains(number) {
            return self.answer("declined", Some(order), None);
        }
        let profile = self.profile;
        let Some(known) = self.orders.get_mut(order) else {
            return self.answer("E-TRY-LATER", Some(order), None);
        };
        let whole = known.net() == known.fen && known.at_work == 0;
        if known.stage != Stage::Paid || !whole || !profile.may_revoke(known.arrived, now) {
            self.refused_numbers.insert(number.to_owned());
            return self.answer("declined", Some(order), None);
        }
        self.voids
            .insert(number.to_owned(), (order.to_owned(), batch));
        known.end(Stage::Revoked, order, &mut self.books, now);
        self.answer("accepted", Some(order), None)
    }
}
