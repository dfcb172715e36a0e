//! Taps on the page of maintenance (维护).
//!
//! Owns which of them count there. Whether a reset may be is the driver's to ask.

use super::Act;
use crate::view::{Desk, DeskPage, MaintainWish, ResetStage};

/// What a tap asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::terminal) enum ResetAct {
    /// Ask a supervisor, if it may be.
    Ask,
    /// It was approved and confirmed.
    Confirmed,
}

pub(super) fn tap(desk: &mut Desk, wish: MaintainWish) -> Act {
    match (wish, desk.page, desk.reset) {
        (MaintainWish::Show, DeskPage::Records, _) => {
            if desk.update.is_some() || desk.network.is_some() || desk.reset.is_some() {
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
        (MaintainWish::Show | MaintainWish::Reset | MaintainWish::ResetNow, _, _) => Act::None,
    }
}

/// Whoever left the page has not confirmed anything.
pub(super) fn forget_approval(desk: &mut Desk) {
    desk.reset = desk.reset.map(|_| ResetStage::Offered);
}
