//! The page over the whole till: reading without a PIN, changing with one.

use shouyin::domain::Tick;
use shouyin::network::shared::WiredSettings;
use shouyin::network::{
    NetworkDesk, NetworkGate, NetworkOrder, NetworkState, WifiNetwork, WifiState,
};
use shouyin::sim::Running;
use shouyin::terminal::Input;
use shouyin::view::{Intent, MaintainWish, NetworkPart, NetworkWish, Page};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::till::{PIN, Plan, Till, runtime, sandbox, start};

fn state() -> NetworkState {
    NetworkState {
        wired: Some(WiredSettings::Automatic),
        wifi: Some(WifiState {
            networks: vec![WifiNetwork {
                id: "/open".to_owned(),
                name: "open".to_owned(),
                open: true,
                foreign: false,
                bars: 3,
                known: false,
                joined: false,
            }],
            ..WifiState::default()
        }),
        ..NetworkState::default()
    }
}

async fn till(dir: &TempDir) -> (Till, mpsc::Receiver<NetworkOrder>, Running) {
    let running = sandbox(dir).await;
    let (orders, asked) = mpsc::channel(8);
    let mut plan = Plan::new(
        &[dir.path().join("sandbox/terminal.toml")],
        dir.path().join("data"),
    );
    plan.network = Some(NetworkDesk {
        orders,
        first: state(),
    });
    let till = start(plan, |client| client).await;
    (till, asked, running)
}

fn part(page: &Page) -> Option<&NetworkPart> {
    let Page::Network(page) = page else {
        return None;
    };
    Some(&page.part)
}

fn is_list(page: &Page) -> bool {
    matches!(part(page), Some(NetworkPart::Wifi { .. }))
}

fn is_chosen(page: &Page) -> bool {
    matches!(part(page), Some(NetworkPart::Chosen(_)))
}

fn is_overview(page: &Page) -> bool {
    matches!(part(page), Some(NetworkPart::Overview(_)))
}

fn is_wired(page: &Page) -> bool {
    matches!(part(page), Some(NetworkPart::Wired { .. }))
}

fn is_wrong(page: &Page) -> bool {
    let Page::Approve(page) = page else {
        return false;
    };
    let mut told = page.notice.iter();
    told.any(|told| told.code == "A11")
}

async fn press(till: &Till, wish: NetworkWish) {
    till.tap(Intent::Network(wish)).await;
}

async fn opens(till: &mut Till) {
    till.home().await;
    till.tap(Intent::ShowRecords).await;
    till.wait("the records", |page| matches!(page, Page::Records(_)))
        .await;
    till.tap(Intent::Maintain(MaintainWish::Show)).await;
    till.wait(
        "maintenance",
        |page| matches!(page, Page::Maintenance(page) if page.can_network),
    )
    .await;
    press(till, NetworkWish::Show).await;
    till.wait("the network", |page| matches!(page, Page::Network(_)))
        .await;
}

async fn types_pin(till: &mut Till, pin: &str) {
    till.wait("a PIN", |page| matches!(page, Page::Approve(_)))
        .await;
    for (typed, digit) in pin.bytes().enumerate() {
        till.tap(Intent::PinDigit(digit - b'0')).await;
        till.wait(
            "a digit",
            |page| matches!(page, Page::Approve(page) if page.typed == typed + 1),
        )
        .await;
    }
    till.tap(Intent::PinSend).await;
}

fn automatic() -> NetworkOrder {
    NetworkOrder::Wired(WiredSettings::Automatic)
}

#[test]
fn one_pin_is_enough_for_three_minutes_on_the_page() {
    let mut gate = NetworkGate::default();
    let at = Tick(5);
    let later = |ms| at.after_ms(ms);
    assert_eq!(gate.pass(automatic(), at), None);
    assert_eq!(gate.approve(at), Some(automatic()));
    assert_eq!(gate.pass(automatic(), later(179_999)), Some(automatic()));
    assert_eq!(gate.pass(automatic(), later(180_000)), None, "too late");
    gate.refuse();
    assert_eq!(gate.approve(later(180_000)), None, "it was forgotten");
    gate.close();
    assert_eq!(gate.pass(automatic(), later(180_001)), None, "left");
}

#[test]
fn reading_needs_no_pin_and_changing_does_until_the_page_is_left() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let (mut till, mut asked, _running) = till(&dir).await;
        opens(&mut till).await;
        assert_eq!(asked.recv().await, Some(NetworkOrder::Watch(true)));
        press(&till, NetworkWish::Wifi).await;
        assert_eq!(asked.recv().await, Some(NetworkOrder::Scan));
        till.wait("the list", is_list).await;
        press(&till, NetworkWish::Pick(0)).await;
        till.wait("one of them", is_chosen).await;
        press(&till, NetworkWish::Join).await;
        types_pin(&mut till, "111222").await;
        till.wait("it is wrong", is_wrong).await;
        assert!(asked.try_recv().is_err(), "nobody approved");
        types_pin(&mut till, PIN).await;
        let join = NetworkOrder::Join {
            id: "/open".to_owned(),
            passphrase: None,
        };
        assert_eq!(asked.recv().await, Some(join));
        till.wait("the list again", is_list).await;
        // One PIN is enough on this page.
        till.tap(Intent::Back).await;
        till.wait("the overview", is_overview).await;
        press(&till, NetworkWish::Wired).await;
        till.wait("the wired link", is_wired).await;
        press(&till, NetworkWish::Send).await;
        assert_eq!(asked.recv().await, Some(automatic()));
        till.wait("the overview", is_overview).await;
        till.tap(Intent::Back).await;
        assert_eq!(asked.recv().await, Some(NetworkOrder::Watch(false)));
        // Whoever comes later needs another.
        till.wait("maintenance", |page| matches!(page, Page::Maintenance(_)))
            .await;
        press(&till, NetworkWish::Show).await;
        assert_eq!(asked.recv().await, Some(NetworkOrder::Watch(true)));
        till.wait("the network", is_overview).await;
        press(&till, NetworkWish::Wired).await;
        till.wait("the wired link", is_wired).await;
        press(&till, NetworkWish::Send).await;
        till.wait("a PIN", |page| matches!(page, Page::Approve(_)))
            .await;
        till.tap(Intent::Back).await;
        till.wait("the wired link", is_wired).await;
        assert!(asked.try_recv().is_err());
        till.inputs
            .send(Input::Network(NetworkState::default()))
            .await
            .unwrap();
        till.stop().await;
    });
}
