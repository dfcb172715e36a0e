//! The stored form of a settlement's facts. Plain data, fields in declaration order.
//!
//! Owns reading and writing it; `payment::record` puts the transaction and the time beside it.

use serde::{Deserialize, Serialize};

use super::batch::{EntryKind, Line};
use super::cards::{CardHeard, CardMessage, CardStep, CardVerdict};
use super::compare::{Difference, Reason};
use super::fact::{Cause, OpenLeft, Report, SettlementFact, SettlementIntent};
use crate::domain::{BatchNo, Channel, OperatorNo, OrderNo, TxnId, VoucherNo};

/// The stored form of [`SettlementFact`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "settlement", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the members are those of the facts")]
pub enum SettlementRecord {
    Intended {
        settle_no: String,
        sequence: u64,
        batch: u32,
        cause: String,
        operator: String,
        approver: Option<String>,
        read_after: u64,
        told_upto: u64,
    },
    Frozen {
        entries: u32,
        open: u32,
    },
    TotalsHeard {
        balanced: bool,
        lines: Vec<LineRecord>,
        digest: String,
    },
    CardsAsked {
        trace: u32,
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u32>,
    },
    CardsHeard {
        heard: String,
        digest: String,
    },
    DetailsTaken {
        rows: u32,
        end: bool,
    },
    DifferenceFound {
        reason: String,
        number: String,
        channel: String,
        voucher: Option<u32>,
        ours_minor: i64,
        theirs_minor: i64,
    },
    LeftOpen {
        entry: String,
        minor: u64,
    },
    Closed {
        ours: Vec<LineRecord>,
        theirs: Vec<LineRecord>,
        compared: bool,
        balanced: Option<bool>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cards: Option<String>,
        differences: u32,
        unequal: u32,
        explained_minor: i64,
        unexplained_minor: i64,
        open: u32,
        read_after: u64,
        told_upto: u64,
        evidence: Vec<String>,
    },
}

/// The stored form of [`Line`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRecord {
    channel: String,
    kind: String,
    count: u32,
    minor: u64,
}

fn line_record(line: &Line) -> LineRecord {
    LineRecord {
        channel: line.channel.key().to_owned(),
        kind: line.kind.key().to_owned(),
        count: line.count,
        minor: line.minor,
    }
}

const TOTALS: &str = "totals";
const ROWS: &str = "rows";
const END: &str = "end";

fn cards_asked(message: CardMessage) -> SettlementRecord {
    let (step, part) = match message.step {
        CardStep::Totals => (TOTALS, None),
        CardStep::Rows { first, rows } => (ROWS, Some((first, rows))),
        CardStep::End => (END, None),
    };
    SettlementRecord::CardsAsked {
        trace: message.trace.get(),
        step: step.to_owned(),
        first: part.map(|(first, _)| first),
        rows: part.map(|(_, rows)| rows),
    }
}

fn restore_lines(lines: &[LineRecord]) -> Option<Vec<Line>> {
    lines
        .iter()
        .map(|line| {
            Some(Line {
                channel: Channel::from_key(&line.channel)?,
                kind: EntryKind::from_key(&line.kind)?,
                count: line.count,
                minor: line.minor,
            })
        })
        .collect()
}

impl From<&SettlementFact> for SettlementRecord {
    fn from(fact: &SettlementFact) -> Self {
        match fact {
            SettlementFact::Intended(intent) => Self::Intended {
                settle_no: intent.settle_no.to_string(),
                sequence: intent.sequence,
                batch: intent.batch.get(),
                cause: intent.cause.key().to_owned(),
                operator: intent.operator.to_string(),
                approver: intent.approver.as_ref().map(ToString::to_string),
                read_after: intent.read_after,
                told_upto: intent.told_upto,
            },
            SettlementFact::Frozen { entries, open } => Self::Frozen {
                entries: *entries,
                open: *open,
            },
            SettlementFact::TotalsHeard {
                balanced,
                lines,
                digest,
            } => Self::TotalsHeard {
                balanced: *balanced,
                lines: lines.iter().map(line_record).collect(),
                digest: digest.clone(),
            },
            SettlementFact::CardsAsked(message) => cards_asked(*message),
            SettlementFact::CardsHeard { heard, digest } => Self::CardsHeard {
                heard: heard.key().to_owned(),
                digest: digest.clone(),
            },
            SettlementFact::DetailsTaken { rows, end } => Self::DetailsTaken {
                rows: *rows,
                end: *end,
            },
            SettlementFact::DifferenceFound(difference) => Self::DifferenceFound {
                reason: difference.reason.key().to_owned(),
                number: difference.number.clone(),
                channel: difference.channel.key().to_owned(),
                voucher: difference.voucher.map(VoucherNo::get),
                ours_minor: difference.ours_minor,
                theirs_minor: difference.theirs_minor,
            },
            SettlementFact::LeftOpen(left) => Self::LeftOpen {
                entry: left.txn.to_string(),
                minor: left.minor,
            },
            SettlementFact::Closed(report) => Self::Closed {
                ours: report.ours.iter().map(line_record).collect(),
                theirs: report.theirs.iter().map(line_record).collect(),
                compared: report.compared,
                balanced: report.balanced,
                cards: report.cards.map(|verdict| verdict.key().to_owned()),
                differences: report.differences,
                unequal: report.unequal,
                explained_minor: report.explained_minor,
                unexplained_minor: report.unexplained_minor,
                open: report.open,
                read_after: report.read_after,
                told_upto: report.told_upto,
                evidence: report.evidence.clone(),
            },
        }
    }
}

impl SettlementRecord {
    /// Reads the fact of a settlement back; none when a member is out of range.
    pub fn restore(self, txn: TxnId) -> Option<SettlementFact> {
        Some(match self {
            Self::Intended {
                settle_no,
                sequence,
                batch,
                cause,
                operator,
                approver,
                read_after,
                told_upto,
            } => SettlementFact::Intended(SettlementIntent {
                txn,
                settle_no: OrderNo::new(&settle_no).ok()?,
                sequence,
                batch: BatchNo::new(batch).ok()?,
                cause: Cause::from_key(&cause)?,
                operator: OperatorNo::new(&operator).ok()?,
                approver: match approver {
                    None => None,
                    Some(number) => Some(OperatorNo::new(&number).ok()?),
                },
                read_after,
                told_upto,
            }),
            Self::Frozen { entries, open } => SettlementFact::Frozen { entries, open },
            Self::TotalsHeard {
                balanced,
                lines,
                digest,
            } => SettlementFact::TotalsHeard {
                balanced,
                lines: restore_lines(&lines)?,
                digest,
            },
            asked @ Self::CardsAsked { .. } => SettlementFact::CardsAsked(asked.restore_asked()?),
            Self::CardsHeard { heard, digest } => SettlementFact::CardsHeard {
                heard: CardHeard::from_key(&heard)?,
                digest,
            },
            Self::DetailsTaken { rows, end } => SettlementFact::DetailsTaken { rows, end },
            Self::DifferenceFound {
                reason,
                number,
                channel,
                voucher,
                ours_minor,
                theirs_minor,
            } => SettlementFact::DifferenceFound(Difference {
                reason: Reason::from_key(&reason)?,
                number,
                channel: Channel::from_key(&channel)?,
                voucher: match voucher {
                    None => None,
                    Some(number) => Some(VoucherNo::new(number).ok()?),
                },
                ours_minor,
                theirs_minor,
            }),
            Self::LeftOpen { entry, minor } => SettlementFact::LeftOpen(OpenLeft {
                txn: TxnId::from_hex(&entry).ok()?,
                minor,
            }),
            closed @ Self::Closed { .. } => closed.restore_closed()?,
        })
    }

    fn restore_asked(self) -> Option<CardMessage> {
        let Self::CardsAsked {
            trace,
            step,
            first,
            rows,
        } = self
        else {
            return None;
        };
        let step = match (step.as_str(), first, rows) {
            (TOTALS, None, None) => CardStep::Totals,
            (ROWS, Some(first), Some(rows)) => CardStep::Rows { first, rows },
            (END, None, None) => CardStep::End,
            _ => return None,
        };
        let trace = VoucherNo::new(trace).ok()?;
        Some(CardMessage { trace, step })
    }

    fn restore_closed(self) -> Option<SettlementFact> {
        let Self::Closed {
            ours,
            theirs,
            compared,
            balanced,
            cards,
            differences,
            unequal,
            explained_minor,
            unexplained_minor,
            open,
            read_after,
            told_upto,
            evidence,
        } = self
        else {
            return None;
        };
        Some(SettlementFact::Closed(Box::new(Report {
            ours: restore_lines(&ours)?,
            theirs: restore_lines(&theirs)?,
            compared,
            balanced,
            cards: match cards {
                None => None,
                Some(verdict) => Some(CardVerdict::from_key(&verdict)?),
            },
            differences,
            unequal,
            explained_minor,
            unexplained_minor,
            open,
            read_after,
            told_upto,
            evidence,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> (String, SettlementFact) {
        let record: SettlementRecord = serde_json::from_str(text).expect("readable");
        let fact = record
            .restore(TxnId::from_parts(1, 2))
            .expect("every member is in range");
        let record = SettlementRecord::from(&fact);
        (serde_json::to_string(&record).expect("writable"), fact)
    }

    #[test]
    fn a_report_from_before_the_cards_part_is_read_and_written_as_it_was() {
        let old = "{\"settlement\":\"closed\",\"ours\":[],\"theirs\":[],\"compared\":true,\
            \"balanced\":null,\"differences\":0,\"unequal\":0,\"explained_minor\":0,\
            \"unexplained_minor\":0,\"open\":0,\"read_after\":3,\"told_upto\":3,\"evidence\":[]}";
        let (text, fact) = again(old);
        assert_eq!(text, old, "its seal holds");
        let SettlementFact::Closed(report) = fact else {
            panic!("{fact:?}");
        };
        assert_eq!((report.cards, report.is_balanced()), (None, true));
    }

    #[test]
    fn what_is_stored_of_the_cards_part_comes_back() {
        for text in [
            r#"{"settlement":"cards_asked","trace":7,"step":"totals"}"#,
            r#"{"settlement":"cards_asked","trace":8,"step":"rows","first":20,"rows":5}"#,
            r#"{"settlement":"cards_asked","trace":999999,"step":"end"}"#,
            r#"{"settlement":"cards_heard","heard":"unbalanced","digest":"ab"}"#,
            r#"{"settlement":"cards_heard","heard":"differs","digest":"ab"}"#,
        ] {
            assert_eq!(again(text).0, text);
        }
        for text in [
            r#"{"settlement":"cards_asked","trace":0,"step":"totals"}"#,
            r#"{"settlement":"cards_asked","trace":7,"step":"rows","first":20}"#,
            r#"{"settlement":"cards_asked","trace":7,"step":"totals","first":1,"rows":1}"#,
            r#"{"settlement":"cards_heard","heard":"perhaps","digest":"ab"}"#,
        ] {
            let record: SettlementRecord = serde_json::from_str(text).expect("readable");
            assert_eq!(record.restore(TxnId::from_parts(1, 2)), None, "{text}");
        }
    }
}
