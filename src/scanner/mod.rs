//! The scanner.

pub mod decode;
pub mod frame;
mod votes;
