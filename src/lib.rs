//! Shouyin (收银): a payment terminal without a screen, and the screen that shows it.
//!
//! Read `docs/ARCHITECTURE.md` first. The dependency rules below are checked by `tests/it/tidy.rs`:
//!
//! ```text
//! domain, limits            <- nothing of ours
//! evidence, code            <- domain, limits
//! payment                   <- domain, limits, evidence, code
//! view                      <- domain, limits, code, payment (and evidence through it)
//! journal, acquirer, scanner <- domain, limits, evidence, code, payment; never each other
//! terminal                  <- all of the above, config, clock, entropy
//! ui                        <- view, and terminal's handle; the only user of slint
//! sim                       <- domain and nothing of the edges: it is the world outside
//! bins                      <- everything; logic in none
//! ```
#![forbid(unsafe_code)]

pub mod code;
pub mod domain;
pub mod evidence;
pub mod limits;
pub mod payment;
#[cfg(feature = "live")]
pub mod scanner;
pub mod view;
