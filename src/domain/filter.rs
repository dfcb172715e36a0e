//! Which records a list shows, and where one page of it ends.
//!
//! Owns the vocabulary between the screen and the journal. Reads nothing.

use super::{Channel, Days, Money, OperatorNo};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterKind {
    /// 消费.
    Sale,
    /// 撤销.
    Void,
    /// 退货.
    Refund,
    /// 预授权.
    Hold,
    /// 预授权完成.
    Completion,
}

impl FilterKind {
    /// Every kind, in the order that screens list them.
    pub const ALL: [Self; 5] = [
        Self::Sale,
        Self::Void,
        Self::Refund,
        Self::Hold,
        Self::Completion,
    ];
}

/// How a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterState {
    /// It ended as it was meant to: paid, held, returned.
    Done,
    /// It ended without moving money.
    Failed,
    /// Its end is not known.
    Open,
}

impl FilterState {
    /// Every state, in the order that screens list them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::Open];
}

/// Which records a list shows; where nothing is set, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these local days.
    pub days: Option<Days>,
    /// Of one wallet; a void or refund has the one of its sale.
    pub channel: Option<Channel>,
    /// Of one kind.
    pub kind: Option<FilterKind>,
    /// In one state.
    pub state: Option<FilterState>,
    /// Of one person.
    pub operator: Option<OperatorNo>,
    /// Of exactly this amount.
    pub amount: Option<Money>,
    /// Paid with a card that ends in these four digits; voids and refunds have none.
    pub card_tail: Option<String>,
}

/// Where a page of a list ends. Lists go by the time of opening and, within a millisecond, by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When the last one was opened, in UTC milliseconds.
    pub at_ms: i64,
    /// Its row.
    pub row: u64,
}
