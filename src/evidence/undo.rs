//! The proof that money went back to the customer: a refund of ours that is done, or a sale of ours that is undone.
//!
//! Owns the comparison of a verified claim with the undo. Never decides what follows from it: `payment` does.

use serde::{Deserialize, Serialize};

use super::claim::{Claim, ClaimState};
use super::keys::KeyId;
use super::paid::{Expected, Mismatch};
use super::seal::{Digest, SealedRow};
use super::verified::Verified;
use crate::domain::{Currency, HostTradeNo, Money, OrderNo};

/// Proof that money went back: merchant, number and amount of a signed answer equal ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoEvidence {
    number: OrderNo,
    amount: Money,
    trade_no: Option<HostTradeNo>,
    host_time: Option<String>,
    key_id: KeyId,
    digest: Digest,
}

impl UndoEvidence {
    /// Makes the proof of a refund. `expected` names the refund's own number and the amount that goes back.
    ///
    /// # Errors
    /// [`Mismatch`] when the claim is about something else or does not say "returned".
    pub fn of_refund(claim: &Verified<Claim>, expected: Expected<'_>) -> Result<Self, Mismatch> {
        let value = claim.value();
        expected.check_order(value)?;
        if value.amount != Some(expected.amount) {
            return Err(Mismatch::Amount);
        }
        if value.state != ClaimState::Returned {
            return Err(Mismatch::NotPaid);
        }
        Ok(Self::new(claim, expected))
    }

    /// Makes the proof of a void. `expected` names the voided sale: its order is final and unpaid. An answer that
    /// leaves the amount out is believed, one that names another is not.
    ///
    /// # Errors
    /// [`Mismatch`] when the claim is about something else or the sale is not undone.
    pub fn of_void(claim: &Verified<Claim>, expected: Expected<'_>) -> Result<Self, Mismatch> {
        let value = claim.value();
        expected.check_order(value)?;
        if value.amount.is_some_and(|amount| amount != expected.amount) {
            return Err(Mismatch::Amount);
        }
        if !matches!(value.state, ClaimState::Undone(_)) {
            return Err(Mismatch::NotPaid);
        }
        Ok(Self::new(claim, expected))
    }

    fn new(claim: &Verified<Claim>, expected: Expected<'_>) -> Self {
        let details = &claim.value().details;
        Self {
            number: expected.order_no.clone(),
            amount: expected.amount,
            trade_no: details.trade_no.clone(),
            host_time: details.host_time.clone(),
            key_id: claim.key_id().clone(),
            digest: claim.digest(),
        }
    }

    /// Reads the proof back from a journal row whose seal was checked.
    pub(crate) fn from_sealed(_row: &SealedRow, record: &UndoRecord) -> Option<Self> {
        let currency = Currency::from_numeric(record.currency)?;
        Some(Self {
            number: OrderNo::new(&record.number).ok()?,
            amount: Money::from_minor(record.amount, currency).ok()?,
            trade_no: record
                .trade_no
                .as_deref()
                .and_then(|text| HostTradeNo::new(text).ok()),
            host_time: record.host_time.clone(),
            key_id: KeyId::new(&record.key_id),
            digest: Digest::from_hex(&record.digest)?,
        })
    }

    /// Returns the plain form for the journal.
    pub fn record(&self) -> UndoRecord {
        UndoRecord {
            number: self.number.to_string(),
            amount: self.amount.minor(),
            currency: self.amount.currency().numeric(),
            trade_no: self.trade_no.as_ref().map(ToString::to_string),
            host_time: self.host_time.clone(),
            key_id: self.key_id.to_string(),
            digest: self.digest.to_string(),
        }
    }

    /// Returns what went back.
    pub const fn amount(&self) -> Money {
        self.amount
    }

    /// Returns the number that the answer named: the refund's own, or the voided sale's.
    pub const fn number(&self) -> &OrderNo {
        &self.number
    }

    /// Returns the acquirer's number, when it gave one.
    pub const fn trade_no(&self) -> Option<&HostTradeNo> {
        self.trade_no.as_ref()
    }
}

/// The stored form of [`UndoEvidence`]. Plain data: it proves nothing until it is read from a sealed row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoRecord {
    /// The number that the answer named.
    pub number: String,
    /// What went back, in minor units.
    pub amount: u64,
    /// ISO 4217 numeric code.
    pub currency: u16,
    /// The acquirer's number.
    pub trade_no: Option<String>,
    /// The acquirer's completion time.
    pub host_time: Option<String>,
    /// Key that signed the answer.
    pub key_id: String,
    /// SHA-256 of the signed bytes.
    pub digest: String,
}
