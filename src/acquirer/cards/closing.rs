//! The end of a batch at the card host: totals, records and their end as messages, and what the answers say. Pure.
//!
//! Owns the digits of field 48 and the codes that mean something there (docs/CARDS.md, settlement). Never decides what
//! is counted or asked next: `settlement` does. A code that is not listed says nothing, and is asked again.

use super::answer::{self, APPROVED, echoed, needed};
use super::iso::{IsoError, Message};
use super::message::{Names, YUAN};
use crate::domain::MerchantNo;
use crate::settlement::{
    CardHeard, CardQuestion, CardRow, CardRowKind, CardSum, CardWhat, Says, SettlementClaim,
};

/// Totals and records, field 60.3.
const BATCH: &str = "201";
/// The end of the records.
const BATCH_END: &str = "202";
/// No foreign cards are told apart: the second half of the totals.
const NO_FOREIGN: &str = "000000000000000000000000000000";
/// Most fen of a sum, twelve digits.
const SUM_MAX: u64 = 999_999_999_999;
/// Most entries of a sum, three digits.
const COUNT_MAX: u32 = 999;
/// Another message had this trace before (rule 1).
const USED: &str = "94";
/// The records do not agree with the host's book \[K\].
const NOT_BALANCED: &str = "95";
/// Both halves of the totals are balanced.
const BOTH: &str = "11";
/// Digits of the two verdicts behind the totals.
const VERDICTS: usize = 2;

/// Builds everything but the MAC.
///
/// # Errors
/// What does not fit a message. A batch of a thousand cards has no totals of three digits: it is told in words.
pub(super) fn question(names: &Names, question: &CardQuestion) -> Result<Message, String> {
    let told = |error: IsoError| error.to_string();
    let (kind, code, digits) = match &question.what {
        CardWhat::Totals { charged, returned } => {
            let digits = format!("{}{}{NO_FOREIGN}", sum(*charged)?, sum(*returned)?);
            (500, BATCH, digits)
        }
        CardWhat::Rows(rows) => {
            let all: String = rows.iter().map(row).collect();
            (320, BATCH, format!("{:02}{all}", rows.len()))
        }
        CardWhat::End => (320, BATCH_END, "00".to_owned()),
    };
    let mut message = Message::new(kind);
    names.put(&mut message).map_err(told)?;
    let purpose = format!("00{}{code}", question.batch);
    for (field, value) in [
        (11, question.trace.to_string()),
        (48, digits),
        (49, YUAN.to_string()),
        (60, purpose),
    ] {
        message.set(field, value.as_bytes()).map_err(told)?;
    }
    Ok(message)
}

fn sum(sum: CardSum) -> Result<String, String> {
    if sum.count > COUNT_MAX || sum.fen > SUM_MAX {
        return Err("the cards of this batch have more than the totals have digits".to_owned());
    }
    Ok(format!("{:012}{:03}", sum.fen, sum.count))
}

fn row(row: &CardRow) -> String {
    let kind = match row.kind {
        CardRowKind::Sale => "22",
        CardRowKind::Completion => "20",
        CardRowKind::Void => "23",
        CardRowKind::CompletionVoid => "21",
        CardRowKind::Refund => "25",
    };
    format!("{kind}{}{:012}", row.trace, row.fen)
}

/// Reads the answer to a question, from its type up to its MAC.
///
/// # Errors
/// What about it cannot be read, or belongs to another message. Nothing is believed then.
pub(super) fn claim(
    question: &CardQuestion,
    sent: &Message,
    before_mac: &[u8],
) -> Result<SettlementClaim, String> {
    let answer = Message::decode_before_mac(before_mac).map_err(|error| error.to_string())?;
    echoed(sent, &answer, &[11, 41, 42, 49, 60])?;
    let code = needed(&answer, 39)?;
    let heard = match &question.what {
        _ if code == USED => Some(CardHeard::Used),
        CardWhat::Totals { .. } if code == APPROVED => Some(verdict(sent, &answer)?),
        CardWhat::Rows(_) if code == APPROVED => Some(CardHeard::Taken),
        CardWhat::End if code == APPROVED => Some(CardHeard::Agrees),
        CardWhat::End if code == NOT_BALANCED => Some(CardHeard::Differs),
        CardWhat::Totals { .. } | CardWhat::Rows(_) | CardWhat::End => None,
    };
    Ok(SettlementClaim {
        merchant: MerchantNo::new(needed(&answer, 42)?.trim_end()).ok(),
        // The host knows traces only; the trace is this question's.
        settle_no: Some(question.settle_no.clone()),
        says: heard.map_or(Says::Unknown, Says::Cards),
        host_code: code.to_owned(),
    })
}

/// The totals as they were sent, and a digit for each half of them.
fn verdict(sent: &Message, answer: &Message) -> Result<CardHeard, String> {
    let (ours, theirs) = (sent.text(48), needed(answer, 48)?);
    let at = theirs.len().saturating_sub(VERDICTS);
    let split = theirs.is_char_boundary(at).then(|| theirs.split_at(at));
    let (echo, verdicts) = split.ok_or("field 48: it is no totals")?;
    if ours != Some(echo) {
        return Err("field 48: these are not the totals that were sent".to_owned());
    }
    if !verdicts.bytes().all(|digit| matches!(digit, b'1'..=b'3')) {
        return Err("field 48: it ends with no verdict".to_owned());
    }
    Ok(if verdicts == BOTH {
        CardHeard::Balanced
    } else {
        CardHeard::Unbalanced
    })
}

/// Builds a sign-out (签退). `trace` is its own, 1 to 999,999.
///
/// # Errors
/// The trace has more digits.
pub(super) fn sign_out(
    names: &Names,
    trace: u32,
    batch: crate::domain::BatchNo,
) -> Result<Message, String> {
    super::message::about_session(names, 820, trace, batch, "002")
}

/// Tells whether a sign-out was taken; what it says otherwise is of no consequence.
///
/// # Errors
/// Why it was not.
pub(super) fn signed_out(sent: &Message, message: &[u8]) -> Result<(), String> {
    let answer = Message::decode(message).map_err(|error: IsoError| error.to_string())?;
    echoed(sent, &answer, &[11, 41, 42, 60])?;
    let code = needed(&answer, 39)?;
    answer::approved(code)
}

#[cfg(test)]
mod tests {
    use super::super::tests_kit as kit;
    use super::*;
    use crate::domain::{OrderNo, VoucherNo};

    fn asked(what: CardWhat) -> CardQuestion {
        CardQuestion {
            settle_no: OrderNo::new("A12345670001T00000009").expect("a number"),
            batch: kit::batch(42),
            trace: VoucherNo::new(77).expect("a trace"),
            what,
        }
    }

    fn totals() -> CardWhat {
        let charged = CardSum {
            count: 3,
            fen: 4_200,
        };
        let returned = CardSum { count: 1, fen: 700 };
        CardWhat::Totals { charged, returned }
    }

    fn rows() -> CardWhat {
        let kinds = [
            CardRowKind::Sale,
            CardRowKind::Completion,
            CardRowKind::Void,
            CardRowKind::CompletionVoid,
            CardRowKind::Refund,
        ];
        let row = |(kind, number)| CardRow {
            kind,
            trace: VoucherNo::new(number).expect("a trace"),
            fen: u64::from(number) * 100,
        };
        CardWhat::Rows(kinds.into_iter().zip(1..).map(row).collect())
    }

    fn built(what: CardWhat) -> (u16, String, String) {
        let message = question(&kit::names(), &asked(what)).expect("it fits");
        let text = |field| message.text(field).expect("there").to_owned();
        assert_eq!(
            (text(11), text(49)),
            ("000077".to_owned(), "156".to_owned())
        );
        (message.kind(), text(48), text(60))
    }

    #[test]
    fn the_digits_are_those_of_the_table() {
        let sums = "000000004200003000000000700001";
        let (kind, digits, purpose) = built(totals());
        assert_eq!((kind, purpose.as_str()), (500, "00000042201"));
        assert_eq!(digits, format!("{sums}{}", "0".repeat(30)));
        let (kind, digits, purpose) = built(rows());
        assert_eq!((kind, purpose.as_str()), (320, "00000042201"));
        let expected = "05\
            22000001000000000100\
            20000002000000000200\
            23000003000000000300\
            21000004000000000400\
            25000005000000000500";
        assert_eq!(digits, expected);
        let (kind, digits, purpose) = built(CardWhat::End);
        assert_eq!((kind, purpose.as_str()), (320, "00000042202"));
        assert_eq!(digits, "00");
    }

    #[test]
    fn what_has_too_many_digits_is_not_cut() {
        let none = CardSum::default();
        for charged in [
            CardSum {
                count: 1_000,
                fen: 1,
            },
            CardSum {
                count: 1,
                fen: SUM_MAX + 1,
            },
        ] {
            let what = CardWhat::Totals {
                charged,
                returned: none,
            };
            assert!(question(&kit::names(), &asked(what)).is_err());
        }
    }

    /// An answer to this question, changed, and what is heard of it.
    fn heard(what: CardWhat, change: impl FnOnce(&mut Message)) -> Result<Says, String> {
        let question = asked(what);
        let sent = super::question(&kit::names(), &question).expect("it fits");
        let mut answer = Message::new(sent.kind() + 10);
        for field in [11, 41, 42, 49, 60] {
            let value = sent.field(field).expect("sent");
            answer.set(field, value).expect("fits");
        }
        answer.set(39, b"00").expect("fits");
        if sent.kind() == 500 {
            let told = format!("{}11", sent.text(48).expect("sent"));
            answer.set(48, told.as_bytes()).expect("fits");
        }
        change(&mut answer);
        let claim = claim(&question, &sent, &answer.before_mac())?;
        assert_eq!(claim.settle_no, Some(question.settle_no));
        Ok(claim.says)
    }

    fn code(code: &str) -> impl FnOnce(&mut Message) + '_ {
        move |answer| answer.set(39, code.as_bytes()).expect("fits")
    }

    #[test]
    fn only_listed_answers_mean_anything() {
        use CardHeard::{Agrees, Balanced, Differs, Taken, Unbalanced, Used};
        assert_eq!(heard(totals(), code("00")), Ok(Says::Cards(Balanced)));
        for verdicts in ["12", "21", "22", "31", "13", "33"] {
            let said = heard(totals(), |answer| {
                let text = answer.text(48).expect("there");
                let text = format!("{}{verdicts}", &text[..text.len() - 2]);
                answer.set(48, text.as_bytes()).expect("fits");
            });
            assert_eq!(said, Ok(Says::Cards(Unbalanced)), "{verdicts}");
        }
        assert_eq!(heard(rows(), code("00")), Ok(Says::Cards(Taken)));
        assert_eq!(heard(CardWhat::End, code("00")), Ok(Says::Cards(Agrees)));
        assert_eq!(heard(CardWhat::End, code("95")), Ok(Says::Cards(Differs)));
        for what in [totals(), rows(), CardWhat::End] {
            assert_eq!(heard(what.clone(), code("94")), Ok(Says::Cards(Used)));
            for other in ["A0", "96", "98", "05", "25"] {
                assert_eq!(
                    heard(what.clone(), code(other)),
                    Ok(Says::Unknown),
                    "{other}"
                );
            }
        }
        // 95 is no answer to totals or to records.
        assert_eq!(heard(totals(), code("95")), Ok(Says::Unknown));
        assert_eq!(heard(rows(), code("95")), Ok(Says::Unknown));
    }

    #[test]
    fn an_answer_to_other_totals_or_another_message_is_not_read() {
        for (field, value) in [
            (11, "000078"),
            (41, "A1234568"),
            (49, "840"),
            (60, "00000043201"),
            (60, "00000042202"),
            (48, ""),
            (48, "1"),
            (48, "11"),
            (
                48,
                "00000000420000300000000070000100000000000000000000000000000001",
            ),
            (
                48,
                "00000000420100300000000070000100000000000000000000000000000011",
            ),
            (
                48,
                "00000000420000300000000070000100000000000000000000000000000014",
            ),
        ] {
            let said = heard(totals(), |answer| {
                answer.set(field, value.as_bytes()).expect("fits");
            });
            assert!(said.is_err(), "{field} {value}");
        }
    }
}
