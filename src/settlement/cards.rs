//! The cards' part of a batch at the card host: totals (0500), every entry where they differ (0320), and its verdict.
//!
//! Owns what of a batch counts as a card's, the order of the messages, and that each keeps its trace until it is
//! answered. Never changes an amount of ours. What a message looks like is the adapter's (docs/CARDS.md, settlement).
//!
//! ```text
//!  totals ── balanced ─────────────────────────────────────▶ verdict: equal
//!         └─ not balanced ─▶ entries, some at a time ─▶ end ─▶ verdict: equal one by one, or unequal
//! ```

use crate::domain::{BatchNo, Channel, OrderNo, VoucherNo};

use super::ask::{Ask, What};
use super::batch::{Entry, EntryKind};
use super::fact::SettlementFact;
use super::flow::{Settlement, Turn};

/// Entries of one upload message, at most 99: a record has 20 digits and field 48 ends at 999 (docs/CARDS.md has 20).
pub const ROWS_IN_MESSAGE: usize = 20;

/// What one message to the card host is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardStep {
    /// The totals.
    Totals,
    /// Some entries, one by one.
    Rows {
        /// Entries that went before these.
        first: u32,
        /// How many these are.
        rows: u32,
    },
    /// The entries are complete.
    End,
}

/// A message to the card host. It keeps its trace until it is answered, also over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardMessage {
    /// Field 11.
    pub trace: VoucherNo,
    /// What it is about.
    pub step: CardStep,
}

/// What the card host answered to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardHeard {
    /// 对账平: the totals are the host's.
    Balanced,
    /// 对账不平, or the host could not compare.
    Unbalanced,
    /// The entries are taken.
    Taken,
    /// Every entry is the host's, and the host has no other.
    Agrees,
    /// They are not.
    Differs,
    /// The trace belongs to another message: the whole begins again under new ones.
    Used,
}

/// What came of the cards' part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardVerdict {
    /// The totals are equal.
    Equal,
    /// The totals were not, the entries are equal one by one.
    EqualOneByOne,
    /// 不平.
    Unequal,
}

macro_rules! keys {
    ($type:ident: $($name:ident = $key:literal,)*) => {
        impl $type {
            /// Returns the stable key used in records.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// Finds one by its key.
            pub fn from_key(key: &str) -> Option<Self> {
                [$(Self::$name,)*].into_iter().find(|one| one.key() == key)
            }
        }
    };
}

keys! { CardHeard:
    Balanced = "balanced",
    Unbalanced = "unbalanced",
    Taken = "taken",
    Agrees = "agrees",
    Differs = "differs",
    Used = "used",
}

keys! { CardVerdict:
    Equal = "equal",
    EqualOneByOne = "one_by_one",
    Unequal = "unequal",
}

impl CardHeard {
    /// Tells whether nothing more is asked of the card host after it.
    pub const fn ends(self) -> bool {
        match self {
            Self::Balanced | Self::Agrees | Self::Differs => true,
            Self::Unbalanced | Self::Taken | Self::Used => false,
        }
    }
}

/// Count and sum of one side of the cards' totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardSum {
    /// How many.
    pub count: u32,
    /// Sum in fen.
    pub fen: u64,
}

/// What one entry is to a card host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardRowKind {
    /// 消费.
    Sale,
    /// 预授权完成.
    Completion,
    /// 消费撤销.
    Void,
    /// 预授权完成撤销.
    CompletionVoid,
    /// 退货.
    Refund,
}

/// One entry as the card host has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardRow {
    /// What it is.
    pub kind: CardRowKind,
    /// Its trace.
    pub trace: VoucherNo,
    /// Its amount in fen.
    pub fen: u64,
}

/// What the card host is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardWhat {
    /// Compare these totals.
    Totals {
        /// 借记: sales and completions.
        charged: CardSum,
        /// 贷记: voids of them, and refunds.
        returned: CardSum,
    },
    /// Take these entries.
    Rows(Vec<CardRow>),
    /// They are complete: compare.
    End,
}

/// A question to the card host, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardQuestion {
    /// The settlement's own number; the host never sees it.
    pub settle_no: OrderNo,
    /// The batch that is closed.
    pub batch: BatchNo,
    /// Field 11.
    pub trace: VoucherNo,
    /// What is asked.
    pub what: CardWhat,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Totals,
    Uploading { rows: u32 },
    Done(CardVerdict),
}

/// The cards' part of one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardPart {
    /// What was sent and not answered.
    open: Option<CardMessage>,
    progress: Progress,
}

impl CardPart {
    pub(super) const fn new() -> Self {
        Self {
            open: None,
            progress: Progress::Totals,
        }
    }

    /// Returns what came of it, once it ended.
    pub const fn verdict(&self) -> Option<CardVerdict> {
        match self.progress {
            Progress::Done(verdict) => Some(verdict),
            Progress::Totals | Progress::Uploading { .. } => None,
        }
    }

    /// A message was stored and is about to leave, or has left before a restart.
    pub(super) const fn asked(&mut self, message: CardMessage) {
        self.open = Some(message);
    }

    /// Goes on with an answer to the message that is open. False when it answers something else.
    pub(super) const fn heard(&mut self, heard: CardHeard) -> bool {
        let Some(open) = self.open else {
            return false;
        };
        self.progress = match (open.step, heard) {
            (_, CardHeard::Used) => Progress::Totals,
            (CardStep::Totals, CardHeard::Balanced) => Progress::Done(CardVerdict::Equal),
            (CardStep::Totals, CardHeard::Unbalanced) => Progress::Uploading { rows: 0 },
            (CardStep::Rows { first, rows }, CardHeard::Taken) => Progress::Uploading {
                rows: first.saturating_add(rows),
            },
            (CardStep::End, CardHeard::Agrees) => Progress::Done(CardVerdict::EqualOneByOne),
            (CardStep::End, CardHeard::Differs) => Progress::Done(CardVerdict::Unequal),
            (CardStep::Totals, CardHeard::Taken | CardHeard::Agrees | CardHeard::Differs)
            | (
                CardStep::Rows { .. },
                CardHeard::Balanced
                | CardHeard::Unbalanced
                | CardHeard::Agrees
                | CardHeard::Differs,
            )
            | (CardStep::End, CardHeard::Balanced | CardHeard::Unbalanced | CardHeard::Taken) => {
                return false;
            }
        };
        self.open = None;
        true
    }
}

const fn kind(entry: &Entry) -> CardRowKind {
    match (entry.kind, entry.completion) {
        (EntryKind::Sale, false) => CardRowKind::Sale,
        (EntryKind::Sale, true) => CardRowKind::Completion,
        (EntryKind::Void, false) => CardRowKind::Void,
        (EntryKind::Void, true) => CardRowKind::CompletionVoid,
        (EntryKind::Refund, _) => CardRowKind::Refund,
    }
}

fn row(entry: &Entry) -> CardRow {
    CardRow {
        kind: kind(entry),
        trace: entry.voucher,
        fen: entry.amount.minor(),
    }
}

/// Sums the rows of one side.
fn sum(rows: &[CardRow], returned: bool) -> CardSum {
    let goes_back = |row: &&CardRow| {
        let back = match row.kind {
            CardRowKind::Sale | CardRowKind::Completion => false,
            CardRowKind::Void | CardRowKind::CompletionVoid | CardRowKind::Refund => true,
        };
        back == returned
    };
    let of = rows.iter().filter(goes_back);
    of.fold(CardSum::default(), |sum, row| CardSum {
        count: sum.count + 1,
        fen: sum.fen + row.fen,
    })
}

impl Settlement {
    /// Tells whether the card host's batch is still to be closed: no card of the next one goes before that (D18).
    /// Nobody knows before the batch was read.
    pub fn holds_cards(&self, rules: &super::Rules) -> bool {
        let has_cards = self.batch.is_none() || self.has_cards();
        rules.asks_cards && self.cards.verdict().is_none() && has_cards
    }

    /// A batch that never had to do with a card is nothing to the card host.
    fn has_cards(&self) -> bool {
        let own = self.intent.batch;
        let mut entries = self.batch.iter().flat_map(|batch| &batch.entries);
        entries.any(|entry| entry.batch == own && entry.channel == Channel::BankCard)
    }

    fn card_rows(&self) -> Vec<CardRow> {
        let cards = self
            .rows()
            .filter(|entry| entry.channel == Channel::BankCard);
        cards.map(row).collect()
    }

    /// Asks the open message again, or the next one under a trace of its own, which is stored first.
    pub(super) fn card_question(&mut self, turn: &mut Turn<'_>) -> Ask {
        let rows = self.card_rows();
        let message = self.cards.open.unwrap_or_else(|| {
            let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            let step = match self.cards.progress {
                Progress::Totals | Progress::Done(_) => CardStep::Totals,
                Progress::Uploading { rows: first } if first < count => {
                    let most = u32::try_from(ROWS_IN_MESSAGE).unwrap_or(u32::MAX);
                    let rows = (count - first).min(most);
                    CardStep::Rows { first, rows }
                }
                Progress::Uploading { .. } => CardStep::End,
            };
            turn.took_trace = true;
            let message = CardMessage {
                trace: turn.trace,
                step,
            };
            turn.facts.push(SettlementFact::CardsAsked(message));
            message
        });
        self.cards.asked(message);
        let what = match message.step {
            CardStep::Totals => CardWhat::Totals {
                charged: sum(&rows, false),
                returned: sum(&rows, true),
            },
            CardStep::Rows { first, rows: some } => {
                let at = |number| usize::try_from(number).unwrap_or(usize::MAX);
                let some = rows.into_iter().skip(at(first)).take(at(some));
                CardWhat::Rows(some.collect())
            }
            CardStep::End => CardWhat::End,
        };
        Ask::Cards(Box::new(CardQuestion {
            settle_no: self.intent.settle_no.clone(),
            batch: self.intent.batch,
            trace: message.trace,
            what,
        }))
    }

    /// The card host answered.
    pub(super) fn cards_heard(&mut self, heard: CardHeard, digest: String, turn: &mut Turn<'_>) {
        if !self.cards.heard(heard) {
            return self.silence(turn, What::Cards);
        }
        turn.facts.push(SettlementFact::CardsHeard {
            heard,
            digest: digest.clone(),
        });
        self.evidence.push(digest);
        if heard == CardHeard::Used {
            // Not at once: whatever used it up is not gone.
            self.rest(turn, What::Cards);
        } else if self.cards.verdict().is_some() {
            self.tries = 0;
            self.compare_rest(turn);
        } else {
            self.go_on(turn, What::Cards);
        }
    }
}
