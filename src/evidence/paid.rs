//! The proof that one order of ours was paid in full.
//!
//! Owns the comparison of a verified claim with the order. Never decides what follows from it: `payment` does.

use serde::{Deserialize, Serialize};

use super::claim::{Claim, ClaimState, TradeDetails};
use super::keys::KeyId;
use super::seal::{Digest, SealedRow};
use super::verified::Verified;
use crate::domain::{Channel, Currency, Funding, HostTradeNo, MerchantNo, Money, OrderNo};

/// What an answer must name to be about our order.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Our merchant number.
    pub merchant: &'a MerchantNo,
    /// The order number of the sale.
    pub order_no: &'a OrderNo,
    /// The price.
    pub amount: Money,
}

/// Why a signed answer is not about our order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// It names another merchant, or none.
    #[error("the answer names another merchant")]
    Merchant,
    /// It names another order, or none.
    #[error("the answer names another order")]
    Order,
    /// It names another amount, or none.
    #[error("the answer names another amount")]
    Amount,
    /// It does not say "paid".
    #[error("the answer does not say that the order is paid")]
    NotPaid,
}

impl Expected<'_> {
    /// Checks that a claim is about this order: merchant and order must be named and equal.
    ///
    /// # Errors
    /// [`Mismatch`] names the first difference.
    pub fn check_order(&self, claim: &Claim) -> Result<(), Mismatch> {
        if claim.merchant.as_ref() != Some(self.merchant) {
            return Err(Mismatch::Merchant);
        }
        if claim.order_no.as_ref() != Some(self.order_no) {
            return Err(Mismatch::Order);
        }
        Ok(())
    }
}

/// Proof that an order was paid: merchant, order and amount of a signed answer equal ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidEvidence {
    order_no: OrderNo,
    amount: Money,
    details: TradeDetails,
    key_id: KeyId,
    digest: Digest,
}

impl PaidEvidence {
    /// Makes the proof from a verified claim.
    ///
    /// A discount never blocks a success: only the order's total amount has to match (acquirer rule, Lakala 2.1).
    ///
    /// # Errors
    /// [`Mismatch`] when the claim is about something else or does not say "paid".
    pub fn bind(claim: &Verified<Claim>, expected: Expected<'_>) -> Result<Self, Mismatch> {
        let value = claim.value();
        expected.check_order(value)?;
        if value.amount != Some(expected.amount) {
            return Err(Mismatch::Amount);
        }
        if value.state != ClaimState::Paid {
            return Err(Mismatch::NotPaid);
        }
        Ok(Self {
            order_no: expected.order_no.clone(),
            amount: expected.amount,
            details: TradeDetails {
                code_text: None,
                chip: None,
                ..value.details.clone()
            },
            key_id: claim.key_id().clone(),
            digest: claim.digest(),
        })
    }

    /// Reads the proof back from a journal row whose seal was checked.
    pub(crate) fn from_sealed(_row: &SealedRow, record: &PaidRecord) -> Option<Self> {
        let trade_no =
            |text: &Option<String>| text.as_deref().and_then(|t| HostTradeNo::new(t).ok());
        let money = |minor| Money::from_minor(minor, Currency::from_numeric(record.currency)?).ok();
        Some(Self {
            order_no: OrderNo::new(&record.order_no).ok()?,
            amount: money(record.amount)?,
            details: TradeDetails {
                trade_no: trade_no(&record.trade_no),
                wallet_trade_no: trade_no(&record.wallet_trade_no),
                channel: record.channel.as_deref().and_then(Channel::from_key),
                payer_amount: record.payer_amount.and_then(money),
                host_time: record.host_time.clone(),
                funding: record.funding.as_deref().and_then(Funding::from_key),
                code_text: None,
                chip: None,
            },
            key_id: KeyId::new(&record.key_id),
            digest: Digest::from_hex(&record.digest)?,
        })
    }

    /// Returns the plain form for the journal.
    pub fn record(&self) -> PaidRecord {
        let text = |number: &Option<HostTradeNo>| number.as_ref().map(ToString::to_string);
        PaidRecord {
            order_no: self.order_no.to_string(),
            amount: self.amount.minor(),
            currency: self.amount.currency().numeric(),
            payer_amount: self.details.payer_amount.map(Money::minor),
            channel: self.details.channel.map(|channel| channel.key().to_owned()),
            trade_no: text(&self.details.trade_no),
            wallet_trade_no: text(&self.details.wallet_trade_no),
            host_time: self.details.host_time.clone(),
            funding: self.details.funding.map(|funding| funding.key().to_owned()),
            key_id: self.key_id.to_string(),
            digest: self.digest.to_string(),
        }
    }

    /// Returns the paid order.
    pub const fn order_no(&self) -> &OrderNo {
        &self.order_no
    }

    /// Returns the price that was paid.
    pub const fn amount(&self) -> Money {
        self.amount
    }

    /// Returns the particulars.
    pub const fn details(&self) -> &TradeDetails {
        &self.details
    }
}

/// The stored form of [`PaidEvidence`]. Plain data: it proves nothing until it is read from a sealed row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaidRecord {
    /// Order number.
    pub order_no: String,
    /// Price in minor units.
    pub amount: u64,
    /// ISO 4217 numeric code.
    pub currency: u16,
    /// Paid after discounts, in minor units.
    pub payer_amount: Option<u64>,
    /// Channel key.
    pub channel: Option<String>,
    /// The acquirer's number.
    pub trade_no: Option<String>,
    /// The wallet's number.
    pub wallet_trade_no: Option<String>,
    /// The acquirer's completion time.
    pub host_time: Option<String>,
    /// Kind of the card; rows of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding: Option<String>,
    /// Key that signed the answer.
    pub key_id: String,
    /// SHA-256 of the signed bytes.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_from_before_kinds_of_cards_is_read_and_written_as_it_was() {
        let old = "{\"order_no\":\"A1\",\"amount\":5,\"currency\":156,\"payer_amount\":null,\
            \"channel\":\"bank_card\",\"trade_no\":\"000000000321\",\"wallet_trade_no\":null,\
            \"host_time\":null,\"key_id\":\"card-mak\",\"digest\":\"00\"}";
        let record: PaidRecord = serde_json::from_str(old).expect("readable");
        assert_eq!(record.funding, None);
        let again = serde_json::to_string(&record).expect("writable");
        assert_eq!(again, old, "its seal holds");
        let debit = PaidRecord {
            funding: Some(Funding::Debit.key().to_owned()),
            ..record
        };
        let text = serde_json::to_string(&debit).expect("writable");
        assert!(text.contains("\"funding\":\"debit\""), "{text}");
        let read: PaidRecord = serde_json::from_str(&text).expect("readable");
        assert_eq!(read, debit);
    }
}
