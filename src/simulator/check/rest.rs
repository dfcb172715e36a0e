//! At rest: the acquirer's ledger, the journal's rows, its lists, and what people were told are the same thing.
//!
//! Owns the comparison row for row. The chain is walked with another SHA-256 than the journal's.

use std::collections::BTreeMap;

use super::undos::went_back;
use super::watch::{Watch, Word, row_hash};
use super::{Invariant, find_canary};
use crate::domain::TxnId;
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
    /// What the journal's lists say went back of paid sales, in fen.
    pub returned: u64,
    /// The number of the basket of each order: one basket is paid once.
    pub basket_of: &'a dyn Fn(&str) -> u32,
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
    baskets(watch, seen);
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
        let due = sale.fen.saturating_sub(watch.returned_of(*txn));
        let truth = match told {
            Some(Word::Paid) => net == due,
            Some(Word::NotPaid | Word::Revoked) => net == 0,
            Some(Word::Wait | Word::Revoking) | None => true,
            Some(Word::GoingBack | Word::WentBack | Word::NotReturned) => false,
        };
        if !truth || sale.ended.is_some() && told != sale.ended {
            let (told, ended, fen) = (told, sale.ended, sale.fen);
            wrong.push(format!(
                "{txn}: told {told:?}, stored {ended:?}, price {fen}, should be {due}, paid {net}"
            ));
        }
        watch.checks += 1;
    }
    for (txn, undo) in &watch.undos {
        let told = undo.shown.filter(|word| word.is_final()).or(undo.ended);
        let back = went_back(undo, host);
        let truth = told != Some(Word::WentBack) || back;
        if !truth || undo.ended.is_some() && told != undo.ended {
            wrong.push(format!(
                "undo {txn}: told {told:?}, stored {:?}",
                undo.ended
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
        let open = row.is_some_and(|row| {
            matches!(row.state, SaleState::Open | SaleState::Revoking) || row.returning
        });
        let returned = row.map_or(0, |row| row.returned.minor());
        let due = if paid {
            order.fen.saturating_sub(returned)
        } else {
            0
        };
        let agree = open || order.net() == due;
        let what = "journal and ledger disagree on a sale";
        watch.holds(Invariant::I3, agree, what, seen.now);
        let possible = order.net() <= order.fen;
        let what = "more than a price was charged";
        watch.holds(Invariant::I1, possible, what, seen.now);
    }
    let of_nobody = seen
        .host
        .refunds()
        .filter(|(number, _)| !watch.undos.values().any(|undo| undo.number == *number))
        .count();
    let what = "the ledger holds a refund of nobody";
    watch.holds(Invariant::I3, of_nobody == 0, what, seen.now);
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
            Some(
                Word::Wait | Word::Revoking | Word::GoingBack | Word::WentBack | Word::NotReturned,
            ) => false,
            None => matches!(state, Some(SaleState::Open | SaleState::Revoking)),
        };
        wrong += u32::from(!same);
    }
    let what = "the list of sales shows another state than the facts";
    watch.holds(Invariant::I9, wrong == 0, what, seen.now);
}

/// I4: the totals are the sum of the rows, and with what went back they are the shop's account.
fn lists(watch: &mut Watch, seen: &Evidence<'_>) {
    let paid: Vec<u64> = watch
        .sales
        .values()
        .filter(|sale| sale.ended == Some(Word::Paid) && !sale.hold)
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
    let ended = watch.sales.values().all(|sale| sale.ended.is_some())
        && watch.undos.values().all(|undo| undo.ended.is_some());
    if ended {
        let balance = seen.host.books.balance(&Account::Merchant);
        let shown = seen.totals.minor.saturating_sub(seen.returned);
        let same = u64::try_from(balance) == Ok(shown);
        watch.holds(
            Invariant::I4,
            same,
            "the totals are not the shop's account",
            seen.now,
        );
        watch.all_settled((seen.totals.minor, seen.returned), seen.host, seen.now);
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

/// I1: each basket was paid once at the most, whatever orders were made for it.
fn baskets(watch: &mut Watch, seen: &Evidence<'_>) {
    let mut paid: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    // What is only held is nobody's loss; each hold is charged once, with no more than it holds.
    for (number, order) in seen.host.orders().filter(|(_, order)| !order.held) {
        let basket = paid.entry((seen.basket_of)(number)).or_default();
        basket.0 += order.net();
        basket.1 = basket.1.max(order.fen);
    }
    let twice = paid.values().filter(|(net, price)| net > price).count();
    watch.holds(
        Invariant::I1,
        twice == 0,
        "a basket was paid twice",
        seen.now,
    );
    let mut charged: BTreeMap<TxnId, u64> = BTreeMap::new();
    for sale in watch.sales.values() {
        if let (Some(hold), Some(Word::Paid)) = (sale.completes, sale.ended) {
            *charged.entry(hold).or_default() += seen.host.net(&sale.order);
        }
    }
    let held = |hold: &TxnId| watch.sales.get(hold).filter(|sale| sale.hold);
    let over = charged
        .iter()
        .any(|(hold, fen)| held(hold).is_none_or(|sale| *fen > sale.fen));
    let what = "more was charged than a card held";
    watch.holds(Invariant::I1, !over, what, seen.now);
}

/// I1: no customer has gained, and the books hold nobody's money but the customers' and the shop's.
fn customers(watch: &mut Watch, host: &Host, now: u64) {
    let gained = host.books.customers().any(|(_, balance)| balance > 0);
    watch.holds(
        Invariant::I1,
        !gained,
        "a customer got more than was paid",
        now,
    );
}
