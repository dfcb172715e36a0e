//! Links read from files as the kernel has them: which count, what they are, and which of them is used.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use shouyin::network::{
    Addressed, Files, LinkKind, LinkSeen, LinkState, Passphrase, bars, read_links, read_servers,
    shown_name,
};
use tempfile::TempDir;

/// As `cat /proc/net/route` prints it on a machine with all three links up, tabs and trailing blanks included.
const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT \n\
usb0\t00000000\t0108A8C0\t0003\t0\t0\t700\t00000000\t0\t0\t0 \n\
wlan0\t00000000\t0100000A\t0003\t0\t0\t300\t00000000\t0\t0\t0 \n\
enp1s0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0 \n\
enp1s0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0 \n";

fn card(dir: &Path, name: &str, driver: Option<&str>, carrier: Option<&str>) {
    let card = dir.join("net").join(name);
    fs::create_dir_all(&card).unwrap();
    fs::write(card.join("type"), "1\n").unwrap();
    fs::write(card.join("address"), "52:54:00:12:34:56\n").unwrap();
    if let Some(carrier) = carrier {
        fs::write(card.join("carrier"), carrier).unwrap();
    }
    if let Some(driver) = driver {
        let own = dir.join("drivers").join(driver);
        fs::create_dir_all(&own).unwrap();
        fs::create_dir(card.join("device")).unwrap();
        symlink(own, card.join("device/driver")).unwrap();
    }
}

fn files(dir: &Path) -> Files {
    Files {
        cards: dir.join("net"),
        routes: dir.join("route"),
        servers: vec![dir.join("resolved"), dir.join("resolv.conf")],
    }
}

fn addressed(link: &str, ip: &str, prefix: u8) -> Addressed {
    Addressed {
        link: link.to_owned(),
        ip: ip.parse().unwrap(),
        prefix,
    }
}

/// A machine with a cable, a radio and a modem.
fn machine(carrier: [&str; 3]) -> TempDir {
    let dir = TempDir::new().unwrap();
    card(dir.path(), "usb0", Some("rndis_host"), Some(carrier[2]));
    card(dir.path(), "wlan0", Some("ath9k_htc"), Some(carrier[1]));
    fs::create_dir(dir.path().join("net/wlan0/wireless")).unwrap();
    card(dir.path(), "enp1s0", Some("virtio_net"), Some(carrier[0]));
    card(dir.path(), "docker0", None, Some("1"));
    card(dir.path(), "lo", None, Some("1"));
    fs::write(dir.path().join("route"), ROUTES).unwrap();
    dir
}

fn all() -> Vec<Addressed> {
    vec![
        addressed("usb0", "192.168.8.100", 24),
        addressed("wlan0", "fe80::1", 64),
        addressed("wlan0", "10.0.0.57", 8),
        addressed("enp1s0", "fe80::2", 64),
        addressed("enp1s0", "2001:db8::20", 64),
        addressed("enp1s0", "192.168.1.20", 24),
        addressed("docker0", "172.17.0.1", 16),
    ]
}

#[test]
fn links_are_read_in_the_order_of_their_use() {
    let dir = machine(["1\n", "1\n", "1\n"]);
    let links = read_links(&files(dir.path()), &all());
    let seen = |link: &LinkSeen| {
        let (address, gateway) = (link.address.clone(), link.gateway.clone());
        (link.kind, address, gateway, link.in_use)
    };
    let found: Vec<_> = links.iter().map(seen).collect();
    let own = |kind, address: &str, gateway: &str, used| {
        (kind, address.to_owned(), gateway.to_owned(), used)
    };
    assert_eq!(
        found,
        [
            own(LinkKind::Wired, "192.168.1.20/24", "192.168.1.1", true),
            own(LinkKind::Wifi, "10.0.0.57/8", "10.0.0.1", false),
            own(LinkKind::Modem, "192.168.8.100/24", "192.168.8.1", false),
        ]
    );
    assert!(links.iter().all(|link| link.state == LinkState::Ready));
}

#[test]
fn a_link_without_a_carrier_or_an_address_says_so() {
    let own = [addressed("wlan0", "169.254.7.7", 16)];
    for (carrier, expected) in [
        (["0\n", "1\n", ""], [LinkState::Down, LinkState::NoAddress]),
        (["1\n", "0\n", "1"], [LinkState::NoAddress, LinkState::Down]),
    ] {
        let dir = machine(carrier);
        let links = read_links(&files(dir.path()), &own);
        assert_eq!([links[0].state, links[1].state], expected);
        assert!(links.iter().all(|link| link.address.is_empty()));
    }
    // The cable of what was in use is out: the next one takes over.
    let dir = machine(["0\n", "1\n", "1\n"]);
    let left = ROUTES.lines().filter(|line| !line.starts_with("enp1s0"));
    let left: Vec<&str> = left.collect();
    fs::write(dir.path().join("route"), left.join("\n")).unwrap();
    let links = read_links(&files(dir.path()), &all());
    assert_eq!(links[0].state, LinkState::Down);
    assert!(!links[0].in_use && links[1].in_use && !links[2].in_use);
}

#[test]
fn a_machine_without_any_of_these_files_has_no_links() {
    let dir = TempDir::new().unwrap();
    assert!(read_links(&files(dir.path()), &all()).is_empty());
    assert!(read_servers(&files(dir.path())).is_empty());
    fs::create_dir(dir.path().join("net")).unwrap();
    fs::write(dir.path().join("route"), "Iface\n\u{fffd}\tx\n\n").unwrap();
    assert!(read_links(&files(dir.path()), &[]).is_empty());
}

#[test]
fn name_servers_are_those_of_resolved_or_else_of_the_system() {
    let dir = TempDir::new().unwrap();
    let own = files(dir.path());
    let system = "# comment\nsearch shop\nnameserver 127.0.0.53\n";
    fs::write(dir.path().join("resolv.conf"), system).unwrap();
    assert_eq!(read_servers(&own), ["127.0.0.53"]);
    let resolved = "nameserver 192.168.1.1\nnameserver fe80::1%2\nnameserver nonsense\n";
    fs::write(dir.path().join("resolved"), resolved).unwrap();
    assert_eq!(read_servers(&own), ["192.168.1.1", "fe80::1%2"]);
}

#[test]
fn a_name_of_any_bytes_is_shown_without_harm() {
    for (name, shown) in [
        ("Shop-5G", "Shop-5G"),
        ("小面馆", "小面馆"),
        ("a\nb\u{1b}[2J", "a?b?[2J"),
        ("\u{202e}evil\u{200b}", "?evil?"),
        ("", "?"),
        ("   ", "?"),
    ] {
        assert_eq!(shown_name(name), shown);
    }
    assert_eq!(shown_name(&"字".repeat(60)).chars().count(), 32);
}

#[test]
fn bars_follow_the_signal() {
    for (hundredths, expected) in [
        (0, 4),
        (-5_500, 4),
        (-5_501, 3),
        (-7_000, 2),
        (-8_500, 1),
        (-8_501, 0),
        (i16::MIN, 0),
    ] {
        assert_eq!(bars(hundredths), expected, "{hundredths}");
    }
}

#[test]
fn a_passphrase_is_what_wpa_takes_and_shows_nothing() {
    for (text, fits) in [
        ("1234567", false),
        ("12345678", true),
        (" a b c d", true),
        ("12345678\n", false),
        ("密码密码密码", false),
    ] {
        assert_eq!(Passphrase::typed(text).is_some(), fits, "{text}");
    }
    assert!(Passphrase::typed(&"x".repeat(63)).is_some());
    assert!(Passphrase::typed(&"x".repeat(64)).is_none());
    let own = Passphrase::typed("hunter22").unwrap();
    assert_eq!(format!("{own:?}"), "Passphrase");
}
