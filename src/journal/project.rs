//! What the lists and counters are made of: each fact brings the tables beside the facts up to date, in the same unit
//! of work, so that they can never disagree with the facts.
//!
//! Owns every INSERT and UPDATE outside of `fact`. Never reads a fact back.

use rusqlite::{Connection, params};

use crate::domain::{Channel, Funding};
use crate::payment::{Fact, FactKind, Intent, Outcome, Purpose, UndoIntent, UndoOutcome};

/// Brings the projections up to date with one fact.
pub(super) fn project(unit: &Connection, fact: &Fact, number: u64) -> rusqlite::Result<()> {
    match &fact.kind {
        FactKind::Started { epoch, .. } => count(unit, "epoch", u64::from(epoch.get())),
        FactKind::IntentRecorded(intent) => open_sale(unit, intent, fact.at.0, number),
        FactKind::RevokeIntended {
            txn,
            revoke_no,
            sequence,
            ..
        } => {
            count(unit, "sequence", *sequence)?;
            set_state(unit, &txn.to_string(), "revoking")?;
            unit.prepare_cached(
                "UPDATE outbox SET kind = 'revoke', ref_no = ?2, since = ?3 WHERE txn = ?1",
            )?
            .execute(params![txn.to_string(), revoke_no.as_str(), number])
            .map(drop)
        }
        FactKind::AttentionRaised { txn, .. } => {
            let txn = txn.to_string();
            unit.prepare_cached("UPDATE sale SET attention = 1 WHERE txn = ?1")?
                .execute([&txn])?;
            unit.prepare_cached("UPDATE undo SET attention = 1 WHERE txn = ?1")?
                .execute([&txn])
                .map(drop)
        }
        FactKind::UndoIntended(intent) => open_undo(unit, intent, fact.at.0, number),
        FactKind::UndoClosed { txn, outcome } => {
            close_undo(unit, &txn.to_string(), outcome, fact.at.0)
        }
        FactKind::Settlement { txn, fact: kind } => {
            super::settled::project(unit, *txn, kind, (fact.at.0, number))
        }
        FactKind::Closed { txn, outcome } => close_sale(unit, &txn.to_string(), outcome, fact.at.0),
        FactKind::BalanceAsked(asked) => {
            count(unit, "sequence", asked.sequence)?;
            count(unit, "voucher", u64::from(asked.trace.get()))
        }
        FactKind::Rebuilt(rebuilt) => skip_numbers(unit, rebuilt.missing),
        FactKind::AnswerNoted { .. }
        | FactKind::Proven { .. }
        | FactKind::AnswerRefused { .. }
        | FactKind::SendFailed { .. }
        | FactKind::RevokeProvisional { .. }
        | FactKind::StopRequested { .. }
        | FactKind::Rechecked { .. }
        | FactKind::CodeShown { .. }
        | FactKind::SuccessAfterRevoke { .. } => Ok(()),
    }
}

fn open_sale(unit: &Connection, intent: &Intent, at_ms: i64, number: u64) -> rusqlite::Result<()> {
    let txn = intent.txn.to_string();
    let hold = match &intent.purpose {
        Purpose::Sale | Purpose::Hold => None,
        Purpose::Completion { of, .. } => Some(of.to_string()),
    };
    unit.prepare_cached(
        "INSERT INTO sale (txn, order_no, voucher, batch, amount, currency, channel, operator, \
         state, opened_ms, opened_by, entry, purpose, hold, card_tail) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open', ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        txn,
        intent.order_no.as_str(),
        intent.voucher.get(),
        intent.batch.get(),
        intent.amount.minor(),
        intent.amount.currency().numeric(),
        intent.channel.key(),
        intent.operator.as_str(),
        at_ms,
        number,
        intent.entry.key(),
        intent.purpose.business().key(),
        hold,
        card_tail(intent),
    ])?;
    unit.prepare_cached(
        "INSERT INTO outbox (txn, kind, ref_no, since) VALUES (?1, 'inquire', ?2, ?3)",
    )?
    .execute(params![txn, intent.order_no.as_str(), number])?;
    count(unit, "sequence", intent.sequence)?;
    count(unit, "voucher", u64::from(intent.voucher.get()))?;
    count(unit, "batch", u64::from(intent.batch.get()))
}

/// The last four digits of the card, where the reader tells them.
fn card_tail(intent: &Intent) -> Option<String> {
    let masked = intent.card.as_ref()?.masked.to_string();
    let tail = masked.get(masked.len().checked_sub(4)?..)?;
    let digits = tail.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| tail.to_owned())
}

fn close_sale(unit: &Connection, txn: &str, outcome: &Outcome, at_ms: i64) -> rusqlite::Result<()> {
    let (details, host_code) = match outcome {
        Outcome::Paid(evidence) => (Some(evidence.details()), None),
        Outcome::Declined { host_code } => (None, Some(host_code.as_str())),
        Outcome::NotSent | Outcome::Revoked => (None, None),
    };
    set_state(unit, txn, outcome.key())?;
    unit.prepare_cached(
        "UPDATE sale SET closed_ms = ?2, channel = coalesce(?3, channel), trade_no = ?4, \
         host_code = ?5, funding = ?6 WHERE txn = ?1",
    )?
    .execute(params![
        txn,
        at_ms,
        details
            .and_then(|details| details.channel)
            .map(Channel::key),
        details.and_then(|details| details.trade_no.as_ref().map(ToString::to_string)),
        host_code,
        details
            .and_then(|details| details.funding)
            .map(Funding::key),
    ])?;
    super::ledger::keep(unit, txn)?;
    unit.prepare_cached("DELETE FROM outbox WHERE txn = ?1")?
        .execute([txn])
        .map(drop)
}

fn open_undo(
    unit: &Connection,
    intent: &UndoIntent,
    at_ms: i64,
    number: u64,
) -> rusqlite::Result<()> {
    let txn = intent.txn.to_string();
    unit.prepare_cached(
        "INSERT INTO undo (txn, sale, undo_no, voucher, batch, kind, cause, amount, currency, \
         operator, approver, state, opened_ms, opened_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'open', ?12, ?13)",
    )?
    .execute(params![
        txn,
        intent.of.to_string(),
        intent.undo_no.as_str(),
        intent.voucher.get(),
        intent.batch.get(),
        intent.kind.key(),
        intent.cause.key(),
        intent.amount.minor(),
        intent.amount.currency().numeric(),
        intent.operator.as_str(),
        intent.approver.as_ref().map(|number| number.as_str()),
        at_ms,
        number,
    ])?;
    unit.prepare_cached(
        "INSERT INTO outbox (txn, kind, ref_no, since) VALUES (?1, 'undo', ?2, ?3)",
    )?
    .execute(params![txn, intent.undo_no.as_str(), number])?;
    count(unit, "sequence", intent.sequence)?;
    count(unit, "voucher", u64::from(intent.voucher.get()))?;
    count(unit, "batch", u64::from(intent.batch.get()))
}

fn close_undo(
    unit: &Connection,
    txn: &str,
    outcome: &UndoOutcome,
    at_ms: i64,
) -> rusqlite::Result<()> {
    let (trade_no, host_code) = match outcome {
        UndoOutcome::Done(evidence) => (evidence.trade_no().map(ToString::to_string), None),
        UndoOutcome::Refused { host_code } => (None, Some(host_code.as_str())),
        UndoOutcome::NotSent => (None, None),
    };
    let changed = unit
        .prepare_cached(
            "UPDATE undo SET state = ?2, closed_ms = ?3, trade_no = ?4, host_code = ?5 \
             WHERE txn = ?1",
        )?
        .execute(params![txn, outcome.key(), at_ms, trade_no, host_code])?;
    if changed != 1 {
        return Err(rusqlite::Error::StatementChangedRows(changed));
    }
    super::ledger::keep(unit, txn)?;
    unit.prepare_cached("DELETE FROM outbox WHERE txn = ?1")?
        .execute([txn])
        .map(drop)
}

fn set_state(unit: &Connection, txn: &str, state: &str) -> rusqlite::Result<()> {
    let changed = unit
        .prepare_cached("UPDATE sale SET state = ?2 WHERE txn = ?1")?
        .execute(params![txn, state])?;
    if changed == 1 {
        Ok(())
    } else {
        Err(rusqlite::Error::StatementChangedRows(changed))
    }
}

/// A row that is lost may have used up a number; no number of it is given again.
fn skip_numbers(unit: &Connection, missing: u64) -> rusqlite::Result<()> {
    if missing == 0 {
        return Ok(());
    }
    unit.prepare_cached(
        "UPDATE counter SET value = value + ?1 WHERE name IN ('sequence','voucher')",
    )?
    .execute([missing])
    .map(drop)
}

pub(super) fn count(unit: &Connection, name: &str, value: u64) -> rusqlite::Result<()> {
    unit.prepare_cached("UPDATE counter SET value = ?2 WHERE name = ?1")?
        .execute(params![name, value])
        .map(drop)
}
