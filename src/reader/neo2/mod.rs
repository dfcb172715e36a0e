//! ID TECH's NEO 2 readers over ViVOtech2 protocol 2. The reader runs the EMV kernels, keeps the keys, takes the PIN.
//!
//! Owns codec and conversation, both pure. Which facts are documented, inferred or invented: docs/READERS.md.

mod frame;
mod status;

pub use frame::{
    DATA_BYTES_MAX, FRAME_BYTES_MAX, Frame, Frames, GAP_MS, Heard, Reply, TooLong, UiFrame,
    command_bytes,
};
pub use status::Status;
