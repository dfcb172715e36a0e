//! The page of the network: its state to properties, its presses to [`Intent`]s. Decides nothing and words nothing.

use shouyin_ui as ui;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use super::adapters::Sender;
use super::apply::{notice, text};
use crate::view::{
    Intent, Key, Layer, LinkKind, LinkSeen, LinkState, NetworkPage, NetworkPart, NetworkWish,
    Overview, Reach, Tap, WifiNetwork,
};

/// Connects its callbacks.
pub(super) fn connect<F: Fn(Tap) + 'static>(app: &ui::App, sender: &Sender<F>) {
    let adapter = app.global::<ui::NetworkAdapter<'_>>();
    let on = |wish| sender.on(Intent::Network(wish));
    adapter.on_show(on(NetworkWish::Show));
    adapter.on_back(sender.on(Intent::Back));
    adapter.on_look(on(NetworkWish::Look));
    adapter.on_wifi(on(NetworkWish::Wifi));
    adapter.on_scan(on(NetworkWish::Scan));
    adapter.on_join(on(NetworkWish::Join));
    adapter.on_forget(on(NetworkWish::Forget));
    adapter.on_wired(on(NetworkWish::Wired));
    adapter.on_shift(on(NetworkWish::Shift));
    adapter.on_other(on(NetworkWish::Other));
    adapter.on_backspace(on(NetworkWish::Backspace));
    adapter.on_send(on(NetworkWish::Send));
    adapter.on_pick(sender.with(|place: i32| {
        let place = usize::try_from(place).ok()?;
        Some(Intent::Network(NetworkWish::Pick(place)))
    }));
    adapter.on_choose_field(sender.with(|place: i32| {
        let place = usize::try_from(place).ok()?;
        Some(Intent::Network(NetworkWish::Field(place)))
    }));
    adapter.on_set_automatic(
        sender.with(|on: bool| Some(Intent::Network(NetworkWish::Automatic(on)))),
    );
    adapter.on_key(sender.with(|key: SharedString| {
        let key = key.chars().next()?;
        Some(Intent::Network(NetworkWish::Key(Key(key))))
    }));
}

fn model<T: Clone + 'static>(items: Vec<T>) -> ModelRc<T> {
    ModelRc::new(VecModel::from(items))
}

pub(super) fn network(app: &ui::App, page: &NetworkPage) -> ui::PageId {
    let adapter = app.global::<ui::NetworkAdapter<'_>>();
    adapter.set_busy(page.busy);
    adapter.set_notice(notice(page.notice.as_ref()));
    adapter.set_part(match &page.part {
        NetworkPart::Overview(own) => {
            overview(&adapter, own);
            ui::NetworkPartId::Overview
        }
        NetworkPart::Wifi { networks, scanning } => {
            adapter.set_networks(model(networks.iter().map(wifi).collect()));
            adapter.set_scanning(*scanning);
            ui::NetworkPartId::Wifi
        }
        NetworkPart::Chosen(network) => {
            adapter.set_chosen(wifi(network));
            ui::NetworkPartId::Chosen
        }
        NetworkPart::Password {
            name,
            typed,
            keys,
            layer,
            can_send,
        } => {
            adapter.set_chosen(ui::WifiView {
                name: text(name),
                ..ui::WifiView::default()
            });
            adapter.set_typed(i32::try_from(*typed).unwrap_or(i32::MAX));
            adapter.set_keys(model(keys.chars().map(SharedString::from).collect()));
            adapter.set_signs(matches!(layer, Layer::Digits | Layer::Signs));
            adapter.set_shifted(matches!(layer, Layer::Capital | Layer::Signs));
            adapter.set_can_send(*can_send);
            ui::NetworkPartId::Password
        }
        NetworkPart::Wired {
            automatic,
            fields,
            field,
        } => {
            adapter.set_automatic(*automatic);
            adapter.set_fields(model(fields.iter().map(|field| text(field)).collect()));
            adapter.set_field(i32::try_from(*field).unwrap_or_default());
            ui::NetworkPartId::Wired
        }
    });
    ui::PageId::Network
}

fn overview(adapter: &ui::NetworkAdapter<'_>, page: &Overview) {
    adapter.set_links(model(page.links.iter().map(link).collect()));
    adapter.set_dns(text(&page.dns));
    adapter.set_looking(page.looking);
    adapter.set_can_wifi(page.can_wifi);
    adapter.set_can_wired(page.can_wired);
    adapter.set_reach(match page.reach {
        Reach::Untried => ui::ReachId::Untried,
        Reach::Answers { ms } => {
            adapter.set_ms(i32::try_from(ms).unwrap_or(i32::MAX));
            ui::ReachId::Answers
        }
        Reach::NoLink => ui::ReachId::NoLink,
        Reach::NoName => ui::ReachId::NoName,
        Reach::Silent => ui::ReachId::Silent,
        Reach::Stranger => ui::ReachId::Stranger,
        Reach::Portal => ui::ReachId::Portal,
    });
}

fn link(link: &LinkSeen) -> ui::LinkView {
    ui::LinkView {
        kind: match link.kind {
            LinkKind::Wired => ui::LinkKindId::Wired,
            LinkKind::Wifi => ui::LinkKindId::Wifi,
            LinkKind::Modem => ui::LinkKindId::Modem,
        },
        name: text(&link.name),
        hardware: text(&link.hardware),
        state: match link.state {
            LinkState::Down => ui::LinkStateId::Down,
            LinkState::NoAddress => ui::LinkStateId::NoAddress,
            LinkState::Ready => ui::LinkStateId::Ready,
        },
        address: text(&link.address),
        gateway: text(&link.gateway),
        in_use: link.in_use,
    }
}

fn wifi(network: &WifiNetwork) -> ui::WifiView {
    ui::WifiView {
        name: text(&network.name),
        open: network.open,
        foreign: network.foreign,
        bars: i32::from(network.bars),
        known: network.known,
        joined: network.joined,
    }
}
