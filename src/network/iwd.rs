//! Wi-Fi through iwd's interface on D-Bus, as `net.connman.iwd` documents it.
//!
//! Owns the conversation: what is in range, look, join, forget, and the agent that hands over the passphrase of the one
//! network that is being joined. Logs no passphrase; iwd itself keeps it in its own directory, readable for root only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use zbus::fdo::{ManagedObjects, ObjectManagerProxy};
use zbus::zvariant::{DynamicType, ObjectPath, OwnedObjectPath, OwnedValue};
use zbus::{Connection, Message};

use super::state::{NetworkDone, WifiNetwork, WifiState};
use super::wifi::{Passphrase, bars, shown_name};

const SERVICE: &str = "net.connman.iwd";
const STATION: &str = "net.connman.iwd.Station";
const NETWORK: &str = "net.connman.iwd.Network";
const KNOWN: &str = "net.connman.iwd.KnownNetwork";
const AGENTS: &str = "net.connman.iwd.AgentManager";
const AGENTS_AT: &str = "/net/connman/iwd";
const AGENT_AT: &str = "/shouyin/agent";
/// An answer takes so long at the most; joining a network takes longer.
const PATIENCE: Duration = Duration::from_secs(5);
const JOINING: Duration = Duration::from_secs(45);
/// So many networks are listed.
const LISTED: usize = 40;

/// The passphrase that may be asked for, and for which network.
type Held = Arc<Mutex<Option<(OwnedObjectPath, Passphrase)>>>;

/// A connection to the bus on which iwd is, or will be.
pub(super) struct Iwd {
    bus: Connection,
    held: Held,
}

/// What iwd is told when it asks for anything else.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "net.connman.iwd.Agent.Error")]
enum AgentError {
    #[zbus(error)]
    ZBus(zbus::Error),
    Canceled(String),
}

struct Agent {
    held: Held,
}

#[zbus::interface(name = "net.connman.iwd.Agent")]
impl Agent {
    fn release(&self) {}

    fn cancel(&self, _reason: &str) {}

    /// iwd asks for the passphrase of `network`; it is handed over once.
    fn request_passphrase(&self, network: OwnedObjectPath) -> Result<String, AgentError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.take() {
            Some((of, passphrase)) if of == network => Ok(passphrase.reveal().to_owned()),
            Some(_) | None => Err(AgentError::Canceled("nothing was typed".to_owned())),
        }
    }
}

impl Iwd {
    /// Connects; none where there is no bus.
    pub(super) async fn connect(address: Option<&str>) -> Option<Self> {
        let builder = match address {
            Some(address) => zbus::connection::Builder::address(address),
            None => zbus::connection::Builder::system(),
        };
        let held = Held::default();
        let agent = Agent {
            held: Arc::clone(&held),
        };
        let built = builder.ok()?.serve_at(AGENT_AT, agent).ok()?.build();
        let bus = timeout(PATIENCE, built).await.ok()?.ok()?;
        Some(Self { bus, held })
    }

    /// Reads what is in range; none without iwd or without a radio that is a station.
    pub(super) async fn state(&self) -> Option<WifiState> {
        let objects = self.objects().await?;
        let station = station(&objects)?;
        let order = self.call(station, STATION, "GetOrderedNetworks", &());
        let order = order.await.ok()?;
        let order: Vec<(OwnedObjectPath, i16)> = order.body().deserialize().ok()?;
        Some(read(&objects, station, &order))
    }

    async fn objects(&self) -> Option<ManagedObjects> {
        let proxy = ObjectManagerProxy::builder(&self.bus)
            .destination(SERVICE)
            .and_then(|builder| builder.path("/"))
            .ok()?;
        let proxy = proxy.build().await.ok()?;
        let asked = timeout(PATIENCE, proxy.get_managed_objects()).await;
        asked.ok()?.ok()
    }

    async fn call<B>(
        &self,
        at: &ObjectPath<'_>,
        interface: &str,
        method: &str,
        body: &B,
    ) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        let call = self
            .bus
            .call_method(Some(SERVICE), at, Some(interface), method, body);
        match timeout(PATIENCE, call).await {
            Ok(answer) => answer,
            Err(_) => Err(zbus::Error::Failure("iwd does not answer".to_owned())),
        }
    }

    /// Looks for networks. iwd refuses while it looks already, which is as good.
    pub(super) async fn scan(&self) -> Option<NetworkDone> {
        let objects = self.objects().await;
        let station = objects.as_ref().and_then(station);
        match station {
            Some(station) => {
                self.call(station, STATION, "Scan", &()).await.ok();
                None
            }
            None => Some(NetworkDone::NoService),
        }
    }

    /// Joins a network. The passphrase is gone afterwards, whatever happened.
    pub(super) async fn join(&self, id: &str, passphrase: Option<Passphrase>) -> NetworkDone {
        let (Ok(network), Ok(agents), Ok(agent)) = (
            OwnedObjectPath::try_from(id),
            ObjectPath::try_from(AGENTS_AT),
            ObjectPath::try_from(AGENT_AT),
        ) else {
            return NetworkDone::NotJoined;
        };
        let typed = passphrase.is_some();
        self.hold(passphrase.map(|passphrase| (network.clone(), passphrase)));
        let own = (agent,);
        let registered = self.call(&agents, AGENTS, "RegisterAgent", &own);
        if registered.await.is_err() {
            self.hold(None);
            return NetworkDone::NoService;
        }
        let joined = self
            .bus
            .call_method(Some(SERVICE), &network, Some(NETWORK), "Connect", &());
        let joined = timeout(JOINING, joined).await;
        self.hold(None);
        let left = self.call(&agents, AGENTS, "UnregisterAgent", &own);
        // It is registered anew for the next one, and iwd forgets it with our connection.
        left.await.ok();
        match joined {
            Ok(Ok(_)) => NetworkDone::Joined,
            Ok(Err(zbus::Error::MethodError(name, _, _)))
                if typed && is_about_passphrase(name.as_str()) =>
            {
                NetworkDone::WrongPassword
            }
            Ok(Err(_)) | Err(_) => NetworkDone::NotJoined,
        }
    }

    fn hold(&self, what: Option<(OwnedObjectPath, Passphrase)>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// Forgets a network with its passphrase.
    pub(super) async fn forget(&self, id: &str) -> NetworkDone {
        let Some(objects) = self.objects().await else {
            return NetworkDone::NoService;
        };
        let network = OwnedObjectPath::try_from(id).ok();
        let known = network.and_then(|network| known(&objects, &network));
        let Some(known) = known else {
            return NetworkDone::Forgotten;
        };
        match self.call(&known, KNOWN, "Forget", &()).await {
            Ok(_) => NetworkDone::Forgotten,
            Err(_) => NetworkDone::NoService,
        }
    }
}

/// iwd says no more than that when the other side did not agree on a key.
fn is_about_passphrase(name: &str) -> bool {
    ["net.connman.iwd.Failed", "net.connman.iwd.InvalidFormat"].contains(&name)
}

fn station(objects: &ManagedObjects) -> Option<&OwnedObjectPath> {
    let stations = objects.iter().filter(|(_, has)| has.contains_key(STATION));
    // With several radios always the same one.
    stations
        .map(|(path, _)| path)
        .min_by_key(|path| path.as_str())
}

type Properties = HashMap<String, OwnedValue>;

fn properties<'a>(
    objects: &'a ManagedObjects,
    at: &OwnedObjectPath,
    of: &str,
) -> Option<&'a Properties> {
    objects.get(at)?.get(of)
}

fn word<'a>(own: &'a Properties, name: &str) -> &'a str {
    let value = own.get(name).map(|value| value.downcast_ref::<&str>());
    value.and_then(Result::ok).unwrap_or_default()
}

fn is(own: &Properties, name: &str) -> bool {
    let value = own.get(name).map(|value| value.downcast_ref::<bool>());
    value.and_then(Result::ok).unwrap_or_default()
}

fn known(objects: &ManagedObjects, network: &OwnedObjectPath) -> Option<OwnedObjectPath> {
    let value = properties(objects, network, NETWORK)?.get("KnownNetwork")?;
    let path = value.downcast_ref::<ObjectPath<'_>>().ok()?;
    Some(path.into_owned().into())
}

fn read(
    objects: &ManagedObjects,
    at: &OwnedObjectPath,
    order: &[(OwnedObjectPath, i16)],
) -> WifiState {
    let empty = Properties::new();
    let own = properties(objects, at, STATION).unwrap_or(&empty);
    let networks = order.iter().filter_map(|(path, strength)| {
        let network = properties(objects, path, NETWORK)?;
        let kind = word(network, "Type");
        Some(WifiNetwork {
            id: path.as_str().to_owned(),
            name: shown_name(word(network, "Name")),
            open: kind == "open",
            foreign: !["open", "psk"].contains(&kind),
            bars: bars(*strength),
            known: network.contains_key("KnownNetwork"),
            joined: is(network, "Connected"),
        })
    });
    WifiState {
        scanning: is(own, "Scanning"),
        joining: word(own, "State") == "connecting",
        networks: networks.take(LISTED).collect(),
    }
}
