//! Flows through the real screen, by accessible label: real pixels, mocked time, no display.
//!
//! A display belongs to its thread for ever, and every test has a thread of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use shouyin::domain::TxnId;
use shouyin::ui::{UiConfig, Window, samples, shots};
use shouyin::view::{Intent, Language, Notice, Page, Screen, Tap, Theme};
use shouyin_ui::testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::platform::PointerEventButton;
use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};

#[path = "ui/pages.rs"]
mod pages;

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

fn pages_once() -> Vec<&'static str> {
    vec![
        "keypad-typed",
        "prompt",
        "manual-typed",
        "waiting-checking",
        "outcome-paid",
        "pending",
        "out-of-service",
        "code",
        "instalments-chosen",
        "confirm-large",
        "records",
        "record-part",
        "undo-part",
        "approve-typed",
        "undoing",
        "undoing-done",
    ]
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
        ("outcome-declined", "知道了", Intent::Dismiss),
        ("pending", "立即核实 000456", Intent::QueryPending(row)),
        ("pending", "返回收款", Intent::Back),
    ];
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for (seq, (sample, label, intent)) in (7..).zip(&table) {
            till.show(sample, seq, Language::Chinese);
            till.press(label);
            let wanted = Tap {
                seq,
                intent: *intent,
            };
            assert_eq!(till.tapped(), wanted, "{label} on {sample}");
        }
    }
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
        assert_eq!(actions("waiting-paying-late"), ["停止等待", "立即核实"]);
        assert_eq!(actions("waiting-stopping"), ["立即核实"]);
        assert_eq!(actions("waiting-revoking"), ["下一笔"]);
        assert_eq!(actions("outcome-paid"), ["下一笔"]);
        assert!(actions("out-of-service").is_empty());
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
fn every_target_is_large_enough_and_far_enough_from_the_next() {
    everywhere(|till, _, config, at| {
        let mm = |pixels: f32| pixels / config.px_per_mm + 0.01;
        let buttons = till.elements(AccessibleRole::Button);
        let page: Vec<_> = buttons.iter().filter(|b| !in_bar(&label(b))).collect();
        for button in &buttons {
            let (size, name) = (button.size(), label(button));
            let (w, h) = (mm(size.width), mm(size.height));
            assert!(w >= 9.5 && h >= 9.5, "{name} on {at}: {w} x {h} mm");
            if name.len() <= 2 && name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                assert!(w >= 17.0 && h >= 15.0, "{name} on {at}: {w} x {h} mm");
            }
        }
        for (index, one) in page.iter().enumerate() {
            for other in &page[index + 1..] {
                let apart = mm(gap(edges(one), edges(other)));
                let (a, b) = (label(one), label(other));
                if pages::cut_by_the_list(at, &a, &b) {
                    continue;
                }
                // The rows of the list touch each other's cards, not each other's buttons.
                assert!(apart >= 2.0, "{a} and {b} on {at}: {apart} mm");
                let danger = ["停止等待", "Stop waiting"];
                let lead = ["下一笔", "Next sale"];
                if danger.contains(&a.as_str()) && lead.contains(&b.as_str()) {
                    assert!(apart >= 12.0, "{a} and {b} on {at}: {apart} mm");
                }
            }
        }
    });
}

#[test]
fn at_most_one_action_leads() {
    everywhere(|till, _, config, at| {
        let leads = till.elements(AccessibleRole::Button);
        let leads = leads.iter().filter(|b| {
            b.bases()
                .is_some_and(|mut all| all.any(|n| n == "PrimaryButton"))
                || b.type_name().is_some_and(|name| name == "PrimaryButton")
        });
        let mut count = 0;
        for lead in leads {
            count += 1;
            let height = lead.size().height / config.px_per_mm + 0.01;
            assert!(height >= 18.0, "{} on {at}: {height} mm", label(lead));
        }
        assert!(count <= 1, "{at}: {count} primary actions");
    });
}

#[test]
fn nothing_covers_anything_and_nothing_leaves_the_glass() {
    everywhere(|till, _, config, at| {
        let texts = till.elements(AccessibleRole::Text);
        let buttons = till.elements(AccessibleRole::Button);
        // The box of a line has room above and below the letters.
        let inked = texts.iter().map(|text| {
            let ([left, top, right, bottom], height) = (edges(text), text.size().height);
            (
                label(text),
                [left, top + height * 0.15, right, bottom - height * 0.15],
            )
        });
        let whole = buttons.iter().map(|button| (label(button), edges(button)));
        let all: Vec<(String, [f32; 4])> = inked.chain(whole).collect();
        let (width, height) = config.size;
        let glass = [0.0, 0.0, width as f32 + 0.5, height as f32 + 0.5];
        for (index, (one, own)) in all.iter().enumerate() {
            let [left, top, right, bottom] = *own;
            let list = at.starts_with("pending") || at.starts_with("records");
            let scrolled = list && bottom > glass[3] - 200.0;
            let inside = left >= -0.5 && top >= -0.5 && right <= glass[2] && bottom <= glass[3];
            assert!(inside || scrolled, "{one} leaves the glass on {at}");
            for (other, box_of_other) in &all[index + 1..] {
                let covered = gap(*own, *box_of_other) < -1.0 && !scrolled;
                let bar = in_bar(one) || in_bar(other);
                assert!(!covered || bar, "{one} covers {other} on {at}");
            }
        }
    });
}

#[test]
fn chinese_and_english_words_are_really_drawn() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for language in LANGUAGES {
            for name in pages_once() {
                till.show(name, 1, language);
                let picture = till.window.picture().expect("pixels");
                for text in till.elements(AccessibleRole::Text) {
                    let wanted = label(&text);
                    let mut shades = BTreeMap::<[u8; 3], u32>::new();
                    let [left, top, right, bottom] = edges(&text).map(|e| e as u32);
                    for y in top..bottom.min(picture.height()) {
                        for x in left..right.min(picture.width()) {
                            let pixel = picture.as_slice()[(y * picture.width() + x) as usize];
                            *shades.entry([pixel.r, pixel.g, pixel.b]).or_default() += 1;
                        }
                    }
                    let total: u32 = shades.values().sum();
                    let ground = shades.values().max().copied().unwrap_or(0);
                    let ink = total - ground;
                    assert!(
                        ink * 50 > total,
                        "{wanted:?} on {name} {language:?} has no ink"
                    );
                }
            }
        }
    }
}

#[test]
fn every_notice_has_words_in_two_lines() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    for language in LANGUAGES {
        for cause in samples::causes() {
            let notice = Notice::from(cause.clone());
            let sample = samples::Sample {
                name: "notice",
                page: samples::keypad_telling(cause),
                pending: 0,
            };
            till.window
                .apply(&samples::screen(&sample, 1, language, Theme::Light));
            let texts = till.elements(AccessibleRole::Text);
            let told: Vec<_> = texts.iter().map(label).collect();
            let told = told
                .iter()
                .find(|t| t.contains(&format!("({}", notice.code)));
            let told = told.unwrap_or_else(|| panic!("{} is not told", notice.code));
            // In units of one Chinese character: a Latin letter is about 0.55 of it.
            let wide = |c: char| if c.is_ascii() { 0.55 } else { 1.0 };
            let width: f32 = told.chars().map(wide).sum();
            assert!(width <= 35.5, "{told:?} is {width} wide");
            assert!(
                !told.contains("列表为准"),
                "{} has no words of its own",
                notice.code
            );
        }
    }
}

#[test]
fn every_chinese_string_has_english_words_with_the_same_holes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let po = std::fs::read_to_string(root.join("lang/en/LC_MESSAGES/shouyin-ui.po")).expect("po");
    let quoted = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.trim();
        Some(rest.trim_matches('"').to_owned())
    };
    let mut english = BTreeMap::new();
    let mut id = String::new();
    for line in po.lines() {
        if let Some(text) = quoted(line, "msgid ") {
            id = text;
        } else if let Some(text) = quoted(line, "msgstr ") {
            assert!(english.insert(id.clone(), text).is_none(), "{id} twice");
        }
    }
    english.remove("");
    let mut used = Vec::new();
    for source in sources(&root) {
        let parts = source.split("@tr(\"").skip(1);
        used.extend(parts.filter_map(|part| part.split('"').next().map(str::to_owned)));
    }
    assert!(used.len() > 90, "only {} strings were found", used.len());
    for text in &used {
        let words = english
            .get(text)
            .unwrap_or_else(|| panic!("{text} has no English"));
        assert!(!words.is_empty(), "{text} has empty English");
        assert_eq!(
            text.matches("{}").count(),
            words.matches("{}").count(),
            "{text}"
        );
        assert!(
            words.chars().all(|c| !('一'..='鿿').contains(&c)),
            "{words}"
        );
    }
    let unused: Vec<_> = english.keys().filter(|id| !used.contains(id)).collect();
    assert!(unused.is_empty(), "English words for nothing: {unused:?}");
}

fn sources(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "slint") {
            let text = std::fs::read_to_string(&path).expect("source");
            assert!(
                text.lines().count() <= 300,
                "{} is too long",
                path.display()
            );
            found.push(text);
        }
    }
    found
}

/// Hands out one window that draws only what changed, then windows that draw everything.
struct TwoWindows {
    made: std::cell::RefCell<Vec<Rc<MinimalSoftwareWindow>>>,
}

impl slint::platform::Platform for &'static TwoWindows {
    fn create_window_adapter(
        &self,
    ) -> Result<Rc<dyn slint::platform::WindowAdapter>, slint::PlatformError> {
        let mut made = self.made.borrow_mut();
        let kind = if made.is_empty() {
            RepaintBufferType::ReusedBuffer
        } else {
            RepaintBufferType::NewBuffer
        };
        let window = MinimalSoftwareWindow::new(kind);
        made.push(Rc::clone(&window));
        Ok(window)
    }

    /// Time stands still, so that both windows see the same moment of an animation.
    fn duration_since_start(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// Smoothed corners may differ by a shade.
fn far(a: &slint::Rgb8Pixel, b: &slint::Rgb8Pixel) -> bool {
    [(a.r, b.r), (a.g, b.g), (a.b, b.b)]
        .iter()
        .any(|(a, b)| a.abs_diff(*b) > 64)
}

#[test]
fn drawing_only_what_changed_gives_the_same_picture() {
    const STEPS: u64 = 300;
    let platform: &'static TwoWindows = Box::leak(Box::new(TwoWindows {
        made: RefCell::default(),
    }));
    slint::platform::set_platform(Box::new(platform)).expect("display");
    let config = UiConfig {
        px_per_mm: 5.25,
        size: (360, 640),
    };
    let tills = [Till::open(config), Till::open(config)];
    let mut buffers = [0, 1].map(|_| vec![slint::Rgb8Pixel::default(); 360 * 640]);
    let all = samples::all();
    let mut dice = 1_u64;
    for step in 0..STEPS {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = (dice >> 33) as usize;
        // Mostly the same page with a small change, sometimes another page.
        let sample = &all[if step % 5 == 0 {
            random % all.len()
        } else {
            step as usize / 5 % all.len()
        }];
        let mut screen = samples::screen(sample, step, Language::Chinese, Theme::Light);
        screen.status.clock = format!("{:02}:{:02}", random % 24, random / 7 % 60);
        screen.status.pending = random / 3 % 4;
        if let Page::Keypad(page) = &mut screen.page {
            page.amount = format!("{}.{:02}", random / 11 % 3000, random % 100);
        }
        for ((till, buffer), window) in tills
            .iter()
            .zip(&mut buffers)
            .zip(platform.made.borrow().iter())
        {
            till.window.apply(&screen);
            slint::platform::update_timers_and_animations();
            window.draw_if_needed(|renderer| {
                renderer.render(buffer, 360);
            });
        }
        // The renderer blends the edge of a stroke twice when a changed rectangle cuts it: shades, not stale pixels.
        let icons = ElementQuery::from_root(tills[0].window.app()).match_inherits("Icon");
        let icons: Vec<_> = icons.find_all().iter().map(edges).collect();
        let stroke = |index: usize| {
            let (x, y) = ((index % 360) as f32, (index / 360) as f32);
            let here = [x, y, x + 1.0, y + 1.0];
            icons.iter().any(|icon| gap(*icon, here) < 1.0)
        };
        let pairs = buffers[0].iter().zip(&buffers[1]).enumerate();
        let stale = pairs
            .filter(|(index, (a, b))| far(a, b) && !stroke(*index))
            .count();
        assert_eq!(
            stale, 0,
            "{stale} stale pixels after step {step} on {}",
            sample.name
        );
    }
}
