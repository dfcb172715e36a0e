//! The independent checker of the money core, written from the rules by another hand.
//!
//! `script` plays a ledger of stories row by row. `days` plays random shop days (`shop`) against a
//! model acquirer (`host`) and holds the invariants (`watch`) against facts, commands and ledger.

mod days;
mod host;
pub mod kit;
mod script;
mod shop;
mod watch;
