//! Samples of the pages beside the plain sale, and the causes that they tell. See `samples`.

use super::samples::{Sample, row, sample};
use crate::domain::Channel;
use crate::domain::{Role, TxnId};
use crate::view::pages::{
    Approval, ApprovePage, CodePage, ConfirmPage, FeeWord, InstalmentsPage, PlanRow, RecordPage,
    RecordsPage, UndoKind, UndoLine, UndoPage, UndoStateView, UndoWaiting,
};
use crate::view::{AimHint, Cause, LimitKind, Page, Period, PinNote, Prompt, RowState};

/// What the sample code says: as long as the links of the wallets are.
pub const CODE_TEXT: &str = "https://qr.example.com/bax0953563wjuoxkbn0f60fa";

/// Every state of these pages.
pub(super) fn all() -> Vec<Sample> {
    let mut all = prompts();
    all.extend(codes());
    all.extend(choices());
    all.extend(records());
    all.extend(undos());
    all.extend(approvals());
    all.extend(undoings());
    all
}

/// Every cause that these pages brought.
pub(super) fn causes() -> Vec<Cause> {
    let left = || "1,280.00".to_owned();
    let number = || "000457".to_owned();
    vec![
        Cause::Limit(LimitKind::Single, left()),
        Cause::Limit(LimitKind::Day, left()),
        Cause::Limit(LimitKind::Month, left()),
        Cause::LargeAmount,
        Cause::SameAsLast,
        Cause::PlanWallet,
        Cause::UndoNotAllowed,
        Cause::Pin(PinNote::Wrong(4)),
        Cause::Pin(PinNote::Locked(15)),
        Cause::Pin(PinNote::NotSet),
        Cause::Pin(PinNote::NotKept),
        Cause::UndoCeiling(left()),
        Cause::RefusalUnproved("BBS11184".to_owned()),
        Cause::CodeEnded,
        Cause::LatePaid(number()),
        Cause::LateNotPaid(number()),
        Cause::LateSuccess(number()),
        Cause::Undoing,
        Cause::Undone,
        Cause::UndoRefused("BBS11184".to_owned()),
        Cause::UndoNotSent,
    ]
}

fn prompts() -> Vec<Sample> {
    let prompt = |codes, can_instalments, plan| Prompt {
        card: None,
        amount: "1,280.00".to_owned(),
        hint: AimHint::None,
        can_type: true,
        elapsed_s: 9,
        codes,
        can_instalments,
        plan,
        can_hold: false,
        hold: false,
        notice: None,
    };
    let wallets = vec![Channel::Alipay, Channel::Wechat, Channel::UnionPay];
    let everything = Prompt {
        notice: Some(Cause::CodeEnded.into()),
        ..prompt(wallets.clone(), true, None)
    };
    vec![
        sample(
            "prompt-plain",
            Page::Prompt(prompt(Vec::new(), false, None)),
        ),
        sample("prompt-wallets", Page::Prompt(prompt(wallets, false, None))),
        sample("prompt-everything", Page::Prompt(everything)),
        sample(
            "prompt-plan",
            Page::Prompt(prompt(Vec::new(), true, Some((6, false)))),
        ),
    ]
}

fn code() -> CodePage {
    CodePage {
        amount: "128.50".to_owned(),
        text: Some(CODE_TEXT.to_owned()),
        wallet: Channel::Unknown,
        remaining_s: 83,
        life_s: 120,
        customer_acts: false,
        voucher: "000458".to_owned(),
        order_tail: "000458".to_owned(),
        notice: None,
    }
}

fn codes() -> Vec<Sample> {
    let making = CodePage {
        text: None,
        ..code()
    };
    let acts = CodePage {
        customer_acts: true,
        remaining_s: 41,
        ..code()
    };
    let ending = CodePage {
        wallet: Channel::Wechat,
        remaining_s: 8,
        notice: Some(Cause::CodeUsed.into()),
        ..code()
    };
    vec![
        sample("code", Page::Code(code())),
        sample("code-making", Page::Code(making)),
        sample("code-customer", Page::Code(acts)),
        sample("code-ending", Page::Code(ending)),
    ]
}

fn plan(count: u8, merchant_pays: bool, first: &str, each: &str, fee: &str) -> PlanRow {
    let (customer, merchant) = if merchant_pays {
        ("0.00", fee)
    } else {
        (fee, "0.00")
    };
    PlanRow {
        count,
        merchant_pays,
        first: first.to_owned(),
        each: each.to_owned(),
        customer_fee: customer.to_owned(),
        merchant_fee: merchant.to_owned(),
    }
}

fn choices() -> Vec<Sample> {
    let instalments = |chosen| {
        Page::Instalments(InstalmentsPage {
            amount: "1,280.00".to_owned(),
            rows: vec![
                plan(3, false, "436.48", "436.48", "29.44"),
                plan(6, false, "222.94", "222.93", "57.60"),
                plan(12, false, "114.68", "114.66", "96.00"),
                plan(3, true, "426.68", "426.66", "23.04"),
                plan(6, true, "213.35", "213.33", "57.60"),
                plan(12, true, "106.74", "106.66", "96.00"),
            ],
            chosen,
        })
    };
    let confirm = |amount: &str, cause: Cause| {
        Page::Confirm(ConfirmPage {
            amount: amount.to_owned(),
            notice: cause.into(),
        })
    };
    vec![
        sample("instalments", instalments(None)),
        sample("instalments-chosen", instalments(Some(1))),
        sample("confirm-large", confirm("12,800.00", Cause::LargeAmount)),
        sample("confirm-same", confirm("128.50", Cause::SameAsLast)),
    ]
}

fn records() -> Vec<Sample> {
    use RowState::{Checking, NotPaid, Paid, PartReturned, Returned, Returning, Revoked, Revoking};
    let states = [
        (Paid, Channel::Alipay, "12.80"),
        (Checking, Channel::Wechat, "1,280.00"),
        (NotPaid, Channel::UnionPay, "36.00"),
        (PartReturned, Channel::Alipay, "128.50"),
        (Returned, Channel::Wechat, "58.00"),
        (Returning, Channel::Alipay, "9.90"),
        (Revoking, Channel::Wechat, "66.00"),
        (Revoked, Channel::Ecny, "20.00"),
        (Paid, Channel::Alipay, "8.00"),
    ];
    let rows = (0_u32..).zip(states).map(|(place, (state, channel, sum))| {
        let time = format!("09:{:02}", 40 - place * 3);
        row(457 - place, sum, channel, &time, state)
    });
    let rows: Vec<_> = rows.collect();
    let list = |rows: Vec<_>, more, can_wall| {
        Page::Records(RecordsPage {
            sums: (!rows.is_empty()).then(|| (37, "1,280.00".to_owned())),
            rows,
            more,
            newer: false,
            period: Period::Today,
            filters: 0,
            searched: String::new(),
            can_scan: true,
            can_wall,
            can_balance: can_wall,
            can_maintain: can_wall,
        })
    };
    let mut all = vec![
        sample("records-none", list(Vec::new(), false, false)),
        sample("records-none-wall", list(Vec::new(), false, true)),
        sample("records", list(rows.clone(), true, true)),
        sample("records-plain", list(rows.clone(), false, false)),
        sample("records-mixed", mixed(rows)),
    ];
    all.extend(single());
    all
}

/// Voids and refunds among the sales, of a filtered month, far down.
fn mixed(mut rows: Vec<crate::view::Row>) -> Page {
    for (row, undo) in rows.iter_mut().zip([
        (UndoKind::Refund, UndoStateView::Done),
        (UndoKind::Void, UndoStateView::Open),
        (UndoKind::Refund, UndoStateView::Failed),
    ]) {
        row.undo = Some(undo);
        row.amount.insert(0, '-');
    }
    for row in &mut rows {
        row.time.insert_str(0, "11-26 ");
    }
    Page::Records(RecordsPage {
        rows,
        more: false,
        newer: true,
        period: Period::Month,
        filters: 2,
        searched: String::new(),
        sums: Some((12_345, "1,234,567.80".to_owned())),
        can_scan: true,
        can_wall: true,
        can_balance: true,
        can_maintain: true,
    })
}

pub(super) fn record(state: RowState) -> RecordPage {
    RecordPage {
        row: row(457, "128.50", Channel::Alipay, "09:40", state),
        order_no: "12345678000100ABCDEFS00000457".to_owned(),
        trade_no: "20260731110113130000000000000457".to_owned(),
        returned: String::new(),
        undos: Vec::new(),
        can_query: false,
        can_verify: true,
        can_undo: false,
        hold: false,
        can_complete: false,
        can_change_way: false,
        can_print: false,
        can_receipt: matches!(
            state,
            RowState::Paid | RowState::PartReturned | RowState::Returning | RowState::Held
        ),
        notice: None,
    }
}

fn line(kind: UndoKind, amount: &str, number: u32, state: UndoStateView) -> UndoLine {
    UndoLine {
        kind,
        amount: amount.to_owned(),
        time: "10:12".to_owned(),
        voucher: format!("{number:06}"),
        state,
    }
}

fn single() -> Vec<Sample> {
    let paid = RecordPage {
        can_undo: true,
        can_change_way: true,
        can_print: true,
        ..record(RowState::Paid)
    };
    let part = RecordPage {
        returned: "30.00".to_owned(),
        undos: vec![
            line(UndoKind::Refund, "30.00", 459, UndoStateView::Done),
            line(UndoKind::Refund, "20.00", 460, UndoStateView::Failed),
        ],
        can_undo: true,
        can_print: true,
        ..record(RowState::PartReturned)
    };
    let returning = RecordPage {
        undos: vec![line(UndoKind::Void, "128.50", 461, UndoStateView::Open)],
        can_query: true,
        can_verify: false,
        can_print: true,
        ..record(RowState::Returning)
    };
    let mut checking = RecordPage {
        trade_no: String::new(),
        can_query: true,
        can_verify: false,
        ..record(RowState::Checking)
    };
    checking.row.attention = true;
    let told = RecordPage {
        can_undo: true,
        notice: Some(Cause::UndoNotAllowed.into()),
        ..record(RowState::Paid)
    };
    vec![
        sample("record-paid", Page::Record(paid)),
        sample("record-part", Page::Record(part)),
        sample("record-returning", Page::Record(returning)),
        sample("record-checking", Page::Record(checking)),
        sample("record-not-paid", Page::Record(record(RowState::NotPaid))),
        sample("record-notice", Page::Record(told)),
    ]
}

fn undos() -> Vec<Sample> {
    let whole = UndoPage {
        amount: "128.50".to_owned(),
        left: "128.50".to_owned(),
        voucher: "000457".to_owned(),
        channel: Channel::Alipay,
        kind: Some(UndoKind::Void),
        fee: FeeWord::Returned,
        partial: true,
        change_way: false,
        hold: false,
        completing: false,
        can_send: true,
        notice: None,
    };
    let part = UndoPage {
        amount: "30.00".to_owned(),
        kind: Some(UndoKind::Refund),
        fee: FeeWord::Kept,
        ..whole.clone()
    };
    let much = UndoPage {
        amount: "1,280.00".to_owned(),
        kind: None,
        can_send: false,
        ..part.clone()
    };
    let told = UndoPage {
        notice: Some(Cause::UndoNotAllowed.into()),
        ..much.clone()
    };
    let above = UndoPage {
        can_send: false,
        notice: Some(Cause::UndoCeiling("200.00".to_owned()).into()),
        ..part.clone()
    };
    let change = UndoPage {
        partial: false,
        change_way: true,
        ..whole.clone()
    };
    let only = UndoPage {
        partial: false,
        kind: Some(UndoKind::Refund),
        fee: FeeWord::Kept,
        ..whole.clone()
    };
    vec![
        sample("undo-whole", Page::Undo(whole)),
        sample("undo-part", Page::Undo(part)),
        sample("undo-too-much", Page::Undo(much)),
        sample("undo-notice", Page::Undo(told)),
        sample("undo-ceiling", Page::Undo(above)),
        sample("undo-change-way", Page::Undo(change)),
        sample("undo-only-whole", Page::Undo(only)),
    ]
}

fn approvals() -> Vec<Sample> {
    let asks = |role, typed: usize, checking: bool, cause: Option<Cause>| {
        Page::Approve(ApprovePage {
            amount: "128.50".to_owned(),
            of: Approval::Undo(UndoKind::Void),
            role,
            typed,
            can_send: typed >= 6 && !checking,
            checking,
            notice: cause.map(Into::into),
        })
    };
    let page = |typed, checking, cause| asks(Role::Supervisor, typed, checking, cause);
    vec![
        sample(
            "approve-settlement",
            Page::Approve(ApprovePage {
                amount: "9,338.70".to_owned(),
                of: Approval::Settlement,
                role: Role::Supervisor,
                typed: 3,
                can_send: false,
                checking: false,
                notice: None,
            }),
        ),
        sample("approve-manager", asks(Role::Manager, 3, false, None)),
        sample("approve-empty", page(0, false, None)),
        sample("approve-typed", page(6, false, None)),
        sample("approve-checking", page(0, true, None)),
        sample(
            "approve-wrong",
            page(0, false, Some(Cause::Pin(PinNote::Wrong(4)))),
        ),
        sample(
            "approve-locked",
            page(0, false, Some(Cause::Pin(PinNote::Locked(15)))),
        ),
    ]
}

pub(super) fn undoing(
    kind: UndoKind,
    ended: Option<UndoStateView>,
    cause: Cause,
    asked: u32,
) -> Page {
    Page::Undoing(UndoWaiting {
        kind,
        amount: "128.50".to_owned(),
        voucher: "000461".to_owned(),
        order_tail: "000461".to_owned(),
        elapsed_s: 7,
        remaining_s: 53,
        asked,
        hold: false,
        ended,
        txn: TxnId::from_parts(1_700_000_000_000, 461),
        notice: Some(cause.into()),
    })
}

fn undoings() -> Vec<Sample> {
    let (void, refund) = (UndoKind::Void, UndoKind::Refund);
    let (done, failed) = (Some(UndoStateView::Done), Some(UndoStateView::Failed));
    let refused = Cause::UndoRefused("BBS11184".to_owned());
    vec![
        sample("undoing", undoing(refund, None, Cause::Undoing, 2)),
        sample("undoing-first", undoing(void, None, Cause::Undoing, 0)),
        sample("undoing-done", undoing(void, done, Cause::Undone, 1)),
        sample("undoing-refused", undoing(refund, failed, refused, 1)),
        sample(
            "undoing-not-sent",
            undoing(refund, failed, Cause::UndoNotSent, 0),
        ),
    ]
}
