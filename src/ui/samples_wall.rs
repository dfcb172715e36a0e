//! Samples of the pages around codes that are not part of a sale. See `samples`.

use super::samples::{Sample, sample};
use super::samples_more::CODE_TEXT;
use crate::view::pages::{LookPage, VerdictPage, WallPage, Whose};
use crate::view::{AimHint, Cause, Look, Page, PrinterTrouble};

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
