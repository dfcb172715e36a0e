//! The generated Slint code and nothing else: pages, widgets and adapter globals, no decisions.
//!
//! It is a crate of its own so that a change in the terminal's Rust does not recompile it.

#![allow(clippy::all, missing_docs)]

slint::include_modules!();

/// Element look-up and simulated input, for the loopback display and the tests.
#[cfg(feature = "testing")]
pub use i_slint_backend_testing as testing;
