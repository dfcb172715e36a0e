//! The independent checker of the money core: written from the rules, by another hand than the core.
//!
//! `script` plays a ledger of stories row by row.

mod kit;
mod script;
