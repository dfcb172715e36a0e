//! One presentment of a card, and the part of it that may be kept.
//!
//! Owns both. What is kept is enough for a slip and for the reversal: no ciphertext, no PIN block, no key number.

use super::evidence::{CardEvidence, Cvm, MaskedPan, PinBlock};
use super::tlv::Tag;

/// A card that was read, and the PIN that was typed on the reader for it. Never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedCard {
    /// What the reader tells.
    pub evidence: CardEvidence,
    /// The enciphered PIN, when one was wanted and typed.
    pub pin: Option<PinBlock>,
}

/// What the journal and the slip know of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFacts {
    /// The number as people may see it.
    pub masked: MaskedPan,
    /// Card sequence number (ISO 8583 field 23).
    pub sequence: Option<u8>,
    /// A PIN was typed.
    pub pin: bool,
    /// The holder signs on the slip.
    pub signature: bool,
    /// The holder was verified on the own device (CDCVM).
    pub device: bool,
    /// Application identifier (EMV tag 84), hexadecimal.
    pub aid: Option<String>,
    /// Cryptogram (tag 9F26), hexadecimal.
    pub cryptogram: Option<String>,
    /// Terminal verification results (tag 95), hexadecimal.
    pub verification: Option<String>,
}

const AID: Tag = Tag(0x84);
const CRYPTOGRAM: Tag = Tag(0x9F26);
const VERIFICATION: Tag = Tag(0x95);

impl PresentedCard {
    /// Returns what may be kept.
    pub fn facts(&self) -> CardFacts {
        let text = |tag| {
            let value = self.evidence.de55.value(tag)?;
            Some(data_encoding::HEXUPPER.encode(value))
        };
        CardFacts {
            masked: self.evidence.masked,
            sequence: self.evidence.sequence,
            pin: self.pin.is_some(),
            signature: self.evidence.cvm == Cvm::Signature,
            device: self.evidence.cvm == Cvm::Device,
            aid: text(AID),
            cryptogram: text(CRYPTOGRAM),
            verification: text(VERIFICATION),
        }
    }
}
