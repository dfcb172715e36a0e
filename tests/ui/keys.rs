//! A keyboard beside the till: what each key asks for on each page, and what no key may do.

use slint::SharedString;
use slint::platform::{Key, WindowEvent};

use super::*;

fn named(key: Key) -> SharedString {
    char::from(key).into()
}

impl Till {
    fn key(&self, text: SharedString) {
        let window = self.window.app().window();
        window.dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        window.dispatch_event(WindowEvent::KeyReleased { text });
    }

    fn all_tapped(&self) -> Vec<Intent> {
        let taps = std::mem::take(&mut *self.taps.borrow_mut());
        taps.iter().map(|tap| tap.intent).collect()
    }
}

#[test]
fn keys_ask_for_what_the_page_offers() {
    let (enter, escape) = (named(Key::Return), named(Key::Escape));
    let backspace = named(Key::Backspace);
    let table: Vec<(&str, SharedString, Option<Intent>)> = vec![
        ("keypad", "7".into(), Some(Intent::Digit(7))),
        ("keypad", ".".into(), Some(Intent::Dot)),
        ("keypad", ",".into(), Some(Intent::Dot)),
        ("keypad-typed", backspace.clone(), Some(Intent::Backspace)),
        ("keypad-typed", escape.clone(), Some(Intent::Clear)),
        ("keypad-typed", enter.clone(), Some(Intent::Charge)),
        ("keypad-typed", "x".into(), None),
        ("prompt", escape.clone(), Some(Intent::Cancel)),
        ("prompt", enter.clone(), None),
        ("prompt", "5".into(), None),
        ("prompt-too-far", enter.clone(), Some(Intent::TypeCode)),
        ("manual-empty", "0".into(), Some(Intent::CodeDigit(0))),
        ("manual-empty", enter.clone(), None),
        ("manual-typed", enter.clone(), Some(Intent::CodeSend)),
        ("manual-typed", backspace, Some(Intent::CodeBackspace)),
        ("manual-typed", escape.clone(), Some(Intent::Cancel)),
        ("outcome-paid", enter.clone(), Some(Intent::Dismiss)),
        ("outcome-declined", enter.clone(), None),
        ("outcome-declined", escape.clone(), Some(Intent::Dismiss)),
        ("pending", enter, Some(Intent::Back)),
        ("pending", escape, Some(Intent::Back)),
    ];
    shots::install().expect("display");
    let till = Till::open(shots::LANDSCAPE);
    for (seq, (name, key, wanted)) in (1..).zip(table) {
        till.show(name, seq, Language::Chinese);
        till.key(key.clone());
        let taps = std::mem::take(&mut *till.taps.borrow_mut());
        let wanted: Vec<Tap> = wanted
            .map(|intent| Tap { seq, intent })
            .into_iter()
            .collect();
        assert_eq!(taps, wanted, "{key:?} on {name}");
    }
}

#[test]
fn no_key_touches_a_sale_whose_result_is_open() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    let waits = samples::all().into_iter().map(|sample| sample.name);
    for name in waits.filter(|name| name.starts_with("waiting") || name.starts_with("out-of")) {
        till.show(name, 1, Language::English);
        for key in [Key::Return, Key::Escape, Key::Backspace, Key::Delete] {
            till.key(named(key));
        }
        till.key("1".into());
        assert_eq!(till.all_tapped(), [], "{name}");
    }
}

#[test]
fn a_tap_does_not_take_the_keyboard_away() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    till.show("keypad-typed", 1, Language::Chinese);
    till.press("5");
    till.key("6".into());
    assert_eq!(till.all_tapped(), [Intent::Digit(5), Intent::Digit(6)]);
    till.show("pending", 2, Language::Chinese);
    till.press("立即核实 000456");
    till.key(named(Key::Escape));
    assert_eq!(till.all_tapped().last(), Some(&Intent::Back));
}

#[test]
fn a_held_key_repeats_digits_but_never_charges_twice() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    till.show("keypad-typed", 1, Language::Chinese);
    let window = till.window.app().window();
    for text in [SharedString::from("8"), named(Key::Return)] {
        window.dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        for _ in 0..3 {
            window.dispatch_event(WindowEvent::KeyPressRepeated { text: text.clone() });
        }
        window.dispatch_event(WindowEvent::KeyReleased { text });
    }
    let eights = std::iter::repeat_n(Intent::Digit(8), 4);
    let wanted: Vec<_> = eights.chain([Intent::Charge]).collect();
    assert_eq!(till.all_tapped(), wanted);
}
