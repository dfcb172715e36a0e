//! What the checker sees of the cards' part of a settlement: its messages are those of the entries, each under a stored
//! trace of its own, and the next batch's cards wait for its end.
//!
//! Owns the memory of these messages. It adds up what it has seen stored, never what the core computed.

use std::collections::BTreeMap;

use super::Invariant;
use super::watch::{Watch, Word, digest};
use crate::domain::TxnId;
use crate::payment::{CardAsk, Request};
use crate::settlement::{CardHeard, CardMessage, CardVerdict};
use crate::simulator::closing::card_word;
use crate::simulator::host::{self, Ask, CardKind, CardRow, CardSums, Host, card_sums};

/// The messages of one settlement to the card host.
#[derive(Clone, Debug, Default)]
pub struct CardBatch {
    stored: Option<CardMessage>,
    sent: BTreeMap<u32, Sent>,
    uploaded: Vec<CardRow>,
    heard: Option<CardHeard>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Totals(CardSums),
    Rows(Vec<CardRow>),
    End,
}

impl CardBatch {
    const fn verdict(&self) -> Option<CardVerdict> {
        match self.heard {
            Some(CardHeard::Balanced) => Some(CardVerdict::Equal),
            Some(CardHeard::Agrees) => Some(CardVerdict::EqualOneByOne),
            Some(CardHeard::Differs) => Some(CardVerdict::Unequal),
            Some(CardHeard::Unbalanced | CardHeard::Taken | CardHeard::Used) | None => None,
        }
    }
}

impl Watch {
    pub(super) fn cards_asked(&mut self, txn: TxnId, message: CardMessage, now: u64) {
        let fresh = self.vouchers.insert(message.trace.get());
        let what = "a trace of the cards' batch was used twice";
        self.holds(Invariant::I5, fresh, what, now);
        if let Some(settling) = self.settlements.by_txn.get_mut(&txn) {
            settling.cards.stored = Some(message);
        }
    }

    pub(super) fn cards_heard(
        &mut self,
        txn: TxnId,
        (heard, proof): (CardHeard, &str),
        host: &Host,
        now: u64,
    ) {
        let meant = digest(proof).and_then(|digest| host.meant(&digest));
        let meant = meant.and_then(|answer| card_word(&answer.word));
        let what = "the card host is heard to say what it never meant";
        self.holds(Invariant::I12, meant == Some(heard), what, now);
        if let Some(settling) = self.settlements.by_txn.get_mut(&txn) {
            settling.cards.heard = Some(heard);
        }
    }

    /// A request leaves. Only a message about the cards' batch is looked at here.
    pub fn cards_sent(&mut self, txn: TxnId, ask: &Ask, now: u64) {
        let Ask::Card(ask) = ask else {
            return;
        };
        let (trace, sent) = match ask {
            host::CardAsk::Totals { trace, sums, .. } => (*trace, Sent::Totals(*sums)),
            host::CardAsk::Rows { trace, rows, .. } => (*trace, Sent::Rows(rows.clone())),
            host::CardAsk::End { trace, .. } => (*trace, Sent::End),
            host::CardAsk::Charge { .. }
            | host::CardAsk::Complete { .. }
            | host::CardAsk::Reverse { .. }
            | host::CardAsk::Void { .. } => return,
        };
        let entries = self.card_entries(txn);
        let Some(settling) = self.settlements.by_txn.get_mut(&txn) else {
            return self.blame(Invariant::I6, "sent without a stored intent".into(), now);
        };
        let cards = &mut settling.cards;
        let stored = cards.stored.map(|message| message.trace.get()) == Some(trace);
        let before = cards.sent.insert(trace, sent.clone());
        let same = before.as_ref().is_none_or(|before| *before == sent);
        let right = match &sent {
            Sent::Totals(told) => {
                if before.is_none() {
                    cards.uploaded.clear();
                }
                *told == card_sums(&entries)
            }
            Sent::Rows(rows) => {
                if before.is_none() {
                    cards.uploaded.extend_from_slice(rows);
                }
                rows.iter().all(|row| entries.contains(row))
            }
            Sent::End => {
                cards.uploaded.sort_unstable();
                before.is_some() || cards.uploaded == entries
            }
        };
        let what = "a message of the cards' batch leaves, and its trace is not stored";
        self.holds(Invariant::I6, stored, what, now);
        let what = "another message leaves under a trace of the cards' batch";
        self.holds(Invariant::I5, same, what, now);
        let what = "what the card host is told of a batch is not what is in it";
        self.holds(Invariant::I4, right, what, now);
    }

    /// The cards' entries of a settlement that stand, sorted.
    fn card_entries(&self, txn: TxnId) -> Vec<CardRow> {
        let Some(settling) = self.settlements.by_txn.get(&txn) else {
            return Vec::new();
        };
        let mine =
            |batch: u32, txn: &TxnId| batch == settling.batch && !settling.left.contains(txn);
        let completes = |txn: &TxnId| self.sales.get(txn).is_some_and(|s| s.completes.is_some());
        let held = |txn: &TxnId| self.sales.get(txn).is_some_and(|sale| sale.hold);
        let sales = self.sales.iter().filter(|(txn, sale)| {
            sale.card && !sale.hold && sale.ended == Some(Word::Paid) && mine(sale.batch, txn)
        });
        let sales = sales.map(|(txn, sale)| {
            let kind = if completes(txn) {
                CardKind::Completion
            } else {
                CardKind::Sale
            };
            (kind, sale.voucher, sale.fen)
        });
        let undos = self.undos.iter().filter(|(txn, undo)| {
            let back = undo.ended == Some(Word::WentBack) && !undo.late && !held(&undo.of);
            undo.card && back && mine(undo.batch, txn)
        });
        let undos = undos.map(|(_, undo)| {
            let kind = match (undo.void, completes(&undo.of)) {
                (true, true) => CardKind::CompletionVoid,
                (true, false) => CardKind::Void,
                (false, _) => CardKind::Refund,
            };
            (kind, undo.voucher, undo.fen)
        });
        let mut rows: Vec<CardRow> = sales.chain(undos).collect();
        rows.sort_unstable();
        rows
    }

    /// A settlement ended: with the card host's last word about its cards, if there were any.
    pub(super) fn cards_closed(&mut self, txn: TxnId, told: Option<CardVerdict>, now: u64) {
        let Some(settling) = self.settlements.by_txn.get(&txn) else {
            return;
        };
        let same = told == settling.cards.verdict();
        let asked = told.is_some() || self.card_entries(txn).is_empty();
        let what = "the verdict about the cards is not the card host's";
        self.holds(Invariant::I4, same, what, now);
        let what = "a settlement ended before the card host's batch did";
        self.holds(Invariant::I4, asked, what, now);
    }

    /// No card of the next batch is charged before the card host has closed the one before (D18).
    pub(super) fn cards_wait(&mut self, request: &Request, now: u64) {
        let Request::Card(card) = request else {
            return;
        };
        let charges = match card.what {
            CardAsk::Sale(_) | CardAsk::Hold(_) | CardAsk::Completion(_) => true,
            CardAsk::Reversal { .. }
            | CardAsk::Void(_)
            | CardAsk::Refund(_)
            | CardAsk::Balance(_) => false,
        };
        let batch = card.batch.get();
        let before = self.settlements.by_txn.iter().find(|(txn, settling)| {
            let open = settling.batch < batch && !settling.ended;
            open && settling.cards.verdict().is_none() && !self.card_entries(**txn).is_empty()
        });
        let waits = !charges || before.is_none();
        let what = "a card is charged before the card host has closed the batch before";
        self.holds(Invariant::I4, waits, what, now);
    }
}
