//! The settlement among the sales: when it may begin, what of its batch is still open, and its answers and deadlines.
//!
//! Owns the joint between `settlement` and the state of the till. The conversation itself is `settlement`'s. At most
//! one settlement is under way; sales go on beside it under the next batch number.

use crate::domain::{BatchNo, Now, OperatorNo, OrderKind, Tick, TxnId};
use crate::evidence::Verified;
use crate::settlement::{
    self, Answer, Batch, Cause, Settlement, SettlementClaim, SettlementFact, SettlementIntent, Step,
};

use super::command::{Command, Request, RequestKind, Ticket};
use super::event::Certainty;
use super::fact::FactKind;
use super::machine::Turn;
use super::policy::Policy;
use super::state::State;

/// What a settlement would be about, as the journal has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// Sales, voids and refunds that no settlement has counted.
    pub entries: u64,
    /// When the oldest of them was opened that no settlement has left open, in UTC milliseconds. What was left open
    /// waits for the next settlement and asks for none by itself.
    pub since_ms: Option<i64>,
    /// The position after which the acquirer's statement is to be read.
    pub read_after: u64,
    /// Up to this position an earlier settlement has told everything.
    pub told_upto: u64,
}

/// Who wants the batch closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Made at the edge.
    pub txn: TxnId,
    /// Why.
    pub cause: Cause,
    /// Who asks.
    pub operator: OperatorNo,
    /// Who approved; nobody at the set time.
    pub approver: Option<OperatorNo>,
}

/// Freezes the batch and opens the next one, in one unit of work.
pub(super) fn request(
    state: &mut State,
    turn: &mut Turn<'_>,
    closing: Closing,
    unsettled: Unsettled,
) {
    let approved = closing.cause == Cause::Automatic || closing.approver.is_some();
    if state.settlement.is_some() || unsettled.entries == 0 || !approved {
        return;
    }
    let batch = turn.numbers.batch;
    // A terminal that closes a batch a day gets here after 2,700 years.
    let Ok(next) = BatchNo::new(batch.get() + 1) else {
        return;
    };
    let (settle_no, sequence) = turn.numbers.order(&turn.policy.term, OrderKind::Settlement);
    turn.numbers.open_batch(next);
    let intent = SettlementIntent {
        txn: closing.txn,
        settle_no,
        sequence,
        batch,
        cause: closing.cause,
        operator: closing.operator,
        approver: closing.approver,
        read_after: unsettled.read_after,
        told_upto: unsettled.told_upto,
    };
    let begun = with_turn(turn, closing.txn, batch, |own| {
        settlement::begin(intent, own)
    });
    state.settlement = Some(Box::new(begun));
}

/// The journal read the batch.
pub(super) fn was_read(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, batch: Batch) {
    each(state, turn, Some(txn), |settlement, own| {
        settlement.was_read(batch, own);
    });
}

pub(super) fn answered(
    state: &mut State,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    claim: &Verified<SettlementClaim>,
) {
    let mut foreign = false;
    each(state, turn, Some(ticket.txn), |settlement, own| {
        foreign = settlement.answered(ticket.number, claim, own) == Answer::Foreign;
    });
    if foreign {
        turn.fact(FactKind::AnswerRefused {
            txn: ticket.txn,
            about: ticket.kind,
            why: "the answer names another merchant or settlement".to_owned(),
        });
    }
}

pub(super) fn rejected(state: &mut State, turn: &mut Turn<'_>, ticket: Ticket, why: String) {
    if is_open(state, ticket) {
        turn.fact(FactKind::AnswerRefused {
            txn: ticket.txn,
            about: ticket.kind,
            why,
        });
        each(state, turn, Some(ticket.txn), |settlement, own| {
            settlement.failed(ticket.number, true, own);
        });
    }
}

pub(super) fn failed(
    state: &mut State,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    certainty: Certainty,
    why: String,
) {
    if is_open(state, ticket) {
        turn.fact(FactKind::SendFailed {
            txn: ticket.txn,
            about: ticket.kind,
            certainty: certainty.key().to_owned(),
            why,
        });
        each(state, turn, Some(ticket.txn), |settlement, own| {
            settlement.failed(ticket.number, certainty.may_have_left(), own);
        });
    }
}

/// Returns when the settlement has something to do.
pub(super) fn due(state: &State) -> Option<Tick> {
    state.settlement.as_ref()?.due()
}

pub(super) fn deadline(state: &mut State, turn: &mut Turn<'_>) {
    let now = turn.now.tick;
    if due(state).is_some_and(|due| due <= now) {
        each(state, turn, None, Settlement::is_due);
    }
}

/// What is open may end at any time: the settlement waits no longer than that.
pub(super) fn follow_up(state: &mut State, turn: &mut Turn<'_>) {
    let Some(waiting) = state
        .settlement
        .as_ref()
        .filter(|settlement| matches!(settlement.step, Step::Waiting { .. }))
    else {
        return;
    };
    let batch = waiting.intent.batch;
    let sales = state.sales.values();
    let mut open_sales = sales.filter(|sale| !sale.phase.is_closed());
    let undos = state.undos.values().chain(&turn.opened);
    let mut open_undos = undos.filter(|undo| !undo.step.is_closed());
    let open = open_sales.any(|sale| sale.intent.batch <= batch)
        || open_undos.any(|undo| undo.intent.batch <= batch);
    if !open {
        each(state, turn, None, Settlement::stop_waiting);
    }
}

/// Takes the settlement over that was under way when the program ended.
pub(super) fn resumed(facts: &[SettlementFact], now: Now, policy: &Policy) -> Option<Settlement> {
    settlement::resume(facts, now.tick, &policy.settlement)
}

fn is_open(state: &State, ticket: Ticket) -> bool {
    let own = state.settlement.as_ref();
    own.is_some_and(|settlement| settlement.intent.txn == ticket.txn)
}

/// Lets the settlement take a turn, then stores, sends and reads what came of it.
fn each(
    state: &mut State,
    turn: &mut Turn<'_>,
    txn: Option<TxnId>,
    take: impl FnOnce(&mut Settlement, &mut settlement::Turn<'_>),
) {
    let Some(settlement) = &mut state.settlement else {
        return;
    };
    let own = settlement.intent.txn;
    if txn.is_some_and(|txn| txn != own) {
        return;
    }
    let batch = settlement.intent.batch;
    with_turn(turn, own, batch, |inner| take(settlement, inner));
    if settlement.is_closed() {
        state.settlement = None;
    }
}

fn with_turn<T>(
    turn: &mut Turn<'_>,
    txn: TxnId,
    batch: BatchNo,
    take: impl FnOnce(&mut settlement::Turn<'_>) -> T,
) -> T {
    let policy = turn.policy;
    let mut inner = settlement::Turn {
        now: turn.now.tick,
        rules: &policy.settlement,
        merchant: &policy.merchant,
        term: &policy.term,
        trace: turn.numbers.next_trace(),
        took_trace: false,
        facts: Vec::new(),
        asks: Vec::new(),
        read: None,
    };
    let taken = take(&mut inner);
    let settlement::Turn {
        facts,
        asks,
        read,
        took_trace,
        ..
    } = inner;
    if took_trace {
        turn.numbers.voucher();
    }
    for fact in facts {
        // The card host's books of the batch are closed: a new session before the next card.
        if let SettlementFact::CardsHeard { heard, .. } = &fact
            && heard.ends()
        {
            turn.commands.push(Command::RenewCards);
        }
        turn.fact(FactKind::Settlement { txn, fact });
    }
    for (number, ask) in asks {
        let kind = RequestKind::Settlement;
        let ticket = Ticket { txn, kind, number };
        let request = Request::Settlement(Box::new(ask));
        turn.commands.push(Command::Send { ticket, request });
    }
    if let Some(numbers) = read {
        let command = Command::ReadBatch {
            txn,
            batch,
            numbers,
        };
        turn.commands.push(command);
    }
    taken
}
