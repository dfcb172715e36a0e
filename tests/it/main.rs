//! The one integration binary (another test binary would be another full link).
#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod acquirer;
mod journal;
mod payment;
mod world;
