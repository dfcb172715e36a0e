//! An external PIN pad of the NL-PP60 kind (Newland NL-PP60 user manual, section 4): reset, directories, wrapped keys,
//! the choice of a PIN key, MACs.
//!
//! Owns codec and conversation, both pure, and a small session that blocks. Never asks for a PIN: command 83h wants
//! twelve digits of the card number from the host, and no type of the terminal may hold them. A value that could be
//! written into that command would be those digits, whatever its name; so the command is missing here, and PINs are
//! typed at the card reader. Never makes an authentication code either: that needs a key and a cipher, and the
//! terminal has none. Whoever holds the key answers [`PadEvent::Authorise`]. Facts and guesses: docs/READERS.md.

mod auth;
mod command;
mod conversation;
mod event;
mod frame;
#[cfg(feature = "live")]
pub mod look;
mod refusal;
#[cfg(feature = "live")]
mod session;

pub use auth::{AuthCode, AuthKey, AuthRequest, Proof};
pub use command::{ChooseKey, Directory, KeySystem, LoadKey, MAC_BYTES_MAX, MacRequest, MacText};
pub use conversation::{AUTHORISE_MS, Conversation, REPLY_MS};
pub use event::{PadAnswer, PadAsk, PadEnd, PadError, PadEvent, PadMac, PadOutput};
pub use frame::{DATA_BYTES_MAX, GAP_MS, PadFrame, PadFrames, PadReply, TooLong, command_bytes};
pub use refusal::Refusal;
#[cfg(feature = "live")]
pub use session::{Session, SessionError};

/// Speed in baud. The manual's stored pages do not name it; 9600 is usual for such pads.
pub const BAUD: u32 = 9_600;
