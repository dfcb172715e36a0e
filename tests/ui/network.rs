//! The page of the network: what a press asks for, from each of its parts.

use shouyin::view::{Key, NetworkWish};

use super::*;

#[test]
fn presses_on_the_network_become_their_intents() {
    let on = Intent::Network;
    pages::check_presses(&[
        ("maintenance", "网络", on(NetworkWish::Show)),
        ("network", "再查一次", on(NetworkWish::Look)),
        ("network", "Wi-Fi", on(NetworkWish::Wifi)),
        ("network", "有线", on(NetworkWish::Wired)),
        ("network-system", "返回", Intent::Back),
        ("network-wifi", "重新搜索", on(NetworkWish::Scan)),
        (
            "network-wifi",
            "小面馆的无线网络 有密码 信号中",
            on(NetworkWish::Pick(1)),
        ),
        ("network-known", "忘记这个 Wi-Fi", on(NetworkWish::Forget)),
        ("network-open", "仍要连接", on(NetworkWish::Join)),
        ("network-password", "键 q", on(NetworkWish::Key(Key('q')))),
        ("network-password", "ABC", on(NetworkWish::Shift)),
        ("network-password", "空格", on(NetworkWish::Key(Key(' ')))),
        ("network-password", "删除", on(NetworkWish::Backspace)),
        ("network-password", "连接", on(NetworkWish::Send)),
        (
            "network-password-digits",
            "键 7",
            on(NetworkWish::Key(Key('7'))),
        ),
        (
            "network-wired",
            "改为固定地址",
            on(NetworkWish::Automatic(false)),
        ),
        ("network-wired-fixed", "DNS ", on(NetworkWish::Field(2))),
        (
            "network-wired-fixed",
            "键 /",
            on(NetworkWish::Key(Key('/'))),
        ),
        ("network-wired-fixed", "保存", on(NetworkWish::Send)),
    ]);
}

#[test]
fn a_password_is_nowhere_on_the_screen() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    till.show("network-password", 1, Language::Chinese);
    let words: Vec<String> = till.writings().iter().map(label).collect();
    assert!(
        words.iter().any(|word| word.contains("已输 11 位")),
        "{words:?}"
    );
    let typed = words.iter().find(|word| word.contains("hunter"));
    assert_eq!(typed, None);
}
