//! Boot: the facts of open sales become the state that goes on asking and revoking. A boot is a step, too.
//!
//! An intent without an answer means "perhaps charged": it is asked about, then revoked. There is no third branch.

use std::collections::BTreeMap;

use crate::code::Fingerprint;
use crate::domain::{Now, OrderNo, TxnId};

use super::fact::{Fact, FactKind, Intent};
use super::inquiry;
use super::policy::Policy;
use super::revoke;
use super::state::{Numbers, Phase, RevokeStep, Revoking, Sale, State};

#[derive(Default)]
struct Trail {
    intent: Option<Intent>,
    revoke: Option<(OrderNo, u32)>,
    provisional: bool,
    attention: bool,
    closed: bool,
}

/// Rebuilds the state from the facts of the open sales, in journal order. Closed sales in between are dropped.
pub fn resume(
    facts: impl IntoIterator<Item = Fact>,
    numbers: Numbers,
    now: Now,
    policy: &Policy,
) -> State {
    let mut trails: BTreeMap<TxnId, Trail> = BTreeMap::new();
    for fact in facts {
        let Some(txn) = fact.txn() else {
            continue;
        };
        let trail = trails.entry(txn).or_default();
        match fact.kind {
            FactKind::IntentRecorded(intent) => trail.intent = Some(intent),
            FactKind::RevokeIntended {
                revoke_no, attempt, ..
            } => {
                trail.revoke = Some((revoke_no, attempt));
                trail.provisional = false;
            }
            FactKind::RevokeProvisional { .. } => trail.provisional = true,
            FactKind::AttentionRaised { .. } => trail.attention = true,
            FactKind::Closed { .. } => trail.closed = true,
            FactKind::Started { .. }
            | FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::SuccessAfterRevoke { .. } => {}
        }
    }
    let mut state = State::empty(numbers);
    for (txn, trail) in trails {
        if trail.closed {
            continue;
        }
        if let Some(sale) = take_over(trail, now, policy) {
            // The code may be on the customer's phone still; its age is unknown, so it counts from now.
            state
                .used_codes
                .extend(fingerprint(&sale.intent).map(|used| (used, now.tick)));
            state.sales.insert(txn, sale);
        }
    }
    state
}

fn fingerprint(intent: &Intent) -> Option<Fingerprint> {
    let bytes = data_encoding::HEXLOWER
        .decode(intent.code_fingerprint.as_bytes())
        .ok()?;
    Some(Fingerprint(bytes.try_into().ok()?))
}

fn take_over(trail: Trail, now: Now, policy: &Policy) -> Option<Sale> {
    let intent = trail.intent?;
    let timing = policy.timing(intent.channel);
    let phase = match trail.revoke {
        None => inquiry::resumed(now.tick),
        Some((_, attempt)) if trail.provisional => {
            revoke::resumed_provisional(now, timing, attempt)
        }
        Some((revoke_no, attempt)) => Phase::Revoking(Revoking {
            revoke_no,
            attempt,
            tries: 0,
            acknowledged: false,
            unchanged: 0,
            step: RevokeStep::Waiting,
            due: now.tick,
        }),
    };
    // The old tick means nothing on this boot, so the minimum age of a revoke counts from now: late, never early.
    Some(Sale {
        intent,
        sent: now.tick,
        requests: 0,
        asked: 0,
        cancel_wanted: false,
        attention: trail.attention,
        phase,
    })
}
