//! Bank cards as far as a terminal may know them: sealed data, masked numbers, keys that nobody here can open. Pure.
//!
//! Owns these types. There is none for a clear card number, a clear track or a PIN. Never talks to a reader (`reader`)
//! or a host (`acquirer`), and never decides about money (`payment`).

mod evidence;
mod keys;
mod presented;
mod rules;
mod stream;
pub mod tlv;

pub use evidence::{CardEntry, CardEvidence, Cipher, Cvm, De55, Ksn, MaskError, MaskedPan};
pub use evidence::{PinBlock, Sealed};
pub use keys::{BadKeys, KeyKind, WrappedKey, WrappedKeys};
pub use presented::{CardFacts, PresentedCard};
pub use rules::CardRules;
pub use stream::MacStream;
