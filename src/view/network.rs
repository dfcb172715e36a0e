//! 网络: how the links, the acquirer and Wi-Fi stand, what is told of them, and the pages.
//!
//! Owns the page as a function of what is known and what the operator is in the middle of. Decides nothing.

use super::network_desk::{KEYS, Layer, NetworkAt, NetworkUi};
use super::notice::{Cause, Notice};
use crate::network::shared::{Mistake, WiredSettings};
use crate::network::{
    LinkSeen, LinkState, NetworkDone, NetworkState, PASSPHRASE_MIN, Reach, WifiNetwork,
};

/// What is told of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkNote {
    /// No link is connected.
    NoLink,
    /// A link is connected and has no address.
    NoAddress,
    /// The acquirer's name is not found.
    NoName,
    /// The acquirer does not answer.
    Silent,
    /// Something answers that is not the acquirer.
    Stranger,
    /// The network wants somebody to sign in.
    Portal,
    /// The password is wrong.
    WrongPassword,
    /// The Wi-Fi network was not joined.
    NotJoined,
    /// The Wi-Fi service does not answer.
    NoService,
    /// The wired link's settings were not taken.
    NotSet,
    /// What was typed cannot be an address.
    BadAddress(Mistake),
    /// The Wi-Fi network was joined.
    Joined,
    /// It is forgotten.
    Forgotten,
    /// The wired link follows its new settings.
    WiredSet,
}

impl NetworkNote {
    /// The code beside the words.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::NoLink => "N01",
            Self::NoAddress => "N02",
            Self::NoName => "N03",
            Self::Silent => "N04",
            Self::Stranger => "N05",
            Self::Portal => "N06",
            Self::WrongPassword => "N07",
            Self::NotJoined => "N08",
            Self::NoService => "N09",
            Self::NotSet => "N10",
            Self::BadAddress(Mistake::Address) => "N11",
            Self::BadAddress(Mistake::Prefix) => "N12",
            Self::BadAddress(Mistake::Gateway) => "N13",
            Self::BadAddress(Mistake::Dns) => "N14",
            Self::Joined => "N15",
            Self::Forgotten => "N16",
            Self::WiredSet => "N17",
        }
    }

    /// Tells whether it is no fault.
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Joined | Self::Forgotten | Self::WiredSet)
    }
}

impl From<NetworkDone> for NetworkNote {
    fn from(done: NetworkDone) -> Self {
        match done {
            NetworkDone::Joined => Self::Joined,
            NetworkDone::WrongPassword => Self::WrongPassword,
            NetworkDone::NotJoined => Self::NotJoined,
            NetworkDone::Forgotten => Self::Forgotten,
            NetworkDone::WiredSet => Self::WiredSet,
            NetworkDone::NotSet => Self::NotSet,
            NetworkDone::NoService => Self::NoService,
        }
    }
}

/// The page, with the part of it that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPage {
    /// Which part.
    pub part: NetworkPart,
    /// An order is being followed.
    pub busy: bool,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// A part of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkPart {
    /// Every link, and whether the acquirer answers.
    Overview(Overview),
    /// The Wi-Fi networks in range.
    Wifi {
        /// Strongest first.
        networks: Vec<WifiNetwork>,
        /// It looks for more.
        scanning: bool,
    },
    /// One of them.
    Chosen(WifiNetwork),
    /// Its password is typed.
    Password {
        /// The network's name.
        name: String,
        /// How many characters were typed; never which.
        typed: usize,
        /// The keys, as one text.
        keys: &'static str,
        /// Which keys these are.
        layer: Layer,
        /// It is long enough.
        can_send: bool,
    },
    /// The wired link's addresses are typed.
    Wired {
        /// By DHCP; the fields do not count.
        automatic: bool,
        /// Address with prefix, router, name servers, as typed.
        fields: [String; 3],
        /// Which of them is typed in.
        field: usize,
    },
}

/// How the network stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// In the order in which they are used.
    pub links: Vec<LinkSeen>,
    /// Name servers.
    pub dns: String,
    /// Whether the acquirer answers.
    pub reach: Reach,
    /// The acquirer is being asked.
    pub looking: bool,
    /// Whether Wi-Fi can be set here.
    pub can_wifi: bool,
    /// Whether the wired link can be set here.
    pub can_wired: bool,
}

/// Builds the page. What was told to the desk goes before what can be seen.
pub fn network_page(ui: &NetworkUi, told: Option<&Cause>) -> NetworkPage {
    let state = &ui.state;
    let seen = || {
        // A fault of the line would stand between a person and the keys.
        let shows = matches!(ui.at, NetworkAt::Overview);
        fault(state).filter(|_| shows).map(Cause::Network)
    };
    let ended = || ui.ended.map(Cause::Network);
    let told = told.cloned().or_else(ended).or_else(seen);
    NetworkPage {
        part: part(ui),
        busy: state.busy,
        notice: told.map(Into::into),
    }
}

fn part(ui: &NetworkUi) -> NetworkPart {
    let state = &ui.state;
    match &ui.at {
        NetworkAt::Overview => NetworkPart::Overview(Overview {
            links: state.links.clone(),
            dns: state.dns.join("  "),
            reach: state.reach,
            looking: state.looking,
            can_wifi: state.wifi.is_some(),
            can_wired: state.wired.is_some(),
        }),
        NetworkAt::Wifi => {
            let wifi = state.wifi.clone().unwrap_or_default();
            NetworkPart::Wifi {
                networks: wifi.networks,
                scanning: wifi.scanning,
            }
        }
        NetworkAt::Chosen(network) => NetworkPart::Chosen(network.clone()),
        NetworkAt::Password(network) => NetworkPart::Password {
            name: network.name.clone(),
            typed: ui.typed(),
            keys: KEYS[ui.layer as usize],
            layer: ui.layer,
            can_send: ui.typed() >= PASSPHRASE_MIN && !state.busy,
        },
        NetworkAt::Wired => NetworkPart::Wired {
            automatic: ui.automatic,
            fields: ui.fields.clone(),
            field: ui.field,
        },
    }
}

/// What is wrong with the network, the first thing that has to be mended.
pub(super) fn fault(state: &NetworkState) -> Option<NetworkNote> {
    if state.links.is_empty() && state.reach == Reach::Untried {
        // Nothing was read yet.
        return None;
    }
    match state.reach {
        Reach::Untried | Reach::Answers { .. } => None,
        Reach::NoLink => {
            let mut links = state.links.iter();
            let waits = links.any(|link| link.state == LinkState::NoAddress);
            Some(if waits {
                NetworkNote::NoAddress
            } else {
                NetworkNote::NoLink
            })
        }
        Reach::NoName => Some(NetworkNote::NoName),
        Reach::Silent => Some(NetworkNote::Silent),
        Reach::Stranger => Some(NetworkNote::Stranger),
        Reach::Portal => Some(NetworkNote::Portal),
    }
}

/// The fields of the wired link as it is set.
pub(super) fn fields(settings: Option<&WiredSettings>) -> (bool, [String; 3]) {
    match settings {
        Some(WiredSettings::Fixed(own)) => (false, own.texts()),
        Some(WiredSettings::Automatic) | None => (true, Default::default()),
    }
}
