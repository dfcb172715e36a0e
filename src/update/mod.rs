//! Updates of the boot image: what is offered, who says so, and when it may be installed.
//!
//! Owns the signed manifest (`shared`) and the rule of the moment (`rule`). Installs nothing: that needs rights that the
//! terminal does not have, and is done by a program of its own, which checks everything again.

pub mod rule;
pub mod shared;
