//! Boot: the facts of open sales become the state that goes on asking and revoking. A boot is a step, too.
//!
//! An intent without an answer means "perhaps charged": it is asked about, then revoked. There is no third branch.

use std::collections::BTreeMap;

use crate::code::Fingerprint;
use crate::domain::{Now, OrderNo, TxnId};

use super::command::ReversalReason;
use super::fact::{Fact, FactKind, Intent, UndoIntent};
use super::inquiry;
use super::policy::Policy;
use super::revoke;
use super::settle;
use super::state::{Numbers, Phase, RevokeStep, Revoking, Sale, State, Undo};
use super::undo;

#[derive(Default)]
struct Trail {
    intent: Option<Intent>,
    revoke: Option<(OrderNo, u32)>,
    undo: Option<UndoIntent>,
    provisional: bool,
    checks_left: Option<u32>,
    stop: bool,
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
    let mut settling = Vec::new();
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
                trail.checks_left = None;
            }
            FactKind::UndoIntended(intent) => trail.undo = Some(intent),
            FactKind::RevokeProvisional { .. } => trail.provisional = true,
            FactKind::Rechecked { left, .. } => trail.checks_left = Some(left),
            FactKind::StopRequested { .. } => trail.stop = true,
            FactKind::AttentionRaised { .. } => trail.attention = true,
            FactKind::Closed { .. } | FactKind::UndoClosed { .. } => trail.closed = true,
            FactKind::Settlement { fact, .. } => settling.push(fact),
            FactKind::Started { .. }
            | FactKind::Rebuilt(_)
            | FactKind::Proven { .. }
            | FactKind::BalanceAsked(_)
            | FactKind::CodeShown { .. }
            | FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::SuccessAfterRevoke { .. } => {}
        }
    }
    let mut state = State::empty(numbers);
    state.settlement = settle::resumed(&settling, now, policy).map(Box::new);
    trails.retain(|_, trail| !trail.closed);
    for (txn, trail) in &trails {
        if let Some(intent) = &trail.undo {
            let undo = undo::resumed(intent.clone(), now, trail.attention);
            let undo = Undo {
                resumed: true,
                ..undo
            };
            state.undos.insert(*txn, undo);
        }
    }
    for (txn, trail) in trails {
        let returning = state
            .undos
            .values()
            .find(|undo| undo.intent.of == txn)
            .map(|undo| undo.intent.txn);
        if let Some(sale) = take_over(trail, returning, now, policy) {
            // The code may be on the customer's phone still; its age is unknown, so it counts from now.
            state
                .used_codes
                .extend(fingerprint(&sale.intent).map(|used| (used, now.tick)));
            state.sales.insert(txn, sale);
        }
    }
    state
}

/// Returns the digest of the customer's code; none when the customer scans ours.
pub(super) fn fingerprint(intent: &Intent) -> Option<Fingerprint> {
    let bytes = data_encoding::HEXLOWER
        .decode(intent.code_fingerprint.as_bytes())
        .ok()?;
    Some(Fingerprint(bytes.try_into().ok()?))
}

fn take_over(trail: Trail, returning: Option<TxnId>, now: Now, policy: &Policy) -> Option<Sale> {
    let intent = trail.intent?;
    let timing = policy.timing(intent.channel);
    let phase = match (returning, trail.revoke) {
        (Some(undo), revoke) => Phase::Returning {
            undo,
            attempt: revoke.map_or(1, |(_, attempt)| attempt),
        },
        (None, None) => inquiry::resumed(now.tick),
        (None, Some((_, attempt))) if trail.provisional => {
            let left = trail.checks_left.unwrap_or(timing.recheck_count);
            revoke::resumed_provisional(now, timing, attempt, left)
        }
        (None, Some((revoke_no, attempt))) => Phase::Revoking(Revoking {
            revoke_no,
            attempt,
            tries: 0,
            acknowledged: false,
            unchanged: 0,
            refused: 0,
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
        cancel_wanted: trail.stop,
        attention: trail.attention,
        returned: returning.is_some(),
        reversal: ReversalReason::NoAnswer,
        phase,
    })
}
