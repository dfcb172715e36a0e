//! Which order to ask for a card a presentment belongs to: numbers out, one yes for each at most. Pure.
//!
//! Owns the numbers. Orders, results of the reader and news cross each other between the driver and the reader's desk;
//! a draft may even be armed, disarmed and armed again. Only the number of the order that holds now counts, and only
//! once; a card that answers an older order is let go. Never decides about money.

/// Number of one order to ask for a card. Never used twice in a run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arming(u64);

/// The driver's count of its orders.
#[derive(Debug, Default)]
pub struct Armings {
    last: u64,
    holds: bool,
}

impl Armings {
    /// Begins a new order; every older one is over.
    pub const fn arm(&mut self) -> Arming {
        self.last += 1;
        self.holds = true;
        Arming(self.last)
    }

    /// No card is asked for any more.
    pub const fn disarm(&mut self) {
        self.holds = false;
    }

    /// Says whether a card that answers this order counts; the next one with the same number does not.
    pub const fn takes(&mut self, arming: Arming) -> bool {
        let takes = self.holds && arming.0 == self.last;
        if takes {
            self.holds = false;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_counts_once_and_only_while_it_holds() {
        let mut armings = Armings::default();
        let first = armings.arm();
        let second = armings.arm();
        assert!(!armings.takes(first), "an older order");
        assert!(armings.takes(second));
        assert!(!armings.takes(second), "twice");
        let third = armings.arm();
        armings.disarm();
        assert!(!armings.takes(third), "disarmed");
    }
}
