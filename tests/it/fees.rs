//! Fees: the published figures, and sums that are the sums of their lines.

use std::collections::BTreeMap;

use shouyin::domain::fee::{FeeEffect, Product};
use shouyin::domain::{BatchNo, Channel, Funding, Money, OrderNo, TxnId, VoucherNo};
use shouyin::profile::Profile;
use shouyin::settlement::{
    Batch, Charge, Entry, EntryKind, EntryState, FeeTerms, estimate, sum_fees,
};

use crate::world::Dice;

fn fen(fen: u64) -> Money {
    Money::from_fen(fen).unwrap()
}

fn terms(void: FeeEffect, refund: FeeEffect) -> FeeTerms {
    FeeTerms {
        table: Profile::built_in().fees,
        class: None,
        void,
        refund,
    }
}

fn usual() -> FeeTerms {
    terms(FeeEffect::Returned, FeeEffect::Kept)
}

fn entry(count: u32, kind: EntryKind, order: u32, channel: Channel, amount: u64) -> Entry {
    let number = |letter: char, count: u32| {
        OrderNo::new(&format!("A00100010001ABCDEF{letter}{count:08}")).unwrap()
    };
    let letter = if kind == EntryKind::Sale { 'S' } else { 'R' };
    Entry {
        txn: TxnId::from_parts(1_000, u128::from(count)),
        number: number(letter, count),
        order_no: number('S', order),
        kind,
        late: false,
        completion: false,
        funding: None,
        channel,
        amount: fen(amount),
        state: EntryState::Stands,
        voucher: VoucherNo::new(count).unwrap(),
        batch: BatchNo::new(1).unwrap(),
    }
}

fn batch(entries: Vec<Entry>) -> Batch {
    Batch {
        entries,
        others: BTreeMap::new(),
    }
}

#[test]
fn the_published_figures() {
    use Channel::{Alipay, BankCard, UnionPay, Wechat};
    // S-70, S-73 to S-76: channel, named product, amount, fee. S-71 and S-75 are one row of this profile.
    let table = [
        (Wechat, None, 1_000_000, 3_800),
        (Alipay, None, 1_000_000, 3_800),
        (UnionPay, None, 1_000_000, 6_000),
        (BankCard, None, 1_000_000, 6_000),
        (BankCard, Some(Product::CreditCard), 1_000_000, 6_000),
        (BankCard, Some(Product::DebitCard), 499_899, 2_499),
        (BankCard, Some(Product::DebitCard), 499_999, 2_500),
        (BankCard, Some(Product::DebitCard), 500_000, 2_500),
        (BankCard, Some(Product::DebitCard), 8_000_000, 2_500),
        // S-77: 0.5016 fen of each payment of 1.32.
        (Wechat, None, 132, 1),
        (Wechat, None, 131, 0),
    ];
    for (channel, product, amount, fee) in table {
        let charge = Charge {
            kind: EntryKind::Sale,
            channel,
            product,
            amount: fen(amount),
            left: fen(amount),
        };
        assert_eq!(usual().fee_of(&charge), Some(fee), "{channel:?} {amount}");
    }
}

#[test]
fn a_batch_costs_what_its_entries_cost_and_a_void_gives_back_its_fee() {
    let mut late = entry(7, EntryKind::Refund, 7, Channel::Wechat, 500_000);
    late.late = true;
    let mut open = entry(8, EntryKind::Sale, 8, Channel::Wechat, 700_000);
    open.state = EntryState::Open;
    let entries = vec![
        entry(1, EntryKind::Sale, 1, Channel::Wechat, 10_000),
        entry(2, EntryKind::Sale, 2, Channel::Wechat, 20_000),
        entry(3, EntryKind::Sale, 3, Channel::UnionPay, 10_000),
        entry(4, EntryKind::Void, 1, Channel::Wechat, 10_000),
        entry(5, EntryKind::Refund, 2, Channel::Wechat, 5_000),
        late,
        open,
    ];
    let told = estimate(&batch(entries.clone()), &usual());
    // 38 + 76 + 60 fen, less 38 of the void; the refund's fee is kept.
    assert_eq!(told.fee_minor(), 38 + 76 + 60 - 38);
    assert_eq!(told.net_minor(), 25_000);
    assert_eq!(told.expected_minor(), 25_000 - 136);
    assert_eq!(told.unpriced(), 0);
    // Where refunds give fees back, 19 fen more.
    let kind = terms(FeeEffect::Returned, FeeEffect::Returned);
    assert_eq!(estimate(&batch(entries), &kind).fee_minor(), 136 - 19);
}

#[test]
fn a_debit_card_that_the_host_named_has_the_cap_and_an_unnamed_one_the_rate_of_credit() {
    let card = |funding| {
        let mut sale = entry(1, EntryKind::Sale, 1, Channel::BankCard, 8_000_000);
        sale.funding = funding;
        estimate(&batch(vec![sale]), &usual()).fee_minor()
    };
    assert_eq!(card(Some(Funding::Debit)), 2_500);
    assert_eq!(card(Some(Funding::Credit)), 48_000);
    assert_eq!(card(None), 48_000);
}

#[test]
fn without_a_row_nothing_is_estimated_and_it_is_said() {
    let mut terms = usual();
    terms.table.rows.clear();
    let told = estimate(
        &batch(vec![entry(1, EntryKind::Sale, 1, Channel::Wechat, 10_000)]),
        &terms,
    );
    assert_eq!((told.unpriced(), told.fee_minor()), (1, 0));
    assert_eq!(told.expected_minor(), 10_000);
}

#[test]
fn the_sum_is_the_sum_of_the_lines_and_full_returns_leave_no_fee() {
    for seed in 1..=300_u64 {
        let mut dice = Dice(seed);
        let (mut entries, mut single, mut count) = (Vec::new(), 0_i64, 0);
        let kind = terms(FeeEffect::Returned, FeeEffect::Returned);
        for _ in 0..1 + dice.below(30) {
            let channel = [Channel::Wechat, Channel::UnionPay, Channel::BankCard]
                [usize::try_from(dice.below(3)).unwrap()];
            let amount = 1 + dice.below(2_000_000);
            count += 1;
            let order = count;
            entries.push(entry(order, EntryKind::Sale, order, channel, amount));
            // Parts, up to everything.
            let mut left = amount;
            let all = dice.below(3) == 0;
            while left > 0 && (all || dice.below(3) == 0) {
                let part = if dice.below(4) == 0 {
                    left
                } else {
                    1 + dice.below(left)
                };
                count += 1;
                entries.push(entry(count, EntryKind::Refund, order, channel, part));
                left -= part;
            }
            // What must stay: the fee of what the shop keeps, by the formula of the guide.
            let ppm: u64 = if channel == Channel::Wechat {
                3_800
            } else {
                6_000
            };
            single += i64::try_from((left * ppm + 500_000) / 1_000_000).unwrap();
        }
        let told = estimate(&batch(entries), &kind);
        assert_eq!(told.fee_minor(), single, "seed {seed}");
        let lines: i64 = told.lines.iter().map(|line| line.fee_minor).sum();
        assert_eq!(told.expected_minor(), told.net_minor() - lines);
    }
}

#[test]
fn no_charges_cost_nothing() {
    assert_eq!(sum_fees([], &usual()).expected_minor(), 0);
}
