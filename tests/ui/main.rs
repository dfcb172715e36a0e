//! Flows through the real screen, by accessible label: real pixels, mocked time, no display.
//!
//! Owns the window and the taps of a test. A display belongs to its thread for ever, and every test has a thread of its
//! own. The looks are `sizes`, `contrast`, `words` and `partial`; a keyboard is `keys`.

use std::cell::RefCell;
use std::rc::Rc;

use shouyin::domain::TxnId;
use shouyin::ui::{UiConfig, Window, samples, shots};
use shouyin::view::{Intent, Language, Screen, Tap, Theme};
use shouyin_ui::testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::ComponentHandle;
use slint::platform::PointerEventButton;

mod browse;
mod contrast;
mod keys;
mod network;
mod pages;
mod partial;
mod sizes;
mod words;

const LANGUAGES: [Language; 2] = [Language::Chinese, Language::English];
const SHAPES: [UiConfig; 2] = [shots::PORTRAIT, shots::LANDSCAPE];
/// What the bar on top offers on every page.
const BAR: [&str; 8] = [
    "EN",
    "English",
    "中文",
    "夜间",
    "日间",
    "Dark colours",
    "Light colours",
    "待核实",
];

/// A window and the taps that it sent.
struct Till {
    window: Window,
    taps: Rc<RefCell<Vec<Tap>>>,
}

impl Till {
    fn open(config: UiConfig) -> Self {
        let taps = Rc::new(RefCell::new(Vec::new()));
        let sent = Rc::clone(&taps);
        let window = Window::new(config, move |tap| sent.borrow_mut().push(tap)).expect("window");
        window.show().expect("shown");
        Self { window, taps }
    }

    fn show(&self, name: &str, seq: u64, language: Language) -> Screen {
        let all = samples::all();
        let sample = all.iter().find(|s| s.name == name).expect("a sample");
        let screen = samples::screen(sample, seq, language, Theme::Light);
        self.window.apply(&screen);
        screen
    }

    fn elements(&self, role: AccessibleRole) -> Vec<ElementHandle> {
        let named = |e: &ElementHandle| e.accessible_label().is_some_and(|l| !l.is_empty());
        ElementQuery::from_root(self.window.app())
            .match_accessible_role(role)
            .match_predicate(move |e| named(e) && e.size().width > 0.0)
            .find_all()
    }

    /// Every piece of words, also inside buttons.
    fn writings(&self) -> Vec<ElementHandle> {
        ElementQuery::from_root(self.window.app())
            .match_inherits("Text")
            .match_predicate(|e| e.size().width > 0.0 && e.size().height > 0.0)
            .find_all()
    }

    fn buttons(&self) -> Vec<String> {
        let buttons = self.elements(AccessibleRole::Button);
        buttons.iter().map(label).collect()
    }

    /// Buttons of the page, without the bar on top.
    fn actions(&self) -> Vec<String> {
        let mut actions = self.buttons();
        actions.retain(|label| !in_bar(label));
        actions
    }

    fn press(&self, wanted: &str) {
        let mut found = self.elements(AccessibleRole::Button);
        found.retain(|button| label(button) == wanted);
        assert_eq!(found.len(), 1, "{wanted:?} among {:?}", self.buttons());
        found[0].mock_single_click(PointerEventButton::Left);
    }

    /// The only tap since the last call.
    fn tapped(&self) -> Tap {
        let taps = std::mem::take(&mut *self.taps.borrow_mut());
        assert_eq!(taps.len(), 1, "{taps:?}");
        taps[0]
    }
}

fn in_bar(label: &str) -> bool {
    BAR.iter().any(|part| label.starts_with(part)) || label.starts_with("Open ")
}

fn label(element: &ElementHandle) -> String {
    element.accessible_label().unwrap_or_default().to_string()
}

/// Left, top, right, bottom in logical pixels.
fn edges(element: &ElementHandle) -> [f32; 4] {
    let (corner, size) = (element.absolute_position(), element.size());
    [
        corner.x,
        corner.y,
        corner.x + size.width,
        corner.y + size.height,
    ]
}

/// How far apart two boxes are; negative when they overlap.
fn gap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let across = (b[0] - a[2]).max(a[0] - b[2]);
    let down = (b[1] - a[3]).max(a[1] - b[3]);
    across.max(down)
}

/// Every state, both languages, both shapes.
fn everywhere(mut look: impl FnMut(&Till, &Screen, UiConfig, &str)) {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for language in LANGUAGES {
            for sample in samples::all() {
                let screen = till.show(sample.name, 1, language);
                let at = format!("{} {language:?} {:?}", sample.name, config.size);
                look(&till, &screen, config, &at);
            }
        }
    }
}

#[test]
fn a_press_becomes_the_intent_with_the_number_of_its_screen() {
    let row = TxnId::from_parts(1_700_000_000_000, 456);
    let table: Vec<(&str, &str, Intent)> = vec![
        ("keypad-typed", "0", Intent::Digit(0)),
        ("keypad-typed", "7", Intent::Digit(7)),
        ("keypad-typed", "00", Intent::DoubleZero),
        ("keypad-typed", ".", Intent::Dot),
        ("keypad-typed", "删除", Intent::Backspace),
        ("keypad-typed", "清空", Intent::Clear),
        ("keypad-typed", "收款", Intent::Charge),
        ("keypad-resumed", "待核实 2", Intent::ShowPending),
        ("keypad", "English", Intent::SetLanguage(Language::English)),
        ("keypad", "夜间", Intent::SetTheme(Theme::Dark)),
        ("prompt", "取消", Intent::Cancel),
        ("prompt-too-far", "手输付款码", Intent::TypeCode),
        ("manual-typed", "9", Intent::CodeDigit(9)),
        ("manual-typed", "0", Intent::CodeDigit(0)),
        ("manual-typed", "删除", Intent::CodeBackspace),
        ("manual-typed", "取消", Intent::Cancel),
        ("manual-typed", "确认", Intent::CodeSend),
        ("waiting-checking", "停止等待", Intent::StopWaiting),
        ("waiting-checking", "立即核实", Intent::QueryNow),
        ("waiting-checking", "下一笔", Intent::NextSale),
        ("waiting-password", "立即核实", Intent::QueryNow),
        ("outcome-paid", "下一笔", Intent::Dismiss),
        ("outcome-paid-no-paper", "重打小票", Intent::PrintSlips),
        ("outcome-declined", "返回", Intent::Dismiss),
        ("outcome-declined", "再收 ¥128.50", Intent::ChargeAgain),
        ("outcome-revoked", "再收 ¥128.50", Intent::ChargeAgain),
        ("pending", "立即核实 000456", Intent::QueryPending(row)),
        ("pending", "返回收款", Intent::Back),
    ];
    pages::check_presses(&table);
}

#[test]
fn an_action_that_does_not_exist_is_not_there() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        let actions = |name| {
            till.show(name, 1, Language::Chinese);
            till.actions()
        };
        assert!(!actions("keypad").iter().any(|a| a == "收款" || a == "清空"));
        assert!(!actions("manual-empty").iter().any(|a| a == "确认"));
        assert_eq!(actions("prompt"), ["出码", "分期", "取消"]);
        assert_eq!(actions("prompt-plain"), ["取消", "手输付款码"]);
        assert!(actions("waiting-paying").is_empty());
        assert_eq!(actions("waiting-paying-late"), ["停止等待"]);
        assert_eq!(actions("waiting-password"), ["停止等待", "立即核实"]);
        assert_eq!(actions("waiting-password-asked"), ["停止等待"]);
        assert_eq!(actions("waiting-stopping"), ["立即核实", "下一笔"]);
        assert_eq!(actions("waiting-revoking"), ["下一笔"]);
        assert_eq!(actions("outcome-paid"), ["电子小票", "重打小票", "下一笔"]);
        assert_eq!(actions("outcome-paid-discount"), ["电子小票", "下一笔"]);
        assert!(actions("out-of-service-disk").is_empty());
        till.show("pending", 1, Language::Chinese);
        let opens = |label: &String| label.starts_with("待核实");
        assert!(
            !till.buttons().iter().any(opens),
            "only the keypad leads there"
        );
    }
}

#[test]
fn the_words_change_while_the_page_stands() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    for _ in 0..2 {
        till.show("keypad-typed", 1, Language::English);
        assert!(till.buttons().contains(&"Charge".to_owned()));
        assert!(till.buttons().contains(&"中文".to_owned()));
        till.press("中文");
        let back = Intent::SetLanguage(Language::Chinese);
        assert_eq!(till.tapped().intent, back);
        till.show("keypad-typed", 2, Language::Chinese);
        assert!(till.buttons().contains(&"收款".to_owned()));
    }
}

#[test]
fn no_action_of_a_waiting_page_ever_moves() {
    let waits = [
        "waiting-paying",
        "waiting-paying-late",
        "waiting-password",
        "waiting-password-asked",
        "waiting-stopping",
        "waiting-checking",
        "waiting-revoking",
    ];
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for language in LANGUAGES {
            let mut places = std::collections::BTreeMap::new();
            for name in waits {
                till.show(name, 1, language);
                for button in till.elements(AccessibleRole::Button) {
                    let here = edges(&button).map(|edge| edge as i32);
                    let place = places.entry(label(&button)).or_insert(here);
                    assert_eq!(*place, here, "{} on {name}", label(&button));
                }
            }
            assert_eq!(places.len(), 5, "{places:?}");
        }
    }
}
