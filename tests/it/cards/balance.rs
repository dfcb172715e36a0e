//! 余额查询: the core's conversation by table, with the simulated reader's own cards; then the whole till, the reader on
//! its serial line and the card host.

#[cfg(feature = "live")]
mod whole;

use shouyin::card::PresentedCard;
use shouyin::domain::{Channel, Money, Now, OperatorNo, Tick, TxnId};
use shouyin::evidence::{KeyId, SignedMessage, TrustedKey, TrustedKeys, Verified};
use shouyin::payment::{
    BALANCE_SHOWN_MS, BalanceClaim, BalanceEnd, BalanceStep, CardAsk, Certainty, Command, Event,
    Fact, FactKind, Funds, Policy, Request, RequestKind, State, Ticket, Unmade, next_deadline,
    step,
};
use shouyin::reader::event::End;
use shouyin::reader::neo2::PinEnd;

use super::desk::keys;
use super::shown::{card, typed_pin};
use crate::checker::kit::{self, Book};

const TXN: TxnId = TxnId::from_parts(1, 1);

/// A card that signed `fen`, and a PIN when one was typed.
fn presented(fen: u64, pin: bool) -> Box<PresentedCard> {
    let mut shown = card("insert debit", fen);
    if pin {
        let End::Pin(PinEnd::Entered(entry)) = typed_pin(keys()) else {
            panic!("no PIN");
        };
        shown.pin = Some(entry.block);
    }
    Box::new(shown)
}

fn verified(claim: BalanceClaim) -> Verified<BalanceClaim> {
    let keys = TrustedKeys::new([(KeyId::new("0C"), TrustedKey::hmac(b"k"))]).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"k");
    let signature = ring::hmac::sign(&key, b"m");
    let signed = SignedMessage {
        key_id: "0C",
        message: b"m",
        signature: signature.as_ref(),
    };
    Verified::open(&keys, signed, |_| Ok(claim)).unwrap()
}

/// A core with a reader, and what came of each step.
struct Till {
    state: State,
    policy: Policy,
    at: u64,
    book: Book,
    commands: Vec<Command>,
}

impl Till {
    fn new() -> Self {
        Self {
            state: State::empty(kit::numbers(1, 5, 7)),
            policy: Policy {
                cards: true,
                ..kit::policy()
            },
            at: 0,
            book: Book::default(),
            commands: Vec::new(),
        }
    }

    fn feed(&mut self, event: Event) {
        let now = Now {
            utc: kit::wall(self.at),
            tick: Tick(self.at),
        };
        let stepped = step(self.state.clone(), event, now, &self.policy);
        self.state = stepped.next;
        for fact in stepped.facts {
            self.book.append(fact);
        }
        self.commands = stepped.commands;
    }

    fn asks(&mut self) {
        let operator = OperatorNo::new("01").unwrap();
        self.feed(Event::BalanceRequested { txn: TXN, operator });
    }

    fn shows(&mut self, card: Box<PresentedCard>) {
        self.feed(Event::CardPresented { txn: TXN, card });
    }

    fn pass(&mut self, ms: u64) {
        self.at += ms;
        self.feed(Event::DeadlineReached);
    }

    fn ended(&self) -> Option<&BalanceEnd> {
        match &self.state.balance.as_ref()?.step {
            BalanceStep::Ended { end, .. } => Some(end),
            BalanceStep::Card { .. } | BalanceStep::Asking { .. } => None,
        }
    }

    fn ticket(&self) -> Ticket {
        let sent = self.commands.iter().find_map(|command| match command {
            Command::Send { ticket, .. } => Some(*ticket),
            _ => None,
        });
        sent.expect("something left")
    }

    /// Asks, shows a card, and returns what names the message.
    fn asked() -> (Self, Ticket) {
        let mut till = Self::new();
        till.asks();
        till.shows(presented(0, true));
        let ticket = till.ticket();
        (till, ticket)
    }
}

#[test]
fn a_question_arms_the_reader_for_nothing_and_stores_its_numbers_before_it_leaves() {
    let mut till = Till::new();
    till.asks();
    let armed = Command::ArmCard {
        txn: TXN,
        amount: Money::from_fen(0).unwrap(),
        hold: true,
    };
    assert_eq!(till.commands, [armed]);
    till.shows(presented(0, true));
    let facts = till.book.reopen();
    let [
        Fact {
            kind: FactKind::BalanceAsked(asked),
            ..
        },
    ] = facts.as_slice()
    else {
        panic!("{facts:?}");
    };
    assert_eq!((asked.trace.get(), asked.sequence), (7, 5));
    assert_eq!(asked.ask_no.as_str(), "A00100010001AAAAAAQ00000005");
    let [Command::Play(_), Command::Send { ticket, request }] = till.commands.as_slice() else {
        panic!("{:?}", till.commands);
    };
    assert_eq!((ticket.txn, ticket.kind), (TXN, RequestKind::Balance));
    let Request::Card(request) = request else {
        panic!("{request:?}");
    };
    assert!(matches!(request.what, CardAsk::Balance(_)));
    assert_eq!((request.trace, request.amount.minor()), (asked.trace, 0));
    // The next message of any kind has another trace.
    assert_eq!(till.state.numbers.next_voucher, 8);
    let ticket = *ticket;
    till.feed(Event::BalanceAnswered {
        ticket,
        claim: verified(BalanceClaim::Told(Funds::from_fen(-4_200))),
    });
    let told = BalanceEnd::Told(Funds::from_fen(-4_200));
    assert_eq!(till.ended(), Some(&told));
    // The answer is no fact, and it is gone after a while.
    assert_eq!(till.book.facts.len(), 1);
    till.pass(BALANCE_SHOWN_MS - 1);
    assert!(till.ended().is_some());
    till.pass(1);
    assert_eq!(till.state.balance, None);
    assert!(next_deadline(&till.state, &till.policy).is_none());
    assert!(till.state.sales.is_empty() && till.state.undos.is_empty());
}

#[test]
fn every_end_of_a_question_is_told_and_nothing_is_ever_reversed() {
    let failed = |certainty| {
        move |ticket| Event::SendFailed {
            ticket,
            certainty,
            why: "x".to_owned(),
        }
    };
    let answered = |claim: BalanceClaim| {
        move |ticket| Event::BalanceAnswered {
            ticket,
            claim: verified(claim),
        }
    };
    let rows: Vec<(Box<dyn FnOnce(Ticket) -> Event>, BalanceEnd)> = vec![
        (
            Box::new(answered(BalanceClaim::Declined("55".to_owned()))),
            BalanceEnd::Declined("55".to_owned()),
        ),
        (
            Box::new(answered(BalanceClaim::Unclear("96".to_owned()))),
            BalanceEnd::Unknown,
        ),
        (Box::new(failed(Certainty::NotSent)), BalanceEnd::NotSent),
        (Box::new(failed(Certainty::MaybeSent)), BalanceEnd::Unknown),
        (Box::new(failed(Certainty::Unchecked)), BalanceEnd::Unknown),
        (
            Box::new(failed(Certainty::NotMade(Unmade::NoReader))),
            BalanceEnd::NotMade(Unmade::NoReader),
        ),
    ];
    for (event, wanted) in rows {
        let (mut till, ticket) = Till::asked();
        till.feed(event(ticket));
        assert_eq!(till.ended(), Some(&wanted));
        assert_eq!(till.commands, [], "{wanted:?}");
        assert_eq!(till.book.facts.len(), 1, "{wanted:?}");
        // Asked again it has new numbers.
        till.asks();
        till.shows(presented(0, true));
        assert_eq!(till.state.numbers.next_voucher, 9, "{wanted:?}");
    }
    // Silence ends it, too; an answer that comes after that is not shown.
    let (mut till, ticket) = Till::asked();
    till.pass(till.policy.timing(Channel::BankCard).answer_wait_ms);
    assert_eq!(till.ended(), Some(&BalanceEnd::Unknown));
    let claim = verified(BalanceClaim::Told(Funds::from_fen(1)));
    till.feed(Event::BalanceAnswered { ticket, claim });
    assert_eq!(till.ended(), Some(&BalanceEnd::Unknown));
}

#[test]
fn a_card_for_something_else_is_no_question_and_a_question_is_given_up() {
    // Another amount, no PIN, another transaction: nothing leaves.
    for (fen, pin) in [(1_280, true), (0, false)] {
        let mut till = Till::new();
        till.asks();
        till.shows(presented(fen, pin));
        assert_eq!((till.book.facts.len(), till.commands.len()), (0, 0));
    }
    let mut till = Till::new();
    till.asks();
    let other = TxnId::from_parts(1, 2);
    let card = presented(0, true);
    till.feed(Event::CardPresented { txn: other, card });
    assert!(till.book.facts.is_empty());
    // No sale begins beside it.
    till.feed(Event::SaleRequested {
        txn: other,
        amount: Money::from_fen(100).unwrap(),
        operator: OperatorNo::new("01").unwrap(),
    });
    assert!(till.state.draft.is_none());
    till.feed(Event::CancelRequested);
    assert_eq!(till.state.balance, None);
    assert_eq!(till.commands, [Command::DisarmCard]);
    // While the answer is on its way, too: it is not shown.
    let (mut till, ticket) = Till::asked();
    till.feed(Event::CancelRequested);
    let claim = verified(BalanceClaim::Told(Funds::from_fen(1)));
    till.feed(Event::BalanceAnswered { ticket, claim });
    assert_eq!(till.state.balance, None);
    // Nobody came.
    let mut till = Till::new();
    till.asks();
    till.pass(60_000);
    assert_eq!(till.state.balance, None);
    assert_eq!(till.commands, [Command::DisarmCard]);
    // Without a reader there is no question.
    let mut till = Till::new();
    till.policy.cards = false;
    till.asks();
    assert_eq!(till.state.balance, None);
}
