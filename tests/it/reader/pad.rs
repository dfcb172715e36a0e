//! The PIN pad of the NL-PP60 kind: its wire, its conversation, the sandbox's pad, ports and outside peers.

mod drive;
mod errors;
pub mod kit;
mod model;
#[cfg(feature = "live")]
mod port;
mod wire;
