//! The two ends between the driver and the updater.
//!
//! Owns their shapes only; a build without a network has no updater behind them.

use tokio::sync::{mpsc, watch};

use crate::update::rule::Window;
use crate::view::UpdateState;

/// What the driver wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateOrder {
    /// Ask the server now.
    Look,
    /// Install what lies ready, if it is this version.
    Install(u32),
    /// Go back to this version.
    Back(u32),
    /// Start the machine anew.
    Restart,
}

/// The driver's end of it.
pub struct UpdateDesk {
    /// Orders; one too many is refused.
    pub orders: mpsc::Sender<UpdateOrder>,
    /// Somebody waits for the network.
    pub busy: watch::Sender<bool>,
    /// The merchant's hours.
    pub window: Option<Window>,
    /// How it stands before anything was looked at.
    pub first: UpdateState,
}
