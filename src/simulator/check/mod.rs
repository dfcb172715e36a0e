//! The checker: the invariants of reliability.md 2.5 by name, and what it remembers of a run.
//!
//! Owns [`Invariant`]. `watch` looks after each event, at facts, requests and screens; `rest` compares everything at
//! quiescence; `canary` searches bytes for what must never be written. None of them asks the core what is right.

mod canary;
mod cards;
mod rest;
mod sent;
mod settled;
mod slips;
mod undos;
mod watch;

use std::fmt;

pub use canary::find_canary;
pub use rest::{Evidence, at_rest, money_at_rest};
pub use settled::Settling;
pub use slips::{SlipCount, Slips};
pub use watch::{Sale, Watch, Word};

macro_rules! invariants {
    ($($name:ident, $short:literal, $says:literal, $status:expr;)*) => {
        /// What must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant { $(#[doc = $says] $name,)* }

        impl Invariant {
            /// Every invariant.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns its short name.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $short,)* }
            }

            /// Returns what it says.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)* }
            }

            /// Returns when it is checked, or why it is not yet.
            pub const fn status(self) -> Status {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

/// When an invariant is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// After each event and at rest.
    Always,
    /// At rest.
    AtRest,
    /// A part of it; the rest needs what does not exist yet.
    Partly(&'static str),
    /// Needs what does not exist yet.
    NotYet(&'static str),
}

invariants! {
    I1, "I1", "no double charge: each customer has paid nothing or exactly one price", Status::Always;
    I2, "I2", "truth to the customer: told paid means charged, told not paid means not charged", Status::Always;
    I3, "I3", "at rest the journal equals the acquirer's ledger, row for row", Status::AtRest;
    I4, "I4", "totals equal the sum of the rows and the acquirer's; every entry is counted in exactly one settlement", Status::Always;
    I5, "I5", "no order, revoke or voucher number is ever used twice", Status::Always;
    I6, "I6", "write before send: what a message speaks of is durable when it leaves", Status::Always;
    I7, "I7", "write before show: what a screen says is stored when it is shown", Status::Always;
    I8, "I8", "no open sale is lost: each is retried or flagged, also after a start", Status::Always;
    I9, "I9", "every transition has its fact, and the chain and the second copy verify", Status::Partly("facts, chain, second copy; logins and the witnessed head need roles");
    I10, "I10", "no payment code in any byte on the disk or on the screen", Status::AtRest;
    I11, "I11", "amounts never turn negative, never overflow, never change", Status::Always;
    I12, "I12", "paid and declined only from genuine answers about this order", Status::Always;
    I13, "I13", "nobody acts beyond his role: each undo is within the ceilings of whoever stands behind it", Status::Always;
    I14, "I14", "the same seed gives the same run", Status::Partly("every hundredth seed runs twice");
    I15, "I15", "memory, queues, rows and open files stay bounded", Status::Always;
    I16, "I16", "a slip says paid only of what is stored as paid, comes out without a mark at most once, and comes out in the end", Status::Always;
    L1, "L1", "the till is free 60 s after a charge was sent", Status::Always;
    L2, "L2", "after the world is mended every sale ends in time", Status::AtRest;
    L3, "L3", "a broken acquirer is asked at most once in 5 min per sale after an hour", Status::AtRest;
    L4, "L4", "no revoke before 15 s, none before the schedule ended unless asked for", Status::Always;
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub what: String,
    /// When, in milliseconds of true time.
    pub at: u64,
    /// Sales begun so far in the run.
    pub sales: u64,
    /// It was found by comparing the books at rest.
    pub at_rest: bool,
}

impl Violation {
    /// Tells whether customers' money or the books are wrong at the end, whatever else was noticed on the way.
    pub const fn is_harm(&self) -> bool {
        let money = matches!(
            self.invariant,
            Invariant::I1 | Invariant::I2 | Invariant::I3 | Invariant::I4
        );
        self.at_rest && money
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (second, ms) = (self.at / 1000, self.at % 1000);
        write!(f, "{} at {second}.{ms:03}: {}", self.invariant, self.what)
    }
}
