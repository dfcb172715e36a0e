//! The step function: routes an event to the draft or to one sale. Holds no flow logic.
//!
//! ```text
//!  SaleRequested        CodePresented          answer / failure / deadline
//!  ───────────▶ Draft ───────────────▶ Sending ───────────────▶ Polling ──▶ Revoking ──▶ Provisional
//!                 │ cancel               │ paid, declined,         │ paid      │ undone      │ six times
//!                 ▼                      ▼ not sent                ▼           ▼             ▼ not found
//!               (gone)                 Closed                    Closed      Closed        Closed
//! ```
//!
//! Invariants, checked by the random and restart tests: every request was preceded by its intent in the facts; after
//! `RevokeIntended` no sale closes as paid; a closed sale never reopens; order numbers never repeat.

use std::collections::VecDeque;

use crate::code::PaymentCode;
use crate::domain::{Money, Now, OperatorNo, OrderKind, Tick, TxnId};
use crate::limits;

use super::command::{Command, Request, RequestKind, Sound, Ticket};
use super::event::{EntryMode, Event};
use super::fact::{Fact, FactKind, Intent};
use super::policy::Policy;
use super::sale;
use super::state::{Draft, Phase, Sale, State};

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
}

impl Turn<'_> {
    pub fn fact(&mut self, kind: FactKind) {
        self.facts.push(Fact {
            at: self.now.utc,
            kind,
        });
    }

    pub fn send(&mut self, sale: &mut Sale, kind: RequestKind, request: Request) -> u32 {
        sale.requests += 1;
        if kind == RequestKind::Inquire {
            sale.asked += 1;
        }
        let ticket = Ticket {
            txn: sale.intent.txn,
            kind,
            number: sale.requests,
        };
        self.commands.push(Command::Send { ticket, request });
        sale.requests
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
    };
    match event {
        Event::SaleRequested {
            txn,
            amount,
            operator,
        } => {
            request_sale(&mut state, &mut turn, txn, amount, operator);
        }
        Event::CodePresented { code, entry } => present(&mut state, &mut turn, code, entry),
        Event::CancelRequested => cancel(&mut state, &mut turn),
        Event::QueryRequested { txn } => with(&mut state, txn, |sale| sale::query_now(sale, now)),
        Event::ParkRequested => park(&mut state),
        Event::ResultDismissed => dismiss(&mut state),
        Event::Answered { ticket, claim } => {
            with(&mut state, ticket.txn, |sale| {
                sale::answered(sale, &mut turn, ticket, &claim)
            });
        }
        Event::AnswerRejected { ticket, rejection } => {
            let why = rejection.to_string();
            with(&mut state, ticket.txn, |sale| {
                sale::rejected(sale, &mut turn, ticket, why)
            });
        }
        Event::SendFailed {
            ticket,
            certainty,
            why,
        } => {
            with(&mut state, ticket.txn, |sale| {
                sale::failed(sale, &mut turn, ticket, certainty, why);
            });
        }
        Event::DeadlineReached => deadlines(&mut state, &mut turn),
    }
    sweep(&mut state, &mut turn);
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

/// Returns the next moment at which [`Event::DeadlineReached`] is due, and why.
pub fn next_deadline(state: &State, policy: &Policy) -> Option<(Tick, &'static str)> {
    let own = state.sales.values().filter_map(|sale| sale.phase.due());
    let parked = state
        .foreground_sale()
        .filter(|sale| !sale.phase.is_closed())
        .map(|sale| {
            let timing = policy.timing(sale.intent.channel);
            (
                sale.sent.after_ms(timing.park_after_ms),
                "the till is freed",
            )
        });
    own.chain(parked).min_by_key(|(tick, _)| *tick)
}

fn with(state: &mut State, txn: TxnId, act: impl FnOnce(&mut Sale)) {
    // An answer for a sale that is gone is the edge's to log; it proves nothing that the facts do not hold.
    if let Some(sale) = state.sales.get_mut(&txn) {
        act(sale);
    }
}

fn request_sale(
    state: &mut State,
    turn: &mut Turn<'_>,
    txn: TxnId,
    amount: Money,
    operator: OperatorNo,
) {
    dismiss(state);
    let busy =
        state.draft.is_some() || state.foreground.is_some() || state.sales.contains_key(&txn);
    let allowed = amount.minor() > 0 && amount.minor() <= turn.policy.amount_max.minor();
    if busy || !allowed || state.sales.len() >= limits::OPEN_SALES {
        return;
    }
    let since = turn.now.tick;
    state.draft = Some(Draft {
        txn,
        amount,
        operator,
        since,
        code_used: false,
    });
    turn.commands.push(Command::StartScan);
}

fn present(state: &mut State, turn: &mut Turn<'_>, code: PaymentCode, entry: EntryMode) {
    let Some(mut draft) = state.draft.take() else {
        return;
    };
    let fingerprint = code.fingerprint(&turn.policy.code_salt);
    forget_old_codes(&mut state.used_codes, turn);
    if state
        .used_codes
        .iter()
        .any(|(used, _)| *used == fingerprint)
    {
        draft.code_used = true;
        state.draft = Some(draft);
        return;
    }
    state.used_codes.push_back((fingerprint, turn.now.tick));
    let (order_no, sequence) = turn.numbers.order(&turn.policy.term, OrderKind::Sale);
    let intent = Intent {
        txn: draft.txn,
        order_no: order_no.clone(),
        sequence,
        voucher: turn.numbers.voucher(),
        batch: turn.numbers.batch,
        amount: draft.amount,
        channel: code.channel(),
        entry,
        operator: draft.operator,
        code_tail: code.tail().to_owned(),
        code_fingerprint: data_encoding::HEXLOWER.encode(&fingerprint.0),
    };
    let due = turn.after(turn.policy.timing(intent.channel).answer_wait_ms);
    let mut sale = Sale {
        intent: intent.clone(),
        sent: turn.now.tick,
        requests: 0,
        asked: 0,
        cancel_wanted: false,
        attention: false,
        phase: Phase::Sending { due },
    };
    turn.fact(FactKind::IntentRecorded(intent));
    turn.commands.push(Command::StopScan);
    turn.commands.push(Command::Play(Sound::Scanned));
    let request = Request::Authorize {
        order_no,
        amount: draft.amount,
        code,
    };
    turn.send(&mut sale, RequestKind::Authorize, request);
    state.foreground = Some(draft.txn);
    state.sales.insert(draft.txn, sale);
}

fn forget_old_codes(codes: &mut VecDeque<(crate::code::Fingerprint, Tick)>, turn: &Turn<'_>) {
    codes.retain(|(_, at)| turn.now.tick.since_ms(*at) < turn.policy.code_life_ms);
    while codes.len() >= limits::CODES_REMEMBERED {
        codes.pop_front();
    }
}

fn cancel(state: &mut State, turn: &mut Turn<'_>) {
    if state.draft.take().is_some() {
        turn.commands.push(Command::StopScan);
        return;
    }
    if let Some(txn) = state.foreground {
        with(state, txn, |sale| {
            sale::stop_waiting(sale, turn.now, turn.policy)
        });
    }
}

fn park(state: &mut State) {
    let may_park = state
        .foreground_sale()
        .is_some_and(|sale| match &sale.phase {
            Phase::Polling(_) | Phase::Revoking(_) | Phase::Provisional(_) => true,
            Phase::Sending { .. } | Phase::Closed { .. } => false,
        });
    if may_park {
        state.foreground = None;
    }
}

fn dismiss(state: &mut State) {
    if state
        .foreground_sale()
        .is_some_and(|sale| sale.phase.is_closed())
    {
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
    let late = state.foreground_sale().is_some_and(|sale| {
        let timing = turn.policy.timing(sale.intent.channel);
        !sale.phase.is_closed() && sale.sent.after_ms(timing.park_after_ms) <= turn.now.tick
    });
    if late {
        state.foreground = None;
    }
}

/// Forgets ended sales that nobody looks at, and tells a late result to the shop.
fn sweep(state: &mut State, turn: &mut Turn<'_>) {
    let foreground = state.foreground;
    state.sales.retain(|txn, sale| {
        let keep = Some(*txn) == foreground || !sale.phase.is_closed();
        if !keep {
            sale::mark_late(&mut turn.commands, sale);
        }
        keep
    });
}
