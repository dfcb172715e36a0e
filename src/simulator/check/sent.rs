//! What the checker sees of requests that leave: whose they are, and whether a power cut would take back what they say.

use super::Invariant;
use super::watch::{Watch, drifted};
use crate::payment::{Request, RequestKind, Ticket};
use crate::simulator::cards::is_reversal;

/// A revoke is never sent earlier than this after the charge.
const REVOKE_NOT_BEFORE_MS: u64 = 15_000;

impl Watch {
    /// A request leaves the machine. `durable` tells whether a text would survive a power cut now.
    pub fn sent(
        &mut self,
        ticket: Ticket,
        request: &Request,
        age_ms: u64,
        durable: &mut dyn FnMut(&str) -> bool,
        now: u64,
    ) {
        self.cards_wait(request, now);
        let (order, number) = numbers(request);
        if ticket.kind == RequestKind::Settlement {
            return self.settlement_sent(ticket, number, durable, now);
        }
        if self.undos.contains_key(&ticket.txn) {
            return self.undo_sent(ticket, (order, number), durable, now);
        }
        let Some(sale) = self.sales.get_mut(&ticket.txn) else {
            return self.blame(Invariant::I6, "sent without a stored intent".into(), now);
        };
        let charges = matches!(ticket.kind, RequestKind::Authorize | RequestKind::Preorder);
        sale.charges += u32::from(charges);
        let ours = sale.order == order;
        // A reversal goes under the sale's own number; what must be stored is that it was decided.
        let decided = sale.revokes.last().cloned().unwrap_or_default();
        let number = if is_reversal(request) {
            decided.as_str()
        } else {
            number
        };
        let stored = number == sale.order || sale.revokes.iter().any(|known| known == number);
        let (open, charges) = (sale.ended.is_none(), sale.charges);
        // The minimum age is a rule about customers' codes.
        let exempt = sale.merchant_code || sale.card;
        let unsure = stored && !sale.on_disk.contains(number);
        let survives = !unsure || durable(number);
        if unsure && survives {
            sale.on_disk.insert(number.to_owned());
        }
        self.holds(
            Invariant::I5,
            ours,
            "B2: a request under another number",
            now,
        );
        self.leaves((stored, survives), now);
        self.holds(Invariant::I1, charges <= 1, "a second charge was sent", now);
        self.holds(Invariant::I2, open, "a request for a closed sale", now);
        if ticket.kind == RequestKind::Revoke {
            let grown = age_ms >= drifted(REVOKE_NOT_BEFORE_MS) || exempt;
            self.holds(Invariant::L4, grown, "a revoke was sent before 15 s", now);
        }
    }

    /// A number leaves: it must be stored, and still be there when the power goes now.
    pub(super) fn leaves(&mut self, (stored, survives): (bool, bool), now: u64) {
        self.holds(
            Invariant::I6,
            stored,
            "a number leaves that is not stored",
            now,
        );
        let what = "a number leaves that a power cut would take back";
        self.holds(Invariant::I6, survives, what, now);
    }
}

/// Returns what a request is about: the sale's order (or the refund's own number), and the number that must be stored.
fn numbers(request: &Request) -> (&str, &str) {
    match request {
        Request::Authorize { order_no, .. }
        | Request::Preorder { order_no, .. }
        | Request::Inquire { order_no, .. }
        | Request::Close { order_no, .. } => (order_no.as_str(), order_no.as_str()),
        Request::Revoke {
            revoke_no,
            order_no,
        } => (order_no.as_str(), revoke_no.as_str()),
        Request::Void {
            void_no, order_no, ..
        } => (order_no.as_str(), void_no.as_str()),
        Request::Refund {
            refund_no,
            order_no,
            ..
        } => (order_no.as_str(), refund_no.as_str()),
        Request::InquireRefund { refund_no } => (refund_no.as_str(), refund_no.as_str()),
        Request::Card(card) => (card.order_no.as_str(), card.order_no.as_str()),
        Request::Settlement(ask) => (ask.settle_no().as_str(), ask.settle_no().as_str()),
    }
}
