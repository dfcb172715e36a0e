//! The one integration binary (another test binary would be another full link).
#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the few variants it is about"
)]
#![allow(
    clippy::type_complexity,
    reason = "tables of a test stand where they are used"
)]

mod acquirer;
#[cfg(feature = "live")]
mod authority;
#[cfg(feature = "live")]
mod badinput;
#[cfg(feature = "live")]
mod batches;
#[cfg(feature = "live")]
mod books;
#[cfg(feature = "live")]
mod browsing;
mod caps;
mod cards;
mod checker;
#[cfg(feature = "live")]
mod closing;
#[cfg(feature = "live")]
mod corpus;
mod crash;
#[cfg(feature = "live")]
mod decoder;
#[cfg(feature = "live")]
mod desk;
#[cfg(feature = "live")]
mod exporting;
#[cfg(feature = "live")]
mod faults;
mod fees;
#[cfg(feature = "live")]
mod guards;
mod journal;
#[cfg(feature = "live")]
mod kill;
mod ledger;
#[cfg(feature = "live")]
mod looking;
mod model;
mod network;
#[cfg(feature = "live")]
mod notices;
#[cfg(all(feature = "live", feature = "ui"))]
mod page;
mod payment;
mod pin;
mod printing;
mod profile;
#[cfg(feature = "live")]
mod qr;
mod reader;
mod reconcile;
mod recovery;
#[cfg(all(feature = "live", feature = "ui"))]
mod safe;
mod sandbox;
#[cfg(feature = "live")]
mod scanner;
mod settlement;
mod simulator;
mod starts;
#[cfg(feature = "live")]
mod support;
mod tidy;
#[cfg(feature = "live")]
mod till;
#[cfg(feature = "live")]
mod undo;
mod update;
mod world;
