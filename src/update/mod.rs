//! Updates of the boot image: what is offered, who says so, how it is fetched, and when it may be installed.
//!
//! Owns the signed manifest (`shared`), the rule of the moment (`rule`), the folder of what was fetched (`store`) and
//! the server (`fetch`). Installs nothing: that needs rights that the terminal does not have, and is done by a program
//! of its own (`packaging/image/updater`), which checks everything again.

#[cfg(feature = "live")]
pub mod fetch;
pub mod rule;
pub mod shared;
pub mod store;
pub mod way_back;
