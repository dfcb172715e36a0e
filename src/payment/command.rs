//! What the core wants done. The driver runs a command only after the facts of the same step are on disk.
//!
//! Every command can be derived again from the facts, so running one twice is harmless: the acquirer is asked under
//! the same number, and the camera is only switched.

use crate::code::PaymentCode;
use crate::domain::{Channel, Money, OrderNo, TxnId};

/// Which request an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// The charge itself.
    Authorize,
    /// What became of an order.
    Inquire,
    /// End an order whose result is open.
    Revoke,
}

impl RequestKind {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Inquire => "inquire",
            Self::Revoke => "revoke",
        }
    }

    /// Finds a kind by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Authorize, Self::Inquire, Self::Revoke]
            .into_iter()
            .find(|kind| kind.key() == key)
    }
}

/// Names one request of one transaction: every answer comes back with the ticket of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The transaction.
    pub txn: TxnId,
    /// What was asked.
    pub kind: RequestKind,
    /// Counts the requests of this transaction since the program started, from 1.
    pub number: u32,
}

/// The contents of a request to the acquirer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Charge the customer's code.
    Authorize {
        /// The order number of the sale.
        order_no: OrderNo,
        /// The price.
        amount: Money,
        /// The customer's code; never stored.
        code: PaymentCode,
    },
    /// Ask what became of the order.
    Inquire {
        /// The order number of the sale.
        order_no: OrderNo,
    },
    /// Close the order or return the money in full.
    Revoke {
        /// The revoke's own number.
        revoke_no: OrderNo,
        /// The order number of the sale.
        order_no: OrderNo,
    },
}

/// Something for a person's ears; the screen shows the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A code was read.
    Scanned,
    /// The customer has to do something on the phone.
    CustomerActs,
    /// Paid, with the amount and the wallet.
    Paid {
        /// The price.
        amount: Money,
        /// The wallet.
        channel: Channel,
        /// The till had moved on in the meantime (延迟到账).
        late: bool,
    },
    /// Not paid, no money taken.
    NotPaid,
    /// The result is unknown.
    Unknown,
}

/// What the core wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Look for the customer's code.
    StartScan,
    /// Stop looking.
    StopScan,
    /// Ask the acquirer.
    Send {
        /// Comes back with the answer.
        ticket: Ticket,
        /// What to ask.
        request: Request,
    },
    /// Make a sound.
    Play(Sound),
}
