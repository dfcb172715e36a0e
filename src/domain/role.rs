//! What a person at the till may be asked to be. A name only: who holds a role is `people`'s, what it may do is the
//! policy's.

/// A role, each above the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 收银员: stands at the till; no PIN.
    Cashier,
    /// 主管: approves voids and refunds.
    Supervisor,
    /// 店长: approves what is above the supervisor's ceiling.
    Manager,
}

impl Role {
    /// Every role, lowest first.
    pub const ALL: [Self; 3] = [Self::Cashier, Self::Supervisor, Self::Manager];

    /// Returns the stable key used in the configuration and in logs.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Cashier => "cashier",
            Self::Supervisor => "supervisor",
            Self::Manager => "manager",
        }
    }
}
