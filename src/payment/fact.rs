//! What must survive. A fact is on disk before anything that follows from it leaves the terminal.
//!
//! Owns the facts. Their stored form is `record`'s.

use crate::card::CardFacts;
use crate::domain::{
    BatchNo, Channel, Epoch, HostTradeNo, Money, OperatorNo, OrderNo, Timestamp, TxnId, VoucherNo,
};
use crate::evidence::{PaidEvidence, UndoEvidence};
use crate::settlement::SettlementFact;

use super::balance::BalanceAsked;
use super::command::{CardBusiness, CardOriginal, RequestKind};
use super::event::Presentment;

/// How a sale ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Paid, with the proof.
    Paid(PaidEvidence),
    /// The acquirer says that nothing was charged, or that the customer has the money back without our asking.
    Declined {
        /// The acquirer's code.
        host_code: String,
    },
    /// The request never left.
    NotSent,
    /// We ended the order; the customer keeps or got back the money.
    Revoked,
}

impl Outcome {
    /// Returns the stable key used in records and on screens.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Declined { .. } => "declined",
            Self::NotSent => "not_sent",
            Self::Revoked => "revoked",
        }
    }
}

/// The intent to charge: everything that a later start needs to find out what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The transaction.
    pub txn: TxnId,
    /// The order number under which the acquirer is asked, for ever.
    pub order_no: OrderNo,
    /// The counter behind the order number.
    pub sequence: u64,
    /// Number for people.
    pub voucher: VoucherNo,
    /// The open batch.
    pub batch: BatchNo,
    /// The price.
    pub amount: Money,
    /// The wallet that the code's prefix names.
    pub channel: Channel,
    /// How the code came in.
    pub entry: Presentment,
    /// Who stood at the till.
    pub operator: OperatorNo,
    /// Last four characters of the code.
    pub code_tail: String,
    /// Keyed digest of the code, hexadecimal. Empty when the customer scans our code.
    pub code_fingerprint: String,
    /// Paid in instalments (花呗分期).
    pub instalments: Option<Instalments>,
    /// What may be kept of a bank card.
    pub card: Option<CardFacts>,
    /// What the order is for.
    pub purpose: Purpose,
}

/// What an order is for. By code, always a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// 消费.
    Sale,
    /// 预授权: money is held on the card. It is no income and in no total.
    Hold,
    /// 预授权完成: what was held, or less, is charged.
    Completion {
        /// The hold's transaction.
        of: TxnId,
        /// How the card host knows the hold.
        hold: CardOriginal,
    },
}

impl Purpose {
    /// Returns what the card host calls it.
    pub const fn business(&self) -> CardBusiness {
        match self {
            Self::Sale => CardBusiness::Sale,
            Self::Hold => CardBusiness::Hold,
            Self::Completion { .. } => CardBusiness::Completion,
        }
    }

    /// Tells whether money is only held.
    pub const fn is_hold(&self) -> bool {
        matches!(self, Self::Hold)
    }
}

/// Instalments of the wallet's own credit (花呗分期).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instalments {
    /// How many monthly payments: 3, 6 or 12.
    pub count: u8,
    /// The merchant bears the customer's fee (Lakala `hb_fq_seller_percent` 100), else the customer (0).
    pub merchant_pays: bool,
}

/// How money goes back to a customer who paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoKind {
    /// 撤销: the whole sale of the open batch.
    Void,
    /// 退货: a part or the whole, of any day.
    Refund,
}

impl UndoKind {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }

    /// Finds a kind by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Void, Self::Refund]
            .into_iter()
            .find(|kind| kind.key() == key)
    }
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoCause {
    /// A person asked, and a supervisor approved where the profile wants it.
    Asked,
    /// The acquirer proved a success after we had ended the sale as not paid.
    LateSuccess,
}

impl UndoCause {
    /// Returns the stable key used in records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::LateSuccess => "late_success",
        }
    }

    /// Finds a cause by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Asked, Self::LateSuccess]
            .into_iter()
            .find(|cause| cause.key() == key)
    }
}

/// The intent to return money: everything that a later start needs to find out what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoIntent {
    /// The undo's own transaction.
    pub txn: TxnId,
    /// The sale.
    pub of: TxnId,
    /// The sale's order number.
    pub of_order: OrderNo,
    /// How the sale's order was opened; the acquirer's ways differ by it.
    pub of_entry: Presentment,
    /// The acquirer's number of the sale, when it gave one.
    pub of_trade_no: Option<HostTradeNo>,
    /// How the card host knows the sale, when a card paid.
    pub of_card: Option<CardOriginal>,
    /// The undo's own number, for ever: retries keep it.
    pub undo_no: OrderNo,
    /// The counter behind it.
    pub sequence: u64,
    /// Number for people.
    pub voucher: VoucherNo,
    /// The open batch.
    pub batch: BatchNo,
    /// Void or refund.
    pub kind: UndoKind,
    /// Why.
    pub cause: UndoCause,
    /// Counts the automatic refunds of this sale, from 1; a person's undo is 1.
    pub attempt: u32,
    /// What goes back.
    pub amount: Money,
    /// The wallet that paid.
    pub channel: Channel,
    /// Who asked.
    pub operator: OperatorNo,
    /// Who approved, where somebody had to.
    pub approver: Option<OperatorNo>,
}

/// How an undo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoOutcome {
    /// The customer has the money, with the proof.
    Done(UndoEvidence),
    /// The acquirer refused for good: the customer has not got the money.
    Refused {
        /// The acquirer's code.
        host_code: String,
    },
    /// The request never left.
    NotSent,
}

impl UndoOutcome {
    /// Returns the stable key used in records and on screens.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Refused { .. } => "refused",
            Self::NotSent => "not_sent",
        }
    }
}

/// What became of a damaged or rolled-back journal when it was written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Rows that were recovered under their own seals, from row 1 on.
    pub rows: u64,
    /// Facts recovered from behind a gap: they stand right before this fact and were sealed anew.
    pub carried: u64,
    /// Rows that are known to have existed and were not recovered.
    pub missing: u64,
    /// It is known that nothing is missing. When false, no new sale is opened until [`FactKind::Proven`].
    pub whole: bool,
    /// The name that the old database has since, if there was one.
    pub aside: String,
}

/// Who vouches for a journal that may lack rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prover {
    /// A person took the responsibility.
    Person(OperatorNo),
    /// Every row was compared with the acquirer's books.
    Acquirer,
}

/// What must survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// The program started on this journal under a new epoch.
    Started {
        /// The new fencing number.
        epoch: Epoch,
        /// The program's version.
        version: String,
    },
    /// A charge is about to be sent.
    IntentRecorded(Intent),
    /// A signed answer that does not end the sale.
    AnswerNoted {
        /// The transaction.
        txn: TxnId,
        /// What was asked.
        about: RequestKind,
        /// The acquirer's code.
        host_code: String,
        /// SHA-256 of the signed bytes, hexadecimal.
        digest: String,
    },
    /// An answer that was not believed, or was about something else.
    AnswerRefused {
        /// The transaction whose request it came back for.
        txn: TxnId,
        /// What was asked.
        about: RequestKind,
        /// Why.
        why: String,
    },
    /// No answer came.
    SendFailed {
        /// The transaction.
        txn: TxnId,
        /// What was asked.
        about: RequestKind,
        /// `not_sent` or `maybe_sent`.
        certainty: String,
        /// The cause.
        why: String,
    },
    /// The point of no return: from here the sale can only end as not paid.
    RevokeIntended {
        /// The transaction.
        txn: TxnId,
        /// The revoke's own number.
        revoke_no: OrderNo,
        /// The counter behind it.
        sequence: u64,
        /// Counts the revokes of this sale, from 1.
        attempt: u32,
    },
    /// The revoke was taken, but the acquirer had never seen the order: a late charge could still overtake it.
    RevokeProvisional {
        /// The transaction.
        txn: TxnId,
    },
    /// The acquirer created the order: the customer can pay our code from here on.
    CodeShown {
        /// The transaction.
        txn: TxnId,
        /// SHA-256 of the code's text, hexadecimal.
        digest: String,
    },
    /// A signed success came after the revoke was decided, or after the sale had ended: the money goes back.
    SuccessAfterRevoke {
        /// The transaction.
        txn: TxnId,
        /// The proof.
        evidence: PaidEvidence,
    },
    /// The cashier asked to stop waiting: the order is revoked, also after a restart.
    StopRequested {
        /// The transaction.
        txn: TxnId,
    },
    /// One re-check of a provisional revoke found nothing: a restart does not begin them anew.
    Rechecked {
        /// The transaction.
        txn: TxnId,
        /// Re-checks that are still to be made.
        left: u32,
    },
    /// A person must look at it. Work on it goes on.
    AttentionRaised {
        /// The transaction.
        txn: TxnId,
        /// Why.
        why: String,
    },
    /// The sale ended.
    Closed {
        /// The transaction.
        txn: TxnId,
        /// How.
        outcome: Outcome,
    },
    /// Money is about to be sent back.
    UndoIntended(UndoIntent),
    /// The undo ended.
    UndoClosed {
        /// The undo's own transaction.
        txn: TxnId,
        /// How.
        outcome: UndoOutcome,
    },
    /// Something about closing a batch.
    Settlement {
        /// The settlement's own transaction.
        txn: TxnId,
        /// What.
        fact: SettlementFact,
    },
    /// A card's balance is about to be asked for: its numbers are used up. What is answered is no fact.
    BalanceAsked(BalanceAsked),
    /// The journal was rebuilt.
    Rebuilt(Rebuilt),
    /// A rebuilt journal that may lack rows counts as complete from here on: new sales may be opened.
    Proven {
        /// By whom.
        by: Prover,
    },
}

/// A fact and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Wall time, for records only; the order is the row number.
    pub at: Timestamp,
    /// What.
    pub kind: FactKind,
}

impl Fact {
    /// Tells whether it is an end that has a slip: only what was proven has one.
    pub const fn has_slip(&self) -> bool {
        matches!(
            &self.kind,
            FactKind::Closed {
                outcome: Outcome::Paid(_),
                ..
            } | FactKind::UndoClosed {
                outcome: UndoOutcome::Done(_),
                ..
            } | FactKind::Settlement {
                fact: SettlementFact::Closed(_),
                ..
            }
        )
    }

    /// Tells whether a person asked for it and can leave it undone: a journal short of space refuses it, and nothing
    /// else. The return of a late payment is none.
    pub const fn is_wish(&self) -> bool {
        match &self.kind {
            FactKind::IntentRecorded(_) | FactKind::BalanceAsked(_) => true,
            FactKind::UndoIntended(intent) => matches!(intent.cause, UndoCause::Asked),
            FactKind::Started { .. }
            | FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::RevokeIntended { .. }
            | FactKind::RevokeProvisional { .. }
            | FactKind::CodeShown { .. }
            | FactKind::SuccessAfterRevoke { .. }
            | FactKind::StopRequested { .. }
            | FactKind::Rechecked { .. }
            | FactKind::AttentionRaised { .. }
            | FactKind::Closed { .. }
            | FactKind::UndoClosed { .. }
            | FactKind::Settlement { .. }
            | FactKind::Rebuilt(_)
            | FactKind::Proven { .. } => false,
        }
    }

    /// Returns the transaction that the fact belongs to.
    pub const fn txn(&self) -> Option<TxnId> {
        match &self.kind {
            FactKind::Started { .. } | FactKind::Rebuilt(_) | FactKind::Proven { .. } => None,
            FactKind::IntentRecorded(intent) => Some(intent.txn),
            FactKind::UndoIntended(intent) => Some(intent.txn),
            FactKind::BalanceAsked(asked) => Some(asked.txn),
            FactKind::AnswerNoted { txn, .. }
            | FactKind::AnswerRefused { txn, .. }
            | FactKind::SendFailed { txn, .. }
            | FactKind::RevokeIntended { txn, .. }
            | FactKind::RevokeProvisional { txn }
            | FactKind::StopRequested { txn }
            | FactKind::Rechecked { txn, .. }
            | FactKind::SuccessAfterRevoke { txn, .. }
            | FactKind::CodeShown { txn, .. }
            | FactKind::AttentionRaised { txn, .. }
            | FactKind::Closed { txn, .. }
            | FactKind::UndoClosed { txn, .. }
            | FactKind::Settlement { txn, .. } => Some(*txn),
        }
    }
}

/// A row that is sealed correctly but cannot be understood (a newer version wrote it, or a bug did).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal row {row} is not readable: {why}")]
pub struct UnreadableFact {
    /// The row number.
    pub row: u64,
    /// What is wrong.
    pub why: String,
}
