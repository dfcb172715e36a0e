//! Samples of the settlement page. See `samples`.

use super::samples::{Sample, sample};
use crate::domain::{Channel, TxnId};
use crate::view::{
    BatchVerdict, Cause, DifferenceLine, EntryKind, FeeNote, LastBatch, OpenLine, Page,
    SettleStage, SettlementPage, TotalLine,
};

pub(super) fn line(channel: Channel, kind: EntryKind, count: u32, amount: &str) -> TotalLine {
    TotalLine {
        channel,
        kind,
        count,
        amount: amount.to_owned(),
    }
}

pub(super) fn difference(reason: &'static str, number: &str, amount: &str) -> DifferenceLine {
    DifferenceLine {
        reason,
        number: number.to_owned(),
        channel: Channel::Wechat,
        amount: amount.to_owned(),
    }
}

/// Any settlement: the pages only hand it back.
pub(super) fn txn() -> TxnId {
    TxnId::from_parts(1, 1)
}

pub(super) fn fees(fee: &str, expected: &str) -> Option<FeeNote> {
    Some(FeeNote {
        fee: fee.to_owned(),
        expected: expected.to_owned(),
        unpriced: 0,
    })
}

pub(super) fn left_open(number: &str, channel: Channel, amount: &str) -> OpenLine {
    OpenLine {
        number: number.to_owned(),
        kind: EntryKind::Sale,
        channel,
        amount: amount.to_owned(),
    }
}

fn last(verdict: BatchVerdict, open: u32, differences: Vec<DifferenceLine>) -> LastBatch {
    let equal = verdict == BatchVerdict::Equal;
    LastBatch {
        txn: txn(),
        batch: "000123".to_owned(),
        time: "22:10".to_owned(),
        verdict,
        wallets: if equal {
            vec![(Channel::Alipay, true), (Channel::Wechat, true)]
        } else {
            vec![(Channel::Wechat, false), (Channel::Alipay, true)]
        },
        cards_equal: None,
        net: "12,792.70".to_owned(),
        open,
        differences,
    }
}

fn page(lines: Vec<TotalLine>, last: Option<LastBatch>) -> SettlementPage {
    SettlementPage {
        batch: "000124".to_owned(),
        can_settle: !lines.is_empty(),
        net: if lines.is_empty() {
            "0.00".to_owned()
        } else {
            "9,338.70".to_owned()
        },
        fees: fees("36.79", "9,301.91").filter(|_| !lines.is_empty()),
        lines,
        open: Vec::new(),
        stage: None,
        last,
        notice: None,
    }
}

fn day() -> Vec<TotalLine> {
    vec![
        line(Channel::Alipay, EntryKind::Sale, 96, "4,208.50"),
        line(Channel::Alipay, EntryKind::Void, 1, "-58.00"),
        line(Channel::Alipay, EntryKind::Refund, 2, "-61.00"),
        line(Channel::Wechat, EntryKind::Sale, 119, "5,001.20"),
        line(Channel::UnionPay, EntryKind::Sale, 7, "248.00"),
    ]
}

/// A batch whose cards the card host was asked about.
fn with_cards(verdict: BatchVerdict, equal: bool) -> SettlementPage {
    let last = LastBatch {
        wallets: vec![(Channel::BankCard, equal), (Channel::Alipay, true)],
        cards_equal: Some(equal),
        ..last(verdict, 0, Vec::new())
    };
    page(day(), Some(last))
}

/// Every state of the page.
pub(super) fn all() -> Vec<Sample> {
    let settlement = |name, page: SettlementPage| sample(name, Page::Settlement(page));
    let equal = || Some(last(BatchVerdict::Equal, 0, Vec::new()));
    let unequal = last(
        BatchVerdict::Unequal,
        1,
        vec![
            difference("R12", "000433", "12.00"),
            difference("R8", "000402", "-128.50"),
            difference("R3", "000431", "0.00"),
        ],
    );
    vec![
        settlement("settlement-cards", with_cards(BatchVerdict::Equal, true)),
        settlement(
            "settlement-cards-unequal",
            with_cards(BatchVerdict::Unequal, false),
        ),
        settlement("settlement-empty", page(Vec::new(), None)),
        settlement("settlement", page(day(), equal())),
        settlement(
            "settlement-open",
            SettlementPage {
                open: vec![
                    left_open("000433", Channel::Wechat, "12.00"),
                    left_open("000440", Channel::BankCard, "1,280.00"),
                ],
                ..page(day(), None)
            },
        ),
        settlement("settlement-unequal", page(day(), Some(unequal))),
        settlement(
            "settlement-waiting",
            SettlementPage {
                can_settle: false,
                stage: Some(SettleStage::Waiting { remaining_s: 171 }),
                ..page(Vec::new(), equal())
            },
        ),
        settlement(
            "settlement-comparing",
            SettlementPage {
                can_settle: false,
                stage: Some(SettleStage::Comparing),
                ..page(day(), equal())
            },
        ),
        settlement(
            "settlement-resting",
            SettlementPage {
                can_settle: false,
                stage: Some(SettleStage::Resting { remaining_s: 40 }),
                ..page(day(), None)
            },
        ),
        settlement(
            "settlement-not-compared",
            page(day(), Some(last(BatchVerdict::NotCompared, 0, Vec::new()))),
        ),
        settlement(
            "settlement-nothing",
            SettlementPage {
                notice: Some(Cause::NothingToSettle.into()),
                ..page(Vec::new(), equal())
            },
        ),
    ]
}

/// Every cause that this page brought.
pub(super) fn causes() -> Vec<Cause> {
    let batch = || "000123".to_owned();
    vec![
        Cause::NothingToSettle,
        Cause::NumbersUsedUp,
        Cause::Settled(batch()),
        Cause::SettledUnequal(batch()),
        Cause::SettledUncompared(batch()),
    ]
}
