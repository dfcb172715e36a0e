//! The line between the terminal and the acquirer, with the terminal's adapter on one end.
//!
//! Owns what each fault of a message does, the translation of requests into the model's words, and the reading of
//! signed answers. Like the real adapter it says of each failure whether the request can have left.

use std::collections::BTreeMap;

use super::closing;
use super::fault::{Fault, Kind};
use super::host::{Answer, Ask, Host, KEY_ID, SECRET};
use super::plant::Bug;
use crate::domain::{HostTradeNo, MerchantNo, Money, OrderNo};
use crate::evidence::{
    Claim, ClaimState, KeyId, Rejection, SignedMessage, TradeDetails, TrustedKey, TrustedKeys,
    Undone, Verified,
};
use crate::payment::{Certainty, Event, Request, RequestKind, Ticket};

/// The adapter gives up after this (the real one's default).
pub const TIME_OUT_MS: u64 = 10_000;

/// What becomes of a request before the acquirer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, once or twice, after these delays.
    Arrives(Vec<u64>),
    /// It does not, and the adapter learns of it after a while.
    Fails(Certainty, &'static str, u64),
    /// It does not, and nothing tells.
    Lost,
    /// Somebody else answers.
    Stranger,
}

/// Returns what the faults make of a request; `way` draws a usual delay.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "sixty kinds of fault, of which a few are about this"
)]
pub fn fate(faults: &[Fault], way: &mut impl FnMut() -> u64) -> Fate {
    let mut delays = vec![way()];
    for fault in faults {
        let soon = 5;
        let fails = |certainty, why| Fate::Fails(certainty, why, soon);
        match fault.kind {
            Kind::NoName => return fails(Certainty::NotSent, "the name is not found"),
            Kind::NotConnected => return fails(Certainty::NotSent, "connection refused"),
            Kind::BadCertificate => return fails(Certainty::NotSent, "the certificate is bad"),
            Kind::OldTls => return fails(Certainty::NotSent, "only an old TLS is offered"),
            Kind::RequestReset => return fails(Certainty::MaybeSent, "connection reset"),
            Kind::ClosedMidway => return fails(Certainty::MaybeSent, "the stream was closed"),
            Kind::CrashBefore => return fails(Certainty::MaybeSent, "status 502"),
            Kind::ServerError => return fails(Certainty::MaybeSent, "status 500"),
            Kind::TooMany => return fails(Certainty::MaybeSent, "status 429"),
            Kind::Maintenance => return fails(Certainty::MaybeSent, "status 503"),
            Kind::RequestLost => return Fate::Lost,
            Kind::Portal => return Fate::Stranger,
            Kind::RequestLate | Kind::SlowHost => delays[0] += fault.number,
            Kind::RequestTwice => delays.push(way() + fault.number),
            _ => {}
        }
    }
    Fate::Arrives(delays)
}

/// What becomes of an answer that the acquirer gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// It comes, once or twice, after these delays.
    Comes(Vec<u64>),
    /// It does not, and the adapter learns of it after a while.
    Fails(&'static str, u64),
    /// It does not, and nothing tells.
    Lost,
}

/// Returns what the faults make of an answer.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "sixty kinds of fault, of which a few are about this"
)]
pub fn returns(faults: &[Fault], way: &mut impl FnMut() -> u64) -> Return {
    let mut delays = vec![way()];
    for fault in faults {
        match fault.kind {
            Kind::CrashAfter => return Return::Fails("status 502", delays[0]),
            Kind::AnswerReset => return Return::Fails("connection reset", delays[0]),
            Kind::TooLong => return Return::Fails("the answer is too long", delays[0]),
            Kind::WrongLength => return Return::Fails("the answer has another length", delays[0]),
            Kind::AnswerLost | Kind::SlowDrip => return Return::Lost,
            Kind::AnswerLate => delays[0] += fault.number,
            Kind::AnswerTwice => delays.push(way() + fault.number),
            _ => {}
        }
    }
    Return::Comes(delays)
}

/// Puts a request into the acquirer's words.
pub fn ask(request: &Request, bug: Bug) -> Ask {
    match request {
        Request::Authorize {
            order_no,
            amount,
            code,
            instalments: _,
            batch,
        } => Ask::Charge {
            batch: batch.get(),
            order: order_no.to_string(),
            fen: bug.amount(amount.minor()),
            code: code.expose().to_owned(),
        },
        Request::Preorder {
            order_no,
            amount,
            channel: _,
            life_ms,
            batch,
        } => Ask::Preorder {
            batch: batch.get(),
            order: order_no.to_string(),
            fen: bug.amount(amount.minor()),
            life_ms: *life_ms,
        },
        Request::Inquire { order_no, entry: _ } => Ask::Query {
            order: order_no.to_string(),
        },
        Request::Close { order_no, entry: _ } => Ask::Close {
            order: order_no.to_string(),
        },
        Request::Void {
            void_no,
            order_no,
            batch,
        } => Ask::Void {
            batch: batch.get(),
            number: void_no.to_string(),
            order: order_no.to_string(),
        },
        Request::Refund {
            refund_no,
            order_no,
            amount,
            entry: _,
            trade_no: _,
            batch,
        } => Ask::Refund {
            batch: batch.get(),
            number: refund_no.to_string(),
            order: order_no.to_string(),
            fen: bug.amount(amount.minor()),
            trace: None,
        },
        Request::InquireRefund { refund_no } => Ask::QueryRefund {
            number: refund_no.to_string(),
        },
        Request::Revoke {
            revoke_no,
            order_no,
        } => Ask::Revoke {
            number: revoke_no.to_string(),
            order: order_no.to_string(),
        },
        Request::Card(card) => super::cards::ask(card, bug),
        Request::Settlement(ask) => closing::ask(ask, bug),
    }
}

/// What the terminal asked about: what a forger would have to name.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The order, or the refund's own number.
    pub number: String,
    /// Its amount in fen.
    pub fen: u64,
    /// The best news: what a forger would say.
    pub news: &'static str,
    /// It went to the card host.
    pub card: bool,
}

/// An answer as it comes over the line.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Vec<u8>,
    signature: Vec<u8>,
    key: &'static str,
}

/// The terminal's end of the line: its trusted key, and what the faults have to work with.
pub struct Line {
    keys: TrustedKeys,
    before: BTreeMap<String, Answer>,
}

impl Default for Line {
    fn default() -> Self {
        let keys = TrustedKeys::new([(KeyId::new(KEY_ID), TrustedKey::hmac(SECRET))]);
        Self {
            keys: keys.expect("invariant: one key"),
            before: BTreeMap::new(),
        }
    }
}

impl Line {
    /// Writes, signs and spoils an answer.
    pub fn write(
        &mut self,
        host: &mut Host,
        answer: &Answer,
        asked: &Asked,
        faults: &[Fault],
    ) -> Message {
        let other = host.last_named().cloned();
        let (bytes, signature) = host.sign(answer);
        let mut message = Message {
            bytes,
            signature,
            key: KEY_ID,
        };
        for fault in faults {
            self.spoil(&mut message, host, (answer, other.as_ref()), asked, *fault);
        }
        if answer.word == "paying" || answer.word == "not-found" {
            self.before.insert(asked.number.clone(), answer.clone());
        }
        message
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "sixty kinds of fault, of which a few are about this"
    )]
    fn spoil(
        &self,
        message: &mut Message,
        host: &Host,
        (answer, other): (&Answer, Option<&Answer>),
        asked: &Asked,
        fault: Fault,
    ) {
        let (order, fen) = (asked.number.as_str(), asked.fen);
        let signed = |message: &mut Message, answer: &Answer| {
            message.bytes = answer.bytes();
            message.signature = host.sign_nonsense(&message.bytes);
        };
        let paid = |fen| Answer {
            word: asked.news.to_owned(),
            merchant: answer.merchant.clone(),
            order: Some(order.to_owned()),
            fen: Some(fen),
            text: None,
        };
        let at = usize::try_from(fault.number).unwrap_or(0) % message.bytes.len().max(1);
        match fault.kind {
            Kind::NewKey => message.key = "77",
            Kind::UnknownCode => {
                let word = "E5731".to_owned();
                signed(
                    message,
                    &Answer {
                        word,
                        ..answer.clone()
                    },
                );
            }
            Kind::BitFlip => message.bytes[at] ^= 1,
            Kind::Truncated => message.bytes.truncate(at),
            Kind::Unsigned => {
                message.bytes = paid(fen).bytes();
                message.signature.clear();
            }
            Kind::OtherSignature => message.bytes = paid(fen).bytes(),
            Kind::Replay => {
                if let Some(before) = self.before.get(order) {
                    signed(message, before);
                }
            }
            Kind::OtherOrder => {
                if let Some(other) = other.filter(|other| other.order.as_deref() != Some(order)) {
                    signed(message, other);
                }
            }
            Kind::OtherMerchant => {
                let merchant = Some("822000000000009".to_owned());
                signed(
                    message,
                    &Answer {
                        merchant,
                        ..paid(fen)
                    },
                );
            }
            Kind::OtherAmount => signed(message, &paid(fen + 1)),
            Kind::KeyTwice => {
                message.bytes.extend_from_slice(b"|word=paid");
                message.signature = host.sign_nonsense(&message.bytes);
            }
            Kind::HugeNumber => {
                message
                    .bytes
                    .extend_from_slice(b"|fen=999999999999999999999999999999");
                message.signature = host.sign_nonsense(&message.bytes);
            }
            Kind::NotText => {
                message.bytes.extend_from_slice(&[0xff, 0xfe]);
                message.signature = host.sign_nonsense(&message.bytes);
            }
            _ => {}
        }
    }

    /// Returns a page that is nobody's answer.
    pub fn portal() -> Message {
        Message {
            bytes: b"<html>please log in to the network</html>".to_vec(),
            signature: Vec::new(),
            key: "",
        }
    }

    /// Reads a message as the adapter does: signature first.
    pub fn read(
        &self,
        ticket: Ticket,
        message: &Message,
        host: &Host,
        bug: Bug,
        asked: &Asked,
    ) -> Event {
        let spoiled;
        let message = if bug == Bug::B4 || bug == Bug::B32 && asked.card {
            let signature = host.sign_nonsense(&message.bytes);
            spoiled = Message {
                signature,
                key: KEY_ID,
                ..message.clone()
            };
            &spoiled
        } else {
            message
        };
        let signed = SignedMessage {
            key_id: message.key,
            message: &message.bytes,
            signature: &message.signature,
        };
        if ticket.kind == RequestKind::Settlement {
            return match Verified::open(&self.keys, signed, closing::claim) {
                Ok(claim) => Event::SettlementAnswered {
                    ticket,
                    claim: Box::new(claim),
                },
                Err(rejection) => rejected(ticket, rejection),
            };
        }
        let opened = Verified::open(&self.keys, signed, |bytes| {
            let mut claim = claim(bytes)?;
            bug.twist_claim(&mut claim, asked);
            Ok(claim)
        });
        match opened {
            Ok(claim) => Event::Answered { ticket, claim },
            Err(rejection) => rejected(ticket, rejection),
        }
    }
}

impl Line {
    /// Signs and reads a notice.
    pub fn notice(&self, host: &mut Host, answer: &Answer) -> Option<Verified<Claim>> {
        let (bytes, signature) = host.sign(answer);
        let signed = SignedMessage {
            key_id: KEY_ID,
            message: &bytes,
            signature: &signature,
        };
        Verified::open(&self.keys, signed, claim).ok()
    }
}

fn rejected(ticket: Ticket, rejection: Rejection) -> Event {
    Event::AnswerRejected { ticket, rejection }
}

/// Reads the fields of an answer; each at most once.
pub(super) fn fields(bytes: &[u8]) -> Result<BTreeMap<&str, &str>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut fields = BTreeMap::new();
    for part in text.split('|') {
        let (key, value) = part.split_once('=').ok_or("a field without a value")?;
        if fields.insert(key, value).is_some() {
            return Err(format!("{key} stands twice"));
        }
    }
    Ok(fields)
}

fn claim(bytes: &[u8]) -> Result<Claim, String> {
    let fields = fields(bytes)?;
    let word = *fields.get("word").ok_or("no word")?;
    let state = match word {
        "paid" => ClaimState::Paid,
        "paying" => ClaimState::Paying,
        "declined" => ClaimState::Declined,
        "not-found" => ClaimState::NotFound,
        "failed" => ClaimState::Undone(Undone::Failed),
        "closed" => ClaimState::Undone(Undone::Closed),
        "refunded" => ClaimState::Undone(Undone::Refunded),
        "revoked" => ClaimState::Undone(Undone::Revoked),
        "accepted" => ClaimState::RevokeAccepted,
        "waiting" => ClaimState::Presentable,
        "returned" => ClaimState::Returned,
        "returning" => ClaimState::Returning,
        "return-failed" => ClaimState::ReturnFailed,
        _ => ClaimState::Unknown,
    };
    let fen = fields.get("fen").map(|text| text.parse::<u64>());
    let fen = fen.transpose().map_err(|error| error.to_string())?;
    let amount = fen.map(Money::from_fen).transpose();
    let trade_no = fields
        .get("order")
        .and_then(|order| HostTradeNo::new(&format!("T{order}")).ok());
    Ok(Claim {
        merchant: fields.get("merchant").and_then(|m| MerchantNo::new(m).ok()),
        order_no: fields.get("order").and_then(|o| OrderNo::new(o).ok()),
        amount: amount.map_err(|error| error.to_string())?,
        state,
        host_code: word.chars().take(16).collect(),
        details: TradeDetails {
            trade_no,
            // The authorisation code of a card host; a completion names it.
            wallet_trade_no: HostTradeNo::new("A1B2C3").ok(),
            code_text: fields.get("text").map(|text| (*text).to_owned()),
            ..TradeDetails::default()
        },
    })
}
