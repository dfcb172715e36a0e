//! Asks before a sale is opened: may this amount be taken this way, and did somebody mean it?
//!
//! Owns the comparison of an amount with the limits (single, day, month; per wallet and entry mode), the
//! confirmation of a large amount and the guard against the same amount twice (features.md S-06, S-79). Pure: sums
//! and ages come in. Checked before the camera opens, when the wallet is not yet known, and again when it is. Sums
//! are `u128` inside, so that no number of full-sized payments can wrap. Limits of the payer's own wallet are
//! explained, never enforced here.

use std::collections::BTreeMap;

use crate::domain::{Channel, EntryMode, Money};

/// Limits of some payments. A key that is `None` fits every payment, a limit that is `None` does not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitRow {
    /// Only payments of this wallet, summed over its entry modes unless `entry` says otherwise.
    pub channel: Option<Channel>,
    /// Only payments of this entry mode, summed over the wallets unless `channel` says otherwise.
    pub entry: Option<EntryMode>,
    /// Largest single amount.
    pub single: Option<Money>,
    /// Largest sum of a business day.
    pub day: Option<Money>,
    /// Largest sum of a calendar month.
    pub month: Option<Money>,
}

impl LimitRow {
    fn is_general(&self) -> bool {
        self.channel.is_none() && self.entry.is_none()
    }

    fn fits(&self, channel: Channel, entry: EntryMode) -> bool {
        self.channel.is_none_or(|own| own == channel) && self.entry.is_none_or(|own| own == entry)
    }
}

/// Everything that is asked before a sale. All rows that fit a payment hold at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// In the profile's order.
    pub rows: Vec<LimitRow>,
    /// Amounts from here on are confirmed; `None` never asks.
    pub large_amount: Option<Money>,
    /// The same amount again within this time is confirmed; 0 never asks.
    pub repeat_ms: u64,
    /// The wallets that are open, per entry mode.
    pub open: BTreeMap<EntryMode, Vec<Channel>>,
}

impl Limits {
    /// Returns the single limit that holds for every payment, or the wire's maximum.
    pub fn single_max(&self) -> Money {
        let general = self.rows.iter().filter(|row| row.is_general());
        let smallest = general
            .filter_map(|row| row.single)
            .min_by_key(|limit| limit.minor());
        smallest.unwrap_or_else(|| {
            Money::from_fen(Money::MINOR_MAX).expect("invariant: the maximum is an amount")
        })
    }

    /// Puts the shop's own figures in place of those that hold for every payment.
    pub fn override_general(&mut self, own: LimitRow) {
        let place = self.rows.iter().position(LimitRow::is_general);
        let mut row = place.map_or_else(LimitRow::default, |at| self.rows.remove(at));
        row.single = own.single.or(row.single);
        row.day = own.day.or(row.day);
        row.month = own.month.or(row.month);
        if row != LimitRow::default() {
            self.rows.insert(0, row);
        }
    }
}

/// What was taken already. Counts sales that are paid and sales whose result is unknown; refunds do not give room back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Fen of the business day.
    pub today_fen: u64,
    /// Fen of the calendar month, today included.
    pub month_fen: u64,
}

/// The last sale of this till that took money or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSale {
    /// Its amount.
    pub amount: Money,
    /// Milliseconds since it was opened, by the monotonic clock. After a restart: no last sale.
    pub age_ms: u64,
}

/// What the till has taken, per wallet and entry mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sums; what is absent is zero.
    pub spent: BTreeMap<(Channel, EntryMode), Spent>,
    /// For the guard against the same amount twice.
    pub last: Option<LastSale>,
}

impl Usage {
    /// Adds one sale to the sums of today and of this month.
    pub fn add(&mut self, channel: Channel, entry: EntryMode, amount: Money) {
        let spent = self.spent.entry((channel, entry)).or_default();
        spent.today_fen = spent.today_fen.saturating_add(amount.minor());
        spent.month_fen = spent.month_fen.saturating_add(amount.minor());
    }

    fn sum(&self, row: &LimitRow, of: impl Fn(&Spent) -> u64) -> u128 {
        let counted = self
            .spent
            .iter()
            .filter(|((channel, entry), _)| row.fits(*channel, *entry));
        counted.map(|(_, spent)| u128::from(of(spent))).sum()
    }
}

/// What the person at the till has confirmed for this amount already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// The large amount is meant.
    pub large_amount: bool,
    /// The same amount is meant again.
    pub same_as_last: bool,
}

/// A sale that somebody wants to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// More than zero.
    pub amount: Money,
    /// The way.
    pub entry: EntryMode,
    /// The wallet; `None` while the customer has not shown a code.
    pub channel: Option<Channel>,
    /// What was confirmed.
    pub confirmed: Confirmed,
}

/// Which limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    /// Of one sale.
    Single,
    /// Of the business day.
    Day,
    /// Of the calendar month.
    Month,
}

/// Why a sale must not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which limit.
    pub kind: LimitKind,
    /// The wallet that the limit belongs to; `None` for all.
    pub channel: Option<Channel>,
    /// The entry mode that it belongs to; `None` for all.
    pub entry: Option<EntryMode>,
    /// The limit.
    pub limit: Money,
    /// What could still be taken under it; below the amount asked.
    pub remaining: Money,
}

/// What has to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// The amount is large.
    LargeAmount {
        /// From here on it is.
        threshold: Money,
    },
    /// The last sale had the same amount a moment ago.
    SameAsLast {
        /// Milliseconds ago.
        age_ms: u64,
    },
}

/// The guard's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The camera may open.
    Allowed,
    /// Ask the person at the till first, then check again with the answer in [`Ask::confirmed`].
    Confirm(Confirm),
    /// Not this amount, not this way.
    Refused(Refusal),
}

/// Decides about one sale. A refusal comes before a question, a large amount before the same amount.
pub fn check(limits: &Limits, usage: &Usage, ask: Ask) -> Verdict {
    if let Some(refusal) = refusal(limits, usage, ask) {
        return Verdict::Refused(refusal);
    }
    if let Some(threshold) = limits.large_amount
        && ask.amount.minor() >= threshold.minor()
        && !ask.confirmed.large_amount
    {
        return Verdict::Confirm(Confirm::LargeAmount { threshold });
    }
    if let Some(last) = usage.last
        && last.amount == ask.amount
        && last.age_ms < limits.repeat_ms
        && !ask.confirmed.same_as_last
    {
        let age_ms = last.age_ms;
        return Verdict::Confirm(Confirm::SameAsLast { age_ms });
    }
    Verdict::Allowed
}

/// With a known wallet: the tightest limit that is exceeded. Without one: what refuses whatever the customer shows.
fn refusal(limits: &Limits, usage: &Usage, ask: Ask) -> Option<Refusal> {
    if let Some(channel) = ask.channel {
        let fits = |row: &&LimitRow| row.fits(channel, ask.entry);
        return tightest(limits.rows.iter().filter(fits), usage, ask.amount);
    }
    let any_wallet =
        |row: &&LimitRow| row.channel.is_none() && row.entry.is_none_or(|entry| entry == ask.entry);
    if let Some(refusal) = tightest(limits.rows.iter().filter(any_wallet), usage, ask.amount) {
        return Some(refusal);
    }
    let open = limits.open.get(&ask.entry).map_or(&[][..], Vec::as_slice);
    let mut best: Option<Refusal> = None;
    for channel in open {
        let fits = |row: &&LimitRow| row.fits(*channel, ask.entry);
        // One wallet that may take the amount is enough to open the camera.
        let refusal = tightest(limits.rows.iter().filter(fits), usage, ask.amount)?;
        if best.is_none_or(|best| best.remaining.minor() < refusal.remaining.minor()) {
            best = Some(refusal);
        }
    }
    best
}

fn tightest<'a>(
    rows: impl Iterator<Item = &'a LimitRow>,
    usage: &Usage,
    amount: Money,
) -> Option<Refusal> {
    let refusals = rows.flat_map(|row| {
        let today = usage.sum(row, |spent| spent.today_fen);
        let month = usage.sum(row, |spent| spent.month_fen);
        let kinds = [
            (LimitKind::Single, row.single, 0),
            (LimitKind::Day, row.day, today),
            (LimitKind::Month, row.month, month),
        ];
        kinds
            .into_iter()
            .filter_map(move |(kind, limit, used)| exceeded(row, (kind, limit?, used), amount))
    });
    refusals.min_by_key(|refusal| (refusal.remaining.minor(), refusal.kind))
}

fn exceeded(
    row: &LimitRow,
    (kind, limit, used): (LimitKind, Money, u128),
    amount: Money,
) -> Option<Refusal> {
    let room = u128::from(limit.minor()).saturating_sub(used);
    if u128::from(amount.minor()) <= room {
        return None;
    }
    // The room is at most the limit, so it fits.
    let left = u64::try_from(room).unwrap_or(0);
    Some(Refusal {
        kind,
        channel: row.channel,
        entry: row.entry,
        limit,
        remaining: Money::from_minor(left, limit.currency()).unwrap_or(limit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fen(fen: u64) -> Money {
        Money::from_fen(fen).expect("an amount")
    }

    fn limits() -> Limits {
        let row = |channel, entry, [single, day, month]: [Option<u64>; 3]| LimitRow {
            channel,
            entry,
            single: single.map(fen),
            day: day.map(fen),
            month: month.map(fen),
        };
        let (wechat, alipay) = (Channel::Wechat, Channel::Alipay);
        Limits {
            rows: vec![
                row(None, None, [Some(10_000), Some(50_000), Some(90_000)]),
                row(Some(wechat), None, [Some(8_000), Some(20_000), None]),
                row(Some(alipay), None, [Some(9_000), None, None]),
                row(None, Some(EntryMode::StaticCode), [Some(500), None, None]),
            ],
            large_amount: Some(fen(7_000)),
            repeat_ms: 30_000,
            open: BTreeMap::from([(EntryMode::CustomerCode, vec![wechat, alipay])]),
        }
    }

    fn used(rows: &[(Channel, EntryMode, u64, u64)]) -> Usage {
        let mut usage = Usage::default();
        for (channel, entry, today_fen, month_fen) in rows {
            let spent = Spent {
                today_fen: *today_fen,
                month_fen: *month_fen,
            };
            usage.spent.insert((*channel, *entry), spent);
        }
        usage
    }

    fn asked(amount: u64, entry: EntryMode, channel: Option<Channel>) -> Ask {
        let confirmed = Confirmed {
            large_amount: true,
            same_as_last: true,
        };
        Ask {
            amount: fen(amount),
            entry,
            channel,
            confirmed,
        }
    }

    /// Kind, limit and rest of the refusal, if any.
    fn refused(usage: &Usage, ask: Ask) -> Option<(LimitKind, u64, u64)> {
        match check(&limits(), usage, ask) {
            Verdict::Refused(r) => Some((r.kind, r.limit.minor(), r.remaining.minor())),
            Verdict::Allowed => None,
            Verdict::Confirm(confirm) => panic!("everything is confirmed, yet {confirm:?}"),
        }
    }

    #[test]
    fn every_limit_refuses_one_fen_above_it_and_tells_the_rest() {
        use EntryMode::{CustomerCode, StaticCode};
        use LimitKind::{Day, Month, Single};
        let (wechat, alipay, union) = (Channel::Wechat, Channel::Alipay, Channel::UnionPay);
        let fresh: &[(Channel, EntryMode, u64, u64)] = &[];
        let busy = &[(wechat, CustomerCode, 15_000, 15_000)];
        let others = &[
            (wechat, CustomerCode, 10_000, 10_000),
            (alipay, CustomerCode, 39_000, 39_000),
        ];
        let late = &[(union, CustomerCode, 0, 89_999)];
        let table = [
            (fresh, 10_000, CustomerCode, Some(union), None),
            (
                fresh,
                10_001,
                CustomerCode,
                Some(union),
                Some((Single, 10_000, 10_000)),
            ),
            (fresh, 8_000, CustomerCode, Some(wechat), None),
            (
                fresh,
                8_001,
                CustomerCode,
                Some(wechat),
                Some((Single, 8_000, 8_000)),
            ),
            (
                fresh,
                501,
                StaticCode,
                Some(union),
                Some((Single, 500, 500)),
            ),
            (busy, 5_000, CustomerCode, Some(wechat), None),
            (
                busy,
                5_001,
                CustomerCode,
                Some(wechat),
                Some((Day, 20_000, 5_000)),
            ),
            // Another wallet is not touched by that day's limit, but by the shop's.
            (busy, 5_001, CustomerCode, Some(alipay), None),
            (others, 1_000, CustomerCode, Some(union), None),
            (
                others,
                1_001,
                CustomerCode,
                Some(union),
                Some((Day, 50_000, 1_000)),
            ),
            (late, 1, CustomerCode, Some(alipay), None),
            (
                late,
                2,
                CustomerCode,
                Some(alipay),
                Some((Month, 90_000, 1)),
            ),
        ];
        for (rows, amount, entry, channel, expected) in table {
            let got = refused(&used(rows), asked(amount, entry, channel));
            assert_eq!(got, expected, "{amount} by {entry:?} and {channel:?}");
        }
    }

    #[test]
    fn before_the_wallet_is_known_only_what_no_wallet_may_take_is_refused() {
        let entry = EntryMode::CustomerCode;
        let fresh = Usage::default();
        // WeChat would refuse 8,500, Alipay would not.
        assert_eq!(refused(&fresh, asked(8_500, entry, None)), None);
        // Both refuse 9,500: the more generous one is told.
        let expected = Some((LimitKind::Single, 9_000, 9_000));
        assert_eq!(refused(&fresh, asked(9_500, entry, None)), expected);
        // The shop's own limit holds whatever is shown.
        let expected = Some((LimitKind::Single, 10_000, 10_000));
        assert_eq!(refused(&fresh, asked(10_001, entry, None)), expected);
        // An entry mode without a list of wallets is bound by the general rows only.
        assert_eq!(refused(&fresh, asked(9_500, EntryMode::Card, None)), None);
    }

    #[test]
    fn the_tightest_of_several_exceeded_limits_is_told() {
        let usage = used(&[(Channel::Wechat, EntryMode::CustomerCode, 19_990, 89_999)]);
        let ask = asked(9_000, EntryMode::CustomerCode, Some(Channel::Wechat));
        assert_eq!(refused(&usage, ask), Some((LimitKind::Month, 90_000, 1)));
    }

    #[test]
    fn sums_of_any_size_neither_wrap_nor_panic() {
        let full = (u64::MAX, u64::MAX);
        let mut usage = Usage::default();
        for channel in Channel::ALL {
            for entry in EntryMode::ALL {
                let spent = Spent {
                    today_fen: full.0,
                    month_fen: full.1,
                };
                usage.spent.insert((channel, entry), spent);
            }
        }
        let entry = EntryMode::CustomerCode;
        usage.add(Channel::Wechat, entry, fen(Money::MINOR_MAX));
        assert_eq!(usage.spent[&(Channel::Wechat, entry)].today_fen, u64::MAX);
        let got = refused(&usage, asked(1, entry, Some(Channel::Wechat)));
        assert_eq!(got, Some((LimitKind::Day, 50_000, 0)));
        let got = refused(&usage, asked(Money::MINOR_MAX, entry, None));
        assert_eq!(got, Some((LimitKind::Day, 50_000, 0)));
    }

    #[test]
    fn a_large_amount_and_the_same_amount_are_asked_once_each() {
        let mut usage = Usage::default();
        let mut ask = asked(7_000, EntryMode::CustomerCode, None);
        ask.confirmed = Confirmed::default();
        usage.last = Some(LastSale {
            amount: fen(7_000),
            age_ms: 29_999,
        });
        let threshold = fen(7_000);
        let large = Verdict::Confirm(Confirm::LargeAmount { threshold });
        assert_eq!(check(&limits(), &usage, ask), large);
        ask.confirmed.large_amount = true;
        let same = Verdict::Confirm(Confirm::SameAsLast { age_ms: 29_999 });
        assert_eq!(check(&limits(), &usage, ask), same);
        ask.confirmed.same_as_last = true;
        assert_eq!(check(&limits(), &usage, ask), Verdict::Allowed);

        let mut smaller = asked(6_999, EntryMode::CustomerCode, None);
        smaller.confirmed = Confirmed::default();
        assert_eq!(check(&limits(), &usage, smaller), Verdict::Allowed);
        // Old enough, and a guard that is switched off.
        ask.confirmed.same_as_last = false;
        usage.last = Some(LastSale {
            amount: fen(7_000),
            age_ms: 30_000,
        });
        assert_eq!(check(&limits(), &usage, ask), Verdict::Allowed);
        usage.last = Some(LastSale {
            amount: fen(7_000),
            age_ms: 0,
        });
        let silent = Limits {
            repeat_ms: 0,
            ..limits()
        };
        assert_eq!(check(&silent, &usage, ask), Verdict::Allowed);
    }

    #[test]
    fn a_refusal_comes_before_any_question() {
        let mut ask = asked(10_001, EntryMode::CustomerCode, None);
        ask.confirmed = Confirmed::default();
        let verdict = check(&limits(), &Usage::default(), ask);
        assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
    }

    #[test]
    fn the_shops_own_figures_replace_the_general_ones_only() {
        let mut limits = limits();
        assert_eq!(limits.single_max(), fen(10_000));
        limits.override_general(LimitRow {
            single: Some(fen(20_000)),
            ..LimitRow::default()
        });
        assert_eq!(limits.single_max(), fen(20_000));
        assert_eq!(limits.rows[0].day, Some(fen(50_000)));
        assert_eq!(limits.rows[1].single, Some(fen(8_000)));
        let mut none = Limits::default();
        none.override_general(LimitRow::default());
        assert!(none.rows.is_empty());
        assert_eq!(none.single_max(), fen(Money::MINOR_MAX));
    }
}
