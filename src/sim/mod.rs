//! The world outside: a strict Lakala V3 sandbox with its own books, keys and TLS authority.
//!
//! Shares no code with the terminal on purpose (its own wire, its own RSA library), so that a mistake cannot agree with
//! itself. Everything marked SBX in the design facts is ours and not Lakala's. Never holds real money or real keys.

mod books;
mod cards;
mod clock;
mod counter;
mod daily;
mod desk;
mod door;
mod fields;
mod identity;
mod line;
mod micropay;
mod notices;
mod page;
mod preorder;
mod printer;
pub mod reader;
mod records;
mod refund;
mod scan;
mod server;
mod statement;
mod story;
mod support;
mod trades;
mod updates;
mod wallet;
mod wire;

pub use books::Books;
pub use daily::{PLANTS, Plants, daily_file};
pub use identity::{APPID, Identity, MERCHANT_NO, MERCHANT_SERIAL, TERM_NO};
pub use printer::{PrinterOptions, SandboxPrinter, Slip, State, serve_printer};
pub use records::TradeState;
pub use server::{Errors, Options, Running, serve, serve_with};
