//! Reads how the links stand: the kernel's files, the addresses, and the list of name servers.
//!
//! Owns which cards count and what they are. `/sys/class/net` says what a link is and whether it has a carrier,
//! `/proc/net/route` who is asked first (the lowest metric). Addresses are handed in, because only the kernel has them.
//! Changes nothing.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use super::state::{LinkKind, LinkSeen, LinkState};

/// Drivers of modems that show themselves as network cards. An adapter for a cable may use `cdc_ether` or `cdc_ncm`,
/// too, and is then called a modem.
const MODEMS: &[&str] = &[
    "cdc_ether",
    "cdc_ncm",
    "cdc_mbim",
    "rndis_host",
    "qmi_wwan",
    "huawei_cdc_ncm",
];
const ETHERNET: &str = "1";
/// So many name servers are shown.
const SERVERS: usize = 3;

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// The link.
    pub link: String,
    /// Its address.
    pub ip: IpAddr,
    /// Length of the prefix.
    pub prefix: u8,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The kernel's list of network cards.
    pub cards: PathBuf,
    /// The kernel's table of routes.
    pub routes: PathBuf,
    /// Lists of name servers; the first that names one counts.
    pub servers: Vec<PathBuf>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            cards: "/sys/class/net".into(),
            routes: "/proc/net/route".into(),
            servers: vec![
                "/run/systemd/resolve/resolv.conf".into(),
                "/etc/resolv.conf".into(),
            ],
        }
    }
}

/// Returns every link that is a device of this machine, in the order in which they are used.
pub fn read_links(files: &Files, addresses: &[Addressed]) -> Vec<LinkSeen> {
    let routes = fs::read_to_string(&files.routes).unwrap_or_default();
    let routes: Vec<Route> = routes.lines().skip(1).filter_map(Route::parse).collect();
    let first = routes.iter().min_by_key(|route| route.metric);
    let names = fs::read_dir(&files.cards).into_iter().flatten().flatten();
    let mut links: Vec<LinkSeen> = names
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            link(&entry.path(), name, addresses, &routes)
        })
        .collect();
    for link in &mut links {
        link.in_use = first.is_some_and(|route| route.link == link.name);
    }
    links.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    links
}

fn link(card: &Path, name: String, addresses: &[Addressed], routes: &[Route]) -> Option<LinkSeen> {
    // Bridges, tunnels and the loopback have no device.
    let device = card.join("device");
    if !device.exists() {
        return None;
    }
    let word = |file: &str| {
        let text = fs::read_to_string(card.join(file)).unwrap_or_default();
        text.trim().to_owned()
    };
    let driver = fs::read_link(device.join("driver")).unwrap_or_default();
    let driver = driver.file_name().unwrap_or_default();
    let kind = if MODEMS.iter().any(|modem| driver == *modem) {
        LinkKind::Modem
    } else if card.join("wireless").exists() || card.join("phy80211").exists() {
        LinkKind::Wifi
    } else if word("type") == ETHERNET {
        LinkKind::Wired
    } else {
        return None;
    };
    // Reading the carrier of a card that is switched off is an error.
    let carrier = word("carrier") == "1";
    let own = addresses.iter().filter(|own| own.link == name);
    let own = own.min_by_key(|own| (own.ip.is_ipv6(), is_local(own.ip)));
    let own = own.filter(|own| carrier && !is_local(own.ip));
    let gateway = routes.iter().filter(|route| route.link == name);
    let gateway = gateway.min_by_key(|route| route.metric);
    let state = match (carrier, own) {
        (false, _) => LinkState::Down,
        (true, None) => LinkState::NoAddress,
        (true, Some(_)) => LinkState::Ready,
    };
    Some(LinkSeen {
        kind,
        hardware: word("address"),
        state,
        address: own.map_or_else(String::new, |own| format!("{}/{}", own.ip, own.prefix)),
        gateway: gateway.map_or_else(String::new, |route| route.gateway.to_string()),
        in_use: false,
        name,
    })
}

/// An address that a link gives itself leads nowhere.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// A way out.
struct Route {
    link: String,
    gateway: Ipv4Addr,
    metric: u32,
}

impl Route {
    /// Takes a line of the kernel's table; none for one that leads to a near network only, or is not up.
    fn parse(line: &str) -> Option<Self> {
        const UP_BY_ROUTER: u32 = 0x0003;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [
            link,
            "00000000",
            gateway,
            flags,
            _,
            _,
            metric,
            "00000000",
            ..,
        ] = *words.as_slice()
        else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        // The number is printed as the machine has it in memory.
        let gateway = u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes();
        (flags & UP_BY_ROUTER == UP_BY_ROUTER).then_some(Self {
            link: link.to_owned(),
            gateway: Ipv4Addr::from(gateway),
            metric: metric.parse().ok()?,
        })
    }
}

/// Returns the name servers.
pub fn read_servers(files: &Files) -> Vec<String> {
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let named = text.lines().filter_map(|line| {
            let server = line.strip_prefix("nameserver")?.trim();
            // A scope (`%2`) belongs to an address of a link.
            let ip = server.split('%').next()?;
            ip.parse::<IpAddr>().ok()?;
            Some(server.to_owned())
        });
        let servers: Vec<String> = named.take(SERVERS).collect();
        (!servers.is_empty()).then_some(servers)
    };
    files.servers.iter().find_map(read).unwrap_or_default()
}
