//! The step function: routes an event to the draft, to one sale or to one undo. Holds no flow logic.
//!
//! ```text
//!  SaleRequested        CodePresented          answer / failure / deadline
//!  ───────────▶ Draft ───────────────▶ Sending ───────────────▶ Polling ──▶ Revoking ──▶ Provisional
//!               │  │ MerchantCodeRequested   │ paid, declined,     │ paid    │  │ undone     │ six times
//!               │  └──▶ Ordering ─▶ Presenting  not sent           ▼         │  ▼            ▼ not found
//!               ▼ cancel          │ expired    ▼                 Closed      │ Closed      Closed
//!             (gone)              └──▶ Polling  Closed                       └ paid ─▶ Returning ─▶ Closed
//! ```
//!
//! Invariants, checked by the random and restart tests: every request was preceded by its intent in the facts; after
//! `RevokeIntended` no sale closes as paid; a closed sale never reopens; order numbers never repeat; a draft's own
//! order and a customer's code are never both on their way.

use crate::domain::{Now, Tick, TxnId};
use crate::evidence::{Claim, Rejection, Verified};

use super::balance;
use super::cards;
use super::command::{Command, Request, RequestKind, Ticket};
use super::draft;
use super::event::{Certainty, Event};
use super::fact::{Fact, FactKind};
use super::hold;
use super::late;
use super::policy::Policy;
use super::sale;
use super::settle;
use super::state::{Phase, Sale, State, Undo};
use super::undo;
use super::undo_flow;

/// The result of one step. The driver stores the facts, then runs the commands, then shows the state.
#[derive(Clone, Debug)]
pub struct Step {
    /// The state after the event.
    pub next: State,
    /// What must be on disk first.
    pub facts: Vec<Fact>,
    /// What to do then.
    pub commands: Vec<Command>,
}

/// One turn of the core: what the flows need and what they produce.
pub(super) struct Turn<'a> {
    pub now: Now,
    pub policy: &'a Policy,
    pub numbers: &'a mut super::state::Numbers,
    pub facts: Vec<Fact>,
    pub commands: Vec<Command>,
    /// Undos that a sale began; they join the state at the end of the turn.
    pub opened: Vec<Undo>,
}

impl Turn<'_> {
    pub fn fact(&mut self, kind: FactKind) {
        self.facts.push(Fact {
            at: self.now.utc,
            kind,
        });
    }

    pub fn send(&mut self, sale: &mut Sale, kind: RequestKind, request: Request) -> u32 {
        if kind == RequestKind::Inquire {
            sale.asked += 1;
        }
        self.send_as(sale.intent.txn, &mut sale.requests, kind, request)
    }

    /// Sends a request of `txn` under the next of its numbers.
    pub fn send_as(
        &mut self,
        txn: TxnId,
        requests: &mut u32,
        kind: RequestKind,
        request: Request,
    ) -> u32 {
        *requests += 1;
        let number = *requests;
        let ticket = Ticket { txn, kind, number };
        self.commands.push(Command::Send { ticket, request });
        number
    }

    pub fn after(&self, later_ms: u64) -> Tick {
        self.now.tick.after_ms(later_ms)
    }
}

/// Takes one event. Total: every event is accepted in every state, and one that has no meaning changes nothing.
pub fn step(mut state: State, event: Event, now: Now, policy: &Policy) -> Step {
    let mut numbers = state.numbers.clone();
    let mut turn = Turn {
        now,
        policy,
        numbers: &mut numbers,
        facts: Vec::new(),
        commands: Vec::new(),
        opened: Vec::new(),
    };
    route(&mut state, &mut turn, event);
    follow_up(&mut state, &mut turn);
    let Turn {
        facts, commands, ..
    } = turn;
    state.numbers = numbers;
    Step {
        next: state,
        facts,
        commands,
    }
}

fn route(state: &mut State, turn: &mut Turn<'_>, event: Event) {
    match event {
        Event::SaleRequested {
            txn,
            amount,
            operator,
        } => {
            dismiss(state);
            draft::request(state, turn, txn, amount, operator);
        }
        Event::CodePresented { code, entry } => draft::present(state, turn, code, entry),
        Event::MerchantCodeRequested { txn, channel } => {
            draft::show_code(state, turn, txn, channel);
        }
        Event::CardPresented { txn, card } => cards::present(state, turn, txn, *card),
        Event::CardEnded { txn, word } => cards::ended(state, turn, txn, word),
        Event::InstalmentsChosen(plan) => draft::instalments(state, plan),
        Event::HoldChosen { txn, hold } => hold::choose(state, turn, txn, hold),
        Event::CompletionRequested {
            txn,
            hold,
            amount,
            operator,
        } => {
            dismiss(state);
            hold::complete(state, turn, (txn, amount), &hold, operator);
        }
        Event::UndoRequested {
            txn,
            original,
            amount,
            operator,
            authority,
        } => {
            dismiss(state);
            undo::request(state, turn, (txn, amount), &original, (operator, authority));
        }
        Event::SettlementRequested { closing, unsettled } => {
            settle::request(state, turn, closing, unsettled);
        }
        Event::BatchRead { txn, batch } => settle::was_read(state, turn, txn, *batch),
        Event::SettlementAnswered { ticket, claim } => {
            settle::answered(state, turn, ticket, &claim);
        }
        Event::Noticed { claim, ended } => late::noticed(state, turn, &claim, ended),
        Event::BalanceRequested { txn, operator } => {
            dismiss(state);
            balance::request(state, turn, txn, operator);
        }
        Event::BalanceAnswered { ticket, claim } => balance::answered(state, turn, ticket, &claim),
        Event::CancelRequested if state.balance.is_some() => balance::cancel(state),
        Event::CancelRequested => draft::cancel(state, turn),
        Event::QueryRequested { txn } => query_now(state, turn.now, txn),
        Event::ParkRequested => park(state, turn),
        Event::ResultDismissed => dismiss(state),
        Event::Answered { ticket, claim } => answered(state, turn, ticket, &claim),
        Event::AnswerRejected { ticket, rejection } => rejected(state, turn, ticket, &rejection),
        Event::SendFailed {
            ticket,
            certainty,
            why,
        } => failed(state, turn, ticket, (certainty, why)),
        Event::DeadlineReached => deadlines(state, turn),
    }
}

fn failed(
    state: &mut State,
    turn: &mut Turn<'_>,
    ticket: Ticket,
    (certainty, why): (Certainty, String),
) {
    if let Some(sale) = state.sales.get_mut(&ticket.txn) {
        sale::failed(sale, turn, ticket, certainty, why);
    } else if let Some(undo) = state.undos.get_mut(&ticket.txn) {
        undo_flow::failed(undo, turn, ticket, certainty, why);
    } else {
        balance::failed(state, turn, ticket, certainty);
        settle::failed(state, turn, ticket, certainty, why);
    }
}

fn rejected(state: &mut State, turn: &mut Turn<'_>, ticket: Ticket, rejection: &Rejection) {
    let why = rejection.to_string();
    if let Some(sale) = state.sales.get_mut(&ticket.txn) {
        sale::rejected(sale, turn, ticket, rejection);
    } else if let Some(undo) = state.undos.get_mut(&ticket.txn) {
        undo_flow::rejected(undo, turn, ticket, why);
    } else {
        balance::failed(state, turn, ticket, Certainty::Unchecked);
        settle::rejected(state, turn, ticket, why);
    }
}

fn query_now(state: &mut State, now: Now, txn: TxnId) {
    if let Some(sale) = state.sales.get_mut(&txn) {
        sale::query_now(sale, now);
    } else if let Some(undo) = state.undos.get_mut(&txn) {
        undo_flow::query_now(undo, now);
    }
}

fn answered(state: &mut State, turn: &mut Turn<'_>, ticket: Ticket, claim: &Verified<Claim>) {
    if let Some(sale) = state.sales.get_mut(&ticket.txn) {
        sale::answered(sale, turn, ticket, claim);
    } else if let Some(undo) = state.undos.get_mut(&ticket.txn) {
        undo_flow::answered(undo, turn, ticket, claim);
    } else {
        late::answered(state, turn, ticket.txn, claim);
    }
}

/// Returns the next moment at which [`Event::DeadlineReached`] is due, and why.
pub fn next_deadline(state: &State, policy: &Policy) -> Option<(Tick, &'static str)> {
    let sales = state.sales.values().filter_map(|sale| sale.phase.due());
    let undos = state
        .undos
        .values()
        .filter_map(|undo| Some((undo.step.due()?, "undo")));
    let parked = freed_at(state, policy).map(|tick| (tick, "the till is freed"));
    let settles = settle::due(state).map(|tick| (tick, "settlement"));
    let balance = balance::due(state).map(|tick| (tick, "balance"));
    sales
        .chain(undos)
        .chain(balance)
        .chain(settles)
        .chain(parked)
        .min_by_key(|(tick, _)| *tick)
}

/// Returns when the till is freed at the latest, while something open holds it.
fn freed_at(state: &State, policy: &Policy) -> Option<Tick> {
    let held = |sale: &Sale| {
        sale.sent
            .after_ms(policy.timing(sale.intent.channel).park_after_ms)
    };
    if let Some(sale) = state.foreground_sale() {
        return (!sale.phase.is_closed()).then(|| held(sale));
    }
    if let Some(undo) = state.foreground_undo() {
        let timing = policy.timing(undo.intent.channel);
        let open = !undo.step.is_closed();
        return open.then(|| undo.since.after_ms(timing.park_after_ms));
    }
    // While our code is shown, its own expiry is the bound.
    let order = state.draft_order()?;
    draft::is_ending(order).then(|| held(order))
}

fn park(state: &mut State, turn: &mut Turn<'_>) {
    let sale_may = state
        .foreground_sale()
        .is_some_and(|sale| match &sale.phase {
            Phase::Polling(_)
            | Phase::Revoking(_)
            | Phase::Provisional(_)
            | Phase::Returning { .. } => true,
            Phase::Sending { .. }
            | Phase::Ordering { .. }
            | Phase::Presenting(_)
            | Phase::Completing(_)
            | Phase::Closed { .. } => false,
        });
    let undo_may = state
        .foreground_undo()
        .is_some_and(|undo| !undo.step.is_closed());
    if sale_may || undo_may {
        state.foreground = None;
    } else if state.draft_order().is_some_and(draft::is_ending) {
        draft::drop_draft(state, turn);
    }
}

fn dismiss(state: &mut State) {
    balance::dismiss(state);
    let sale_ended = state
        .foreground_sale()
        .is_some_and(|sale| sale.phase.is_closed());
    let undo_ended = state
        .foreground_undo()
        .is_some_and(|undo| undo.step.is_closed());
    if sale_ended || undo_ended {
        state.foreground = None;
    }
}

fn deadlines(state: &mut State, turn: &mut Turn<'_>) {
    for sale in state.sales.values_mut() {
        if sale
            .phase
            .due()
            .is_some_and(|(due, _)| due <= turn.now.tick)
        {
            sale::due(sale, turn);
        }
    }
    for undo in state.undos.values_mut() {
        if undo.step.due().is_some_and(|due| due <= turn.now.tick) {
            undo_flow::due(undo, turn);
        }
    }
    settle::deadline(state, turn);
    balance::deadline(state, turn);
    let free = freed_at(state, turn.policy).is_some_and(|tick| tick <= turn.now.tick);
    if free && state.foreground.take().is_none() {
        draft::drop_draft(state, turn);
    }
}

/// What follows from ends: money that goes back ends its sale, a closed own order lets the held code go, and ended
/// sales that nobody looks at are forgotten.
fn follow_up(state: &mut State, turn: &mut Turn<'_>) {
    undo::settle(state, turn);
    draft::order_ended(state, turn);
    settle::follow_up(state, turn);
    for undo in turn.opened.drain(..) {
        state.undos.insert(undo.intent.txn, undo);
    }
    late::remember(state, turn);
    cards::follow_up(state, turn);
    let foreground = state.foreground;
    state
        .undos
        .retain(|txn, undo| Some(*txn) == foreground || !undo.step.is_closed());
}
