//! Proof: the only way from bytes of the outside world to a statement that the core believes.
//!
//! Owns three doors and nothing else. [`Verified`] holds a value read from a message *after* the message's signature
//! was checked against a trusted key, or its MAC against the one that a card reader computed. [`PaidEvidence`] can be
//! made only from a verified claim that names our merchant, our order and our amount, or read back from a sealed
//! journal row. [`UndoEvidence`] is the same for money that went back. There is no other constructor, so no code of the
//! program, and no button, can call a sale paid or money returned. Pure: no I/O, no clock.
//!
//! ```compile_fail,E0451
//! // Nobody can write a paid state down by hand: the fields are private.
//! use shouyin::evidence::PaidEvidence;
//! fn forge(order_no: shouyin::domain::OrderNo) -> PaidEvidence {
//!     PaidEvidence { order_no }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! // Nor a returned one.
//! use shouyin::evidence::UndoEvidence;
//! fn forge(number: shouyin::domain::OrderNo) -> UndoEvidence {
//!     UndoEvidence { number }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! // Nor wrap a claim without a signature.
//! use shouyin::evidence::{Claim, Verified};
//! fn forge(value: Claim) -> Verified<Claim> {
//!     Verified { value }
//! }
//! ```
//!
//! ```compile_fail,E0277
//! // Nor let a parser make one out of text.
//! fn forge(text: &str) -> shouyin::evidence::PaidEvidence {
//!     serde_json::from_str(text).expect("forged")
//! }
//! ```

mod claim;
mod keys;
mod paid;
mod seal;
mod undo;
mod verified;

pub use claim::{Claim, ClaimState, TradeDetails, Undone};
pub use keys::{KeyError, KeyId, TrustedKey, TrustedKeys};
pub use paid::{Expected, Mismatch, PaidEvidence, PaidRecord};
pub use seal::{BrokenSeal, Digest, SealedRow};
pub use undo::{UndoEvidence, UndoRecord};
pub use verified::{MacCode, MacedMessage, Rejection, SignedMessage, Verified};
