//! What the books record: trades and refunds, and how a change of state moves money on both sides.
//!
//! Owns the words of Lakala's states (acquirer.md 2.3). Never touches a file.

use serde::{Deserialize, Serialize};

use super::clock::now_ms;
use super::story::Story;

/// State of a trade, in Lakala's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TradeState {
    /// Placed; no wallet has seen it.
    Create,
    /// At work.
    Deal,
    /// Paid.
    Success,
    /// Failed.
    Fail,
    /// Closed unpaid.
    Close,
    /// Partly returned.
    PartRefund,
    /// All money returned.
    Refund,
}

impl TradeState {
    /// Returns Lakala's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Deal => "DEAL",
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
            Self::Close => "CLOSE",
            Self::PartRefund => "PART_REFUND",
            Self::Refund => "REFUND",
        }
    }

    /// Tells whether money can still be taken.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Create | Self::Deal)
    }
}

/// How an order came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The customer's code was scanned.
    #[default]
    Micropay,
    /// The customer scans a code of one wallet.
    Preorder,
    /// The customer opens the cashier's page with any wallet.
    Counter,
    /// The customer scanned the printed code and typed the amount.
    Static,
    /// A bank card.
    Card,
}

impl Kind {
    /// Returns `trade_main_type`.
    pub const fn main_type(self) -> &'static str {
        match self {
            Self::Micropay => "MICROPAY",
            Self::Card => "CARD",
            Self::Preorder | Self::Counter | Self::Static => "PREORDER",
        }
    }

    /// Returns the ledger's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Micropay => "micropay",
            Self::Preorder => "preorder",
            Self::Counter => "counter",
            Self::Static => "static",
            Self::Card => "card",
        }
    }
}

/// How far the merchant was told of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// No notice is due.
    #[default]
    None,
    /// Due and not acknowledged.
    Owed,
    /// Acknowledged.
    Told,
    /// The schedule ran out.
    GivenUp,
}

/// Instalments of Huabei (acquirer.md 2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// 3, 6 or 12.
    pub periods: u8,
    /// Share of the fee that the merchant pays, 0 or 100 per cent.
    pub seller_percent: u8,
}

/// One order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trade {
    /// Order number.
    pub out_trade_no: String,
    /// Price in fen.
    pub total_amount: u64,
    /// Wallet; empty until one pays a cashier order.
    pub account_type: String,
    /// Lakala-shaped number.
    pub trade_no: String,
    /// State.
    pub state: TradeState,
    /// Charged in fen.
    pub charged: u64,
    /// Returned in fen.
    pub returned: u64,
    /// The part of it that a revoke returned.
    #[serde(default)]
    pub revoked: u64,
    /// The merchant's side of the same money in fen, kept apart so that the sides can disagree.
    pub merchant_got: i64,
    /// Milliseconds when it was opened.
    pub opened_ms: u64,
    /// Milliseconds when its state last changed.
    #[serde(default)]
    pub moved_ms: u64,
    /// Revokes and closes tried.
    pub revokes: u32,
    /// Inquiries since the first revoke.
    pub asked_since_revoke: u32,
    /// How it came about.
    #[serde(default)]
    pub kind: Kind,
    /// Title for the customer.
    #[serde(default)]
    pub subject: String,
    /// What the customer scans; empty when the customer was scanned.
    #[serde(default)]
    pub code: String,
    /// The cashier's own number of an order.
    #[serde(default)]
    pub pay_order_no: String,
    /// Milliseconds when it closes by itself; 0 is never.
    #[serde(default)]
    pub expires_ms: u64,
    /// Milliseconds when a wallet was first asked to pay; 0 is not yet.
    #[serde(default)]
    pub asked_ms: u64,
    /// Milliseconds when a close was first taken; 0 is never.
    #[serde(default)]
    pub close_ms: u64,
    /// Instalments.
    #[serde(default)]
    pub instalment: Option<Instalment>,
    /// Where the merchant wants to be told.
    #[serde(default)]
    pub notify_url: String,
    /// How far the merchant was told.
    #[serde(default)]
    pub notice: Notice,
}

impl Trade {
    /// Makes an order that nothing has happened to.
    pub fn new(kind: Kind, order: &str, amount: u64, trade_no: String) -> Self {
        Self {
            out_trade_no: order.to_owned(),
            total_amount: amount,
            account_type: String::new(),
            trade_no,
            state: TradeState::Create,
            charged: 0,
            returned: 0,
            revoked: 0,
            merchant_got: 0,
            opened_ms: now_ms(),
            moved_ms: 0,
            revokes: 0,
            asked_since_revoke: 0,
            kind,
            subject: String::new(),
            code: String::new(),
            pay_order_no: String::new(),
            expires_ms: 0,
            asked_ms: 0,
            close_ms: 0,
            instalment: None,
            notify_url: String::new(),
            notice: Notice::None,
        }
    }

    /// The last 14 characters of the trade's number.
    pub fn log_no(&self) -> &str {
        log_no(&self.trade_no)
    }

    /// Tells whether time can still move it: it is open, or closed by its expiry and paid late.
    pub fn is_restless(&self) -> bool {
        self.state.is_open() || self.is_paid_late()
    }

    /// Tells whether it is the story of a payment after the expiry, before that payment.
    pub(super) fn is_paid_late(&self) -> bool {
        let story = Story::of(self.total_amount) == Story::PaidAfterExpiry;
        let seen = self.expires_ms > 0 && self.asked_ms > 0;
        story && seen && self.state == TradeState::Close && self.close_ms == 0
    }

    /// Moves it to a state; money moves with it, on both sides.
    pub(super) fn posted(mut self, state: TradeState) -> Self {
        if state == TradeState::Success && self.charged == 0 {
            self.charged = self.total_amount;
            self.merchant_got += fen(self.total_amount);
            if !self.notify_url.is_empty() {
                self.notice = Notice::Owed;
            }
        }
        if state == TradeState::Refund {
            let rest = self.charged - self.returned;
            self.returned += rest;
            self.revoked += rest;
            self.merchant_got -= fen(rest);
        }
        self.state = state;
        self.moved_ms = now_ms();
        self
    }

    /// Gives a part of the money back.
    pub(super) fn part_returned(mut self, amount: u64) -> Self {
        self.returned += amount;
        self.merchant_got -= fen(amount);
        self.state = if self.returned == self.charged {
            TradeState::Refund
        } else {
            TradeState::PartRefund
        };
        self.moved_ms = now_ms();
        self
    }
}

/// The last 14 characters of a Lakala-shaped number.
pub fn log_no(trade_no: &str) -> &str {
    &trade_no[trade_no.len().saturating_sub(14)..]
}

fn fen(amount: u64) -> i64 {
    i64::try_from(amount).expect("twelve digits fit")
}

/// One refund.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// Its own number.
    pub out_trade_no: String,
    /// Lakala-shaped number.
    pub trade_no: String,
    /// The order whose money it returns.
    pub order: String,
    /// Fen to return.
    pub amount: u64,
    /// `DEAL`, `SUCCESS` or `FAIL`.
    pub state: TradeState,
    /// Milliseconds when it was asked for.
    pub opened_ms: u64,
    /// Milliseconds when its state last changed.
    pub moved_ms: u64,
}
