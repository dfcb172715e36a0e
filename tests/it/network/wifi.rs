//! Wi-Fi against an iwd written apart, on a bus of its own: what is in range, looking, joining with the agent's
//! passphrase, a wrong one, forgetting, and no bus at all.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use shouyin::network::{
    Addressed, Bus, Files, NetworkDesk, NetworkDone, NetworkOrder, NetworkParts, NetworkState,
    Passphrase, start_network,
};
use tempfile::TempDir;
use tokio::sync::watch;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use crate::till::runtime;

/// The bus, ended with the test.
pub struct PrivateBus {
    daemon: Child,
    pub address: String,
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl PrivateBus {
    /// Starts one; none where there is no `dbus-daemon`, and a line says so.
    pub fn start() -> Option<Self> {
        let started = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = started else {
            eprintln!("skipped: dbus-daemon is not installed");
            return None;
        };
        let mut address = String::new();
        let out = daemon.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut address).unwrap();
        Some(Self {
            daemon,
            address: address.trim().to_owned(),
        })
    }
}

/// What the peer was asked, and what it knows.
#[derive(Default)]
pub struct Radio {
    pub scans: u32,
    pub agent: Option<(String, OwnedObjectPath)>,
    pub joined: Option<&'static str>,
    pub known: bool,
    pub passphrase: String,
}

type Shared = Arc<Mutex<Radio>>;
const STATION: &str = "/net/connman/iwd/0/3";
const SHOP: &str = "/net/connman/iwd/0/3/shop_psk";
const MALL: &str = "/net/connman/iwd/0/3/mall_open";
const OFFICE: &str = "/net/connman/iwd/0/3/office_8021x";
const KNOWN: &str = "/net/connman/iwd/shop_psk";
pub const RIGHT: &str = "correct horse";

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "net.connman.iwd")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    Failed(String),
    NoAgent(String),
}

struct Objects(Shared);
type Inner = HashMap<String, OwnedValue>;
type Outer = HashMap<OwnedObjectPath, HashMap<String, Inner>>;

fn values(pairs: &[(&str, Value<'static>)]) -> Inner {
    let own = pairs.iter().map(|(name, value)| {
        let value = OwnedValue::try_from(value.try_clone().unwrap()).unwrap();
        ((*name).to_owned(), value)
    });
    own.collect()
}

fn path(text: &'static str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

#[zbus::interface(name = "org.freedesktop.DBus.ObjectManager")]
impl Objects {
    fn get_managed_objects(&self) -> Outer {
        let radio = self.0.lock().unwrap();
        let state = if radio.joined.is_some() {
            "connected"
        } else {
            "disconnected"
        };
        let station = values(&[("Scanning", false.into()), ("State", state.into())]);
        let mut all = Outer::new();
        let mut put = |at, interface: &str, own| {
            all.insert(path(at), HashMap::from([(interface.to_owned(), own)]));
        };
        put(STATION, "net.connman.iwd.Station", station);
        for (at, name, kind) in [
            (SHOP, "店里\u{202e}", "psk"),
            (MALL, "Mall", "open"),
            (OFFICE, "Office", "8021x"),
        ] {
            let joined = radio.joined == Some(at);
            let mut own = values(&[
                ("Name", name.into()),
                ("Type", kind.into()),
                ("Connected", joined.into()),
            ]);
            if at == SHOP && radio.known {
                let known = ObjectPath::from_static_str(KNOWN).unwrap();
                own.extend(values(&[("KnownNetwork", known.into())]));
            }
            put(at, "net.connman.iwd.Network", own);
        }
        all
    }
}

struct Station(Shared);

#[zbus::interface(name = "net.connman.iwd.Station")]
impl Station {
    fn scan(&self) {
        self.0.lock().unwrap().scans += 1;
    }

    fn get_ordered_networks(&self) -> Vec<(OwnedObjectPath, i16)> {
        vec![
            (path(MALL), -5_000),
            (path(SHOP), -7_000),
            (path(OFFICE), -9_000),
        ]
    }
}

struct Agents(Shared);

#[zbus::interface(name = "net.connman.iwd.AgentManager")]
impl Agents {
    fn register_agent(
        &self,
        agent: OwnedObjectPath,
        #[zbus(header)] head: zbus::message::Header<'_>,
    ) {
        let sender = head.sender().unwrap().to_string();
        self.0.lock().unwrap().agent = Some((sender, agent));
    }

    fn unregister_agent(&self, _agent: OwnedObjectPath) {
        self.0.lock().unwrap().agent = None;
    }
}

struct Network(Shared, &'static str);

#[zbus::interface(name = "net.connman.iwd.Network")]
impl Network {
    async fn connect(&self, #[zbus(connection)] bus: &zbus::Connection) -> Result<(), Refusal> {
        let (agent, known) = {
            let radio = self.0.lock().unwrap();
            (radio.agent.clone(), radio.known)
        };
        if self.1 == SHOP && !known {
            let Some((sender, at)) = agent else {
                return Err(Refusal::NoAgent("no agent".to_owned()));
            };
            let answer = bus
                .call_method(
                    Some(sender.as_str()),
                    at,
                    Some("net.connman.iwd.Agent"),
                    "RequestPassphrase",
                    &(path(SHOP),),
                )
                .await?;
            let passphrase: String = answer.body().deserialize()?;
            self.0.lock().unwrap().passphrase.clone_from(&passphrase);
            if passphrase != RIGHT {
                return Err(Refusal::Failed("Operation failed".to_owned()));
            }
            self.0.lock().unwrap().known = true;
        }
        self.0.lock().unwrap().joined = Some(self.1);
        Ok(())
    }
}

struct Known(Shared);

#[zbus::interface(name = "net.connman.iwd.KnownNetwork")]
impl Known {
    fn forget(&self) {
        let mut radio = self.0.lock().unwrap();
        radio.known = false;
        radio.joined = None;
    }
}

/// Puts the peer on the bus.
pub async fn iwd(bus: &PrivateBus) -> (zbus::Connection, Shared) {
    let radio = Shared::default();
    let own = || Arc::clone(&radio);
    // The bus has an object manager of its own, but not at this path.
    let built = zbus::connection::Builder::address(bus.address.as_str())
        .unwrap()
        .serve_at("/", Objects(own()))
        .unwrap()
        .serve_at(STATION, Station(own()))
        .unwrap()
        .serve_at("/net/connman/iwd", Agents(own()))
        .unwrap()
        .serve_at(SHOP, Network(own(), SHOP))
        .unwrap()
        .serve_at(MALL, Network(own(), MALL))
        .unwrap()
        .serve_at(OFFICE, Network(own(), OFFICE))
        .unwrap()
        .serve_at(KNOWN, Known(own()))
        .unwrap()
        .name("net.connman.iwd")
        .unwrap();
    (built.build().await.unwrap(), radio)
}

fn no_addresses() -> Vec<Addressed> {
    Vec::new()
}

/// A task that asks this bus, on a machine without links.
pub fn parts(dir: &TempDir, address: &str) -> NetworkParts {
    let at = |name: &str| dir.path().join(name);
    NetworkParts {
        files: Files {
            cards: at("net"),
            routes: at("route"),
            servers: Vec::new(),
        },
        addresses: no_addresses,
        bus: Bus::At(address.to_owned()),
        wish: Some((at("data/network"), at("answer"))),
        acquirer: None,
        portal: None,
        first_number: 100,
    }
}

async fn until(
    states: &mut watch::Receiver<NetworkState>,
    found: impl FnMut(&NetworkState) -> bool,
) -> NetworkState {
    let wait = states.wait_for(found);
    let state = tokio::time::timeout(std::time::Duration::from_secs(30), wait).await;
    state.expect("in time").expect("the task lives").clone()
}

async fn order(desk: &NetworkDesk, order: NetworkOrder) {
    desk.orders.send(order).await.unwrap();
}

fn done(state: &NetworkState) -> Option<NetworkDone> {
    state.done.map(|(_, done)| done)
}

fn join(id: &str, passphrase: Option<&str>) -> NetworkOrder {
    NetworkOrder::Join {
        id: id.to_owned(),
        passphrase: passphrase.map(|text| Passphrase::typed(text).unwrap()),
    }
}

#[test]
fn networks_are_seen_joined_and_forgotten() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let (_peer, radio) = iwd(&bus).await;
        let (desk, mut states) = start_network(parts(&dir, &bus.address)).unwrap();
        assert!(desk.first.wifi.is_none(), "nobody looks yet");
        order(&desk, NetworkOrder::Watch(true)).await;
        let state = until(&mut states, |state| state.wifi.is_some()).await;
        let networks = state.wifi.unwrap().networks;
        let seen: Vec<_> = networks.iter().map(|n| (n.name.as_str(), n.bars)).collect();
        assert_eq!(seen, [("Mall", 4), ("店里?", 2), ("Office", 0)]);
        let kinds: Vec<_> = networks
            .iter()
            .map(|n| (n.open, n.foreign, n.known))
            .collect();
        let plain = (false, false, false);
        assert_eq!(kinds, [(true, false, false), plain, (false, true, false)]);
        order(&desk, join(SHOP, Some("wrong horse"))).await;
        let wrong = |state: &NetworkState| done(state) == Some(NetworkDone::WrongPassword);
        until(&mut states, wrong).await;
        assert!(!dir.path().join("data/network/wifi").exists());
        order(&desk, join(SHOP, Some(RIGHT))).await;
        until(&mut states, |state| {
            done(state) == Some(NetworkDone::Joined)
        })
        .await;
        assert!(
            radio.lock().unwrap().agent.is_none(),
            "the agent is gone again"
        );
        assert!(dir.path().join("data/network/wifi").exists());
        let joined = |state: &NetworkState| {
            let networks = state.wifi.iter().flat_map(|wifi| &wifi.networks);
            let mut joined = networks.filter(|network| network.joined && network.known);
            joined.any(|network| network.id == SHOP)
        };
        until(&mut states, joined).await;
        order(
            &desk,
            NetworkOrder::Forget {
                id: SHOP.to_owned(),
            },
        )
        .await;
        let forgotten = |state: &NetworkState| done(state) == Some(NetworkDone::Forgotten);
        until(&mut states, forgotten).await;
        assert!(!radio.lock().unwrap().known);
        // Without a typed passphrase it is not called wrong.
        order(&desk, join(SHOP, None)).await;
        let refused = |state: &NetworkState| done(state) == Some(NetworkDone::NotJoined);
        until(&mut states, refused).await;
        order(&desk, NetworkOrder::Scan).await;
        order(&desk, join(MALL, None)).await;
        until(&mut states, |state| {
            state.done == Some((5, NetworkDone::Joined))
        })
        .await;
        assert_eq!(radio.lock().unwrap().scans, 1);
    });
}

#[test]
fn without_a_bus_or_a_radio_wifi_is_none_and_orders_are_refused() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let nowhere = format!("unix:path={}", dir.path().join("none").display());
        let (desk, mut states) = start_network(parts(&dir, &nowhere)).unwrap();
        order(&desk, join(SHOP, Some(RIGHT))).await;
        let none = |state: &NetworkState| done(state) == Some(NetworkDone::NoService);
        let state = until(&mut states, none).await;
        assert!(state.wifi.is_none() && !state.busy);
    });
}

#[test]
fn the_wired_link_is_wished_for_and_the_answer_is_told() {
    use shouyin::network::shared::{WiredRequest, WiredSettings, answer_line};
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let (desk, mut states) = start_network(parts(&dir, "unix:path=/nowhere")).unwrap();
        assert_eq!(desk.first.wired, Some(WiredSettings::Automatic));
        // The privileged program has answered before the task looks for it, once with yes and once with no.
        for (number, answer, expected) in [
            (101, true, NetworkDone::WiredSet),
            (102, false, NetworkDone::NotSet),
        ] {
            std::fs::write(dir.path().join("answer"), answer_line(number, answer)).unwrap();
            order(&desk, NetworkOrder::Wired(WiredSettings::Automatic)).await;
            until(&mut states, |state| done(state) == Some(expected)).await;
            let line = std::fs::read(dir.path().join("data/network/wired")).unwrap();
            assert_eq!(WiredRequest::parse(&line).unwrap().number, number);
        }
    });
}
