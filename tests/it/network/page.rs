//! What presses mean on the page, what is told, and that nothing typed can be read anywhere.

use shouyin::network::shared::{Mistake, WiredSettings};
use shouyin::network::{
    LinkKind, LinkSeen, LinkState, NetworkDone, NetworkOrder, NetworkState, Passphrase, Reach,
    WifiNetwork, WifiState,
};
use shouyin::view::{
    Cause, Intent, Key, NetworkNote, NetworkPart, NetworkPress, NetworkUi, NetworkWish, Tap,
    network_page,
};

fn network(name: &str) -> WifiNetwork {
    WifiNetwork {
        id: format!("/{name}"),
        name: name.to_owned(),
        open: name == "open",
        foreign: name == "foreign",
        bars: 3,
        known: name == "known",
        joined: false,
    }
}

fn state() -> NetworkState {
    let names = ["shop", "open", "known", "foreign"];
    NetworkState {
        wired: Some(WiredSettings::Automatic),
        wifi: Some(WifiState {
            networks: names.map(network).to_vec(),
            ..WifiState::default()
        }),
        ..NetworkState::default()
    }
}

fn at(place: usize) -> NetworkUi {
    let mut own = NetworkUi::new(state());
    let scan = own.press(NetworkWish::Wifi);
    assert_eq!(scan, NetworkPress::Now(NetworkOrder::Scan));
    assert_eq!(own.press(NetworkWish::Pick(place)), NetworkPress::None);
    own
}

fn types(own: &mut NetworkUi, text: &str) {
    for c in text.chars() {
        assert_eq!(own.press(NetworkWish::Key(Key(c))), NetworkPress::None);
    }
}

fn join(id: &str, text: Option<&str>) -> NetworkPress {
    NetworkPress::Approve(NetworkOrder::Join {
        id: id.to_owned(),
        passphrase: text.map(|text| Passphrase::typed(text).unwrap()),
    })
}

#[test]
fn what_needs_a_password_asks_for_it_and_every_change_for_an_approval() {
    assert_eq!(at(1).press(NetworkWish::Join), join("/open", None));
    assert_eq!(at(2).press(NetworkWish::Join), join("/known", None));
    assert_eq!(at(3).press(NetworkWish::Join), NetworkPress::None);
    let forget = NetworkOrder::Forget {
        id: "/known".to_owned(),
    };
    let forget = NetworkPress::Approve(forget);
    assert_eq!(at(2).press(NetworkWish::Forget), forget);
    assert_eq!(at(0).press(NetworkWish::Forget), NetworkPress::None);
    let mut own = at(0);
    assert_eq!(own.press(NetworkWish::Join), NetworkPress::None);
    types(&mut own, "hunter2");
    assert_eq!(
        own.press(NetworkWish::Send),
        NetworkPress::None,
        "too short"
    );
    types(&mut own, "2\n字");
    assert_eq!(
        own.press(NetworkWish::Send),
        join("/shop", Some("hunter22"))
    );
}

#[test]
fn every_printable_character_can_be_typed() {
    let mut own = at(0);
    own.press(NetworkWish::Join);
    let mut found = String::from(" ");
    for wish in [
        None,
        Some(NetworkWish::Shift),
        Some(NetworkWish::Other),
        Some(NetworkWish::Shift),
    ] {
        if let Some(wish) = wish {
            own.press(wish);
        }
        let NetworkPart::Password { keys, .. } = network_page(&own, None).part else {
            panic!("the keys are gone");
        };
        assert!(keys.len() <= 26);
        found.push_str(keys);
    }
    let mut found: Vec<char> = found.chars().collect();
    found.sort_unstable();
    let all: Vec<char> = (' '..='~').collect();
    assert_eq!(found, all);
}

#[test]
fn nothing_typed_can_be_read_in_a_page_a_tap_or_an_order() {
    let mut own = at(0);
    own.press(NetworkWish::Join);
    types(&mut own, "zq9zq9zq9");
    let page = format!("{:?}", network_page(&own, None));
    assert!(page.contains("typed: 9") && !page.contains("zq9"), "{page}");
    let order = format!("{:?}", own.press(NetworkWish::Send));
    assert!(
        order.contains("Passphrase") && !order.contains("zq9"),
        "{order}"
    );
    let tap = Tap {
        seq: 1,
        intent: Intent::Network(NetworkWish::Key(Key('z'))),
    };
    assert!(!format!("{tap:?}").contains('z'), "{tap:?}");
    // It is gone when the part is left, and when the order was passed on.
    own.passed_on();
    let mut own = at(0);
    own.press(NetworkWish::Join);
    types(&mut own, "zq9zq9zq9");
    assert!(own.back());
    own.press(NetworkWish::Join);
    let page = format!("{:?}", network_page(&own, None));
    assert!(page.contains("typed: 0"), "{page}");
}

#[test]
fn addresses_are_typed_and_wrong_ones_are_told() {
    let mut own = NetworkUi::new(state());
    own.press(NetworkWish::Wired);
    own.press(NetworkWish::Automatic(false));
    types(&mut own, "192.168.1.20]/24x");
    let told = NetworkNote::BadAddress(Mistake::Gateway);
    assert_eq!(own.press(NetworkWish::Send), NetworkPress::Tell(told));
    own.press(NetworkWish::Field(1));
    types(&mut own, "192.168.1.11");
    own.press(NetworkWish::Backspace);
    own.press(NetworkWish::Field(2));
    types(&mut own, "223.5.5.5");
    let press = own.press(NetworkWish::Send);
    let NetworkPress::Approve(NetworkOrder::Wired(WiredSettings::Fixed(fixed))) = press else {
        panic!("{press:?}");
    };
    assert_eq!(
        fixed.texts(),
        ["192.168.1.20/24", "192.168.1.1", "223.5.5.5"]
    );
    own.press(NetworkWish::Automatic(true));
    let automatic = NetworkOrder::Wired(WiredSettings::Automatic);
    assert_eq!(
        own.press(NetworkWish::Send),
        NetworkPress::Approve(automatic)
    );
}

#[test]
fn where_the_system_sets_the_network_it_can_only_be_looked_at() {
    let mut own = NetworkUi::new(NetworkState::default());
    for wish in [NetworkWish::Wifi, NetworkWish::Scan, NetworkWish::Wired] {
        assert_eq!(own.press(wish), NetworkPress::None);
        let NetworkPart::Overview(page) = network_page(&own, None).part else {
            panic!("{wish:?} opened something");
        };
        assert!(!page.can_wifi && !page.can_wired);
    }
    assert!(!own.back(), "the page is left");
}

fn link(state: LinkState) -> LinkSeen {
    LinkSeen {
        kind: LinkKind::Wired,
        name: "enp1s0".to_owned(),
        hardware: String::new(),
        state,
        address: String::new(),
        gateway: String::new(),
        in_use: false,
    }
}

#[test]
fn every_fault_has_its_code_and_goes_with_it() {
    let code = |links: Vec<LinkSeen>, reach| {
        let own = NetworkUi::new(NetworkState {
            links,
            reach,
            ..state()
        });
        network_page(&own, None).notice.map(|notice| notice.code)
    };
    let up = || vec![link(LinkState::Ready)];
    for (links, reach, expected) in [
        (Vec::new(), Reach::Untried, None),
        (up(), Reach::Answers { ms: 9 }, None),
        (Vec::new(), Reach::NoLink, Some("N01")),
        (vec![link(LinkState::NoAddress)], Reach::NoLink, Some("N02")),
        (up(), Reach::NoName, Some("N03")),
        (up(), Reach::Silent, Some("N04")),
        (up(), Reach::Stranger, Some("N05")),
        (up(), Reach::Portal, Some("N06")),
    ] {
        assert_eq!(code(links, reach), expected, "{reach:?}");
    }
}

#[test]
fn the_end_of_an_order_is_told_once_and_the_same_end_twice_is_two() {
    let mut own = at(0);
    let ended = |count| NetworkState {
        done: Some((count, NetworkDone::WrongPassword)),
        ..state()
    };
    let told = |own: &NetworkUi| network_page(own, None).notice.map(|notice| notice.code);
    own.news(ended(1));
    assert_eq!(told(&own), Some("N07"));
    own.back();
    own.news(ended(1));
    assert_eq!(told(&own), None, "it was told before");
    own.news(ended(2));
    assert_eq!(told(&own), Some("N07"));
    let cause = Cause::Network(NetworkNote::Portal);
    let first = network_page(&own, Some(&cause)).notice;
    assert_eq!(first.map(|notice| notice.code), Some("N06"));
}
