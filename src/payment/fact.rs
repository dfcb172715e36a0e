//! What must survive. A fact is on disk before anything that follows from it leaves the terminal.
//!
//! Owns the facts and their stored form: one JSON object a row, fields in declaration order, tagged with `fact`. A fact
//! is read back only from a sealed row, so a paid fact cannot be typed into the program.

use serde::{Deserialize, Serialize};

use crate::domain::{
    BatchNo, Channel, Currency, Epoch, Money, OperatorNo, OrderNo, Timestamp, TxnId, VoucherNo,
};
use crate::evidence::{PaidEvidence, PaidRecord, SealedRow};

use super::command::RequestKind;
use super::event::EntryMode;

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
    pub entry: EntryMode,
    /// Who stood at the till.
    pub operator: OperatorNo,
    /// Last four characters of the code.
    pub code_tail: String,
    /// Keyed digest of the code, hexadecimal.
    pub code_fingerprint: String,
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
    /// A signed success came after the revoke was decided: the money goes back.
    SuccessAfterRevoke {
        /// The transaction.
        txn: TxnId,
        /// The proof.
        evidence: PaidEvidence,
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
    /// Returns the transaction that the fact belongs to.
    pub const fn txn(&self) -> Option<TxnId> {
        match &self.kind {
            FactKind::Started { .. } => None,
            FactKind::IntentRecorded(intent) => Some(intent.txn),
            FactKind::AnswerNoted { txn, .. }
            | FactKind::AnswerRefused { txn, .. }
            | FactKind::SendFailed { txn, .. }
            | FactKind::RevokeIntended { txn, .. }
            | FactKind::RevokeProvisional { txn }
            | FactKind::SuccessAfterRevoke { txn, .. }
            | FactKind::AttentionRaised { txn, .. }
            | FactKind::Closed { txn, .. } => Some(*txn),
        }
    }

    /// Returns the stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Record::from(self))
            .expect("invariant: a record of strings and integers always serialises")
    }

    /// Reads a fact from a sealed row.
    ///
    /// # Errors
    /// [`UnreadableFact`] names the row; the row is kept as it is.
    pub fn decode(row: &SealedRow) -> Result<Self, UnreadableFact> {
        let wrong = |why: String| UnreadableFact {
            row: row.number(),
            why,
        };
        let record: Record =
            serde_json::from_slice(row.body()).map_err(|error| wrong(error.to_string()))?;
        let at = Timestamp(record.at);
        let kind =
            restore(record.kind, row).ok_or_else(|| wrong("a field is out of range".into()))?;
        Ok(Self { at, kind })
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

#[derive(Serialize, Deserialize)]
struct Record {
    at: i64,
    #[serde(flatten)]
    kind: RecordKind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
enum RecordKind {
    Started {
        epoch: u16,
        version: String,
    },
    IntentRecorded(IntentRecord),
    AnswerNoted {
        txn: String,
        about: String,
        host_code: String,
        digest: String,
    },
    AnswerRefused {
        txn: String,
        about: String,
        why: String,
    },
    SendFailed {
        txn: String,
        about: String,
        certainty: String,
        why: String,
    },
    RevokeIntended {
        txn: String,
        revoke_no: String,
        sequence: u64,
        attempt: u32,
    },
    RevokeProvisional {
        txn: String,
    },
    SuccessAfterRevoke {
        txn: String,
        evidence: PaidRecord,
    },
    AttentionRaised {
        txn: String,
        why: String,
    },
    Closed {
        txn: String,
        outcome: String,
        host_code: Option<String>,
        evidence: Option<PaidRecord>,
    },
}

#[derive(Serialize, Deserialize)]
struct IntentRecord {
    txn: String,
    order_no: String,
    sequence: u64,
    voucher: u32,
    batch: u32,
    amount: u64,
    currency: u16,
    channel: String,
    entry: String,
    operator: String,
    code_tail: String,
    code_fingerprint: String,
}

impl From<&Fact> for Record {
    fn from(fact: &Fact) -> Self {
        let kind = match &fact.kind {
            FactKind::Started { epoch, version } => RecordKind::Started {
                epoch: epoch.get(),
                version: version.clone(),
            },
            FactKind::IntentRecorded(intent) => RecordKind::IntentRecorded(intent_record(intent)),
            FactKind::AnswerNoted {
                txn,
                about,
                host_code,
                digest,
            } => RecordKind::AnswerNoted {
                txn: txn.to_string(),
                about: about.key().to_owned(),
                host_code: host_code.clone(),
                digest: digest.clone(),
            },
            FactKind::AnswerRefused { txn, about, why } => RecordKind::AnswerRefused {
                txn: txn.to_string(),
                about: about.key().to_owned(),
                why: why.clone(),
            },
            FactKind::SendFailed {
                txn,
                about,
                certainty,
                why,
            } => RecordKind::SendFailed {
                txn: txn.to_string(),
                about: about.key().to_owned(),
                certainty: certainty.clone(),
                why: why.clone(),
            },
            FactKind::RevokeIntended {
                txn,
                revoke_no,
                sequence,
                attempt,
            } => RecordKind::RevokeIntended {
                txn: txn.to_string(),
                revoke_no: revoke_no.to_string(),
                sequence: *sequence,
                attempt: *attempt,
            },
            FactKind::RevokeProvisional { txn } => RecordKind::RevokeProvisional {
                txn: txn.to_string(),
            },
            FactKind::SuccessAfterRevoke { txn, evidence } => RecordKind::SuccessAfterRevoke {
                txn: txn.to_string(),
                evidence: evidence.record(),
            },
            FactKind::AttentionRaised { txn, why } => RecordKind::AttentionRaised {
                txn: txn.to_string(),
                why: why.clone(),
            },
            FactKind::Closed { txn, outcome } => closed_record(*txn, outcome),
        };
        Self {
            at: fact.at.0,
            kind,
        }
    }
}

fn closed_record(txn: TxnId, outcome: &Outcome) -> RecordKind {
    let (host_code, evidence) = match outcome {
        Outcome::Paid(evidence) => (None, Some(evidence.record())),
        Outcome::Declined { host_code } => (Some(host_code.clone()), None),
        Outcome::NotSent | Outcome::Revoked => (None, None),
    };
    let outcome = outcome.key().to_owned();
    RecordKind::Closed {
        txn: txn.to_string(),
        outcome,
        host_code,
        evidence,
    }
}

fn intent_record(intent: &Intent) -> IntentRecord {
    IntentRecord {
        txn: intent.txn.to_string(),
        order_no: intent.order_no.to_string(),
        sequence: intent.sequence,
        voucher: intent.voucher.get(),
        batch: intent.batch.get(),
        amount: intent.amount.minor(),
        currency: intent.amount.currency().numeric(),
        channel: intent.channel.key().to_owned(),
        entry: intent.entry.key().to_owned(),
        operator: intent.operator.to_string(),
        code_tail: intent.code_tail.clone(),
        code_fingerprint: intent.code_fingerprint.clone(),
    }
}

fn restore(kind: RecordKind, row: &SealedRow) -> Option<FactKind> {
    let id = |text: &str| TxnId::from_hex(text).ok();
    Some(match kind {
        RecordKind::Started { epoch, version } => FactKind::Started {
            epoch: Epoch::new(epoch).ok()?,
            version,
        },
        RecordKind::IntentRecorded(record) => FactKind::IntentRecorded(restore_intent(record)?),
        RecordKind::AnswerNoted {
            txn,
            about,
            host_code,
            digest,
        } => FactKind::AnswerNoted {
            txn: id(&txn)?,
            about: RequestKind::from_key(&about)?,
            host_code,
            digest,
        },
        RecordKind::AnswerRefused { txn, about, why } => FactKind::AnswerRefused {
            txn: id(&txn)?,
            about: RequestKind::from_key(&about)?,
            why,
        },
        RecordKind::SendFailed {
            txn,
            about,
            certainty,
            why,
        } => FactKind::SendFailed {
            txn: id(&txn)?,
            about: RequestKind::from_key(&about)?,
            certainty,
            why,
        },
        RecordKind::RevokeIntended {
            txn,
            revoke_no,
            sequence,
            attempt,
        } => {
            let revoke_no = OrderNo::new(&revoke_no).ok()?;
            FactKind::RevokeIntended {
                txn: id(&txn)?,
                revoke_no,
                sequence,
                attempt,
            }
        }
        RecordKind::RevokeProvisional { txn } => FactKind::RevokeProvisional { txn: id(&txn)? },
        RecordKind::SuccessAfterRevoke { txn, evidence } => FactKind::SuccessAfterRevoke {
            txn: id(&txn)?,
            evidence: PaidEvidence::from_sealed(row, &evidence)?,
        },
        RecordKind::AttentionRaised { txn, why } => FactKind::AttentionRaised {
            txn: id(&txn)?,
            why,
        },
        RecordKind::Closed {
            txn,
            outcome,
            host_code,
            evidence,
        } => {
            let outcome = restore_outcome(&outcome, host_code, evidence, row)?;
            FactKind::Closed {
                txn: id(&txn)?,
                outcome,
            }
        }
    })
}

fn restore_outcome(
    word: &str,
    host_code: Option<String>,
    evidence: Option<PaidRecord>,
    row: &SealedRow,
) -> Option<Outcome> {
    Some(match word {
        "paid" => Outcome::Paid(PaidEvidence::from_sealed(row, &evidence?)?),
        "declined" => Outcome::Declined {
            host_code: host_code?,
        },
        "not_sent" => Outcome::NotSent,
        "revoked" => Outcome::Revoked,
        _ => return None,
    })
}

fn restore_intent(record: IntentRecord) -> Option<Intent> {
    Some(Intent {
        txn: TxnId::from_hex(&record.txn).ok()?,
        order_no: OrderNo::new(&record.order_no).ok()?,
        sequence: record.sequence,
        voucher: VoucherNo::new(record.voucher).ok()?,
        batch: BatchNo::new(record.batch).ok()?,
        amount: Money::from_minor(record.amount, Currency::from_numeric(record.currency)?).ok()?,
        channel: Channel::from_key(&record.channel)?,
        entry: EntryMode::from_key(&record.entry)?,
        operator: OperatorNo::new(&record.operator).ok()?,
        code_tail: record.code_tail,
        code_fingerprint: record.code_fingerprint,
    })
}
