//! What happened. Past tense, and nothing of it is believed without proof.

use crate::card::PresentedCard;
use crate::code::PaymentCode;
use crate::domain::{Channel, Money, OperatorNo, Role, TxnId};
use crate::evidence::{Claim, Rejection, Verified};
use crate::settlement::{Batch, SettlementClaim};

use super::balance::BalanceClaim;
use super::command::Ticket;
use super::fact::Instalments;
use super::late::EndedSale;
use super::settle::{Closing, Unsettled};
use super::undo::PaidSale;

/// Whether a request can have reached the acquirer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// No byte of the request can have left: nothing was asked, nothing was charged.
    NotSent,
    /// The same, and the line was not even tried: the card reader did not help to make the message.
    NotMade(Unmade),
    /// Anything else. When unsure, this.
    MaybeSent,
    /// The same, and an answer came which the card reader could not check.
    Unchecked,
}

/// Why there is no message for the card host. Each has words of its own (`view`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// The card reader is gone, busy, or does not answer.
    NoReader,
    /// The card reader has no key of a session, and takes none.
    NoKey,
    /// The PIN was typed under keys that a sign-in has replaced.
    OldPin,
    /// The card host refuses the terminal's sign-in.
    NotSignedIn,
}

impl Certainty {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::NotMade(Unmade::NoReader) => "not_made_no_reader",
            Self::NotMade(Unmade::NoKey) => "not_made_no_key",
            Self::NotMade(Unmade::OldPin) => "not_made_old_pin",
            Self::NotMade(Unmade::NotSignedIn) => "not_made_not_signed_in",
            Self::MaybeSent => "maybe_sent",
            Self::Unchecked => "unchecked",
        }
    }

    /// Says whether a byte of the request can have left.
    pub const fn may_have_left(self) -> bool {
        match self {
            Self::NotSent | Self::NotMade(_) => false,
            Self::MaybeSent | Self::Unchecked => true,
        }
    }

    /// Says whether this speaks against the line to the acquirer.
    pub const fn is_of_the_line(self) -> bool {
        match self {
            Self::NotSent | Self::MaybeSent => true,
            Self::NotMade(_) | Self::Unchecked => false,
        }
    }
}

/// How the code of one order was presented. What the profile opens and limits is an entry mode (`domain`), which does
/// not care whether a code was read or typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentment {
    /// Read by the camera.
    Camera,
    /// Typed by the cashier.
    Manual,
    /// The customer scanned our one-order code of a single wallet.
    MerchantCode,
    /// The customer scanned our one-order code that every wallet can scan.
    OneCode,
    /// A chip card in the reader's slot.
    CardInserted,
    /// A card or a phone held to the reader.
    CardTapped,
}

impl Presentment {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Manual => "manual",
            Self::MerchantCode => "merchant_code",
            Self::OneCode => "one_code",
            Self::CardInserted => "card_inserted",
            Self::CardTapped => "card_tapped",
        }
    }

    /// Finds a mode by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [
            Self::Camera,
            Self::Manual,
            Self::MerchantCode,
            Self::OneCode,
            Self::CardInserted,
            Self::CardTapped,
        ]
        .into_iter()
        .find(|mode| mode.key() == key)
    }

    /// Tells whether a bank card pays.
    pub const fn is_card(self) -> bool {
        matches!(self, Self::CardInserted | Self::CardTapped)
    }

    /// Tells whether the customer scans a code of ours.
    pub const fn is_merchant_code(self) -> bool {
        matches!(self, Self::MerchantCode | Self::OneCode)
    }
}

/// What an inserted card says to the host's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardWord {
    /// It approves (TC).
    Approved,
    /// It refuses (AAC).
    Refused,
    /// It was taken away, or the reader does not tell. Never an approval.
    Gone,
}

/// On whose word money goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The role that was proven.
    pub role: Role,
    /// Who approved; none when the cashier needed nobody.
    pub approver: Option<OperatorNo>,
    /// What people sent back today already, open undos included.
    pub today: Money,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The cashier asked for an amount.
    SaleRequested {
        /// Made at the edge.
        txn: TxnId,
        /// The price.
        amount: Money,
        /// Who stands at the till.
        operator: OperatorNo,
    },
    /// The customer's code was read or typed.
    CodePresented {
        /// The code.
        code: PaymentCode,
        /// How it came in.
        entry: Presentment,
    },
    /// The reader read a card for the draft, and took the PIN when one was wanted.
    CardPresented {
        /// The draft that the reader was armed for.
        txn: TxnId,
        /// The card.
        card: Box<PresentedCard>,
    },
    /// The inserted card gave its word on the host's answer.
    CardEnded {
        /// The sale.
        txn: TxnId,
        /// What it said.
        word: CardWord,
    },
    /// 出码: show a code that the customer scans, beside the camera that stays open.
    MerchantCodeRequested {
        /// Made at the edge.
        txn: TxnId,
        /// The wallet; [`Channel::Unknown`] for one code that every wallet can scan.
        channel: Channel,
    },
    /// 分期: how the customer wants to pay the draft; `None` for at once.
    InstalmentsChosen(Option<Instalments>),
    /// 预授权: a card is to hold the draft's amount instead of paying it, or pay it after all.
    HoldChosen {
        /// The draft's new transaction, made at the edge: a card that comes for the old one no longer counts.
        txn: TxnId,
        /// To hold.
        hold: bool,
    },
    /// 预授权完成: charge what a card holds, or less.
    CompletionRequested {
        /// Made at the edge.
        txn: TxnId,
        /// The hold, read from sealed rows.
        hold: Box<PaidSale>,
        /// How much.
        amount: Money,
        /// Who asks.
        operator: OperatorNo,
    },
    /// Return money of a paid sale. Whether it is a void or a refund is the core's choice.
    UndoRequested {
        /// Made at the edge.
        txn: TxnId,
        /// The sale, read from sealed rows.
        original: Box<PaidSale>,
        /// What goes back.
        amount: Money,
        /// Who asks.
        operator: OperatorNo,
        /// Who stands behind it.
        authority: Authority,
    },
    /// A notice of the acquirer came that its signature proves: only an accelerator, it may come late, twice or never.
    Noticed {
        /// What it says.
        claim: Verified<Claim>,
        /// The sale that it is about, when that one has ended and the journal holds it.
        ended: Option<Box<EndedSale>>,
    },
    /// Close the batch (结算).
    SettlementRequested {
        /// Who wants it.
        closing: Closing,
        /// What it would be about.
        unsettled: Unsettled,
    },
    /// The journal read what [`super::Command::ReadBatch`] asked for.
    BatchRead {
        /// The settlement.
        txn: TxnId,
        /// What was found.
        batch: Box<Batch>,
    },
    /// A signed answer about a settlement came.
    SettlementAnswered {
        /// The request it answers.
        ticket: Ticket,
        /// What it says.
        claim: Box<Verified<SettlementClaim>>,
    },
    /// 余额查询: ask what is free on a card's account.
    BalanceRequested {
        /// Made at the edge.
        txn: TxnId,
        /// Who asks.
        operator: OperatorNo,
    },
    /// A proven answer to such a question came.
    BalanceAnswered {
        /// The request it answers.
        ticket: Ticket,
        /// What it says.
        claim: Verified<BalanceClaim>,
    },
    /// Before sending: give up. After sending: stop waiting, that is, revoke.
    CancelRequested,
    /// Ask the acquirer now instead of at the next turn of the schedule. Any open sale or undo.
    QueryRequested {
        /// Which sale.
        txn: TxnId,
    },
    /// The cashier wants to serve the next customer; the sale goes on in the background (待核实).
    ParkRequested,
    /// The result was seen.
    ResultDismissed,
    /// A signed answer came.
    Answered {
        /// The request it answers.
        ticket: Ticket,
        /// What it says.
        claim: Verified<Claim>,
    },
    /// An answer came that is not believed.
    AnswerRejected {
        /// The request it answers.
        ticket: Ticket,
        /// Why.
        rejection: Rejection,
    },
    /// No answer came.
    SendFailed {
        /// The request.
        ticket: Ticket,
        /// Whether it can have arrived.
        certainty: Certainty,
        /// For the log and the record, never shown to a customer.
        why: String,
    },
    /// Time passed; anything that is due is done.
    DeadlineReached,
}
