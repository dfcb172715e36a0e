//! Who may approve what: a role, a PIN, and proof that both were there.
//!
//! Owns the rules of a PIN, its slow hash, the lock after wrong tries (kept over a restart), and [`Approval`], which
//! only a right PIN makes: a flow that needs a role takes one as an argument and cannot be reached without. A PIN is
//! never logged, printed or stored; its file holds an argon2id hash (PHC text) and must be unreadable for others. No
//! operator data yet.

mod lock;
mod pin;
mod secret;
mod tries;
mod tty;

pub use lock::{PinLock, TRIES, WINDOW_MS};
pub use pin::{Pin, PinRule};
pub use secret::{PinHash, SecretError};
pub use tries::TriesFile;
pub use tty::{is_typed, read_unseen};

use std::collections::BTreeMap;

use tracing::error;

pub use crate::domain::Role;
use crate::domain::Tick;

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
    /// No PIN is set for the role or one above it: nobody can approve.
    NotSet,
    /// The count of tries cannot be stored, so the PIN was not looked at.
    NotKept,
}

/// The port that voids and refunds ask.
pub trait Approver: Send {
    /// Checks a PIN. Slow on purpose (tens of milliseconds): call it off the driver's loop.
    fn approve(&mut self, role: Role, pin: &Pin, now: Tick) -> Answer;
}

/// The PINs of the roles, with one lock for all of them: tries are counted for the till, not for a role.
#[derive(Debug)]
pub struct Pins {
    of: BTreeMap<Role, PinHash>,
    lock: PinLock,
    tries: Option<TriesFile>,
}

impl Pins {
    /// Makes the port. The PIN of a role also approves what a lower role may approve.
    pub fn new(of: impl IntoIterator<Item = (Role, PinHash)>) -> Self {
        Self {
            of: of.into_iter().collect(),
            lock: PinLock::default(),
            tries: None,
        }
    }

    /// Goes on with the tries that were wrong before this start, and keeps the count from now on.
    #[must_use]
    pub fn kept_in(mut self, file: TriesFile, now: Tick) -> Self {
        self.lock = PinLock::resumed(file.read(), now);
        self.tries = Some(file);
        self
    }

    /// Stores the count. Returns whether it is safe.
    fn keep(&self, now: Tick) -> bool {
        let Some(file) = &self.tries else {
            return true;
        };
        let locked = self.lock.wait_ms(now).is_some();
        let count = if locked {
            TRIES
        } else {
            self.lock.wrong_tries(now)
        };
        match file.write(count) {
            Ok(()) => true,
            Err(problem) => {
                error!(error = %problem, "the count of wrong PINs cannot be stored");
                false
            }
        }
    }
}

impl Approver for Pins {
    fn approve(&mut self, role: Role, pin: &Pin, now: Tick) -> Answer {
        if self.of.range(role..).next().is_none() {
            return Answer::NotSet;
        }
        if let Some(wait_ms) = self.lock.wait_ms(now) {
            return Answer::Locked { wait_ms };
        }
        // Counted as wrong before it is looked at: whoever pulls the plug at "wrong" has lost the try all the same.
        let before = self.lock.clone();
        self.lock.wrong(now);
        if !self.keep(now) {
            self.lock = before;
            return Answer::NotKept;
        }
        let right = self.of.range(role..).find(|(_, hash)| hash.fits(pin));
        if let Some((role, _)) = right {
            let role = *role;
            self.lock.right();
            // A count that stays only makes the next typing error dearer.
            self.keep(now);
            return Answer::Approved(Approval { role, at: now });
        }
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

    fn hash(text: &str) -> PinHash {
        PinHash::cheap(&pin(text), &Entropy::default())
    }

    fn supervisor() -> Pins {
        Pins::new([(Role::Supervisor, hash("472913"))])
    }

    fn ask(port: &mut Pins, text: &str, minute: u64) -> Answer {
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
        let mut port = Pins::new([]);
        assert_eq!(ask(&mut port, "472913", 0), Answer::NotSet);
    }

    #[test]
    fn a_managers_pin_approves_for_the_supervisor_and_never_the_other_way_round() {
        let mut port = Pins::new([
            (Role::Supervisor, hash("472913")),
            (Role::Manager, hash("590318")),
        ]);
        let Answer::Approved(approval) = ask(&mut port, "590318", 0) else {
            panic!("a manager may what a supervisor may");
        };
        assert_eq!(approval.role(), Role::Manager);
        let answer = port.approve(Role::Manager, &pin("472913"), Tick(0));
        assert_eq!(answer, Answer::Wrong { tries_left: 4 });
        let mut port = supervisor();
        let answer = port.approve(Role::Manager, &pin("472913"), Tick(0));
        assert_eq!(answer, Answer::NotSet);
    }

    #[test]
    fn neither_a_restart_nor_a_pulled_plug_buys_a_try() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = TriesFile::new(&dir.path().join("pin.tries"));
        // Every start has another hour on its clock: nothing of it is believed.
        let start = |hour: u64| supervisor().kept_in(file.clone(), Tick(hour * 60 * MINUTE));
        let at = |hour: u64| hour * 60;
        for (hour, left) in [(9, 4), (3, 3), (0, 2), (40, 1)] {
            let answer = ask(&mut start(hour), "000001", at(hour));
            assert_eq!(answer, Answer::Wrong { tries_left: left }, "hour {hour}");
        }
        let wait_ms = 15 * MINUTE;
        let answer = ask(&mut start(1), "000001", at(1));
        assert_eq!(answer, Answer::Locked { wait_ms });
        // The right PIN does not open a lock, whatever the clock says at the next start.
        for hour in [0, 1, 90] {
            let answer = ask(&mut start(hour), "472913", at(hour));
            assert_eq!(answer, Answer::Locked { wait_ms }, "hour {hour}");
        }
        let mut port = start(2);
        assert!(matches!(
            ask(&mut port, "472913", at(2) + 15),
            Answer::Approved(_)
        ));
        assert_eq!(
            ask(&mut start(3), "000001", at(3)),
            Answer::Wrong { tries_left: 4 }
        );
    }

    #[test]
    fn a_count_that_cannot_be_stored_stops_the_check() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = TriesFile::new(&dir.path().join("gone/pin.tries"));
        let mut port = supervisor().kept_in(file, Tick(0));
        for _ in 0..9 {
            assert_eq!(ask(&mut port, "472913", 0), Answer::NotKept);
        }
    }
}
