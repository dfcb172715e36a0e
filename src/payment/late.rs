//! The guard against late successes: an acquirer that proves "paid" for a sale which had ended as not paid.
//!
//! The customer was told "not paid", so the money goes back by itself, under a number of its own, and a person is told.
//! Owns the short memory of ended sales and the reading of notices. A notice only hastens what an inquiry would have
//! found: it never moves a state backwards, and everything works without it.

use std::sync::Arc;

use crate::domain::{Tick, TxnId};
use crate::evidence::{Claim, Expected, PaidEvidence, Verified};
use crate::limits;

use super::command::{RequestKind, Ticket};
use super::draft;
use super::fact::{FactKind, Intent, Outcome, UndoCause};
use super::machine::Turn;
use super::sale;
use super::state::{Phase, State};
use super::undo;

/// A sale that ended as not paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSale {
    /// What was stored before it was sent.
    pub intent: Intent,
    /// How many automatic refunds it had already.
    pub refunds: u32,
}

/// Reads a notice. One about an open sale counts like the answer to an inquiry that nobody waits for.
pub(super) fn noticed(
    state: &mut State,
    turn: &mut Turn<'_>,
    claim: &Verified<Claim>,
    ended: Option<Box<EndedSale>>,
) {
    let Some(order_no) = &claim.value().order_no else {
        return;
    };
    let open = state
        .sales
        .values_mut()
        .find(|sale| sale.intent.order_no == *order_no);
    if let Some(sale) = open {
        // A card sale ends by its own answer, the card's word, or its reversal.
        if sale.intent.entry.is_card() {
            return;
        }
        let ticket = Ticket {
            txn: sale.intent.txn,
            kind: RequestKind::Inquire,
            number: 0,
        };
        return sale::answered(sale, turn, ticket, claim);
    }
    let remembered = state
        .ended
        .values()
        .find(|(sale, _)| sale.intent.order_no == *order_no)
        .map(|(sale, _)| sale.clone());
    if let Some(sale) = remembered.or(ended.map(|sale| *sale)) {
        success(state, turn, &sale, claim);
    }
}

/// An answer to a request of a sale that is gone.
pub(super) fn answered(
    state: &mut State,
    turn: &mut Turn<'_>,
    txn: TxnId,
    claim: &Verified<Claim>,
) {
    if let Some((sale, _)) = state.ended.get(&txn).cloned() {
        success(state, turn, &sale, claim);
    }
}

fn success(state: &mut State, turn: &mut Turn<'_>, sale: &EndedSale, claim: &Verified<Claim>) {
    let expected = Expected {
        merchant: &turn.policy.merchant,
        order_no: &sale.intent.order_no,
        amount: sale.intent.amount,
    };
    let Ok(evidence) = PaidEvidence::bind(claim, expected) else {
        return;
    };
    // Its reversal took that back already, and was promised to hold (docs/CARDS.md, rule 2).
    if sale.intent.entry.is_card() {
        return;
    }
    let txn = sale.intent.txn;
    let under_way = state.undos.values().any(|undo| undo.intent.of == txn);
    if under_way {
        return;
    }
    Arc::make_mut(&mut state.ended).remove(&txn);
    give_back(turn, &sale.intent, evidence, sale.refunds + 1);
}

/// Records the success, calls a person, and sends the money back. Returns the refund's transaction.
pub(super) fn give_back(
    turn: &mut Turn<'_>,
    intent: &Intent,
    evidence: PaidEvidence,
    attempt: u32,
) -> TxnId {
    let txn = intent.txn;
    let trade_no = evidence.details().trade_no.clone();
    turn.fact(FactKind::SuccessAfterRevoke { txn, evidence });
    let why = "paid after the sale had ended as not paid: the money goes back by itself".to_owned();
    turn.fact(FactKind::AttentionRaised { txn, why });
    let seed = undo::seed(intent, trade_no, UndoCause::LateSuccess, attempt);
    undo::begin(turn, seed, 0)
}

/// Moves ended sales that nobody looks at into the short memory, and forgets what is old.
pub(super) fn remember(state: &mut State, turn: &mut Turn<'_>) {
    draft::forgive(state);
    let (foreground, now) = (state.foreground, turn.now.tick);
    let old = |at: &Tick| now.since_ms(*at) >= limits::ENDED_SALES_MS;
    if state.ended.values().any(|(_, at)| old(at)) {
        Arc::make_mut(&mut state.ended).retain(|_, (_, at)| !old(at));
    }
    let (ended, sales) = (&mut state.ended, &mut state.sales);
    sales.retain(|txn, sale| {
        let Phase::Closed { outcome, .. } = &sale.phase else {
            return true;
        };
        if Some(*txn) == foreground {
            return true;
        }
        sale::mark_late(&mut turn.commands, sale);
        if !matches!(outcome, Outcome::Paid(_)) && !sale.returned {
            let ended = Arc::make_mut(ended);
            while ended.len() >= limits::OPEN_SALES {
                ended.pop_first();
            }
            let kept = EndedSale {
                intent: sale.intent.clone(),
                refunds: 0,
            };
            ended.insert(*txn, (kept, now));
        }
        false
    });
}
