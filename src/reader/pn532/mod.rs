//! NXP's PN532 on a serial line (HSU): a reader for development. Never part of a shipping program.
//!
//! Behind this chip the host sees whatever a card says, and nothing seals it. So this module lists a card and its
//! payment applications and stops there: it reads no record, starts no transaction and keeps no identifier. What it
//! finds is a [`DevCard`], which nothing turns into evidence. It compiles only with the feature `dev-reader`, which is
//! in no default; a program with it refuses production settings.
//!
//! Owns codec and conversation, both pure. Marks of the facts: docs/READERS.md.

mod frame;
mod look;
mod not_for_authorisation;
mod session;

pub use frame::{
    ACK, COMMAND_BYTES_MAX, Frame, Frames, GAP_MS, NACK, TooLong, WAKE_UP, command_bytes,
};
pub use look::{Card, DevLookError, look};
pub use not_for_authorisation::{Aid, DevCard, Directory, read_directory};
pub use session::{ANSWER_MS, DevError, Output, Session};
