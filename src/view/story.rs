//! The story of a sale: each of its facts with its time and what proves it; and our view of it beside the acquirer's.
//!
//! Owns what of a fact a person is told. Words are the screen's. Changes nothing and asks nothing.

use super::format;
use super::notice::Notice;
use super::screen::{Row, RowState};
use crate::domain::{Channel, Money, OrderNo, Timestamp, TxnId};
use crate::evidence::{Claim, ClaimState};
use crate::payment::{Fact, FactKind, Outcome, Purpose, RequestKind, UndoKind, UndoOutcome};

/// What happened, in the order of a sale's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The intent was stored, then the charge sent.
    Charged,
    /// The same for a hold.
    HoldAsked,
    /// The same for the completion of a hold.
    CompletionAsked,
    /// Our code could be paid.
    CodeShown,
    /// An answer that did not end it.
    Answered,
    /// An answer that was not believed.
    NotBelieved,
    /// No answer came.
    NoAnswer,
    /// The cashier asked to stop waiting.
    StopAsked,
    /// From here on it could only end as not paid.
    RevokeDecided,
    /// The revoke was taken before the order was known there.
    RevokeEarly,
    /// It was looked for once more, and not found.
    Rechecked,
    /// A success came after its end: the money goes back.
    PaidLate,
    /// A person must look at it.
    Attention,
    /// It ended as paid.
    Paid,
    /// It ended as refused.
    Declined,
    /// It ended because nothing was sent.
    NotSent,
    /// It ended as revoked.
    Revoked,
    /// A void was stored, then sent.
    VoidAsked,
    /// A refund was stored, then sent.
    RefundAsked,
    /// The money was back.
    Returned,
    /// The return was refused.
    ReturnRefused,
    /// The return was never sent.
    ReturnNotSent,
}

/// What proves a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is ours: stored and sealed before anything followed from it.
    Own,
    /// A signed answer, whose digest is kept.
    Signed,
    /// An answer with the card host's MAC, whose digest is kept.
    Maced,
    /// Nothing: it is what was seen.
    None,
}

/// One fact of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryLine {
    /// `mm-dd HH:MM:SS` local time.
    pub time: String,
    /// What happened.
    pub what: Happened,
    /// What the acquirer was asked for, when this is about an answer.
    pub asked: Option<RequestKind>,
    /// Amount, number or the acquirer's code; empty when there is nothing to add.
    pub detail: String,
    /// What proves it.
    pub proof: Proof,
    /// Beginning of the kept SHA-256 of the proof; empty without one.
    pub digest: String,
}

/// The story of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryPage {
    /// Its number for people.
    pub voucher: String,
    /// In the order of the journal.
    pub lines: Vec<StoryLine>,
}

/// Writes down what of the facts concerns people.
pub fn story(facts: &[Fact]) -> Vec<StoryLine> {
    let card = facts.iter().any(|fact| {
        matches!(&fact.kind, FactKind::IntentRecorded(intent) if intent.entry.is_card())
            || matches!(&fact.kind, FactKind::UndoIntended(intent) if intent.of_card.is_some())
    });
    let maker = Maker {
        signed: if card { Proof::Maced } else { Proof::Signed },
    };
    facts.iter().filter_map(|fact| maker.line(fact)).collect()
}

/// The time of a line in the story.
fn time(at: Timestamp) -> String {
    let whole = format::date_time(at);
    whole.get(5..).unwrap_or(&whole).to_owned()
}

struct Maker {
    signed: Proof,
}

impl Maker {
    fn line(&self, fact: &Fact) -> Option<StoryLine> {
        let (what, detail, proof, digest) = self.told(&fact.kind)?;
        Some(StoryLine {
            time: time(fact.at),
            what,
            asked: asked(&fact.kind),
            detail,
            proof,
            digest: digest.chars().take(16).collect(),
        })
    }

    fn told(&self, kind: &FactKind) -> Option<(Happened, String, Proof, String)> {
        let own = |what, detail| Some((what, detail, Proof::Own, String::new()));
        let seen = |what, detail| Some((what, detail, Proof::None, String::new()));
        match kind {
            FactKind::IntentRecorded(intent) => own(
                match &intent.purpose {
                    Purpose::Sale => Happened::Charged,
                    Purpose::Hold => Happened::HoldAsked,
                    Purpose::Completion { .. } => Happened::CompletionAsked,
                },
                yuan(intent.amount),
            ),
            FactKind::CodeShown { digest, .. } => Some((
                Happened::CodeShown,
                String::new(),
                self.signed,
                digest.clone(),
            )),
            FactKind::AnswerNoted {
                host_code, digest, ..
            } => Some((
                Happened::Answered,
                host_code.clone(),
                self.signed,
                digest.clone(),
            )),
            FactKind::AnswerRefused { .. } => seen(Happened::NotBelieved, String::new()),
            FactKind::SendFailed { .. } => seen(Happened::NoAnswer, String::new()),
            FactKind::StopRequested { .. } => own(Happened::StopAsked, String::new()),
            FactKind::RevokeIntended { revoke_no, .. } => {
                own(Happened::RevokeDecided, revoke_no.tail().to_owned())
            }
            FactKind::RevokeProvisional { .. } => own(Happened::RevokeEarly, String::new()),
            FactKind::Rechecked { left, .. } => own(Happened::Rechecked, left.to_string()),
            FactKind::SuccessAfterRevoke { evidence, .. } => {
                let record = evidence.record();
                let sum = yuan(evidence.amount());
                Some((Happened::PaidLate, sum, self.signed, record.digest))
            }
            FactKind::AttentionRaised { .. } => own(Happened::Attention, String::new()),
            FactKind::Closed { outcome, .. } => self.ended(outcome),
            FactKind::UndoIntended(intent) => own(
                match intent.kind {
                    UndoKind::Void => Happened::VoidAsked,
                    UndoKind::Refund => Happened::RefundAsked,
                },
                yuan(intent.amount),
            ),
            FactKind::UndoClosed { outcome, .. } => self.undone(outcome),
            // Not of a sale.
            FactKind::Started { .. }
            | FactKind::Settlement { .. }
            | FactKind::Rebuilt(_)
            | FactKind::BalanceAsked(_)
            | FactKind::Proven { .. } => None,
        }
    }

    fn ended(&self, outcome: &Outcome) -> Option<(Happened, String, Proof, String)> {
        let none = String::new;
        Some(match outcome {
            Outcome::Paid(evidence) => {
                let record = evidence.record();
                let trade_no = record.trade_no.unwrap_or_default();
                (Happened::Paid, trade_no, self.signed, record.digest)
            }
            Outcome::Declined { host_code } => {
                (Happened::Declined, host_code.clone(), Proof::Own, none())
            }
            Outcome::NotSent => (Happened::NotSent, none(), Proof::Own, none()),
            Outcome::Revoked => (Happened::Revoked, none(), Proof::Own, none()),
        })
    }

    fn undone(&self, outcome: &UndoOutcome) -> Option<(Happened, String, Proof, String)> {
        let none = String::new;
        Some(match outcome {
            UndoOutcome::Done(evidence) => {
                let record = evidence.record();
                let trade_no = record.trade_no.unwrap_or_default();
                (Happened::Returned, trade_no, self.signed, record.digest)
            }
            UndoOutcome::Refused { host_code } => (
                Happened::ReturnRefused,
                host_code.clone(),
                Proof::Own,
                none(),
            ),
            UndoOutcome::NotSent => (Happened::ReturnNotSent, none(), Proof::Own, none()),
        })
    }
}

fn yuan(amount: Money) -> String {
    format!("¥{}", format::amount(amount))
}

fn asked(kind: &FactKind) -> Option<RequestKind> {
    if let FactKind::AnswerNoted { about, .. }
    | FactKind::AnswerRefused { about, .. }
    | FactKind::SendFailed { about, .. } = kind
    {
        Some(*about)
    } else {
        None
    }
}

/// What the acquirer said when it was asked about a sale that has ended here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TheirWord {
    /// It is being asked.
    Asking,
    /// No answer came, or one that is not believed: nothing is known, and nothing changed.
    Silent,
    /// A verified answer.
    Said(Box<Claim>),
}

/// 核实到账: a sale that has ended, beside what the acquirer says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The transaction under which it is asked; no sale's own, so that no answer can be taken for one of a sale.
    pub ticket: TxnId,
    /// The sale.
    pub of: TxnId,
    /// Its order, which the answer has to name.
    pub order_no: OrderNo,
    /// What came.
    pub word: TheirWord,
}

/// What the acquirer says of a sale, as a person needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// 已收款.
    Paid,
    /// 未收款, with the money at the customer.
    NotPaid,
    /// No such order.
    NotFound,
    /// Not decided, or in words that mean neither.
    Open,
}

/// How the two views compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It is being asked.
    Asking,
    /// No answer that counts.
    Unknown,
    /// Both say the same.
    Same,
    /// They differ.
    Different,
}

/// Both views, side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyPage {
    /// Ours, as in the list.
    pub row: Row,
    /// Our number of theirs; empty when they gave none.
    pub trade_no: String,
    /// How they compare.
    pub agreement: Agreement,
    /// What they say; none before an answer.
    pub theirs: Option<Theirs>,
    /// Their amount, ready to show; empty when they name none.
    pub their_amount: String,
    /// Their wallet, when they name one.
    pub their_channel: Option<Channel>,
    /// Their number of it; empty when they name none.
    pub their_trade_no: String,
    /// Their code, for the hotline.
    pub host_code: String,
    /// Whether asking once more exists.
    pub can_ask: bool,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// Lays both views side by side.
pub fn verify_page(row: &Row, trade_no: &str, word: &TheirWord) -> VerifyPage {
    let mut page = VerifyPage {
        row: row.clone(),
        trade_no: trade_no.to_owned(),
        agreement: Agreement::Unknown,
        theirs: None,
        their_amount: String::new(),
        their_channel: None,
        their_trade_no: String::new(),
        host_code: String::new(),
        can_ask: true,
        notice: None,
    };
    match word {
        TheirWord::Asking => {
            page.agreement = Agreement::Asking;
            page.can_ask = false;
        }
        TheirWord::Silent => {}
        TheirWord::Said(claim) => said(&mut page, claim),
    }
    page
}

fn said(page: &mut VerifyPage, claim: &Claim) {
    let theirs = match claim.state {
        ClaimState::Paid => Theirs::Paid,
        ClaimState::Undone(_) => Theirs::NotPaid,
        ClaimState::NotFound => Theirs::NotFound,
        ClaimState::Paying
        | ClaimState::Declined
        | ClaimState::RevokeAccepted
        | ClaimState::Presentable
        | ClaimState::Returned
        | ClaimState::Returning
        | ClaimState::ReturnFailed
        | ClaimState::Unknown => Theirs::Open,
    };
    page.theirs = Some(theirs);
    page.their_amount = claim.amount.map(format::amount).unwrap_or_default();
    page.their_channel = claim.details.channel;
    let number = claim.details.trade_no.as_ref();
    page.their_trade_no = number.map(ToString::to_string).unwrap_or_default();
    page.host_code.clone_from(&claim.host_code);
    page.agreement = match (taken(page.row.state), theirs) {
        (_, Theirs::Open) => Agreement::Unknown,
        (Some(true), Theirs::Paid) if page.their_amount == page.row.amount => Agreement::Same,
        (Some(true), _) | (Some(false), Theirs::Paid) => Agreement::Different,
        (Some(false), Theirs::NotPaid | Theirs::NotFound) => Agreement::Same,
        // Part of it went back: acquirers say this in different ways.
        (None, Theirs::Paid | Theirs::NotPaid) => Agreement::Same,
        (None, Theirs::NotFound) => Agreement::Different,
    };
}

/// Tells whether we hold the money; none when money of it went back.
const fn taken(state: RowState) -> Option<bool> {
    match state {
        RowState::Paid | RowState::Held | RowState::Completed => Some(true),
        RowState::NotPaid | RowState::Revoked => Some(false),
        RowState::PartReturned
        | RowState::Returned
        | RowState::Returning
        | RowState::Released
        | RowState::Checking
        | RowState::Revoking => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{TradeDetails, Undone};

    fn row(state: RowState) -> Row {
        Row {
            txn: TxnId::from_parts(1, 1),
            undo: None,
            voucher: "000001".to_owned(),
            amount: "128.50".to_owned(),
            channel: Channel::Alipay,
            time: "09:40".to_owned(),
            state,
            attention: false,
            asked: 0,
            can_query: false,
        }
    }

    fn said(state: RowState, claim: ClaimState, fen: Option<u64>) -> Agreement {
        let claim = Claim {
            merchant: None,
            order_no: None,
            amount: fen.and_then(|fen| Money::from_fen(fen).ok()),
            state: claim,
            host_code: "X".to_owned(),
            details: TradeDetails::default(),
        };
        verify_page(&row(state), "", &TheirWord::Said(Box::new(claim))).agreement
    }

    #[test]
    fn both_sides_agree_only_when_they_say_the_same_of_the_same_amount() {
        use ClaimState::{NotFound, Paid, Paying, Undone as Gone};
        let gone = Gone(Undone::Revoked);
        for (ours, theirs, fen, wanted) in [
            (RowState::Paid, Paid, Some(12_850), Agreement::Same),
            (RowState::Paid, Paid, Some(12_851), Agreement::Different),
            (RowState::Paid, Paid, None, Agreement::Different),
            (RowState::Paid, NotFound, None, Agreement::Different),
            (RowState::Paid, gone, None, Agreement::Different),
            (RowState::Paid, Paying, None, Agreement::Unknown),
            (RowState::NotPaid, NotFound, None, Agreement::Same),
            (RowState::Revoked, gone, None, Agreement::Same),
            (RowState::NotPaid, Paid, Some(12_850), Agreement::Different),
            (RowState::Returned, gone, None, Agreement::Same),
            (RowState::PartReturned, Paid, Some(12_850), Agreement::Same),
            (RowState::Returned, NotFound, None, Agreement::Different),
        ] {
            assert_eq!(said(ours, theirs, fen), wanted, "{ours:?} {theirs:?}");
        }
        let asking = verify_page(&row(RowState::Paid), "", &TheirWord::Asking);
        assert!(asking.agreement == Agreement::Asking && !asking.can_ask);
        let silent = verify_page(&row(RowState::Paid), "", &TheirWord::Silent);
        assert!(silent.agreement == Agreement::Unknown && silent.can_ask);
    }
}
