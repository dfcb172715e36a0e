//! How an acquirer closes a batch, and what it is asked on the way.
//!
//! Owns the questions and the timings between them; when each is due is `flow`'s to say.

use crate::domain::{BatchNo, OrderNo};

use super::batch::{Entry, Line};
use super::cards::CardQuestion;

/// How an acquirer closes a batch. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// It compares totals and closes the batch itself.
    pub asks_totals: bool,
    /// It has a statement that can be read. Without both, the batch is closed with our totals alone, and says so.
    pub has_statement: bool,
    /// Cards are taken, and their host closes its own batch: asked before anybody else.
    pub asks_cards: bool,
    /// What is open gets so long to end (reliability.md row 29: 180 s).
    pub open_wait_ms: u64,
    /// An answer is waited for so long.
    pub answer_wait_ms: u64,
    /// Waits between tries.
    pub retry_ms: Vec<u64>,
    /// Wait between tries after that, without end.
    pub idle_ms: u64,
    /// Detail rows in one message.
    pub detail_rows: usize,
    /// The batch is closed by itself at this time, in minutes after midnight in China; none when only people close it.
    pub at_min: Option<u16>,
}

impl Rules {
    /// Returns the documented or inferred timings of the reference acquirer, which has a statement and no totals.
    pub fn reference() -> Self {
        Self {
            asks_totals: false,
            has_statement: true,
            asks_cards: false,
            open_wait_ms: 180_000,
            answer_wait_ms: 15_000,
            retry_ms: vec![5_000, 10_000, 20_000, 40_000],
            idle_ms: 300_000,
            detail_rows: 50,
            at_min: None,
        }
    }
}

/// What the acquirer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Compare our totals; close the batch when they are equal.
    Totals {
        /// The settlement's own number; retries keep it.
        settle_no: OrderNo,
        /// The batch.
        batch: BatchNo,
        /// Our totals.
        lines: Vec<Line>,
    },
    /// What became of this settlement?
    Inquire {
        /// The settlement's own number.
        settle_no: OrderNo,
    },
    /// Detail rows.
    Details {
        /// The settlement's own number.
        settle_no: OrderNo,
        /// Rows that went before these.
        first: u32,
        /// The rows.
        rows: Vec<Entry>,
    },
    /// The details are complete.
    DetailsEnd {
        /// The settlement's own number.
        settle_no: OrderNo,
        /// How many rows there were.
        rows: u32,
    },
    /// Something about the cards' part, for the card host.
    Cards(Box<CardQuestion>),
    /// The part of the statement behind a position.
    Page {
        /// The settlement's own number.
        settle_no: OrderNo,
        /// The position.
        after: u64,
    },
}

impl Ask {
    /// Returns the settlement's own number.
    pub const fn settle_no(&self) -> &OrderNo {
        match self {
            Self::Totals { settle_no, .. }
            | Self::Inquire { settle_no }
            | Self::Details { settle_no, .. }
            | Self::DetailsEnd { settle_no, .. }
            | Self::Page { settle_no, .. } => settle_no,
            Self::Cards(question) => &question.settle_no,
        }
    }
}

/// Which question is under way or due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// [`Ask::Cards`].
    Cards,
    /// [`Ask::Totals`].
    Totals,
    /// [`Ask::Inquire`].
    Inquiry,
    /// [`Ask::Details`].
    Details,
    /// [`Ask::DetailsEnd`].
    DetailsEnd,
    /// [`Ask::Page`].
    Page,
}
