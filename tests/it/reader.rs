//! The card reader: its wire, its conversation, its port, and outside peers.

mod wire;
