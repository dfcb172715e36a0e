//! At rest: the acquirer's ledger, the journal's rows, its lists, and what people were told are the same thing.
//!
//! Owns the comparison row for row. The chain is walked with another SHA-256 than the journal's.

use std::collections::BTreeMap;

use super::watch::{Watch, Word, row_hash};
use super::{Invariant, find_canary};
use crate::evidence::SealedRow;
use crate::journal::{SaleRow, SaleState, Totals, parse_mirror};
use crate::payment::{Fact, FactKind};
use crate::simulator::host::{Account, Host};

/// What is looked at.
pub struct Evidence<'a> {
    /// The acquirer.
    pub host: &'a Host,
    /// The journal's rows.
    pub rows: &'a [SealedRow],
    /// The journal's list of sales.
    pub sales: &'a [SaleRow],
    /// The journal's count and sum of paid sales.
    pub totals: Totals,
    /// The bytes of the second copy.
    pub copy: Option<&'a [u8]>,
    /// Rows that the terminal was told to be stored.
    pub acknowledged: u64,
    /// True time.
    pub now: u64,
}

/// Compares everything.
pub fn at_rest(watch: &mut Watch, seen: &Evidence<'_>) {
    money_at_rest(watch, seen.host, seen.now);
    ledger(watch, seen);
    lists(watch, seen);
    chain(watch, seen);
}

/// Compares what people were told with what happened to their money: what can be known without a journal.
pub fn money_at_rest(watch: &mut Watch, host: &Host, now: u64) {
    told_and_charged(watch, host, now);
    customers(watch, host, now);
}

/// I2: the last word on each sale is what happened to the money.
fn told_and_charged(watch: &mut Watch, host: &Host, now: u64) {
    let mut wrong = Vec::new();
    for (txn, sale) in &watch.sales {
        let net = host.net(&sale.order);
        let told = sale.shown.filter(|word| word.is_final()).or(sale.ended);
        let truth = match told {
            Some(Word::Paid) => net == sale.fen,
            Some(Word::NotPaid | Word::Revoked) => net == 0,
            Some(Word::Wait | Word::Revoking) | None => true,
        };
        if !truth || sale.ended.is_some() && told != sale.ended {
            let (told, ended, fen) = (told, sale.ended, sale.fen);
            wrong.push(format!(
                "{txn}: told {told:?}, stored {ended:?}, price {fen}, paid {net}"
            ));
        }
        watch.checks += 1;
    }
    for what in wrong {
        watch.blame(Invariant::I2, what, now);
    }
}

/// I3: each order of the ledger is a row of the journal with the same amount and end, and the other way round.
fn ledger(watch: &mut Watch, seen: &Evidence<'_>) {
    let rows: BTreeMap<&str, &SaleRow> = seen
        .sales
        .iter()
        .map(|row| (row.order_no.as_str(), row))
        .collect();
    for (number, order) in seen.host.orders() {
        let row = rows.get(number);
        let same = row.is_some_and(|row| row.amount.minor() == order.fen);
        watch.holds(
            Invariant::I3,
            same,
            "the ledger holds an order of nobody",
            seen.now,
        );
        let paid = row.is_some_and(|row| row.state == SaleState::Paid);
        let open =
            row.is_some_and(|row| matches!(row.state, SaleState::Open | SaleState::Revoking));
        let agree = open || paid == (order.net() > 0);
        watch.holds(
            Invariant::I3,
            agree,
            "journal and ledger disagree on a sale",
            seen.now,
        );
        let whole = order.net() == 0 || order.net() == order.fen;
        watch.holds(
            Invariant::I1,
            whole,
            "a part of a price was charged",
            seen.now,
        );
    }
    let known = watch.sales.len() == seen.sales.len();
    watch.holds(
        Invariant::I9,
        known,
        "sales and rows of the list differ",
        seen.now,
    );
    let mut wrong = 0;
    for sale in watch.sales.values() {
        let state = rows.get(&*sale.order).map(|row| row.state);
        let same = match sale.ended {
            Some(Word::Paid) => state == Some(SaleState::Paid),
            Some(Word::NotPaid) => {
                matches!(state, Some(SaleState::Declined | SaleState::NotSent))
            }
            Some(Word::Revoked) => state == Some(SaleState::Revoked),
            Some(Word::Wait | Word::Revoking) => false,
            None => matches!(state, Some(SaleState::Open | SaleState::Revoking)),
        };
        wrong += u32::from(!same);
    }
    let what = "the list of sales shows another state than the facts";
    watch.holds(Invariant::I9, wrong == 0, what, seen.now);
}

/// I4: the totals are the sum of the rows, and the shop's account.
fn lists(watch: &mut Watch, seen: &Evidence<'_>) {
    let paid: Vec<u64> = watch
        .sales
        .values()
        .filter(|sale| sale.ended == Some(Word::Paid))
        .map(|sale| sale.fen)
        .collect();
    let (count, minor) = (paid.len() as u64, paid.iter().sum::<u64>());
    let same = seen.totals == Totals { count, minor };
    watch.holds(
        Invariant::I4,
        same,
        "the totals are not the sum of the sales",
        seen.now,
    );
    if watch.sales.values().all(|sale| sale.ended.is_some()) {
        let balance = seen.host.books.balance(&Account::Merchant);
        let same = u64::try_from(balance) == Ok(seen.totals.minor);
        watch.holds(
            Invariant::I4,
            same,
            "the totals are not the shop's account",
            seen.now,
        );
    }
}

/// I9: the chain verifies, no acknowledged row is missing, and the second copy is the same.
fn chain(watch: &mut Watch, seen: &Evidence<'_>) {
    let mut previous = [0; 32];
    let mut sound = true;
    for (row, number) in seen.rows.iter().zip(1..) {
        let hash = row_hash(&previous, number, row.body());
        sound &= row.number() == number && *row.digest().as_bytes() == hash;
        previous = hash;
    }
    watch.holds(Invariant::I9, sound, "the chain does not verify", seen.now);
    let whole = seen.rows.len() as u64 >= seen.acknowledged;
    watch.holds(
        Invariant::I9,
        whole,
        "an acknowledged row is missing",
        seen.now,
    );
    let begun = seen.rows.iter().filter(|row| {
        Fact::decode(row).is_ok_and(|fact| matches!(fact.kind, FactKind::IntentRecorded(_)))
    });
    let same = begun.count() == watch.sales.len();
    watch.holds(Invariant::I9, same, "intents and sales differ", seen.now);
    if let Some(bytes) = seen.copy {
        let (records, length) = parse_mirror(bytes);
        let same = length == bytes.len()
            && records.len() == seen.rows.len()
            && records
                .iter()
                .zip(seen.rows)
                .all(|(record, row)| record.hash == row.digest() && record.body == row.body());
        watch.holds(Invariant::I9, same, "the second copy differs", seen.now);
        let leak = find_canary(bytes);
        watch.holds(
            Invariant::I10,
            leak.is_none(),
            "a code is in the second copy",
            seen.now,
        );
    }
}

/// I1: each customer has paid nothing, or exactly what one sale cost.
fn customers(watch: &mut Watch, host: &Host, now: u64) {
    let mut wrong = Vec::new();
    for (code, balance) in host.books.customers() {
        let spent = u64::try_from(-balance).unwrap_or(0);
        let prices = host.orders().filter(|(_, order)| order.code == code);
        let fair = balance <= 0 && (spent == 0 || prices.into_iter().any(|(_, o)| o.fen == spent));
        if !fair {
            wrong.push(format!("a customer has gained {balance}"));
        }
        watch.checks += 1;
    }
    for what in wrong {
        watch.blame(Invariant::I1, what, now);
    }
}
