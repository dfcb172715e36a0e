//! What is known of the network, and what can be asked of it: plain data.
//!
//! Owns the shapes. Decides nothing.

use super::shared::WiredSettings;
use super::wifi::Passphrase;

/// What a link is, in the order in which it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// 有线.
    Wired,
    /// Wi-Fi.
    Wifi,
    /// 流量卡: a modem that shows itself as a network card.
    Modem,
}

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// No cable, no network joined, no carrier.
    Down,
    /// Joined, but it has no address.
    NoAddress,
    /// It has an address.
    Ready,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSeen {
    /// What it is.
    pub kind: LinkKind,
    /// The system's name of it, e.g. `enp1s0`.
    pub name: String,
    /// Its hardware address, which a network's administrator may have to allow.
    pub hardware: String,
    /// How it stands.
    pub state: LinkState,
    /// Address with the length of its prefix; empty without one.
    pub address: String,
    /// Its router; empty without one.
    pub gateway: String,
    /// Requests leave through it.
    pub in_use: bool,
}

/// Whether the acquirer answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Nobody has asked yet, or there is nobody to ask.
    #[default]
    Untried,
    /// It answered over TLS with a certificate that counts; one round trip took so long.
    Answers {
        /// Milliseconds.
        ms: u32,
    },
    /// No link has an address and a router.
    NoLink,
    /// Its name is not known to the name servers.
    NoName,
    /// Nothing answers.
    Silent,
    /// Something answers that is not the acquirer, or the clock is wrong.
    Stranger,
    /// The network wants somebody to sign in first.
    Portal,
}

/// One Wi-Fi network in range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WifiNetwork {
    /// How iwd calls it.
    pub id: String,
    /// Its name as it can be shown.
    pub name: String,
    /// Nobody needs a password for it, and everybody can listen.
    pub open: bool,
    /// It wants more than a password (802.1X, WEP): it cannot be joined here.
    pub foreign: bool,
    /// 0 to 4.
    pub bars: u8,
    /// It was joined before; no password is asked.
    pub known: bool,
    /// It is joined.
    pub joined: bool,
}

/// Wi-Fi, where there is a radio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WifiState {
    /// It looks for networks.
    pub scanning: bool,
    /// It joins one.
    pub joining: bool,
    /// What is in range, strongest first.
    pub networks: Vec<WifiNetwork>,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkDone {
    /// The network was joined.
    Joined,
    /// It was not: the password is wrong, most likely.
    WrongPassword,
    /// It was not: out of range, or it refuses us.
    NotJoined,
    /// It is forgotten.
    Forgotten,
    /// The wired link follows its new settings.
    WiredSet,
    /// The wired link's settings were not taken.
    NotSet,
    /// The Wi-Fi service does not answer.
    NoService,
}

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Somebody looks right now.
    pub looking: bool,
    /// Every link, in the order in which they are used.
    pub links: Vec<LinkSeen>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Whether the acquirer answers.
    pub reach: Reach,
    /// How the wired link gets its address; none where the system decides and nothing can be changed here.
    pub wired: Option<WiredSettings>,
    /// Wi-Fi; none where there is no radio or no iwd.
    pub wifi: Option<WifiState>,
    /// An order is being followed.
    pub busy: bool,
    /// What became of the last one, and how many there were: the same end twice is two.
    pub done: Option<(u32, NetworkDone)>,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkOrder {
    /// Somebody looks at the page, or has left it: nothing is read while nobody does.
    Watch(bool),
    /// Ask the acquirer again now.
    Look,
    /// Look for Wi-Fi networks.
    Scan,
    /// Join this one.
    Join {
        /// How iwd calls it.
        id: String,
        /// None for an open or a known one.
        passphrase: Option<Passphrase>,
    },
    /// Forget this one with its password.
    Forget {
        /// How iwd calls it.
        id: String,
    },
    /// Set the wired link.
    Wired(WiredSettings),
}
