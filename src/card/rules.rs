//! When a card needs a PIN: the small-amount rule of UnionPay (小额免密免签).
//!
//! Owns the decision. The limit is the acquirer's to download, never a constant of the code. Sources: readers.md 8.1
//! (UnionPay notice of 8 April 2018: 1,000.00 included, contactless sales only; parameters FF8054, FF8057, FF8058).

use super::evidence::{CardEntry, CardEvidence, Cvm};
use crate::domain::Money;

/// The downloaded parameters of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardRules {
    /// Largest amount without a PIN, included (FF8058); none when the service is off (FF8054).
    pub no_pin_max: Option<Money>,
    /// A verification on the customer's own device counts (FF8057).
    pub device_counts: bool,
}

impl CardRules {
    /// Tells whether the customer has to type a PIN for a sale with this card.
    pub fn needs_pin(&self, card: &CardEvidence) -> bool {
        let tapped = card.entry == CardEntry::Contactless;
        if !tapped {
            return true;
        }
        if self.device_counts && card.cvm == Cvm::Device {
            return false;
        }
        self.no_pin_max
            .is_none_or(|most| card.amount.minor() > most.minor())
    }
}
