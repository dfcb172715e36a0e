//! Every state that the screen can show, as sample [`Screen`]s: for the pictures in `docs/screens` and the tests
//! (feature `sim`). Invented shop, invented sales.

use crate::code::WrongCode;
use crate::domain::{Channel, TxnId};
use crate::view::{
    AimHint, Cause, Keypad, Language, Link, Manual, Notice, OutcomeKind, OutcomePage, Page,
    PendingPage, PrinterTrouble, Prompt, Row, RowState, Screen, Status, Theme, WaitKind, Waiting,
};

pub use super::samples_more::CODE_TEXT;
pub use super::samples_stopped::REPORT_TEXT;
pub use super::samples_wall::RECEIPT_TEXT;

use super::{PreviewFrame, samples_maintain};

/// A state by name.
pub struct Sample {
    /// File name and test name, e.g. `waiting-password`.
    pub name: &'static str,
    /// The page.
    pub page: Page,
    /// Open sales in the status bar.
    pub pending: usize,
}

pub(super) fn sample(name: &'static str, page: Page) -> Sample {
    Sample {
        name,
        page,
        pending: 0,
    }
}

/// Puts a page below a status bar.
pub fn screen(sample: &Sample, seq: u64, language: Language, theme: Theme) -> Screen {
    let broken = |page: &Page| {
        matches!(page, Page::Prompt(prompt) if prompt.hint == AimHint::NoCamera)
            || matches!(page, Page::Look(look) if look.hint == AimHint::NoCamera)
    };
    Screen {
        seq,
        status: Status {
            shop: match language {
                Language::Chinese => "朝阳便利店·收银台 1".to_owned(),
                Language::English => "Chaoyang Store·Till 1".to_owned(),
            },
            clock: "09:41".to_owned(),
            link: if sample.name == "keypad-offline" {
                Link::Offline
            } else {
                Link::Online
            },
            camera: !broken(&sample.page),
            audible: sample.name != "keypad-mute",
            pending: sample.pending,
            sandbox: true,
            language,
            theme,
        },
        page: sample.page.clone(),
    }
}

/// Every state.
pub fn all() -> Vec<Sample> {
    let mut all = keypads();
    all.extend(prompts());
    all.extend(manuals());
    all.extend(waits());
    all.extend(outcomes());
    all.extend(super::samples_more::all());
    all.extend(super::samples_cards::all());
    all.extend(super::samples_wall::all());
    all.extend(super::samples_settle::all());
    all.extend(super::samples_batch::all());
    all.extend(super::samples_balance::all());
    all.extend(super::samples_update::all());
    all.extend(super::samples_network::all());
    all.extend(super::samples_maintain::all());
    all.extend(super::samples_stopped::all());
    all.extend(super::samples_browse::all());
    all.push(Sample {
        name: "pending",
        page: pending_page(3),
        pending: 3,
    });
    all.push(sample("pending-none", pending_page(0)));
    for (name, cause) in [
        ("out-of-service-disk", Cause::DiskFull),
        ("out-of-service-journal", Cause::JournalBroken),
    ] {
        all.push(sample(name, stopped(&cause)));
    }
    all
}

fn stopped(cause: &Cause) -> Page {
    Page::OutOfService(Notice::from(cause.clone()).into())
}

/// Every cause of a notice, for the words.
pub fn causes() -> Vec<Cause> {
    let mut causes: Vec<Cause> = [
        WrongCode::Collection,
        WrongCode::Contact,
        WrongCode::Link,
        WrongCode::Length,
        WrongCode::Prefix,
        WrongCode::Other,
    ]
    .into_iter()
    .map(Cause::WrongCode)
    .collect();
    causes.extend([
        Cause::AmountMissing,
        Cause::AmountTooLarge,
        Cause::TooManyOpen,
        Cause::CodeUsed,
        Cause::CameraLost,
        Cause::ResultUnknown,
        Cause::CustomerActs,
        Cause::Revoking,
        Cause::Declined(String::new()),
        Cause::Declined("BBS11184".to_owned()),
        Cause::NotSent,
        Cause::Revoked,
        Cause::DiskFull,
        Cause::JournalBroken,
        Cause::JournalAltered,
        Cause::RecordUnreadable,
        Cause::CopyFails,
        Cause::JournalRebuilt,
        Cause::JournalUnproven,
        Cause::ClockWrong,
        Cause::ClockHoldsUp,
        Cause::SettingsWrong,
        Cause::Resumed,
        Cause::LatePaid("000457".to_owned()),
        Cause::LateNotPaid("000457".to_owned()),
    ]);
    causes.extend(super::samples_cards::causes());
    causes.extend(super::samples_stopped::causes());
    causes.extend(super::samples_more::causes());
    causes.extend(super::samples_wall::causes());
    causes.extend(super::samples_settle::causes());
    causes.extend(super::samples_batch::causes());
    causes.extend(super::samples_balance::causes());
    causes.extend(super::samples_update::causes());
    causes.extend(super::samples_network::causes());
    causes.extend(super::samples_maintain::causes());
    causes
}

/// A keypad that tells `cause`.
pub fn keypad_telling(cause: Cause) -> Page {
    Page::Keypad(Keypad {
        notice: Some(cause.into()),
        ..keypad("0.00", false)
    })
}

fn outcome_telling(kind: OutcomeKind, cause: Cause) -> Page {
    Page::Outcome(OutcomePage {
        notice: Some(cause.into()),
        ..ended(kind)
    })
}

fn prompting(notice: Option<Notice>) -> Page {
    prompt(AimHint::None, true, 12, notice)
}

/// Every page that can tell `cause`, for the room that its words need.
pub fn pages_telling(cause: &Cause) -> Vec<Page> {
    let notice = || Some(Notice::from(cause.clone()));
    let outcome = |kind| outcome_telling(kind, cause.clone());
    let keypad = || keypad_telling(cause.clone());
    match cause {
        Cause::WrongCode(_) | Cause::CodeUsed => {
            vec![prompting(notice()), manual(0, "", notice())]
        }
        Cause::CameraLost => vec![prompt(AimHint::NoCamera, true, 12, None)],
        Cause::CustomerActs
        | Cause::Revoking
        | Cause::RefusalUnproved(_)
        | Cause::LargeAmount
        | Cause::SameAsLast
        | Cause::Undoing
        | Cause::Undone
        | Cause::UndoRefused(_)
        | Cause::UndoNotSent
        | Cause::Hold(_)
        | Cause::ClockHoldsUp
        | Cause::UndoNotAllowed
        | Cause::Pin(_)
        | Cause::LookedPayment
        | Cause::SlipUnknown
        | Cause::SlipStrange
        | Cause::WallStrange
        | Cause::Printing
        | Cause::NoPrinter
        | Cause::NothingToSettle
        | Cause::Reprinting
        | Cause::ListQueued
        | Cause::UndoCeiling(_) => Vec::new(),
        Cause::Printer(..) | Cause::PrintQueueAnew | Cause::PrintQueueBroken => {
            vec![keypad(), outcome(OutcomeKind::Paid)]
        }
        Cause::CodeEnded | Cause::PlanWallet => vec![prompting(notice())],
        Cause::NotSent => vec![outcome(OutcomeKind::NotPaid), prompting(notice())],
        Cause::Declined(_) | Cause::CardDeclined(..) | Cause::Reader(_) => {
            vec![outcome(OutcomeKind::NotPaid)]
        }
        Cause::Balance(_) => vec![super::samples_balance::telling(cause.clone())],
        Cause::Export(_) => vec![super::samples_batch::telling(cause.clone())],
        Cause::Network(_) => super::samples_network::telling(cause),
        Cause::Update(_)
        | Cause::Stopped(_)
        | Cause::Support(_)
        | Cause::Reset(_)
        | Cause::Partition(_) => samples_maintain::pages_telling(cause, keypad()),
        Cause::Revoked => vec![outcome(OutcomeKind::Revoked)],
        Cause::JournalBroken | Cause::SettingsWrong | Cause::NotSetUp => vec![stopped(cause)],
        Cause::DiskFull => vec![stopped(cause), keypad()],
        Cause::AmountMissing
        | Cause::JournalAltered
        | Cause::RecordUnreadable
        | Cause::CopyFails
        | Cause::JournalRebuilt
        | Cause::JournalUnproven
        | Cause::ClockWrong
        | Cause::NumbersUsedUp
        | Cause::AmountTooLarge
        | Cause::TooManyOpen
        | Cause::ResultUnknown
        | Cause::Resumed
        | Cause::Limit(..)
        | Cause::LateSuccess(_)
        | Cause::LatePaid(_)
        | Cause::LateNotPaid(_)
        | Cause::Settled(_)
        | Cause::SettledUnequal(_)
        | Cause::SettledUncompared(_) => vec![keypad()],
    }
}

fn keypad(amount: &str, typed: bool) -> Keypad {
    Keypad {
        amount: amount.to_owned(),
        can_charge: typed,
        typed,
        recent: vec![
            row(457, "12.80", Channel::Alipay, "09:40", RowState::Paid),
            row(
                456,
                "1,280.00",
                Channel::Wechat,
                "09:38",
                RowState::Checking,
            ),
            row(455, "36.00", Channel::UnionPay, "09:31", RowState::NotPaid),
        ],
        today_count: 36,
        today_total: "4,812.50".to_owned(),
        notice: None,
    }
}

pub(super) fn row(number: u32, amount: &str, channel: Channel, time: &str, state: RowState) -> Row {
    Row {
        txn: TxnId::from_parts(1_700_000_000_000, u128::from(number)),
        undo: None,
        voucher: format!("{number:06}"),
        amount: amount.to_owned(),
        channel,
        time: time.to_owned(),
        state,
        attention: false,
        asked: 0,
        can_query: state == RowState::Checking,
    }
}

fn keypads() -> Vec<Sample> {
    let empty = Keypad {
        recent: Vec::new(),
        today_count: 0,
        today_total: "0.00".to_owned(),
        ..keypad("0.00", false)
    };
    let telling = |name, cause, pending| Sample {
        pending,
        ..sample(name, keypad_telling(cause))
    };
    let late = "000456".to_owned();
    vec![
        sample("keypad-first", Page::Keypad(empty)),
        sample("keypad", Page::Keypad(keypad("0.00", false))),
        sample("keypad-typed", Page::Keypad(keypad("128.50", true))),
        sample("keypad-large", Page::Keypad(keypad("9,999,999.99", true))),
        sample("keypad-mute", Page::Keypad(keypad("0.00", false))),
        telling("keypad-notice", Cause::AmountTooLarge, 0),
        telling("keypad-offline", Cause::TooManyOpen, 100),
        telling("keypad-resumed", Cause::Resumed, 2),
        telling("keypad-rebuilt", Cause::JournalRebuilt, 0),
        telling("keypad-unproven", Cause::JournalUnproven, 2),
        telling("keypad-freed", Cause::ResultUnknown, 1),
        telling("keypad-late-paid", Cause::LatePaid(late.clone()), 0),
        telling("keypad-late-not-paid", Cause::LateNotPaid(late), 0),
    ]
}

pub(super) fn prompt(
    hint: AimHint,
    can_type: bool,
    elapsed_s: u64,
    notice: Option<Notice>,
) -> Page {
    Page::Prompt(Prompt {
        amount: "128.50".to_owned(),
        hint,
        card: None,
        can_type,
        elapsed_s,
        codes: vec![Channel::Unknown],
        can_instalments: true,
        plan: None,
        can_hold: false,
        hold: false,
        notice,
    })
}

fn prompts() -> Vec<Sample> {
    let wrong = Cause::WrongCode(WrongCode::Collection).into();
    vec![
        sample("prompt", prompt(AimHint::None, false, 2, None)),
        sample("prompt-too-far", prompt(AimHint::TooFar, true, 9, None)),
        sample("prompt-too-dark", prompt(AimHint::TooDark, true, 11, None)),
        sample("prompt-glare", prompt(AimHint::Glare, true, 12, None)),
        sample(
            "prompt-wrong-code",
            prompt(AimHint::None, true, 14, Some(wrong)),
        ),
        sample(
            "prompt-code-used",
            prompt(AimHint::None, false, 5, Some(Cause::CodeUsed.into())),
        ),
        sample("prompt-no-camera", prompt(AimHint::NoCamera, true, 0, None)),
    ]
}

fn manual(typed: usize, tail: &str, notice: Option<Notice>) -> Page {
    Page::Manual(Manual {
        amount: "128.50".to_owned(),
        typed,
        tail: tail.to_owned(),
        can_send: typed >= 16,
        notice,
    })
}

fn manuals() -> Vec<Sample> {
    let length = Cause::WrongCode(WrongCode::Length).into();
    vec![
        sample("manual-empty", manual(0, "", None)),
        sample("manual-typed", manual(18, "4321", None)),
        sample("manual-longest", manual(24, "4321", None)),
        sample("manual-notice", manual(0, "", Some(length))),
    ]
}

pub(super) fn waiting(kind: WaitKind, elapsed_s: u64, asked: u32) -> Waiting {
    Waiting {
        kind,
        amount: "128.50".to_owned(),
        channel: Channel::Alipay,
        voucher: "000458".to_owned(),
        order_tail: "000463".to_owned(),
        elapsed_s,
        remaining_s: 60 - elapsed_s,
        asked,
        can_query: false,
        query_in_s: 5_u64.saturating_sub(elapsed_s),
        can_stop: false,
        can_park: false,
        stopping: false,
        notice: None,
    }
}

fn waits() -> Vec<Sample> {
    let paying = waiting(WaitKind::Paying, 2, 0);
    let late = Waiting {
        can_stop: true,
        ..waiting(WaitKind::Paying, 7, 0)
    };
    let asked_now = Waiting {
        can_stop: true,
        notice: Some(Cause::CustomerActs.into()),
        ..waiting(WaitKind::Password, 11, 2)
    };
    let password = Waiting {
        can_query: true,
        can_stop: true,
        notice: Some(Cause::CustomerActs.into()),
        ..waiting(WaitKind::Password, 18, 4)
    };
    let stopping = Waiting {
        stopping: true,
        can_query: true,
        can_park: true,
        notice: Some(Cause::ResultUnknown.into()),
        ..waiting(WaitKind::Checking, 9, 1)
    };
    let checking = Waiting {
        can_query: true,
        can_stop: true,
        can_park: true,
        channel: Channel::Wechat,
        notice: Some(Cause::ResultUnknown.into()),
        ..waiting(WaitKind::Checking, 31, 7)
    };
    let revoking = Waiting {
        can_park: true,
        notice: Some(Cause::Revoking.into()),
        ..waiting(WaitKind::Revoking, 52, 9)
    };
    vec![
        sample("waiting-paying", Page::Waiting(paying)),
        sample("waiting-paying-late", Page::Waiting(late)),
        sample("waiting-password", Page::Waiting(password)),
        sample("waiting-password-asked", Page::Waiting(asked_now)),
        sample("waiting-stopping", Page::Waiting(stopping)),
        sample("waiting-checking", Page::Waiting(checking)),
        sample("waiting-revoking", Page::Waiting(revoking)),
    ]
}

pub(super) fn ended(kind: OutcomeKind) -> OutcomePage {
    OutcomePage {
        kind,
        amount: "128.50".to_owned(),
        payer_amount: None,
        channel: Channel::Alipay,
        card: String::new(),
        can_again: !matches!(kind, OutcomeKind::Paid | OutcomeKind::Held),
        sign: false,
        take: false,
        voucher: "000458".to_owned(),
        order_tail: "000463".to_owned(),
        time: "09:41:07".to_owned(),
        can_print: kind == OutcomeKind::Paid,
        notice: None,
    }
}

fn outcomes() -> Vec<Sample> {
    let page = |kind, payer_amount: Option<&str>, notice: Option<Cause>| {
        Page::Outcome(OutcomePage {
            payer_amount: payer_amount.map(str::to_owned),
            notice: notice.map(Notice::from),
            ..ended(kind)
        })
    };
    let declined = Cause::Declined("BBS11184".to_owned());
    vec![
        sample("outcome-paid", page(OutcomeKind::Paid, None, None)),
        sample(
            "outcome-paid-discount",
            Page::Outcome(OutcomePage {
                payer_amount: Some("120.50".to_owned()),
                can_print: false,
                ..ended(OutcomeKind::Paid)
            }),
        ),
        sample(
            "outcome-paid-no-paper",
            page(
                OutcomeKind::Paid,
                None,
                Some(Cause::Printer(PrinterTrouble::PaperOut, 2)),
            ),
        ),
        sample(
            "outcome-declined",
            page(OutcomeKind::NotPaid, None, Some(declined)),
        ),
        sample(
            "outcome-not-sent",
            page(OutcomeKind::NotPaid, None, Some(Cause::NotSent)),
        ),
        sample(
            "outcome-revoked",
            page(OutcomeKind::Revoked, None, Some(Cause::Revoked)),
        ),
    ]
}

fn pending_page(count: usize) -> Page {
    let mut rows = vec![
        row(431, "58.00", Channel::Wechat, "08:12", RowState::Checking),
        row(452, "128.50", Channel::Alipay, "09:22", RowState::Revoking),
        row(
            456,
            "1,280.00",
            Channel::Unknown,
            "09:38",
            RowState::Checking,
        ),
    ];
    rows[0].attention = true;
    rows[1].asked = 9;
    rows[2].asked = 21;
    rows.truncate(count);
    Page::Pending(PendingPage { rows })
}

/// A grey picture as a camera gives it: a bright phone with a code, held into the light of a shop.
pub fn frame() -> PreviewFrame {
    const W: usize = 640;
    const H: usize = 480;
    let mut pixels = vec![0_u8; W * H];
    for (index, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (index % W, index / W);
        *pixel = grey(x, y);
    }
    PreviewFrame {
        w: 640,
        h: 480,
        pixels: pixels.into(),
    }
}

fn grey(x: usize, y: usize) -> u8 {
    let inside = |left, top, right, bottom| x >= left && x < right && y >= top && y < bottom;
    if inside(245, 165, 395, 315) {
        let (column, row) = ((x - 245) / 6, (y - 165) / 6);
        let finder = |c: usize, r: usize| {
            let (dc, dr) = (column.wrapping_sub(c), row.wrapping_sub(r));
            (dc < 7 && dr < 7).then(|| {
                let ring = dc.min(dr).min(6 - dc).min(6 - dr);
                ring != 1
            })
        };
        let corner = finder(0, 0).or(finder(18, 0)).or(finder(0, 18));
        let dark = corner.unwrap_or((column * 7 + row * 13 + column * row * 5) % 11 < 5);
        return if dark { 28 } else { 232 };
    }
    if inside(225, 60, 415, 420) {
        return 232;
    }
    if inside(212, 40, 428, 440) {
        return 18;
    }
    92
}
