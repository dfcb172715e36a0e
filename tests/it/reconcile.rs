//! Daily files beside the journal's view: every planted difference found with its reason and its fen, none invented.

mod files;
mod planted;
#[cfg(feature = "live")]
mod programs;
