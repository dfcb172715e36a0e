//! The money core: events in, facts and commands out. Pure: no I/O, no clock, no randomness, no float.
//!
//! **Contract.** `step(state, event, now, policy)` returns the next state, the facts that must be on disk first and the
//! commands to run then. The driver stores the facts and waits for the sync; only then it runs the commands; only then
//! it shows the state. If storing fails it runs nothing. A boot is a step, too: [`resume`] rebuilds the state.
//!
//! Tested by `tests/it/payment.rs` (scenarios, random operations against a model acquirer, restart at every append).

mod balance;
mod cards;
mod ceiling;
mod command;
mod draft;
mod event;
mod fact;
mod hold;
mod inquiry;
mod late;
mod machine;
mod order;
mod policy;
mod record;
mod recovery;
mod revoke;
mod sale;
mod settle;
mod state;
mod undo;
mod undo_flow;

pub use balance::{Balance, BalanceAsked, BalanceClaim, BalanceEnd, BalanceStep, Funds};
pub use balance::{SHOWN_MS as BALANCE_SHOWN_MS, may_ask_balance};
pub use cards::{reversal_pending, settling_cards};
pub use ceiling::{Ceiling, Ceilings};
pub use command::{CardAsk, CardBusiness, CardOriginal, CardRequest, ReversalReason};
pub use command::{Command, Request, RequestKind, Sound, Ticket};
pub use draft::is_ending;
pub use event::{Authority, CardWord, Certainty, Event, Presentment, Unmade};
pub use fact::{
    Fact, FactKind, Instalments, Intent, Outcome, Prover, Purpose, Rebuilt, UndoCause, UndoIntent,
    UndoKind, UndoOutcome, UnreadableFact,
};
pub use hold::{CompletionRefusal, may_complete};
pub use late::EndedSale;
pub use machine::{Step, next_deadline, step};
pub use policy::{CARD_WORD_MS, Policy, Timing, VoidRules};
pub use recovery::resume;
pub use settle::{Closing, Unsettled};
pub use state::{
    Completing, Draft, Numbers, OrderEnd, Phase, Polling, Presenting, Provisional, Refusal,
    RevokeStep, Revoking, Sale, State, Undo, UndoStep,
};
pub use undo::{PaidSale, UndoRefusal, choose as choose_undo, role_for as undo_role};
