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
mod checker;
mod crash;
mod journal;
#[cfg(feature = "live")]
mod kill;
mod model;
mod payment;
#[cfg(feature = "live")]
mod scanner;
mod simulator;
mod tidy;
#[cfg(feature = "live")]
mod till;
mod world;
