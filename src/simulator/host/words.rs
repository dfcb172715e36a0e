//! What the acquirer is asked and answers, and what its customers do: plain numbers and text.

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

/// What the acquirer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Charge the code.
    Charge {
        /// The merchant's number.
        order: String,
        /// The price in fen.
        fen: u64,
        /// The customer's code.
        code: String,
    },
    /// Make an order that a customer pays by scanning its code.
    Preorder {
        /// The merchant's number.
        order: String,
        /// The price in fen.
        fen: u64,
        /// How long the code lives.
        life_ms: u64,
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
    },
    /// Return a part or all.
    Refund {
        /// The refund's own number.
        number: String,
        /// The order.
        order: String,
        /// How much.
        fen: u64,
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
            Self::Charge { order, .. }
            | Self::Preorder { order, .. }
            | Self::Query { order }
            | Self::Revoke { order, .. }
            | Self::Close { order }
            | Self::Void { order, .. }
            | Self::Refund { order, .. } => order,
            Self::QueryRefund { number } => number,
        }
    }
}

/// What the acquirer answers, before it is signed. A field that is `None` is not in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// One word: `paid`, `paying`, `waiting`, `declined`, `not-found`, `failed`, `closed`, `revoked`, `refunded`,
    /// `accepted`, `returned`, `returning`, `return-failed`, or a code that no list of the terminal holds.
    pub word: String,
    /// Who is meant.
    pub merchant: Option<String>,
    /// Which order or refund.
    pub order: Option<String>,
    /// Its amount in fen.
    pub fen: Option<u64>,
    /// The code that a customer has to scan.
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
