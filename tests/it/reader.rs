//! The card reader: its wire, its conversation, its port, and outside peers.

mod made;
mod model;
mod stories;
mod wire;
