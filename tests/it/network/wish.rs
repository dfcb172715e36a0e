//! The wish for the wired link, its check, the unit that follows, and the privileged program on a machine of files.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;
use shouyin::network::shared;
use shouyin::network::shared::{
    Fixed, Mistake, WISH_BYTES, WiredRequest, WiredSettings, answer_line, unit,
};
use tempfile::TempDir;

#[path = "../../../packaging/image/network/src/work.rs"]
mod work;

use work::Places;

#[test]
fn typed_addresses_are_checked() {
    let good = ("192.168.1.20/24", "192.168.1.1", "223.5.5.5 119.29.29.29");
    let cases = [
        (good, Ok(())),
        (("10.0.0.9/30", "10.0.0.10", "10.0.0.10"), Ok(())),
        (("192.168.1.20", good.1, good.2), Err(Mistake::Prefix)),
        (("192.168.1.20/31", good.1, good.2), Err(Mistake::Prefix)),
        (("192.168.1.20/0", good.1, good.2), Err(Mistake::Prefix)),
        (("192.168.1.256/24", good.1, good.2), Err(Mistake::Address)),
        (("192.168.1.0/24", good.1, good.2), Err(Mistake::Address)),
        (("192.168.1.255/24", good.1, good.2), Err(Mistake::Address)),
        (("127.0.0.1/8", "127.0.0.2", good.2), Err(Mistake::Address)),
        (("239.1.1.1/8", "239.1.1.2", good.2), Err(Mistake::Address)),
        ((good.0, "192.168.2.1", good.2), Err(Mistake::Gateway)),
        ((good.0, "192.168.1.20", good.2), Err(Mistake::Gateway)),
        ((good.0, "", good.2), Err(Mistake::Gateway)),
        ((good.0, good.1, ""), Err(Mistake::Dns)),
        (
            (good.0, good.1, "1.1.1.1 2.2.2.2 3.3.3.3"),
            Err(Mistake::Dns),
        ),
        ((good.0, good.1, "0.0.0.0"), Err(Mistake::Dns)),
        ((good.0, good.1, "1.1.1.1\nDNS=2.2.2.2"), Err(Mistake::Dns)),
    ];
    for ((address, gateway, dns), expected) in cases {
        let found = Fixed::typed(address, gateway, dns).map(|_| ());
        assert_eq!(found, expected, "{address} {gateway} {dns}");
    }
}

fn fixed() -> WiredSettings {
    let own = Fixed::typed("192.168.1.20/24", "192.168.1.1", "223.5.5.5 119.29.29.29");
    WiredSettings::Fixed(own.unwrap())
}

fn request(settings: WiredSettings, number: u64) -> String {
    WiredRequest { settings, number }.line()
}

#[test]
fn a_wish_is_one_line_and_nothing_that_is_only_similar() {
    let line = request(fixed(), 7);
    let same = "fixed 192.168.1.20/24 192.168.1.1 223.5.5.5,119.29.29.29 7\n";
    assert_eq!(line, same);
    assert!(WiredRequest::parse(line.as_bytes()).is_some());
    assert!(WiredRequest::parse(b"automatic 1\n").is_some());
    for bad in [
        "",
        "automatic 1",
        "automatic 01\n",
        "automatic +1\n",
        "automatic 1\n\n",
        "automatic 1\nautomatic 2\n",
        "fixed 192.168.1.20/24 192.168.1.1 223.5.5.5, 7\n",
        "fixed 192.168.1.20/024 192.168.1.1 223.5.5.5 7\n",
        "fixed 192.168.1.20/24 192.168.1.1]\n[Exec 223.5.5.5 7\n",
        "fixed 192.168.1.0/24 192.168.1.1 223.5.5.5 7\n",
        "fixed 192.168.1.20/24 10.0.0.1 223.5.5.5 7\n",
    ] {
        assert_eq!(WiredRequest::parse(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn the_unit_holds_these_lines_and_no_others() {
    assert_eq!(unit(&WiredSettings::Automatic), None);
    let expected = "[Match]\nType=ether\n\n[Network]\nAddress=192.168.1.20/24\nDNS=223.5.5.5\n\
                    DNS=119.29.29.29\nLLMNR=no\nMulticastDNS=no\n\n[Route]\nGateway=192.168.1.1\n\
                    Metric=100\n";
    assert_eq!(unit(&fixed()).unwrap(), expected);
}

proptest! {
    #[test]
    fn whatever_is_taken_as_a_wish_writes_numbers_only(
        line in "(fixed|automatic) [0-9./, \n\\]=a-f\\[]{0,60}\n"
    ) {
        if let Some(request) = WiredRequest::parse(line.as_bytes()) {
            prop_assert!(line.len() <= WISH_BYTES);
            prop_assert_eq!(request.line(), line);
            let text = unit(&request.settings).unwrap_or_default();
            prop_assert!(text.lines().count() <= 14);
            let values = text.lines().filter_map(|line| Some(line.split_once('=')?.1));
            for value in values.filter(|value| !["ether", "no"].contains(value)) {
                let plain = |byte: u8| byte.is_ascii_digit() || b"./".contains(&byte);
                prop_assert!(value.bytes().all(plain));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..160)) {
        let _ = WiredRequest::parse(&line);
    }
}

struct Machine {
    _dir: TempDir,
    places: Places,
    restarts: Cell<u32>,
}

impl Machine {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("data/network")).unwrap();
        let places = Places {
            data: at("data"),
            unit: at("run/network/15-shouyin-wired.network"),
            answer: at("run/shouyin-network/answer"),
            radio: at("iwd"),
        };
        Self {
            _dir: dir,
            places,
            restarts: Cell::new(0),
        }
    }

    fn wish(&self, text: &str) {
        fs::write(self.places.data.join("network/wired"), text).unwrap();
    }

    fn change(&self, starts: bool) -> std::io::Result<()> {
        work::change(&self.places, || {
            self.restarts.set(self.restarts.get() + 1);
            starts
        })
    }

    fn answer(&self) -> String {
        fs::read_to_string(&self.places.answer).unwrap_or_default()
    }
}

#[test]
fn a_wish_is_followed_once_and_holds_at_the_next_start() {
    let machine = Machine::new();
    machine.change(true).unwrap();
    assert_eq!(machine.restarts.get(), 0, "nothing was wished for");
    machine.wish(&request(fixed(), 41));
    machine.change(true).unwrap();
    machine.change(true).unwrap();
    assert_eq!(machine.answer(), answer_line(41, true));
    assert_eq!(machine.restarts.get(), 1);
    assert_eq!(
        fs::read_to_string(&machine.places.unit).ok(),
        unit(&fixed())
    );
    // networkd and the terminal are not root.
    for file in [&machine.places.unit, &machine.places.answer] {
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o644);
    }
    fs::remove_file(&machine.places.unit).unwrap();
    work::start(&machine.places).unwrap();
    assert_eq!(
        fs::read_to_string(&machine.places.unit).ok(),
        unit(&fixed())
    );
    machine.wish(&request(WiredSettings::Automatic, 42));
    machine.change(true).unwrap();
    assert!(!machine.places.unit.exists());
    machine.wish(&request(fixed(), 43));
    machine.change(false).unwrap();
    assert_eq!(machine.answer(), answer_line(43, false));
}

#[test]
fn a_folder_full_of_traps_changes_nothing() {
    let machine = Machine::new();
    machine.wish(&request(fixed(), 1));
    machine.change(true).unwrap();
    let wired = machine.places.data.join("network/wired");
    let holds = || fs::read_to_string(&machine.places.unit).ok() == unit(&fixed());
    // A text that is none, one that is too long, a link, a pipe, a folder.
    machine.wish("fixed 1.2.3.4/24]\n");
    assert!(machine.change(true).is_err() && holds());
    machine.wish(&"automatic 1\n".repeat(5_000));
    assert!(machine.change(true).is_err() && holds());
    let other = machine.places.data.join("other");
    fs::write(&other, request(WiredSettings::Automatic, 9)).unwrap();
    fs::remove_file(&wired).unwrap();
    symlink(&other, &wired).unwrap();
    assert!(machine.change(true).is_err() && holds());
    fs::remove_file(&wired).unwrap();
    fs::create_dir(&wired).unwrap();
    assert!(machine.change(true).is_err() && holds());
    let folder = machine.places.data.join("network");
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(machine.places.data.join("elsewhere")).unwrap();
    symlink(machine.places.data.join("elsewhere"), &folder).unwrap();
    assert!(machine.change(true).is_err() && holds());
    assert_eq!(machine.restarts.get(), 1);
}

#[test]
fn networks_without_the_mark_are_forgotten_at_the_next_start() {
    let machine = Machine::new();
    let radio = &machine.places.radio;
    work::start(&machine.places).unwrap();
    let mode = fs::metadata(radio).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    fs::write(radio.join("Shop.psk"), "secret").unwrap();
    let mark = machine.places.data.join("network/wifi");
    fs::write(&mark, "keep\n").unwrap();
    work::start(&machine.places).unwrap();
    assert!(radio.join("Shop.psk").exists());
    // A reset to the factory state takes the mark.
    fs::remove_dir_all(machine.places.data.join("network")).unwrap();
    work::start(&machine.places).unwrap();
    assert!(!radio.join("Shop.psk").exists());
    assert!(radio.exists());
}
