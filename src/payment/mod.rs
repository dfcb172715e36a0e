//! The money core: events in, facts and commands out. Pure: no I/O, no clock, no randomness, no float.

mod command;
mod event;
mod fact;
mod policy;

pub use command::{Command, Request, RequestKind, Sound, Ticket};
pub use event::{Certainty, EntryMode, Event};
pub use fact::{Fact, FactKind, Intent, Outcome, UnreadableFact};
pub use policy::{Policy, Timing};
