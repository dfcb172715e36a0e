//! A card reader of the NEO 2 family on a pseudo-terminal: scripted cards, scripted faults. A PIN pad of the NL-PP60
//! kind beside it. And two readers for development.
//!
//! Owns the other end of the wire, written apart: it uses nothing of the terminal's `reader`, so that a mistake cannot
//! agree with itself. Its keys are printed in a standard and its cards were never issued. What it does where the guide
//! is silent is listed in docs/READERS.md.

pub(super) mod card;
mod device;
mod gempc;
mod gempc_card;
mod gempc_keys;
pub(super) mod keys;
mod line;
mod pn532;
mod pp60;
mod script;
mod session;
mod wire;

pub use card::{CARDS, Card, packed};
pub use device::{Device, Out};
pub use keys::{MASTER, untdes};
pub use line::{Bench, Kind, Options};
pub use pp60::Pad;
pub use script::Act;
