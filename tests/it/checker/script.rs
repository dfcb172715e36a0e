//! Plays ledgers of events (`scenarios/sale.txt`, `scenarios/card.txt`) against the bare core and compares every row.
//!
//! Left of the bar: seconds and the event. Right of it: every fact and command that the event may
//! cause, no more and no less, and after `->` the phase of each sale, `*` at the one on the screen.
//! No row may skip a deadline of the core: `due` rows stand exactly at the core's own deadline.

use shouyin::domain::{Channel, Money, Now, OperatorNo, Role, Tick, TxnId};
use shouyin::evidence::Rejection;
use shouyin::payment::{
    Authority, CardAsk, CardBusiness, CardWord, Certainty, Command, Event, Fact, FactKind, Outcome,
    PaidSale, Phase, Policy, Presentment, Request, RequestKind, Sound, State, Step, Ticket,
    UndoOutcome, UndoStep, Unmade, VoidRules, next_deadline, resume, step,
};

use super::kit::{self, Book, Note};
use crate::cards::shown::card;

const OPERATOR: &str = "01";

/// One scenario being played.
struct Play {
    policy: Policy,
    state: State,
    book: Book,
    sent: Vec<(Ticket, Request)>,
    txn: TxnId,
    at: u64,
    epoch: u16,
    held: Option<PaidSale>,
}

impl Play {
    fn new(cards: bool) -> Self {
        Self {
            policy: Policy {
                cards,
                voids: VoidRules {
                    card: cards,
                    ..VoidRules::customer_codes()
                },
                ..kit::policy()
            },
            state: State::empty(kit::numbers(1, 1, 1)),
            book: Book::default(),
            sent: Vec::new(),
            txn: TxnId::from_parts(1, 0),
            at: 0,
            epoch: 1,
            held: None,
        }
    }

    fn now(&self) -> Now {
        Now {
            utc: kit::wall(self.at),
            tick: Tick(self.at),
        }
    }

    fn ticket(&self, kind: RequestKind, back: usize) -> Ticket {
        let mut found = self.sent.iter().rev().filter(|(t, _)| t.kind == kind);
        found.nth(back).expect("a request of that kind was sent").0
    }

    fn row(&mut self, at: u64, words: &[&str]) -> String {
        let due = next_deadline(&self.state, &self.policy).map(|(tick, _)| tick.0);
        let skipped = if words == ["due"] {
            due != Some(at)
        } else {
            due.is_some_and(|due| due < at)
        };
        if skipped {
            return format!("the core's own deadline is {due:?}");
        }
        self.at = at;
        if words == ["restart"] {
            self.epoch += 1;
            let facts = self.book.reopen();
            let numbers = kit::numbers_after(&facts, self.epoch);
            self.state = resume(facts, numbers, self.now(), &self.policy);
            return format!("-> {}", self.phases());
        }
        let event = self.event(words);
        let Step {
            next,
            facts,
            commands,
        } = step(self.state.clone(), event, self.now(), &self.policy);
        self.state = next;
        self.remember_hold();
        let mut told: Vec<String> = facts.iter().map(fact_word).collect();
        for fact in facts {
            self.book.append(fact);
        }
        for command in commands {
            told.push(command_word(&command));
            if let Command::Send { ticket, request } = command {
                self.sent.push((ticket, request));
            }
        }
        told.push(format!("-> {}", self.phases()));
        told.join(" ")
    }

    fn event(&mut self, words: &[&str]) -> Event {
        match words {
            ["amount", fen, which] => {
                self.txn = TxnId::from_parts(1, which.parse().expect("number"));
                Event::SaleRequested {
                    txn: self.txn,
                    amount: Money::from_fen(fen.parse().expect("fen")).expect("amount"),
                    operator: OperatorNo::new(OPERATOR).expect("operator"),
                }
            }
            ["code", number] => Event::CodePresented {
                code: kit::code(number.parse().expect("number")),
                entry: Presentment::Camera,
            },
            ["card" | "word" | "show-code" | "bad-mac", ..] => self.at_the_reader(words),
            ["hold" | "charge-after-all" | "complete" | "void-hold", ..] => self.of_a_hold(words),
            ["void" | "refund", rest @ ..] => self.undo(rest),
            ["cancel"] => Event::CancelRequested,
            ["park"] => Event::ParkRequested,
            ["dismiss"] => Event::ResultDismissed,
            ["query"] => Event::QueryRequested { txn: self.txn },
            ["due"] => Event::DeadlineReached,
            ["fails", about, certainty] => Event::SendFailed {
                ticket: self.ticket(kind(about), 0),
                certainty: match *certainty {
                    "not-sent" => Certainty::NotSent,
                    "no-reader" => Certainty::NotMade(Unmade::NoReader),
                    "unchecked" => Certainty::Unchecked,
                    _ => Certainty::MaybeSent,
                },
                why: "the line".to_owned(),
            },
            ["forged", about, word] => {
                let note = self.note(kind(about), word);
                let mut proof = kit::sign(&note.write());
                proof[0] ^= 1;
                let rejection = kit::open(&note.write(), &proof).expect_err("forged");
                assert_eq!(rejection, Rejection::BadSignature);
                Event::AnswerRejected {
                    ticket: self.ticket(kind(about), 0),
                    rejection,
                }
            }
            ["says", about, word, rest @ ..] => {
                let mut note = self.note(kind(about), word);
                let mut back = 0;
                for change in rest {
                    match *change {
                        "other-order" => {
                            note.order = Some("A00100010001AAAAAAS99999999".to_owned())
                        }
                        "other-merchant" => note.merchant = Some("999999".to_owned()),
                        "other-amount" => note.amount = note.amount.map(|fen| fen + 1),
                        "unnamed" => (note.merchant, note.order) = (None, None),
                        "earlier" => back = 1,
                        other => panic!("unknown change {other}"),
                    }
                }
                let claim = kit::open(&note.write(), &kit::sign(&note.write())).expect("signed");
                Event::Answered {
                    ticket: self.ticket(kind(about), back),
                    claim,
                }
            }
            other => panic!("unknown event {other:?}"),
        }
    }

    /// What a hold adds. The journal's part is played here: it gives the last hold back as it was read, and knows of a
    /// completion only when the row says so.
    fn of_a_hold(&mut self, words: &[&str]) -> Event {
        let fresh = |which: &str| TxnId::from_parts(1, which.parse().expect("number"));
        match words {
            [choice @ ("hold" | "charge-after-all"), which] => {
                self.txn = fresh(which);
                Event::HoldChosen {
                    txn: self.txn,
                    hold: *choice == "hold",
                }
            }
            ["complete", fen, which, rest @ ..] => {
                let mut hold = self.held.clone().expect("a hold closed before");
                hold.completed = rest == ["known"];
                self.txn = fresh(which);
                Event::CompletionRequested {
                    txn: self.txn,
                    hold: Box::new(hold),
                    amount: Money::from_fen(fen.parse().expect("fen")).expect("amount"),
                    operator: OperatorNo::new(OPERATOR).expect("operator"),
                }
            }
            ["void-hold", fen, which, role, rest @ ..] => {
                let mut hold = self.held.clone().expect("a hold closed before");
                hold.completed = rest == ["known"];
                let amount = Money::from_fen(fen.parse().expect("fen")).expect("amount");
                let role = Role::ALL.into_iter().find(|known| known.key() == *role);
                Event::UndoRequested {
                    txn: fresh(which),
                    original: Box::new(hold),
                    amount,
                    operator: OperatorNo::new(OPERATOR).expect("operator"),
                    authority: Authority {
                        role: role.expect("a role"),
                        approver: None,
                        today: Money::from_fen(0).expect("amount"),
                    },
                }
            }
            other => panic!("unknown event {other:?}"),
        }
    }

    /// Keeps what the journal would give back of a hold.
    fn remember_hold(&mut self) {
        let Some(sale) = self.state.foreground_sale() else {
            return;
        };
        if let (
            Phase::Closed {
                outcome: Outcome::Paid(evidence),
                ..
            },
            true,
        ) = (&sale.phase, sale.intent.purpose.is_hold())
        {
            self.held = Some(PaidSale {
                intent: sale.intent.clone(),
                evidence: evidence.clone(),
                returned: Money::from_fen(0).expect("amount"),
                open: false,
                completed: false,
            });
        }
    }

    /// What cards and our own code add to a ledger.
    fn at_the_reader(&self, words: &[&str]) -> Event {
        match words {
            ["card", words @ ..] => {
                let drafted = self.state.draft.as_ref().map(|draft| draft.amount.minor());
                let (words, fen) = match words {
                    [rest @ .., "other-amount"] => (rest, 1),
                    rest => (rest, drafted.unwrap_or(1)),
                };
                Event::CardPresented {
                    txn: self.txn,
                    card: Box::new(card(&words.join(" "), fen)),
                }
            }
            ["word", word] => Event::CardEnded {
                txn: self.txn,
                word: match *word {
                    "approved" => CardWord::Approved,
                    "refused" => CardWord::Refused,
                    _ => CardWord::Gone,
                },
            },
            ["show-code", which] => Event::MerchantCodeRequested {
                txn: TxnId::from_parts(1, which.parse().expect("number")),
                channel: Channel::Unknown,
            },
            ["bad-mac", about] => Event::AnswerRejected {
                ticket: self.ticket(kind(about), 0),
                rejection: Rejection::BadMac,
            },
            other => panic!("unknown event {other:?}"),
        }
    }

    /// `void WHICH`, `refund FEN WHICH`: money of the last paid sale goes back, as the book knows the sale.
    fn undo(&self, words: &[&str]) -> Event {
        let (mut paid, mut returned, mut open) = (None, 0, false);
        let mut intents = std::collections::BTreeMap::new();
        for fact in &self.book.facts {
            match &fact.kind {
                FactKind::IntentRecorded(intent) => {
                    intents.insert(intent.txn, intent.clone());
                }
                FactKind::Closed {
                    txn,
                    outcome: Outcome::Paid(evidence),
                } => paid = Some((intents[txn].clone(), evidence.clone())),
                FactKind::UndoIntended(_) => open = true,
                FactKind::UndoClosed { outcome, .. } => {
                    open = false;
                    if let UndoOutcome::Done(evidence) = outcome {
                        returned += evidence.amount().minor();
                    }
                }
                _ => {}
            }
        }
        let (intent, evidence) = paid.expect("a paid sale");
        let (amount, which) = match words {
            [fen, which] => (Money::from_fen(fen.parse().expect("fen")), which),
            [which] => (Ok(evidence.amount()), which),
            other => panic!("unknown undo {other:?}"),
        };
        Event::UndoRequested {
            txn: TxnId::from_parts(1, which.parse().expect("number")),
            original: Box::new(PaidSale {
                intent,
                evidence,
                returned: Money::from_fen(returned).expect("amount"),
                open,
                completed: false,
            }),
            amount: amount.expect("amount"),
            operator: OperatorNo::new(OPERATOR).expect("operator"),
            authority: Authority {
                role: Role::Supervisor,
                approver: None,
                today: Money::from_fen(0).expect("amount"),
            },
        }
    }

    fn note(&self, about: RequestKind, word: &str) -> Note {
        let ticket = self.ticket(about, 0);
        let (order, amount) = match self.state.undos.get(&ticket.txn) {
            Some(undo) => (&undo.intent.undo_no, undo.intent.amount),
            None => {
                let intent = &self.state.sales[&ticket.txn].intent;
                (&intent.order_no, intent.amount)
            }
        };
        Note {
            merchant: Some(kit::MERCHANT.to_owned()),
            order: Some(order.to_string()),
            amount: Some(amount.minor()),
            word: word.to_owned(),
        }
    }

    fn phases(&self) -> String {
        let mut told = Vec::new();
        if let Some(draft) = &self.state.draft {
            told.push(if draft.code_used {
                "draft(used)".to_owned()
            } else {
                "draft".to_owned()
            });
        }
        for (txn, sale) in &self.state.sales {
            let shown = if self.state.foreground == Some(*txn) {
                "*"
            } else {
                ""
            };
            told.push(format!("{}{shown}", phase_word(&sale.phase)));
        }
        for (txn, undo) in &self.state.undos {
            let shown = if self.state.foreground == Some(*txn) {
                "*"
            } else {
                ""
            };
            let kind = undo.intent.kind.key();
            let step = match &undo.step {
                UndoStep::Waiting { .. } => "waiting",
                UndoStep::Asked { .. } => "asked",
                UndoStep::Closed { outcome, .. } => outcome.key(),
            };
            told.push(format!("{kind}:{step}{shown}"));
        }
        if told.is_empty() {
            told.push("idle".to_owned());
        }
        told.join(" ")
    }
}

fn kind(word: &str) -> RequestKind {
    match word {
        "charge" => RequestKind::Authorize,
        "ask" => RequestKind::Inquire,
        "revoke" => RequestKind::Revoke,
        "void" => RequestKind::Void,
        "refund" => RequestKind::Refund,
        other => panic!("unknown request {other}"),
    }
}

fn phase_word(phase: &Phase) -> String {
    match phase {
        Phase::Sending { .. } => "sending".to_owned(),
        Phase::Polling(_) => "polling".to_owned(),
        Phase::Revoking(revoking) => format!("revoking#{}", revoking.attempt),
        Phase::Provisional(provisional) => format!("provisional({})", provisional.checks_left),
        Phase::Closed { outcome, .. } => outcome.key().to_owned(),
        Phase::Ordering { .. } => "ordering".to_owned(),
        Phase::Presenting(_) => "presenting".to_owned(),
        Phase::Returning { .. } => "returning".to_owned(),
        Phase::Completing(_) => "completing".to_owned(),
    }
}

fn fact_word(fact: &Fact) -> String {
    match &fact.kind {
        FactKind::Started { .. } => "+started".to_owned(),
        FactKind::IntentRecorded(_) => "+intent".to_owned(),
        FactKind::AnswerNoted { .. } => "+noted".to_owned(),
        FactKind::AnswerRefused { .. } => "+refused".to_owned(),
        FactKind::SendFailed { certainty, .. } => format!("+{certainty}"),
        FactKind::RevokeIntended { attempt, .. } => format!("+revoke#{attempt}"),
        FactKind::RevokeProvisional { .. } => "+provisional".to_owned(),
        FactKind::SuccessAfterRevoke { .. } => "+late-success".to_owned(),
        FactKind::AttentionRaised { .. } => "+attention".to_owned(),
        FactKind::StopRequested { .. } => "+stop".to_owned(),
        FactKind::Rechecked { left, .. } => format!("+checked({left})"),
        FactKind::CodeShown { .. } => "+shown".to_owned(),
        FactKind::UndoIntended(intent) => format!("+{}", intent.kind.key()),
        FactKind::UndoClosed { outcome, .. } => format!("+undo:{}", outcome.key()),
        FactKind::Rebuilt(_) => "+rebuilt".to_owned(),
        FactKind::Proven { .. } => "+proven".to_owned(),
        FactKind::BalanceAsked(_) => "+balance".to_owned(),
        FactKind::Closed { outcome, .. } => format!("+{}", outcome_word(outcome)),
        FactKind::Settlement { .. } => "+settlement".to_owned(),
    }
}

fn outcome_word(outcome: &Outcome) -> String {
    format!("closed:{}", outcome.key())
}

fn command_word(command: &Command) -> String {
    match command {
        Command::StartScan => "scan".to_owned(),
        Command::StopScan => "stop".to_owned(),
        Command::ReadBatch { .. } => "read-batch".to_owned(),
        Command::ArmCard { hold: true, .. } => "arm-hold".to_owned(),
        Command::ArmCard { .. } => "arm".to_owned(),
        Command::DisarmCard => "disarm".to_owned(),
        Command::RenewCards => "renew".to_owned(),
        Command::CompleteCard { .. } => "complete".to_owned(),
        Command::Send { request, .. } => match request {
            Request::Authorize { .. } => "charge".to_owned(),
            Request::Inquire { .. } => "ask".to_owned(),
            Request::Revoke { revoke_no, .. } => {
                let text = revoke_no.as_str();
                format!("revoke:{}", &text[text.len() - 2..])
            }
            Request::Preorder { .. } => "order".to_owned(),
            Request::Close { .. } => "close".to_owned(),
            Request::Void { .. } => "void".to_owned(),
            Request::Refund { .. } => "refund".to_owned(),
            Request::InquireRefund { .. } => "ask-refund".to_owned(),
            Request::Card(card) => match &card.what {
                CardAsk::Sale(_) => "card".to_owned(),
                CardAsk::Hold(_) => "card-hold".to_owned(),
                CardAsk::Completion(of) => {
                    assert_eq!(of.business, CardBusiness::Hold);
                    "card-completion".to_owned()
                }
                CardAsk::Reversal {
                    reason, business, ..
                } => match business {
                    CardBusiness::Sale => format!("reverse:{reason:?}"),
                    CardBusiness::Hold => format!("reverse-hold:{reason:?}"),
                    CardBusiness::Completion => format!("reverse-completion:{reason:?}"),
                },
                CardAsk::Void(of) if of.business == CardBusiness::Hold => "hold-void".to_owned(),
                CardAsk::Void(_) => "card-void".to_owned(),
                CardAsk::Refund(_) => "card-refund".to_owned(),
                CardAsk::Balance(_) => "card-balance".to_owned(),
            },
            Request::Settlement(_) => "settle".to_owned(),
        },
        Command::Play(sound) => match sound {
            Sound::Scanned => "beep".to_owned(),
            Sound::CustomerActs => "say:act".to_owned(),
            Sound::Paid { late: false, .. } => "say:paid".to_owned(),
            Sound::Paid { late: true, .. } => "say:paid-late".to_owned(),
            Sound::Held => "say:held".to_owned(),
            Sound::NotPaid => "say:not-paid".to_owned(),
            Sound::Unknown => "say:unknown".to_owned(),
            Sound::Returned { .. } => "say:returned".to_owned(),
        },
    }
}

fn millis(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let tenths: u64 = part.parse().expect("tenths");
    whole.parse::<u64>().expect("seconds") * 1000 + tenths * 100
}

#[test]
fn every_row_of_the_ledger_holds() {
    plays(include_str!("../scenarios/sale.txt"), false);
}

#[test]
fn every_row_of_the_card_ledger_holds() {
    plays(include_str!("../scenarios/card.txt"), true);
}

#[test]
fn every_row_of_the_hold_ledger_holds() {
    plays(include_str!("../scenarios/hold.txt"), true);
}

fn plays(ledger: &str, cards: bool) {
    let (mut play, mut name) = (Play::new(cards), "");
    let (mut stories, mut rows, mut wrong) = (0, 0, Vec::new());
    for (number, line) in ledger.lines().enumerate() {
        if let Some(title) = line.strip_prefix("== ") {
            (play, name) = (Play::new(cards), title);
            stories += 1;
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (left, right) = line.split_once('|').expect("a bar in every row");
        let words: Vec<&str> = left.split_whitespace().collect();
        let told = play.row(millis(words[0]), &words[1..]);
        let expected = right.split_whitespace().collect::<Vec<_>>().join(" ");
        rows += 1;
        if told != expected {
            wrong.push(format!("{name}, line {}: {told}", number + 1));
        }
    }
    println!("{stories} stories, {rows} rows");
    assert!(wrong.is_empty(), "these rows differ:\n{}", wrong.join("\n"));
}
