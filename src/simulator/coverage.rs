//! What the simulator itself has reached: each state of a sale, with each event, at each durable point.
//!
//! Owns the names of states and events and the table of cells that can be reached at all.

use std::collections::BTreeMap;

use crate::domain::TxnId;
use crate::evidence::ClaimState;
use crate::payment::{Certainty, Event, Phase, RevokeStep, Sale, State};

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
    match concerned(state, event) {
        Some(sale) => phase_name(&sale.phase),
        None if is_about_a_sale(event) => "gone",
        None if state.draft.is_some() => "draft",
        None => "idle",
    }
}

const fn is_about_a_sale(event: &Event) -> bool {
    match event {
        Event::Answered { .. }
        | Event::AnswerRejected { .. }
        | Event::SendFailed { .. }
        | Event::QueryRequested { .. } => true,
        Event::SaleRequested { .. }
        | Event::CodePresented { .. }
        | Event::CancelRequested
        | Event::ParkRequested
        | Event::ResultDismissed
        | Event::DeadlineReached => false,
    }
}

fn concerned<'a>(state: &'a State, event: &Event) -> Option<&'a Sale> {
    let of = |txn: &TxnId| state.sales.get(txn);
    match event {
        Event::Answered { ticket, .. }
        | Event::AnswerRejected { ticket, .. }
        | Event::SendFailed { ticket, .. } => of(&ticket.txn),
        Event::QueryRequested { txn } => of(txn),
        Event::DeadlineReached => state.sales.values().min_by_key(|sale| due(&sale.phase)),
        Event::SaleRequested { .. }
        | Event::CodePresented { .. }
        | Event::CancelRequested
        | Event::ParkRequested
        | Event::ResultDismissed => state.foreground_sale(),
    }
}

fn due(phase: &Phase) -> u64 {
    match phase {
        Phase::Sending { due } => due.0,
        Phase::Polling(polling) => polling.due.0,
        Phase::Revoking(revoking) => revoking.due.0,
        Phase::Provisional(provisional) => provisional.due.0,
        Phase::Closed { .. } => u64::MAX,
    }
}

/// Returns the name of a phase.
pub fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Sending { .. } => "sending",
        Phase::Polling(polling) if polling.in_flight.is_some() => "polling, asked",
        Phase::Polling(_) => "polling",
        Phase::Revoking(revoking) => match revoking.step {
            RevokeStep::Waiting => "revoking",
            RevokeStep::Sending(_) => "revoking, sent",
            RevokeStep::Confirming(_) => "revoking, asked",
        },
        Phase::Provisional(provisional) if provisional.in_flight.is_some() => "provisional, asked",
        Phase::Provisional(_) => "provisional",
        Phase::Closed { .. } => "closed",
    }
}

/// Returns the name of an event.
pub fn event_name(event: &Event) -> &'static str {
    match event {
        Event::SaleRequested { .. } => "amount",
        Event::CodePresented { .. } => "code",
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
            ClaimState::Unknown => "answer: unknown code",
        },
        Event::AnswerRejected { .. } => "answer not believed",
        Event::SendFailed { certainty, .. } => match certainty {
            Certainty::NotSent => "not sent",
            Certainty::MaybeSent => "perhaps sent",
        },
        Event::DeadlineReached => "deadline",
    }
}

/// What can happen at all: a state, the events that it meets there and stores nothing for, and those that it stores for.
/// What is missing cannot happen or needs a coincidence of milliseconds: the adapter tells "not sent" at once, so that
/// only the state right after a send meets it; a time-out meets the states that wait for that request.
const REACHABLE: &[(&str, &[&str], &[&str])] = &[
    (
        "idle",
        &["amount", "code", "cancel", "park", "dismiss"],
        &[],
    ),
    (
        "draft",
        &["amount", "code", "cancel", "park", "dismiss"],
        &["code"],
    ),
    ("gone", ANSWERS, &[]),
    (
        "sending",
        &["amount", "code", "cancel", "park", "dismiss", "query"],
        &[
            "answer not believed",
            "answer: declined",
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: unknown code",
            "not sent",
            "perhaps sent",
        ],
    ),
    ("polling", WAITING, ANSWERS),
    ("polling, asked", ASKED, ASKED_ANSWERS),
    (
        "revoking",
        &["cancel", "deadline", "dismiss", "park", "query"],
        ANSWERS,
    ),
    (
        "revoking, sent",
        &["cancel", "deadline", "dismiss", "park", "query"],
        ASKED_ANSWERS,
    ),
    (
        "revoking, asked",
        &["cancel", "deadline", "dismiss", "park", "query"],
        ASKED_ANSWERS,
    ),
    (
        "provisional",
        &["cancel", "deadline", "dismiss", "park", "query"],
        LATE_ANSWERS,
    ),
    ("provisional, asked", &["deadline", "query"], ASKED_ANSWERS),
    (
        "closed",
        &["amount", "cancel", "code", "dismiss", "park", "query"],
        LATE_ANSWERS,
    ),
];
const WAITING: &[&str] = &[
    "amount", "code", "cancel", "deadline", "dismiss", "park", "query",
];
const ASKED: &[&str] = &["code", "cancel", "deadline", "dismiss", "park", "query"];
const ANSWERS: &[&str] = &[
    "answer not believed",
    "answer: declined",
    "answer: not found",
    "answer: paid",
    "answer: paying",
    "answer: undone",
    "answer: unknown code",
];
const LATE_ANSWERS: &[&str] = &[
    "answer not believed",
    "answer: declined",
    "answer: not found",
    "answer: paying",
    "answer: revoke taken",
    "answer: unknown code",
];
const ASKED_ANSWERS: &[&str] = &[
    "answer not believed",
    "answer: declined",
    "answer: not found",
    "answer: paid",
    "answer: paying",
    "answer: revoke taken",
    "answer: undone",
    "answer: unknown code",
    "not sent",
    "perhaps sent",
];

/// Where an event that stores something can end.
const STORING: [Point; 6] = [
    Point::Stored,
    Point::Refused,
    Point::Before,
    Point::During,
    Point::After,
    Point::Commanded,
];

/// Returns the cells that can be reached.
pub fn reachable() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (state, pure, storing) in REACHABLE {
        cells.extend(pure.iter().map(|event| (*state, *event, Point::Pure)));
        for event in *storing {
            cells.extend(STORING.iter().map(|point| (*state, *event, *point)));
        }
    }
    cells
}

/// Returns the cells that can be reached and were not, in words.
pub fn holes(coverage: &Coverage) -> Vec<String> {
    let missed = reachable()
        .into_iter()
        .filter(|cell| !coverage.0.contains_key(cell));
    missed
        .map(|(state, event, point)| format!("{state} / {event} / {}", point.key()))
        .collect()
}
