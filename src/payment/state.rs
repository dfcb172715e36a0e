//! What the core knows: the draft at the till and every sale whose result is open.
//!
//! Owns the states and what each of them waits for. Holds no flow logic (`sale`, `inquiry`, `revoke`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::code::{Fingerprint, PaymentCode};
use crate::domain::{BatchNo, Epoch, Money, OperatorNo, OrderKind, OrderNo, StartTag, TermNo};
use crate::domain::{Tick, Timestamp, TxnId, VoucherNo};

use crate::evidence::PaidEvidence;
use crate::limits;
use crate::settlement::Settlement;

use super::balance::Balance;
use super::command::{RequestKind, ReversalReason};
use super::event::Presentment;
use super::fact::{Instalments, Intent, Outcome, UndoIntent, UndoOutcome};
use super::late::EndedSale;

/// The counters that order and voucher numbers are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Fencing number of this start.
    pub epoch: Epoch,
    /// Random letters of this start.
    pub tag: StartTag,
    /// Next order sequence.
    pub next_sequence: u64,
    /// The open batch.
    pub batch: BatchNo,
    /// Next voucher number; above the last one when the batch has used them up.
    pub next_voucher: u32,
}

impl Numbers {
    pub(super) fn order(&mut self, term: &TermNo, kind: OrderKind) -> (OrderNo, u64) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        (
            OrderNo::build(term, self.epoch, self.tag, kind, sequence),
            sequence,
        )
    }

    /// Tells whether a person may open something: the last numbers of a batch are for returns that must be.
    pub const fn has_room(&self) -> bool {
        self.next_voucher < limits::VOUCHER_LAST_ASKED
    }

    /// Opens the next batch. Near the end of the voucher numbers it begins at 1.
    pub(super) const fn open_batch(&mut self, batch: BatchNo) {
        self.batch = batch;
        if self.next_voucher >= limits::VOUCHER_RESTART {
            self.next_voucher = 1;
        }
    }

    /// Returns the number that [`Self::voucher`] would take. Behind the last one only returns that must be are counted
    /// on from 1, and the batch still asks to be closed.
    pub(super) fn next_trace(&self) -> VoucherNo {
        let last = limits::VOUCHER_LAST;
        let next = self.next_voucher;
        let number = if next > last { next - last } else { next };
        VoucherNo::new(number.min(last)).expect("invariant: voucher numbers stay within six digits")
    }

    pub(super) fn voucher(&mut self) -> VoucherNo {
        let number = self.next_trace();
        self.next_voucher = self.next_voucher.saturating_add(1);
        number
    }
}

/// An amount was asked for; nothing was sent and nothing is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The transaction it may become.
    pub txn: TxnId,
    /// The price.
    pub amount: Money,
    /// Who stands at the till.
    pub operator: OperatorNo,
    /// When the camera was opened.
    pub since: Tick,
    /// The last code was one that had been presented before.
    pub code_used: bool,
    /// How the customer wants to pay.
    pub instalments: Option<Instalments>,
    /// 预授权: a card is to hold the amount; no code counts.
    pub hold: bool,
    /// Our own order for the same price, beside the open camera: whatever the customer presents first counts, and the
    /// other way is closed before money moves.
    pub order: Option<TxnId>,
    /// A customer's code that waits until our own order is proven closed.
    pub held: Option<(PaymentCode, Presentment, Tick)>,
    /// How our last own order ended without money, for the screen.
    pub order_ended: Option<OrderEnd>,
}

/// How our own order ended without money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEnd {
    /// Its request never left: there was no code to pay.
    NotSent,
    /// Refused, or ended by us or by its time.
    Over,
}

impl Draft {
    /// An amount that waits for whatever the customer presents.
    pub(super) const fn new(txn: TxnId, amount: Money, operator: OperatorNo, since: Tick) -> Self {
        Self {
            txn,
            amount,
            operator,
            since,
            code_used: false,
            instalments: None,
            hold: false,
            order: None,
            held: None,
            order_ended: None,
        }
    }
}

/// A void or refund that was, perhaps, sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// What was stored before sending.
    pub intent: UndoIntent,
    /// When it began, or when this start took it over.
    pub since: Tick,
    /// Requests made since the program started.
    pub requests: u32,
    /// Inquiries made since the program started.
    pub asked: u32,
    /// How often the undo itself was sent since the program started.
    pub tries: u32,
    /// How often the acquirer refused it since the program started.
    pub refusals: u32,
    /// The acquirer's code of a definitive refusal that has to be confirmed.
    pub refused_code: Option<String>,
    /// This start took it over: earlier tries may have arrived.
    pub resumed: bool,
    /// A late success only: a fresh inquiry found the sale paid still, so that money is there to go back.
    pub checked: bool,
    /// A person must look at it.
    pub attention: bool,
    /// What is under way.
    pub step: UndoStep,
}

/// What an undo waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoStep {
    /// Nothing; asked about, then perhaps sent again, when due.
    Waiting {
        /// When.
        due: Tick,
        /// Send again rather than ask.
        resend: bool,
    },
    /// An answer to the request with this number.
    Asked {
        /// What was asked.
        kind: RequestKind,
        /// Its number.
        number: u32,
        /// When that is given up.
        due: Tick,
    },
    /// Nothing any more.
    Closed {
        /// How it ended.
        outcome: UndoOutcome,
        /// When.
        at: Timestamp,
    },
}

impl UndoStep {
    /// Tells whether the undo ended.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    pub(super) const fn due(&self) -> Option<Tick> {
        match self {
            Self::Waiting { due, .. } | Self::Asked { due, .. } => Some(*due),
            Self::Closed { .. } => None,
        }
    }
}

/// A sale whose charge was, perhaps, sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// What was stored before sending.
    pub intent: Intent,
    /// When the charge was sent, or when this start took the sale over.
    pub sent: Tick,
    /// Requests made since the program started.
    pub requests: u32,
    /// Inquiries made since the program started.
    pub asked: u32,
    /// The cashier asked to stop waiting.
    pub cancel_wanted: bool,
    /// A person must look at it.
    pub attention: bool,
    /// A success that came too late is on its way back already.
    pub returned: bool,
    /// A card sale only: why it is reversed, when it is.
    pub reversal: ReversalReason,
    /// What it waits for.
    pub phase: Phase,
}

/// What a sale waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The answer to the charge itself.
    Sending {
        /// When the core stops waiting for it.
        due: Tick,
    },
    /// The answer that creates our order and brings its code.
    Ordering {
        /// When the core stops waiting for it.
        due: Tick,
    },
    /// A customer who scans our code.
    Presenting(Presenting),
    /// The last word of an inserted card on the host's approval.
    Completing(Box<Completing>),
    /// The result, by asking for it.
    Polling(Polling),
    /// The end of the order. From here it can only end as not paid.
    Revoking(Revoking),
    /// The certainty that no late charge overtakes the revoke.
    Provisional(Provisional),
    /// The refund of a success that came too late, with its transaction. The sale ends as not paid.
    Returning {
        /// The undo.
        undo: TxnId,
        /// Counts the revokes of this sale so far.
        attempt: u32,
    },
    /// Nothing.
    Closed {
        /// How it ended.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// Our code is on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presenting {
    /// What the code says.
    pub text: String,
    /// When the order is closed unless it was paid.
    pub expires: Tick,
    /// When to ask next, or when to stop waiting for the inquiry under way.
    pub due: Tick,
    /// Request number of the inquiry under way.
    pub in_flight: Option<u32>,
    /// The acquirer saw the customer: somebody scanned the code and has to confirm.
    pub customer_acts: bool,
}

/// An approval that the card has still to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completing {
    /// The host's proof; worth nothing until the card agrees.
    pub evidence: PaidEvidence,
    /// When the card's silence counts as a refusal.
    pub due: Tick,
}

/// Asking for the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Index of the next wait of the schedule.
    pub step: usize,
    /// When to ask next, or when to stop waiting for the inquiry under way.
    pub due: Tick,
    /// Request number of the inquiry under way.
    pub in_flight: Option<u32>,
    /// When the schedule goes on, while the cashier's own inquiry is due or under way.
    pub scheduled: Option<Tick>,
    /// The inquiry under way is the last one before the revoke.
    pub last: bool,
    /// The acquirer says that the customer has to act.
    pub customer_acts: bool,
    /// A definitive refusal of the charge; an inquiry has to confirm it.
    pub refusal: Option<Refusal>,
}

/// A definitive refusal of a charge. Somewhere between us and the acquirer a request may be delivered twice: the copy
/// is refused although the original was charged. So it ends nothing until an inquiry made after it found no such order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The acquirer's code.
    pub host_code: String,
    /// It named our order. One that did not is made sure of by a revoke.
    pub named: bool,
    /// Number of the last request made before it was heard.
    pub after: u32,
}

/// Ending the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoking {
    /// The revoke's own number.
    pub revoke_no: OrderNo,
    /// Counts the revokes of this sale, from 1.
    pub attempt: u32,
    /// How often this revoke was sent.
    pub tries: u32,
    /// The acquirer took it.
    pub acknowledged: bool,
    /// How often confirming found the order paid, open or unknown.
    pub unchanged: u32,
    /// How often the acquirer refused this revoke for good.
    pub refused: u32,
    /// What is under way.
    pub step: RevokeStep,
    /// When that is given up, or done next.
    pub due: Tick,
}

/// What is under way while revoking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeStep {
    /// Nothing; the revoke is sent again when due.
    Waiting,
    /// The revoke, with its request number.
    Sending(u32),
    /// The confirming inquiry, with its request number.
    Confirming(u32),
}

/// Re-checking a revoke of an order that the acquirer had never seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisional {
    /// Re-checks left until it is final.
    pub checks_left: u32,
    /// Counts the revokes of this sale so far.
    pub attempt: u32,
    /// How many inquiries in a row brought nothing that could be understood.
    pub silent: u32,
    /// When to ask next, or when to stop waiting for the inquiry under way.
    pub due: Tick,
    /// Request number of the inquiry under way.
    pub in_flight: Option<u32>,
    /// When the schedule goes on, while the cashier's own inquiry is due or under way: that one counts for nothing.
    pub scheduled: Option<Tick>,
}

impl Phase {
    /// Tells whether the sale ended.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    pub(super) const fn due(&self) -> Option<(Tick, &'static str)> {
        match self {
            Self::Sending { due } => Some((*due, "the answer to the charge is late")),
            Self::Ordering { due } => Some((*due, "the answer to the order is late")),
            Self::Presenting(presenting) => Some((presenting.due, "our code is shown")),
            Self::Completing(completing) => Some((completing.due, "the card's last word")),
            Self::Polling(polling) => Some((polling.due, "inquiry")),
            Self::Revoking(revoking) => Some((revoking.due, "revoke")),
            Self::Provisional(provisional) => Some((provisional.due, "re-check of a revoke")),
            Self::Returning { .. } | Self::Closed { .. } => None,
        }
    }
}

/// Everything the core knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Counters.
    pub numbers: Numbers,
    /// An amount is waiting for a code.
    pub draft: Option<Draft>,
    /// Sales by transaction, ended ones only while their result is on the screen.
    pub sales: BTreeMap<TxnId, Sale>,
    /// Undos by their own transaction, ended ones only while their result is on the screen.
    pub undos: BTreeMap<TxnId, Undo>,
    /// Sales that ended as not paid a short while ago: a late success still finds them.
    pub ended: Arc<BTreeMap<TxnId, (EndedSale, Tick)>>,
    /// The settlement under way.
    pub settlement: Option<Box<Settlement>>,
    /// The sale or undo on the screen.
    pub foreground: Option<TxnId>,
    /// The draft that the reader was asked for a card for.
    pub armed: Option<TxnId>,
    /// 余额查询, while it is on the screen.
    pub balance: Option<Balance>,
    /// Codes presented lately.
    pub used_codes: VecDeque<(Fingerprint, Tick)>,
}

impl State {
    /// Returns a state without sales.
    pub fn empty(numbers: Numbers) -> Self {
        Self {
            numbers,
            draft: None,
            sales: BTreeMap::new(),
            undos: BTreeMap::new(),
            ended: Arc::default(),
            settlement: None,
            foreground: None,
            armed: None,
            balance: None,
            used_codes: VecDeque::new(),
        }
    }

    /// Returns the sale on the screen.
    pub fn foreground_sale(&self) -> Option<&Sale> {
        self.foreground.and_then(|txn| self.sales.get(&txn))
    }

    /// Returns the undo on the screen.
    pub fn foreground_undo(&self) -> Option<&Undo> {
        self.foreground.and_then(|txn| self.undos.get(&txn))
    }

    /// Returns our own order beside the open camera.
    pub fn draft_order(&self) -> Option<&Sale> {
        let order = self.draft.as_ref()?.order?;
        self.sales.get(&order)
    }

    /// Returns the open sales that are not on the screen, oldest first.
    pub fn background(&self) -> impl Iterator<Item = &Sale> {
        let order = self.draft.as_ref().and_then(|draft| draft.order);
        self.sales
            .iter()
            .filter(move |(txn, _)| Some(**txn) != self.foreground && Some(**txn) != order)
            .map(|(_, sale)| sale)
    }

    /// Returns the open undos that are not on the screen, oldest first.
    pub fn background_undos(&self) -> impl Iterator<Item = &Undo> {
        self.undos
            .iter()
            .filter(|(txn, _)| Some(**txn) != self.foreground)
            .map(|(_, undo)| undo)
    }

    /// Returns how many sales and undos are open or on the screen.
    pub fn open_count(&self) -> usize {
        self.sales.len() + self.undos.len()
    }
}
