//! What is allowed, and when: data per acquirer and channel, never constants in a flow.

use std::collections::BTreeMap;

use super::ceiling::Ceilings;
use super::event::Presentment;
use crate::domain::{Channel, MerchantNo, Money, TermNo, Timestamp};
use crate::settlement;

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

/// An inserted card gives its last word within this, or the host's approval is reversed: the reader's own limit for it
/// and a margin, in milliseconds.
pub const CARD_WORD_MS: u64 = 20_000;

/// Which paid sales can be taken back as a void, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoidRules {
    /// Sales by the customer's code.
    pub customer_code: bool,
    /// Sales by our code of one wallet.
    pub merchant_code: bool,
    /// Sales by our code for all wallets.
    pub cashier_code: bool,
    /// Sales by card.
    pub card: bool,
    /// When the acquirer's day ends, in minutes after midnight in China; none when a void is not bound to the day.
    pub day_cut_min: Option<u16>,
}

/// China has one time without summer time, UTC+8.
const CHINA_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

impl VoidRules {
    /// Only sales by the customer's code, on any day (Lakala's `revoked` is for those only, acquirer.md 2.4).
    pub const fn customer_codes() -> Self {
        Self {
            customer_code: true,
            merchant_code: false,
            cashier_code: false,
            card: false,
            day_cut_min: None,
        }
    }

    /// Tells whether a sale that was opened then can be voided now. A clock that was set back opens no day again: a
    /// sale of the future is of no day that we know.
    pub fn may(&self, entry: Presentment, opened: Timestamp, now: Timestamp) -> bool {
        let open = match entry {
            Presentment::Camera | Presentment::Manual => self.customer_code,
            Presentment::MerchantCode => self.merchant_code,
            Presentment::OneCode => self.cashier_code,
            Presentment::CardInserted | Presentment::CardTapped => self.card,
        };
        let same_day = self.day_cut_min.is_none_or(|cut| {
            let cut_ms = i64::from(cut) * 60_000;
            let day = |at: Timestamp| (at.0 + CHINA_MS - cut_ms).div_euclid(DAY_MS);
            day(opened) == day(now)
        });
        open && same_day
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
    /// Bank cards are taken.
    pub cards: bool,
    /// How long an inserted card may take for its last word, in milliseconds.
    pub card_word_ms: u64,
    /// What can be voided.
    pub voids: VoidRules,
    /// How much money each role may send back.
    pub ceilings: Ceilings,
    /// How a batch is closed.
    pub settlement: settlement::Rules,
}

impl Policy {
    /// Returns the timings of a channel.
    pub fn timing(&self, channel: Channel) -> &Timing {
        self.timing_of.get(&channel).unwrap_or(&self.timing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-07-31 at this time in China.
    fn at(hour: i64, minute: i64, second: i64) -> Timestamp {
        Timestamp(1_785_427_200_000 + ((hour * 60 + minute) * 60 + second) * 1000)
    }

    #[test]
    fn the_acquirers_day_ends_at_its_cut_and_not_at_midnight() {
        let own = VoidRules {
            day_cut_min: Some(23 * 60),
            ..VoidRules::customer_codes()
        };
        let code = Presentment::Camera;
        assert!(own.may(code, at(0, 0, 0), at(22, 59, 59)));
        assert!(
            !own.may(code, at(22, 59, 59), at(23, 0, 0)),
            "one second later"
        );
        // Opened after the cut: the new day, over midnight.
        assert!(own.may(code, at(23, 0, 0), at(24 + 22, 59, 59)));
        assert!(!own.may(code, at(23, 0, 0), at(24 + 23, 0, 0)));
        assert!(
            !own.may(code, at(12, 0, 0), at(-24, 0, 0)),
            "a clock set back"
        );
        assert!(!own.may(Presentment::OneCode, at(9, 0, 0), at(9, 0, 1)));
        let any = VoidRules::customer_codes();
        assert!(any.may(Presentment::Manual, at(9, 0, 0), at(9 + 24 * 30, 0, 0)));
    }
}
