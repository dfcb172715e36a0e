//! What the acquirer is asked and answers, and what its customers do: plain numbers and text.

use super::batch::{CardRow, CardSums};

/// What a customer does once the charge has reached the wallet, or once the code was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wallet {
    /// Pays without asking.
    Pays,
    /// Types a password for so many milliseconds, then has paid or has failed.
    Password {
        /// How long.
        ms: u64,
        /// Whether it ends well.
        pays: bool,
    },
    /// Looks at the phone and does nothing.
    Never,
    /// Is refused (no money, limit); whether the refusal names the order.
    Refused {
        /// It does.
        named: bool,
    },
}

/// What its card host is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardAsk {
    /// Charge a card.
    Charge {
        /// The merchant's number.
        order: String,
        /// The price in fen.
        fen: u64,
        /// The terminal's batch.
        batch: u32,
        /// The message's trace.
        trace: u32,
        /// Whose card.
        card: String,
        /// What its issuer says.
        wallet: Wallet,
        /// Only to hold the amount.
        hold: bool,
    },
    /// Charge what a card holds, or a part of it.
    Complete {
        /// The merchant's number.
        order: String,
        /// How much, in fen.
        fen: u64,
        /// The terminal's batch.
        batch: u32,
        /// The message's trace.
        trace: u32,
        /// The hold's number.
        of: String,
    },
    /// Take a card's charge back, whatever became of it.
    Reverse {
        /// The order.
        order: String,
    },
    /// Take a card's paid order back.
    Void {
        /// The void's own number.
        number: String,
        /// The order.
        order: String,
        /// Its price in fen.
        fen: u64,
        /// The terminal's batch.
        batch: u32,
        /// The message's trace.
        trace: u32,
    },
    /// Compare the totals of a batch's cards.
    Totals {
        /// The settlement's own number; the answer names it for the line, as it names an order.
        number: String,
        /// The batch.
        batch: u32,
        /// The message's trace.
        trace: u32,
        /// The terminal's sums.
        sums: CardSums,
    },
    /// Records of a batch's cards.
    Rows {
        /// The settlement's own number.
        number: String,
        /// The batch.
        batch: u32,
        /// The message's trace.
        trace: u32,
        /// Some of them.
        rows: Vec<CardRow>,
    },
    /// The records are complete.
    End {
        /// The settlement's own number.
        number: String,
        /// The batch.
        batch: u32,
        /// The message's trace.
        trace: u32,
    },
}

impl CardAsk {
    fn about(&self) -> &str {
        match self {
            Self::Charge { order, .. }
            | Self::Complete { order, .. }
            | Self::Reverse { order }
            | Self::Void { order, .. } => order,
            Self::Totals { number, .. } | Self::Rows { number, .. } | Self::End { number, .. } => {
                number
            }
        }
    }
}

/// What the acquirer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Something about cards.
    Card(CardAsk),
    /// Charge the code.
    Charge {
        /// The merchant's number.
        order: String,
        /// The price in fen.
        fen: u64,
        /// The customer's code.
        code: String,
        /// The terminal's batch.
        batch: u32,
    },
    /// Make an order that a customer pays by scanning its code.
    Preorder {
        /// The merchant's number.
        order: String,
        /// The price in fen.
        fen: u64,
        /// How long the code lives.
        life_ms: u64,
        /// The terminal's batch.
        batch: u32,
    },
    /// What became of an order.
    Query {
        /// The merchant's number.
        order: String,
    },
    /// End an order.
    Revoke {
        /// The revoke's own number.
        number: String,
        /// The order.
        order: String,
    },
    /// Close an order that nobody has paid.
    Close {
        /// The order.
        order: String,
    },
    /// Take a paid order back.
    Void {
        /// The void's own number.
        number: String,
        /// The order.
        order: String,
        /// The terminal's batch.
        batch: u32,
    },
    /// Return a part or all.
    Refund {
        /// The refund's own number.
        number: String,
        /// The order.
        order: String,
        /// How much.
        fen: u64,
        /// The terminal's batch.
        batch: u32,
        /// The message's trace, where it goes to the card host.
        trace: Option<u32>,
    },
    /// Compare the totals of a batch: count and sum of sales, voids, refunds.
    Totals {
        /// The settlement's own number.
        number: String,
        /// The batch.
        batch: u32,
        /// The terminal's sums.
        sums: [(u32, u64); 3],
    },
    /// What became of a settlement.
    QueryTotals {
        /// Its number.
        number: String,
    },
    /// Detail rows of a settlement.
    Details {
        /// Its number.
        number: String,
        /// Rows before these.
        first: u32,
        /// The numbers of the rows.
        rows: Vec<String>,
    },
    /// The detail rows are complete.
    EndDetails {
        /// The settlement's number.
        number: String,
        /// How many there were.
        rows: u32,
    },
    /// The statement behind a position.
    Statement {
        /// The settlement's number.
        number: String,
        /// The position.
        after: u64,
    },
    /// What became of a refund.
    QueryRefund {
        /// Its number.
        number: String,
    },
}

impl Ask {
    /// Returns the order or refund that is asked about.
    pub fn about(&self) -> &str {
        match self {
            Self::Card(card) => card.about(),
            Self::Charge { order, .. }
            | Self::Preorder { order, .. }
            | Self::Query { order }
            | Self::Revoke { order, .. }
            | Self::Close { order }
            | Self::Void { order, .. }
            | Self::Refund { order, .. } => order,
            Self::QueryRefund { number }
            | Self::Totals { number, .. }
            | Self::QueryTotals { number }
            | Self::Details { number, .. }
            | Self::EndDetails { number, .. }
            | Self::Statement { number, .. } => number,
        }
    }
}

/// What the acquirer answers, before it is signed. A field that is `None` is not in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// One word: `paid`, `paying`, `waiting`, `declined`, `not-found`, `failed`, `closed`, `revoked`, `refunded`,
    /// `accepted`, `returned`, `returning`, `return-failed`, `balanced`, `differs`, `taken`, `taken-all`, `page`,
    /// `last-page`, `cards-balanced`, `cards-unbalanced`, `cards-taken`, `cards-agree`, `cards-differ`, or a code that
    /// no list of the terminal holds.
    pub word: String,
    /// Who is meant.
    pub merchant: Option<String>,
    /// Which order or refund.
    pub order: Option<String>,
    /// Its amount in fen.
    pub fen: Option<u64>,
    /// The code that a customer has to scan, or the figures of a settlement.
    pub text: Option<String>,
}

impl Answer {
    /// Returns the bytes that are signed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("word={}", self.word);
        for (key, value) in [
            ("merchant", &self.merchant),
            ("order", &self.order),
            ("text", &self.text),
        ] {
            if let Some(value) = value {
                text.push_str(&format!("|{key}={value}"));
            }
        }
        if let Some(fen) = self.fen {
            text.push_str(&format!("|fen={fen}"));
        }
        text.into_bytes()
    }
}
