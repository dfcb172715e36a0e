//! What the simulator itself has reached: each state of a sale, with each event, at each durable point.
//!
//! Owns the names of states and events.

use std::collections::BTreeMap;

use crate::domain::TxnId;
use crate::evidence::ClaimState;
use crate::payment::{CardWord, Certainty, Event, Phase, RequestKind, RevokeStep, State, UndoStep};
use crate::settlement::{Says, Step, What};

/// Where the run stood when the event was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Nothing had to be stored.
    Pure,
    /// Stored, and everything after it was done.
    Stored,
    /// The disk refused.
    Refused,
    /// The process or the power went before the append.
    Before,
    /// In it.
    During,
    /// After it, before the first command.
    After,
    /// After a command, before the screen.
    Commanded,
}

impl Point {
    /// Every point.
    pub const ALL: [Self; 7] = [
        Self::Pure,
        Self::Stored,
        Self::Refused,
        Self::Before,
        Self::During,
        Self::After,
        Self::Commanded,
    ];

    /// Returns the word for it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pure => "nothing to store",
            Self::Stored => "stored",
            Self::Refused => "refused by the disk",
            Self::Before => "gone before storing",
            Self::During => "gone while storing",
            Self::After => "gone before the commands",
            Self::Commanded => "gone before the screen",
        }
    }
}

/// State, event and point, by name.
pub type Cell = (&'static str, &'static str, Point);

/// How often each cell was reached.
#[derive(Clone, Debug, Default)]
pub struct Coverage(pub BTreeMap<Cell, u64>);

impl Coverage {
    /// Counts a cell.
    pub fn hit(&mut self, state: &'static str, event: &'static str, point: Point) {
        *self.0.entry((state, event, point)).or_default() += 1;
    }

    /// Adds what another run reached.
    pub fn add(&mut self, other: &Self) {
        for (cell, count) in &other.0 {
            *self.0.entry(*cell).or_default() += count;
        }
    }
}

/// Returns the name of the state that an event meets.
pub fn state_name(state: &State, event: &Event) -> &'static str {
    let till = || match (
        &state.draft,
        state.foreground_sale(),
        state.foreground_undo(),
    ) {
        (Some(draft), _, _) if draft.held.is_some() => "draft, code held",
        (Some(draft), _, _) if draft.order.is_some() => "draft, our code",
        (Some(draft), _, _) if draft.hold => "draft, hold",
        (Some(_), _, _) => "draft",
        (None, Some(sale), _) => phase_name(&sale.phase),
        (None, None, Some(undo)) => undo_name(&undo.step),
        (None, None, None) => "idle",
    };
    match event {
        Event::Answered { ticket, .. }
        | Event::AnswerRejected { ticket, .. }
        | Event::SendFailed { ticket, .. } => txn_name(state, ticket.txn),
        Event::SettlementAnswered { ticket, .. } | Event::BalanceAnswered { ticket, .. } => {
            txn_name(state, ticket.txn)
        }
        Event::BatchRead { txn, .. }
        | Event::QueryRequested { txn }
        | Event::CardEnded { txn, .. } => txn_name(state, *txn),
        Event::Noticed { claim, .. } => {
            let order = claim.value().order_no.as_ref();
            let mut sales = state.sales.values();
            let found = sales.find(|sale| Some(&sale.intent.order_no) == order);
            found.map_or("gone", |sale| phase_name(&sale.phase))
        }
        Event::DeadlineReached => {
            let sale = state.sales.values().min_by_key(|sale| due(&sale.phase));
            let undo = state.undos.values().min_by_key(|undo| undo_due(&undo.step));
            match (sale, undo) {
                (Some(sale), Some(undo)) if undo_due(&undo.step) < due(&sale.phase) => {
                    undo_name(&undo.step)
                }
                (Some(sale), _) => phase_name(&sale.phase),
                (None, Some(undo)) => undo_name(&undo.step),
                (None, None) => till(),
            }
        }
        Event::SaleRequested { .. }
        | Event::CodePresented { .. }
        | Event::CardPresented { .. }
        | Event::MerchantCodeRequested { .. }
        | Event::InstalmentsChosen(_)
        | Event::HoldChosen { .. }
        | Event::CompletionRequested { .. }
        | Event::UndoRequested { .. }
        | Event::SettlementRequested { .. }
        | Event::BalanceRequested { .. }
        | Event::CancelRequested
        | Event::ParkRequested
        | Event::ResultDismissed => till(),
    }
}

fn txn_name(state: &State, txn: TxnId) -> &'static str {
    let sale = state.sales.get(&txn).map(|sale| phase_name(&sale.phase));
    let undo = state.undos.get(&txn).map(|undo| undo_name(&undo.step));
    let settling = state.settlement.as_ref();
    let settling = settling.filter(|own| own.intent.txn == txn);
    let settling = settling.map(|own| settling_name(&own.step));
    sale.or(undo).or(settling).unwrap_or("gone")
}

fn due(phase: &Phase) -> u64 {
    match phase {
        Phase::Sending { due } | Phase::Ordering { due } => due.0,
        Phase::Presenting(presenting) => presenting.due.0,
        Phase::Completing(completing) => completing.due.0,
        Phase::Polling(polling) => polling.due.0,
        Phase::Revoking(revoking) => revoking.due.0,
        Phase::Provisional(provisional) => provisional.due.0,
        Phase::Returning { .. } | Phase::Closed { .. } => u64::MAX,
    }
}

fn undo_due(step: &UndoStep) -> u64 {
    match step {
        UndoStep::Waiting { due, .. } | UndoStep::Asked { due, .. } => due.0,
        UndoStep::Closed { .. } => u64::MAX,
    }
}

/// Returns the name of a phase.
pub fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Sending { .. } => "sending",
        Phase::Ordering { .. } => "ordering",
        Phase::Presenting(presenting) if presenting.in_flight.is_some() => "presenting, asked",
        Phase::Presenting(_) => "presenting",
        Phase::Completing(_) => "completing",
        Phase::Polling(polling) if polling.in_flight.is_some() => "polling, asked",
        Phase::Polling(_) => "polling",
        Phase::Revoking(revoking) => match revoking.step {
            RevokeStep::Waiting => "revoking",
            RevokeStep::Sending(_) => "revoking, sent",
            RevokeStep::Confirming(_) => "revoking, asked",
        },
        Phase::Provisional(provisional) if provisional.in_flight.is_some() => "provisional, asked",
        Phase::Provisional(_) => "provisional",
        Phase::Returning { .. } => "returning",
        Phase::Closed { .. } => "closed",
    }
}

/// Returns the name of a step of an undo.
pub fn undo_name(step: &UndoStep) -> &'static str {
    match step {
        UndoStep::Waiting { .. } => "undo",
        UndoStep::Asked {
            kind: RequestKind::Void | RequestKind::Refund,
            ..
        } => "undo, sent",
        UndoStep::Asked { .. } => "undo, asked",
        UndoStep::Closed { .. } => "undo, closed",
    }
}

/// Returns the name of a step of a settlement.
fn settling_name(step: &Step) -> &'static str {
    match step {
        Step::Waiting { .. } => "settling, waiting",
        Step::Reading { .. } => "settling, reading",
        Step::Asking { what, .. } => match what {
            What::Totals | What::Inquiry => "settling, totals",
            What::Details | What::DetailsEnd => "settling, details",
            What::Cards => "settling, cards",
            What::Page => "settling, statement",
        },
        Step::Resting { .. } => "settling, resting",
        Step::Closed => "settled",
    }
}

/// Returns the name of an event.
pub fn event_name(event: &Event) -> &'static str {
    match event {
        Event::SaleRequested { .. } => "amount",
        Event::CodePresented { .. } => "code",
        Event::CardPresented { .. } => "card",
        Event::CardEnded { word, .. } => match word {
            CardWord::Approved => "the card approves",
            CardWord::Refused => "the card refuses",
            CardWord::Gone => "the card is gone",
        },
        Event::MerchantCodeRequested { .. } => "our code wanted",
        Event::InstalmentsChosen(_) => "instalments",
        Event::HoldChosen { .. } => "hold chosen",
        Event::CompletionRequested { .. } => "completion wanted",
        Event::UndoRequested { .. } => "undo wanted",
        Event::SettlementRequested { .. } => "settlement wanted",
        Event::BatchRead { .. } => "batch read",
        Event::BalanceRequested { .. } => "balance wanted",
        Event::BalanceAnswered { .. } => "balance told",
        Event::SettlementAnswered { claim, .. } => match claim.value().says {
            Says::Totals { balanced: true, .. } => "answer: balanced",
            Says::Totals { .. } => "answer: differs",
            Says::Taken { .. } => "answer: details taken",
            Says::Cards(_) => "answer: cards",
            Says::Page(_) => "answer: statement",
            Says::NotFound => "answer: not found",
            Says::Unknown => "answer: unknown code",
        },
        Event::Noticed { .. } => "notice",
        Event::CancelRequested => "cancel",
        Event::QueryRequested { .. } => "query",
        Event::ParkRequested => "park",
        Event::ResultDismissed => "dismiss",
        Event::Answered { claim, .. } => match claim.value().state {
            ClaimState::Paid => "answer: paid",
            ClaimState::Paying => "answer: paying",
            ClaimState::Declined => "answer: declined",
            ClaimState::NotFound => "answer: not found",
            ClaimState::Undone(_) => "answer: undone",
            ClaimState::RevokeAccepted => "answer: revoke taken",
            ClaimState::Presentable => "answer: waits for a scan",
            ClaimState::Returned => "answer: returned",
            ClaimState::Returning => "answer: returning",
            ClaimState::ReturnFailed => "answer: return failed",
            ClaimState::Unknown => "answer: unknown code",
        },
        Event::AnswerRejected { .. } => "answer not believed",
        Event::SendFailed { certainty, .. } => match certainty {
            Certainty::NotSent => "not sent",
            Certainty::NotMade(_) => "not made",
            Certainty::MaybeSent => "perhaps sent",
            Certainty::Unchecked => "not checked",
        },
        Event::DeadlineReached => "deadline",
    }
}
