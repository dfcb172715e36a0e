//! 导出日志: what a terminal tells its hotline of itself, over HTTPS or as a QR code.
//!
//! Owns what is told, that no secret is part of it (`hide`), its bounds (`bundle`), where log lines come from
//! (`lines`), and the server that takes it (`send`). Never reads the journal of payments, a key or the configuration.

pub mod bundle;
pub mod hide;
pub mod lines;
#[cfg(feature = "live")]
pub mod send;

pub use bundle::{About, Bundle};
