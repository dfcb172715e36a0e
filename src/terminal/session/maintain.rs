//! Taps on the page of maintenance (维护).
//!
//! Owns which of them count there. Whether a reset may be is the driver's to ask.

use super::{Act, network, updates};
use crate::terminal::SupportAsk;
use crate::view::{Desk, DeskPage, Intent, MaintainWish, ResetStage, SupportStage};

/// What a tap asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::terminal) enum ResetAct {
    /// Ask a supervisor, if it may be.
    Ask,
    /// It was approved and confirmed.
    Confirmed,
    /// No reset: end, and start in safe mode.
    Safe,
}

/// A tap that is about the terminal itself.
pub(super) fn of_terminal(desk: &mut Desk, intent: Intent) -> Act {
    if let Intent::Update(wish) = intent {
        updates::tap(desk, wish)
    } else if let Intent::Network(wish) = intent {
        network::tap(desk, wish)
    } else if let Intent::Maintain(wish) = intent {
        tap(desk, wish)
    } else {
        // Those buttons are on the screen of a terminal that does not start.
        Act::None
    }
}

fn tap(desk: &mut Desk, wish: MaintainWish) -> Act {
    match (wish, desk.page, desk.reset) {
        (MaintainWish::Show, DeskPage::Records, _) => {
            if desk.has_maintenance() {
                forget_approval(desk);
                desk.page = DeskPage::Maintenance;
            }
            Act::None
        }
        (MaintainWish::Reset, DeskPage::Maintenance, Some(ResetStage::Offered)) => {
            Act::Reset(ResetAct::Ask)
        }
        (MaintainWish::ResetNow, DeskPage::Maintenance, Some(ResetStage::Approved)) => {
            Act::Reset(ResetAct::Confirmed)
        }
        // A finger that rests on the name while somebody sells or types means nothing.
        (MaintainWish::Safe, DeskPage::Till, _) if !desk.amount.is_typed() => {
            Act::Reset(ResetAct::Safe)
        }
        (MaintainWish::Logs, DeskPage::Maintenance, _) if desk.support.is_some() => {
            forget_approval(desk);
            desk.page = DeskPage::Support;
            Act::Support(SupportAsk::Collect)
        }
        (MaintainWish::SendLogs, DeskPage::Support, _) if is_ready(desk) => {
            Act::Support(SupportAsk::Send)
        }
        _ => Act::None,
    }
}

fn is_ready(desk: &Desk) -> bool {
    let ready = |known: &crate::view::SupportState| known.stage == SupportStage::Ready;
    desk.support.as_ref().is_some_and(ready)
}

/// Whoever left the page has not confirmed anything.
pub(super) fn forget_approval(desk: &mut Desk) {
    desk.reset = desk.reset.map(|_| ResetStage::Offered);
}
