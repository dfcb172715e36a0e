//! What a signed answer says, in words that belong to no acquirer.
//!
//! Owns the vocabulary between an acquirer's adapter and the core. A claim is not yet the truth about *our* order:
//! the core compares it with what it asked for.

use crate::domain::{Channel, Funding, HostTradeNo, MerchantNo, Money, OrderNo};

/// An order's final state on the acquirer's side in which the customer keeps the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// The payment failed.
    Failed,
    /// The order was closed unpaid.
    Closed,
    /// The money was returned.
    Refunded,
    /// The order was revoked.
    Revoked,
}

/// What the acquirer says of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// The customer paid.
    Paid,
    /// The customer has still to confirm, or the wallet is still at work.
    Paying,
    /// This request was refused for a reason on the adapter's list of definitive refusals: nothing was charged.
    Declined,
    /// No such order, so far. Never the same as "not paid".
    NotFound,
    /// Final, and the customer keeps the money.
    Undone(Undone),
    /// The acquirer took the revoke or the close. An acknowledgement, not an outcome.
    RevokeAccepted,
    /// The order was created and can be paid with the code that the claim carries. Nothing was paid.
    Presentable,
    /// The refund with this number is done: the customer has the money.
    Returned,
    /// The refund with this number is at work.
    Returning,
    /// The refund with this number failed for good: nothing was returned.
    ReturnFailed,
    /// Any other answer. Neither success nor failure.
    Unknown,
}

/// Particulars of a trade, for records and slips.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TradeDetails {
    /// The acquirer's number (Lakala `trade_no`).
    pub trade_no: Option<HostTradeNo>,
    /// The wallet's number (Lakala `acc_trade_no`).
    pub wallet_trade_no: Option<HostTradeNo>,
    /// The wallet that paid.
    pub channel: Option<Channel>,
    /// What the customer paid after discounts.
    pub payer_amount: Option<Money>,
    /// Completion time as the acquirer wrote it, `yyyyMMddHHmmss` local time.
    pub host_time: Option<String>,
    /// The text of the merchant code, in the answer that created an order.
    pub code_text: Option<String>,
    /// What kind of card paid, where the card host says so.
    pub funding: Option<Funding>,
    /// A card host's data for the chip (ISO 8583 field 55 of the answer), not stored.
    pub chip: Option<Vec<u8>>,
}

/// The contents of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The merchant that the answer names, when it names one.
    pub merchant: Option<MerchantNo>,
    /// The order that the answer speaks of, when it names one.
    pub order_no: Option<OrderNo>,
    /// The amount that the answer gives, when it gives one.
    pub amount: Option<Money>,
    /// What it says.
    pub state: ClaimState,
    /// The acquirer's code, for records and the hotline; at most 16 characters.
    pub host_code: String,
    /// Particulars.
    pub details: TradeDetails,
}
