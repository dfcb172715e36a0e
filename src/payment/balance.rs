//! 余额查询: what is free on a card's account. It moves no money: no sale, no reversal, no batch, nothing to print.
//!
//! ```text
//!  BalanceRequested ──▶ Card (reader armed for nothing to pay, PIN always) ──CardPresented──▶ Asking ──answer──▶ Ended
//!                        │ given up, nobody came                          │ no answer, not believed          │
//!                        ▼                                                └──────────────▶ Ended: not told   ▼
//!                      (gone)                                                              gone after some seconds
//! ```
//!
//! Owns the conversation and one durable thing: the numbers of the message are a fact before it leaves, so that no
//! other message ever has its trace. What the account holds is never a fact, never logged, and forgotten soon.
//! Sources: docs/CARDS.md, rule 8; readers.md 8.3; features.md, 余额查询.

use std::fmt;

use crate::card::PresentedCard;
use crate::domain::{
    BatchNo, Channel, Money, OperatorNo, OrderKind, OrderNo, Tick, TxnId, VoucherNo,
};
use crate::evidence::Verified;

use super::cards;
use super::command::{CardAsk, CardRequest, Command, Request, RequestKind, Sound, Ticket};
use super::event::{Certainty, Unmade};
use super::fact::FactKind;
use super::machine::Turn;
use super::policy::Policy;
use super::state::State;

/// How long a card is waited for, in milliseconds.
pub const CARD_MS: u64 = 60_000;
/// How long a balance stays on the screen, in milliseconds: others stand at the till, too.
pub const SHOWN_MS: u64 = 15_000;
/// How long it stays that there is none.
pub const TOLD_MS: u64 = 30_000;

/// What is free on an account, in fen; negative when it is owed. Says nothing of itself in a log or a dump.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Funds(i64);

impl Funds {
    /// Takes an amount in fen.
    pub const fn from_fen(fen: i64) -> Self {
        Self(fen)
    }

    /// Returns it, for the screen alone.
    pub const fn fen(self) -> i64 {
        self.0
    }
}

impl fmt::Debug for Funds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Funds(..)")
    }
}

/// What a card host says to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceClaim {
    /// What is free.
    Told(Funds),
    /// The issuer refuses; its code.
    Declined(String),
    /// Nothing that answers the question; its code.
    Unclear(String),
}

/// The numbers of one question. They are stored before it leaves, and nothing else of it ever is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceAsked {
    /// Its own transaction.
    pub txn: TxnId,
    /// Its number, field 63.
    pub ask_no: OrderNo,
    /// The counter behind it.
    pub sequence: u64,
    /// Its trace, field 11.
    pub trace: VoucherNo,
    /// The open batch, field 60. The question is not part of it.
    pub batch: BatchNo,
    /// Who asked.
    pub operator: OperatorNo,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceEnd {
    /// The balance.
    Told(Funds),
    /// The issuer refused; its code.
    Declined(String),
    /// No answer, or none that is believed.
    Unknown,
    /// Nothing was sent.
    NotSent,
    /// Nothing was sent, because of the card reader or the session.
    NotMade(Unmade),
}

/// Where a question stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceStep {
    /// The reader asks for a card.
    Card {
        /// Until then.
        until: Tick,
    },
    /// The message is on its way.
    Asking {
        /// No answer is waited for after this.
        until: Tick,
    },
    /// It is over.
    Ended {
        /// How.
        end: BalanceEnd,
        /// It leaves the screen then.
        until: Tick,
    },
}

/// A question for a balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Its own transaction.
    pub txn: TxnId,
    /// Who asks.
    pub operator: OperatorNo,
    /// Where it stands.
    pub step: BalanceStep,
}

impl Balance {
    const fn until(&self) -> Tick {
        match &self.step {
            BalanceStep::Card { until }
            | BalanceStep::Asking { until }
            | BalanceStep::Ended { until, .. } => *until,
        }
    }

    fn ends(&mut self, end: BalanceEnd, now: Tick) {
        let stays = match &end {
            BalanceEnd::Told(_) => SHOWN_MS,
            BalanceEnd::Declined(_)
            | BalanceEnd::Unknown
            | BalanceEnd::NotSent
            | BalanceEnd::NotMade(_) => TOLD_MS,
        };
        let until = now.after_ms(stays);
        self.step = BalanceStep::Ended { end, until };
    }
}

/// Tells whether a question may begin: nothing else is at the till, and no card has to wait for an older one.
pub fn may_ask_balance(state: &State, policy: &Policy) -> bool {
    let free = state.draft.is_none() && state.foreground.is_none();
    let waits = cards::reversal_pending(state) || cards::settling_cards(state, policy);
    policy.cards && free && !waits && state.numbers.has_room()
}

pub(super) fn request(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, operator: OperatorNo) {
    dismiss(state);
    if state.balance.is_some() || !may_ask_balance(state, turn.policy) {
        return;
    }
    let until = turn.after(CARD_MS);
    let step = BalanceStep::Card { until };
    state.balance = Some(Balance {
        txn,
        operator,
        step,
    });
}

/// Returns the question that wants a card.
pub(super) fn wants_card(state: &State) -> Option<TxnId> {
    let balance = state.balance.as_ref()?;
    matches!(balance.step, BalanceStep::Card { .. }).then_some(balance.txn)
}

/// A card was read for the question. It counts only when it signed that nothing is paid, and with a PIN.
pub(super) fn presented(state: &mut State, turn: &mut Turn<'_>, txn: TxnId, card: PresentedCard) {
    let armed = state.armed == Some(txn);
    let Some(balance) = &mut state.balance else {
        return;
    };
    let waits = balance.txn == txn && matches!(balance.step, BalanceStep::Card { .. });
    let amount = card.evidence.amount;
    if !armed || !waits || amount.minor() != 0 || card.pin.is_none() {
        return;
    }
    state.armed = None;
    let (ask_no, sequence) = turn.numbers.order(&turn.policy.term, OrderKind::Balance);
    let asked = BalanceAsked {
        txn,
        ask_no,
        sequence,
        trace: turn.numbers.voucher(),
        batch: turn.numbers.batch,
        operator: balance.operator.clone(),
    };
    let wait = turn.policy.timing(Channel::BankCard).answer_wait_ms;
    balance.step = BalanceStep::Asking {
        until: turn.after(wait),
    };
    let request = message(&asked, amount, card);
    turn.fact(FactKind::BalanceAsked(asked));
    turn.commands.push(Command::Play(Sound::Scanned));
    turn.send_as(txn, &mut 0, RequestKind::Balance, request);
}

fn message(asked: &BalanceAsked, amount: Money, card: PresentedCard) -> Request {
    Request::Card(Box::new(CardRequest {
        order_no: asked.ask_no.clone(),
        batch: asked.batch,
        trace: asked.trace,
        amount,
        what: CardAsk::Balance(Box::new(card)),
    }))
}

fn asking(state: &mut State, ticket: Ticket) -> Option<&mut Balance> {
    let balance = state.balance.as_mut()?;
    let waits = matches!(balance.step, BalanceStep::Asking { .. });
    (waits && balance.txn == ticket.txn && ticket.kind == RequestKind::Balance).then_some(balance)
}

pub(super) fn answered(
    state: &mut State,
    turn: &Turn<'_>,
    ticket: Ticket,
    claim: &Verified<BalanceClaim>,
) {
    if let Some(balance) = asking(state, ticket) {
        let end = match claim.value() {
            BalanceClaim::Told(funds) => BalanceEnd::Told(*funds),
            BalanceClaim::Declined(code) => BalanceEnd::Declined(code.clone()),
            BalanceClaim::Unclear(_) => BalanceEnd::Unknown,
        };
        balance.ends(end, turn.now.tick);
    }
}

/// Nothing is repeated and nothing is reversed: whoever wants to know asks again.
pub(super) fn failed(state: &mut State, turn: &Turn<'_>, ticket: Ticket, certainty: Certainty) {
    if let Some(balance) = asking(state, ticket) {
        let end = match certainty {
            Certainty::NotSent => BalanceEnd::NotSent,
            Certainty::NotMade(why) => BalanceEnd::NotMade(why),
            Certainty::MaybeSent | Certainty::Unchecked => BalanceEnd::Unknown,
        };
        balance.ends(end, turn.now.tick);
    }
}

/// Given up, also while the message is on its way: an answer that comes then is not shown.
pub(super) fn cancel(state: &mut State) {
    state.balance = None;
}

/// The result was seen.
pub(super) fn dismiss(state: &mut State) {
    let balance = state.balance.as_ref();
    if balance.is_some_and(|balance| matches!(balance.step, BalanceStep::Ended { .. })) {
        state.balance = None;
    }
}

pub(super) fn due(state: &State) -> Option<Tick> {
    state.balance.as_ref().map(Balance::until)
}

pub(super) fn deadline(state: &mut State, turn: &Turn<'_>) {
    let now = turn.now.tick;
    let Some(balance) = state.balance.as_mut().filter(|own| own.until() <= now) else {
        return;
    };
    match balance.step {
        BalanceStep::Asking { .. } => balance.ends(BalanceEnd::Unknown, now),
        BalanceStep::Card { .. } | BalanceStep::Ended { .. } => state.balance = None,
    }
}
