//! Taps on the page of the network (网络).
//!
//! Owns when they count. What they mean is `view::NetworkUi`'s, who may is the driver's to ask.

use super::Act;
use crate::view::{Cause, Desk, DeskPage, NetworkPress, NetworkWish};

pub(super) fn tap(desk: &mut Desk, wish: NetworkWish) -> Act {
    let here = desk.page == DeskPage::Network;
    let opens = desk.page == DeskPage::Maintenance && wish == NetworkWish::Show;
    let Some(own) = desk.network.as_mut().filter(|_| here || opens) else {
        return Act::None;
    };
    let press = own.press(wish);
    if opens {
        super::maintain::forget_approval(desk);
        desk.page = DeskPage::Network;
    }
    match press {
        NetworkPress::None => Act::None,
        NetworkPress::Tell(note) => {
            desk.told = Some(Cause::Network(note));
            Act::None
        }
        NetworkPress::Now(_) | NetworkPress::Approve(_) => Act::Network(press),
    }
}

/// One part up, or back to the page of maintenance.
pub(super) fn back(desk: &mut Desk) -> DeskPage {
    match desk.network.as_mut().map(|own| own.back()) {
        Some(true) => DeskPage::Network,
        Some(false) | None => DeskPage::Maintenance,
    }
}
