//! What a scanned or typed text is: a customer's payment code, or something that must not be charged.
//!
//! Pure. Owns the recognition table (data, versioned) and the type that carries a payment code without ever showing it.

mod cpm;
mod table;

pub use cpm::{Fingerprint, PaymentCode, Recognised, WrongCode, recognise};
pub use table::{CodeTable, TableError, UnknownPrefix};
