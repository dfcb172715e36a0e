//! What the checker sees while a run goes on: facts that were stored, requests that leave, screens that are shown.
//!
//! Owns the memory of each sale. Compares with the acquirer's truth and with the disk, never with the core's state.

use std::collections::{BTreeMap, BTreeSet};

use super::settled::Settlements;
use super::undos::Undo;
use super::{Invariant, Slips, Violation};
use crate::domain::TxnId;
use crate::limits;
use crate::payment::{Fact, FactKind, Intent, Outcome, Purpose};
use crate::simulator::host::{Host, sha256};

/// Without a wish of the cashier, the schedule of inquiries runs to its end: 60 s, or 55 s where a refusal that names
/// no order is asked about at once.
const SCHEDULE_MS: u64 = 55_000;
/// A provisional revoke is final after six re-checks.
const RECHECKS_MS: u64 = 6 * 61_000;
/// A sale never stores more facts than this.
const FACTS_PER_SALE: u32 = 4_000;
/// The checker's clocks and the terminal's drift apart by a hundredth at the most.
pub(super) const fn drifted(ms: u64) -> u64 {
    ms - ms / 50
}

/// What a person was told of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Wait; do not pay again.
    Wait,
    /// It is being revoked; charged money comes back.
    Revoking,
    /// Paid.
    Paid,
    /// Not paid, nothing was taken.
    NotPaid,
    /// Not paid, what was taken came back.
    Revoked,
    /// Money is on its way back.
    GoingBack,
    /// The customer has the money back.
    WentBack,
    /// The money did not go back.
    NotReturned,
}

impl Word {
    /// Tells whether it is the last word on a sale.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Paid | Self::NotPaid | Self::Revoked | Self::WentBack | Self::NotReturned
        )
    }

    /// Returns how an outcome is told.
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Paid(_) => Self::Paid,
            Outcome::Declined { .. } | Outcome::NotSent => Self::NotPaid,
            Outcome::Revoked => Self::Revoked,
        }
    }
}

/// What the checker has seen of one sale.
#[derive(Clone, Debug)]
pub struct Sale {
    /// Its order number.
    pub order: String,
    /// Its price in fen.
    pub fen: u64,
    /// When its intent was stored, true time.
    pub intended_at: u64,
    /// When waiting began to count: the intent, or the last start.
    pub since: u64,
    /// How it ended.
    pub ended: Option<Word>,
    /// When.
    pub ended_at: u64,
    /// The last word on a screen.
    pub shown: Option<Word>,
    /// A person was called.
    pub attention: bool,
    pub(super) revokes: Vec<String>,
    provisional_at: Option<u64>,
    success_noted: bool,
    cancelled: bool,
    pub(super) merchant_code: bool,
    /// A bank card paid.
    pub card: bool,
    /// It only holds: no income.
    pub hold: bool,
    /// The hold that it charges.
    pub completes: Option<TxnId>,
    pub(super) charges: u32,
    pub(super) batch: u32,
    pub(super) voucher: u32,
    pub(super) counted: Option<u32>,
    facts: u32,
    code: Option<String>,
    pub(super) on_disk: BTreeSet<String>,
}

impl Sale {
    /// Tells whether its revoke waits for the certainty that no late charge overtakes it.
    pub const fn is_provisional(&self) -> bool {
        self.provisional_at.is_some()
    }

    /// Tells whether a revoke was decided.
    pub fn is_revoking(&self) -> bool {
        !self.revokes.is_empty()
    }
}

/// The checker's memory of a run.
#[derive(Default)]
pub struct Watch {
    /// Every sale with a stored intent.
    pub sales: BTreeMap<TxnId, Sale>,
    /// Every undo with a stored intent.
    pub undos: BTreeMap<TxnId, Undo>,
    /// What did not hold.
    pub found: Vec<Violation>,
    /// From now on everything is compared at rest.
    pub resting: bool,
    /// What was asserted, for the report.
    pub checks: u64,
    /// Settlements.
    pub settlements: Settlements,
    /// What came out of the printer.
    pub slips: Slips,
    pub(super) numbers: BTreeSet<String>,
    pub(super) vouchers: BTreeSet<u32>,
}

impl Watch {
    /// Asserts.
    pub fn holds(&mut self, invariant: Invariant, holds: bool, what: &str, now: u64) {
        self.checks += 1;
        if !holds {
            self.blame(invariant, what.to_owned(), now);
        }
    }

    /// Writes down what did not hold.
    pub fn blame(&mut self, invariant: Invariant, what: String, now: u64) {
        let sales = self.sales.len() as u64;
        self.found.push(Violation {
            invariant,
            what,
            at: now,
            sales,
            at_rest: self.resting,
        });
    }

    /// A fact is on the disk.
    pub fn stored(&mut self, fact: &Fact, host: &Host, now: u64) {
        if let Some(sale) = fact.txn().and_then(|txn| self.sales.get_mut(&txn)) {
            sale.facts += 1;
            let bounded = sale.facts <= FACTS_PER_SALE;
            self.holds(
                Invariant::I15,
                bounded,
                "a sale stores facts without end",
                now,
            );
        }
        match &fact.kind {
            FactKind::IntentRecorded(intent) => self.intent(intent, now),
            FactKind::RevokeIntended {
                txn,
                revoke_no,
                attempt,
                ..
            } => self.revoke_intent(*txn, revoke_no.as_str(), *attempt, now),
            FactKind::RevokeProvisional { txn } => {
                if let Some(sale) = self.sales.get_mut(txn) {
                    sale.provisional_at = Some(now);
                }
            }
            FactKind::SuccessAfterRevoke { txn, .. } => {
                if let Some(sale) = self.sales.get_mut(txn) {
                    sale.success_noted = true;
                }
            }
            FactKind::AttentionRaised { txn, .. } => {
                if let Some(sale) = self.sales.get_mut(txn) {
                    sale.attention = true;
                }
            }
            FactKind::Closed { txn, outcome } => self.closed(*txn, outcome, host, now),
            FactKind::UndoIntended(intent) => {
                self.within_the_role(intent, fact.at.0, now);
                self.undo_intent(intent, fact.at.0, now);
            }
            FactKind::UndoClosed { txn, outcome } => self.undo_closed(*txn, outcome, host, now),
            FactKind::Settlement { txn, fact } => self.settlement(*txn, fact, host, now),
            FactKind::StopRequested { txn } => {
                if let Some(sale) = self.sales.get_mut(txn) {
                    sale.cancelled = true;
                    if sale.merchant_code {
                        sale.since = now;
                    }
                }
            }
            FactKind::CodeShown { txn, digest } => {
                if let Some(sale) = self.sales.get_mut(txn) {
                    sale.code = Some(digest.clone());
                }
            }
            // A refusal that proves nothing lets the order be revoked early.
            FactKind::AnswerNoted { txn, host_code, .. } if host_code == "declined" => {
                if let Some(sale) = self.sales.get_mut(txn) {
                    sale.cancelled = true;
                }
            }
            FactKind::Started { .. }
            | FactKind::Rebuilt(_)
            | FactKind::Proven { .. }
            | FactKind::BalanceAsked(_)
            | FactKind::Rechecked { .. }
            | FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. } => {}
        }
    }

    fn intent(&mut self, intent: &Intent, now: u64) {
        let sale = Sale {
            order: intent.order_no.to_string(),
            fen: intent.amount.minor(),
            intended_at: now,
            since: now,
            ended: None,
            ended_at: 0,
            shown: None,
            attention: false,
            revokes: Vec::new(),
            provisional_at: None,
            success_noted: false,
            cancelled: false,
            merchant_code: intent.entry.is_merchant_code(),
            card: intent.entry.is_card(),
            hold: intent.purpose.is_hold(),
            completes: match &intent.purpose {
                Purpose::Completion { of, .. } => Some(*of),
                Purpose::Sale | Purpose::Hold => None,
            },
            charges: 0,
            batch: intent.batch.get(),
            voucher: intent.voucher.get(),
            counted: None,
            facts: 1,
            code: None,
            on_disk: BTreeSet::new(),
        };
        let fresh = self.numbers.insert(sale.order.clone());
        self.holds(Invariant::I5, fresh, "an order number was used twice", now);
        let fresh = self.vouchers.insert(intent.voucher.get());
        self.holds(Invariant::I5, fresh, "a voucher number was used twice", now);
        self.in_the_open_batch(sale.batch, now);
        let positive = sale.fen > 0;
        self.holds(Invariant::I11, positive, "a sale over nothing", now);
        let fresh = self.sales.insert(intent.txn, sale).is_none();
        self.holds(Invariant::I5, fresh, "a transaction began twice", now);
    }

    fn revoke_intent(&mut self, txn: TxnId, number: &str, attempt: u32, now: u64) {
        let fresh = self.numbers.insert(number.to_owned());
        self.holds(Invariant::I5, fresh, "a revoke number was used twice", now);
        let Some(sale) = self.sales.get_mut(&txn) else {
            return self.blame(
                Invariant::I9,
                "a revoke of a sale without intent".into(),
                now,
            );
        };
        sale.revokes.push(number.to_owned());
        sale.provisional_at = None;
        let counted = u32::try_from(sale.revokes.len()) == Ok(attempt);
        let open = sale.ended.is_none();
        let waited = sale.cancelled
            || sale.merchant_code
            || sale.card
            || attempt > 1
            || now.saturating_sub(sale.since) >= drifted(SCHEDULE_MS);
        self.holds(
            Invariant::I9,
            counted,
            "revokes are not counted one by one",
            now,
        );
        self.holds(Invariant::I2, open, "a closed sale is revoked", now);
        let what = "revoked before the schedule ended, and nobody asked for it";
        self.holds(Invariant::L4, waited, what, now);
    }

    fn closed(&mut self, txn: TxnId, outcome: &Outcome, host: &Host, now: u64) {
        let Some(sale) = self.sales.get_mut(&txn) else {
            return self.blame(Invariant::I9, "a sale closed that never began".into(), now);
        };
        let again = sale.ended.replace(Word::of(outcome)).is_some();
        sale.ended_at = now;
        let (order, fen) = (sale.order.clone(), sale.fen);
        let (revoking, provisional_at) = (sale.is_revoking(), sale.provisional_at);
        self.holds(Invariant::I9, !again, "a closed sale closed again", now);
        let undone = host.order(&order).is_some_and(|known| known.is_undone());
        let known = host.order(&order).is_some();
        match outcome {
            Outcome::Paid(evidence) => {
                self.holds(
                    Invariant::I2,
                    !revoking,
                    "R2: paid after a revoke intent",
                    now,
                );
                let record = evidence.record();
                let named = record.order_no == order && record.amount == fen;
                self.holds(
                    Invariant::I12,
                    named,
                    "the proof is about something else",
                    now,
                );
                let meant = digest(&record.digest).and_then(|digest| host.meant(&digest));
                let meant = meant.is_some_and(|answer| {
                    answer.word == "paid" && answer.order.as_deref() == Some(&*order)
                });
                let what = "paid without an answer that the acquirer meant";
                self.holds(Invariant::I12, meant, what, now);
            }
            Outcome::Declined { .. } => {
                let real = host.was_refused(&order) || undone;
                self.holds(Invariant::I12, real, "told declined, it can be paid", now);
            }
            Outcome::NotSent => {
                self.holds(Invariant::I12, !known, "told not sent, it arrived", now);
            }
            Outcome::Revoked => {
                let waited = |at: u64| now.saturating_sub(at) >= drifted(RECHECKS_MS);
                let refused = host.was_refused(&order);
                let returned = host
                    .order(&order)
                    .is_some_and(|o| o.was_charged() && o.net() == 0);
                let real = undone
                    || refused
                    || returned
                    || host.is_forbidden(&order)
                    || !known && provisional_at.is_some_and(waited);
                self.holds(Invariant::I2, real, "told revoked, it can be paid", now);
                let what = "told revoked without an intent";
                self.holds(Invariant::I6, revoking, what, now);
            }
        }
    }

    /// A screen is shown.
    pub fn shown(&mut self, txn: TxnId, word: Word, host: &Host, now: u64) {
        if self.undos.contains_key(&txn) {
            return self.undo_shown(txn, word, host, now);
        }
        let Some(sale) = self.sales.get_mut(&txn) else {
            return self.blame(
                Invariant::I7,
                "a screen of a sale that is not stored".into(),
                now,
            );
        };
        let before = sale.shown.replace(word);
        let stored = !word.is_final() || sale.ended == Some(word);
        let (order, fen, revoking) = (sale.order.clone(), sale.fen, sale.is_revoking());
        let settled = before.is_none_or(|old| !old.is_final() || old == word);
        self.holds(
            Invariant::I7,
            stored,
            "a result is shown that is not stored",
            now,
        );
        let what = "a result was shown and then another one";
        self.holds(Invariant::I2, settled, what, now);
        match word {
            Word::Paid => {
                let real = host.net(&order) == fen;
                self.holds(Invariant::I2, real, "shown paid, the ledger says no", now);
            }
            Word::NotPaid | Word::Revoked => {
                let real = host.net(&order) == 0;
                self.holds(
                    Invariant::I2,
                    real,
                    "shown not paid, the ledger says paid",
                    now,
                );
            }
            Word::Revoking => {
                let what = "shown as being revoked without a stored intent";
                self.holds(Invariant::I7, revoking, what, now);
            }
            Word::Wait => {}
            Word::GoingBack | Word::WentBack | Word::NotReturned => {
                self.blame(
                    Invariant::I7,
                    "money back of a sale that has none".into(),
                    now,
                );
            }
        }
    }

    /// Tells whether the code of an order was stored before it is shown.
    pub fn code_stored(&self, txn: TxnId, text: &str) -> bool {
        let digest = data_encoding::HEXLOWER.encode(&sha256(text.as_bytes()));
        let sale = self.sales.get(&txn);
        sale.is_some_and(|sale| sale.code.as_deref() == Some(&*digest))
    }

    /// A proven success came back for a sale whose revoke was decided.
    pub fn success_heard(&mut self, txn: TxnId, now: u64) {
        let noted = self
            .sales
            .get(&txn)
            .is_none_or(|sale| !sale.is_revoking() || sale.ended.is_some() || sale.success_noted);
        let what = "a success after the revoke was not written down";
        self.holds(Invariant::I9, noted, what, now);
    }

    /// The program started anew and goes on with these sales.
    pub fn booted(&mut self, open: &BTreeSet<TxnId>, now: u64) {
        let mut lost = Vec::new();
        for (txn, sale) in &mut self.sales {
            sale.since = now;
            if sale.ended.is_none() && !open.contains(txn) {
                lost.push(*txn);
            }
        }
        let undos = self.undos.iter();
        let gone = undos.filter(|(txn, undo)| undo.ended.is_none() && !open.contains(txn));
        lost.extend(gone.map(|(txn, _)| *txn));
        let settlements = self.settlements.by_txn.iter();
        let gone = settlements.filter(|(txn, settling)| !settling.ended && !open.contains(txn));
        lost.extend(gone.map(|(txn, _)| *txn));
        for txn in lost {
            let what = format!("the start does not go on with the open sale {txn}");
            self.blame(Invariant::I8, what, now);
        }
        self.checks += 1;
    }

    /// The sales that the program works on, after an event.
    pub fn kept(&mut self, count: usize, holds: impl Fn(TxnId) -> bool, now: u64) {
        self.holds(
            Invariant::I15,
            count <= limits::OPEN_SALES,
            "too many open sales",
            now,
        );
        let sales = self.sales.iter().filter(|(_, sale)| sale.ended.is_none());
        let undos = self.undos.iter().filter(|(_, undo)| undo.ended.is_none());
        let settling = self.settlements.by_txn.iter();
        let settling = settling.filter(|(_, settling)| !settling.ended);
        let open = sales.map(|(txn, _)| *txn).chain(undos.map(|(txn, _)| *txn));
        let open = open.chain(settling.map(|(txn, _)| *txn));
        let gone = open.into_iter().find(|txn| !holds(*txn));
        if let Some(txn) = gone {
            self.blame(
                Invariant::I8,
                format!("the open sale {txn} has disappeared"),
                now,
            );
        }
        self.checks += 1;
    }
}

pub(super) fn digest(text: &str) -> Option<[u8; 32]> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok()
}

/// Returns the hash that a row must have: SHA-256 over the hash before it, its number and its bytes.
pub(super) fn row_hash(previous: &[u8; 32], number: u64, body: &[u8]) -> [u8; 32] {
    sha256(&[previous.as_slice(), &number.to_be_bytes(), body].concat())
}
