//! This machine's network: what its links say, whether the acquirer answers, Wi-Fi through iwd, and the wish for the
//! wired link.
//!
//! Owns the shapes of that state, how it is read, and the orders that change it. Never knows of a sale, the driver or
//! the journal: the screen of a terminal that cannot start uses it as well.

mod gate;
#[cfg(feature = "live")]
mod iwd;
mod links;
#[cfg(feature = "live")]
mod probe;
pub mod shared;
mod state;
#[cfg(feature = "live")]
mod task;
mod wifi;

pub use gate::NetworkGate;
pub use links::{Addressed, Files, read_links, read_servers};
#[cfg(feature = "live")]
pub use probe::{Acquirer, Portal, look};
pub use state::{
    LinkKind, LinkSeen, LinkState, NetworkDone, NetworkOrder, NetworkState, Reach, WifiNetwork,
    WifiState,
};
#[cfg(feature = "live")]
pub use task::{Bus, NetworkParts, start_network};
pub use wifi::{PASSPHRASE_MAX, PASSPHRASE_MIN, Passphrase, bars, shown_name};

/// The driver's, or the safe screen's, end of the task.
pub struct NetworkDesk {
    /// Orders; one too many is refused.
    pub orders: tokio::sync::mpsc::Sender<NetworkOrder>,
    /// How it stands before anything was looked at.
    pub first: NetworkState,
}
