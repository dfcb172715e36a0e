//! Card readers on a serial port, seen from the terminal.
//!
//! ```text
//! driver -- Ask, cancel --> conversation (pure) -- bytes --> reader
//!        <- ReaderEvent ---                     <- bytes ---
//! ```
//!
//! Owns the wires of a card reader (`neo2`) and of a PIN pad beside it (`pp60`), over one search for frames
//! (`stream`). Never decides about money, never runs an EMV kernel, and has no type for a clear card number, a clear
//! track or a PIN: the reader seals them. `pn532` is a development reader that is in no shipping program; what it
//! finds proves nothing.

pub mod event;
#[cfg(feature = "live")]
pub mod look;
pub mod neo2;
#[cfg(feature = "dev-reader")]
pub mod pn532;
#[cfg(feature = "live")]
pub mod port;
pub mod pp60;
pub mod stream;
