//! What is allowed, and when: data per acquirer and channel, never constants in a flow.

use std::collections::BTreeMap;

use crate::domain::{Channel, MerchantNo, Money, TermNo};

/// Timings of one channel, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The core stops waiting for the charge's own answer after this.
    pub answer_wait_ms: u64,
    /// Waits between the inquiries (Lakala advice: 5, 5, 5, 5, 10, 10, 20 s).
    pub poll_ms: Vec<u64>,
    /// A revoke is never sent earlier than this after the charge (WeChat: 15 s).
    pub revoke_not_before_ms: u64,
    /// The till is free at the latest this long after the charge was sent.
    pub park_after_ms: u64,
    /// Waits between tries of a revoke.
    pub revoke_retry_ms: Vec<u64>,
    /// Wait between tries after that, without end.
    pub revoke_idle_ms: u64,
    /// Wait between re-checks of a provisional revoke (a code lives about a minute).
    pub recheck_ms: u64,
    /// How many re-checks make a provisional revoke final.
    pub recheck_count: u32,
    /// How long our one-order code can be paid.
    pub code_shown_ms: u64,
    /// Wait between inquiries while our code is shown.
    pub code_poll_ms: u64,
}

impl Timing {
    /// Returns the documented timings of the reference acquirer (acquirer.md 3.2, reliability.md 0.5).
    pub fn reference() -> Self {
        Self {
            answer_wait_ms: 15_000,
            poll_ms: vec![5_000, 5_000, 5_000, 5_000, 10_000, 10_000, 20_000],
            revoke_not_before_ms: 15_000,
            park_after_ms: 60_000,
            revoke_retry_ms: vec![5_000, 10_000, 20_000, 40_000],
            revoke_idle_ms: 300_000,
            recheck_ms: 61_000,
            recheck_count: 6,
            code_shown_ms: 300_000,
            code_poll_ms: 3_000,
        }
    }

    /// Returns the same timings `divisor` times faster, for simulations against a faster world.
    #[must_use]
    pub fn faster(&self, divisor: u64) -> Self {
        let divisor = divisor.max(1);
        let all = |list: &[u64]| list.iter().map(|ms| ms / divisor).collect();
        Self {
            answer_wait_ms: self.answer_wait_ms / divisor,
            poll_ms: all(&self.poll_ms),
            revoke_not_before_ms: self.revoke_not_before_ms / divisor,
            park_after_ms: self.park_after_ms / divisor,
            revoke_retry_ms: all(&self.revoke_retry_ms),
            revoke_idle_ms: self.revoke_idle_ms / divisor,
            recheck_ms: self.recheck_ms / divisor,
            recheck_count: self.recheck_count,
            code_shown_ms: self.code_shown_ms / divisor,
            code_poll_ms: self.code_poll_ms / divisor,
        }
    }
}

/// Everything the core has to know of the shop and its acquirer.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Our merchant number; answers must name it.
    pub merchant: MerchantNo,
    /// Our terminal number; order numbers start with it.
    pub term: TermNo,
    /// Largest single amount.
    pub amount_max: Money,
    /// A code presented again within this time is not sent again.
    pub code_life_ms: u64,
    /// Salt of code fingerprints, the device's own.
    pub code_salt: [u8; 32],
    /// Timings where a channel has none of its own.
    pub timing: Timing,
    /// Timings of single channels.
    pub timing_of: BTreeMap<Channel, Timing>,
}

impl Policy {
    /// Tells whether a paid sale may be voided, by how its order was opened (documented: Lakala's `revoked` is for
    /// customer codes only, acquirer.md 2.4).
    pub const fn can_void(&self, entry: super::event::EntryMode) -> bool {
        !entry.is_merchant_code()
    }

    /// Returns the timings of a channel.
    pub fn timing(&self, channel: Channel) -> &Timing {
        self.timing_of.get(&channel).unwrap_or(&self.timing)
    }
}
