//! What the terminal and the privileged program both have to know of the wired link.
//!
//! Owns the wish, its check, and the unit that follows from it. Pure, and on the standard library alone: nothing here
//! may name another module of the terminal, because `packaging/image/network` is built from this very folder.

mod wired;

pub use wired::{
    DNS_MAX, Fixed, Mistake, WISH_BYTES, WiredRequest, WiredSettings, answer_line, unit,
};
