//! The invariants, checked after every step, from facts, commands and the acquirer's ledger only.

use std::collections::{BTreeMap, BTreeSet};

use shouyin::domain::TxnId;
use shouyin::payment::{Fact, FactKind, Intent, Outcome, Request, Ticket, UndoCause, UndoOutcome};

use super::host::Host;

const REVOKE_NOT_BEFORE_MS: u64 = 15_000;
const SCHEDULE_MS: u64 = 60_000;
const RECHECKS_MS: u64 = 6 * 61_000;

/// What the checker has seen of one sale.
pub struct Seen {
    pub order: String,
    pub price: u64,
    intended_at: u64,
    since: u64,
    charges: u32,
    cancelled: bool,
    stop_noted: bool,
    attempts: u32,
    provisional_at: Option<u64>,
    success_noted: bool,
    pub told: Option<&'static str>,
    pub told_at: u64,
}

/// The checker's memory of a shop.
#[derive(Default)]
pub struct Watch {
    pub sales: BTreeMap<TxnId, Seen>,
    numbers: BTreeSet<String>,
    vouchers: BTreeSet<u32>,
    /// The number of each refund, and the order that it returns.
    undos: BTreeMap<TxnId, (String, String)>,
    pub wrong: Vec<String>,
}

impl Watch {
    fn blame(&mut self, holds: bool, what: &str, now: u64) {
        if !holds {
            self.wrong.push(format!("{what} (at {now} ms)"));
        }
    }

    /// The program started anew: waits count from here. What the cashier wanted counts when it was written down.
    pub fn booted(&mut self, now: u64) {
        for seen in self.sales.values_mut() {
            seen.since = now;
            seen.cancelled = seen.stop_noted;
        }
    }

    pub fn cancelled(&mut self, txn: TxnId) {
        if let Some(seen) = self.sales.get_mut(&txn) {
            seen.cancelled = true;
        }
    }

    pub fn is_stored(&self, number: &str) -> bool {
        self.numbers.contains(number)
    }

    pub fn fact(&mut self, fact: &Fact, host: &Host, now: u64) {
        match &fact.kind {
            FactKind::IntentRecorded(intent) => self.intent(intent, now),
            FactKind::RevokeIntended {
                txn,
                revoke_no,
                attempt,
                ..
            } => self.revoke_intent(*txn, revoke_no.as_str(), *attempt, now),
            FactKind::RevokeProvisional { txn } => {
                if let Some(seen) = self.sales.get_mut(txn) {
                    seen.provisional_at = Some(now);
                }
            }
            FactKind::SuccessAfterRevoke { txn, .. } => {
                if let Some(seen) = self.sales.get_mut(txn) {
                    seen.success_noted = true;
                }
            }
            FactKind::StopRequested { txn } => {
                if let Some(seen) = self.sales.get_mut(txn) {
                    seen.stop_noted = true;
                }
            }
            FactKind::AnswerNoted { txn, host_code, .. } => {
                // A refusal that names nobody is made sure of by an early revoke.
                if let Some(seen) = self.sales.get_mut(txn)
                    && host_code == "DECLINED"
                {
                    seen.cancelled = true;
                }
            }
            FactKind::Closed { txn, outcome } => self.closed(*txn, outcome, host, now),
            FactKind::Started { .. }
            | FactKind::Rebuilt(_)
            | FactKind::Proven { .. }
            | FactKind::BalanceAsked(_)
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::Rechecked { .. }
            | FactKind::AttentionRaised { .. } => {}
            FactKind::UndoIntended(undo) => {
                let fresh = self.numbers.insert(undo.undo_no.to_string());
                self.blame(fresh, "I5: a refund number was used twice", now);
                let sale = self.sales.get(&undo.of);
                let late = undo.cause == UndoCause::LateSuccess
                    && sale.is_some_and(|seen| seen.success_noted && seen.attempts > 0);
                self.blame(late, "a refund that no late success asks for", now);
                let (number, order) = (undo.undo_no.to_string(), undo.of_order.to_string());
                self.undos.insert(undo.txn, (number, order));
            }
            FactKind::UndoClosed { txn, outcome } => {
                // An old answer that comes again can ask for money back that went back before: such a refund is
                // refused, rightly.
                let kept = self.undos.get(txn).map(|(_, order)| host.net(order));
                let done = matches!(outcome, UndoOutcome::Done(_)) || kept == Some(0);
                self.blame(done, "a late success was not returned", now);
            }
            FactKind::CodeShown { .. } => self.blame(false, "a merchant code was shown", now),
            FactKind::Settlement { .. } => self.blame(false, "a batch was closed", now),
        }
    }

    fn intent(&mut self, intent: &Intent, now: u64) {
        let seen = Seen {
            order: intent.order_no.to_string(),
            price: intent.amount.minor(),
            intended_at: now,
            since: now,
            charges: 0,
            cancelled: false,
            stop_noted: false,
            attempts: 0,
            provisional_at: None,
            success_noted: false,
            told: None,
            told_at: 0,
        };
        let fresh = self.numbers.insert(seen.order.clone());
        self.blame(fresh, "I5: an order number was used twice", now);
        let fresh = self.vouchers.insert(intent.voucher.get());
        self.blame(fresh, "I5: a voucher number was used twice", now);
        let fresh = self.sales.insert(intent.txn, seen).is_none();
        self.blame(fresh, "I5: a transaction began twice", now);
    }

    fn revoke_intent(&mut self, txn: TxnId, number: &str, attempt: u32, now: u64) {
        let fresh = self.numbers.insert(number.to_owned());
        self.blame(fresh, "I5: a revoke number was used twice", now);
        let Some(seen) = self.sales.get_mut(&txn) else {
            return self.blame(false, "a revoke of a sale without an intent", now);
        };
        seen.attempts += 1;
        seen.provisional_at = None;
        let counted = seen.attempts == attempt;
        let open = seen.told.is_none();
        let waited = seen.cancelled || attempt > 1 || now - seen.since >= SCHEDULE_MS;
        let grown = now - seen.intended_at >= REVOKE_NOT_BEFORE_MS;
        self.blame(counted, "revokes of a sale are not counted one by one", now);
        self.blame(open, "a closed sale is revoked", now);
        self.blame(
            waited,
            "revoked before the schedule ended, nobody cancelled",
            now,
        );
        self.blame(grown, "revoked before 15 s", now);
    }

    fn closed(&mut self, txn: TxnId, outcome: &Outcome, host: &Host, now: u64) {
        let Some(seen) = self.sales.get_mut(&txn) else {
            return self.blame(false, "a sale closed that never began", now);
        };
        let again = seen.told.replace(outcome.key()).is_some();
        seen.told_at = now;
        let (order, price) = (seen.order.clone(), seen.price);
        let (attempts, provisional_at) = (seen.attempts, seen.provisional_at);
        self.blame(!again, "a closed sale closed again", now);
        match outcome {
            Outcome::Paid(evidence) => {
                self.blame(attempts == 0, "R2: paid after a revoke intent", now);
                let named =
                    evidence.order_no().as_str() == order && evidence.amount().minor() == price;
                self.blame(named, "I12: the proof is about something else", now);
                let real = host.net(&order) == price;
                self.blame(real, "I12: told paid, the ledger says no", now);
            }
            Outcome::Declined { .. } => {
                let real = host.was_refused(&order) || host.is_undone(&order);
                self.blame(real, "R3/R5: told declined, the order can be paid", now);
            }
            Outcome::NotSent => {
                self.blame(!host.is_known(&order), "told not sent, it arrived", now);
            }
            Outcome::Revoked => {
                let checked = provisional_at.is_some_and(|at| now - at >= RECHECKS_MS);
                let real = host.is_undone(&order) || (!host.is_known(&order) && checked);
                self.blame(real, "told revoked, the order can be paid", now);
                self.blame(attempts > 0, "told revoked without an intent", now);
            }
        }
    }

    pub fn sent(&mut self, ticket: Ticket, request: &Request, now: u64) {
        if let Some((number, _)) = self.undos.get(&ticket.txn) {
            let right = match request {
                Request::Refund { refund_no, .. } | Request::InquireRefund { refund_no } => {
                    refund_no.as_str() == number
                }
                Request::Inquire { .. } => true,
                _ => false,
            };
            return self.blame(right, "B19: a refund under another number", now);
        }
        let Some(seen) = self.sales.get_mut(&ticket.txn) else {
            return self.blame(false, "I6: sent without a stored intent", now);
        };
        let age = now - seen.intended_at;
        let open = seen.told.is_none();
        let (order_no, revoke_no) = match request {
            Request::Authorize { order_no, .. } => {
                seen.charges += 1;
                (order_no, None)
            }
            Request::Inquire { order_no, .. } => (order_no, None),
            Request::Revoke {
                order_no,
                revoke_no,
            } => (order_no, Some(revoke_no.as_str())),
            other => panic!("this checker knows customer codes only: {other:?}"),
        };
        let (ours, charges) = (seen.order == order_no.as_str(), seen.charges);
        self.blame(ours, "B2: a request under another number", now);
        self.blame(charges <= 1, "a second charge was sent", now);
        self.blame(open, "a request for a closed sale", now);
        if let Some(number) = revoke_no {
            let stored = self.is_stored(number);
            self.blame(stored, "I6: a revoke without a stored intent", now);
            self.blame(
                age >= REVOKE_NOT_BEFORE_MS,
                "a revoke was sent before 15 s",
                now,
            );
        }
    }

    /// A proven success came back for a sale whose revoke was decided.
    pub fn success_heard(&mut self, txn: TxnId, now: u64) {
        let noted = self
            .sales
            .get(&txn)
            .is_none_or(|seen| seen.attempts == 0 || seen.told.is_some() || seen.success_noted);
        self.blame(noted, "a success after the revoke was not written", now);
    }

    /// At rest: the ledger and what people were told are the same thing.
    pub fn at_rest(&mut self, host: &Host, now: u64) {
        let mut wrong = Vec::new();
        for (txn, seen) in &self.sales {
            let net = host.net(&seen.order);
            let truth = match seen.told {
                Some("paid") => net == seen.price,
                Some(_) => net == 0,
                None => false,
            };
            if !truth {
                let told = seen.told.unwrap_or("still open");
                wrong.push(format!("I2: {txn} {told}, price {}, net {net}", seen.price));
            }
        }
        for order in host.orders() {
            let stored = self.is_stored(order);
            self.blame(stored, "I3: the ledger holds an order of nobody", now);
        }
        self.wrong.append(&mut wrong);
    }
}
