//! The card reader: its wire, its conversation, its port, and outside peers.

#[cfg(feature = "live")]
mod info;
mod made;
mod model;
mod pair;
#[cfg(feature = "live")]
mod peers;
#[cfg(feature = "live")]
mod port;
mod stories;
mod wire;
