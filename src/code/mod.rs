//! What a scanned or typed text is: a customer's payment code, a merchant's wall code, or something that must not
//! be charged.
//!
//! Pure. Owns the recognition table (data, versioned), the type that carries a payment code without ever showing
//! it, the EMVCo codec and the answer whose wall code a text is.

mod cpm;
mod emv_mpm;
mod scanned;
mod table;
mod wall;

pub use cpm::{Fingerprint, PaymentCode, Recognised, WrongCode, recognise};
pub use emv_mpm::{Account, Initiation, LocalName, MpmCode, MpmError, Tip, crc16};
pub use scanned::Scanned;
pub use table::{CodeTable, TableError, UnknownPrefix};
pub use wall::{OwnCodes, Stranger, WallCode, whose};
