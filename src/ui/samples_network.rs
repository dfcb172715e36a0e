//! Samples of the page of the network. See `samples`.

use super::samples::{Sample, sample};
use crate::domain::Role;
use crate::view::pages::{Approval, ApprovePage};
use crate::view::{
    Cause, Key, LinkKind, LinkSeen, LinkState, Mistake, NetworkNote, NetworkState, NetworkUi,
    NetworkWish, Page, Reach, WifiNetwork, WifiState, WiredSettings, network_page,
};

fn link(kind: LinkKind, state: LinkState) -> LinkSeen {
    let (name, last) = match kind {
        LinkKind::Wired => ("enp1s0", 20),
        LinkKind::Wifi => ("wlan0", 57),
        LinkKind::Modem => ("usb0", 101),
    };
    let ready = state == LinkState::Ready;
    LinkSeen {
        kind,
        name: name.to_owned(),
        hardware: format!("52:54:00:1c:8e:{last:02x}"),
        state,
        address: if ready {
            format!("192.168.1.{last}/24")
        } else {
            String::new()
        },
        gateway: if ready { "192.168.1.1" } else { "" }.to_owned(),
        in_use: ready && kind == LinkKind::Wired,
    }
}

fn network(name: &str, bars: u8) -> WifiNetwork {
    WifiNetwork {
        id: format!("/net/connman/iwd/0/3/{name}"),
        name: name.to_owned(),
        open: false,
        foreign: false,
        bars,
        known: false,
        joined: false,
    }
}

fn networks() -> Vec<WifiNetwork> {
    vec![
        WifiNetwork {
            known: true,
            joined: true,
            ..network("Shop-5G", 4)
        },
        network("小面馆的无线网络", 3),
        WifiNetwork {
            open: true,
            ..network("Mall-Free", 2)
        },
        WifiNetwork {
            foreign: true,
            ..network("Office-802.1X", 1)
        },
        network("a-name-of-thirty-two-characters!", 0),
    ]
}

fn state(reach: Reach) -> NetworkState {
    NetworkState {
        links: vec![
            link(LinkKind::Wired, LinkState::Ready),
            link(LinkKind::Wifi, LinkState::Ready),
            link(LinkKind::Modem, LinkState::Down),
        ],
        dns: vec!["192.168.1.1".to_owned(), "223.5.5.5".to_owned()],
        reach,
        wired: Some(WiredSettings::Automatic),
        wifi: Some(WifiState {
            scanning: false,
            joining: false,
            networks: networks(),
        }),
        ..NetworkState::default()
    }
}

fn after(state: NetworkState, wishes: &[NetworkWish]) -> NetworkUi {
    let mut own = NetworkUi::new(state);
    for wish in wishes {
        own.press(*wish);
    }
    own
}

fn page(own: &NetworkUi, told: Option<&Cause>) -> Page {
    Page::Network(network_page(own, told))
}

fn typed(text: &str) -> Vec<NetworkWish> {
    text.chars().map(|c| NetworkWish::Key(Key(c))).collect()
}

/// What is told of the network.
pub(super) fn causes() -> Vec<Cause> {
    let notes = [
        NetworkNote::NoLink,
        NetworkNote::NoAddress,
        NetworkNote::NoName,
        NetworkNote::Silent,
        NetworkNote::Stranger,
        NetworkNote::Portal,
        NetworkNote::WrongPassword,
        NetworkNote::NotJoined,
        NetworkNote::NoService,
        NetworkNote::NotSet,
        NetworkNote::BadAddress(Mistake::Address),
        NetworkNote::BadAddress(Mistake::Prefix),
        NetworkNote::BadAddress(Mistake::Gateway),
        NetworkNote::BadAddress(Mistake::Dns),
        NetworkNote::Joined,
        NetworkNote::Forgotten,
        NetworkNote::WiredSet,
    ];
    notes.into_iter().map(Cause::Network).collect()
}

/// The pages that tell `cause`.
pub(super) fn telling(cause: &Cause) -> Vec<Page> {
    let own = after(state(Reach::Silent), &[]);
    let mut wired = after(
        state(Reach::Silent),
        &[NetworkWish::Wired, NetworkWish::Automatic(false)],
    );
    for key in typed("192.168.1.20") {
        wired.press(key);
    }
    vec![page(&own, Some(cause)), page(&wired, Some(cause))]
}

/// Every state of the page.
pub(super) fn all() -> Vec<Sample> {
    let good = || state(Reach::Answers { ms: 38 });
    let system = NetworkState {
        links: vec![link(LinkKind::Wired, LinkState::NoAddress)],
        wired: None,
        wifi: None,
        ..state(Reach::NoLink)
    };
    let pick = |place| vec![NetworkWish::Wifi, NetworkWish::Pick(place)];
    let with = |mut before: Vec<NetworkWish>, more: &[NetworkWish]| {
        before.extend_from_slice(more);
        after(good(), &before)
    };
    let mut password = with(pick(1), &[NetworkWish::Join]);
    let empty = page(&password, None);
    for key in typed("hunter2 and") {
        password.press(key);
    }
    let small = page(&password, None);
    password.press(NetworkWish::Other);
    let asks = Page::Approve(ApprovePage {
        amount: String::new(),
        of: Approval::Network,
        role: Role::Supervisor,
        typed: 3,
        can_send: false,
        checking: false,
        notice: None,
    });
    let fixed = [NetworkWish::Wired, NetworkWish::Automatic(false)];
    vec![
        sample("network", page(&after(good(), &[]), None)),
        sample(
            "network-portal",
            page(&after(state(Reach::Portal), &[]), None),
        ),
        sample("network-system", page(&after(system, &[]), None)),
        sample(
            "network-wifi",
            page(&after(good(), &[NetworkWish::Wifi]), None),
        ),
        sample("network-known", page(&with(pick(0), &[]), None)),
        sample("network-open", page(&with(pick(2), &[]), None)),
        sample("network-foreign", page(&with(pick(3), &[]), None)),
        sample("network-password-empty", empty),
        sample("network-password", small),
        sample("network-password-digits", page(&password, None)),
        sample(
            "network-wired",
            page(&after(good(), &[NetworkWish::Wired]), None),
        ),
        sample("network-wired-fixed", page(&after(good(), &fixed), None)),
        sample("approve-network", asks),
    ]
}
