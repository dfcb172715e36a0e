//! 网络 on the screen of a terminal that does not start: what a tap there means, and who may change anything.
//!
//! Owns the way to the task; how long an approval holds is the gate's. Reads and sets nothing itself.

use std::future::pending;

use shouyin::domain::Tick;
use shouyin::network::{NetworkDesk, NetworkGate, NetworkOrder, NetworkState};
use shouyin::view::{
    Cause, NetworkNote, NetworkPage, NetworkPress, NetworkUi, NetworkWish, network_page,
};
use tokio::sync::{mpsc, watch};

/// What a tap leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing more.
    Stay,
    /// This is to be told.
    Tell(NetworkNote),
    /// A supervisor has to approve first.
    AskPin,
}

/// The screen's end of the network task.
pub struct Line {
    orders: mpsc::Sender<NetworkOrder>,
    news: watch::Receiver<NetworkState>,
    ui: NetworkUi,
    gate: NetworkGate,
}

impl Line {
    pub fn new(own: NetworkDesk, news: watch::Receiver<NetworkState>) -> Self {
        Self {
            orders: own.orders,
            news,
            ui: NetworkUi::new(own.first),
            gate: NetworkGate::default(),
        }
    }

    pub fn page(&self, told: Option<&Cause>) -> NetworkPage {
        network_page(&self.ui, told)
    }

    /// The page is turned to: the task reads from now on.
    pub fn open(&mut self) {
        self.ui.press(NetworkWish::Show);
        self.pass_on(NetworkOrder::Watch(true));
    }

    /// One part up; false when the page is left, and the approval with it.
    pub fn back(&mut self) -> bool {
        let stays = self.ui.back();
        if !stays {
            self.gate.close();
            self.pass_on(NetworkOrder::Watch(false));
        }
        stays
    }

    pub fn tap(&mut self, wish: NetworkWish, now: Tick) -> Then {
        match self.ui.press(wish) {
            NetworkPress::None => Then::Stay,
            NetworkPress::Tell(note) => Then::Tell(note),
            NetworkPress::Now(order) => self.pass_on(order),
            NetworkPress::Approve(order) => match self.gate.pass(order, now) {
                Some(order) => self.set(order),
                None => Then::AskPin,
            },
        }
    }

    /// A supervisor approved: what waited for it is passed on.
    pub fn approve(&mut self, now: Tick) -> Then {
        let order = self.gate.approve(now);
        order.map_or(Then::Stay, |order| self.set(order))
    }

    /// Nobody approved: what waited is forgotten.
    pub fn refuse(&mut self) {
        self.gate.refuse();
    }

    fn set(&mut self, order: NetworkOrder) -> Then {
        self.ui.passed_on();
        self.pass_on(order)
    }

    fn pass_on(&self, order: NetworkOrder) -> Then {
        match self.orders.try_send(order) {
            Ok(()) => Then::Stay,
            Err(_full) => {
                tracing::warn!("the network task takes no order");
                Then::Tell(NetworkNote::NoService)
            }
        }
    }
}

/// Takes the next news of the network; never ends where there is none.
pub async fn news(line: Option<&mut Line>) {
    let Some(line) = line else {
        return pending().await;
    };
    if line.news.changed().await.is_err() {
        return pending().await;
    }
    let state = line.news.borrow_and_update().clone();
    line.ui.news(state);
}
