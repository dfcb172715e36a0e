//! A job of the print queue as data.
//!
//! Owns the stored words. A job names what it is about; what the slip says is read from the journal at print time.

use crate::domain::{OperatorNo, Timestamp, TxnId};
use crate::payment::UndoKind;

/// Number of a job in its file, rising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

/// What is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 扫码交易凭证 of a paid sale.
    Sale(TxnId),
    /// 撤销 or 退货 slip of money that went back; the undo's own transaction.
    Undo(TxnId, UndoKind),
    /// 结算总计单 of a closed settlement.
    Settlement(TxnId),
    /// 结算明细单: every entry that it counted.
    Details(TxnId),
    /// 对账差异单: every difference with its reason.
    Differences(TxnId),
    /// The code for the wall: what it says. It hangs on a wall for everybody to read.
    WallCode(String),
    /// 打印自检.
    SelfTest,
}

impl Kind {
    /// Returns the stored word.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Sale(_) => "sale",
            Self::Undo(_, UndoKind::Void) => "void",
            Self::Undo(_, UndoKind::Refund) => "refund",
            Self::Settlement(_) => "settlement",
            Self::Details(_) => "settlement_details",
            Self::Differences(_) => "settlement_differences",
            Self::WallCode(_) => "wall_code",
            Self::SelfTest => "self_test",
        }
    }

    /// Returns what it is about, as stored.
    pub fn about(&self) -> String {
        match self {
            Self::Sale(txn)
            | Self::Undo(txn, _)
            | Self::Settlement(txn)
            | Self::Details(txn)
            | Self::Differences(txn) => txn.to_string(),
            Self::WallCode(text) => text.clone(),
            Self::SelfTest => String::new(),
        }
    }

    /// Tells whether it is about a settlement: the shop's own paper, which no customer gets a copy of.
    pub const fn is_of_a_settlement(&self) -> bool {
        match self {
            Self::Settlement(_) | Self::Details(_) | Self::Differences(_) => true,
            Self::Sale(_) | Self::Undo(..) | Self::WallCode(_) | Self::SelfTest => false,
        }
    }

    /// Reads it back.
    pub fn from_stored(key: &str, about: &str) -> Option<Self> {
        Some(match key {
            "sale" => Self::Sale(TxnId::from_hex(about).ok()?),
            "void" => Self::Undo(TxnId::from_hex(about).ok()?, UndoKind::Void),
            "refund" => Self::Undo(TxnId::from_hex(about).ok()?, UndoKind::Refund),
            "settlement" => Self::Settlement(TxnId::from_hex(about).ok()?),
            "settlement_details" => Self::Details(TxnId::from_hex(about).ok()?),
            "settlement_differences" => Self::Differences(TxnId::from_hex(about).ok()?),
            "wall_code" => Self::WallCode(about.to_owned()),
            "self_test" => Self::SelfTest,
            _ => return None,
        })
    }
}

/// Whose copy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// 商户存根.
    Merchant,
    /// 顾客存根.
    Customer,
}

impl Copy {
    /// Returns the stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Customer => "customer",
        }
    }

    /// Finds a copy by its word.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Merchant, Self::Customer]
            .into_iter()
            .find(|copy| copy.key() == key)
    }
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nothing of it is on paper.
    Waiting,
    /// Its bytes are on their way: the paper may hold any part of it.
    Printing,
    /// All of it was taken by a printer that reported no trouble.
    Printed,
    /// It was interrupted; the paper may hold a part of it, or all.
    MaybePartly,
    /// It will not be printed: nothing in the journal says what it would say.
    Cancelled,
}

impl JobState {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Waiting, "waiting"),
        (Self::Printing, "printing"),
        (Self::Printed, "printed"),
        (Self::MaybePartly, "maybe_partly"),
        (Self::Cancelled, "cancelled"),
    ];

    /// Returns the stored word.
    pub fn key(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("waiting", |(_, key)| key)
    }

    /// Finds a state by its word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, word)| *word == key)
            .map(|(state, _)| *state)
    }
}

/// What a slip says of other pieces of paper like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is the first.
    First,
    /// 重打印: a person asked for another one.
    Reprint,
    /// 重打印: the first was interrupted and may be on paper as a whole, in part, or not at all.
    Interrupted,
}

/// A job to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What.
    pub kind: Kind,
    /// For whom.
    pub copy: Copy,
    /// A person asked for another one; otherwise it is queued once for its transaction and copy, however often. A
    /// detail list is the only first slip that a person asks for: asked for again, it becomes a reprint.
    pub reprint: bool,
    /// Who asked, or stood at the till.
    pub operator: Option<OperatorNo>,
    /// When, for records only.
    pub at: Timestamp,
}

impl NewJob {
    /// Returns what it is queued once by; none for what may be queued again.
    pub fn key(&self) -> Option<String> {
        let once = match self.kind {
            Kind::WallCode(_) | Kind::SelfTest => false,
            Kind::Sale(_)
            | Kind::Undo(..)
            | Kind::Settlement(_)
            | Kind::Details(_)
            | Kind::Differences(_) => !self.reprint,
        };
        once.then(|| {
            let (kind, copy) = (self.kind.key(), self.copy.key());
            format!("{kind}:{copy}:{}", self.kind.about())
        })
    }
}

/// A queued job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What was asked for.
    pub what: NewJob,
    /// How far it has come.
    pub state: JobState,
    /// How often its printing began.
    pub tries: u32,
}

impl Job {
    /// Returns what the next piece of paper says of earlier ones.
    pub const fn mark(&self) -> Mark {
        match (self.state, self.what.reprint) {
            (JobState::MaybePartly | JobState::Printing, _) => Mark::Interrupted,
            (JobState::Waiting | JobState::Printed | JobState::Cancelled, true) => Mark::Reprint,
            (JobState::Waiting | JobState::Printed | JobState::Cancelled, false) => Mark::First,
        }
    }
}
