//! The one integration binary (another test binary would be another full link).
#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod crash;
mod crash_disk;
mod crash_vfs;
mod journal;
mod payment;
#[cfg(feature = "live")]
mod till;
mod world;
