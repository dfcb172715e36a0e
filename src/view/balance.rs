//! The page of 余额查询: what the customer does, and what is free on the card's account.
//!
//! Owns the shapes. The sum is shown for some seconds and says nothing of itself in a log or a dump.

use std::fmt;

use super::format;
use super::notice::{Cause, Notice};
use super::screen::CardHint;
use crate::domain::Now;
use crate::payment::{Balance, BalanceEnd, BalanceStep, Policy, Unmade};
use crate::profile::{Capability, Profile};

/// Tells whether 余额查询 exists: the acquirer has it open, and there is a reader.
pub fn can_ask_balance(policy: &Policy, profile: &Profile) -> bool {
    policy.cards && profile.capabilities.has(Capability::BalanceInquiry)
}

/// Why no balance is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceNote {
    /// The issuer refused; its code.
    Declined(String),
    /// The PIN was wrong; the issuer's code.
    WrongPin(String),
    /// No answer, or none that is believed.
    Unknown,
    /// The request never left.
    NotSent,
    /// The card reader did not help.
    Reader,
    /// The keys changed meanwhile, or the card host refuses the sign-in.
    Session,
}

impl BalanceNote {
    pub(super) fn detail(self) -> String {
        match self {
            Self::Declined(code) | Self::WrongPin(code) => code,
            Self::Unknown | Self::NotSent | Self::Reader | Self::Session => String::new(),
        }
    }
}

/// Words that are for the screen alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    /// Takes the words.
    pub const fn new(words: String) -> Self {
        Self(words)
    }

    /// Returns them, for the screen.
    pub fn words(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(..)")
    }
}

/// Where the question stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalanceStage {
    /// The reader asks for a card; what the customer should do at it.
    Card(Option<CardHint>),
    /// The issuer is asked.
    Asking,
    /// What is free.
    Told {
        /// Ready to show.
        amount: Private,
        /// It is owed to the bank.
        owed: bool,
        /// Seconds that it still stays.
        left_s: u64,
    },
    /// There is none.
    None(Notice),
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancePage {
    /// Where the question stands.
    pub stage: BalanceStage,
}

/// Builds the page.
pub(super) fn page(own: &Balance, hint: Option<CardHint>, now: Now) -> BalancePage {
    let stage = match &own.step {
        BalanceStep::Card { .. } => BalanceStage::Card(hint),
        BalanceStep::Asking { .. } => BalanceStage::Asking,
        BalanceStep::Ended { end, until } => match end {
            BalanceEnd::Told(funds) => BalanceStage::Told {
                amount: Private::new(format::signed(funds.fen().abs())),
                owed: funds.fen() < 0,
                left_s: until.since_ms(now.tick).div_ceil(1000),
            },
            BalanceEnd::Declined(code) => none(declined(code)),
            BalanceEnd::Unknown => none(BalanceNote::Unknown),
            BalanceEnd::NotSent => none(BalanceNote::NotSent),
            BalanceEnd::NotMade(Unmade::NoReader | Unmade::NoKey) => none(BalanceNote::Reader),
            BalanceEnd::NotMade(Unmade::OldPin | Unmade::NotSignedIn) => none(BalanceNote::Session),
        },
    };
    BalancePage { stage }
}

fn none(note: BalanceNote) -> BalanceStage {
    BalanceStage::None(Cause::Balance(note).into())
}

fn declined(code: &str) -> BalanceNote {
    if code == "55" {
        BalanceNote::WrongPin(code.to_owned())
    } else {
        BalanceNote::Declined(code.to_owned())
    }
}
