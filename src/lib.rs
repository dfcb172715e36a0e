//! Shouyin (收银): a payment terminal without a screen, and the screen that shows it.
//!
//! Read `docs/ARCHITECTURE.md` first. The dependency rules below are checked by `tests/it/tidy.rs`:
//!
//! ```text
//! domain, limits, https     <- nothing of ours
//! evidence, code            <- domain, limits
//! card                      <- domain
//! settlement                <- domain, evidence
//! reconcile                 <- domain, evidence, settlement
//! payment                   <- domain, limits, evidence, code, card, settlement
//! profile                   <- domain, evidence, code, payment (its timings)
//! people                    <- domain, limits, entropy
//! recovery, starts          <- nothing of ours
//! support                   <- https, telemetry
//! network                   <- domain, limits, clock (`shared`: nothing of ours; the image has it, too)
//! update                    <- domain, limits, https (its `shared` names nothing of ours: the installer has it, too)
//! view                      <- domain, limits, code, payment, settlement (and evidence through it), network (shapes)
//! printing                  <- domain, limits, evidence, card, payment, settlement, view
//! journal, acquirer, reader, scanner, sound <- domain, limits, evidence, code, card, payment, settlement, entropy;
//!                              never each other (acquirer: https, too)
//! export                    <- evidence, settlement, reconcile (its days), journal
//! terminal                  <- all of the above, clock, entropy
//! config                    <- domain, code, payment, profile, view, printing, settlement, update
//! ui                        <- view, domain, limits, code (samples only), sound; the only user of slint
//! sim                       <- domain and nothing of the edges: it is the world outside
//! simulator                 <- the terminal without its edges, journal included; its model acquirer imports nothing
//! bins                      <- everything; logic in none
//! ```
// The simulated disk is a C interface to SQLite (`simulator::vfs`), so a build with simulators can only deny.
#![cfg_attr(not(feature = "sim"), forbid(unsafe_code))]
#![cfg_attr(feature = "sim", deny(unsafe_code))]

pub mod acquirer;
pub mod card;
pub mod clock;
pub mod code;
pub mod config;
pub mod domain;
pub mod entropy;
pub mod evidence;
pub mod export;
#[cfg(feature = "live")]
mod https;
pub mod journal;
pub mod limits;
pub mod network;
pub mod payment;
pub mod people;
pub mod printing;
pub mod profile;
pub mod reader;
pub mod reconcile;
pub mod recovery;
#[cfg(feature = "live")]
pub mod scanner;
pub mod settlement;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "sim")]
pub mod simulator;
pub mod sound;
pub mod starts;
pub mod support;
pub mod telemetry;
pub mod terminal;
#[cfg(feature = "ui")]
pub mod ui;
pub mod update;
pub mod view;
