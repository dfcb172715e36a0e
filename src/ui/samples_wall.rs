//! Samples of the pages around codes that are not part of a sale. See `samples`.

use super::samples::{Sample, sample};
use super::samples_more::CODE_TEXT;
use crate::view::pages::{LookPage, ReceiptPage, VerdictPage, WallPage, Whose};
use crate::view::{AimHint, Cause, Look, Page, PrinterTrouble};

/// As long as one with every line.
pub const RECEIPT_TEXT: &str = "电子小票 E-RECEIPT
练习 非交易凭证 TRAINING, NOT A RECEIPT
商户 MERCHANT: 朝阳便利店
商户编号 MERCHANT NO: 822290059430BFA
终端编号 TID: A1B2C3D4
支付方式 PAID BY: 支付宝
凭证号 VOUCHER: 000458
商户订单号 ORDER NO: A1B2C3D400100ABCDEFS00000463
日期/时间 DATE/TIME: 2026-11-26 09:41:07
金额 AMOUNT: RMB 128.50
顾客实付 PAID: RMB 120.00
已退回或退款中 RETURNED OR RETURNING: RMB 8.00
以收单机构记录为准";

/// Every state of these pages.
pub(super) fn all() -> Vec<Sample> {
    let look = |look, hint, cause: Option<Cause>| {
        Page::Look(LookPage {
            look,
            hint,
            notice: cause.map(Into::into),
        })
    };
    let verdict = |whose, name: &str, city: &str, host: &str| {
        Page::Verdict(VerdictPage {
            whose,
            name: name.to_owned(),
            city: city.to_owned(),
            host: host.to_owned(),
        })
    };
    let wall = |place, count, cause: Option<Cause>| {
        Page::Wall(WallPage {
            text: CODE_TEXT.to_owned(),
            merchant: "朝阳便利店".to_owned(),
            place,
            count,
            notice: cause.map(Into::into),
        })
    };
    let receipt = Page::Receipt(ReceiptPage {
        text: RECEIPT_TEXT.to_owned(),
    });
    let none = AimHint::None;
    vec![
        sample("look-slip", look(Look::Slip, none, None)),
        sample(
            "look-slip-unknown",
            look(Look::Slip, none, Some(Cause::SlipUnknown)),
        ),
        sample(
            "look-slip-payment",
            look(Look::Slip, AimHint::TooFar, Some(Cause::LookedPayment)),
        ),
        sample("look-wall", look(Look::Wall, none, None)),
        sample(
            "look-wall-strange",
            look(Look::Wall, AimHint::NoCamera, Some(Cause::WallStrange)),
        ),
        sample("verdict-ours", verdict(Whose::Ours, "", "", "")),
        sample(
            "verdict-stranger",
            verdict(Whose::Stranger, "MOON SHOP", "SHANGHAI", ""),
        ),
        sample(
            "verdict-link",
            verdict(Whose::Stranger, "", "", "qr.alipay.com"),
        ),
        sample(
            "verdict-altered",
            verdict(Whose::Altered, "朝阳便利店", "北京", ""),
        ),
        sample("wall", wall(1, 1, None)),
        sample("wall-several", wall(2, 3, None)),
        sample("receipt", receipt),
        sample("wall-no-printer", wall(1, 1, Some(Cause::NoPrinter))),
    ]
}

/// Every cause that these pages brought.
pub(super) fn causes() -> Vec<Cause> {
    vec![
        Cause::LookedPayment,
        Cause::SlipUnknown,
        Cause::SlipStrange,
        Cause::WallStrange,
        Cause::Printing,
        Cause::NoPrinter,
        Cause::Reprinting,
        Cause::ListQueued,
        Cause::Printer(PrinterTrouble::PaperOut, 2),
        Cause::Printer(PrinterTrouble::CoverOpen, 2),
        Cause::Printer(PrinterTrouble::Overheated, 2),
        Cause::Printer(PrinterTrouble::Jammed, 2),
        Cause::Printer(PrinterTrouble::Offline, 2),
        Cause::PrintQueueAnew,
        Cause::PrintQueueBroken,
    ]
}
