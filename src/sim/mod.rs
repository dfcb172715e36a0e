//! The world outside: a strict Lakala V3 sandbox with its own books, keys and TLS authority.
//!
//! Shares no code with the terminal on purpose (its own wire, its own RSA library), so that a mistake cannot agree with
//! itself. Everything marked SBX in the design facts is ours and not Lakala's. Never holds real money or real keys.

mod books;
mod identity;
mod server;
mod wallet;
mod wire;

pub use books::{Books, TradeState};
pub use identity::{APPID, Identity, MERCHANT_NO, MERCHANT_SERIAL, TERM_NO};
pub use server::{Options, Running, serve};
