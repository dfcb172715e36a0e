//! Card readers on a serial port, seen from the terminal.
//!
//! ```text
//! bytes -> neo2::Frames -> neo2 conversation -> reader events
//! ```
//!
//! Owns the reader's wire. Never decides about money, never runs an EMV
//! kernel, and has no type for a clear card number, a clear track or a PIN: the reader seals them.

pub mod neo2;
