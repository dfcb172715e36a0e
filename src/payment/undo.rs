//! Money back: the void (撤销) of a whole sale of the open batch, and the refund (退货) of a part or the whole of any sale.
//!
//! ```text
//!  UndoRequested ──▶ Asked(void|refund) ──done──▶ Closed: done
//!                      │ no answer, pending, refused after a lost try
//!                      ▼
//!                    Waiting ──▶ Asked(inquiry) ──returned──▶ Closed: done
//!                      ▲              │ failed for good ────▶ Closed: refused
//!                      └── not found: the same number again ─┘
//! ```
//!
//! Owns the choice between the two, the cap, opening and settling; the conversation is `undo_flow`'s. Retries keep the
//! undo's own number until the acquirer proves an end. An undo whose result is open counts against the cap. Sources:
//! acquirer.md 2.4, 2.5, 6 (rule 6).

use crate::domain::{
    BatchNo, HostTradeNo, Money, Now, OperatorNo, OrderKind, Role, Timestamp, TxnId,
};
use crate::evidence::PaidEvidence;
use crate::limits;

use super::command::CardOriginal;
use super::event::Authority;
use super::fact::{
    FactKind, Intent, Outcome, Purpose, UndoCause, UndoIntent, UndoKind, UndoOutcome,
};
use super::machine::Turn;
use super::policy::Policy;
use super::revoke;
use super::sale;
use super::state::{Phase, State, Undo, UndoStep};
use super::undo_flow;

/// A paid sale as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidSale {
    /// What was stored before the charge.
    pub intent: Intent,
    /// The proof of the payment.
    pub evidence: PaidEvidence,
    /// What went back already, and what an open undo may still return.
    pub returned: Money,
    /// An undo of this sale is open.
    pub open: bool,
    /// It is a hold, and a completion of it stands or is under way.
    pub completed: bool,
}

/// Why nothing can be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UndoRefusal {
    /// Zero.
    #[error("nothing is to be returned")]
    Nothing,
    /// More than what is left.
    #[error("only {left} is left to be returned")]
    TooMuch {
        /// What is left.
        left: Money,
    },
    /// The result of an earlier undo is open.
    #[error("an undo of this sale is still under way")]
    Open,
    /// It is a hold that was completed: the completion is what can be returned.
    #[error("this pre-authorisation was completed")]
    Completed,
    /// A hold is given back as a whole.
    #[error("a pre-authorisation is given back as a whole")]
    OnlyWhole,
}

impl PaidSale {
    /// Returns what can still be returned.
    pub fn left(&self) -> Money {
        self.evidence
            .amount()
            .checked_sub(self.returned)
            .unwrap_or_else(|_| nothing())
    }
}

fn nothing() -> Money {
    Money::from_fen(0).expect("invariant: zero is an amount")
}

/// Chooses how `amount` of a sale goes back: a void only when the batch is the sale's own, the acquirer's day has not
/// ended since, all of it goes back, nothing went back before and the acquirer voids such orders; otherwise a refund.
///
/// # Errors
/// [`UndoRefusal`] says why nothing can go back now.
pub fn choose(
    policy: &Policy,
    original: &PaidSale,
    amount: Money,
    (batch, now): (BatchNo, Timestamp),
) -> Result<UndoKind, UndoRefusal> {
    if amount.minor() == 0 {
        return Err(UndoRefusal::Nothing);
    }
    if original.open {
        return Err(UndoRefusal::Open);
    }
    let left = original.left();
    if amount.minor() > left.minor() || amount.currency() != left.currency() {
        return Err(UndoRefusal::TooMuch { left });
    }
    let whole = original.returned.minor() == 0 && amount == original.evidence.amount();
    let intent = &original.intent;
    if intent.purpose.is_hold() {
        return match (original.completed, whole) {
            (true, _) => Err(UndoRefusal::Completed),
            (false, false) => Err(UndoRefusal::OnlyWhole),
            // Of any day: it holds until it is given back or completed (docs/CARDS.md, rule 6).
            (false, true) => Ok(UndoKind::Void),
        };
    }
    let voids = policy.voids.may(intent.entry, intent.txn.opened_at(), now);
    if whole && intent.batch == batch && voids {
        Ok(UndoKind::Void)
    } else {
        Ok(UndoKind::Refund)
    }
}

/// Returns the lowest role that may send `amount` back today; none when nobody may. What a card only holds is the
/// customer's own: no ceiling, but never a cashier alone.
pub fn role_for(policy: &Policy, original: &PaidSale, amount: Money, today: Money) -> Option<Role> {
    if original.intent.purpose.is_hold() {
        return Some(Role::Supervisor);
    }
    policy.ceilings.role_for(amount, today)
}

pub(super) fn request(
    state: &mut State,
    turn: &mut Turn<'_>,
    (txn, amount): (TxnId, Money),
    original: &PaidSale,
    (operator, authority): (OperatorNo, Authority),
) {
    let busy = state.draft.is_some() || state.foreground.is_some();
    let of = original.intent.txn;
    let twice =
        state.undos.contains_key(&txn) || state.undos.values().any(|undo| undo.intent.of == of);
    let room = state.open_count() < limits::OPEN_SALES && turn.numbers.has_room();
    if busy || twice || !room {
        return;
    }
    let allowed = if original.intent.purpose.is_hold() {
        authority.role != Role::Cashier
    } else {
        let ceilings = &turn.policy.ceilings;
        ceilings.allows(authority.role, amount, authority.today)
    };
    if !allowed {
        return;
    }
    let moment = (turn.numbers.batch, turn.now.utc);
    let Ok(kind) = choose(turn.policy, original, amount, moment) else {
        return;
    };
    let channel = original.evidence.details().channel;
    let seed = Seed {
        txn,
        kind,
        amount,
        channel: channel.unwrap_or(original.intent.channel),
        operator,
        approver: authority.approver,
        of_auth: original.evidence.details().wallet_trade_no.clone(),
        ..seed(
            &original.intent,
            original.evidence.details().trade_no.clone(),
            UndoCause::Asked,
            1,
        )
    };
    begin(turn, seed, 0);
    state.foreground = Some(txn);
}

/// What an undo is made of, before it has numbers.
pub(super) struct Seed {
    txn: TxnId,
    of: Intent,
    of_trade_no: Option<HostTradeNo>,
    of_auth: Option<HostTradeNo>,
    kind: UndoKind,
    cause: UndoCause,
    attempt: u32,
    amount: Money,
    channel: crate::domain::Channel,
    operator: OperatorNo,
    approver: Option<OperatorNo>,
}

/// Returns the seed of a whole refund that nobody asked for.
pub(super) fn seed(
    of: &Intent,
    of_trade_no: Option<HostTradeNo>,
    cause: UndoCause,
    attempt: u32,
) -> Seed {
    Seed {
        txn: of.txn.consequence(attempt),
        of: of.clone(),
        of_trade_no,
        of_auth: None,
        kind: UndoKind::Refund,
        cause,
        attempt,
        amount: of.amount,
        channel: of.channel,
        operator: of.operator.clone(),
        approver: None,
    }
}

/// Stores the intent, then sends at once, or after `later_ms`. Returns the undo's transaction.
pub(super) fn begin(turn: &mut Turn<'_>, seed: Seed, later_ms: u64) -> TxnId {
    let order_kind = match seed.kind {
        UndoKind::Void => OrderKind::Void,
        UndoKind::Refund => OrderKind::Refund,
    };
    let (undo_no, sequence) = turn.numbers.order(&turn.policy.term, order_kind);
    let of_card = seed.of.entry.is_card().then(|| CardOriginal {
        business: seed.of.purpose.business(),
        batch: seed.of.batch,
        trace: seed.of.voucher,
        trade_no: seed.of_trade_no.clone(),
        auth: seed.of_auth.clone(),
    });
    let intent = UndoIntent {
        txn: seed.txn,
        of: seed.of.txn,
        of_order: seed.of.order_no,
        of_entry: seed.of.entry,
        of_trade_no: seed.of_trade_no,
        undo_no,
        sequence,
        voucher: turn.numbers.voucher(),
        batch: turn.numbers.batch,
        kind: seed.kind,
        cause: seed.cause,
        attempt: seed.attempt,
        amount: seed.amount,
        channel: seed.channel,
        of_card,
        operator: seed.operator,
        approver: seed.approver,
    };
    turn.fact(FactKind::UndoIntended(intent.clone()));
    let mut undo = resumed(intent, turn.now, false);
    if later_ms == 0 {
        undo_flow::send(&mut undo, turn);
    } else {
        undo.step = UndoStep::Waiting {
            due: turn.after(later_ms),
            resend: true,
        };
    }
    let txn = undo.intent.txn;
    turn.opened.push(undo);
    txn
}

/// Takes an undo over after a restart: asked about first, because the last try may have arrived.
pub(super) fn resumed(intent: UndoIntent, now: Now, attention: bool) -> Undo {
    Undo {
        intent,
        since: now.tick,
        requests: 0,
        asked: 0,
        tries: 0,
        refusals: 0,
        refused_code: None,
        resumed: false,
        checked: false,
        attention,
        step: UndoStep::Waiting {
            due: now.tick,
            resend: false,
        },
    }
}

/// A refund of a late success that is done ends its sale. One that was refused sends an open sale back to its revoke,
/// which asks again what became of the order; an ended sale gets a new refund under another number. Both after a long
/// wait, and a person is told: money that is not the shop's does not stay.
pub(super) fn settle(state: &mut State, turn: &mut Turn<'_>) {
    let mut failed = Vec::new();
    for undo in state.undos.values() {
        let UndoStep::Closed { outcome, .. } = &undo.step else {
            continue;
        };
        if undo.intent.cause != UndoCause::LateSuccess {
            continue;
        }
        let returning = state.sales.get_mut(&undo.intent.of).filter(|sale| {
            matches!(sale.phase, Phase::Returning { undo: own, .. } if own == undo.intent.txn)
        });
        match (outcome, returning) {
            (UndoOutcome::Done(_), Some(sale)) => sale::close(sale, turn, Outcome::Revoked),
            (UndoOutcome::Done(_), None) => {}
            (UndoOutcome::Refused { .. } | UndoOutcome::NotSent, sale) => {
                failed.push(undo.intent.clone());
                if let Some(sale) = sale {
                    revoke::begin_later(sale, turn);
                }
            }
        }
    }
    for intent in failed {
        let why =
            "a late payment could not be returned; trying goes on, a person must ask the acquirer";
        turn.fact(FactKind::AttentionRaised {
            txn: intent.of,
            why: why.to_owned(),
        });
        state.undos.remove(&intent.txn);
        if !state.sales.contains_key(&intent.of) {
            begin_again(turn, &intent);
        }
    }
}

fn begin_again(turn: &mut Turn<'_>, old: &UndoIntent) {
    let of = Intent {
        txn: old.of,
        order_no: old.of_order.clone(),
        entry: old.of_entry,
        amount: old.amount,
        channel: old.channel,
        operator: old.operator.clone(),
        sequence: old.sequence,
        voucher: old.voucher,
        batch: old.batch,
        code_tail: String::new(),
        code_fingerprint: String::new(),
        instalments: None,
        card: None,
        purpose: Purpose::Sale,
    };
    let trade_no = old.of_trade_no.clone();
    let seed = seed(&of, trade_no, UndoCause::LateSuccess, old.attempt + 1);
    let idle_ms = turn.policy.timing(old.channel).revoke_idle_ms;
    begin(turn, seed, idle_ms);
}
