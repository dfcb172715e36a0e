//! Who may approve what: a role, a PIN, and proof that both were there.
//!
//! Owns the rules of a PIN, its slow hash, the lock after wrong tries, and [`Approval`], which only a right PIN
//! makes: a flow that needs a supervisor takes one as an argument and cannot be reached without. A PIN is never
//! logged, printed or stored; its file holds an argon2id hash (PHC text) and must be unreadable for others. No
//! operator data yet.

mod lock;
mod pin;
mod secret;
mod tty;

pub use lock::{PinLock, TRIES, WINDOW_MS};
pub use pin::{Pin, PinRule};
pub use secret::{PinHash, SecretError};
pub use tty::{is_typed, read_unseen};

use crate::domain::Tick;

/// What a person may be asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 主管: approves voids and refunds.
    Supervisor,
}

/// Proof that somebody in a role agreed, at a moment. Made only by [`Approver::approve`].
#[derive(Debug, PartialEq, Eq)]
pub struct Approval {
    role: Role,
    at: Tick,
}

impl Approval {
    /// Returns the role.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Returns when it was given.
    pub const fn at(&self) -> Tick {
        self.at
    }
}

/// What became of one try.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The PIN is right.
    Approved(Approval),
    /// It is wrong; so many tries are left.
    Wrong {
        /// 1 to [`TRIES`] - 1.
        tries_left: u32,
    },
    /// Too many wrong tries. The PIN was not even looked at.
    Locked {
        /// Milliseconds until the next try.
        wait_ms: u64,
    },
    /// No PIN is set for the role: nobody can approve.
    NotSet,
}

/// The port that voids and refunds ask.
pub trait Approver: Send {
    /// Checks a PIN. Slow on purpose (tens of milliseconds): call it off the driver's loop.
    fn approve(&mut self, role: Role, pin: &Pin, now: Tick) -> Answer;
}

/// One supervisor PIN from a file.
#[derive(Debug)]
pub struct SupervisorPin {
    hash: Option<PinHash>,
    lock: PinLock,
}

impl SupervisorPin {
    /// Makes the port. Without a hash every answer is [`Answer::NotSet`].
    pub const fn new(hash: Option<PinHash>, lock: PinLock) -> Self {
        Self { hash, lock }
    }

    /// Returns the lock, so that its count can be stored and survive a restart.
    pub const fn lock(&self) -> &PinLock {
        &self.lock
    }
}

impl Approver for SupervisorPin {
    fn approve(&mut self, role: Role, pin: &Pin, now: Tick) -> Answer {
        let Some(hash) = &self.hash else {
            return Answer::NotSet;
        };
        if let Some(wait_ms) = self.lock.wait_ms(now) {
            return Answer::Locked { wait_ms };
        }
        if hash.fits(pin) {
            self.lock.right();
            return Answer::Approved(Approval { role, at: now });
        }
        self.lock.wrong(now);
        match self.lock.wait_ms(now) {
            Some(wait_ms) => Answer::Locked { wait_ms },
            None => Answer::Wrong {
                tries_left: self.lock.tries_left(now),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    const MINUTE: u64 = 60_000;

    fn pin(text: &str) -> Pin {
        Pin::typed(text).expect("six digits")
    }

    fn supervisor() -> SupervisorPin {
        let hash = PinHash::cheap(&pin("472913"), &Entropy::default());
        SupervisorPin::new(Some(hash), PinLock::default())
    }

    fn ask(port: &mut SupervisorPin, text: &str, minute: u64) -> Answer {
        port.approve(Role::Supervisor, &pin(text), Tick(minute * MINUTE))
    }

    #[test]
    fn the_right_pin_approves_and_clears_the_count() {
        let mut port = supervisor();
        assert_eq!(ask(&mut port, "111222", 0), Answer::Wrong { tries_left: 4 });
        let Answer::Approved(approval) = ask(&mut port, "472913", 1) else {
            panic!("the right PIN");
        };
        assert_eq!(
            (approval.role(), approval.at()),
            (Role::Supervisor, Tick(MINUTE))
        );
        assert_eq!(ask(&mut port, "111222", 2), Answer::Wrong { tries_left: 4 });
    }

    #[test]
    fn five_wrong_tries_in_a_quarter_of_an_hour_lock_even_the_right_pin_out() {
        let mut port = supervisor();
        for minute in 0..4 {
            let left = u32::try_from(4 - minute).expect("small");
            let answer = ask(&mut port, "000001", minute);
            assert_eq!(answer, Answer::Wrong { tries_left: left });
        }
        let wait_ms = 15 * MINUTE;
        assert_eq!(ask(&mut port, "000001", 4), Answer::Locked { wait_ms });
        let wait_ms = MINUTE;
        assert_eq!(ask(&mut port, "472913", 18), Answer::Locked { wait_ms });
        assert!(matches!(ask(&mut port, "472913", 19), Answer::Approved(_)));
    }

    #[test]
    fn without_a_pin_nobody_approves() {
        let mut port = SupervisorPin::new(None, PinLock::default());
        assert_eq!(ask(&mut port, "472913", 0), Answer::NotSet);
    }
}
