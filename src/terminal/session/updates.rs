//! Taps on the page of updates.
//!
//! Owns which of them count there. Whether anything may begin is the driver's to ask.

use super::Act;
use crate::view::{Desk, DeskPage, UpdateStage, UpdateWish};

/// What a tap asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::terminal) enum UpdateAct {
    /// Ask the server now.
    Look,
    /// Install what lies ready, after a supervisor approved.
    Install,
    /// Go back to the version in the other slot, after a supervisor approved.
    Back,
}

pub(super) fn tap(desk: &mut Desk, wish: UpdateWish) -> Act {
    let Some(state) = &desk.update else {
        return Act::None;
    };
    let quiet = matches!(state.stage, UpdateStage::Idle | UpdateStage::Ready);
    let act = match (wish, desk.page) {
        (UpdateWish::Show, DeskPage::Maintenance) => {
            super::maintain::forget_approval(desk);
            desk.update_despite = false;
            desk.page = DeskPage::Update;
            return Act::None;
        }
        (UpdateWish::Look, DeskPage::Update) if state.stage == UpdateStage::Idle => UpdateAct::Look,
        (UpdateWish::Install, DeskPage::Update) if state.stage == UpdateStage::Ready => {
            UpdateAct::Install
        }
        (UpdateWish::Back, DeskPage::Update) if quiet && state.back.is_some() => UpdateAct::Back,
        _ => return Act::None,
    };
    Act::Update(act)
}
