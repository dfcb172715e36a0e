//! What the checker sees of money that goes back: voids and refunds.
//!
//! Owns the memory of each undo. Like `watch`, it compares with the acquirer's truth and the disk only.

use super::Invariant;
use super::watch::{Watch, Word, digest};
use crate::domain::{Role, TxnId};
use crate::payment::{RequestKind, Ticket, UndoCause, UndoIntent, UndoKind, UndoOutcome};
use crate::simulator::host::{Host, RefundStage};
use crate::simulator::people::approver_of;
use crate::simulator::till::CEILINGS;

/// China has one time without summer time.
const CHINA_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// What the checker has seen of one undo.
#[derive(Clone, Debug)]
pub struct Undo {
    /// The sale.
    pub of: TxnId,
    /// The sale's order number.
    pub order: String,
    /// Its own number.
    pub number: String,
    /// What goes back, in fen.
    pub fen: u64,
    /// The whole sale is voided.
    pub void: bool,
    /// A bank card had paid.
    pub card: bool,
    /// Nobody asked for it: a success came too late.
    pub late: bool,
    /// How it ended: `WentBack` or `NotReturned`.
    pub ended: Option<Word>,
    /// When.
    pub ended_at: u64,
    /// The last word on a screen.
    pub shown: Option<Word>,
    /// When it was opened, on the terminal's wall clock.
    at_ms: i64,
    pub(super) batch: u32,
    pub(super) voucher: u32,
    pub(super) counted: Option<u32>,
    on_disk: bool,
}

impl Watch {
    /// I13: what people sent back on this day of the shop, and this, is within the ceilings of the role that stands
    /// behind it. Added up here again from the facts.
    pub(super) fn within_the_role(&mut self, intent: &UndoIntent, at_ms: i64, now: u64) {
        if intent.cause == UndoCause::LateSuccess {
            return;
        }
        let mut roles = Role::ALL.into_iter().zip(CEILINGS);
        let behind = intent.approver.as_ref().map(|number| number.as_str());
        let held = |of: &TxnId| self.sales.get(of).is_some_and(|sale| sale.hold);
        if held(&intent.of) {
            let what = "a cashier alone gave a hold back";
            return self.holds(Invariant::I13, behind.is_some(), what, now);
        }
        let found = roles.find(|(role, _)| approver_of(*role) == behind);
        let day = |ms: i64| (ms + CHINA_MS).div_euclid(DAY_MS);
        let today: u64 = self
            .undos
            .values()
            .filter(|undo| !undo.late && undo.ended != Some(Word::NotReturned))
            .filter(|undo| !held(&undo.of))
            .filter(|undo| day(undo.at_ms) >= day(at_ms))
            .map(|undo| undo.fen)
            .sum();
        let fen = intent.amount.minor();
        let within = found.is_some_and(|(_, (single, day))| {
            single.is_none_or(|most| fen <= most) && day.is_none_or(|most| today + fen <= most)
        });
        let what = "more went back than the role behind it may send";
        self.holds(Invariant::I13, within, what, now);
    }

    pub(super) fn undo_intent(&mut self, intent: &UndoIntent, at_ms: i64, now: u64) {
        let number = intent.undo_no.to_string();
        let fresh = self.numbers.insert(number.clone());
        self.holds(Invariant::I5, fresh, "a refund number was used twice", now);
        let fresh = self.vouchers.insert(intent.voucher.get());
        self.holds(Invariant::I5, fresh, "a voucher number was used twice", now);
        let undo = Undo {
            of: intent.of,
            order: intent.of_order.to_string(),
            number,
            fen: intent.amount.minor(),
            void: intent.kind == UndoKind::Void,
            card: intent.of_card.is_some(),
            late: intent.cause == UndoCause::LateSuccess,
            ended: None,
            ended_at: 0,
            shown: None,
            at_ms,
            batch: intent.batch.get(),
            voucher: intent.voucher.get(),
            counted: None,
            on_disk: false,
        };
        self.in_the_open_batch(undo.batch, now);
        let out = self.out_of(intent.of) + undo.fen;
        let sale = self.sales.get(&intent.of);
        let price = sale.map_or(0, |sale| sale.fen);
        let ours = sale.is_some_and(|sale| sale.order == undo.order);
        let ended = sale.and_then(|sale| sale.ended);
        let right = if undo.late {
            ended != Some(Word::Paid)
        } else {
            ended == Some(Word::Paid)
        };
        self.holds(
            Invariant::I11,
            out <= price,
            "more goes back than was paid",
            now,
        );
        self.holds(Invariant::I9, ours, "an undo of a sale that never was", now);
        self.holds(
            Invariant::I2,
            right,
            "money back of a sale that is not so",
            now,
        );
        let fresh = self.undos.insert(intent.txn, undo).is_none();
        self.holds(Invariant::I5, fresh, "an undo began twice", now);
    }

    /// What went back of a sale and what may still go back.
    fn out_of(&self, sale: TxnId) -> u64 {
        self.undos
            .values()
            .filter(|undo| undo.of == sale && undo.ended != Some(Word::NotReturned))
            .map(|undo| undo.fen)
            .sum()
    }

    /// What went back of a sale for sure.
    pub fn returned_of(&self, sale: TxnId) -> u64 {
        self.undos
            .values()
            .filter(|undo| undo.of == sale && undo.ended == Some(Word::WentBack) && !undo.late)
            .map(|undo| undo.fen)
            .sum()
    }

    pub(super) fn undo_closed(&mut self, txn: TxnId, outcome: &UndoOutcome, host: &Host, now: u64) {
        let Some(undo) = self.undos.get_mut(&txn) else {
            return self.blame(Invariant::I9, "an undo ended that never began".into(), now);
        };
        let word = match outcome {
            UndoOutcome::Done(_) => Word::WentBack,
            UndoOutcome::Refused { .. } | UndoOutcome::NotSent => Word::NotReturned,
        };
        let again = undo.ended.replace(word).is_some();
        undo.ended_at = now;
        let undo = undo.clone();
        self.holds(Invariant::I9, !again, "an undo ended twice", now);
        match outcome {
            UndoOutcome::Done(evidence) => {
                let record = evidence.record();
                let meant = digest(&record.digest).and_then(|digest| host.meant(&digest));
                let about = |answer: &crate::simulator::host::Answer| {
                    let named = answer.order.as_deref();
                    named == Some(&*undo.number) || named == Some(&*undo.order)
                };
                let meant = meant.is_some_and(about) && record.amount == undo.fen;
                let what = "money went back without an answer that the acquirer meant";
                self.holds(Invariant::I12, meant, what, now);
                let real = went_back(&undo, host);
                self.holds(Invariant::I2, real, "told returned, it was not", now);
            }
            UndoOutcome::Refused { .. } => {
                let real = !is_going_back(&undo, host);
                self.holds(Invariant::I12, real, "told refused, it went back", now);
            }
            UndoOutcome::NotSent => {
                let known = host.refund_of(&undo.number).is_some();
                self.holds(Invariant::I12, !known, "told not sent, it arrived", now);
            }
        }
    }

    pub(super) fn undo_sent(
        &mut self,
        ticket: Ticket,
        (order, number): (&str, &str),
        durable: &mut dyn FnMut(&str) -> bool,
        now: u64,
    ) {
        let Some(undo) = self.undos.get_mut(&ticket.txn) else {
            return;
        };
        let asks_sale = ticket.kind == RequestKind::Inquire;
        let ours = order == undo.order || order == undo.number;
        let stored = asks_sale && number == undo.order || number == undo.number;
        let open = undo.ended.is_none();
        let unsure = stored && !asks_sale && !undo.on_disk;
        let survives = !unsure || durable(number);
        undo.on_disk |= unsure && survives;
        self.holds(Invariant::I5, ours, "a request about another sale", now);
        self.leaves((stored, survives), now);
        self.holds(Invariant::I2, open, "a request for an undo that ended", now);
    }

    pub(super) fn undo_shown(&mut self, txn: TxnId, word: Word, host: &Host, now: u64) {
        let Some(undo) = self.undos.get_mut(&txn) else {
            return;
        };
        let before = undo.shown.replace(word);
        let stored = !word.is_final() || undo.ended == Some(word);
        let settled = before.is_none_or(|old| !old.is_final() || old == word);
        let real = word != Word::WentBack || went_back(undo, host);
        self.holds(
            Invariant::I7,
            stored,
            "a result is shown that is not stored",
            now,
        );
        let what = "a result was shown and then another one";
        self.holds(Invariant::I2, settled, what, now);
        self.holds(Invariant::I2, real, "shown returned, it was not", now);
    }
}

/// Tells whether the customer has this money.
pub fn went_back(undo: &Undo, host: &Host) -> bool {
    if undo.void {
        return host.net(&undo.order) == 0;
    }
    let refund = host.refund_of(&undo.number);
    let done =
        refund.is_some_and(|refund| refund.stage == RefundStage::Done && refund.fen == undo.fen);
    // A late success may be undone by the revoke that came before it.
    done || undo.late && host.net(&undo.order) == 0
}

/// Tells whether the customer has this money or will get it.
fn is_going_back(undo: &Undo, host: &Host) -> bool {
    if undo.void {
        return host.net(&undo.order) == 0 && host.order(&undo.order).is_some();
    }
    let refund = host.refund_of(&undo.number);
    refund.is_some_and(|refund| refund.stage != RefundStage::Failed)
}
