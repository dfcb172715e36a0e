//! The card reader: its wire, its conversation, its port, and outside peers.

#[cfg(feature = "live")]
mod info;
pub mod made;
mod model;
mod pad;
mod pair;
#[cfg(feature = "live")]
pub mod peers;
#[cfg(feature = "dev-reader")]
mod pn532;
#[cfg(feature = "live")]
pub mod port;
pub mod stories;
pub mod wire;
