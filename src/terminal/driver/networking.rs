//! The network at the till: who looks, who may change it, and what becomes of an order.
//!
//! Owns when the task reads; how long an approval holds is the gate's. Never touches a sale: another network may be
//! what makes an open one end, so nothing that is open speaks against it.

use tracing::warn;
use zeroize::Zeroizing;

use super::Driver;
use crate::network::{NetworkGate, NetworkOrder, NetworkState};
use crate::view::{Approves, Cause, DeskPage, NetworkNote, NetworkPress, NetworkUi};

/// What the driver remembers of it.
#[derive(Default)]
pub(super) struct Networking {
    /// The task reads, because somebody looks.
    watched: bool,
    gate: NetworkGate,
}

impl Driver {
    /// What is known before anything was read.
    pub(super) fn begin_network(&mut self) {
        let own = self.parts.network.as_ref();
        self.parts.desk.network = own.map(|own| NetworkUi::new(own.first.clone()));
    }

    pub(super) fn network_news(&mut self, state: NetworkState) {
        if let Some(own) = &mut self.parts.desk.network {
            own.news(state);
        }
    }

    /// Lets the task read only while somebody looks; whoever leaves the page leaves the approval.
    pub(super) fn watch_network(&mut self) {
        let desk = &self.parts.desk;
        let asked = desk.page == DeskPage::Approve && desk.approves == Approves::Network;
        let looks = desk.page == DeskPage::Network || asked;
        if !asked {
            self.network.gate.refuse();
        }
        if looks == self.network.watched {
            return;
        }
        self.network.gate.close();
        if self.order_network(NetworkOrder::Watch(looks)) {
            self.network.watched = looks;
        }
    }

    fn order_network(&mut self, order: NetworkOrder) -> bool {
        let Some(own) = &self.parts.network else {
            return false;
        };
        own.orders.try_send(order).is_ok()
    }

    pub(super) fn network_act(&mut self, press: NetworkPress) {
        match press {
            NetworkPress::None | NetworkPress::Tell(_) => {}
            NetworkPress::Now(order) => self.pass_on_network(order),
            NetworkPress::Approve(order) => {
                let now = self.now().tick;
                if let Some(order) = self.network.gate.pass(order, now) {
                    self.set_network(order);
                    return;
                }
                let desk = &mut self.parts.desk;
                desk.pin.take();
                desk.approves = Approves::Network;
                desk.page = DeskPage::Approve;
            }
        }
    }

    fn pass_on_network(&mut self, order: NetworkOrder) {
        if !self.order_network(order) {
            warn!("the network task takes no order");
            self.parts.desk.told = Some(Cause::Network(NetworkNote::NoService));
        }
    }

    fn set_network(&mut self, order: NetworkOrder) {
        if let Some(own) = &mut self.parts.desk.network {
            own.passed_on();
        }
        self.pass_on_network(order);
    }

    /// Checks the supervisor's PIN, then passes on what it was typed for.
    pub(super) async fn approve_network(&mut self, typed: Zeroizing<String>) {
        if self.supervisor(typed, "network").await.is_none() {
            return;
        }
        self.parts.desk.page = DeskPage::Network;
        let now = self.now().tick;
        if let Some(order) = self.network.gate.approve(now) {
            self.set_network(order);
        }
    }
}
