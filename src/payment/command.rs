//! What the core wants done. The driver runs a command only after the facts of the same step are on disk.
//!
//! Every command can be derived again from the facts, so running one twice is harmless: the acquirer is asked under
//! the same number, and the camera is only switched.

use crate::card::PresentedCard;
use crate::code::PaymentCode;
use crate::domain::{BatchNo, Channel, HostTradeNo, Money, OrderNo, TxnId, VoucherNo};
use crate::settlement;

use super::event::Presentment;
use super::fact::Instalments;

/// Which request an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// The charge itself.
    Authorize,
    /// Create an order that the customer pays by scanning our code.
    Preorder,
    /// What became of an order.
    Inquire,
    /// End an order whose result is open.
    Revoke,
    /// End an order that waits for a customer to scan our code.
    Close,
    /// Take a paid sale back as a whole.
    Void,
    /// Return a part or all of a paid sale.
    Refund,
    /// What became of a refund.
    InquireRefund,
    /// Anything about closing a batch.
    Settlement,
    /// What is free on a card's account.
    Balance,
}

impl RequestKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Authorize,
        Self::Preorder,
        Self::Inquire,
        Self::Revoke,
        Self::Close,
        Self::Void,
        Self::Refund,
        Self::InquireRefund,
        Self::Settlement,
        Self::Balance,
    ];

    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Preorder => "preorder",
            Self::Inquire => "inquire",
            Self::Revoke => "revoke",
            Self::Close => "close",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::InquireRefund => "inquire_refund",
            Self::Settlement => "settlement",
            Self::Balance => "balance",
        }
    }

    /// Finds a kind by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
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
        /// Paid in instalments.
        instalments: Option<Instalments>,
        /// The batch that the acquirer is told.
        batch: BatchNo,
    },
    /// Create an order that the customer pays by scanning our code.
    Preorder {
        /// The order number of the sale.
        order_no: OrderNo,
        /// The price.
        amount: Money,
        /// The wallet that shall pay; [`Channel::Unknown`] for one code that every wallet can scan.
        channel: Channel,
        /// How long the code lives, in milliseconds.
        life_ms: u64,
        /// The batch that the acquirer is told.
        batch: BatchNo,
    },
    /// Ask what became of the order.
    Inquire {
        /// The order number of the sale.
        order_no: OrderNo,
        /// How the order was opened.
        entry: Presentment,
    },
    /// Close the order or return the money in full.
    Revoke {
        /// The revoke's own number.
        revoke_no: OrderNo,
        /// The order number of the sale.
        order_no: OrderNo,
    },
    /// Close an order that nobody has paid.
    Close {
        /// The order number of the sale.
        order_no: OrderNo,
        /// How the order was opened.
        entry: Presentment,
    },
    /// Take a paid sale back as a whole.
    Void {
        /// The void's own number.
        void_no: OrderNo,
        /// The order number of the sale.
        order_no: OrderNo,
        /// The batch that the acquirer is told.
        batch: BatchNo,
    },
    /// Return a part or all of a paid sale.
    Refund {
        /// The refund's own number; retries keep it.
        refund_no: OrderNo,
        /// The order number of the sale.
        order_no: OrderNo,
        /// What goes back.
        amount: Money,
        /// How the order was opened.
        entry: Presentment,
        /// The acquirer's number of the sale, when it gave one.
        trade_no: Option<HostTradeNo>,
        /// The batch that the acquirer is told.
        batch: BatchNo,
    },
    /// Ask what became of a refund.
    InquireRefund {
        /// The refund's own number.
        refund_no: OrderNo,
    },
    /// Anything to the card host.
    Card(Box<CardRequest>),
    /// Close a batch, or read the statement for it.
    Settlement(Box<settlement::Ask>),
}

/// A message to the card host (`docs/CARDS.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRequest {
    /// Our number: of the sale, also in its reversal; the own one of a void or a refund. Field 63.
    pub order_no: OrderNo,
    /// The batch, field 60.
    pub batch: BatchNo,
    /// The trace, field 11: of the sale, also in its reversal; the own one of a void or a refund.
    pub trace: VoucherNo,
    /// Field 4.
    pub amount: Money,
    /// What is asked.
    pub what: CardAsk,
}

/// What is asked of the card host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardAsk {
    /// 消费. Sent once, never repeated.
    Sale(Box<PresentedCard>),
    /// 预授权. Sent once, never repeated.
    Hold(Box<PresentedCard>),
    /// 预授权完成 of a hold. Sent once, never repeated.
    Completion(CardOriginal),
    /// 冲正 of one of these, repeated until it is answered.
    Reversal {
        /// What the original was.
        business: CardBusiness,
        /// How the card had met the reader.
        entry: Presentment,
        /// A PIN had been typed.
        pin: bool,
        /// The card's sequence number.
        sequence: Option<u8>,
        /// Why.
        reason: ReversalReason,
    },
    /// 撤销 of a sale, a hold or a completion; a repetition gets the first answer.
    Void(CardOriginal),
    /// 退货; a repetition gets the first answer.
    Refund(CardOriginal),
    /// 余额查询. Sent once; moves nothing.
    Balance(Box<PresentedCard>),
}

/// What a card host calls an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardBusiness {
    /// 消费.
    Sale,
    /// 预授权.
    Hold,
    /// 预授权完成.
    Completion,
}

impl CardBusiness {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Hold => "hold",
            Self::Completion => "completion",
        }
    }

    /// Finds one by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Sale, Self::Hold, Self::Completion]
            .into_iter()
            .find(|business| business.key() == key)
    }
}

/// Names an order by card to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardOriginal {
    /// What it is.
    pub business: CardBusiness,
    /// Its batch.
    pub batch: BatchNo,
    /// Its trace.
    pub trace: VoucherNo,
    /// The host's reference number (RRN), field 37.
    pub trade_no: Option<HostTradeNo>,
    /// The host's authorisation code, field 38.
    pub auth: Option<HostTradeNo>,
}

/// Why a card sale is reversed (ISO 8583 field 39 of the reversal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversalReason {
    /// No answer came (98).
    NoAnswer,
    /// The answer's MAC was wrong (A0).
    BadMac,
    /// The card refused, or somebody stopped the sale (06).
    Other,
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
    /// Money is held on the customer's card.
    Held,
    /// Money went back to the customer.
    Returned {
        /// How much.
        amount: Money,
    },
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
    /// Ask the reader for a card that pays this draft, or whose balance this question is about.
    ArmCard {
        /// The draft.
        txn: TxnId,
        /// What the card signs; nothing when its balance is asked for.
        amount: Money,
        /// For a hold or a balance, which always want the PIN.
        hold: bool,
    },
    /// Ask for no card any more.
    DisarmCard,
    /// The card host's batch is closed: leave its session, and sign in for the next one.
    RenewCards,
    /// Give the host's approval to the card that is still inserted.
    CompleteCard {
        /// The sale.
        txn: TxnId,
        /// The host's data for the chip (field 55 of its answer).
        chip: Vec<u8>,
    },
    /// Ask the acquirer.
    Send {
        /// Comes back with the answer.
        ticket: Ticket,
        /// What to ask.
        request: Request,
    },
    /// Make a sound.
    Play(Sound),
    /// Read every entry up to this batch that no settlement has counted, and the batches of these numbers. What is
    /// found comes back as [`super::Event::BatchRead`] before anything else happens.
    ReadBatch {
        /// The settlement.
        txn: TxnId,
        /// The batch.
        batch: BatchNo,
        /// Order and refund numbers of the acquirer's statement.
        numbers: Vec<String>,
    },
}
