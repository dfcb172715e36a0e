//! What the operator is in the middle of on the page 网络: the part that is shown, the typed password and addresses.
//!
//! Owns what a press means there. Gives orders for whoever shows the page to pass on, some of them only after an
//! approval; knows neither driver nor journal. No `Debug` shows what was typed.

use std::fmt;

use zeroize::Zeroizing;

use super::network::{NetworkNote, fields};
use crate::network::shared::{Fixed, WiredSettings};
use crate::network::{NetworkOrder, NetworkState, PASSPHRASE_MAX, Passphrase, WifiNetwork};

/// The keys of each layer, 26 of them; the space has a key of its own. Together every printable ASCII character.
pub(super) const KEYS: [&str; 4] = [
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "1234567890.-_@!#$%&*+=?/:,",
    "'\"();<>[\\]^`{|}~",
];
/// An address, router or list of name servers is no longer.
const FIELD_MAX: usize = 31;

/// Which keys are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// Small letters.
    #[default]
    Small = 0,
    /// Capital letters.
    Capital = 1,
    /// Digits and the usual signs.
    Digits = 2,
    /// The other signs.
    Signs = 3,
}

/// A key of a password. Its `Debug` does not say which, because taps are logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub char);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// What a person asks on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkWish {
    /// 网络: show it.
    Show,
    /// 再查一次: ask the acquirer now.
    Look,
    /// The list of Wi-Fi networks.
    Wifi,
    /// 重新搜索.
    Scan,
    /// One of the list, by its place.
    Pick(usize),
    /// 连接.
    Join,
    /// 忘记.
    Forget,
    /// The wired link's addresses.
    Wired,
    /// By DHCP, or typed.
    Automatic(bool),
    /// The field that is typed in, by its place.
    Field(usize),
    /// A character.
    Key(Key),
    /// Small or capital letters, or more signs.
    Shift,
    /// Letters or digits.
    Other,
    /// Delete the last one.
    Backspace,
    /// 连接 with what was typed, or 保存.
    Send,
}

/// The part that is shown.
#[derive(Clone, PartialEq, Eq)]
pub enum NetworkAt {
    /// Every link.
    Overview,
    /// The list of Wi-Fi networks.
    Wifi,
    /// One of them.
    Chosen(WifiNetwork),
    /// Its password.
    Password(WifiNetwork),
    /// The wired link.
    Wired,
}

/// What follows from a press.
#[derive(Debug, PartialEq, Eq)]
pub enum NetworkPress {
    /// Nothing more.
    None,
    /// Pass this on.
    Now(NetworkOrder),
    /// Pass this on once a supervisor approved.
    Approve(NetworkOrder),
    /// Tell this.
    Tell(NetworkNote),
}

/// What the operator is in the middle of.
#[derive(Clone)]
pub struct NetworkUi {
    /// What is known.
    pub state: NetworkState,
    /// The part that is shown.
    pub(super) at: NetworkAt,
    secret: Zeroizing<String>,
    pub(super) layer: Layer,
    pub(super) automatic: bool,
    pub(super) fields: [String; 3],
    pub(super) field: usize,
    /// What became of the last order; gone with the next press.
    pub(super) ended: Option<NetworkNote>,
}

impl NetworkUi {
    /// Begins with the overview.
    pub fn new(state: NetworkState) -> Self {
        Self {
            state,
            at: NetworkAt::Overview,
            secret: Zeroizing::default(),
            layer: Layer::Small,
            automatic: true,
            fields: Default::default(),
            field: 0,
            ended: None,
        }
    }

    /// How many characters of the password were typed.
    pub(super) fn typed(&self) -> usize {
        self.secret.len()
    }

    /// Takes what the task tells.
    pub fn news(&mut self, state: NetworkState) {
        if let Some((_, done)) = state.done.filter(|_| state.done != self.state.done) {
            self.ended = Some(done.into());
        }
        self.state = state;
    }

    /// One part up; false when the page is left.
    pub fn back(&mut self) -> bool {
        self.secret = Zeroizing::default();
        self.ended = None;
        self.at = match &self.at {
            NetworkAt::Overview => return false,
            NetworkAt::Wifi | NetworkAt::Wired => NetworkAt::Overview,
            NetworkAt::Chosen(_) => NetworkAt::Wifi,
            NetworkAt::Password(network) => NetworkAt::Chosen(network.clone()),
        };
        true
    }

    /// An order was passed on: what was typed for it is gone.
    pub fn passed_on(&mut self) {
        self.secret = Zeroizing::default();
        self.at = match &self.at {
            NetworkAt::Overview | NetworkAt::Wired => NetworkAt::Overview,
            NetworkAt::Wifi | NetworkAt::Chosen(_) | NetworkAt::Password(_) => NetworkAt::Wifi,
        };
    }

    /// Takes a press.
    pub fn press(&mut self, wish: NetworkWish) -> NetworkPress {
        self.ended = None;
        match wish {
            NetworkWish::Show => {
                self.at = NetworkAt::Overview;
                NetworkPress::None
            }
            NetworkWish::Look => NetworkPress::Now(NetworkOrder::Look),
            NetworkWish::Wifi | NetworkWish::Scan if self.state.wifi.is_some() => {
                self.at = NetworkAt::Wifi;
                NetworkPress::Now(NetworkOrder::Scan)
            }
            NetworkWish::Wifi | NetworkWish::Scan => NetworkPress::None,
            NetworkWish::Pick(place) => {
                let wifi = self.state.wifi.as_ref();
                let network = wifi.and_then(|wifi| wifi.networks.get(place));
                if let (NetworkAt::Wifi, Some(network)) = (&self.at, network) {
                    self.at = NetworkAt::Chosen(network.clone());
                }
                NetworkPress::None
            }
            NetworkWish::Join => self.join(),
            NetworkWish::Forget => self.forget(),
            NetworkWish::Wired => {
                if self.state.wired.is_some() {
                    (self.automatic, self.fields) = fields(self.state.wired.as_ref());
                    self.field = 0;
                    self.at = NetworkAt::Wired;
                }
                NetworkPress::None
            }
            NetworkWish::Automatic(_)
            | NetworkWish::Field(_)
            | NetworkWish::Key(_)
            | NetworkWish::Shift
            | NetworkWish::Other
            | NetworkWish::Backspace
            | NetworkWish::Send => self.type_in(wish),
        }
    }

    /// 连接: at once for what needs no password, otherwise after it was typed.
    fn join(&mut self) -> NetworkPress {
        let NetworkAt::Chosen(network) = &self.at else {
            return NetworkPress::None;
        };
        if network.foreign || network.joined {
            return NetworkPress::None;
        }
        if network.open || network.known {
            let id = network.id.clone();
            return NetworkPress::Approve(NetworkOrder::Join {
                id,
                passphrase: None,
            });
        }
        self.layer = Layer::Small;
        self.at = NetworkAt::Password(network.clone());
        NetworkPress::None
    }

    fn forget(&self) -> NetworkPress {
        if let NetworkAt::Chosen(network) = &self.at
            && network.known
        {
            let id = network.id.clone();
            return NetworkPress::Approve(NetworkOrder::Forget { id });
        }
        NetworkPress::None
    }

    fn type_in(&mut self, wish: NetworkWish) -> NetworkPress {
        match &self.at {
            NetworkAt::Password(network) => {
                let id = network.id.clone();
                self.type_password(wish, id)
            }
            NetworkAt::Wired => self.type_address(wish),
            NetworkAt::Overview | NetworkAt::Wifi | NetworkAt::Chosen(_) => NetworkPress::None,
        }
    }

    fn type_password(&mut self, wish: NetworkWish, id: String) -> NetworkPress {
        match wish {
            NetworkWish::Key(Key(c)) => {
                let plain = c == ' ' || c.is_ascii_graphic();
                if plain && self.secret.len() < PASSPHRASE_MAX {
                    // Room for all of it at once, so that no copy stays behind where it was shorter.
                    if self.secret.capacity() == 0 {
                        self.secret.reserve(PASSPHRASE_MAX);
                    }
                    self.secret.push(c);
                }
            }
            NetworkWish::Backspace => {
                self.secret.pop();
            }
            NetworkWish::Shift => {
                self.layer = match self.layer {
                    Layer::Small => Layer::Capital,
                    Layer::Capital => Layer::Small,
                    Layer::Digits => Layer::Signs,
                    Layer::Signs => Layer::Digits,
                };
            }
            NetworkWish::Other => {
                self.layer = match self.layer {
                    Layer::Small | Layer::Capital => Layer::Digits,
                    Layer::Digits | Layer::Signs => Layer::Small,
                };
            }
            NetworkWish::Send => {
                if let Some(passphrase) = Passphrase::typed(&self.secret) {
                    return NetworkPress::Approve(NetworkOrder::Join {
                        id,
                        passphrase: Some(passphrase),
                    });
                }
            }
            NetworkWish::Show
            | NetworkWish::Look
            | NetworkWish::Wifi
            | NetworkWish::Scan
            | NetworkWish::Pick(_)
            | NetworkWish::Join
            | NetworkWish::Forget
            | NetworkWish::Wired
            | NetworkWish::Automatic(_)
            | NetworkWish::Field(_) => {}
        }
        NetworkPress::None
    }

    fn type_address(&mut self, wish: NetworkWish) -> NetworkPress {
        let field = &mut self.fields[self.field.min(2)];
        match wish {
            NetworkWish::Automatic(on) => self.automatic = on,
            NetworkWish::Field(place) if place < 3 => self.field = place,
            NetworkWish::Key(Key(c)) if !self.automatic => {
                let fits = c.is_ascii_digit() || ". /".contains(c);
                if fits && field.len() < FIELD_MAX {
                    field.push(c);
                }
            }
            NetworkWish::Backspace if !self.automatic => {
                field.pop();
            }
            NetworkWish::Send => return self.save(),
            NetworkWish::Show
            | NetworkWish::Look
            | NetworkWish::Wifi
            | NetworkWish::Scan
            | NetworkWish::Pick(_)
            | NetworkWish::Join
            | NetworkWish::Forget
            | NetworkWish::Wired
            | NetworkWish::Field(_)
            | NetworkWish::Key(_)
            | NetworkWish::Backspace
            | NetworkWish::Shift
            | NetworkWish::Other => {}
        }
        NetworkPress::None
    }

    fn save(&self) -> NetworkPress {
        let [address, gateway, dns] = &self.fields;
        let settings = if self.automatic {
            Ok(WiredSettings::Automatic)
        } else {
            Fixed::typed(address, gateway, dns).map(WiredSettings::Fixed)
        };
        match settings {
            Ok(settings) => NetworkPress::Approve(NetworkOrder::Wired(settings)),
            Err(mistake) => NetworkPress::Tell(NetworkNote::BadAddress(mistake)),
        }
    }
}
