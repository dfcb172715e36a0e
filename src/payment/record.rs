//! The stored form of a fact: one JSON object a row, fields in declaration order, tagged with `fact`.
//!
//! Owns reading and writing it. A fact is read back only from a sealed row, so a paid fact cannot be typed into the
//! program. Members that later versions added have defaults: old rows stay readable for ever.

mod intents;

use serde::{Deserialize, Serialize};

use crate::domain::{BatchNo, Epoch, OperatorNo, OrderNo, Timestamp, TxnId, VoucherNo};
use crate::evidence::{PaidEvidence, PaidRecord, SealedRow, UndoEvidence, UndoRecord};
use crate::settlement::SettlementRecord;

use super::balance::BalanceAsked;
use super::command::RequestKind;
use super::fact::{Fact, FactKind, Outcome, Prover, Rebuilt, UndoOutcome, UnreadableFact};
use intents::{IntentRecord, UndoIntentRecord};
use intents::{intent_record, restore_intent, restore_undo_intent, undo_intent_record};

impl Fact {
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
    StopRequested {
        txn: String,
    },
    Rechecked {
        txn: String,
        left: u32,
    },
    CodeShown {
        txn: String,
        digest: String,
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
    UndoIntended(Box<UndoIntentRecord>),
    UndoClosed {
        txn: String,
        outcome: String,
        host_code: Option<String>,
        evidence: Option<UndoRecord>,
    },
    Settlement {
        txn: String,
        #[serde(flatten)]
        what: SettlementRecord,
    },
    BalanceAsked {
        txn: String,
        ask_no: String,
        sequence: u64,
        trace: u32,
        batch: u32,
        operator: String,
    },
    Rebuilt(RebuiltRecord),
    Proven {
        by: String,
        approver: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct RebuiltRecord {
    rows: u64,
    carried: u64,
    missing: u64,
    whole: bool,
    aside: String,
}

impl From<&Fact> for Record {
    fn from(fact: &Fact) -> Self {
        Self {
            at: fact.at.0,
            kind: record_of(&fact.kind),
        }
    }
}

fn record_of(kind: &FactKind) -> RecordKind {
    match kind {
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
        } => noted_record(*txn, *about, host_code, digest),
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
        } => failed_record(*txn, *about, certainty, why),
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
        FactKind::StopRequested { txn } => RecordKind::StopRequested {
            txn: txn.to_string(),
        },
        FactKind::Rechecked { txn, left } => RecordKind::Rechecked {
            txn: txn.to_string(),
            left: *left,
        },
        FactKind::CodeShown { txn, digest } => RecordKind::CodeShown {
            txn: txn.to_string(),
            digest: digest.clone(),
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
        FactKind::UndoIntended(intent) => {
            RecordKind::UndoIntended(Box::new(undo_intent_record(intent)))
        }
        FactKind::UndoClosed { txn, outcome } => undo_closed_record(*txn, outcome),
        FactKind::Settlement { txn, fact } => RecordKind::Settlement {
            txn: txn.to_string(),
            what: fact.into(),
        },
        FactKind::BalanceAsked(asked) => asked_record(asked),
        FactKind::Rebuilt(rebuilt) => rebuilt_record(rebuilt),
        FactKind::Proven { by } => proven_record(by),
    }
}

fn asked_record(asked: &BalanceAsked) -> RecordKind {
    RecordKind::BalanceAsked {
        txn: asked.txn.to_string(),
        ask_no: asked.ask_no.to_string(),
        sequence: asked.sequence,
        trace: asked.trace.get(),
        batch: asked.batch.get(),
        operator: asked.operator.to_string(),
    }
}

fn restore_asked(
    txn: TxnId,
    (ask_no, operator): (&str, &str),
    sequence: u64,
    (trace, batch): (u32, u32),
) -> Option<FactKind> {
    Some(FactKind::BalanceAsked(BalanceAsked {
        txn,
        ask_no: OrderNo::new(ask_no).ok()?,
        sequence,
        trace: VoucherNo::new(trace).ok()?,
        batch: BatchNo::new(batch).ok()?,
        operator: OperatorNo::new(operator).ok()?,
    }))
}

fn rebuilt_record(rebuilt: &Rebuilt) -> RecordKind {
    RecordKind::Rebuilt(RebuiltRecord {
        rows: rebuilt.rows,
        carried: rebuilt.carried,
        missing: rebuilt.missing,
        whole: rebuilt.whole,
        aside: rebuilt.aside.clone(),
    })
}

fn proven_record(by: &Prover) -> RecordKind {
    let (by, approver) = match by {
        Prover::Person(number) => ("person", Some(number.to_string())),
        Prover::Acquirer => ("acquirer", None),
    };
    RecordKind::Proven {
        by: by.to_owned(),
        approver,
    }
}

fn noted_record(txn: TxnId, about: RequestKind, host_code: &str, digest: &str) -> RecordKind {
    RecordKind::AnswerNoted {
        txn: txn.to_string(),
        about: about.key().to_owned(),
        host_code: host_code.to_owned(),
        digest: digest.to_owned(),
    }
}

fn failed_record(txn: TxnId, about: RequestKind, certainty: &str, why: &str) -> RecordKind {
    RecordKind::SendFailed {
        txn: txn.to_string(),
        about: about.key().to_owned(),
        certainty: certainty.to_owned(),
        why: why.to_owned(),
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

fn undo_closed_record(txn: TxnId, outcome: &UndoOutcome) -> RecordKind {
    let (host_code, evidence) = match outcome {
        UndoOutcome::Done(evidence) => (None, Some(evidence.record())),
        UndoOutcome::Refused { host_code } => (Some(host_code.clone()), None),
        UndoOutcome::NotSent => (None, None),
    };
    let outcome = outcome.key().to_owned();
    RecordKind::UndoClosed {
        txn: txn.to_string(),
        outcome,
        host_code,
        evidence,
    }
}

fn restore_started(epoch: u16, version: String) -> Option<FactKind> {
    let epoch = Epoch::new(epoch).ok()?;
    Some(FactKind::Started { epoch, version })
}

const fn restore_attention(txn: TxnId, why: String) -> FactKind {
    FactKind::AttentionRaised { txn, why }
}

fn restore_revoke(txn: TxnId, number: &str, sequence: u64, attempt: u32) -> Option<FactKind> {
    Some(FactKind::RevokeIntended {
        txn,
        revoke_no: OrderNo::new(number).ok()?,
        sequence,
        attempt,
    })
}

fn restore(kind: RecordKind, row: &SealedRow) -> Option<FactKind> {
    let id = |text: &str| TxnId::from_hex(text).ok();
    Some(match kind {
        RecordKind::Started { epoch, version } => restore_started(epoch, version)?,
        RecordKind::IntentRecorded(record) => FactKind::IntentRecorded(restore_intent(record)?),
        RecordKind::AnswerNoted {
            txn,
            about,
            host_code,
            digest,
        } => restore_noted(id(&txn)?, &about, host_code, digest)?,
        RecordKind::AnswerRefused { txn, about, why } => {
            let (txn, about) = (id(&txn)?, RequestKind::from_key(&about)?);
            FactKind::AnswerRefused { txn, about, why }
        }
        RecordKind::SendFailed {
            txn,
            about,
            certainty,
            why,
        } => restore_failed(id(&txn)?, &about, certainty, why)?,
        RecordKind::RevokeIntended {
            txn,
            revoke_no,
            sequence,
            attempt,
        } => restore_revoke(id(&txn)?, &revoke_no, sequence, attempt)?,
        RecordKind::RevokeProvisional { txn } => FactKind::RevokeProvisional { txn: id(&txn)? },
        RecordKind::StopRequested { txn } => FactKind::StopRequested { txn: id(&txn)? },
        RecordKind::Rechecked { txn, left } => restore_rechecked(id(&txn)?, left),
        RecordKind::CodeShown { txn, digest } => restore_shown(id(&txn)?, digest),
        RecordKind::Settlement { txn, what } => restore_settlement(id(&txn)?, what)?,
        RecordKind::UndoIntended(record) => FactKind::UndoIntended(restore_undo_intent(&record)?),
        RecordKind::UndoClosed {
            txn,
            outcome,
            host_code,
            evidence,
        } => {
            let outcome = restore_undo_outcome(&outcome, host_code, evidence, row)?;
            let txn = id(&txn)?;
            FactKind::UndoClosed { txn, outcome }
        }
        RecordKind::SuccessAfterRevoke { txn, evidence } => FactKind::SuccessAfterRevoke {
            txn: id(&txn)?,
            evidence: PaidEvidence::from_sealed(row, &evidence)?,
        },
        RecordKind::AttentionRaised { txn, why } => restore_attention(id(&txn)?, why),
        RecordKind::Closed {
            txn,
            outcome,
            host_code,
            evidence,
        } => {
            let outcome = restore_outcome(&outcome, host_code, evidence, row)?;
            let txn = id(&txn)?;
            FactKind::Closed { txn, outcome }
        }
        RecordKind::BalanceAsked {
            txn,
            ask_no,
            sequence,
            trace,
            batch,
            operator,
        } => restore_asked(id(&txn)?, (&ask_no, &operator), sequence, (trace, batch))?,
        RecordKind::Rebuilt(record) => FactKind::Rebuilt(restore_rebuilt(record)),
        RecordKind::Proven { by, approver } => restore_proven(&by, approver.as_deref())?,
    })
}

fn restore_rebuilt(record: RebuiltRecord) -> Rebuilt {
    Rebuilt {
        rows: record.rows,
        carried: record.carried,
        missing: record.missing,
        whole: record.whole,
        aside: record.aside,
    }
}

fn restore_proven(by: &str, approver: Option<&str>) -> Option<FactKind> {
    let by = match (by, approver) {
        ("person", Some(number)) => Prover::Person(OperatorNo::new(number).ok()?),
        ("acquirer", None) => Prover::Acquirer,
        _ => return None,
    };
    Some(FactKind::Proven { by })
}

fn restore_noted(txn: TxnId, about: &str, host_code: String, digest: String) -> Option<FactKind> {
    Some(FactKind::AnswerNoted {
        txn,
        about: RequestKind::from_key(about)?,
        host_code,
        digest,
    })
}

fn restore_failed(txn: TxnId, about: &str, certainty: String, why: String) -> Option<FactKind> {
    Some(FactKind::SendFailed {
        txn,
        about: RequestKind::from_key(about)?,
        certainty,
        why,
    })
}

const fn restore_rechecked(txn: TxnId, left: u32) -> FactKind {
    FactKind::Rechecked { txn, left }
}

fn restore_settlement(txn: TxnId, what: SettlementRecord) -> Option<FactKind> {
    let fact = what.restore(txn)?;
    Some(FactKind::Settlement { txn, fact })
}

const fn restore_shown(txn: TxnId, digest: String) -> FactKind {
    FactKind::CodeShown { txn, digest }
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

fn restore_undo_outcome(
    word: &str,
    host_code: Option<String>,
    evidence: Option<UndoRecord>,
    row: &SealedRow,
) -> Option<UndoOutcome> {
    Some(match word {
        "done" => UndoOutcome::Done(UndoEvidence::from_sealed(row, &evidence?)?),
        "refused" => UndoOutcome::Refused {
            host_code: host_code?,
        },
        "not_sent" => UndoOutcome::NotSent,
        _ => return None,
    })
}
