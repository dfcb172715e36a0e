//! Who may change the network: one PIN is enough for some minutes, until the page is left.
//!
//! Owns the order that waits for a PIN, and how long an approval holds; the till and the screen of a terminal that does
//! not start ask here. Checks no PIN, and follows no order.

use super::state::NetworkOrder;
use crate::domain::Tick;

/// An approval holds so long.
const APPROVED_MS: u64 = 180_000;

/// What the page's owner remembers of approvals.
#[derive(Default)]
pub struct NetworkGate {
    approved: Option<Tick>,
    waits: Option<NetworkOrder>,
}

impl NetworkGate {
    /// Returns the order when it may be followed now; otherwise it waits for a PIN.
    pub fn pass(&mut self, order: NetworkOrder, now: Tick) -> Option<NetworkOrder> {
        let holds = |at: Tick| now < at.after_ms(APPROVED_MS);
        if self.approved.is_some_and(holds) {
            return Some(order);
        }
        self.waits = Some(order);
        None
    }

    /// A supervisor approved; returns what waited for it.
    pub fn approve(&mut self, now: Tick) -> Option<NetworkOrder> {
        self.approved = Some(now);
        self.waits.take()
    }

    /// Nobody approved: what waited is forgotten.
    pub fn refuse(&mut self) {
        self.waits = None;
    }

    /// The page was left: whoever comes later needs a PIN.
    pub fn close(&mut self) {
        *self = Self::default();
    }
}
